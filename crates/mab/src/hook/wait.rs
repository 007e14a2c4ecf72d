//! `mab hook wait`: sleeps until mail comes for the agent whose client runs it.
//!
//! Claude Code runs it in the background when a turn ends (an asyncRewake hook) and wakes the idle agent when it exits with
//! [`Exit::WAKE`], with what stands on stderr then. Every turn that ends starts one more, so a newer one takes over:
//!
//! ```text
//! agents/<profile>.waiter   0600   16 hexadecimal digits, drawn by the newest
//! ```

use std::{
    future::{Future, poll_fn},
    io,
    path::PathBuf,
    pin::Pin,
    task::Poll,
    time::Duration,
};

use mab_core::{Code, Failure, source::draw};
use mab_service::{Waiter, Waiting};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, getppid},
};
use serde_json::{Map, Value};

use super::{
    NOTICE,
    desk::Desk,
    input::Input,
    notice::Inbox,
    run::{in_words, settings},
    who::{self, Scene},
};
use crate::{
    cli::{Exit, Output, Visible},
    config::{Config, Flags},
    environment::Environment,
    folder, runtime,
    system::{OsRandom, SystemClock},
};

/// What Claude Code sets to `0` where nobody attends the session, as with `--print`. Such a session ends with its turn and
/// cannot be woken; it would only keep its end back, 30 s for a hook that still runs (Claude Code 2.1.330, measured
/// 2026-11-22).
const ATTENDED: &str = "CLAUDE_CODE_SESSION_ATTENDED";

/// How long the hook that runs beside this one, at the end of the same turn, may take to speak of what has come already.
const SETTLING: Duration = Duration::from_secs(2);
/// How often it is looked whether anybody still wants to be woken.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often inboxes are looked at although nothing rang: what was resumed, or opened elsewhere.
const GLANCE_EVERY: Duration = Duration::from_mins(5);
/// How long a store that somebody holds is left alone.
const HELD: Duration = Duration::from_secs(5);
/// How long an inbox that cannot be watched is left alone.
const LEFT_ALONE: Duration = Duration::from_secs(30);

/// Waits. Nothing that goes wrong is more than a sentence on stderr.
pub(crate) fn wait(length: Duration, flags: &Flags, environment: &Environment) -> Exit {
    if environment.get(ATTENDED) == Some("0") {
        return Exit::OK;
    }
    let waited = Input::read(io::stdin(), &SystemClock).and_then(|input| {
        let config = settings(flags, environment)?;
        let scene = Scene { event: None, input: &input, config: &config, environment };
        let Some(profile) = who::profile(scene) else { return Ok(false) };
        wait_as(&profile, &config, length).map_err(|failure| in_words(&failure.into()))
    });
    match waited {
        Ok(false) => Exit::OK,
        Ok(true) => {
            Output::talk(NOTICE);
            Exit::WAKE
        }
        Err(words) => {
            Output::talk(&format!("mab hook wait: {}", Visible::line(&words)));
            Exit::OK
        }
    }
}

/// Whether mail came.
fn wait_as(profile: &str, config: &Config, length: Duration) -> Result<bool, Failure> {
    runtime::block_on(async {
        let stopped = runtime::told_to_end()?;
        let began_under = getppid();
        let waits = async {
            let Some(desk) = patiently(async || Desk::open(config, profile)).await? else { return Ok(false) };
            let place = Place::take(&desk)?;
            tokio::select! {
                biased;
                () = place.is_lost() => Ok(false),
                came = mail(&desk) => came,
            }
        };
        tokio::select! {
            biased;
            () = stopped => Ok(false),
            () = nobody_wants_it(began_under) => Ok(false),
            () = tokio::time::sleep(length) => Ok(false),
            came = waits => came,
        }
    })?
}

/// Tries until the store is free.
async fn patiently<T>(mut attempt: impl AsyncFnMut() -> Result<T, Failure>) -> Result<T, Failure> {
    loop {
        match attempt().await {
            Err(Failure::Denied(denied)) if denied.code == Code::Busy => {
                tokio::time::sleep(HELD).await;
            }
            tried => return tried,
        }
    }
}

