//! What an agent says of itself, and what kind of message it sends.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fault;

/// Seconds without a call after which an agent no longer counts as alive.
pub const ALIVE_WINDOW_S: u64 = 120;

/// Most members of one conversation: their ordinals are kept as bits of an [`Audience`].
pub const MEMBERS_MAX: u8 = 32;

macro_rules! named_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[schemars(inline)]
        pub enum $name {
            $($(#[$variant_meta])* #[serde(rename = $text)] $variant),+
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The public name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl FromStr for $name {
            type Err = Fault;

            /// Reads a stored name.
            fn from_str(text: &str) -> Result<Self, Fault> {
                match text { $($text => Ok(Self::$variant),)+ _ => Err(Fault::new(concat!("reading a stored ", stringify!($name)))) }
            }
        }
    };
}

pub(crate) use named_enum;

/// The join ordinal that stands for the bridge itself as the sender of a message; no agent gets that far.
pub const SYSTEM_ORDINAL: u8 = u8::MAX;

named_enum! {
    /// What an agent is doing.
    Status {
        /// At work.
        Working = "working",
        /// Waiting for somebody.
        Waiting = "waiting",
        /// Cannot go on.
        Blocked = "blocked",
        /// Done.
        Complete = "complete",
    }
}

named_enum! {
    /// What a message wants.
    ActionType {
        /// Asks.
        Question = "question",
        /// Informs.
        Info = "info",
        /// Proposes an action for the other side, or for a human.
        Proposal = "proposal",
        /// Reports being stuck.
        Blocked = "blocked",
        /// Reports the end of the work.
        Complete = "complete",
    }
}

named_enum! {
    /// What an agent may do in its conversation.
    Permission {
        /// Everything an agent may, including inviting others.
        Owner = "owner",
        /// Reads, writes, and keeps order: pauses, removes, judges held messages.
        Moderator = "moderator",
        /// Reads and writes.
        Member = "member",
        /// Reads, and answers requests to run a command.
        Approver = "approver",
        /// Reads only.
        Observer = "observer",
        /// Reads the audit trail only, no messages.
        Auditor = "auditor",
    }
}

named_enum! {
    /// How far a message got with one of its recipients.
    DeliveryState {
        /// Stored, and not handed out yet.
        Stored = "stored",
        /// Handed out, and not acknowledged.
        Offered = "offered",
        /// Acknowledged.
        Acknowledged = "acknowledged",
        /// Never handed out, and it never will be: the recipient was removed.
        Undeliverable = "undeliverable",
        /// Waits for somebody who may release it.
        Held = "held",
        /// Held, and then refused: it never will be handed out.
        Rejected = "rejected",
    }
}

/// A set of members, one bit per join ordinal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Audience(u32);

impl Audience {
    /// The set kept as these bits.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// One bit per member.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Adds the member with this ordinal; ordinals past [`MEMBERS_MAX`] are ignored.
    #[must_use]
    pub fn with(self, ordinal: u8) -> Self {
        Self(self.0 | 1_u32.checked_shl(u32::from(ordinal)).unwrap_or(0))
    }

    /// Whether the member with this ordinal is in the set.
    pub fn contains(self, ordinal: u8) -> bool {
        self.0 & 1_u32.checked_shl(u32::from(ordinal)).unwrap_or(0) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_when_read_back_are_themselves() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse::<Status>().ok(), Some(*status));
        }
        for permission in Permission::ALL {
            assert_eq!(permission.as_str().parse::<Permission>().ok(), Some(*permission));
        }
        assert!("superuser".parse::<Permission>().is_err());
    }

    #[test]
    fn audience_holds_exactly_its_members() {
        let audience = Audience::default().with(0).with(31).with(32).with(200);
        assert!(audience.contains(0) && audience.contains(31));
        assert!(!audience.contains(1) && !audience.contains(32) && !audience.contains(200));
    }
}
