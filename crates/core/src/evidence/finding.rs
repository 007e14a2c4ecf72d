//! What can be found, by its public name.

use std::fmt;

macro_rules! kinds {
    ($($(#[doc = $meaning:literal])+ $kind:ident = $name:literal, $is_warning:literal;)+) => {
        /// What is wrong, or deserves to be known. The names are public: never renamed, only added.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $($(#[doc = $meaning])+ $kind),+ }

        impl Kind {
            /// Every kind, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$kind),+];

            /// The public name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $name),+ }
            }

            /// What it means, one sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$kind => concat!($($meaning),+)),+ }.trim()
            }

            /// Whether the record may be whole all the same.
            pub const fn is_warning(self) -> bool {
                match self { $(Self::$kind => $is_warning),+ }
            }
        }
    };
}

kinds! {
    /// The entry does not match its hash.
    Changed = "changed", false;
    /// Entries are missing, and later ones are there.
    Deleted = "deleted", false;
    /// Two entries stand in each other's place.
    Swapped = "swapped", false;
    /// The entry is a copy of another one.
    Duplicated = "duplicated", false;
    /// The newest entries are missing: the conversation's row tells of more.
    Truncated = "truncated", false;
    /// This bridge did not write the entry: its mark is wrong, or it stands where no entry belongs.
    Forged = "forged", false;
    /// The entry has no mark, and every entry of this bridge has one.
    Unmarked = "unmarked", false;
    /// The conversation's row tells of another newest entry than the chain has.
    RowMismatch = "row_mismatch", false;
    /// Checkpoints have seen more than the database holds: it was restored from an older copy, or cut off.
    RolledBack = "rolled_back", false;
    /// The chain holds in itself, and is another one than a checkpoint has seen.
    Rewritten = "rewritten", false;
    /// A checkpoint's signature is not of its text.
    WrongSignature = "wrong_signature", false;
    /// A checkpoint is not signed by the key that was valid, or by none that is trusted.
    UnknownKey = "unknown_key", false;
    /// There are checkpoints, and the key that signs them is gone.
    KeyMissing = "key_missing", false;
    /// The master key is not the one that this database was made with.
    WrongMasterKey = "wrong_master_key", false;
    /// A checkpoint is dated later than this machine's clock.
    CheckpointFromTheFuture = "checkpoint_from_the_future", false;
    /// The database has made checkpoints that the anchor lacks.
    AnchorTruncated = "anchor_truncated", false;
    /// The anchor is not as it was written.
    AnchorChanged = "anchor_changed", false;
    /// A witness was told of another entry than the chain has.
    WitnessMismatch = "witness_mismatch", false;
    /// The database names an older schema than it is of: then nobody looks at marks.
    SchemaLowered = "schema_lowered", false;
    /// Tables or indices are not as this program makes them.
    SchemaChanged = "schema_changed", false;
    /// The tables say something else than the entries led to.
    StateMismatch = "state_mismatch", false;
    /// An entry tells of a message that is not there.
    MessageMissing = "message_missing", false;
    /// A message is not the one that its entry tells of.
    MessageChanged = "message_changed", false;
    /// There is a message that no entry tells of.
    MessageAdded = "message_added", false;
    /// An entry is dated more than a second before an earlier one: the clock was set back.
    ClockBack = "clock_back", true;
    /// An entry is dated before a checkpoint that does not have it: the clock was behind then, or somebody who holds the
    /// master key put the entry in later.
    Unanchored = "unanchored", true;
    /// Entries are newer than the newest checkpoint.
    Unproven = "unproven", true;
    /// There are no checkpoints: who has the database and the master key can write all of it anew.
    NoAnchor = "no_anchor", true;
    /// A crash kept the end of the newest checkpoint from the anchor; the database has it, and the next one completes it.
    AnchorIncomplete = "anchor_incomplete", true;
    /// What the tables should say is not known: there are entries of a kind that this version does not know.
    StateUnknown = "state_unknown", true;
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub kind: Kind,
    /// The first bad entry of the chain, where one can be named.
    pub n: Option<u64>,
    /// The last one, or the other one of two.
    pub to: Option<u64>,
    /// The checkpoint that tells, from 1.
    pub checkpoint: Option<u64>,
    /// What exactly, in words fixed in the program, names and numbers.
    pub what: Option<String>,
}

impl Finding {
    /// A finding without a place.
    pub const fn new(kind: Kind) -> Self {
        Self { kind, n: None, to: None, checkpoint: None, what: None }
    }

    /// At this entry.
    #[must_use]
    pub const fn at(mut self, n: u64) -> Self {
        self.n = Some(n);
        self
    }

    /// Up to this entry, or together with it.
    #[must_use]
    pub const fn to(mut self, n: u64) -> Self {
        self.to = Some(n);
        self
    }

    /// Told by this checkpoint.
    #[must_use]
    pub const fn checkpoint(mut self, number: u64) -> Self {
        self.checkpoint = Some(number);
        self
    }

    /// With an explanation: names and numbers only.
    #[must_use]
    pub fn what(mut self, what: impl Into<String>) -> Self {
        self.what = Some(what.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_kind_is_explained() {
        let names: std::collections::BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(names.len(), Kind::ALL.len());
        assert!(Kind::ALL.iter().all(|kind| kind.meaning().ends_with('.')));
    }
}
