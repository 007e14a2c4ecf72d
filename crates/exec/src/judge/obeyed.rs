//! Which files of the workspace a command is known to run or obey: those that it names, and those that its programs look
//! for by themselves (the policy's `[obeys]`).
//!
//! They are looked for in the workspace's folder, and in every folder on the way to what the command names, which covers
//! `pytest tests/unit` and `conftest.py`. Of mode `yolo` every word that the seat belt sees counts, and every piece of the
//! text that could be a name, in each of these folders, because of `cd`. What is found by a pattern, put together by a
//! program, or named in a file is not among it.
//!
//! A digest is never remembered: two writes within one tick of the clock leave a file the same `ctime`, and who can write
//! in a workspace can choose the moment.

use std::{
    collections::BTreeSet,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use super::{Judge, read_strictly, shell};
use crate::{Digest, Mode, Obeyed, Obeys, Wanted, Workspace, secret_names::is_secret_name};

/// Most files of one request: each is a row that a person reads.
const FILES_MAX: usize = 64;
/// Largest file that is compared, and of all together; they are read four times for one run.
const FILE_MAX_BYTES: u64 = 8 << 20;
const ALL_MAX_BYTES: u64 = 32 << 20;
/// Most names that are looked for: a hundredth of a second of the kernel's time.
const LOOKS_MAX: u32 = 4096;
/// Most folders besides the workspace's own.
const FOLDERS_MAX: usize = 16;
/// Longest name (`PATH_MAX`, Linux), and the deepest.
const NAME_MAX_BYTES: usize = 4096;
const DEPTH_MAX: usize = 32;

impl Judge {
    /// What of `workspace` the command `wanted` is known to run or obey.
    pub fn obeyed(&self, mode: Mode, wanted: &Wanted, workspace: &Workspace) -> Obeys {
        let Mentioned { programs, words } = Mentioned::of(mode, wanted);
        let policy = self.policy();
        let known: Vec<&str> =
            programs.iter().flat_map(|name| policy.obeyed_by(name)).map(String::as_str).collect();
        let mut looking = Looking::new(workspace);
        for name in &known {
            looking.look(Path::new(name), Why::Known);
        }
        for word in &words {
            looking.look(Path::new(word), Why::Named);
        }
        for folder in std::mem::take(&mut looking.folders) {
            for name in &known {
                looking.look(&folder.join(name), Why::Known);
            }
            for word in words.iter().filter(|word| mode == Mode::Yolo && !word.starts_with('/')) {
                looking.look(&folder.join(word), Why::Named);
            }
        }
        let code_of = programs.into_iter().filter(|name| policy.runs_code(name)).collect();
        let mut files = looking.files;
        files.sort();
        Obeys { code_of, files, more: looking.more }
    }
}

/// What a command mentions.
struct Mentioned {
    /// Programs, without folders.
    programs: BTreeSet<String>,
    /// What could be the name of a file.
    words: BTreeSet<String>,
}

impl Mentioned {
    fn of(mode: Mode, wanted: &Wanted) -> Self {
        let commands: Vec<Vec<String>> = match wanted {
            Wanted::Argv(commands) => commands.clone(),
            Wanted::Text(text) => {
                let steps = read_strictly(text).unwrap_or_default();
                let all = steps.into_iter().flat_map(|step| step.pipeline);
                all.map(|argv| std::iter::once(argv.name).chain(argv.arguments).collect()).collect()
            }
        };
        let firsts = commands.iter().filter_map(|words| words.first());
        let mut programs: BTreeSet<String> = firsts.map(|name| last(name).to_owned()).collect();
        let mut said: BTreeSet<String> =
            commands.iter().flat_map(|words| words.iter().skip(1)).cloned().collect();
        said.extend(
            commands.iter().filter_map(|words| words.first()).filter(|name| name.contains('/')).cloned(),
        );
        if mode == Mode::Yolo {
            let text = match wanted {
                Wanted::Text(text) => text.clone(),
                Wanted::Argv(commands) => super::quoted(commands),
            };
            said.extend(shell::words(&text));
            said.extend(pieces(&text));
            programs.extend(said.iter().map(|word| last(word).to_owned()));
        }
        let words = said.iter().flat_map(|word| names(word)).filter(|name| is_name(name));
        Self { programs, words: words.map(str::to_owned).collect() }
    }
}

/// What in one word could be the name of a file: all of it, the value of an option, what `@` names, a file before `::`.
fn names(word: &str) -> impl Iterator<Item = &str> {
    let behind = |first: char| word.strip_prefix(first);
    [
        Some(word),
        word.split_once('=').map(|(_, value)| value),
        word.split_once("::").map(|(file, _)| file),
        behind('@'),
        behind('-').and_then(|rest| rest.get(1..)).filter(|rest| !word.starts_with("--") && !rest.is_empty()),
    ]
    .into_iter()
    .flatten()
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= NAME_MAX_BYTES
        && name.bytes().filter(|&byte| byte == b'/').count() <= DEPTH_MAX
        && !name.contains('\0')
}

/// Every piece of a shell's text that could be a name: what stands between blanks and signs, once with quotes as signs and
/// once without them.
fn pieces(text: &str) -> BTreeSet<String> {
    let is_quote = |found: char| "'\"\\".contains(found);
    let is_sign = |found: char| found.is_whitespace() || "|&;()<>{}$`,".contains(found);
    let bare: String = text.chars().filter(|&found| !is_quote(found)).collect();
    let quoted = text.split(|found| is_quote(found) || is_sign(found));
    quoted.chain(bare.split(is_sign)).filter(|piece| !piece.is_empty()).map(str::to_owned).collect()
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// Why a name is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// A program looks for it. An empty one says nothing, and may be there only to be protected while another command
    /// runs.
    Known,
    /// The command names it. What the sandbox hides, as it may hold secrets, has no digest for anybody to guess by.
    Named,
}

/// What was found so far.
struct Looking<'a> {
    workspace: &'a Workspace,
    seen: BTreeSet<PathBuf>,
    files: Vec<Obeyed>,
    /// Folders on the way to what was named, without the workspace's own.
    folders: BTreeSet<PathBuf>,
    looks: u32,
    bytes: u64,
    more: u32,
}

