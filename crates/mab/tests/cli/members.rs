//! `mab remove`, `transfer`, `pause` and `tokens` of everybody, as agents and scripts feel them.

use serde_json::{Value, json};

use crate::home::{Agent, Anything, Home, masked};

/// A home with one conversation and its owner.
fn opened() -> Anything<(Home, Agent, String)> {
    let home = Home::new()?;
    let mut agent = home.agent()?;
    let opened =
        agent.call("create_conversation", &json!({"my_role": "backend", "partner_role": "frontend"}))?;
    let conversation = opened.get("conversation_id").and_then(Value::as_str).ok_or("no id")?.to_owned();
    Ok((home, agent, conversation))
}

/// What a command prints that must succeed and say nothing else.
fn printed(home: &Home, words: &[&str]) -> Anything<String> {
    let run = home.mab(words)?;
    assert_eq!((run.exit, run.stderr.as_str()), (Some(0), ""), "{words:?}");
    Ok(run.stdout)
}

/// The code an agent's call is refused with.
fn refused(agent: &mut Agent, tool: &str, arguments: &Value) -> Anything<String> {
    let Err(refused) = agent.call(tool, arguments) else { return Err(format!("{tool} was done").into()) };
    let answer = refused.to_string();
    let code = answer.split(r#""code":""#).nth(1).and_then(|rest| rest.split('"').next());
    Ok(code.unwrap_or(&answer).to_owned())
}

#[test]
fn agent_when_removed_is_shown_as_such_and_refused() -> Anything {
    let (home, mut agent, conversation) = opened()?;
    agent.call("invite_agent", &json!({"role": "reviewer", "permission": "auditor"}))?;
    let removed = printed(&home, &["remove", &conversation, "b"])?;
    assert_eq!(removed, format!("conversation\t{conversation}\nremoved\tb\n"));
    let shown = printed(&home, &["show", &conversation])?;
    let members: Vec<&str> = shown.lines().filter(|line| line.starts_with("member\t")).collect();
    let cells =
        |line: &&str| line.split('\t').skip(1).take(4).map(str::to_owned).collect::<Vec<_>>().join(" ");
    assert_eq!(
        members.iter().map(cells).collect::<Vec<_>>(),
        ["a backend owner alive", "b frontend member revoked", "c reviewer auditor never came"]
    );
    let run = home.mab(&["remove", &conversation, "a", "--json"])?;
    assert_eq!(run.exit, Some(0));
    assert_eq!(
        run.json()?,
        json!({"conversation_id": conversation, "agent": "a", "has_owner": false, "audit": run.json()?["audit"]})
    );
    assert_eq!(
        run.stderr,
        format!(
            "warning: no owner is left to invite agents; `mab transfer {conversation} AGENT` makes one\n"
        )
    );
    assert_eq!(refused(&mut agent, "check_messages", &json!({}))?, "revoked");
    agent.leave()
}

#[test]
fn ownership_when_transferred_moves_the_right_to_invite() -> Anything {
    let (home, mut agent, conversation) = opened()?;
    let transferred = printed(&home, &["transfer", &conversation, "b"])?;
    assert_eq!(transferred, format!("conversation\t{conversation}\nowner\tb\n"));
    assert_eq!(refused(&mut agent, "invite_agent", &json!({"role": "reviewer"}))?, "forbidden");
    let json = home.mab(&["transfer", &conversation, "a", "--json"])?.json()?;
    assert_eq!((&json["conversation_id"], &json["owner"]), (&json!(conversation), &json!("a")));
    agent.call("invite_agent", &json!({"role": "reviewer"}))?;
    agent.leave()
}

#[test]
fn conversation_when_paused_sends_nothing_until_it_is_resumed() -> Anything {
    let (home, mut agent, conversation) = opened()?;
    let paused = printed(&home, &["pause", &conversation])?;
    assert_eq!(paused, format!("conversation\t{conversation}\npaused_by\toperator\n"));
    assert!(printed(&home, &["show", &conversation])?.contains("\nstate\tpaused\npaused_by\toperator\n"));
    let listed = home.mab(&["list", "--json"])?.json()?;
    assert_eq!(listed.pointer("/conversations/0/paused_by"), Some(&json!("operator")));
    assert_eq!(refused(&mut agent, "send_to_partner", &json!({"message": "x"}))?, "paused");
    assert_eq!(refused(&mut agent, "moderate", &json!({"action": "resume"}))?, "paused");
    let again = home.mab(&["pause", &conversation, "--json"])?.json()?;
    assert_eq!(again, json!({"conversation_id": conversation, "paused_by": "operator", "changed": false}));
    printed(&home, &["resume", &conversation])?;
    agent.call("send_to_partner", &json!({"message": "on we go"}))?;
    agent.leave()
}

#[test]
fn tokens_when_all_are_changed_open_nothing_any_more() -> Anything {
    let (home, mut agent, conversation) = opened()?;
    let states = |printed: &str| -> Vec<String> {
        let cell = |line: &str| line.split('\t').nth(3).unwrap_or("").to_owned();
        masked(printed, &[]).lines().map(cell).collect()
    };
    let before = printed(&home, &["tokens", &conversation])?;
    let rotated = printed(&home, &["tokens", &conversation, "--rotate-all"])?;
    assert_eq!(states(&rotated), ["valid", "valid"]);
    for line in before.lines() {
        assert!(!rotated.contains(line), "{line} was not replaced");
    }
    assert_eq!(refused(&mut agent, "check_messages", &json!({}))?, "token_rotated");
    let run = home.mab(&["tokens", &conversation, "--revoke-all"])?;
    assert_eq!((run.exit, states(&run.stdout)), (Some(0), vec!["revoked".to_owned(), "revoked".to_owned()]));
    assert!(run.stderr.starts_with("nobody is left in it"), "{}", run.stderr);
    agent.leave()
}

#[test]
fn agent_when_it_has_left_is_not_remembered_by_its_next_process() -> Anything {
    let home = Home::new()?;
    let alice = || home.agent_with(&[("MAB_AGENT", "alice")]);
    let mut agent = alice()?;
    let roles = json!({"my_role": "backend", "partner_role": "frontend"});
    for _ in 0..2 {
        agent.call("create_conversation", &roles)?;
    }
    let listed = agent.call("list_conversations", &json!({}))?;
    let id =
        |n: usize| listed.pointer(&format!("/conversations/{n}/conversation_id")).cloned().ok_or("no id");
    let (left, kept) = (id(0)?, id(1)?);
    printed(&home, &["remove", left.as_str().ok_or("no text")?, "b"])?;
    agent.call("moderate", &json!({"action": "leave", "conversation_id": left}))?;
    agent.leave()?;
    let mut next = alice()?;
    let listed = next.call("list_conversations", &json!({}))?;
    assert_eq!(listed["conversations"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["conversations"][0]["conversation_id"], kept);
    next.leave()
}
