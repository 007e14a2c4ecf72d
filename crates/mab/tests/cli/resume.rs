//! `mab resume`, and how a paused conversation looks.

use std::fs;

use serde_json::{Value, json};

use crate::home::{Agent, Anything, Home};

/// A home whose agents are paused by their second message, with an agent that has sent so many.
fn talking(messages: usize) -> Anything<(Home, Agent, String)> {
    let home = Home::new()?;
    let folder = home.path().join(".config/mab");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("config.toml"), "[loop_guard]\nmessages = 2\nwindow_seconds = 600\n")?;
    let mut agent = home.agent()?;
    let opened =
        agent.call("create_conversation", &json!({"my_role": "backend", "partner_role": "frontend"}))?;
    for _ in 0..messages {
        agent.call("send_to_partner", &json!({"message": "and you?"}))?;
    }
    let conversation = opened.get("conversation_id").and_then(Value::as_str).ok_or("no id")?.to_owned();
    Ok((home, agent, conversation))
}

#[test]
fn conversation_when_paused_is_shown_as_such_until_it_is_resumed() -> Anything {
    let (home, mut agent, conversation) = talking(2)?;
    let state = || -> Anything<[bool; 2]> {
        let listed = home.mab(&["list"])?.stdout;
        let shown = home.mab(&["show", &conversation])?.stdout;
        Ok([listed.starts_with(&format!("{conversation}\tpaused\t")), shown.contains("\nstate\tpaused\n")])
    };
    assert_eq!(state()?, [true, true]);
    let refused = agent.call("send_to_partner", &json!({"message": "x"})).unwrap_err().to_string();
    assert!(refused.contains(r#""code":"paused""#), "{refused}");
    assert!(refused.contains(&format!("mab resume {conversation}")), "{refused}");

    let run = home.mab(&["resume", &conversation])?;
    assert_eq!((run.exit, run.stderr.as_str()), (Some(0), ""));
    assert_eq!(
        run.stdout,
        format!("conversation\t{conversation}\nwas_paused\tyes\nwas_paused_by\tloop_guard\n")
    );
    assert_eq!(state()?, [false, false]);
    agent.call("send_to_partner", &json!({"message": "on we go"}))?;
    let audit = home.mab(&["audit", &conversation])?.stdout;
    let actions: Vec<_> = audit.lines().filter_map(|line| line.split('\t').nth(4)).collect();
    assert_eq!(actions.get(..3), Some(["send", "resume", "send"].as_slice()));
    agent.leave()
}

#[test]
fn resume_when_nothing_is_paused_says_so_and_exits_with_0() -> Anything {
    let (home, agent, conversation) = talking(1)?;
    let run = home.mab(&["resume", &conversation, "--json"])?;
    assert_eq!((run.exit, run.stderr.as_str()), (Some(0), ""));
    let answer = run.json()?;
    assert_eq!((&answer["conversation_id"], &answer["was_paused"]), (&json!(conversation), &json!(false)));
    agent.leave()
}

#[test]
fn resume_when_the_conversation_is_over_exits_with_5() -> Anything {
    let (home, agent, conversation) = talking(2)?;
    agent.leave()?;
    rusqlite::Connection::open(home.data().join("bridge.db"))?
        .execute("UPDATE conversation SET expires_at = 1 WHERE pk <> 0", [])?;
    let run = home.mab(&["resume", &conversation, "--json"])?;
    assert_eq!((run.exit, run.stdout.as_str()), (Some(5), ""));
    assert_eq!(run.refusal()?.get("code"), Some(&json!("expired")));
    Ok(())
}
