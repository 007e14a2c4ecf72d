//! What holds for senders across processes and deaths: a repeat is known everywhere, a pause stops everybody.

use std::collections::BTreeMap;

use mab_core::policy::Action;

use super::child::{Running, Task};
use crate::{
    kit::{Kit, operator, run},
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

#[test]
fn talk_of_two_processes_is_paused_exactly_and_for_whoever_comes_later() {
    const MESSAGES: u32 = 100;
    let engine = SqliteEngine::fresh();
    let path = engine.path();
    run(engine, async |kit: &Kit| {
        let room = kit.room(2).await;
        // Each time two new processes: what the first two did is in the file.
        for round in 1..=2 {
            let mut agents =
                ['a', 'b'].map(|session| Running::start(&Task::Talk { session, messages: MESSAGES }, &path));
            Running::go(&mut agents);
            let mut said: Vec<u64> = agents
                .into_iter()
                .flat_map(Running::finish)
                .map(|line| line.strip_prefix("said ").unwrap().parse().unwrap())
                .collect();
            said.sort_unstable();
            let stored = u64::from(MESSAGES);
            assert!(
                said.iter().copied().eq((round - 1) * stored + 1..=round * stored),
                "round {round}: {said:?}"
            );
            let mut late = [Running::start(&Task::Talk { session: 'a', messages: MESSAGES }, &path)];
            Running::go(&mut late);
            assert!(late.into_iter().all(|agent| agent.finish().is_empty()));
            assert!(kit.store.resume(operator(Action::Resume), room.id).await.unwrap().is_some());
        }
    });
}
