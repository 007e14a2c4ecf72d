//! Asks the person at the terminal, wherever stdin and stdout lead.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::OpenOptionsExt as _,
    },
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::OFlags,
    io::Errno,
    termios::{
        LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush, tcgetattr, tcsetattr,
    },
};
use zeroize::Zeroizing;

use crate::cli::{Trouble, table::Page};

/// The terminal that this process is controlled from.
pub(crate) struct Terminal(File);

impl Terminal {
    /// Opens it; none when there is none.
    pub(crate) fn open() -> Option<Self> {
        let flags = OFlags::NOCTTY | OFlags::CLOEXEC;
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(flags.bits().cast_signed())
            .open("/dev/tty");
        opened.ok().map(Self)
    }

    /// A page to fill for it.
    pub(crate) fn page(&self) -> Page {
        let width = terminal_size::terminal_size_of(&self.0).map_or(80, |(width, _)| width.0);
        Page::new(Some(width))
    }

    /// Shows `page`, then asks, and takes one line. What was typed before the question was there is no answer to it.
    pub(crate) fn ask(&self, page: &Page, question: &str) -> Result<String, Trouble> {
        self.put(page, question)?;
        self.line()
    }

    /// As [`Self::ask`]; none when `stop` becomes readable before a line was typed.
    pub(crate) fn ask_unless(
        &self,
        page: &Page,
        question: &str,
        stop: BorrowedFd<'_>,
    ) -> Result<Option<String>, Trouble> {
        self.put(page, question)?;
        if self.is_typed(stop)? { self.line().map(Some) } else { Ok(None) }
    }

    /// As [`Self::ask_unless`], with nothing of what is typed to be seen; none when that is nothing. The terminal is as it
    /// was before when this returns.
    pub(crate) fn secret_unless(
        &self,
        page: &Page,
        question: &str,
        stop: BorrowedFd<'_>,
    ) -> Result<Option<Zeroizing<String>>, Trouble> {
        // Before the question is there, so that nothing that answers it is shown.
        let silent = Silent::begin(&self.0)?;
        self.put(page, question)?;
        let typed = if self.is_typed(stop)? { self.secret_line().map(Some) } else { Ok(None) };
        drop(silent);
        self.write("\n")?;
        Ok(typed?.filter(|typed| !typed.is_empty()))
    }

    /// Shows a page.
    pub(crate) fn show(&self, page: &Page) -> Result<(), Trouble> {
        self.write(page.as_str())
    }

    /// Waits for a line, or for `stop` to become readable; says whether it is a line.
    fn is_typed(&self, stop: BorrowedFd<'_>) -> Result<bool, Trouble> {
        let wish = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        let [mut typed, mut stopped] = [wish(self.0.as_fd()), wish(stop)];
        loop {
            let mut both = [typed.clone(), stopped.clone()];
            match poll(&mut both, None) {
                Ok(_) => {
                    [typed, stopped] = both;
                    break;
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(Trouble::reading("the terminal", &error.into())),
            }
        }
        Ok(stopped.revents().is_empty() && !typed.revents().is_empty())
    }

    fn put(&self, page: &Page, question: &str) -> Result<(), Trouble> {
        // What was typed before could have been meant for anything.
        tcflush(&self.0, QueueSelector::IFlush).map_err(|error| unreadable(&error.into()))?;
        self.write(&format!("{}{question} ", page.as_str()))
    }

    fn write(&self, text: &str) -> Result<(), Trouble> {
        let screen = self.0.try_clone().map_err(|error| unreadable(&error))?;
        let mut screen = anstream::AutoStream::auto(screen);
        screen.write_all(text.as_bytes()).and_then(|()| screen.flush()).map_err(|error| unreadable(&error))
    }

    fn line(&self) -> Result<String, Trouble> {
        let mut line = String::new();
        let mut input = BufReader::new((&self.0).take(ANSWER_MAX_BYTES));
        input.read_line(&mut line).map_err(|error| Trouble::reading("the terminal", &error))?;
        Ok(line.trim().to_owned())
    }

    /// A line as it was typed, and nowhere else in memory. Too long a one is none.
    fn secret_line(&self) -> Result<Zeroizing<String>, Trouble> {
        let mut bytes = Zeroizing::new([0_u8; SECRET_MAX_BYTES]);
        let mut end = 0;
        while !bytes.get(..end).is_some_and(|typed| typed.contains(&b'\n')) {
            let rest = bytes.get_mut(end..).filter(|rest| !rest.is_empty()).ok_or_else(|| {
                Trouble::input("what was typed is too long", "type at most a thousand characters")
            })?;
            match (&self.0).read(rest) {
                Ok(0) => break,
                Ok(read) => end += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(&error)),
            }
        }
        let typed = std::str::from_utf8(bytes.get(..end).unwrap_or_default());
        let typed = typed.map_err(|_| Trouble::input("what was typed is no UTF-8", "type it again"))?;
        Ok(Zeroizing::new(typed.trim_end_matches(['\r', '\n']).to_owned()))
    }
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Silent<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Silent<'a> {
    fn begin(terminal: &'a File) -> Result<Self, Trouble> {
        let before = tcgetattr(terminal).map_err(|error| unreadable(&error.into()))?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL);
        // These would end or stop the process before it can undo this (termios(3): 0 disables a character).
        silent.special_codes[SpecialCodeIndex::VQUIT] = 0;
        silent.special_codes[SpecialCodeIndex::VSUSP] = 0;
        tcsetattr(terminal, OptionalActions::Flush, &silent).map_err(|error| unreadable(&error.into()))?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silent<'_> {
    fn drop(&mut self) {
        // What is wrong with the terminal shows at the next question.
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

impl AsFd for Terminal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn unreadable(error: &std::io::Error) -> Trouble {
    Trouble::reading("the terminal", error)
}

/// Longest answer that is read.
const ANSWER_MAX_BYTES: u64 = 1_024;

/// Longest secret that is read, with its line break.
const SECRET_MAX_BYTES: usize = 1_100;
