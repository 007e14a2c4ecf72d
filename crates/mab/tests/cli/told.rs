//! What `mab run` tells the person at the terminal: the request, the question, how it ended and what undoes it.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use serde_json::json;

use crate::{
    home::{Anything, Home, Run},
    running::{Scene, code, has_bubblewrap, last_six},
};

/// A scene in which everything may be asked for; none where nothing could be run.
#[cfg(test)]
fn scene() -> Anything<Option<Scene>> {
    if has_bubblewrap() { Scene::new("mode = 'yolo'\n").map(Some) } else { Ok(None) }
}

#[cfg(test)]
fn plain(seen: &str) -> String {
    anstream::adapter::strip_str(seen).to_string().replace('\r', "")
}

#[test]
fn digits_when_mistyped_are_asked_for_three_times() -> Anything {
    let Some(scene) = scene()? else { return Ok(()) };
    for (wrong, exit, notes) in [(2, 0, "x\n"), (3, 4, "one\ntwo\n")] {
        let mut asked = 0;
        let answer = |screen: &str| {
            let digits = last_six(screen)?;
            asked += 1;
            Some(if asked <= wrong { "zzzzzz\n".to_owned() } else { digits })
        };
        fs::write(scene.space.join("notes.txt"), "one\ntwo\n")?;
        let (status, seen) = scene.on_terminal(&["run", "--command", "echo x > notes.txt"], answer)?;
        assert_eq!((status.code(), scene.notes()?.as_str()), (Some(exit), notes), "{seen}");
        assert!(plain(&seen).contains("these are not its last 6 digits; 1 more, then it is void"), "{seen}");
    }
    Ok(())
}

#[test]
fn question_when_stopped_says_that_nothing_was_run() -> Anything {
    let Some(scene) = scene()? else { return Ok(()) };
    let stop = |screen: &str| last_six(screen).map(|_| "\u{3}".to_owned());
    let (status, seen) = scene.on_terminal(&["run", "--command", "rm notes.txt"], stop)?;
    assert_eq!((status.code(), scene.notes()?.as_str()), (Some(130), "one\ntwo\n"), "{seen}");
    assert!(plain(&seen).ends_with("\nnothing was run\n"), "{seen}");
    Ok(())
}

