//! Storing a message: one row, and one inbox row per recipient.

use mab_core::{
    Code, Denied, Failure, MessageId, SessionId,
    agent::{Audience, Permission},
    entity::{Appended, NewMessage, Quotas},
    policy::Stamp,
    seal::Sealed,
};
use rusqlite::params;

use super::{
    guard::refuse_when_paused,
    ledger::Ledger,
    rows,
    tx::{Entered, Tx, key},
};

/// A member, as far as it may get a message.
pub(super) struct Recipient {
    /// Its row.
    pub(super) agent_pk: i64,
    /// Its join ordinal.
    pub(super) ordinal: u8,
    /// Its handle.
    pub(super) session: SessionId,
    unread: u64,
    left: bool,
    permission: Permission,
}

impl Recipient {
    /// Whether it gets messages.
    pub(super) fn is_reached(&self) -> bool {
        !self.left && self.permission.reads_messages()
    }
}

impl Tx<'_> {
    /// Stores a message, or gives the answer of the send that this one repeats.
    pub(super) fn append(&self, stamp: &Stamp, new: &NewMessage) -> Result<Appended, Failure> {
        self.guarded(stamp, || {
            let mut entered = self.recheck(stamp)?;
            // Before whatever may refuse a new message: who lost the answer gets it, whatever has happened since.
            if let Some(repeatable) = &new.repeatable
                && let Some(original) = self.repeated(&entered, repeatable)?
            {
                return Ok(original);
            }
            refuse_when_paused(stamp, &entered)?;
            self.charge(entered.agent_pk, &entered.charge(stamp.charge()))?;
            let quotas = entered.overrides.quotas(new.quotas);
            let standing = self.judged(stamp, &entered, new, quotas.held_per_conversation)?;
            let recipients = self.recipients(&entered, new)?;
            if standing.is_none() {
                refuse_when_full(&recipients, quotas.unread_per_inbox)?;
            }
            if let Some(reply_to) = &new.reply_to {
                self.check_visible(&entered, reply_to)?;
            }
            let id = MessageId { seq: next_seq(&mut entered.ledger, new, quotas)?, tag: new.tag };
            let delivered = if standing.is_none() { recipients.as_slice() } else { &[] };
            self.insert_message(&entered, new, delivered)?;
            let moderators = match standing {
                Some(_) => self.hold(&entered, &recipients)?,
                None => Vec::new(),
            };
            if let Some(repeatable) = &new.repeatable {
                self.remember(&entered, repeatable, id.seq)?;
            }
            let recipients: Vec<SessionId> =
                recipients.into_iter().map(|recipient| recipient.session).collect();
            let detail = stamp.detail().clone().message("message", &id).sessions("to", &recipients);
            let mut detail = detail.digest_of_sealed("body_sha256", new.body.as_bytes());
            let paused = self.pause_when_talked_out(&mut entered, new.loop_guard)?;
            if paused {
                detail = detail.name("then", "paused");
            }
            if let Some(standing) = standing {
                detail = detail.name("standing", standing.as_str());
            }
            self.done(&entered.ledger, stamp, detail)?;
            let at = self.now();
            Ok(Appended { id, recipients, at, repeated: false, paused, standing, moderators })
        })
    }

    /// Inserts the newest message and its inbox rows; one that is held has none.
    fn insert_message(
        &self,
        entered: &Entered,
        new: &NewMessage,
        recipients: &[Recipient],
    ) -> Result<(), Failure> {
        const INSERT: &str =
            "INSERT INTO message (key, tag, sender, audience, at, action_type, reply_to, body, files,
             redactions) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        let seq = entered.ledger.last_seq;
        let audience =
            recipients.iter().fold(Audience::default(), |set, recipient| set.with(recipient.ordinal));
        self.execute_one(
            INSERT,
            params![
                key(entered.conversation_pk, seq)?,
                new.tag,
                entered.ordinal,
                audience.bits(),
                self.now().millis(),
                new.action_type.as_str(),
                new.reply_to.map(|id| id.to_string()),
                new.body.as_bytes(),
                new.files.as_ref().map(Sealed::as_bytes),
                rows::stored(new.redactions)
            ],
        )?;
        for recipient in recipients {
            self.put_in_inbox(recipient.agent_pk, seq)?;
        }
        Ok(())
    }

    /// Every member, in join order, and whether messages reach it.
    pub(super) fn reachable(&self, conversation_pk: i64) -> Result<Vec<Recipient>, Failure> {
        const MEMBERS: &str =
            "SELECT pk, ordinal, session, unread, revoked_at IS NOT NULL, permission FROM agent
             WHERE conversation = ?1 ORDER BY ordinal";
        self.rows(MEMBERS, [conversation_pk], |row| {
            Ok(Recipient {
                agent_pk: row.get(0)?,
                ordinal: row.get(1)?,
                session: rows::session(row, 2)?,
                unread: rows::count(row.get(3)?),
                left: row.get(4)?,
                permission: rows::named(row, 5)?,
            })
        })
    }

    fn recipients(&self, entered: &Entered, new: &NewMessage) -> Result<Vec<Recipient>, Failure> {
        let others = self.reachable(entered.conversation_pk)?.into_iter();
        let others = others.filter(|member| member.agent_pk != entered.agent_pk);
        let (mut others, unreached): (Vec<_>, Vec<_>) = others.partition(Recipient::is_reached);
        if let Some(wanted) = &new.to {
            if let Some(stranger) =
                wanted.iter().find(|name| !others.iter().any(|other| other.session == **name))
            {
                let message = match unreached.iter().find(|other| other.session == *stranger) {
                    Some(gone) if gone.left => format!("{stranger} was removed from the conversation"),
                    Some(_) => format!("{stranger} reads the audit trail only and receives no messages"),
                    // It may be anything, and is not repeated.
                    None => "`to` names who is not another member".to_owned(),
                };
                return Err(Denied::new(Code::UnknownRecipient, message)
                    .hint("check_partner_status lists the members; leave `to` out to reach all of them")
                    .into());
            }
            others.retain(|other| wanted.contains(&other.session));
        }
        if others.is_empty() {
            let left = unreached.iter().any(|other| other.left);
            let what = if left { ": everybody else was removed" } else { "" };
            return Err(Denied::new(Code::UnknownRecipient, format!("there is nobody to send to{what}"))
                .hint("invite an agent with invite_agent")
                .into());
        }
        Ok(others)
    }

    fn check_visible(&self, entered: &Entered, reply_to: &MessageId) -> Result<(), Failure> {
        const FIND: &str = "SELECT tag, sender, audience FROM message WHERE key = ?1";
        let found = match key(entered.conversation_pk, reply_to.seq) {
            Ok(key) => self.sound_row(FIND, [key], |row| {
                Ok((row.get::<_, [u8; 8]>(0)?, row.get::<_, u8>(1)?, Audience::from_bits(row.get(2)?)))
            })?,
            Err(_) => None,
        };
        match found {
            Some((tag, sender, audience))
                if tag == reply_to.tag
                    && (sender == entered.ordinal || audience.contains(entered.ordinal)) =>
            {
                Ok(())
            }
            Some(_) | None => {
                Err(Denied::new(Code::UnknownMessage, "reply_to names no message that you sent or received")
                    .hint("copy the message_id from check_messages or search_messages, or leave reply_to out")
                    .into())
            }
        }
    }

    /// Puts a message into an inbox, and wakes its owner.
    pub(super) fn put_in_inbox(&self, agent_pk: i64, seq: u64) -> Result<(), Failure> {
        self.wake(agent_pk);
        self.execute_one(
            "INSERT INTO inbox (agent, seq) VALUES (?1, ?2)",
            params![agent_pk, rows::stored(seq)],
        )?;
        self.execute_one(
            "UPDATE agent SET unread = unread + 1, arrivals = arrivals + 1 WHERE pk = ?1",
            [agent_pk],
        )
    }
}

