//! What is remembered of secrets: with the change that taught it, bounded, and gone with the conversation.

use mab_core::{
    Code,
    agent::Status,
    entity::NewMessage,
    known::{Digest, KNOWN_MAX, Learned},
    policy::Action,
};

use crate::kit::{Kit, LIFE_S, Room, code, operator, refused, sessions};

fn digest(n: u64) -> Digest {
    let length = u32::try_from(n % 100 + 8).unwrap();
    Digest { ends: u128::from(n).to_be_bytes(), mac: [7; 16], length, rule: "password".into() }
}

/// What a change teaches that knew of `seen_n` and found these.
fn learned(seen_n: u64, new: impl IntoIterator<Item = u64>) -> Learned {
    Learned { seen_n, new: new.into_iter().map(digest).collect() }
}

async fn teach(kit: &Kit, room: &Room, learned: Learned) {
    let stamp = kit.stamp(room, "a", Action::Send).await.learning(learned);
    kit.store.append(stamp, kit.message(room, "hello")).await.unwrap();
}

async fn known(kit: &Kit, room: &Room, after_n: u64) -> (u64, Vec<Digest>) {
    kit.open_again().known(kit.state(room).await.pk, after_n).await.unwrap()
}

pub(crate) async fn what_texts_taught_is_known_in_every_store_and_to_its_conversation_only(kit: &Kit) {
    let (room, other) = (kit.room(2).await, kit.room(2).await);
    teach(kit, &room, learned(0, [1, 2])).await;
    let stamp = kit.stamp(&room, "b", Action::UpdateStatus).await.learning(learned(2, [3]));
    kit.store.set_status(stamp, Status::Working, None).await.unwrap();
    assert_eq!(known(kit, &room, 0).await, (3, vec![digest(1), digest(2), digest(3)]));
    assert_eq!(known(kit, &room, 2).await, (3, vec![digest(3)]));
    assert_eq!(known(kit, &other, 0).await, (0, vec![]));
}

pub(crate) async fn text_redacted_on_outdated_knowledge_is_not_stored_and_leaves_no_trace(kit: &Kit) {
    let room = kit.room(2).await;
    teach(kit, &room, learned(0, [1])).await;
    let before = kit.state(&room).await;
    let stamp = kit.stamp(&room, "b", Action::Send).await.learning(learned(0, [2]));
    assert_eq!(code(kit.store.append(stamp, kit.message(&room, "hello")).await), Code::Busy);
    let stamp = kit.stamp(&room, "b", Action::UpdateStatus).await.learning(learned(0, []));
    assert_eq!(refused(kit.store.set_status(stamp, Status::Working, None).await).code, Code::Busy);
    assert_eq!(kit.state(&room).await, before);
    let stamp = kit.stamp(&room, "b", Action::Send).await.learning(learned(1, [2]));
    kit.store.append(stamp, kit.message(&room, "hello")).await.unwrap();
    assert_eq!(known(kit, &room, 0).await, (2, vec![digest(1), digest(2)]));
}

pub(crate) async fn text_that_is_refused_teaches_nothing(kit: &Kit) {
    let room = kit.room(2).await;
    let stamp = kit.stamp(&room, "a", Action::Send).await.learning(learned(0, [1]));
    let nobody = NewMessage { to: Some(sessions(&["z"])), ..kit.message(&room, "hello") };
    assert_eq!(code(kit.store.append(stamp, nobody).await), Code::UnknownRecipient);
    assert_eq!(known(kit, &room, 0).await, (0, vec![]));
    teach(kit, &room, learned(0, [1])).await;
}

pub(crate) async fn oldest_digests_beyond_what_is_kept_are_forgotten(kit: &Kit) {
    let room = kit.room(2).await;
    let kept = KNOWN_MAX as u64;
    teach(kit, &room, learned(0, 1..=kept)).await;
    teach(kit, &room, learned(kept, [0, 0])).await;
    let (newest_n, digests) = known(kit, &room, 0).await;
    let expected: Vec<_> = (3..=kept).chain([0, 0]).map(digest).collect();
    assert_eq!((newest_n, digests), (kept + 2, expected));
}

pub(crate) async fn purged_conversation_knows_nothing(kit: &Kit) {
    let room = kit.room(2).await;
    teach(kit, &room, learned(0, [1, 2])).await;
    kit.clock.pass_s(LIFE_S);
    kit.store.purge(operator(Action::Cleanup)).await.unwrap();
    assert_eq!(kit.number("SELECT count(*) FROM known"), 0);
}

pub(crate) async fn number_of_redactions_is_told_with_the_message(kit: &Kit) {
    let room = kit.room(2).await;
    let stamp = kit.stamp(&room, "a", Action::Send).await;
    let message = NewMessage { redactions: 3, ..kit.message(&room, "hello") };
    kit.store.append(stamp, message).await.unwrap();
    kit.send(&room, "a", "plain").await;
    let page = kit.store.history(kit.state(&room).await.pk, None, None, 9).await.unwrap();
    assert_eq!(page.messages.iter().map(|message| message.redactions).collect::<Vec<_>>(), [0, 3]);
    let offered = kit.check(&room, "b", crate::kit::request()).await;
    assert_eq!(offered.messages.iter().map(|message| message.redactions).collect::<Vec<_>>(), [3, 0]);
}
