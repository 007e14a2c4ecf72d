//! A data folder, a workspace, two agents in two servers, and the operator's view of it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use mab::{
    config::{Config, Flags},
    environment::Environment,
    runtime::{block_on, open_existing},
};
use mab_core::{Code, Denied};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::Client;

/// A command that tells that it ran: one line in a file of the workspace.
pub(crate) const COUNT: &str = "echo ran >> count";

/// A test calls more often than an agent may.
const LIMITS: &str = "[limits]\nsend_per_minute = 0\nsend_per_hour = 0\nexecute_per_minute = 0\nexecute_per_hour = 0\n\
                      refused_calls_per_minute = 0\n";

/// A home with a configuration, a data folder and a workspace, removed at the end.
pub(crate) struct Scene {
    _place: TempDir,
    /// The home folder.
    pub(crate) home: PathBuf,
    /// The workspace.
    pub(crate) space: PathBuf,
}

/// Two agents of one conversation, each with a server of its own.
pub(crate) struct Pair {
    pub(crate) a: Client,
    pub(crate) b: Client,
    pub(crate) conversation: String,
}

impl Scene {
    /// A scene whose operator lets agents have commands up to this mode.
    pub(crate) fn new(mode: &str) -> Self {
        Self::with(&format!("agents = true\nas_root = true\nmode = '{mode}'\n"))
    }

    /// A scene with this section `execution`, which gets the workspace.
    pub(crate) fn with(execution: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        let (home, space) = (root.join("home"), root.join("space"));
        fs::create_dir_all(home.join(".config/mab")).unwrap();
        fs::create_dir(&space).unwrap();
        fs::write(space.join("notes.txt"), "one\ntwo\n").unwrap();
        let scene = Self { _place: place, home, space };
        scene.configure(execution);
        scene
    }

    /// Writes the configuration anew.
    pub(crate) fn configure(&self, execution: &str) {
        self.configure_for(execution, &self.space);
    }

    /// The same, with another folder for commands.
    pub(crate) fn configure_for(&self, execution: &str, workspace: &Path) {
        let text = format!("{LIMITS}[execution]\n{execution}workspaces = ['{}']\n", workspace.display());
        fs::write(self.home.join(".config/mab/config.toml"), text).unwrap();
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.home.join(".local/share/mab")
    }

    /// A server of the agent with this profile, with stage 1 taken.
    pub(crate) fn server(&self, agent: &str) -> Client {
        self.server_with(agent, &[("MAB_YOLO", "1")])
    }

    /// A server with other variables.
    pub(crate) fn server_with(&self, agent: &str, more: &[(&str, &str)]) -> Client {
        self.server_at(&self.data(), agent, more)
    }

    /// A server on another data folder, such as a copy.
    pub(crate) fn server_at(&self, data: &Path, agent: &str, more: &[(&str, &str)]) -> Client {
        let home = self.home.display().to_string();
        let mut environment = vec![("HOME", home.as_str()), ("PATH", "/usr/bin:/bin"), ("MAB_AGENT", agent)];
        environment.extend(more);
        Client::opened(data, &environment)
    }

    /// Two agents, the second of which has joined.
    pub(crate) fn pair(&self) -> Pair {
        let (mut a, mut b) = (self.server("a"), self.server("b"));
        let created = a.did("create_conversation", json!({"my_role": "backend", "partner_role": "frontend"}));
        let conversation = created["conversation_id"].as_str().unwrap().to_owned();
        b.did(
            "join_conversation",
            json!({"conversation_id": conversation, "session_id": "b", "token": created["session_b_token"]}),
        );
        Pair { a, b, conversation }
    }

    /// Calls an operation as the operator of this folder.
    pub(crate) fn operator(&self, operation: &str, arguments: Value) -> Result<Value, Denied> {
        self.operator_at(&self.data(), operation, arguments)
    }

    /// Calls an operation as the operator of another folder.
    pub(crate) fn operator_at(
        &self,
        data: &Path,
        operation: &str,
        arguments: Value,
    ) -> Result<Value, Denied> {
        let config = self.config(data);
        let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
        let opened =
            open_existing(&config).map_err(|failure| Denied::new(Code::Internal, failure.to_string()))?;
        block_on(opened.call(operation, arguments)).unwrap()
    }

