//! After a purge, nothing of the conversation is in the file or its log: not even an old copy in a freed corner.

use std::{collections::HashSet, fs, path::Path};

use mab_core::{
    agent::Status,
    entity::{NewMessage, OfferRequest},
    policy::Action,
};

use super::SqliteEngine;
use crate::kit::{Kit, LIFE_S, Room, operator, request, run};

/// Bytes that are looked for together: far too many to meet by chance.
const PIECE: usize = 12;

/// Pieces of sealed values.
#[derive(Default)]
struct Pieces(HashSet<[u8; PIECE]>);

impl Pieces {
    fn add(&mut self, sealed: &[u8]) {
        self.0.extend(sealed.as_chunks::<PIECE>().0.iter().copied());
    }

    /// How many different pieces are in a folder's files.
    fn found_in(&self, folder: &Path) -> usize {
        let mut found = HashSet::new();
        for file in fs::read_dir(folder).unwrap() {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            found.extend(bytes.array_windows::<PIECE>().filter(|window| self.0.contains(*window)).copied());
        }
        found.len()
    }
}

/// One more thing said, of a size that makes cells, pages and overflow chains of all kinds, and some of it read.
async fn say(kit: &Kit, room: &Room, pieces: &mut Pieces) {
    let size = [20, 300, 1_500, 4_000, 9_000, 40_000][usize::try_from(kit.random.below(6)).unwrap()];
    let files = kit.seal(room, ("message", "files"), b"", "src/main.rs");
    let message = NewMessage { files: Some(files), ..kit.message(room, &"word ".repeat(size / 5)) };
    pieces.add(message.body.as_bytes());
    pieces.add(message.files.as_ref().unwrap().as_bytes());
    kit.store.append(kit.stamp(room, "a", Action::Send).await, message).await.unwrap();
    if kit.random.below(2) == 0 {
        let note = kit.seal(room, ("agent", "note"), b"b", &"n".repeat(size.min(500)));
        pieces.add(note.as_bytes());
        let stamp = kit.stamp(room, "b", Action::UpdateStatus).await;
        kit.store.set_status(stamp, Status::Working, Some(note)).await.unwrap();
    }
    if kit.random.below(3) == 0 {
        let offered = kit.check(room, "b", request()).await;
        let ack = OfferRequest { received: crate::kit::seqs(&offered.messages), ..request() };
        kit.check(room, "b", ack).await;
    }
}

#[test]
fn purged_conversations_leave_no_sealed_byte_and_no_key() {
    let engine = SqliteEngine::fresh();
    let folder = engine.path().parent().unwrap().to_path_buf();
    run(engine, async |kit: &Kit| {
        let (mut ending, mut staying) = (Pieces::default(), Pieces::default());
        let mut rooms = Vec::new();
        // Half of them end an hour before the other half: their rows lie between each other.
        for n in 0..40 {
            kit.clock.set_ms(if n % 2 == 0 { 0 } else { 1_800_000 });
            let room = kit.room(4).await;
            let pieces = if n % 2 == 0 { &mut ending } else { &mut staying };
            pieces.add(&room.wrapped);
            let state = kit.state(&room).await;
            pieces.add(&state.topic.unwrap());
            state.agents.iter().for_each(|agent| pieces.add(agent.role.as_ref().unwrap()));
            rooms.push(room);
        }
        for _ in 0..250 {
            let n = usize::try_from(kit.random.below(40)).unwrap();
            say(kit, &rooms[n], if n % 2 == 0 { &mut ending } else { &mut staying }).await;
        }
        assert!(ending.found_in(&folder) > ending.0.len() * 9 / 10, "the search finds what is there");
        kit.clock.set_ms(i64::try_from(LIFE_S * 1_000).unwrap());
        let purged = kit.store.purge(operator(Action::Cleanup)).await.unwrap();
        assert_eq!((purged.conversations, purged.log_emptied), (20, true));
        assert_eq!(ending.found_in(&folder), 0, "pieces of purged values are still in the file or its log");
        assert!(staying.found_in(&folder) > staying.0.len() / 2, "the others' are there");
    });
}
