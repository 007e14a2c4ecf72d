//! By which names a file may be reserved that is about to be changed.
//!
//! A lease names files from a project's root. An edit names its file in any way that leads there: from anywhere, through
//! links, from inside another repository. So it counts by each of its names in each project that it is part of.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    io,
    path::{Component, Path, PathBuf},
};

use crate::cli::{Project, lexical};

/// Longest name that the system takes.
const NAME_MAX_BYTES: usize = 4_096;
/// Links that are followed on the way to one file, as the system does.
const LINKS_MAX: usize = 40;

/// Where the files are named from.
pub(super) struct Origin<'a> {
    /// The folder that the client says it works in.
    pub(super) folder: Option<&'a Path>,
    /// The folder that the client was started in.
    pub(super) project: Option<PathBuf>,
    /// What `~` stands for.
    pub(super) home: Option<PathBuf>,
}

/// The names of the files from the root of each project around them; none of a file in no project.
///
/// # Errors
/// What is wrong, in one sentence.
pub(super) fn names(files: &[PathBuf], origin: &Origin<'_>) -> Result<Vec<String>, String> {
    let nowhere = |error: io::Error| format!("the current folder cannot be told: {error}");
    let folder = std::path::absolute(origin.folder.unwrap_or(Path::new("."))).map_err(nowhere)?;
    let folders: BTreeSet<PathBuf> =
        [Some(&folder), origin.project.as_ref()].into_iter().flatten().flat_map(|path| ways(path)).collect();
    let around = |folder: &PathBuf| match Project::all_around(folder) {
        none if none.is_empty() => vec![Project::around(folder, None)],
        projects => projects,
    };
    let projects: Vec<Project> = folders.iter().flat_map(around).collect();
    let mut names = BTreeSet::new();
    for file in files {
        if file.as_os_str().len() > NAME_MAX_BYTES {
            return Err(format!("a file's name has more than {NAME_MAX_BYTES} bytes"));
        }
        for path in written(file, origin).iter().flat_map(|file| ways(&folder.join(file))) {
            let own = path.parent().map(Project::all_around).unwrap_or_default();
            names.extend(projects.iter().chain(&own).filter_map(|project| project.relative(&path).ok()));
        }
    }
    Ok(names.into_iter().collect())
}

/// What a client may take a name for: Claude Code trims it, and knows `~`.
fn written(file: &Path, origin: &Origin<'_>) -> Vec<PathBuf> {
    let trimmed = file.to_str().map(|text| PathBuf::from(text.trim()));
    let trimmed = trimmed.filter(|trimmed| trimmed.as_os_str() != file.as_os_str());
    let short = trimmed.as_deref().unwrap_or(file).strip_prefix("~").ok();
    let of_home = short.and_then(|rest| Some(origin.home.as_ref()?.join(rest)));
    [file.to_owned()].into_iter().chain(trimmed).chain(of_home).collect()
}

/// A path by its words, and where each way of reading it leads.
fn ways(path: &Path) -> BTreeSet<PathBuf> {
    let plain = lexical(path);
    [real(path), real(&plain), plain].into()
}

/// Where an absolute path leads, all links followed; what does not exist yet, or cannot be read, is taken by its name.
fn real(path: &Path) -> PathBuf {
    let mut found = PathBuf::from("/");
    let mut ahead = reversed(path);
    let mut links = LINKS_MAX;
    while let Some(step) = ahead.pop() {
        match Path::new(&step).components().next() {
            Some(Component::RootDir) => found = PathBuf::from("/"),
            Some(Component::ParentDir) => {
                found.pop();
            }
            Some(Component::Normal(name)) => {
                let here = found.join(name);
                match here.read_link() {
                    Ok(to) if links > 0 => {
                        links -= 1;
                        ahead.extend(reversed(&to));
                    }
                    Ok(_) | Err(_) => found = here,
                }
            }
            Some(Component::CurDir | Component::Prefix(_)) | None => {}
        }
    }
    found
}

/// The steps of a path, the first one last.
fn reversed(path: &Path) -> Vec<OsString> {
    path.components().rev().map(|step| step.as_os_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    fn of(file: &Path, folder: &Path, project: Option<&Path>) -> Vec<String> {
        let home = folder.ancestors().last().map(Path::to_owned);
        let origin = Origin { folder: Some(folder), project: project.map(Path::to_owned), home };
        names(&[file.to_owned()], &origin).unwrap()
    }

    fn repository(path: &Path) {
        fs::create_dir_all(path.join(".git")).unwrap();
        fs::write(path.join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
    }

    #[test]
    fn file_when_named_in_any_way_has_its_name_from_the_root() {
        let place = tempfile::tempdir().unwrap();
        let top = place.path().canonicalize().unwrap();
        let project = top.join("project");
        repository(&project);
        repository(&project.join("src/inner"));
        fs::write(project.join("src/main.rs"), "").unwrap();
        symlink("src/main.rs", project.join("ln.rs")).unwrap();
        symlink("src/new.rs", project.join("gone.rs")).unwrap();
        symlink("loop", project.join("loop")).unwrap();
        symlink(project.join("src"), top.join("folder")).unwrap();
        symlink(&project, top.join("link")).unwrap();
        let elsewhere = top.join("elsewhere");
        for (file, folder, name) in [
            (project.join("src/main.rs"), &elsewhere, "src/main.rs"),
            (project.join("ln.rs"), &project, "src/main.rs"),
            (project.join("gone.rs"), &project, "src/new.rs"),
            (top.join("folder/main.rs"), &elsewhere, "src/main.rs"),
            (top.join("folder/../ln.rs"), &elsewhere, "src/main.rs"),
            (top.join("link/src/main.rs"), &elsewhere, "src/main.rs"),
            (top.join("link/src/new/x.rs"), &elsewhere, "src/new/x.rs"),
            ("src/main.rs".into(), &top.join("link"), "src/main.rs"),
            ("../main.rs".into(), &project.join("src/inner"), "src/main.rs"),
            ("main.rs".into(), &project.join("src/inner"), "src/inner/main.rs"),
            (" src/main.rs ".into(), &project, "src/main.rs"),
            (Path::new("~").join(project.strip_prefix("/").unwrap()).join("x"), &elsewhere, "x"),
            (
                Path::new("/proc/self/root").join(project.strip_prefix("/").unwrap()).join("x"),
                &elsewhere,
                "x",
            ),
            ("loop".into(), &project, "loop"),
        ] {
            let names = of(&file, folder, None);
            assert!(
                names.contains(&name.to_owned()),
                "{} from {}: {names:?}",
                file.display(),
                folder.display()
            );
        }
        assert_eq!(of(&top.join("free/x"), &elsewhere, None), [""; 0], "in no project");
        assert_eq!(of(&top.join("free/x"), &elsewhere, Some(&top.join("free"))), ["x"]);
    }

    #[test]
    fn file_when_its_name_is_longer_than_any_is_an_error() {
        let long = PathBuf::from("a/".repeat(5_000));
        let origin = Origin { folder: None, project: None, home: None };
        assert!(names(&[long], &origin).is_err());
    }
}
