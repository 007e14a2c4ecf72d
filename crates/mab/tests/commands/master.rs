//! Somebody who may write the database and holds `master.key`, but not the passphrase: what is sealed can be opened, changed
//! and sealed again, and still nothing runs that a person did not sign.

use std::fs;

use mab::system::OsRandom;
use mab_core::{
    ConversationId,
    execution::Mode,
    seal::{ConversationKey, Place, Wrapper},
    secret::MasterKey,
};
use mab_exec::Request;
use mab_redact::Redactor;
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use crate::{
    person::Person,
    scene::{COUNT, Scene, ask, has_bubblewrap},
};

/// What opens and seals the texts of one conversation.
struct Thief {
    connection: Connection,
    conversation: ConversationId,
    key: ConversationKey,
}

impl Thief {
    fn new(scene: &Scene, conversation: &str) -> Self {
        let text = fs::read_to_string(scene.data().join("master.key")).unwrap();
        let master = MasterKey::from_file_text(&text).unwrap();
        let connection = Connection::open(scene.data().join("bridge.db")).unwrap();
        let sql = "SELECT wrapped_key FROM conversation ORDER BY pk DESC LIMIT 1";
        let wrapped: Vec<u8> = connection.query_row(sql, [], |row| row.get(0)).unwrap();
        let conversation: ConversationId = conversation.parse().unwrap();
        let key = Wrapper::new(&master).unwrap().unwrap(conversation, &wrapped).unwrap();
        Self { connection, conversation, key }
    }

    fn terms(&self) -> Place<'static> {
        Place { table: "terms", column: "terms", conversation: self.conversation, row: &[] }
    }

    fn request<'a>(&self, row: &'a [u8]) -> Place<'a> {
        Place { table: "run", column: "request", conversation: self.conversation, row }
    }

    fn opened(&self, place: &Place<'_>, sql: &str) -> String {
        let sealed: Vec<u8> = self.connection.query_row(sql, [], |row| row.get(0)).unwrap();
        self.key.open(place, &sealed).unwrap().concat()
    }

    fn sealed(&self, place: &Place<'_>, text: &str) -> Vec<u8> {
        let redacted = Redactor::default().redact(text).unwrap().text;
        assert_eq!(redacted.as_str(), text);
        self.key.seal(&OsRandom, place, &[&redacted]).unwrap().as_bytes().to_vec()
    }
}

/// Every leaf of a document changed, one at a time, with where it is.
fn changed(document: &Value) -> Vec<(String, Value)> {
    let mut paths = Vec::new();
    leaves(document, String::new(), &mut paths);
    let change = |path: String| {
        let mut other = document.clone();
        let leaf = other.pointer_mut(&path).unwrap();
        *leaf = match &*leaf {
            Value::Null => json!("0123456789abcdef"),
            Value::Bool(on) => json!(!on),
            Value::Number(number) => json!(number.as_u64().unwrap() ^ 1),
            Value::String(text) => json!(another(text)),
            Value::Array(_) => json!(["more"]),
            Value::Object(_) => json!({"MORE": "more"}),
        };
        (path, other)
    };
    paths.into_iter().map(change).collect()
}

fn leaves(value: &Value, path: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, inner) in fields {
                leaves(inner, format!("{path}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (at, inner) in items.iter().enumerate() {
                leaves(inner, format!("{path}/{at}"), found);
            }
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {
            found.push(path);
        }
    }
}

/// A word of the same kind where the words are few, else one with another last character.
fn another(text: &str) -> String {
    let pairs = [
        ("yolo", "restricted"),
        ("safe", "yolo"),
        ("off", "host"),
        ("read_only", "commit"),
        ("passphrase", "policy"),
    ];
    let pair = pairs
        .into_iter()
        .find_map(|(one, two)| (text == one).then_some(two).or((text == two).then_some(one)));
    let changed = || {
        let mut other = text.to_owned();
        let last = other.pop();
        other.push(if last == Some('1') { '2' } else { '1' });
        other
    };
    pair.map_or_else(changed, str::to_owned)
}

#[test]
fn field_of_a_request_when_any_is_changed_runs_nothing() {
    if !has_bubblewrap() {
        return;
    }
    let scene = Scene::new("yolo");
    let mut pair = scene.pair();
    let person = Person::enrolled(&scene);
    person.enable(&scene, &pair.conversation, Mode::Yolo);
    let asked = ask(&mut pair.a, COUNT);
    let again = json!({"approval_token": asked["approval_token"], "wait_seconds": 0});
    person.approve(&scene, &scene.waiting(&pair.conversation));
    let thief = Thief::new(&scene, &pair.conversation);
    let row = hex::decode(asked["run_id"].as_str().unwrap().trim_start_matches("run_")).unwrap();
    let place = thief.request(&row);
    let whole = thief.opened(&place, "SELECT request FROM run");
    let hash: Vec<u8> = thief.connection.query_row("SELECT hash FROM run", [], |row| row.get(0)).unwrap();
    let put = |text: &str, hash: &[u8]| {
        let sql = "UPDATE run SET request = ?1, hash = ?2, state = 'approved', ended_at = NULL";
        assert_eq!(thief.connection.execute(sql, params![thief.sealed(&place, text), hash]).unwrap(), 1);
    };
    let document: Value = serde_json::from_str(&whole).unwrap();
    let all = changed(&document);
    assert!(all.len() > 30, "{all:?}");
    for (path, other) in all {
        let text = other.to_string();
        // With the hash that was signed, and with the hash of what it says now.
        let own = serde_json::from_value::<Request>(other)
            .ok()
            .and_then(|request| Some((request.canonical().ok()?, *request.hash().ok()?.digest().as_bytes())));
        let (canonical, own) = own.unwrap_or_else(|| (text.clone(), [7; 32]));
        for (text, hash) in [(&text, hash.as_slice()), (&canonical, hash.as_slice()), (&canonical, &own)] {
            put(text, hash);
            let answer = pair.a.call("execute_command", again.clone());
            assert_eq!(answer["isError"], true, "{path}: {answer}");
        }
    }
    assert_eq!(scene.count(), 0);
    put(&whole, &hash);
    assert_eq!(pair.a.did("execute_command", again)["state"], "finished", "as it was signed it is good");
    assert_eq!(scene.count(), 1);
    pair.end();
}

#[test]
fn terms_that_are_sealed_anew_with_any_field_changed_enable_nothing() {
    let scene = Scene::new("yolo");
    let mut pair = scene.pair();
    let person = Person::enrolled(&scene);
    person.enable(&scene, &pair.conversation, Mode::Safe);
    let thief = Thief::new(&scene, &pair.conversation);
    let whole = thief.opened(&thief.terms(), "SELECT terms FROM terms");
    let put = |text: &str| {
        let sealed = thief.sealed(&thief.terms(), text);
        assert_eq!(thief.connection.execute("UPDATE terms SET terms = ?1", [sealed]).unwrap(), 1);
    };
    for (path, other) in changed(&serde_json::from_str(&whole).unwrap()) {
        put(&other.to_string());
        let refused = pair.a.refused("execute_command", json!({"command": "ls"}));
        assert_eq!(refused["code"], "execution_disabled", "{path}: {refused}");
    }
    put(&whole);
    pair.a.did("execute_command", json!({"command": "ls"}));
    pair.end();
}
