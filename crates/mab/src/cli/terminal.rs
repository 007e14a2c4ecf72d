//! Asks the person at the terminal, wherever stdin and stdout lead.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
};

use rustix::{
    fs::OFlags,
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
        let unreadable = |error| Trouble::reading("the terminal", &error);
        // What was typed before could have been meant for anything.
        tcflush(&self.0, QueueSelector::IFlush).map_err(|error| unreadable(error.into()))?;
        let screen = self.0.try_clone().map_err(unreadable)?;
        let mut screen = anstream::AutoStream::auto(screen);
        let shown = format!("{}{question} ", page.as_str());
        screen.write_all(shown.as_bytes()).and_then(|()| screen.flush()).map_err(unreadable)?;
        let mut line = String::new();
        let mut input = BufReader::new((&self.0).take(ANSWER_MAX_BYTES));
        input.read_line(&mut line).map_err(unreadable)?;
        Ok(line.trim().to_owned())
    }
}

/// Longest answer that is read.
const ANSWER_MAX_BYTES: u64 = 1_024;
