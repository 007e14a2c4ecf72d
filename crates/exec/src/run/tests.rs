mod after_a_yes;
mod obeyed;

use std::{
    io,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use mab_core::Code;
use rustix::{
    event::{EventfdFlags, eventfd},
    pipe::pipe,
};
use serde_json::Value;

use super::*;
use crate::{Argv, Ending, GitAccess, Limits, Link, Plan, Running, Step, Unavailable};

/// A run that ended at once, after it printed its plan's first argument.
struct Ended {
    outputs: Option<[OwnedFd; 2]>,
    over: OwnedFd,
}

impl Running for Ended {
    fn take_outputs(&mut self) -> io::Result<[OwnedFd; 2]> {
        self.outputs.take().ok_or_else(|| io::Error::other("taken"))
    }

    fn over(&self) -> BorrowedFd<'_> {
        self.over.as_fd()
    }

    fn try_end(&mut self) -> io::Result<Option<Ending>> {
        Ok(Some(Ending::Exited(0)))
    }

    fn kill(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn enforced(&self) -> Vec<String> {
        vec!["a test".to_owned()]
    }
}

struct Stub {
    tier: Tier,
    image: Mutex<Option<Binary>>,
    fails: bool,
    started: Mutex<Vec<Profile>>,
}

impl Sandbox for Stub {
    fn tier(&self) -> Tier {
        self.tier
    }

    fn brings(&self) -> Option<Binary> {
        self.image.lock().unwrap().clone()
    }

    fn previews(&self) -> bool {
        self.tier == Tier::Bubblewrap
    }

    fn start(&self, stage: &Stage<'_>) -> Result<Box<dyn Running>, Unavailable> {
        if self.fails {
            return Err(no_sandbox());
        }
        self.started.lock().unwrap().push(stage.profile.clone());
        let ((stdout, one), (stderr, _)) = (pipe().unwrap(), pipe().unwrap());
        let said = stage.plan.commands().flat_map(|argv| &argv.arguments).next().cloned().unwrap_or_default();
        rustix::io::write(&one, said.as_bytes()).unwrap();
        let over = eventfd(1, EventfdFlags::CLOEXEC).unwrap();
        Ok(Box::new(Ended { outputs: Some([stdout, stderr]), over }))
    }
}

fn no_sandbox() -> Unavailable {
    Unavailable { reason: "bubblewrap is missing".to_owned(), hint: "the operator can install it".to_owned() }
}

struct OneTier(Option<Arc<Stub>>);

impl Isolates for OneTier {
    fn strongest(&self, _: Mode, _: Option<Tier>) -> Result<Arc<dyn Sandbox>, Unavailable> {
        match &self.0 {
            Some(stub) => Ok(Arc::clone(stub) as Arc<dyn Sandbox>),
            None => Err(no_sandbox()),
        }
    }
}

struct Says {
    verdict: Verdict,
    policy: Arc<AtomicU64>,
}

impl Judges for Says {
    fn judge(&self, _: Mode, _: &Wanted, _: Option<&Workspace>) -> Verdict {
        self.verdict.clone()
    }

    fn policy_digest(&self) -> Digest {
        Digest::of(&[&self.policy.load(Ordering::Relaxed).to_ne_bytes()])
    }
}

/// Counts, or refuses.
struct Counts {
    saved: Arc<AtomicU64>,
    fails_at: u64,
    during: Meanwhile,
    labels: Arc<Mutex<Vec<String>>>,
}

/// What somebody else does meanwhile.
type Meanwhile = Arc<Mutex<Option<Box<dyn Fn() + Send>>>>;

impl Saves for Counts {
    fn save(&self, _: &Workspace, label: &str, _: Timestamp) -> Result<String, Denied> {
        self.labels.lock().unwrap().push(label.to_owned());
        if let Some(during) = &*self.during.lock().unwrap() {
            during();
        }
        let turn = self.saved.fetch_add(1, Ordering::Relaxed) + 1;
        if turn >= self.fails_at {
            return Err(Denied::new(Code::StorageFull, "the disk is full").hint("free some space"));
        }
        Ok(format!("snapshot-{turn}"))
    }
}

/// Everything around one executor, to change before it is made.
struct Scene {
    _folder: tempfile::TempDir,
    workspace: Arc<Workspace>,
    stub: Option<Arc<Stub>>,
    verdict: Verdict,
    policy: Arc<AtomicU64>,
    saved: Arc<AtomicU64>,
    fails_at: u64,
    during_saving: Meanwhile,
    labels: Arc<Mutex<Vec<String>>>,
    settings: ExecutorSettings,
    ask: Ask,
}

fn stub(tier: Tier) -> Stub {
    Stub { tier, image: Mutex::default(), fails: false, started: Mutex::default() }
}

fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let argv = Argv {
        name: "echo".to_owned(),
        program: String::new(),
        arguments: vec!["hello".to_owned()],
        environment: vec![("GIT_PAGER".to_owned(), "cat".to_owned())],
    };
    Scene {
        workspace: Arc::new(Workspace::open(&root).unwrap()),
        _folder: folder,
        stub: Some(Arc::new(stub(Tier::Bubblewrap))),
        verdict: Verdict {
            decision: Decision::Allow,
            layer: Layer::Policy,
            reason: "it only prints".to_owned(),
            plan: Some(Plan::Steps(vec![Step { link: Link::Always, pipeline: vec![argv] }])),
            writes: false,
            git: GitAccess::ReadOnly,
        },
        policy: Arc::default(),
        saved: Arc::default(),
        fails_at: u64::MAX,
        during_saving: Meanwhile::default(),
        labels: Arc::default(),
        settings: ExecutorSettings::default(),
        ask: Ask {
            mode: Mode::Safe,
            wanted: Wanted::Text("echo hello".to_owned()),
            conversation: Some("conv".to_owned()),
            agent: Some("a".to_owned()),
            limits: Limits::default(),
            network: Network::Off,
            preview: false,
            valid_s: 300,
        },
    }
}

