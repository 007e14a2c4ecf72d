//! Somebody who may write the database, and what is sent to the operator's operations: only what a person signed counts.

use mab_core::execution::Mode;
use rusqlite::{Connection, params};
use serde_json::{Map, Value, json};

use crate::{
    person::Person,
    scene::{COUNT, Pair, Scene, ask, has_bubblewrap},
};

/// Somebody enrolled, a mode enabled, and a command that waits.
fn asked() -> (Scene, Pair, Person, Value) {
    let scene = Scene::new("yolo");
    let mut pair = scene.pair();
    let person = Person::enrolled(&scene);
    person.enable(&scene, &pair.conversation, Mode::Yolo);
    let again = ask(&mut pair.a, COUNT);
    let again = json!({"approval_token": again["approval_token"], "wait_seconds": 0});
    (scene, pair, person, again)
}

/// The same object with one field after the other changed, and the field's name.
fn changed(text: &str) -> Vec<(String, String)> {
    let fields: Map<String, Value> = serde_json::from_str(text).unwrap();
    let other = |value: &Value| match value {
        Value::Null => json!(7),
        Value::Bool(on) => json!(!on),
        Value::Number(number) => json!(number.as_i64().unwrap() + 1),
        Value::String(word) => json!(another_word(word)),
        Value::Array(_) | Value::Object(_) => Value::Null,
    };
    let change = |(name, value): (&String, &Value)| {
        let mut changed = fields.clone();
        changed.insert(name.clone(), other(value));
        (name.clone(), serde_json::to_string(&changed).unwrap())
    };
    let mut all: Vec<_> = fields.iter().map(change).collect();
    let mut more = fields.clone();
    more.insert("more".to_owned(), json!(true));
    all.push(("a field more".to_owned(), serde_json::to_string(&more).unwrap()));
    all.push(("a blank more".to_owned(), format!("{text} ")));
    all
}

/// A word of the same kind, and another.
fn another_word(word: &str) -> String {
    match word {
        "passphrase" => "passphrase+totp".to_owned(),
        "yolo" => "restricted".to_owned(),
        "safe" => "yolo".to_owned(),
        word if word.ends_with('0') => format!("{}1", &word[..word.len() - 1]),
        word => format!("{}0", &word[..word.len() - 1]),
    }
}

#[test]
fn field_of_an_approval_when_any_is_changed_is_refused() {
    if !has_bubblewrap() {
        return;
    }
    let (scene, mut pair, person, again) = asked();
    let run = scene.waiting(&pair.conversation);
    let text = Person::yes(&run).text().unwrap();
    let signature = person.key.sign_approval(&text);
    let give = |text: &str, signature: &[u8]| {
        let signature = hex::encode(signature);
        scene.operator(
            "approve_run",
            json!({"run_id": run["run_id"], "approval": text, "signature": signature}),
        )
    };
    for (field, text) in changed(&text) {
        assert!(give(&text, &signature).is_err(), "{field}");
        assert_eq!(pair.a.did("execute_command", again.clone())["state"], "pending", "{field}");
    }
    for byte in 0..signature.len() {
        let mut flipped = signature;
        flipped[byte] ^= 1;
        assert!(give(&text, &flipped).is_err(), "byte {byte} of the signature");
    }
    assert!(
        give(&text, &person.key.sign_terms(&text)).is_err(),
        "a signature of terms is none of an approval"
    );
    // The same in the store, where the service that took it looks at it no more.
    give(&text, &signature).unwrap();
    let connection = Connection::open(scene.data().join("bridge.db")).unwrap();
    let put = |text: &str, signature: &[u8]| {
        let sql = "UPDATE run SET state = 'approved', approval = ?1, signature = ?2, ended_at = NULL";
        assert_eq!(connection.execute(sql, params![text, signature]).unwrap(), 1);
    };
    for (field, text) in changed(&text) {
        put(&text, &signature);
        let refused = pair.a.refused("execute_command", again.clone());
        assert_eq!(refused["code"], "approval_void", "{field}: {refused}");
        assert!(!refused["message"].as_str().unwrap().contains("used already"), "{field}: {refused}");
    }
    for byte in [0, 31, 32, 63] {
        let mut flipped = signature;
        flipped[byte] ^= 1;
        put(&text, &flipped);
        assert_eq!(pair.a.refused("execute_command", again.clone())["code"], "approval_void", "byte {byte}");
    }
    // The first that was void ended the request: as it was signed, it is nothing any more, and another one is good.
    put(&text, &signature);
    let refused = pair.a.refused("execute_command", again.clone());
    assert!(refused["message"].as_str().unwrap().contains("used already"), "{refused}");
    assert_eq!(scene.count(), 0);
    assert_eq!(connection.execute("UPDATE run SET state = 'withdrawn', ended_at = 1", []).unwrap(), 1);
    let asked = ask(&mut pair.a, COUNT);
    person.approve(&scene, &scene.waiting(&pair.conversation));
    let anew = json!({"approval_token": asked["approval_token"], "wait_seconds": 0});
    assert_eq!(pair.a.did("execute_command", anew)["state"], "finished", "as it was signed it is good");
    assert_eq!(scene.count(), 1);
    pair.end();
}