/// Refuses what would go into a full inbox.
pub(super) fn refuse_when_full(recipients: &[Recipient], most_unread: u64) -> Result<(), Denied> {
    match recipients.iter().find(|recipient| recipient.unread >= most_unread) {
        None => Ok(()),
        Some(full) => {
            let message = format!("the inbox of {} is full ({} unread messages)", full.session, full.unread);
            let hint = "send_to_partner to the others with `to`, or wait until it has read some: check_partner_status shows it";
            Err(Denied::new(Code::QuotaExceeded, message).hint(hint))
        }
    }
}

/// Takes the next number and the room for the message.
fn next_seq(ledger: &mut Ledger, new: &NewMessage, quotas: Quotas) -> Result<u64, Denied> {
    let files = new.files.as_ref().map_or(0, |files| files.as_bytes().len());
    let bytes = (new.body.as_bytes().len() + files) as u64;
    refuse_without_room(ledger, bytes, quotas)?;
    ledger.size_bytes += bytes;
    ledger.last_seq += 1;
    Ok(ledger.last_seq)
}

/// Refuses one more message of so many bytes in a conversation that is full.
pub(super) fn refuse_without_room(ledger: &Ledger, bytes: u64, quotas: Quotas) -> Result<(), Denied> {
    let full = |what: String| {
        Denied::new(Code::QuotaExceeded, format!("the conversation holds its {what}")).hint(
            "tell your user, who can allow more (`mab limits`); or open another with create_conversation",
        )
    };
    if ledger.last_seq >= quotas.messages_per_conversation {
        return Err(full(format!("{} messages", quotas.messages_per_conversation)));
    }
    if ledger.size_bytes.saturating_add(bytes) > quotas.bytes_per_conversation {
        return Err(full(format!("{} bytes of messages", quotas.bytes_per_conversation)));
    }
    Ok(())
}
