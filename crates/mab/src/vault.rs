//! The files of signed checkpoints: the anchor, its copy, their lock. The format is `mab_core::anchor`'s.
//!
//! ```text
//! audit.anchor        0600   append-only; of a database elsewhere: <database>.anchor
//! audit.anchor.lock   0600   held while a checkpoint is written
//! audit.anchor.<ms>   0600   set aside by `mab audit checkpoint --begin-anew`
//! ```
//!
//! It may not decide when to write, or what: the store records each checkpoint with its place in the file, and a file that
//! differs from that in what no crash explains is left alone.

mod command;
mod copy;

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{ErrorKind, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use mab_core::{
    Code, Denied, Failure, Random, Timestamp,
    anchor::{Anchor, Mismatch, Pending, origin},
    note::{SigningKey, VerifierKey},
    secret::MasterKey,
};
use mab_service::{Kept, OpenVault, Vault, mismatch};
use rustix::fs::OFlags;

use crate::{
    audit_key::KeyFile,
    config::Config,
    evidence_file,
    folder::{self, OTHERS_WRITE, PRIVATE_FILE, refused, sync_folder},
};

/// Where checkpoints and their key are kept.
#[derive(Clone)]
pub(crate) struct AuditFiles {
    anchor: PathBuf,
    copy: Option<PathBuf>,
    command: Vec<String>,
    /// How long another process may keep the lock.
    patience: Duration,
    key: KeyFile,
    random: Arc<dyn Random>,
    /// Whether it was said that the copy is not kept up.
    complained: Arc<AtomicBool>,
}

impl AuditFiles {
    /// The files that belong to the configured database and this master key.
    pub(crate) fn new(config: &Config, master: &MasterKey, random: Arc<dyn Random>) -> Result<Self, Failure> {
        Ok(Self {
            anchor: evidence_file::anchor_of(config),
            copy: config.audit.copy.clone(),
            command: config.audit.command.clone(),
            patience: Duration::from_millis(config.busy_timeout_ms),
            key: KeyFile::new(&config.data_dir, origin(master.fingerprint()?)),
            random,
            complained: Arc::default(),
        })
    }

    /// Draws the key at the first start, when there is nothing yet that another one has signed.
    pub(crate) fn prepare(&self) -> Result<(), Failure> {
        if self.has_begun() { Ok(()) } else { self.key.read_or_create(self.random.as_ref()).map(drop) }
    }

    /// Whether there are checkpoints.
    pub(crate) fn has_begun(&self) -> bool {
        std::fs::metadata(&self.anchor).is_ok_and(|anchor| anchor.len() > 0)
    }

    /// The key that is valid, to sign what is no checkpoint.
    pub(crate) fn key(&self) -> Result<SigningKey, Failure> {
        self.key.read()?.ok_or_else(|| self.key.lost("there are checkpoints but no audit.key"))
    }
}

impl Vault for AuditFiles {
    fn lock(&self) -> Result<Box<dyn OpenVault>, Failure> {
        let path = suffixed(&self.anchor, ".lock");
        let file = open(OpenOptions::new().write(true).create(true).truncate(false), &path)?;
        for _ in 0..=self.patience.as_millis() / LOOK_EVERY.as_millis() {
            match file.try_lock() {
                Ok(()) => return Ok(Box::new(Locked { files: self.clone(), _lock: file })),
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK_EVERY),
                Err(TryLockError::Error(error)) => return Err(refused(&error, &path, "locking")),
            }
        }
        Err(Denied::new(Code::Busy, "another process writes a checkpoint").retry_after(1).into())
    }

    fn read(&self, newest: Option<&Pending>) -> Result<Kept, Failure> {
        let mut bytes = whole(&self.anchor)?;
        let missing = newest.map_or(not_begun(&bytes), |newest| missing(newest, &bytes).map(<[u8]>::to_vec));
        let copied = self.copy.as_deref().map(whole).transpose()?;
        let copy_fits = copied.map_or(Ok(()), |copied| copy::fits(&copied, &bytes));
        let fits = missing.map(|missing| bytes.extend(missing));
        let key = self.key.successor(newest)?.map_or_else(|| self.key.read(), |next| Ok(Some(next)))?;
        let anchor = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Kept { anchor, key: key.map(|key| key.verifier()), fits, copy_fits })
    }

    fn announce(&self, note: &str) {
        command::run(&self.command, note);
    }
}

struct Locked {
    files: AuditFiles,
    _lock: File,
}

impl OpenVault for Locked {
    fn settle(&mut self, newest: Option<&Pending>) -> Result<SigningKey, Failure> {
        let AuditFiles { anchor, key, random, .. } = &self.files;
        let Some(newest) = newest else {
            not_begun(&whole(anchor)?).map_err(|wrong| misfit(anchor, wrong))?;
            key.settle(None)?;
            return key.read_or_create(random.as_ref());
        };
        put_back(anchor, newest)?;
        complete(anchor, newest, |missing| self.is_signed(newest, missing))?;
        self.follow(newest)?;
        self.files.key()
    }

    fn append(&mut self, written: &Pending) -> Result<(), Failure> {
        complete(&self.files.anchor, written, |_| Ok(()))?;
        self.follow(written)
    }

    fn stage(&mut self, key: &SigningKey) -> Result<(), Failure> {
        self.files.key.stage(key, self.files.random.as_ref())
    }