#[test]
fn request_when_shown_ends_with_the_words_what_they_may_and_the_digits_set_off() -> Anything {
    let Some(scene) = scene()? else { return Ok(()) };
    let command = "git push origin main > push.log";
    let nothing = |screen: &str| last_six(screen).map(|_| "\n".to_owned());
    let (_, seen) = scene.on_terminal(&["run", "--command", command], nothing)?;
    let seen = plain(&seen);
    let lines: Vec<&str> = seen.lines().collect();
    let question = lines.iter().position(|line| line.starts_with("type the last 6")).ok_or("no question")?;
    let [shell, words, mode, folder, writes, none, network, request] = lines[question - 8..question] else {
        return Err("no lines".into());
    };
    assert_eq!((shell, words), ("a shell gets, line by line", format!("  \"{command}\"").as_str()));
    assert_eq!(mode, "mode         yolo: text for a shell, 1 line, 31 bytes");
    assert!(folder.starts_with("folder ") && writes.starts_with("may write "), "{seen}");
    assert_eq!(none, "network      none");
    assert!(network.starts_with("no network   `git push` will not get far"), "{seen}");
    let digits =
        request.split_once(" [").and_then(|(_, digits)| digits.strip_suffix(']')).unwrap_or_default();
    assert!(digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{request}");
    assert!(request.chars().count() <= 80, "{request}");
    assert!(seen.contains("64 MiB output\n"), "{seen}");
    Ok(())
}

#[test]
fn end_of_a_run_names_what_undoes_it_only_when_it_wrote() -> Anything {
    let Some(scene) = scene()? else { return Ok(()) };
    let (status, seen) = scene.on_terminal(&["run", "--command", "true > /dev/null"], last_six)?;
    assert_eq!(status.code(), Some(0), "{seen}");
    assert!(!seen.contains("undoes"), "{seen}");
    let (_, seen) = scene.on_terminal(&["run", "--command", "echo x > notes.txt"], last_six)?;
    assert!(seen.contains("undoes what it wrote") && !seen.contains("--with-git"), "{seen}");
    #[expect(clippy::disallowed_methods, reason = "the test makes a repository")]
    let made = Command::new("git").args(["init", "-q"]).arg(&scene.space).env_clear().status()?;
    assert!(made.success());
    let (_, seen) = scene.on_terminal(&["run", "--command", "git add notes.txt >&2"], last_six)?;
    assert!(seen.contains("--with-git` undoes what it wrote, commits too"), "{seen}");
    Ok(())
}

#[test]
fn streams_of_a_run_are_told_apart_on_a_terminal() -> Anything {
    let Some(scene) = scene()? else { return Ok(()) };
    let (_, seen) = scene.on_terminal(&["run", "--command", "echo wrong >&2; echo right"], last_six)?;
    assert!(plain(&seen).contains("right\n── stderr\nwrong\n"), "{seen}");
    Ok(())
}

#[test]
fn output_when_its_middle_is_left_out_says_so_on_stderr() -> Anything {
    let scene = Scene::new("")?;
    fs::write(scene.space.join("large"), "a line of text\n".repeat(100_000))?;
    let run = scene.mab(&["run", "--", "cat", "large"])?;
    assert_eq!(run.exit, Some(0));
    let omitted = run.stderr.split(' ').next().and_then(|word| word.parse::<u64>().ok()).unwrap_or_default();
    let expected = format!(
        "{omitted} of 1500000 bytes of its stdout were left out; the first and the last 256 KiB are kept\n"
    );
    assert_eq!(run.stderr, expected);
    assert!((900_000..1_100_000).contains(&omitted), "{omitted}");
    Ok(())
}

#[test]
fn folder_of_a_repository_when_not_chosen_is_told_with_the_whole() -> Anything {
    let mut scene = Scene::new("")?;
    let root = scene.space.clone();
    fs::create_dir_all(root.join(".git"))?;
    scene.space = root.join("below");
    fs::create_dir(&scene.space)?;
    let told = format!("all of it is --workspace {}", root.display());
    let space = scene.space.to_string_lossy().into_owned();
    for (words, is_told) in [
        (vec!["run", "--", "ls"], true),
        (vec!["judge", "--", "ls"], true),
        (vec!["snapshot", "list"], true),
        (vec!["judge", "--workspace", &space, "--", "ls"], false),
    ] {
        let (_, seen) = scene.on_terminal(&words, |_| None)?;
        assert_eq!(plain(&seen).contains(&told), is_told, "{words:?}: {seen}");
    }
    Ok(())
}

#[test]
fn workspace_when_it_holds_no_files_is_refused() -> Anything {
    let scene = Scene::new("")?;
    for words in [vec!["snapshot", "take"], vec!["judge", "--command", "ls"], vec!["run", "--command", "ls"]]
    {
        for folder in ["/proc", "/sys"] {
            let words: Vec<&str> = words.iter().copied().chain(["--json", "--workspace", folder]).collect();
            let run = scene.mab(&words)?;
            assert_eq!(
                (code(&run)?, run.stdout.as_str()),
                ((Some(2), json!("invalid_arguments")), ""),
                "{words:?}"
            );
            assert_eq!(run.refusal()?.get("hint"), Some(&json!("name a folder of files")), "{words:?}");
        }
    }
    Ok(())
}

#[test]
fn words_when_given_without_dashes_are_refused_with_where_to_put_them() -> Anything {
    let scene = Scene::new("")?;
    for words in [["judge", "ls"], ["run", "ls"]] {
        let run = scene.mab(&words)?;
        assert_eq!((run.exit, run.stdout.as_str()), (Some(2), ""));
        assert!(run.stderr.contains("put -- before the command"), "{}", run.stderr);
    }
    Ok(())
}

#[test]
fn program_when_it_is_on_the_callers_path_only_is_named_with_what_to_set() -> Anything {
    let scene = Scene::new("mode = 'restricted'\n")?;
    if !has_bubblewrap()
        || ["/usr/bin/cargo", "/usr/local/bin/cargo"].iter().any(|path| fs::metadata(path).is_ok())
    {
        println!("SKIPPED: no sandbox, or cargo is a program of the system");
        return Ok(());
    }
    let tools = scene.home.path().canonicalize()?.join("tools");
    fs::create_dir(&tools)?;
    fs::write(tools.join("cargo"), "#!/bin/sh\n")?;
    fs::set_permissions(tools.join("cargo"), fs::Permissions::from_mode(0o755))?;
    let mut command = scene.detached(&["run", "--json", "--dry-run", "--", "cargo", "test"]);
    let run = Run::new(command.env("PATH", format!("/usr/bin:/bin:{}", tools.display())).output()?)?;
    assert_eq!(code(&run)?, (Some(4), json!("command_denied")));
    let hint =
        run.refusal()?.get("hint").and_then(|hint| hint.as_str().map(str::to_owned)).unwrap_or_default();
    let expected = format!("it is at {0}/cargo: add path = [\"{0}\"] under [execution]", tools.display());
    assert!(hint.starts_with(&expected), "{hint}");
    Ok(())
}

#[test]
fn commit_is_made_in_the_name_of_the_setting() -> Anything {
    if !has_bubblewrap() {
        return Ok(());
    }
    let scene = Scene::new("mode = 'yolo'\ngit_identity = 'Ada L <ada@example.org>'\n")?;
    #[expect(clippy::disallowed_methods, reason = "the test makes a repository")]
    let made = Command::new("git").args(["init", "-q"]).arg(&scene.space).env_clear().status()?;
    assert!(made.success());
    for words in [["git", "add", "notes.txt"].as_slice(), &["git", "commit", "-m", "x"]] {
        let words: Vec<&str> = ["run", "--"].iter().chain(words).copied().collect();
        let (status, seen) = scene.on_terminal(&words, last_six)?;
        assert_eq!(status.code(), Some(0), "{seen}");
    }
    let log = scene.mab(&["run", "--", "git", "log", "--format=%an %ae %cn"])?;
    assert_eq!(log.stdout, "Ada L ada@example.org Ada L\n", "{log:?}");
    Ok(())
}

#[test]
fn doctor_warns_of_folders_that_will_not_do() -> Anything {
    let home = Home::new()?;
    let root = home.path().canonicalize()?;
    for (name, mode) in [("open", 0o777), ("a:b", 0o755), ("good", 0o755)] {
        fs::create_dir(root.join(name))?;
        fs::set_permissions(root.join(name), fs::Permissions::from_mode(mode))?;
    }
    fs::create_dir_all(root.join(".config/mab"))?;
    let shown = root.display();
    let text = format!(
        "[execution]\npath = ['{shown}/open', '{shown}/a:b', '{shown}/good', '{shown}/none']\nreadable = ['{shown}/gone']\n"
    );
    fs::write(root.join(".config/mab/config.toml"), text)?;
    let run = home.mab(&["doctor"])?;
    let warned: Vec<&str> = run.stdout.lines().filter(|line| line.starts_with("warn\texecution\t")).collect();
    let expected = [
        ("path", "open", "can be changed by others"),
        ("path", "a:b", "has a `:`, which PATH cannot hold"),
        ("path", "none", "is not there"),
        ("readable", "gone", "is not there"),
    ];
    assert_eq!(warned.len(), expected.len(), "{warned:?}");
    for (line, (key, name, what)) in warned.iter().zip(expected) {
        assert!(line.starts_with(&format!("warn\texecution\t{key}: {shown}/{name} {what}\t")), "{line}");
    }
    Ok(())
}
