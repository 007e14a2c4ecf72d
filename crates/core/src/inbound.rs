//! The inbound policy of a conversation: which messages are accepted, held back for a moderator, or refused.
//!
//! Of the rules that fit a message the most specific decides: its sender's, then its action type's, then its sender's
//! permission's, then the default.
//!
//! What agents set does not apply to who may release held messages: it could let its own through. What the operator set
//! applies to everybody, and only the operator changes it or releases what it holds.

use std::{collections::BTreeMap, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Code, Denied, Fault, SessionId,
    agent::{ActionType, Permission, named_enum},
    policy::Action,
};

named_enum! {
    /// What becomes of a message.
    Verdict {
        /// It is delivered.
        Accept = "accept",
        /// It waits until somebody releases or rejects it.
        Hold = "hold",
        /// It is refused.
        Deny = "deny",
    }
}

named_enum! {
    /// What became of a message that was not delivered at once.
    Standing {
        /// It waits for somebody who releases or rejects it.
        Held = "held",
        /// Somebody refused it; it is never delivered.
        Rejected = "rejected",
    }
}

/// What a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Every message that no other rule fits.
    Default,
    /// Messages of one agent.
    Sender(SessionId),
    /// Messages that want one thing.
    ActionType(ActionType),
    /// Messages of agents with one permission.
    Permission(Permission),
}

/// What a moderator or the operator does to the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InboundChange {
    /// Sets one rule.
    Set(Rule, Verdict),
    /// Forgets every rule: everything is accepted.
    Clear,
}

/// The policy of one conversation. Handles are never used again in it, so that a rule is always about the same agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbound {
    default: Verdict,
    senders: BTreeMap<SessionId, Verdict>,
    action_types: BTreeMap<ActionType, Verdict>,
    permissions: BTreeMap<Permission, Verdict>,
    by_operator: bool,
    unreadable: bool,
}

impl Default for Inbound {
    fn default() -> Self {
        Self {
            default: Verdict::Accept,
            senders: BTreeMap::new(),
            action_types: BTreeMap::new(),
            permissions: BTreeMap::new(),
            by_operator: false,
            unreadable: false,
        }
    }
}

/// The policy as JSON, as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    default: Verdict,
    senders: BTreeMap<String, Verdict>,
    action_types: BTreeMap<ActionType, Verdict>,
    permissions: BTreeMap<Permission, Verdict>,
    #[serde(default)]
    by_operator: bool,
}

impl Inbound {
    /// Reads what was stored; nothing stored accepts everything. What cannot be read holds everything, whoever sent it.
    pub fn from_stored(stored: Option<&str>) -> Self {
        match stored {
            None => Self::default(),
            Some(text) => Self::read(text).unwrap_or_else(Self::unreadable),
        }
    }

    /// What holds while the stored policy cannot be read.
    pub fn unreadable() -> Self {
        Self { default: Verdict::Hold, unreadable: true, ..Self::default() }
    }

    fn read(text: &str) -> Option<Self> {
        let Stored { default, senders, action_types, permissions, by_operator } =
            serde_json::from_str(text).ok()?;
        let senders = senders.into_iter().map(|(name, verdict)| Some((name.parse().ok()?, verdict)));
        let senders = senders.collect::<Option<_>>()?;
        Some(Self { default, senders, action_types, permissions, by_operator, unreadable: false })
    }

    /// What is to be stored; nothing when everything is accepted.
    ///
    /// # Errors
    /// Never in practice; a [`Fault`] when JSON cannot be written.
    pub fn to_stored(&self) -> Result<Option<String>, Fault> {
        if *self == Self::default() {
            return Ok(None);
        }
        let stored = Stored {
            default: self.default,
            senders: self.senders.iter().map(|(name, verdict)| (name.to_string(), *verdict)).collect(),
            action_types: self.action_types.clone(),
            permissions: self.permissions.clone(),
            by_operator: self.by_operator,
        };
        let text = serde_json::to_string(&stored);
        text.map(Some).map_err(|source| Fault::from_source("writing an inbound policy", source))
    }

