//! Reads a policy file that may be anything: a link, a device, a pipe, huge, or no text.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use mab_core::Denied;
use rustix::{
    fs::{CWD, Mode, OFlags, ResolveFlags, openat2},
    io::Errno,
};

use super::INVALID;
use crate::judge::characters;

/// Largest file.
const FILE_MAX_BYTES: u64 = 256 * 1024;

/// A file's text and what it is called in refusals.
pub(super) struct Source {
    /// What it is called.
    pub(super) name: String,
    /// What it says.
    pub(super) text: String,
}

impl Source {
    /// The refusal of the file for what is at byte `at`.
    pub(super) fn refuse(&self, at: usize, problem: &str) -> Denied {
        let line = 1 + self.text.bytes().take(at).filter(|&byte| byte == b'\n').count();
        Denied::new(INVALID, format!("{} line {line}: {}", self.name, visible(problem)))
            .hint("correct the file; until then no command is judged with it")
    }
}

/// The file at `path`; none when there is none. A project's may lie behind no symbolic link: who can write the project
/// would choose which file is read.
pub(super) fn source(path: &Path, by_project: bool) -> Result<Option<Source>, Denied> {
    let name = visible(&path.display().to_string());
    let refuse = |problem: &str, hint: &str| Denied::new(INVALID, format!("{name}: {problem}")).hint(hint);
    let how = if by_project { ResolveFlags::NO_SYMLINKS } else { ResolveFlags::empty() };
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match openat2(CWD, path, flags, Mode::empty(), how) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
        Err(Errno::LOOP) => return Err(refuse("it is behind a symbolic link", "put the file itself there")),
        Err(error) => return Err(refuse(&format!("it cannot be opened: {error}"), "make it readable")),
    };
    let found = file.metadata().map_err(|_| refuse("it cannot be looked at", "make it readable"))?;
    if !found.is_file() {
        return Err(refuse("it is no regular file", "put a file there"));
    }
    if !by_project && found.mode() & 0o022 != 0 {
        return Err(refuse("others may write it", "take that away: chmod go-w"));
    }
    let text = read_up_to(file, FILE_MAX_BYTES)
        .map_err(|_| refuse("it cannot be read as UTF-8 text", "correct the file"))?
        .ok_or_else(|| refuse("it is larger than 256 KiB", "shorten it"))?;
    Ok(Some(Source { name, text }))
}

fn read_up_to(file: File, most_bytes: u64) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    file.take(most_bytes + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most_bytes {
        return Ok(None);
    }
    String::from_utf8(bytes).map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// The beginning of `text` with nothing in it that a terminal would act on.
fn visible(text: &str) -> String {
    let shown = |found: char| -> String {
        if characters::is_unseen(found) { found.escape_unicode().to_string() } else { found.to_string() }
    };
    text.chars().take(300).map(shown).collect()
}
