//! How a command stands, and how sure it is that a person agreed.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Fault, agent::named_enum};

named_enum! {
    /// How a command stands.
    RunState {
        /// It waits for an answer.
        Pending = "pending",
        /// It was agreed to and has not started.
        Approved = "approved",
        /// A person, or approvers, refused it.
        Denied = "denied",
        /// Who asked does not want it any more.
        Withdrawn = "withdrawn",
        /// Nobody answered, or it was not started, in time.
        Expired = "expired",
        /// It was started.
        Running = "running",
        /// It has ended.
        Finished = "finished",
        /// It was started, and the process that ran it died before it could tell how it ended.
        Lost = "lost",
    }
}

impl RunState {
    /// Whether it may still run.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Approved)
    }
}

named_enum! {
    /// How sure it is that a person agreed to a command; the later, the surer.
    Assurance {
        /// Nobody was asked: what a person enabled lets it run.
        Policy = "policy",
        /// A form of the requester's own client, which may answer by itself.
        Elicitation = "elicitation",
        /// Agents with the permission `approver`, as many as the person who enabled it wanted.
        Approvers = "approvers",
        /// A person at a terminal, with the passphrase.
        Passphrase = "passphrase",
        /// A person at a terminal, with the passphrase and a one-time code.
        PassphraseTotp = "passphrase+totp",
    }
}

impl Assurance {
    /// Whether a person at a terminal said so.
    pub const fn is_of_a_person(self) -> bool {
        match self {
            Self::Passphrase | Self::PassphraseTotp => true,
            Self::Policy | Self::Elicitation | Self::Approvers => false,
        }
    }
}
