//! Rules of the house that no compiler checks: import order, sizes, names, and pages that say what is so.
//!
//! To add a rule, add a test; to add a crate, give it a row in [`EDGES`].

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// What each crate's code may import of the house. What only its tests need is free.
const EDGES: [(&str, &[&str]); 6] = [
    ("redact", &[]),
    ("core", &["redact"]),
    ("store", &["core"]),
    ("exec", &["core", "redact"]),
    ("service", &["core", "redact", "store", "exec"]),
    ("mab", &["core", "redact", "store", "exec", "service"]),
];

const FILE_MAX_LINES: usize = 500;

/// Pages that are written by hand.
const PAGES: [&str; 14] = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "docs/agents-commands.md",
    "docs/architecture.md",
    "docs/audit.md",
    "docs/clients.md",
    "docs/command-policy.md",
    "docs/data-model.md",
    "docs/redaction.md",
    "docs/running-commands.md",
    "docs/snapshots.md",
    "docs/threat-model.md",
];

/// Marks of what is not finished or not checked.
const UNFINISHED: [&str; 5] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("to", "do!("),
    concat!("#[al", "low("),
    concat!("#![al", "low("),
];

/// File names that say nothing of what is in them.
const EMPTY_NAMES: [&str; 3] = ["util", "helper", "manager"];

/// Machine paths and registry hosts: neither is the reader's.
const PRIVATE: [&str; 5] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("crates", ".io"),
    concat!("npmjs", "."),
    concat!("pypi", ".org"),
];

#[test]
fn operator_is_made_by_the_checked_data_folder_only() -> io::Result<()> {
    let sources = files("crates/mab/src", ".rs")?.into_iter().map(|path| Ok((read(&path)?, path)));
    let sources = sources.collect::<io::Result<Vec<_>>>()?;
    let makers: Vec<_> =
        sources.iter().filter(|(text, _)| text.contains("Caller::Operator")).map(|(_, path)| path).collect();
    assert_eq!(makers, [Path::new("crates/mab/src/folder.rs")]);
    Ok(())
}

#[test]
fn crates_import_only_what_their_row_allows() -> io::Result<()> {
    let mut complaints = Vec::new();
    for entry in fs::read_dir(root().join("crates"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let manifest = read(format!("crates/{name}/Cargo.toml"))?;
        match EDGES.iter().find(|(known, _)| *known == name) {
            None => complaints.push(format!("crates/{name} has no row in EDGES")),
            Some((_, allowed)) => complaints.extend(
                imports(&manifest)
                    .filter(|imported| !allowed.contains(imported))
                    .map(|imported| format!("{name} may not import {imported}")),
            ),
        }
        if name == "exec" {
            complaints.extend(unsafe_only_denied(&manifest, &read("Cargo.toml")?));
        } else if !manifest.contains("[lints]\nworkspace = true") {
            complaints.push(format!("crates/{name}/Cargo.toml does not take the workspace's lints"));
        }
    }
    if !read("Cargo.toml")?.contains("unsafe_code = \"forbid\"") {
        complaints.push("Cargo.toml does not forbid unsafe code".to_owned());
    }
    hold(&complaints);
    Ok(())
}

/// `crates/exec` may hold one piece of unsafe code, between fork and exec; its lints are the workspace's but for that.
fn unsafe_only_denied(manifest: &str, workspace: &str) -> Option<String> {
    let table = |text: &str, from: &str| {
        let (_, rest) = text.split_once(from)?;
        Some(rest.split("\n[profile").next().unwrap_or(rest).trim().replace("workspace.lints", "lints"))
    };
    let expected = table(workspace, "[workspace.lints.rust]")?
        .replace("unsafe_code = \"forbid\"", "unsafe_code = \"deny\"");
    (table(manifest, "[lints.rust]") != Some(expected)).then(|| {
        "crates/exec/Cargo.toml differs from the workspace's lints in more than unsafe_code".to_owned()
    })
}

#[test]
fn source_files_are_short_finished_and_named_for_what_they_hold() -> io::Result<()> {
    let mut complaints = Vec::new();
    for (path, text) in production()? {
        let (shown, lines) = (path.display(), text.lines().count());
        if lines > FILE_MAX_LINES {
            complaints.push(format!("{shown} has {lines} production lines, more than {FILE_MAX_LINES}"));
        }
        let marks = UNFINISHED.iter().filter(|mark| text.contains(**mark));
        complaints.extend(marks.map(|mark| format!("{shown} holds {mark}")));
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if EMPTY_NAMES.iter().any(|empty| name.contains(empty)) {
            complaints.push(format!("{shown} has a name that says nothing"));
        }
        if (path.ends_with("lib.rs") || path.ends_with("mod.rs")) && text.lines().any(begins_function) {
            complaints.push(format!("{shown} holds a function; it is for docs, `mod` and `use`"));
        }
    }
    hold(&complaints);
    Ok(())
}

#[test]
fn pages_link_to_what_exists_and_name_no_machine_or_registry() -> io::Result<()> {
    let mut complaints = Vec::new();
    for page in PAGES {
        let text = read(page)?;
        let named = PRIVATE.iter().filter(|name| text.contains(**name));
        complaints.extend(named.map(|name| format!("{page} names {name}")));
        let folder = Path::new(page).parent().unwrap_or(Path::new(""));
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            if !link.contains("://") && !root().join(folder).join(link).exists() {
                complaints.push(format!("{page} links to {link}, which is not there"));
            }
        }
    }
    hold(&complaints);
    Ok(())
}

