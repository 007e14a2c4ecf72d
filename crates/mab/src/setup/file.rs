//! Files of clients, read with suspicion and replaced whole.
//!
//! What is read must be a regular file of this user that nobody else can write, in a folder likewise; a symbolic link is
//! followed to such a file, in a project only to one inside it. What is written stands in a draft beside the file, durable,
//! before it takes the file's place; somebody else's change in between is noticed and refused. Killed at any instruction,
//! each file is the old or the new one.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions},
    io::{self, ErrorKind, Read as _, Write as _},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};

use mab_core::{Code, Denied, Failure, Random, source::draw};
use rustix::fs::OFlags;

use super::backup::{Backup, Backups, Held};
use crate::folder::{PRIVATE_FILE, quoted, sync_folder};

/// A file as it was found.
#[derive(Debug, Clone)]
pub(crate) struct Before {
    /// Its name.
    pub(crate) path: PathBuf,
    /// The file itself, behind symbolic links.
    pub(crate) target: PathBuf,
    /// What it holds; `None` when there is none.
    pub(crate) content: Option<Vec<u8>>,
    mode: u32,
    /// Its group; `None` for a new file.
    group: Option<u32>,
    links: u64,
}

/// What is to become of a file.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// The file as it was found.
    pub(crate) before: Before,
    /// What becomes of it.
    pub(crate) step: Step,
    /// What was there before the first set-up, to be kept.
    backup: Option<Backup>,
    /// The backup that is no longer needed then.
    obsolete: Option<PathBuf>,
    /// Folders above it that set-up made, and that go with it when they are empty.
    folders: usize,
}

/// What becomes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is as it should be.
    Stay,
    /// It gets this content.
    Write(Vec<u8>),
    /// It goes.
    Delete,
}

/// What has become of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Done {
    /// The backup that was left.
    pub(crate) backup: Option<PathBuf>,
}

impl Before {
    /// Reads a file, which need not exist. `within`: a folder that it may not be outside of.
    ///
    /// # Errors
    /// `read_only` when it is no file to write safely; `misconfigured` when it cannot be read or is too large.
    pub(crate) fn read(path: &Path, within: Option<&Path>) -> Result<Self, Failure> {
        let target = behind_links(path)?;
        if let Some(project) = within {
            let project = project.canonicalize().map_err(|error| refused(&error, project))?;
            if !target.starts_with(&project) {
                let message = format!("{} leads out of the project, to {}", path.display(), target.display());
                return Err(unsafe_file(message, "look who made that link; remove it"));
            }
        }
        if let Some(folder) = target.parent().and_then(existing) {
            judge_folder(&folder)?;
        }
        let mode = if within.is_some() { SHARED_FILE } else { PRIVATE_FILE };
        let nowhere = Self {
            path: path.to_owned(),
            target: target.clone(),
            content: None,
            mode,
            group: None,
            links: 1,
        };
        let Some((file, metadata)) = open(&target)? else { return Ok(nowhere) };
        let mut content = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut content).map_err(|error| refused(&error, &target))?;
        if content.len() as u64 > MAX_BYTES {
            let message = format!("{} is larger than {} MiB", path.display(), MAX_BYTES >> 20);
            return Err(Denied::new(Code::Misconfigured, message)
                .hint("is it the right file? nothing was changed")
                .into());
        }
        let (mode, group) = (metadata.mode() & 0o7777, Some(metadata.gid()));
        Ok(Self { content: Some(content), mode, group, links: metadata.nlink(), ..nowhere })
    }

    /// Refuses a file with other names: it is replaced, not written, and they would keep the old one.
    ///
    /// # Errors
    /// `read_only`.
    pub(super) fn check_names(&self) -> Result<(), Failure> {
        if self.links <= 1 {
            return Ok(());
        }
        let message = format!("{} has {} names (hard links)", self.path.display(), self.links);
        Err(unsafe_file(message, "make it a symbolic link, or a file of its own"))
    }

    /// Whether the name is a symbolic link.
    pub(crate) fn is_link(&self) -> bool {
        self.path.symlink_metadata().is_ok_and(|named| named.is_symlink())
    }

    /// The backup that was made when the file got what it holds now.
    pub(super) fn fitting_backup(&self, backups: &Backups) -> Result<Option<Backup>, Failure> {
        self.content.as_ref().map_or(Ok(None), |content| backups.fitting(&self.target, content))
    }

    /// What is there now, as a backup says it.
    fn held(&self) -> Held {
        let missing = self.target.ancestors().skip(1).take_while(|folder| !folder.exists());
        self.content.clone().map_or_else(|| Held::Nothing { folders: missing.count() }, Held::Content)
    }

    fn is_unchanged(&self) -> Result<bool, Failure> {
        let now = Self::read(&self.path, None)?;
        Ok(now.target == self.target && now.content == self.content)
    }
}

