//! How fast the audit trail is verified: `cargo run --release -p mab-store --example verify [entries]`.
//!
//! The floor is plain SHA-256 over the same bytes, in the same run: what no verification can do without.

#![expect(clippy::print_stdout, reason = "a measuring tool reports on stdout")]
#![expect(clippy::disallowed_methods, reason = "a measuring tool reads the clock")]

use std::{error::Error, path::Path, sync::Arc, time::Instant};

use mab_core::{
    Clock, ConversationId, MessageId, SessionId, Timestamp,
    audit::{Detail, Entry, Hash, Marker, genesis},
    evidence::Examination,
    secret::MasterKey,
};
use mab_store::{
    Store,
    sqlite::{Durability, Options, SqliteStore},
};
use rusqlite::{Connection, Transaction, params};
use sha2::{Digest, Sha256};

/// Rounds of each measurement.
const ROUNDS: usize = 3;
/// Bytes of a sealed message of 300 characters.
const BODY_BYTES: usize = 345;
/// Conversations among which the entries are.
const CONVERSATIONS: u64 = 10;
/// When the first entry was written.
const START_MS: i64 = 1_795_332_600_000;

type Anything<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Anything {
    let entries: u64 = std::env::args().nth(1).map_or(Ok(1_000_000), |count| count.parse())?;
    let folder = tempfile::TempDir::new()?;
    let master = MasterKey::from_file_text(&"5a".repeat(32))?;
    for (what, with_messages) in [("entries", false), ("entries with their messages", true)] {
        let options = Options {
            path: folder.path().join(format!("{with_messages}.db")),
            durability: Durability::Normal,
            busy_timeout_ms: 5_000,
            master_fingerprint: master.fingerprint()?,
            marker: Marker::new(&master)?,
            anchored: false,
        };
        drop(SqliteStore::open(options.clone(), Arc::new(Fixed))?);
        let hashed = fill(&options.path, &options.marker, entries, with_messages)?;
        measure(what, entries, &hashed, &options)?;
    }
    Ok(())
}

fn measure(what: &str, entries: u64, hashed: &[Vec<u8>], options: &Options) -> Anything {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let store = SqliteStore::open_read_only(options.clone(), true, Arc::default(), Arc::new(Fixed))?;
    let (mut floors, mut rates) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let floor = || {
            for bytes in hashed {
                std::hint::black_box(Sha256::digest(bytes));
            }
        };
        floors.push(rate(entries, floor).0);
        let examine = || runtime.block_on(store.examine(Examination::default()));
        let (verified, found) = rate(entries, examine);
        let found = found.map_err(|failure| format!("{failure:?}"))?;
        if let Some(bad) = found.chains.iter().find(|chain| !chain.findings.is_empty()) {
            return Err(format!("what was just written is not whole: {bad:?}").into());
        }
        rates.push(verified);
    }
    floors.sort_by(f64::total_cmp);
    rates.sort_by(f64::total_cmp);
    let middle = |figures: &[f64]| figures.get(ROUNDS / 2).copied().unwrap_or_default();
    let (floor, verified) = (middle(&floors), middle(&rates));
    let of_it = verified / floor;
    println!("{what}: {verified:.0}/s ({rates:.0?}); floor {floor:.0}/s; {of_it:.2} of it");
    Ok(())
}

/// How many of `count` are done in a second, and what came of it.
fn rate<T>(count: u64, work: impl FnOnce() -> T) -> (f64, T) {
    let began = Instant::now();
    let done = std::hint::black_box(work());
    (f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / began.elapsed().as_secs_f64(), done)
}

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(START_MS)
    }
}

/// Writes conversations of messages; returns what is hashed. Without messages, the conversations are cleaned up.
fn fill(path: &Path, marker: &Marker, entries: u64, with_messages: bool) -> Anything<Vec<Vec<u8>>> {
    let mut connection = Connection::open(path)?;
    connection.execute_batch("PRAGMA synchronous = OFF")?;
    let tx = connection.transaction()?;
    let mut hashed = Vec::new();
    for pk in 1..=i64::try_from(CONVERSATIONS)? {
        chain(&tx, pk, marker, (entries / CONVERSATIONS, with_messages), &mut hashed)?;
    }
    tx.commit()?;
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(hashed)
}

fn chain(
    tx: &Transaction<'_>,
    pk: i64,
    marker: &Marker,
    (length, with_messages): (u64, bool),
    hashed: &mut Vec<Vec<u8>>,
) -> Anything {
    const CONVERSATION: &str =
        "INSERT INTO conversation (pk, id, created_at, expires_at, purged_at, last_seq, audit_n, audit_head)
         VALUES (?1, ?2, 0, 0, ?3, ?4, ?5, ?6)";
    const AGENT: &str =
        "INSERT INTO agent (conversation, ordinal, session, permission) VALUES (?1, ?2, ?3, ?4)";
    const MESSAGE: &str = "INSERT INTO message (key, tag, sender, audience, at, action_type, body) VALUES (?1, ?2, 0, 2, ?3, 'info', ?4)";
    const ENTRY: &str = "INSERT INTO audit VALUES (?1, ?2, ?3, ?4, 'ok', ?5, ?6, ?7)";
    let id = ConversationId::from_bytes(pk.to_be_bytes());
    let (mut head, mut sent, body): (Hash, _, _) = (genesis(Some(id)), 0, vec![7_u8; BODY_BYTES]);
    for n in 1..=length {
        let at = Timestamp::from_millis(START_MS + i64::try_from(n)?);
        let sends = n > 1 && (with_messages || n < length);
        let key = (pk << 32) + i64::try_from(n)?;
        let (action, detail) = if sends {
            sent += 1;
            ("send", told(sent, &body)?)
        } else if n == 1 {
            ("create", Detail::default().sessions("members", &["a".parse::<SessionId>()?, "b".parse()?]))
        } else {
            ("cleanup", Detail::default().number("messages", sent))
        };
        let [actor, action, outcome] = ["a", action, "ok"].map(str::to_owned);
        let entry = Entry { n, at, actor, action, outcome, detail: detail.to_text() };
        hashed.push([&b"mab.audit.v1\0"[..], &head, &entry.hashed_bytes()].concat());
        head = entry.hash(&head);
        let values =
            params![key, at.millis(), entry.actor, entry.action, entry.detail, head, marker.mark(&head)?];
        tx.prepare_cached(ENTRY)?.execute(values)?;
        if sends && with_messages {
            tx.prepare_cached(MESSAGE)?.execute(params![key - 1, [9_u8; 8], at.millis(), body])?;
        }
    }
    let (purged, length) = ((!with_messages).then_some(1), i64::try_from(length)?);
    tx.execute(CONVERSATION, params![pk, id.bytes(), purged, i64::try_from(sent)?, length, head])?;
    for (ordinal, session, permission) in [(0, "a", "owner"), (1, "b", "member")] {
        tx.execute(AGENT, params![pk, ordinal, session, permission])?;
    }
    Ok(())
}

/// What an entry tells of a message.
fn told(seq: u64, body: &[u8]) -> Anything<Detail> {
    let to = ["b".parse::<SessionId>()?];
    let detail = Detail::default().message("message", &MessageId { seq, tag: [9; 8] }).sessions("to", &to);
    Ok(detail.name("action_type", "info").digest_of_sealed("body_sha256", body))
}
