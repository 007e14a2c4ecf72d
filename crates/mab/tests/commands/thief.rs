//! Somebody who has read the whole data folder, `master.key` and all: nothing in it makes a yes.

use std::{fs, path::Path};

use mab::system::OsRandom;
use mab_core::{approver::Approver, execution::Mode};
use serde_json::json;

use crate::{
    person::{PASSPHRASE, Person},
    scene::{COUNT, Scene, ask, has_bubblewrap},
};

#[test]
fn data_folder_when_read_whole_signs_nothing() {
    if !has_bubblewrap() {
        return;
    }
    let scene = Scene::new("yolo");
    let mut pair = scene.pair();
    let person = Person::enrolled(&scene);
    person.enable(&scene, &pair.conversation, Mode::Yolo);
    let asked = ask(&mut pair.a, COUNT);
    let copy = scene.copy();
    assert!(!holds(&scene.home, PASSPHRASE.as_bytes()), "the passphrase is in a file");
    // With master.key the outer seal comes off: what is left is under the passphrase.
    let told = scene.operator_at(copy.path(), "approver", json!({})).unwrap();
    let sealed = hex::decode(told["sealed"].as_str().unwrap()).unwrap();
    for guess in ["", "password12", "nine grey herons at the wei", "nine grey herons at the weir."] {
        assert!(Approver::open(&sealed, guess).is_err(), "{guess}");
    }
    assert!(Approver::open(&sealed, PASSPHRASE).is_ok());
    // Any other key signs for nobody, and is not taken without a signature of the one that is enrolled.
    let thief = Person { key: Approver::draw(&OsRandom).unwrap() };
    let run = scene.waiting(&pair.conversation);
    assert!(thief.approve_as(&scene, &Person::yes(&run)).is_err());
    let terms = Person::terms(&scene, &pair.conversation, Mode::Yolo);
    assert!(thief.enable_as(&scene, &terms).is_err());
    for arguments in [
        json!({}),
        json!({"replaces": told["public_key"]}),
        json!({"replaces": told["public_key"], "proof": "00".repeat(64)}),
        json!({"replaces": told["public_key"], "proof": hex::encode(
            thief.key.sign_successor(&thief.key.key()))}),
        json!({"replaces": hex::encode(thief.key.key().bytes()), "proof": hex::encode(
            thief.key.sign_successor(&thief.key.key()))}),
    ] {
        let mut all =
            json!({"public_key": hex::encode(thief.key.key().bytes()), "sealed": hex::encode(&sealed)});
        all.as_object_mut().unwrap().extend(arguments.as_object().unwrap().clone());
        assert!(scene.operator("approver_enroll", all.clone()).is_err(), "{all}");
    }
    let again = json!({"approval_token": asked["approval_token"], "wait_seconds": 0});
    assert_eq!(pair.a.did("execute_command", again)["state"], "pending");
    assert_eq!(scene.count(), 0);
    pair.end();
    scene.verified();
}

/// Whether a file below holds these bytes.
fn holds(folder: &Path, wanted: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            return holds(&path, wanted);
        }
        kind.is_file() && fs::read(&path).unwrap().windows(wanted.len()).any(|window| window == wanted)
    })
}
