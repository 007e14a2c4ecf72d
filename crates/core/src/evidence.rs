//! Whether a record still is what was recorded: walks over stored audit chains that name what is wrong and where.
//!
//! Everything here is pure: a store feeds what it holds, row by row and in order, and gets findings.
//!
//! ```text
//! rows of a chain ──► Walk ──► Replay          hashes, marks, checkpoints, witnesses; then what the entries say of the
//!                      │          │            tables: members, messages, commands
//!                      └─ Finding ┘
//! ```
//!
//! A chain's walk ends at its first bad entry, because everything after it hangs on it.

mod commands;
mod enrolment;
mod finding;
mod order;
mod points;
mod replay;
mod report;
mod walk;

pub use commands::{CommandRow, CommandsRow, DenialsRow, EnabledRow, digest};
pub use enrolment::{Approvers, EnrolledRow};
pub use finding::{Finding, Kind};
pub use order::{HeldRow, OrderRow};
pub use points::{Point, Source, Witness, points_of};
pub use replay::{MemberRow, MessageRow, Replay, Sent, StateRow};
pub use report::{
    AnchorJudged, ChainReport, Examination, Examined, Given, MarksChecked, Proof, judge_anchor,
    missing_chains, proof,
};
pub use walk::{Claim, Marks, Row, Step, Walk, Walked};

#[cfg(test)]
mod tests;
