//! What a repository's configuration names in the workspace: git obeys it there, so no command may change it.
//!
//! The file is read as text, by no git. It is not interpreted: every word of every value that leads below the workspace
//! counts, but for those of sections that name branches and other repositories.

use std::path::{Component, Path, PathBuf};

/// A path that a configuration names, relative to the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) path: PathBuf,
    /// What git looks for there, if it says so, also when nothing is there yet.
    pub(crate) wanted: Option<Wanted>,
}

/// What git looks for at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// A folder of programs.
    Hooks,
    /// More configuration.
    Config,
    /// Patterns, or a program.
    File,
}

/// What the text of the configuration at `config` names, both relative to `workspace`; `worktree` is the folder of the
/// repository's files.
pub(crate) fn named(text: &str, workspace: &Path, (config, worktree): (&Path, &Path)) -> Vec<Named> {
    let mut section = String::new();
    let mut all: Vec<Named> = Vec::new();
    // A line that ends with a backslash goes on in the next.
    for line in text.replace("\\\r\n", "").replace("\\\n", "").lines() {
        let mut line = line.trim();
        if let Some(rest) = line.strip_prefix('[') {
            // What stands between quotation marks may hold any other character, and decides nothing here.
            let end = section_end(rest);
            let head = rest.get(..end).unwrap_or_default();
            section = head.split(['"', ' ', '\t', '.']).next().unwrap_or_default().to_ascii_lowercase();
            line = rest.get(end + 1..).unwrap_or_default().trim();
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        if ELSEWHERE.contains(&section.as_str()) || key.trim().eq_ignore_ascii_case("worktree") {
            continue;
        }
        let wanted = wanted(&section, &key.trim().to_ascii_lowercase());
        let value = value.trim().replace(['"', '\''], " ").replace('\\', "");
        let base =
            if wanted == Some(Wanted::Config) { config.parent().unwrap_or(Path::new("")) } else { worktree };
        let whole = value.split([';', '#']).next().unwrap_or_default();
        let words = || value.split([' ', '\t', ';', '&', '|', '(', ')', '!']).filter(|word| !word.is_empty());
        let program =
            words().next().filter(|word| word.contains('/') && PROGRAMS.contains(&section.as_str()));
        let said: Vec<(&str, Option<Wanted>)> = if wanted.is_some() {
            vec![(value.trim(), wanted), (whole.trim(), wanted)]
        } else {
            let program = program.map(|word| (word, Some(Wanted::File)));
            program.into_iter().chain(words().map(|word| (word, None))).collect()
        };
        for (word, wanted) in said {
            let Some(path) = below(word, workspace, base) else { continue };
            if !all.iter().any(|named| named.path == path) {
                all.push(Named { path, wanted });
            }
        }
    }
    all
}

/// Whether a file `.git` of this text leads to something in `workspace`, where no run keeps it from being changed. Links
/// outside are not followed: in the sandbox they lead nowhere.
pub(crate) fn leads_inside(text: &str, workspace: &Path) -> bool {
    let Some(named) = text.strip_prefix("gitdir:") else { return false };
    let mut path = PathBuf::new();
    for part in workspace.join(named.trim()).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => path.push(part),
        }
        // It may be a link, also where it is left again.
        if path != workspace && path.starts_with(workspace) {
            return true;
        }
    }
    path == workspace
}

/// What `.git/commondir` says where a run keeps others from saying more: that all lies in `.git` itself.
pub(crate) fn is_same_folder(text: &str) -> bool {
    text.trim_end() == "."
}

fn section_end(rest: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (index, character) in rest.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ']' if !quoted => return index,
            _ => {}
        }
    }
    rest.len()
}

/// What git looks for under a key whose value is one path.
fn wanted(section: &str, key: &str) -> Option<Wanted> {
    match (section, key) {
        ("core", "hookspath") => Some(Wanted::Hooks),
        ("include" | "includeif", "path") => Some(Wanted::Config),
        ("core", "attributesfile" | "excludesfile") => Some(Wanted::File),
        _ => None,
    }
}

/// Where `word` leads, relative to the workspace; none when it leads out, to the workspace itself, or into a `.git`.
fn below(word: &str, workspace: &Path, base: &Path) -> Option<PathBuf> {
    let word = Path::new(word);
    let whole = if word.is_absolute() { word.to_owned() } else { workspace.join(base).join(word) };
    let mut path = PathBuf::new();
    for part in whole.components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => path.push(part),
        }
    }
    let below = path.strip_prefix(workspace).ok()?;
    let is_state = below.iter().any(|part| part == ".git");
    (!below.as_os_str().is_empty() && !is_state).then(|| below.to_owned())
}

/// Sections whose values are programs, with a path of their own or not.
const PROGRAMS: &[&str] = &[
    "core",
    "filter",
    "diff",
    "merge",
    "gpg",
    "credential",
    "sequence",
    "interactive",
    "difftool",
    "mergetool",
    "pager",
    "hook",
    "alias",
    "trailer",
];

/// Sections whose values are names of branches, people and other repositories.
const ELSEWHERE: &[&str] = &["remote", "branch", "submodule", "user", "author", "committer", "url"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_when_it_names_what_lies_in_the_workspace_says_where() {
        let text = "[core]\n\tbare = false\n\thooksPath = tools/hooks ; ours\n[include] path = ../.team/gitconfig\n\
                    [filter \"a]b\"]\n\tclean = \"python3 ./tools/clean.py --x\"\n\
                    [core]\nfsmonitor = \"\\\"/w/s/mon\\\"\"\nworktree = ..\n\
                    [remote \"o\"]\n\turl = ../other\n[alias]\n\tx = !./run\n\ty = !tools/\\\nmore\n[a]\nb=.git/config";
        let found = named(text, Path::new("/w/s"), (Path::new(".git/config"), Path::new("")));
        let paths: Vec<_> = found.iter().map(|named| named.path.to_str().unwrap()).collect();
        for path in ["tools/hooks", ".team/gitconfig", "tools/clean.py", "mon", "tools/more"] {
            assert!(paths.contains(&path), "{path}: {paths:?}");
        }
        assert!(!paths.iter().any(|path| path.contains("other") || path.contains(".git/")), "{paths:?}");
        let include = found.iter().find(|named| named.path == Path::new(".team/gitconfig")).unwrap();
        assert_eq!(include.wanted, Some(Wanted::Config));
    }

    #[test]
    fn file_that_stands_for_a_repository_when_it_leads_into_the_workspace_in_any_way_does() {
        let leads = |named: &str| leads_inside(&format!("gitdir: {named}\n"), Path::new("/w/s"));
        for named in
            ["real.git", "./a/../../x", "/w/s/real.git", "../s/real.git", "/w/s/a/../../x", ".", "/w/s/"]
        {
            assert!(leads(named), "{named}");
        }
        for named in ["../s2/.git/worktrees/a", "/w/main/.git/worktrees/s", "/w/s2", "../../x"] {
            assert!(!leads(named), "{named}");
        }
        assert!(!leads_inside("real.git", Path::new("/w/s")));
    }
}
