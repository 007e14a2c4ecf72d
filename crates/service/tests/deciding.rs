//! What the operator decides about commands: who may, what is refused, and what every member is told.
#![cfg(test)]

mod kit;

use std::sync::Arc;

use kit::{Agent, House, texts};
use mab_core::{
    Clock as _, Code, ConversationId, Denied, RunId,
    approver::{Approver, Cost},
    audit::{Detail, Marker},
    entity::{NewRun, Quotas},
    execution::{Approval, Assurance, Mode, RunState, Terms},
    limit::{ByPermission, Charge, Kind, Refusals},
    policy::{self, Action},
    seal::{Place, Wrapper},
    secret::MasterKey,
    token::{Claim, Token, Tokens},
};
use mab_exec::Request;
use mab_redact::Redactor;
use mab_store::{
    RunStore as _, Store as _,
    sqlite::{Durability, Options, SqliteStore},
};
use serde_json::{Value, json};

const PASSPHRASE: &str = "several plain words together";

/// The cheapest that there is: what it costs is tested elsewhere.
fn cost() -> Cost {
    Cost::new(8, 1, 1).unwrap()
}

fn approver(seed: u8) -> Approver {
    struct Same(u8);
    impl mab_core::Random for Same {
        fn fill(&self, buffer: &mut [u8]) -> Result<(), mab_core::Fault> {
            buffer.fill(self.0);
            Ok(())
        }
    }
    Approver::draw(&Same(seed)).unwrap()
}

/// A house with two agents and an approver.
struct Scene {
    house: House,
    a: Agent,
    b: Agent,
    key: Approver,
    id: ConversationId,
}

fn enrolment(key: &Approver, more: Value) -> Value {
    struct Zero;
    impl mab_core::Random for Zero {
        fn fill(&self, _: &mut [u8]) -> Result<(), mab_core::Fault> {
            Ok(())
        }
    }
    let sealed = key.seal(PASSPHRASE, cost(), &Zero).unwrap();
    let mut asked = json!({"public_key": hex::encode(key.key().bytes()), "sealed": hex::encode(sealed)});
    asked.as_object_mut().unwrap().extend(kit::object(more));
    asked
}

impl Scene {
    async fn new() -> Self {
        let house = House::new();
        let (a, b) = house.pair().await;
        let key = approver(7);
        house.operator("approver_enroll", enrolment(&key, json!({}))).await.unwrap();
        let id = kit::credentials(&a)["conversation_id"].as_str().unwrap().parse().unwrap();
        Self { house, a, b, key, id }
    }

    fn terms(&self) -> Terms {
        let now = self.house.clock.now();
        Terms {
            version: 1,
            conversation: self.id.to_string(),
            mode: Mode::Restricted,
            workspace: "/home/ada/project".to_owned(),
            workspace_device: "1".to_owned(),
            workspace_inode: "2".to_owned(),
            settings: "5e".repeat(32),
            timeout_s: None,
            network: false,
            elicitation: false,
            quorum: 0,
            approvers: Vec::new(),
            assurance: Assurance::Passphrase,
            enabled_at_ms: now.millis(),
            expires_at_ms: now.plus_seconds(3_600).millis(),
            nonce: "0123456789abcdef0123456789abcdef".to_owned(),
        }
    }

    async fn enable(&self, terms: &Terms) -> Result<Value, Denied> {
        let text = terms.text().unwrap();
        let signature = hex::encode(self.key.sign_terms(&text));
        let asked = json!({"conversation_id": self.id.to_string(), "terms": text, "signature": signature});
        self.house.operator("execution_enable", asked).await
    }

    async fn standing(&self) -> Value {
        let asked = json!({"conversation_id": self.id.to_string()});
        self.house.operator("execution", asked).await.unwrap()["conversations"][0].clone()
    }

    /// The store itself, as another process has it.
    fn store(&self) -> (SqliteStore, MasterKey) {
        let master = MasterKey::from_file_text(&"5a".repeat(32)).unwrap();
        let options = Options {
            path: self.house.database(),
            durability: Durability::Full,
            busy_timeout_ms: 5_000,
            master_fingerprint: master.fingerprint().unwrap(),
            marker: Marker::new(&master).unwrap(),
            anchored: false,
        };
        let clock = Arc::clone(&self.house.clock);
        (SqliteStore::open(options, clock).unwrap(), master)
    }

