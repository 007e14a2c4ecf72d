//! What somebody asks to run, before anybody judged it.

use mab_core::{Code, Denied};
use serde::{Deserialize, Serialize};

/// The longest command, with all its words: 64 KiB. A longer one is refused, not cut.
pub const COMMAND_MAX_BYTES: usize = 64 * 1024;

/// A command as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// Text, as one would type it.
    Text(String),
    /// The words of each command of one pipeline; each has at least its program.
    Argv(Vec<Vec<String>>),
}

impl Wanted {
    /// Refuses what no mode can run: nothing at all, too much, or a NUL, which no argument of a process can hold.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`], without the command.
    pub fn check(&self) -> Result<(), Denied> {
        let refuse = |message: &str, hint: &str| {
            Err(Denied::new(Code::InvalidArguments, message.to_owned()).hint(hint))
        };
        if self.is_empty() {
            return refuse("the command is empty", "give one command");
        }
        if self.bytes() > COMMAND_MAX_BYTES {
            return refuse(
                "the command is longer than 65536 bytes",
                "put the text into a file of the workspace",
            );
        }
        if self.words().any(|word| word.contains('\0')) {
            return refuse("the command holds a NUL character", "leave it out: no program could be given it");
        }
        Ok(())
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.trim().is_empty(),
            Self::Argv(commands) => {
                commands.is_empty() || commands.iter().any(|words| words.first().is_none_or(String::is_empty))
            }
        }
    }

    fn bytes(&self) -> usize {
        self.words().map(|word| word.len() + 1).sum::<usize>() - 1
    }

    fn words(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Self::Text(text) => Box::new(std::iter::once(text.as_str())),
            Self::Argv(commands) => Box::new(commands.iter().flatten().map(String::as_str)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_when_nothing_could_run_it_is_refused() {
        let argv = |words: &[&[&str]]| {
            Wanted::Argv(
                words.iter().map(|words| words.iter().map(|&word| word.to_owned()).collect()).collect(),
            )
        };
        let text = |text: &str| Wanted::Text(text.to_owned());
        for bad in [
            text(""),
            text(" \t\n"),
            text("ls \0"),
            text(&"x".repeat(COMMAND_MAX_BYTES + 1)),
            argv(&[]),
            argv(&[&[]]),
            argv(&[&["ls"], &[]]),
            argv(&[&[""]]),
            argv(&[&["ls", "a\0b"]]),
        ] {
            assert_eq!(bad.check().unwrap_err().code, Code::InvalidArguments, "{bad:?}");
        }
        for good in [text("ls"), text(&"x".repeat(COMMAND_MAX_BYTES)), argv(&[&["ls", ""]])] {
            assert_eq!(good.check(), Ok(()));
        }
    }
}
