//! What has to hold for every text, for the fuzz targets here and for `examples/fuzz`, which needs no fuzzer.
//!
//! To add a property, add a function and a line to [`BODIES`].

use std::time::Duration;

use mab_redact::{Action, Redaction, Redactor};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// A name, and a check that says what does not hold.
type Body = (&'static str, fn(&Redactor, &str) -> Result<(), String>);

/// Every property.
pub(crate) const BODIES: [Body; 4] =
    [("redact", sound), ("json", still_json), ("planted", planted_is_gone), ("growth", grows_evenly)];

/// Checks the property of this name.
pub(crate) fn check(name: &str, redactor: &Redactor, text: &str) -> Result<(), String> {
    BODIES.iter().filter(|(known, _)| *known == name).try_for_each(|(_, body)| body(redactor, text))
}

/// What became of a text; nothing for one that is refused.
fn redact(redactor: &Redactor, text: &str) -> Option<Redaction> {
    redactor.redact(text).ok()
}

/// Only the clean text.
fn clean_text(redactor: &Redactor, text: &str) -> Option<String> {
    Some(redact(redactor, text)?.text.into_string())
}

/// Findings lie on characters, in order, within the text; what lies between them stays; a second pass finds nothing.
fn sound(redactor: &Redactor, text: &str) -> Result<(), String> {
    let Some(redaction) = redact(redactor, text) else { return Ok(()) };
    let clean = redaction.text.as_str();
    let (mut position, mut rest) = (0, clean);
    for finding in redaction.findings.iter().filter(|finding| finding.action == Action::Redact) {
        if finding.start < position || finding.end <= finding.start {
            return Err(format!("findings are empty or out of order at {}", finding.start));
        }
        let kept = text.get(position..finding.start).filter(|_| text.is_char_boundary(finding.end));
        let kept =
            kept.ok_or_else(|| format!("finding {}..{} splits a character", finding.start, finding.end))?;
        let at = rest.find(kept).ok_or_else(|| format!("text before {} changed", finding.start))?;
        rest = rest.get(at + kept.len()..).unwrap_or_default();
        position = finding.end;
    }
    if !text.get(position..).is_some_and(|kept| rest.ends_with(kept)) {
        return Err(format!("text after {position} changed"));
    }
    let again = clean_text(redactor, clean).ok_or("the clean text is refused")?;
    if again == clean { Ok(()) } else { Err(format!("a second pass changes {clean:?} to {again:?}")) }
}

/// JSON stays JSON, and JSON in its strings does too.
fn still_json(redactor: &Redactor, text: &str) -> Result<(), String> {
    let mut words = text.splitn(6, ['\n', '\t', ';']);
    let mut word = || words.next().unwrap_or_default();
    let inner =
        json!({ word(): word(), "password": word(), "token": [word(), 12_345_678, null] }).to_string();
    let middle = json!({ "secret": { "body": inner }, word(): 1 }).to_string();
    let outer = json!({ "text": middle, "authorization": [word(), true] });
    let pretty = serde_json::to_string_pretty(&outer).unwrap_or_default();
    for whole in [text.to_owned(), outer.to_string(), pretty] {
        let Ok(before) = serde_json::from_str::<Value>(&whole) else { continue };
        let Some(clean) = clean_text(redactor, &whole) else { continue };
        let after = serde_json::from_str::<Value>(&clean)
            .map_err(|error| format!("JSON {whole:?} becomes {clean:?}: {error}"))?;
        let (Some(before), Some(after)) = (member(&before, "text"), member(&after, "text")) else { continue };
        still_nested(&before, &after)?;
    }
    Ok(())
}

/// The member of an object, if it is a string.
fn member(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::to_owned)
}

/// JSON in a string is still JSON, unless the whole string went.
fn still_nested(before: &str, after: &str) -> Result<(), String> {
    if serde_json::from_str::<Value>(before).is_err() || !after.starts_with('{') {
        return Ok(());
    }
    let value = serde_json::from_str::<Value>(after)
        .map_err(|error| format!("JSON in a string {before:?} becomes {after:?}: {error}"))?;
    let body = value.get("secret").and_then(|secret| member(secret, "body")).unwrap_or_default();
    if body.starts_with('{') && serde_json::from_str::<Value>(&body).is_err() {
        return Err(format!("JSON in JSON in a string {before:?} becomes {after:?}"));
    }
    Ok(())
}

/// A token on a line of its own goes, whatever stands around it.
fn planted_is_gone(redactor: &Redactor, text: &str) -> Result<(), String> {
    let (head, tail) = text.split_at(text.floor_char_boundary(text.len() / 2));
    let vendor = format!("ghp_{}", "Zq7Xw9Lk2".repeat(4));
    let assigned = "Zq7Xw9Lk2-Vb4".repeat(2);
    for (line, secret) in [(vendor.clone(), vendor), (format!("API_TOKEN={assigned}"), assigned)] {
        let Some(clean) = clean_text(redactor, &format!("{head}\n{line}\n{tail}")) else { continue };
        if clean.contains(&secret) {
            return Err(format!("a planted token is left: {clean:?}"));
        }
    }
    Ok(())
}

/// Four times the text takes at most six times the work, and never too long for its size. Time may grow by more than work:
/// caches are shared with whatever else runs.
fn grows_evenly(redactor: &Redactor, text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > TRIGGER_BYTES {
        return Ok(());
    }
    let (small, large) =
        (text.repeat(SMALL_BYTES.div_ceil(text.len())), text.repeat(4 * SMALL_BYTES.div_ceil(text.len())));
    if let (Some(few), Some(many)) = (redact(redactor, &small), redact(redactor, &large))
        && many.work > 6 * few.work + WORK_AT_REST
    {
        return Err(format!("repeated: work {} for 12 KB, {} for 50 KB", few.work, many.work));
    }
    let measure =
        |rounds: u32, text: &str| (0..rounds).map(|_| seconds(redactor, text)).fold(f64::INFINITY, f64::min);
    let is_bad = |rounds: u32| {
        let (small, large) = (measure(rounds, &small), measure(rounds, &large));
        (large > MOST_GROWTH * small || large > TOO_LONG_S).then_some((small * 1e3, large * 1e3))
    };
    match is_bad(1).and_then(|_| is_bad(3)).and_then(|_| is_bad(9)) {
        Some((small, large)) => Err(format!("repeated: {small:.2} ms for 12 KB, {large:.2} ms for 50 KB")),
        None => Ok(()),
    }
}

/// Longest text that is repeated.
const TRIGGER_BYTES: usize = 256;
const SMALL_BYTES: usize = 12_500;
const MOST_GROWTH: f64 = 10.0;
/// Work that says nothing of growth.
const WORK_AT_REST: u64 = 4096;
/// Far above what a hostile text of four times [`SMALL_BYTES`] is meant to take.
const TOO_LONG_S: f64 = 0.015;

/// Processor time of this thread: what else the machine does is no finding.
fn seconds(redactor: &Redactor, text: &str) -> f64 {
    let now = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default();
    let start = now();
    std::hint::black_box(redact(redactor, text));
    now().saturating_sub(start).as_secs_f64()
}
