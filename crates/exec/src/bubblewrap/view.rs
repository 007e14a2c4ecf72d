//! What is bound as the workspace, and what must come before bubblewrap for it.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::{Profile, View, preview::mount};

/// How a view is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    /// The folder that is bound under the workspace's path. A view is mounted over the workspace's own path.
    pub(super) source: PathBuf,
    /// The words of a program that mounts what is needed and then becomes bubblewrap; none for none.
    pub(super) prefix: Vec<OsString>,
}

impl Shown {
    /// Says how `view` is shown; `program` is the file of this very program.
    pub(super) fn new(view: &View, profile: &Profile, program: &Path) -> Self {
        let source = profile.workspace.clone();
        Self { prefix: mount::prefix(program, view, &source), source }
    }
}
