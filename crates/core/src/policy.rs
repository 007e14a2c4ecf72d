//! Who may do what: the pure decision, and the proofs that it was taken.
//!
//! [`Principal`] proves authentication, [`Permit`] proves authorisation, [`Stamp`] carries both into the store,
//! where every change needs one and writes the audit entry it describes. Each has one constructor.

use crate::{
    Code, ConversationId, Denied, SessionId, Timestamp,
    agent::Permission,
    audit::{Actor, Detail},
    entity::Member,
    limit::Charge,
};

/// Something that can be permitted, refused and recorded. The names are public (audit actions).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Open a conversation.
    Create,
    /// Take up an invitation.
    Join,
    /// Add an agent.
    Invite,
    /// Send a message.
    Send,
    /// Receive and acknowledge messages.
    Check,
    /// Read history.
    Search,
    /// Say what one is doing.
    UpdateStatus,
    /// See what the others are doing.
    CheckStatus,
    /// List one's own conversations.
    ListOwn,
    /// Reserve files, or prolong a reservation.
    Reserve,
    /// Give reserved files free.
    Release,
    /// See who has reserved which files.
    ListLeases,
    /// Read everything that is not a message (operator).
    Inspect,
    /// Recompute or replace tokens (operator).
    ManageTokens,
    /// Purge expired conversations (operator).
    Cleanup,
    /// Let agents go on after the loop guard paused them (operator).
    Resume,
}

impl Action {
    /// Whether agents do it; the rest is the operator's.
    pub const fn is_of_agents(self) -> bool {
        !matches!(self, Self::Inspect | Self::ManageTokens | Self::Cleanup | Self::Resume)
    }

    /// The public name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Join => "join",
            Self::Invite => "invite",
            Self::Send => "send",
            Self::Check => "check",
            Self::Search => "search",
            Self::UpdateStatus => "update_status",
            Self::CheckStatus => "check_status",
            Self::ListOwn => "list_own",
            Self::Reserve => "reserve",
            Self::Release => "release",
            Self::ListLeases => "list_leases",
            Self::Inspect => "inspect",
            Self::ManageTokens => "manage_tokens",
            Self::Cleanup => "cleanup",
            Self::Resume => "resume",
        }
    }
}

/// Somebody whose identity is established.
#[derive(Debug, Clone)]
pub struct Principal(Who);

#[derive(Debug, Clone)]
enum Who {
    Newcomer,
    Operator,
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
    /// `token_rotated`, `revoked`, `expired`, or `forbidden` when the permission changed in between.
    pub fn still_holds(&self, member: &Member, now: Timestamp) -> Result<(), Denied> {
        let Who::Agent(seat) = &self.0 else { return Ok(()) };
        if member.revoked {
            return Err(Denied::new(Code::Revoked, "the agent was removed from the conversation")
                .hint("ask the conversation's owner for a new invitation"));
        }
        if seat.epoch != member.epoch {
            return Err(Denied::new(Code::TokenRotated, "the token has been replaced")
                .hint("use the token that join_conversation returned"));
        }
        if now >= member.expires_at || member.wrapped_key.is_none() {
            return Err(expired(member.expires_at));
        }
        if seat.permission != member.permission {
            return Err(
                Denied::new(Code::Forbidden, "the agent's permission has just changed").hint("call again")
            );
        }
        Ok(())
    }

    /// Who this is in the audit trail.
    pub fn actor(&self) -> Actor {
        match &self.0 {
            Who::Newcomer => Actor::Newcomer,
            Who::Operator => Actor::Operator,
            Who::Agent(seat) => Actor::Agent(seat.session.clone()),
        }
    }
}

/// The refusal once a conversation's time is over.
pub(crate) fn expired(at: Timestamp) -> Denied {
    Denied::new(Code::Expired, format!("the conversation expired at {at}"))
        .hint("create a new conversation with create_conversation")
}

/// Proof that a principal may do one thing. A copy proves the same: every change it stamps is re-checked and charged.
#[derive(Debug, Clone)]
pub struct Permit {
    principal: Principal,
    action: Action,
}