#[test]
fn field_of_the_terms_when_any_is_changed_is_refused() {
    let scene = Scene::new("yolo");
    let mut pair = scene.pair();
    let person = Person::enrolled(&scene);
    let text = Person::terms(&scene, &pair.conversation, Mode::Safe).text().unwrap();
    let signature = person.key.sign_terms(&text);
    let enable = |text: &str, signature: &[u8]| {
        let signature = hex::encode(signature);
        let arguments = json!({"conversation_id": pair.conversation, "terms": text, "signature": signature});
        scene.operator("execution_enable", arguments)
    };
    for (field, text) in changed(&text) {
        assert!(enable(&text, &signature).is_err(), "{field}");
        scene.nothing_happened(&pair.conversation);
    }
    for byte in 0..signature.len() {
        let mut flipped = signature;
        flipped[byte] ^= 1;
        assert!(enable(&text, &flipped).is_err(), "byte {byte} of the signature");
    }
    assert!(enable(&text, &person.key.sign_approval(&text)).is_err());
    scene.nothing_happened(&pair.conversation);
    enable(&text, &signature).unwrap();
    pair.a.did("execute_command", json!({"command": "ls"}));
    // The same in the store.
    for sql in [
        "UPDATE terms SET signature = zeroblob(64)",
        "UPDATE terms SET terms = zeroblob(length(terms))",
        "UPDATE terms SET terms = CAST(substr(terms, 1, length(terms) - 1) || x'00' AS BLOB)",
        "UPDATE terms SET key = zeroblob(32)",
        "UPDATE terms SET conversation = 2",
        "UPDATE terms SET expires_at = 1",
    ] {
        assert_eq!(put_aside_and(&scene, sql), 1, "{sql}");
        let answer = pair.a.call("execute_command", json!({"command": "ls"}));
        assert_eq!(answer["isError"], true, "{sql}: {answer}");
        put_back(&scene);
        pair.a.did("execute_command", json!({"command": "ls"}));
    }
    pair.end();
}

/// Changes the terms, and keeps what they were.
fn put_aside_and(scene: &Scene, sql: &str) -> usize {
    let connection = Connection::open(scene.data().join("bridge.db")).unwrap();
    let kept = connection
        .query_row("SELECT conversation, terms, signature, key, expires_at FROM terms", [], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, Vec<u8>>(1)?,
                row.get::<_, Vec<u8>>(2)?,
                row.get::<_, Vec<u8>>(3)?,
                row.get::<_, i64>(4)?,
            ))
        })
        .unwrap();
    let encoded = json!([kept.0, hex::encode(&kept.1), hex::encode(&kept.2), hex::encode(&kept.3), kept.4]);
    std::fs::write(scene.home.join("kept.json"), encoded.to_string()).unwrap();
    connection.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    connection.execute(sql, []).unwrap()
}

