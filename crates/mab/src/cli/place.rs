//! The folder that a command is about: the one that the operator names, or where he is.

use std::path::PathBuf;

use clap::Args;
use mab_exec::Workspace;

use crate::cli::Trouble;

/// Which folder.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Place {
    /// The workspace; default: the current folder.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) workspace: Option<PathBuf>,
}

impl Place {
    /// Opens it. The operator chose the name, so that symbolic links on the way are followed, once.
    ///
    /// # Errors
    /// As [`Workspace::open`].
    pub(crate) fn open(&self) -> Result<Workspace, Trouble> {
        let here = || std::env::current_dir().map_err(|error| Trouble::reading("the current folder", &error));
        let path = self.workspace.clone().map_or_else(here, Ok)?;
        // What does not exist is refused by its name.
        let real = path.canonicalize().or_else(|_| std::path::absolute(&path));
        Ok(Workspace::open(real.as_deref().unwrap_or(&path))?)
    }

    /// Opens it, if it was named or can be one: judging does not need it.
    pub(crate) fn open_if_any(&self) -> Result<Option<Workspace>, Trouble> {
        if self.workspace.is_some() { self.open().map(Some) } else { Ok(self.open().ok()) }
    }
}
