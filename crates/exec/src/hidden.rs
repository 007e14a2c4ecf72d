//! What this program does when it is started by itself, under a hidden first word: not for people.

use std::{ffi::OsString, process::ExitCode};

use crate::{inside, preview::mount};

/// Does what the first of `words`, those after the program's name, says; none when it is no hidden word. To be called before
/// anything else is read or opened, with one thread.
pub fn run_hidden(mut words: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let first = words.next()?;
    if first == inside::FIRST_WORD {
        return Some(inside::main());
    }
    (first == mount::FIRST_WORD).then(|| mount::main(words))
}
