//! Who may do what: the pure decision, and the proofs that it was taken.
//!
//! [`Principal`] proves authentication, [`Permit`] proves authorisation, [`Stamp`] carries both into the store,
//! where every change needs one and writes the audit entry it describes. Each has one constructor. What each role may is
//! the table in [`Action`]'s module.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{
    Code, ConversationId, Denied, SessionId, Timestamp,
    agent::Permission,
    audit::{Actor, Detail, Head},
    entity::Member,
    known::Learned,
    limit::{Charge, Refusals},
};

mod action;

pub use action::Action;

/// Somebody whose identity is established.
#[derive(Debug, Clone)]
pub struct Principal(Who);

#[derive(Debug, Clone)]
enum Who {
    Newcomer,
    Operator,
    System,
    Agent(Seat),
}

/// An authenticated agent's place in its conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// The conversation.
    pub conversation: ConversationId,
    /// The conversation's row.
    pub conversation_pk: i64,
    /// The agent's row.
    pub agent_pk: i64,
    /// The agent's handle.
    pub session: SessionId,
    /// The agent's join ordinal.
    pub ordinal: u8,
    /// What the agent may do.
    pub permission: Permission,
    /// The epoch its token was valid in.
    pub epoch: u32,
}

impl Principal {
    /// Somebody who needs no identity yet: may create a conversation, nothing else.
    pub const fn newcomer() -> Self {
        Self(Who::Newcomer)
    }

    /// The person at the machine, by the right to run `mab` on its data folder.
    pub const fn operator() -> Self {
        Self(Who::Operator)
    }

    /// The bridge itself, which says how what it ran has ended.
    pub const fn system() -> Self {
        Self(Who::System)
    }

    /// Only [`crate::token::Tokens::authenticate`] calls this.
    pub(crate) fn authenticated(member: &Member) -> Self {
        Self(Who::Agent(Seat {
            conversation: member.conversation,
            conversation_pk: member.conversation_pk,
            agent_pk: member.agent_pk,
            session: member.session.clone(),
            ordinal: member.ordinal,
            permission: member.permission,
            epoch: member.epoch,
        }))
    }

    /// Re-checks an authenticated agent against its row as it is now; called again inside every transaction.
    ///
    /// # Errors
    /// `token_rotated`, `revoked` or `expired`.
    pub(crate) fn still_holds(&self, member: &Member, now: Timestamp) -> Result<(), Denied> {
        let Who::Agent(seat) = &self.0 else { return Ok(()) };
        if member.revoked {
            return Err(Denied::new(Code::Revoked, "the agent was removed from the conversation")
                .hint("tell your user: an owner can invite another agent with invite_agent"));
        }
        if seat.epoch != member.epoch {
            return Err(Denied::new(Code::TokenRotated, "the token has been replaced")
                .hint("leave conversation_id, session_id and token out if you have joined; else ask your user for the newer token"));
        }
        if now >= member.expires_at || member.wrapped_key.is_none() {
            return Err(expired(member.expires_at));
        }
        Ok(())
    }

    /// Who this is in the audit trail.
    pub fn actor(&self) -> Actor {
        match &self.0 {
            Who::Newcomer => Actor::Newcomer,
            Who::Operator => Actor::Operator,
            Who::System => Actor::System,
            Who::Agent(seat) => Actor::Agent(seat.session.clone()),
        }
    }
}

/// The refusal once a conversation's time is over.
pub(crate) fn expired(at: Timestamp) -> Denied {
    Denied::new(Code::Expired, format!("the conversation expired at {at}"))
        .hint("tell your user; create_conversation opens a new conversation")
}

/// Proof that a principal may do one thing. A copy proves the same: every change it stamps is re-checked and charged.
#[derive(Debug, Clone)]
pub struct Permit {
    principal: Principal,
    action: Action,
    recorded: Arc<Mutex<Option<Head>>>,
}

