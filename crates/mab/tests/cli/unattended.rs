//! A session of Claude Code that nobody attends: `mab hook wait` does not keep its end back.

use std::{io::Write as _, process::Stdio};

use serde_json::json;

use crate::home::{Anything, Home};

#[test]
fn wait_when_nobody_attends_the_session_ends_at_once_even_with_mail() -> Anything {
    let home = Home::new()?;
    let (mut alice, mut bob) =
        (home.agent_with(&[("MAB_AGENT", "alice")])?, home.agent_with(&[("MAB_AGENT", "bob")])?);
    let made =
        alice.call("create_conversation", &json!({"my_role": "backend", "partner_role": "frontend"}))?;
    let join = json!({
        "conversation_id": made.get("conversation_id"), "session_id": "b", "token": made.get("session_b_token"),
    });
    bob.call("join_conversation", &join)?;
    alice.call("send_to_partner", &json!({"message": "one"}))?;
    // Attended, it would wake the agent.
    for (attended, expected) in [("0", Some(0)), ("1", Some(2))] {
        let mut command = home.command(&["hook", "wait"]);
        command.envs([("MAB_AGENT", "bob"), ("CLAUDE_CODE_SESSION_ATTENDED", attended)]);
        let mut process = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        process.stdin.take().ok_or("no stdin")?.write_all(b"{}")?;
        assert_eq!(process.wait_with_output()?.status.code(), expected, "{attended}");
    }
    Ok(())
}
