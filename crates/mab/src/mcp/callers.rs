//! Who calls: one agent per connection, unless the client says with its calls which of its sessions they come from.
//!
//! Claude Code gives its servers its session, whose agent is kept under a profile of its own. So does every other client that
//! was started from a shell of that session: the profile is only a client's that says it is Claude Code.
//!
//! Codex gives its servers no environment, but says with every call which thread it comes from. That thread's agent is kept
//! under a profile of its own, which is how the thread's hooks find it. Codex 0.169.0 starts a server for each thread, also
//! for those of helpers, which share their session's id and not its thread's (measured 2026-11-22); should several threads
//! ever come over one connection, each is somebody else all the same.

use std::sync::{Arc, Mutex, PoisonError};

use mab_core::{Failure, limit::Peer, source::draw};
use mab_service::{Caller, Connection};

use serde_json::{Map, Value};

use crate::{
    config::Config,
    folder::DataFolder,
    keystore::{self, Keystore},
    system::OsRandom,
};

/// Threads of one connection that are remembered; of more, the oldest has to ask for its last batch again.
const THREADS_MAX: usize = 64;

/// Everybody who calls over one connection.
pub(super) struct Callers {
    folder: DataFolder,
    /// Whether the connection is one agent's, whatever its client says.
    is_named: bool,
    own: Arc<Connection>,
    /// The profile of the Claude Code session in the environment.
    session: Option<String>,
    /// Its connection, since Claude Code first called.
    of_session: Mutex<Option<Arc<Connection>>>,
    threads: Mutex<Vec<(String, Arc<Connection>)>>,
}

impl Callers {
    /// The callers of a new connection.
    ///
    /// # Errors
    /// As [`Keystore::open`].
    pub(super) fn new(config: &Config) -> Result<Self, Failure> {
        let folder = DataFolder::open_or_create(&config.data_dir)?;
        let named = config.named_agent();
        Ok(Self {
            is_named: named.is_some(),
            own: connection(&folder, named)?,
            folder,
            session: config.claude_session().map(str::to_owned),
            of_session: Mutex::default(),
            threads: Mutex::default(),
        })
    }

    /// Who makes a call that comes from this thread of the client. A call that comes from none is that of the only thread
    /// there is, if there is one. Claude Code has no threads, but a session.
    ///
    /// # Errors
    /// As [`Keystore::open`].
    pub(super) fn of(&self, thread: Option<&str>, is_claude_code: bool) -> Result<Caller, Failure> {
        if let Some(profile) = self.session.as_deref().filter(|_| is_claude_code) {
            let mut known = self.of_session.lock().unwrap_or_else(PoisonError::into_inner);
            let session = match &*known {
                Some(session) => Arc::clone(session),
                None => connection(&self.folder, Some(profile))?,
            };
            *known = Some(Arc::clone(&session));
            return Ok(Caller::Agent(session));
        }
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let profile = thread.filter(|_| !self.is_named).and_then(keystore::codex_profile);
        let Some(profile) = profile else {
            let only = threads.first().filter(|_| threads.len() == 1).map(|(_, connection)| connection);
            return Ok(Caller::Agent(Arc::clone(only.unwrap_or(&self.own))));
        };
        if let Some((_, known)) = threads.iter().find(|(known, _)| *known == profile) {
            return Ok(Caller::Agent(Arc::clone(known)));
        }
        let connection = connection(&self.folder, Some(&profile))?;
        if threads.len() >= THREADS_MAX {
            threads.remove(0);
        }
        threads.push((profile, Arc::clone(&connection)));
        Ok(Caller::Agent(connection))
    }

    /// Everybody.
    pub(super) fn all(&self) -> Vec<Arc<Connection>> {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let session = self.of_session.lock().unwrap_or_else(PoisonError::into_inner);
        let threads = threads.iter().map(|(_, connection)| connection);
        threads.chain(session.iter()).chain([&self.own]).map(Arc::clone).collect()
    }
}

impl std::fmt::Debug for Callers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Callers").field("own", &self.own).finish_non_exhaustive()
    }
}

/// The thread of Codex that a call comes from.
pub(super) fn thread_of(meta: &Map<String, Value>) -> Option<String> {
    let turn = meta.get(CODEX_TURN)?;
    turn.get("thread_id").or_else(|| turn.get("session_id")).and_then(Value::as_str).map(str::to_owned)
}

