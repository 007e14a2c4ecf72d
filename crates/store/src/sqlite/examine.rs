//! Examines the audit chains and, in the same pass, whether the tables are as the entries say.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use mab_core::{
    ConversationId,
    audit::{self, Marker},
    evidence::{
        Approvers, ChainReport, Claim, Examination, Examined, Finding, HeldRow, Kind, Marks, MarksChecked,
        MemberRow, MessageRow, OrderRow, Replay, Row as Entry, Sent, StateRow, Step, Walk, missing_chains,
    },
};
use rusqlite::{
    Connection, OptionalExtension, Row, Rows, fallible_streaming_iterator::FallibleStreamingIterator as _,
    types::ValueRef,
};

use self::commands::Commands;
use super::{archive, frame, options::Options, rows, schema::MARKED_SINCE, tx};
use crate::Progress;

mod commands;

/// Entries between two reports of progress.
const PROGRESS_EVERY: u64 = 1_024;

/// What a store judges with.
#[derive(Debug, Clone)]
pub(super) struct Judge {
    marker: Option<Marker>,
    fingerprint: [u8; 8],
    opened: &'static str,
    path: PathBuf,
    /// What the file was like when it was opened.
    traces: Option<archive::Traces>,
    progress: Arc<Progress>,
}

impl Judge {
    pub(super) fn of_writer(options: &Options) -> Self {
        Self::of_archive(options, true, "shared", Arc::default())
    }

    pub(super) fn of_archive(
        options: &Options,
        keyed: bool,
        opened: &'static str,
        progress: Arc<Progress>,
    ) -> Self {
        Self {
            marker: keyed.then(|| options.marker.clone()),
            fingerprint: options.master_fingerprint,
            opened,
            path: options.path.clone(),
            traces: if opened == archive::IMMUTABLE { archive::traces(&options.path) } else { None },
            progress,
        }
    }

    fn marks(&self, connection: &Connection, schema: u32) -> rusqlite::Result<(MarksChecked, Marks<'_>)> {
        const KEPT: &str = "SELECT value FROM meta WHERE name = 'master_fingerprint'";
        let Some(marker) = &self.marker else { return Ok(unkeyed(schema, MarksChecked::NoKey)) };
        let kept = connection.query_row(KEPT, [], |row| Ok(bytes(row, 0) == self.fingerprint)).optional()?;
        Ok(match kept {
            Some(true) if schema >= MARKED_SINCE => (MarksChecked::Checked, Marks::Checked(marker)),
            Some(true) => (MarksChecked::None, Marks::None),
            Some(false) | None => unkeyed(schema, MarksChecked::WrongKey),
        })
    }
}

/// How marks are judged without the key.
fn unkeyed(schema: u32, why: MarksChecked) -> (MarksChecked, Marks<'static>) {
    let marks = if schema >= MARKED_SINCE { Marks::Present } else { Marks::None };
    (why, marks)
}

/// Examines one chain, or every chain, from one snapshot.
pub(super) fn examine(
    connection: &Connection,
    examination: &Examination,
    judge: &Judge,
) -> rusqlite::Result<Examined> {
    let snapshot = connection.unchecked_transaction()?;
    let schema = snapshot.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let mut findings = frame::schema_findings(&snapshot, examination, schema)?;
    let (checked, marks) = judge.marks(&snapshot, schema)?;
    let conversations = conversations(&snapshot, examination.conversation, schema)?;
    judge.progress.begin(conversations.iter().map(|conversation| conversation.claim.length).sum());
    let pks: Vec<_> = conversations.iter().map(|conversation| conversation.pk).collect();
    if examination.conversation.is_none() {
        findings.extend(frame::stray_rows(&snapshot, &pks)?);
    }
    let members = members(&snapshot, &conversations)?;
    let only = examination.conversation.map(|_| pks.first().copied().unwrap_or(-1));
    let commands = Commands::read(&snapshot, (only, &pks), schema)?;
    findings.extend(commands.iter().filter_map(|it| it.strays.first().cloned()));
    let chain = Chain { connection: &snapshot, examination, judge, marks, schema, members, commands };
    // The bridge's own chain comes first.
    let mut approvers = None;
    let examined = conversations.iter().map(|it| chain.examine(it, &mut approvers));
    let chains = examined.collect::<rusqlite::Result<Vec<_>>>()?;
    if judge.opened == archive::IMMUTABLE && archive::traces(&judge.path) != judge.traces {
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
            Some("somebody wrote to the database meanwhile".to_owned()),
        ));
    }
    let mut examined = Examined { schema, opened: judge.opened, marks: checked, findings, chains };
    let missing = missing_chains(examination, &examined);
    examined.chains.extend(missing);
    Ok(examined)
}

