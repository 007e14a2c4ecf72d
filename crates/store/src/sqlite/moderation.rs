//! Keeping order: leaving, removing, handing over, pausing, resuming. [`mab_core::moderation`] judges.
//!
//! What the operator may do as well takes the conversation's name; an agent's is always its own.

use mab_core::{
    Code, ConversationId, Denied, Failure, Fault, SessionId, Timestamp,
    agent::Permission,
    audit::Detail,
    entity::{Member, Paused},
    moderation::{self, Pause, PausedBy},
    policy::Stamp,
};
use rusqlite::params;

use super::{
    members::{no_agent, no_conversation},
    rows,
    tx::{Entered, Tx},
};

/// What ends with an agent's place.
#[derive(Default, Clone, Copy)]
pub(super) struct Ended {
    /// How many leases.
    pub(super) leases: u64,
    /// How many commands that were open or ran.
    pub(super) runs: u64,
}

/// How long a conversation lasts.
struct Life {
    pk: i64,
    expires_at: Timestamp,
    purged: bool,
}

impl Tx<'_> {
    /// Ends the agent's own place.
    pub(super) fn leave(&self, stamp: &Stamp) -> Result<(), Failure> {
        const REMAINING: &str =
            "SELECT permission FROM agent WHERE conversation = ?1 AND pk <> ?2 AND revoked_at IS NULL";
        self.change(stamp, |entered| {
            let leaver = entered.permission.ok_or(Fault::new("leaving without a place"))?;
            let others = params![entered.conversation_pk, entered.agent_pk];
            let remaining: Vec<Permission> = self.rows(REMAINING, others, |row| rows::named(row, 0))?;
            moderation::may_leave(leaver, &remaining)?;
            Ok(((), with_ended(Detail::default(), self.end_place(entered.agent_pk)?)))
        })
    }

    /// Ends somebody else's place.
    pub(super) fn remove_member(
        &self,
        stamp: &Stamp,
        id: ConversationId,
        session: &SessionId,
    ) -> Result<(), Failure> {
        self.guarded(stamp, || {
            let entered = self.enter_conversation(stamp, id)?;
            let target = self.other_member(stamp, id, session)?;
            moderation::may_remove(entered.permission, target.permission)?;
            let ended = self.end_place(target.agent_pk)?;
            let detail = Detail::default().sessions("session", [session]);
            self.done(&entered.ledger, stamp, with_ended(detail, ended))
        })
    }

    /// Makes somebody the owner in the place of the agent that asks; in the place of every owner when the operator asks.
    pub(super) fn transfer(
        &self,
        stamp: &Stamp,
        id: ConversationId,
        session: &SessionId,
    ) -> Result<(), Failure> {
        const OWNERS: &str = "SELECT pk, session FROM agent
             WHERE conversation = ?1 AND permission = 'owner' AND revoked_at IS NULL AND pk <> ?2 ORDER BY ordinal";
        self.guarded(stamp, || {
            let entered = self.enter_conversation(stamp, id)?;
            let target = self.other_member(stamp, id, session)?;
            let others = params![entered.conversation_pk, target.agent_pk];
            let mut owners = self.rows(OWNERS, others, |row| Ok((row.get(0)?, rows::session(row, 1)?)))?;
            if let Some(seat) = stamp.seat() {
                owners.retain(|(_, owner)| *owner == seat.session);
            }
            for (agent_pk, _) in &owners {
                self.permit(*agent_pk, Permission::Member)?;
            }
            self.permit(target.agent_pk, Permission::Owner)?;
            let were = owners.iter().map(|(_, owner)| owner);
            let detail = Detail::default().sessions("owner", [session]).sessions("before", were);
            self.done(&entered.ledger, stamp, detail)
        })
    }

    /// Stops all sending. A pause that is not the caller's to lift stays as it is.
    pub(super) fn pause(&self, stamp: &Stamp, id: ConversationId) -> Result<Paused, Failure> {
        self.guarded(stamp, || {
            let Entered { conversation_pk, permission, mut ledger, .. } =
                self.enter_conversation(stamp, id)?;
            let by = PausedBy::of(permission);
            if let Some(before) = ledger.pause.filter(|it| it.by == by || !it.by.yields_to(permission)) {
                return Ok(Paused { by: before.by, is_new: false });
            }
            let (at, was) = ledger.pause.map_or((self.now(), "active"), |before| (before.at, "paused"));
            ledger.pause = Some(Pause { at, by });
            self.wake_all(conversation_pk)?;
            self.done(&ledger, stamp, Detail::default().name("was", was).name("by", by.as_str()))?;
            Ok(Paused { by, is_new: true })
        })
    }

    /// Lets agents send again. Says who had paused. Only the operator's word lets the agents' talk begin anew.
    pub(super) fn resume(&self, stamp: &Stamp, id: ConversationId) -> Result<Option<PausedBy>, Failure> {
        self.guarded(stamp, || {
            let Entered { permission, mut ledger, .. } = self.enter_conversation(stamp, id)?;
            let before = ledger.pause.take().map(|pause| pause.by);
            match (before, permission) {
                (Some(by), _) if !by.yields_to(permission) => return Err(by.refusal(id, permission).into()),
                (None, Some(_)) => return Ok(None),
                (Some(_), Some(_)) => {}
                (Some(_) | None, None) => ledger.calm_seq = ledger.last_seq,
            }
            let detail = match before {
                Some(by) => Detail::default().name("was", "paused").name("by", by.as_str()),
                None => Detail::default().name("was", "active"),
            };
            self.done(&ledger, stamp, detail)?;
            Ok(before)
        })
    }

    /// Voids an agent's token, ends its leases, its commands and its waiting calls, and keeps its rows.
    pub(super) fn end_place(&self, agent_pk: i64) -> Result<Ended, Failure> {
        const REVOKE: &str =
            "UPDATE agent SET epoch = epoch + 1, revoked_at = coalesce(revoked_at, ?2) WHERE pk = ?1";
        self.execute_one(REVOKE, params![agent_pk, self.now().millis()])?;
        self.wake(agent_pk);
        let leases = self.execute("DELETE FROM lease WHERE agent = ?1", [agent_pk])? as u64;
        Ok(Ended { leases, runs: self.end_runs_of_agent(agent_pk)? })
    }

    /// As [`Self::enter`], into the conversation that an agent is in or that the operator names, while it lasts.
    pub(super) fn enter_conversation(&self, stamp: &Stamp, id: ConversationId) -> Result<Entered, Failure> {
        const FIND: &str =
            "SELECT pk, expires_at, purged_at IS NOT NULL FROM conversation WHERE id = ?1 AND pk <> 0";
        let entered = self.enter(stamp)?;
        if let Some(seat) = stamp.seat() {
            let own = seat.conversation == id;
            return if own {
                Ok(entered)
            } else {
                Err(Fault::new("reaching into another conversation").into())
            };
        }
        let life = self.row(FIND, [id.bytes()], |row| {
            Ok(Life { pk: row.get(0)?, expires_at: rows::time(row, 1)?, purged: row.get(2)? })
        })?;
        let life = life.ok_or_else(no_conversation)?;
        if life.purged || self.now() >= life.expires_at {
            let message = format!("the conversation expired at {}", life.expires_at);
            return Err(Denied::new(Code::Expired, message).hint("create a new conversation").into());
        }
        Ok(Entered { conversation_pk: life.pk, ledger: self.ledger(life.pk)?, ..entered })
    }

    /// Another member than who asks, still there.
    fn other_member(
        &self,
        stamp: &Stamp,
        id: ConversationId,
        session: &SessionId,
    ) -> Result<Member, Failure> {
        let member = self.row(rows::MEMBER_BY_NAME, params![id.bytes(), session.as_str()], rows::member)?;
        let member = member.ok_or_else(|| match stamp.seat() {
            Some(_) => Denied::new(Code::UnknownRecipient, "the agent named is not a member")
                .hint("check_partner_status lists the members"),
            None => no_agent(id),
        })?;
        moderation::is_another(stamp.seat().map(|seat| &seat.session), session, member.revoked)?;
        Ok(member)
    }

    /// Changes what an agent may do; a call of its that waits learns of it.
    fn permit(&self, agent_pk: i64, permission: Permission) -> Result<(), Failure> {
        self.wake(agent_pk);
        self.execute_one(
            "UPDATE agent SET permission = ?2 WHERE pk = ?1",
            params![agent_pk, permission.as_str()],
        )
    }

    fn wake_all(&self, conversation_pk: i64) -> Result<(), Failure> {
        const MEMBERS: &str = "SELECT pk FROM agent WHERE conversation = ?1 AND revoked_at IS NULL";
        for agent_pk in self.rows(MEMBERS, [conversation_pk], |row| row.get(0))? {
            self.wake(agent_pk);
        }
        Ok(())
    }
}

/// Adds what ended, when anything did.
pub(super) fn with_ended(detail: Detail, ended: Ended) -> Detail {
    let counts = [("leases", ended.leases), ("runs", ended.runs)].into_iter().filter(|(_, count)| *count > 0);
    counts.fold(detail, |detail, (what, count)| detail.number(what, count))
}
