//! A workspace and what lies around it that a command must not reach.

use std::{
    fs,
    io::Read as _,
    net::TcpListener,
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, OnceLock},
};

use mab_core::{Fault, Random, Timestamp};
use mab_exec::{
    Ask, ContainerSettings, Decision, Digest, Engine, Executor, ExecutorSettings, Finished, GitAccess,
    Judges, Killed, Layer, Limits, Mode, Network, Outcome, Plan, ProbeSettings, Tier, Tiers, Verdict, Wanted,
    Workspace,
    snapshot::{Settings, Snapshots},
};

/// Where each is tried.
pub(crate) const TIERS: [Tier; 3] =
    [Tier::Bubblewrap, Tier::Container(Engine::Docker), Tier::Container(Engine::Podman)];

/// The name of the variable that no command may read. It is put together here so that it is found nowhere by chance.
pub(crate) const CANARY: &str = concat!("MAB_HOSTILE", "_CANARY");

/// Little of everything: what a hostile program wants is more.
pub(crate) fn small() -> Limits {
    Limits {
        time_s: 20,
        cpu_s: 15,
        memory_bytes: 128 << 20,
        processes: 48,
        file_bytes: 16 << 20,
        scratch_bytes: 16 << 20,
        output_bytes: 64 << 10,
    }
}

/// A judge that says yes to every text: what is left is the sandbox.
struct Yes(GitAccess);

impl Judges for Yes {
    fn judge(&self, _: Mode, wanted: &Wanted, _: Option<&Workspace>) -> Verdict {
        let Wanted::Text(text) = wanted else { panic!("the tests give texts") };
        Verdict {
            decision: Decision::Allow,
            layer: Layer::Policy,
            reason: String::new(),
            plan: Some(Plan::Shell(text.clone())),
            writes: true,
            git: self.0,
        }
    }

    fn policy_digest(&self) -> Digest {
        Digest::of(&[])
    }
}

struct Same;

impl Random for Same {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Fault> {
        buffer.fill(7);
        Ok(())
    }
}

fn tiers(tier: Tier) -> &'static Tiers {
    static DOCKER: OnceLock<Tiers> = OnceLock::new();
    static PODMAN: OnceLock<Tiers> = OnceLock::new();
    let (tiers, engine, socket) = match tier {
        Tier::Container(Engine::Podman) => (&PODMAN, Engine::Podman, "engine/podman.sock"),
        Tier::Container(Engine::Docker) | Tier::Landlock | Tier::Bubblewrap => {
            (&DOCKER, Engine::Docker, "engine/docker.sock")
        }
    };
    tiers.get_or_init(|| {
        let helper = env!("CARGO_BIN_EXE_mab-sandbox-exec").into();
        let records = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile-records");
        let socket = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name(socket);
        let containers = ContainerSettings { engine, image: "mab-test".to_owned(), socket: Some(socket) };
        Tiers::probe(&ProbeSettings { helper, records: records.clone() })
            .with_containers(&containers, &records)
    })
}

/// Whether a tier is here; loudly, when it is not.
pub(crate) fn is_here(tier: Tier) -> bool {
    match tiers(tier).strongest(Mode::Yolo, Some(tier)) {
        Ok(_) => true,
        Err(why) => {
            let must = tier == Tier::Bubblewrap && Path::new("/usr/bin/bwrap").exists();
            assert!(!must, "bubblewrap is here, but: {why}");
            println!("SKIPPED: no {tier} here: {why}");
            false
        }
    }
}

/// A workspace with a repository, and around it a home, the bridge's folder, a file, sockets, a port and a process.
pub(crate) struct Scene {
    folder: tempfile::TempDir,
    bystander: Child,
    port: TcpListener,
    _socket: UnixListener,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("mab-hostile-").tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for below in ["space", "home/.aws", "home/.ssh", "state"] {
            fs::create_dir_all(root.join(below)).unwrap();
        }
        for below in OUTSIDE {
            fs::write(root.join(below), format!("canary of {below}\n")).unwrap();
        }
        let socket = UnixListener::bind(root.join("socket")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut bystander = command("cat");
        bystander.env(CANARY, "held").stdin(Stdio::piped()).stdout(Stdio::null());
        let scene = Self { folder, bystander: bystander.spawn().unwrap(), port, _socket: socket };
        scene.git(&["init", "-q"]);
        scene
    }

    pub(crate) fn outside(&self, below: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(below)
    }

    pub(crate) fn space(&self) -> PathBuf {
        self.outside("space")
    }

    /// What an argument in braces stands for.
    pub(crate) fn argument(&self, word: &str) -> String {
        let path = |below: &str| self.outside(below).display().to_string();
        match word {
            "{outside}" => path("file"),
            "{home}" => path("home"),
            "{state}" => path("state"),
            "{socket}" => path("socket"),
            "{port}" => self.port.local_addr().unwrap().port().to_string(),
            "{pid}" => self.bystander.id().to_string(),
            other => other.to_owned(),
        }
    }

