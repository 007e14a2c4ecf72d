//! Starting a command that was agreed to: the one consumption of its approval.

use mab_core::{
    Failure, agent::Permission, entity::RunStart, execution::VALID_S, limit::AHEAD_MAX_S, policy::Stamp,
};
use rusqlite::named_params;

use super::{
    super::{guard::refuse_when_paused, tx::Tx},
    refusals::void,
};

/// All that must hold, looked at and consumed at once. What was decided in the future was decided by a clock that has been
/// set back since.
const START: &str = "UPDATE run SET state = 'running', started_at = :now, expires_at = :lost
     WHERE id = :id AND hash = :hash AND conversation = :conversation AND agent = :agent
     AND state = 'approved' AND assurance = :assurance AND request IS NOT NULL
     AND expires_at > :now AND decided_at > :oldest AND decided_at <= :newest
     AND (key IS NULL OR key = (SELECT key FROM approver))
     AND quorum <= (SELECT count(*) FROM vote v JOIN agent a ON a.pk = v.agent
                    WHERE v.run = run.pk AND a.revoked_at IS NULL AND a.permission = :approver)
     AND EXISTS (SELECT 1 FROM terms t JOIN approver p ON p.key = t.key
                 WHERE t.conversation = :conversation AND t.expires_at > :now)
     AND EXISTS (SELECT 1 FROM agent a WHERE a.pk = :agent AND a.execution_locked_at IS NULL)";

impl Tx<'_> {
    /// Starts it; whoever comes second finds nothing to consume.
    pub(super) fn start_run(&self, stamp: &Stamp, start: &RunStart) -> Result<(), Failure> {
        self.change(stamp, |entered| {
            refuse_when_paused(stamp, entered)?;
            self.refuse_when_locked(entered.agent_pk)?;
            self.refuse_when_disabled(entered.conversation_pk)?;
            let now = self.now();
            let started = self.execute(
                START,
                named_params! {
                    ":now": now.millis(),
                    ":lost": start.lost_at.millis(),
                    ":id": start.id.bytes(),
                    ":hash": start.agreed.hash(),
                    ":conversation": entered.conversation_pk,
                    ":agent": entered.agent_pk,
                    ":assurance": start.agreed.assurance().as_str(),
                    ":oldest": now.minus_seconds(VALID_S).millis(),
                    ":newest": now.plus_seconds(AHEAD_MAX_S).millis(),
                    ":approver": Permission::Approver.as_str(),
                },
            )?;
            if started != 1 {
                return Err(void(
                    stamp,
                    "no yes to this command can be used: it was used, or its time is over",
                )
                .into());
            }
            let detail = stamp.detail().clone().run("run", &start.id).digest("request", start.agreed.hash());
            let detail = detail.name("step", "started").name("assurance", start.agreed.assurance().as_str());
            let detail = detail.number("expires_at_ms", start.lost_at.millis().unsigned_abs());
            Ok(((), detail))
        })
    }
}
