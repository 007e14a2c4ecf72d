//! The inbox: acknowledging a batch and handing out the next one. SQL finds rows; [`mab_core::delivery`] decides.

use mab_core::{
    BatchId, Failure,
    audit::Detail,
    delivery::{self, Check, Delivery, Due},
    entity::{OfferRequest, Offered, StoredMessage},
    policy::Stamp,
};
use rusqlite::{Connection, params};

use super::{
    error::failure,
    rows::{self, message_columns},
    tx::{Entered, Tx, key},
};

/// Whether a check may change more than its own read window: then its commit must reach the disk.
pub(super) fn has_mail(connection: &Connection, agent_pk: i64) -> bool {
    const ANY: &str = "SELECT 1 FROM inbox WHERE agent = ?1 LIMIT 1";
    let look = || connection.prepare_cached(ANY)?.exists([agent_pk]);
    // When in doubt, be durable.
    look().unwrap_or(true)
}

/// Stretches of numbers without a gap, as their first and last.
fn runs(ascending: &[u64]) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for &seq in ascending {
        match runs.last_mut() {
            Some((_, last)) if seq == *last + 1 => *last = seq,
            _ => runs.push((seq, seq)),
        }
    }
    runs
}

/// What a check acknowledged.
#[derive(Default)]
struct Received {
    count: u64,
    newest: u64,
}

/// What a check gets, and what of it can be leased.
struct Page {
    offered: Offered,
    due: Vec<(u64, Due)>,
}

