//! What the entries of the bridge's own chain say of the approver that is enrolled. An order of entries that cannot be is
//! told too: then the row was changed in between.

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

/// The keys that were enrolled one after the other, as the bridge's own chain says, each with when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Approvers(Vec<(i64, [u8; 32])>);

impl Approvers {
    /// Whether a key was enrolled and not replaced then. A second more is tolerated, and what was before it was enrolled, because
    /// clocks are set.
    pub(super) fn had(&self, key: &[u8; 32], at: i64) -> bool {
        let until = self.0.iter().skip(1).map(|(from, _)| from.saturating_add(1_000)).chain([i64::MAX]);
        self.0.iter().zip(until).any(|((_, one), until)| one == key && at <= until)
    }
}

/// The approver after the entries so far.
#[derive(Debug, Default)]
pub(super) struct Enrolment {
    row: Option<EnrolledRow>,
    /// Its key, as entries name it.
    key: Option<String>,
    approvers: Approvers,
    /// The first entry that cannot follow those before it, and why.
    impossible: Option<(u64, &'static str)>,
}

/// The facts of an entry that the row follows from.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Facts {
    step: Option<String>,
    key: Option<String>,
    before: Option<String>,
    approver_sha256: Option<String>,
    code: Option<String>,
    code_step: Option<i64>,
    wrong: i64,
    locked_until_ms: Option<i64>,
}

impl Enrolment {
    /// Takes an entry about approvers; `None` when it cannot be understood.
    pub(super) fn take(&mut self, (n, at): (u64, i64), detail: &[u8]) -> Option<()> {
        let facts: Facts = serde_json::from_slice(detail).ok()?;
        let possible = match facts.step.as_deref() {
            Some("enrolled" | "replaced") => self.enrol(at, facts)?,
            Some("code") => self.code(at, &facts),
            Some(_) | None => Ok(()),
        };
        if let Err(why) = possible {
            self.impossible = self.impossible.or(Some((n, why)));
        }
        Some(())
    }

    /// Only the first is enrolled in nobody's place.
    fn enrol(&mut self, at: i64, facts: Facts) -> Option<Result<(), &'static str>> {
        let mut digest = [0; 32];
        hex::decode_to_slice(facts.approver_sha256?, &mut digest).ok()?;
        let possible = match facts.step.as_deref() {
            Some("enrolled") if self.row.is_some() => {
                Err("an approver enrolled as the first, and there was one")
            }
            Some("replaced") if facts.before.is_none() || facts.before != self.key => {
                Err("an approver replaced that was not enrolled")
            }
            Some(_) | None => Ok(()),
        };
        self.row = Some(EnrolledRow { digest, enrolled_at: at, ..EnrolledRow::default() });
        let mut key = [0; 32];
        hex::decode_to_slice(facts.key.as_ref()?, &mut key).ok()?;
        self.approvers.0.push((at, key));
        self.key = facts.key;
        Some(possible)
    }

    fn code(&mut self, at: i64, facts: &Facts) -> Result<(), &'static str> {
        let row = self.row.as_mut().ok_or("a one-time code, and no approver was enrolled")?;
        let before = row.clone();
        row.code_step = facts.code_step.unwrap_or(row.code_step);
        row.locked_until = facts.locked_until_ms;
        // What locked is counted anew.
        row.wrong_codes = if row.locked_until.is_some() { 0 } else { facts.wrong };
        if before.locked_until.is_some_and(|until| at < until) {
            return Err("a one-time code, while none was taken");
        }
        let follows = if facts.code.as_deref() == Some("right") {
            row.code_step > before.code_step
        } else {
            row.code_step == before.code_step && facts.wrong == before.wrong_codes.saturating_add(1)
        };
        if follows { Ok(()) } else { Err("a one-time code that cannot follow the one before") }
    }

    /// Who was enrolled so far, and when.
    pub(super) const fn approvers(&self) -> &Approvers {
        &self.approvers
    }

    /// The first entry that cannot follow those before it, and why.
    pub(super) const fn impossible(&self) -> Option<(u64, &'static str)> {
        self.impossible
    }

    /// The first difference.
    pub(super) fn differs(&self, rows: &[EnrolledRow]) -> Option<String> {
        let recorded = self.row.as_ref();
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