/// A conversation's row.
struct Conversation {
    pk: i64,
    id: Option<ConversationId>,
    claim: Claim,
    last_seq: u64,
    purged: bool,
    anchored_n: u64,
}

fn conversations(
    connection: &Connection,
    only: Option<ConversationId>,
    schema: u32,
) -> rusqlite::Result<Vec<Conversation>> {
    let anchored = if schema >= MARKED_SINCE { "anchored_n" } else { "0" };
    let sql = format!(
        "SELECT pk, id, audit_n, audit_head, last_seq, purged_at IS NOT NULL, {anchored} FROM conversation NOT INDEXED
         WHERE ?1 IS NULL OR (id = ?1 AND pk <> 0) ORDER BY pk"
    );
    let read = |row: &Row<'_>| {
        let pk: i64 = row.get(0)?;
        let id = <[u8; 8]>::try_from(bytes(row, 1)).unwrap_or_default();
        Ok(Conversation {
            pk,
            id: (pk != tx::BRIDGE).then(|| ConversationId::from_bytes(id)),
            claim: Claim { length: rows::count(row.get(2)?), head: bytes(row, 3).to_vec() },
            last_seq: rows::count(row.get(4)?),
            purged: row.get(5)?,
            anchored_n: rows::count(row.get(6)?),
        })
    };
    let id = only.map(ConversationId::bytes);
    connection.prepare(&sql)?.query_map([id], read)?.collect()
}

/// What every chain is examined with.
struct Chain<'a> {
    connection: &'a Connection,
    examination: &'a Examination,
    judge: &'a Judge,
    marks: Marks<'a>,
    schema: u32,
    members: Members,
    commands: Option<Commands>,
}

/// The members of each conversation's row, in join order.
type Members = BTreeMap<i64, Vec<MemberRow>>;

/// Reads every member in one pass over the table, because nothing is believed of an index.
fn members(connection: &Connection, conversations: &[Conversation]) -> rusqlite::Result<Members> {
    const MEMBERS: &str = "SELECT conversation, ordinal, session, permission, epoch, revoked_at IS NOT NULL
         FROM agent NOT INDEXED WHERE ?1 IS NULL OR conversation = ?1";
    let one = if let [one] = conversations { Some(one.pk) } else { None };
    let mut members = Members::new();
    let mut rows = connection.prepare(MEMBERS)?;
    let mut rows = rows.query([one])?;
    while let Some(row) = rows.next()? {
        let text = |column| String::from_utf8_lossy(bytes(row, column)).into_owned();
        let epoch = u32::try_from(integer(row, 4)).unwrap_or(u32::MAX);
        let (session, permission, revoked) = (text(2), text(3), row.get(5)?);
        let member = MemberRow { ordinal: integer(row, 1), session, permission, epoch, revoked };
        members.entry(integer(row, 0)).or_default().push(member);
    }
    for members in members.values_mut() {
        members.sort_by_key(|member| member.ordinal);
    }
    Ok(members)
}

