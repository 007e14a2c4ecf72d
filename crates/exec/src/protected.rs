//! Paths of a workspace that no command may change, because something outside the sandbox later obeys what is in them:
//! git, editors, agents, shells and package managers, without being asked.
//!
//! What is there is bound read-only on itself. What is not there is put there, empty, for as long as the run lasts
//! (`stubs.rs`): otherwise a command would make it. Where a command could move the folder around it away, that folder is
//! bound on itself too, because what is mounted on cannot be moved.
//!
//! Not here are files that run only when somebody asks for it, like a Makefile or a build script: a command that works on
//! a project writes these. To add a path, add it to a list below.

use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use crate::{
    GitAccess, Profile, Unavailable, View,
    bubblewrap::Mount,
    ground::Ground,
    repository_config::{Named, Wanted, is_same_folder, leads_inside, named},
    secret_names::{self, Found},
    stubs::{Hold, Stub, Stubs},
};

/// What protects the workspace in one run.
#[derive(Debug)]
pub(crate) struct Protection {
    /// What is mounted over the workspace, in this order.
    pub(crate) mounts: Vec<Mount>,
    /// The hold on the workspace, and what was put there; taken away again when this is dropped.
    pub(crate) stubs: Option<Stubs>,
    /// The workspace as it was looked at.
    pub(crate) ground: Ground,
}

/// Whether what is mounted is compared with what was looked at, before anything of the plan runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binds {
    /// It is.
    Checked,
    /// It is not: then nobody else may write there meanwhile.
    Trusted,
}

impl Protection {
    /// Says what protects the workspace of `profile`. `records` is the private folder in which it is noted what was put
    /// into workspaces.
    ///
    /// # Errors
    /// [`Unavailable`] when something cannot be protected, or another run writes there.
    pub(crate) fn new(
        profile: &Profile,
        view: &View,
        records: &Path,
        binds: Binds,
    ) -> Result<Self, Unavailable> {
        let cannot = |error| unavailable(format!("the workspace cannot be listed: {error}"));
        let ground = Ground::open(&profile.workspace).map_err(cannot)?;
        // Before anything is looked at: nobody else changes it from here on, in a run that writes.
        let hold = hold(profile, binds);
        let stubs = hold.map(|hold| Stubs::open(records, &profile.workspace, hold)).transpose()?;
        let found = secret_names::find(&profile.workspace).map_err(cannot)?.whole()?;
        let mut builder = Builder { profile, view, ground: &ground, mounts: Vec::new(), stubs };
        if profile.writable {
            builder.settings(&found)?;
        }
        let Builder { mut mounts, stubs, .. } = builder;
        mounts.extend(found.secrets.iter().filter_map(|path| hide(path)));
        Ok(Self { mounts, stubs, ground })
    }
}

/// Whether a run with this profile would get the workspace now, for which it waits a moment.
///
/// # Errors
/// [`Unavailable`] when another run writes there.
pub(crate) fn look(profile: &Profile, records: &Path, binds: Binds) -> Result<(), Unavailable> {
    hold(profile, binds).map_or(Ok(()), |hold| Stubs::look(records, &profile.workspace, hold))
}

