//! Identifiers: parsed once at the edge, shown in one form.

use std::{fmt, str::FromStr};

use crate::{Denied, Fault, denied::Code, source::Random, source::draw};

/// Longest handle an agent may choose, in characters.
pub const SESSION_ID_MAX_CHARS: usize = 32;

/// Handles nobody may take: the bridge and the operator speak under them.
pub const RESERVED_SESSION_IDS: [&str; 5] = ["system", "operator", "human", "newcomer", "unknown"];

/// Handles that no new agent gets besides: whoever reads one takes it for somebody who is no agent. Stored ones stay what
/// they are.
const MISLEADING_SESSION_IDS: [&str; 11] = [
    "person",
    "you",
    "user",
    "admin",
    "administrator",
    "root",
    "mab",
    "bridge",
    "policy",
    "everyone",
    "nobody",
];

/// Names a conversation: `conv_` and 16 lower-case hexadecimal digits. A name, not a capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConversationId([u8; 8]);

impl ConversationId {
    /// Draws a new name.
    ///
    /// # Errors
    /// A [`Fault`] when the random source fails.
    pub fn draw(random: &dyn Random) -> Result<Self, Fault> {
        draw(random).map(Self)
    }

    /// The name behind eight stored bytes.
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The eight bytes behind the name.
    pub const fn bytes(self) -> [u8; 8] {
        self.0
    }
}

impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "conv_{}", hex::encode(self.0))
    }
}

impl FromStr for ConversationId {
    type Err = Denied;

    fn from_str(text: &str) -> Result<Self, Denied> {
        text.strip_prefix("conv_").and_then(lower_hex).map(Self).ok_or_else(|| {
            Denied::new(Code::InvalidArguments, "conversation_id must be conv_ and 16 hexadecimal digits")
                .hint("copy it exactly as create_conversation returned it")
        })
    }
}

/// An agent's handle inside one conversation: `a`, `b`, or a chosen name of `[a-z0-9_-]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(String);

impl SessionId {
    /// The handle of the agent that joined as number `ordinal` (0 is `a`, 25 is `z`, then `a1`, `b1` …).
    pub fn from_ordinal(ordinal: u8) -> Self {
        let letter = char::from(b'a' + ordinal % 26);
        match ordinal / 26 {
            0 => Self(letter.to_string()),
            round => Self(format!("{letter}{round}")),
        }
    }

    /// The bridge itself, as the sender of a message: no agent can have this handle.
    pub fn system() -> Self {
        Self("system".to_owned())
    }

    /// The handle, when a new agent may have it: none that passes for somebody who is no agent, also with an article, as
    /// several, with digits that look like letters, or with others, `_` and `-` in it.
    ///
    /// # Errors
    /// `invalid_arguments`.
    pub fn for_new(self) -> Result<Self, Denied> {
        let letters: String = self.0.chars().filter(char::is_ascii_lowercase).collect();
        let read: String = self.0.chars().map(letter).filter(char::is_ascii_lowercase).collect();
        let is_taken = |read: &str| {
            let mut taken = RESERVED_SESSION_IDS.iter().chain(&MISLEADING_SESSION_IDS);
            taken.any(|name| *name == read || read.strip_suffix('s') == Some(name))
        };
        let is_misread = |read: &str| {
            let articles = ["", "the", "a", "an", "my", "your"];
            articles.iter().filter_map(|article| read.strip_prefix(article)).any(is_taken)
        };
        if is_misread(&letters) || is_misread(&read) { Err(reserved()) } else { Ok(self) }
    }

    /// The handle as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The letter that a digit is read as.
const fn letter(digit: char) -> char {
    match digit {
        '0' => 'o',
        '1' => 'i',
        '3' => 'e',
        '4' => 'a',
        other => other,
    }
}

fn reserved() -> Denied {
    unusable("session_id is reserved for the bridge itself")
}

fn unusable(message: &str) -> Denied {
    Denied::new(Code::InvalidArguments, message).hint("use a handle such as a, b or reviewer")
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SessionId {
    type Err = Denied;

    fn from_str(text: &str) -> Result<Self, Denied> {
        let refuse = |message: &str| Err(unusable(message));
        if text.is_empty() || text.len() > SESSION_ID_MAX_CHARS {
            return refuse("session_id must be 1 to 32 characters");
        }
        let plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
        if !text.bytes().all(plain) || !text.starts_with(|first: char| first.is_ascii_lowercase()) {
            return refuse("session_id must be lower-case letters, digits, _ and -, a letter first");
        }
        if RESERVED_SESSION_IDS.contains(&text) {
            return Err(reserved());
        }
        Ok(Self(text.to_owned()))
    }
}

/// Names a message: `msg_`, its sequence number, `_`, and a tag of 16 hexadecimal digits drawn by the sender's
/// process. The number finds the row; the tag binds the sealed body to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId {
    /// Position in the conversation, from 1.
    pub seq: u64,
    /// Random tag.
    pub tag: [u8; 8],
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "msg_{}_{}", self.seq, hex::encode(self.tag))
    }
}

impl FromStr for MessageId {
    type Err = Denied;

    fn from_str(text: &str) -> Result<Self, Denied> {
        let parse = || {
            let (seq, tag) = text.strip_prefix("msg_")?.split_once('_')?;
            Some(Self { seq: decimal(seq)?, tag: lower_hex(tag)? })
        };
        parse().ok_or_else(|| {
            Denied::new(Code::InvalidArguments, "a message_id must look like msg_7_0123456789abcdef")
                .hint("copy the message_id that check_messages or search_messages returned")
        })
    }
}

