//! [`SqliteStore`]: the [`Store`] trait on a writer and a reader.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mab_core::{
    Clock, ConversationId, Denied, Failure, Fault, SessionId, Timestamp,
    agent::Status,
    anchor::Pending,
    entity::{
        AgentState, Appended, AuditRow, ConversationState, ConversationUsage, HeldChange, HeldPage,
        HistoryPage, Member, NewAgent, NewConversation, NewMessage, OfferRequest, Offered, Outlook, Overdue,
        Paused, Purged, Receipt, Refusal, StoreInfo, UsageRequest, Waits,
    },
    evidence::{Examination, Examined},
    glance::Glance,
    inbound::{Inbound, InboundChange},
    known::Digest,
    lease::{LeaseChange, Leases},
    limit::{Charge, Overrides, Peer},
    moderation::PausedBy,
    policy::Stamp,
    repeat::Digests,
    seal::Sealed,
};
use rusqlite::Connection;
use tempfile::TempDir;

use super::{
    archive::{self, Opened},
    audit,
    bells::Bells,
    checkpoint, connection,
    error::read_only,
    examine::{self, Judge},
    export, glance, held, known, leases, limits,
    offer::has_mail,
    options::Options,
    purge,
    reader::Reader,
    reads::{self, Stretch},
    receipts::{Wanted, receipts},
    repeat, schema,
    turn::Turns,
    tx::{BRIDGE, Tx},
    wait, windows,
    writer::{Desk, NeedsDisk, Writer},
};
use crate::{
    AuditPage, AuditQuery, Doorbell, LeaseOutcome, LimitsChange, NewCheckpoint, Progress, Store, TokenChange,
};

/// Conversations in one SQLite file.
pub struct SqliteStore {
    writer: Option<Writer>,
    reader: Reader,
    clock: Arc<dyn Clock>,
    options: Options,
    bells: Arc<Bells>,
    judge: Judge,
    /// What is looked at instead of the file, as long as it is.
    _copy: Option<TempDir>,
}

impl SqliteStore {
    /// Opens the file; creates, checks and migrates it when needed. A file that is refused is left as it is.
    ///
    /// # Errors
    /// `wrong_store` when the file belongs to another program, another master key or a newer version; `read_only`,
    /// `storage_full`, `busy`.
    pub fn open(options: Options, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        let mut connection = connection::open_writer(&options)?;
        let turns = Turns::open(&options.path)?;
        let patience = Duration::from_millis(options.busy_timeout_ms);
        // SQLite does not wait for another process that sets up the same file.
        let turn = if schema::is_current(&connection)? { None } else { Some(turns.take_within(patience)?) };
        connection::prepare_writer(&mut connection, &options, clock.as_ref())?;
        drop(turn);
        let reader = Reader::start(connection::open_reader(&options)?)?;
        let bells = Arc::new(Bells::beside(&options.path));
        let desk = Desk {
            connection,
            turns,
            clock: Arc::clone(&clock),
            durability: options.durability,
            marker: options.marker.clone(),
            bells: Arc::clone(&bells),
        };
        let writer = Writer::start(desk, patience)?;
        let judge = Judge::of_writer(&options);
        Ok(Self { writer: Some(writer), reader, clock, options, bells, judge, _copy: None })
    }

    /// Opens a file to look at it: no migration, no writer, nothing is created or changed. Every change is refused.
    ///
    /// Without `keyed`, the keys in `options` are nobody's, and nothing that needs them is checked. `progress` counts the
    /// entries that were examined.
    ///
    /// # Errors
    /// `wrong_store` when the file belongs to another program or a newer version; `read_only` when it cannot be read.
    pub fn open_read_only(
        options: Options,
        keyed: bool,
        progress: Arc<Progress>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Failure> {
        let Opened { connection, how, copy } = archive::open(&options)?;
        let bells = Arc::new(Bells::beside(&options.path));
        let judge = Judge::of_archive(&options, keyed, how, progress);
        Ok(Self {
            writer: None,
            reader: Reader::start(connection)?,
            clock,
            options,
            bells,
            judge,
            _copy: copy,
        })
    }

    fn writer(&self) -> Result<&Writer, Denied> {
        self.writer.as_ref().ok_or_else(|| read_only("the database was opened to be looked at"))
    }

    /// A write whose commit must reach the disk.
    pub(super) async fn durable<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        self.writer()?.write(Box::new(|_| true), work).await
    }

