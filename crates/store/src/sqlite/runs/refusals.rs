//! What is refused about commands, and the looks that every step of a command's way shares.

use mab_core::{Code, Denied, Failure, RunId, entity::RunRow, policy::Stamp};
use rusqlite::params;

use super::{
    super::{error::failure, rows, tx::Tx},
    reads,
};

impl Tx<'_> {
    /// Refuses an agent whose commands were denied too often.
    pub(super) fn refuse_when_locked(&self, agent_pk: i64) -> Result<(), Failure> {
        if self.is_locked(agent_pk)? {
            return Err(Denied::new(Code::ExecutionLocked, "too many of your commands were denied")
                .hint("stop, and tell your user: only a person lifts it, with `mab yolo unlock`")
                .into());
        }
        Ok(())
    }

    /// Whether an agent's commands are refused.
    pub(super) fn is_locked(&self, agent_pk: i64) -> Result<bool, Failure> {
        const LOCKED: &str = "SELECT execution_locked_at IS NOT NULL FROM agent WHERE pk = ?1";
        Ok(self.row(LOCKED, [agent_pk], |row| row.get(0))?.unwrap_or(true))
    }

    /// Refuses where nothing is enabled now, by the approver that is enrolled now.
    pub(super) fn refuse_when_disabled(&self, conversation_pk: i64) -> Result<(), Failure> {
        const ENABLED: &str = "SELECT 1 FROM terms t JOIN approver p ON p.key = t.key
             WHERE t.conversation = ?1 AND t.expires_at > ?2";
        let values = params![conversation_pk, self.now().millis()];
        match self.row(ENABLED, values, |_| Ok(()))? {
            Some(()) => Ok(()),
            None => Err(disabled().into()),
        }
    }

    /// A command of this conversation, with its row.
    pub(super) fn run_of(
        &self,
        stamp: &Stamp,
        conversation_pk: i64,
        id: RunId,
    ) -> Result<(i64, RunRow), Failure> {
        let found = match reads::run(self.connection(), id) {
            Err(error) if rows::is_damage(&error) => None,
            found => found.map_err(|source| failure("reading a command", source))?,
        };
        let found = found.filter(|(_, run)| run.conversation_pk == conversation_pk);
        found.ok_or_else(|| unknown(stamp).into())
    }
}

/// The refusal where nothing is enabled.
pub(super) fn disabled() -> Denied {
    Denied::new(Code::ExecutionDisabled, "no person has enabled commands here, or their time is over")
        .hint("ask with enable_yolo_mode and tell your user; or propose the command with send_to_partner, action_type proposal")
}

/// The refusal of a name that is no command of the conversation.
fn unknown(stamp: &Stamp) -> Denied {
    match stamp.seat() {
        None => Denied::new(Code::NotFound, "no such command").hint("`mab pending` lists what waits"),
        Some(_) => void(stamp, "there is no such command"),
    }
}

/// The refusal of whatever a yes, a no or a start cannot be used for any more.
pub(super) fn void(stamp: &Stamp, why: &'static str) -> Denied {
    let hint = match stamp.seat() {
        None => "`mab pending` lists what waits",
        Some(seat) if mab_core::policy::Action::ListRuns.is_of(seat.permission) => {
            "list what waits: moderate with action requests"
        }
        Some(_) => "call execute_command with the command again, without approval_token",
    };
    Denied::new(Code::ApprovalVoid, why).hint(hint)
}
