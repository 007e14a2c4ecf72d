//! Admit: from untyped JSON to an operation's own arguments and a claim of identity.

use mab_core::{
    Code, ConversationId, Denied, SessionId,
    token::{Claim, Token},
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use serde_path_to_error::{Path, Segment};

use crate::{Connection, Credentials};

/// Longest name of an argument, in characters.
const NAME_MAX_CHARS: usize = 32;

/// Conversations named in a hint.
const PLACES_SHOWN: usize = 5;

/// The three arguments that say who calls, in the order of the documentation.
pub(crate) const CREDENTIALS: [&str; 3] = ["conversation_id", "session_id", "token"];

/// Reads an operation's arguments. A refusal names the argument and what is allowed, which their schema knows best, and
/// repeats nothing of the caller's.
pub(crate) fn arguments<T: DeserializeOwned>(
    arguments: Map<String, Value>,
    schema: fn() -> Value,
) -> Result<T, Denied> {
    serde_path_to_error::deserialize(Value::Object(arguments)).map_err(|error| {
        let place = place(error.path());
        let message = in_json_words(&without_value(&error.inner().to_string()));
        let is_unknown = message.starts_with("unknown argument");
        let message = match (message.split_once(", expected "), allowed(&schema(), error.path(), is_unknown))
        {
            (Some((found, _)), Some(allowed)) => format!("{found}, expected {allowed}"),
            (_, _) => message,
        };
        // The name of an argument that is unknown is the caller's word too.
        let message = if is_unknown { message } else { place + &message };
        Denied::new(Code::InvalidArguments, message)
            .hint("correct the arguments; the tool's input schema lists them")
    })
}

/// Where in the arguments, up to the first name that none of ours can be.
fn place(path: &Path) -> String {
    let is_ours = |name: &str| {
        name.len() <= NAME_MAX_CHARS && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let mut place = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => place.extend(["[", &index.to_string(), "]"]),
            Segment::Map { key } if is_ours(key) => {
                let dot = if place.is_empty() { "" } else { "." };
                place.extend([dot, key.as_str()]);
            }
            Segment::Map { .. } | Segment::Enum { .. } | Segment::Unknown => break,
        }
    }
    if place.is_empty() { place } else { place + ": " }
}

/// What the schema allows where the path ends: names of arguments, values, or a range.
fn allowed(schema: &Value, path: &Path, is_unknown: bool) -> Option<String> {
    let mut node = schema;
    for segment in path {
        let inner = match segment {
            Segment::Seq { .. } => node.get("items"),
            Segment::Map { key } => node.get("properties").and_then(|properties| properties.get(key)),
            Segment::Enum { .. } | Segment::Unknown => None,
        };
        let Some(inner) = inner else { break };
        node = inner;
    }
    let one_of = |names: Vec<&str>| format!("one of `{}`", names.join("`, `"));
    let number = |bound| node.get(bound).and_then(Value::as_u64);
    if let Some(values) = node.get("enum").and_then(Value::as_array) {
        Some(one_of(values.iter().filter_map(Value::as_str).collect()))
    } else if let (Some(least), Some(most)) = (number("minimum"), number("maximum")) {
        Some(format!("a whole number, {least} to {most}"))
    } else {
        let properties = node.get("properties").filter(|_| is_unknown)?.as_object()?;
        Some(one_of(properties.keys().map(String::as_str).collect()))
    }
}

/// How serde ends when no argument has a place.
const NO_FIELDS: &str = ", there are no fields";

/// What serde says of a value, without the value: that stands between the kind, which is serde's word, and what is expected,
/// which is ours and comes last.
fn without_value(message: &str) -> String {
    let speaks_of_a_value =
        ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant ", "unknown field "];
    if !speaks_of_a_value.iter().any(|start| message.starts_with(start)) {
        return message.to_owned();
    }
    let expected = match message.strip_suffix(NO_FIELDS) {
        Some(_) => Some(NO_FIELDS),
        None => message.rfind(", expected ").and_then(|at| message.get(at..)),
    };
    let head = message.split(['`', '"', ',']).next().unwrap_or_default().trim_end();
    format!("{head}{}", expected.unwrap_or_default())
}

/// The parser speaks of Rust's types; callers know JSON's.
fn in_json_words(message: &str) -> String {
    let words = [
        ("expected u32", "expected a whole number"),
        ("expected u64", "expected a whole number"),
        ("expected a sequence", "expected an array"),
        ("invalid type: map", "invalid type: object"),
        ("invalid type: sequence", "invalid type: array"),
        ("invalid value: map", "invalid value: object"),
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

/// Completes what was given from what the connection remembers. A token opens one place: where several fit, the caller says
/// which, so that one call is never several guesses.
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
        _ if given.token.is_some() => Err(ambiguous(&claims)),
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
