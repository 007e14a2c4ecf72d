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
    collections::{BTreeMap, BTreeSet},
    io::{self, Read as _},
    path::{Component, Path, PathBuf},
};

use rustix::fs::FileType;

use super::{Judge, read_strictly, shell};
use crate::{
    Digest, Mode, Obeyed, ObeyedKind, Obeys, Wanted, Workspace, obeys::quoted, secret_names::is_secret_name,
    stubs::SAME_FOLDER, workspace::Found,
};

/// Most files of one request: each is a row that a person reads.
const FILES_MAX: usize = 64;
/// Largest file that is compared, and of all together; they are read four times for one run.
const FILE_MAX_BYTES: u64 = 8 << 20;
const ALL_MAX_BYTES: u64 = 32 << 20;
/// Most names that are looked for, each through a bounded number of links (`Workspace::find`).
const LOOKS_MAX: usize = 4096;
/// Most folders besides the workspace's own.
const FOLDERS_MAX: usize = 16;
/// Longest name (`PATH_MAX`, Linux), and the deepest.
const NAME_MAX_BYTES: usize = 4096;
const DEPTH_MAX: usize = 32;
/// Longest word in which several options of one letter are looked for.
const OPTION_MAX_BYTES: usize = 256;

impl Judge {
    /// What of `workspace` the command `wanted` is known to run or obey.
    ///
    /// # Errors
    /// Which file could not be looked at, and what to do: it is there for whoever can read it a moment later.
    pub fn obeyed(&self, mode: Mode, wanted: &Wanted, workspace: &Workspace) -> Result<Obeys, String> {
        let Mentioned { programs, words, dropped } = Mentioned::of(mode, wanted);
        let policy = self.policy();
        let known: BTreeSet<&str> =
            programs.iter().flat_map(|name| policy.obeyed_by(name)).map(String::as_str).collect();
        let mut looking = Looking::new(workspace, dropped);
        for name in &known {
            looking.look(Path::new(name), Why::Known)?;
        }
        for word in &words {
            looking.look(Path::new(word), Why::Named)?;
        }
        // A folder may hold the next one: `cd a; cd b`.
        while let Some(folder) = looking.waiting.pop_first() {
            for name in &known {
                looking.look(&folder.join(name), Why::Known)?;
            }
            for word in words.iter().filter(|word| !word.starts_with('/')) {
                looking.look(&folder.join(word), Why::Named)?;
            }
        }
        let code_of = programs.into_iter().filter(|name| policy.runs_code(name)).collect();
        Ok(Obeys { code_of, files: looking.files.into_values().collect(), more: looking.more })
    }
}

/// What a command mentions.
struct Mentioned {
    /// Programs, without folders.
    programs: BTreeSet<String>,
    /// What could be the name of a file.
    words: BTreeSet<String>,
    /// How many names are deeper, or options longer, than are looked at.
    dropped: u32,
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
        let (mut words, mut deep) = (BTreeSet::new(), BTreeSet::new());
        for word in &said {
            for name in names(word) {
                match is_name(name) {
                    Some(true) => words.insert(name.to_owned()),
                    Some(false) => deep.insert(name),
                    None => false,
                };
            }
        }
        let long = said.iter().filter(|word| is_bundle(word) && word.len() > OPTION_MAX_BYTES).count();
        let dropped = u32::try_from(deep.len() + long).unwrap_or(u32::MAX);
        Self { programs, words, dropped }
    }
}

/// What in one word could be the name of a file: all of it, what stands between its signs, the value of an option, also of
/// the last of several in one word, what is behind the shell's sign for its folder.
fn names(word: &str) -> impl Iterator<Item = &str> {
    let is_sign = |found: char| "=:,@".contains(found);
    let parts = word.split(is_sign).filter(move |part| part.len() != word.len());
    let value = word.split_once('=').map(|(_, value)| value);
    let behind = ["@", "~+/"].into_iter().filter_map(|first| word.strip_prefix(first));
    let bundled = word.char_indices().skip(2).map(|(at, _)| word.get(at..).unwrap_or_default());
    let bundled = bundled.filter(|_| is_bundle(word) && word.len() <= OPTION_MAX_BYTES);
    std::iter::once(word).chain(parts).chain(value).chain(behind).chain(bundled)
}

/// Whether `word` may be options of one letter, the last with its value.
fn is_bundle(word: &str) -> bool {
    word.starts_with('-') && !word.starts_with("--")
}

/// Whether a word is looked for; none when nobody could open a file by it.
fn is_name(name: &str) -> Option<bool> {
    if name.is_empty() || name.len() > NAME_MAX_BYTES || name.contains('\0') {
        return None;
    }
    Some(Path::new(name).components().count() <= DEPTH_MAX)
}

/// Every piece of a shell's text that could be a name: what stands between blanks and signs, once with quotes as signs and
/// once without them and without brackets (`[x].sh` is `x.sh`), and what stands between quotes.
fn pieces(text: &str) -> BTreeSet<String> {
    let is_quote = |found: char| "'\"\\".contains(found);
    let is_bracket = |found: char| "[]".contains(found);
    let is_sign = |found: char| found.is_whitespace() || "|&;()<>{}$`,".contains(found);
    let bare: String = text.chars().filter(|&found| !is_quote(found) && !is_bracket(found)).collect();
    let between = text.split(is_quote);
    let split = text.split(|found| is_quote(found) || is_sign(found));
    let inside = text.split(|found| is_quote(found) || is_sign(found) || is_bracket(found));
    let all = between.chain(split).chain(inside).chain(bare.split(is_sign));
    all.filter(|piece| !piece.is_empty()).map(str::to_owned).collect()
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// Why a name is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    /// A program looks for it.
    Known,
    /// The command names it. What the sandbox hides, as it may hold secrets, has no digest for anybody to guess by.
    Named,
}

