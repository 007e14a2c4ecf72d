//! Admit: from untyped JSON to an operation's own arguments and a claim of identity.

use mab_core::{
    Code, ConversationId, Denied, SessionId,
    token::{Claim, Token},
};
use mab_redact::Redactor;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{Connection, Credentials};

/// Longest part of a parser's message that is repeated to the caller, in characters.
const ECHO_MAX_CHARS: usize = 300;

/// The three arguments that say who calls, in the order of the documentation.
pub(crate) const CREDENTIALS: [&str; 3] = ["conversation_id", "session_id", "token"];

/// Reads an operation's arguments.
pub(crate) fn arguments<T: DeserializeOwned>(
    redactor: &Redactor,
    arguments: Map<String, Value>,
) -> Result<T, Denied> {
    serde_json::from_value(Value::Object(arguments)).map_err(|error| {
        // The parser may repeat what the caller wrote: never a whole text, never a secret.
        let text: String = error.to_string().chars().take(ECHO_MAX_CHARS).collect();
        let message = redactor.redact(&text).text.into_string();
        Denied::new(Code::InvalidArguments, message)
            .hint("correct the arguments; the tool's input schema lists them")
    })
}

/// What a caller gave of its credentials; each may be missing.
#[derive(Debug, Default)]
pub(crate) struct Given {
    conversation: Option<ConversationId>,
    session: Option<SessionId>,
    token: Option<Token>,
}

/// Takes the credentials out of the arguments.
pub(crate) fn credentials(arguments: &mut Map<String, Value>) -> Result<Given, Denied> {
    let mut text = |name: &'static str| match arguments.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Denied::new(Code::InvalidArguments, format!("{name} must be a string"))),
    };
    let [conversation, session, token] = CREDENTIALS;
    Ok(Given {
        conversation: text(conversation)?.map(|text| text.parse()).transpose()?,
        session: text(session)?.map(|text| text.parse()).transpose()?,
        token: text(token)?.map(Token::presented),
    })
}

/// Completes what was given from what the connection remembers; what was given wins.
pub(crate) fn claim(given: Given, connection: &Connection) -> Result<Claim, Denied> {
    if let Given { conversation: Some(conversation), session: Some(session), token: Some(token) } = given {
        return Ok(Claim { conversation, session, token });
    }
    let fits = |known: &Credentials| {
        given.conversation.is_none_or(|id| id == known.conversation)
            && given.session.as_ref().is_none_or(|session| *session == known.session)
    };
    let mut known: Vec<Credentials> = connection.wallet().all().into_iter().filter(fits).collect();
    let Some(one) = known.pop() else {
        return Err(Denied::new(Code::CredentialsMissing, "credentials are needed and none that fit are remembered here")
            .hint("pass conversation_id, session_id and token together, or call create_conversation or join_conversation first"));
    };
    if known.is_empty() {
        return Ok(Claim {
            conversation: one.conversation,
            session: one.session,
            token: given.token.unwrap_or(one.token),
        });
    }
    let places: Vec<String> = known
        .iter()
        .chain([&one])
        .map(|known| format!("{} as {}", known.conversation, known.session))
        .collect();
    Err(Denied::new(Code::AmbiguousConversation, "several conversations are remembered here")
        .hint(format!("pass conversation_id and session_id of one of: {}", places.join(", "))))
}

/// The JSON Schema properties of [`CREDENTIALS`].
pub(crate) fn credentials_schema() -> [(&'static str, Value); 3] {
    let [conversation, session, token] = CREDENTIALS;
    [
        (conversation, json!({ "type": "string" })),
        (session, json!({ "type": "string" })),
        (token, json!({ "type": "string" })),
    ]
}