/// How a run holds the workspace; none when it does not.
fn hold(profile: &Profile, binds: Binds) -> Option<Hold> {
    match (profile.writable, binds) {
        (true, _) => Some(Hold::Alone),
        (false, Binds::Trusted) => Some(Hold::Shared),
        (false, Binds::Checked) => None,
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
    ground: &'a Ground,
    mounts: Vec<Mount>,
    stubs: Option<Stubs>,
}

impl Builder<'_> {
    /// All that others obey.
    fn settings(&mut self, found: &Found) -> Result<(), Unavailable> {
        for name in OF_A_WORKSPACE {
            self.protect(Path::new(name), Stub::Folder)?;
        }
        for name in IF_THERE.iter().map(Path::new) {
            if self.look(name)?.is_some() {
                self.protect(name, Stub::Folder)?;
            }
        }
        self.git()?;
        let mut worktrees = vec![PathBuf::new()];
        for repository in &found.repositories {
            let Ok(below) = repository.strip_prefix(&self.profile.workspace) else { continue };
            // What is only to read as a whole must not be opened up again.
            if !self.is_held(below) {
                self.hold_parents(below, Path::new(""))?;
                self.protect(below, Stub::Folder)?;
            }
            worktrees.extend(below.parent().map(Path::to_owned));
        }
        for worktree in worktrees {
            self.configured(&worktree)?;
        }
        // Otherwise a folder around it could be moved away, and made anew.
        for hidden in &self.profile.hidden {
            if let Ok(below) = hidden.strip_prefix(&self.profile.workspace) {
                self.hold_parents(below, Path::new(""))?;
            }
        }
        Ok(())
    }

    fn git(&mut self) -> Result<(), Unavailable> {
        let git = Path::new(".git");
        self.elsewhere(git)?;
        // Without this file git takes it for no repository; it may be what stands for one.
        let is_repository = self.look(git)?.is_some_and(|kind| kind == FileType::Directory)
            && self.look(&git.join("HEAD"))?.is_some();
        match self.profile.git {
            GitAccess::Commit if is_repository => {
                self.mounts.push(self.writable(git));
                for (name, stub) in OF_A_REPOSITORY {
                    let path = git.join(name);
                    self.make_parents(&path)?;
                    self.hold_parents(&path, git)?;
                    self.protect(&path, *stub)?;
                }
                UNFINISHED.iter().try_for_each(|name| self.unfinished(&git.join(name)))
            }
            GitAccess::Commit | GitAccess::ReadOnly => self.protect(git, Stub::Folder),
        }
    }

    /// Refuses a repository whose state lies elsewhere in the workspace: there nothing keeps it as it is.
    fn elsewhere(&self, git: &Path) -> Result<(), Unavailable> {
        let read = |below: &Path| {
            let unreadable = |error| unavailable(format!("{} cannot be read: {error}", below.display()));
            self.ground.read(below, CONFIG_MAX_BYTES).map_err(unreadable)
        };
        if read(git)?.is_some_and(|text| leads_inside(&text, &self.profile.workspace)) {
            return Err(unavailable(".git is a file that leads into the workspace".to_owned()));
        }
        let common = git.join("commondir");
        if self.look(&common)?.is_some() && !read(&common)?.is_some_and(|text| is_same_folder(&text)) {
            return Err(unavailable(".git/commondir leads to another repository".to_owned()));
        }
        Ok(())
    }

    /// What is under way stays as it is; what is left under way is moved aside, for the person's next `git rebase
    /// --continue` would run what it says. Git takes anything there for one that is under way, so nothing stands for it.
    fn unfinished(&mut self, below: &Path) -> Result<(), Unavailable> {
        if self.look(below)?.is_some() {
            return self.protect(below, Stub::Folder);
        }
        match (&self.stubs, self.view) {
            (Some(stubs), View::Direct) => stubs
                .put_aside_later(below)
                .map_err(|error| unavailable(format!("{} cannot be noted: {error}", below.display()))),
            (_, View::Overlay { .. }) | (None, View::Direct) => Ok(()),
        }
    }

    /// What the configuration of the repository of `worktree` names in the workspace.
    fn configured(&mut self, worktree: &Path) -> Result<(), Unavailable> {
        let git = worktree.join(".git");
        let mut files = vec![git.join("config"), git.join("config.worktree")];
        let mut next = 0;
        while let Some(file) = files.get(next).cloned() {
            next += 1;
            let unreadable = |error| unavailable(format!("{} cannot be read: {error}", file.display()));
            let text = self.ground.read(&file, CONFIG_MAX_BYTES).map_err(unreadable)?;
            let Some(text) = text else { continue };
            for Named { path, wanted } in named(&text, &self.profile.workspace, (&file, worktree)) {
                let kind = self.look(&path)?;
                let is_there = kind.is_some();
                if wanted == Some(Wanted::Config) && is_there && !files.contains(&path) {
                    files.push(path.clone());
                }
                if files.len() > CONFIGS_MAX {
                    return Err(unavailable("git's configuration includes too many files".to_owned()));
                }
                if self.is_held(&path) {
                    continue;
                }
                let stub = match wanted {
                    Some(Wanted::Hooks) => Stub::Folder,
                    Some(Wanted::Config | Wanted::File) => Stub::File,
                    // A word that happens to be the name of a folder is no program.
                    None if kind.is_some_and(|kind| kind != FileType::Directory) => Stub::File,
                    None => continue,
                };
                self.make_parents(&path)?;
                self.hold_parents(&path, Path::new(""))?;
                self.protect(&path, stub)?;
            }
        }
        Ok(())
    }

    /// Whether `below` lies in what is only to read.
    fn is_held(&self, below: &Path) -> bool {
        let path = self.profile.workspace.join(below);
        self.mounts.iter().any(|mount| match mount {
            Mount::ReadOnly(_, at) | Mount::EmptyFolder(at) | Mount::NoFile(at) => path.starts_with(at),
            Mount::Writable(..) => false,
        })
    }

    /// What lies at `below`.
    fn look(&self, below: &Path) -> Result<Option<FileType>, Unavailable> {
        let found = self.ground.look(below).map_err(|error| {
            unavailable(format!("{} cannot be looked at without a symbolic link: {error}", below.display()))
        })?;
        Ok(found.map(|object| object.kind))
    }

    /// Binds `below`, which is relative, read-only on itself; when it is not there, what stands for it.
    fn protect(&mut self, below: &Path, stub: Stub) -> Result<(), Unavailable> {
        let path = self.profile.workspace.join(below);
        match self.look(below)? {
            Some(FileType::Symlink) => return Err(is_link(below)),
            Some(_) => {}
            None => {
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
        self.mounts.push(Mount::ReadOnly(path.clone(), path));
        Ok(())
    }

    fn put(&self, below: &Path, stub: Stub) -> Result<(), Unavailable> {
        let failed = |error: std::io::Error| {
            unavailable(format!("{} cannot be kept from being made: {error}", below.display()))
        };
        let stubs = self.stubs.as_ref().ok_or_else(|| failed(std::io::ErrorKind::Unsupported.into()))?;
        stubs.put(below, stub).map_err(failed)
    }

    /// Puts the folders that `below` would lie in, outermost first.
    fn make_parents(&self, below: &Path) -> Result<(), Unavailable> {
        let mut missing = Vec::new();
        for parent in parents(below, Path::new("")) {
            match self.look(parent)? {
                Some(FileType::Directory) => {}
                Some(_) => return Err(is_link(parent)),
                None => missing.push(parent),
            }
        }
        match self.view {
            View::Direct => missing.iter().try_for_each(|parent| self.put(parent, Stub::Folder)),
            View::Overlay { .. } => Ok(()),
        }
    }

    /// Binds every folder between `above` and `below` on itself.
    fn hold_parents(&mut self, below: &Path, above: &Path) -> Result<(), Unavailable> {
        for parent in parents(below, above) {
            match self.look(parent)? {
                Some(FileType::Directory) => {}
                Some(_) => return Err(is_link(parent)),
                None => continue,
            }
            let mount = self.writable(parent);
            if !self.mounts.contains(&mount) && !self.is_held(parent) {
                self.mounts.push(mount);
            }
        }
        Ok(())
    }

    fn writable(&self, below: &Path) -> Mount {
        let path = self.profile.workspace.join(below);
        Mount::Writable(path.clone(), path)
    }
}

/// The folders between `above` and `below`, outermost first.
fn parents<'a>(below: &'a Path, above: &Path) -> Vec<&'a Path> {
    let parents = below.ancestors().skip(1);
    let mut parents: Vec<_> =
        parents.take_while(|parent| *parent != above && !parent.as_os_str().is_empty()).collect();
    parents.reverse();
    parents
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
    ".aider.conf.yml",
    ".clinerules",
    ".continue",
    ".kiro",
    ".opencode",
    "opencode.json",
    "opencode.jsonc",
    ".qwen",
    ".roo",
    ".devcontainer",
    ".envrc",
    ".husky",
    ".githooks",
    ".pre-commit-config.yaml",
];

/// Settings of package managers and of tools that ask before they obey a new one. One that is made is no worse than a build script that is, which a command may write; one
/// that is there may be what holds such scripts back.
/// All are in `[obeys]` of the builtin policy too.
pub(crate) const IF_THERE: &[&str] =
    &[".cargo", ".npmrc", ".yarnrc.yml", "mise.toml", ".mise.toml", ".mise", "lefthook.yml", ".lefthook.yml"];

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
    // Which filters and drivers of the configuration run for which file, and what `git status` leaves out.
    ("info/attributes", Stub::File),
    ("info/exclude", Stub::File),
];

/// What git takes for an operation under way: what it says is done by `--continue`, programs too.
const UNFINISHED: &[&str] = &["rebase-merge", "rebase-apply", "sequencer"];

/// The longest configuration that is read, and how many files it may be spread over.
const CONFIG_MAX_BYTES: u64 = 1 << 20;
const CONFIGS_MAX: usize = 32;

fn is_link(below: &Path) -> Unavailable {
    unavailable(format!("{} is a symbolic link, which cannot be kept as it is", below.display()))
}

fn unavailable(reason: String) -> Unavailable {
    Unavailable { reason, hint: "look at it, and move or replace it if it should not be there".to_owned() }
}