    /// The settings as the operator has them.
    pub(crate) fn settings(&self) -> Config {
        self.config(&self.data())
    }

    /// The settings as the operator of another folder has them.
    pub(crate) fn config(&self, data: &Path) -> Config {
        let home = self.home.display().to_string();
        let environment = Environment::from([("HOME", home.as_str())]);
        let flags = Flags { data_dir: Some(data.to_owned()), ..Flags::default() };
        Config::load(&flags, &environment).unwrap()
    }

    /// How commands stand in a conversation.
    pub(crate) fn execution(&self, conversation: &str) -> Value {
        let all = self.operator("execution", json!({"conversation_id": conversation})).unwrap();
        all["conversations"].get(0).cloned().unwrap_or_default()
    }

    /// The commands that are open or running.
    pub(crate) fn runs(&self, conversation: &str) -> Vec<Value> {
        self.execution(conversation)["runs"].as_array().cloned().unwrap_or_default()
    }

    /// The one command that waits.
    pub(crate) fn waiting(&self, conversation: &str) -> Value {
        let runs = self.runs(conversation);
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs.into_iter().next().unwrap()
    }

    /// How often [`COUNT`] ran.
    pub(crate) fn count(&self) -> usize {
        fs::read_to_string(self.space.join("count")).map_or(0, |text| text.lines().count())
    }

    /// Asserts that nothing was run or enabled, and that the trail holds.
    pub(crate) fn nothing_happened(&self, conversation: &str) {
        assert_eq!(self.count(), 0, "a command ran");
        let state = self.execution(conversation);
        assert!(state.get("terms").is_none_or(Value::is_null), "something is enabled: {state}");
        for run in self.runs(conversation) {
            assert_eq!(run["state"], "pending", "{run}");
        }
    }

    /// Runs SQL on the database: what whoever may write it does. No server may have it open.
    pub(crate) fn sql(&self, sql: &str) -> usize {
        sql_at(&self.data(), sql)
    }

    /// Copies the data folder elsewhere, as a backup does.
    pub(crate) fn copy(&self) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(&self.data(), copy.path());
        copy
    }

    /// Brings back a copy in the place of the data folder.
    pub(crate) fn restore(&self, copy: &TempDir) {
        fs::remove_dir_all(self.data()).unwrap();
        copy_folder(copy.path(), &self.data());
    }

    /// The program, in the workspace, with nothing in its environment but this.
    pub(crate) fn mab(&self, words: &[&str]) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_mab"));
        command.args(words);
        command
    }

    /// Another program, in the same place.
    pub(crate) fn program(&self, program: &str) -> Command {
        #[expect(clippy::disallowed_methods, reason = "the tests run programs")]
        let mut command = Command::new(program);
        command.env_clear().env("HOME", &self.home).env("PATH", "/usr/bin:/bin").current_dir(&self.space);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Asserts that the trail and the tables hold.
    pub(crate) fn verified(&self) {
        let output = self.mab(&["audit", "verify"]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

impl Pair {
    /// Ends both servers.
    pub(crate) fn end(self) {
        self.a.end();
        self.b.end();
    }
}

/// Runs SQL on the database of a folder.
pub(crate) fn sql_at(data: &Path, sql: &str) -> usize {
    let connection = Connection::open(data.join("bridge.db")).unwrap();
    connection.execute(sql, []).unwrap()
}

/// A folder with all that is in it, private as the data folder must be.
fn copy_folder(from: &Path, to: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            copy_folder(&path, &target);
        } else if kind.is_file() {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// Asks for a command without waiting for an answer; returns what is answered.
pub(crate) fn ask(agent: &mut Client, command: &str) -> Value {
    agent.did("execute_command", json!({"command": command, "wait_seconds": 0}))
}

/// Whether there is bubblewrap, which `restricted` and `yolo` need; a test that skips says so.
pub(crate) fn has_bubblewrap() -> bool {
    let there = ["/usr/bin/bwrap", "/usr/local/bin/bwrap"].iter().any(|path| fs::metadata(path).is_ok());
    if !there {
        println!("SKIPPED: bubblewrap is not installed");
    }
    there
}