impl Chain<'_> {
    fn examine(
        &self,
        conversation: &Conversation,
        approvers: &mut Option<Approvers>,
    ) -> rusqlite::Result<ChainReport> {
        const MESSAGES: &str = "SELECT key, tag, sender, at, body, audience FROM message NOT INDEXED
             WHERE key BETWEEN ?1 << 32 AND (?1 << 32) + 4294967295 ORDER BY key";
        let mark = if self.schema >= MARKED_SINCE { "mark" } else { "NULL" };
        let sql = format!(
            "SELECT key, at, actor, action, outcome, detail, hash, {mark} FROM audit NOT INDEXED
             WHERE key BETWEEN ?1 << 32 AND (?1 << 32) + 4294967295 ORDER BY key"
        );
        let points = self.examination.points.get(&conversation.id).map_or(&[][..], Vec::as_slice);
        let newest_ms = self.examination.newest_checkpoint_at.map(mab_core::Timestamp::millis);
        let mut walk = Walk::new(audit::genesis(conversation.id), self.marks, points, newest_ms);
        let mut entries = self.connection.prepare_cached(&sql)?;
        let mut entries = entries.query([conversation.pk])?;
        let mut messages = self.connection.prepare_cached(MESSAGES)?;
        let mut messages = Messages::new(messages.query([conversation.pk])?, conversation.purged);
        let (mut replay, mut fed) = (Replay::default(), 0_u64);
        while let Some(row) = entries.next()? {
            let entry = entry(row);
            match walk.take(&entry) {
                Step::Holds => {
                    if let Some(sent) = replay.take(&entry) {
                        messages.told(&sent)?;
                    }
                }
                Step::Searching => {}
                Step::Broken => break,
            }
            fed += 1;
            if fed.is_multiple_of(PROGRESS_EVERY) {
                self.judge.progress.add(PROGRESS_EVERY);
            }
        }
        self.judge.progress.add(fed % PROGRESS_EVERY);
        let walked = walk.finish(&conversation.claim);
        let mut findings: Vec<Finding> = walked.broken.into_iter().collect();
        if findings.is_empty() {
            let audiences = std::mem::take(&mut messages.audiences);
            findings.extend(messages.finish()?);
            let state = self.state(conversation, audiences)?;
            // When it was, is not known where a clock was set back.
            let clock_holds = walked.clock_back.is_none();
            let is_bridge = conversation.id.is_none();
            findings.extend(self.tables(&replay, (&state, is_bridge), approvers, clock_holds));
        }
        let seen = points.iter().map(|point| point.n).max().unwrap_or_default();
        if self.examination.own && conversation.anchored_n > seen {
            findings.push(Finding::new(Kind::AnchorTruncated).at(seen + 1).to(conversation.anchored_n));
        }
        findings.extend(walked.clock_back);
        findings.extend(walked.unanchored);
        Ok(ChainReport {
            conversation: conversation.id,
            entries: walked.entries,
            anchored: walked.anchored,
            findings,
        })
    }

    /// What tables say otherwise than the entries. The bridge's own chain tells which approvers there were, as long as its
    /// times do.
    fn tables(
        &self,
        replay: &Replay,
        (state, is_bridge): (&StateRow, bool),
        approvers: &mut Option<Approvers>,
        clock_holds: bool,
    ) -> Vec<Finding> {
        let mut found = Vec::new();
        match &self.commands {
            Some(commands) if is_bridge => {
                *approvers = clock_holds.then(|| replay.approvers().clone());
                found.extend(replay.finish_bridge(&commands.approvers));
                found.extend(commands.bridge_differs());
            }
            Some(_) => {
                found.extend(replay.finish(state));
                let approvers = approvers.as_ref().filter(|_| clock_holds);
                found.extend(state.commands.as_ref().and_then(|it| replay.unsigned(it, approvers)));
            }
            None => {
                found.extend(replay.finish(state).into_iter().filter(|_| !is_bridge));
                if let Some(n) = replay.of_commands() {
                    let what = format!("it names schema {}, and entries tell of commands", self.schema);
                    found.push(Finding::new(Kind::SchemaLowered).at(n).what(what));
                }
            }
        }
        found
    }

    fn state(
        &self,
        conversation: &Conversation,
        audiences: BTreeMap<u64, i64>,
    ) -> rusqlite::Result<StateRow> {
        let members = self.members.get(&conversation.pk).cloned().unwrap_or_default();
        let order = if self.schema >= MARKED_SINCE {
            Some(order(self.connection, conversation.pk, audiences)?)
        } else {
            None
        };
        let commands = self.commands.as_ref().map(|commands| commands.of(conversation.pk));
        Ok(StateRow {
            last_seq: conversation.last_seq,
            purged: conversation.purged,
            members,
            order,
            commands,
        })
    }
}

