//! Which files are opened, and what a refused one looks like afterwards.

use std::{
    collections::BTreeMap,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    sync::{Arc, Barrier},
    thread,
};

use mab_core::{Code, Failure, policy::Action};
use mab_store::{
    Store,
    sqlite::{Durability, Options, SqliteStore},
};
use tempfile::TempDir;

use super::{SqliteEngine, connect, options};
use crate::kit::{Engine, Kit, MockClock, refused, run};

/// Opens and tells how it was refused.
fn refusal(options: Options) -> (Code, String) {
    let denied = refused(SqliteStore::open(options, MockClock::starting()).map(|_| ()));
    assert!(denied.hint.is_some(), "a refusal says what to do");
    (denied.code, denied.message)
}

/// Every file of a folder, with length and hash of its content.
pub(super) fn content(folder: &Path) -> BTreeMap<String, (usize, u64)> {
    let files = fs::read_dir(folder).unwrap().map(|entry| {
        let entry = entry.unwrap();
        let bytes = if entry.path().is_file() { fs::read(entry.path()).unwrap() } else { Vec::new() };
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        (entry.file_name().into_string().unwrap(), (bytes.len(), hasher.finish()))
    });
    files.collect()
}

/// Asserts that what `make` puts at a path is refused, and that nothing in its folder changes.
fn assert_refused_untouched(code: Code, message: &str, make: impl FnOnce(&Path)) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("bridge.db");
    make(&path);
    let before = content(folder.path());
    assert_eq!(refusal(options(&path)), (code, message.to_owned()));
    assert_eq!(content(folder.path()), before, "{message}: nothing may change");
}

#[test]
fn file_when_created_and_its_neighbours_are_private() {
    let engine = SqliteEngine::fresh();
    let folder = engine.path().parent().unwrap().to_path_buf();
    run(engine, async |kit: &Kit| {
        let room = kit.room(2).await;
        kit.send(&room, "a", "x").await;
        let found: BTreeMap<String, u32> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
                (entry.file_name().into_string().unwrap(), mode)
            })
            .collect();
        let expected = ["", "-next", "-shm", "-turn", "-wal"];
        assert_eq!(found, expected.map(|suffix| (format!("bridge.db{suffix}"), 0o600)).into());
    });
}

#[test]
fn sqlite_is_one_that_several_processes_may_write_with() {
    assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
    run(SqliteEngine::fresh(), async |kit: &Kit| {
        let info = kit.store.info().await.unwrap();
        assert_eq!(info.engine, format!("SQLite {}", rusqlite::version()));
        assert_eq!((info.schema, info.durability.as_str(), info.check.as_str()), (5, "full", "ok"));
        assert!(info.size_bytes > 0 && info.location.ends_with("bridge.db"));
        let mode: String = connect(Path::new(&info.location))
            .query_row("PRAGMA journal_mode", [], |row| row.get(0))
            .unwrap();
        assert_eq!(mode, "wal");
    });
}

#[test]
fn durability_of_less_is_told_and_works() {
    let home = SqliteEngine::fresh();
    let options = Options { durability: Durability::Normal, ..options(&home.path()) };
    let store = SqliteStore::open(options, MockClock::starting()).unwrap();
    run(SqliteEngine::at(&home.path()), async |kit: &Kit| {
        assert_eq!(store.info().await.unwrap().durability, "normal");
        let room = kit.room(2).await;
        let stamp = kit.stamp(&room, "a", Action::Send).await;
        assert_eq!(store.append(stamp, kit.message(&room, "x")).await.unwrap().id.seq, 1);
    });
}

#[test]
fn database_of_another_program_is_refused_untouched() {
    const MESSAGE: &str = "the database belongs to another program";
    for sql in [
        "CREATE TABLE note (text); INSERT INTO note VALUES ('mine')",
        "PRAGMA application_id = 7; CREATE TABLE note (text)",
        "PRAGMA application_id = 7; PRAGMA user_version = 1",
        "PRAGMA user_version = 1",
    ] {
        assert_refused_untouched(Code::WrongStore, MESSAGE, |path| {
            connect(path).execute_batch(sql).unwrap();
        });
    }
}

