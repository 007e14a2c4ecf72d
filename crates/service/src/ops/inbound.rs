//! `inbound`: which messages a conversation accepts, for the operator; agents reach it through `moderate`.

use std::collections::BTreeMap;

use mab_core::{
    Code, ConversationId, Denied, Failure,
    agent::{ActionType, Permission},
    audit::Detail,
    inbound::{Inbound, InboundChange, Rule, Verdict},
    limit::Kind,
    policy::Action,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::list::conversation;
use crate::{
    arguments::{ConversationArgument, SessionArgument},
    door::{Call, Op},
};

/// The operation.
pub(crate) struct SetInbound;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    conversation_id: ConversationArgument,
    /// What becomes of the messages; without it nothing is changed
    #[serde(default)]
    verdict: Option<Verdict>,
    /// Only messages of this agent
    #[serde(default)]
    from: Option<SessionArgument>,
    /// Only messages of agents with this permission
    #[serde(default)]
    permission: Option<Permission>,
    /// Only messages of this type
    #[serde(default)]
    action_type: Option<ActionType>,
    /// Forget every rule: accept everything
    #[serde(default)]
    clear: bool,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    conversation_id: String,
    inbound: Policy,
    /// Messages that wait to be released
    held: u64,
}

/// An inbound policy. Of the rules that fit a message the most specific decides: sender, action type, permission, default.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Policy {
    default: Verdict,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    senders: BTreeMap<String, Verdict>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    action_types: BTreeMap<ActionType, Verdict>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    permissions: BTreeMap<Permission, Verdict>,
    /// Whether the operator set it: it applies to everybody, and only the operator changes it or releases what it holds
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    by_operator: bool,
    /// It was damaged in the store: everything is held, of whomever, until it is set anew
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unreadable: bool,
}

impl Policy {
    /// A policy as callers see it.
    pub(crate) fn of(inbound: &Inbound) -> Self {
        let mut policy = Self {
            default: inbound.default_verdict(),
            senders: BTreeMap::new(),
            action_types: BTreeMap::new(),
            permissions: BTreeMap::new(),
            by_operator: inbound.is_operators(),
            unreadable: inbound.is_unreadable(),
        };
        for (rule, verdict) in inbound.rules() {
            match rule {
                Rule::Default => policy.default = verdict,
                Rule::Sender(sender) => drop(policy.senders.insert(sender.to_string(), verdict)),
                Rule::ActionType(kind) => drop(policy.action_types.insert(kind, verdict)),
                Rule::Permission(permission) => drop(policy.permissions.insert(permission, verdict)),
            }
        }
        policy
    }
}

impl Op for SetInbound {
    const ACTION: Action = Action::SetInbound;
    type Arguments = Arguments;
    type Answer = Answer;

    fn action(arguments: &Arguments) -> Action {
        match (&arguments.verdict, arguments.clear) {
            (None, false) => Action::Inspect,
            (Some(_), _) | (None, true) => Action::SetInbound,
        }
    }

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let id = arguments.conversation_id.0;
        if let Some(change) = change(arguments)? {
            set(&call, id, change).await?;
        }
        let state = conversation(call.bridge, id).await?;
        let (inbound, held) = call.bridge.store.inbound(state.pk).await?;
        Ok(Answer { conversation_id: id.to_string(), inbound: Policy::of(&inbound), held })
    }
}

/// What the operator wants to change, if anything.
fn change(arguments: Arguments) -> Result<Option<InboundChange>, Denied> {
    let Arguments { verdict, from, permission, action_type, clear, .. } = arguments;
    let senders = from.map(|from| Rule::Sender(from.0));
    let rules = [senders, permission.map(Rule::Permission), action_type.map(Rule::ActionType)];
    let mut rules = rules.into_iter().flatten();
    let (rule, others) = (rules.next(), rules.next());
    match (verdict, rule, others, clear) {
        (_, _, Some(_), _) => Err(wrong("a rule is about one thing: a sender, a permission or a type")),
        (Some(_), _, None, true) | (None, Some(_), None, true) => Err(wrong("clear forgets all rules")),
        (None, Some(_), None, false) => Err(wrong("what becomes of these messages is missing")),
        (Some(verdict), rule, None, false) => {
            Ok(Some(InboundChange::Set(rule.unwrap_or(Rule::Default), verdict)))
        }
        (None, None, None, true) => Ok(Some(InboundChange::Clear)),
        (None, None, None, false) => Ok(None),
    }
}

fn wrong(message: &str) -> Denied {
    Denied::new(Code::InvalidArguments, message).hint("`mab help inbound` shows how it is used")
}

/// Changes the policy of a conversation.
pub(crate) async fn set(
    call: &Call<'_>,
    id: ConversationId,
    change: InboundChange,
) -> Result<Inbound, Failure> {
    let kind = if call.permit.seat().is_some() { Kind::Change } else { Kind::Operator };
    let stamp = call.bridge.stamp(call.permit.clone(), kind, Detail::default());
    call.bridge.store.set_inbound(stamp, id, change).await
}
