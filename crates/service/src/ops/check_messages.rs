//! `check_messages`: acknowledges what came before and hands out what is unread.

use mab_core::{
    BatchId, Code, Denied, Failure, audit::Detail, entity::OfferRequest, limit::Kind, policy::Action,
    source::draw,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    door::{Call, Op},
    reading::ReadMessage,
};

/// Messages in one answer when the caller does not say.
const LIMIT_DEFAULT: u32 = 20;
/// Most messages in one answer.
const LIMIT_MAX: u32 = 100;
/// Most sealed bytes in one answer, so that a client's own limit on tool output is not met; one message always fits.
const PAGE_BYTES: u64 = 48 * 1024;
/// How long a batch is leased before it is handed out again.
const LEASE_S: u64 = 60;

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
    /// A batch you have received; needed only on another connection
    #[serde(default)]
    ack: Option<String>,
    /// Look without receiving
    #[serde(default)]
    peek: bool,
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
}

impl Op for CheckMessages {
    const ACTION: Action = Action::Check;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let (bridge, connection, member) = (call.bridge, call.connection()?, call.member()?);
        let (conversation, session) = (member.conversation, member.session.clone());
        let limit = page_limit(arguments.limit)?;
        let explicit = arguments.ack.map(|ack| ack.parse::<BatchId>()).transpose()?;
        let implicit = if arguments.peek { None } else { connection.take_offered(conversation, &session) };
        let request = OfferRequest {
            ack: explicit.or(implicit),
            ack_must_exist: explicit.is_some_and(|batch| Some(batch) != implicit),
            peek: arguments.peek,
            limit,
            max_bytes: PAGE_BYTES,
            holder: connection.holder(),
            tag: u32::from_be_bytes(draw(bridge.random.as_ref())?),
            lease_s: LEASE_S,
        };
        let opener = call.opener()?;
        let offered =
            bridge.store.offer(bridge.stamp(call.permit, Kind::Read, Detail::default()), request).await;
        let offered = offered.inspect_err(|_| {
            // Nothing was acknowledged: the next check tries again.
            if let Some(batch) = implicit {
                connection.put_offered(conversation, session.clone(), batch);
            }
        })?;
        if let Some(batch) = offered.batch {
            connection.put_offered(conversation, session, batch);
        }
        let mut damaged = offered.damaged;
        let messages = opener.messages(offered.messages, &mut damaged);
        Ok(Answer {
            messages,
            batch: offered.batch.map(|batch| batch.to_string()),
            more: offered.more,
            damaged,
        })
    }
}

/// The number of messages an answer may hold.
pub(crate) fn page_limit(wanted: Option<u32>) -> Result<u32, Denied> {
    match wanted {
        None => Ok(LIMIT_DEFAULT),
        Some(limit) if (1..=LIMIT_MAX).contains(&limit) => Ok(limit),
        Some(_) => Err(Denied::new(Code::InvalidArguments, format!("limit must be 1 to {LIMIT_MAX}"))),
    }
}
