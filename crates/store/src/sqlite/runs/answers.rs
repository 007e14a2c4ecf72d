//! Answering a command that waits: a person, a form, or agents that may. Nobody answers its own.

use mab_core::{
    Code, ConversationId, Denied, Failure, Fault, RunId, SessionId,
    audit::Detail,
    entity::{Notice, RunAnswer, RunRow, Says},
    evidence,
    execution::{Assurance, Consent, DENIALS_MAX, RunState, VALID_S},
    policy::{Seat, Stamp},
    seal::Sealed,
    source::Uptime,
};
use rusqlite::params;

use super::{
    super::{
        error::failure,
        members::no_agent,
        rows,
        tx::{Entered, Tx},
    },
    reads,
    refusals::void,
};

impl Tx<'_> {
    /// Answers; returns how the command stands then.
    pub(super) fn answer_run(
        &self,
        stamp: &Stamp,
        answer: &RunAnswer,
        notice: &Notice,
    ) -> Result<RunState, Failure> {
        self.guarded(stamp, || {
            let mut entered = self.enter_conversation(stamp, answer.conversation)?;
            let (run_pk, run) = self.run_of(stamp, entered.conversation_pk, answer.id)?;
            may_answer(stamp, &run, &answer.says)?;
            self.refuse_when_answered(stamp, &run, answer)?;
            let detail = stamp.detail().clone().run("run", &run.id).digest("request", &run.hash);
            let (state, detail) = match &answer.says {
                Says::Signed { text, signature, assurance } => {
                    let yes = Yes { assurance: *assurance, signed: Some((text, signature)), uptime: None };
                    self.agree(stamp, run_pk, &yes, detail)?
                }
                Says::Elicited => {
                    let uptime = Some(answer.uptime);
                    let yes = Yes { assurance: Assurance::Elicitation, signed: None, uptime };
                    self.agree(stamp, run_pk, &yes, detail)?
                }
                Says::Vote { quorum } => {
                    match self.vote(stamp, (&entered, run_pk), (answer, *quorum), detail)? {
                        Some(counted) => counted,
                        None => return Ok(run.state),
                    }
                }
                Says::No { reason, .. } => {
                    let detail = self.keep_reason(&mut entered, run_pk, reason.as_ref(), detail)?;
                    self.deny_run(stamp, &run, run_pk, detail)?
                }
            };
            self.wake(run.agent_pk);
            let notice = match &answer.says {
                Says::No { locking: Some(locking), .. } if self.is_locked(run.agent_pk)? => locking,
                Says::Signed { .. } | Says::Elicited | Says::Vote { .. } | Says::No { .. } => notice,
            };
            let detail = self.tell(&mut entered.ledger, notice, detail.name("step", state.as_str()))?;
            self.done(&entered.ledger, stamp, detail)?;
            Ok(state)
        })
    }

    fn refuse_when_answered(&self, stamp: &Stamp, run: &RunRow, answer: &RunAnswer) -> Result<(), Denied> {
        if run.hash != answer.hash {
            return Err(void(stamp, "the command is not the one that was shown"));
        }
        // A no takes a yes back that was not used; that of an agent takes back no yes of a person's.
        let is_agents = stamp.seat().is_some();
        let waits = match answer.says {
            Says::No { .. } if is_agents && !matches!(run.consent, None | Some(Consent::Voted { .. })) => {
                false
            }
            Says::No { .. } => run.state.is_open(),
            Says::Signed { .. } | Says::Elicited | Says::Vote { .. } => run.state == RunState::Pending,
        };
        if !waits {
            return Err(void(stamp, "the command does not wait for an answer any more"));
        }
        if self.now() >= run.expires_at {
            return Err(void(stamp, "the command waited too long for an answer"));
        }
        Ok(())
    }

    /// Records a yes that is enough.
    fn agree(
        &self,
        stamp: &Stamp,
        run_pk: i64,
        yes: &Yes<'_>,
        detail: Detail,
    ) -> Result<(RunState, Detail), Failure> {
        const KEY: &str = "SELECT key FROM approver";
        const AGREE: &str =
            "UPDATE run SET state = 'approved', decided_at = ?2, expires_at = ?3, assurance = ?4, approval = ?5,
             signature = ?6, key = ?7, boot = ?8, uptime_ms = ?9 WHERE pk = ?1 AND state = 'pending'";
        let (text, signature) = yes.signed.unzip();
        let key = match yes.signed {
            Some(_) => {
                let key: Option<[u8; 32]> = self.row(KEY, [], |row| row.get(0))?;
                Some(key.ok_or_else(|| void(stamp, "no approver is enrolled any more"))?)
            }
            None => None,
        };
        let (now, until) = (self.now(), self.now().plus_seconds(VALID_S));
        let (boot, uptime_ms) = yes.uptime.map(|uptime| (uptime.boot, rows::stored(uptime.ms))).unzip();
        let assurance = yes.assurance.as_str();
        self.execute_one(
            AGREE,
            params![run_pk, now.millis(), until.millis(), assurance, text, signature, key, boot, uptime_ms],
        )?;
        let uptime_ms = uptime_ms.map(i64::to_be_bytes);
        let (text, signature) = (text.map(String::as_bytes), signature.map(Vec::as_slice));
        let (signed_by, boot) = (key.as_ref(), boot.as_ref().map(<[u8; 16]>::as_slice));
        let key = signed_by.map(<[u8; 32]>::as_slice);
        let consent = [text, signature, key, boot, uptime_ms.as_ref().map(<[u8; 8]>::as_slice)];
        let mut detail = detail.name("assurance", assurance);
        if let Some(key) = signed_by {
            detail = detail.digest("key", key);
        }
        let is_any = consent.iter().any(Option::is_some);
        let detail =
            if is_any { detail.digest("consent_sha256", &evidence::digest(&consent)) } else { detail };
        Ok((RunState::Approved, detail))
    }

    /// Counts an agent's yes, once; `None` when it was counted already.
    fn vote(
        &self,
        stamp: &Stamp,
        (entered, run_pk): (&Entered, i64),
        (answer, quorum): (&RunAnswer, u8),
        detail: Detail,
    ) -> Result<Option<(RunState, Detail)>, Failure> {
        const VOTE: &str =
            "INSERT OR IGNORE INTO vote (run, agent, at, boot, uptime_ms) VALUES (?1, ?2, ?3, ?4, ?5)";
        const QUORUM: &str = "UPDATE run SET quorum = ?2 WHERE pk = ?1";
        if quorum == 0 {
            let message = "no person wanted that agents agree to commands here";
            return Err(Denied::new(Code::Forbidden, message)
                .hint("tell your user, who can agree with `mab approve`")
                .into());
        }
        let (at, ms) = (self.now().millis(), rows::stored(answer.uptime.ms));
        if self.execute(VOTE, params![run_pk, entered.agent_pk, at, answer.uptime.boot, ms])? == 0 {
            return Ok(None);
        }
        let moment = evidence::digest(&[Some(&answer.uptime.boot), Some(&ms.to_be_bytes())]);
        let detail = detail.digest("vote_sha256", &moment);
        let votes = reads::count_votes(self.connection(), run_pk)
            .map_err(|source| failure("counting votes", source))?;
        if votes < usize::from(quorum) {
            let detail = detail.name("assurance", Assurance::Approvers.as_str());
            return Ok(Some((RunState::Pending, detail)));
        }
        self.execute_one(QUORUM, params![run_pk, quorum])?;
        let detail = detail.number("quorum", u64::from(quorum));
        let yes = Yes { assurance: Assurance::Approvers, signed: None, uptime: None };
        self.agree(stamp, run_pk, &yes, detail).map(Some)
    }

    /// Records a no; a person's third since the agent was last let ask refuses its commands. Agents lock nobody out.
    fn deny_run(
        &self,
        stamp: &Stamp,
        run: &RunRow,
        run_pk: i64,
        detail: Detail,
    ) -> Result<(RunState, Detail), Failure> {
        const COUNT: &str = "UPDATE agent SET denials = denials + 1 WHERE pk = ?1 RETURNING denials";
        const LOCK: &str =
            "UPDATE agent SET execution_locked_at = coalesce(execution_locked_at, ?2) WHERE pk = ?1";
        self.close(run_pk, RunState::Denied)?;
        if stamp.seat().is_some() {
            return Ok((RunState::Denied, detail));
        }
        let denials = self.row(COUNT, [run.agent_pk], |row| row.get(0).map(rows::count))?;
        let denials = denials.ok_or(Fault::new("a command is of no agent"))?;
        let detail = detail.number("denials", denials);
        if denials < DENIALS_MAX {
            return Ok((RunState::Denied, detail));
        }
        self.execute_one(LOCK, params![run.agent_pk, self.now().millis()])?;
        Ok((RunState::Denied, detail.name("then", "locked")))
    }

    /// Keeps why a command is refused.
    fn keep_reason(
        &self,
        entered: &mut Entered,
        run_pk: i64,
        reason: Option<&Sealed>,
        detail: Detail,
    ) -> Result<Detail, Failure> {
        const KEEP: &str = "UPDATE run SET reason = ?2 WHERE pk = ?1";
        let Some(reason) = reason.map(Sealed::as_bytes) else { return Ok(detail) };
        self.execute_one(KEEP, params![run_pk, reason])?;
        entered.ledger.size_bytes += reason.len() as u64;
        Ok(detail.digest("reason_sha256", &evidence::digest(&[Some(reason)])))
    }

    /// Takes back an agent's own command.
    pub(super) fn withdraw_run(&self, stamp: &Stamp, id: RunId, notice: &Notice) -> Result<(), Failure> {
        self.change(stamp, |entered| {
            let (run_pk, run) = self.run_of(stamp, entered.conversation_pk, id)?;
            if run.agent_pk != entered.agent_pk {
                return Err(Denied::new(Code::Forbidden, "the command is another agent's")
                    .hint("only who asked for a command takes it back: tell that agent with send_to_partner")
                    .into());
            }
            if !run.state.is_open() {
                return Err(void(stamp, "the command is not open any more").into());
            }
            self.close(run_pk, RunState::Withdrawn)?;
            let detail = stamp.detail().clone().run("run", &id).digest("request", &run.hash);
            let detail = detail.name("step", RunState::Withdrawn.as_str());
            Ok(((), self.tell(&mut entered.ledger, notice, detail)?))
        })
    }

    /// Ends an open command that did not start.
    pub(super) fn close(&self, run_pk: i64, state: RunState) -> Result<(), Failure> {
        const CLOSE: &str = "UPDATE run SET state = ?2, decided_at = ?3, ended_at = ?3
             WHERE pk = ?1 AND state IN ('pending', 'approved')";
        self.execute_one(CLOSE, params![run_pk, state.as_str(), self.now().millis()])
    }

    /// Lets an agent ask again. Says whether it could not.
    pub(super) fn unlock_execution(
        &self,
        stamp: &Stamp,
        conversation: ConversationId,
        session: &SessionId,
    ) -> Result<bool, Failure> {
        const FIND: &str = "SELECT pk, execution_locked_at IS NOT NULL, denials FROM agent
             WHERE conversation = ?1 AND session = ?2";
        const UNLOCK: &str = "UPDATE agent SET execution_locked_at = NULL, denials = 0 WHERE pk = ?1";
        self.guarded(stamp, || {
            let entered = self.enter_conversation(stamp, conversation)?;
            let values = params![entered.conversation_pk, session.as_str()];
            let found = self.row(FIND, values, |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?, rows::count(row.get(2)?)))
            })?;
            let (agent_pk, locked, denials) = found.ok_or_else(|| no_agent(conversation))?;
            if locked || denials > 0 {
                self.execute_one(UNLOCK, [agent_pk])?;
                self.wake(agent_pk);
                let detail = stamp.detail().clone().sessions("session", [session]);
                self.done(&entered.ledger, stamp, detail.number("denials", denials))?;
            }
            Ok(locked)
        })
    }
}

