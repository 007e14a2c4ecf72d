//! A workbench on this machine's sandboxes, a person with an approver's key, and a conversation of three agents.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use mab_core::{
    Clock as _, Code, Denied, Failure,
    approver::Approver,
    execution::{Approval, Assurance, Mode, Terms},
};
use mab_exec::{Executor, ExecutorSettings, Judge, Limits, Policy, ProbeSettings, Tiers, Workspace};
use mab_service::{Bench, Settings, Workbench};
use serde_json::{Value, json};

use crate::kit::{Agent, Drawing, House};

/// What a test may change of the machine.
#[derive(Default)]
pub(crate) struct Machine {
    pub(crate) settings: Mutex<ExecutorSettings>,
    pub(crate) policy: Mutex<Option<PathBuf>>,
    pub(crate) time_s: Mutex<Option<u32>>,
}

impl Workbench for Machine {
    fn bench(&self, terms: &Terms) -> Result<Bench, Failure> {
        let workspace = Workspace::open(Path::new(&terms.workspace))?;
        let is_it = workspace.device().to_string() == terms.workspace_device
            && workspace.inode().to_string() == terms.workspace_inode;
        if !is_it {
            let denied = Denied::new(Code::ApprovalVoid, "the workspace is another folder than was enabled");
            return Err(denied.hint("tell your user").into());
        }
        let policy = Policy::load(self.policy.lock().unwrap().as_deref(), None)?;
        let settings = self.settings.lock().unwrap().clone();
        let executor = Arc::new(Executor::new(settings, tiers().clone(), Judge::new(policy), None));
        let time_s = terms.timeout_s.or(*self.time_s.lock().unwrap()).unwrap_or(20);
        let limits = Limits { time_s, ..Limits::default() };
        Ok(Bench { executor, workspace: Arc::new(workspace), limits })
    }
}

fn tiers() -> &'static Tiers {
    static TIERS: OnceLock<Tiers> = OnceLock::new();
    TIERS.get_or_init(|| {
        let helper = helper();
        assert!(helper.exists(), "{} is missing: cargo build -p mab-exec --bins", helper.display());
        let records = Path::new(env!("CARGO_TARGET_TMPDIR")).join("commands-records");
        Tiers::probe(&ProbeSettings { helper, records })
    })
}

/// The helper lies beside the tests' own folder.
fn helper() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.parent().unwrap().with_file_name("mab-sandbox-exec")
}

/// A conversation in which a person can enable commands.
pub(crate) struct Scene {
    pub(crate) house: House,
    pub(crate) machine: Arc<Machine>,
    pub(crate) person: Approver,
    pub(crate) a: Agent,
    pub(crate) b: Agent,
    /// With the permission `approver`.
    pub(crate) c: Agent,
    pub(crate) id: String,
    folder: tempfile::TempDir,
    drawn: AtomicU64,
}

impl Scene {
    /// With an enrolled person; nothing is enabled.
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(adjust: impl FnOnce(&mut Settings)) -> Self {
        let machine = Arc::new(Machine::default());
        let house = House::with_commands(
            |settings| {
                settings.limits.send_per_minute = 0;
                adjust(settings);
            },
            Some(Arc::clone(&machine) as Arc<dyn Workbench>),
        );
        let (a, b) = house.pair().await;
        let invited =
            a.ok(&house.bridge, "invite_agent", json!({"role": "approver", "permission": "approver"})).await;
        let c = Agent::new(3);
        let joining = json!({"conversation_id": invited["conversation_id"], "session_id": invited["session_id"],
            "token": invited["token"]});
        let joined = c.ok(&house.bridge, "join_conversation", joining).await;
        let id = joined["conversation_id"].as_str().unwrap().to_owned();
        let person = Approver::draw(&Drawing::of(7 << 50)).unwrap();
        let enrolling = json!({"public_key": hex::encode(person.key().bytes()), "sealed": "5ea1ed"});
        house.operator("approver_enroll", enrolling).await.unwrap();
        Self {
            house,
            machine,
            person,
            a,
            b,
            c,
            id,
            folder: tempfile::tempdir().unwrap(),
            drawn: AtomicU64::new(0),
        }
    }

    /// With commands enabled in this mode.
    pub(crate) async fn enabled(mode: Mode) -> Self {
        let scene = Self::new().await;
        scene.enable(mode, |_| {}).await;
        scene
    }

