//! A sandbox to try things in.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use mab_exec::{
    Argv, Ending, GitAccess, Limits, Link, Mode, Network, Plan, ProbeSettings, Profile, Running, Sandbox,
    Stage, Step, Tier, Tiers, View,
};

/// The sandboxes of this machine.
pub(crate) fn tiers() -> Tiers {
    Tiers::probe(&settings(
        &std::env::temp_dir().join(format!("mab-test-{}", rustix::process::geteuid().as_raw())),
    ))
}

pub(crate) fn settings(records: &Path) -> ProbeSettings {
    ProbeSettings {
        helper: PathBuf::from(env!("CARGO_BIN_EXE_mab-sandbox-exec")),
        records: records.to_owned(),
    }
}

/// The sandbox of a tier; none, and loudly so, where this machine has none.
pub(crate) fn sandbox(tier: Tier) -> Option<Arc<dyn Sandbox>> {
    let mode = if tier == Tier::Landlock { Mode::Safe } else { Mode::Yolo };
    match tiers().strongest(mode, Some(tier)) {
        Ok(sandbox) => Some(sandbox),
        Err(unavailable) => {
            assert!(!Path::new("/usr/bin/bwrap").exists(), "bubblewrap is here, but: {unavailable}");
            println!("SKIPPED: {tier} is not here: {unavailable}");
            None
        }
    }
}

/// What a run came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) ending: Ending,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn code(&self) -> i32 {
        match self.ending {
            Ending::Exited(code) => code,
            Ending::Limit(_) | Ending::Unavailable(_) => panic!("{self:?}"),
        }
    }
}

/// A workspace, deleted with this.
pub(crate) struct Space {
    _folder: tempfile::TempDir,
    pub(crate) path: PathBuf,
}

impl Space {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("space");
        std::fs::create_dir(&path).unwrap();
        Self { _folder: folder, path }
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.path.join(name)).ok()
    }

    /// The names in it, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.path).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// A profile that reads it only.
    pub(crate) fn reading(&self) -> Profile {
        Profile {
            workspace: self.path.clone(),
            writable: false,
            git: GitAccess::ReadOnly,
            network: Network::Off,
            readable: Vec::new(),
            hidden: Vec::new(),
            environment: BTreeMap::from([
                ("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned()),
                ("HOME".to_owned(), "/tmp/home".to_owned()),
            ]),
            limits: Limits::default(),
        }
    }

    /// A profile that may change it.
    pub(crate) fn writing(&self) -> Profile {
        Profile { writable: true, ..self.reading() }
    }
}

/// One command.
pub(crate) fn argv(words: &[&str]) -> Argv {
    let program = if words[0].contains('/') {
        words[0].to_owned()
    } else {
        ["/usr/bin", "/bin", "/usr/local/bin"]
            .map(|folder| Path::new(folder).join(words[0]))
            .into_iter()
            .find(|path| path.exists())
            .map_or_else(|| format!("/usr/bin/{}", words[0]), |path| path.display().to_string())
    };
    Argv {
        name: words[0].to_owned(),
        program,
        arguments: words[1..].iter().map(|&word| word.to_owned()).collect(),
        environment: Vec::new(),
    }
}

/// A plan of one pipeline.
pub(crate) fn pipeline(commands: &[&[&str]]) -> Plan {
    Plan::Steps(vec![Step {
        link: Link::Always,
        pipeline: commands.iter().map(|words| argv(words)).collect(),
    }])
}

/// A plan of one command.
pub(crate) fn one(words: &[&str]) -> Plan {
    pipeline(&[words])
}

/// A plan of shell text.
pub(crate) fn shell(text: &str) -> Plan {
    Plan::Shell(text.to_owned())
}

/// Starts a plan.
pub(crate) fn start(sandbox: &dyn Sandbox, plan: &Plan, profile: &Profile) -> Box<dyn Running> {
    sandbox.start(&Stage { plan, binaries: &[], profile, view: &View::Direct }).unwrap()
}

/// Runs a plan to its end.
pub(crate) fn run(sandbox: &dyn Sandbox, plan: &Plan, profile: &Profile) -> Ran {
    ran(start(sandbox, plan, profile))
}

/// Waits for what was started, and takes what it prints.
pub(crate) fn ran(mut running: Box<dyn Running>) -> Ran {
    let [stdout, stderr] = running.take_outputs().unwrap().map(File::from);
    let read = |mut file: File| {
        std::thread::spawn(move || {
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            text
        })
    };
    let (stdout, stderr) = (read(stdout), read(stderr));
    let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
    Ran { ending: end(&mut *running), stdout, stderr }
}

/// Waits until a run has ended.
pub(crate) fn end(running: &mut dyn Running) -> Ending {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let limit = Timespec { tv_sec: 60, tv_nsec: 0 };
    let over = running.over();
    assert_eq!(
        poll(&mut [PollFd::from_borrowed_fd(over, PollFlags::IN)], Some(&limit)).unwrap(),
        1,
        "it hangs"
    );
    running.try_end().unwrap().unwrap()
}
