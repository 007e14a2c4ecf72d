//! The table of permissions: what can be done, and who may do it.
//!
//! To add an action, add its line to [`Action`]; `docs/permissions.md` follows, and a test asks who may do it.

use crate::agent::Permission::{self, Approver, Auditor, Member, Moderator, Observer, Owner};

const ALL: &[Permission] = Permission::ALL;
const READERS: &[Permission] = &[Owner, Moderator, Member, Approver, Observer];
const WRITERS: &[Permission] = &[Owner, Moderator, Member];
const MODERATORS: &[Permission] = &[Owner, Moderator];
const OWNERS: &[Permission] = &[Owner];
const AUDITORS: &[Permission] = &[Owner, Auditor];
const APPROVERS: &[Permission] = &[Approver];
const NO_AGENT: &[Permission] = &[];

/// Who may do something besides agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Besides {
    Nobody,
    Newcomers,
    Operator,
    System,
}

macro_rules! actions {
    ($($(#[doc = $meaning:literal])+ $action:ident = $name:literal, $agents:ident, $besides:ident;)+) => {
        /// Something that can be permitted, refused and recorded. The names are public (audit actions).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Action { $($(#[doc = $meaning])+ $action),+ }

        impl Action {
            /// Every action, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$action),+];

            /// The public name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$action => $name),+ }
            }

            /// What it is, one sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$action => concat!($($meaning),+)),+ }.trim()
            }

            const fn who(self) -> (&'static [Permission], Besides) {
                match self { $(Self::$action => ($agents, Besides::$besides)),+ }
            }
        }
    };
}

actions! {
    /// Open a conversation.
    Create = "create", NO_AGENT, Newcomers;
    /// Take up an invitation.
    Join = "join", ALL, Nobody;
    /// Leave the conversation; its last owner cannot.
    Leave = "leave", ALL, Nobody;
    /// Add an agent.
    Invite = "invite", OWNERS, Nobody;
    /// Remove an agent; a moderator removes neither owners nor moderators.
    Remove = "remove", MODERATORS, Operator;
    /// Make somebody else the owner.
    Transfer = "transfer", OWNERS, Operator;
    /// Send a message.
    Send = "send", WRITERS, Nobody;
    /// Receive and acknowledge messages.
    Check = "check", READERS, Nobody;
    /// Read history.
    Search = "search", READERS, Nobody;
    /// Say what one is doing.
    UpdateStatus = "update_status", WRITERS, Nobody;
    /// See what the others are doing.
    CheckStatus = "check_status", READERS, Nobody;
    /// List one's own conversations.
    ListOwn = "list_own", ALL, Newcomers;
    /// Reserve files, or prolong a reservation.
    Reserve = "reserve", WRITERS, Nobody;
    /// Give reserved files free.
    Release = "release", WRITERS, Nobody;
    /// See who has reserved which files.
    ListLeases = "list_leases", READERS, Nobody;
    /// Stop all sending for a while.
    Pause = "pause", MODERATORS, Operator;
    /// Let agents send again; what the loop guard or a human paused, only a human can.
    Resume = "resume", MODERATORS, Operator;
    /// See messages that are held back.
    ListHeld = "list_held", MODERATORS, Operator;
    /// Let a message through that is held back.
    ReleaseHeld = "release_held", MODERATORS, Operator;
    /// Refuse a message that is held back.
    RejectHeld = "reject_held", MODERATORS, Operator;
    /// Decide which messages are accepted, held back or refused.
    SetInbound = "set_inbound", MODERATORS, Operator;
    /// Read the conversation's audit trail.
    ReadAudit = "read_audit", AUDITORS, Nobody;
    /// Ask a person to enable commands.
    AskExecution = "ask_execution", WRITERS, Nobody;
    /// Have a command run, as far as a person enabled it.
    Execute = "execute", WRITERS, Nobody;
    /// See which commands wait for an answer.
    ListRuns = "list_runs", APPROVERS, Operator;
    /// Agree to a command; no agent to its own, and none unless a person wanted that.
    Approve = "approve", APPROVERS, Operator;
    /// Refuse a command.
    DenyRun = "deny_run", APPROVERS, Operator;
    /// Say how a command ended.
    EndRun = "end_run", NO_AGENT, System;
    /// Enable commands in a conversation.
    EnableExecution = "enable_execution", NO_AGENT, Operator;
    /// End that.
    DisableExecution = "disable_execution", NO_AGENT, Operator;
    /// Let an agent ask again whose commands were denied too often.
    UnlockExecution = "unlock_execution", NO_AGENT, Operator;
    /// Enrol or replace the approver's key.
    ManageApprover = "manage_approver", NO_AGENT, Operator;
    /// Set the limits of one conversation.
    SetLimits = "set_limits", NO_AGENT, Operator;
    /// Read everything, as the operator.
    Inspect = "inspect", NO_AGENT, Operator;
    /// Recompute, replace or void tokens.
    ManageTokens = "manage_tokens", NO_AGENT, Operator;
    /// Purge expired conversations.
    Cleanup = "cleanup", NO_AGENT, Operator;
    /// Take evidence out.
    Export = "export", NO_AGENT, Operator;
    /// Sign the state of the audit trail.
    Checkpoint = "checkpoint", NO_AGENT, Operator;
    /// Replace keys.
    RotateKeys = "rotate_keys", NO_AGENT, Operator;
}

impl Permission {
    /// Whether messages come to an agent with this permission.
    pub fn reads_messages(self) -> bool {
        Action::Check.is_of(self)
    }
}

impl Action {
    /// Whether an agent with this permission may do it.
    pub fn is_of(self, permission: Permission) -> bool {
        self.who().0.contains(&permission)
    }

    /// Whether there are agents that may do it.
    pub const fn is_of_agents(self) -> bool {
        !self.who().0.is_empty()
    }

    /// Whether who has no identity yet may do it.
    pub fn is_of_newcomers(self) -> bool {
        self.who().1 == Besides::Newcomers
    }

    /// Whether the bridge does it by itself.
    pub fn is_of_system(self) -> bool {
        self.who().1 == Besides::System
    }

    /// Whether the operator may do it.
    pub fn is_of_operator(self) -> bool {
        self.who().1 == Besides::Operator
    }
}
