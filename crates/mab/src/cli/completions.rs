//! `mab completions`: a completion script for a shell.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::cli::{Arguments, Exit, Output, Trouble};

/// Arguments of `mab completions`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab completions bash > ~/.local/share/bash-completion/completions/mab\n  \
    mab completions zsh > ~/.zfunc/_mab\n  \
    mab completions fish > ~/.config/fish/completions/mab.fish")]
pub(crate) struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self) -> Result<Exit, Trouble> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "mab", &mut script);
        Output::raw(&String::from_utf8_lossy(&script))?;
        Ok(Exit::OK)
    }
}