    /// Files a command of an agent, as the service does; `stored` is what is sealed as its request.
    async fn file(&self, agent: &Agent, stored: impl Fn(String) -> String) -> (String, Request) {
        let (store, master) = self.store();
        let known = kit::credentials(agent);
        let session = known["session_id"].as_str().unwrap().parse().unwrap();
        let member = store.member(self.id, &session).await.unwrap().unwrap();
        let token = Token::presented(known["token"].as_str().unwrap().to_owned());
        let claim = Claim { conversation: self.id, session, token };
        let now = self.house.clock.now();
        let principal = Tokens::new(&master).unwrap().authenticate(&claim, Some(&member), now).unwrap();
        let free = |kind| Charge { kind, windows: Vec::new() };
        let refusals = Refusals {
            calls: free(Kind::Refused),
            recorded: free(Kind::Refusal),
            permissions: ByPermission::default(),
        };
        let permit = policy::decide(principal, Action::Execute).unwrap();
        let stamp = permit.stamp(free(Kind::Change), refusals, Detail::default());
        let request = request(&known);
        let text = stored(request.canonical().unwrap());
        let key =
            Wrapper::new(&master).unwrap().unwrap(self.id, &member.wrapped_key.clone().unwrap()).unwrap();
        let random = kit::Drawn::starting(now.millis().unsigned_abs() + u64::from(member.ordinal));
        let id = RunId::draw(&random).unwrap();
        let redacted = Redactor::default().redact(&text).unwrap().text;
        let row = id.bytes();
        let place = Place { table: "run", column: "request", conversation: self.id, row: &row };
        let run = NewRun {
            id,
            request: key.seal(&random, &place, &[&redacted]).unwrap(),
            hash: *request.hash().unwrap().digest().as_bytes(),
            state: RunState::Pending,
            expires_at: now.plus_seconds(1_800),
            quotas: Quotas {
                unread_per_inbox: 1_000,
                messages_per_conversation: 1_000,
                bytes_per_conversation: 1 << 20,
                held_per_conversation: 1_000,
            },
        };
        store.request_run(stamp, run, None).await.unwrap();
        (id.to_string(), request)
    }

    fn approval(&self, run: &str, request: &Request) -> Approval {
        let uptime = self.house.clock.uptime();
        Approval {
            version: 1,
            run: run.to_owned(),
            request_hash: request.hash().unwrap().to_string(),
            assurance: Assurance::Passphrase,
            at_ms: self.house.clock.now().millis(),
            uptime_ms: uptime.ms,
            boot: hex::encode(uptime.boot),
            valid_s: 300,
        }
    }

    async fn approve(&self, run: &str, approval: &Approval) -> Result<Value, Denied> {
        let text = approval.text().unwrap();
        let signature = hex::encode(self.key.sign_approval(&text));
        let asked = json!({"run_id": run, "approval": text, "signature": signature});
        self.house.operator("approve_run", asked).await
    }

    /// What both agents are told that they were not told before.
    async fn told(&self) -> [Vec<String>; 2] {
        let mut told = [Vec::new(), Vec::new()];
        for (agent, told) in [&self.a, &self.b].into_iter().zip(&mut told) {
            let answer = agent.ok(&self.house.bridge, "check_messages", json!({})).await;
            for message in answer["messages"].as_array().unwrap() {
                assert_eq!(message["from"], "system", "{message}");
            }
            *told = texts(&answer);
        }
        told
    }
}

/// A request to make a folder.
fn request(of: &Value) -> Request {
    let digest = "ab".repeat(32);
    serde_json::from_value(json!({
        "agent": of["session_id"], "binaries": [{"path": "/usr/bin/mkdir", "sha256": digest}],
        "command": {"argv": [["mkdir", "made"]]}, "conversation": of["conversation_id"],
        "created_at": "2026-11-23T03:03:23.160Z", "expires_at": "2026-11-23T03:38:23.160Z", "mode": "restricted",
        "nonce": "b5ebc30ee71231470fa8e78a8c6124c2", "obeys": {"code_of": [], "files": [], "more": 0},
        "plan": {"steps": [{"link": "always", "pipeline": [
            {"arguments": ["made"], "environment": [], "name": "mkdir", "program": "/usr/bin/mkdir"}]}]},
        "policy_digest": digest, "preview": false,
        "profile": {"environment": {}, "git": "read_only", "hidden": [], "limits": {"cpu_s": 120, "file_bytes": 1,
            "memory_bytes": 1, "output_bytes": 1, "processes": 1, "scratch_bytes": 1, "time_s": 120},
            "network": "off", "readable": [], "workspace": "/home/ada/project", "writable": true},
        "snapshot": null, "tier": "bubblewrap", "version": 1, "workspace_device": "1", "workspace_inode": "2",
    }))
    .unwrap()
}

