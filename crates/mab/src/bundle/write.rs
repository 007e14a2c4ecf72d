//! Writes a bundle.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use mab_core::{Code, ConversationId, Denied, Failure, anchor::Anchor, note::SigningKey};
use sha2::{Digest, Sha256};

use super::{ALL, ANCHOR, ENTRIES, KEYS, Line, README, SCOPE, SIGNATURE, SUMS, TABLE, refused};
use crate::{
    folder::{PRIVATE_FILE, sync_folder},
    harmless::one_line,
};

/// What to do when it cannot be written.
const ELSEWHERE: &str = "name a new folder in one that exists and that you can write to";

/// A bundle being written, into a folder of its own.
pub(crate) struct Bundle {
    folder: PathBuf,
    entries: Digested,
    table: Digested,
    sums: Vec<(String, String)>,
}

/// A file and the digest of what was written to it.
struct Digested {
    path: PathBuf,
    file: std::io::BufWriter<File>,
    digest: Sha256,
}

impl Bundle {
    /// Begins a bundle in a new folder.
    ///
    /// # Errors
    /// `conflict` when something is there already; else as the file system is.
    pub(crate) fn begin(folder: &Path) -> Result<Self, Failure> {
        if folder.symlink_metadata().is_ok() {
            let message = format!("{} is there already", folder.display());
            return Err(Denied::new(Code::Conflict, message)
                .hint("name a folder that does not exist yet")
                .into());
        }
        let created = DirBuilder::new().mode(0o700).create(folder);
        created.map_err(|error| refused(&error, folder, "creating", ELSEWHERE))?;
        Ok(Self {
            entries: Digested::create(folder, ENTRIES)?,
            table: Digested::create(folder, TABLE)?,
            folder: folder.to_owned(),
            sums: Vec::new(),
        })
    }

    /// Adds an entry.
    pub(crate) fn add(&mut self, line: &Line) -> Result<(), Failure> {
        let value = serde_json::to_value(line)
            .map_err(|source| mab_core::Fault::from_source("writing an entry", source))?;
        self.entries.write(&format!("{}\n", one_line(&value)))?;
        self.table.write(&line.to_tsv())
    }

    /// Writes everything else and signs it.
    pub(crate) fn finish(
        mut self,
        scope: Option<ConversationId>,
        anchor: &str,
        key: &SigningKey,
    ) -> Result<(), Failure> {
        let signer = key.verifier();
        let keys = match Anchor::parse_and_verify(anchor, std::slice::from_ref(&signer)) {
            Ok(anchor) => anchor.keys().to_vec(),
            Err(_) => vec![signer.clone()],
        };
        for digested in [self.entries, self.table] {
            self.sums.push(digested.finish()?);
        }
        let scope = scope.map_or_else(|| ALL.to_owned(), |id| id.to_string());
        let named: String = keys.iter().flat_map(|key| [key.to_string(), "\n".to_owned()]).collect();
        let steps = include_str!("README.md").to_owned();
        let files =
            [(KEYS, named), (SCOPE, format!("{scope}\n")), (ANCHOR, anchor.to_owned()), (README, steps)];
        for (name, content) in files {
            let mut file = Digested::create(&self.folder, name)?;
            file.write(&content)?;
            self.sums.push(file.finish()?);
        }
        self.sums.sort();
        let sums: String =
            self.sums.iter().map(|(name, digest)| format!("{digest}  {name}\n")).collect::<Vec<_>>().concat();
        for (name, content) in [(SUMS, sums.as_bytes()), (SIGNATURE, &key.sign(sums.as_bytes()))] {
            let mut file = Digested::create(&self.folder, name)?;
            file.write_bytes(content)?;
            file.finish()?;
        }
        sync_folder(&self.folder).map_err(|error| refused(&error, &self.folder, "writing", ELSEWHERE))
    }
}

/// Removes what was begun here and not finished.
pub(crate) fn abandon(folder: &Path) {
    // What cannot be removed has no signature and verifies as nothing.
    let _ = std::fs::remove_dir_all(folder);
}

impl Digested {
    fn create(folder: &Path, name: &str) -> Result<Self, Failure> {
        let path = folder.join(name);
        let created = OpenOptions::new().write(true).create_new(true).mode(PRIVATE_FILE).open(&path);
        let file = created.map_err(|error| refused(&error, &path, "creating", ELSEWHERE))?;
        Ok(Self { path, file: std::io::BufWriter::new(file), digest: Sha256::new() })
    }

    fn write(&mut self, text: &str) -> Result<(), Failure> {
        self.write_bytes(text.as_bytes())
    }

    fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.digest.update(bytes);
        self.file.write_all(bytes).map_err(|error| refused(&error, &self.path, "writing", ELSEWHERE))
    }

    /// Its name and digest, once it is on the disk.
    fn finish(mut self) -> Result<(String, String), Failure> {
        let written = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        written.map_err(|error| refused(&error, &self.path, "writing", ELSEWHERE))?;
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok((name, hex::encode(self.digest.finalize())))
    }
}