fn put_back(scene: &Scene) {
    let kept: Value =
        serde_json::from_str(&std::fs::read_to_string(scene.home.join("kept.json")).unwrap()).unwrap();
    let blob = |at: usize| hex::decode(kept[at].as_str().unwrap()).unwrap();
    let connection = Connection::open(scene.data().join("bridge.db")).unwrap();
    connection.execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM terms").unwrap();
    let values = params![kept[0].as_i64(), blob(1), blob(2), blob(3), kept[4].as_i64()];
    connection.execute("INSERT INTO terms VALUES (?1, ?2, ?3, ?4, ?5)", values).unwrap();
}

#[test]
fn terms_of_one_conversation_enable_nothing_in_another() {
    let scene = Scene::new("yolo");
    let pair = scene.pair();
    let person = Person::enrolled(&scene);
    person.enable(&scene, &pair.conversation, Mode::Yolo);
    let mut other = scene.server("c");
    let opened = other.did("create_conversation", json!({"my_role": "third", "partner_role": "fourth"}));
    assert_eq!(scene.sql("UPDATE terms SET conversation = (SELECT max(pk) FROM conversation)"), 1);
    let answer = other.call("execute_command", json!({"command": "ls"}));
    assert_eq!(answer["isError"], true, "{answer}");
    // The text with its good signature, given for the other one.
    let terms = Person::terms(&scene, &pair.conversation, Mode::Yolo).text().unwrap();
    let signature = hex::encode(person.key.sign_terms(&terms));
    let arguments =
        json!({"conversation_id": opened["conversation_id"], "terms": terms, "signature": signature});
    assert!(scene.operator("execution_enable", arguments).is_err());
    other.end();
    pair.end();
}

#[test]
fn state_of_a_command_when_set_by_sql_runs_nothing() {
    if !has_bubblewrap() {
        return;
    }
    let (scene, mut pair, person, again) = asked();
    let run = scene.waiting(&pair.conversation);
    let other = ask(&mut pair.b, "echo other");
    let runs = scene.runs(&pair.conversation);
    let of_b = runs.iter().find(|run| run["run_id"] == other["run_id"]).unwrap();
    person.approve(&scene, of_b);
    let id = run["run_id"].as_str().unwrap().trim_start_matches("run_").to_owned();
    let now = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";
    for consent in [
        "approval = NULL".to_owned(),
        "assurance = 'passphrase+totp', approval = '{}', signature = zeroblob(64)".to_owned(),
        "assurance = 'policy', approval = NULL, signature = NULL".to_owned(),
        "assurance = 'elicitation', boot = zeroblob(16), uptime_ms = 1".to_owned(),
        "assurance = 'approvers', approval = NULL, quorum = 0".to_owned(),
        // The yes to another command, pasted.
        "assurance = o.assurance, approval = o.approval, signature = o.signature, key = o.key".to_owned(),
        // And the other command's hash with it.
        "assurance = o.assurance, approval = o.approval, signature = o.signature, key = o.key, hash = o.hash"
            .to_owned(),
        "assurance = o.assurance, approval = o.approval, signature = o.signature, key = o.key, hash = o.hash, request = o.request"
            .to_owned(),
    ] {
        let sql = format!(
            "UPDATE run SET state = 'approved', decided_at = {now}, {consent} FROM (SELECT * FROM run WHERE id <> x'{id}') \
             AS o WHERE run.id = x'{id}'"
        );
        let kept = keep_runs(&scene);
        assert_eq!(scene.sql(&sql), 1, "{sql}");
        let answer = pair.a.call("execute_command", again.clone());
        assert_eq!(answer["isError"], true, "{consent}: {answer}");
        assert_eq!(scene.count(), 0, "{consent}");
        put_runs_back(&scene, &kept);
    }
    assert_eq!(pair.a.did("execute_command", again)["state"], "pending");
    pair.end();
}

