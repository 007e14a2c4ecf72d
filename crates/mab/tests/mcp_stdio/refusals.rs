//! When the bridge cannot be opened, the protocol still works and every call says why.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::{Value, json};

use crate::client::Client;

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The refusal of a call; the tools must be listed all the same.
fn refusal(client: &mut Client) -> Value {
    let tools = client.request("tools/list", Value::Null);
    assert!(tools["result"]["tools"].as_array().is_some_and(|tools| !tools.is_empty()));
    client.refused("list_conversations", json!({}))
}

#[test]
fn folder_that_others_may_write_is_refused_until_it_is_mended() {
    let place = tempfile::tempdir().unwrap();
    chmod(place.path(), 0o777);
    let mut client = Client::opened(place.path(), &[]);
    let refused = refusal(&mut client);
    assert_eq!(refusal(&mut client), refused);
    assert_eq!(refused["code"], "read_only");
    assert_eq!(refused["hint"], format!("tell your user: chmod go-w {}", place.path().display()));
    chmod(place.path(), 0o700);
    client.did("list_conversations", json!({}));
    let (_, stderr) = client.end();
    assert_eq!(stderr.matches("cannot open the bridge").count(), 1, "{stderr}");
}

#[test]
fn database_of_something_else_is_refused_and_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let database = place.path().join("other.db");
    fs::write(&database, "this is no database, but it is somebody's".repeat(100)).unwrap();
    chmod(&database, 0o600);
    let url = database.display().to_string();
    let mut client = Client::opened(&place.path().join("data"), &[("MAB_DATABASE_URL", &url)]);
    let refused = refusal(&mut client);
    assert_eq!(refused["code"], "wrong_store", "{refused}");
    assert!(refused["hint"].is_string(), "{refused}");
    assert!(fs::read_to_string(&database).unwrap().starts_with("this is no database"));
}

#[test]
fn database_without_its_key_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("data");
    let mut client = Client::opened(&path, &[]);
    client.did("create_conversation", json!({"my_role": "backend", "partner_role": "frontend"}));
    client.end();
    fs::remove_file(path.join("master.key")).unwrap();
    let refused = refusal(&mut Client::opened(&path, &[]));
    assert_eq!(refused["code"], "wrong_store");
    assert!(refused["hint"].as_str().is_some_and(|hint| hint.contains("backup")), "{refused}");
}

#[test]
fn configuration_that_is_refused_is_said_with_every_call() {
    let place = tempfile::tempdir().unwrap();
    for variable in ["MAB_LIMITS_SEND_PER_MINUT", "MAB_LIMITS_SEND_PER_MINUTE"] {
        let mut client = Client::opened(place.path(), &[(variable, "many")]);
        let refused = refusal(&mut client);
        assert_eq!(refused["code"], "misconfigured");
        assert!(refused["hint"].as_str().is_some_and(|hint| hint.starts_with("tell your user")), "{refused}");
    }
}

#[test]
fn keystore_that_is_corrupted_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("data");
    let agent = [("MAB_AGENT", "alice")];
    let mut client = Client::opened(&path, &agent);
    client.did("create_conversation", json!({"my_role": "backend", "partner_role": "frontend"}));
    client.end();
    fs::write(path.join("agents/alice.json"), "{").unwrap();
    let refused = refusal(&mut Client::opened(&path, &agent));
    assert_eq!(refused["code"], "misconfigured", "{refused}");
    assert!(refused["message"].as_str().is_some_and(|text| text.contains("alice.json")), "{refused}");
}

#[cfg(target_os = "linux")]
#[test]
fn folder_that_cannot_be_made_is_refused() {
    // Not even root may create folders there.
    let refused = refusal(&mut Client::opened(Path::new("/sys/mab"), &[]));
    assert_eq!(refused["code"], "read_only", "{refused}");
    assert!(refused["hint"].as_str().is_some_and(|hint| hint.contains("MAB_DATA_DIR")));
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("file"), "").unwrap();
    let refused = refusal(&mut Client::opened(&place.path().join("file/data"), &[]));
    assert_eq!(refused["code"], "misconfigured", "{refused}");
}
