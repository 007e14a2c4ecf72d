//! Arguments as types: each refuses what does not fit while it is read, and describes itself in JSON Schema.

use std::{borrow::Cow, str::FromStr};

use mab_core::{
    ConversationId, Denied, MessageId, SessionId,
    text::{self, BoundedText, Bounds},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error};

macro_rules! bounded {
    ($($(#[$meta:meta])* $name:ident = $bounds:expr),+ $(,)?) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone)]
        pub(crate) struct $name(pub(crate) BoundedText);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                read_bounded(deserializer, &$bounds).map(Self)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "minLength": $bounds.min_chars, "maxLength": $bounds.max_chars })
            }
        }
    )+};
}

bounded! {
    /// An agent's role.
    Role = text::ROLE,
    /// What a conversation is about.
    Topic = text::TOPIC,
    /// A note beside a status.
    Note = text::NOTE,
    /// A message.
    MessageText = text::MESSAGE,
    /// A file name.
    FileName = text::FILE_NAME,
    /// What names a send.
    IdempotencyKey = text::IDEMPOTENCY_KEY,
    /// The words of a search.
    Query = text::QUERY,
    /// Why a command is refused.
    Reason = text::REASON,
}

fn read_bounded<'de, D: Deserializer<'de>>(
    deserializer: D,
    bounds: &Bounds,
) -> Result<BoundedText, D::Error> {
    let text = String::deserialize(deserializer)?;
    BoundedText::parse(text, bounds).map_err(|denied| D::Error::custom(denied.message))
}

/// An identifier that is read from its text form.
#[derive(Debug, Clone)]
pub(crate) struct Named<T>(pub(crate) T);

impl<'de, T: FromStr<Err = Denied>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|denied: Denied| D::Error::custom(denied.message))
    }
}

impl<T> JsonSchema for Named<T> {
    fn schema_name() -> Cow<'static, str> {
        "Named".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// A conversation's id, as an argument.
pub(crate) type ConversationArgument = Named<ConversationId>;
/// A handle, as an argument.
pub(crate) type SessionArgument = Named<SessionId>;
/// A message's id, as an argument.
pub(crate) type MessageArgument = Named<MessageId>;

/// Bytes, in hexadecimal.
#[derive(Debug, Clone)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        hex::decode(text).map(Self).map_err(|_| D::Error::custom("hexadecimal digits are needed"))
    }
}

impl JsonSchema for Bytes {
    fn schema_name() -> Cow<'static, str> {
        "Bytes".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^([0-9a-f]{2})*$" })
    }
}
