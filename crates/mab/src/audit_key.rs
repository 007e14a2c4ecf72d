//! `audit.key`: the secret that signs checkpoints, and its successor while the key is being changed.
//!
//! ```text
//! audit.key        0600   PRIVATE+KEY+mab.audit/<16 hex digits>+<8 hex digits>+<base64>, a line break
//! audit.key.next   0600   the same; there only while the key is changed
//! ```
//!
//! The successor is written first, then the checkpoint that names it is committed, then it takes the place of the key.
//! After a crash in between, that checkpoint says whether it is to be completed or dropped.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use mab_core::{Code, Denied, Failure, Random, anchor::Pending, note::SigningKey};

use crate::folder::{publish, read_private, refused, replace, sync_folder};

const KEY_FILE_MAX_BYTES: u64 = 512;

/// Where the key is, and what it must be called.
#[derive(Debug, Clone)]
pub(crate) struct KeyFile {
    path: PathBuf,
    name: String,
}

impl KeyFile {
    /// The key of this name in a data folder.
    pub(crate) fn new(folder: &Path, name: String) -> Self {
        Self { path: folder.join("audit.key"), name }
    }

    /// The key that is valid; `None` when there is no file.
    pub(crate) fn read(&self) -> Result<Option<SigningKey>, Failure> {
        self.read_from(&self.path)
    }

    /// The key that is valid after this checkpoint, when the change of the key stopped short of the file.
    pub(crate) fn successor(&self, newest: Option<&Pending>) -> Result<Option<SigningKey>, Failure> {
        let Some(next) = self.read_from(&self.next())? else { return Ok(None) };
        Ok(newest.is_some_and(|newest| newest.names(&next.verifier())).then_some(next))
    }

    /// Completes or drops what a change of the key left behind.
    pub(crate) fn settle(&self, newest: Option<&Pending>) -> Result<(), Failure> {
        let next = self.next();
        let settled = match self.successor(newest)? {
            Some(_) => fs::rename(&next, &self.path),
            None => match fs::remove_file(&next) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                removed => removed,
            },
        };
        let folder = self.path.parent().unwrap_or(Path::new("."));
        settled.and_then(|()| sync_folder(folder)).map_err(|error| refused(&error, &self.path, "replacing"))
    }

    /// Reads the key, or draws the first one. Of several processes that do so at once, one wins and all use its key.
    pub(crate) fn read_or_create(&self, random: &dyn Random) -> Result<SigningKey, Failure> {
        if let Some(key) = self.read()? {
            return Ok(key);
        }
        let key = SigningKey::draw(&self.name, random)?;
        publish(&self.path, key.to_file_text().as_bytes(), random)?;
        self.read()?.ok_or_else(|| self.lost("audit.key vanished while it was created"))
    }

    /// Keeps the successor until it is valid.
    pub(crate) fn stage(&self, key: &SigningKey, random: &dyn Random) -> Result<(), Failure> {
        replace(&self.next(), key.to_file_text().as_bytes(), random)
    }

    /// The refusal when the key is not what it must be.
    pub(crate) fn lost(&self, what: &str) -> Failure {
        let hint = format!(
            "restore {} from a backup, or begin anew: `mab audit checkpoint --begin-anew`",
            self.path.display()
        );
        Denied::new(Code::Misconfigured, what).hint(hint).into()
    }

    fn next(&self) -> PathBuf {
        self.path.with_file_name("audit.key.next")
    }

    fn read_from(&self, path: &Path) -> Result<Option<SigningKey>, Failure> {
        let Some(content) = read_private(path, KEY_FILE_MAX_BYTES)? else { return Ok(None) };
        let content = zeroize::Zeroizing::new(content);
        let key = std::str::from_utf8(&content).ok().and_then(SigningKey::from_file_text);
        let key = key.filter(|key| key.verifier().name() == self.name);
        key.map(Some).ok_or_else(|| self.lost("audit.key does not hold a key of this data folder"))
    }
}
