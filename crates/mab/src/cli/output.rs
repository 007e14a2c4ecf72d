//! Where a command's output goes: data to stdout, talk to stderr, each in the form its reader wants.

use std::io::{IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use mab_core::Fault;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    cli::{Trouble, table::Page},
    harmless,
};

/// Headings of tables and names of fields.
pub(crate) const STRONG: Style = Style::new().bold();
/// What is less important.
pub(crate) const FAINT: Style = Style::new().dimmed();
/// What is as it should be.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// What deserves a look.
pub(crate) const CAREFUL: Style = AnsiColor::Yellow.on_default();
/// What is wrong.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();

/// Width assumed when a terminal does not tell.
const DEFAULT_WIDTH: u16 = 100;

/// Where output goes. Colours are dropped, by anstream, when the reader is no terminal or asked for none (`NO_COLOR`).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    terminal_width: Option<u16>,
}

impl Output {
    /// The output of this process.
    pub(crate) fn of_process(json: bool) -> Self {
        Self { json, terminal_width: std::io::stdout().is_terminal().then(terminal_width) }
    }

    /// Whether data are wanted as JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// A page to fill for this output's reader.
    pub(crate) fn page(self) -> Page {
        Page::new(self.terminal_width)
    }

    /// Prints an operation's answer: as it is with `--json`, otherwise as `render` fills the page.
    pub(crate) fn answer<T: DeserializeOwned>(
        self,
        answer: Value,
        render: impl FnOnce(&T, &mut Page),
    ) -> Result<(), Trouble> {
        if self.json {
            return self.json(&answer);
        }
        let typed: T = serde_json::from_value(answer)
            .map_err(|source| Fault::from_source("reading the answer of an operation", source))?;
        let mut page = self.page();
        render(&typed, &mut page);
        Self::data(page.as_str())
    }

    /// Prints a value: indented for a person, in one line for a program.
    pub(crate) fn json(self, value: &Value) -> Result<(), Trouble> {
        let text =
            if self.terminal_width.is_some() { harmless::indented(value) } else { harmless::one_line(value) };
        Self::data(&format!("{text}\n"))
    }

    /// Prints a value in one line: one of many.
    pub(crate) fn json_line(value: &Value) -> Result<(), Trouble> {
        Self::data(&format!("{}\n", harmless::one_line(value)))
    }

    /// Writes to stdout at once.
    pub(crate) fn data(text: &str) -> Result<(), Trouble> {
        let mut stdout = anstream::stdout().lock();
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(Trouble::writing)
    }

    /// Writes to stdout exactly as it is, escape sequences included.
    pub(crate) fn raw(text: &str) -> Result<(), Trouble> {
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(Trouble::writing)
    }

    /// A page to fill for whoever reads stderr.
    pub(crate) fn talk_page() -> Page {
        Page::new(std::io::stderr().is_terminal().then(terminal_width))
    }

    /// Says something to the person; nothing depends on it being heard.
    pub(crate) fn talk(line: &str) {
        let _ = writeln!(anstream::stderr().lock(), "{line}");
    }

    /// Says why the command ended early.
    pub(crate) fn trouble(self, trouble: &Trouble) {
        if self.json {
            if let Some(object) = trouble.to_json() {
                Self::talk(&harmless::one_line(&object));
            }
        } else if let Some((message, hint)) = trouble.to_lines() {
            Self::talk(&format!("{BAD}error{BAD:#}: {message}"));
            if let Some(hint) = hint {
                Self::talk(&format!(" {FAINT}hint{FAINT:#}: {hint}"));
            }
        }
    }
}

fn terminal_width() -> u16 {
    terminal_size::terminal_size().map_or(DEFAULT_WIDTH, |(width, _)| width.0)
}