    /// What becomes of a message.
    pub fn judge(&self, sender: &SessionId, permission: Permission, action_type: ActionType) -> Verdict {
        if self.unreadable {
            return Verdict::Hold;
        }
        if !self.is_operators() && is_above(permission) {
            return Verdict::Accept;
        }
        let rule = self.senders.get(sender).or_else(|| self.action_types.get(&action_type));
        rule.or_else(|| self.permissions.get(&permission)).copied().unwrap_or(self.default)
    }

    /// The policy after a change, by the operator or by an agent. One that could not be read is replaced, and holds
    /// whatever no new rule fits.
    #[must_use]
    pub fn changed(mut self, change: &InboundChange, by_operator: bool) -> Self {
        self.unreadable = false;
        self.by_operator = by_operator;
        match change {
            InboundChange::Clear => return Self::default(),
            InboundChange::Set(Rule::Default, verdict) => self.default = *verdict,
            InboundChange::Set(Rule::Sender(sender), verdict) => {
                self.senders.insert(sender.clone(), *verdict);
            }
            InboundChange::Set(Rule::ActionType(action_type), verdict) => {
                self.action_types.insert(*action_type, *verdict);
            }
            InboundChange::Set(Rule::Permission(permission), verdict) => {
                self.permissions.insert(*permission, *verdict);
            }
        }
        self
    }

    /// Whether only the operator changes it and releases what it holds. Of one that cannot be read nobody knows whose it
    /// was.
    pub fn is_operators(&self) -> bool {
        self.by_operator || self.unreadable
    }

    /// Whether what was stored cannot be read.
    pub fn is_unreadable(&self) -> bool {
        self.unreadable
    }

    /// What becomes of messages that no rule fits.
    pub fn default_verdict(&self) -> Verdict {
        self.default
    }

    /// Every rule but the default, the most specific first.
    pub fn rules(&self) -> impl Iterator<Item = (Rule, Verdict)> + '_ {
        let senders = self.senders.iter().map(|(sender, verdict)| (Rule::Sender(sender.clone()), *verdict));
        let types = self.action_types.iter().map(|(kind, verdict)| (Rule::ActionType(*kind), *verdict));
        let permissions = self.permissions.iter().map(|(one, verdict)| (Rule::Permission(*one), *verdict));
        senders.chain(types).chain(permissions)
    }
}

/// Whether a policy of agents says nothing about agents with this permission: they may release what it holds.
pub fn is_above(permission: Permission) -> bool {
    Action::ReleaseHeld.is_of(permission)
}

