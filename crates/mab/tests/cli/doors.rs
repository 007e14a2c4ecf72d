//! Secrets through every door: each text that an agent or the operator can give, then everything that is kept or told is
//! searched for them.

use std::{
    fs::{self, File},
    path::Path,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::home::{Agent, Anything, Home};

/// A secret and a text that gives it away.
struct Planted {
    secret: String,
    text: String,
}

impl Planted {
    /// What is given without words around it: the secret, or all of a key, of which a line alone says nothing.
    fn bare(&self) -> &str {
        if self.text.contains('\n') { &self.text } else { &self.secret }
    }
}

/// One per class, and those that only the words around them give away.
fn planted() -> Vec<Planted> {
    let plant = |secret: String, text: &str| Planted { text: text.replace("{}", &secret), secret };
    let line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
    let webhook = format!("{}/T0A1B2C3D/B0A1B2C3D/", concat!("https://hooks.slack", ".com/services"));
    vec![
        plant(format!("{}{}", concat!("gh", "p_"), "R4nD0mT0k3nV4lu3F0rT3st1ngPurp0s3s99"), "{}"),
        plant(format!("{}{}", concat!("AK", "IA"), "Q3EGR7TWXKJ2PZ5M"), "{}"),
        plant("hunter2-correct-horse".to_owned(), "password={}"),
        plant("tr0ub4dor&3xyz".to_owned(), "https://admin:{}@db.example/x"),
        plant(line.to_owned(), &format!("-----BEGIN {0} KEY-----\n{{}}\n-----END {0} KEY-----", "PRIVATE")),
        plant(format!("{webhook}a1B2c3D4e5F6g7H8i9J0k1L2"), "{}"),
        plant(format!("eyJ{0}.eyJ{0}.{0}", "a1B2c3D4e5F6".repeat(2)), "{}"),
        plant("s3cr3tInJson99".to_owned(), r#"{"password": "{}"}"#),
        plant("s3cr3tInString98".to_owned(), r#"{"a": "{\"password\": \"{}\"}"}"#),
        plant(format!("{}{}", concat!("gl", "pat-"), "a1B2c3D4e5F6g7H8i9J0"), r#"{"{}": 1}"#),
        plant("q8W3e7R1t5Y9u2I6".to_owned(), "Authorization: Bearer {}"),
    ]
}

/// What is looked for of a secret: itself, and its base64 wherever it may begin.
fn traces(secret: &str) -> Vec<String> {
    let encoded = (0..3).map(|shift| {
        let text = STANDARD.encode(format!("{}{secret}", "x".repeat(shift)));
        text.get(4..text.len().saturating_sub(4)).unwrap_or_default().to_owned()
    });
    [secret.to_owned(), secret.replace('/', "\\/")].into_iter().chain(encoded).collect()
}

fn assert_absent(bytes: &[u8], place: &str) {
    for Planted { secret, .. } in planted() {
        for trace in traces(&secret) {
            let found = memchr::memmem::find(bytes, trace.as_bytes());
            assert_eq!(found, None, "{secret} is in {place}");
        }
    }
}

/// Every file below a folder.
fn assert_absent_below(folder: &Path, seen: &mut Vec<String>) -> Anything {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let kind = fs::symlink_metadata(&path)?.file_type();
        let name = path.display().to_string();
        assert_absent(name.as_bytes(), "the name of a file");
        if kind.is_dir() {
            assert_absent_below(&path, seen)?;
        } else if kind.is_file() {
            assert_absent(&fs::read(&path)?, &name);
            seen.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
    }
    Ok(())
}

/// An agent whose log, at its finest, goes to a file.
fn agent(home: &Home, name: &str) -> Anything<Agent> {
    let mut command = home.command(&["mcp"]);
    command.env("MAB_LOG", "trace").env("MAB_AGENT", name).env("MAB_LIMITS_SEND_PER_MINUTE", "0");
    command.stderr(File::create(home.path().join(format!("{name}.log")))?);
    Agent::start(command)
}

/// The answer of a call, or its refusal: neither says a secret.
fn told(agent: &mut Agent, tool: &str, arguments: &Value) -> Value {
    match agent.call(tool, arguments) {
        Ok(answer) => {
            assert_absent(answer.to_string().as_bytes(), tool);
            answer
        }
        Err(refusal) => {
            assert_absent(refusal.to_string().as_bytes(), tool);
            Value::Null
        }
    }
}

/// Gives a text to every argument of every tool that takes one, whether it is accepted or not.
fn give(agent: &mut Agent, planted: &Planted) {
    let (secret, text) = (planted.bare(), planted.text.as_str());
    for (tool, arguments) in [
        ("send_to_partner", json!({"message": text, "files_involved": [format!("x_{secret}.txt"), secret]})),
        ("send_to_partner", json!({"message": format!("and again {secret}"), "idempotency_key": text})),
        ("send_to_partner", json!({"message": "x", "to": [secret]})),
        ("send_to_partner", json!({"message": "x", "reply_to": text})),
        ("send_to_partner", json!({"message": "x", "action_type": text})),
        ("send_to_partner", json!({"message": "x", text: secret})),
        ("update_my_status", json!({"status": "working", "note": text})),
        ("update_my_status", json!({"status": text})),
        ("invite_agent", json!({"role": text})),
        ("invite_agent", json!({"role": "reviewer", "new_session_id": secret.to_lowercase()})),
        ("reserve_files", json!({"action": "acquire", "paths": [secret, text]})),
        ("reserve_files", json!({"action": "release", "paths": [secret]})),
        ("search_messages", json!({"query": text})),
        ("check_messages", json!({"ack": text})),
        ("moderate", json!({"action": "remove", "agent": secret.to_lowercase()})),
        ("moderate", json!({"action": text})),
        ("join_conversation", json!({"conversation_id": text, "session_id": secret, "token": text})),
        ("list_conversations", json!({text: 1})),
        (text, json!({"x": secret})),
    ] {
        told(agent, tool, &arguments);
    }
}

/// Has the operator read everything, take it out, and name every secret in every command.
fn ask_as_operator(home: &Home, conversation: &str, bundle: &str) -> Anything {
    for words in [
        vec!["show", conversation, "--messages", "100"],
        vec!["show", conversation, "--messages", "100", "--json"],
        vec!["list", "--json"],
        vec!["audit", "--limit", "1000", "--json"],
        vec!["audit", "verify"],
        vec!["audit", "export", "--to", bundle],
        vec!["lease", "list"],
        vec!["doctor"],
    ] {
        let run = home.mab(&words)?;
        assert_absent(format!("{}{}", run.stdout, run.stderr).as_bytes(), &words.join(" "));
    }
    for Planted { secret, text } in &planted() {
        for words in [
            vec!["limits", conversation, "--set", text],
            vec!["inbound", conversation, "--sender", secret, "hold"],
            vec!["remove", conversation, secret],
            vec!["transfer", conversation, secret],
            vec!["tokens", conversation, "--rotate", secret],
            vec!["release", conversation, secret],
            vec!["show", text],
        ] {
            // Its own words may be said to the operator; they are kept nowhere.
            home.mab(&words)?;
        }
    }
    Ok(())
}

#[test]
fn secrets_given_through_every_door_are_kept_and_told_nowhere() -> Anything {
    let home = Home::new()?;
    let (mut a, mut b) = (agent(&home, "one")?, agent(&home, "two")?);
    let all = planted();
    let roles = json!({"my_role": all[0].text, "partner_role": all[2].text, "topic": all[7].text});
    let made = told(&mut a, "create_conversation", &roles);
    let joining = json!({
        "conversation_id": made["conversation_id"], "session_id": "b", "token": made["session_b_token"],
    });
    assert!(told(&mut b, "join_conversation", &joining)["topic"].to_string().contains("PASSWORD_REDACTED"));
    let token = made["session_a_token"].as_str().ok_or("no token")?;
    told(&mut a, "send_to_partner", &json!({"message": format!("mine is {token}")}));
    for planted in &all {
        give(&mut a, planted);
    }
    let mut heard = Vec::new();
    loop {
        let answer = told(&mut b, "check_messages", &json!({"limit": 100}));
        heard.extend(answer["messages"].as_array().cloned().unwrap_or_default());
        if answer["more"] != true {
            break;
        }
    }
    // Neither a file nor an idempotency key has line breaks.
    let refused = 2 * all.iter().filter(|planted| planted.text.contains('\n')).count();
    assert_eq!(heard.len(), 1 + 2 * all.len() - refused);
    assert_eq!(heard[0]["message"], "mine is BRIDGE_TOKEN_REDACTED");
    for message in &heard {
        let is_marked = message["message"].as_str().is_some_and(|text| text.contains("_REDACTED"));
        assert!(is_marked && message["redactions"].as_u64() >= Some(1), "{message}");
    }
    for tool in ["check_partner_status", "search_messages", "list_conversations"] {
        told(&mut b, tool, &json!({}));
    }
    let conversation = made["conversation_id"].as_str().ok_or("no id")?;
    let bundle = home.path().join("bundle").display().to_string();
    ask_as_operator(&home, conversation, &bundle)?;
    let mut seen = Vec::new();
    assert_absent_below(home.path(), &mut seen)?;
    for file in ["bridge.db", "bridge.db-wal", "bridge.db-shm", "one.json", "one.log", "two.log"] {
        assert!(seen.iter().any(|name| name == file), "{file} is not among {seen:?}");
    }
    assert!(Path::new(&bundle).exists() && fs::metadata(home.path().join("one.log"))?.len() > 0);
    a.leave()?;
    b.leave()?;
    assert_absent_below(home.path(), &mut seen)
}
