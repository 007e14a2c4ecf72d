//! The anchor and the newest checkpoint that the store recorded, as they were at one moment, while others write both.
//!
//! A checkpoint is recorded first and appended after that. So the record is read, then the file, then the record again: what
//! the file holds beyond the first record is honest when the second one has it, and is left to the next verification.

use std::{collections::BTreeMap, sync::Arc};

use mab_core::{
    Failure, Timestamp,
    anchor::Pending,
    evidence::{self, ChainReport, Given, Kind, Source},
};
use mab_store::Store;

use crate::{Bridge, anchoring::blocking};

/// Reads the anchor that is verified; `None` when there is none.
pub type ReadAnchor = Arc<dyn Fn() -> Result<Option<String>, Failure> + Send + Sync>;

/// How often it is tried, when an anchor is begun anew meanwhile.
const ATTEMPTS: u32 = 3;

impl Bridge {
    /// Verifies against the anchor that this reads, each time it is needed.
    #[must_use]
    pub fn with_anchor(mut self, read: ReadAnchor) -> Self {
        self.read_anchor = Some(read);
        self
    }
}

/// The anchor's text, and the newest checkpoint recorded when it was that long.
pub(crate) async fn read(
    store: &dyn Store,
    read: &ReadAnchor,
) -> Result<(Option<String>, Option<Pending>), Failure> {
    let mut recorded = store.newest_checkpoint().await?;
    let mut attempt = 1;
    loop {
        let reading = Arc::clone(read);
        let text = blocking(move || reading()).await?;
        let now = store.newest_checkpoint().await?;
        let first = recorded.as_ref().map_or(0, Pending::end);
        let follows = now == recorded || now.as_ref().is_some_and(|now| now.offset >= first);
        if follows || attempt == ATTEMPTS {
            let newest = now.as_ref().map_or(0, Pending::end);
            return Ok((text.map(|text| cut(text, first, newest)), recorded));
        }
        (recorded, attempt) = (now, attempt + 1);
    }
}

/// Without what was appended since the first record, up to the second.
fn cut(mut text: String, first: u64, second: u64) -> String {
    let length = text.len() as u64;
    if length > first
        && length <= second
        && let Ok(first) = usize::try_from(first)
        && text.is_char_boundary(first)
    {
        text.truncate(first);
    }
    text
}

/// Takes back that chains are covered further than the anchor tells, where the anchor, by now, tells of it.
pub(crate) async fn forgive(
    store: &dyn Store,
    (reader, before): (&ReadAnchor, &str),
    given: &Given,
    (chains, now): (&mut [ChainReport], Timestamp),
) -> Result<(), Failure> {
    let is_short = |chain: &ChainReport| chain.findings.iter().any(|it| it.kind == Kind::AnchorTruncated);
    if !chains.iter().any(is_short) {
        return Ok(());
    }
    let (text, recorded) = read(store, reader).await?;
    let Some(text) = text.filter(|text| text.starts_with(before)) else { return Ok(()) };
    let given = Given { anchor: Some(text), ..given.clone() };
    let Some(anchor) = evidence::judge_anchor(&given, recorded.as_ref(), now).anchor else { return Ok(()) };
    let points = evidence::points_of(&anchor);
    let seen: BTreeMap<_, _> = points.iter().map(|(chain, points)| (*chain, newest(points))).collect();
    for chain in chains {
        let seen = seen.get(&chain.conversation).copied().unwrap_or_default();
        chain.findings.retain(|it| it.kind != Kind::AnchorTruncated || it.to.is_none_or(|to| to > seen));
    }
    Ok(())
}

fn newest(points: &[evidence::Point]) -> u64 {
    let checkpoints = points.iter().filter(|point| matches!(point.source, Source::Checkpoint { .. }));
    checkpoints.map(|point| point.n).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_when_it_grew_between_two_records_is_as_the_first_one_tells() {
        let text = || "0123456789".to_owned();
        assert_eq!(cut(text(), 4, 10), "0123");
        assert_eq!(cut(text(), 4, 12), "0123", "a crash cut the second one");
        assert_eq!(cut(text(), 10, 12), text());
        assert_eq!(cut(text(), 4, 4), text(), "nobody recorded what is too much");
        assert_eq!(cut(text(), 4, 9), text());
    }
}
