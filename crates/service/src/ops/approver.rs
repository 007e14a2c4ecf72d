//! The approver, for the operator: `approver` shows it, `approver_enroll` enrols one, `approver_code` takes note of a code.

use mab_core::{
    Code, Denied, Failure,
    approver::{ApproverKey, SIGNATURE_BYTES},
    audit::Detail,
    entity::{ApproverRow, CodeUse, NewApprover},
    limit::Kind,
    policy::Action,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::execution_disable;
use crate::{
    arguments::Bytes,
    door::{Call, Op},
    telling,
};

/// Most bytes of what is kept of an approver.
const SEALED_MAX_BYTES: usize = 1_024;

/// The operation `approver`.
pub(crate) struct Approver;

/// The operation `approver_enroll`.
pub(crate) struct Enroll;

/// The operation `approver_code`.
pub(crate) struct UseCode;

/// The arguments of `approver`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// The approver that is enrolled.
#[derive(Default, Serialize, JsonSchema)]
pub(crate) struct Shown {
    /// Whether there is one
    enrolled: bool,
    /// Whether this bridge enrolled it; absent when there is none
    #[serde(skip_serializing_if = "Option::is_none")]
    sound: Option<bool>,
    /// The first digits of its public key
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    /// Its public key, in hexadecimal
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    /// Its secrets under the passphrase, in hexadecimal
    #[serde(skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
    /// Since when
    #[serde(skip_serializing_if = "Option::is_none")]
    enrolled_at: Option<String>,
    /// Number of the newest one-time code that was used
    code_step: u64,
    /// Until when no code is taken
    #[serde(skip_serializing_if = "Option::is_none")]
    locked_until: Option<String>,
}

/// The arguments of `approver_enroll`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewOne {
    /// Its public key
    public_key: Bytes,
    /// Its secrets under the passphrase
    sealed: Bytes,
    /// The public key that it replaces
    #[serde(default)]
    replaces: Option<Bytes>,
    /// The signature of that key over the new one
    #[serde(default)]
    proof: Option<Bytes>,
    /// Replace a key that nobody can use any more
    #[serde(default)]
    forgotten: bool,
}

/// What was enrolled.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Replaced {
    /// The first digits of its public key
    key_id: String,
    /// Conversations in which what was enabled has ended with it
    ended: Vec<String>,
}

/// The arguments of `approver_code`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfCode {
    /// Number of the code that was right
    #[serde(default)]
    step: Option<u64>,
    /// It was wrong
    #[serde(default)]
    wrong: bool,
}

/// What became of it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Noted {
    /// Wrong codes since the last right one
    wrong_codes: u64,
    /// Until when no code is taken
    #[serde(skip_serializing_if = "Option::is_none")]
    locked_until: Option<String>,
}

impl Op for Approver {
    const ACTION: Action = Action::Inspect;
    type Arguments = Nothing;
    type Answer = Shown;

    async fn run(call: Call<'_>, _: Nothing) -> Result<Shown, Failure> {
        let bridge = call.bridge;
        let Some(row) = bridge.store.approver().await? else {
            return Ok(Shown::default());
        };
        let key = telling::sound(bridge, &row);
        // What this bridge did not seal opens with no passphrase either.
        let sealed = key.as_ref().and_then(|key| bridge.enroller.unwrap(key, &row.sealed).ok());
        let now = bridge.clock.now();
        Ok(Shown {
            enrolled: true,
            sound: Some(sealed.is_some()),
            key_id: Some(hex::encode(row.key).chars().take(8).collect()),
            public_key: Some(hex::encode(row.key)),
            sealed: sealed.map(hex::encode),
            enrolled_at: Some(row.enrolled_at.to_string()),
            code_step: row.code_step,
            locked_until: row.locked_until.filter(|until| *until > now).map(|until| until.to_string()),
        })
    }
}

impl Op for Enroll {
    const ACTION: Action = Action::ManageApprover;
    type Arguments = NewOne;
    type Answer = Replaced;

