//! `search_messages`: re-reads history, a bounded stretch at a time.

use mab_core::{Failure, audit::Detail, limit::Kind, policy::Action};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check_messages::page_limit;
use crate::{
    arguments::Query,
    door::{Call, Op},
    reading::{Opener, ReadMessage},
};

/// Stored messages looked at in one query.
const STRETCH: u32 = 100;
/// Stored messages looked at in one call.
const SCAN_MAX: u32 = 1_000;
/// Characters of text in one answer; one message always fits.
const PAGE_CHARS: usize = 48 * 1024;

/// The operation.
pub(crate) struct SearchMessages;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// Words that must all occur
    #[serde(default)]
    query: Option<Query>,
    /// Only older messages
    #[serde(default)]
    before_seq: Option<u64>,
    /// Most messages, default 20
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    /// Newest first
    messages: Vec<ReadMessage>,
    /// Pass as `before_seq` to go on; absent at the end
    #[serde(skip_serializing_if = "Option::is_none")]
    next_before_seq: Option<u64>,
    /// seq of messages that were damaged in the store
    #[serde(skip_serializing_if = "Vec::is_empty")]
    damaged: Vec<u64>,
}

impl Op for SearchMessages {
    const ACTION: Action = Action::Search;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let limit = page_limit(arguments.limit)?;
        let words = arguments.query.map(|query| words(query.0.as_str())).unwrap_or_default();
        let (bridge, opener) = (call.bridge, call.opener()?);
        let (pk, viewer) = (call.member()?.conversation_pk, call.member()?.ordinal);
        bridge.store.charge(bridge.stamp(call.permit, Kind::Read, Detail::default())).await?;
        let mut page = Page { limit: limit as usize, words, chars: 0, answer: Answer::empty() };
        let mut before_seq = arguments.before_seq;
        for _ in 0..SCAN_MAX / STRETCH {
            let stretch = bridge.store.history(pk, Some(viewer), before_seq, STRETCH).await?;
            page.answer.damaged.extend(stretch.damaged);
            let full = stretch.messages.into_iter().any(|stored| {
                let (seq, message) = (stored.id.seq, page.open(&opener, stored));
                message.is_some_and(|message| !page.take(seq, message))
            });
            before_seq = stretch.next_before_seq;
            if full {
                break;
            }
            page.answer.next_before_seq = before_seq;
            if before_seq.is_none() {
                break;
            }
        }
        Ok(page.answer)
    }
}

impl Answer {
    fn empty() -> Self {
        Self { messages: Vec::new(), next_before_seq: None, damaged: Vec::new() }
    }
}

struct Page {
    limit: usize,
    words: Vec<String>,
    chars: usize,
    answer: Answer,
}

impl Page {
    fn open(&mut self, opener: &Opener, stored: mab_core::entity::StoredMessage) -> Option<ReadMessage> {
        let message = opener.messages(vec![stored], &mut self.answer.damaged).pop()?;
        let files = message.files_involved.iter().flatten();
        let text =
            files.fold(message.message.to_lowercase(), |text, file| text + "\n" + &file.to_lowercase());
        self.words.iter().all(|word| text.contains(word)).then_some(message)
    }

    /// Adds a message; `false` when the page is full, and then the next page starts with it.
    fn take(&mut self, seq: u64, message: ReadMessage) -> bool {
        let names = message.files_involved.iter().flatten().map(String::len).sum::<usize>();
        self.chars += message.message.len() + names;
        let full = self.answer.messages.len() == self.limit
            || (self.chars > PAGE_CHARS && !self.answer.messages.is_empty());
        if full {
            self.answer.next_before_seq = Some(seq + 1);
        } else {
            self.answer.messages.push(message);
        }
        !full
    }
}

fn words(query: &str) -> Vec<String> {
    query.split_whitespace().map(str::to_lowercase).collect()
}
