//! `kill -9` at any moment: what was acknowledged is there, and what is there is whole.

use std::collections::BTreeMap;

use super::child::{Running, Task};
use crate::{
    kit::{Engine, Kit, MockClock, Seeded, run},
    sqlite::{SqliteEngine, connect},
};

const ROUNDS: u64 = 30;

/// Remembers what a child said it had sent.
fn note(acknowledged: &mut BTreeMap<u64, String>, line: &str) {
    let words: Vec<&str> = line.split(' ').collect();
    if words.first() == Some(&"sent") && words.len() == 4 {
        let before = acknowledged.insert(words[1].parse().unwrap(), words[2].to_owned());
        assert_eq!(before, None, "a number was given twice");
    }
}

#[test]
fn acknowledged_messages_when_writers_are_killed_are_all_there() {
    let home = SqliteEngine::fresh();
    let path = home.path();
    let random = Seeded::new(7);
    run(SqliteEngine::at(&path), async |kit: &Kit| {
        kit.room(2).await;
    });
    let mut acknowledged = BTreeMap::new();
    for round in 0..ROUNDS {
        let mut writers =
            ['a', 'b'].map(|session| Running::start(&Task::Send { session, count: u32::MAX }, &path));
        Running::go(&mut writers);
        for _ in 0..random.below(40) {
            for writer in &mut writers {
                note(&mut acknowledged, &writer.hear().unwrap());
            }
        }
        for writer in writers {
            // A line cut by the kill was not yet heard by anybody: it is no acknowledgement.
            writer.kill().iter().for_each(|line| note(&mut acknowledged, line));
        }
        // Nobody has the file open now: whoever opens it next repairs it.
        let file = connect(&path);
        let check: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok", "round {round}");
        let stored: BTreeMap<u64, String> = file
            .prepare("SELECT key & 0xffffffff, lower(hex(tag)) FROM message")
            .unwrap()
            .query_map([], |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?)))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert!(stored.keys().copied().eq(1..=stored.len() as u64), "round {round}: gapless");
        for (seq, tag) in &acknowledged {
            assert_eq!(
                stored.get(seq),
                Some(tag),
                "round {round}: message {seq} is not what was acknowledged"
            );
        }
    }
    println!("{} messages acknowledged in {ROUNDS} rounds of two killed writers", acknowledged.len());
    // The chains hold, and every inbox and size is that of the rows.
    run(SqliteEngine::at(&path), async |kit: &Kit| {
        let room = kit.newest_room().await;
        assert!(kit.state(&room).await.messages >= acknowledged.len() as u64);
    });
}

#[test]
fn turn_when_its_holder_is_killed_goes_to_the_next() {
    let home = SqliteEngine::fresh();
    let path = home.path();
    run(SqliteEngine::at(&path), async |kit: &Kit| {
        let room = kit.room(2).await;
        for _ in 0..5 {
            let mut writer = Running::start(&Task::Send { session: 'a', count: u32::MAX }, &path);
            Running::go(std::slice::from_mut(&mut writer));
            writer.hear().unwrap();
            writer.kill();
            kit.send(&room, "b", "still here").await;
        }
        home.open(MockClock::starting()).map(|_| ()).unwrap();
    });
}