/// Decides whether `principal` may do `action`. The only constructor of a [`Permit`].
///
/// # Errors
/// `forbidden`, or `credentials_missing` when an agent's action is asked for without an identity.
pub fn decide(principal: Principal, action: Action) -> Result<Permit, Denied> {
    let (allowed, who) = match &principal.0 {
        Who::Operator => (action.is_of_operator(), "operator"),
        Who::System => (action.is_of_system(), "the bridge"),
        Who::Newcomer => (action.is_of_newcomers(), "nobody"),
        Who::Agent(seat) => (action.is_of(seat.permission), seat.permission.as_str()),
    };
    if allowed {
        return Ok(Permit { principal, action, recorded: Arc::default() });
    }
    if matches!(principal.0, Who::Newcomer) && action.is_of_agents() {
        return Err(Denied::new(Code::CredentialsMissing, "credentials are needed")
            .hint("pass conversation_id, session_id and token, or call join_conversation first"));
    }
    let message = format!("{who} may not {}", action.as_str().replace('_', " "));
    Err(Denied::new(Code::Forbidden, message).hint(who_may(action)))
}

/// Whom to ask instead.
fn who_may(action: Action) -> String {
    let agents: Vec<&str> =
        Permission::ALL.iter().filter(|one| action.is_of(**one)).map(|one| one.as_str()).collect();
    match (agents.as_slice(), action.is_of_operator()) {
        ([], true) => "only the operator may: tell your user".to_owned(),
        ([], false) => "tell your user: no member may".to_owned(),
        (agents, true) => format!("tell your user, who may, or ask one who is {}", agents.join(" or ")),
        (agents, false) => format!("tell your user, or ask one who is {}", agents.join(" or ")),
    }
}

impl Permit {
    /// The agent's place, when the principal is an agent.
    pub fn seat(&self) -> Option<&Seat> {
        match &self.principal.0 {
            Who::Agent(seat) => Some(seat),
            Who::Newcomer | Who::Operator | Who::System => None,
        }
    }

    /// Turns the permission into the stamp of one change. The only constructor of a [`Stamp`].
    /// `charge` is what the change costs, `refusals` what its refusal does.
    pub fn stamp(self, charge: Charge, refusals: Refusals, detail: Detail) -> Stamp {
        Stamp { permit: self, charge, refusals, detail, refusal: Detail::default(), learned: None }
    }

