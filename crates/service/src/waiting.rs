//! Waiting for messages: hung up on a doorbell, awake for a look, asleep again. Nothing is written meanwhile.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use mab_core::{
    Code, Denied, Failure, RunId,
    audit::Detail,
    entity::{Member, Outlook},
    limit::{Kind, Limit},
    source::draw,
};
use mab_store::Doorbell;
use tokio::{sync::Notify, time::Instant};

use crate::{
    Question,
    door::Call,
    watch::{self, Undelivered},
};

/// Longest wait anybody may ask for, in seconds.
pub const WAIT_MAX_S: u64 = 3_600;

/// How often a caller hears that its call still waits. Clients give up on silence after a minute or more.
pub(crate) const PROGRESS_EVERY: Duration = Duration::from_secs(20);

/// What a caller is like that may have to wait for its answer.
pub trait Waiter: Send + Sync {
    /// Under which number the caller's program will say whether this call's answer arrived
    /// ([`crate::Connection::received`], [`crate::Connection::lost`]); `None` when it is certain to arrive.
    fn ticket(&self) -> Option<u64>;

    /// Longest wait that the caller's program bears; what is asked for beyond it is cut.
    fn longest(&self) -> Duration;

    /// Says that the call still waits, and what for: at once, and then every 20 seconds.
    fn progress(
        &self,
        what: Waiting,
        waited: Duration,
        of: Duration,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// Asks whoever sits before the caller's program, in a form of that program. `None` when nobody said anything: the
    /// program has no forms, nobody filled it in, or what came back is no answer. It may take for ever: bound it, and drop
    /// it when the answer came another way.
    fn elicit(&self, _question: &Question) -> Pin<Box<dyn Future<Output = Option<bool>> + Send + '_>> {
        Box::pin(std::future::ready(None))
    }

    /// Whether the caller's program puts this question once this call has returned, and then calls again with the answer:
    /// say at once how the command stands. Ask this before [`Self::elicit`], and that one when it is false.
    fn puts_off(&self, _question: &Question) -> bool {
        false
    }

    /// Whether the caller is gone altogether, so that its end says nothing of what it wanted: what it asked for stays.
    fn has_left(&self) -> bool {
        false
    }

    /// Completes when the caller no longer wants the answer.
    fn cancelled(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// What a call waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// Messages, and news of those that were sent.
    Messages,
    /// An answer to a command that was asked for: a person's, or that of so many approvers.
    Answer(RunId, usize),
    /// The end of a command that runs.
    Run(RunId),
}

/// A caller that never waits.
#[derive(Debug, Clone, Copy)]
pub struct Impatient;

impl Waiter for Impatient {
    fn ticket(&self) -> Option<u64> {
        None
    }

    fn longest(&self) -> Duration {
        Duration::ZERO
    }

