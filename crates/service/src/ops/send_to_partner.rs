//! `send_to_partner`: redacts, seals and stores a message.

use std::collections::BTreeSet;

use mab_core::{
    Code, Denied, Failure, MessageId, SessionId,
    agent::{ActionType, MEMBERS_MAX},
    audit::{Actor, Detail},
    entity::{Appended, NewMessage, Repeatable},
    inbound::Standing,
    limit::Kind,
    policy::Action,
    repeat::{Digests, Request},
    source::draw,
    text::FILES_MAX,
};
use mab_redact::Redacted;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    arguments::{FileName, IdempotencyKey, MessageArgument, MessageText, SessionArgument},
    door::{Call, Op},
    reading::{Opener, message_place, message_row},
    screening::{self, Part, Screen, with_newest},
    watch::{self, Undelivered},
};

/// The operation.
pub(crate) struct SendToPartner;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    message: MessageText,
    /// Default info
    #[serde(default)]
    action_type: Option<ActionType>,
    /// Paths the message is about
    #[serde(default)]
    #[schemars(length(max = 20))]
    files_involved: Option<Vec<FileName>>,
    /// Handles; default everyone else
    #[serde(default)]
    #[schemars(length(min = 1))]
    to: Option<Vec<SessionArgument>>,
    /// A `message_id`
    #[serde(default)]
    reply_to: Option<MessageArgument>,
    /// Makes repeating this same call harmless
    #[serde(default)]
    idempotency_key: Option<IdempotencyKey>,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    message_id: String,
    seq: u64,
    recipients: Vec<String>,
    /// Whether secrets were replaced
    redacted: bool,
    findings: Vec<Found>,
    /// This was one too many without a human: tell your user
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    paused: bool,
    /// Nobody gets it unless one of `can_release` releases it
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    held: bool,
    /// It was held, and then refused
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    can_release: Vec<String>,
    /// What you sent and somebody has not got, told once
    #[serde(skip_serializing_if = "Vec::is_empty")]
    undelivered: Vec<Undelivered>,
    /// Whether it was sent before, under the same key; absent otherwise
    #[serde(skip_serializing_if = "Option::is_none")]
    repeated: Option<bool>,
}

/// What one rule found.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Found {
    rule: String,
    class: &'static str,
    count: u64,
    /// First bytes and ends
    ranges: Vec<(usize, usize)>,
    /// Index in `files_involved`, when not in the message
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<usize>,
}

impl Found {
    fn of(found: &screening::Found) -> Self {
        let screening::Found { rule, class, file, count, places, replaced: _ } = found;
        Self {
            rule: rule.to_string(),
            class: class.as_str(),
            count: *count,
            ranges: places.clone(),
            file: *file,
        }
    }
}

impl Op for SendToPartner {
    const ACTION: Action = Action::Send;
    type Arguments = Arguments;
    type Answer = Answer;

    fn may_repeat(arguments: &Arguments) -> bool {
        arguments.idempotency_key.is_some()
    }

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let files = files(arguments.files_involved.unwrap_or_default())?;
        let wanted = Wanted {
            message: arguments.message,
            action_type: arguments.action_type.unwrap_or(ActionType::Info),
            files,
            to: arguments.to.map(recipients).transpose()?,
            reply_to: arguments.reply_to.map(|id| id.0),
            key: arguments.idempotency_key,
        };
        let answer = with_newest(&call, || send(&call, &wanted)).await?;
        let undelivered = watch::news(call.bridge, call.connection()?, call.member()?, false).await;
        Ok(Answer { undelivered, ..answer })
    }
}

/// What is to be sent.
struct Wanted {
    message: MessageText,
    action_type: ActionType,
    files: Vec<FileName>,
    to: Option<Vec<SessionId>>,
    reply_to: Option<MessageId>,
    key: Option<IdempotencyKey>,
}

