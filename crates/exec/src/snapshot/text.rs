//! How the text of one file changed.

use std::{io::Read as _, path::Path};

use mab_core::{Code, Denied};
use rustix::{
    fs::{FileType, Mode, OFlags, fstat, openat2, readlinkat},
    io::Errno,
};

use super::{
    entry::Entry,
    failure::{damaged, doing, failed},
    store::Store,
    survey::BELOW,
};
use crate::Workspace;

/// How the text of one file changed. A line may hold anything: make it visible before it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextChange {
    /// Nothing did.
    Same,
    /// In the unified form, three lines around each change; bytes that are no UTF-8 are replaced.
    Unified(String),
    /// It is no text on one side, or larger than 1 MiB.
    Binary,
}

/// From what the tree has to what is there.
pub(super) fn change(
    store: &Store,
    workspace: &Workspace,
    tree: &[Entry],
    path: &Path,
) -> Result<TextChange, Denied> {
    let before = tree.iter().find(|entry| entry.path() == path && entry.has_content());
    let after = now(workspace, path)?;
    if before.is_none() && after.is_none() {
        return Err(Denied::new(Code::NotFound, "there was and is no such file in the workspace")
            .hint("name a file by its path below the workspace"));
    }
    if before.is_some_and(|entry| entry.size > TEXT_MAX_BYTES) {
        return Ok(TextChange::Binary);
    }
    let mut bytes = Vec::new();
    if let Some(entry) = before
        && !store.read(entry, &mut bytes)?
    {
        return Err(damaged("the content of this file"));
    }
    Ok(compare(&bytes, &after.unwrap_or_default()))
}

/// Two contents side by side.
pub(crate) fn compare(before: &[u8], after: &[u8]) -> TextChange {
    let binary = |bytes: &[u8]| bytes.len() as u64 > TEXT_MAX_BYTES || bytes.contains(&0);
    if before == after {
        return TextChange::Same;
    }
    if binary(before) || binary(after) {
        return TextChange::Binary;
    }
    let (before, after) = (String::from_utf8_lossy(before), String::from_utf8_lossy(after));
    // A change without an end in sight is shown as one that replaces more, not computed for minutes.
    let diff = similar::TextDiff::configure().timeout(DIFF_TIME).diff_lines(&*before, &*after);
    TextChange::Unified(diff.unified_diff().context_radius(3).to_string())
}

/// The content that is there now; none when there is no file or link. One byte more than the most that is shown.
fn now(workspace: &Workspace, path: &Path) -> Result<Option<Vec<u8>>, Denied> {
    let open = |flags: OFlags| {
        openat2(workspace, path, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty(), BELOW)
    };
    let fail = |error: Errno| failed("cannot read the file", &error.into());
    let opened = match open(OFlags::PATH) {
        Ok(opened) => opened,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV) => return Ok(None),
        Err(error) => return Err(fail(error)),
    };
    let kind = FileType::from_raw_mode(fstat(&opened).map_err(fail)?.st_mode);
    if kind == FileType::Symlink {
        return Ok(Some(readlinkat(&opened, "", Vec::new()).map_err(fail)?.into_bytes()));
    }
    if kind != FileType::RegularFile {
        return Ok(None);
    }
    let file = open(OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY).map_err(fail)?;
    let mut bytes = Vec::new();
    let mut file = std::fs::File::from(file).take(TEXT_MAX_BYTES + 1);
    file.read_to_end(&mut bytes).map_err(doing("cannot read the file"))?;
    Ok(Some(bytes))
}

/// The largest text that is compared: 1 MiB.
const TEXT_MAX_BYTES: u64 = 1 << 20;
const DIFF_TIME: std::time::Duration = std::time::Duration::from_millis(500);
