//! What the judge says.

use serde::{Deserialize, Serialize};

use crate::{Plan, profile::GitAccess};

/// Whether a command may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// At once.
    Allow,
    /// After a person's yes to exactly it.
    Ask,
    /// Not at all.
    Deny,
}

/// Which layer decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// The command could not be understood for certain.
    Parse,
    /// The rules about programs, options, paths and shell text.
    Policy,
    /// The sandbox, or the state of the workspace.
    Sandbox,
    /// A person said no, or nobody was asked.
    Human,
    /// The time of the request was over.
    Expired,
    /// Too many requests.
    Rate,
}

impl Layer {
    /// Its name, as users see it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Policy => "policy",
            Self::Sandbox => "sandbox",
            Self::Human => "human",
            Self::Expired => "expired",
            Self::Rate => "rate",
        }
    }
}

/// What the judge says about one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it may run.
    pub decision: Decision,
    /// Which layer decided.
    pub layer: Layer,
    /// Why, in a sentence for who asked: what was refused or understood, and what would do instead. It may quote the
    /// command, so it is redacted and made visible before anybody else sees it.
    pub reason: String,
    /// What would be executed; none when it is denied.
    pub plan: Option<Plan>,
    /// Whether it may write to the workspace; then the workspace is saved first.
    pub writes: bool,
    /// What it may do to the repository's own state.
    pub git: GitAccess,
}

impl Verdict {
    /// A refusal, with why.
    pub fn deny(layer: Layer, reason: impl Into<String>) -> Self {
        Self {
            decision: Decision::Deny,
            layer,
            reason: reason.into(),
            plan: None,
            writes: false,
            git: GitAccess::ReadOnly,
        }
    }
}
