//! The inbound policy: judging a send, and what becomes of messages that it holds back.
//!
//! A held message is a row of `message` without an audience, and a row of `held` that keeps whom it is for. Nobody but
//! its sender and who judges held messages sees it until it is released; rejected, nobody else ever does.

use mab_core::{
    Code, ConversationId, Denied, Failure, SessionId,
    agent::{ActionType, Audience, Permission},
    audit::Detail,
    entity::{HeldChange, HeldMessage, HeldPage, NewMessage},
    inbound::{self, Inbound, InboundChange, Rule, Standing, Verdict},
    limit::Limit,
    policy::Stamp,
};
use rusqlite::{Connection, Row, params};

use super::{
    append::{Recipient, refuse_when_full},
    error::failure,
    guard::refuse_when_paused,
    rows::{self, message_columns},
    tx::{Entered, Tx, key},
};

const POLICY: &str = "SELECT inbound FROM conversation WHERE pk = ?1";

/// A row of `held`.
struct Held {
    audience: Audience,
    rejected: bool,
}

/// The policy of a conversation, and how many messages wait.
pub(super) fn policy(connection: &Connection, conversation_pk: i64) -> rusqlite::Result<(Inbound, u64)> {
    const COUNT: &str = "SELECT count(*) FROM held WHERE conversation = ?1 AND rejected_at IS NULL";
    let mut find = connection.prepare_cached(POLICY)?;
    let inbound = match find.query_row([conversation_pk], |row| row.get::<_, Option<String>>(0)) {
        Ok(stored) => Inbound::from_stored(stored.as_deref()),
        Err(error) if rows::is_damage(&error) => Inbound::unreadable(),
        Err(error) => return Err(error),
    };
    let held = connection.prepare_cached(COUNT)?.query_row([conversation_pk], |row| row.get(0))?;
    Ok((inbound, rows::count(held)))
}

/// How many messages wait for an agent with this permission to release them.
pub(super) fn waiting_for(
    connection: &Connection,
    conversation_pk: i64,
    permission: Permission,
) -> rusqlite::Result<u64> {
    if !inbound::is_above(permission) {
        return Ok(0);
    }
    let (inbound, held) = policy(connection, conversation_pk)?;
    Ok(if inbound.is_operators() { 0 } else { held })
}

/// Messages that wait, oldest first; of one conversation those after a number.
pub(super) fn waiting(
    connection: &Connection,
    conversation: Option<(ConversationId, u64)>,
    limit: u32,
) -> rusqlite::Result<HeldPage> {
    const OF_ONE: &str =
        "SELECT h.conversation, h.seq FROM held h JOIN conversation c ON c.pk = h.conversation
         WHERE c.id = ?1 AND h.seq > ?2 AND h.rejected_at IS NULL ORDER BY h.seq LIMIT ?3";
    const OF_ALL: &str = "SELECT conversation, seq FROM held WHERE rejected_at IS NULL
         ORDER BY conversation, seq LIMIT ?1";
    let snapshot = connection.unchecked_transaction()?;
    let place = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get(1).map(rows::count)?));
    let one_more = limit.saturating_add(1);
    let mut places = match conversation {
        Some((id, after)) => rows::sound(
            snapshot
                .prepare_cached(OF_ONE)?
                .query_map(params![id.bytes(), rows::stored(after), one_more], place)?,
        )?,
        None => rows::sound(snapshot.prepare_cached(OF_ALL)?.query_map([one_more], place)?)?,
    };
    let mut page = HeldPage { more: places.len() > limit as usize, ..HeldPage::default() };
    places.truncate(limit as usize);
    for (conversation_pk, seq) in places {
        match one(&snapshot, conversation_pk, seq) {
            Ok(message) => page.messages.push(message),
            Err(error) if rows::is_damage(&error) => page.damaged.push(seq),
            Err(error) => return Err(error),
        }
    }
    Ok(page)
}

