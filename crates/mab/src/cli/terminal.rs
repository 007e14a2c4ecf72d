//! Asks the person at the terminal, wherever stdin and stdout lead.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::fs::OpenOptionsExt as _,
    },
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::OFlags,
    io::Errno,
    termios::{QueueSelector, tcflush},
};

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
        self.show(page, question)?;
        self.line()
    }

    /// As [`Self::ask`]; none when `stop` becomes readable before a line was typed.
    pub(crate) fn ask_unless(
        &self,
        page: &Page,
        question: &str,
        stop: BorrowedFd<'_>,
    ) -> Result<Option<String>, Trouble> {
        self.show(page, question)?;
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
        if !stopped.revents().is_empty() || typed.revents().is_empty() {
            return Ok(None);
        }
        self.line().map(Some)
    }

    fn show(&self, page: &Page, question: &str) -> Result<(), Trouble> {
        let unreadable = |error| Trouble::reading("the terminal", &error);
        // What was typed before could have been meant for anything.
        tcflush(&self.0, QueueSelector::IFlush).map_err(|error| unreadable(error.into()))?;
        let screen = self.0.try_clone().map_err(unreadable)?;
        let mut screen = anstream::AutoStream::auto(screen);
        let shown = format!("{}{question} ", page.as_str());
        screen.write_all(shown.as_bytes()).and_then(|()| screen.flush()).map_err(unreadable)
    }

    fn line(&self) -> Result<String, Trouble> {
        let mut line = String::new();
        let mut input = BufReader::new((&self.0).take(ANSWER_MAX_BYTES));
        input.read_line(&mut line).map_err(|error| Trouble::reading("the terminal", &error))?;
        Ok(line.trim().to_owned())
    }
}

/// Longest answer that is read.
const ANSWER_MAX_BYTES: u64 = 1_024;