    fn set_aside(&mut self, moment: Timestamp) -> Result<(), Failure> {
        for path in [Some(&self.files.anchor), self.files.copy.as_ref()].into_iter().flatten() {
            let aside = suffixed(path, &format!(".{}", moment.millis()));
            match std::fs::hard_link(path, &aside).and_then(|()| std::fs::remove_file(path)) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(refused(&error, &aside, "moving the anchor to")),
            }
        }
        Ok(())
    }
}

impl Locked {
    /// What follows once the anchor is whole: its copy, and the change of the key that its end tells of.
    fn follow(&self, newest: &Pending) -> Result<(), Failure> {
        let AuditFiles { anchor, copy, key, complained, .. } = &self.files;
        if let Some(copy) = copy
            && let Err(failure) = copy::follow(copy, anchor)
            && !complained.swap(true, Ordering::AcqRel)
        {
            tracing::error!(%failure, "audit.anchor_file is not kept up");
        }
        key.settle(Some(newest))
    }

    /// Whether the anchor holds with `missing` at its end: the store alone does not make it grow.
    fn is_signed(&self, newest: &Pending, missing: &[u8]) -> Result<(), Failure> {
        let AuditFiles { anchor, key, .. } = &self.files;
        let own = [Some(self.files.key()?), key.successor(Some(newest))?];
        let own: Vec<VerifierKey> = own.iter().flatten().map(SigningKey::verifier).collect();
        let text = String::from_utf8([whole(anchor)?, missing.to_vec()].concat()).unwrap_or_default();
        Anchor::parse_and_verify(&text, &own).map(drop).map_err(|error| {
            let message =
                format!("{} would not hold with what the store recorded: {error}", anchor.display());
            Denied::new(Code::Conflict, message)
                .hint("somebody changed one of them: run `mab audit verify`")
                .into()
        })
    }
}

fn misfit(path: &Path, wrong: Mismatch) -> Failure {
    mismatch(&path.display().to_string(), wrong).into()
}

/// Takes back an anchor that was set aside, when the beginning of another one was not recorded after that.
fn put_back(path: &Path, newest: &Pending) -> Result<(), Failure> {
    if fs::symlink_metadata(path).is_ok() {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let failed = |error| refused(&error, folder, "reading");
    let prefix = suffixed(path, ".");
    for entry in fs::read_dir(folder).map_err(failed)? {
        let aside = entry.map_err(failed)?.path();
        let name = aside.as_os_str().as_encoded_bytes();
        let moment = name.strip_prefix(prefix.as_os_str().as_encoded_bytes()).unwrap_or_default();
        let is_aside = !moment.is_empty() && moment.iter().all(u8::is_ascii_digit);
        if is_aside && missing(newest, &whole(&aside)?).is_ok_and(<[u8]>::is_empty) {
            let moved = fs::rename(&aside, path).and_then(|()| sync_folder(folder));
            return moved.map_err(|error| refused(&error, path, "putting back"));
        }
    }
    Ok(())
}

/// Appends what the newest checkpoint lacks, durably, if `check` lets it.
fn complete(
    path: &Path,
    newest: &Pending,
    check: impl FnOnce(&[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    let mut file = match open(options.read(true).append(true), path) {
        Ok(file) => file,
        Err(_) if newest.offset == 0 && !path.exists() => {
            open(OpenOptions::new().read(true).append(true).create_new(true), path)?
        }
        Err(_) if !path.exists() => return Err(misfit(path, Mismatch::Shorter)),
        Err(failure) => return Err(failure),
    };
    let failed = |error| refused(&error, path, "writing");
    let length = file.metadata().map_err(failed)?.len();
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(newest.offset)).map_err(failed)?;
    let most = newest.text.len() as u64 + 1;
    (&file).take(most).read_to_end(&mut tail).map_err(failed)?;
    let missing = newest.missing(length, &tail).map_err(|wrong| misfit(path, wrong))?;
    if missing.is_empty() {
        return Ok(());
    }
    check(missing)?;
    file.write_all(missing).and_then(|()| file.sync_all()).map_err(failed)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    if newest.offset == 0 { sync_folder(folder).map_err(failed) } else { Ok(()) }
}

/// What `newest` lacks in a file of these bytes.
fn missing<'a>(newest: &'a Pending, bytes: &[u8]) -> Result<&'a [u8], Mismatch> {
    let offset = usize::try_from(newest.offset).unwrap_or(usize::MAX);
    newest.missing(bytes.len() as u64, bytes.get(offset..).unwrap_or_default())
}

/// Nothing is missing in a file of which the store has recorded nothing; it must be empty.
fn not_begun(bytes: &[u8]) -> Result<Vec<u8>, Mismatch> {
    if bytes.is_empty() { Ok(Vec::new()) } else { Err(Mismatch::Longer) }
}

/// The content of a file; none is an empty one.
fn whole(path: &Path) -> Result<Vec<u8>, Failure> {
    if std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Ok(Vec::new());
    }
    let mut bytes = Vec::new();
    let mut file = open(OpenOptions::new().read(true), path)?;
    file.read_to_end(&mut bytes).map_err(|error| refused(&error, path, "reading"))?;
    Ok(bytes)
}

/// Opens a file of our own that others cannot write; never through a link.
fn open(options: &mut OpenOptions, path: &Path) -> Result<File, Failure> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = options.mode(PRIVATE_FILE).custom_flags(flags.bits().cast_signed()).open(path);
    let file = opened.map_err(|error| refused(&error, path, "opening"))?;
    let metadata = file.metadata().map_err(|error| refused(&error, path, "examining"))?;
    folder::judge(path, &metadata, OTHERS_WRITE)?;
    Ok(file)
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// How often the lock is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests;