#[tokio::test]
async fn approver_when_enrolled_is_shown_and_opens_with_its_passphrase_only() {
    let house = House::new();
    assert_eq!(
        house.operator("approver", json!({})).await.unwrap(),
        json!({"enrolled": false, "code_step": 0})
    );
    let key = approver(7);
    let asked = enrolment(&key, json!({}));
    let done = house.operator("approver_enroll", asked.clone()).await.unwrap();
    assert_eq!(done, json!({"key_id": key.key().id(), "ended": []}));
    let shown = house.operator("approver", json!({})).await.unwrap();
    assert_eq!(shown["sound"], json!(true));
    assert_eq!(shown["public_key"], asked["public_key"]);
    let sealed = hex::decode(shown["sealed"].as_str().unwrap()).unwrap();
    assert_eq!(Approver::open(&sealed, PASSPHRASE).unwrap().key(), key.key());
    assert_eq!(Approver::open(&sealed, "another passphrase").unwrap_err().code, Code::Forbidden);
    // On the disk it lies under the master key too.
    assert!(!house.bytes_on_disk().windows(sealed.len()).any(|bytes| bytes == sealed));
}

#[tokio::test]
async fn approver_when_replaced_without_the_old_ones_signature_is_refused() {
    let scene = Scene::new().await;
    let (old, new) = (hex::encode(scene.key.key().bytes()), approver(9));
    let proof = |by: &Approver| hex::encode(by.sign_successor(&new.key()));
    for (more, code) in [
        (json!({}), Code::Conflict),
        (json!({"replaces": hex::encode(new.key().bytes())}), Code::Conflict),
        (json!({"replaces": old}), Code::Forbidden),
        (json!({"replaces": old, "proof": proof(&new)}), Code::Forbidden),
        (json!({"replaces": old, "proof": "00"}), Code::Forbidden),
    ] {
        let denied = scene.house.operator("approver_enroll", enrolment(&new, more)).await.unwrap_err();
        assert_eq!(denied.code, code, "{denied}");
        assert!(denied.hint.is_some_and(|hint| hint.contains("mab yolo")));
    }
    let weak = json!({"public_key": "00".repeat(32), "sealed": ""});
    assert_eq!(scene.house.operator("approver_enroll", weak).await.unwrap_err().code, Code::InvalidArguments);
    let shown = scene.house.operator("approver", json!({})).await.unwrap();
    assert_eq!(shown["public_key"], json!(old), "nothing was changed");
    let more = json!({"replaces": old, "proof": proof(&scene.key)});
    scene.house.operator("approver_enroll", enrolment(&new, more)).await.unwrap();
    let shown = scene.house.operator("approver", json!({})).await.unwrap();
    assert_eq!(shown["key_id"], json!(new.key().id()));
}

#[tokio::test]
async fn approver_when_replaced_ends_what_it_enabled_and_tells_every_member() {
    let scene = Scene::new().await;
    scene.enable(&scene.terms()).await.unwrap();
    scene.told().await;
    let more = json!({"replaces": hex::encode(scene.key.key().bytes()), "forgotten": true});
    let done = scene.house.operator("approver_enroll", enrolment(&approver(9), more)).await.unwrap();
    assert_eq!(done["ended"], json!([scene.id.to_string()]));
    assert_eq!(scene.standing().await.get("terms"), None);
    for told in scene.told().await {
        assert!(told.len() == 1 && told[0].contains("WITHOUT the passphrase"), "{told:?}");
    }
}

