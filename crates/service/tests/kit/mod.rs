//! A bridge on a temporary SQLite store, with a clock and randomness the test decides.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::allow_attributes,
    reason = "each test file uses its part"
)]

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use mab_core::{
    Clock, Code, Denied, Failure, Fault, Random, Timestamp, audit::Marker, limit::Peer, secret::MasterKey,
};
use mab_service::{
    Bridge, Caller, Connection, Ledger, MemoryWallet, Parts, Settings, Workbench,
    table::{self, Audience},
};
use mab_store::sqlite::{Durability, Options, SqliteStore};
use serde_json::{Map, Value, json};

/// A clock that stands until it is moved.
pub struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

impl Hand {
    pub fn advance_ms(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }

    pub fn advance_s(&self, seconds: i64) {
        self.advance_ms(seconds * 1_000);
    }
}

/// Bytes that never repeat and are the same in every run.
pub struct Drawn(AtomicU64);

impl Drawn {
    pub fn starting(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Random for Drawn {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Fault> {
        for chunk in buffer.chunks_mut(8) {
            let mixed =
                self.0.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
            chunk.copy_from_slice(&mixed.to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// One data folder with one bridge on it.
pub struct House {
    pub folder: tempfile::TempDir,
    pub clock: Arc<Hand>,
    pub bridge: Bridge,
    settings: Settings,
    workbench: Option<Arc<dyn Workbench>>,
    pub spent: Arc<Marks>,
}

impl House {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(adjust: impl FnOnce(&mut Settings)) -> Self {
        Self::with_commands(adjust, None)
    }

    /// As [`Self::with`], where commands run.
    pub fn with_commands(adjust: impl FnOnce(&mut Settings), workbench: Option<Arc<dyn Workbench>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Hand(AtomicI64::new(1_795_332_600_000)));
        let mut settings = Settings::default();
        adjust(&mut settings);
        let spent = Arc::new(Marks::default());
        let bridge = bridge(
            &folder.path().join("bridge.db"),
            &clock,
            (&settings, workbench.clone()),
            (Arc::clone(&spent), 1),
        );
        Self { folder, clock, bridge, settings, workbench, spent }
    }

    /// Another process on the same folder.
    pub fn second_bridge(&self) -> Bridge {
        bridge(
            &self.database(),
            &self.clock,
            (&self.settings, self.workbench.clone()),
            (Arc::clone(&self.spent), 1 << 40),
        )
    }

    /// The same, of a server that runs no commands.
    pub fn bridge_without_commands(&self) -> Bridge {
        bridge(&self.database(), &self.clock, (&self.settings, None), (Arc::clone(&self.spent), 1 << 41))
    }

    pub fn database(&self) -> PathBuf {
        self.folder.path().join("bridge.db")
    }

    /// The moment that many seconds from now, as answers tell it.
    pub fn clock_in_s(&self, seconds: i64) -> String {
        Timestamp::from_millis(self.clock.now().millis() + seconds * 1_000).to_string()
    }

    /// What the operator is answered, but where it was recorded.
    pub async fn operator(&self, operation: &str, arguments: Value) -> Result<Value, Denied> {
        call(&self.bridge, &Caller::Operator, operation, arguments).await.map(unwitnessed)
    }

    /// Every byte of every file in the folder.
    pub fn bytes_on_disk(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }

    /// Two agents, each on a connection of its own, with b joined.
    pub async fn pair(&self) -> (Agent, Agent) {
        let a = Agent::new(1);
        let created = a
            .ok(
                &self.bridge,
                "create_conversation",
                json!({"my_role": "backend", "partner_role": "frontend"}),
            )
            .await;
        let b = Agent::new(2);
        let invitation = json!({
            "conversation_id": created["conversation_id"], "session_id": "b", "token": created["session_b_token"],
        });
        b.ok(&self.bridge, "join_conversation", invitation).await;
        (a, b)
    }
}

/// What was used up, in memory.
#[derive(Default)]
pub struct Marks(Mutex<HashSet<[u8; 32]>>);

impl Ledger for Marks {
    fn spend(&self, digest: &[u8; 32]) -> Result<bool, Failure> {
        Ok(self.0.lock().unwrap().insert(*digest))
    }

    fn is_spent(&self, digest: &[u8; 32]) -> Result<bool, Failure> {
        Ok(self.0.lock().unwrap().contains(digest))
    }
}

fn bridge(
    path: &std::path::Path,
    clock: &Arc<Hand>,
    (settings, workbench): (&Settings, Option<Arc<dyn Workbench>>),
    (spent, seed): (Arc<Marks>, u64),
) -> Bridge {
    let master = MasterKey::from_file_text(&"5a".repeat(32)).unwrap();
    let options = Options {
        path: path.to_path_buf(),
        durability: Durability::Full,
        busy_timeout_ms: 5_000,
        master_fingerprint: master.fingerprint().unwrap(),
        marker: Marker::new(&master).unwrap(),
        anchored: false,
    };
    let store = SqliteStore::open(options, Arc::clone(clock) as Arc<dyn Clock>).unwrap();
    let parts = Parts {
        store: Arc::new(store),
        master,
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        random: Arc::new(Drawn(AtomicU64::new(seed))),
        settings: settings.clone(),
        workbench,
        spent: Some(spent),
    };
    Bridge::new(parts).unwrap()
}

async fn call(bridge: &Bridge, caller: &Caller, operation: &str, arguments: Value) -> Result<Value, Denied> {
    let Value::Object(arguments) = arguments else { unreachable!("arguments are an object") };
    bridge.call(caller, operation, arguments).await
}

/// An agent on one connection.
pub struct Agent(pub Caller);

impl Agent {
    pub fn new(holder: u64) -> Self {
        Self::of(Peer::user(1_000), holder)
    }

    /// An agent of that peer.
    pub fn of(peer: Peer, holder: u64) -> Self {
        Self(Caller::Agent(Arc::new(Connection::new(holder << 8, peer, Box::new(MemoryWallet::default())))))
    }

    /// What is answered, but where it was recorded.
    pub async fn call(&self, bridge: &Bridge, operation: &str, arguments: Value) -> Result<Value, Denied> {
        call(bridge, &self.0, operation, arguments).await.map(unwitnessed).inspect_err(names_the_next_step)
    }

    pub async fn ok(&self, bridge: &Bridge, operation: &str, arguments: Value) -> Value {
        self.call(bridge, operation, arguments).await.unwrap_or_else(|denied| panic!("{operation}: {denied}"))
    }

    /// The code a call is refused with.
    pub async fn code(&self, bridge: &Bridge, operation: &str, arguments: Value) -> Code {
        match self.call(bridge, operation, arguments).await {
            Ok(answer) => panic!("{operation} was not refused: {answer}"),
            Err(denied) => denied.code,
        }
    }

    pub async fn send(&self, bridge: &Bridge, message: &str) -> Value {
        self.ok(bridge, "send_to_partner", json!({ "message": message })).await
    }

    /// The texts a check hands out.
    pub async fn texts(&self, bridge: &Bridge) -> Vec<String> {
        texts(&self.ok(bridge, "check_messages", json!({})).await)
    }
}

/// Whatever an agent is refused in any test tells it what to do next: a tool to call, or what to tell its user.
fn names_the_next_step(denied: &Denied) {
    let next = denied.next_step();
    let mut tools = table::operations().iter().filter(|one| one.audience == Audience::Agent);
    let named = tools.any(|tool| next.contains(tool.name));
    assert!(named || next.contains("call again") || next.contains("your user"), "{denied}: {next}");
}

/// What an agent's connection remembers, as explicit arguments.
pub fn credentials(agent: &Agent) -> Value {
    let Caller::Agent(connection) = &agent.0 else { unreachable!("an agent has a connection") };
    let known = connection.wallet().all().pop().unwrap();
    json!({
        "conversation_id": known.conversation.to_string(), "session_id": known.session.to_string(),
        "token": known.token.reveal(),
    })
}

fn unwitnessed(mut answer: Value) -> Value {
    answer.as_object_mut().unwrap().remove("audit");
    answer
}

/// The texts in an answer.
pub fn texts(answer: &Value) -> Vec<String> {
    answer["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["message"].as_str().unwrap().to_owned())
        .collect()
}

/// An answer without what differs from run to run.
pub fn object(value: Value) -> Map<String, Value> {
    let Value::Object(object) = value else { unreachable!("an answer is an object") };
    object
}

/// Randomness of a test's own.
pub struct Drawing;

impl Drawing {
    pub fn of(seed: u64) -> Drawn {
        Drawn(AtomicU64::new(seed))
    }
}
