//! A model that plays a script: an HTTP server on 127.0.0.1 that answers as the Messages API or as the Responses API
//! does, one turn of the script for each request, and keeps what every request showed it.

use std::{
    collections::VecDeque,
    io::{self, BufReader},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::shown::Shown;

mod http;
mod messages;
mod responses;

/// Far beyond anything a healthy client takes between two requests: a test that meets it has failed.
const GUARD: Duration = Duration::from_secs(50);

/// The API that a client expects of its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Anthropic's Messages API: Claude Code.
    Messages,
    /// OpenAI's Responses API: Codex.
    Responses,
}

/// What the model does in one turn.
pub(crate) enum Turn {
    /// Calls a tool, with arguments made from what it was shown.
    Call(Tool, Arguments),
    /// Says something, which ends its turn unless a hook goes on.
    Say(&'static str),
}

/// Which tool a turn calls.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tool {
    /// One of the bridge, by the name the bridge gives it.
    Bridge(&'static str),
    /// One that the client brings, by its own name.
    Own(&'static str),
}

/// Makes the arguments of a call.
pub(crate) type Arguments = Box<dyn FnOnce(&Shown) -> Value + Send>;

/// A running model. Its threads end with the test's process.
pub(crate) struct Model {
    state: Arc<State>,
}

/// A turn whose arguments are known.
enum Answer {
    Call { tool: Tool, arguments: Value },
    Say(&'static str),
}

struct State {
    port: u16,
    dialect: Dialect,
    script: Mutex<VecDeque<Turn>>,
    log: Mutex<Vec<Arc<Shown>>>,
    logged: Condvar,
}

/// A call of one of the bridge's tools.
pub(crate) fn call(tool: &'static str, arguments: Value) -> Turn {
    call_with(tool, |_| arguments)
}

/// A call of one of the bridge's tools, with arguments made from what the model was shown so far.
pub(crate) fn call_with(
    tool: &'static str,
    arguments: impl FnOnce(&Shown) -> Value + Send + 'static,
) -> Turn {
    Turn::Call(Tool::Bridge(tool), Box::new(arguments))
}

/// A call of a tool that the client itself brings.
pub(crate) fn call_own(tool: &'static str, arguments: Value) -> Turn {
    call_own_with(tool, |_| arguments)
}

/// The same, with arguments made when the turn comes.
pub(crate) fn call_own_with(
    tool: &'static str,
    arguments: impl FnOnce(&Shown) -> Value + Send + 'static,
) -> Turn {
    Turn::Call(Tool::Own(tool), Box::new(arguments))
}

/// The end of a turn.
pub(crate) fn say(text: &'static str) -> Turn {
    Turn::Say(text)
}

impl Model {
    /// Starts a model that plays these turns, and after them says `nothing more in the script`.
    pub(crate) fn start(dialect: Dialect, turns: impl IntoIterator<Item = Turn>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            port,
            dialect,
            script: Mutex::new(turns.into_iter().collect()),
            log: Mutex::default(),
            logged: Condvar::new(),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&shared);
                // A client that hangs up ends its connection, and nothing else.
                thread::spawn(move || state.serve(&stream));
            }
        });
        Self { state }
    }

    /// The API it speaks.
    pub(crate) fn dialect(&self) -> Dialect {
        self.state.dialect
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.state.port)
    }

    /// Everything the model was shown, one value for each request.
    pub(crate) fn log(&self) -> Vec<Arc<Shown>> {
        self.state.log.lock().unwrap().clone()
    }

    /// What the newest request showed.
    pub(crate) fn last(&self) -> Arc<Shown> {
        Arc::clone(self.state.log.lock().unwrap().last().expect("the client never asked its model"))
    }

    /// Blocks until some request shows what is looked for.
    pub(crate) fn wait_for<T>(&self, what: &str, find: impl Fn(&Shown) -> Option<T>) -> T {
        let mut found = None;
        let log = self.state.log.lock().unwrap();
        let (log, _) = self
            .state
            .logged
            .wait_timeout_while(log, GUARD, |log| {
                found = log.iter().find_map(|shown| find(shown));
                found.is_none()
            })
            .unwrap();
        // Not while it is locked: the failure's message reads it.
        drop(log);
        found.unwrap_or_else(|| panic!("the model never saw {what}"))
    }

    /// Blocks until the model was shown what a tool of the bridge returned, which must be no refusal.
    pub(crate) fn result_of(&self, tool: &str) -> Value {
        let result = self.wait_for(tool, |shown| shown.result(tool).cloned());
        assert!(result.get("code").is_none(), "{tool}: {result}");
        result
    }
}

/// A test that fails tells what its models were shown.
impl Drop for Model {
    fn drop(&mut self) {
        if thread::panicking() {
            let dialect = self.state.dialect;
            for (number, shown) in self.log().iter().enumerate() {
                eprintln!("{dialect:?} request {}: {}", number + 1, shown.summary());
            }
        }
    }
}

impl State {
    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        while let Some(request) = http::read(&mut reader)? {
            let path = request.path.split('?').next().unwrap_or_default();
            let answer = match (self.dialect, path) {
                (Dialect::Messages, "/v1/messages/count_tokens") => messages::count(),
                (Dialect::Messages, "/v1/messages") => self.messages(&request.json()?),
                (Dialect::Responses, "/v1/responses") => self.responses(&request.json()?),
                _ => http::Answer::not_found(),
            };
            answer.write(stream)?;
        }
        Ok(())
    }

    fn messages(&self, body: &Value) -> http::Answer {
        // Requests with no tools are errands of the client, such as a title for the session.
        if body["tools"].as_array().is_none_or(Vec::is_empty) {
            return messages::answer(body, "errand", &Answer::Say("an errand"));
        }
        let (id, answer) = self.turn(messages::shown(body));
        messages::answer(body, &id, &answer)
    }

    fn responses(&self, body: &Value) -> http::Answer {
        let (id, answer) = self.turn(responses::shown(body));
        responses::answer(&id, &answer)
    }

    /// Logs what a request shows and takes the next turn; with it, an id for what the turn makes, which no other model
    /// gives: a session may go on with a second one.
    fn turn(&self, shown: Shown) -> (String, Answer) {
        let shown = Arc::new(shown);
        let next = self.script.lock().unwrap().pop_front();
        let id = {
            let mut log = self.log.lock().unwrap();
            log.push(Arc::clone(&shown));
            format!("{}_{}", self.port, log.len())
        };
        self.logged.notify_all();
        // No lock is held here: making arguments may wait for what the test does.
        let answer = match next {
            Some(Turn::Call(tool, arguments)) => Answer::Call { tool, arguments: arguments(&shown) },
            Some(Turn::Say(text)) => Answer::Say(text),
            None => Answer::Say("nothing more in the script"),
        };
        (id, answer)
    }
}
