//! The test: worlds side by side, a thousand kills in all, and one ledger in each.

use std::thread;

use rustix::{
    io::Errno,
    process::{WaitOptions, getpid, set_child_subreaper, wait},
};

use crate::{
    anytime::kill_anybody, moment::Victim, receiving::kill_receivers, sending::kill_senders, tally::Tally,
    waiting::kill_waiters,
};

#[test]
fn messages_when_a_thousand_processes_are_killed_are_received_and_none_twice_unflagged() {
    // Servers that lose their client are the test's children then: it waits for their end.
    set_child_subreaper(Some(getpid())).unwrap();
    let tallies: Vec<Tally> = thread::scope(|scope| {
        let worlds = [
            scope.spawn(|| kill_senders(10)),
            scope.spawn(|| kill_receivers(10)),
            scope.spawn(|| kill_waiters(5)),
            scope.spawn(|| kill_anybody(1, 200)),
            scope.spawn(|| kill_anybody(2, 200)),
        ];
        worlds.map(|world| world.join().unwrap()).into()
    });
    let mut all = Tally::default();
    for tally in &tallies {
        all.add(tally);
    }
    let [servers, clients, both] = Victim::ALL.map(|victim| all.kills(victim));
    let kills = servers + clients + both;
    println!("{all}kill -9: {kills} times ({servers} servers, {clients} clients, {both} both)");
    assert!(kills >= 1_000, "{kills} kills");
    assert_eq!(wait(WaitOptions::NOHANG).map(|_| ()), Err(Errno::CHILD), "no process is left, no zombie");
}
