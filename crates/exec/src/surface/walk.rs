//! Walks a workspace and marks what others obey: through no link, each folder opened in the one before it.

use std::{fs::File, io::Read as _, os::fd::OwnedFd};

use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, fstat, openat2, readlinkat, statat},
    io::Errno,
};

use super::{Mark, Surface, disarm::SET_ASIDE, git_config, index, planted::What};
use crate::{Digest, Workspace, protected::OF_A_WORKSPACE, snapshot::Stamp};

/// One look.
pub(super) struct Walk {
    /// What was found.
    pub(super) surface: Surface,
    entries_left: u64,
    digests_left: u32,
}

/// A folder that is being walked.
struct Folder<'a> {
    at: &'a OwnedFd,
    path: &'a [u8],
    depth: usize,
    /// Whether everything in it is settings.
    is_settings: bool,
}

type Entry = (Vec<u8>, FileType);

impl Walk {
    pub(super) fn look(workspace: &Workspace, entries_max: u64) -> Surface {
        let surface = Surface { found: std::collections::BTreeMap::new(), is_whole: true };
        let mut walk = Self { surface, entries_left: entries_max, digests_left: DIGESTS_MAX };
        match open_folder(workspace, b".") {
            Ok(at) => walk.folder(&Folder { at: &at, path: b"", depth: 0, is_settings: false }),
            Err(_) => walk.surface.is_whole = false,
        }
        walk.surface
    }

    fn folder(&mut self, folder: &Folder<'_>) {
        let Some(entries) = self.entries(folder.at) else {
            self.surface.is_whole = false;
            return;
        };
        let is_named_git = last(folder.path).eq_ignore_ascii_case(b".git");
        if is_repository(&entries) {
            self.mark(folder.path.to_vec(), What::Repository, Mark::default());
            self.repository(folder, &entries);
        } else if is_named_git {
            self.repository(folder, &entries);
        }
        for (name, kind) in &entries {
            if self.entries_left == 0 {
                self.surface.is_whole = false;
                return;
            }
            self.entries_left -= 1;
            self.entry(folder, name, *kind);
        }
    }

    fn entry(&mut self, folder: &Folder<'_>, name: &[u8], kind: FileType) {
        let path = join(folder.path, name);
        let is_settings = folder.is_settings || OF_A_WORKSPACE.iter().any(|known| known.as_bytes() == name);
        if kind == FileType::Directory {
            if folder.depth >= DEPTH_MAX {
                self.surface.is_whole = false;
                return;
            }
            match open_folder(folder.at, name) {
                Ok(at) => {
                    self.folder(&Folder { at: &at, path: &path, depth: folder.depth + 1, is_settings });
                }
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                // Where its owner lets nobody in, no command of ours wrote either.
                Err(Errno::ACCESS) if is_of_another(folder.at, name) => {}
                Err(_) => self.surface.is_whole = false,
            }
            return;
        }
        if kind == FileType::RegularFile
            && let Ok(found) = statat(folder.at, name, AtFlags::SYMLINK_NOFOLLOW)
            && found.st_mode & SETUID_OR_SETGID != 0
        {
            self.mark(path.clone(), What::Setuid, Mark::default());
        }
        if name.eq_ignore_ascii_case(b".git") {
            self.file(folder.at, name, (path, What::Repository));
        } else if is_settings {
            self.file(folder.at, name, (path, What::Settings));
        }
    }

    /// Marks what git obeys in a folder that is a repository.
    fn repository(&mut self, folder: &Folder<'_>, entries: &[Entry]) {
        for name in OBEYED {
            if entries.iter().any(|(found, _)| found == name) {
                self.file(folder.at, name, (join(folder.path, name), What::GitSettings));
            }
        }
        for (inside, names) in OBEYED_INSIDE {
            self.inside(folder, inside, &|name| names.contains(&name), What::GitSettings);
        }
        self.inside(folder, b"hooks", &is_hook, What::GitHook);
        let indexes =
            entries.iter().filter(|(name, _)| name == b"index" || name.starts_with(b"sharedindex."));
        for (name, _) in indexes {
            self.index(folder, name);
        }
    }

    /// Marks files of one folder of a repository; the folder itself, when it is a link.
    fn inside(&mut self, folder: &Folder<'_>, inside: &[u8], takes: &dyn Fn(&[u8]) -> bool, what: What) {
        let path = join(folder.path, inside);
        let Ok(at) = open_folder(folder.at, inside) else {
            return self.file(folder.at, inside, (path, what));
        };
        for (name, kind) in self.entries(&at).unwrap_or_default() {
            if kind != FileType::Directory && takes(&name) {
                self.file(&at, &name, (join(&path, &name), what));
            }
        }
    }

    /// Marks a file or link, if there is one with something in it.
    fn file(&mut self, at: &OwnedFd, name: &[u8], (path, what): (Vec<u8>, What)) {
        let Ok(found) = statat(at, name, AtFlags::SYMLINK_NOFOLLOW) else { return };
        let kind = FileType::from_raw_mode(found.st_mode);
        let mut mark = Mark { stamp: Stamp::of(&found), ..Mark::default() };
        if kind == FileType::Symlink {
            let leads = readlinkat(at, name, Vec::new());
            mark.digest = leads.ok().map(|leads| Digest::of(&[b"link\0", leads.as_bytes()]));
            mark.settings.insert("what a symbolic link leads to".to_owned());
        } else if kind == FileType::RegularFile {
            let is_config = what == What::GitSettings && name.starts_with(b"config");
            if self.digests_left > 0 || is_config {
                self.digests_left = self.digests_left.saturating_sub(1);
                let text = read(at, name, CONTENT_MAX_BYTES);
                let is_empty = text.as_deref().is_some_and(|text| text.is_empty() || text == SAME_FOLDER);
                // What stands in for a missing file while another command runs.
                let is_todo = name == REBASE_STEPS && !text.as_deref().is_some_and(has_exec);
                if is_empty || is_todo {
                    return;
                }
                mark.digest = text.as_deref().map(|text| Digest::of(&[text]));
                if is_config {
                    let unread = || ["what is too large to be read".to_owned()].into();
                    mark.settings = text.as_deref().map_or_else(unread, git_config::obeyed);
                }
            }
        } else {
            return;
        }
        self.mark(path, what, mark);
    }

