//! `mab limits`: what an operator sets for one conversation holds at once for agents that are already running.

use serde_json::{Value, json};

use crate::home::{Agent, Anything, Home};

/// A home with an agent that has opened a conversation.
fn opened() -> Anything<(Home, Agent, String)> {
    let home = Home::new()?;
    let mut agent = home.agent()?;
    let opened =
        agent.call("create_conversation", &json!({"my_role": "backend", "partner_role": "frontend"}))?;
    let conversation = opened.get("conversation_id").and_then(Value::as_str).ok_or("no id")?.to_owned();
    Ok((home, agent, conversation))
}

#[test]
fn limits_when_set_hold_at_once_and_are_listed_with_their_use() -> Anything {
    let (home, mut agent, conversation) = opened()?;
    agent.call("send_to_partner", &json!({"message": "first"}))?;
    let run = home.mab(&["limits", &conversation, "send_per_minute=1", "read_per_minute=60"])?;
    assert_eq!((run.exit, run.stderr.as_str()), (Some(0), ""));
    let line = |wanted: &str| run.stdout.lines().find(|line| line.starts_with(wanted)).map(str::to_owned);
    let sends: Vec<String> =
        line("a\tsend_per_minute\t").ok_or("no line")?.split('\t').map(str::to_owned).collect();
    assert_eq!((sends.get(2).map(String::as_str), sends.get(3).map(String::as_str)), (Some("1"), Some("1")));
    assert_eq!(sends.last().map(String::as_str), Some("conversation"));
    assert_eq!(line("b\tsend_per_day").as_deref(), Some("b\tsend_per_day\t0\t500\t-\tconfiguration"));
    assert!(line("-\tmessages_per_conversation\t1\t1000000").is_some(), "{}", run.stdout);
    let refused = agent.call("send_to_partner", &json!({"message": "second"})).unwrap_err().to_string();
    assert!(refused.contains("1 changes in any minute are allowed"), "{refused}");
    let reset = home.mab(&["limits", &conversation, "--reset", "--json"])?.json()?;
    assert_eq!(reset.get("own"), Some(&json!({})));
    agent.leave()
}

#[test]
fn limits_when_wrong_are_refused_as_wrong_use() -> Anything {
    let (home, agent, conversation) = opened()?;
    for wrong in ["sends=1", "send_per_minute", "send_per_minute=-1", "waits_per_agent=1"] {
        assert_eq!(home.mab(&["limits", &conversation, wrong])?.exit, Some(2), "{wrong}");
    }
    assert_eq!(home.mab(&["limits", "conv_00000000deadbeef"])?.exit, Some(3));
    agent.leave()
}
