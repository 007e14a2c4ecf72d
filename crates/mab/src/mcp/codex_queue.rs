//! Waking an idle Codex session with `codex queue`, where the operator has set `wake.codex_queue`.
//!
//! Codex hears nothing from its servers between two turns, but its own command puts a message before an idle session, which
//! then begins a turn. The message is fixed and names nobody: Codex takes it for the user's words. A session is idle when
//! none of its calls is under way here and the last one ended a while ago; what its hooks have told of already is no reason
//! to wake it. Nothing waits for the command, no shell reads it, and it ends soon or is ended.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use mab_service::Impatient;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Map;
use tokio::time::{Instant, sleep};

use super::door::Door;
use crate::hook::{Inbox, NOTICE, Told};

/// Threads that are kept awake by one server; Codex starts one for each.
const THREADS_MAX: usize = 64;
/// How long a session's last call must be over.
const IDLE: Duration = Duration::from_secs(15);
/// How often an idle session's inboxes are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long the command may take; it took 0.1 s (Codex 0.169.0, measured 2026-11-22).
const COMMAND_MAX: Duration = Duration::from_secs(10);

/// The sessions of Codex that call here.
#[derive(Debug, Default)]
pub(super) struct CodexQueue {
    threads: Mutex<HashMap<String, Arc<Activity>>>,
}

/// When a session last called.
#[derive(Debug)]
struct Activity {
    running: AtomicUsize,
    ended: Mutex<Instant>,
}

/// A call of a session, until it is dropped.
pub(super) struct Busy(Arc<Activity>);

impl CodexQueue {
    /// Takes note of a call from this thread, and sees from now on to it that mail wakes it, if that is set.
    pub(super) fn call(&self, door: &Arc<Door>, thread: Option<&str>) -> Option<Busy> {
        let thread = thread?;
        let told = door.told_of_thread(thread)?;
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = threads.get(thread) {
            return Some(Busy::begin(known));
        }
        if threads.len() >= THREADS_MAX {
            return None;
        }
        let activity = Arc::new(Activity { running: AtomicUsize::new(0), ended: Mutex::new(Instant::now()) });
        threads.insert(thread.to_owned(), Arc::clone(&activity));
        let waking = Waking {
            door: Arc::downgrade(door),
            thread: thread.to_owned(),
            told,
            program: door.codex(),
            tried: BTreeMap::new(),
            has_failed: false,
        };
        let busy = Busy::begin(&activity);
        tokio::spawn(waking.go_on(activity));
        Some(busy)
    }
}

impl Busy {
    fn begin(activity: &Arc<Activity>) -> Self {
        activity.running.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(activity))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        *self.0.ended.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Activity {
    fn is_idle(&self) -> bool {
        let ended = *self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        self.running.load(Ordering::SeqCst) == 0 && ended.elapsed() >= IDLE
    }
}

/// What wakes one session.
struct Waking {
    door: Weak<Door>,
    thread: String,
    /// Where it is kept what the agent was told.
    told: PathBuf,
    program: Option<PathBuf>,
    /// How much had come into each inbox when the command was last run for it.
    tried: BTreeMap<String, u64>,
    has_failed: bool,
}

impl Waking {
    /// Wakes the session whenever it is idle and has news, until the server ends.
    async fn go_on(mut self, activity: Arc<Activity>) {
        loop {
            sleep(LOOK_EVERY).await;
            if activity.is_idle() {
                let Some(door) = self.door.upgrade() else { return };
                self.look(&door).await;
            }
        }
    }

