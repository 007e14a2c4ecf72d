//! Waiting for others: bounded, told, and without effect; and many at once, in one commit.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

use mab_core::{Code, policy::Action};
use tokio::task::{JoinSet, yield_now};

use super::{SqliteEngine, connect};
use crate::kit::{Kit, code, refused, request, run, seqs};

/// Asserts that writes are refused as `busy` while something is held, that reads go on, and that the refused writes
/// leave nothing behind, not even later.
fn assert_busy_while_held<Guard>(hold: impl FnOnce(&Path) -> Guard) {
    let engine = SqliteEngine::impatient(1_000);
    let path = engine.path();
    run(engine, async |kit: &Kit| {
        let room = kit.room(2).await;
        kit.send(&room, "a", "before").await;
        let before = kit.state(&room).await;
        let guard = hold(&path);
        let mut writes = JoinSet::new();
        for _ in 0..3 {
            let (store, stamp) = (Arc::clone(&kit.store), kit.stamp(&room, "a", Action::Send).await);
            let message = kit.message(&room, "meanwhile");
            writes.spawn(async move { store.append(stamp, message).await });
        }
        for write in writes.join_all().await {
            let busy = refused(write);
            assert_eq!((busy.code, busy.retry_after_s), (Code::Busy, Some(1)));
        }
        assert_eq!(code(kit.try_check(&room, "b", request()).await), Code::Busy);
        assert_eq!(kit.state(&room).await, before);
        drop(guard);
        assert_eq!(kit.send(&room, "a", "after").await.id.seq, 2);
        assert_eq!(seqs(&kit.check(&room, "b", request()).await.messages), [1, 2]);
    });
}

fn lock(path: &Path, suffix: &str) -> File {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    let file = File::options().write(true).open(PathBuf::from(name)).unwrap();
    file.lock().unwrap();
    file
}

#[test]
fn write_when_another_program_holds_the_database_is_busy_and_changes_nothing() {
    assert_busy_while_held(|path| {
        let other = connect(path);
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        other
    });
}

#[test]
fn write_when_a_stopped_process_holds_the_turn_is_busy_and_changes_nothing() {
    assert_busy_while_held(|path| lock(path, "-turn"));
}

#[test]
fn write_when_a_stopped_process_holds_the_queue_is_busy_and_changes_nothing() {
    assert_busy_while_held(|path| lock(path, "-next"));
}

/// Commits in a write-ahead log: frames that say how large the database is after them.
/// Source: sqlite.org/fileformat2.html#walformat (32-byte header; per frame a 24-byte header and a page).
fn commits(path: &Path) -> usize {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    let log = fs::read(name).unwrap();
    let page = u32::from_be_bytes(log[8..12].try_into().unwrap()) as usize;
    log[32..].chunks_exact(24 + page).filter(|frame| frame[4..8] != [0; 4]).count()
}

/// Lets every spawned call run up to where it waits for the writer.
async fn let_all_wait() {
    for _ in 0..100 {
        yield_now().await;
    }
}

#[test]
fn callers_that_wait_together_are_committed_together() {
    let engine = SqliteEngine::fresh();
    let path = engine.path();
    run(engine, async |kit: &Kit| {
        let room = kit.room(2).await;
        let mut sends = JoinSet::new();
        let mut stamps = Vec::new();
        for _ in 0..64 {
            stamps.push(kit.stamp(&room, "a", Action::Send).await);
        }
        let before = commits(&path);
        let turn = lock(&path, "-turn");
        for stamp in stamps {
            let (store, message) = (Arc::clone(&kit.store), kit.message(&room, "x"));
            sends.spawn(async move { store.append(stamp, message).await.unwrap().id.seq });
        }
        let_all_wait().await;
        drop(turn);
        let mut numbers = sends.join_all().await;
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=64).collect::<Vec<_>>());
        assert_eq!(commits(&path), before + 1);
    });
}

#[test]
fn refusal_in_a_shared_commit_takes_nobody_with_it() {
    let engine = SqliteEngine::fresh();
    let path = engine.path();
    run(engine, async |kit: &Kit| {
        let room = kit.room(2).await;
        let mut calls = JoinSet::new();
        let mut prepared = Vec::new();
        for n in 0..30 {
            let to: &[&str] = if n % 3 == 0 { &["nobody"] } else { &["b"] };
            let stamp = kit.stamp(&room, "a", Action::Send).await;
            prepared.push((stamp, kit.message_to(&room, "x", to)));
        }
        let turn = lock(&path, "-turn");
        for (stamp, message) in prepared {
            let store = Arc::clone(&kit.store);
            calls.spawn(async move { store.append(stamp, message).await.is_ok() });
        }
        let_all_wait().await;
        drop(turn);
        let done = calls.join_all().await.into_iter().filter(|done| *done).count();
        let state = kit.state(&room).await;
        assert_eq!((done, state.messages, state.audit_entries), (20, 20, 31));
    });
}

#[test]
fn log_that_a_reader_holds_is_said_not_to_be_emptied() {
    let engine = SqliteEngine::impatient(1_000);
    let path = engine.path();
    run(engine, async |kit: &Kit| {
        kit.room(2).await;
        let reader = connect(&path);
        reader.execute_batch("BEGIN; SELECT count(*) FROM message").unwrap();
        kit.clock.pass_s(crate::kit::LIFE_S);
        let purge = async || kit.store.purge(crate::kit::operator(Action::Cleanup)).await.unwrap();
        let purged = purge().await;
        assert_eq!((purged.conversations, purged.log_emptied), (1, false));
        drop(reader);
        let again = purge().await;
        assert_eq!((again.conversations, again.log_emptied), (0, true), "the next purge mends it");
        let mut log = path.into_os_string();
        log.push("-wal");
        assert_eq!(fs::metadata(log).unwrap().len(), 0);
    });
}
