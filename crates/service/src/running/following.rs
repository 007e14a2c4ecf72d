//! A command under way: watched, cancelled when somebody wants that, and its end told by the bridge itself, whatever became
//! of who asked for it.

use std::{
    io::{PipeReader, PipeWriter},
    os::fd::{AsFd as _, BorrowedFd},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use mab_core::{
    Clock, Failure, Fault, Random, RunId, SessionId, Timestamp,
    audit::Detail,
    entity::{Notice, RunEnd},
    execution::{Assurance, RunState},
    known::{Digest, Learned, Memory},
    limit::{Charge, Kind, Refusals},
    policy::Permit,
};
use mab_exec::{Approved, Captured, Executor, Finished, Killed, Observer, Outcome, Request, RequestHash};
use mab_redact::Redactor;
use mab_store::Store;
use tokio::{
    sync::Notify,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval, sleep, sleep_until},
};

use crate::{
    Bridge, Waiting,
    door::Call,
    notices::sealed,
    reading::Opener,
    remembering::Knowledge,
    running::{
        ending,
        over::{Over, Stopped},
        showing::word,
        telling_all,
    },
    screening,
    waiting::PROGRESS_EVERY,
};

/// How often it is looked up whether a command is to end.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often an end is tried to be recorded, and how long apart; then it is left to be found lost.
const ATTEMPTS: u32 = 40;
const APART: Duration = Duration::from_millis(100);

/// A command that may run.
pub(crate) struct Job {
    /// What runs it.
    pub(crate) executor: Arc<Executor>,
    /// Opens and seals the conversation's texts.
    pub(crate) opener: Opener,
    /// Its name.
    pub(crate) id: RunId,
    /// Everything it is.
    pub(crate) request: Request,
    /// The proof.
    pub(crate) approved: Approved,
    /// How sure it is that a person agreed.
    pub(crate) assurance: Assurance,
    /// Until when what lets it run is enabled: it ends with that.
    pub(crate) until: Timestamp,
}

/// How following a command ended.
pub(crate) enum Ended {
    /// It has ended.
    Finished(RunId, Box<Over>),
    /// It runs on, and the caller bears no longer wait.
    StillRunning(RunId, RequestHash),
}

/// The commands that this process runs.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    under_way: AtomicUsize,
    is_stopping: AtomicBool,
    stop: Notify,
    ended: Notify,
}

impl Runs {
    /// Ends every command and waits until each end is recorded.
    pub(crate) async fn end_all(&self) {
        self.is_stopping.store(true, Ordering::SeqCst);
        self.stop.notify_waiters();
        loop {
            let ended = self.ended.notified();
            if self.under_way.load(Ordering::SeqCst) == 0 {
                return;
            }
            ended.await;
        }
    }
}

/// Counts one command, until it is dropped.
struct UnderWay(Arc<Runs>);

impl UnderWay {
    fn begin(runs: &Arc<Runs>) -> Self {
        runs.under_way.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(runs))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
        self.0.ended.notify_waiters();
    }
}

/// Runs a command, as long as the caller bears it; it goes on by itself, and ends by itself.
///
/// # Errors
/// A fault of ours before it was started.
pub(crate) async fn follow(call: &Call<'_>, job: Job) -> Result<Ended, Failure> {
    let (id, hash) = (job.id, job.request.hash()?);
    let cancel = Arc::new(Notify::new());
    let mut run = begin(call, job, Arc::clone(&cancel)).await?;
    let (began, mut next_progress, mut is_cancelled) = (Instant::now(), Instant::now(), false);
    // Who says nothing of its patience waits for the end.
    let longest = Some(call.waiter.longest()).filter(|longest| !longest.is_zero());
    let of = longest.unwrap_or_default();
    loop {
        tokio::select! {
            biased;
            finished = &mut run => {
                let over = finished.map_err(|source| Fault::from_source("running a command", source))?;
                return Ok(Ended::Finished(id, Box::new(over)));
            }
            () = call.waiter.cancelled(), if !is_cancelled => {
                is_cancelled = true;
                cancel.notify_one();
            }
            () = sleep_until(began + of), if longest.is_some() && !is_cancelled => {
                return Ok(Ended::StillRunning(id, hash));
            }
            () = sleep_until(next_progress) => {
                call.waiter.progress(Waiting::Run(id), began.elapsed(), of).await;
                next_progress += PROGRESS_EVERY;
            }
        }
    }
}