const NOW: Timestamp = Timestamp::from_millis(1_795_332_600_000);

impl Scene {
    fn executor(&self) -> Executor {
        let judge = Says { verdict: self.verdict.clone(), policy: Arc::clone(&self.policy) };
        let during = Arc::clone(&self.during_saving);
        let (saved, labels) = (Arc::clone(&self.saved), Arc::clone(&self.labels));
        let keeper = Counts { saved, fails_at: self.fails_at, during, labels };
        Executor::new(self.settings.clone(), OneTier(self.stub.clone()), judge, Some(Box::new(keeper)))
    }

    fn prepare(&self) -> Result<Prepared, Outcome> {
        self.executor().prepare(&self.ask, &self.workspace, NOW, [9; 16])
    }

    fn refusal(&self) -> Outcome {
        let refusal = self.prepare().unwrap_err();
        assert_eq!(self.started(), 0);
        refusal
    }

    fn started(&self) -> usize {
        self.stub.as_ref().map_or(0, |stub| stub.started.lock().unwrap().len())
    }

    fn asks(mut self, writes: bool) -> Self {
        (self.verdict.decision, self.verdict.writes) = (Decision::Ask, writes);
        self
    }

    fn approved(&self) -> Approved {
        let prepared = self.prepare().unwrap();
        let hash = prepared.hash().to_string();
        Approved::by_person(prepared, &hash[58..]).unwrap()
    }
}

fn refused(layer: Layer, reason: &str) -> Outcome {
    Outcome::Denied { layer, reason: reason.to_owned() }
}

#[test]
fn command_when_allowed_runs_and_tells_everything() {
    let scene = scene();
    let prepared = scene.prepare().unwrap();
    let hash = prepared.hash();
    assert_eq!(prepared.request().snapshot, None);
    let finished = scene.executor().run(prepared.allowed().unwrap(), NOW, &());
    let expected = Finished {
        outcome: Outcome::Exited { code: 0 },
        request_hash: hash,
        tier: Some(Tier::Bubblewrap),
        enforced: vec!["a test".to_owned()],
        duration_ms: finished.duration_ms,
        snapshot: None,
        planted: Vec::new(),
        stdout: Captured { head: "hello".to_owned(), total_bytes: 5, ..Captured::default() },
        stderr: Captured::default(),
    };
    assert_eq!(finished, expected);
}

#[test]
fn preview_when_asked_for_is_part_of_the_request_and_runs_on_no_other_view() {
    let mut scene = scene().asks(true);
    let direct = scene.prepare().unwrap();
    scene.ask.preview = true;
    scene.verdict.git = GitAccess::Commit;
    scene.ask.mode = Mode::Yolo;
    let prepared = scene.prepare().unwrap();
    assert_eq!((direct.request().preview, prepared.request().preview), (false, true));
    assert_eq!(prepared.request().profile.git, GitAccess::ReadOnly);
    let overlay = View::Overlay { upper: "/x".into(), work: "/y".into() };
    let other = refused(Layer::Sandbox, "the request was about another view of the workspace");
    let finished = scene.executor().run(scene.approved(), NOW, &());
    assert_eq!((finished.outcome, scene.started()), (other.clone(), 0));
    let hash = direct.hash().to_string();
    let approved = Approved::by_person(direct, &hash[58..]).unwrap();
    let finished = scene.executor().run_on(approved, NOW, (&(), &overlay));
    assert_eq!((finished.outcome, scene.started()), (other, 0));
    let finished = scene.executor().run_on(scene.approved(), NOW, (&(), &overlay));
    assert_eq!((finished.outcome, scene.started()), (Outcome::Exited { code: 0 }, 1));
}

