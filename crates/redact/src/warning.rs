//! Secrets that stay in the text and are told of.
//!
//! They are looked for in the text that is clean already, by an engine of their own: what a rule only warns of never keeps
//! another rule from what it would take out.

use crate::Redaction;
use crate::engine::Engine;
use crate::fingerprint::Placeholders;
use crate::merge::{OffsetMap, merge, touches};
use crate::rule::Match;

/// Adds what was seen in the clean text to the findings, but for what touches a secret that was taken out.
///
/// *Names*: the engine that warns, and what stands in place of those that were `removed`.
pub(crate) fn add(
    redaction: &mut Redaction,
    seen: Vec<Match>,
    (warner, names): (&Engine, &Placeholders<'_>),
    removed: &[Match],
) {
    let map = OffsetMap::new(names, removed);
    let stays = |found: &Match| !touches(removed, &found.range);
    let seen = merge(seen.into_iter().map(|found| map.to_input(found)).filter(stays).collect());
    redaction.findings.extend(seen.iter().filter_map(|found| warner.finding(found)));
    redaction.findings.sort_by_key(|finding| finding.start);
}