    fn progress(
        &self,
        _what: Waiting,
        _waited: Duration,
        _of: Duration,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
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
    /// That more came than this, whoever holds it.
    After(u64),
}

/// Why a wait is interrupted.
pub(crate) enum Event {
    /// There is something to collect, or the conversation is paused, or the agent may no longer collect: the next
    /// transaction says which.
    Mail,
    /// More messages wait for the agent to release them.
    Held,
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
    interest: Interest,
    newer: Arc<Notify>,
    began: Instant,
    length: Duration,
    next_progress: Instant,
    /// How much had come for the agent when it was looked last.
    arrivals: Option<u64>,
    /// How many messages the caller was told wait for the agent to release them.
    pub(crate) held: u64,
}

/// How long a call may wait: as long as it asks, or as its caller's program bears, or as the operator set for those that
/// bear any.
///
/// # Errors
/// `invalid_arguments` when more than [`WAIT_MAX_S`] is asked for.
pub(crate) fn length(call: &Call<'_>, seconds: Option<u64>) -> Result<Duration, Denied> {
    let seconds = seconds.unwrap_or(0);
    if seconds > WAIT_MAX_S {
        let message = format!("wait_seconds must be 0 to {WAIT_MAX_S}");
        return Err(Denied::new(Code::InvalidArguments, message)
            .hint("wait for less and call again when it times out; nothing is missed in between"));
    }
    let longest = match (call.waiter.longest(), call.bridge.settings.wait_max_s) {
        (Duration::ZERO, _) => Duration::ZERO,
        (longest, 0) => longest,
        (_, set) => Duration::from_secs(set.into()),
    };
    Ok(Duration::from_secs(seconds).min(longest))
}

/// Makes sure that a wait that has begun is not one too many, before anything is taken. Its bell hangs already, so
/// that of several who begin at once no more stay than may.
///
/// # Errors
/// `quota_exceeded`, recorded.
pub(crate) async fn make_sure_it_fits(call: &Call<'_>) -> Result<(), Failure> {
    let (bridge, member) = (call.bridge, call.member()?);
    let waits = bridge.store.waits(member.conversation_pk, member.agent_pk).await?;
    // Limits that cannot be read refuse the transaction that follows.
    let own = waits.overrides.unwrap_or_default();
    let most = |limit| own.find(limit).unwrap_or_else(|| bridge.settings.limits.general(limit));
    let [of_agent, of_conversation] = [Limit::WaitsPerAgent, Limit::WaitsPerConversation].map(most);
    // Bells hang before they are counted: those that are about to be refused must not keep others out.
    let of_others: u64 = waits.of_others.iter().map(|waits| waits.min(&of_agent)).sum();
    let message = if waits.of_agent > of_agent {
        format!("you have {of_agent} checks waiting already")
    } else if waits.of_agent + of_others > of_conversation {
        format!("the conversation has {of_conversation} checks waiting already")
    } else {
        return Ok(());
    };
    let denied = Denied::new(Code::QuotaExceeded, message)
        .hint("call check_messages without wait_seconds, or end a check that waits elsewhere");
    let stamp = bridge.stamp(call.permit.clone(), Kind::Read, Detail::default());
    Err(bridge.store.deny(stamp, denied).await)
}

impl<'a> Wait<'a> {
    /// Starts listening; `None` when `length` is no time at all. What comes from now on is not missed: look before the
    /// first [`Self::next`].
    ///
    /// # Errors
    /// A fault of the random source.
    pub(crate) fn begin(
        call: &Call<'a>,
        interest: Interest,
        newer: Arc<Notify>,
        length: Duration,
    ) -> Result<Option<Self>, Failure> {
        if length.is_zero() {
            return Ok(None);
        }
        let name = u64::from_be_bytes(draw(call.bridge.random.as_ref())?);
        // Only an agent that waits is alive, not a program that keeps its inbox.
        let awake = matches!(interest, Interest::Mail);
        let bell = call.bridge.store.listen(call.member()?.agent_pk, name, awake);
        let began = Instant::now();
        let waiter = call.waiter;
        let (next_progress, arrivals) = (began, None);
        Ok(Some(Self { waiter, bell, interest, newer, began, length, next_progress, arrivals, held: 0 }))
    }

    /// Sleeps until something happens that the caller has to hear.
    pub(crate) async fn next(&mut self, call: &Call<'_>) -> Result<Event, Failure> {
        let (bridge, connection, member) = (call.bridge, call.connection()?, call.member()?);
        let place = (member.conversation, member.session.clone());
        loop {
            tokio::select! {
                biased;
                () = self.waiter.cancelled() => return Ok(Event::Abandoned),
                () = self.newer.notified() => return Ok(Event::Abandoned),
                () = tokio::time::sleep_until(self.began + self.length) => return Ok(Event::TimedOut),
                () = tokio::time::sleep_until(self.next_progress) => {
                    self.waiter.progress(Waiting::Messages, self.began.elapsed(), self.length).await;
                    self.next_progress += PROGRESS_EVERY;
                    continue;
                }
                () = self.bell.rung() => {}
            }
            let holder = connection.holder(&place);
            let outlook = bridge.store.outlook(member.agent_pk, holder.id, holder.takes_over).await?;
            // It took a moment: whoever no longer wants the answer takes nothing.
            tokio::select! {
                biased;
                () = self.waiter.cancelled() => return Ok(Event::Abandoned),
                () = self.newer.notified() => return Ok(Event::Abandoned),
                () = std::future::ready(()) => {}
            }
            let unchanged = |now: &Member| {
                (now.epoch, now.revoked) == (member.epoch, member.revoked)
                    && now.permission.reads_messages()
                    && bridge.clock.now() < now.expires_at
            };
            let mail = |outlook: &Outlook| match self.interest {
                Interest::Mail => outlook.due || outlook.paused_by.is_some(),
                Interest::After(known) => outlook.waiting && outlook.arrivals > known,
            };
            let Some(outlook) = outlook.filter(|outlook| !mail(outlook) && unchanged(&outlook.member)) else {
                return Ok(Event::Mail);
            };
            if matches!(self.interest, Interest::Mail) {
                if outlook.held > self.held {
                    return Ok(Event::Held);
                }
                self.held = outlook.held;
                // Something came that is no mail: a message of the agent's was rejected.
                let came = self.arrivals.replace(outlook.arrivals) != Some(outlook.arrivals);
                let news = watch::news(bridge, connection, member, came).await;
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