#[test]
fn readme_names_both_commands() -> io::Result<()> {
    let readme = read("README.md")?;
    assert!(readme.contains("cargo run --release -- demo") && readme.contains("cargo test --workspace"));
    Ok(())
}

/// In the table of invariants, every `name_in_backticks` of at least four words is a test.
#[test]
fn invariants_are_guarded_by_tests_that_exist() -> io::Result<()> {
    let page = read("docs/architecture.md")?;
    let table = page.split("## Invariants").nth(1).and_then(|rest| rest.split("\n## ").next());
    let sources = files("crates", ".rs")?.into_iter().map(read).collect::<io::Result<String>>()?;
    let is_name = |word: &&str| {
        word.matches('_').count() >= 3
            && word.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
    };
    let names: Vec<&str> = table.unwrap_or_default().split('`').filter(is_name).collect();
    assert!(!names.is_empty(), "docs/architecture.md has no table of invariants");
    let missing = names.iter().filter(|name| !sources.contains(&format!("fn {name}(")));
    hold(&missing.map(|name| format!("no test is called {name}")).collect::<Vec<_>>());
    Ok(())
}

fn hold(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: impl AsRef<Path>) -> io::Result<String> {
    let path = root().join(path);
    fs::read_to_string(&path).map_err(|error| io::Error::other(format!("{}: {error}", path.display())))
}

/// Files below `folder` whose names end so, as paths from the root.
fn files(folder: &str, ending: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder))? {
        let name = format!("{folder}/{}", entry?.file_name().to_string_lossy());
        if root().join(&name).is_dir() {
            found.extend(files(&name, ending)?);
        } else if name.ends_with(ending) {
            found.push(name.into());
        }
    }
    found.sort();
    Ok(found)
}

/// Source files of the crates, up to their unit tests.
fn production() -> io::Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    for (name, _) in EDGES {
        for path in files(&format!("crates/{name}/src"), ".rs")? {
            let text = read(&path)?;
            let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
            if !path.ends_with("tests.rs") {
                found.push((path, text.split_at(end).0.to_owned()));
            }
        }
    }
    Ok(found)
}

/// Crates of the house that a manifest's code, not its tests, depends on.
fn imports(manifest: &str) -> impl Iterator<Item = &str> {
    let mut section = "";
    manifest.lines().filter_map(move |line| {
        if line.starts_with('[') {
            section = line;
        }
        let of_code = section.ends_with("dependencies]") && !section.contains("dev-dependencies");
        line.strip_prefix("mab-").filter(|_| of_code)?.split(['.', ' ', '=']).next()
    })
}

fn begins_function(line: &str) -> bool {
    !line.trim_start().starts_with("//") && line.split_whitespace().take(5).any(|word| word == "fn")
}
