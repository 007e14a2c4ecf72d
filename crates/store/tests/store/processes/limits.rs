//! Eight processes that hammer at every limit at once, some of them killed and started again all the while.

use super::child::{Running, Task};
use crate::{
    kit::{Kit, run},
    sqlite::SqliteEngine,
};

/// What each window admits in any minute, in the order of [`KINDS`].
pub(super) const SENDS: u32 = 400;
pub(super) const CREATES: u32 = 150;
pub(super) const GUESSES: u32 = 250;
/// Each with the number of its kind in the store.
const KINDS: [(u32, i64); 3] = [(SENDS, 0), (CREATES, 3), (GUESSES, 5)];

/// Lets eight processes hammer, whose clocks differ by up to 28 seconds, until none of them gets anything more; nine are
/// killed meanwhile, and others started in their place. Returns what they said.
fn hammer(path: &std::path::Path, at_s: u64) -> Vec<String> {
    let start = |n: u64| Running::start(&Task::Hammer { at_s: at_s + n % 8 * 4 }, path);
    let mut hammering: Vec<Running> = (0..8).map(start).collect();
    Running::go(&mut hammering);
    let mut said = Vec::new();
    for n in 0..9 {
        let mut victim = hammering.remove(0);
        said.extend((0..5).map_while(|_| victim.hear()));
        said.extend(victim.kill());
        let mut next = [start(n)];
        Running::go(&mut next);
        hammering.extend(next);
    }
    said.extend(hammering.into_iter().flat_map(Running::finish));
    said
}

#[test]
fn limits_when_eight_processes_hammer_and_are_killed_admit_exactly_what_they_allow() {
    let engine = SqliteEngine::fresh();
    let path = engine.path();
    run(engine, async |kit: &Kit| {
        // The conversation itself is the first that is created.
        let room = kit.room(2).await;
        for (round, at_s) in [(1, 0), (2, 90)] {
            let said = hammer(&path, at_s);
            for ((limit, kind), done) in KINDS.into_iter().zip(["sent", "created", "guessed"]) {
                let admitted = kit.number(&format!("SELECT max(n) FROM accepted WHERE kind = {kind}"));
                assert_eq!(admitted, i64::from(limit) * round, "{done}, round {round}");
                let too_close = kit.number(&format!(
                    "SELECT count(*) FROM accepted x JOIN accepted y
                     ON y.subject = x.subject AND y.kind = x.kind AND y.n = x.n + {limit}
                     WHERE x.kind = {kind} AND y.at - x.at < 60000"
                ));
                assert_eq!(too_close, 0, "{done}: more than {limit} in one minute");
                let heard = said.iter().filter(|line| *line == done).count();
                assert!(
                    heard <= limit as usize && heard + 9 * 3 >= limit as usize,
                    "{heard} {done}: each is told"
                );
            }
            assert!(said.iter().filter(|line| *line == "full").count() >= 8, "{said:?}");
        }
        assert_eq!(kit.state(&room).await.messages, u64::from(SENDS) * 2);
        assert_eq!(kit.number("SELECT count(*) FROM conversation"), i64::from(CREATES) * 2 + 1);
    });
}
