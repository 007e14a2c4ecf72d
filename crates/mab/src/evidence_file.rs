//! Where evidence lies, and how its files are opened: regular ones only, waiting for nobody, and of a bounded size.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

use crate::config::Config;

/// Longest anchor that is verified, in bytes: more than two years of a checkpoint each 30 seconds (measured 2026-11-22).
pub(crate) const ANCHOR_MAX_BYTES: u64 = 1 << 30;

/// The anchor that the configured database writes to: of a database elsewhere than in its data folder, beside it.
pub(crate) fn anchor_of(config: &Config) -> PathBuf {
    if is_own(config) { config.data_dir.join("audit.anchor") } else { beside(&config.database) }
}

/// Whether the configured database is that of the data folder, however its path is spelt.
pub(crate) fn is_own(config: &Config) -> bool {
    spelt_out(&config.database) == spelt_out(&config.data_dir.join("bridge.db"))
}

/// `<database>.anchor`.
fn beside(database: &Path) -> PathBuf {
    let mut name = spelt_out(database).into_os_string();
    name.push(".anchor");
    PathBuf::from(name)
}

/// The path without links and detours, as far as it exists.
fn spelt_out(path: &Path) -> PathBuf {
    let of_folder = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(fs::canonicalize(folder).ok()?.join(path.file_name()?))
    };
    fs::canonicalize(path).ok().or_else(of_folder).unwrap_or_else(|| path.to_owned())
}

/// Opens a regular file.
///
/// # Errors
/// As the file system is; `InvalidInput` for what is no regular file, such as a pipe.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"))
}

/// Reads a regular file of at most so many bytes.
///
/// # Errors
/// As [`open`]; `FileTooLarge` for a longer one.
pub(crate) fn read(path: &Path, most_bytes: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let mut bytes = Vec::new();
    // A sparse file costs nobody anything but its reader.
    if file.metadata()?.len() <= most_bytes {
        file.take(most_bytes + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 <= most_bytes {
            return Ok(bytes);
        }
    }
    Err(io::Error::new(ErrorKind::FileTooLarge, format!("it has more than {most_bytes} bytes")))
}
