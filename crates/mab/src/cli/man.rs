//! `mab man`: the manual page of the program or of one command.

use clap::{Args, CommandFactory as _};
use clap_mangen::Man as Page;

use crate::cli::{Arguments, Exit, Output, Trouble};

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
        Page::new(command.clone()).title(title.to_uppercase()).render(&mut page).map_err(Trouble::writing)?;
        Output::raw(&String::from_utf8_lossy(&page))?;
        Ok(Exit::OK)
    }
}
