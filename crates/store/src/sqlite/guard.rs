//! The loop guard's pause, set by the message that makes the agents' talk too long, and what every pause does to sends.

use mab_core::{
    Denied, Failure,
    loop_guard::LoopGuard,
    moderation::{Pause, PausedBy},
    policy::Stamp,
};

use super::{
    rows,
    tx::{Entered, Tx, key},
};

/// Refuses to let an agent speak while its conversation is paused.
pub(super) fn refuse_when_paused(stamp: &Stamp, entered: &Entered) -> Result<(), Denied> {
    let (Some(pause), Some(seat)) = (entered.ledger.pause, stamp.seat()) else { return Ok(()) };
    Err(pause.by.refusal(seat.conversation, entered.permission))
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
            ledger.pause = Some(Pause { at: self.now(), by: PausedBy::LoopGuard });
        }
        Ok(pauses)
    }
}