/// The refusal of a rule that could never decide anything.
pub fn without_effect(permission: Permission) -> Denied {
    let message = format!(
        "the inbound policy of agents does not apply to who may release held messages ({})",
        permission.as_str()
    );
    Denied::new(Code::InvalidArguments, message)
        .hint("tell your user: what `mab inbound` sets applies to everybody")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const JUDGED: [Permission; 4] =
        [Permission::Member, Permission::Approver, Permission::Observer, Permission::Auditor];

    fn session(name: &str) -> SessionId {
        name.parse().unwrap()
    }

    fn set(rules: &[(Rule, Verdict)]) -> Inbound {
        let set = |policy: Inbound, (rule, verdict): &(Rule, Verdict)| {
            policy.changed(&InboundChange::Set(rule.clone(), *verdict), false)
        };
        rules.iter().fold(Inbound::default(), set)
    }

    /// The four rules that fit one message, in the order in which they decide, each of them there or not.
    #[test]
    fn most_specific_rule_that_is_there_decides_whatever_the_others_say() {
        let (sender, kind) = (session("b"), ActionType::Proposal);
        for permission in JUDGED {
            let rules = [
                Rule::Sender(sender.clone()),
                Rule::ActionType(kind),
                Rule::Permission(permission),
                Rule::Default,
            ];
            let choices = || [None].into_iter().chain(Verdict::ALL.iter().copied().map(Some));
            for first in choices() {
                for second in choices() {
                    for third in choices() {
                        for last in choices() {
                            let verdicts = [first, second, third, last];
                            let there = rules.iter().cloned().zip(verdicts);
                            let there: Vec<_> =
                                there.filter_map(|(rule, verdict)| Some((rule, verdict?))).collect();
                            let expected = verdicts.into_iter().flatten().next().unwrap_or(Verdict::Accept);
                            assert_eq!(set(&there).judge(&sender, permission, kind), expected, "{there:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn rules_about_others_decide_nothing() {
        let policy = set(&[
            (Rule::Sender(session("c")), Verdict::Deny),
            (Rule::ActionType(ActionType::Info), Verdict::Deny),
            (Rule::Permission(Permission::Approver), Verdict::Deny),
        ]);
        assert_eq!(policy.judge(&session("b"), Permission::Member, ActionType::Question), Verdict::Accept);
    }

    #[test]
    fn who_may_release_is_not_judged() {
        for permission in Permission::ALL {
            let policy = set(&[(Rule::Default, Verdict::Deny), (Rule::Sender(session("a")), Verdict::Deny)]);
            let judged = policy.judge(&session("a"), *permission, ActionType::Info);
            let expected = if JUDGED.contains(permission) { Verdict::Deny } else { Verdict::Accept };
            assert_eq!(judged, expected, "{permission:?}");
        }
    }

    #[test]
    fn policy_that_cannot_be_read_holds_everything_of_everybody() {
        let unknown = r#"{"default":"accept","senders":{},"action_types":{},"permissions":{},"more":1}"#;
        let handle = r#"{"default":"accept","senders":{"B!":"accept"},"action_types":{},"permissions":{}}"#;
        let kind = r#"{"default":"accept","senders":{},"action_types":{"x":"accept"},"permissions":{}}"#;
        for text in ["", "null", "{}", "[]", r#"{"default":"allow"}"#, unknown, handle, kind] {
            let policy = Inbound::from_stored(Some(text));
            assert!(policy.is_unreadable(), "{text}");
            for permission in Permission::ALL {
                assert_eq!(policy.judge(&session("a"), *permission, ActionType::Info), Verdict::Hold);
            }
        }
    }

    #[test]
    fn policy_that_could_not_be_read_when_changed_holds_what_no_rule_fits() {
        let accepts_b = InboundChange::Set(Rule::Sender(session("b")), Verdict::Accept);
        let policy = Inbound::unreadable().changed(&accepts_b, true);
        assert!(!policy.is_unreadable());
        let judged = |name| policy.judge(&session(name), Permission::Member, ActionType::Info);
        assert_eq!((judged("b"), judged("c")), (Verdict::Accept, Verdict::Hold));
        assert_eq!(Inbound::unreadable().changed(&InboundChange::Clear, true), Inbound::default());
    }

    fn verdict() -> impl Strategy<Value = Verdict> {
        prop::sample::select(Verdict::ALL)
    }

    fn rule() -> impl Strategy<Value = Rule> {
        prop_oneof![
            Just(Rule::Default),
            prop::sample::select(vec!["a", "b", "reviewer-2"]).prop_map(|name| Rule::Sender(session(name))),
            prop::sample::select(ActionType::ALL).prop_map(Rule::ActionType),
            prop::sample::select(Permission::ALL).prop_map(Rule::Permission),
        ]
    }

    proptest! {
        #[test]
        fn policy_when_stored_and_read_is_the_same(rules in prop::collection::vec((rule(), verdict()), 0..12)) {
            let policy = set(&rules);
            let stored = policy.to_stored().unwrap();
            prop_assert_eq!(Inbound::from_stored(stored.as_deref()), policy);
        }
    }
}
