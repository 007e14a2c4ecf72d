//! Members: joining, inviting, saying what one does, and the operator's hand on tokens.

use mab_core::{
    Code, ConversationId, Denied, Failure, SessionId, Timestamp,
    agent::{MEMBERS_MAX, Status},
    audit::Detail,
    entity::{Member, NewAgent},
    policy::Stamp,
    seal::Sealed,
};
use rusqlite::params;

use super::{
    moderation::{Ended, with_ended},
    rows,
    tx::Tx,
};
use crate::TokenChange;

impl Tx<'_> {
    /// Takes up an invitation; returns the epoch whose token is now valid.
    pub(super) fn join(&self, stamp: &Stamp) -> Result<u32, Failure> {
        const JOIN: &str = "UPDATE agent SET epoch = epoch + 1, joined_at = ?2 WHERE pk = ?1 RETURNING epoch";
        self.change(stamp, |entered| {
            let epoch =
                self.row(JOIN, params![entered.agent_pk, self.now().millis()], |row| row.get::<_, u32>(0))?;
            let epoch = epoch.unwrap_or_default();
            Ok((epoch, Detail::default().number("epoch", u64::from(epoch))))
        })
    }

    /// Adds an agent.
    pub(super) fn invite(&self, stamp: &Stamp, agent: &NewAgent) -> Result<(), Failure> {
        const COUNT: &str =
            "SELECT count(*), coalesce(sum(session = ?2), 0) FROM agent WHERE conversation = ?1";
        self.change(stamp, |entered| {
            let values = params![entered.conversation_pk, agent.session.as_str()];
            let counted =
                self.row(COUNT, values, |row| Ok((row.get::<_, u8>(0)?, row.get::<_, bool>(1)?)))?;
            let (members, taken) = counted.unwrap_or_default();
            if taken {
                return Err(Denied::new(Code::Conflict, format!("the handle {} is taken", agent.session))
                    .hint("call invite_agent again with another new_session_id, or without")
                    .into());
            }
            if members >= MEMBERS_MAX {
                return Err(Denied::new(
                    Code::QuotaExceeded,
                    format!("a conversation has at most {MEMBERS_MAX} members"),
                )
                .hint("open another conversation with create_conversation")
                .into());
            }
            self.insert_agent(entered.conversation_pk, members, agent)?;
            let detail = Detail::default()
                .sessions("session", [&agent.session])
                .name("permission", agent.permission.as_str());
            Ok(((), detail))
        })
    }

    /// Replaces status and note. A status that is another one breaks the agents' talk; it lifts no pause.
    pub(super) fn set_status(
        &self,
        stamp: &Stamp,
        status: Status,
        note: Option<&Sealed>,
    ) -> Result<Timestamp, Failure> {
        const SET: &str = "UPDATE agent SET status = ?2, status_at = ?3, note = ?4 WHERE pk = ?1";
        const DIFFERS: &str = "SELECT status IS NOT ?2 FROM agent WHERE pk = ?1";
        self.change(stamp, |entered| {
            let values = params![entered.agent_pk, status.as_str()];
            if self.row(DIFFERS, values, |row| row.get::<_, bool>(0))?.unwrap_or_default() {
                entered.ledger.calm_seq = entered.ledger.last_seq;
            }
            let note = note.map(Sealed::as_bytes);
            if note.is_some() {
                self.refuse_note(entered, stamp)?;
            }
            self.execute_one(SET, params![entered.agent_pk, status.as_str(), self.now().millis(), note])?;
            Ok((self.now(), stamp.detail().clone().name("status", status.as_str())))
        })
    }

    /// Records the operator's look at a conversation's tokens, and changes them when asked.
    pub(super) fn manage_tokens(
        &self,
        stamp: &Stamp,
        id: ConversationId,
        change: Option<&TokenChange>,
    ) -> Result<(), Failure> {
        const FIND: &str = "SELECT pk FROM conversation WHERE id = ?1 AND pk <> 0";
        self.guarded(stamp, || {
            self.enter(stamp)?;
            let pk: i64 = self.row(FIND, [id.bytes()], |row| row.get(0))?.ok_or_else(no_conversation)?;
            let detail = match change {
                None => Detail::default().name("change", "shown"),
                Some(TokenChange::Rotate(session)) => {
                    let member = self.member_named(id, session)?;
                    if member.revoked {
                        return Err(Denied::new(
                            Code::Revoked,
                            format!("{session} was removed from the conversation"),
                        )
                        .hint("its owner can invite another agent; `mab show` lists who is there")
                        .into());
                    }
                    self.rotate(&[member])?
                }
                Some(TokenChange::RotateAll) => self.rotate(&self.members(id)?)?,
                Some(TokenChange::Revoke(session)) => self.revoke(&[self.member_named(id, session)?])?,
                Some(TokenChange::RevokeAll) => self.revoke(&self.members(id)?)?,
            };
            self.done(&self.ledger(pk)?, stamp, detail)
        })
    }

    /// Voids tokens; those of the next epoch are valid.
    fn rotate(&self, members: &[Member]) -> Result<Detail, Failure> {
        const ROTATE: &str = "UPDATE agent SET epoch = epoch + 1 WHERE pk = ?1";
        for member in members {
            if self.now() >= member.expires_at {
                let message = format!("the conversation expired at {}", member.expires_at);
                return Err(Denied::new(Code::Expired, message)
                    .hint("no token opens it any more; create a new conversation")
                    .into());
            }
            self.execute_one(ROTATE, [member.agent_pk])?;
            self.wake(member.agent_pk);
        }
        Ok(changed("rotated", members))
    }

    /// Voids tokens and removes their agents.
    fn revoke(&self, members: &[Member]) -> Result<Detail, Failure> {
        let mut ended = Ended::default();
        for member in members {
            let Ended { leases, runs } = self.end_place(member.agent_pk)?;
            ended = Ended { leases: ended.leases + leases, runs: ended.runs + runs };
        }
        Ok(with_ended(changed("revoked", members), ended))
    }

    /// Everybody who was not removed, in join order.
    fn members(&self, id: ConversationId) -> Result<Vec<Member>, Failure> {
        self.rows(rows::MEMBERS_BY_CONVERSATION, [id.bytes()], rows::member)
    }

    fn member_named(&self, id: ConversationId, session: &SessionId) -> Result<Member, Failure> {
        let member = self.row(rows::MEMBER_BY_NAME, params![id.bytes(), session.as_str()], rows::member)?;
        member.ok_or_else(|| no_agent(id).into())
    }
}

fn changed(change: &'static str, members: &[Member]) -> Detail {
    let sessions = members.iter().map(|member| &member.session);
    Detail::default().name("change", change).sessions("session", sessions)
}

/// The refusal when an operator names no agent.
pub(super) fn no_agent(id: ConversationId) -> Denied {
    Denied::new(Code::NotFound, "no such agent").hint(format!("`mab show {id}` lists its agents"))
}

/// The refusal when an operator names no conversation.
pub(super) fn no_conversation() -> Denied {
    Denied::new(Code::NotFound, "no such conversation").hint("`mab list --all` shows what there is")
}
