//! What the entries of the bridge's own chain say of the approver that is enrolled.

use serde::Deserialize;

/// What the approver's row says. Times are in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnrolledRow {
    /// [`digest`](super::digest) of key, sealed secrets and the mark that this bridge enrolled it.
    pub digest: [u8; 32],
    /// Since when.
    pub enrolled_at: i64,
    /// Number of the newest one-time code that was used.
    pub code_step: i64,
    /// Wrong codes since the last right one.
    pub wrong_codes: i64,
    /// Until when no code is taken.
    pub locked_until: Option<i64>,
}

/// The approver after the entries so far.
#[derive(Debug, Default)]
pub(super) struct Enrolment(Option<EnrolledRow>);

/// The facts of an entry that the row follows from.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Facts {
    step: Option<String>,
    approver_sha256: Option<String>,
    code_step: Option<i64>,
    wrong: i64,
    locked_until_ms: Option<i64>,
}

impl Enrolment {
    /// Takes an entry about approvers; `None` when it cannot be understood.
    pub(super) fn take(&mut self, at: i64, detail: &[u8]) -> Option<()> {
        let facts: Facts = serde_json::from_slice(detail).ok()?;
        match facts.step.as_deref() {
            Some("enrolled" | "replaced") => {
                let mut digest = [0; 32];
                hex::decode_to_slice(facts.approver_sha256?, &mut digest).ok()?;
                self.0 = Some(EnrolledRow { digest, enrolled_at: at, ..EnrolledRow::default() });
            }
            Some("code") => {
                let row = self.0.as_mut()?;
                row.code_step = facts.code_step.unwrap_or(row.code_step);
                row.locked_until = facts.locked_until_ms;
                // What locked is counted anew.
                row.wrong_codes = if row.locked_until.is_some() { 0 } else { facts.wrong };
            }
            Some(_) | None => {}
        }
        Some(())
    }

    /// The first difference.
    pub(super) fn differs(&self, rows: &[EnrolledRow]) -> Option<String> {
        let recorded = self.0.as_ref();
        match (recorded, rows) {
            (None, []) => None,
            (None, _) => Some("an approver, recorded: none".to_owned()),
            (Some(_), []) => Some("no approver, recorded: one".to_owned()),
            (Some(recorded), [row]) if recorded == row => None,
            (Some(recorded), [row])
                if (recorded.digest, recorded.enrolled_at) == (row.digest, row.enrolled_at) =>
            {
                Some("codes of the approver: not as recorded".to_owned())
            }
            (Some(_), _) => Some("approver: another than recorded".to_owned()),
        }
    }
}
