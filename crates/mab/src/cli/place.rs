//! The folder that a command is about: the one that the operator names, or where he is.

use std::{
    io::IsTerminal as _,
    path::{Path, PathBuf},
};

use clap::Args;
use mab_exec::Workspace;
use rustix::fs::statfs;

use crate::{
    cli::{Output, Trouble, Visible},
    folder::quoted,
};

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
        let real = real.unwrap_or(path);
        let workspace = Workspace::open(&real).map_err(|mut denied| {
            denied.message = format!("{}: {}", real.display(), denied.message);
            denied
        })?;
        is_a_folder_of_files(workspace.path())?;
        let is_chosen = self.workspace.is_some() || !std::io::stderr().is_terminal();
        if let Some(root) = repository_above(workspace.path()).filter(|_| !is_chosen) {
            let root = Visible::line(&root.display().to_string());
            Output::talk(&format!("this is a folder of a repository; all of it is --workspace {root}"));
        }
        Ok(workspace)
    }

    /// What a command needs besides to be about the same folder where one is now: nothing, when that is the folder.
    pub(crate) fn option(workspace: &Path) -> String {
        if std::env::current_dir().is_ok_and(|here| here == workspace) {
            return String::new();
        }
        format!(" --workspace {}", Visible::line(&quoted(workspace)))
    }

    /// Opens it, if it was named or can be one: judging does not need it.
    pub(crate) fn open_if_any(&self) -> Result<Option<Workspace>, Trouble> {
        if self.workspace.is_some() { self.open().map(Some) } else { Ok(self.open().ok()) }
    }
}

/// Refuses what can be entered but not looked through: a folder of another user, a view that the kernel makes up.
fn is_a_folder_of_files(path: &Path) -> Result<(), Trouble> {
    if let Err(error) = path.read_dir() {
        let message = format!("the workspace cannot be read: {error}");
        return Err(Trouble::input(message, "name a folder that you may read"));
    }
    let system =
        statfs(path).map_err(|error| Trouble::reading("the workspace's file system", &error.into()))?;
    if MADE_UP.contains(&u64::try_from(system.f_type).unwrap_or_default()) {
        return Err(Trouble::input(
            "the workspace holds no files, but what the kernel shows",
            "name a folder of files",
        ));
    }
    Ok(())
}

/// The folder above that is a repository, when this one is none.
fn repository_above(path: &Path) -> Option<&Path> {
    let is_repository = |folder: &&Path| folder.join(".git").symlink_metadata().is_ok();
    path.ancestors().find(is_repository).filter(|root| *root != path && root.parent().is_some())
}

/// proc, sysfs, cgroup, cgroup2, debugfs, tracefs, securityfs (linux/magic.h).
const MADE_UP: [u64; 7] =
    [0x9fa0, 0x6265_6572, 0x0027_e0eb, 0x6367_7270, 0x6462_6720, 0x7472_6163, 0x7363_6673];
