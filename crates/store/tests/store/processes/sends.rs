//! What senders rely on across processes and deaths: a repeat is known everywhere.

use std::collections::BTreeMap;

use super::child::{Running, Task};
use crate::{
    kit::{Kit, run},
    sqlite::SqliteEngine,
};

/// What each message became, and how many were stored first by the one who says so.
#[derive(Default)]
struct Told {
    ids: BTreeMap<u32, String>,
    first: usize,
}

impl Told {
    fn note(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        // A line cut by a kill was heard by nobody.
        if let ["sent", n, id, repeated @ ("true" | "false")] = words.as_slice() {
            let known = self.ids.entry(n.parse().unwrap()).or_insert_with(|| (*id).to_owned());
            assert_eq!(known, id, "message {n} is one and the same to everybody");
            self.first += usize::from(*repeated == "false");
        }
    }
}

#[test]
fn same_keys_from_several_processes_one_of_them_killed_are_stored_once() {
    const EACH: u32 = 200;
    let engine = SqliteEngine::fresh();
    let path = engine.path();
    run(engine, async |kit: &Kit| {
        let room = kit.room(2).await;
        let task = Task::Repeat { session: 'a', count: EACH };
        let mut told = Told::default();
        let mut senders = [(); 3].map(|()| Running::start(&task, &path));
        Running::go(&mut senders);
        let [mut killed, second, third] = senders;
        for _ in 0..20 {
            told.note(&killed.hear().unwrap());
        }
        killed.kill().iter().for_each(|line| told.note(line));
        for sender in [second, third] {
            sender.finish().iter().for_each(|line| told.note(line));
        }
        assert_eq!((told.ids.len(), kit.state(&room).await.messages), (200, u64::from(EACH)));
        assert!(told.first <= told.ids.len(), "each was stored first by one at most");
        assert_eq!(kit.unread(&room).await, [0, u64::from(EACH)]);

        // Who comes back after its death and repeats everything hears the same.
        let mut late = [Running::start(&task, &path)];
        Running::go(&mut late);
        let first = told.first;
        let [late] = late;
        late.finish().iter().for_each(|line| told.note(line));
        assert_eq!((told.first, kit.state(&room).await.messages), (first, u64::from(EACH)));
    });
}