impl Change {
    pub(super) fn none(before: Before) -> Self {
        Self { before, step: Step::Stay, backup: None, obsolete: None, folders: 0 }
    }

    /// New content. The backup of an earlier set-up stays the one that counts.
    ///
    /// # Errors
    /// As [`Backups::fitting`].
    pub(super) fn replace(before: Before, after: String, backups: &Backups) -> Result<Self, Failure> {
        let earlier = before.fitting_backup(backups)?;
        let obsolete = earlier.as_ref().map(|backup| backup.path.clone());
        let held = earlier.map_or_else(|| before.held(), |backup| backup.held);
        let backup = backups.planned(&before.target, after.as_bytes(), held);
        let step = Step::Write(after.into_bytes());
        Ok(Self { step, backup: Some(backup), obsolete, ..Self::none(before) })
    }

    /// New content that needs no backup: what went was ours.
    pub(super) fn rest(before: Before, after: String) -> Self {
        Self { step: Step::Write(after.into_bytes()), ..Self::none(before) }
    }

    /// What the backup says, which goes then.
    pub(super) fn restore(before: Before, backup: Backup) -> Self {
        let (step, folders) = match backup.held {
            Held::Content(content) => (Step::Write(content), 0),
            Held::Nothing { folders } => (Step::Delete, folders),
        };
        Self { step, obsolete: Some(backup.path), folders, ..Self::none(before) }
    }

    /// The content after it; `None` when there is no file then.
    pub(crate) fn after(&self) -> Option<&[u8]> {
        match &self.step {
            Step::Stay => self.before.content.as_deref(),
            Step::Write(content) => Some(content),
            Step::Delete => None,
        }
    }
}

/// Makes all changes, or none: drafts of everything first; when one cannot take its place, what did is put back.
///
/// # Errors
/// `conflict` when a file was changed meanwhile; `read_only`, `storage_full` or `misconfigured` as the system says.
pub(crate) fn apply(
    changes: &[Change],
    backups: &Backups,
    random: &dyn Random,
) -> Result<Vec<Done>, Failure> {
    let mut attempt = Attempt {
        random,
        backups,
        folders: Vec::new(),
        drafts: Vec::new(),
        kept: Vec::new(),
        placed: Vec::new(),
    };
    match attempt.make(changes) {
        Ok(done) => {
            attempt.tidy(changes);
            Ok(done)
        }
        Err(failure) => {
            attempt.undo();
            Err(failure)
        }
    }
}

/// What one run has put on the disk so far.
struct Attempt<'a> {
    random: &'a dyn Random,
    backups: &'a Backups,
    folders: Vec<PathBuf>,
    drafts: Vec<Option<PathBuf>>,
    kept: Vec<&'a Path>,
    placed: Vec<&'a Before>,
}

impl<'a> Attempt<'a> {
    fn make(&mut self, changes: &'a [Change]) -> Result<Vec<Done>, Failure> {
        for change in changes {
            let draft = match &change.step {
                Step::Write(content) => {
                    self.make_folder(&change.before.target)?;
                    Some(self.draft(&change.before, content)?)
                }
                Step::Stay | Step::Delete => None,
            };
            self.drafts.push(draft);
        }
        let mut done = Vec::new();
        for (change, draft) in changes.iter().zip(self.drafts.clone()) {
            done.push(self.place(change, draft.as_deref())?);
        }
        Ok(done)
    }

