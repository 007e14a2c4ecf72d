//! What every test needs: a clock and a random source that the test decides, real keys, and real stamps.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
};

use mab_core::{
    Clock, Code, ConversationId, Denied, Failure, Fault, MessageId, Random, SessionId, Timestamp,
    agent::{ActionType, Permission},
    audit::Detail,
    entity::{
        Appended, AuditRow, ConversationState, NewAgent, NewConversation, NewMessage, OfferRequest, Offered,
        Quotas, Refusal, Repeatable, StoredMessage,
    },
    evidence::{self, ChainReport, Examination, Finding},
    limit::{ByPermission, Charge, Kind, Refusals, Window},
    loop_guard::LoopGuard,
    policy::{Action, Principal, Stamp, decide},
    repeat::{Digests, Request},
    seal::{ConversationKey, Place, Sealed, Wrapper},
    secret::MasterKey,
    source::draw,
    text::{BoundedText, IDEMPOTENCY_KEY},
    token::{Claim, Tokens},
};
use mab_redact::Redactor;
use mab_store::{AuditQuery, Store};
use serde_json::Value;

/// When every test begins, in ms since the Unix epoch.
pub(crate) const START_MS: i64 = 1_795_332_600_000;

/// How long a conversation of a test lives, in seconds.
pub(crate) const LIFE_S: u64 = 3_600;

/// How long a batch is leased, in seconds.
pub(crate) const LEASE_S: u64 = 60;

/// A store's engine, as the tests see it: one place where a store is kept.
pub(crate) trait Engine {
    /// Opens the store that is kept there; several may be open at once.
    fn open(&self, clock: Arc<MockClock>) -> Result<Arc<dyn Store>, Failure>;

    /// Runs SQL behind the store's back; returns how many rows it changed.
    fn edit(&self, sql: &str) -> usize;

    /// Asks for one number behind the store's back.
    fn number(&self, sql: &str) -> i64;
}

/// A clock that stands until it is moved.
pub(crate) struct MockClock(AtomicI64);

impl MockClock {
    pub(crate) fn starting() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(START_MS)))
    }

    /// Moves by this many milliseconds, back when negative.
    pub(crate) fn move_ms(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }

    /// Moves on by this many seconds.
    pub(crate) fn pass_s(&self, seconds: u64) {
        self.move_ms(i64::try_from(seconds).unwrap() * 1_000);
    }

    /// Stands at this many milliseconds after the start.
    pub(crate) fn set_ms(&self, millis: i64) {
        self.0.store(START_MS + millis, Ordering::SeqCst);
    }
}

impl Clock for MockClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Bytes that never repeat and are the same in every run (splitmix64).
pub(crate) struct Seeded(AtomicU64);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed << 32))
    }

    /// The next number below `bound`.
    pub(crate) fn below(&self, bound: u64) -> u64 {
        u64::from_le_bytes(draw(self).unwrap()) % bound
    }
}

