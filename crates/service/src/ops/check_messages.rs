//! `check_messages`: acknowledges what came before and hands out what is unread.

use std::sync::Arc;

use mab_core::{
    BatchId, Code, Denied, Failure, audit::Detail, delivery::LEASE_S, entity::OfferRequest, limit::Kind,
    moderation::PausedBy, policy::Action, source::draw,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    door::{Call, Op},
    reading::{ReadMessage, is_none},
    waiting::{self, Event, Interest, Wait},
    watch::{self, Undelivered},
};

/// Messages in one answer when the caller does not say.
const LIMIT_DEFAULT: u32 = 20;
/// Most messages in one answer.
const LIMIT_MAX: u32 = 100;
/// Most sealed bytes in one answer, so that a client's own limit on tool output is not met; one message always fits.
const PAGE_BYTES: u64 = 48 * 1024;

/// The operation.
pub(crate) struct CheckMessages;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// Most messages, default 20
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// A batch; needed only on another connection
    #[serde(default)]
    ack: Option<String>,
    /// Look without receiving
    #[serde(default)]
    peek: bool,
    /// When there is nothing, wait for it
    #[serde(default)]
    #[schemars(range(min = 0, max = 3600))]
    wait_seconds: Option<u64>,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    messages: Vec<ReadMessage>,
    /// Acknowledged by your next check here
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<String>,
    /// Whether to call again at once
    more: bool,
    /// seq of messages that were damaged in the store
    #[serde(skip_serializing_if = "Vec::is_empty")]
    damaged: Vec<u64>,
    /// Nobody can send: tell your user
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    paused: bool,
    /// `mab resume` lifts it; what a moderator paused, also a moderator
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_by: Option<PausedBy>,
    /// Messages that wait for you: see them with moderate, action held
    #[serde(skip_serializing_if = "is_none")]
    held: u64,
    /// Nothing came; call again
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    timed_out: bool,
    /// How long this call waited
    #[serde(skip_serializing_if = "Option::is_none")]
    waited_seconds: Option<u64>,
    /// What you sent and somebody has not got, told once
    #[serde(skip_serializing_if = "Vec::is_empty")]
    undelivered: Vec<Undelivered>,
}

impl Op for CheckMessages {
    const ACTION: Action = Action::Check;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let (bridge, connection, member) = (call.bridge, call.connection()?, call.member()?);
        let ask = Ask { limit: page_limit(arguments.limit)?, peek: arguments.peek };
        let ack = arguments.ack.map(|ack| ack.parse::<BatchId>()).transpose()?;
        let length = waiting::length(&call, arguments.wait_seconds)?;
        let place = (member.conversation, member.session.clone());
        let newer = if ask.peek { Arc::default() } else { connection.begin_check(&place) };
        // Listening comes before looking, so that nothing falls in between.
        let mut wait = Wait::begin(&call, Interest::Mail, newer, length)?;
        if wait.is_some() {
            waiting::make_sure_it_fits(&call).await?;
        }
        let received = if ask.peek { Vec::new() } else { connection.take_received(&place) };
        // Once something was collected nothing may fail: the client would take a refusal for the answer.
        let mut answer = collect(&call, ask, Said { ack, received }).await?;
        answer.undelivered = watch::news(bridge, connection, member, false).await;
        while let Some(wait) = wait.as_mut().filter(|_| answer.is_empty()) {
            wait.held = answer.held;
            match wait.next(&call).await? {
                Event::Held => {
                    answer = collect(&call, ask, Said::default()).await?;
                    break;
                }
                Event::Mail => answer = collect(&call, ask, Said::default()).await?,
                Event::News(news) => answer.undelivered = news,
                Event::TimedOut => {
                    answer = collect(&call, ask, Said::default()).await?;
                    answer.timed_out = answer.is_empty();
                    break;
                }
                Event::Abandoned => {
                    answer.timed_out = true;
                    break;
                }
            }
        }
        answer.waited_seconds = wait.map(|wait| wait.waited_s());
        Ok(answer)
    }
}

impl Answer {
    /// Whether there is nothing in it that the agent has to hear.
    fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.damaged.is_empty() && self.undelivered.is_empty() && !self.paused
    }
}

/// What a check wants.
#[derive(Clone, Copy)]
struct Ask {
    limit: u32,
    peek: bool,
}

/// What a check acknowledges.
#[derive(Default)]
struct Said {
    /// What the agent says it has received.
    ack: Option<BatchId>,
    /// What its client is known to have read.
    received: Vec<u64>,
}

/// Acknowledges what came before, and takes what is due.
async fn collect(call: &Call<'_>, ask: Ask, said: Said) -> Result<Answer, Failure> {
    let (bridge, connection, member) = (call.bridge, call.connection()?, call.member()?);
    let place = (member.conversation, member.session.clone());
    let (holder, received) = (connection.holder(&place), said.received.clone());
    let request = OfferRequest {
        ack: said.ack,
        received: said.received,
        peek: ask.peek,
        limit: ask.limit,
        max_bytes: PAGE_BYTES,
        holder: holder.id,
        takes_over: holder.takes_over,
        tag: u32::from_be_bytes(draw(bridge.random.as_ref())?),
        lease_s: LEASE_S,
    };
    let opener = call.opener()?;
    let stamp = bridge.stamp(call.permit.clone(), Kind::Read, Detail::default());
    let offered = bridge.store.offer(stamp, request).await.inspect_err(|_| {
        // Nothing was acknowledged: the next check tries again.
        connection.put_received(&place, received);
    })?;
    if !ask.peek {
        let messages = offered.messages.iter().map(|message| message.id.seq);
        let seqs = messages.chain(offered.damaged.iter().copied()).collect();
        connection.offered(&place, call.waiter.ticket(), seqs);
        if !offered.more {
            connection.took_all(&place, holder);
        }
    }
    let mut damaged = offered.damaged;
    Ok(Answer {
        messages: opener.messages(offered.messages, &mut damaged),
        batch: offered.batch.map(|batch| batch.to_string()),
        more: offered.more,
        damaged,
        paused: offered.paused_by.is_some(),
        paused_by: offered.paused_by,
        held: offered.held,
        timed_out: false,
        waited_seconds: None,
        undelivered: Vec::new(),
    })
}

/// The number of messages an answer may hold.
pub(crate) fn page_limit(wanted: Option<u32>) -> Result<u32, Denied> {
    match wanted {
        None => Ok(LIMIT_DEFAULT),
        Some(limit) if (1..=LIMIT_MAX).contains(&limit) => Ok(limit),
        Some(_) => Err(Denied::new(Code::InvalidArguments, format!("limit must be 1 to {LIMIT_MAX}"))),
    }
}
