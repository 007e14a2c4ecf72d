//! A person with an approver's key, who answers through the operator's operations; the terminal has tests of its own.

use std::{fs, os::unix::fs::MetadataExt as _};

use mab::system::{OsRandom, SystemClock};
use mab_core::{
    Clock as _, Denied,
    approver::{Approver, Cost},
    execution::{Approval, Assurance, Mode, Terms, VALID_S},
};
use serde_json::{Value, json};

use crate::scene::Scene;

/// What opens the key. Nothing writes it anywhere.
pub(crate) const PASSPHRASE: &str = "nine grey herons at the weir";

/// Somebody who is enrolled.
pub(crate) struct Person {
    pub(crate) key: Approver,
}

impl Person {
    /// A key that nobody enrolled.
    pub(crate) fn stranger() -> Self {
        Self { key: Approver::draw(&OsRandom).unwrap() }
    }

    /// Enrols.
    pub(crate) fn enrolled(scene: &Scene) -> Self {
        let person = Self::stranger();
        let sealed = person.key.seal(PASSPHRASE, Cost::default(), &OsRandom).unwrap();
        let arguments =
            json!({"public_key": hex::encode(person.key.key().bytes()), "sealed": hex::encode(sealed)});
        scene.operator("approver_enroll", arguments).unwrap();
        person
    }

    /// What enabling a mode in a conversation means.
    pub(crate) fn terms(scene: &Scene, conversation: &str, mode: Mode) -> Terms {
        let folder = fs::metadata(&scene.space).unwrap();
        let now = SystemClock.now();
        Terms {
            version: 1,
            conversation: conversation.to_owned(),
            mode,
            workspace: scene.space.display().to_string(),
            workspace_device: folder.dev().to_string(),
            workspace_inode: folder.ino().to_string(),
            settings: scene.settings().bound().unwrap(),
            timeout_s: None,
            network: false,
            elicitation: false,
            quorum: 0,
            approvers: Vec::new(),
            assurance: Assurance::Passphrase,
            enabled_at_ms: now.millis(),
            expires_at_ms: now.plus_seconds(3_600).millis(),
            nonce: hex::encode(Approver::draw(&OsRandom).unwrap().key().bytes().first_chunk::<16>().unwrap()),
        }
    }

    /// Enables a mode.
    pub(crate) fn enable(&self, scene: &Scene, conversation: &str, mode: Mode) {
        self.enable_as(scene, &Self::terms(scene, conversation, mode)).unwrap();
    }

    /// Enables exactly this.
    pub(crate) fn enable_as(&self, scene: &Scene, terms: &Terms) -> Result<Value, Denied> {
        let text = terms.text().unwrap();
        let signature = hex::encode(self.key.sign_terms(&text));
        let arguments = json!({"conversation_id": terms.conversation, "terms": text, "signature": signature});
        scene.operator("execution_enable", arguments)
    }

    /// A yes to a command, as it is shown.
    pub(crate) fn yes(run: &Value) -> Approval {
        let uptime = SystemClock.uptime();
        Approval {
            version: 1,
            run: run["run_id"].as_str().unwrap().to_owned(),
            request_hash: run["request_hash"].as_str().unwrap().to_owned(),
            assurance: Assurance::Passphrase,
            at_ms: SystemClock.now().millis(),
            uptime_ms: uptime.ms,
            boot: hex::encode(uptime.boot),
            valid_s: VALID_S,
        }
    }

    /// Gives a yes.
    pub(crate) fn approve(&self, scene: &Scene, run: &Value) {
        self.approve_as(scene, &Self::yes(run)).unwrap();
    }

    /// Gives exactly this yes.
    pub(crate) fn approve_as(&self, scene: &Scene, approval: &Approval) -> Result<Value, Denied> {
        let text = approval.text().unwrap();
        let signature = hex::encode(self.key.sign_approval(&text));
        scene.operator(
            "approve_run",
            json!({"run_id": approval.run, "approval": text, "signature": signature}),
        )
    }
}