#[test]
fn preview_when_it_cannot_be_is_refused_and_when_nothing_is_written_is_none() {
    let mut scene = scene().asks(true);
    (scene.ask.preview, scene.ask.mode) = (true, Mode::Restricted);
    scene.verdict.git = GitAccess::Commit;
    let why = "it writes to the repository's own state, which no preview applies; run it without one";
    assert_eq!(scene.refusal(), refused(Layer::Sandbox, why));
    scene.verdict.git = GitAccess::ReadOnly;
    let engine = Tier::Container(crate::Engine::Docker);
    let stub = Stub { tier: engine, image: Mutex::default(), fails: false, started: Mutex::default() };
    let bubblewrap = scene.stub.replace(Arc::new(stub));
    let reason = "there is no copy-on-write view in T3 docker; run it without a preview, or in the sandbox \
                  `bubblewrap`";
    assert_eq!(scene.refusal(), Outcome::SandboxUnavailable { reason: reason.to_owned() });
    scene.stub = bubblewrap;
    scene.verdict.writes = false;
    assert!(!scene.prepare().unwrap().request().preview);
}

#[test]
fn profile_holds_the_fixed_environment_and_what_the_operator_adds() {
    let mut scene = scene();
    let tools = scene.workspace.path().parent().unwrap().to_owned();
    scene.settings.path = vec!["/usr/games".into(), tools.clone()];
    scene.settings.hidden = vec!["/var/lib/mab".into()];
    let added = [("CARGO_HOME", "/opt/cargo"), ("PATH", "/evil"), ("HOME", "/evil"), ("TZ", "Asia/Tokyo")];
    scene.settings.environment = added.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let executor = scene.executor();
    let prepared = executor.prepare(&scene.ask, &scene.workspace, NOW, [9; 16]).unwrap();
    executor.run(prepared.allowed().unwrap(), NOW, &());
    let profile = &scene.stub.as_ref().unwrap().started.lock().unwrap()[0];
    let path = format!("/usr/games:{}:/usr/local/bin:/usr/bin:/bin", tools.display());
    let expected = [
        ("CARGO_HOME", "/opt/cargo"),
        ("HOME", "/tmp/home"),
        ("LANG", "C.UTF-8"),
        ("PATH", path.as_str()),
        ("TERM", "dumb"),
        ("TZ", "Asia/Tokyo"),
    ];
    assert_eq!(profile.environment, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    assert_eq!((&profile.readable, profile.writable), (&vec![tools], false));
    assert_eq!(profile.hidden, [PathBuf::from("/var/lib/mab")]);
}

#[test]
fn request_when_shown_holds_no_value_that_the_operator_passes_in() {
    let mut scene = scene();
    let hashes = ["hunter2-hunter2", "hunter3-hunter3"].map(|value| {
        scene.settings.environment = [("DB_URL".to_owned(), value.to_owned())].into();
        let prepared = scene.prepare().unwrap();
        let shown = prepared.request().canonical().unwrap();
        assert!(!shown.contains("hunter") && shown.contains("\"DB_URL\":\"sha256:"), "{shown}");
        prepared.hash()
    });
    assert_ne!(hashes[0], hashes[1]);
    assert_eq!(format!("{:?}", scene.settings), "ExecutorSettings { path: [], sandbox: None, .. }");
}

#[test]
fn command_when_denied_says_why_without_secrets_or_control_characters() {
    let mut scene = scene();
    let token = ["ghp", "_k9QzTbV3nXw7Lm2RcYpJ5sHd8FgA1uE4oIZt"].concat();
    scene.verdict = Verdict::deny(Layer::Parse, format!("`{token}` \u{1b}[2J is not understood"));
    let reason = "`GITHUB_TOKEN_REDACTED` \\u{1b}[2J is not understood";
    assert_eq!(scene.refusal(), refused(Layer::Parse, reason));
}

#[test]
fn ask_when_it_is_none_is_refused_before_anything_else() {
    let mut scene = scene();
    scene.ask.wanted = Wanted::Text(" ".to_owned());
    assert_eq!(scene.refusal(), refused(Layer::Parse, "the command is empty; give one command"));
    scene.ask.wanted = Wanted::Text("echo".to_owned());
    for time_s in [0, 3_600] {
        scene.ask.limits.time_s = time_s;
        let reason = format!("{time_s} is no limit for the time in seconds; give 1 to 1800");
        assert_eq!(scene.refusal(), refused(Layer::Parse, &reason));
    }
}

#[test]
fn workspace_when_it_is_or_contains_the_home_or_a_folder_of_the_bridge_is_refused() {
    let mut scene = scene();
    let root = scene.workspace.path().to_owned();
    for apart in [root.clone(), root.join(".local/share/mab")] {
        scene.settings.apart = vec!["/var/lib/mab".into(), apart.clone()];
        let why = format!(
            "the workspace contains {}, which no command may come near; name a folder of one project",
            apart.display()
        );
        assert_eq!(scene.refusal(), refused(Layer::Sandbox, &why));
    }
    scene.settings.apart = vec![root.parent().unwrap().to_owned(), root.with_extension("other")];
    scene.prepare().unwrap();
}

#[test]
fn workspace_when_moved_is_refused_before_and_after_a_yes() {
    let scene = scene().asks(false);
    let approved = scene.approved();
    let path = scene.workspace.path().to_owned();
    std::fs::rename(&path, path.with_extension("old")).unwrap();
    std::fs::create_dir(&path).unwrap();
    let reason = "the workspace is not the folder that it was; look what happened to it, then ask again";
    assert_eq!(scene.refusal(), refused(Layer::Sandbox, reason));
    let finished = scene.executor().run(approved, NOW, &());
    assert_eq!((finished.outcome, finished.tier), (refused(Layer::Sandbox, reason), None));
    assert_eq!(scene.started(), 0);
    std::fs::remove_dir(&path).unwrap();
    std::fs::rename(path.with_extension("old"), &path).unwrap();
}

#[test]
fn program_when_missing_is_refused() {
    let mut scene = scene();
    if let Some(Plan::Steps(steps)) = &mut scene.verdict.plan {
        steps[0].pipeline[0].name = "no-such-program".to_owned();
    }
    let Outcome::Denied { layer: Layer::Policy, reason } = scene.refusal() else { panic!("not denied") };
    assert!(reason.starts_with("the program no-such-program is in none of "), "{reason}");
}

#[test]
fn sandbox_when_missing_or_weaker_than_the_mode_needs_refuses() {
    let mut scene = scene();
    scene.stub = None;
    let reason = "bubblewrap is missing; the operator can install it".to_owned();
    assert_eq!(scene.refusal(), Outcome::SandboxUnavailable { reason });
    scene.stub = Some(Arc::new(stub(Tier::Landlock)));
    assert!(scene.prepare().is_ok());
    for mode in [Mode::Restricted, Mode::Yolo] {
        scene.ask.mode = mode;
        let reason = format!("mode {mode} needs T2 bubblewrap, and T1 landlock is less");
        assert_eq!(scene.refusal(), Outcome::SandboxUnavailable { reason });
    }
}

#[test]
fn sandbox_when_it_fails_to_start_is_told_and_no_tier_is_claimed() {
    let mut scene = scene();
    scene.stub = Some(Arc::new(Stub { fails: true, ..stub(Tier::Bubblewrap) }));
    let approved = scene.prepare().unwrap().allowed().unwrap();
    let finished = scene.executor().run(approved, NOW, &());
    let reason = "bubblewrap is missing; the operator can install it".to_owned();
    assert_eq!((finished.outcome, finished.tier), (Outcome::SandboxUnavailable { reason }, None));
}

#[test]
fn command_when_a_person_must_agree_is_not_allowed_by_itself() {
    let scene = scene().asks(true);
    let prepared = scene.prepare().unwrap().allowed().unwrap_err();
    let hash = prepared.hash().to_string();
    let denied = Approved::by_person(prepared, &hash[59..]).unwrap_err();
    assert_eq!((denied.code, denied.hint.is_some()), (Code::ApprovalRequired, true));
    for wrong in ["", "000000", "yes", &hash[..6]] {
        let prepared = scene.prepare().unwrap();
        if !hash.ends_with(wrong) || wrong.is_empty() {
            assert_eq!(Approved::by_person(prepared, wrong).unwrap_err().code, Code::ApprovalRequired);
        }
    }
    assert_eq!(scene.started(), 0);
}

#[test]
fn network_when_asked_for_needs_the_operator_and_a_person() {
    let mut scene = scene();
    scene.ask.network = Network::Host;
    let reason = "commands may not reach the network here; the operator decides with execution.network";
    assert_eq!(scene.refusal(), refused(Layer::Policy, reason));
    scene.settings.may_use_network = true;
    let prepared = scene.prepare().unwrap();
    assert_eq!(prepared.request().profile.network, Network::Host);
    assert!(prepared.allowed().is_err());
}
