//! What the entries of a conversation say of its order: which messages are held back, whether it is paused, and whether
//! there is an inbound policy.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::MessageId;

/// What a conversation's tables say of its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderRow {
    /// Messages that wait or were rejected.
    pub held: Vec<HeldRow>,
    /// Whom those messages reach that were ever held, as bits, by number; only of messages that are there.
    pub audiences: BTreeMap<u64, i64>,
    /// Whether it is paused.
    pub paused: bool,
    /// Whether it has an inbound policy.
    pub inbound: bool,
}

/// What the row of a held message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldRow {
    /// The message's number.
    pub seq: u64,
    /// Whom it is for, as bits.
    pub audience: i64,
    /// Whether it was rejected.
    pub rejected: bool,
}

/// What became of a message that was held.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Waits(i64),
    Rejected(i64),
    Released(i64),
}

/// The order after the entries so far.
#[derive(Debug, Default)]
pub(super) struct Order {
    fates: BTreeMap<u64, Fate>,
    paused: bool,
    /// `None`: not told by the entries.
    inbound: Policy,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Policy {
    #[default]
    Absent,
    There,
    /// A rule may say what holds without any.
    Either,
}

/// The facts of an entry that the order follows from.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct OrderFacts {
    message: String,
    to: Vec<String>,
    rule: String,
    verdict: String,
}

impl Order {
    /// A message was sent and is held back from these.
    pub(super) fn hold(&mut self, seq: u64, audience: i64) {
        self.fates.insert(seq, Fate::Waits(audience));
    }

    pub(super) fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// A held message was judged; `None` when no such message waits.
    pub(super) fn judge(
        &mut self,
        facts: &OrderFacts,
        release: bool,
        bits: impl Fn(&[String]) -> Option<i64>,
    ) -> Option<()> {
        let id: MessageId = facts.message.parse().ok()?;
        let fate = self.fates.get_mut(&id.seq)?;
        let Fate::Waits(audience) = *fate else { return None };
        *fate = if release { Fate::Released(bits(&facts.to)?) } else { Fate::Rejected(audience) };
        Some(())
    }

    /// The inbound policy was changed.
    pub(super) fn set_inbound(&mut self, facts: &OrderFacts) {
        self.inbound = match (facts.rule.as_str(), facts.verdict.as_str()) {
            ("all", _) => Policy::Absent,
            ("default", "accept") => Policy::Either,
            _ => Policy::There,
        };
    }

    /// Everything was purged but the pause.
    pub(super) fn purge(&mut self) {
        self.fates.clear();
        self.inbound = Policy::Absent;
    }

    /// The first difference.
    pub(super) fn differs(&self, row: &OrderRow) -> Option<String> {
        let expected = self.fates.iter().filter_map(|(&seq, fate)| match *fate {
            Fate::Waits(audience) => Some(HeldRow { seq, audience, rejected: false }),
            Fate::Rejected(audience) => Some(HeldRow { seq, audience, rejected: true }),
            Fate::Released(_) => None,
        });
        let expected: Vec<HeldRow> = expected.collect();
        if let Some(held) = expected.iter().find(|held| !row.held.contains(held)) {
            let said = if held.rejected { "rejected" } else { "held" };
            return Some(format!("message {}: not {said} as recorded", held.seq));
        }
        if let Some(held) = row.held.iter().find(|held| !expected.contains(held)) {
            return Some(format!("message {}: held, recorded: not held", held.seq));
        }
        let reached = |(seq, fate): (&u64, &Fate)| {
            let recorded = if let Fate::Released(audience) = fate { *audience } else { 0 };
            row.audiences.get(seq).is_some_and(|audience| *audience != recorded).then_some(*seq)
        };
        if let Some(seq) = self.fates.iter().find_map(reached) {
            return Some(format!("message {seq}: reaches others than recorded"));
        }
        if self.paused != row.paused {
            let said = |paused| if paused { "paused" } else { "not paused" };
            return Some(format!("{}, recorded: {}", said(row.paused), said(self.paused)));
        }
        match (self.inbound, row.inbound) {
            (Policy::Absent, true) => Some("an inbound policy, recorded: none".to_owned()),
            (Policy::There, false) => Some("no inbound policy, recorded: one".to_owned()),
            (Policy::Absent | Policy::Either, false) | (Policy::There | Policy::Either, true) => None,
        }
    }
}
