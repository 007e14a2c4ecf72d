//! Checkpoints: each chain that has grown is in exactly one, and what was written last is known after a crash.

use mab_core::{
    Code, Failure, Fault, Timestamp,
    anchor::{Leaf, Pending},
    policy::{Action, Stamp},
};
use mab_store::NewCheckpoint;

use crate::kit::{Kit, Room, code, operator, stranger};

/// Records a checkpoint whose text is its leaves.
async fn write(kit: &Kit, after: Option<&Pending>, stamp: Option<Stamp>) -> Result<Option<Pending>, Failure> {
    let write = Box::new(|leaves: &[Leaf], _: Timestamp| {
        Ok(leaves.iter().flat_map(|leaf| [leaf.to_string(), "\n".to_owned()]).collect())
    });
    let after = after.cloned();
    kit.store.checkpoint(NewCheckpoint { after, anew: false, stamp, write }).await
}

/// The head of a room's chain as a leaf.
async fn leaf(kit: &Kit, room: &Room) -> String {
    let newest = kit.newest_entry(room).await;
    let leaf =
        Leaf { conversation: newest.conversation, n: newest.entry.n, head: newest.hash.try_into().unwrap() };
    format!("{leaf}\n")
}

pub(crate) async fn checkpoint_covers_each_chain_that_has_grown_once(kit: &Kit) {
    assert_eq!(write(kit, None, None).await.unwrap(), None);
    assert!(!kit.store.has_grown().await.unwrap());
    let (quiet, busy) = (kit.room(2).await, kit.room(2).await);
    assert!(kit.store.has_grown().await.unwrap());
    let first = write(kit, None, None).await.unwrap().unwrap();
    assert_eq!(first, Pending { offset: 0, text: leaf(kit, &quiet).await + &leaf(kit, &busy).await });
    assert!(!kit.store.has_grown().await.unwrap());
    assert_eq!(write(kit, Some(&first), None).await.unwrap(), None);

    kit.send(&busy, "a", "x").await;
    let second = write(kit, Some(&first), None).await.unwrap().unwrap();
    let expected = Pending { offset: first.end(), text: leaf(kit, &busy).await };
    assert_eq!(second, expected);
    assert_eq!(kit.open_again().newest_checkpoint().await.unwrap(), Some(expected));
}

pub(crate) async fn checkpoint_after_another_than_the_newest_is_a_conflict(kit: &Kit) {
    let room = kit.room(2).await;
    let first = write(kit, None, None).await.unwrap().unwrap();
    kit.send(&room, "a", "x").await;
    assert_eq!(code(write(kit, None, None).await), Code::Conflict);
    let second = write(kit, Some(&first), None).await.unwrap().unwrap();
    kit.send(&room, "a", "x").await;
    assert_eq!(code(write(kit, Some(&first), None).await), Code::Conflict);
    assert_eq!(kit.store.newest_checkpoint().await.unwrap(), Some(second));
    assert!(kit.store.has_grown().await.unwrap());
}

pub(crate) async fn checkpoint_that_is_not_signed_changes_nothing(kit: &Kit) {
    kit.room(2).await;
    let write_fails = Box::new(|_: &[Leaf], _| Err(Fault::new("signing").into()));
    let stamp = Some(operator(Action::RotateKeys));
    let new = NewCheckpoint { after: None, anew: true, stamp, write: write_fails };
    assert!(matches!(kit.store.checkpoint(new).await, Err(Failure::Fault(_))));
    assert_eq!(kit.store.newest_checkpoint().await.unwrap(), None);
    assert!(kit.store.has_grown().await.unwrap());
    assert!(kit.audit(None, 9).await.iter().all(|row| row.entry.action != "rotate_keys"));
    kit.assert_sound().await;
}

pub(crate) async fn checkpoint_that_is_recorded_covers_its_own_entry(kit: &Kit) {
    let room = kit.room(2).await;
    let stamp = Some(operator(Action::RotateKeys));
    let written = write(kit, None, stamp).await.unwrap().unwrap();
    assert!(written.text.starts_with("bridge 1 "), "{}", written.text);
    assert!(written.text.ends_with(&leaf(kit, &room).await));
    assert!(!kit.store.has_grown().await.unwrap());
    let newest = kit.store.entries(None, None, 1).await.unwrap().remove(0).1;
    assert_eq!((newest.entry.action.as_str(), newest.conversation), ("rotate_keys", None));
}

pub(crate) async fn checkpoint_that_begins_anew_covers_every_chain_from_offset_zero(kit: &Kit) {
    let room = kit.room(2).await;
    write(kit, None, None).await.unwrap().unwrap();
    let text = Box::new(|leaves: &[Leaf], _: Timestamp| Ok(format!("{} leaves", leaves.len())));
    let stamp = Some(operator(Action::Checkpoint));
    let anew = NewCheckpoint { after: None, anew: true, stamp, write: text };
    let written = kit.store.checkpoint(anew).await.unwrap().unwrap();
    assert_eq!(written, Pending { offset: 0, text: "2 leaves".to_owned() });
    assert_eq!(kit.newest_entry(&room).await.entry.n, 1);
}

pub(crate) async fn chain_with_a_damaged_row_keeps_no_other_from_being_covered(kit: &Kit) {
    let (damaged, sound) = (kit.room(2).await, kit.room(2).await);
    let pk = kit.state(&damaged).await.pk;
    assert_eq!(kit.edit(&format!("UPDATE conversation SET audit_head = x'00' WHERE pk = {pk}")), 1);
    let written = write(kit, None, None).await.unwrap().unwrap();
    assert_eq!(written.text, leaf(kit, &sound).await);
    assert!(!kit.store.has_grown().await.unwrap());
}

pub(crate) async fn pages_of_entries_hold_each_once_and_oldest_first(kit: &Kit) {
    let (one, other) = (kit.room(2).await, kit.room(2).await);
    for room in [&one, &other, &one] {
        kit.send(room, "a", "x").await;
    }
    kit.store.refuse(stranger(None, Code::InvalidToken)).await.unwrap();
    let all = |conversation| async move {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = kit.store.entries(conversation, after, 2).await.unwrap();
            after = page.last().map(|(key, _)| *key);
            if after.is_none() {
                break found;
            }
            found.extend(page.into_iter().map(|(_, row)| (row.conversation, row.entry.n)));
        }
    };
    let of = |room: &Room, n: u64| (Some(room.id), n);
    let expected = [(None, 1), of(&one, 1), of(&one, 2), of(&one, 3), of(&other, 1), of(&other, 2)];
    assert_eq!(all(None).await, expected);
    assert_eq!(all(Some(one.id)).await, expected[1..4]);
    assert_eq!(all(Some(kit.new_room(1).0.id)).await, []);
}

pub(crate) async fn note_is_recorded_in_the_chain_it_concerns(kit: &Kit) {
    let room = kit.room(2).await;
    kit.store.note(operator(Action::Export), Some(room.id)).await.unwrap();
    assert_eq!(kit.newest_entry(&room).await.entry.action, "export");
    kit.store.note(operator(Action::Export), None).await.unwrap();
    let newest = kit.store.entries(None, None, 1).await.unwrap().remove(0).1;
    assert_eq!((newest.conversation, newest.entry.action.as_str()), (None, "export"));
    let unknown = kit.new_room(1).0.id;
    assert_eq!(code(kit.store.note(operator(Action::Export), Some(unknown)).await), Code::NotFound);
}
