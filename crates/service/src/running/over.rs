//! A command that is over, and who ended it when it did not end by itself.

use mab_core::execution::Assurance;
use mab_exec::{Finished, Killed, Outcome};

/// A command that is over.
#[derive(Debug)]
pub(crate) struct Over {
    /// How it ended.
    pub(crate) finished: Finished,
    /// How sure it is that a person agreed to it.
    pub(crate) assurance: Assurance,
    /// Who asked for its end, if somebody did; it may have ended otherwise.
    pub(crate) stopped: Option<Stopped>,
}

/// Who ended a command that would have gone on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// Who asked for it: its call was cancelled.
    Caller,
    /// The operator ended or replaced what was enabled.
    Operator,
    /// Who asked for it left or was removed.
    Place,
    /// The time of what was enabled was over.
    Terms,
    /// Its server was told to end.
    Server,
}

impl Over {
    /// Why it was ended, in a word and in words; none when it ended by itself.
    pub(crate) const fn why(&self) -> Option<(&'static str, &'static str)> {
        match &self.finished.outcome {
            Outcome::Killed { reason } => Some(why(*reason, self.stopped)),
            Outcome::Exited { .. } | Outcome::Denied { .. } | Outcome::SandboxUnavailable { .. } => None,
        }
    }
}

impl Stopped {
    /// In a word, and in words.
    pub(crate) const fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::Caller => ("cancelled", "it was cancelled"),
            Self::Operator => ("ended_by_operator", "the operator ended what was enabled"),
            Self::Place => ("requester_removed", "who asked for it is no member any more"),
            Self::Terms => ("terms_over", "the time of what was enabled was over"),
            Self::Server => ("server_stopped", "its server was stopped"),
        }
    }
}

const fn why(reason: Killed, stopped: Option<Stopped>) -> (&'static str, &'static str) {
    match (reason, stopped) {
        (Killed::Timeout, _) => ("timeout", "its time was over"),
        (Killed::Output, _) => ("output", "it printed more than it may"),
        (Killed::Memory, _) => ("memory", "it used more memory than it may"),
        (Killed::Lost, _) => ("lost", "it could not be followed any longer"),
        (Killed::Cancelled, Some(stopped)) => stopped.told(),
        (Killed::Cancelled, None) => Stopped::Caller.told(),
    }
}