#[tokio::test]
async fn approver_that_somebody_wrote_into_the_database_is_not_sound_and_enables_nothing() {
    let scene = Scene::new().await;
    let thief = approver(66);
    let database = rusqlite::Connection::open(scene.house.database()).unwrap();
    let changed = database.execute("UPDATE approver SET key = ?1", [thief.key().bytes()]).unwrap();
    assert_eq!(changed, 1);
    let shown = scene.house.operator("approver", json!({})).await.unwrap();
    assert_eq!((&shown["sound"], shown.get("sealed")), (&json!(false), None));
    let text = scene.terms().text().unwrap();
    let signature = hex::encode(thief.sign_terms(&text));
    let asked = json!({"conversation_id": scene.id.to_string(), "terms": text, "signature": signature});
    let denied = scene.house.operator("execution_enable", asked).await.unwrap_err();
    assert_eq!(denied.code, Code::Forbidden);
    assert!(denied.message.contains("not enrolled by this bridge"), "{denied}");
}

#[tokio::test]
async fn terms_when_signed_are_in_force_shown_and_told_to_every_member() {
    let scene = Scene::new().await;
    let terms = scene.terms();
    let done = scene.enable(&terms).await.unwrap();
    assert_eq!(done["mode"], "restricted");
    let shown = scene.standing().await["terms"].clone();
    let digest = hex::encode(Terms::digest(&terms.text().unwrap()));
    for (field, value) in [
        ("active", json!(true)),
        ("sound", json!(true)),
        ("workspace", json!("/home/ada/project")),
        ("assurance", json!("passphrase")),
        ("digest", json!(digest)),
    ] {
        assert_eq!(shown[field], value, "{field}: {shown}");
    }
    for told in scene.told().await {
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("mode restricted, in\n| /home/ada/project\nIn this mode "), "{told:?}");
    }
    scene.house.clock.advance_s(3_600);
    assert_eq!(scene.standing().await["terms"]["active"], json!(false));
}

#[tokio::test]
async fn terms_when_not_signed_or_not_sane_are_refused_and_nothing_is_enabled() {
    let scene = Scene::new().await;
    let (good, now) = (scene.terms(), scene.house.clock.now());
    let other = Approver::draw(&kit::Drawn::starting(5)).unwrap();
    let text = good.text().unwrap();
    let id = scene.id.to_string();
    for (text, signature) in [
        (text.clone(), other.sign_terms(&text).to_vec()),
        (text.clone(), scene.key.sign_approval(&text).to_vec()),
        (text.clone(), Vec::new()),
        (text.replace("restricted", "yolo"), scene.key.sign_terms(&text).to_vec()),
    ] {
        let asked = json!({"conversation_id": id, "terms": text, "signature": hex::encode(signature)});
        let denied = scene.house.operator("execution_enable", asked).await.unwrap_err();
        assert_eq!(denied.code, Code::Forbidden, "{denied}");
    }
    let later = |seconds| now.plus_seconds(seconds).millis();
    let day = 86_400;
    for (why, terms) in [
        ("another conversation", Terms { conversation: "conv_0000000000000000".to_owned(), ..good.clone() }),
        ("another version", Terms { version: 2, ..good.clone() }),
        ("over", Terms { expires_at_ms: now.millis(), ..good.clone() }),
        ("longer than the conversation", Terms { expires_at_ms: later(3 * 3_600 + 1), ..good.clone() }),
        ("longer than a day", Terms { expires_at_ms: later(day + 1), ..good.clone() }),
        ("of tomorrow", Terms { enabled_at_ms: later(120), ..good.clone() }),
        ("old", Terms { enabled_at_ms: now.millis() - 3_600_001, ..good.clone() }),
        ("no time", Terms { timeout_s: Some(0), ..good.clone() }),
        ("too much time", Terms { timeout_s: Some(1_801), ..good.clone() }),
        ("no folder", Terms { workspace: "project".to_owned(), ..good.clone() }),
        ("a form in yolo", Terms { mode: Mode::Yolo, elicitation: true, ..good.clone() }),
        ("approvers in yolo", Terms { mode: Mode::Yolo, quorum: 1, ..good.clone() }),
        ("nobody", Terms { assurance: Assurance::Policy, ..good.clone() }),
        ("agents", Terms { assurance: Assurance::Approvers, ..good.clone() }),
    ] {
        let denied = scene.enable(&terms).await.unwrap_err();
        assert_eq!(denied.code, Code::InvalidArguments, "{why}: {denied}");
        assert!(denied.hint.is_some_and(|hint| hint.contains("mab yolo enable")), "{why}");
    }
    let secret = format!("/home/ada/{}", concat!("ghp_", "16C7e42F292c6912E7710c838347Ae178B4a"));
    let denied = scene.enable(&Terms { workspace: secret, ..good }).await.unwrap_err();
    assert_eq!(denied.code, Code::SecretRefused, "{denied}");
    assert_eq!(scene.standing().await.get("terms"), None);
    assert_eq!(scene.told().await, [Vec::<String>::new(), Vec::new()]);
}

