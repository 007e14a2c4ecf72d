//! What tells every member: a message from `system`, stored with the change that it tells of.
//!
//! It reaches whoever reads messages, also who did the change. No inbox is too full for it, no policy judges it, and it is
//! no part of the agents' talk. Where nobody reads messages any more, there is none.

use mab_core::{
    Failure, MessageId, SessionId,
    agent::{ActionType, Audience, SYSTEM_ORDINAL},
    audit::Detail,
    entity::Notice,
};
use rusqlite::params;

use super::super::{
    append::Recipient,
    ledger::Ledger,
    rows,
    tx::{Tx, key},
};

impl Tx<'_> {
    /// Stores the message, and adds to the entry of the change what the message is held against.
    pub(super) fn tell(
        &self,
        ledger: &mut Ledger,
        notice: &Notice,
        detail: Detail,
    ) -> Result<Detail, Failure> {
        const INSERT: &str =
            "INSERT INTO message (key, tag, sender, audience, at, action_type, body, redactions)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let conversation_pk = ledger.conversation_pk();
        let members = self.reachable(conversation_pk)?.into_iter();
        let recipients: Vec<_> = members.filter(Recipient::is_reached).collect();
        if recipients.is_empty() {
            return Ok(detail);
        }
        let audience = recipients.iter().fold(Audience::default(), |set, one| set.with(one.ordinal));
        ledger.last_seq += 1;
        // The agents' talk is as long as it was.
        ledger.calm_seq = ledger.calm_seq.saturating_add(1).min(ledger.last_seq);
        ledger.size_bytes += notice.body.as_bytes().len() as u64;
        let id = MessageId { seq: ledger.last_seq, tag: notice.tag };
        self.execute_one(
            INSERT,
            params![
                key(conversation_pk, id.seq)?,
                id.tag,
                SYSTEM_ORDINAL,
                audience.bits(),
                self.now().millis(),
                ActionType::Info.as_str(),
                notice.body.as_bytes(),
                rows::stored(notice.redactions)
            ],
        )?;
        for recipient in &recipients {
            self.put_in_inbox(recipient.agent_pk, id.seq)?;
        }
        let to: Vec<SessionId> = recipients.into_iter().map(|recipient| recipient.session).collect();
        let detail = detail.message("message", &id).sessions("to", &to);
        Ok(detail.digest_of_sealed("body_sha256", notice.body.as_bytes()))
    }
}
