//! The inbox: acknowledging a batch and handing out the next one.

use mab_core::{
    BatchId, Code, Denied, Failure,
    audit::Detail,
    entity::{OfferRequest, Offered, StoredMessage},
    policy::Stamp,
};
use rusqlite::{Connection, params};

use super::{
    rows::{self, message_columns},
    tx::{Entered, Tx, key},
};

/// One unacknowledged inbox row.
struct Waiting {
    seq: u64,
    offers: i64,
}

/// Whether a check may change more than its own read window: then its commit must reach the disk.
pub(super) fn has_mail(connection: &Connection, agent_pk: i64) -> bool {
    const ANY: &str = "SELECT 1 FROM inbox WHERE agent = ?1 LIMIT 1";
    let look = || connection.prepare_cached(ANY)?.exists([agent_pk]);
    // When in doubt, be durable.
    look().unwrap_or(true)
}

impl Tx<'_> {
    /// Acknowledges and hands out.
    pub(super) fn offer(&self, stamp: &Stamp, request: &OfferRequest) -> Result<Offered, Failure> {
        self.guarded(stamp, || {
            let entered = self.enter(stamp)?;
            let acknowledged = self.acknowledge(&entered, request)?;
            let mut offered = self.page(&entered, request)?;
            if !request.peek {
                offered.batch = self.lease(&entered, request, &offered)?;
            }
            if acknowledged > 0 || offered.batch.is_some() {
                let mut detail = Detail::default().number("acknowledged", acknowledged);
                if let Some(batch) = offered.batch {
                    detail = detail
                        .number("offered", offered.messages.len() as u64)
                        .number("first", batch.first)
                        .number("last", batch.last);
                }
                self.done(&entered.ledger, stamp, detail)?;
            }
            Ok(offered)
        })
    }

    fn acknowledge(&self, entered: &Entered, request: &OfferRequest) -> Result<u64, Failure> {
        // What was never handed out is in no batch, whatever tag is claimed for it.
        const DELETE: &str = "DELETE FROM inbox
             WHERE agent = ?1 AND seq BETWEEN ?2 AND ?3 AND batch = ?4 AND offers > 0 RETURNING seq";
        const COUNT: &str = "UPDATE agent SET unread = max(unread - ?2, 0),
             acknowledged_seq = max(coalesce(acknowledged_seq, 0), ?3) WHERE pk = ?1";
        let Some(BatchId { first, last, tag }) = request.ack else { return Ok(0) };
        let (first, last) = (rows::stored(first), rows::stored(last));
        let values = params![entered.agent_pk, first, last, i64::from(tag)];
        let gone = self.rows(DELETE, values, |row| row.get::<_, i64>(0))?;
        let Some(newest) = gone.iter().max() else {
            if request.ack_must_exist {
                return Err(Denied::new(Code::UnknownBatch, "this batch is not outstanding for you")
                    .hint("it was acknowledged before or handed out again since; call check_messages without ack")
                    .into());
            }
            return Ok(0);
        };
        let count = gone.len() as u64;
        self.execute_one(COUNT, params![entered.agent_pk, rows::stored(count), newest])?;
        Ok(count)
    }

    fn page(&self, entered: &Entered, request: &OfferRequest) -> Result<Offered, Failure> {
        const WAITING: &str = "SELECT seq, offers FROM inbox
             WHERE agent = ?1 AND seq BETWEEN 1 AND 4294967295
             AND (leased_until <= ?2 OR holder <> ?3) ORDER BY seq LIMIT ?4";
        let one_more = i64::from(request.limit) + 1;
        let values = params![entered.agent_pk, self.now().millis(), rows::stored(request.holder), one_more];
        let waiting = self.rows(WAITING, values, |row| {
            Ok(Waiting { seq: rows::count(row.get(0)?), offers: row.get(1)? })
        })?;
        let mut page = Offered { batch: None, messages: Vec::new(), more: false, damaged: Vec::new() };
        let mut bytes = 0;
        for row in &waiting {
            let taken = page.messages.len() + page.damaged.len();
            if taken == request.limit as usize {
                page.more = true;
                break;
            }
            match self.message(entered.conversation_pk, row.seq)? {
                None => page.damaged.push(row.seq),
                Some(message) => {
                    bytes += (message.body.len() + message.files.as_ref().map_or(0, Vec::len)) as u64;
                    if bytes > request.max_bytes && taken > 0 {
                        page.more = true;
                        break;
                    }
                    page.messages.push(StoredMessage { redelivered: row.offers != 0, ..message });
                }
            }
        }
        Ok(page)
    }

    /// A message by number; `None` when its row is gone or unreadable.
    fn message(&self, conversation_pk: i64, seq: u64) -> Result<Option<StoredMessage>, Failure> {
        const FIND: &str = concat!(
            "SELECT ",
            message_columns!(),
            " FROM message m JOIN agent s ON s.conversation = ?2 AND s.ordinal = m.sender WHERE m.key = ?1"
        );
        self.sound_row(FIND, params![key(conversation_pk, seq)?, conversation_pk], rows::message)
    }

    fn lease(
        &self,
        entered: &Entered,
        request: &OfferRequest,
        page: &Offered,
    ) -> Result<Option<BatchId>, Failure> {
        const LEASE: &str = "UPDATE inbox SET offers = offers + 1, holder = ?3, batch = ?4, leased_until = ?5
             WHERE agent = ?1 AND seq = ?2";
        let seqs = || page.messages.iter().map(|message| message.id.seq).chain(page.damaged.iter().copied());
        let (Some(first), Some(last)) = (seqs().min(), seqs().max()) else { return Ok(None) };
        let tag = request.tag;
        let until = self.now().plus_seconds(request.lease_s).millis();
        for seq in seqs() {
            let holder = rows::stored(request.holder);
            self.execute_one(
                LEASE,
                params![entered.agent_pk, rows::stored(seq), holder, i64::from(tag), until],
            )?;
        }
        Ok(Some(BatchId { first, last, tag }))
    }
}
