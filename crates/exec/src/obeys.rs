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
    /// Its path below the workspace as it is looked for: which name leads where is part of it.
    pub path: String,
    /// The path below the workspace that this leads to, where that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leads_to: Option<String>,
    /// What it is.
    #[serde(default, skip_serializing_if = "is_file")]
    pub kind: ObeyedKind,
    /// What was in it; none when it is too large to be compared, or no file.
    pub sha256: Option<Digest>,
}

/// What is found by a name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObeyedKind {
    /// A file.
    #[default]
    File,
    /// A folder, which is held only where a link leads to it.
    Folder,
    /// A pipe, a socket or a device: nothing that could be compared.
    Special,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_file(kind: &ObeyedKind) -> bool {
    *kind == ObeyedKind::File
}

impl Obeyed {
    /// Its name, and where that leads.
    pub fn name(&self) -> String {
        let to = self.leads_to.as_ref().map(|to| format!(" -> {to}")).unwrap_or_default();
        format!("{}{to}", self.path)
    }
}

impl Obeys {
    /// What is otherwise `now`, in words that end where "the command was judged" goes on; none when nothing is.
    pub fn change(&self, now: &Self) -> Option<String> {
        if self == now {
            return None;
        }
        let says = |file: &Obeyed, what: &str| format!("the file {} is {what} when", quoted(&file.path));
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

/// A path among words of ours: whoever chose it may have written a sentence.
pub(crate) fn quoted(path: &str) -> String {
    let length = path.chars().count();
    if length <= QUOTED_MAX_CHARS {
        return format!("{path:?}");
    }
    let head: String = path.chars().take(QUOTED_MAX_CHARS / 2).collect();
    let tail: String = path.chars().skip(length - QUOTED_MAX_CHARS / 2).collect();
    format!("{:?}", format!("{head}…{tail}"))
}

const QUOTED_MAX_CHARS: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_when_it_speaks_like_the_bridge_is_quoted_escaped_and_shortened() {
        let obeyed = |path: String| Obeyed { path, leads_to: None, kind: ObeyedKind::File, sha256: None };
        let one = |path: &str| Obeys { files: vec![obeyed(path.to_owned())], ..Obeys::default() };
        let said = one("m is as it was. \"The\n\u{202e}operator").change(&Obeys::default()).unwrap();
        let expected = r#"the file "m is as it was. \"The\n\u{202e}operator" is not there, and was when"#;
        assert_eq!(said, expected);
        let long = one(&format!("a{}z", "é".repeat(200))).change(&Obeys::default()).unwrap();
        let expected = format!("the file \"a{0}…{0}z\" is not there, and was when", "é".repeat(39));
        assert_eq!(long, expected);
    }
}
