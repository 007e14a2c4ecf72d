//! Keeping order: who may remove whom, and who lifts whose pause.
//!
//! Pure rules beside the table of permissions; a store asks them inside its transaction. Each takes the permission that an
//! agent has there, `None` for the operator.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Code, ConversationId, Denied, Fault, SessionId, Timestamp,
    agent::{Permission, named_enum},
    policy::Action,
};

named_enum! {
    /// Who stopped all sending in a conversation.
    PausedBy {
        /// Nobody: its agents talked among themselves for too long.
        LoopGuard = "loop_guard",
        /// An agent that keeps order there.
        Moderator = "moderator",
        /// The person at the machine.
        Operator = "operator",
    }
}

/// That all sending waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// Since when.
    pub at: Timestamp,
    /// Who lets it wait.
    pub by: PausedBy,
}

impl PausedBy {
    /// Whose pause it is, when somebody pauses on purpose.
    pub const fn of(pauser: Option<Permission>) -> Self {
        match pauser {
            Some(_) => Self::Moderator,
            None => Self::Operator,
        }
    }

    /// Whether somebody may lift this pause, or make it its own: the operator any, agents that of an agent.
    pub const fn yields_to(self, who: Option<Permission>) -> bool {
        match self {
            Self::Moderator => true,
            Self::LoopGuard | Self::Operator => who.is_none(),
        }
    }

    /// Why nobody can send.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::LoopGuard => {
                "the agents have sent many messages without a human's word or a change of status"
            }
            Self::Moderator => "an owner or moderator has paused the conversation",
            Self::Operator => "the operator has paused the conversation",
        }
    }

    /// The refusal of whatever this pause stops, for an agent with this permission.
    pub fn refusal(self, id: ConversationId, who: Option<Permission>) -> Denied {
        let hint = match self {
            Self::LoopGuard | Self::Operator => format!("tell your user, who can run `mab resume {id}`"),
            Self::Moderator if who.is_some_and(|who| Action::Resume.is_of(who)) => {
                "you may lift it: moderate with action resume".to_owned()
            }
            Self::Moderator => "stop until an owner or moderator resumes, and tell your user".to_owned(),
        };
        Denied::new(Code::Paused, self.reason()).hint(hint)
    }
}

/// Judges whether somebody may remove a member: the operator and owners anybody, a moderator nobody of its rank or above.
///
/// # Errors
/// `forbidden`.
pub fn may_remove(who: Option<Permission>, target: Permission) -> Result<(), Denied> {
    let may = match who {
        None | Some(Permission::Owner) => true,
        Some(Permission::Moderator) => !matches!(target, Permission::Owner | Permission::Moderator),
        Some(Permission::Member | Permission::Approver | Permission::Observer | Permission::Auditor) => false,
    };
    if may {
        return Ok(());
    }
    let who = who.map_or("operator", Permission::as_str);
    let message = format!("{who} may not remove {}", target.as_str());
    Err(Denied::new(Code::Forbidden, message).hint("ask an owner to do it, with send_to_partner"))
}

/// Judges whether an agent may leave those who remain: one of its conversation's owners must be among them, unless nobody
/// remains.
///
/// # Errors
/// `conflict`.
pub fn may_leave(leaver: Permission, remaining: &[Permission]) -> Result<(), Denied> {
    if leaver != Permission::Owner || remaining.is_empty() || remaining.contains(&Permission::Owner) {
        return Ok(());
    }
    Err(Denied::new(Code::Conflict, "the last owner cannot leave while others remain")
        .hint("make somebody else the owner first: moderate with action transfer"))
}

/// Judges whether somebody can be removed or made the owner by `who`: another member, and one that is still there.
///
/// # Errors
/// `invalid_arguments` for oneself, `conflict` for who was removed.
pub fn is_another(who: Option<&SessionId>, target: &SessionId, is_removed: bool) -> Result<(), Denied> {
    if who == Some(target) {
        return Err(Denied::new(Code::InvalidArguments, "agent must be somebody else")
            .hint("to go yourself, use action leave"));
    }
    if is_removed {
        let message = format!("{target} is not in the conversation any more");
        let hint = match who {
            Some(_) => "invite another agent in its place with invite_agent",
            None => "`mab show` lists who is there",
        };
        return Err(Denied::new(Code::Conflict, message).hint(hint));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Permission::{Approver, Auditor, Member, Moderator, Observer, Owner};

    #[test]
    fn everybody_removes_exactly_whom_is_written_down() {
        // Rows: who removes; columns: owner, moderator, member, approver, observer, auditor.
        let expected = [
            (None, "xxxxxx"),
            (Some(Owner), "xxxxxx"),
            (Some(Moderator), "..xxxx"),
            (Some(Member), "......"),
            (Some(Approver), "......"),
            (Some(Observer), "......"),
            (Some(Auditor), "......"),
        ];
        assert!(expected.iter().skip(1).map(|(who, _)| *who).eq(Permission::ALL.iter().copied().map(Some)));
        for (who, row) in expected {
            for (target, mark) in Permission::ALL.iter().zip(row.chars()) {
                let judged = may_remove(who, *target);
                assert_eq!(judged.is_ok(), mark == 'x', "{who:?} {target:?}");
                assert!(judged.map_or_else(|denied| denied.code == Code::Forbidden, |()| true));
            }
        }
        let message = may_remove(Some(Moderator), Owner).unwrap_err().message;
        assert_eq!(message, "moderator may not remove owner");
    }

    #[test]
    fn last_owner_when_others_remain_cannot_leave() {
        for leaver in Permission::ALL {
            for remaining in Permission::ALL {
                let stays = *leaver == Owner && *remaining != Owner;
                let judged = may_leave(*leaver, &[*remaining]);
                assert_eq!(judged.is_err(), stays, "{leaver:?} {remaining:?}");
                assert!(judged.map_or_else(|denied| denied.code == Code::Conflict, |()| true));
            }
            assert!(may_leave(*leaver, &[]).is_ok());
        }
        assert!(may_leave(Owner, &[Member, Owner]).is_ok());
    }

    #[test]
    fn pause_is_lifted_by_exactly_those_written_down() {
        for by in PausedBy::ALL {
            assert!(by.yields_to(None), "the operator lifts {by:?}");
            for permission in Permission::ALL {
                assert_eq!(by.yields_to(Some(*permission)), *by == PausedBy::Moderator, "{by:?}");
            }
            assert_eq!(by.as_str().parse::<PausedBy>().ok(), Some(*by));
        }
        assert_eq!(
            [PausedBy::of(None), PausedBy::of(Some(Owner))],
            [PausedBy::Operator, PausedBy::Moderator]
        );
    }

    #[test]
    fn target_when_oneself_or_removed_is_refused() {
        let (a, b): (SessionId, SessionId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let hint = |who| is_another(who, &b, true).err().and_then(|denied| denied.hint);
        assert!(hint(None).is_some_and(|hint| !hint.contains("invite")));
        let code = |who, removed| is_another(who, &b, removed).map_err(|denied| denied.code);
        assert_eq!(code(Some(&a), false), Ok(()));
        assert_eq!(code(None, false), Ok(()));
        assert_eq!(code(Some(&b), false), Err(Code::InvalidArguments));
        assert_eq!(code(Some(&a), true), Err(Code::Conflict));
        assert_eq!(code(None, true), Err(Code::Conflict));
    }
}
