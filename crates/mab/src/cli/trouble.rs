//! Why a command could not do what it was asked.

use std::{error::Error, io};

use mab_core::{Code, Denied, Failure, Fault};
use serde_json::{Value, json};

use crate::cli::{Exit, Visible};

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The person at the machine can act on it.
    Denied(Denied),
    /// Ours.
    Fault(Fault),
    /// Whoever read our output has seen enough; not an error.
    ClosedPipe,
    /// The person at the terminal had enough; nothing was changed.
    Cancelled,
}

impl Trouble {
    /// A refusal of this command's own input.
    pub(crate) fn input(message: impl Into<String>, hint: &str) -> Self {
        Self::Denied(Denied::new(Code::InvalidArguments, message).hint(hint))
    }

    /// What happened while reading, sorted into what the reader can mend.
    pub(crate) fn reading(name: &str, source: &io::Error) -> Self {
        Self::input(format!("cannot read {name}: {source}"), "check the name and its permissions")
    }

    /// What happened while writing to stdout.
    pub(crate) fn writing(source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::BrokenPipe {
            Self::ClosedPipe
        } else {
            Self::Fault(Fault::from_source("writing to stdout", source))
        }
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Denied(denied) => Exit::refused(denied.code),
            Self::Fault(_) => Exit::INTERNAL,
            Self::ClosedPipe => Exit::OK,
            Self::Cancelled => Exit::CANCELLED,
        }
    }

    /// `{"code", "message", "hint"?, "retry_after_s"?}`, as agents get it.
    pub(crate) fn to_json(&self) -> Option<Value> {
        let (code, message, hint, retry_after_s) = match self {
            Self::Denied(denied) => {
                (denied.code, denied.message.clone(), denied.hint.as_deref(), denied.retry_after_s)
            }
            Self::Fault(fault) => (Code::Internal, with_causes(fault), None, None),
            Self::ClosedPipe | Self::Cancelled => return None,
        };
        let mut object = json!({"code": code.name(), "message": message});
        if let Some(fields) = object.as_object_mut() {
            fields.extend(hint.map(|hint| ("hint".to_owned(), hint.into())));
            fields.extend(retry_after_s.map(|seconds| ("retry_after_s".to_owned(), seconds.into())));
        }
        Some(object)
    }

    /// The same for a person: the message, and what to do next. Nothing when there is nothing to say.
    pub(crate) fn to_lines(&self) -> Option<(Visible, Option<Visible>)> {
        match self {
            Self::Denied(denied) => {
                let wait = denied.retry_after_s.map(|seconds| format!("wait {seconds} s"));
                let hints: Vec<&str> = denied.hint.as_deref().into_iter().chain(wait.as_deref()).collect();
                let hint = (!hints.is_empty()).then(|| Visible::line(&hints.join("; ")));
                Some((Visible::line(&denied.to_string()), hint))
            }
            Self::Fault(fault) => Some((Visible::line(&with_causes(fault)), None)),
            Self::ClosedPipe | Self::Cancelled => None,
        }
    }
}

/// The fault and the chain of its causes, in one line.
pub(crate) fn with_causes(fault: &Fault) -> String {
    let mut text = format!("failed while {fault}");
    let mut cause = fault.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

impl From<Denied> for Trouble {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Denied(denied) => Self::Denied(denied),
            Failure::Fault(fault) => Self::Fault(fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_when_shown_names_its_causes() {
        let fault = Fault::from_source("opening x", io::Error::other("disk on fire"));
        assert_eq!(with_causes(&fault), "failed while opening x: disk on fire");
        assert_eq!(Trouble::Fault(fault).exit(), Exit::INTERNAL);
    }

    #[test]
    fn denied_when_shown_carries_hint_and_wait() {
        let denied = Denied::new(Code::Busy, "store held\u{1b}").hint("try again").retry_after(3);
        let trouble = Trouble::from(denied);
        assert_eq!(trouble.exit().number(), 8);
        assert_eq!(
            trouble.to_json(),
            Some(
                json!({"code": "busy", "message": "store held\u{1b}", "hint": "try again", "retry_after_s": 3})
            )
        );
        let (message, hint) = trouble.to_lines().unwrap_or_default();
        assert_eq!(message.as_str(), "store held\\u{1b} (busy)");
        assert_eq!(hint.unwrap_or_default().as_str(), "try again; wait 3 s");
    }
}
