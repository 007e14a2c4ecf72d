//! One process, one client: from start to exit.

use std::{pin::pin, sync::Arc, time::Duration};

use mab_core::{Denied, Fault};
use rmcp::{
    ServiceExt,
    service::{QuitReason, ServerInitializeError},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    signal::unix::{Signal, SignalKind, signal},
};
use tracing::level_filters::LevelFilter;

use super::{
    door::Door,
    handler::Handler,
    lifecycle::Lifecycle,
    outbox::Outbox,
    stdio::Stdio,
    transport::{Calls, Lines},
};
use crate::{config::Config, runtime, workbench::AgentBench};

/// Serves one client over stdin and stdout until it goes away or the process is told to end (SIGTERM, SIGINT).
///
/// # Errors
/// A [`Fault`] when the system refuses what the server needs. What keeps the bridge from opening is no error here:
/// every call is answered with it.
pub(crate) fn serve(config: &Config, workbench: Option<AgentBench>) -> Result<(), Fault> {
    run(Ok(config.clone()), config.log, workbench)
}

/// Serves a client although the configuration was refused: its tools are listed, and every call is answered with the
/// refusal, so that the person at the client sees it.
///
/// # Errors
/// As [`serve`].
pub(crate) fn serve_refusal(denied: Denied) -> Result<(), Fault> {
    run(Err(denied), LevelFilter::WARN, None)
}

fn run(config: Result<Config, Denied>, log: LevelFilter, workbench: Option<AgentBench>) -> Result<(), Fault> {
    runtime::start_log(log);
    log_panics();
    runtime::block_on(async {
        let signals = Signals::listen()?;
        let Stdio { reader, writer, found } = Stdio::of_process();
        let door = Arc::new(Door::new(config, workbench.map(Arc::new)));
        converse(door.clone(), reader, writer, signals.any()).await;
        // Their calls have returned; they would die with this process, and nobody would be told.
        if tokio::time::timeout(COMMANDS_END, door.end_runs()).await.is_err() {
            tracing::warn!("a command did not end in time: it dies with this process, and counts as lost");
        }
        if tokio::time::timeout(CLOSING, door.close()).await.is_err() {
            tracing::warn!("the store is held by somebody else: the newest counts of refusals are lost");
        }
        if tokio::time::timeout(LAST_CHECKPOINT, door.anchor_now()).await.is_err() {
            tracing::debug!("the last checkpoint is left to the next process");
        }
        drop(found);
        Ok(())
    })?
}

/// Talks to one client until it goes away or `told_to_stop` completes.
async fn converse<R, W>(door: Arc<Door>, reader: R, writer: W, told_to_stop: impl Future<Output = ()>)
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let lifecycle = Arc::new(Lifecycle::default());
    let (outbox, emptying) = Outbox::new(writer, lifecycle.clone());
    tokio::spawn(emptying);
    let early = door.clone();
    // A refusal was logged, and comes again with the first call.
    tokio::spawn(async move { early.open().await });
    let anchored = door.clone();
    tokio::spawn(async move { anchored.keep_anchored().await });

    let calls = Calls::default();
    let lines = Lines::new(reader, outbox.clone(), lifecycle.clone(), calls.clone());
    let mut connection =
        pin!(connect(Handler::new(door.clone(), calls, lifecycle.clone()), lines, &lifecycle, &outbox));
    tokio::select! {
        () = &mut connection => {}
        () = told_to_stop => say_goodbye(&lifecycle, connection).await,
        () = lifecycle.client_went() => say_goodbye(&lifecycle, connection).await,
    }
    // What is not ended by then dies with this process all the same, and counts as lost.
    if tokio::time::timeout(COMMANDS_END, door.end_runs()).await.is_err() {
        tracing::warn!("a command did not end in time: it dies with this process");
    }
}

async fn say_goodbye(lifecycle: &Lifecycle, connection: impl Future<Output = ()>) {
    lifecycle.stop();
    if tokio::time::timeout(GRACE, connection).await.is_err() {
        tracing::debug!(
            "calls were still under way; what they had not committed is as if they had not been made"
        );
    }
}

async fn connect<R>(handler: Handler, lines: Lines<R>, lifecycle: &Lifecycle, outbox: &Outbox)
where
    R: AsyncRead + Unpin + Send + 'static,
{
    match handler.serve(lines).await {
        Ok(running) => {
            lifecycle.open();
            match running.waiting().await {
                Ok(QuitReason::JoinError(error)) | Err(error) => {
                    tracing::error!(%error, "the connection failed");
                }
                Ok(_) => {}
            }
        }
        Err(ServerInitializeError::ConnectionClosed(_)) => {}
        // The error holds the request, and that may hold a token.
        Err(_) => tracing::warn!("the client did not open the connection"),
    }
    outbox.at_most(0).await;
}

/// What tells the process to end.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Fault> {
        let listen =
            |kind| signal(kind).map_err(|source| Fault::from_source("listening for signals", source));
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn any(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Logs where a panic happened; its message may quote what was worked on.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(location = panic.location().map(tracing::field::display), "panicked");
    }));
}

/// How long calls under way may take to commit and answer once the client is gone or the process is told to end.
const GRACE: Duration = Duration::from_millis(75);

/// How long commands that run may take to be ended, with all they started, and to be recorded.
const COMMANDS_END: Duration = Duration::from_secs(3);

/// How long the checkpoint at the end may take; it is 20 ms unless another process is at it.
const LAST_CHECKPOINT: Duration = Duration::from_secs(1);
/// How long the last counts may take to be written, with the client gone: a store that is held must not hold the process.
const CLOSING: Duration = Duration::from_secs(1);
