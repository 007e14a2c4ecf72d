//! `mab man`: the manual page of the program or of one command.

use std::io;

use clap::{Args, Command, CommandFactory as _};
use clap_mangen::{
    Man as Page,
    roff::{Roff, roman},
};

use crate::cli::{Arguments, Exit, Output, Trouble, arguments::EXIT_CODES};

/// Arguments of `mab man`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab man | man -l -\n  \
    mab man audit verify > mab-audit-verify.1")]
pub(crate) struct Man {
    /// A command and its subcommand; default: the page of mab itself.
    #[arg(num_args = 0..)]
    command: Vec<String>,
}

impl Man {
    pub(crate) fn run(&self) -> Result<Exit, Trouble> {
        let mut whole = Arguments::command();
        whole.build();
        let mut command = &whole;
        for word in &self.command {
            command = command.find_subcommand(word).ok_or_else(|| {
                Trouble::input(format!("{word} is not a command"), "`mab help` lists the commands")
            })?;
        }
        let title = command.get_bin_name().unwrap_or("mab").replace(' ', "-");
        let mut page = Vec::new();
        write(command, &title.to_uppercase(), &mut page).map_err(Trouble::writing)?;
        // Every section starts with it; once is enough.
        let page = String::from_utf8_lossy(&page).replace(PREAMBLE, "");
        Output::raw(&format!("{PREAMBLE}{page}"))?;
        Ok(Exit::OK)
    }
}

/// How an apostrophe is written (as the crate `roff` writes it).
const PREAMBLE: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";

/// The page, with the notes as they are on `--help`: `clap_mangen` would flow examples together.
fn write(command: &Command, title: &str, page: &mut Vec<u8>) -> io::Result<()> {
    let written = Page::new(command.clone()).title(title).source(concat!("mab ", env!("CARGO_PKG_VERSION")));
    written.render_title(page)?;
    written.render_name_section(page)?;
    written.render_synopsis_section(page)?;
    written.render_description_section(page)?;
    written.render_options_section(page)?;
    if command.get_subcommands().any(|below| !below.is_hide_set()) {
        written.render_subcommands_section(page)?;
    }
    let notes = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    if !notes.is_empty() {
        as_it_is("NOTES", &notes, page)?;
    }
    if notes.contains(EXIT_CODES) { Ok(()) } else { as_it_is("EXIT STATUS", EXIT_CODES, page) }
}

/// A section whose lines stay as they are.
fn as_it_is(heading: &str, text: &str, page: &mut Vec<u8>) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", [heading]).control("nf", []);
    for line in text.lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
    roff.to_writer(page)
}
