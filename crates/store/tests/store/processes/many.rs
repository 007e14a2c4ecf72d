//! Many processes on one store: nothing lost, nobody starved, no lock let go.

use std::collections::BTreeMap;

use super::child::{Running, Task};
use crate::{
    kit::{Kit, request, run, seqs},
    sqlite::SqliteEngine,
};

/// One acknowledged message: number and wait in microseconds.
struct Sent {
    seq: u64,
    wait_us: u64,
}

fn parse(line: &str) -> Sent {
    let words: Vec<&str> = line.split(' ').collect();
    assert_eq!((words.len(), words[0]), (4, "sent"), "{line}");
    Sent { seq: words[1].parse().unwrap(), wait_us: words[3].parse().unwrap() }
}

#[test]
fn eight_processes_that_send_at_once_lose_nothing_and_number_without_gaps() {
    const EACH: u32 = 150;
    let engine = SqliteEngine::fresh();
    let path = engine.path();
    run(engine, async |kit: &Kit| {
        let room = kit.room(8).await;
        let mut children: Vec<Running> =
            ('a'..='h').map(|session| Running::start(&Task::Send { session, count: EACH }, &path)).collect();
        Running::go(&mut children);
        // Reading goes on meanwhile, each time from one moment.
        for _ in 0..5 {
            let reports = kit.examined(None).await;
            assert!(reports.iter().all(|report| report.findings.is_empty()), "{reports:?}");
        }
        let sent: Vec<Vec<Sent>> = children
            .into_iter()
            .map(|child| child.finish().iter().map(|line| parse(line)).collect())
            .collect();

        let mut numbers: Vec<u64> = sent.iter().flatten().map(|message| message.seq).collect();
        numbers.sort_unstable();
        assert!(numbers.iter().copied().eq(1..=8 * u64::from(EACH)), "gapless, each once");
        for process in &sent {
            assert!(process.is_sorted_by_key(|message| message.seq), "each process's own order is kept");
        }
        assert_eq!(kit.unread(&room).await, [7 * u64::from(EACH); 8]);

        // When the first was done, how far were the others?
        let end = sent.iter().map(|process| process.last().unwrap().seq).min().unwrap();
        let shares: Vec<usize> =
            sent.iter().map(|process| process.iter().filter(|message| message.seq <= end).count()).collect();
        let mut waits: Vec<u64> = sent.iter().flatten().map(|message| message.wait_us).collect();
        waits.sort_unstable();
        println!(
            "shares when the first was done: {shares:?}; wait p50 {} us, p99 {} us, longest {} us",
            waits[waits.len() / 2],
            waits[waits.len() * 99 / 100],
            waits[waits.len() - 1]
        );
    });
}

#[test]
fn new_store_when_eight_processes_open_it_at_once_works_for_all() {
    for _ in 0..3 {
        let engine = SqliteEngine::fresh();
        let children: Vec<Running> = (0..8).map(|_| Running::start(&Task::Open, &engine.path())).collect();
        let mut answers = BTreeMap::new();
        for answer in children.into_iter().flat_map(Running::finish) {
            *answers.entry(answer).or_insert(0) += 1;
        }
        assert_eq!(answers, BTreeMap::from([("opened".to_owned(), 8)]));
    }
}

#[test]
fn store_when_opened_twice_in_one_process_keeps_its_log_from_others() {
    let engine = SqliteEngine::fresh();
    let path = engine.path();
    run(engine, async |kit: &Kit| {
        let room = kit.room(2).await;
        kit.send(&room, "a", "before").await;
        // A program that takes itself for the last user of the file, when it closes it, removes the log.
        drop(kit.open_again());
        assert_eq!(Running::start(&Task::Look, &path).finish(), ["saw 1"]);
        kit.send(&room, "a", "after").await;
        assert_eq!(Running::start(&Task::Look, &path).finish(), ["saw 2"]);
        let seen = kit.check(&room, "b", request()).await.messages;
        assert_eq!(seqs(&seen), [1, 2]);
    });
}