fn one(connection: &Connection, conversation_pk: i64, seq: u64) -> rusqlite::Result<HeldMessage> {
    const FIND: &str = concat!(
        "SELECT ",
        message_columns!(),
        ", c.id, h.held_at, h.audience FROM held h JOIN conversation c ON c.pk = h.conversation
         JOIN message m ON m.key = (h.conversation << 32) + h.seq
         JOIN agent s ON s.conversation = h.conversation AND s.ordinal = m.sender
         WHERE h.conversation = ?1 AND h.seq = ?2"
    );
    const MEMBERS: &str = "SELECT ordinal, session FROM agent
         WHERE conversation = ?1 AND revoked_at IS NULL ORDER BY ordinal";
    let mut find = connection.prepare_cached(FIND)?;
    let (audience, mut held) = find.query_row(params![conversation_pk, rows::stored(seq)], |row| {
        let first = rows::MESSAGE_COLUMNS;
        let conversation = ConversationId::from_bytes(row.get(first)?);
        let held_at = rows::time(row, first + 1)?;
        let audience = Audience::from_bits(row.get(first + 2)?);
        Ok((audience, HeldMessage { conversation, message: rows::message(row)?, to: Vec::new(), held_at }))
    })?;
    let mut members = connection.prepare_cached(MEMBERS)?;
    let read = |row: &Row<'_>| Ok((row.get::<_, u8>(0)?, rows::session(row, 1)?));
    let members = rows::sound(members.query_map([conversation_pk], read)?)?.into_iter();
    held.to = members.filter_map(|(ordinal, name)| audience.contains(ordinal).then_some(name)).collect();
    Ok(held)
}

