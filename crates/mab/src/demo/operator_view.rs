//! The epilogue: what the operator sees afterwards, and what nobody can find.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::{
    config::{Config, Flags},
    demo::{
        files,
        stage::{Stage, Step},
        unexpected::{Stop, ensure},
    },
    environment::Environment,
    runtime::{self, Opened},
};

/// How many of the latest audit entries are shown.
const ENTRIES_SHOWN: usize = 6;

/// Plays the epilogue.
pub(super) async fn all(
    home: &Path,
    conversation: &str,
    secrets: &[String],
    stage: &mut Stage,
) -> Result<(), Stop> {
    stage.title("What the operator sees")?;
    let flags = Flags { data_dir: Some(home.join("data")), db: None, config: None };
    let nothing_set = Environment::from([("HOME", home.to_string_lossy().as_ref())]);
    let bridge = runtime::open_existing(&Config::load(&flags, &nothing_set)?)?;
    trail(&bridge, conversation, stage).await?;
    verify(&bridge, &home.join("data/audit.anchor"), stage).await?;
    // While the bridge is open its write-ahead log is still there to be searched.
    let found = files::holding(home, secrets)?;
    drop(bridge);
    ensure(found.is_none(), format!("a secret or token is in {}", found.unwrap_or_default()))?;
    let result = format!("none of {} tokens and secrets is in any file", secrets.len());
    stage.show(&operator("searches the disk", result))?;
    Ok(())
}

async fn trail(bridge: &Opened, conversation: &str, stage: &mut Stage) -> Result<(), Stop> {
    let answer = call(bridge, "audit", json!({"conversation_id": conversation, "limit": 100})).await?;
    let entries = answer.get("entries").and_then(Value::as_array).cloned().unwrap_or_default();
    let recorded = |action: &str, outcome: &str| {
        entries.iter().any(|entry| text(entry, "action") == action && text(entry, "outcome") == outcome)
    };
    for action in ["create", "join", "send", "check"] {
        ensure(recorded(action, "ok"), format!("no {action} is in the audit trail"))?;
    }
    ensure(recorded("check", "token_rotated"), "the refusal is not in the audit trail")?;
    let line = |entry: &Value| {
        let n = entry.get("n").and_then(Value::as_u64).unwrap_or_default();
        let (actor, action, outcome) = (text(entry, "actor"), text(entry, "action"), text(entry, "outcome"));
        format!("{n:>2}  {actor:<9} {action:<14} {outcome}")
    };
    let lines: Vec<String> = entries.iter().rev().take(ENTRIES_SHOWN).map(line).collect();
    let says = format!("{}\n …", lines.join("\n"));
    let result = format!("{} entries, the refusal among them", entries.len());
    stage.show(&Step { says: Some(&says), ..operator("mab audit", result) })?;
    Ok(())
}

async fn verify(bridge: &Opened, anchor: &Path, stage: &mut Stage) -> Result<(), Stop> {
    let signed = call(bridge, "audit_checkpoint", json!({})).await?;
    let note = text(&signed, "note");
    ensure(note.contains("\n— mab.audit/"), format!("the checkpoint is not signed: {note}"))?;
    stage.show(&operator("mab audit checkpoint", "signed, and kept outside the database".to_owned()))?;
    let anchor = std::fs::read_to_string(anchor).map_err(|error| Stop::from(error.to_string().as_str()))?;
    let keys = call(bridge, "keys", json!({})).await?;
    let signs =
        keys.get("keys").and_then(Value::as_array).and_then(|keys| keys.last()?.get("verifier_key").cloned());
    let kept = json!({"anchor": anchor, "anchor_is_own": true, "signing_key": signs});
    let verdict = call(bridge, "audit_verify", kept).await?;
    let whole = verdict.get("ok").and_then(Value::as_bool) == Some(true);
    ensure(whole, format!("the audit chain is broken: {verdict}"))?;
    let chains = verdict.get("chains").and_then(Value::as_array).map_or(0, Vec::len);
    ensure(chains > 1, "the conversation's chain was not verified")?;
    let unsigned = verdict.pointer("/proven/newer").and_then(Value::as_u64);
    ensure(unsigned == Some(0), format!("the newest entries are under no signed checkpoint: {verdict}"))?;
    let result = format!("{chains} hash chains, every entry in its place and under a signature");
    stage.show(&operator("mab audit verify", result))?;
    Ok(())
}

fn text<'a>(entry: &'a Value, key: &str) -> &'a str {
    entry.get(key).and_then(Value::as_str).unwrap_or("-")
}

async fn call(bridge: &Opened, operation: &str, arguments: Value) -> Result<Value, Stop> {
    let arguments: Map<String, Value> =
        serde_json::from_value(arguments).map_err(|_| Stop::from("arguments are an object"))?;
    Ok(bridge.call(operation, arguments).await?)
}

fn operator(does: &'static str, result: String) -> Step<'static> {
    Step { who: "operator", does, says: None, result, refused: false }
}
