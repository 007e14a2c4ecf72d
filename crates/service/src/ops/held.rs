//! `held`: messages that wait to be released, for the operator; agents reach them through `moderate`.

use std::collections::HashMap;

use mab_core::{
    Code, ConversationId, Denied, Failure,
    audit::Detail,
    entity::{HeldMessage, HeldPage},
    limit::Kind,
    policy::Action,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::list::opener;
use crate::{
    Bridge,
    arguments::ConversationArgument,
    door::{Call, Op},
    reading::{Opener, ReadMessage},
};

/// Messages in one answer when the caller does not say.
const LIMIT_DEFAULT: u32 = 100;
/// Most messages in one answer.
const LIMIT_MAX: u32 = 1_000;

/// Most messages in one answer to an agent.
const AGENTS_MAX: u32 = 20;
/// Most sealed bytes in one answer to an agent; one message always fits.
const AGENTS_BYTES: usize = 48 * 1024;

/// The operation.
pub(crate) struct ListHeld;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// Only this conversation's; default all
    #[serde(default)]
    conversation_id: Option<ConversationArgument>,
    /// Only those after this one; needs `conversation_id`
    #[serde(default)]
    after_seq: u64,
    /// Most messages, default 100
    #[serde(default)]
    limit: Option<u32>,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Listing {
    /// Oldest first
    messages: Vec<Waiting>,
    /// seq of messages that were damaged in the store
    #[serde(skip_serializing_if = "Vec::is_empty")]
    damaged: Vec<u64>,
    /// Whether there are more
    more: bool,
}

/// A message that waits.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Waiting {
    conversation_id: String,
    #[serde(flatten)]
    message: ReadMessage,
    /// Who gets it when it is released
    to: Vec<String>,
    held_at: String,
}

impl Op for ListHeld {
    const ACTION: Action = Action::ListHeld;
    type Arguments = Arguments;
    type Answer = Listing;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Listing, Failure> {
        let (bridge, id) = (call.bridge, arguments.conversation_id.map(|id| id.0));
        let limit = arguments.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX);
        if let Some(id) = id
            && bridge.store.conversation(id).await?.is_none()
        {
            return Err(Denied::new(Code::NotFound, "no such conversation")
                .hint("`mab list --all` shows what there is")
                .into());
        }
        let page = bridge.store.held(id.map(|id| (id, arguments.after_seq)), limit).await?;
        opened(bridge, page).await
    }
}

/// The oldest that wait in the agent's own conversation, as many as its client bears.
pub(crate) async fn list(call: &Call<'_>) -> Result<Listing, Failure> {
    let (bridge, opener) = (call.bridge, call.opener()?);
    bridge.store.charge(bridge.stamp(call.permit.clone(), Kind::Read, Detail::default())).await?;
    let page = bridge.store.held(Some((opener.conversation, 0)), AGENTS_MAX).await?;
    let mut listing = Listing { messages: Vec::new(), damaged: page.damaged, more: page.more };
    let mut bytes = 0;
    for held in page.messages {
        bytes += held.message.body.len() + held.message.files.as_ref().map_or(0, Vec::len);
        if bytes > AGENTS_BYTES && !listing.messages.is_empty() {
            listing.more = true;
            break;
        }
        listing.messages.extend(waiting(&opener, held, &mut listing.damaged));
    }
    Ok(listing)
}

/// Opens a page for the operator.
async fn opened(bridge: &Bridge, page: HeldPage) -> Result<Listing, Failure> {
    let mut openers: HashMap<ConversationId, Option<Opener>> = HashMap::new();
    let (mut messages, mut damaged) = (Vec::new(), page.damaged);
    for held in page.messages {
        if let std::collections::hash_map::Entry::Vacant(vacant) = openers.entry(held.conversation) {
            let state = bridge.store.conversation(held.conversation).await?;
            vacant.insert(state.and_then(|state| opener(bridge, &state)));
        }
        let opener = openers.get(&held.conversation).and_then(Option::as_ref);
        messages.extend(opener.and_then(|opener| waiting(opener, held, &mut damaged)));
    }
    Ok(Listing { messages, damaged, more: page.more })
}

/// Opens one message; `None` when it was damaged.
fn waiting(opener: &Opener, held: HeldMessage, damaged: &mut Vec<u64>) -> Option<Waiting> {
    let HeldMessage { conversation, message, to, held_at } = held;
    Some(Waiting {
        conversation_id: conversation.to_string(),
        message: opener.messages(vec![message], damaged).pop()?,
        to: to.iter().map(ToString::to_string).collect(),
        held_at: held_at.to_string(),
    })
}