    /// Runs the command once for what is news.
    async fn look(&mut self, door: &Door) {
        let glance = door.call_from(Some(&self.thread), &Impatient, "glance", Map::new()).await;
        // What is refused now may be open later; whoever is called hears of it.
        let Ok(answer) = glance else { return };
        let open = Inbox::open_ones(&answer);
        let mut told = Told::read(self.told.clone());
        let is_news = |inbox: &&Inbox| {
            let tried = self.tried.get(&inbox.name()).copied().unwrap_or_default();
            inbox.new > 0 && !inbox.paused && told.is_news(inbox) && inbox.arrivals > tried
        };
        let news: Vec<&Inbox> = open.iter().filter(is_news).collect();
        if news.is_empty() {
            return;
        }
        self.tried = open.iter().map(|inbox| (inbox.name(), inbox.arrivals)).collect();
        match queue(self.program.as_deref(), &self.thread, sleep(COMMAND_MAX)).await {
            Ok(()) => told.tell(&open, &news, false),
            Err(error) if !self.has_failed => {
                self.has_failed = true;
                tracing::error!(%error, "`codex queue` failed; the session is not woken");
            }
            Err(_) => {}
        }
    }
}

/// Runs the command; when it has not ended in time, it and all it started are ended.
#[expect(clippy::disallowed_methods, reason = "the operator has set wake.codex_queue")]
async fn queue(program: Option<&Path>, thread: &str, limit: impl Future<Output = ()>) -> io::Result<()> {
    let program = program.ok_or_else(|| io::Error::other("there is no codex on the server's PATH"))?;
    let mut command = tokio::process::Command::new(program);
    command.args(["queue", "--thread", thread, "--message", NOTICE]).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    // Dropped before the child, whose id is not another's until then.
    let mut group = Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
    let status = tokio::select! {
        status = child.wait() => status,
        () = limit => return Err(io::Error::other("it took longer than 10 s and was ended")),
    };
    group.0 = None;
    match status? {
        status if status.success() => Ok(()),
        status => Err(io::Error::other(format!("it ended with {status}"))),
    }
}

/// Processes that are ended when this is dropped.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Gone already is as good.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Read as _, os::unix::fs::PermissionsExt as _, sync::mpsc};

    use serde_json::{Value, json};

    use super::*;
    use crate::{
        config::{Config, Flags},
        environment::Environment,
    };

    const THREAD: &str = "01a204d3-523e-7303-9413-568957389103";

    fn door(home: &Path, switch: &str, agent: &str) -> Arc<Door> {
        let home = home.display().to_string();
        let environment = Environment::from([
            ("HOME", home.as_str()),
            ("MAB_WAKE_CODEX_QUEUE", switch),
            ("MAB_AGENT", agent),
        ]);
        Arc::new(Door::new(Config::load(&Flags::default(), &environment), None))
    }

    async fn call(door: &Door, thread: Option<&str>, operation: &str, arguments: Value) -> Value {
        let arguments = arguments.as_object().cloned().unwrap();
        door.call_from(thread, &Impatient, operation, arguments).await.unwrap()
    }