    fn index(&mut self, folder: &Folder<'_>, name: &[u8]) {
        let links = read(folder.at, name, INDEX_MAX_BYTES).map(|bytes| index::gitlinks(&bytes));
        let Some(Some(links)) = links else {
            self.surface.is_whole = false;
            return;
        };
        let is_folder = last(folder.path).eq_ignore_ascii_case(b".git");
        let above = if is_folder { above(folder.path) } else { folder.path };
        for link in links {
            self.mark(join(above, &link), What::Gitlink, Mark::default());
        }
    }

    fn mark(&mut self, path: Vec<u8>, what: What, mark: Mark) {
        self.surface.found.insert((what, path), mark);
    }

    /// The entries of a folder, sorted, so that two looks read the same contents.
    fn entries(&self, at: &OwnedFd) -> Option<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in Dir::read_from(at).ok()? {
            let entry = entry.ok()?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            let mut kind = entry.file_type();
            if kind == FileType::Unknown {
                let found = statat(at, name, AtFlags::SYMLINK_NOFOLLOW);
                kind = found.map_or(kind, |found| FileType::from_raw_mode(found.st_mode));
            }
            entries.push((name.to_vec(), kind));
            if entries.len() as u64 > self.entries_left {
                return None;
            }
        }
        entries.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        Some(entries)
    }
}

fn is_of_another(at: &OwnedFd, name: &[u8]) -> bool {
    let found = statat(at, name, AtFlags::SYMLINK_NOFOLLOW);
    found.is_ok_and(|found| found.st_uid != rustix::process::geteuid().as_raw())
}

/// Whether git takes a folder with these entries for a repository, or for the part that several share
/// (`is_git_directory` in its setup.c).
fn is_repository(entries: &[Entry]) -> bool {
    let has = |name: &[u8]| entries.iter().any(|(found, _)| found == name);
    (has(b"objects") && has(b"refs")) || (has(b"HEAD") && has(b"commondir"))
}

fn is_hook(name: &[u8]) -> bool {
    !name.ends_with(b".sample") && !name.ends_with(SET_ASIDE.as_bytes())
}

/// Opens a folder in another.
pub(super) fn open_folder(at: impl rustix::fd::AsFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    openat2(at, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty(), BELOW)
}

/// The content of a regular file; none when it is larger, or cannot be read.
fn read(at: &OwnedFd, name: &[u8], most_bytes: u64) -> Option<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = openat2(at, name, flags, Mode::empty(), BELOW).ok()?;
    if FileType::from_raw_mode(fstat(&file).ok()?.st_mode) != FileType::RegularFile {
        return None;
    }
    let mut text = Vec::new();
    File::from(file).take(most_bytes + 1).read_to_end(&mut text).ok()?;
    (text.len() as u64 <= most_bytes).then_some(text)
}

/// Whether a rebase that goes on runs a program of this list's.
fn has_exec(todo: &[u8]) -> bool {
    let words = |line: &[u8]| {
        line.trim_ascii_start().split(u8::is_ascii_whitespace).next().unwrap_or_default().to_vec()
    };
    todo.split(|byte| *byte == b'\n').map(words).any(|word| word == b"exec" || word == b"x")
}

/// The last name of a path.
pub(super) fn last(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

/// The path without its last name.
pub(super) fn above(path: &[u8]) -> &[u8] {
    path.iter().rposition(|byte| *byte == b'/').and_then(|at| path.get(..at)).unwrap_or_default()
}

fn join(path: &[u8], name: &[u8]) -> Vec<u8> {
    if path.is_empty() { name.to_vec() } else { [path, b"/", name].concat() }
}

/// What git obeys in a repository, or goes on from (gitrepository-layout(5)).
const OBEYED: [&[u8]; 3] = [b"config", b"config.worktree", b"commondir"];
const OBEYED_INSIDE: [(&[u8], &[&[u8]]); 3] =
    [(b"info", &[b"attributes"]), (b"objects/info", &[b"alternates"]), (b"rebase-merge", &[REBASE_STEPS])];

const REBASE_STEPS: &[u8] = b"git-rebase-todo";

/// In the folder, through no link. Other file systems in it too: a command may write there as well.
pub(super) const BELOW: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// What a stub says that stands for the folder it lies in.
const SAME_FOLDER: &[u8] = b".\n";
const SETUID_OR_SETGID: u32 = 0o6000;
/// Folders in each other; one open file each.
const DEPTH_MAX: usize = 200;
/// Files whose content is compared; of more, size and times are.
const DIGESTS_MAX: u32 = 4_000;
/// Largest content that is compared.
const CONTENT_MAX_BYTES: u64 = 256 * 1024;
/// Largest index of git: about a million paths.
const INDEX_MAX_BYTES: u64 = 128 * 1024 * 1024;