/// Begins to run it, apart from the caller.
async fn begin(call: &Call<'_>, job: Job, cancel: Arc<Notify>) -> Result<JoinHandle<Over>, Failure> {
    let bridge = call.bridge;
    let (knowledge, tokens) = screening::of_output(call).await?;
    let (stopped, stop) = std::io::pipe().map_err(|source| Fault::from_source("making a pipe", source))?;
    let hash = job.request.hash()?;
    let Job { executor, opener, id, request, approved, assurance, until } = job;
    let teller = Teller {
        store: Arc::clone(&bridge.store),
        random: Arc::clone(&bridge.random),
        redactor: Arc::clone(&bridge.redactor),
        conversation_pk: call.member()?.conversation_pk,
        session: call.member()?.session.clone(),
        permit: ending::permit()?,
        charge: bridge.settings.limits.charge(Kind::Operator),
        refusals: bridge.refusals(),
        seen_n: knowledge.seen_n,
        opener,
        id,
        request,
    };
    let watched = Arc::new(Watched { id, stopped, knowledge, tokens, learned: Mutex::default() });
    let clock = Arc::clone(&bridge.clock);
    let stopping = Stopping {
        stop: Some(stop),
        stopped: None,
        store: Arc::clone(&bridge.store),
        clock: Arc::clone(&clock),
        until,
        cancel,
        runs: Arc::clone(&bridge.runs),
    };
    let under_way = UnderWay::begin(&bridge.runs);
    Ok(tokio::spawn(async move {
        let observer = Arc::clone(&watched);
        let run = move || executor.run(approved, clock.now(), observer.as_ref());
        let (finished, stopped) = stopping.until_ended(id, tokio::task::spawn_blocking(run)).await;
        let over = Over { finished: finished.unwrap_or_else(|| lost(hash)), assurance, stopped };
        teller.tell(&over, watched.take_learned()).await;
        drop(under_way);
        over
    }))
}

/// Ends a command when somebody wants that, or when what lets it run ends.
struct Stopping {
    /// Dropped, it ends the command.
    stop: Option<PipeWriter>,
    /// Who dropped it.
    stopped: Option<Stopped>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    until: Timestamp,
    cancel: Arc<Notify>,
    runs: Arc<Runs>,
}

impl Stopping {
    /// How it ended, none when what ran it failed; and who asked for that.
    async fn until_ended(
        mut self,
        id: RunId,
        mut run: JoinHandle<Finished>,
    ) -> (Option<Finished>, Option<Stopped>) {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (cancel, runs) = (Arc::clone(&self.cancel), Arc::clone(&self.runs));
        loop {
            let stopped = tokio::select! {
                biased;
                finished = &mut run => {
                    let failed = |error: &_| tracing::error!(%error, run = %id, "what ran a command failed");
                    return (finished.inspect_err(failed).ok(), self.stopped);
                }
                () = cancel.notified() => Some(Stopped::Caller),
                () = runs.stop.notified() => Some(Stopped::Server),
                _ = look.tick(), if self.stop.is_some() => self.looked(id).await,
            };
            if stopped.is_some() {
                self.stop = None;
                self.stopped = self.stopped.or(stopped);
            }
        }
    }

    /// Who wants it to end by now.
    async fn looked(&self, id: RunId) -> Option<Stopped> {
        if self.runs.is_stopping.load(Ordering::SeqCst) {
            return Some(Stopped::Server);
        }
        if self.clock.now() >= self.until {
            return Some(Stopped::Terms);
        }
        match self.store.run(id).await {
            Ok(Some(row)) if row.end_asked => {
                let agents = self.store.agents(row.conversation_pk).await.unwrap_or_default();
                let is_gone = agents.iter().any(|agent| agent.session == row.session && agent.revoked);
                Some(if is_gone { Stopped::Place } else { Stopped::Operator })
            }
            Ok(None) => Some(Stopped::Operator),
            Ok(Some(_)) | Err(_) => None,
        }
    }
}

