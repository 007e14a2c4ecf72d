//! What files of clients held before set-up, kept where only this user writes: `$XDG_STATE_HOME/mab/setup`.
//!
//! Not beside the file: there a project could bring a "backup" of its own, and ours, with what secrets the file holds, would
//! get into the project's history. A backup is named after its file and what was written there, so that it is known later
//! whether the file is still as set-up left it, and what was there before:
//!
//! ```text
//! <32 digits of the SHA-256 of the path>-<32 digits of the SHA-256 of what was written>.before    what the file held
//! <…>-<…>.created    there was no file; the number of folders that were made for it
//! ```

use std::{
    fs::{self, DirBuilder},
    os::unix::{ffi::OsStrExt as _, fs::DirBuilderExt as _},
    path::{Path, PathBuf},
};

use mab_core::{Code, Denied, Failure, Random};
use sha2::{Digest, Sha256};

use crate::{
    environment::Environment,
    folder::{ensure_private_folder, read_private, refused, replace},
};

/// Where backups are kept.
#[derive(Debug)]
pub(crate) struct Backups {
    folder: PathBuf,
}

/// What was in a file before set-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Backup {
    /// Where it is kept.
    pub(super) path: PathBuf,
    /// What it says.
    pub(super) held: Held,
}

/// What was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Held {
    /// A file with this content.
    Content(Vec<u8>),
    /// No file, and so many folders less.
    Nothing { folders: usize },
}

impl Backups {
    /// The folder for this user's backups; it need not exist.
    ///
    /// # Errors
    /// `misconfigured` without a home.
    pub(crate) fn of(environment: &Environment) -> Result<Self, Denied> {
        let state = environment
            .absolute_folder("XDG_STATE_HOME")
            .or_else(|| Some(environment.absolute_folder("HOME")?.join(".local/state")));
        let state = state.ok_or_else(|| {
            Denied::new(Code::Misconfigured, "there is no home folder to keep backups in")
                .hint("set HOME to an absolute path")
        })?;
        Ok(Self { folder: state.join(OWN).join("setup") })
    }

    /// The backup that was made when the file got this content.
    ///
    /// # Errors
    /// `read_only` when somebody else may have written there.
    pub(super) fn fitting(&self, target: &Path, written: &[u8]) -> Result<Option<Backup>, Failure> {
        if self.folder.symlink_metadata().is_err() {
            return Ok(None);
        }
        self.check()?;
        let path = self.path(target, written, BEFORE);
        if let Some(content) = read_private(&path, MAX_BYTES)? {
            return Ok(Some(Backup { path, held: Held::Content(content) }));
        }
        let path = self.path(target, written, CREATED);
        let count =
            read_private(&path, 4)?.and_then(|text| String::from_utf8(text).ok()?.trim().parse().ok());
        Ok(count.map(|folders| Backup { path, held: Held::Nothing { folders } }))
    }

    /// The backup to be made when the file gets this content.
    pub(super) fn planned(&self, target: &Path, written: &[u8], held: Held) -> Backup {
        let kind = match held {
            Held::Content(_) => BEFORE,
            Held::Nothing { .. } => CREATED,
        };
        Backup { path: self.path(target, written, kind), held }
    }

    /// Keeps one, durably.
    pub(super) fn keep(&self, backup: &Backup, random: &dyn Random) -> Result<(), Failure> {
        let created = DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        created.map_err(|error| refused(&error, &self.folder, "creating"))?;
        self.check()?;
        match &backup.held {
            Held::Content(content) => replace(&backup.path, content, random),
            Held::Nothing { folders } => replace(&backup.path, format!("{folders}\n").as_bytes(), random),
        }
    }

    /// Removes one that is no longer needed, and our folder with the last; a left-over changes nothing.
    pub(super) fn drop(&self, path: &Path) {
        let _ = fs::remove_file(path);
        let _ = fs::remove_dir(&self.folder);
        let _ = self.folder.parent().map(fs::remove_dir);
    }

    fn check(&self) -> Result<(), Failure> {
        self.folder.parent().map_or(Ok(()), ensure_private_folder)?;
        ensure_private_folder(&self.folder)
    }

    fn path(&self, target: &Path, written: &[u8], kind: &str) -> PathBuf {
        let digits = |bytes: &[u8]| {
            let mut digits = hex::encode(Sha256::digest(bytes));
            digits.truncate(DIGITS);
            digits
        };
        let (file, content) = (digits(target.as_os_str().as_bytes()), digits(written));
        self.folder.join(format!("{file}-{content}.{kind}"))
    }
}

const OWN: &str = "mab";
const BEFORE: &str = "before";
const CREATED: &str = "created";
const DIGITS: usize = 32;
/// As much as a file of a client may hold.
const MAX_BYTES: u64 = super::file::MAX_BYTES;
