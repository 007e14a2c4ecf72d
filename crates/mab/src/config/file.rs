//! The TOML file, flattened to dotted keys.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, ErrorKind, Read as _},
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

use mab_core::{Denied, agent::Permission};
use rustix::fs::OFlags;
use toml::{Table, Value};

use super::load::{Source, refuse};
use crate::folder::{self, OTHERS_WRITE};

/// Much more than every key takes.
const FILE_MAX_BYTES: u64 = 1 << 20;

/// Reads the file: `[("limits.send_per_minute", 10)]` in the file's order of sections. A file that does not exist is
/// empty unless `must_exist`.
pub(super) fn read(path: &Path, must_exist: bool) -> Result<Vec<(String, Value)>, Denied> {
    let source = Source::File(path.to_owned());
    let unreadable = |error: io::Error| {
        refuse(format_args!("the configuration file cannot be read: {error}"), &source)
            .hint("correct the path or the file's permissions")
    };
    let (metadata, file) = match open(path).and_then(|file| Ok((file.metadata()?, file))) {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::NotFound && !must_exist => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    if is_nothing(&metadata) {
        return Ok(Vec::new());
    }
    if !metadata.is_file() {
        return Err(unreadable(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file")));
    }
    // The file that was opened is the one that is judged.
    trust(path, &metadata, &source)?;
    let text = text(file).map_err(unreadable)?;
    let table = text.parse::<Table>().map_err(|error| {
        let line =
            error.span().map_or(1, |span| 1 + text.bytes().take(span.start).filter(|b| *b == b'\n').count());
        refuse(format_args!("line {line} is not TOML: {}", error.message()), &source)
    })?;
    Ok(table.into_iter().flat_map(|(name, value)| flatten(name, value)).collect())
}

/// Opens it; a pipe is not waited for, and a terminal does not become ours.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

/// Whether it is the device that keeps nothing (`/dev/null`).
fn is_nothing(metadata: &Metadata) -> bool {
    let same = |null: Metadata| null.file_type().is_char_device() && null.rdev() == metadata.rdev();
    metadata.file_type().is_char_device() && std::fs::metadata("/dev/null").is_ok_and(same)
}

/// What it holds, unless that is more than anybody writes by hand.
fn text(file: File) -> io::Result<String> {
    let mut text = String::new();
    file.take(FILE_MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_MAX_BYTES {
        let message = format!("it has more than {FILE_MAX_BYTES} bytes");
        return Err(io::Error::new(ErrorKind::FileTooLarge, message));
    }
    Ok(text)
}

/// Refuses a file that somebody else can write: it decides about limits. The machine's administrator may.
fn trust(path: &Path, metadata: &Metadata, source: &Source) -> Result<(), Denied> {
    let (own, owner) = (rustix::process::geteuid().as_raw(), metadata.uid());
    if owner != own && owner != 0 {
        let what = format!("the configuration file belongs to user {owner}, and mab runs as user {own}");
        return Err(refuse(what, source).hint("copy it to a file of your own and name that with MAB_CONFIG"));
    }
    if metadata.mode() & OTHERS_WRITE != 0 {
        return Err(refuse("other users may write the configuration file", source)
            .hint(format!("chmod go-w {}", folder::quoted(path))));
    }
    Ok(())
}

/// Sections are one level deep, but for those of a permission; anything deeper stays a table, which no key accepts.
fn flatten(name: String, value: Value) -> Vec<(String, Value)> {
    let Value::Table(section) = value else { return vec![(name, value)] };
    let below = |(key, value): (String, Value)| {
        let deeper = name == "limits" && key.parse::<Permission>().is_ok();
        let path = format!("{name}.{key}");
        if deeper { flatten(path, value) } else { vec![(path, value)] }
    };
    section.into_iter().flat_map(below).collect()
}
