//! The files that `mab audit verify` holds a database against: beside it, or in the data folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use mab_core::{note::SigningKey, secret::MasterKey};

use crate::{
    cli::{Output, Trouble, Visible, trouble},
    config::Config,
    folder,
};

const MASTER_KEY: &str = "master.key";
const SIGNING_KEY: &str = "audit.key";
const ANCHOR: &str = "audit.anchor";

/// Longest key file, in bytes.
const KEY_FILE_MAX_BYTES: u64 = 4_096;

/// Where the evidence of a database lies.
pub(super) struct Evidence {
    folder: PathBuf,
    anchor: PathBuf,
    /// Whether the anchor is the one that the database writes to.
    pub(super) own_anchor: bool,
}

impl Evidence {
    /// Beside the database if there is any, else in the data folder; the anchor where the operator says.
    pub(super) fn find(config: &Config, anchor: Option<&Path>) -> Self {
        let beside = config.database.parent().unwrap_or(Path::new("."));
        let there = |folder: &Path| {
            [MASTER_KEY, SIGNING_KEY, ANCHOR]
                .iter()
                .any(|name| fs::symlink_metadata(folder.join(name)).is_ok())
        };
        let folder = if there(beside) { beside.to_owned() } else { config.data_dir.clone() };
        // A database elsewhere than in its data folder has its anchor beside it.
        let mut suffixed = config.database.as_os_str().to_owned();
        suffixed.push(".anchor");
        let suffixed = PathBuf::from(suffixed);
        let named = folder != beside || fs::symlink_metadata(&suffixed).is_ok();
        let own = if named { suffixed } else { folder.join(ANCHOR) };
        Self { folder, anchor: anchor.map_or(own, Path::to_owned), own_anchor: anchor.is_none() }
    }

    /// The master key. One that cannot be used is as good as none, and that is said.
    pub(super) fn master_key(&self) -> Option<MasterKey> {
        let text = self.secret(MASTER_KEY)?;
        let key = MasterKey::from_file_text(&text).ok();
        if key.is_none() {
            Output::talk("master.key does not hold a key, and is not used");
        }
        key
    }

    /// The public part of the key that signs.
    pub(super) fn signing_key(&self) -> Option<String> {
        let key = SigningKey::from_file_text(&self.secret(SIGNING_KEY)?);
        if key.is_none() {
            Output::talk("audit.key does not hold a key, and is not used");
        }
        key.map(|key| key.verifier().to_string())
    }

    fn secret(&self, name: &str) -> Option<String> {
        match folder::read_private(&self.folder.join(name), KEY_FILE_MAX_BYTES) {
            Ok(content) => content.map(|content| String::from_utf8_lossy(&content).into_owned()),
            Err(failure) => {
                let why = match Trouble::from(failure) {
                    Trouble::Denied(denied) => denied.message,
                    Trouble::Fault(fault) => trouble::with_causes(&fault),
                    Trouble::ClosedPipe => return None,
                };
                Output::talk(&format!("{name} is not used: {}", Visible::line(&why)));
                None
            }
        }
    }

    /// The anchor's text; `None` when there is none.
    pub(super) fn anchor(&self) -> Result<Option<String>, Trouble> {
        match fs::read(&self.anchor) {
            // What is no text does not verify, and is found so.
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.own_anchor => Ok(None),
            Err(error) => Err(Trouble::reading(&self.anchor.display().to_string(), &error)),
        }
    }
}
