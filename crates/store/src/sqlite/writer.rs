//! The writer thread: groups the work of concurrent callers into one commit, and answers each after it.
//!
//! ```text
//! wait for one job → take the turn → take every other job that waits → BEGIN IMMEDIATE
//!   → each job in a savepoint of its own → COMMIT → pass the turn on → answer all → ring who waits
//! ```
//!
//! A caller gives up waiting only while its job is queued; once it is taken, the answer is the truth.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use mab_core::{Clock, Denied, Failure, Fault, audit::Marker};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{
    bells::Bells,
    error::{busy, failure},
    options::Durability,
    turn::Turns,
    tx::Tx,
};

/// Jobs that may wait for the writer.
const QUEUE: usize = 4_096;
/// Most jobs in one commit.
const BATCH: usize = 256;

const QUEUED: u8 = 0;
const TAKEN: u8 = 1;
const ABANDONED: u8 = 2;

/// Whether a job's commit must reach the disk before it is answered.
pub(super) type NeedsDisk = Box<dyn Fn(&Connection) -> bool + Send>;

/// One unit of work of one caller.
trait Job: Send {
    /// Claims the job for the writer; `false` when its caller has gone.
    fn take(&self) -> bool;
    fn needs_disk(&self, connection: &Connection) -> bool;
    fn run(&mut self, tx: &Tx<'_>);
    /// The refusal this job met, if it met one.
    fn denied(&self) -> Option<&Denied>;
    fn answer(self: Box<Self>, ending: &Ending);
}

/// How a batch ended.
enum Ending {
    /// All of it is durable.
    Committed,
    /// Nothing of it happened; what every caller can do about it, when there is something.
    Lost(Option<Denied>),
}

struct Call<T, F> {
    state: Arc<AtomicU8>,
    needs_disk: NeedsDisk,
    work: Option<F>,
    result: Option<Result<T, Failure>>,
    reply: oneshot::Sender<Result<T, Failure>>,
}

impl<T: Send, F: FnOnce(&Tx<'_>) -> Result<T, Failure> + Send> Job for Call<T, F> {
    fn take(&self) -> bool {
        self.state.compare_exchange(QUEUED, TAKEN, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn needs_disk(&self, connection: &Connection) -> bool {
        (self.needs_disk)(connection)
    }

    fn run(&mut self, tx: &Tx<'_>) {
        self.result = self.work.take().map(|work| work(tx));
    }

    fn denied(&self) -> Option<&Denied> {
        match &self.result {
            Some(Err(Failure::Denied(denied))) => Some(denied),
            Some(Err(Failure::Fault(_)) | Ok(_)) | None => None,
        }
    }

    fn answer(self: Box<Self>, ending: &Ending) {
        let result = match (ending, self.result) {
            (Ending::Committed, Some(result)) => result,
            (Ending::Lost(Some(denied)), _) => Err(denied.clone().into()),
            (Ending::Committed, None) | (Ending::Lost(None), _) => {
                Err(Fault::new("writing: the transaction was not committed").into())
            }
        };
        // A caller that no longer waits will see the change when it asks again.
        let _ = self.reply.send(result);
    }
}

/// Hands jobs to the writer thread.
pub(super) struct Writer {
    jobs: SyncSender<Box<dyn Job>>,
    patience: Duration,
}

/// What the writer thread owns.
pub(super) struct Desk {
    /// Its connection.
    pub(super) connection: Connection,
    /// The turns of the processes.
    pub(super) turns: Turns,
    /// Tells the time inside transactions.
    pub(super) clock: Arc<dyn Clock>,
    /// How durable a commit is that needs the disk.
    pub(super) durability: Durability,
    /// Marks audit entries.
    pub(super) marker: Marker,
    /// Rung after the commit.
    pub(super) bells: Arc<Bells>,
}

impl Writer {
    /// Starts the thread. A job waits at most `patience` for its turn.
    pub(super) fn start(desk: Desk, patience: Duration) -> Result<Self, Failure> {
        let (jobs, queue) = sync_channel(QUEUE);
        thread::Builder::new()
            .name("mab-write".to_owned())
            .spawn(move || desk.work(&queue))
            .map_err(|source| Fault::from_source("starting the writer", source))?;
        Ok(Self { jobs, patience })
    }

    /// Runs `work` in a transaction and answers after its commit.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        needs_disk: NeedsDisk,
        work: impl FnOnce(&Tx<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let (reply, mut answer) = oneshot::channel();
        let state = Arc::new(AtomicU8::new(QUEUED));
        let job = Call { state: Arc::clone(&state), needs_disk, work: Some(work), result: None, reply };
        self.jobs.try_send(Box::new(job)).map_err(|_| busy())?;
        let answered = match tokio::time::timeout(self.patience, &mut answer).await {
            Ok(answered) => answered,
            Err(_)
                if state.compare_exchange(QUEUED, ABANDONED, Ordering::AcqRel, Ordering::Acquire).is_ok() =>
            {
                return Err(busy().into());
            }
            Err(_) => answer.await,
        };
        answered.map_err(|_| Fault::new("writing: the writer is gone"))?
    }
}

impl Desk {
    fn work(mut self, queue: &Receiver<Box<dyn Job>>) {
        let mut synchronous = None;
        while let Ok(first) = queue.recv() {
            let mut batch: Vec<Box<dyn Job>> = Vec::new();
            let mut woken = BTreeSet::new();
            let ending = match self.commit(first, queue, &mut batch, &mut synchronous) {
                Ok(called) => {
                    woken = called;
                    Ending::Committed
                }
                Err(Failure::Denied(denied)) => Ending::Lost(Some(denied)),
                Err(Failure::Fault(fault)) => {
                    tracing::error!(%fault, source = ?std::error::Error::source(&fault), "a commit failed");
                    Ending::Lost(None)
                }
            };
            for job in batch {
                job.answer(&ending);
            }
            for agent_pk in woken {
                self.bells.ring(agent_pk);
            }
        }
    }

    /// Runs one batch; returns whom to wake. On an error nothing of the batch was changed.
    fn commit(
        &mut self,
        first: Box<dyn Job>,
        queue: &Receiver<Box<dyn Job>>,
        batch: &mut Vec<Box<dyn Job>>,
        synchronous: &mut Option<bool>,
    ) -> Result<BTreeSet<i64>, Failure> {
        batch.push(first);
        let turn =
            self.turns.take().map_err(|source| Fault::from_source("waiting for the write turn", source))?;
        batch.extend(queue.try_iter().take(BATCH - 1));
        batch.retain(|job| job.take());
        if batch.is_empty() {
            return Ok(BTreeSet::new());
        }
        let disk =
            self.durability == Durability::Full && batch.iter().any(|job| job.needs_disk(&self.connection));
        if *synchronous != Some(disk) {
            let pragma = if disk { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" };
            self.connection.execute_batch(pragma).map_err(|source| failure("choosing durability", source))?;
            *synchronous = Some(disk);
        }
        execute(&self.connection, "BEGIN IMMEDIATE")?;
        let tx = Tx::new(&self.connection, self.clock.now(), &self.marker);
        for job in batch.iter_mut() {
            job.run(&tx);
            if self.connection.is_autocommit() {
                // SQLite rolled everything back (disk full, I/O error): no job of this batch has happened.
                let rolled_back = || Fault::new("writing: the transaction was rolled back").into();
                return Err(job.denied().cloned().map_or_else(rolled_back, Failure::Denied));
            }
        }
        let committed = execute(&self.connection, "COMMIT");
        if committed.is_err() && !self.connection.is_autocommit() {
            execute(&self.connection, "ROLLBACK")?;
        }
        drop(turn);
        committed.map(|()| tx.woken())
    }
}

fn execute(connection: &Connection, sql: &'static str) -> Result<(), Failure> {
    let run = || connection.prepare_cached(sql)?.execute([]).map(|_| ());
    run().map_err(|source| failure(sql, source))
}
