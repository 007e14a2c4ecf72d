//! The TOML file, flattened to dotted keys.

use std::{
    fs::{File, Metadata},
    io::{self, ErrorKind},
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::Path,
};

use mab_core::{Denied, agent::Permission};
use toml::{Table, Value};

use super::load::{Source, refuse};
use crate::folder::{self, OTHERS_WRITE};

/// Reads the file: `[("limits.send_per_minute", 10)]` in the file's order of sections. A file that does not exist is
/// empty unless `must_exist`.
pub(super) fn read(path: &Path, must_exist: bool) -> Result<Vec<(String, Value)>, Denied> {
    let source = Source::File(path.to_owned());
    let unreadable = |error: io::Error| {
        refuse(format_args!("the configuration file cannot be read: {error}"), &source)
            .hint("correct the path or the file's permissions")
    };
    let (metadata, file) = match File::open(path).and_then(|file| Ok((file.metadata()?, file))) {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::NotFound && !must_exist => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    // The file that was opened is the one that is judged.
    trust(path, &metadata, &source)?;
    let text = io::read_to_string(file).map_err(unreadable)?;
    let table = text.parse::<Table>().map_err(|error| {
        let line =
            error.span().map_or(1, |span| 1 + text.bytes().take(span.start).filter(|b| *b == b'\n').count());
        refuse(format_args!("line {line} is not TOML: {}", error.message()), &source)
    })?;
    Ok(table.into_iter().flat_map(|(name, value)| flatten(name, value)).collect())
}

/// Refuses a file that somebody else can write: it decides about limits. The machine's administrator may, and a device that
/// keeps nothing (`/dev/null`) is nobody's.
fn trust(path: &Path, metadata: &Metadata, source: &Source) -> Result<(), Denied> {
    let (own, owner) = (rustix::process::geteuid().as_raw(), metadata.uid());
    if owner != own && owner != 0 {
        let what = format!("the configuration file belongs to user {owner}, and mab runs as user {own}");
        return Err(refuse(what, source).hint("copy it to a file of your own and name that with MAB_CONFIG"));
    }
    if metadata.mode() & OTHERS_WRITE != 0 && !metadata.file_type().is_char_device() {
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