impl Tx<'_> {
    /// Acknowledges and hands out.
    pub(super) fn offer(&self, stamp: &Stamp, request: &OfferRequest) -> Result<Offered, Failure> {
        self.guarded(stamp, || {
            let entered = self.enter(stamp)?;
            let received = self.acknowledge(&entered, request)?;
            let Page { mut offered, due } = self.page(&entered, request)?;
            if !request.peek {
                offered.batch = self.lease(&entered, request.tag, due)?;
            }
            if received.count > 0 {
                self.count(&entered, &received)?;
            }
            if received.count > 0 || offered.batch.is_some() {
                let mut detail = Detail::default().number("acknowledged", received.count);
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

    fn acknowledge(&self, entered: &Entered, request: &OfferRequest) -> Result<Received, Failure> {
        const TAGGED: &str = "SELECT seq, offers, holder, batch, leased_until FROM inbox
             WHERE agent = ?1 AND seq BETWEEN ?2 AND ?3 AND batch = ?4 ORDER BY seq";
        const RUN: &str = "SELECT seq, offers, holder, batch, leased_until FROM inbox
             WHERE agent = ?1 AND seq BETWEEN ?2 AND ?3 ORDER BY seq";
        let mut received = Received::default();
        if let Some(batch) = request.ack {
            let (first, last) = (rows::stored(batch.first), rows::stored(batch.last));
            let tagged = (entered.agent_pk, first, last, i64::from(batch.tag));
            let named = self.rows(TAGGED, tagged, rows::delivery)?.into_iter();
            let named = named.map(|(seq, delivery)| (seq, delivery.acknowledge(seq, batch)));
            self.remove(entered, named, &mut received)?;
            delivery::settle(received.count)?;
        }
        for (first, last) in runs(&request.received) {
            let run = (entered.agent_pk, rows::stored(first), rows::stored(last));
            let read = self.rows(RUN, run, rows::delivery)?.into_iter();
            self.remove(entered, read.map(|(seq, delivery)| (seq, delivery.receive())), &mut received)?;
        }
        Ok(received)
    }

    /// Takes what has become acknowledged out of the inbox.
    fn remove(
        &self,
        entered: &Entered,
        became: impl Iterator<Item = (u64, Delivery)>,
        received: &mut Received,
    ) -> Result<(), Failure> {
        const DELETE: &str = "DELETE FROM inbox WHERE agent = ?1 AND seq BETWEEN ?2 AND ?3";
        let done = became.filter_map(|(seq, state)| (state == Delivery::Acknowledged).then_some(seq));
        for (first, last) in runs(&done.collect::<Vec<_>>()) {
            let run = params![entered.agent_pk, rows::stored(first), rows::stored(last)];
            received.count += self.execute(DELETE, run)? as u64;
            received.newest = received.newest.max(last);
        }
        Ok(())
    }

    /// The oldest messages that this check gets, at most one more than it may have.
    fn due(&self, entered: &Entered, request: &OfferRequest) -> Result<Vec<(u64, Due)>, Failure> {
        let OfferRequest { holder, takes_over, lease_s, .. } = *request;
        let check = Check { holder, takes_over, at: self.now(), lease_s };
        let due = |(seq, delivery): (u64, Delivery)| Some((seq, delivery.due(check).ok()?));
        let one_more = (request.limit as usize).saturating_add(1);
        let mut statement = self.prepare(rows::WAITING)?;
        let waiting = statement.query_map([entered.agent_pk], rows::delivery);
        waiting
            .and_then(|rows| rows.filter_map(|row| row.map(due).transpose()).take(one_more).collect())
            .map_err(|source| failure(rows::WAITING, source))
    }

    fn page(&self, entered: &Entered, request: &OfferRequest) -> Result<Page, Failure> {
        let paused_by = entered.ledger.pause.map(|pause| pause.by);
        let held = self.waiting_for(entered)?;
        let offered =
            Offered { batch: None, messages: Vec::new(), more: false, damaged: Vec::new(), paused_by, held };
        let mut page = Page { offered, due: Vec::new() };
        let mut bytes = 0;
        for (seq, due) in self.due(entered, request)? {
            if page.due.len() == request.limit as usize {
                page.offered.more = true;
                break;
            }
            match self.message(entered.conversation_pk, seq)? {
                None => page.offered.damaged.push(seq),
                Some(message) => {
                    bytes += (message.body.len() + message.files.as_ref().map_or(0, Vec::len)) as u64;
                    if bytes > request.max_bytes && !page.due.is_empty() {
                        page.offered.more = true;
                        break;
                    }
                    page.offered.messages.push(StoredMessage { redelivered: due.redelivered(), ..message });
                }
            }
            page.due.push((seq, due));
        }
        Ok(page)
    }

    /// A message by number; `None` when its row is gone or unreadable.
    fn message(&self, conversation_pk: i64, seq: u64) -> Result<Option<StoredMessage>, Failure> {
        const FIND: &str = concat!(
            "SELECT ",
            message_columns!(),
            " FROM message m LEFT JOIN agent s ON s.conversation = ?2 AND s.ordinal = m.sender WHERE m.key = ?1"
        );
        self.sound_row(FIND, params![key(conversation_pk, seq)?, conversation_pk], rows::message)
    }

    fn lease(&self, entered: &Entered, tag: u32, due: Vec<(u64, Due)>) -> Result<Option<BatchId>, Failure> {
        const LEASE: &str = "UPDATE inbox SET offers = ?3, holder = ?4, batch = ?5, leased_until = ?6
             WHERE agent = ?1 AND seq = ?2";
        let ends = due.first().zip(due.last());
        let batch = ends.map(|((first, _), (last, _))| BatchId { first: *first, last: *last, tag });
        for (seq, due) in due {
            let offer = due.offer(tag);
            let (times, holder) = (rows::stored(offer.times.get()), rows::stored(offer.holder));
            let until = offer.leased_until.millis();
            let row =
                params![entered.agent_pk, rows::stored(seq), times, holder, i64::from(offer.tag), until];
            self.execute_one(LEASE, row)?;
        }
        Ok(batch)
    }

    /// Keeps the counts of the agent's row true.
    fn count(&self, entered: &Entered, received: &Received) -> Result<(), Failure> {
        const COUNT: &str = "UPDATE agent SET unread = max(unread - ?2, 0),
             acknowledged_seq = max(coalesce(acknowledged_seq, 0), ?3) WHERE pk = ?1";
        let (count, newest) = (rows::stored(received.count), rows::stored(received.newest));
        self.execute_one(COUNT, params![entered.agent_pk, count, newest])
    }
}