impl Random for Seeded {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Fault> {
        for chunk in buffer.chunks_mut(8) {
            let step = self.0.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
            let mut mixed = step.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// The master key of every test.
pub(crate) fn master() -> MasterKey {
    MasterKey::from_file_text(&"5a".repeat(32)).unwrap()
}

/// A conversation of a test.
pub(crate) struct Room {
    pub(crate) id: ConversationId,
    pub(crate) key: ConversationKey,
    pub(crate) wrapped: Vec<u8>,
}

impl Room {
    /// The text of a stored message.
    pub(crate) fn text(&self, message: &StoredMessage) -> String {
        let place = Place { table: "message", column: "body", conversation: self.id, row: &message.id.tag };
        self.key.open(&place, &message.body).unwrap().remove(0)
    }

    /// The texts of stored messages.
    pub(crate) fn texts(&self, messages: &[StoredMessage]) -> Vec<String> {
        messages.iter().map(|message| self.text(message)).collect()
    }
}

/// One store under test, and everything needed to call it as the service does.
pub(crate) struct Kit {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<MockClock>,
    pub(crate) random: Seeded,
    engine: Box<dyn Engine>,
    edited: AtomicBool,
    tokens: Tokens,
    wrapper: Wrapper,
    redactor: Redactor,
}

impl Kit {
    fn seeded(engine: Box<dyn Engine>, seed: u64) -> Self {
        let clock = MockClock::starting();
        let store = engine.open(Arc::clone(&clock)).unwrap();
        Self {
            store,
            clock,
            random: Seeded::new(seed),
            engine,
            edited: AtomicBool::new(false),
            tokens: Tokens::new(&master()).unwrap(),
            wrapper: Wrapper::new(&master()).unwrap(),
            redactor: Redactor::new(),
        }
    }

    /// What the clock tells, in ms since the Unix epoch.
    pub(crate) fn clock_ms(&self) -> i64 {
        self.clock.now().millis()
    }

    /// Opens the same place once more.
    pub(crate) fn open_again(&self) -> Arc<dyn Store> {
        self.engine.open(Arc::clone(&self.clock)).unwrap()
    }

    /// Changes rows behind the store's back. The test is then no longer checked for soundness at its end.
    pub(crate) fn edit(&self, sql: &str) -> usize {
        self.edited.store(true, Ordering::Relaxed);
        self.engine.edit(sql)
    }

    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.engine.number(sql)
    }

    /// Opens a conversation of `a` (owner), `b`, `c` … (members).
    pub(crate) async fn room(&self, members: u8) -> Room {
        let (room, new) = self.new_room(members);
        let stamp = stamp_of(Principal::newcomer(), Action::Create, charge(Kind::Create, &[]));
        self.store.create(stamp, new).await.unwrap();
        room
    }

    /// The newest conversation of a store that somebody else filled.
    pub(crate) async fn newest_room(&self) -> Room {
        self.room_before(0).await
    }

    /// The conversation of a store that somebody else filled after which so many were opened.
    pub(crate) async fn room_before(&self, newer: usize) -> Room {
        let state = self.store.conversations(None, u32::MAX).await.unwrap().remove(newer);
        let wrapped = state.wrapped_key.unwrap();
        Room { id: state.id, key: self.wrapper.unwrap(state.id, &wrapped).unwrap(), wrapped }
    }

    /// The oldest conversation of a store that somebody else filled.
    pub(crate) async fn first_room(&self) -> Room {
        let state = self.store.conversations(None, u32::MAX).await.unwrap().pop().unwrap();
        let wrapped = state.wrapped_key.unwrap();
        Room { id: state.id, key: self.wrapper.unwrap(state.id, &wrapped).unwrap(), wrapped }
    }

    /// A conversation to be opened.
    pub(crate) fn new_room(&self, members: u8) -> (Room, NewConversation) {
        let id = ConversationId::draw(&self.random).unwrap();
        let key = ConversationKey::draw(&self.random).unwrap();
        let wrapped = self.wrapper.wrap(&self.random, id, &key).unwrap();
        let room = Room { id, key, wrapped };
        let agents = (0..members).map(|ordinal| {
            let permission = if ordinal == 0 { Permission::Owner } else { Permission::Member };
            self.new_agent(&room, SessionId::from_ordinal(ordinal).as_str(), permission)
        });
        let new = NewConversation {
            id,
            expires_at: self.clock.now().plus_seconds(LIFE_S),
            wrapped_key: room.wrapped.clone(),
            topic: Some(self.seal(&room, ("conversation", "topic"), b"", "the topic")),
            agents: agents.collect(),
        };
        (room, new)
    }

    pub(crate) fn new_agent(&self, room: &Room, session: &str, permission: Permission) -> NewAgent {
        let role = self.seal(room, ("agent", "role"), session.as_bytes(), "some_role");
        NewAgent { session: session.parse().unwrap(), role, permission }
    }

    /// Seals text for a column of a table.
    pub(crate) fn seal(
        &self,
        room: &Room,
        (table, column): (&'static str, &'static str),
        row: &[u8],
        text: &str,
    ) -> Sealed {
        let place = Place { table, column, conversation: room.id, row };
        room.key.seal(&self.random, &place, &[&self.redactor.redact(text).unwrap().text]).unwrap()
    }

    /// A message to everyone else.
    pub(crate) fn message(&self, room: &Room, text: &str) -> NewMessage {
        let tag = draw(&self.random).unwrap();
        NewMessage {
            tag,
            body: self.seal(room, ("message", "body"), &tag, text),
            files: None,
            action_type: ActionType::Info,
            to: None,
            reply_to: None,
            redactions: 0,
            quotas: Quotas {
                unread_per_inbox: 1_000_000,
                messages_per_conversation: 1_000_000,
                bytes_per_conversation: 1 << 32,
                held_per_conversation: 1_000,
            },
            loop_guard: LoopGuard { messages: 0, window_seconds: 3_600 },
            repeatable: None,
        }
    }

    /// As [`Self::message`], to some.
    pub(crate) fn message_to(&self, room: &Room, text: &str, to: &[&str]) -> NewMessage {
        NewMessage { to: Some(sessions(to)), ..self.message(room, text) }
    }

    /// As [`Self::message`], from `session`, which may repeat it under `key`.
    pub(crate) fn keyed(&self, room: &Room, session: &str, key: &str, text: &str) -> NewMessage {
        let request = Request {
            sender_ordinal: session.as_bytes()[0] - b'a',
            body: &self.redactor.redact(text).unwrap().text,
            files: &[],
            action_type: ActionType::Info,
            to: None,
            reply_to: None,
        };
        let key = BoundedText::parse(key, &IDEMPOTENCY_KEY).unwrap();
        let digests = Digests::of(&room.key, &key, &request).unwrap();
        let repeatable = Some(Repeatable { digests, charge: charge(Kind::Read, &[]) });
        NewMessage { repeatable, ..self.message(room, text) }
    }

    /// Authenticates with the token that is valid now.
    pub(crate) async fn principal(&self, room: &Room, session: &str) -> Principal {
        let session: SessionId = session.parse().unwrap();
        let member = self.store.member(room.id, &session).await.unwrap().unwrap();
        let token = self.tokens.issue(room.id, &session, member.epoch).unwrap();
        let claim = Claim { conversation: room.id, session, token };
        self.tokens.authenticate(&claim, Some(&member), self.clock.now()).unwrap()
    }

    /// A stamp without rate windows.
    pub(crate) async fn stamp(&self, room: &Room, session: &str, action: Action) -> Stamp {
        self.charged(room, session, action, &[]).await
    }

    /// A stamp with rate windows of (limit, seconds).
    pub(crate) async fn charged(
        &self,
        room: &Room,
        session: &str,
        action: Action,
        windows: &[(u32, u32)],
    ) -> Stamp {
        stamp_of(self.principal(room, session).await, action, charge(kind(action), windows))
    }

    pub(crate) async fn send(&self, room: &Room, session: &str, text: &str) -> Appended {
        let stamp = self.stamp(room, session, Action::Send).await;
        self.store.append(stamp, self.message(room, text)).await.unwrap()
    }

    pub(crate) async fn send_to(&self, room: &Room, session: &str, text: &str, to: &[&str]) -> Appended {
        let stamp = self.stamp(room, session, Action::Send).await;
        self.store.append(stamp, self.message_to(room, text, to)).await.unwrap()
    }

    pub(crate) async fn try_check(
        &self,
        room: &Room,
        session: &str,
        request: OfferRequest,
    ) -> Result<Offered, Failure> {
        let stamp = self.stamp(room, session, Action::Check).await;
        self.store.offer(stamp, request).await
    }

    pub(crate) async fn check(&self, room: &Room, session: &str, request: OfferRequest) -> Offered {
        self.try_check(room, session, request).await.unwrap()
    }

    pub(crate) async fn state(&self, room: &Room) -> ConversationState {
        self.store.conversation(room.id).await.unwrap().unwrap()
    }

    /// Unread messages of each member, in join order.
    pub(crate) async fn unread(&self, room: &Room) -> Vec<u64> {
        self.state(room).await.agents.iter().map(|agent| agent.unread).collect()
    }

    /// The newest entry of a conversation's chain, but for what was charged, which every entry tells.
    pub(crate) async fn newest_entry(&self, room: &Room) -> AuditRow {
        let mut row = self.audit(Some(room.id), 1).await.remove(0);
        let mut detail: BTreeMap<String, Value> = serde_json::from_str(&row.entry.detail).unwrap();
        detail.remove("charged");
        row.entry.detail = serde_json::to_string(&detail).unwrap();
        row
    }

    /// The newest audit entries, newest first.
    pub(crate) async fn audit(&self, conversation: Option<ConversationId>, limit: u32) -> Vec<AuditRow> {
        let query = AuditQuery { conversation, limit, ..AuditQuery::default() };
        self.store.audit(query).await.unwrap().rows
    }

    /// What is found in one chain, or in all.
    pub(crate) async fn examined(&self, conversation: Option<ConversationId>) -> Vec<ChainReport> {
        let examination = Examination { conversation, ..Examination::default() };
        let examined = self.store.examine(examination).await.unwrap();
        // Some tests plant an index or a trigger.
        let planted = |finding: &Finding| finding.kind == evidence::Kind::SchemaChanged;
        assert!(examined.findings.iter().all(planted), "{:?}", examined.findings);
        examined.chains
    }

    /// Asserts that `code` was refused, and that the only thing that changed since `before` is one entry that says so.
    pub(crate) async fn assert_only_recorded(&self, room: &Room, before: ConversationState, code: Code) {
        let expected = ConversationState { audit_entries: before.audit_entries + 1, ..before };
        assert_eq!(self.state(room).await, expected, "only the audit trail may change");
        assert_eq!(self.newest_entry(room).await.entry.outcome, code.name());
    }

    /// Asserts what must hold at any time: every chain is whole, and unread counts and sizes are those of the rows.
    pub(crate) async fn assert_sound(&self) {
        for report in self.examined(None).await {
            assert!(report.findings.iter().all(|finding| finding.kind.is_warning()), "{report:?}");
        }
        assert_eq!(
            self.number(
                "SELECT count(*) FROM agent a
                 WHERE unread <> (SELECT count(*) FROM inbox i WHERE i.agent = a.pk)"
            ),
            0,
            "every unread count is that of the inbox"
        );
        assert_eq!(
            self.number(
                "SELECT count(*) FROM conversation c WHERE size_bytes <>
                 (SELECT coalesce(sum(length(body) + coalesce(length(files), 0)), 0)
                  FROM message m WHERE m.key >> 32 = c.pk)
                 + (SELECT coalesce(sum(length(request) + coalesce(length(reason), 0)), 0)
                    FROM run r WHERE r.conversation = c.pk)"
            ),
            0,
            "every size is that of the messages, and of the requests of commands"
        );
        assert_eq!(
            self.number(
                "SELECT (SELECT count(*) FROM message WHERE audience = 0)
                 + 1000 * (SELECT count(*) FROM held h WHERE EXISTS (SELECT 1 FROM inbox i
                   JOIN agent a ON a.pk = i.agent WHERE a.conversation = h.conversation AND i.seq = h.seq))
                 - (SELECT count(*) FROM held h
                    JOIN message m ON m.key = (h.conversation << 32) + h.seq AND m.audience = 0)"
            ),
            0,
            "what has no audience is held, and nobody is handed it"
        );
        assert_eq!(self.store.info().await.unwrap().check, "ok");
    }
}

/// Runs one test against an engine, and checks at the end that what it left is sound.
pub(crate) fn run(engine: impl Engine + 'static, test: impl AsyncFnOnce(&Kit)) {
    run_seeded(1, engine, test);
}

/// As [`run`], with random bytes of its own: two processes never draw the same.
pub(crate) fn run_seeded(seed: u64, engine: impl Engine + 'static, test: impl AsyncFnOnce(&Kit)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let kit = Kit::seeded(Box::new(engine), seed);
        test(&kit).await;
        if !kit.edited.load(Ordering::Relaxed) {
            kit.assert_sound().await;
        }
    });
}

