//! `read_audit`: the audit trail of the agent's own conversation.

use mab_core::{Code, Denied, Failure, audit::Detail, entity::AuditRow, limit::Kind, policy::Action};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::audit::Recorded;
use crate::door::{Call, Op};

/// Entries in one answer when the caller does not say.
const LIMIT_DEFAULT: u32 = 50;
/// Most entries in one answer.
const LIMIT_MAX: u32 = 200;
/// Most bytes of entries in one answer, so that a client's own limit on tool output is not met; one always fits.
const PAGE_BYTES: usize = 48 * 1024;
/// Bytes of an entry beside its texts: its hash, its time and the names of its fields.
const ENTRY_BYTES: usize = 200;

/// The operation.
pub(crate) struct ReadAudit;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// An entry's n; default: the newest entries
    #[serde(default)]
    after_n: Option<u64>,
    /// Default 50
    #[serde(default)]
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    /// Oldest first
    entries: Vec<Recorded>,
    /// Whether there are later ones: go on with `after_n`
    more: bool,
}

impl Op for ReadAudit {
    const ACTION: Action = Action::ReadAudit;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, Arguments { after_n, limit }: Arguments) -> Result<Answer, Failure> {
        let (bridge, pk) = (call.bridge, call.member()?.conversation_pk);
        let limit = limit.unwrap_or(LIMIT_DEFAULT);
        let stamp = bridge.stamp(call.permit.clone(), Kind::Read, Detail::default());
        if !(1..=LIMIT_MAX).contains(&limit) {
            let denied = Denied::new(Code::InvalidArguments, format!("limit must be 1 to {LIMIT_MAX}"));
            return Err(bridge.store.deny(stamp, denied).await);
        }
        bridge.store.charge(stamp).await?;
        let found = bridge.store.audit_after(pk, after_n, limit + 1).await?;
        let count = found.len();
        let newest_first = after_n.is_none();
        let rows = page(found, limit as usize, newest_first);
        let more = !newest_first && rows.len() < count;
        Ok(Answer { entries: rows.into_iter().map(Recorded::in_its_conversation).collect(), more })
    }
}

/// The rows, oldest first, that one answer holds: from the newest back, or from the oldest on.
fn page(mut rows: Vec<AuditRow>, limit: usize, newest_first: bool) -> Vec<AuditRow> {
    if newest_first {
        rows.reverse();
    }
    let mut bytes = 0;
    let fits = |row: &AuditRow| {
        bytes += ENTRY_BYTES + row.entry.actor.len() + row.entry.outcome.len() + row.entry.detail.len();
        bytes
    };
    let sizes: Vec<usize> = rows.iter().map(fits).collect();
    let count = sizes.iter().take(limit).take_while(|bytes| **bytes <= PAGE_BYTES).count();
    rows.truncate(count.max(1));
    if newest_first {
        rows.reverse();
    }
    rows
}

#[cfg(test)]
mod tests {
    use mab_core::{Timestamp, audit::Entry};

    use super::*;

    fn rows(detail_bytes: &[usize]) -> Vec<AuditRow> {
        let row = |(n, bytes): (u64, &usize)| AuditRow {
            conversation: None,
            entry: Entry {
                n,
                at: Timestamp::from_millis(0),
                actor: "a".to_owned(),
                action: "send".to_owned(),
                outcome: "ok".to_owned(),
                detail: "x".repeat(*bytes),
            },
            hash: vec![0; 32],
        };
        (1..).zip(detail_bytes).map(row).collect()
    }

    fn numbers(detail_bytes: &[usize], limit: usize, newest_first: bool) -> Vec<u64> {
        page(rows(detail_bytes), limit, newest_first).iter().map(|row| row.entry.n).collect()
    }

    #[test]
    fn page_is_cut_by_number_and_by_size_at_the_end_that_is_far() {
        assert_eq!(numbers(&[], 3, true), [0; 0]);
        assert_eq!(numbers(&[9, 9, 9, 9], 3, false), [1, 2, 3]);
        assert_eq!(numbers(&[9, 9, 9, 9], 3, true), [2, 3, 4]);
        let half = PAGE_BYTES / 2;
        assert_eq!(numbers(&[9, half, half, 9], 9, false), [1, 2]);
        assert_eq!(numbers(&[9, half, half, 9], 9, true), [3, 4]);
        assert_eq!(numbers(&[PAGE_BYTES, 9], 9, false), [1], "one always fits");
    }
}