fn connection(folder: &DataFolder, profile: Option<&str>) -> Result<Arc<Connection>, Failure> {
    let wallet = Keystore::open(folder, profile)?;
    let holder = u64::from_ne_bytes(draw(&OsRandom)?);
    let peer = Peer::user(rustix::process::getuid().as_raw());
    Ok(Arc::new(Connection::new(holder, peer, Box::new(wallet))))
}

/// What Codex adds to every call (Codex 0.169.0, measured 2026-11-22).
const CODEX_TURN: &str = "x-codex-turn-metadata";

#[cfg(test)]
mod tests {
    use mab_core::token::Token;
    use mab_service::Credentials;
    use serde_json::json;

    use super::*;
    use crate::{config::Flags, environment::Environment};

    fn callers(place: &std::path::Path, agent: &str) -> Callers {
        let home = place.display().to_string();
        let environment = Environment::from([("HOME", home.as_str()), ("MAB_AGENT", agent)]);
        Callers::new(&Config::load(&Flags::default(), &environment).unwrap()).unwrap()
    }

    fn connection_of(callers: &Callers, thread: Option<&str>) -> Arc<Connection> {
        let Caller::Agent(connection) = callers.of(thread, false).unwrap() else {
            unreachable!("agents call")
        };
        connection
    }

    fn keep(callers: &Callers, thread: &str, session: &str) {
        let credentials = Credentials {
            conversation: "conv_0000000000000001".parse().unwrap(),
            session: session.parse().unwrap(),
            token: Token::presented("x"),
        };
        connection_of(callers, Some(thread)).wallet().remember(credentials).unwrap();
    }

    fn held(callers: &Callers, thread: Option<&str>) -> Vec<String> {
        let all = connection_of(callers, thread).wallet().all();
        all.iter().map(|credentials| credentials.session.to_string()).collect()
    }

    #[test]
    fn threads_of_one_connection_never_share_credentials_and_find_them_again() {
        let place = tempfile::tempdir().unwrap();
        let first = callers(place.path(), "");
        keep(&first, "t-1", "a");
        assert_eq!(held(&first, None), ["a"], "there is only one");
        keep(&first, "t-2", "b");
        assert_eq!(
            (held(&first, Some("t-1")), held(&first, Some("t-2"))),
            (vec!["a".into()], vec!["b".into()])
        );
        assert_eq!(held(&first, None), [""; 0], "nobody can tell which");
        assert_eq!(first.all().len(), 3);
        let next = callers(place.path(), "");
        assert_eq!(held(&next, Some("t-2")), ["b"]);
        assert_eq!(held(&next, Some("t-3")), [""; 0]);
    }

    #[test]
    fn connection_of_a_named_agent_is_that_agents_whatever_thread_calls() {
        let place = tempfile::tempdir().unwrap();
        let named = callers(place.path(), "alice");
        keep(&named, "t-1", "a");
        assert_eq!(held(&named, Some("t-2")), ["a"]);
        assert_eq!(held(&callers(place.path(), ""), Some("t-1")), [""; 0]);
    }

    #[test]
    fn thread_is_what_codex_says_and_no_other_name() {
        let meta = |value: Value| value.as_object().cloned().unwrap();
        let of = |turn: Value| thread_of(&meta(json!({"progressToken": 1, "x-codex-turn-metadata": turn})));
        assert_eq!(of(json!({"session_id": "s", "thread_id": "t"})).as_deref(), Some("t"));
        assert_eq!(of(json!({"session_id": "s"})).as_deref(), Some("s"));
        for nothing in [json!({}), json!("s"), json!({"thread_id": 7})] {
            assert_eq!(of(nothing), None);
        }
        assert_eq!(thread_of(&meta(json!({}))), None);
        let place = tempfile::tempdir().unwrap();
        let callers = callers(place.path(), "");
        for bad in ["", "../x", "a/b", "a\u{1b}", &"x".repeat(59)] {
            keep(&callers, bad, "a");
        }
        assert!(!place.path().join(".local/share/mab/agents").exists(), "kept in memory only");
    }
}
