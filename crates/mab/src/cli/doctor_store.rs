//! The checks of `mab doctor` that look at the database.

use mab_core::{Clock as _, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    cli::{Trouble, doctor::Check, operator::Operator},
    config::Config,
    system::SystemClock,
};

/// The first SQLite whose write-ahead log survives several writing processes (<https://sqlite.org/wal.html>, 2026-03).
const ENGINE_MIN: [u32; 3] = [3, 51, 3];

/// What `store_info` answers.
#[derive(Deserialize)]
struct Info {
    engine: String,
    location: String,
    schema: Value,
    durability: String,
    size_bytes: u64,
    check: Value,
}

/// Opens the database as every command does, and asks it about itself.
pub(super) fn store(operator: &Operator<'_>, config: &Config) -> Vec<Check> {
    if matches!(config.database.try_exists(), Ok(false)) {
        let message = format!("{} does not exist yet", config.database.display());
        return vec![Check::warn("database", message, "an agent's first `mab mcp` creates it; check --db")];
    }
    let answer = operator.call("store_info", json!({})).and_then(|answer| {
        serde_json::from_value::<Info>(answer).map_err(|error| {
            Trouble::Fault(mab_core::Fault::from_source("reading the answer of store_info", error))
        })
    });
    match answer {
        Ok(info) => {
            vec![opened(&info), engine(&info.engine), whole(&info.check), anchor(operator), records(operator)]
        }
        Err(trouble) => vec![Check::trouble("database", &trouble)],
    }
}

fn opened(info: &Info) -> Check {
    let schema = info.schema.as_str().map_or_else(|| info.schema.to_string(), str::to_owned);
    Check::good(
        "database",
        format!(
            "{} (schema {schema}, durability {}, {} bytes)",
            info.location, info.durability, info.size_bytes
        ),
    )
}

fn engine(engine: &str) -> Check {
    if !engine.to_ascii_lowercase().contains("sqlite") {
        return Check::good("engine", engine.to_owned());
    }
    match version(engine) {
        Some(version) if version >= ENGINE_MIN => Check::good("engine", engine.to_owned()),
        Some(_) => {
            let hint = "older ones can corrupt a log that several processes write; install a current mab";
            Check::fail("engine", format!("{engine} is older than 3.51.3"), hint)
        }
        None => Check::warn("engine", format!("{engine} does not tell its version"), "report this"),
    }
}

fn whole(check: &Value) -> Check {
    if check.as_str() == Some("ok") || check.as_bool() == Some(true) {
        return Check::good("self-check", "the database is whole".to_owned());
    }
    let hint = "stop every mab, copy the data folder, and restore a backup";
    Check::fail("self-check", format!("the database reports {check}"), hint)
}

/// What `keys` answers of the checkpoints.
#[derive(Deserialize)]
struct Anchored {
    checkpoints: u64,
    newest_at: Option<String>,
    problem: Option<String>,
}

/// Whether the signed checkpoints hold and fit the database.
fn anchor(operator: &Operator<'_>) -> Check {
    let name = "checkpoints";
    let answer = operator.call("keys", json!({})).and_then(|answer| {
        serde_json::from_value::<Anchored>(answer).map_err(|error| {
            Trouble::Fault(mab_core::Fault::from_source("reading the answer of keys", error))
        })
    });
    match answer {
        Ok(Anchored { problem: Some(problem), .. }) => {
            let hint =
                "run `mab audit verify`; after restoring a backup: `mab audit checkpoint --begin-anew`";
            Check::fail(name, problem, hint)
        }
        Ok(Anchored { checkpoints, newest_at: Some(at), .. }) => {
            Check::good(name, format!("{checkpoints}, the newest of {at}"))
        }
        Ok(_) => Check::good(name, "none yet".to_owned()),
        Err(trouble) => Check::trouble(name, &trouble),
    }
}

/// What `audit` answers of its newest entry.
#[derive(Deserialize)]
struct Entries {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    at: String,
}

/// Whether time has gone on since the newest entry of the audit trail.
fn records(operator: &Operator<'_>) -> Check {
    let answer = operator.call("audit", json!({"limit": 1})).and_then(|answer| {
        serde_json::from_value::<Entries>(answer).map_err(|error| {
            Trouble::Fault(mab_core::Fault::from_source("reading the answer of audit", error))
        })
    });
    match answer {
        Ok(audit) => newest(audit.entries.first().map(|entry| entry.at.as_str()), SystemClock.now()),
        Err(trouble) => Check::trouble("records", &trouble),
    }
}

fn newest(at: Option<&str>, now: Timestamp) -> Check {
    let name = "records";
    let Some(at) = at else { return Check::good(name, "none yet".to_owned()) };
    let ahead_ms = Timestamp::parse(at).map_or(0, |at| at.millis_since(now));
    if ahead_ms <= AHEAD_MAX_MS {
        return Check::good(name, format!("the newest is of {at}"));
    }
    let message = format!("the newest is of {at}, which is still to come: the clock was set back");
    Check::warn(name, message, "set the system's clock; expiry and rate limits depend on it")
}

/// By how many milliseconds clocks of several processes may differ: they are one clock, which is set now and then.
const AHEAD_MAX_MS: u64 = 2_000;

fn version(text: &str) -> Option<[u32; 3]> {
    text.split(|character: char| !character.is_ascii_digit() && character != '.').find_map(|word| {
        let mut parts = word.split('.').map(str::parse::<u32>);
        Some([parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::State;

    #[test]
    fn engine_when_older_than_needed_fails() {
        for (text, state) in [
            ("SQLite 3.51.3", State::Good),
            ("sqlite 3.53.0 (bundled)", State::Good),
            ("SQLite 4.0.0", State::Good),
            ("SQLite 3.51.2", State::Fail),
            ("SQLite 3.9.9", State::Fail),
            ("SQLite", State::Warn),
            ("PostgreSQL 17.2", State::Good),
        ] {
            assert_eq!(engine(text).state, state, "{text}");
        }
    }

    #[test]
    fn records_when_the_newest_is_still_to_come_warn() {
        let now = Timestamp::parse("2026-11-22T07:30:00Z").unwrap();
        for (at, state) in [
            (None, State::Good),
            (Some("2026-11-22T07:29:00.000Z"), State::Good),
            (Some("2026-11-22T07:30:02.000Z"), State::Good),
            (Some("2026-11-22T07:30:02.001Z"), State::Warn),
        ] {
            assert_eq!(newest(at, now).state, state, "{at:?}");
        }
    }

    #[test]
    fn self_check_when_it_is_not_a_clear_yes_fails() {
        assert_eq!(whole(&json!("ok")).state, State::Good);
        for bad in [json!("row 3 missing"), json!(false), json!(null), json!([])] {
            assert_eq!(whole(&bad).state, State::Fail, "{bad}");
        }
    }
}
