//! What a configuration of git would have git do, as far as it names programs, files or folders (git-config(1)).
//!
//! Only what is known to be harmless is: a setting that is not listed here, or a line that is not understood, counts as one
//! that names a program. Lines are never joined: what git takes for the rest of a value is here a line that is not
//! understood, so that no line is hidden by the one before it.

use std::collections::BTreeSet;

/// The settings of a file that may have git run or read something else, as `section.key` without what is between: that is
/// anybody's text.
pub(super) fn obeyed(text: &[u8]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let Ok(text) = std::str::from_utf8(text) else { return BTreeSet::from([UNREADABLE.to_owned()]) };
    let mut section = String::new();
    for line in text.lines() {
        let mut rest = line.trim();
        while let Some(heading) = rest.strip_prefix('[') {
            let Some((name, after)) = split_heading(heading) else {
                found.insert(UNREADABLE.to_owned());
                rest = "";
                break;
            };
            section = name;
            rest = after.trim_start();
        }
        if rest.is_empty() || rest.starts_with(['#', ';']) {
            continue;
        }
        let (key, value) = rest.split_once('=').unwrap_or((rest, "true"));
        let key = key.trim().to_ascii_lowercase();
        if !is_name(&key) {
            found.insert(UNREADABLE.to_owned());
        } else if !is_harmless(&section, &key, value.trim()) {
            found.insert(format!("{section}.{key}"));
        }
    }
    found
}

/// The name of a section, and what follows its heading.
fn split_heading(heading: &str) -> Option<(String, &str)> {
    let end = heading.find([']', '"', '.', ' ', '\t'])?;
    let (name, mut rest) = heading.split_at_checked(end)?;
    let name = name.to_ascii_lowercase();
    rest = rest.trim_start();
    if let Some(quoted) = rest.strip_prefix('"') {
        rest = after_quote(quoted)?.trim_start();
    } else if !rest.starts_with(']') {
        rest = rest.get(rest.find(']')?..)?;
    }
    let after = rest.strip_prefix(']')?;
    is_name(&name).then_some((name, after))
}

fn after_quote(text: &str) -> Option<&str> {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return text.get(at + 1..),
            _ => {}
        }
    }
    None
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_harmless(section: &str, key: &str, value: &str) -> bool {
    if HARMLESS.iter().any(|(known, keys)| *known == section && keys.contains(&key)) {
        // `helper::address` has git run `git-remote-helper`.
        return !(value.contains("::") || value.trim_start_matches('"').starts_with('-'));
    }
    let names_a_file = PLACES.iter().any(|place| key.ends_with(place)) || section.starts_with("include");
    matches!(value.to_ascii_lowercase().as_str(), "true" | "false") && !names_a_file
}

/// Stands for a line that is not understood.
const UNREADABLE: &str = "lines that cannot be read";

/// How names of settings end whose value is a path, `true` among them.
const PLACES: [&str; 6] = ["path", "file", "worktree", "dir", "templates", "helper"];

/// Settings that tools write and that name neither program nor file.
const HARMLESS: &[(&str, &[&str])] = &[
    (
        "core",
        &[
            "repositoryformatversion",
            "filemode",
            "bare",
            "logallrefupdates",
            "ignorecase",
            "precomposeunicode",
            "symlinks",
            "autocrlf",
            "eol",
            "safecrlf",
            "quotepath",
            "abbrev",
            "compression",
            "sharedrepository",
            "untrackedcache",
        ],
    ),
    ("remote", &["url", "pushurl", "fetch", "push", "tagopt", "promisor", "partialclonefilter"]),
    ("branch", &["remote", "pushremote", "merge", "rebase", "description"]),
    ("submodule", &["url", "active", "branch"]),
    ("extensions", &["objectformat", "refstorage", "partialclone", "compatobjectformat"]),
    ("user", &["name", "email"]),
    ("author", &["name", "email"]),
    ("committer", &["name", "email"]),
    ("init", &["defaultbranch"]),
    ("push", &["default"]),
    ("pull", &["rebase", "ff"]),
    ("gc", &["auto"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_that_tools_write_names_nothing() {
        let text = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n; a word\n\
            [remote \"origin\"]\r\n\turl = https://127.0.0.1/a.git\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n\
            [branch \"ma\\\"in]\"]\n\tremote = origin # why\n[user] name = A B\n[color]\n\tui = true\n";
        assert_eq!(obeyed(text.as_bytes()), BTreeSet::new());
    }

    #[test]
    fn setting_that_names_a_program_or_path_is_found_however_it_is_written() {
        for (text, expected) in [
            ("[core]\nfsmonitor = \"touch x\"", "core.fsmonitor"),
            ("[CORE]FsMonitor=x", "core.fsmonitor"),
            ("[core] [core] ; why\n[core] fsmonitor=x", "core.fsmonitor"),
            ("[core \"x\"] hooksPath = true", "core.hookspath"),
            ("[core.x]\n worktree = true", "core.worktree"),
            ("[core]\nbare = true # \\\nfsmonitor = x", "core.fsmonitor"),
            ("[core]\nbare = true \\\nfsmonitor = x", "core.fsmonitor"),
            ("[filter \"a]b\"]\nclean = x", "filter.clean"),
            ("[diff \"x\"]\n textconv = x", "diff.textconv"),
            ("[alias]\nst = !x", "alias.st"),
            ("[include]\npath = true", "include.path"),
            ("[includeIf \"gitdir:/\"]\npath = x", "includeif.path"),
            ("[credential]\nhelper = x", "credential.helper"),
            ("[gpg]\nprogram = x", "gpg.program"),
            ("[remote \"o\"]\nurl = ext::sh -c x", "remote.url"),
            ("[remote \"o\"]\nuploadpack = x", "remote.uploadpack"),
            ("[submodule \"o\"]\nupdate = !x", "submodule.update"),
            ("[core", UNREADABLE),
            ("\u{feff}[core]\n", UNREADABLE),
            ("[core]\nbare = true\\\nx\u{1} = 1", UNREADABLE),
        ] {
            assert_eq!(obeyed(text.as_bytes()), BTreeSet::from([expected.to_owned()]), "{text}");
        }
        assert_eq!(obeyed(b"[core]\n\xff = 1"), BTreeSet::from([UNREADABLE.to_owned()]));
    }
}
