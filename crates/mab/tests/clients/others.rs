//! Clients that have no scripted model here: set up, they list the bridge and connect to it.

use std::{fs, path::Path};

use serde_json::json;

use crate::{
    place::{Place, clients},
    running::{Running, command},
};

/// What `mab setup` says of a client that it has set up, and then asked.
fn set_up(client: &str) -> Option<String> {
    let clients = clients(&[client])?;
    let place = Place::new();
    let (home, project) = (place.folder(client), place.folder(&format!("{client}/project")));
    // Gemini CLI starts no server in a folder that its user has not trusted; set-up asks it in the root.
    let trusted = json!({"/": "TRUST_FOLDER"});
    fs::create_dir_all(home.join(".gemini")).unwrap();
    fs::write(home.join(".gemini/trustedFolders.json"), trusted.to_string()).unwrap();
    let mut command = command(Path::new(env!("CARGO_BIN_EXE_mab")), clients.path());
    command.args(["setup", client]).current_dir(project).env("HOME", home).env("MAB_DATA_DIR", place.data());
    Some(Running::start(command).succeeds())
}

#[test]
fn gemini_as_set_up_connects_to_the_bridge() {
    let Some(said) = set_up("gemini") else { return };
    assert!(said.contains("`gemini mcp list` ") && said.contains(" lists mab as connected"), "{said}");
}

#[test]
fn opencode_as_set_up_connects_to_the_bridge() {
    let Some(said) = set_up("opencode") else { return };
    assert!(said.contains("`opencode mcp list` ") && said.contains(" lists mab as connected"), "{said}");
}