impl Tx<'_> {
    /// What the policy makes of a send. `not_accepted` when it refuses it.
    pub(super) fn judged(
        &self,
        stamp: &Stamp,
        entered: &Entered,
        new: &NewMessage,
        most_held: u64,
    ) -> Result<Option<Standing>, Failure> {
        let Some(seat) = stamp.seat() else { return Ok(None) };
        let policy = self.policy(entered.conversation_pk)?;
        let permission = entered.permission.unwrap_or(seat.permission);
        match policy.judge(&seat.session, permission, new.action_type) {
            Verdict::Accept => Ok(None),
            Verdict::Hold => {
                self.refuse_when_held_is_full(entered, most_held)?;
                Ok(Some(Standing::Held))
            }
            Verdict::Deny => Err(Denied::new(
                Code::NotAccepted,
                "the conversation's inbound policy refuses such a message",
            )
            .hint(format!(
                "ask a moderator, or tell your user, who can run `mab inbound {}`",
                seat.conversation
            ))
            .into()),
        }
    }

    pub(super) fn policy(&self, conversation_pk: i64) -> Result<Inbound, Failure> {
        let stored = self.sound_row(POLICY, [conversation_pk], |row| row.get::<_, Option<String>>(0))?;
        Ok(stored.map_or_else(Inbound::unreadable, |stored| Inbound::from_stored(stored.as_deref())))
    }

    /// Refuses a note of an agent whose messages are not accepted, or while nobody can send: everybody reads it.
    pub(super) fn refuse_note(&self, entered: &Entered, stamp: &Stamp) -> Result<(), Failure> {
        refuse_when_paused(stamp, entered)?;
        if self.accepts(entered, stamp, &[ActionType::Info])? {
            return Ok(());
        }
        let message = "the conversation's inbound policy does not accept your words unseen, nor in a note";
        Err(Denied::new(Code::NotAccepted, message)
            .hint("call update_my_status without the note, or send_to_partner")
            .into())
    }

    /// Refuses a command, or the wish for commands, of such an agent: the notice that quotes it is read by everybody, and
    /// proposes something.
    pub(super) fn refuse_quoting(&self, entered: &Entered, stamp: &Stamp) -> Result<(), Failure> {
        if self.accepts(entered, stamp, &[ActionType::Info, ActionType::Proposal])? {
            return Ok(());
        }
        let message = "the conversation's inbound policy does not accept your words unseen, nor in a command, which everybody \
                       is told of";
        Err(Denied::new(Code::NotAccepted, message)
            .hint(
                "propose it with send_to_partner, action_type proposal; or tell your user, who can run `mab inbound`",
            )
            .into())
    }

    /// Whether messages of these types would be delivered at once.
    fn accepts(&self, entered: &Entered, stamp: &Stamp, types: &[ActionType]) -> Result<bool, Failure> {
        let Some(seat) = stamp.seat() else { return Ok(true) };
        let permission = entered.permission.unwrap_or(seat.permission);
        let policy = self.policy(entered.conversation_pk)?;
        Ok(types.iter().all(|one| policy.judge(&seat.session, permission, *one) == Verdict::Accept))
    }

    /// How many messages wait for this agent to release them; none for whom they do not wait.
    pub(super) fn waiting_for(&self, entered: &Entered) -> Result<u64, Failure> {
        match entered.permission {
            Some(permission) => waiting_for(self.connection(), entered.conversation_pk, permission)
                .map_err(|source| failure("counting held messages", source)),
            None => Ok(0),
        }
    }

    fn refuse_when_held_is_full(&self, entered: &Entered, most: u64) -> Result<(), Failure> {
        const COUNT: &str = "SELECT count(*) FROM
             (SELECT 1 FROM held WHERE conversation = ?1 AND rejected_at IS NULL LIMIT ?2)";
        let values = params![entered.conversation_pk, rows::stored(most)];
        let held = self.row(COUNT, values, |row| row.get(0).map(rows::count))?.unwrap_or_default();
        if held < most {
            return Ok(());
        }
        let message = format!("{most} messages of the conversation wait to be released already");
        let hint = "ask a moderator to release or reject some, or tell your user, who can run `mab held`";
        Err(Denied::new(Code::QuotaExceeded, message).hint(hint).into())
    }

    /// Keeps the newest message back; returns who may release it.
    pub(super) fn hold(
        &self,
        entered: &Entered,
        recipients: &[Recipient],
    ) -> Result<Vec<SessionId>, Failure> {
        const INSERT: &str =
            "INSERT INTO held (conversation, seq, audience, held_at) VALUES (?1, ?2, ?3, ?4)";
        let seq = rows::stored(entered.ledger.last_seq);
        let audience = audience(recipients).bits();
        let held = params![entered.conversation_pk, seq, audience, self.now().millis()];
        self.execute_one(INSERT, held)?;
        let moderators = self.moderators(entered.conversation_pk)?;
        let members = self.reachable(entered.conversation_pk)?.into_iter();
        members
            .filter(|member| moderators.contains(&member.session))
            .for_each(|moderator| self.wake(moderator.agent_pk));
        Ok(moderators)
    }

    /// The agents that may release what is held, in join order.
    pub(super) fn moderators(&self, conversation_pk: i64) -> Result<Vec<SessionId>, Failure> {
        const MEMBERS: &str = "SELECT session, permission FROM agent
             WHERE conversation = ?1 AND revoked_at IS NULL ORDER BY ordinal";
        if self.policy(conversation_pk)?.is_operators() {
            return Ok(Vec::new());
        }
        let members =
            self.rows(MEMBERS, [conversation_pk], |row| Ok((rows::session(row, 0)?, rows::named(row, 1)?)))?;
        let above =
            |(session, permission): (SessionId, Permission)| inbound::is_above(permission).then_some(session);
        Ok(members.into_iter().filter_map(above).collect())
    }

    /// Whom a message that was not delivered is for, and what became of it; `None` when it was delivered.
    pub(super) fn standing(
        &self,
        conversation_pk: i64,
        seq: u64,
    ) -> Result<Option<(Audience, Standing)>, Failure> {
        let held = self.held(conversation_pk, seq)?;
        Ok(held.map(|held| (held.audience, rows::standing(held.rejected))))
    }

    fn held(&self, conversation_pk: i64, seq: u64) -> Result<Option<Held>, Failure> {
        const FIND: &str =
            "SELECT audience, rejected_at IS NOT NULL FROM held WHERE conversation = ?1 AND seq = ?2";
        self.sound_row(FIND, params![conversation_pk, rows::stored(seq)], |row| {
            Ok(Held { audience: Audience::from_bits(row.get(0)?), rejected: row.get(1)? })
        })
    }

    /// Lets a held message through, or refuses it. Returns who gets it, or who would have.
    pub(super) fn judge_held(&self, stamp: &Stamp, change: &HeldChange) -> Result<Vec<SessionId>, Failure> {
        self.guarded(stamp, || {
            let entered = self.enter_conversation(stamp, change.conversation)?;
            let pk = entered.conversation_pk;
            refuse_what_is_the_operators(stamp, &self.policy(pk)?)?;
            let held = self.held(pk, change.id.seq)?.filter(|held| !held.rejected).ok_or_else(not_held)?;
            let (tag, sender) = self.sealed_by(pk, change.id.seq)?.ok_or_else(not_held)?;
            if tag != change.id.tag {
                return Err(not_held().into());
            }
            let recipients = self.still_there(pk, held.audience)?;
            if change.reject {
                self.reject(pk, change.id.seq, sender)?;
            } else {
                // Nothing gets through a pause but by the operator.
                refuse_when_paused(stamp, &entered)?;
                let own = entered.ledger.overrides()?.find(Limit::UnreadPerInbox);
                let change =
                    HeldChange { unread_per_inbox: own.unwrap_or(change.unread_per_inbox), ..*change };
                self.release(pk, &change, &recipients)?;
            }
            let recipients: Vec<_> = recipients.into_iter().map(|one| one.session).collect();
            let detail = stamp.detail().clone().message("message", &change.id).sessions("to", &recipients);
            self.done(&entered.ledger, stamp, detail)?;
            Ok(recipients)
        })
    }

    fn release(&self, pk: i64, change: &HeldChange, recipients: &[Recipient]) -> Result<(), Failure> {
        const DELIVER: &str = "UPDATE message SET audience = ?2 WHERE key = ?1";
        const FORGET: &str = "DELETE FROM held WHERE conversation = ?1 AND seq = ?2";
        if recipients.is_empty() {
            let message = "everybody the message is for was removed; it stays held";
            return Err(Denied::new(Code::UnknownRecipient, message)
                .hint("reject it instead (moderate with action reject, or `mab release --reject`)")
                .into());
        }
        refuse_when_full(recipients, change.unread_per_inbox).map_err(|full| {
            full.hint(
                "the message stays held; call again when some were read (check_partner_status shows it)",
            )
        })?;
        self.execute_one(DELIVER, params![key(pk, change.id.seq)?, audience(recipients).bits()])?;
        self.execute_one(FORGET, params![pk, rows::stored(change.id.seq)])?;
        recipients.iter().try_for_each(|recipient| self.put_in_inbox(recipient.agent_pk, change.id.seq))
    }

    /// Marks a held message, and lets its sender know.
    fn reject(&self, pk: i64, seq: u64, sender: u8) -> Result<(), Failure> {
        const MARK: &str = "UPDATE held SET rejected_at = ?3 WHERE conversation = ?1 AND seq = ?2";
        const SENDER: &str =
            "UPDATE agent SET arrivals = arrivals + 1 WHERE conversation = ?1 AND ordinal = ?2
             RETURNING pk";
        self.execute_one(MARK, params![pk, rows::stored(seq), self.now().millis()])?;
        if let Some(agent_pk) = self.row(SENDER, params![pk, sender], |row| row.get(0))? {
            self.wake(agent_pk);
        }
        Ok(())
    }

    /// A message's tag and sender.
    fn sealed_by(&self, pk: i64, seq: u64) -> Result<Option<([u8; 8], u8)>, Failure> {
        const FIND: &str = "SELECT tag, sender FROM message WHERE key = ?1";
        self.sound_row(FIND, [key(pk, seq)?], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// The members of an audience that were not removed.
    fn still_there(&self, pk: i64, audience: Audience) -> Result<Vec<Recipient>, Failure> {
        let members = self.reachable(pk)?.into_iter();
        Ok(members.filter(|member| member.is_reached() && audience.contains(member.ordinal)).collect())
    }

    /// Changes the policy; returns what holds now.
    pub(super) fn set_inbound(
        &self,
        stamp: &Stamp,
        conversation: ConversationId,
        change: &InboundChange,
    ) -> Result<Inbound, Failure> {
        const SET: &str = "UPDATE conversation SET inbound = ?2 WHERE pk = ?1";
        self.guarded(stamp, || {
            let entered = self.enter_conversation(stamp, conversation)?;
            let (before, by_operator) = (self.policy(entered.conversation_pk)?, stamp.seat().is_none());
            refuse_what_is_the_operators(stamp, &before)?;
            self.refuse_without_effect(entered.conversation_pk, change, by_operator)?;
            let policy = before.changed(change, by_operator);
            self.execute_one(SET, params![entered.conversation_pk, policy.to_stored()?])?;
            self.done(&entered.ledger, stamp, described(change))?;
            Ok(policy)
        })
    }

    /// Refuses a rule about nobody, or about somebody to whom the policy does not apply.
    fn refuse_without_effect(
        &self,
        pk: i64,
        change: &InboundChange,
        by_operator: bool,
    ) -> Result<(), Failure> {
        const FIND: &str = "SELECT permission FROM agent WHERE conversation = ?1 AND session = ?2";
        let permission = match change {
            InboundChange::Set(Rule::Permission(permission), _) => *permission,
            InboundChange::Set(Rule::Sender(sender), _) => {
                let found = self.row(FIND, params![pk, sender.as_str()], |row| rows::named(row, 0))?;
                found.ok_or_else(|| {
                    Denied::new(Code::NotFound, "no such agent")
                        .hint("check_partner_status, or `mab show`, lists the members")
                })?
            }
            InboundChange::Set(Rule::Default | Rule::ActionType(_), _) | InboundChange::Clear => {
                return Ok(());
            }
        };
        if !by_operator && inbound::is_above(permission) {
            return Err(inbound::without_effect(permission).into());
        }
        Ok(())
    }
}

/// Refuses an agent where the operator has decided.
fn refuse_what_is_the_operators(stamp: &Stamp, policy: &Inbound) -> Result<(), Denied> {
    match stamp.seat() {
        Some(seat) if policy.is_operators() => {
            let message =
                "the operator set the inbound policy: only the operator changes it or releases what it holds";
            let hint = format!("tell your user, who can run `mab held {}`", seat.conversation);
            Err(Denied::new(Code::Forbidden, message).hint(hint))
        }
        Some(_) | None => Ok(()),
    }
}

fn audience(recipients: &[Recipient]) -> Audience {
    recipients.iter().fold(Audience::default(), |set, recipient| set.with(recipient.ordinal))
}

fn not_held() -> Denied {
    Denied::new(Code::UnknownMessage, "no such message is held")
        .hint("list what is held (moderate with action held, or `mab held`): it may be released or rejected already")
}

/// What is recorded of a change of the policy.
fn described(change: &InboundChange) -> Detail {
    let (rule, verdict) = match change {
        InboundChange::Clear => return Detail::default().name("rule", "all").name("verdict", "accept"),
        InboundChange::Set(rule, verdict) => (rule, verdict.as_str()),
    };
    let detail = Detail::default().name("verdict", verdict);
    match rule {
        Rule::Default => detail.name("rule", "default"),
        Rule::Sender(sender) => detail.name("rule", "sender").sessions("session", [sender]),
        Rule::ActionType(kind) => detail.name("rule", "action_type").name("action_type", kind.as_str()),
        Rule::Permission(one) => detail.name("rule", "permission").name("permission", one.as_str()),
    }
}
