//! One data folder with a sender and a receiver, and the ledger of what they may rely on.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    client::{Client, Said},
    journal::{Journal, content},
    moment::Victim,
    store::Store,
    tally::{Outcome, Tally},
};

/// One agent: its client, when it has one, and what its clients have kept.
pub(crate) struct Side {
    profile: &'static str,
    data_dir: PathBuf,
    client: Option<Client>,
    pub(crate) journal: Journal,
}

impl Side {
    fn new(profile: &'static str, place: &Path, data_dir: &Path) -> Self {
        let journal = Journal::at(place.join(format!("{profile}.journal")));
        Self { profile, data_dir: data_dir.to_path_buf(), client: None, journal }
    }

    /// Its client; a new process when the one before is dead.
    pub(crate) fn client(&mut self) -> &mut Client {
        let start = || Client::start(self.profile, &self.data_dir, &self.journal.path);
        self.client.get_or_insert_with(start)
    }

    /// Its client, when it lives.
    pub(crate) fn living(&mut self) -> Option<&mut Client> {
        self.client.as_mut()
    }

    pub(crate) fn kill(&mut self, victim: Victim) {
        self.client = self.client.take().and_then(|client| client.kill(victim));
    }

    /// Makes a call that nothing disturbs, and keeps its answer.
    pub(crate) fn call(&mut self, request: &Value) -> Value {
        match self.client().step(&format!("call {request}")) {
            Said::Line(line) => content(&serde_json::from_str(&line).unwrap()),
            Said::Done | Said::Gone => panic!("no answer to {request}"),
        }
    }

    /// Ends its server in order.
    pub(crate) fn end(&mut self) {
        assert_eq!(self.client().step("end"), Said::Done);
    }
}

/// A request to a tool.
pub(crate) fn request(id: u64, tool: &str, arguments: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": arguments}})
}

/// A folder, two agents, and what was promised to them.
pub(crate) struct World {
    _place: TempDir,
    pub(crate) data_dir: PathBuf,
    pub(crate) sender: Side,
    pub(crate) receiver: Side,
    pub(crate) tally: Tally,
    /// The message that is being sent: its number is the request's id.
    sending: u64,
    /// Its length, once it was sent: repeated, it is the same.
    chars: Option<usize>,
    /// Messages that were stored before it was sent for the first time.
    stored_before: u64,
    checks: u64,
}

impl World {
    pub(crate) fn open() -> Self {
        let place = TempDir::new().unwrap();
        let data_dir = place.path().join("data");
        let sender = Side::new("sender", place.path(), &data_dir);
        let receiver = Side::new("receiver", place.path(), &data_dir);
        let mut world = Self {
            data_dir,
            sender,
            receiver,
            tally: Tally::default(),
            sending: FIRST,
            chars: None,
            stored_before: 0,
            checks: FIRST,
            _place: place,
        };
        let roles = json!({"my_role": "sender", "partner_role": "receiver"});
        let made = world.sender.call(&request(1, "create_conversation", &roles));
        let credentials = json!({
            "conversation_id": made["conversation_id"], "session_id": "b", "token": made["session_b_token"],
        });
        world.receiver.call(&request(1, "join_conversation", &credentials));
        world
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(&self.data_dir)
    }

    /// The send that is to be made, again and again until it is answered; a new one has so many characters.
    pub(crate) fn send_request(&mut self, chars: usize) -> Value {
        let (text, chars) = (text(self.sending), *self.chars.get_or_insert(chars));
        let padding = ".".repeat(chars.saturating_sub(text.len()));
        let key = format!("key of {text}");
        let arguments = json!({"message": format!("{text}{padding}"), "idempotency_key": key});
        request(self.sending, "send_to_partner", &arguments)
    }

    /// What the send has come to. One that is answered is over: the next one is another.
    pub(crate) fn sent(&mut self) -> Outcome {
        let stored = self.store().messages();
        let Some(answer) = self.sender.journal.said(self.sending) else {
            return if stored > self.stored_before { Outcome::Done } else { Outcome::Nothing };
        };
        assert!(stored > self.stored_before, "acknowledged and not stored: {answer}");
        self.sending += 1;
        self.chars = None;
        self.stored_before = stored;
        Outcome::Known
    }