/// Sends it, redacted on what is known now.
async fn send(call: &Call<'_>, wanted: &Wanted) -> Result<Answer, Failure> {
    let (bridge, opener, member) = (call.bridge, call.opener()?, call.member()?);
    let text = wanted.message.0.as_str();
    let texts: Vec<&str> = wanted.files.iter().map(|file| file.0.as_str()).chain([text]).collect();
    let mut screen = Screen::of(call, &texts).await?;
    let body = screen.redact(text, Part::Message)?;
    let mut files = Vec::with_capacity(wanted.files.len());
    for (index, file) in wanted.files.iter().enumerate() {
        files.push(screen.redact(file.0.as_str(), Part::File(index))?);
    }
    let repeatable = wanted.key.as_ref().map(|key| repeatable(call, &opener, wanted, key)).transpose()?;
    let repeatable = call.admit(repeatable).await?;
    let tag = draw(bridge.random.as_ref())?;
    let row = message_row(tag, member.ordinal);
    let seal = |column, parts: &[&Redacted]| {
        opener.key.seal(bridge.random.as_ref(), &message_place(member.conversation, &row, column), parts)
    };
    let new = NewMessage {
        tag,
        body: seal("body", &[&body])?,
        files: match files.iter().collect::<Vec<_>>() {
            none if none.is_empty() => None,
            files => Some(seal("files", &files)?),
        },
        action_type: wanted.action_type,
        to: wanted.to.clone(),
        reply_to: wanted.reply_to,
        redactions: screen.replaced(),
        quotas: bridge.quotas(),
        loop_guard: bridge.settings.loop_guard,
        repeatable,
    };
    let detail = Detail::default()
        .name("action_type", wanted.action_type.as_str())
        .number("chars", text.chars().count() as u64)
        .number("files", files.len() as u64)
        .counts("redacted", &screen.findings());
    let learned = screen.learned();
    let stamp = bridge.stamp(call.permit.clone(), Kind::Change, detail).learning(learned.clone());
    let appended = bridge.store.append(stamp, new).await?;
    if !appended.repeated {
        screening::stored(bridge, member, &learned, Some(text));
    }
    Ok(answer(&appended, &screen))
}

/// What makes a repeat of this send known. Its texts are digested as they are redacted by themselves: what the conversation
/// learns of secrets meanwhile makes no other request of it.
fn repeatable(
    call: &Call<'_>,
    opener: &Opener,
    wanted: &Wanted,
    key: &IdempotencyKey,
) -> Result<Repeatable, Failure> {
    let bridge = call.bridge;
    let alone = |text: &str| bridge.redact_alone(text);
    let files = wanted.files.iter().map(|file| alone(file.0.as_str())).collect::<Result<Vec<_>, _>>()?;
    let request = Request {
        sender_ordinal: call.member()?.ordinal,
        body: &alone(wanted.message.0.as_str())?,
        files: &files,
        action_type: wanted.action_type,
        to: wanted.to.as_deref(),
        reply_to: wanted.reply_to,
    };
    let digests = Digests::of(&opener.key, &key.0, &request)?;
    Ok(Repeatable { digests, charge: bridge.charge_of_a_repeat() })
}

fn answer(appended: &Appended, screen: &Screen<'_>) -> Answer {
    let held = appended.standing == Some(Standing::Held);
    let moderators = appended.moderators.iter().map(ToString::to_string);
    Answer {
        message_id: appended.id.to_string(),
        seq: appended.id.seq,
        recipients: appended.recipients.iter().map(ToString::to_string).collect(),
        redacted: screen.replaced() > 0,
        findings: screen.found().iter().map(Found::of).collect(),
        paused: appended.paused,
        held,
        rejected: (appended.standing == Some(Standing::Rejected)).then_some(true),
        can_release: moderators.chain([Actor::Operator.as_str().to_owned()]).filter(|_| held).collect(),
        undelivered: Vec::new(),
        repeated: appended.repeated.then_some(true),
    }
}

fn files(files: Vec<FileName>) -> Result<Vec<FileName>, Denied> {
    if files.len() > FILES_MAX {
        let message = format!("files_involved has {} entries; at most {FILES_MAX} are allowed", files.len());
        return Err(Denied::new(Code::InvalidArguments, message));
    }
    Ok(files)
}

fn recipients(to: Vec<SessionArgument>) -> Result<Vec<SessionId>, Denied> {
    if to.is_empty() || to.len() > usize::from(MEMBERS_MAX) {
        return Err(Denied::new(Code::InvalidArguments, format!("to must name 1 to {MEMBERS_MAX} members"))
            .hint("leave it out to reach everyone else"));
    }
    Ok(to.into_iter().map(|name| name.0).collect::<BTreeSet<_>>().into_iter().collect())
}