/// A stamp of whoever may have one.
pub(crate) fn stamp_of(principal: Principal, action: Action, charge: Charge) -> Stamp {
    decide(principal, action).unwrap().stamp(charge, refusals(), Detail::default())
}

/// The operator's stamp.
pub(crate) fn operator(action: Action) -> Stamp {
    stamp_of(Principal::operator(), action, charge(Kind::Operator, &[]))
}

/// Windows of (limit, seconds).
pub(crate) fn charge(kind: Kind, windows: &[(u32, u32)]) -> Charge {
    let windows = windows.iter().map(|&(limit, length_s)| Window { limit, length_s }).collect();
    Charge { kind, windows }
}

/// Thirty refusals in any minute are recorded one by one, and 600 calls may be refused.
pub(crate) fn refusals() -> Refusals {
    let (calls, recorded) = (charge(Kind::Refused, &[(600, 60)]), charge(Kind::Refusal, &[(30, 60)]));
    Refusals { calls, recorded, permissions: ByPermission::default() }
}

/// What the service records when nobody could be authenticated.
pub(crate) fn stranger(conversation_pk: Option<i64>, code: Code) -> Refusal {
    Refusal {
        conversation_pk,
        agent_pk: None,
        actor: mab_core::audit::Actor::Unknown,
        action: Action::Send,
        code,
        charges: refusals(),
        detail: Detail::default(),
    }
}