type Kept = Vec<Vec<rusqlite::types::Value>>;

fn keep_runs(scene: &Scene) -> Kept {
    let connection = Connection::open(scene.data().join("bridge.db")).unwrap();
    let mut statement = connection.prepare("SELECT * FROM run").unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|at| row.get(at)).collect()).unwrap();
    rows.map(Result::unwrap).collect()
}

fn put_runs_back(scene: &Scene, kept: &Kept) {
    let connection = Connection::open(scene.data().join("bridge.db")).unwrap();
    for row in kept {
        let marks = vec!["?"; row.len()].join(", ");
        let sql = format!("INSERT OR REPLACE INTO run VALUES ({marks})");
        connection.execute(&sql, rusqlite::params_from_iter(row)).unwrap();
    }
}

#[test]
fn key_of_the_approver_when_replaced_by_sql_signs_nothing() {
    if !has_bubblewrap() {
        return;
    }
    let (scene, mut pair, person, again) = asked();
    let thief = Person::stranger();
    let key = hex::encode(thief.key.key().bytes());
    let run = scene.waiting(&pair.conversation);
    assert_eq!(scene.sql(&format!("UPDATE approver SET key = x'{key}'")), 1);
    assert!(thief.approve_as(&scene, &Person::yes(&run)).is_err());
    assert!(person.approve_as(&scene, &Person::yes(&run)).is_err(), "the key that is there is nobody's");
    let terms = Person::terms(&scene, &pair.conversation, Mode::Yolo);
    assert!(thief.enable_as(&scene, &terms).is_err());
    // All that a database can say at once: key, terms' key, the command's state, a signature that fits.
    let text = Person::yes(&run).text().unwrap();
    let signature = hex::encode(thief.key.sign_approval(&text));
    scene.sql(&format!("UPDATE terms SET key = x'{key}'"));
    let connection = Connection::open(scene.data().join("bridge.db")).unwrap();
    let sql = format!(
        "UPDATE run SET state = 'approved', assurance = 'passphrase', approval = ?1, signature = x'{signature}', \
         key = x'{key}', decided_at = created_at"
    );
    assert_eq!(connection.execute(&sql, params![text]).unwrap(), 1);
    for _ in 0..2 {
        let answer = pair.a.call("execute_command", again.clone());
        assert_eq!(answer["isError"], true, "{answer}");
    }
    assert_eq!(scene.count(), 0);
    pair.end();
}

#[test]
fn yes_to_one_command_is_none_to_another() {
    if !has_bubblewrap() {
        return;
    }
    let (scene, mut pair, person, again) = asked();
    let run = scene.waiting(&pair.conversation);
    let other = ask(&mut pair.a, "echo other");
    let yes = Person::yes(&other);
    let text = yes.text().unwrap();
    let signature = hex::encode(person.key.sign_approval(&text));
    let pasted = json!({"run_id": run["run_id"], "approval": text, "signature": signature});
    assert!(scene.operator("approve_run", pasted).is_err());
    // Signed for this name with the other's hash, and the other way round.
    for mixed in [
        mab_core::execution::Approval { run: run["run_id"].as_str().unwrap().to_owned(), ..yes.clone() },
        mab_core::execution::Approval {
            request_hash: run["request_hash"].as_str().unwrap().to_owned(),
            ..yes.clone()
        },
    ] {
        assert!(person.approve_as(&scene, &mixed).is_err(), "{mixed:?}");
    }
    assert_eq!(pair.a.did("execute_command", again)["state"], "pending");
    assert_eq!(scene.count(), 0);
    pair.end();
    scene.verified();
}
