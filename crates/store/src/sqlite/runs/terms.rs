//! What a person enables, and its end.

use mab_core::{
    Code, ConversationId, Denied, Failure,
    entity::{NewTerms, Notice},
    evidence,
    policy::Stamp,
};
use rusqlite::params;

use super::super::{rows, tx::Tx};

impl Tx<'_> {
    /// Keeps what a person enabled, in place of what was enabled before.
    pub(super) fn enable_execution(
        &self,
        stamp: &Stamp,
        new: &NewTerms,
        notice: &Notice,
    ) -> Result<(), Failure> {
        const ENROLLED: &str = "SELECT 1 FROM approver WHERE key = ?1";
        const KEEP: &str = "INSERT OR REPLACE INTO terms (conversation, terms, signature, key, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5)";
        const FORGET: &str = "DELETE FROM wish WHERE conversation = ?1";
        self.guarded(stamp, || {
            let mut entered = self.enter_conversation(stamp, new.conversation)?;
            if self.row(ENROLLED, [new.key], |_| Ok(()))?.is_none() {
                return Err(Denied::new(Code::Conflict, "another approver is enrolled now, or none")
                    .hint("`mab yolo enroll` enrols one; then enable it again")
                    .into());
            }
            let (pk, terms) = (entered.conversation_pk, new.terms.as_bytes());
            let until = new.expires_at.millis();
            self.execute_one(KEEP, params![pk, terms, new.signature, new.key, until])?;
            self.execute(FORGET, [pk])?;
            // What was asked for, agreed to or started under other terms ends with them.
            let runs = self.end_runs_of(pk)?;
            let detail = stamp
                .detail()
                .clone()
                .number("runs", runs)
                .name("step", "enabled")
                .name("mode", new.mode.as_str());
            let detail = detail.name("assurance", new.assurance.as_str()).digest("key", &new.key);
            let columns = [Some(terms), Some(new.signature.as_slice()), Some(new.key.as_slice())];
            let detail = detail.digest("terms_sha256", &evidence::digest(&columns));
            let detail = detail.number("expires_at_ms", until.unsigned_abs());
            let detail = self.tell(&mut entered.ledger, notice, detail)?;
            self.done(&entered.ledger, stamp, detail)
        })
    }

    /// Ends what is enabled, what is wished, and every command. Says whether there was anything to end.
    pub(super) fn disable_execution(
        &self,
        stamp: &Stamp,
        conversation: ConversationId,
        notice: &Notice,
    ) -> Result<bool, Failure> {
        const ACTIVE: &str = "SELECT count(*) FROM terms WHERE conversation = ?1 AND expires_at > ?2";
        const END: &str = "DELETE FROM terms WHERE conversation = ?1";
        const FORGET: &str = "DELETE FROM wish WHERE conversation = ?1";
        self.guarded(stamp, || {
            self.enter(stamp)?;
            let mut place = self.place(conversation)?;
            let active = self.row(ACTIVE, params![place.pk, self.now().millis()], |row| row.get(0))?;
            let active = rows::count(active.unwrap_or_default());
            let (wishes, runs) = (self.execute(FORGET, [place.pk])? as u64, self.end_runs_of(place.pk)?);
            if active + wishes + runs == 0 {
                // Terms whose time is over enable nothing: what no entry tells of stays as it is.
                return Ok(false);
            }
            self.execute(END, [place.pk])?;
            let detail = stamp.detail().clone().name("step", "disabled");
            let mut detail = detail.number("runs", runs).number("wishes", wishes);
            if !place.purged {
                detail = self.tell(&mut place.ledger, notice, detail)?;
            }
            self.done(&place.ledger, stamp, detail)?;
            Ok(true)
        })
    }
}
