//! Commands across processes: one yes starts one command, and a process killed at any moment leaves what it said it did.

use std::collections::BTreeMap;

use mab_core::{Code, RunId, execution::RunState, policy::Action};

use super::child::{Running, Task, hear, say};
use crate::{
    commands::{Person, Wanted},
    kit::{Kit, Room, Seeded, code, run, run_seeded},
    sqlite::{SqliteEngine, connect},
};

const ROUNDS: u64 = 12;

/// In which order a command that starts goes on.
const WAY: [RunState; 4] = [RunState::Pending, RunState::Approved, RunState::Running, RunState::Finished];

/// A child: asks, agrees, starts and ends as this member, and says `STATE ID` after each, until it is killed.
pub(super) fn live(session: &str, path: &std::path::Path) {
    run_seeded(u64::from(std::process::id()), SqliteEngine::at(path), async |kit: &Kit| {
        let (room, person) = (kit.newest_room().await, Person::first());
        for open in kit.store.execution(Some(room.id)).await.unwrap().remove(0).runs {
            if open.session.as_str() == session && open.state.is_open() {
                let stamp = kit.stamp(&room, session, Action::Execute).await;
                kit.store.withdraw_run(stamp, open.id, kit.notice(&room, "taken back")).await.unwrap();
            }
        }
        say("ready");
        assert_eq!(hear(), "go");
        loop {
            let wanted = kit.ask(&room, session).await;
            say(&format!("pending {}", wanted.id));
            kit.answer(&room, wanted, person.says_yes(kit, wanted)).await.unwrap();
            say(&format!("approved {}", wanted.id));
            let agreed = kit.proof(&room, &person, wanted).await;
            kit.start(&room, session, (wanted, agreed)).await.unwrap();
            say(&format!("running {}", wanted.id));
            assert!(kit.end(&room, wanted, RunState::Finished).await.unwrap());
            say(&format!("finished {}", wanted.id));
        }
    });
}

/// A child: starts this command of member `b` once it is told to go; says `started`, or the refusal's code.
pub(super) fn start(id: &str, path: &std::path::Path) {
    run_seeded(u64::from(std::process::id()), SqliteEngine::at(path), async |kit: &Kit| {
        let (room, person) = (kit.newest_room().await, Person::first());
        let row = kit.store.run(id.parse().unwrap()).await.unwrap().unwrap();
        let wanted = Wanted { id: row.id, hash: row.hash };
        let agreed = kit.proof(&room, &person, wanted).await;
        let stamp = kit.stamp(&room, "b", Action::Execute).await;
        let start = kit.to_start(wanted, agreed);
        say("ready");
        assert_eq!(hear(), "go");
        match kit.store.start_run(stamp, start).await {
            Ok(()) => say("started"),
            refused => say(code(refused).name()),
        }
    });
}

#[test]
fn of_eight_processes_one_starts_what_was_agreed_to() {
    let engine = SqliteEngine::fresh();
    let path = engine.path();
    run(engine, async |kit: &Kit| {
        let (room, person) = kit.enabled(2).await;
        for _ in 0..3 {
            let wanted = kit.approved(&room, "b", &person).await;
            let task = Task::Start { id: wanted.id.to_string() };
            let mut children: Vec<Running> = (0..8).map(|_| Running::start(&task, &path)).collect();
            Running::go(&mut children);
            let mut said: Vec<String> = children.into_iter().flat_map(Running::finish).collect();
            said.sort();
            let mut expected = vec![Code::ApprovalVoid.name().to_owned(); 7];
            expected.push("started".to_owned());
            assert_eq!(said, expected);
            assert_eq!(kit.the_run(wanted).await.state, RunState::Running);
        }
    });
}

#[test]
fn commands_when_their_processes_are_killed_are_at_least_as_far_as_was_said() {
    let home = SqliteEngine::fresh();
    let path = home.path();
    let random = Seeded::new(11);
    run(SqliteEngine::at(&path), async |kit: &Kit| {
        kit.enabled(2).await;
    });
    let mut said: BTreeMap<RunId, usize> = BTreeMap::new();
    let note = |said: &mut BTreeMap<RunId, usize>, line: &str| {
        if let Some((state, id)) = line.split_once(' ')
            && let Ok(id) = id.parse()
        {
            said.insert(id, place(state));
        }
    };
    for round in 0..ROUNDS {
        let mut children =
            ["a", "b"].map(|session| Running::start(&Task::Live { session: session.to_owned() }, &path));
        Running::go(&mut children);
        for _ in 0..random.below(24) {
            for child in &mut children {
                note(&mut said, &child.hear().unwrap());
            }
        }
        for child in children {
            child.kill().iter().for_each(|line| note(&mut said, line));
        }
        let stored: BTreeMap<Vec<u8>, String> = connect(&path)
            .prepare("SELECT id, state FROM run")
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        for (id, least) in &said {
            let state = &stored[id.bytes().as_slice()];
            // What was left open is taken back by the next child.
            let withdrawn = state == "withdrawn" && *least <= place("approved");
            assert!(withdrawn || place(state) >= *least, "round {round}: {id} is {state}");
        }
    }
    println!("{} commands acknowledged in {ROUNDS} rounds of two killed processes", said.len());
    // The chains hold, every message of the bridge is told of by an entry, and what runs can still be ended.
    run_seeded(2, SqliteEngine::at(&path), async |kit: &Kit| {
        let room: Room = kit.newest_room().await;
        for left in kit.store.execution(Some(room.id)).await.unwrap().remove(0).runs {
            if left.state == RunState::Running {
                let wanted = Wanted { id: left.id, hash: left.hash };
                assert!(kit.end(&room, wanted, RunState::Finished).await.unwrap());
            }
        }
    });
}

/// How far a command has got.
fn place(state: &str) -> usize {
    WAY.iter().position(|one| one.as_str() == state).unwrap_or_default()
}