    /// Where the newest change under this permit was recorded, once it is committed.
    pub fn recorded(&self) -> Option<Head> {
        *self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Proof that a change is permitted, and all that its transaction must re-check, charge and record.
#[derive(Debug)]
pub struct Stamp {
    permit: Permit,
    charge: Charge,
    refusals: Refusals,
    detail: Detail,
    refusal: Detail,
    learned: Option<Learned>,
}

impl Stamp {
    /// The same stamp of a change with texts: it is refused when they were redacted on outdated knowledge, and what they
    /// have taught is remembered with it.
    #[must_use]
    pub fn learning(self, learned: Learned) -> Self {
        Self { learned: Some(learned), ..self }
    }

    /// The same stamp of a call that is refused: its entry tells this, too.
    #[must_use]
    pub fn refused_with(self, detail: Detail) -> Self {
        Self { refusal: detail, ..self }
    }

    /// What the entry of its refusal tells.
    pub fn refusal(&self) -> &Detail {
        &self.refusal
    }

    /// What its texts have taught.
    pub fn learned(&self) -> Option<&Learned> {
        self.learned.as_ref()
    }

    /// The agent's place, when the change is an agent's.
    pub fn seat(&self) -> Option<&Seat> {
        self.permit.seat()
    }

    /// Who does it.
    pub fn principal(&self) -> &Principal {
        &self.permit.principal
    }

    /// Decides again, about the agent's row as it is inside the transaction.
    ///
    /// # Errors
    /// `token_rotated`, `revoked`, `expired`, or `forbidden` when the permission changed in between and no longer
    /// allows it.
    pub fn still_holds(&self, member: &Member, now: Timestamp) -> Result<(), Denied> {
        self.principal().still_holds(member, now)?;
        if self.seat().is_none() || self.action().is_of(member.permission) {
            return Ok(());
        }
        Err(Denied::new(Code::Forbidden, "the agent's permission has just changed").hint("call again"))
    }

    /// What was permitted.
    pub fn action(&self) -> Action {
        self.permit.action
    }

    /// What is charged.
    pub fn charge(&self) -> &Charge {
        &self.charge
    }

    /// What its refusal is charged to.
    pub fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// What is recorded, before the store adds what only the transaction knows.
    pub fn detail(&self) -> &Detail {
        &self.detail
    }

    /// Tells the caller where its change was recorded: it is a witness of the chain then.
    pub fn record(&self, head: Head) {
        *self.permit.recorded.lock().unwrap_or_else(PoisonError::into_inner) = Some(head);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(permission: Permission) -> Principal {
        Principal(Who::Agent(Seat {
            conversation: "conv_0011223344556677".parse().unwrap(),
            conversation_pk: 1,
            agent_pk: 1,
            session: "a".parse().unwrap(),
            ordinal: 0,
            permission,
            epoch: 0,
        }))
    }

    /// Who may do what, written down a second time: `omvpba` are owner, moderator, member, approver, observer,
    /// auditor; `n` the newcomer, `O` the operator, `S` the bridge itself.
    const EXPECTED: &[(Action, &str)] = &[
        (Action::Create, "n"),
        (Action::Join, "omvpba"),
        (Action::Leave, "omvpba"),
        (Action::Invite, "o"),
        (Action::Remove, "omO"),
        (Action::Transfer, "oO"),
        (Action::Send, "omv"),
        (Action::Check, "omvpb"),
        (Action::Search, "omvpb"),
        (Action::UpdateStatus, "omv"),
        (Action::CheckStatus, "omvpb"),
        (Action::ListOwn, "omvpban"),
        (Action::Reserve, "omv"),
        (Action::Release, "omv"),
        (Action::ListLeases, "omvpb"),
        (Action::Pause, "omO"),
        (Action::Resume, "omO"),
        (Action::ListHeld, "omO"),
        (Action::ReleaseHeld, "omO"),
        (Action::RejectHeld, "omO"),
        (Action::SetInbound, "omO"),
        (Action::ReadAudit, "oa"),
        (Action::AskExecution, "omv"),
        (Action::Execute, "omv"),
        (Action::ListRuns, "pO"),
        (Action::Approve, "pO"),
        (Action::DenyRun, "pO"),
        (Action::EndRun, "S"),
        (Action::EnableExecution, "O"),
        (Action::DisableExecution, "O"),
        (Action::UnlockExecution, "O"),
        (Action::ManageApprover, "O"),
        (Action::SetLimits, "O"),
        (Action::Inspect, "O"),
        (Action::ManageTokens, "O"),
        (Action::Cleanup, "O"),
        (Action::Export, "O"),
        (Action::Checkpoint, "O"),
        (Action::RotateKeys, "O"),
    ];

    #[test]
    fn refusal_names_those_who_may() {
        for (action, hint) in [
            (Action::Pause, "tell your user, who may, or ask one who is owner or moderator"),
            (Action::Send, "tell your user, or ask one who is owner or moderator or member"),
            (Action::Export, "only the operator may: tell your user"),
            (Action::Create, "tell your user: no member may"),
        ] {
            let denied = decide(agent(Permission::Observer), action).unwrap_err();
            assert_eq!(denied.hint.as_deref(), Some(hint));
        }
        let denied = decide(agent(Permission::Auditor), Action::ListHeld).unwrap_err();
        assert_eq!(denied.message, "auditor may not list held");
    }

    #[test]
    fn every_role_may_do_exactly_what_is_written_down() {
        assert!(EXPECTED.iter().map(|(action, _)| action).eq(Action::ALL));
        for (action, who) in EXPECTED {
            let agents = Permission::ALL.iter().zip("omvpba".chars());
            let mut roles: Vec<_> = agents.map(|(permission, letter)| (agent(*permission), letter)).collect();
            roles.extend([
                (Principal::newcomer(), 'n'),
                (Principal::operator(), 'O'),
                (Principal::system(), 'S'),
            ]);
            for (principal, letter) in roles {
                let decided = decide(principal, *action);
                assert_eq!(decided.is_ok(), who.contains(letter), "{letter} {action:?}");
                let missing = letter == 'n' && action.is_of_agents();
                let code = if missing { Code::CredentialsMissing } else { Code::Forbidden };
                assert!(decided.map_or_else(|denied| denied.code == code, |_| true), "{letter} {action:?}");
            }
        }
    }
}