    pub(crate) fn workspace(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    /// Where the workspace was enabled, whether it is there or not.
    pub(crate) fn workspace_path(&self) -> &Path {
        self.folder.path()
    }

    /// What a person would enable; each time other terms.
    pub(crate) fn terms(&self, mode: Mode) -> Terms {
        let workspace = Workspace::open(&self.workspace()).unwrap();
        let now = self.house.clock.now();
        Terms {
            version: 1,
            conversation: self.id.clone(),
            mode,
            workspace: self.workspace().to_str().unwrap().to_owned(),
            workspace_device: workspace.device().to_string(),
            workspace_inode: workspace.inode().to_string(),
            settings: "5e".repeat(32),
            timeout_s: None,
            network: false,
            elicitation: false,
            quorum: 0,
            approvers: Vec::new(),
            assurance: Assurance::Passphrase,
            enabled_at_ms: now.millis(),
            expires_at_ms: now.plus_seconds(3_600).millis(),
            nonce: format!("{:032x}", self.drawn.fetch_add(1, Ordering::Relaxed)),
        }
    }

    /// Enables, as a terminal would.
    pub(crate) async fn enable(&self, mode: Mode, adjust: impl FnOnce(&mut Terms)) -> String {
        let mut terms = self.terms(mode);
        adjust(&mut terms);
        self.enabling(&terms).await.unwrap();
        terms.text().unwrap()
    }

    pub(crate) async fn enabling(&self, terms: &Terms) -> Result<Value, Denied> {
        let text = terms.text().unwrap();
        let signature = hex::encode(self.person.sign_terms(&text));
        let enabling = json!({"conversation_id": self.id, "terms": text, "signature": signature});
        self.house.operator("execution_enable", enabling).await
    }

    pub(crate) async fn disable(&self) {
        self.house.operator("execution_disable", json!({"conversation_id": self.id})).await.unwrap();
    }

    /// The yes of a person to a request, as a terminal would give it.
    pub(crate) fn yes(&self, run: &str, request_hash: &str) -> Value {
        let uptime = self.house.clock.uptime();
        let approval = Approval {
            version: 1,
            run: run.to_owned(),
            request_hash: request_hash.to_owned(),
            assurance: Assurance::Passphrase,
            at_ms: self.house.clock.now().millis(),
            uptime_ms: uptime.ms,
            boot: hex::encode(uptime.boot),
            valid_s: 300,
        };
        let text = approval.text().unwrap();
        let signature = hex::encode(self.person.sign_approval(&text));
        json!({"run_id": run, "approval": text, "signature": signature})
    }

    pub(crate) async fn approve(&self, pending: &Value) {
        let yes = self.yes(text(&pending["run_id"]), text(&pending["request_hash"]));
        self.house.operator("approve_run", yes).await.unwrap();
    }

    pub(crate) async fn deny(&self, pending: &Value) {
        let no = json!({"run_id": pending["run_id"], "request_hash": pending["request_hash"], "reason": "not today"});
        self.house.operator("deny_run", no).await.unwrap();
    }

    /// What a is answered.
    pub(crate) async fn run(&self, arguments: Value) -> Value {
        self.a.ok(&self.house.bridge, "execute_command", arguments).await
    }

    pub(crate) async fn refused(&self, arguments: Value) -> Denied {
        self.a.call(&self.house.bridge, "execute_command", arguments).await.unwrap_err()
    }

    /// A request of a's that waits.
    pub(crate) async fn pending(&self, command: &str) -> Value {
        let answer = self.run(json!({"command": command})).await;
        assert_eq!(answer["state"], "pending", "{answer}");
        answer
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.workspace().join(name), text).unwrap();
    }

    /// What is in a file of the workspace; none when it is not there.
    pub(crate) fn file(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.workspace().join(name)).ok()
    }

    /// How commands stand, as the operator sees it.
    pub(crate) async fn standing(&self) -> Value {
        let asked = json!({"conversation_id": self.id});
        self.house.operator("execution", asked).await.unwrap()["conversations"][0].clone()
    }

    /// What `system` told this agent since its last check.
    pub(crate) async fn told(&self, agent: &Agent) -> Vec<String> {
        let answer = agent.ok(&self.house.bridge, "check_messages", json!({"limit": 100})).await;
        let messages = answer["messages"].as_array().unwrap();
        let own = messages.iter().filter(|message| message["from"] == "system");
        own.map(|message| text(&message["message"]).to_owned()).collect()
    }
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Settings of the operator's with variables.
pub(crate) fn environment(values: &[(&str, &str)]) -> BTreeMap<String, String> {
    values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
