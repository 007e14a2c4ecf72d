//! What is bound as the workspace, and what must come before bubblewrap for it.

use std::{ffi::OsString, path::PathBuf};

use crate::{Profile, Unavailable, View};

/// How a view is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    /// The folder that is bound under the workspace's path.
    pub(super) source: PathBuf,
    /// The words of a program that mounts what is needed and then becomes bubblewrap; none for none.
    pub(super) prefix: Vec<OsString>,
}

impl Shown {
    /// Says how `view` is shown.
    ///
    /// # Errors
    /// [`Unavailable`] when it cannot be.
    pub(super) fn new(view: &View, profile: &Profile) -> Result<Self, Unavailable> {
        match view {
            View::Direct => Ok(Self { source: profile.workspace.clone(), prefix: Vec::new() }),
            View::Overlay { .. } => Err(Unavailable {
                reason: "this sandbox has no copy-on-write view of the workspace".to_owned(),
                hint: "run it without a preview".to_owned(),
            }),
        }
    }
}