    async fn run(call: Call<'_>, arguments: NewOne) -> Result<Replaced, Failure> {
        let bridge = call.bridge;
        let key = <[u8; 32]>::try_from(arguments.public_key.0.as_slice())
            .ok()
            .and_then(|bytes| ApproverKey::from_bytes(&bytes))
            .ok_or_else(|| wrong("public_key is no Ed25519 key that can be used"))?;
        if arguments.sealed.0.len() > SEALED_MAX_BYTES {
            return Err(wrong("sealed is longer than any key").into());
        }
        let row = bridge.store.approver().await?;
        let replaces = replaced(&call, row.as_ref(), &arguments, &key)?;
        let mut ended = Vec::new();
        // One may be gone from the table and known to the audit trail.
        if replaces.is_some() || arguments.forgotten {
            let text = telling::replaced(&key, arguments.forgotten);
            ended = execution_disable::everywhere(&call, &text).await?;
        }
        let detail = Detail::default()
            .name("as", as_what(replaces.is_some() || arguments.forgotten, arguments.forgotten));
        let stamp = bridge.stamp(call.permit, Kind::Operator, detail);
        let sealed = bridge.enroller.wrap(&key, &arguments.sealed.0, bridge.random.as_ref())?;
        let (mac, forgotten) = (bridge.enroller.mac(&key)?, arguments.forgotten);
        let new = NewApprover { key: key.bytes(), sealed, mac, replaces, forgotten };
        bridge.store.enroll(stamp, new).await?;
        Ok(Replaced { key_id: key.id(), ended })
    }
}

impl Op for UseCode {
    const ACTION: Action = Action::ManageApprover;
    type Arguments = OfCode;
    type Answer = Noted;

    async fn run(call: Call<'_>, arguments: OfCode) -> Result<Noted, Failure> {
        let used = match (arguments.step, arguments.wrong) {
            (Some(step), false) => CodeUse::Right(step),
            (None, true) => CodeUse::Wrong,
            (None, false) | (Some(_), true) => return Err(wrong("either step or wrong").into()),
        };
        let bridge = call.bridge;
        let what = if arguments.wrong { "wrong" } else { "right" };
        let detail = Detail::default().name("code", what);
        bridge.store.use_code(bridge.stamp(call.permit, Kind::Operator, detail), used).await?;
        let row = bridge.store.approver().await?;
        Ok(Noted {
            wrong_codes: row.as_ref().map_or(0, |row| row.wrong_codes),
            locked_until: row.and_then(|row| row.locked_until).map(|until| until.to_string()),
        })
    }
}

/// The key that is replaced, once its holder agreed, or has forgotten how to.
fn replaced(
    call: &Call<'_>,
    row: Option<&ApproverRow>,
    arguments: &NewOne,
    key: &ApproverKey,
) -> Result<Option<[u8; 32]>, Denied> {
    let another = || {
        Denied::new(Code::Conflict, "another approver is enrolled than the one to replace")
            .hint("`mab yolo status` shows which; then run it again")
    };
    let Some(row) = row else {
        return if arguments.replaces.is_none() { Ok(None) } else { Err(another()) };
    };
    let Some(replaces) = &arguments.replaces else {
        return Err(Denied::new(Code::Conflict, "an approver is enrolled already")
            .hint("`mab yolo enroll --replace` replaces it, `mab yolo passphrase` changes its passphrase"));
    };
    if replaces.0 != row.key {
        return Err(another());
    }
    if !arguments.forgotten {
        let proof = arguments.proof.as_ref().filter(|proof| proof.0.len() == SIGNATURE_BYTES);
        let agreed = telling::sound(call.bridge, row)
            .zip(proof)
            .is_some_and(|(old, proof)| old.signed_successor(key, &proof.0));
        if !agreed {
            return Err(Denied::new(Code::Forbidden, "the approver that is replaced did not sign for this")
                .hint("give the old passphrase; if nobody has it, `mab yolo enroll --replace --forgotten`"));
        }
    }
    Ok(Some(row.key))
}

const fn as_what(replaces: bool, forgotten: bool) -> &'static str {
    match (replaces, forgotten) {
        (false, _) => "first",
        (true, false) => "successor",
        (true, true) => "forgotten",
    }
}

fn wrong(message: &str) -> Denied {
    Denied::new(Code::InvalidArguments, message).hint("`mab help yolo` shows how it is used")
}
