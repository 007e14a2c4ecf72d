//! Exit codes: public numbers, never changed, only added.

use std::process::ExitCode;

use mab_core::Code;

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit(u8);

impl Exit {
    /// Done.
    pub const OK: Self = Self(0);
    /// The bridge failed; nothing the caller did wrong.
    pub const INTERNAL: Self = Self(1);
    /// `mab redact` found secrets.
    pub const FOUND: Self = Self(1);
    /// The command line or an input is not what it should be.
    pub const USAGE: Self = Self(2);
    /// `mab hook wait` saw mail come: what Claude Code takes as the sign to wake its agent.
    pub const WAKE: Self = Self(2);
    /// `mab audit verify` found that something is not as it was recorded.
    pub const AUDIT_BROKEN: Self = Self(9);
    /// `mab doctor` found something that does not work.
    pub const CHECK_FAILED: Self = Self(10);
    /// `mab demo` saw something else than it should.
    pub const DEMO_FAILED: Self = Self(11);

    /// `mab audit verify` could not check: the database cannot be read, or is damaged.
    pub const AUDIT_UNCHECKED: Self = Self(12);

    /// `mab judge` says that a person would have to agree.
    pub const JUDGED_ASK: Self = Self(13);
    /// `mab judge` says that the command may not run.
    pub const JUDGED_DENY: Self = Self(14);
    /// The time of what `mab run` ran was over.
    pub const TIMED_OUT: Self = Self(124);
    /// Told to stop: by Ctrl-C, or at a question.
    pub const CANCELLED: Self = Self(130);
    /// What `mab run` ran was ended for its memory, its processes or its output.
    pub const OVER_LIMIT: Self = Self(137);

    /// The exits that no refusal [`Code`] stands for, with their meaning, for the documentation.
    pub const OWN: [(Self, &'static str); 14] = [
        (Self::OK, "Done."),
        (Self::INTERNAL, "The bridge failed; the message says where."),
        (Self::FOUND, "`mab redact` found secrets."),
        (Self::USAGE, "The command line or an input is not what it should be."),
        (Self::WAKE, "`mab hook wait` saw mail come."),
        (Self::AUDIT_BROKEN, "`mab audit verify` found that something is not as it was recorded."),
        (Self::CHECK_FAILED, "`mab doctor` found something that does not work."),
        (Self::DEMO_FAILED, "`mab demo` saw something else than it should."),
        (
            Self::AUDIT_UNCHECKED,
            "`mab audit verify` could not check: the database cannot be read, or is damaged.",
        ),
        (Self::JUDGED_ASK, "`mab judge`: a person would have to agree."),
        (Self::JUDGED_DENY, "`mab judge`: the command may not run."),
        (Self::TIMED_OUT, "`mab run`: the command's time was over. Else it exits as its command did."),
        (Self::CANCELLED, "Stopped with Ctrl-C, or at a question; nothing was changed."),
        (Self::OVER_LIMIT, "`mab run`: the command was ended for its memory, its processes or its output."),
    ];

    /// The exit of a command that ran: its own.
    pub fn of_command(code: i32) -> Self {
        Self(u8::try_from(code).unwrap_or(u8::MAX))
    }

    /// The exit of a refusal.
    pub fn refused(code: Code) -> Self {
        Self(code.row().exit_code)
    }

    /// The number.
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_exits_when_not_shared_on_purpose_are_no_code_of_a_refusal() {
        for exit in [
            Exit::AUDIT_BROKEN,
            Exit::CHECK_FAILED,
            Exit::DEMO_FAILED,
            Exit::AUDIT_UNCHECKED,
            Exit::JUDGED_ASK,
            Exit::JUDGED_DENY,
            Exit::TIMED_OUT,
            Exit::CANCELLED,
            Exit::OVER_LIMIT,
        ] {
            assert!(Code::ALL.iter().all(|code| Exit::refused(*code) != exit), "{exit:?}");
        }
        assert_eq!(Exit::refused(Code::Internal), Exit::INTERNAL);
        assert_eq!(Exit::refused(Code::InvalidArguments), Exit::USAGE);
    }
}