    pub(crate) fn git(&self, words: &[&str]) {
        let mut git = command("git");
        git.args(words).current_dir(self.space()).env("HOME", "/nonexistent").stdout(Stdio::null());
        assert!(git.status().unwrap().success(), "{words:?}");
    }

    /// Runs `text` as a person would who agrees to everything.
    pub(crate) fn run(&self, tier: Tier, text: &str, (limits, git): (Limits, GitAccess)) -> Finished {
        let settings = ExecutorSettings {
            sandbox: Some(tier),
            hidden: vec![self.outside("state")],
            // A container has the programs of its image, which has no Python: those of the host are read there.
            readable: if tier == Tier::Bubblewrap { Vec::new() } else { of_the_host() },
            ..Default::default()
        };
        let executor = Executor::new(settings, tiers(tier).clone(), Yes(git), None);
        let workspace = Arc::new(Workspace::open(&self.space()).unwrap());
        let ask = Ask {
            mode: Mode::Yolo,
            wanted: Wanted::Text(text.to_owned()),
            conversation: None,
            agent: None,
            limits,
            network: Network::Off,
            preview: false,
            valid_s: 300,
        };
        let prepared = executor.prepare(&ask, &workspace, NOW, [3; 16]).unwrap();
        executor.run(prepared.allowed().unwrap(), NOW, &())
    }

    /// Nothing outside changed, nobody outside was ended, and nobody inside lives on. Then the host does what it does
    /// after a run: it saves the workspace, with git.
    pub(crate) fn is_unharmed(&mut self, why: &str) {
        assert_eq!(living_in(&self.space()), Vec::<String>::new(), "{why}");
        assert!(self.bystander.try_wait().unwrap().is_none(), "{why}: a process outside was ended");
        for below in OUTSIDE {
            let text = fs::read_to_string(self.outside(below)).unwrap();
            assert_eq!(text, format!("canary of {below}\n"), "{why}");
        }
        assert_eq!(names(&self.outside("")), ["file", "home", "socket", "space", "state"], "{why}");
        assert_eq!(names(&self.outside("home")), [".aws", ".bashrc", ".ssh"], "{why}");
        assert_eq!(names(&self.outside("state")), ["bridge.db", "master.key"], "{why}");
        for name in [".mcp.json", ".claude", ".codex", ".mab", ".envrc", ".husky"] {
            assert!(self.space().join(name).symlink_metadata().is_err(), "{why}: {name}");
        }
        let state = tempfile::tempdir().unwrap();
        let snapshots = Snapshots::open(state.path(), Settings::default(), Arc::new(Same)).unwrap();
        let workspace = Workspace::open(&self.space()).unwrap();
        snapshots.take(&workspace, "after", NOW).unwrap();
        self.git(&["status", "--short"]);
        assert!(!self.space().join("executed-on-the-host").exists(), "{why}");
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        drop(self.bystander.kill());
        drop(self.bystander.wait());
    }
}

/// What it came to, in one word, and whether that is one that a thing which is held may come to.
pub(crate) fn is_held(finished: &Finished) -> bool {
    let opened = [&finished.stdout, &finished.stderr]
        .iter()
        .any(|stream| stream.head.lines().any(|line| line.starts_with("OPEN")));
    let ended = match &finished.outcome {
        Outcome::Exited { code } => *code == 0,
        Outcome::Killed { reason } => *reason == Killed::Memory,
        Outcome::Denied { .. } | Outcome::SandboxUnavailable { .. } => false,
    };
    ended && !opened
}

/// The processes that work in `space`, or were started with a word of it.
fn living_in(space: &Path) -> Vec<String> {
    let space = space.to_str().unwrap();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lives = |process: &Path| {
        let mut line = Vec::new();
        let file = fs::File::open(process.join("cmdline"));
        drop(file.and_then(|mut file| file.read_to_end(&mut line)));
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let folder = fs::read_link(process.join("cwd")).is_ok_and(|folder| folder.starts_with(space));
        (folder || line.contains(space)).then_some(line)
    };
    processes.filter_map(|process| lives(&process.path())).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn of_the_host() -> Vec<PathBuf> {
    ["/usr", "/lib", "/lib64"].map(PathBuf::from).into_iter().filter(|path| path.exists()).collect()
}

/// What lies outside and must stay as it is.
const OUTSIDE: [&str; 6] = [
    "file",
    "home/.aws/credentials",
    "home/.bashrc",
    "home/.ssh/id_ed25519",
    "state/bridge.db",
    "state/master.key",
];

const NOW: Timestamp = Timestamp::from_millis(1_795_332_600_000);

#[expect(clippy::disallowed_methods, reason = "a test needs somebody outside of the sandbox")]
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    Command::new(program)
}
