//! Control groups: what all processes of a run may use together (cgroups(7)).
//!
//! Version 2 where a folder with both controllers was handed to this user, else version 1 where this is root, else none:
//! then resource limits hold for each process alone. A group is made per run and removed after it; what a killed server
//! left is removed at the next probe.

use std::{
    fs::{self, OpenOptions},
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::Limits;

/// Where groups can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hierarchy {
    /// Version 2, below this folder.
    Second(PathBuf),
    /// Version 1: the folders for memory and for processes.
    First(PathBuf, PathBuf),
}

impl Hierarchy {
    /// Finds the one of this process by making a group in it, and removes what is left in it; none where none can be made.
    pub(crate) fn find() -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        candidates(&mounts, &own).into_iter().find(|hierarchy| {
            hierarchy.sweep();
            hierarchy.group(&Limits::default()).is_ok()
        })
    }

    /// A group for one run.
    ///
    /// # Errors
    /// When it cannot be made or limited.
    pub(crate) fn group(&self, limits: &Limits) -> io::Result<Group> {
        let name = format!("{PREFIX}{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut group = Group { folders: Vec::new() };
        for parent in self.parents() {
            let folder = parent.join(&name);
            fs::create_dir(&folder)?;
            group.folders.push(folder);
        }
        // The processes of the sandbox itself come on top.
        let processes = u64::from(limits.processes) + PROCESSES_OF_OURS;
        let memory = limits.memory_bytes;
        match (self, group.folders.as_slice()) {
            (Self::Second(_), [both]) => {
                fs::write(both.join("memory.max"), memory.to_string())?;
                fs::write(both.join("pids.max"), processes.to_string())?;
                // Not there where the kernel has no swap; then there is nothing to limit.
                let _absent = fs::write(both.join("memory.swap.max"), "0");
            }
            (Self::First(..), [of_memory, of_processes]) => {
                fs::write(of_memory.join("memory.limit_in_bytes"), memory.to_string())?;
                fs::write(of_processes.join("pids.max"), processes.to_string())?;
                let _absent = fs::write(of_memory.join("memory.memsw.limit_in_bytes"), memory.to_string());
            }
            (Self::Second(_) | Self::First(..), _) => return Err(io::ErrorKind::Unsupported.into()),
        }
        Ok(group)
    }

    /// What it enforces, in a few words.
    pub(crate) const fn words(&self) -> &'static str {
        match self {
            Self::Second(_) => "cgroup v2 memory and processes",
            Self::First(..) => "cgroup v1 memory and processes",
        }
    }

    fn parents(&self) -> Vec<&Path> {
        match self {
            Self::Second(both) => vec![both],
            Self::First(memory, processes) => vec![memory, processes],
        }
    }

    /// Removes groups of servers that are gone. One that still holds a process cannot be removed.
    fn sweep(&self) {
        let entries =
            self.parents().into_iter().filter_map(|parent| fs::read_dir(parent).ok()).flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            let server = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next());
            if server.is_some_and(|server| !Path::new("/proc").join(server).exists()) {
                let _busy = fs::remove_dir(entry.path());
            }
        }
    }
}

/// The group of one run; removed with this, when all its processes are over.
#[derive(Debug)]
pub(crate) struct Group {
    folders: Vec<PathBuf>,
}

impl Group {
    /// The files through which a process joins, open for writing.
    ///
    /// # Errors
    /// When they cannot be opened.
    pub(crate) fn doors(&self) -> io::Result<Vec<OwnedFd>> {
        let open = |folder: &PathBuf| OpenOptions::new().write(true).open(folder.join("cgroup.procs"));
        self.folders.iter().map(|folder| open(folder).map(OwnedFd::from)).collect()
    }

