//! Paths of a workspace that no command may change, because something outside the sandbox later obeys what is in them:
//! git, editors, agents, shells and package managers, without being asked.
//!
//! What is there is bound read-only on itself. What is not there is put there, empty, for as long as the run lasts
//! (`stubs.rs`): otherwise a command would make it. Where a command could move the folder around it away, that folder is
//! bound on itself too, because what is mounted on cannot be moved.
//!
//! Not here are files that run only when somebody asks for it, like a Makefile or a build script: a command that works on
//! a project writes these. To add a path, add it to a list below.

use std::path::Path;

use crate::{
    GitAccess, Profile, Unavailable, View,
    bubblewrap::Mount,
    secret_names,
    stubs::{Stub, Stubs},
};

/// What protects the workspace in one run.
#[derive(Debug)]
pub(crate) struct Protection {
    /// What is mounted over the workspace, in this order.
    pub(crate) mounts: Vec<Mount>,
    /// What was put there for it; taken away again when this is dropped.
    pub(crate) stubs: Option<Stubs>,
    /// Whether all of the workspace was looked at for secrets.
    pub(crate) is_whole: bool,
}

impl Protection {
    /// Says what protects the workspace of `profile`, which is shown from `source`. `records` is the private folder in
    /// which it is noted what was put into workspaces.
    ///
    /// # Errors
    /// [`Unavailable`] when something cannot be protected.
    pub(crate) fn new(
        profile: &Profile,
        (view, source): (&View, &Path),
        records: &Path,
    ) -> Result<Self, Unavailable> {
        let found = secret_names::find(&profile.workspace)
            .map_err(|error| unavailable(format!("the workspace cannot be listed: {error}")))?;
        // Joined before anything is looked at: what another run has put there must stay for this one too.
        let joined = profile.writable && *view == View::Direct;
        let stubs = joined.then(|| Stubs::open(records, &profile.workspace)).transpose();
        let stubs = stubs.map_err(|error| unavailable(format!("the workspace cannot be held: {error}")))?;
        let mut builder = Builder { profile, view, source, mounts: Vec::new(), stubs };
        if profile.writable {
            for name in OF_A_WORKSPACE {
                builder.protect(Path::new(name), Stub::Folder)?;
            }
            let there = |name: &&&str| profile.workspace.join(name).symlink_metadata().is_ok();
            for name in IF_THERE.iter().filter(there) {
                builder.protect(Path::new(name), Stub::Folder)?;
            }
            builder.git()?;
            for repository in &found.repositories {
                if let Ok(below) = repository.strip_prefix(&profile.workspace) {
                    builder.hold_parents(below, Path::new(""));
                    builder.protect(below, Stub::Folder)?;
                }
            }
        }
        let Builder { mut mounts, stubs, .. } = builder;
        mounts.extend(found.secrets.iter().filter_map(|path| hide(path)));
        Ok(Self { mounts, stubs, is_whole: found.is_whole })
    }
}

/// What hides `path`; nothing when nothing is there, or a symbolic link: what it leads to is hidden by its own name.
pub(crate) fn hide(path: &Path) -> Option<Mount> {
    let kind = path.symlink_metadata().ok()?.file_type();
    if kind.is_dir() {
        return Some(Mount::EmptyFolder(path.to_owned()));
    }
    (!kind.is_symlink()).then(|| Mount::NoFile(path.to_owned()))
}

/// Whether nothing that a preview wrote at `below`, a path below the workspace, is ever applied. Judged by what is in the
/// workspace now, and more strictly than a run is held: names of secrets are not applied even where they are new.
pub(crate) fn is_protected(workspace: &Path, below: &Path) -> bool {
    OF_A_WORKSPACE.iter().any(|name| below.starts_with(name))
        || IF_THERE
            .iter()
            .any(|name| below.starts_with(name) && workspace.join(name).symlink_metadata().is_ok())
        || below.iter().any(secret_names::is_secret_name)
}

struct Builder<'a> {
    profile: &'a Profile,
    view: &'a View,
    source: &'a Path,
    mounts: Vec<Mount>,
    stubs: Option<Stubs>,
}

