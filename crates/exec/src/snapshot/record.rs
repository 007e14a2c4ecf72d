//! What is told of a snapshot, and the file that says that it is there.

use std::{fmt, path::PathBuf, str::FromStr};

use mab_core::{Code, Denied, Timestamp};
use serde::{Deserialize, Serialize};

use super::Why;

/// Names a snapshot: 16 hexadecimal digits, drawn at random.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SnapshotId(String);

/// A snapshot of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its name.
    pub id: SnapshotId,
    /// What it was taken for.
    pub label: String,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// Files and links in it.
    pub files: u64,
    /// Bytes of their contents; equal contents are kept once.
    pub bytes: u64,
    /// What the repository's `HEAD` said, where the workspace is one: `ref: refs/heads/main` or an object's name.
    pub head: Option<String>,
    /// What is not in it, with why; the first 1,000.
    pub not_saved: Vec<NotSaved>,
    /// How many there are of these.
    pub not_saved_total: u64,
}

/// A path that is not in a snapshot: a restore leaves it, and what is below it, as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotSaved {
    /// Below the workspace.
    pub path: PathBuf,
    /// Why.
    pub why: Why,
}

/// The record as a file: JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) version: u32,
    pub(super) id: SnapshotId,
    pub(super) label: String,
    pub(super) taken_at_ms: i64,
    /// Counts the snapshots of a workspace, for those of one millisecond.
    pub(super) order: u64,
    /// The name of its tree.
    pub(super) tree: String,
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) head: Option<String>,
    /// The paths in hexadecimal: names need be no text.
    pub(super) not_saved: Vec<(String, Why)>,
    pub(super) not_saved_total: u64,
    /// The folder that lay at the workspace's path.
    #[serde(default)]
    pub(super) device: u64,
    #[serde(default)]
    pub(super) inode: u64,
}

impl Record {
    /// Notes that it was taken for something else too.
    pub(super) fn add_label(&mut self, label: &str) {
        let known = self.label.split(LABELS).any(|part| part == label);
        if !known && self.label.chars().count() + label.chars().count() < super::LABEL_MAX {
            self.label = [self.label.as_str(), label].join(LABELS);
        }
    }
}

/// Between what a snapshot was taken for.
const LABELS: &str = "; ";

impl SnapshotId {
    /// The name made of these random bytes.
    pub(super) fn of(bytes: [u8; 8]) -> Self {
        Self(hex::encode(bytes))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SnapshotId {
    type Err = Denied;

    fn from_str(text: &str) -> Result<Self, Denied> {
        let right = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        right.then(|| Self(text.to_owned())).ok_or_else(|| {
            Denied::new(Code::InvalidArguments, "a snapshot's name is 16 hexadecimal digits")
                .hint("`mab snapshot list --all` shows what there is")
        })
    }
}

impl TryFrom<String> for SnapshotId {
    type Error = Denied;

    fn try_from(text: String) -> Result<Self, Denied> {
        text.parse()
    }
}

impl From<SnapshotId> for String {
    fn from(id: SnapshotId) -> Self {
        id.0
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "larger than a file in a snapshot may be",
            Self::MadeAgain => "can be made again",
            Self::OverTotal => "more than a snapshot may hold in all",
            Self::Special => "a socket, pipe or device",
            Self::Unreadable => "may not be read",
            Self::OtherFileSystem => "on another file system",
            Self::Changing => "changed while it was read",
        })
    }
}

impl From<Record> for Snapshot {
    fn from(record: Record) -> Self {
        let not_saved = record.not_saved.into_iter().filter_map(|(path, why)| {
            let path = super::entry::to_path(&hex::decode(path).ok()?);
            Some(NotSaved { path, why })
        });
        Self {
            id: record.id,
            label: record.label,
            taken_at: Timestamp::from_millis(record.taken_at_ms),
            files: record.files,
            bytes: record.bytes,
            head: record.head,
            not_saved: not_saved.collect(),
            not_saved_total: record.not_saved_total,
        }
    }
}

/// How many paths that are not saved are told.
pub(super) const NOT_SAVED_SHOWN: usize = 1_000;
