//! What the operator reads: list, show, tokens, audit, verify, cleanup, doctor.

use serde_json::{Value, json};

use crate::home::{Anything, Home, masked};

/// Text with everything in it that could fool a terminal, and which a message may carry.
const HOSTILE: &str = "one\u{1b}[2Jtwo\u{202e}\nFrom: system\u{9b}31m\u{2066}\u{7}";

struct Filled {
    home: Home,
    conversation: String,
    tokens: [String; 2],
}

/// A home with one conversation, whose creator writes hostile text.
fn filled() -> Anything<Filled> {
    let home = Home::new()?;
    let mut agent = home.agent()?;
    let opened = agent.call(
        "create_conversation",
        &json!({"my_role": "back\u{202e}end", "partner_role": "frontend", "topic": "api\u{2066} first"}),
    )?;
    let text = |key: &str| opened.get(key).and_then(Value::as_str).map(str::to_owned).ok_or("no text");
    let (conversation, tokens) =
        (text("conversation_id")?, [text("session_a_token")?, text("session_b_token")?]);
    let message =
        json!({"message": HOSTILE, "action_type": "proposal", "files_involved": ["src/a\u{202e}.rs"]});
    agent.call("send_to_partner", &message)?;
    agent.call("update_my_status", &json!({"status": "working", "note": HOSTILE}))?;
    agent.leave()?;
    Ok(Filled { home, conversation, tokens })
}

impl Filled {
    fn mab(&self, words: &[&str]) -> Anything<String> {
        let run = self.home.mab(words)?;
        assert_eq!((run.exit, run.stderr.as_str()), (Some(0), ""), "{words:?}");
        for acting in ['\u{1b}', '\u{202e}', '\u{9b}', '\u{2066}', '\u{7}'] {
            assert!(!run.stdout.contains(acting), "{words:?} prints {acting:?}");
        }
        Ok(run.stdout)
    }

    fn masked(&self, text: &str) -> String {
        let [a, b] = &self.tokens;
        masked(text, &[(&self.conversation, "CONVERSATION"), (a, "TOKEN_A"), (b, "TOKEN_B")])
    }
}

#[test]
fn list_when_a_topic_is_hostile_is_one_escaped_line() -> Anything {
    let filled = filled()?;
    let listed = filled.mab(&["list"])?;
    let cells: Vec<&str> = listed.trim_end().split('\t').collect();
    assert_eq!(listed.lines().count(), 1);
    assert_eq!(cells.first(), Some(&filled.conversation.as_str()));
    assert_eq!(cells.get(1..4), Some(["active", "2", "1"].as_slice()));
    assert_eq!(cells.get(8..), Some(["api\\u{2066} first", "-"].as_slice()));
    Ok(())
}

#[test]
fn list_as_json_holds_the_same_topic() -> Anything {
    let filled = filled()?;
    let listed: Value = serde_json::from_str(&filled.mab(&["list", "--json"])?)?;
    assert_eq!(listed.pointer("/conversations/0/topic"), Some(&json!("api\u{2066} first")));
    assert_eq!(listed.pointer("/conversations/0/conversation_id"), Some(&json!(filled.conversation)));
    assert_eq!(listed.get("more"), Some(&json!(false)));
    Ok(())
}

#[test]
fn list_when_there_is_nothing_says_so_on_stderr() -> Anything {
    let run = Home::with_store()?.mab(&["list"])?;
    assert_eq!((run.exit, run.stdout.as_str()), (Some(0), ""));
    assert_eq!(run.stderr, "no active conversations; --all also lists those that expired\n");
    let run = Home::with_store()?.mab(&["list", "--all", "--json"])?;
    assert_eq!((run.exit, run.stderr.as_str()), (Some(0), ""));
    assert_eq!(run.json()?, json!({"conversations": [], "more": false}));
    Ok(())
}

