//! `mab inbound`, `mab held` and `mab release`: a human decides which messages arrive.

use serde_json::{Value, json};

use crate::home::{Agent, Anything, Home, masked};

/// Text with everything in it that could fool a terminal, and which a message may carry.
const HOSTILE: &str = "may I\u{1b}[2J?\u{202e}\nFrom: system\u{9b}31m\u{7}";

struct Scene {
    home: Home,
    owner: Agent,
    other: Agent,
    conversation: String,
}

/// A home with an owner `a`, a member `b`, and b's messages held.
fn scene() -> Anything<Scene> {
    let home = Home::new()?;
    let mut owner = home.agent()?;
    let opened =
        owner.call("create_conversation", &json!({"my_role": "backend", "partner_role": "frontend"}))?;
    let conversation = opened.get("conversation_id").and_then(Value::as_str).ok_or("no id")?.to_owned();
    let mut other = home.agent_with(&[("MAB_AGENT", "other")])?;
    let token = opened.get("session_b_token").cloned();
    let invitation = json!({"conversation_id": conversation, "session_id": "b", "token": token});
    other.call("join_conversation", &invitation)?;
    let run = home.mab(&["inbound", &conversation, "hold"])?;
    assert_eq!(
        run.stdout,
        format!("conversation\t{conversation}\ninbound\thold (set by the operator)\nheld\t0\n")
    );
    Ok(Scene { home, owner, other, conversation })
}

impl Scene {
    fn send(&mut self, message: &str) -> Anything<String> {
        let sent = self.other.call("send_to_partner", &json!({"message": message}))?;
        assert_eq!(sent.get("held"), Some(&json!(true)));
        Ok(sent.get("message_id").and_then(Value::as_str).ok_or("no id")?.to_owned())
    }

    fn received(&mut self) -> Anything<Vec<Value>> {
        let got = self.owner.call("check_messages", &json!({}))?;
        let messages = got.get("messages").and_then(Value::as_array).ok_or("no messages")?;
        Ok(messages.iter().filter_map(|message| message.get("message").cloned()).collect())
    }

    fn mab(&self, words: &[&str]) -> Anything<String> {
        let run = self.home.mab(words)?;
        assert_eq!((run.exit, run.stderr.as_str()), (Some(0), ""), "{words:?}");
        Ok(run.stdout)
    }
}

#[test]
fn held_message_is_listed_harmlessly_released_and_received() -> Anything {
    let mut scene = scene()?;
    let id = scene.send(HOSTILE)?;
    assert_eq!(scene.received()?, [""; 0]);
    let conversation = scene.conversation.clone();
    let listed = scene.mab(&["held"])?;
    assert_eq!(
        masked(&listed, &[(&conversation, "CONVERSATION"), (&id, "MESSAGE")]),
        "CONVERSATION\tMESSAGE\tb\ta\tMOMENT\tinfo\t\
         may I\\u{1b}[2J?\\u{202e}\\nFrom: system\\u{9b}31m\\u{7}\t-"
    );
    let shown = scene.mab(&["show", &conversation, "--messages", "1"])?;
    assert!(
        shown.contains("\ninbound\thold (set by the operator)\nheld\t1\n") && shown.ends_with("\ta held\n"),
        "{shown}"
    );
    let held: Value = serde_json::from_str(&scene.mab(&["held", &conversation, "--json"])?)?;
    assert_eq!(held.pointer("/messages/0/trust"), Some(&json!("peer")));
    assert_eq!(held.pointer("/messages/0/message"), Some(&json!(HOSTILE)));
    assert_eq!(scene.mab(&["release", &conversation, &id])?, format!("released\t{id}\ta\t-\n"));
    assert_eq!(scene.received()?, [HOSTILE]);
    let again = scene.home.mab(&["release", &conversation, &id])?;
    assert_eq!(again.exit, Some(3), "{}", again.stderr);
    scene.owner.leave()?;
    scene.other.leave()
}

#[test]
fn held_messages_when_rejected_are_not_received_and_the_sender_is_told() -> Anything {
    let mut scene = scene()?;
    let ids = [scene.send("one")?, scene.send("two")?];
    let conversation = scene.conversation.clone();
    let rejected = scene.mab(&["release", &conversation, "--all", "--reject"])?;
    let [one, two] = &ids;
    assert_eq!(rejected, format!("rejected\t{one}\ta\t-\nrejected\t{two}\ta\t-\n"));
    assert_eq!(scene.received()?, [""; 0]);
    let status = scene.other.call("check_partner_status", &json!({}))?;
    assert_eq!(status.pointer("/undelivered/0/reason"), Some(&json!("rejected")));
    let run = scene.home.mab(&["release", &conversation, "--all"])?;
    assert_eq!((run.exit, run.stdout.as_str(), run.stderr.as_str()), (Some(0), "", "no messages wait\n"));
    let run = scene.home.mab(&["held"])?;
    assert_eq!((run.exit, run.stdout.as_str(), run.stderr.as_str()), (Some(0), "", "no messages wait\n"));
    scene.owner.leave()?;
    scene.other.leave()
}

#[test]
fn release_of_everything_when_something_stays_says_so_and_exits_as_it() -> Anything {
    let mut scene = scene()?;
    let id = scene.send("to one who goes")?;
    let conversation = scene.conversation.clone();
    // The only recipient is gone.
    assert_eq!(scene.home.mab(&["tokens", &conversation, "--revoke", "a"])?.exit, Some(0));
    let run = scene.home.mab(&["release", &conversation, "--all"])?;
    assert_eq!(run.exit, Some(3));
    assert!(run.stdout.starts_with(&format!("kept\t{id}\t-\teverybody")), "{}", run.stdout);
    assert!(run.stderr.contains("with --reject"), "{}", run.stderr);
    scene.other.leave()
}

#[test]
fn policy_is_set_rule_by_rule_and_cleared() -> Anything {
    let mut scene = scene()?;
    let conversation = scene.conversation.clone();
    let set = |words: &[&str]| -> Anything<String> {
        let shown = scene.mab(&[&["inbound", &conversation], words].concat())?;
        let line = shown.lines().nth(1).unwrap_or_default().replace("inbound\t", "");
        Ok(line.strip_suffix(" (set by the operator)").ok_or("not the operator's")?.to_owned())
    };
    assert_eq!(set(&["deny", "--type", "proposal"])?, "type proposal deny, hold");
    assert_eq!(set(&["hold", "--permission", "member"])?, "type proposal deny, permission member hold, hold");
    let all = "from b deny, type proposal deny, permission member hold, hold";
    assert_eq!((set(&["deny", "--from", "b"])?, set(&[])?), (all.to_owned(), all.to_owned()));
    let refused = scene.other.call("send_to_partner", &json!({"message": "x"})).unwrap_err().to_string();
    assert!(refused.contains(r#""code":"not_accepted""#), "{refused}");
    assert_eq!(
        scene.home.mab(&["inbound", &conversation, "deny", "--from", "a"])?.exit,
        Some(0),
        "the owner too"
    );
    assert_eq!(scene.home.mab(&["inbound", &conversation, "deny", "--from", "nobody"])?.exit, Some(3));
    assert!(scene.mab(&["inbound", &conversation, "--clear"])?.contains("\ninbound\taccept\n"));
    scene.other.call("send_to_partner", &json!({"message": "x"}))?;
    scene.owner.leave()?;
    scene.other.leave()
}
