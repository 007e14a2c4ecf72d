//! The files that `mab audit verify` holds a database against: beside it, or in the data folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use mab_core::{
    Code, Denied,
    note::{SigningKey, VerifierKey},
    secret::MasterKey,
};
use mab_service::ReadAnchor;

use crate::{
    cli::{Output, Trouble, Visible, trouble},
    config::Config,
    evidence_file, folder,
};

const MASTER_KEY: &str = "master.key";
/// The key that signs.
pub(super) const SIGNING_KEY: &str = "audit.key";
/// The key that signs next, while it is being changed.
pub(super) const NEXT_KEY: &str = "audit.key.next";
const DATABASE: &str = "bridge.db";
const ANCHOR: &str = "audit.anchor";

/// Longest key file, in bytes.
const KEY_FILE_MAX_BYTES: u64 = 4_096;

/// Where the evidence of a database lies.
pub(super) struct Evidence {
    /// Where keys are looked for.
    folders: Vec<PathBuf>,
    anchor: PathBuf,
    /// Whether the anchor is the one that the database writes to.
    pub(super) own_anchor: bool,
}

impl Evidence {
    /// Each file by itself: beside the database, then in the data folder; the anchor where the operator says.
    pub(super) fn find(config: &Config, anchor: Option<&Path>) -> Self {
        let own = evidence_file::anchor_of(config);
        let (mut folders, mut copied) = (vec![config.data_dir.clone()], None);
        if !evidence_file::is_own(config) {
            let beside = config.database.parent().unwrap_or(Path::new(".")).to_owned();
            // The database of a data folder that was copied as a whole, or is another one's.
            let is_default = config.database.file_name().is_some_and(|name| name == DATABASE);
            copied = (is_default && fs::symlink_metadata(&own).is_err()).then(|| beside.join(ANCHOR));
            folders.insert(0, beside);
        }
        let own = copied.unwrap_or(own);
        Self { folders, anchor: anchor.map_or(own, Path::to_owned), own_anchor: anchor.is_none() }
    }

    /// The master keys that there are. One that cannot be used is as good as none, and that is said.
    pub(super) fn master_keys(&self) -> Vec<MasterKey> {
        let key = |text: String| {
            let key = MasterKey::from_file_text(&text).ok();
            if key.is_none() {
                Output::talk("master.key does not hold a key, and is not used");
            }
            key
        };
        self.secrets(MASTER_KEY).filter_map(key).collect()
    }

    /// The public part of a key that signs: that of this origin, if there are several.
    pub(super) fn signing_key(&self, name: &str, origin: Option<&str>) -> Option<String> {
        let key = |text: String| {
            let key = SigningKey::from_file_text(&text);
            if key.is_none() {
                Output::talk(&format!("{name} does not hold a key, and is not used"));
            }
            key.map(|key| key.verifier())
        };
        let keys: Vec<VerifierKey> = self.secrets(name).filter_map(key).collect();
        let fitting = keys.iter().find(|key| origin == Some(key.name()));
        fitting.or(keys.first()).map(VerifierKey::to_string)
    }

    fn secrets(&self, name: &str) -> impl Iterator<Item = String> {
        self.folders.iter().filter_map(move |folder| secret(&folder.join(name), name))
    }

    /// Reads the anchor's text; `None` when there is none.
    pub(super) fn reader(&self) -> ReadAnchor {
        let (path, own) = (self.anchor.clone(), self.own_anchor);
        Arc::new(move || match evidence_file::read(&path, evidence_file::ANCHOR_MAX_BYTES) {
            // What is no text does not verify, and is found so.
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound && own => Ok(None),
            Err(error) => {
                let message = format!("cannot read {}: {error}", path.display());
                // A file of the database's own that cannot be read is no mistake of whoever asks.
                let code = if own { Code::ReadOnly } else { Code::InvalidArguments };
                Err(Denied::new(code, message).hint("check the name and its permissions").into())
            }
        })
    }
}

fn secret(path: &Path, name: &str) -> Option<String> {
    match folder::read_private(path, KEY_FILE_MAX_BYTES) {
        Ok(content) => content.map(|content| String::from_utf8_lossy(&content).into_owned()),
        Err(failure) => {
            let why = match Trouble::from(failure) {
                Trouble::Denied(denied) => denied.message,
                Trouble::Fault(fault) => trouble::with_causes(&fault),
                Trouble::ClosedPipe | Trouble::Cancelled => return None,
            };
            Output::talk(&format!("{name} is not used: {}", Visible::line(&why)));
            None
        }
    }
}
