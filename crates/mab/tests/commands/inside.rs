//! A command that was agreed to, and that tries from inside its sandbox to agree to another.

use std::{fs, path::Path};

use mab_core::execution::Mode;
use serde_json::{Value, json};

use crate::{
    person::{PASSPHRASE, Person},
    scene::{COUNT, Scene, ask, has_bubblewrap},
};

/// Where the program itself is, which commands are let read: the sandbox must hold all the same.
fn program() -> (&'static Path, &'static str) {
    let program = Path::new(env!("CARGO_BIN_EXE_mab"));
    (program.parent().unwrap(), env!("CARGO_BIN_EXE_mab"))
}

#[test]
fn command_in_mode_yolo_reaches_neither_the_bridge_nor_a_terminal() {
    if !has_bubblewrap() {
        return;
    }
    let (folder, mab) = program();
    let scene = Scene::with(&format!(
        "agents = true\nas_root = true\nmode = 'yolo'\nreadable = ['{}']\n",
        folder.display()
    ));
    let mut pair = scene.pair();
    let person = Person::enrolled(&scene);
    person.enable(&scene, &pair.conversation, Mode::Yolo);
    let wanted = ask(&mut pair.b, COUNT);
    let (run, data) = (wanted["run_id"].as_str().unwrap(), scene.data());
    let (data, digits) = (data.display(), &wanted["request_hash"].as_str().unwrap()[58..]);
    let tries = [
        format!("{mab} approve {run}"),
        format!("{mab} --data-dir {data} approve {run}"),
        format!("printf '{digits}\\n{PASSPHRASE}\\n' | {mab} --data-dir {data} approve {run}"),
        format!("{mab} --data-dir {data} deny {run}"),
        format!("{mab} --data-dir {data} pending"),
        format!("{mab} --data-dir {data} yolo enable {} --mode yolo --workspace .", pair.conversation),
        format!("{mab} --data-dir {data} yolo disable {}", pair.conversation),
        format!("ls {data}"),
        format!("cat {data}/master.key"),
        format!("cat {data}/bridge.db"),
        format!("cat {data}/bridge.db-bells"),
        "cat < /dev/tty".to_owned(),
        "ls /dev/shm/mab-0 /run/user".to_owned(),
        "tr '\\0' '\\n' < /proc/1/environ | grep MAB_".to_owned(),
    ];
    for plain in &tries {
        let refused = pair.a.call("execute_command", json!({"command": plain, "wait_seconds": 0}));
        let denied = refused["structuredContent"]["code"] == "command_denied";
        assert!(denied || !plain.contains("target/"), "what names the bridge is denied: {plain}: {refused}");
        pair.a.did("enable_yolo_mode", json!({"mode": "disabled"}));
    }
    // The same from a file of the workspace, which no judge reads; each one that gets anywhere says so.
    let script = tries.iter().enumerate().map(|(at, one)| format!("( {one} ) && echo OPEN {at}"));
    fs::write(scene.space.join("harmless.sh"), script.collect::<Vec<_>>().join("\n")).unwrap();
    let asked = ask(&mut pair.a, "sh harmless.sh; echo end");
    let runs = scene.runs(&pair.conversation);
    person.approve(&scene, runs.iter().find(|run| run["run_id"] == asked["run_id"]).unwrap());
    let ran = pair.a.did("execute_command", json!({"approval_token": asked["approval_token"]}));
    let printed = ran["stdout"]["head"].as_str().unwrap();
    assert!(printed.ends_with("end\n"), "{ran}");
    assert!(!printed.contains("OPEN"), "{printed}");
    let errors = ran["stderr"]["head"].as_str().unwrap();
    assert!(
        errors.contains("there is no terminal") && errors.contains("no data folder"),
        "it was tried: {errors}"
    );
    let left = scene.waiting(&pair.conversation);
    assert_eq!((&left["run_id"], &left["state"]), (&wanted["run_id"], &json!("pending")));
    assert_eq!(scene.count(), 0);
    pair.end();
    scene.verified();
}

#[test]
fn command_in_a_narrower_mode_names_neither_the_bridge_nor_its_files() {
    let (folder, mab) = program();
    let scene = Scene::with(&format!(
        "agents = true\nas_root = true\nmode = 'restricted'\nreadable = ['{0}']\npath = ['{0}']\n",
        folder.display()
    ));
    let mut pair = scene.pair();
    let person = Person::enrolled(&scene);
    let key = fs::read_to_string(scene.data().join("master.key")).unwrap();
    std::os::unix::fs::symlink(scene.data(), scene.space.join("link")).unwrap();
    for mode in [Mode::Safe, Mode::Restricted] {
        if mode == Mode::Restricted && !has_bubblewrap() {
            return;
        }
        person.enable(&scene, &pair.conversation, mode);
        for words in [
            vec!["mab", "approve"],
            vec![mab, "approve"],
            vec!["cat", scene.data().join("master.key").to_str().unwrap()],
            vec!["cat", "link/master.key"],
            vec!["cat", "../home/.local/share/mab/master.key"],
            vec!["cat", "/proc/self/environ"],
            vec!["cat", "/dev/tty"],
            vec!["bash", "-c", "mab approve"],
        ] {
            let answer = pair.a.call("execute_command", json!({"argv": words, "wait_seconds": 0}));
            assert!(!answer.to_string().contains(key.trim()), "{words:?}: {answer}");
            let told = &answer["structuredContent"];
            let ran_to_nothing = told["exit_code"].as_i64().is_some_and(|code| code != 0);
            assert!(told["code"] == "command_denied" || ran_to_nothing, "{words:?}: {answer}");
        }
    }
    assert_eq!(scene.runs(&pair.conversation), Vec::<Value>::new());
    pair.end();
    scene.verified();
}