/// What was found so far.
struct Looking<'a> {
    workspace: &'a Workspace,
    looked: BTreeSet<(PathBuf, Why)>,
    /// By the names that were looked for.
    files: BTreeMap<PathBuf, Obeyed>,
    /// Of files that were read, by their paths without links.
    digests: BTreeMap<PathBuf, Option<Digest>>,
    /// Folders on the way to what was named, without the workspace's own, and those of them where nobody has looked yet.
    folders: BTreeSet<PathBuf>,
    waiting: BTreeSet<PathBuf>,
    bytes: u64,
    more: u32,
}

impl<'a> Looking<'a> {
    const fn new(workspace: &'a Workspace, more: u32) -> Self {
        Self {
            workspace,
            looked: BTreeSet::new(),
            files: BTreeMap::new(),
            digests: BTreeMap::new(),
            folders: BTreeSet::new(),
            waiting: BTreeSet::new(),
            bytes: 0,
            more,
        }
    }

    fn look(&mut self, name: &Path, why: Why) -> Result<(), String> {
        // Without `.` and double slashes.
        let below = name.strip_prefix(self.workspace.path()).unwrap_or(name);
        let name: PathBuf = below.components().filter(|part| *part != Component::CurDir).collect();
        if self.looked.contains(&(name.clone(), why)) {
            return Ok(());
        }
        if self.looked.len() >= LOOKS_MAX {
            self.more = self.more.saturating_add(1);
            return Ok(());
        }
        self.looked.insert((name.clone(), why));
        let Some(found) = self.workspace.find(&name).map_err(|error| unreadable(&name, &error))? else {
            return Ok(());
        };
        if found.real.iter().any(is_secret_name) {
            return Ok(());
        }
        let is_folder = found.kind == FileType::Directory;
        if why == Why::Named {
            self.pass(if is_folder { Some(found.real.as_path()) } else { found.real.parent() });
        }
        // A folder's own files are looked for by its path without links: the row says that the name leads there.
        if self.files.contains_key(&name) || is_folder && (why == Why::Known || !found.linked) {
            return Ok(());
        }
        if self.files.len() >= FILES_MAX {
            self.more = self.more.saturating_add(1);
            return Ok(());
        }
        let (kind, sha256) = if is_folder {
            (ObeyedKind::Folder, None)
        } else if found.kind == FileType::RegularFile {
            let sha256 = self.digest(&found).map_err(|error| unreadable(&name, &error.to_string()))?;
            (ObeyedKind::File, sha256)
        } else {
            (ObeyedKind::Special, None)
        };
        if why == Why::Known && is_stand_in(&name, sha256) {
            return Ok(());
        }
        let leads_to = (found.real != name).then(|| shown(&found.real));
        let path = shown(&name);
        self.files.insert(name, Obeyed { path, leads_to, kind, sha256 });
        Ok(())
    }

    /// Remembers a folder and all above it.
    fn pass(&mut self, folder: Option<&Path>) {
        for folder in folder.into_iter().flat_map(Path::ancestors).filter(|one| !one.as_os_str().is_empty()) {
            if self.folders.contains(folder) {
                continue;
            }
            if self.folders.len() < FOLDERS_MAX {
                self.folders.insert(folder.to_owned());
                self.waiting.insert(folder.to_owned());
            } else {
                self.more = self.more.saturating_add(1);
            }
        }
    }

    /// The digest of a file; none when it is too large, or all together are.
    fn digest(&mut self, found: &Found) -> io::Result<Option<Digest>> {
        if let Some(known) = self.digests.get(&found.real) {
            return Ok(*known);
        }
        // Opened also when it is not read: who cannot open it now cannot say what it is.
        let file = found.read()?;
        let size = file.metadata()?.len();
        let fits = size <= FILE_MAX_BYTES && self.bytes + size <= ALL_MAX_BYTES;
        let digest = fits.then(|| Digest::of_reader(file.take(FILE_MAX_BYTES + 1))).transpose()?;
        self.bytes += if fits { size } else { 0 };
        self.digests.insert(found.real.clone(), digest);
        Ok(digest)
    }
}

fn shown(path: &Path) -> String {
    if path.as_os_str().is_empty() { ".".to_owned() } else { path.to_string_lossy().into_owned() }
}

fn unreadable(name: &Path, error: &str) -> String {
    format!(
        "the file {} cannot be read ({error}), so that nobody could say what a yes is to; make it readable to this user, \
         or take it out of the command or the folder",
        quoted(&name.to_string_lossy())
    )
}

/// Whether a file is, or says no more than, what another run puts into a repository for as long as it lasts, so that there
/// is something to protect (`protected.rs`).
fn is_stand_in(name: &Path, sha256: Option<Digest>) -> bool {
    let in_repository = name
        .parent()
        .is_some_and(|parent| parent.iter().any(|part| part.as_encoded_bytes().ends_with(b".git")));
    in_repository && [&b""[..], SAME_FOLDER].iter().any(|text| sha256 == Some(Digest::of(&[text])))
}
