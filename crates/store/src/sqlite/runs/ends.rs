//! How commands end: their own end, and the end of what let them run.

use mab_core::{
    ConversationId, Failure, Fault,
    entity::{Notice, RunEnd},
    execution::RunState,
    policy::Stamp,
};
use rusqlite::{Params, params};

use super::super::{ledger::Ledger, members::no_conversation, tx::Tx};

/// What does not run is withdrawn; what runs is to be stopped by who runs it.
macro_rules! ending {
    () => {
        "UPDATE run SET end_asked_at = CASE state WHEN 'running' THEN ?1 END,
         decided_at = CASE state WHEN 'running' THEN decided_at ELSE ?1 END,
         ended_at = CASE state WHEN 'running' THEN NULL ELSE ?1 END,
         state = CASE state WHEN 'running' THEN state ELSE 'withdrawn' END
         WHERE state IN ('pending', 'approved', 'running') AND end_asked_at IS NULL"
    };
}

/// A conversation that may be over.
pub(super) struct Place {
    /// Its row.
    pub(super) pk: i64,
    /// What its row counts.
    pub(super) ledger: Ledger,
    /// Whether nothing but its chain is left.
    pub(super) purged: bool,
}

impl Tx<'_> {
    /// Records how a command ended. Says whether that was new.
    pub(super) fn end_run(
        &self,
        stamp: &Stamp,
        end: &RunEnd,
        notice: Option<&Notice>,
    ) -> Result<bool, Failure> {
        const RAN: &str =
            "UPDATE run SET state = ?3, ended_at = ?4 WHERE id = ?1 AND conversation = ?2 AND state = 'running'
             AND (?5 = 0 OR expires_at <= ?4) RETURNING agent, hash";
        const RAN_OUT: &str = "UPDATE run SET state = ?3, ended_at = ?4
             WHERE id = ?1 AND conversation = ?2 AND state IN ('pending', 'approved')
             AND (?5 = 0 OR expires_at <= ?4) RETURNING agent, hash";
        const UNDONE: &str = "UPDATE run SET state = ?3, ended_at = ?4
             WHERE id = ?1 AND conversation = ?2 AND state = 'approved' AND ?5 = 0
             AND quorum > (SELECT count(*) FROM vote v JOIN agent a ON a.pk = v.agent
                           WHERE v.run = run.pk AND a.revoked_at IS NULL AND a.permission = 'approver')
             RETURNING agent, hash";
        let (sql, by_time) = match end.state {
            RunState::Finished => (RAN, false),
            RunState::Lost => (RAN, true),
            RunState::Expired => (RAN_OUT, true),
            RunState::Withdrawn => (UNDONE, false),
            RunState::Pending | RunState::Approved | RunState::Denied | RunState::Running => {
                return Err(Fault::new("ending a command with what is no end").into());
            }
        };
        self.guarded(stamp, || {
            self.enter(stamp)?;
            let mut place = self.place(end.conversation)?;
            let values = params![end.id.bytes(), place.pk, end.state.as_str(), self.now().millis(), by_time];
            let ended =
                self.row(sql, values, |row| Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?)))?;
            let Some((agent_pk, hash)) = ended else { return Ok(false) };
            self.wake(agent_pk);
            let detail = stamp.detail().clone().run("run", &end.id).digest("request", &hash);
            let mut detail = detail.name("step", end.state.as_str()).name("outcome", end.outcome);
            if end.state == RunState::Finished {
                detail = detail.number("duration_ms", end.duration_ms);
            }
            if let Some(code) = end.exit_code {
                detail = detail.number("exit_code", u64::from(code));
            }
            let detail = match notice {
                // Nobody reads a conversation that was purged.
                Some(notice) if !place.purged => self.tell(&mut place.ledger, notice, detail)?,
                Some(_) | None => detail,
            };
            self.done(&place.ledger, stamp, detail)?;
            Ok(true)
        })
    }

    /// Finds a conversation, whether it is over or not.
    pub(super) fn place(&self, id: ConversationId) -> Result<Place, Failure> {
        const FIND: &str = "SELECT pk, purged_at IS NOT NULL FROM conversation WHERE id = ?1 AND pk <> 0";
        let found = self.row(FIND, [id.bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (pk, purged) = found.ok_or_else(no_conversation)?;
        Ok(Place { pk, ledger: self.ledger(pk)?, purged })
    }

    /// Takes back every open command of a conversation, and asks for the end of those that run. Returns how many.
    pub(super) fn end_runs_of(&self, conversation_pk: i64) -> Result<u64, Failure> {
        const END: &str = concat!(ending!(), " AND conversation = ?2 RETURNING agent");
        self.end_runs(END, params![self.now().millis(), conversation_pk])
    }

    /// As [`Self::end_runs_of`], of an agent whose place ends, which wishes nothing any more either.
    pub(in super::super) fn end_runs_of_agent(&self, agent_pk: i64) -> Result<u64, Failure> {
        const FORGET: &str = "DELETE FROM wish WHERE agent = ?1
             AND conversation = (SELECT conversation FROM agent WHERE pk = ?1)";
        const END: &str = concat!(
            ending!(),
            " AND agent = ?2 AND conversation = (SELECT conversation FROM agent WHERE pk = ?2) RETURNING agent"
        );
        self.execute(FORGET, [agent_pk])?;
        self.end_runs(END, params![self.now().millis(), agent_pk])
    }

    /// Of a conversation's commands, leaves what happened to which hash; none can start any more.
    pub(in super::super) fn purge_runs(&self, conversation_pk: i64) -> Result<(), Failure> {
        const TERMS: &str = "DELETE FROM terms WHERE conversation = ?1";
        const WISHES: &str = "DELETE FROM wish WHERE conversation = ?1";
        const VOTES: &str = "DELETE FROM vote WHERE run IN (SELECT pk FROM run WHERE conversation = ?1)";
        const RUNS: &str =
            "UPDATE run SET request = NULL, reason = NULL, approval = NULL, signature = NULL, key = NULL,
             boot = NULL, uptime_ms = NULL,
             state = CASE WHEN state IN ('pending', 'approved') THEN 'expired' ELSE state END
             WHERE conversation = ?1";
        for sql in [TERMS, WISHES, VOTES, RUNS] {
            self.execute(sql, [conversation_pk])?;
        }
        Ok(())
    }

    fn end_runs(&self, sql: &'static str, values: impl Params) -> Result<u64, Failure> {
        let agents: Vec<i64> = self.rows(sql, values, |row| row.get(0))?;
        for agent_pk in &agents {
            self.wake(*agent_pk);
        }
        Ok(agents.len() as u64)
    }
}
