//! The copy of the anchor on another disk (`audit.anchor_file`): the same bytes, or the beginning of them while that disk
//! was away.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use mab_core::{Failure, anchor::Mismatch};
use mab_service::mismatch;

use super::open;
use crate::folder::refused;

/// Whether a copy of these bytes is the anchor or the beginning of it.
pub(super) fn fits(copied: &[u8], anchor: &[u8]) -> Result<(), Mismatch> {
    if anchor.starts_with(copied) {
        return Ok(());
    }
    Err(if copied.len() > anchor.len() { Mismatch::Longer } else { Mismatch::Other })
}

/// Appends what the copy lacks. Only its end is compared: whoever verifies compares it whole.
pub(super) fn follow(copy: &Path, anchor: &Path) -> Result<(), Failure> {
    let mut from = open(OpenOptions::new().read(true), anchor)?;
    let mut to = open(OpenOptions::new().read(true).append(true).create(true), copy)?;
    let failed = |error| refused(&error, copy, "writing");
    let length = to.metadata().map_err(failed)?.len();
    let whole = from.metadata().map_err(failed)?.len();
    let misfit = |wrong| Err(mismatch(&copy.display().to_string(), wrong).into());
    if length > whole {
        return misfit(Mismatch::Longer);
    }
    if !same_end(&mut from, &mut to, length).map_err(failed)? {
        return misfit(Mismatch::Other);
    }
    if length == whole {
        return Ok(());
    }
    io::copy(&mut from, &mut to).and_then(|_| to.sync_all()).map_err(failed)
}

/// Whether both hold the same before `length`, as far as that is looked at; afterwards both stand there.
fn same_end(from: &mut File, to: &mut File, length: u64) -> io::Result<bool> {
    let start = length.saturating_sub(COMPARED_BYTES);
    let end = |file: &mut File| -> io::Result<Vec<u8>> {
        let mut end = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        file.by_ref().take(length - start).read_to_end(&mut end)?;
        Ok(end)
    };
    Ok(end(from)? == end(to)?)
}

/// More than the note of any checkpoint.
const COMPARED_BYTES: u64 = 4_096;
