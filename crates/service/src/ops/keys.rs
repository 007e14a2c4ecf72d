//! `keys`: the keys that sign checkpoints, for the operator; and `keys_rotate`, which replaces the valid one.

use mab_core::{
    Code, Denied, Failure,
    anchor::{Anchor, note_of},
    note::VerifierKey,
    policy::Action,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    anchoring::Wish,
    door::{Call, Op},
};

/// The operation `keys`.
pub(crate) struct Keys;

/// The operation `keys_rotate`.
pub(crate) struct KeysRotate;

/// The arguments of both.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {}

/// The keys, and what they signed.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Known {
    /// Oldest first; the last one signs
    keys: Vec<Key>,
    /// Checkpoints in the anchor
    checkpoints: u64,
    /// When the newest was signed
    #[serde(skip_serializing_if = "Option::is_none")]
    newest_at: Option<String>,
    /// What is wrong with the anchor, its copy or the key; absent when nothing is
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// One key.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Key {
    /// As `mab audit verify` takes it
    verifier_key: String,
    /// `SubjectPublicKeyInfo` in PEM, as openssl takes it
    pem: String,
}

/// The change.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Rotated {
    /// The key that signs from now on
    verifier_key: String,
    /// The checkpoint that changed it, signed by both keys
    note: String,
}

impl Op for Keys {
    const ACTION: Action = Action::Inspect;
    type Arguments = Arguments;
    type Answer = Known;

    async fn run(call: Call<'_>, _: Arguments) -> Result<Known, Failure> {
        let kept = call.bridge.kept().await?;
        let own: Vec<VerifierKey> = kept.key.clone().into_iter().collect();
        let mut known = Known { keys: Vec::new(), checkpoints: 0, newest_at: None, problem: None };
        let mut keys = own.clone();
        if !kept.anchor.is_empty() {
            match Anchor::parse_and_verify(&kept.anchor, &own) {
                Ok(anchor) => {
                    keys = anchor.keys().to_vec();
                    known.checkpoints = anchor.checkpoints().len() as u64;
                    known.newest_at = anchor.checkpoints().last().map(|newest| newest.at.to_string());
                    if keys.last() != own.last() {
                        known.problem =
                            Some("audit.key is not the key that the anchor says is valid".to_owned());
                    }
                }
                Err(error) => known.problem = Some(format!("the anchor does not hold: {error}")),
            }
        }
        let misfit =
            |what, fits: Result<(), _>| fits.err().map(|wrong| format!("{what} does not fit: {wrong}"));
        let misfits = misfit("the anchor", kept.fits).or(misfit("audit.anchor_file", kept.copy_fits));
        known.problem = misfits.or(known.problem);
        let shown = |key: &VerifierKey| Key { verifier_key: key.to_string(), pem: key.to_pem() };
        Ok(Known { keys: keys.iter().map(shown).collect(), ..known })
    }
}

impl Op for KeysRotate {
    const ACTION: Action = Action::RotateKeys;
    type Arguments = Arguments;
    type Answer = Rotated;

    async fn run(call: Call<'_>, _: Arguments) -> Result<Rotated, Failure> {
        let bridge = call.bridge;
        let written = bridge.checkpoint(Wish::Rotate(call.permit)).await?;
        let note = written.as_ref().and_then(|written| note_of(&written.text)).unwrap_or_default();
        let next = note.lines().find_map(|line| line.strip_prefix("next-key "));
        let Some(next) = next else {
            return Err(Denied::new(Code::Conflict, "the key was not changed")
                .hint("run `mab audit verify`")
                .into());
        };
        Ok(Rotated { verifier_key: next.to_owned(), note: note.to_owned() })
    }
}
