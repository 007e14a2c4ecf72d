//! Paths as a person or git names them, made relative to the project's root. Nothing is followed: a link counts by its
//! own name, because that is what a commit changes.

use std::path::{Component, Path, PathBuf};

use crate::cli::Trouble;

/// Where paths are named from, and what they become relative to; both absolute and without `..`.
pub(crate) struct Project {
    current: PathBuf,
    root: PathBuf,
}

impl Project {
    /// The project at `root`, else the one around the current folder: the nearest that git would take, see
    /// [`has_git`]; without one, the current folder itself.
    pub(super) fn find(root: Option<&Path>) -> Result<Self, Trouble> {
        let here =
            std::path::absolute(".").map_err(|error| Trouble::reading("the current folder", &error))?;
        Ok(Self::around(&here, root))
    }

    /// The same for paths named from `here`, which is absolute.
    pub(crate) fn around(here: &Path, root: Option<&Path>) -> Self {
        let current = lexical(here);
        let with_git = || current.ancestors().find(|folder| has_git(folder));
        let root = root.map(|root| lexical(&current.join(root)));
        let root = root.unwrap_or_else(|| with_git().unwrap_or(&current).to_owned());
        Self { current, root }
    }

    /// Every project around a folder, which is absolute: git would take the nearest, but a project may hold others.
    pub(crate) fn all_around(here: &Path) -> Vec<Self> {
        let current = lexical(here);
        let roots = current.ancestors().filter(|folder| has_git(folder)).map(Path::to_owned);
        roots.map(|root| Self { current: current.clone(), root }).collect()
    }

    /// The path from the root; a folder ends with `/`. Bytes that are not UTF-8 become U+FFFD, which wildcards match.
    pub(crate) fn relative(&self, path: &Path) -> Result<String, Trouble> {
        let absolute = lexical(&self.current.join(path));
        let inside = absolute.strip_prefix(&self.root).map_err(|_| {
            Trouble::input(
                format!("{} is outside of the project at {}", path.display(), self.root.display()),
                "name files of the project, or its root with --root",
            )
        })?;
        let names: Vec<_> = inside.iter().map(|name| name.to_string_lossy()).collect();
        let is_folder = absolute.symlink_metadata().is_ok_and(|metadata| metadata.is_dir())
            || path.as_os_str().as_encoded_bytes().ends_with(b"/");
        Ok(match (names.is_empty(), is_folder) {
            (true, _) => "./".to_owned(),
            (false, true) => names.join("/") + "/",
            (false, false) => names.join("/"),
        })
    }
}

/// Whether a folder has a `.git`: a folder with a `HEAD`, because git looks further up when there is none, or a file, as
/// in a linked work tree.
fn has_git(folder: &Path) -> bool {
    let git = folder.join(".git");
    git.symlink_metadata().is_ok() && (!git.is_dir() || git.join("HEAD").symlink_metadata().is_ok())
}

/// The path without `.` and `..`, by its words alone.
pub(crate) fn lexical(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => plain.push(component),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

    use super::*;

    #[test]
    fn path_when_resolved_is_relative_to_the_root() -> Result<(), Trouble> {
        let project = Project { current: "/p/src".into(), root: "/p".into() };
        for (path, expected) in [
            ("main.rs", "src/main.rs"),
            ("../docs/./x", "docs/x"),
            ("/p/a//b", "a/b"),
            ("gone/", "src/gone/"),
            ("..", "./"),
            ("a\nb\\c*", "src/a\nb\\c*"),
        ] {
            assert_eq!(project.relative(Path::new(path))?, expected, "{path}");
        }
        assert_eq!(project.relative(Path::new(OsStr::from_bytes(b"\xff")))?, "src/\u{fffd}");
        for outside in ["../..", "/", "/px", "../../p2/x", "/etc/passwd"] {
            assert!(project.relative(Path::new(outside)).is_err(), "{outside}");
        }
        Ok(())
    }

    #[test]
    fn root_when_not_named_is_the_nearest_folder_with_git() -> Result<(), Box<dyn std::error::Error>> {
        let place = tempfile::tempdir()?;
        let project = Project { current: place.path().to_owned(), root: place.path().to_owned() };
        std::fs::create_dir(place.path().join("folder"))?;
        let shown = |path| project.relative(Path::new(path)).map_err(|trouble| format!("{trouble:?}"));
        assert_eq!(shown("folder")?, "folder/");
        // The tests of this crate run inside a repository or in none; either way the root is above the current folder.
        let found = Project::find(None).map_err(|trouble| format!("{trouble:?}"))?;
        assert!(found.current.starts_with(&found.root));
        let named = Project::find(Some(Path::new("a/../b"))).map_err(|trouble| format!("{trouble:?}"))?;
        assert_eq!(named.root, named.current.join("b"));
        Ok(())
    }
}