/// Completes when there is mail that the agent was not told of, or no inbox left it could come to.
async fn mail(desk: &Desk) -> Result<bool, Failure> {
    tokio::time::sleep(SETTLING).await;
    loop {
        let open = patiently(async || desk.glance().await).await?;
        if open.is_empty() {
            return Ok(false);
        }
        let mut told = desk.told();
        let is_news = |inbox: &&Inbox| inbox.new > 0 && !inbox.paused && told.is_news(inbox);
        let news: Vec<&Inbox> = open.iter().filter(is_news).collect();
        if !news.is_empty() {
            told.tell(&open, &news, false);
            return Ok(true);
        }
        let mut watches: Vec<_> = open.iter().map(|inbox| Box::pin(watch(desk, inbox))).collect();
        let any = poll_fn(|context| {
            let is_over = watches.iter_mut().any(|watch| watch.as_mut().poll(context).is_ready());
            if is_over { Poll::Ready(()) } else { Poll::Pending }
        });
        // Nothing rang: look all the same.
        let _ = tokio::time::timeout(GLANCE_EVERY, any).await;
    }
}

/// Completes when more has come into an inbox.
async fn watch(desk: &Desk, inbox: &Inbox) {
    let arguments: Map<String, Value> = [
        ("conversation_id".to_owned(), inbox.conversation.to_string().into()),
        ("session_id".to_owned(), inbox.session.to_string().into()),
        ("after".to_owned(), inbox.arrivals.into()),
    ]
    .into_iter()
    .collect();
    let watching = desk.bridge.bridge().call_waiting(&desk.agent, &Patient, "watch_inbox", arguments);
    let newer = watching.await.ok().and_then(|answer| answer.get("newer")?.as_bool());
    if newer != Some(true) {
        tokio::time::sleep(LEFT_ALONE).await;
    }
}

/// A caller that waits for as long as it is let.
struct Patient;

impl Waiter for Patient {
    fn ticket(&self) -> Option<u64> {
        None
    }

    fn longest(&self) -> Duration {
        GLANCE_EVERY
    }

    fn progress(
        &self,
        _: Waiting,
        _: Duration,
        _: Duration,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }

    fn cancelled(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }
}

/// The place of the one process that waits for a profile.
struct Place {
    path: PathBuf,
    own: String,
}

impl Place {
    /// Takes it over from whoever has it.
    fn take(desk: &Desk) -> Result<Self, Failure> {
        let place = Self { path: desk.beside("waiter"), own: hex::encode(draw::<8>(&OsRandom)?) };
        folder::replace(&place.path, place.own.as_bytes(), &OsRandom)?;
        Ok(place)
    }

    /// Completes when a newer one has taken over.
    async fn is_lost(&self) {
        while self.is_own() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn is_own(&self) -> bool {
        let content = folder::read_private(&self.path, self.own.len() as u64 + 1).ok().flatten();
        content.as_deref() == Some(self.own.as_bytes())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_own() {
            // What is left behind is replaced by the next one.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Completes when the client is gone.
async fn nobody_wants_it(parent: Option<Pid>) {
    while getppid() == parent && somebody_reads() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Whether whoever reads stderr is still there; a pipe tells, and so does a socket.
fn somebody_reads() -> bool {
    let stderr = io::stderr();
    let mut streams = [PollFd::new(&stderr, PollFlags::empty())];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let looked = poll(&mut streams, Some(&at_once));
    let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
    looked.is_err() || streams.iter().all(|stream| !stream.revents().intersects(gone))
}

#[cfg(test)]
mod tests {
    use mab_core::Denied;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn store_when_held_is_tried_again_and_what_else_is_wrong_is_said() {
        let mut tries = 0;
        let freed = patiently(async || {
            tries += 1;
            if tries < 9 { Err(Denied::new(Code::Busy, "held").into()) } else { Ok(tries) }
        });
        assert_eq!(freed.await.unwrap(), 9);
        let broken: Result<(), _> =
            patiently(async || Err(Denied::new(Code::WrongStore, "broken").into())).await;
        assert!(matches!(broken, Err(Failure::Denied(denied)) if denied.code == Code::WrongStore));
    }
}