    /// Sends with nothing in between; says what the answer was.
    pub(crate) fn send(&mut self, chars: usize) -> Value {
        let before = (self.store().messages(), self.stored_before);
        let request = self.send_request(chars);
        let answer = self.sender.call(&request);
        assert_eq!(self.sent(), Outcome::Known);
        let is_repeated = before.0 > before.1;
        let expected = if is_repeated { before.0 } else { before.0 + 1 };
        assert_eq!(answer["seq"], expected, "{answer}");
        assert_eq!(answer["repeated"] == true, is_repeated, "{answer}");
        answer
    }

    /// A check under a number of its own.
    pub(crate) fn check_request(&mut self, arguments: &Value) -> Value {
        self.checks += 1;
        request(self.checks, "check_messages", arguments)
    }

    /// What the newest check said, when it was kept.
    pub(crate) fn checked(&mut self) -> Option<Value> {
        self.receiver.journal.said(self.checks)
    }

    /// Lets everything come to its end and settles the ledger.
    pub(crate) fn close(mut self) -> Tally {
        self.send(0);
        loop {
            let check = self.check_request(&json!({"limit": 100}));
            if self.receiver.call(&check)["messages"] == json!([]) {
                break;
            }
        }
        self.sender.end();
        self.receiver.end();
        self.settle();
        self.examine();
        self.tally
    }

    fn settle(&mut self) {
        let mut received: BTreeMap<String, (u64, String)> = BTreeMap::new();
        for answer in self.receiver.journal.answers() {
            for message in content(answer)["messages"].as_array().into_iter().flatten() {
                let id = message["message_id"].as_str().unwrap().to_owned();
                let body = message["message"].as_str().unwrap().trim_end_matches('.').to_owned();
                let known = (message["seq"].as_u64().unwrap(), body);
                if let Some(before) = received.insert(id, known.clone()) {
                    assert_eq!(before, known, "an id never changes its message");
                    assert_eq!(message["redelivered"], true, "received twice and not flagged: {message}");
                }
            }
        }
        for number in FIRST..self.sending {
            let sent = self.sender.journal.said(number).expect("every send was answered in the end");
            let known = (sent["seq"].as_u64().unwrap(), text(number));
            let id = sent["message_id"].as_str().unwrap();
            assert_eq!(received.get(id), Some(&known), "acknowledged to the sender and never received");
        }
        let (store, stored) = (self.store(), received.len() as u64);
        assert_eq!(store.messages(), stored, "everything stored was received, also what nobody was told of");
        assert_eq!(stored, self.sending - FIRST, "every send was stored once, however often it was repeated");
        assert_eq!((store.inbox(), store.number("SELECT unread FROM agent WHERE pk = 2")), (Vec::new(), 0));
    }

    /// What is left is whole and private, and no server has complained.
    fn examine(&self) {
        let store = self.store();
        assert_eq!(
            store.number("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"),
            0
        );
        drop(store);
        #[expect(clippy::disallowed_methods, reason = "the test runs the program")]
        let mut verify = Command::new(env!("CARGO_BIN_EXE_mab"));
        verify
            .args(["audit", "verify", "--data-dir"])
            .arg(&self.data_dir)
            .env_clear()
            .env("HOME", "/nowhere");
        let verified = verify.output().unwrap();
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
        assert_private(&self.data_dir);
        for side in [&self.sender, &self.receiver] {
            let errors = fs::read_to_string(side.journal.path.with_extension("stderr")).unwrap();
            assert_eq!(errors, "", "the servers of the {}", side.profile);
        }
    }
}

/// Numbers below are for what opens the conversation.
const FIRST: u64 = 100;

fn text(number: u64) -> String {
    format!("message {number}")
}

fn assert_private(path: &Path) {
    let file = fs::symlink_metadata(path).unwrap();
    if file.file_type().is_socket() {
        // A doorbell of a dead server, which its folder protects.
        return;
    }
    let expected = if file.is_dir() { 0o700 } else { 0o600 };
    assert_eq!(file.permissions().mode() & 0o777, expected, "{}", path.display());
    if file.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            assert_private(&entry.unwrap().path());
        }
    }
}