/// A yes that is enough.
struct Yes<'a> {
    assurance: Assurance,
    signed: Option<(&'a String, &'a Vec<u8>)>,
    uptime: Option<Uptime>,
}

/// Refuses who may not say this. Only a form of its own client speaks for who asked.
fn may_answer(stamp: &Stamp, run: &RunRow, says: &Says) -> Result<(), Failure> {
    let is_own = |seat: &Seat| seat.agent_pk == run.agent_pk;
    match (stamp.seat(), says) {
        (None, Says::Signed { .. } | Says::Elicited | Says::No { .. }) => Ok(()),
        (Some(seat), Says::Elicited) if is_own(seat) => Ok(()),
        (Some(seat), Says::Vote { .. } | Says::No { .. }) if !is_own(seat) => Ok(()),
        (Some(seat), Says::Vote { .. } | Says::No { .. }) if is_own(seat) => {
            Err(Denied::new(Code::Forbidden, "nobody answers its own command")
                .hint("wait for another approver, or tell your user, who can run `mab pending`")
                .into())
        }
        (None, Says::Vote { .. })
        | (Some(_), Says::Signed { .. } | Says::Elicited | Says::Vote { .. } | Says::No { .. }) => {
            Err(Fault::new("answering a command as somebody else").into())
        }
    }
}