#[test]
fn database_of_a_newer_version_is_refused_untouched() {
    let message = "the database has schema 6; this mab knows 5";
    assert_refused_untouched(Code::WrongStore, message, |path| {
        let newer = "PRAGMA application_id = 0x6d616230; PRAGMA user_version = 6; CREATE TABLE future (x)";
        connect(path).execute_batch(newer).unwrap();
    });
}

#[test]
fn file_that_is_no_database_is_refused_untouched() {
    for garbage in ["short", &"this is a letter to my aunt\n".repeat(400)] {
        assert_refused_untouched(Code::WrongStore, "the file is not a database", |path| {
            fs::write(path, garbage).unwrap();
        });
    }
}

#[test]
fn folder_as_path_is_refused_untouched() {
    assert_refused_untouched(Code::WrongStore, "the database path is a folder", |path| {
        fs::create_dir(path).unwrap();
    });
}

#[test]
fn link_as_path_is_refused_untouched() {
    for target in ["elsewhere.db", "nowhere.db"] {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("elsewhere.db"), "").unwrap();
        symlink(folder.path().join(target), folder.path().join("bridge.db")).unwrap();
        let before = content(folder.path());
        let (code, _) = refusal(options(&folder.path().join("bridge.db")));
        assert_eq!(code, Code::ReadOnly, "{target}");
        assert_eq!(content(folder.path()), before, "{target}");
    }
}

#[test]
fn folder_that_is_a_link_or_relative_is_followed() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("real")).unwrap();
    symlink(folder.path().join("real"), folder.path().join("link")).unwrap();
    let open = |path: &Path| SqliteStore::open(options(path), MockClock::starting()).map(|_| ()).unwrap();
    open(&folder.path().join("link").join("bridge.db"));
    open(&folder.path().join("real").join("..").join("real").join("bridge.db"));
    assert!(folder.path().join("real/bridge.db").is_file());
}

#[test]
fn folder_that_does_not_exist_is_refused() {
    let folder = TempDir::new().unwrap();
    let (code, message) = refusal(options(&folder.path().join("nowhere").join("bridge.db")));
    assert_eq!((code, message.as_str()), (Code::ReadOnly, "the folder of the database does not exist"));
}

#[test]
fn database_of_another_master_key_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("bridge.db");
    let kept = SqliteStore::open(options(&path), MockClock::starting()).unwrap();
    let kept_mark = || -> Vec<u8> {
        let sql = "SELECT value FROM meta WHERE name = 'master_fingerprint'";
        connect(&path).query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let before = kept_mark();
    let other = Options { master_fingerprint: [1; 8], ..options(&path) };
    let expected = (Code::WrongStore, "the database was made with another master.key".to_owned());
    assert_eq!(refusal(other), expected);
    assert_eq!(kept_mark(), before);
    drop(kept);
    SqliteStore::open(options(&path), MockClock::starting()).map(|_| ()).unwrap();
}

#[test]
fn empty_file_left_by_an_interrupted_start_is_taken_up() {
    let engine = SqliteEngine::fresh();
    fs::write(engine.path(), "").unwrap();
    run(engine, async |kit: &Kit| {
        kit.room(2).await;
    });
}

#[test]
fn new_file_when_opened_by_many_at_once_works_for_all() {
    const OPENERS: usize = 8;
    for round in 0..25 {
        let engine = Arc::new(SqliteEngine::fresh());
        let barrier = Arc::new(Barrier::new(OPENERS));
        let openers: Vec<_> = (0..OPENERS)
            .map(|_| {
                let (engine, barrier) = (Arc::clone(&engine), Arc::clone(&barrier));
                thread::spawn(move || {
                    barrier.wait();
                    engine.open(MockClock::starting()).map(|_| ())
                })
            })
            .collect();
        let opened: Result<Vec<()>, Failure> =
            openers.into_iter().map(|opener| opener.join().unwrap()).collect();
        assert!(opened.is_ok(), "round {round}: {opened:?}");
        assert_eq!(engine.number("SELECT count(*) FROM conversation"), 1);
    }
}