/// What a run is watched by: knows of the conversation's secrets, and takes those that are found.
struct Watched {
    id: RunId,
    stopped: PipeReader,
    knowledge: Knowledge,
    tokens: Memory,
    learned: Mutex<Vec<Digest>>,
}

impl Watched {
    fn take_learned(&self) -> Vec<Digest> {
        std::mem::take(&mut self.learned.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Observer for Watched {
    fn run_id(&self) -> Option<String> {
        Some(self.id.to_string())
    }

    fn cancelled(&self) -> Option<BorrowedFd<'_>> {
        Some(self.stopped.as_fd())
    }

    fn memory(&self) -> Option<&Memory> {
        Some(&self.knowledge.memory)
    }

    fn values(&self) -> Option<&Memory> {
        Some(&self.tokens)
    }

    fn learned(&self, digests: Vec<Digest>) {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner).extend(digests);
    }
}

/// Tells how a command ended: everything that takes, apart from the call that asked for it.
struct Teller {
    store: Arc<dyn Store>,
    random: Arc<dyn Random>,
    redactor: Arc<Redactor>,
    conversation_pk: i64,
    session: SessionId,
    permit: Permit,
    charge: Charge,
    refusals: Refusals,
    seen_n: u64,
    opener: Opener,
    id: RunId,
    request: Request,
}

impl Teller {
    /// Records the end, with what was learned of secrets, and tells every member.
    async fn tell(mut self, over: &Over, learned: Vec<Digest>) {
        for attempt in 1..=ATTEMPTS {
            let Err(failure) = self.try_to_tell(over, &learned).await else { return };
            if attempt == ATTEMPTS {
                tracing::error!(run = %self.id, ?failure, "the end of a command was not recorded");
            }
            sleep(APART).await;
            // Others may have taught the conversation something meanwhile.
            if let Ok((newest_n, _)) = self.store.known(self.conversation_pk, u64::MAX >> 1).await {
                self.seen_n = newest_n;
            }
        }
    }

    async fn try_to_tell(&self, over: &Over, learned: &[Digest]) -> Result<bool, Failure> {
        let finished = &over.finished;
        let (charge, refusals) = (self.charge.clone(), self.refusals.clone());
        let mut stamp = self.permit.clone().stamp(charge, refusals, Detail::default());
        if !learned.is_empty() {
            stamp = stamp.learning(Learned { seen_n: self.seen_n, new: learned.to_vec() });
        }
        let exit_code = match finished.outcome {
            Outcome::Exited { code } => u8::try_from(code).ok(),
            Outcome::Killed { .. } | Outcome::Denied { .. } | Outcome::SandboxUnavailable { .. } => None,
        };
        let end = RunEnd {
            conversation: self.opener.conversation,
            id: self.id,
            state: RunState::Finished,
            outcome: word(&finished.outcome),
            exit_code,
            duration_ms: finished.duration_ms,
        };
        self.store.end_run(stamp, end, Some(self.notice(over)?)).await
    }

    fn notice(&self, over: &Over) -> Result<Notice, Failure> {
        let text = telling_all::ended(self.id, &self.request, over);
        let seal = |text: &str| sealed((&self.redactor, self.random.as_ref()), &self.opener, text);
        match seal(&text) {
            // What it printed may not be stored at all, or not be looked through: that it ended is told all the same.
            Err(Failure::Denied(_)) => seal(&telling_all::ended_untold(self.id, &self.session, over)),
            told => told,
        }
    }
}

/// The end of a command that nobody can tell of.
fn lost(request_hash: RequestHash) -> Finished {
    Finished {
        outcome: Outcome::Killed { reason: Killed::Lost },
        request_hash,
        tier: None,
        enforced: Vec::new(),
        duration_ms: 0,
        snapshot: None,
        planted: Vec::new(),
        stdout: Captured::default(),
        stderr: Captured::default(),
    }
}

impl Bridge {
    /// Ends every command that this process runs for agents, and waits until their ends are recorded.
    pub async fn end_runs(&self) {
        self.runs.end_all().await;
    }
}