fn kind(action: Action) -> Kind {
    const READS: [Action; 5] =
        [Action::Check, Action::Search, Action::CheckStatus, Action::ListOwn, Action::ListLeases];
    if READS.contains(&action) {
        return Kind::Read;
    }
    if action == Action::Create {
        return Kind::Create;
    }
    if action.is_of_agents() { Kind::Change } else { Kind::Operator }
}

/// A check of one connection, without limits that matter.
pub(crate) fn request() -> OfferRequest {
    OfferRequest {
        ack: None,
        received: Vec::new(),
        takes_over: true,
        peek: false,
        limit: 100,
        max_bytes: 1 << 20,
        holder: 1,
        tag: 7,
        lease_s: LEASE_S,
    }
}

pub(crate) fn sessions(names: &[&str]) -> Vec<SessionId> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// The sequence numbers of messages.
pub(crate) fn seqs(messages: &[StoredMessage]) -> Vec<u64> {
    messages.iter().map(|message| message.id.seq).collect()
}

/// A message nobody sent.
pub(crate) fn nowhere(seq: u64) -> MessageId {
    MessageId { seq, tag: [0xee; 8] }
}

/// The refusal a call met.
pub(crate) fn refused<T: fmt::Debug>(result: Result<T, Failure>) -> Denied {
    match result {
        Err(Failure::Denied(denied)) => denied,
        Err(Failure::Fault(fault)) => panic!("a fault instead of a refusal: {fault:?}"),
        Ok(done) => panic!("done instead of refused: {done:?}"),
    }
}

/// The code of the refusal a call met.
pub(crate) fn code<T: fmt::Debug>(result: Result<T, Failure>) -> Code {
    refused(result).code
}
