//! `send_to_partner`: redacts, seals and stores a message.

use std::collections::BTreeSet;

use mab_core::{
    Code, Denied, Failure, SessionId,
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
    bridge::Findings,
    door::{Call, Op},
    reading::{message_place, message_row},
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

/// How often one rule found something.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Found {
    rule: String,
    count: u64,
}

impl Op for SendToPartner {
    const ACTION: Action = Action::Send;
    type Arguments = Arguments;
    type Answer = Answer;

    fn may_repeat(arguments: &Arguments) -> bool {
        arguments.idempotency_key.is_some()
    }

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let (bridge, opener, member) = (call.bridge, call.opener()?, call.member()?);
        let files = files(arguments.files_involved.unwrap_or_default())?;
        let to = arguments.to.map(recipients).transpose()?;
        let action_type = arguments.action_type.unwrap_or(ActionType::Info);
        let mut found = Findings::new();
        let body = bridge.redact(arguments.message.0.as_str(), &mut found)?;
        let redact = |file: &FileName| bridge.redact(file.0.as_str(), &mut found);
        let files = files.iter().map(redact).collect::<Result<Vec<Redacted>, _>>()?;
        let reply_to = arguments.reply_to.map(|id| id.0);
        let digest = |key: IdempotencyKey| -> Result<Repeatable, Failure> {
            let request = Request {
                sender_ordinal: member.ordinal,
                body: &body,
                files: &files,
                action_type,
                to: to.as_deref(),
                reply_to,
            };
            let digests = Digests::of(&opener.key, &key.0, &request)?;
            Ok(Repeatable { digests, charge: bridge.charge_of_a_repeat() })
        };
        let repeatable = call.admit(arguments.idempotency_key.map(digest).transpose()?).await?;
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
            action_type,
            to,
            reply_to,
            redactions: found.values().sum(),
            quotas: bridge.quotas(),
            loop_guard: bridge.settings.loop_guard,
            repeatable,
        };
        let detail = Detail::default()
            .name("action_type", action_type.as_str())
            .number("chars", arguments.message.0.as_str().chars().count() as u64)
            .number("files", files.len() as u64)
            .counts("redacted", &found);
        let stamp = bridge.stamp(call.permit.clone(), Kind::Change, detail);
        let appended = bridge.store.append(stamp, new).await?;
        let undelivered = watch::news(bridge, call.connection()?, member, false).await;
        Ok(Answer { undelivered, ..answer(&appended, found) })
    }
}

fn answer(appended: &Appended, found: Findings) -> Answer {
    let held = appended.standing == Some(Standing::Held);
    let moderators = appended.moderators.iter().map(ToString::to_string);
    Answer {
        message_id: appended.id.to_string(),
        seq: appended.id.seq,
        recipients: appended.recipients.iter().map(ToString::to_string).collect(),
        redacted: !found.is_empty(),
        findings: findings(found),
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

fn findings(found: Findings) -> Vec<Found> {
    found.into_iter().map(|(rule, count)| Found { rule: rule.into_owned(), count }).collect()
}

fn recipients(to: Vec<SessionArgument>) -> Result<Vec<SessionId>, Denied> {
    if to.is_empty() || to.len() > usize::from(MEMBERS_MAX) {
        return Err(Denied::new(Code::InvalidArguments, format!("to must name 1 to {MEMBERS_MAX} members"))
            .hint("leave it out to reach everyone else"));
    }
    Ok(to.into_iter().map(|name| name.0).collect::<BTreeSet<_>>().into_iter().collect())
}