impl<'a> Looking<'a> {
    const fn new(workspace: &'a Workspace) -> Self {
        Self {
            workspace,
            seen: BTreeSet::new(),
            files: Vec::new(),
            folders: BTreeSet::new(),
            looks: 0,
            bytes: 0,
            more: 0,
        }
    }

    fn look(&mut self, name: &Path, why: Why) {
        if self.looks >= LOOKS_MAX {
            self.more = self.more.saturating_add(1);
            return;
        }
        self.looks += 1;
        let Some((file, real)) = self.workspace.open_read(name) else { return };
        let Ok(found) = file.metadata() else { return };
        if real.iter().any(is_secret_name) {
            return;
        }
        if why == Why::Named {
            self.pass(if found.is_dir() { Some(real.as_path()) } else { real.parent() });
        }
        if !found.is_file() || (why == Why::Known && found.len() == 0) || self.seen.contains(&real) {
            return;
        }
        if self.files.len() >= FILES_MAX {
            self.more = self.more.saturating_add(1);
            return;
        }
        let sha256 = self.digest(&file, found.len());
        self.files.push(Obeyed { path: real.to_string_lossy().into_owned(), sha256 });
        self.seen.insert(real);
    }

    /// Remembers a folder and all above it.
    fn pass(&mut self, folder: Option<&Path>) {
        for folder in folder.into_iter().flat_map(Path::ancestors).filter(|one| !one.as_os_str().is_empty()) {
            if self.folders.len() < FOLDERS_MAX {
                self.folders.insert(folder.to_owned());
            } else if !self.folders.contains(folder) {
                self.more = self.more.saturating_add(1);
            }
        }
    }

    /// The digest of `file`; none when it is too large, or all together are.
    fn digest(&mut self, file: &File, size: u64) -> Option<Digest> {
        if size > FILE_MAX_BYTES || self.bytes + size > ALL_MAX_BYTES {
            return None;
        }
        self.bytes += size;
        Digest::of_reader(file.take(FILE_MAX_BYTES + 1)).ok()
    }
}
