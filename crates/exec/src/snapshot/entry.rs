//! What is known of one path of a workspace, and the form in which all of them are kept.
//!
//! ```text
//! tree = "mabtree1" · entry*          one per path, sorted by the bytes of the path; all numbers little-endian
//! entry = kind u8 · mode u32 · uid u32 · gid u32 · size u64 · SHA-256 [32] · pack u32 · offset u64 · length u16 · path
//! ```
//! A tree's name is the SHA-256 of these bytes; one that has another digest is damaged and never used.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// One path of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Below the workspace, as bytes: names need be no text.
    pub(crate) path: Vec<u8>,
    /// What it is.
    pub(crate) kind: Kind,
    /// Its permission bits.
    pub(crate) mode: u32,
    /// Its owner.
    pub(crate) uid: u32,
    /// Its group.
    pub(crate) gid: u32,
    /// Bytes of its content; of a link, of where it leads.
    pub(crate) size: u64,
    /// SHA-256 of its content.
    pub(crate) digest: [u8; 32],
    /// Where its content is kept.
    pub(crate) place: Place,
}

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file.
    File,
    /// A symbolic link; its content is where it leads.
    Link,
    /// A folder.
    Folder,
    /// Something that is there, and is not saved.
    NotSaved(Why),
}

/// Why something is not saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It is larger than one file may be.
    TooLarge,
    /// A folder of what can be made again: it has a `CACHEDIR.TAG`, or one of the names that are left out.
    MadeAgain,
    /// All files together are larger than a snapshot may be.
    OverTotal,
    /// A socket, pipe or device.
    Special,
    /// It may not be read.
    Unreadable,
    /// It lies on another file system.
    OtherFileSystem,
    /// It changed while it was read.
    Changing,
}

/// Where content is kept: in which pack, from which byte.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The pack's number.
    pub(crate) pack: u32,
    /// The first byte.
    pub(crate) offset: u64,
}

impl Why {
    const ALL: [Self; 7] = [
        Self::TooLarge,
        Self::MadeAgain,
        Self::OverTotal,
        Self::Special,
        Self::Unreadable,
        Self::OtherFileSystem,
        Self::Changing,
    ];
}

impl Kind {
    fn number(self) -> u8 {
        match self {
            Self::File => 0,
            Self::Link => 1,
            Self::Folder => 2,
            Self::NotSaved(why) => 16 + why as u8,
        }
    }

    fn of_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::File),
            1 => Some(Self::Link),
            2 => Some(Self::Folder),
            _ => Why::ALL.get(usize::from(number.checked_sub(16)?)).copied().map(Self::NotSaved),
        }
    }
}

impl Entry {
    /// Its path below the workspace.
    pub(crate) fn path(&self) -> &Path {
        as_path(&self.path)
    }

    /// Whether it is there as the other is: all but where it is kept.
    pub(crate) fn same(&self, other: &Self) -> bool {
        let content = match self.kind {
            Kind::File | Kind::Link => self.size == other.size && self.digest == other.digest,
            Kind::Folder | Kind::NotSaved(_) => true,
        };
        content && self.kind == other.kind && self.mode == other.mode
    }

    /// Whether its content is kept.
    pub(crate) const fn has_content(&self) -> bool {
        matches!(self.kind, Kind::File | Kind::Link)
    }
}

/// Whether a path is `.git` or lies in one, in any case of letters: some file systems do not tell them apart.
pub(crate) fn is_git(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/').any(|part| part.eq_ignore_ascii_case(b".git"))
}

/// The entry of a path among sorted ones.
pub(crate) fn find<'a>(entries: &'a [Entry], path: &[u8]) -> Option<&'a Entry> {
    let index = entries.binary_search_by(|entry| entry.path.as_slice().cmp(path)).ok()?;
    entries.get(index)
}

/// These bytes as a path.
pub(crate) fn as_path(path: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(path))
}

/// These bytes as a path of its own.
pub(crate) fn to_path(path: &[u8]) -> PathBuf {
    as_path(path).to_owned()
}

/// The bytes of a tree.
pub(super) fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::with_capacity(entries.len() * 96 + MAGIC.len());
    out.extend_from_slice(MAGIC);
    for entry in entries {
        out.push(entry.kind.number());
        for number in [entry.mode, entry.uid, entry.gid] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&entry.size.to_le_bytes());
        out.extend_from_slice(&entry.digest);
        out.extend_from_slice(&entry.place.pack.to_le_bytes());
        out.extend_from_slice(&entry.place.offset.to_le_bytes());
        // The kernel takes no path of more than 4,096 bytes.
        out.extend_from_slice(&u16::try_from(entry.path.len()).unwrap_or(u16::MAX).to_le_bytes());
        out.extend_from_slice(&entry.path);
    }
    out
}

/// The entries of a tree; none when these bytes are no tree.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<Entry>> {
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let mut entries = Vec::with_capacity(rest.len() / 96);
    while !rest.is_empty() {
        let [kind] = take(&mut rest)?;
        let [mode, uid, gid] = [take(&mut rest)?, take(&mut rest)?, take(&mut rest)?].map(u32::from_le_bytes);
        let size = u64::from_le_bytes(take(&mut rest)?);
        let digest = take(&mut rest)?;
        let place = Place {
            pack: u32::from_le_bytes(take(&mut rest)?),
            offset: u64::from_le_bytes(take(&mut rest)?),
        };
        let length = u16::from_le_bytes(take(&mut rest)?);
        let (path, after) = rest.split_at_checked(length.into())?;
        rest = after;
        let kind = Kind::of_number(kind)?;
        entries.push(Entry { path: path.to_vec(), kind, mode, uid, gid, size, digest, place });
    }
    Some(entries)
}

/// The next `N` bytes.
pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*taken)
}

const MAGIC: &[u8] = b"mabtree1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tree_when_written_and_read_is_the_same_and_when_cut_is_none() {
        let kinds = [Kind::File, Kind::Link, Kind::Folder];
        let kinds = kinds.into_iter().chain(Why::ALL.map(Kind::NotSaved));
        let entries: Vec<_> = kinds
            .enumerate()
            .map(|(n, kind)| Entry {
                path: format!("a\n{n}\u{7f}").into_bytes(),
                kind,
                mode: 0o4755,
                uid: 1,
                gid: 2,
                size: u64::MAX,
                digest: [7; 32],
                place: Place { pack: 3, offset: 4 },
            })
            .collect();
        let bytes = encode(&entries);
        assert_eq!(decode(&bytes), Some(entries));
        assert!((9..bytes.len()).any(|end| decode(&bytes[..end]).is_none()));
        assert_eq!(decode(&bytes[..bytes.len() - 1]), None);
        assert_eq!(decode(b"other"), None);
    }

    #[test]
    fn paths_of_a_repository_are_known_in_any_case_and_at_any_depth() {
        for (path, expected) in
            [(".git", true), ("a/.GIT/config", true), (".github/x", false), (".gitignore", false)]
        {
            assert_eq!(is_git(path.as_bytes()), expected, "{path}");
        }
    }
}