/// Names a command that was asked for: `run_` and 16 lower-case hexadecimal digits. A name, not a capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId([u8; 8]);

impl RunId {
    /// Draws a new name.
    ///
    /// # Errors
    /// A [`Fault`] when the random source fails.
    pub fn draw(random: &dyn Random) -> Result<Self, Fault> {
        draw(random).map(Self)
    }

    /// The name behind eight stored bytes.
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The eight bytes behind the name.
    pub const fn bytes(self) -> [u8; 8] {
        self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run_{}", hex::encode(self.0))
    }
}

impl FromStr for RunId {
    type Err = Denied;

    fn from_str(text: &str) -> Result<Self, Denied> {
        text.strip_prefix("run_").and_then(lower_hex).map(Self).ok_or_else(|| {
            Denied::new(Code::InvalidArguments, "a run_id must be run_ and 16 hexadecimal digits")
                .hint("copy it exactly as execute_command, or `mab pending`, shows it")
        })
    }
}

/// Names one offered batch: the first and last sequence number in it and a random tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BatchId {
    /// Sequence number of the oldest message in the batch.
    pub first: u64,
    /// Sequence number of the newest message in the batch.
    pub last: u64,
    /// Random tag.
    pub tag: u32,
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "batch_{}_{}_{:08x}", self.first, self.last, self.tag)
    }
}

impl FromStr for BatchId {
    type Err = Denied;

    fn from_str(text: &str) -> Result<Self, Denied> {
        let parse = || {
            let mut parts = text.strip_prefix("batch_")?.split('_');
            let (first, last, tag) = (decimal(parts.next()?)?, decimal(parts.next()?)?, parts.next()?);
            let whole = parts.next().is_none() && first <= last;
            whole.then_some(Self { first, last, tag: u32::from_be_bytes(lower_hex(tag)?) })
        };
        parse().ok_or_else(|| {
            Denied::new(Code::UnknownBatch, "ack must be a batch that check_messages returned")
                .hint("call check_messages without ack; unacknowledged messages come again")
        })
    }
}

fn lower_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0_u8; N];
    let canonical = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (canonical && hex::decode_to_slice(text, &mut bytes).is_ok()).then_some(bytes)
}

fn decimal(text: &str) -> Option<u64> {
    let canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    // Sequence numbers are stored as signed 64-bit integers.
    if canonical { text.parse().ok().filter(|number| i64::try_from(*number).is_ok()) } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_id_when_shown_and_parsed_is_itself(bytes: [u8; 8], seq in 1..=i64::MAX as u64, span in 0_u64..100, tag: u32) {
            let conversation = ConversationId(bytes);
            prop_assert_eq!(conversation.to_string().parse::<ConversationId>(), Ok(conversation));
            let run = RunId(bytes);
            prop_assert_eq!(run.to_string().parse::<RunId>(), Ok(run));
            let message = MessageId { seq, tag: bytes };
            prop_assert_eq!(message.to_string().parse::<MessageId>(), Ok(message));
            let batch = BatchId { first: seq - span.min(seq - 1), last: seq, tag };
            prop_assert_eq!(batch.to_string().parse::<BatchId>(), Ok(batch));
        }

        #[test]
        fn no_text_makes_a_parser_panic(text in ".{0,60}") {
            let _ = (text.parse::<ConversationId>(), text.parse::<SessionId>());
            let _ = (text.parse::<MessageId>(), text.parse::<BatchId>());
        }
    }

    #[test]
    fn session_id_when_malformed_or_reserved_is_refused() {
        for bad in ["", "A", "1a", "system", "operator", "human", "a b", "é", "a/b", &"a".repeat(33)] {
            assert!(bad.parse::<SessionId>().is_err(), "{bad:?}");
        }
        for good in ["a", "b", "reviewer-2", "back_end"] {
            assert_eq!(good.parse::<SessionId>().map(|id| id.to_string()), Ok(good.to_owned()));
        }
    }

    #[test]
    fn ordinals_never_share_a_handle() {
        let handles: std::collections::BTreeSet<_> = (0..=255).map(SessionId::from_ordinal).collect();
        assert_eq!(handles.len(), 256);
        assert!(handles.iter().all(|handle| handle.as_str().parse::<SessionId>().is_ok()));
    }

    #[test]
    fn ids_when_not_canonical_are_refused() {
        for bad in ["conv_ABCDEF0123456789", "conv_0123", "0123456789abcdef", "conv_0123456789abcdef "] {
            assert!(bad.parse::<ConversationId>().is_err(), "{bad}");
        }
        for bad in [
            "msg_01_0123456789abcdef",
            "msg_0_0123456789abcdef",
            "msg_1_xyz",
            "msg_99999999999999999999_0123456789abcdef",
        ] {
            assert!(bad.parse::<MessageId>().is_err(), "{bad}");
        }
        for bad in ["batch_5_4_00000000", "batch_1_2", "batch_1_2_0000000g", "batch_1_2_00000000_3"] {
            assert_eq!(
                bad.parse::<BatchId>().map_err(|denied| denied.code),
                Err(Code::UnknownBatch),
                "{bad}"
            );
        }
    }
}
