//! The TOML file, flattened to dotted keys.

use std::{io::ErrorKind, path::Path};

use mab_core::Denied;
use toml::{Table, Value};

use super::load::{Source, refuse};

/// Reads the file: `[("limits.send_per_minute", 10)]` in the file's order of sections. A file that does not exist is
/// empty unless `must_exist`.
pub(super) fn read(path: &Path, must_exist: bool) -> Result<Vec<(String, Value)>, Denied> {
    let source = Source::File(path.to_owned());
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && !must_exist => return Ok(Vec::new()),
        Err(error) => {
            return Err(refuse(format_args!("the configuration file cannot be read: {error}"), &source)
                .hint("correct the path or the file's permissions"));
        }
    };
    let table = text.parse::<Table>().map_err(|error| {
        let line =
            error.span().map_or(1, |span| 1 + text.bytes().take(span.start).filter(|b| *b == b'\n').count());
        refuse(format_args!("line {line} is not TOML: {}", error.message()), &source)
    })?;
    Ok(table.into_iter().flat_map(|(name, value)| flatten(name, value)).collect())
}

/// Sections are one level deep; anything deeper stays a table, which no key accepts.
fn flatten(name: String, value: Value) -> Vec<(String, Value)> {
    if let Value::Table(section) = value {
        return section.into_iter().map(|(key, value)| (format!("{name}.{key}"), value)).collect();
    }
    vec![(name, value)]
}
