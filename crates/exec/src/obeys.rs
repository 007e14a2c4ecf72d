//! Files of the workspace that a command is known to run or obey, as they were when somebody looked.

use serde::{Deserialize, Serialize};

use crate::Digest;

/// What a command is known to run or obey of the workspace. What these files name in turn is not among it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obeys {
    /// Its programs that run code of the workspace, by their names, sorted.
    pub code_of: Vec<String>,
    /// The files that are there, sorted by their paths. One that is not among them is not there, so that planting it
    /// makes this another list.
    pub files: Vec<Obeyed>,
    /// How many names more there were than are looked at.
    pub more: u32,
}

/// One of these files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Obeyed {
    /// Its path below the workspace, without symbolic links.
    pub path: String,
    /// What was in it; none when it is too large to be compared.
    pub sha256: Option<Digest>,
}

impl Obeys {
    /// What is otherwise `now`, in words that end where "the command was judged" goes on; none when nothing is.
    pub fn change(&self, now: &Self) -> Option<String> {
        if self == now {
            return None;
        }
        let says = |file: &Obeyed, what: &str| format!("the file {} is {what} when", file.path);
        let was = |file: &Obeyed| self.files.iter().any(|one| one.path == file.path);
        let of = |file: &&Obeyed| now.files.iter().find(|one| one.path == file.path);
        let changed = self.files.iter().find(|file| of(file).is_some_and(|one| one != *file));
        let gone = self.files.iter().find(|file| of(file).is_none());
        let new = now.files.iter().find(|file| !was(file));
        let said = changed.map(|file| says(file, "not what it was"));
        let said = said.or_else(|| gone.map(|file| says(file, "not there, and was")));
        let said = said.or_else(|| new.map(|file| says(file, "there, and was not")));
        Some(said.unwrap_or_else(|| "what it names in the workspace is not what it was when".to_owned()))
    }
}