    fn place(&mut self, change: &'a Change, draft: Option<&Path>) -> Result<Done, Failure> {
        let Before { path, target, content, .. } = &change.before;
        if change.step == Step::Stay {
            return Ok(Done { backup: None });
        }
        if let Some(backup) = &change.backup {
            self.backups.keep(backup, self.random)?;
            self.kept.push(&backup.path);
        }
        if !change.before.is_unchanged()? {
            return Err(Denied::new(Code::Conflict, format!("{} was changed meanwhile", path.display()))
                .hint("run it again; nothing was changed")
                .into());
        }
        let placed = match draft {
            None => fs::remove_file(target),
            Some(draft) if content.is_some() => fs::rename(draft, target),
            // A link never replaces a file that somebody else made meanwhile.
            Some(draft) => fs::hard_link(draft, target),
        };
        placed.map_err(|error| refused(&error, target))?;
        self.placed.push(&change.before);
        sync_folder(target.parent().unwrap_or(Path::new("/"))).map_err(|error| refused(&error, target))?;
        let of_content = |backup: &&Backup| matches!(backup.held, Held::Content(_));
        Ok(Done { backup: change.backup.as_ref().filter(of_content).map(|backup| backup.path.clone()) })
    }

    /// Makes the folders that are missing; the parent of a new one must exist or be made as well.
    fn make_folder(&mut self, target: &Path) -> Result<(), Failure> {
        let missing: Vec<&Path> = target.ancestors().skip(1).take_while(|folder| !folder.exists()).collect();
        for folder in missing.into_iter().rev() {
            DirBuilder::new().create(folder).map_err(|error| refused(&error, folder))?;
            self.folders.push(folder.to_owned());
        }
        Ok(())
    }

    /// Writes a durable file beside its place, with the group and mode of the one it is to replace.
    fn draft(&self, before: &Before, content: &[u8]) -> Result<PathBuf, Failure> {
        let target = &before.target;
        let tag = hex::encode(draw::<8>(self.random)?);
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let draft = target.with_file_name(format!(".{name}.{tag}"));
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
            file.write_all(content)?;
            if let Some(group) =
                before.group.filter(|group| file.metadata().is_ok_and(|new| new.gid() != *group))
            {
                fchown(&file, None, Some(group))?;
            }
            file.set_permissions(Permissions::from_mode(before.mode))?;
            file.sync_all()
        };
        write().map_err(|error| {
            let _ = fs::remove_file(&draft);
            refused(&error, target)
        })?;
        Ok(draft)
    }

    /// Removes what is no longer needed; a left-over changes nothing.
    fn tidy(&self, changes: &[Change]) {
        for draft in self.drafts.iter().flatten() {
            let _ = fs::remove_file(draft);
        }
        for backup in changes.iter().filter_map(|change| change.obsolete.as_deref()) {
            if !self.kept.contains(&backup) {
                self.backups.drop(backup);
            }
        }
        for change in changes {
            // Only those that are empty now.
            for folder in change.before.target.ancestors().skip(1).take(change.folders) {
                let _ = fs::remove_dir(folder);
            }
        }
    }

    /// Puts everything back as it was, as far as the system lets us.
    fn undo(&self) {
        for before in &self.placed {
            let _ = match &before.content {
                Some(content) => {
                    self.draft(before, content).map_or(Ok(()), |draft| fs::rename(draft, &before.target))
                }
                None => fs::remove_file(&before.target),
            };
        }
        for draft in self.drafts.iter().flatten() {
            let _ = fs::remove_file(draft);
        }
        for backup in &self.kept {
            self.backups.drop(backup);
        }
        for folder in self.folders.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// The file itself. Of one that does not exist, as much of the way to it as does.
fn behind_links(path: &Path) -> Result<PathBuf, Failure> {
    match path.symlink_metadata() {
        Ok(named) => match path.canonicalize() {
            Ok(target) => Ok(target),
            Err(error) if named.is_symlink() && error.kind() == ErrorKind::NotFound => {
                let message = format!("{} is a symbolic link to nothing", path.display());
                Err(unsafe_file(message, "make the file it is to lead to, or remove the link"))
            }
            Err(error) => Err(refused(&error, path)),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let Some(folder) = path.ancestors().skip(1).find(|folder| folder.exists()) else {
                return Ok(path.to_owned());
            };
            let rest = path.strip_prefix(folder).unwrap_or(path);
            Ok(folder.canonicalize().map_err(|error| refused(&error, folder))?.join(rest))
        }
        Err(error) => Err(refused(&error, path)),
    }
}

/// The nearest folder upwards that exists.
fn existing(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().find(|folder| folder.exists()).map(Path::to_owned)
}

fn open(target: &Path) -> Result<Option<(File, Metadata)>, Failure> {
    // A link put there meanwhile is not followed, a pipe not waited for.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(target);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if target.symlink_metadata().is_ok_and(|found| !found.is_file()) => {
            tracing::debug!(%error, "a file that is none");
            return Err(no_file(target));
        }
        Err(error) => return Err(refused(&error, target)),
    };
    // The file that was opened is the one that is judged.
    let metadata = file.metadata().map_err(|error| refused(&error, target))?;
    if !metadata.is_file() {
        return Err(no_file(target));
    }
    let own = rustix::process::geteuid().as_raw();
    if metadata.uid() != own {
        let message =
            format!("{} belongs to user {}, and mab runs as user {own}", target.display(), metadata.uid());
        return Err(unsafe_file(message, "run mab as that user"));
    }
    if metadata.mode() & ANYBODY_WRITES != 0 {
        let message = format!("anybody may write {}", target.display());
        return Err(unsafe_file(message, &format!("chmod o-w {}", quoted(target))));
    }
    Ok(Some((file, metadata)))
}