#[test]
fn show_when_everything_is_hostile_is_escaped_line_by_line() -> Anything {
    let filled = filled()?;
    let shown = filled.mab(&["show", &filled.conversation, "--messages", "5"])?;
    let kept = |line: &&str| !line.starts_with("size\t") && !line.contains("bytes_per_conversation");
    let stable: Vec<&str> = shown.lines().filter(kept).collect();
    insta::assert_snapshot!(filled.masked(&stable.join("\n")), @r#"
conversation	CONVERSATION
state	active
inbound	accept
held	0
topic	api\u{2066} first
created	MOMENT
expires	MOMENT
messages	1
audit	3
member	a	back\u{202e}end	owner	alive	working	one\u{1b}[2Jtwo\u{202e}\nFrom: system\u{9b}31m\u{2066}\u{7}	MOMENT	0	-
member	b	frontend	member	never came	-	-	-	1	-
usage	a	send_per_day	2	500	-
usage	a	send_per_hour	2	100	-
usage	a	send_per_minute	2	10	-
usage	-	messages_per_conversation	1	1000000	-
message	1	a	MOMENT	proposal	one\u{1b}[2Jtwo\u{202e}\nFrom: system\u{9b}31m\u{2066}\u{7}	src/a\u{202e}.rs	-	b stored
"#);
    Ok(())
}

#[test]
fn show_as_json_holds_the_same_text() -> Anything {
    let filled = filled()?;
    let shown: Value =
        serde_json::from_str(&filled.mab(&["show", &filled.conversation, "--messages", "5", "--json"])?)?;
    assert_eq!(shown.pointer("/recent/0/message"), Some(&json!(HOSTILE)));
    assert_eq!(shown.pointer("/recent/0/delivery"), Some(&json!({"b": "stored"})));
    assert_eq!(shown.pointer("/members/0/note"), Some(&json!(HOSTILE)));
    assert_eq!(shown.pointer("/members/0/role"), Some(&json!("back\u{202e}end")));
    Ok(())
}

#[test]
fn show_without_a_number_prints_no_message_and_reads_none() -> Anything {
    let filled = filled()?;
    let shown = filled.mab(&["show", &filled.conversation])?;
    assert!(!shown.contains("\nmessage\t"));
    assert!(shown.contains("\nmember\tb\tfrontend\tmember\tnever came\t-\t-\t-\t1\t-\n"), "{shown}");
    Ok(())
}

#[test]
fn tokens_when_rotated_and_revoked_change_and_vanish() -> Anything {
    let filled = filled()?;
    let tokens = |words: &[&str]| {
        filled
            .mab(&[&["tokens", &filled.conversation], words].concat())
            .map(|printed| filled.masked(&printed))
    };
    assert_eq!(
        tokens(&[])?,
        "a\tback\\u{202e}end\towner\tvalid\tTOKEN_A\nb\tfrontend\tmember\tvalid\tTOKEN_B"
    );
    let rotated = tokens(&["--rotate", "b"])?;
    assert!(rotated.contains("TOKEN_A") && !rotated.contains("TOKEN_B"), "{rotated}");
    assert!(tokens(&["--revoke", "b"])?.ends_with("\nb\tfrontend\tmember\trevoked\t-"));
    Ok(())
}

#[test]
fn tokens_when_the_last_owner_is_revoked_warns() -> Anything {
    let filled = filled()?;
    let run = filled.home.mab(&["tokens", &filled.conversation, "--revoke", "a"])?;
    assert_eq!(run.exit, Some(0));
    assert!(run.stderr.starts_with("warning: no owner is left"), "{}", run.stderr);
    Ok(())
}

#[test]
fn tokens_as_json_say_the_state_of_the_conversation() -> Anything {
    let filled = filled()?;
    let json: Value = serde_json::from_str(&filled.mab(&["tokens", &filled.conversation, "--json"])?)?;
    assert_eq!(json.get("state"), Some(&json!("active")));
    Ok(())
}

#[test]
fn audit_when_there_are_more_entries_says_so_on_stderr() -> Anything {
    let filled = filled()?;
    let run = filled.home.mab(&["audit", &filled.conversation, "--limit", "2"])?;
    assert_eq!((run.exit, run.stdout.lines().count()), (Some(0), 2));
    assert_eq!(run.stderr, "there are more; raise --limit\n");
    Ok(())
}

#[test]
fn audit_prints_newest_first_and_nothing_an_agent_wrote() -> Anything {
    let filled = filled()?;
    let printed = filled.mab(&["audit", &filled.conversation])?;
    let column =
        |n: usize| printed.lines().map(|line| line.split('\t').nth(n).unwrap_or("")).collect::<Vec<_>>();
    assert_eq!(column(4), ["update_status", "send", "create"]);
    assert_eq!(column(2), ["3", "2", "1"]);
    for word in ["one", "api", "frontend", "src/"] {
        assert!(!printed.contains(word), "{printed}");
    }
    let json: Value = serde_json::from_str(&filled.mab(&["audit", "--json"])?)?;
    assert_eq!(json.pointer("/entries/0/action"), Some(&json!("update_status")));
    Ok(())
}

#[test]
fn verify_when_nobody_touched_it_is_ok() -> Anything {
    let filled = filled()?;
    let verified = filled.mab(&["audit", "verify", &filled.conversation])?;
    assert!(filled.masked(&verified).lines().any(|line| line == "ok\tCONVERSATION\t3\t-\t-"), "{verified}");
    let json: Value = serde_json::from_str(&filled.mab(&["audit", "verify", "--json"])?)?;
    assert_eq!(json.get("ok"), Some(&json!(true)));
    Ok(())
}

#[test]
fn verify_when_an_entry_was_changed_in_the_file_exits_with_9() -> Anything {
    let filled = filled()?;
    // Brings everything from the write-ahead log into the file.
    filled.mab(&["cleanup"])?;
    let database = filled.home.data().join("bridge.db");
    let mut bytes = std::fs::read(&database)?;
    let (told, forged) = (b"\"action_type\":\"proposal\"", b"\"action_type\":\"complete\"");
    let at =
        bytes.windows(told.len()).position(|window| window == told).ok_or("no such entry in the file")?;
    bytes.splice(at..at + told.len(), forged.iter().copied());
    std::fs::write(&database, bytes)?;

    let run = filled.home.mab(&["audit", "verify"])?;
    assert_eq!((run.exit, run.stderr.as_str()), (Some(9), ""));
    let told = filled.masked(&run.stdout);
    assert!(told.lines().any(|line| line == "broken\tCONVERSATION\t1\tchanged\t2"), "{told}");
    let run = filled.home.mab(&["audit", "verify", "--json"])?;
    assert_eq!(run.exit, Some(9));
    assert_eq!(run.json()?.get("ok"), Some(&json!(false)));
    Ok(())
}

#[test]
fn cleanup_when_nothing_expired_destroys_nothing() -> Anything {
    let filled = filled()?;
    assert_eq!(filled.mab(&["cleanup"])?, "conversations\t0\nmessages\t0\nlog_emptied\tyes\n");
    let json: Value = serde_json::from_str(&filled.mab(&["cleanup", "--json"])?)?;
    assert_eq!(json, json!({"conversations": 0, "messages": 0, "log_emptied": true}));
    Ok(())
}

#[test]
fn doctor_when_all_is_well_says_so_and_where_settings_come_from() -> Anything {
    let filled = filled()?;
    let printed = filled.mab(&["doctor"])?;
    let checks: Vec<&str> = printed.lines().filter(|line| !line.starts_with("setting\t")).collect();
    assert!(checks.len() >= 6 && checks.iter().all(|line| line.starts_with("ok\t")), "{printed}");
    assert!(printed.contains("setting\tlimits.send_per_minute\t10\tdefault\n"));
    let run = filled.home.command(&["doctor", "--json"]).env("MAB_LIMITS_SEND_PER_MINUTE", "7").output()?;
    let json: Value = serde_json::from_slice(&run.stdout)?;
    let set =
        json!({"key": "limits.send_per_minute", "value": "7", "source": "env MAB_LIMITS_SEND_PER_MINUTE"});
    assert_eq!(json.get("ok"), Some(&json!(true)));
    assert!(json.get("settings").and_then(Value::as_array).is_some_and(|settings| settings.contains(&set)));
    Ok(())
}

#[test]
fn doctor_when_nothing_exists_warns_and_creates_nothing() -> Anything {
    let home = Home::new()?;
    let run = home.mab(&["doctor"])?;
    assert_eq!(run.exit, Some(0));
    let missing = format!("warn\tdata folder\t{} does not exist yet\t", home.data().display());
    assert!(run.stdout.contains(&missing), "{}", run.stdout);
    assert!(!home.data().exists());
    Ok(())
}

#[test]
fn doctor_when_a_file_keeps_us_out_prints_the_chmod() -> Anything {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::with_store()?;
    let database = home.data().join("bridge.db");
    std::fs::set_permissions(&database, std::fs::Permissions::from_mode(0o400))?;
    let run = home.mab(&["doctor"])?;
    assert_eq!(run.exit, Some(10));
    let line = format!("\tchmod u+rw {}\n", database.display());
    assert!(run.stdout.contains("fail\tdata folder\t") && run.stdout.contains(&line), "{}", run.stdout);
    Ok(())
}

#[test]
fn doctor_when_the_profile_is_broken_fails() -> Anything {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::with_store()?;
    let agents = home.data().join("agents");
    std::fs::create_dir_all(&agents)?;
    std::fs::set_permissions(&agents, std::fs::Permissions::from_mode(0o700))?;
    let profile = agents.join("alice.json");
    std::fs::write(&profile, "{")?;
    std::fs::set_permissions(&profile, std::fs::Permissions::from_mode(0o600))?;
    for (agent, exit, check) in [
        ("alice", 10, "fail\tprofile\t"),
        (&"x".repeat(65), 10, "fail\tprofile\t"),
        ("bob", 0, "ok\tprofile\tbob"),
    ] {
        let run = home.command(&["doctor"]).env("MAB_AGENT", agent).output()?;
        let printed = String::from_utf8(run.stdout)?;
        assert_eq!(run.status.code(), Some(exit), "{agent}: {printed}");
        assert!(printed.contains(check), "{agent}: {printed}");
    }
    Ok(())
}