/// Decides whether `principal` may do `action`. The only constructor of a [`Permit`].
///
/// # Errors
/// `forbidden`, or `credentials_missing` when an agent's action is asked for without an identity.
pub fn decide(principal: Principal, action: Action) -> Result<Permit, Denied> {
    let allowed = match &principal.0 {
        Who::Operator => !action.is_of_agents(),
        Who::Newcomer => match action {
            Action::Create | Action::ListOwn => true,
            Action::Inspect | Action::ManageTokens | Action::Cleanup | Action::Resume => false,
            Action::Join
            | Action::Invite
            | Action::Send
            | Action::Check
            | Action::Search
            | Action::UpdateStatus
            | Action::CheckStatus
            | Action::Reserve
            | Action::Release
            | Action::ListLeases => {
                return Err(Denied::new(Code::CredentialsMissing, "credentials are needed")
                    .hint("pass conversation_id, session_id and token"));
            }
        },
        Who::Agent(seat) => match action {
            Action::Join
            | Action::Check
            | Action::Search
            | Action::CheckStatus
            | Action::ListOwn
            | Action::ListLeases => true,
            Action::UpdateStatus | Action::Send | Action::Reserve | Action::Release => {
                matches!(seat.permission, Permission::Owner | Permission::Member)
            }
            Action::Invite => seat.permission == Permission::Owner,
            Action::Create | Action::Inspect | Action::ManageTokens | Action::Cleanup | Action::Resume => {
                false
            }
        },
    };
    if allowed {
        return Ok(Permit { principal, action });
    }
    let permission = match &principal.0 {
        Who::Agent(seat) => seat.permission.as_str(),
        Who::Operator => "operator",
        Who::Newcomer => "nobody",
    };
    Err(Denied::new(Code::Forbidden, format!("{permission} may not {}", action.as_str()))
        .hint("ask the conversation's owner"))
}

impl Permit {
    /// The agent's place, when the principal is an agent.
    pub fn seat(&self) -> Option<&Seat> {
        match &self.principal.0 {
            Who::Agent(seat) => Some(seat),
            Who::Newcomer | Who::Operator => None,
        }
    }

    /// Turns the permission into the stamp of one change. The only constructor of a [`Stamp`].
    /// `charge` is what the change costs, `refusals` how many of its refusals are recorded one by one.
    pub fn stamp(self, charge: Charge, refusals: Charge, detail: Detail) -> Stamp {
        Stamp { permit: self, charge, refusals, detail }
    }
}

/// Proof that a change is permitted, and all that its transaction must re-check, charge and record.
#[derive(Debug)]
pub struct Stamp {
    permit: Permit,
    charge: Charge,
    refusals: Charge,
    detail: Detail,
}

impl Stamp {
    /// The agent's place, when the change is an agent's.
    pub fn seat(&self) -> Option<&Seat> {
        self.permit.seat()
    }

    /// What is re-checked inside the transaction.
    pub fn principal(&self) -> &Principal {
        &self.permit.principal
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
    pub fn refusals(&self) -> &Charge {
        &self.refusals
    }

    /// What is recorded, before the store adds what only the transaction knows.
    pub fn detail(&self) -> &Detail {
        &self.detail
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

    #[test]
    fn observer_when_it_writes_is_refused() {
        for action in [Action::Send, Action::UpdateStatus, Action::Invite, Action::Reserve, Action::Release] {
            let refused = decide(agent(Permission::Observer), action);
            assert!(refused.is_err_and(|denied| denied.code == Code::Forbidden));
        }
        for action in [Action::Check, Action::Search, Action::CheckStatus, Action::Join, Action::ListLeases] {
            assert!(decide(agent(Permission::Observer), action).is_ok());
        }
    }

    #[test]
    fn invite_is_for_owners_only() {
        assert!(decide(agent(Permission::Owner), Action::Invite).is_ok());
        assert!(decide(agent(Permission::Member), Action::Invite).is_err());
    }

    #[test]
    fn operator_actions_are_closed_to_agents_and_newcomers() {
        for action in [Action::Inspect, Action::ManageTokens, Action::Cleanup, Action::Resume] {
            assert!(decide(agent(Permission::Owner), action).is_err());
            assert!(decide(Principal::newcomer(), action).is_err());
            assert!(decide(Principal::operator(), action).is_ok());
        }
    }

    #[test]
    fn newcomer_when_it_acts_as_an_agent_needs_credentials() {
        let refused = decide(Principal::newcomer(), Action::Send);
        assert!(refused.is_err_and(|denied| denied.code == Code::CredentialsMissing));
    }
}