fn judge_folder(folder: &Path) -> Result<(), Failure> {
    let metadata = folder.metadata().map_err(|error| refused(&error, folder))?;
    if !metadata.is_dir() {
        let message = format!("{} is not a folder", folder.display());
        return Err(unsafe_file(message, "move it away"));
    }
    if metadata.mode() & ANYBODY_WRITES != 0 && metadata.mode() & STICKY == 0 {
        let message = format!("anybody may write the folder {}", folder.display());
        return Err(unsafe_file(message, &format!("chmod o-w {}", quoted(folder))));
    }
    Ok(())
}

fn no_file(path: &Path) -> Failure {
    unsafe_file(format!("{} is not a regular file", path.display()), "look what it is; move it away")
}

fn unsafe_file(message: String, hint: &str) -> Failure {
    Denied::new(Code::ReadOnly, message).hint(format!("{hint}; nothing was changed")).into()
}

/// What an error of the file system means.
fn refused(error: &io::Error, path: &Path) -> Failure {
    let kind = error.kind();
    let (code, hint) = if matches!(kind, ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) {
        (Code::ReadOnly, "mend the permissions of it and its folder, or use --scope project")
    } else if matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
        (Code::StorageFull, "free space, then try again")
    } else if kind == ErrorKind::AlreadyExists {
        (Code::Conflict, "somebody made it meanwhile; run it again")
    } else {
        (Code::Misconfigured, "look what is there")
    };
    Denied::new(code, format!("{}: {error}", path.display()))
        .hint(format!("{hint}; nothing was changed"))
        .into()
}

const ANYBODY_WRITES: u32 = 0o002;
/// In such a folder everybody may remove or rename only what is their own.
const STICKY: u32 = 0o1000;
/// The mode of a new file of a project, which is shared; any other is its user's own.
const SHARED_FILE: u32 = 0o644;
/// Larger than any configuration, `~/.claude.json` of a heavy user included.
pub(super) const MAX_BYTES: u64 = 32 << 20;
