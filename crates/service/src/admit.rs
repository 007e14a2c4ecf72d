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

/// Conversations named in a hint.
const PLACES_SHOWN: usize = 5;

/// The three arguments that say who calls, in the order of the documentation.
pub(crate) const CREDENTIALS: [&str; 3] = ["conversation_id", "session_id", "token"];

/// Reads an operation's arguments.
pub(crate) fn arguments<T: DeserializeOwned>(
    redactor: &Redactor,
    arguments: Map<String, Value>,
) -> Result<T, Denied> {
    serde_path_to_error::deserialize(Value::Object(arguments)).map_err(|error| {
        let path = error.path().to_string();
        let place = if path == "." { String::new() } else { format!("{path}: ") };
        // The parser may repeat what the caller wrote: never a whole text, never a secret.
        let text: String = format!("{place}{}", in_json_words(&error.into_inner().to_string()));
        let text: String = text.chars().take(ECHO_MAX_CHARS).collect();
        let message = redactor.redact(&text).text.into_string();
        Denied::new(Code::InvalidArguments, message)
            .hint("correct the arguments; the tool's input schema lists them")
    })
}

/// The parser speaks of Rust's types; callers know JSON's.
fn in_json_words(message: &str) -> String {
    let words = [
        ("expected u32", "expected a whole number"),
        ("expected u64", "expected a whole number"),
        ("expected a sequence", "expected an array"),
        ("invalid type: map", "invalid type: object"),
        ("invalid type: sequence", "invalid type: array"),
        ("unknown variant", "unknown value"),
        ("unknown field", "unknown argument"),
        ("missing field", "missing argument"),
        ("there are no fields", "there are none but conversation_id, session_id and token"),
    ];
    words.into_iter().fold(message.to_owned(), |message, (theirs, ours)| message.replace(theirs, ours))
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

/// Who a caller may be, by what it gave and what its connection remembers; what was given wins.
pub(crate) enum Claims {
    /// One.
    One(Claim),
    /// Several, newest credentials first: whichever still opens something.
    Several(Vec<Claim>),
}

/// Completes what was given from what the connection remembers.
pub(crate) fn claims(given: Given, connection: &Connection) -> Result<Claims, Denied> {
    if let Given { conversation: Some(conversation), session: Some(session), token: Some(token) } = given {
        return Ok(Claims::One(Claim { conversation, session, token }));
    }
    let fits = |known: &Credentials| {
        given.conversation.is_none_or(|id| id == known.conversation)
            && given.session.as_ref().is_none_or(|session| *session == known.session)
    };
    let known = connection.wallet().all().into_iter().rev().filter(fits);
    let mut claims: Vec<Claim> = known
        .map(|known| Claim {
            conversation: known.conversation,
            session: known.session,
            token: given.token.clone().unwrap_or(known.token),
        })
        .collect();
    match claims.len() {
        0 => Err(Denied::new(Code::CredentialsMissing, "credentials are needed and none that fit are remembered here")
            .hint("call join_conversation once with the conversation_id, session_id and token you were given, then leave them out; or create_conversation")),
        1 => Ok(Claims::One(claims.remove(0))),
        _ => Ok(Claims::Several(claims)),
    }
}

/// Nobody can tell which of several conversations is meant.
pub(crate) fn ambiguous(live: &[Claim]) -> Denied {
    let places: Vec<String> = live
        .iter()
        .take(PLACES_SHOWN)
        .map(|claim| format!("{} as {}", claim.conversation, claim.session))
        .collect();
    Denied::new(Code::AmbiguousConversation, "several conversations are open here").hint(format!(
        "pass conversation_id and session_id of one of: {} (list_conversations shows all)",
        places.join(", ")
    ))
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