    /// Whether the kernel ended a process for the memory that all use.
    pub(crate) fn is_out_of_memory(&self) -> bool {
        ["memory.events", "memory.oom_control"].iter().any(|file| {
            self.folders.iter().any(|folder| {
                let text = fs::read_to_string(folder.join(file)).unwrap_or_default();
                let mut lines = text.lines().filter_map(|line| line.split_once(' '));
                lines.any(|(name, count)| name == "oom_kill" && count.trim() != "0")
            })
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for folder in &self.folders {
            if let Err(error) = fs::remove_dir(folder) {
                tracing::warn!(%error, group = %folder.display(), "a control group is left");
            }
        }
    }
}

/// Where groups may be made, from the mounts and the groups of this process (`proc_pid_mountinfo(5)`, cgroups(7)).
fn candidates(mounts: &str, own: &str) -> Vec<Hierarchy> {
    let mount = |kind: &str, controller: Option<&str>| {
        mounts.lines().find_map(|line| {
            let (before, after) = line.split_once(" - ")?;
            let mut before = before.split(' ').skip(3);
            let (root, at) = (before.next()?, before.next()?);
            let mut after = after.split(' ');
            let options = after.clone().nth(2)?;
            let fits =
                controller.is_none_or(|controller| options.split(',').any(|option| option == controller));
            (after.next()? == kind && fits).then_some((root, at))
        })
    };
    let group = |controller: Option<&str>| {
        own.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?);
            let fits = match controller {
                Some(controller) => controllers.split(',').any(|one| one == controller),
                None => controllers.is_empty(),
            };
            fits.then_some(path)
        })
    };
    let folder = |kind: &str, controller: Option<&str>| {
        let ((root, at), path) = (mount(kind, controller)?, group(controller)?);
        let below = Path::new(path).strip_prefix(root).ok()?;
        Some(Path::new(at).join(below))
    };
    let mut all = Vec::new();
    if let Some(own) = folder("cgroup2", None) {
        // A group that holds processes cannot share out controllers, but for the root: a sibling then.
        let around = own.parent().map(Path::to_owned);
        all.extend([Some(own), around].into_iter().flatten().filter(|at| shares(at)).map(Hierarchy::Second));
    }
    if let (Some(memory), Some(processes)) =
        (folder("cgroup", Some("memory")), folder("cgroup", Some("pids")))
    {
        all.push(Hierarchy::First(memory, processes));
    }
    all
}

fn shares(folder: &Path) -> bool {
    let shared = fs::read_to_string(folder.join("cgroup.subtree_control")).unwrap_or_default();
    ["memory", "pids"].iter().all(|controller| shared.split_whitespace().any(|one| one == *controller))
}

const PREFIX: &str = "mab-run-";
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// Bubblewrap outside and inside, and the program inside it.
const PROCESSES_OF_OURS: u64 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_when_its_run_is_over_is_removed_and_one_of_a_dead_server_at_the_next_probe() {
        let Some(hierarchy) = Hierarchy::find() else {
            println!("SKIPPED: no control group can be made here");
            return;
        };
        let group = hierarchy.group(&Limits::default()).unwrap();
        let folders = group.folders.clone();
        assert!(folders.iter().all(|folder| folder.join("cgroup.procs").exists()));
        assert!(!group.is_out_of_memory());
        drop(group);
        let left: Vec<_> =
            hierarchy.parents().iter().map(|parent| parent.join(format!("{PREFIX}0-0"))).collect();
        for left in &left {
            fs::create_dir(left).unwrap();
        }
        assert_eq!(Hierarchy::find(), Some(hierarchy));
        assert!(!folders.iter().chain(&left).any(|folder| folder.exists()));
    }

    #[test]
    fn hierarchy_when_version_1_is_mounted_is_that_of_this_process() {
        let mounts = "30 20 0:26 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
31 20 0:27 / /sys/fs/cgroup/pids rw,relatime shared:1 - cgroup cgroup rw,pids
32 20 0:28 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
        let own = "8:pids:/\n4:memory:/a/b\n0::/\n";
        let memory = PathBuf::from("/sys/fs/cgroup/memory/a/b");
        let expected = Hierarchy::First(memory, PathBuf::from("/sys/fs/cgroup/pids/"));
        // Version 2 of this text shares nothing out, unless the machine's own does.
        assert_eq!(candidates(mounts, own).last(), Some(&expected));
        assert_eq!(candidates("", own), []);
        assert_eq!(candidates(mounts, ""), []);
        // A bind mount of a part of the hierarchy: what lies outside of it cannot be reached.
        let part = mounts.replace("0:26 / ", "0:26 /other ");
        assert!(!candidates(&part, own).contains(&expected));
    }
}
