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
use crate::{Argv, Ending, GitAccess, Limits, Link, Plan, Running, Step, Unavailable, Wanted};

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
}

impl Saves for Counts {
    fn save(&self, _: &Workspace, _: &str, _: Timestamp) -> Result<String, Denied> {
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
        settings: ExecutorSettings::default(),
        ask: Ask {
            mode: Mode::Safe,
            wanted: Wanted::Text("echo hello".to_owned()),
            conversation: Some("conv".to_owned()),
            agent: Some("a".to_owned()),
            limits: Limits::default(),
            network: Network::Off,
            preview: false,
        },
    }
}

const NOW: Timestamp = Timestamp::from_millis(1_795_332_600_000);

impl Scene {
    fn executor(&self) -> Executor {
        let judge = Says { verdict: self.verdict.clone(), policy: Arc::clone(&self.policy) };
        let saves = Counts { saved: Arc::clone(&self.saved), fails_at: self.fails_at };
        Executor::new(self.settings.clone(), OneTier(self.stub.clone()), judge, Some(Box::new(saves)))
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

#[test]
fn workspace_that_may_be_written_is_saved_after_the_yes_and_not_before() {
    let scene = scene().asks(true);
    let approved = scene.approved();
    assert_eq!(scene.saved.load(Ordering::Relaxed), 0, "who asks and is refused flushes nothing");
    let finished = scene.executor().run(approved, NOW, &());
    assert_eq!(finished.snapshot.as_deref(), Some("snapshot-1"));
    assert_eq!(finished.outcome, Outcome::Exited { code: 0 });
}

#[test]
fn workspace_when_it_cannot_be_saved_runs_nothing() {
    let reason = "the workspace could not be saved, so nothing was run: the disk is full; free some space";
    let mut scene = scene().asks(true);
    scene.fails_at = 1;
    let approved = scene.approved();
    let finished = scene.executor().run(approved, NOW, &());
    assert_eq!(finished.outcome, refused(Layer::Sandbox, reason));
    assert_eq!(scene.started(), 0);
}

#[test]
fn request_when_its_time_is_over_is_not_run() {
    let scene = scene();
    for now in [NOW.plus_seconds(300), NOW.plus_seconds(9_000), NOW.minus_seconds(1)] {
        let approved = scene.prepare().unwrap().allowed().unwrap();
        let finished = scene.executor().run(approved, now, &());
        let reason = "the time to run this request is over; ask again";
        assert_eq!(finished.outcome, refused(Layer::Expired, reason));
    }
    assert_eq!(scene.started(), 0);
    let approved = scene.prepare().unwrap().allowed().unwrap();
    let last = Timestamp::from_millis(NOW.millis() + 299_999);
    assert_eq!(scene.executor().run(approved, last, &()).outcome, Outcome::Exited { code: 0 });
}

#[test]
fn policy_when_it_changed_since_is_not_run() {
    let scene = scene();
    let approved = scene.prepare().unwrap().allowed().unwrap();
    scene.policy.store(1, Ordering::Relaxed);
    let finished = scene.executor().run(approved, NOW, &());
    let reason = "the policy is not the one that judged the command; ask again";
    assert_eq!((finished.outcome, scene.started()), (refused(Layer::Policy, reason), 0));
}

#[test]
fn program_when_it_changed_since_is_not_run() {
    use std::os::unix::fs::PermissionsExt as _;
    let tools = tempfile::tempdir().unwrap();
    let tool = tools.path().canonicalize().unwrap().join("echo");
    let write = |text: &str| {
        std::fs::write(&tool, text).unwrap();
        std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    write("one");
    let mut scene = scene();
    scene.settings.path = vec![tool.parent().unwrap().to_owned()];
    let approved = scene.prepare().unwrap().allowed().unwrap();
    write("two");
    let finished = scene.executor().run(approved, NOW, &());
    let reason =
        format!("the program {} is not what it was when the command was judged; ask again", tool.display());
    assert_eq!((finished.outcome, scene.started()), (refused(Layer::Policy, &reason), 0));
}

#[test]
fn programs_of_an_image_are_named_and_the_image_is_pinned() {
    let mut scene = scene();
    let image =
        |text: &str| Binary { path: "image:tools".to_owned(), sha256: Digest::of(&[text.as_bytes()]) };
    if let Some(Plan::Steps(steps)) = &mut scene.verdict.plan {
        steps[0].pipeline[0].name = "only-in-the-image".to_owned();
    }
    let stub = Arc::new(stub(Tier::Container(crate::Engine::Docker)));
    *stub.image.lock().unwrap() = Some(image("one"));
    scene.stub = Some(Arc::clone(&stub));
    let prepared = scene.prepare().unwrap();
    assert_eq!(prepared.request().binaries, [image("one")]);
    assert!(prepared.request().plan.commands().all(|argv| argv.program == "only-in-the-image"));
    let approved = prepared.allowed().unwrap();
    *stub.image.lock().unwrap() = Some(image("two"));
    let reason = "the image is not the one that was there when the command was judged; ask again";
    assert_eq!(scene.executor().run(approved, NOW, &()).outcome, refused(Layer::Policy, reason));
}

#[test]
fn value_that_the_operator_passes_in_is_a_secret_in_what_is_printed() {
    let mut scene = scene();
    let value = ["Zk3vQ8", "pLw92xTn", "Rb71"].concat();
    scene.settings.environment =
        [("DEPLOY_TOKEN".to_owned(), value.clone()), ("CARGO_HOME".to_owned(), "/opt/cargo".to_owned())]
            .into();
    if let Some(Plan::Steps(steps)) = &mut scene.verdict.plan {
        steps[0].pipeline[0].arguments = vec![format!("bare {value} in /opt/cargo\n")];
    }
    let approved = scene.prepare().unwrap().allowed().unwrap();
    let finished = scene.executor().run(approved, NOW, &());
    assert!(!finished.stdout.head.contains(&value), "{}", finished.stdout.head);
    assert!(finished.stdout.head.contains("in /opt/cargo\n"));
}

/// Every value in a tree, by the way to it.
fn leaves(value: &Value, way: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| leaves(value, &format!("{way}/{name}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| leaves(value, &format!("{way}/{at}"), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => found.push(way.to_owned()),
    }
}

#[test]
fn request_when_any_of_its_fields_is_changed_has_another_hash() {
    let mut scene = scene().asks(true);
    scene.settings.readable = vec!["/opt".into()];
    scene.settings.hidden = vec!["/var/lib/mab".into()];
    let prepared = scene.prepare().unwrap();
    let whole = serde_json::to_value(prepared.request()).unwrap();
    let hash = |value: &Value| {
        let canonical = crate::jcs::canonical(value).unwrap();
        Digest::of(&[b"mab.exec.v1\0", canonical.as_bytes()])
    };
    assert_eq!(&hash(&whole), prepared.hash().digest());
    let mut ways = Vec::new();
    leaves(&whole, "", &mut ways);
    for field in [
        "command/text",
        "plan/steps/0/link",
        "profile/limits/time_s",
        "profile/environment/PATH",
        "binaries/0/sha256",
        "policy_digest",
        "snapshot",
        "nonce",
        "expires_at",
        "agent",
        "tier",
        "preview",
        "mode",
    ] {
        assert!(ways.contains(&format!("/{field}")), "{field} is not in {ways:?}");
    }
    let mut seen = std::collections::HashSet::from([hash(&whole)]);
    for way in &ways {
        let mut changed = whole.clone();
        let leaf = changed.pointer_mut(way).unwrap();
        *leaf = match leaf.clone() {
            Value::String(text) => Value::String(format!("{text}x")),
            Value::Number(number) => (number.as_i64().unwrap() + 1).into(),
            Value::Bool(claim) => Value::Bool(!claim),
            Value::Null => Value::String(String::new()),
            Value::Array(_) | Value::Object(_) => unreachable!("no leaf"),
        };
        assert!(seen.insert(hash(&changed)), "{way}");
    }
}

#[test]
fn request_when_made_twice_is_never_the_same() {
    let scene = scene();
    let one = scene.executor().prepare(&scene.ask, &scene.workspace, NOW, [1; 16]).unwrap();
    let other = scene.executor().prepare(&scene.ask, &scene.workspace, NOW, [2; 16]).unwrap();
    assert_ne!(one.hash(), other.hash());
}