fn order(connection: &Connection, pk: i64, audiences: BTreeMap<u64, i64>) -> rusqlite::Result<OrderRow> {
    const HELD: &str = "SELECT seq, audience, rejected_at IS NOT NULL FROM held
         INDEXED BY sqlite_autoindex_held_1 WHERE conversation = ?1 ORDER BY seq";
    const GATE: &str =
        "SELECT paused_at IS NOT NULL, inbound IS NOT NULL FROM conversation NOT INDEXED WHERE pk = ?1";
    let mut held = connection.prepare_cached(HELD)?;
    let held = held.query_map([pk], |row| {
        Ok(HeldRow { seq: rows::count(integer(row, 0)), audience: integer(row, 1), rejected: row.get(2)? })
    })?;
    let held = held.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut gate = connection.prepare_cached(GATE)?;
    let (paused, inbound) = gate.query_row([pk], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(OrderRow { held, audiences, paused, inbound })
}

/// The message rows of one conversation, held against the entries as they come.
struct Messages<'a> {
    rows: Rows<'a>,
    purged: bool,
    /// Whether the row that was read last is still to be held against an entry.
    waiting: bool,
    found: Vec<(Finding, u64)>,
    /// Whom those reach that were held.
    audiences: BTreeMap<u64, i64>,
}

impl<'a> Messages<'a> {
    fn new(rows: Rows<'a>, purged: bool) -> Self {
        Self { rows, purged, waiting: false, found: Vec::new(), audiences: BTreeMap::new() }
    }

    /// Takes the next entry of a message: its row must be the next one.
    fn told(&mut self, sent: &Sent) -> rusqlite::Result<()> {
        if self.purged {
            return Ok(());
        }
        loop {
            let row = if self.waiting { self.rows.get() } else { self.rows.next()? };
            self.waiting = false;
            let Some(row) = row else {
                self.find(Kind::MessageMissing, Some(sent.n), sent.id.seq);
                return Ok(());
            };
            let message = message(row);
            if message.seq < sent.id.seq {
                let seq = message.seq;
                self.find(Kind::MessageAdded, None, seq);
                continue;
            }
            if message.seq > sent.id.seq {
                self.waiting = true;
                self.find(Kind::MessageMissing, Some(sent.n), sent.id.seq);
            } else if sent.is(&message) {
                if sent.held {
                    self.audiences.insert(message.seq, message.audience);
                }
            } else {
                self.find(Kind::MessageChanged, Some(sent.n), sent.id.seq);
            }
            return Ok(());
        }
    }

    /// What is left was told of by nobody.
    fn finish(mut self) -> rusqlite::Result<impl Iterator<Item = Finding>> {
        loop {
            let row = if self.waiting { self.rows.get() } else { self.rows.next()? };
            self.waiting = false;
            let Some(seq) = row.map(|row| message(row).seq) else { break };
            self.find(Kind::MessageAdded, None, seq);
        }
        let counted = |(finding, count): (Finding, u64)| {
            let what = finding.what.clone().unwrap_or_default();
            if count > 1 { finding.what(format!("{what}, and {} more", count - 1)) } else { finding }
        };
        Ok(self.found.into_iter().map(counted))
    }

    /// Keeps the first of each kind, and counts the others.
    fn find(&mut self, kind: Kind, n: Option<u64>, seq: u64) {
        if let Some((_, count)) = self.found.iter_mut().find(|(finding, _)| finding.kind == kind) {
            *count += 1;
            return;
        }
        let finding = Finding { n, ..Finding::new(kind).what(format!("message {seq}")) };
        self.found.push((finding, 1));
    }
}

fn message<'a>(row: &'a Row<'_>) -> MessageRow<'a> {
    MessageRow {
        seq: tx::number(integer(row, 0)),
        tag: bytes(row, 1),
        sender: integer(row, 2),
        at: integer(row, 3),
        body: bytes(row, 4),
        audience: integer(row, 5),
    }
}

/// Reads an entry with its mark; what is damaged is empty.
pub(super) fn entry<'a>(row: &'a Row<'_>) -> Entry<'a> {
    Entry {
        n: tx::number(integer(row, 0)),
        at: integer(row, 1),
        fields: [2, 3, 4, 5].map(|column| bytes(row, column)),
        hash: bytes(row, 6),
        mark: row.get_ref(7).ok().and_then(|value| value.as_bytes_or_null().ok().flatten()),
    }
}

/// A column's bytes; none when it holds something else.
pub(super) fn bytes<'a>(row: &'a Row<'_>, column: usize) -> &'a [u8] {
    match row.get_ref(column) {
        Ok(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => bytes,
        Ok(ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_)) | Err(_) => &[],
    }
}

fn integer(row: &Row<'_>, column: usize) -> i64 {
    row.get(column).unwrap_or_default()
}