    /// A write of which a power cut may take the newest: read windows and refusals.
    async fn light<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        self.writer()?.write(Box::new(|_| false), work).await
    }

    /// What the clock tells.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A look that changes nothing.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        what: &'static str,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        self.reader.read(what, query).await
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn info(&self) -> Result<StoreInfo, Failure> {
        let options = self.options.clone();
        self.read("asking the store about itself", move |connection| reads::info(connection, &options)).await
    }

    async fn member(
        &self,
        conversation: ConversationId,
        session: &SessionId,
    ) -> Result<Option<Member>, Failure> {
        let session = session.clone();
        self.read("finding an agent", move |connection| {
            reads::member(connection, conversation, session.as_str())
        })
        .await
    }

    async fn create(&self, stamp: Stamp, conversation: NewConversation) -> Result<(), Failure> {
        self.durable(move |tx| tx.create(&stamp, &conversation)).await
    }

    async fn join(&self, stamp: Stamp) -> Result<u32, Failure> {
        self.durable(move |tx| tx.join(&stamp)).await
    }

    async fn invite(&self, stamp: Stamp, agent: NewAgent) -> Result<(), Failure> {
        self.durable(move |tx| tx.invite(&stamp, &agent)).await
    }

    async fn append(&self, stamp: Stamp, message: NewMessage) -> Result<Appended, Failure> {
        self.durable(move |tx| tx.append(&stamp, &message)).await
    }

    async fn offer(&self, stamp: Stamp, request: OfferRequest) -> Result<Offered, Failure> {
        let (acknowledges, peek) = (request.ack.is_some(), request.peek);
        let agent_pk = stamp.seat().map(|seat| seat.agent_pk);
        let needs_disk: NeedsDisk = Box::new(move |connection| {
            acknowledges || (!peek && agent_pk.is_none_or(|agent_pk| has_mail(connection, agent_pk)))
        });
        self.writer()?.write(needs_disk, move |tx| tx.offer(&stamp, &request)).await
    }

    fn listen(&self, agent_pk: i64, name: u64, awake: bool) -> Box<dyn Doorbell> {
        Box::new(self.bells.hang(agent_pk, name, awake))
    }

    async fn outlook(
        &self,
        agent_pk: i64,
        holder: u64,
        takes_over: bool,
    ) -> Result<Option<Outlook>, Failure> {
        let now = self.clock.now();
        let look = move |c: &Connection| wait::outlook(c, agent_pk, (holder, takes_over), now);
        self.read("looking at an inbox", look).await
    }

    async fn glance(&self, agent_pk: i64) -> Result<Option<Glance>, Failure> {
        self.read("glancing at an inbox", move |c| glance::glance(c, agent_pk)).await
    }

    async fn waits(&self, conversation_pk: i64, agent_pk: i64) -> Result<Waits, Failure> {
        let bells = Arc::clone(&self.bells);
        self.read("counting who waits", move |c| wait::waits(c, &bells, conversation_pk, agent_pk)).await
    }

    async fn overdue(&self, conversation_pk: i64, sender: u8) -> Result<Vec<Overdue>, Failure> {
        let bells = Arc::clone(&self.bells);
        self.read("looking for what is overdue", move |c| wait::overdue(c, &bells, conversation_pk, sender))
            .await
    }

    async fn charge(&self, stamp: Stamp) -> Result<(), Failure> {
        self.light(move |tx| tx.guarded(&stamp, || tx.enter(&stamp).map(|_| ()))).await
    }

    async fn set_status(
        &self,
        stamp: Stamp,
        status: Status,
        note: Option<Sealed>,
    ) -> Result<Timestamp, Failure> {
        self.durable(move |tx| tx.set_status(&stamp, status, note.as_ref())).await
    }

    async fn history(
        &self,
        conversation_pk: i64,
        viewer: Option<u8>,
        before_seq: Option<u64>,
        scan: u32,
    ) -> Result<HistoryPage, Failure> {
        let stretch = Stretch { conversation_pk, viewer, before_seq, scan };
        self.read("reading history", move |connection| reads::history(connection, &stretch)).await
    }

    async fn receipts(
        &self,
        conversation_pk: i64,
        sender: Option<u8>,
        before_seq: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Receipt>, Failure> {
        let wanted = Wanted { conversation_pk, sender, before_seq, limit };
        self.read("reading receipts", move |connection| receipts(connection, &wanted)).await
    }

    async fn agents(&self, conversation_pk: i64) -> Result<Vec<AgentState>, Failure> {
        let bells = Arc::clone(&self.bells);
        self.read("listing members", move |connection| reads::agents(connection, &bells, conversation_pk))
            .await
    }

    async fn leases(&self, conversation_pk: i64) -> Result<Leases, Failure> {
        self.read("reading leases", move |connection| leases::all(connection, conversation_pk)).await
    }

    async fn change_leases(&self, stamp: Stamp, change: LeaseChange) -> Result<LeaseOutcome, Failure> {
        let changed = self.durable(move |tx| {
            let fences = tx.change_leases(&stamp, &change)?;
            Ok(match fences {
                Some(fences) => LeaseOutcome::Changed { fences },
                None => LeaseOutcome::Stale(Box::new(stamp)),
            })
        });
        changed.await
    }

    async fn deny(&self, stamp: Stamp, denied: Denied) -> Failure {
        let refused: Result<(), Failure> = self
            .light(move |tx| tx.guarded(&stamp, || tx.enter(&stamp).and_then(|_| Err(denied.into()))))
            .await;
        refused.err().unwrap_or_else(|| Fault::new("refusing what was decided against").into())
    }

    async fn refuse(&self, refusal: Refusal) -> Result<bool, Failure> {
        self.light(move |tx| tx.record_refusal(&refusal)).await
    }

    async fn may_guess(&self, peer: Peer, charge: Charge) -> Result<(), Failure> {
        let now = self.clock.now();
        let look = move |c: &Connection| windows::refusal(c, now, peer.stored(), &charge);
        self.read("looking up wrong credentials", look).await?.map_or(Ok(()), |denied| Err(denied.into()))
    }

    async fn guessed_wrong(&self, peer: Peer, charge: Charge, refusal: Refusal) -> Result<(), Failure> {
        self.light(move |tx| tx.guessed_wrong(peer, &charge, &refusal)).await
    }

    async fn count_refusals(&self, conversation_pk: Option<i64>, count: u64) -> Result<(), Failure> {
        self.light(move |tx| tx.count_refusals(conversation_pk.unwrap_or(BRIDGE), count)).await
    }

    async fn is_repeat(&self, agent_pk: i64, digests: Digests) -> Result<bool, Failure> {
        self.read("looking for a repeat", move |c| repeat::is_known(c, agent_pk, &digests)).await
    }

    async fn known(&self, conversation_pk: i64, after_n: u64) -> Result<(u64, Vec<Digest>), Failure> {
        self.read("reading what is known of secrets", move |c| known::after(c, conversation_pk, after_n))
            .await
    }

    async fn conversation(&self, id: ConversationId) -> Result<Option<ConversationState>, Failure> {
        let bells = Arc::clone(&self.bells);
        self.read("reading a conversation", move |connection| reads::one(connection, &bells, id)).await
    }

    async fn conversations(
        &self,
        active_at: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<ConversationState>, Failure> {
        let bells = Arc::clone(&self.bells);
        let all = move |connection: &Connection| reads::all(connection, &bells, active_at, limit);
        self.read("listing conversations", all).await
    }

    async fn manage_tokens(
        &self,
        stamp: Stamp,
        conversation: ConversationId,
        change: Option<TokenChange>,
    ) -> Result<(), Failure> {
        self.durable(move |tx| tx.manage_tokens(&stamp, conversation, change.as_ref())).await
    }

    async fn leave(&self, stamp: Stamp) -> Result<(), Failure> {
        self.durable(move |tx| tx.leave(&stamp)).await
    }

    async fn remove(
        &self,
        stamp: Stamp,
        conversation: ConversationId,
        session: SessionId,
    ) -> Result<(), Failure> {
        self.durable(move |tx| tx.remove_member(&stamp, conversation, &session)).await
    }

    async fn transfer(
        &self,
        stamp: Stamp,
        conversation: ConversationId,
        session: SessionId,
    ) -> Result<(), Failure> {
        self.durable(move |tx| tx.transfer(&stamp, conversation, &session)).await
    }

    async fn pause(&self, stamp: Stamp, conversation: ConversationId) -> Result<Paused, Failure> {
        self.durable(move |tx| tx.pause(&stamp, conversation)).await
    }

    async fn resume(&self, stamp: Stamp, conversation: ConversationId) -> Result<Option<PausedBy>, Failure> {
        self.durable(move |tx| tx.resume(&stamp, conversation)).await
    }

    async fn set_limits(
        &self,
        stamp: Stamp,
        conversation: ConversationId,
        change: LimitsChange,
    ) -> Result<Overrides, Failure> {
        self.durable(move |tx| tx.set_limits(&stamp, conversation, &change)).await
    }

    async fn usage(&self, request: UsageRequest) -> Result<Option<ConversationUsage>, Failure> {
        let now = self.clock.now();
        self.read("adding up usage", move |connection| limits::usage(connection, now, &request)).await
    }

    async fn inbound(&self, conversation_pk: i64) -> Result<(Inbound, u64), Failure> {
        self.read("reading an inbound policy", move |connection| held::policy(connection, conversation_pk))
            .await
    }

    async fn set_inbound(
        &self,
        stamp: Stamp,
        conversation: ConversationId,
        change: InboundChange,
    ) -> Result<Inbound, Failure> {
        self.durable(move |tx| tx.set_inbound(&stamp, conversation, &change)).await
    }

    async fn held(
        &self,
        conversation: Option<(ConversationId, u64)>,
        limit: u32,
    ) -> Result<HeldPage, Failure> {
        self.read("listing held messages", move |connection| held::waiting(connection, conversation, limit))
            .await
    }

    async fn judge_held(&self, stamp: Stamp, change: HeldChange) -> Result<Vec<SessionId>, Failure> {
        self.durable(move |tx| tx.judge_held(&stamp, &change)).await
    }

    async fn audit(&self, query: AuditQuery) -> Result<AuditPage, Failure> {
        self.read("reading the audit trail", move |connection| audit::page(connection, &query)).await
    }

    async fn audit_after(
        &self,
        conversation_pk: i64,
        after_n: Option<u64>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, Failure> {
        let read = move |connection: &Connection| audit::after(connection, conversation_pk, after_n, limit);
        self.read("reading a conversation's audit trail", read).await
    }

    async fn examine(&self, examination: Examination) -> Result<Examined, Failure> {
        let judge = self.judge.clone();
        self.read("verifying the audit trail", move |connection| {
            examine::examine(connection, &examination, &judge)
        })
        .await
    }

    async fn purge(&self, stamp: Stamp) -> Result<Purged, Failure> {
        self.writer()?;
        let (stamp, now_ms) = (Arc::new(stamp), self.clock.now().millis());
        let mut purged = Purged::default();
        for conversation_pk in self.read("finding what has ended", move |c| purge::ended(c, now_ms)).await? {
            let stamp = Arc::clone(&stamp);
            if let Some(messages) = self.durable(move |tx| tx.purge(&stamp, conversation_pk)).await? {
                purged.conversations += 1;
                purged.messages += messages;
            }
        }
        let options = self.options.clone();
        let rewritten = tokio::task::spawn_blocking(move || purge::rewrite_file(&options));
        let rewritten = rewritten.await.map_err(|source| Fault::from_source("rewriting the file", source))?;
        if let Err(failure) = &rewritten {
            tracing::warn!(%failure, "the file still holds traces of what was purged; the next cleanup tries again");
        }
        let emptied = self.read("emptying the log", purge::empty_log).await?;
        purged.log_emptied = rewritten.is_ok() && emptied;
        Ok(purged)
    }

    async fn note(&self, stamp: Stamp, conversation: Option<ConversationId>) -> Result<(), Failure> {
        self.durable(move |tx| tx.note(&stamp, conversation)).await
    }

    async fn entries(
        &self,
        conversation: Option<ConversationId>,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<(i64, AuditRow)>, Failure> {
        let page = move |c: &Connection| export::page(c, conversation, after, limit);
        self.read("reading a page of the audit trail", page).await
    }

    async fn newest_checkpoint(&self) -> Result<Option<Pending>, Failure> {
        self.read("reading the newest checkpoint", checkpoint::newest).await
    }

    async fn has_grown(&self) -> Result<bool, Failure> {
        self.read("looking for what has grown", checkpoint::has_grown).await
    }

    async fn checkpoint(&self, checkpoint: NewCheckpoint) -> Result<Option<Pending>, Failure> {
        self.durable(move |tx| tx.checkpoint(checkpoint)).await
    }
}
