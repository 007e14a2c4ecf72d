//! A server whose agents may ask for commands: what it gives up, and where it does not serve.

use std::fs;

use rustix::process::geteuid;
use serde_json::{Value, json};

use crate::home::{Anything, Home};

#[cfg(test)]
const YOLO: (&str, &str) = ("MAB_YOLO", "1");

/// A home with these settings.
#[cfg(test)]
fn home(settings: &str) -> Anything<Home> {
    let home = Home::new()?;
    let folder = home.path().join(".config/mab");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("config.toml"), format!("[execution]\n{settings}"))?;
    Ok(home)
}

/// What a server with these settings and variables answers the first call.
#[cfg(test)]
fn answer(settings: &str, variables: &[(&str, &str)]) -> Anything<Value> {
    let home = home(settings)?;
    let mut agent = home.agent_with(variables)?;
    let answer = agent.call("list_conversations", &json!({}));
    agent.leave()?;
    answer.or_else(|refused| {
        let refused: Value = serde_json::from_str(&refused.to_string())?;
        Ok(refused.pointer("/result/structuredContent").cloned().ok_or("no content")?)
    })
}

#[cfg(test)]
fn is_root() -> bool {
    geteuid().is_root()
}

#[test]
fn server_as_root_when_agents_may_ask_for_commands_serves_only_where_told() -> Anything {
    if !is_root() {
        println!("SKIPPED: only root can try it");
        return Ok(());
    }
    let refused = answer("agents = true\n", &[YOLO])?;
    assert_eq!(refused["code"], "misconfigured");
    assert_eq!(
        refused["message"],
        "agents may ask for commands (MAB_YOLO=1, execution.agents), and this server runs as root"
    );
    assert!(refused["hint"].as_str().is_some_and(|hint| hint.starts_with("tell your user: ")));
    for (settings, variables) in [
        ("agents = true\nas_root = true\n", [YOLO].as_slice()),
        ("agents = true\n", &[]),
        ("agents = true\n", &[("MAB_YOLO", "0")]),
        ("agents = false\n", &[YOLO]),
    ] {
        assert_eq!(answer(settings, variables)?, json!({"conversations": []}), "{settings} {variables:?}");
    }
    Ok(())
}

#[test]
fn server_with_a_library_of_somebodys_choice_inside_is_refused_where_agents_may_ask() -> Anything {
    for name in ["LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT"] {
        let variables = [YOLO, (name, "/nowhere")];
        let refused = answer("agents = true\nas_root = true\n", &variables)?;
        assert_eq!(refused["code"], "misconfigured", "{name}");
        let message = refused["message"].as_str().unwrap_or_default();
        assert!(message.ends_with(&format!("{name} put other code into this server")), "{message}");
        assert!(refused["hint"].as_str().is_some_and(|hint| hint.starts_with("tell your user: ")));
        assert_eq!(answer("agents = true\nas_root = true\n", &variables[1..])?, json!({"conversations": []}));
    }
    Ok(())
}

#[test]
fn server_when_agents_may_ask_leaves_no_core() -> Anything {
    let home = home("agents = true\nas_root = true\n")?;
    let mut agent = home.agent_with(&[YOLO])?;
    agent.call("list_conversations", &json!({}))?;
    let limits = fs::read_to_string(format!("/proc/{}/limits", agent.id()))?;
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).ok_or("no limit")?;
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    agent.leave()
}

#[test]
fn doctor_tells_whether_agents_may_ask_for_commands_and_what_is_missing() -> Anything {
    let told = |settings: &str, variables: &[(&str, &str)]| -> Anything<Vec<String>> {
        let home = home(settings)?;
        let run = home.command(&["doctor", "--json"]).envs(variables.iter().copied()).output()?;
        let answer: Value = serde_json::from_slice(&run.stdout)?;
        let checks = answer["checks"].as_array().cloned().unwrap_or_default();
        let of_agents = checks.iter().filter(|check| check["name"] == "agents");
        let text = |check: &Value| format!("{} {}", check["state"], check["message"]).replace('"', "");
        Ok(of_agents.map(text).collect())
    };
    assert_eq!(told("", &[YOLO])?, ["ok none may ask for commands: execution.agents is false"]);
    let missing = told("agents = true\n", &[])?.join("\n");
    for part in [
        "ok may ask for commands where their server is started with MAB_YOLO=1: it is not set here",
        "warn have no folder to run commands in: execution.workspaces is empty",
        "warn wait for an approver: nobody is enrolled",
    ] {
        assert!(missing.contains(part), "{missing}");
    }
    assert_eq!(missing.contains("runs as root with MAB_YOLO=1"), is_root(), "{missing}");
    let set = told("agents = true\nas_root = true\nworkspaces = ['/usr']\n", &[YOLO])?.join("\n");
    assert!(set.contains("MAB_YOLO=1: it is set here"), "{set}");
    assert!(!set.contains("execution.workspaces is empty") && !set.contains("as root"), "{set}");
    Ok(())
}