    /// A program that writes down what it is told, and ends as said.
    fn program(folder: &Path, ends: &str) -> PathBuf {
        let path = folder.join(format!("codex-{ends}"));
        let script =
            format!("#!/bin/sh\nprintf '%s|' \"$@\" >> {}\nexit {ends}\n", folder.join("said").display());
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    /// A Codex session in a conversation with a named agent.
    async fn pair(home: &Path) -> (Arc<Door>, Arc<Door>, Waking) {
        let (alice, codex) = (door(home, "", "alice"), door(home, "true", ""));
        let created =
            call(&alice, None, "create_conversation", json!({"my_role": "one", "partner_role": "two"})).await;
        let joining = json!({"conversation_id": created["conversation_id"], "session_id": "b",
            "token": created["session_b_token"]});
        call(&codex, Some(THREAD), "join_conversation", joining).await;
        let waking = Waking {
            door: Arc::downgrade(&codex),
            thread: THREAD.to_owned(),
            told: codex.told_of_thread(THREAD).unwrap(),
            program: Some(program(home, "0")),
            tried: BTreeMap::new(),
            has_failed: false,
        };
        (alice, codex, waking)
    }

    fn said(home: &Path) -> usize {
        let said = fs::read_to_string(home.join("said")).unwrap_or_default();
        let once = format!("queue|--thread|{THREAD}|--message|{NOTICE}|");
        assert_eq!(said, once.repeat(said.len() / once.len()), "fixed words, whatever was sent");
        said.len() / once.len()
    }

    #[tokio::test]
    async fn session_is_woken_once_for_what_is_news_and_in_fixed_words() {
        let home = tempfile::tempdir().unwrap();
        let (alice, codex, mut waking) = pair(home.path()).await;
        waking.look(&codex).await;
        assert_eq!(said(home.path()), 0);
        call(&alice, None, "send_to_partner", json!({"message": "Z9Q-marker"})).await;
        for _ in 0..3 {
            waking.look(&codex).await;
        }
        assert_eq!(said(home.path()), 1);
        call(&alice, None, "send_to_partner", json!({"message": "more"})).await;
        // Its own hook was quicker.
        let open = Inbox::open_ones(&call(&codex, Some(THREAD), "glance", json!({})).await);
        Told::read(waking.told.clone()).tell(&open, &open.iter().collect::<Vec<_>>(), false);
        waking.look(&codex).await;
        assert_eq!(said(home.path()), 1);
    }

    #[tokio::test]
    async fn command_when_it_fails_is_run_once_for_the_same_news_and_tells_nobody_so() {
        let home = tempfile::tempdir().unwrap();
        let (alice, codex, mut waking) = pair(home.path()).await;
        waking.program = Some(program(home.path(), "3"));
        call(&alice, None, "send_to_partner", json!({"message": "one"})).await;
        for _ in 0..3 {
            waking.look(&codex).await;
        }
        assert!(waking.has_failed);
        assert_eq!(said(home.path()), 1);
        assert!(!waking.told.exists(), "the hooks still tell of it");
        waking.program = Some(home.path().join("no-such-program"));
        call(&alice, None, "send_to_partner", json!({"message": "two"})).await;
        waking.look(&codex).await;
        assert_eq!(said(home.path()), 1);
    }

    #[tokio::test]
    async fn command_when_it_takes_too_long_is_ended_with_all_it_started() {
        let home = tempfile::tempdir().unwrap();
        let pipe = home.path().join("held");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
        let slow = program(home.path(), "0");
        // Its child holds the pipe open for as long as it lives.
        let script = format!("#!/bin/sh\nsleep 600 > '{}' &\nwait\n", pipe.display());
        fs::write(&slow, script).unwrap();
        let ((started, has_started), (ended, has_ended)) = (tokio::sync::oneshot::channel(), mpsc::channel());
        std::thread::spawn(move || {
            let mut held = fs::File::open(pipe).unwrap();
            started.send(()).unwrap();
            held.read_to_end(&mut Vec::new()).unwrap();
            ended.send(()).unwrap();
        });
        let limit = async { has_started.await.unwrap() };
        let refused = queue(Some(&slow), THREAD, limit).await.unwrap_err();
        assert!(refused.to_string().contains("longer than 10 s"), "{refused}");
        has_ended.recv_timeout(Duration::from_mins(1)).expect("its child has ended");
    }

    #[tokio::test]
    async fn command_is_never_that_of_the_folder_one_stands_in() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("bin");
        fs::create_dir(&folder).unwrap();
        let own = program(&folder, "0");
        fs::rename(own, folder.join("codex")).unwrap();
        let (place, absolute) = (home.path().display().to_string(), folder.display().to_string());
        let found = |path: &str, switch: &str| {
            let variables = [("HOME", place.as_str()), ("PATH", path), ("MAB_WAKE_CODEX_QUEUE", switch)];
            Door::new(Config::load(&Flags::default(), &Environment::from(variables)), None).codex()
        };
        assert_eq!(found(&format!(":bin:{absolute}"), "true"), Some(folder.join("codex")));
        assert_eq!(found(":.:bin", "true"), None);
        assert_eq!(found(&absolute, "false"), None, "not looked for");
        let refused = queue(None, THREAD, std::future::pending()).await.unwrap_err();
        assert_eq!(refused.to_string(), "there is no codex on the server's PATH");
    }

    #[tokio::test(start_paused = true)]
    async fn session_is_idle_when_its_last_call_is_long_over_and_none_is_under_way() {
        let activity = Arc::new(Activity { running: AtomicUsize::new(0), ended: Mutex::new(Instant::now()) });
        let busy = Busy::begin(&activity);
        tokio::time::advance(IDLE).await;
        assert!(!activity.is_idle(), "under way");
        drop(busy);
        assert!(!activity.is_idle(), "just over");
        tokio::time::advance(IDLE).await;
        assert!(activity.is_idle());
    }

    #[tokio::test]
    async fn nobody_is_woken_unless_the_operator_has_said_so() {
        let home = tempfile::tempdir().unwrap();
        let (queue, off) = (CodexQueue::default(), door(home.path(), "", ""));
        assert!(queue.call(&off, Some(THREAD)).is_none());
        let on = door(home.path(), "true", "");
        assert!(queue.call(&on, None).is_none());
        assert!(queue.call(&on, Some("--help; x")).is_none());
        assert!(queue.call(&on, Some(THREAD)).is_some());
    }
}
