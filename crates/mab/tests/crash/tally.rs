//! How the kills came out.

use std::{collections::BTreeMap, fmt};

use crate::moment::{Moment, Victim};

/// What a killed call had come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing was committed.
    Nothing,
    /// It was committed, and the client does not know.
    Done,
    /// It was committed, and the client has kept the answer.
    Known,
}

/// What the killed side was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deed {
    Sending,
    Checking,
    Waiting,
}

/// When it was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum When {
    At(Moment),
    AtRandom,
    /// Before there was a message.
    Waiting,
    /// At the first sight that the message is handed out.
    Woken,
    /// The sender, before it has rung.
    Unrung,
}

/// Counts of outcomes, by what was killed when.
#[derive(Default)]
pub(crate) struct Tally {
    rows: BTreeMap<(Deed, When), [[u32; 3]; 3]>,
}

impl Tally {
    pub(crate) fn count(&mut self, deed: Deed, when: When, victim: Victim, outcome: Outcome) {
        self.rows.entry((deed, when)).or_default()[victim as usize][outcome as usize] += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (row, counts) in &other.rows {
            let sums = self.rows.entry(*row).or_default();
            for (sum, count) in sums.as_flattened_mut().iter_mut().zip(counts.as_flattened()) {
                *sum += count;
            }
        }
    }

    /// How often this victim was killed.
    pub(crate) fn kills(&self, victim: Victim) -> u32 {
        self.rows.values().map(|counts| counts[victim as usize].iter().sum::<u32>()).sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for deed in [Deed::Sending, Deed::Checking, Deed::Waiting] {
            let outcomes = match deed {
                Deed::Sending => {
                    "not stored, not acknowledged / stored, not acknowledged / stored, acknowledged"
                }
                Deed::Checking => {
                    "batch before not acknowledged, next not offered / acknowledged, next offered and not read / … and read"
                }
                Deed::Waiting => "nothing / batch before acknowledged, next not read / … and read",
            };
            writeln!(
                f,
                "{deed:?}: {outcomes}\n{:<12}{:>16}{:>16}{:>16}",
                "killed", "server", "client", "both"
            )?;
            for ((_, when), counts) in self.rows.iter().filter(|((of, _), _)| *of == deed) {
                let when = match when {
                    When::At(moment) => format!("{moment:?}"),
                    When::AtRandom | When::Waiting | When::Woken | When::Unrung => format!("{when:?}"),
                };
                write!(f, "{when:<12}")?;
                for [nothing, done, known] in counts {
                    write!(f, "{:>16}", format!("{nothing} / {done} / {known}"))?;
                }
                writeln!(f)?;
            }
        }
        Ok(())
    }
}
