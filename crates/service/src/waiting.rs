//! Waiting for messages: hung up on a doorbell, awake for a look, asleep again. Nothing is written meanwhile.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use mab_core::{
    Code, Denied, Failure,
    entity::{Member, Outlook},
    source::draw,
};
use mab_store::Doorbell;
use tokio::{sync::Notify, time::Instant};

use crate::{
    door::Call,
    watch::{self, Undelivered},
};

/// Longest wait anybody may ask for, in seconds.
pub const WAIT_MAX_S: u64 = 3_600;

/// How often a caller hears that its call still waits. Clients give up on silence after a minute or more.
const PROGRESS_EVERY: Duration = Duration::from_secs(20);

/// What a caller is like that may have to wait for its answer.
pub trait Waiter: Send + Sync {
    /// Whether the caller had got every earlier answer with messages in it when it made this call. If not, this call
    /// acknowledges none of them, and they are handed out again.
    fn has_read(&self) -> bool;

    /// Longest wait that the caller's program bears; what is asked for beyond it is cut.
    fn longest(&self) -> Duration;

    /// Says that the call still waits: at once, and then every 20 seconds.
    fn progress(&self, waited: Duration, of: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// Completes when the caller no longer wants the answer.
    fn cancelled(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// A caller that never waits.
#[derive(Debug, Clone, Copy)]
pub struct Impatient;

impl Waiter for Impatient {
    fn has_read(&self) -> bool {
        true
    }

    fn longest(&self) -> Duration {
        Duration::ZERO
    }

    fn progress(&self, _waited: Duration, _of: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }

    fn cancelled(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }
}

/// What a wait is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Interest {
    /// Whatever a check would hand out, and news of what was sent.
    Mail,
    /// A message newer than this one, whoever holds it.
    NewerThan(u64),
}

/// Why a wait is interrupted.
pub(crate) enum Event {
    /// There is something to collect, or the agent may no longer do so: the next transaction says which.
    Mail,
    /// Messages the agent sent have not arrived.
    News(Vec<Undelivered>),
    /// The time is over.
    TimedOut,
    /// Nobody wants the answer any more: the call was cancelled, or the same agent checks anew on this connection.
    Abandoned,
}

/// A wait under way.
pub(crate) struct Wait<'a> {
    waiter: &'a dyn Waiter,
    bell: Box<dyn Doorbell>,
    newer: Arc<Notify>,
    began: Instant,
    length: Duration,
    next_progress: Instant,
}

impl<'a> Wait<'a> {
    /// Starts listening for `seconds`, or for as long as the caller's program bears; `None` when that is no time at all.
    /// What comes from now on is not missed: look before the first [`Self::next`].
    ///
    /// # Errors
    /// `invalid_arguments` when more than [`WAIT_MAX_S`] is asked for.
    pub(crate) fn begin(
        call: &Call<'a>,
        newer: Arc<Notify>,
        seconds: Option<u64>,
    ) -> Result<Option<Self>, Failure> {
        let seconds = seconds.unwrap_or(0);
        if seconds > WAIT_MAX_S {
            let message = format!("wait_seconds must be 0 to {WAIT_MAX_S}");
            return Err(Denied::new(Code::InvalidArguments, message)
                .hint("wait for less and call again when it times out; nothing is missed in between")
                .into());
        }
        let longest = match call.bridge.settings.wait_max_s {
            0 => call.waiter.longest(),
            set => Duration::from_secs(set.into()),
        };
        let length = Duration::from_secs(seconds).min(longest);
        if length.is_zero() {
            return Ok(None);
        }
        let name = u64::from_be_bytes(draw(call.bridge.random.as_ref())?);
        let bell = call.bridge.store.listen(call.member()?.agent_pk, name);
        let began = Instant::now();
        Ok(Some(Self { waiter: call.waiter, bell, newer, began, length, next_progress: began }))
    }

    /// Sleeps until something happens that the caller has to hear.
    pub(crate) async fn next(&mut self, call: &Call<'_>, interest: Interest) -> Result<Event, Failure> {
        let (bridge, connection, member) = (call.bridge, call.connection()?, call.member()?);
        loop {
            tokio::select! {
                biased;
                () = self.waiter.cancelled() => return Ok(Event::Abandoned),
                () = self.newer.notified() => return Ok(Event::Abandoned),
                () = tokio::time::sleep_until(self.began + self.length) => return Ok(Event::TimedOut),
                () = tokio::time::sleep_until(self.next_progress) => {
                    self.waiter.progress(self.began.elapsed(), self.length).await;
                    self.next_progress += PROGRESS_EVERY;
                    continue;
                }
                () = self.bell.rung() => {}
            }
            let outlook = bridge.store.outlook(member.agent_pk, connection.holder()).await?;
            let unchanged = |now: &Member| {
                (now.epoch, now.revoked, now.permission) == (member.epoch, member.revoked, member.permission)
                    && bridge.clock.now() < now.expires_at
            };
            let mail = |outlook: &Outlook| match interest {
                Interest::Mail => outlook.due,
                Interest::NewerThan(seq) => outlook.newest_seq > Some(seq),
            };
            if outlook.is_none_or(|outlook| mail(&outlook) || !unchanged(&outlook.member)) {
                return Ok(Event::Mail);
            }
            if matches!(interest, Interest::Mail) {
                let news = watch::news(bridge, connection, member).await?;
                if !news.is_empty() {
                    return Ok(Event::News(news));
                }
            }
        }
    }

    /// Whole seconds since it began.
    pub(crate) fn waited_s(&self) -> u64 {
        self.began.elapsed().as_secs()
    }
}
