//! The loop guard's pause: set by the message that makes the agents' talk too long, lifted by the operator.

use mab_core::{
    Code, ConversationId, Denied, Failure, Timestamp, audit::Detail, loop_guard::LoopGuard, policy::Stamp,
};

use super::{
    ledger::Ledger,
    members::no_conversation,
    rows,
    tx::{Entered, Tx, key},
};

/// Refuses a send while its conversation waits for a human.
pub(super) fn refuse_when_paused(stamp: &Stamp, ledger: &Ledger) -> Result<(), Denied> {
    let (Some(_), Some(seat)) = (ledger.paused_at, stamp.seat()) else { return Ok(()) };
    Err(Denied::new(
        Code::Paused,
        "the agents have sent many messages without a human's word or a change of status",
    )
    .hint(format!("tell your user, who can run `mab resume {}`", seat.conversation)))
}

/// How long a conversation lasts.
struct Life {
    pk: i64,
    expires_at: Timestamp,
    purged: bool,
}

impl Tx<'_> {
    /// Pauses the conversation when its newest message, already inserted, makes the agents' talk too long. Says whether
    /// it does.
    pub(super) fn pause_when_talked_out(
        &self,
        entered: &mut Entered,
        guard: LoopGuard,
    ) -> Result<bool, Failure> {
        const STORED_AT: &str = "SELECT at FROM message WHERE key = ?1";
        let ledger = &mut entered.ledger;
        let Some(seq) = guard.deciding_seq(ledger.calm_seq, ledger.last_seq) else { return Ok(false) };
        // A row that is damaged decides nothing: the next message looks at the next row.
        let at = self.sound_row(STORED_AT, [key(entered.conversation_pk, seq)?], |row| rows::time(row, 0))?;
        let pauses = at.is_some_and(|at| guard.pauses(at, self.now()));
        if pauses {
            ledger.paused_at = Some(self.now());
        }
        Ok(pauses)
    }

    /// Lifts the pause and lets the talk begin anew. Says whether there was a pause.
    pub(super) fn resume(&self, stamp: &Stamp, id: ConversationId) -> Result<bool, Failure> {
        const FIND: &str =
            "SELECT pk, expires_at, purged_at IS NOT NULL FROM conversation WHERE id = ?1 AND pk <> 0";
        self.guarded(stamp, || {
            self.enter(stamp)?;
            let life = self.row(FIND, [id.bytes()], |row| {
                Ok(Life { pk: row.get(0)?, expires_at: rows::time(row, 1)?, purged: row.get(2)? })
            })?;
            let life = life.ok_or_else(no_conversation)?;
            if life.purged || self.now() >= life.expires_at {
                let message = format!("the conversation expired at {}", life.expires_at);
                return Err(Denied::new(Code::Expired, message).hint("create a new conversation").into());
            }
            let mut ledger = self.ledger(life.pk)?;
            let paused = ledger.paused_at.take().is_some();
            ledger.calm_seq = ledger.last_seq;
            let was = if paused { "paused" } else { "active" };
            self.done(&ledger, stamp, Detail::default().name("was", was))?;
            Ok(paused)
        })
    }
}