#[tokio::test]
async fn execution_when_disabled_ends_at_once_and_tells_every_member() {
    let scene = Scene::new().await;
    scene.enable(&scene.terms()).await.unwrap();
    scene.file(&scene.a, |text| text).await;
    scene.told().await;
    let asked = json!({"conversation_id": scene.id.to_string()});
    let done = scene.house.operator("execution_disable", asked.clone()).await.unwrap();
    assert_eq!(done["changed"], json!(true));
    let standing = scene.standing().await;
    assert_eq!((standing.get("terms"), &standing["runs"]), (None, &json!([])));
    for told in scene.told().await {
        assert!(told.iter().any(|text| text.contains("ended commands in this conversation")), "{told:?}");
    }
    assert_eq!(scene.house.operator("execution_disable", asked).await.unwrap()["changed"], json!(false));
    let nowhere = json!({"conversation_id": "conv_0000000000000000"});
    assert_eq!(scene.house.operator("execution_disable", nowhere).await.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn request_when_approved_is_shown_so_and_told_to_every_member() {
    let scene = Scene::new().await;
    scene.enable(&scene.terms()).await.unwrap();
    let (run, request) = scene.file(&scene.a, |text| text).await;
    let shown = scene.standing().await["runs"][0].clone();
    assert_eq!((&shown["run_id"], &shown["state"]), (&json!(run), &json!("pending")));
    assert_eq!(shown["request"]["command"]["argv"], json!([["mkdir", "made"]]));
    assert_eq!(shown["request_hash"], json!(request.hash().unwrap().to_string()));
    scene.told().await;
    let done = scene.approve(&run, &scene.approval(&run, &request)).await.unwrap();
    assert_eq!(done, json!({"run_id": run, "state": "approved", "assurance": "passphrase"}));
    for told in scene.told().await {
        assert!(told.len() == 1 && told[0].contains(&format!("said yes to {run}")), "{told:?}");
    }
    assert_eq!(scene.standing().await["runs"][0]["state"], "approved");
    scene.house.clock.advance_s(300);
    assert_eq!(scene.standing().await["runs"], json!([]), "who looks ends what is past its time");
    let again = scene.approve(&run, &scene.approval(&run, &request)).await.unwrap_err();
    assert!(matches!(again.code, Code::NotFound | Code::ApprovalVoid), "{again}");
}

#[tokio::test]
async fn request_when_approved_with_anything_else_stays_as_it_was() {
    let scene = Scene::new().await;
    scene.enable(&scene.terms()).await.unwrap();
    let (run, request) = scene.file(&scene.a, |text| text).await;
    let good = scene.approval(&run, &request);
    let now = scene.house.clock.now();
    for (why, approval) in [
        ("another run", Approval { run: "run_0000000000000000".to_owned(), ..good.clone() }),
        ("another hash", Approval { request_hash: "ab".repeat(32), ..good.clone() }),
        ("old", Approval { at_ms: now.millis() - 300_000, ..good.clone() }),
        ("of tomorrow", Approval { at_ms: now.plus_seconds(120).millis(), ..good.clone() }),
        ("a form", Approval { assurance: Assurance::Elicitation, ..good.clone() }),
        ("nobody", Approval { assurance: Assurance::Policy, ..good.clone() }),
    ] {
        let denied = scene.approve(&run, &approval).await.unwrap_err();
        assert_eq!(denied.code, Code::ApprovalVoid, "{why}: {denied}");
    }
    let text = good.text().unwrap();
    for signature in [scene.key.sign_terms(&text).to_vec(), Vec::new()] {
        let asked = json!({"run_id": run, "approval": text, "signature": hex::encode(signature)});
        assert_eq!(scene.house.operator("approve_run", asked).await.unwrap_err().code, Code::Forbidden);
    }
    assert_eq!(scene.standing().await["runs"][0]["state"], "pending");
    let nowhere = scene.approve("run_0000000000000000", &good).await.unwrap_err();
    assert_eq!(nowhere.code, Code::NotFound);
}

#[tokio::test]
async fn request_that_was_changed_in_the_database_cannot_be_approved() {
    let scene = Scene::new().await;
    scene.enable(&scene.terms()).await.unwrap();
    let (run, request) = scene.file(&scene.a, |text| text.replace("made", "evil")).await;
    assert_eq!(scene.standing().await["runs"][0].get("request"), None, "it is not shown either");
    let denied = scene.approve(&run, &scene.approval(&run, &request)).await.unwrap_err();
    assert_eq!(denied.code, Code::ApprovalVoid, "{denied}");
    assert!(denied.message.contains("changed in the database"), "{denied}");
}

#[tokio::test]
async fn request_when_denied_tells_the_reason_and_three_lock_the_agent_until_it_is_unlocked() {
    let scene = Scene::new().await;
    scene.enable(&scene.terms()).await.unwrap();
    let reason = format!("no\u{1b}[2J: {}", concat!("ghp_", "16C7e42F292c6912E7710c838347Ae178B4a"));
    for _ in 0..3 {
        let (run, request) = scene.file(&scene.a, |text| text).await;
        scene.told().await;
        let hash = request.hash().unwrap().to_string();
        let wrong = json!({"run_id": run, "request_hash": "ab".repeat(32)});
        let denied = scene.house.operator("deny_run", wrong).await.unwrap_err();
        assert_eq!(denied.code, Code::ApprovalVoid, "{denied}");
        let no = json!({"run_id": run, "request_hash": hash, "reason": reason});
        assert_eq!(scene.house.operator("deny_run", no).await.unwrap()["state"], "denied");
        for told in scene.told().await {
            let [text] = told.as_slice() else { unreachable!("one message: {told:?}") };
            assert!(text.contains(&format!("said no to {run}")) && text.contains("\\u{1b}"), "{text}");
            assert!(!text.contains("16C7e42F"), "{text}");
        }
        scene.house.clock.advance_s(1);
    }
    assert_eq!(scene.standing().await["locked"], json!(["a"]));
    let whom = json!({"conversation_id": scene.id.to_string(), "session_id": "a"});
    assert_eq!(scene.house.operator("execution_unlock", whom.clone()).await.unwrap()["changed"], json!(true));
    assert_eq!(scene.house.operator("execution_unlock", whom).await.unwrap()["changed"], json!(false));
    assert_eq!(scene.standing().await["locked"], json!([]));
    let long = json!({"run_id": "run_0000000000000000", "request_hash": "", "reason": "x".repeat(501)});
    assert_eq!(scene.house.operator("deny_run", long).await.unwrap_err().code, Code::InvalidArguments);
}

#[tokio::test]
async fn code_when_used_or_guessed_is_not_taken_again() {
    let scene = Scene::new().await;
    let used = |step: u64| json!({"step": step});
    let house = &scene.house;
    assert_eq!(house.operator("approver_code", used(100)).await.unwrap()["wrong_codes"], json!(0));
    for step in [100, 99] {
        let denied = house.operator("approver_code", used(step)).await.unwrap_err();
        assert_eq!(denied.code, Code::ApprovalVoid, "{step}: {denied}");
    }
    for _ in 0..5 {
        house.operator("approver_code", json!({"wrong": true})).await.unwrap();
    }
    let denied = house.operator("approver_code", used(101)).await.unwrap_err();
    assert_eq!(denied.code, Code::RateLimited, "{denied}");
    assert!(house.operator("approver", json!({})).await.unwrap().get("locked_until").is_some());
    house.clock.advance_s(900);
    house.operator("approver_code", used(101)).await.unwrap();
    for neither in [json!({}), json!({"step": 102, "wrong": true})] {
        let denied = house.operator("approver_code", neither).await.unwrap_err();
        assert_eq!(denied.code, Code::InvalidArguments, "{denied}");
    }
}

#[tokio::test]
async fn operations_of_the_operator_are_unknown_to_agents() {
    let scene = Scene::new().await;
    for operation in [
        "approver",
        "approver_enroll",
        "approver_code",
        "execution",
        "execution_enable",
        "execution_disable",
        "execution_unlock",
        "approve_run",
        "deny_run",
    ] {
        let denied =
            scene.house.bridge.call(&scene.a.0, operation, serde_json::Map::new()).await.unwrap_err();
        assert_eq!(denied.code, Code::UnknownOperation, "{operation}");
    }
}