impl Builder<'_> {
    fn git(&mut self) -> Result<(), Unavailable> {
        let git = Path::new(".git");
        let is_folder = self.profile.workspace.join(git).symlink_metadata().is_ok_and(|found| found.is_dir());
        match self.profile.git {
            GitAccess::Commit if is_folder => {
                self.mounts.push(self.writable(git));
                for (name, stub) in OF_A_REPOSITORY {
                    let path = git.join(name);
                    self.hold_parents(&path, git);
                    self.protect(&path, *stub)?;
                }
                Ok(())
            }
            GitAccess::Commit | GitAccess::ReadOnly => self.protect(git, Stub::Folder),
        }
    }

    /// Binds `below`, which is relative, read-only on itself; when it is not there, what stands for it.
    fn protect(&mut self, below: &Path, stub: Stub) -> Result<(), Unavailable> {
        let path = self.profile.workspace.join(below);
        match path.symlink_metadata() {
            Ok(found) if found.is_symlink() => {
                return Err(unavailable(format!(
                    "{} is a symbolic link, which cannot be kept as it is",
                    below.display()
                )));
            }
            Ok(_) => {}
            Err(_) => {
                match self.view {
                    View::Direct => self.put(below, stub)?,
                    // Bubblewrap makes it, in the view and not in the workspace.
                    View::Overlay { .. } => {}
                }
                match (stub, self.view) {
                    (Stub::Folder, _) => {
                        self.mounts.push(Mount::EmptyFolder(path));
                        return Ok(());
                    }
                    (Stub::File | Stub::SameFolder, View::Overlay { .. }) => {
                        self.mounts.push(Mount::NoFile(path));
                        return Ok(());
                    }
                    (Stub::File | Stub::SameFolder, View::Direct) => {}
                }
            }
        }
        self.mounts.push(Mount::ReadOnly(self.source.join(below), path));
        Ok(())
    }

    fn put(&self, below: &Path, stub: Stub) -> Result<(), Unavailable> {
        let failed = |error: std::io::Error| {
            unavailable(format!("{} cannot be kept from being made: {error}", below.display()))
        };
        let stubs = self.stubs.as_ref().ok_or_else(|| failed(std::io::ErrorKind::Unsupported.into()))?;
        stubs.put(below, stub).map_err(failed)
    }

    /// Binds every folder between `above` and `below` on itself.
    fn hold_parents(&mut self, below: &Path, above: &Path) {
        let parents =
            below.ancestors().skip(1).take_while(|parent| *parent != above && !parent.as_os_str().is_empty());
        let mut parents: Vec<_> = parents.map(|parent| self.writable(parent)).collect();
        parents.reverse();
        parents.retain(|mount| !self.mounts.contains(mount));
        self.mounts.extend(parents);
    }

    fn writable(&self, below: &Path) -> Mount {
        Mount::Writable(self.source.join(below), self.profile.workspace.join(below))
    }
}

/// Settings of agents, editors, shells and hooks, in the workspace's own folder. What stands for one that is missing is a
/// folder, also where people have a file: git lists no empty folder, so that no `git add` takes it.
pub(crate) const OF_A_WORKSPACE: &[&str] = &[
    // Our own: a project's policy, which the next command is judged by.
    ".mab",
    ".mcp.json",
    ".claude",
    ".codex",
    ".gemini",
    ".agents",
    ".cursor",
    ".vscode",
    ".idea",
    ".zed",
    ".windsurf",
    ".devcontainer",
    ".envrc",
    ".husky",
    ".githooks",
    ".pre-commit-config.yaml",
];

/// Settings of package managers. One that is made is no worse than a build script that is, which a command may write; one
/// that is there may be what holds such scripts back.
const IF_THERE: &[&str] = &[".cargo", ".npmrc", ".yarnrc.yml"];

/// What git obeys, or is sent elsewhere by, in a repository whose objects and references may be written
/// (gitrepository-layout(5)).
const OF_A_REPOSITORY: &[(&str, Stub)] = &[
    ("hooks", Stub::Folder),
    ("config", Stub::File),
    ("config.worktree", Stub::File),
    // An empty one would be an error; this one says what git takes for granted without it.
    ("commondir", Stub::SameFolder),
    ("modules", Stub::Folder),
    ("worktrees", Stub::Folder),
    ("objects/info/alternates", Stub::File),
];

fn unavailable(reason: String) -> Unavailable {
    Unavailable { reason, hint: "look at it, and move or replace it if it should not be there".to_owned() }
}
