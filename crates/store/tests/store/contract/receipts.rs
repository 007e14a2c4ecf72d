//! Receipts: how far each message got with each recipient.

use mab_core::{
    Code,
    agent::DeliveryState::{self, Acknowledged, Offered, Stored, Undeliverable},
    entity::OfferRequest,
    policy::Action,
};
use mab_store::{Store, TokenChange};

use crate::kit::{Kit, LEASE_S, LIFE_S, Room, code, operator, request, seqs};

/// Number and states of the newest messages of a sender, or of everyone.
async fn receipts_in(kit: &Kit, store: &dyn Store, room: &Room, sender: Option<u8>) -> Vec<(u64, String)> {
    let pk = kit.state(room).await.pk;
    let receipts = store.receipts(pk, sender, None, 10).await.unwrap();
    let states = |to: &[(mab_core::SessionId, DeliveryState)]| {
        to.iter()
            .map(|(session, state)| format!("{session} {}", state.as_str()))
            .collect::<Vec<_>>()
            .join(", ")
    };
    receipts.iter().map(|receipt| (receipt.id.seq, states(&receipt.to))).collect()
}

async fn receipts(kit: &Kit, room: &Room, sender: Option<u8>) -> Vec<(u64, String)> {
    receipts_in(kit, kit.store.as_ref(), room, sender).await
}

/// The state of the message with each number, from 1, with its only recipient.
async fn states(kit: &Kit, room: &Room) -> Vec<DeliveryState> {
    let pk = kit.state(room).await.pk;
    let mut receipts = kit.store.receipts(pk, Some(0), None, 100).await.unwrap();
    receipts.reverse();
    receipts.iter().map(|receipt| receipt.to[0].1).collect()
}

async fn revoke(kit: &Kit, room: &Room, session: &str) {
    let change = Some(TokenChange::Revoke(session.parse().unwrap()));
    kit.store.manage_tokens(operator(Action::ManageTokens), room.id, change).await.unwrap();
}

pub(crate) async fn message_is_stored_then_offered_then_acknowledged(kit: &Kit) {
    let room = kit.room(2).await;
    kit.send(&room, "a", "hello").await;
    assert_eq!(states(kit, &room).await, [Stored]);
    kit.check(&room, "b", OfferRequest { peek: true, ..request() }).await;
    assert_eq!(states(kit, &room).await, [Stored], "shown is not handed out");
    let lost = kit.check(&room, "b", request()).await.batch;
    assert_eq!(states(kit, &room).await, [Offered]);
    kit.clock.pass_s(LEASE_S);
    let batch = kit.check(&room, "b", OfferRequest { tag: 8, ..request() }).await.batch;
    assert_eq!(states(kit, &room).await, [Offered], "handed out again");
    let stale = kit.try_check(&room, "b", OfferRequest { ack: lost, ..request() }).await;
    assert_eq!(code(stale), Code::UnknownBatch);
    assert_eq!(states(kit, &room).await, [Offered]);
    kit.check(&room, "b", OfferRequest { ack: batch, ..request() }).await;
    assert_eq!(states(kit, &room).await, [Acknowledged]);
}

pub(crate) async fn receipts_name_the_recipients_and_nobody_else(kit: &Kit) {
    let room = kit.room(4).await;
    kit.send(&room, "a", "to all").await;
    kit.send_to(&room, "b", "to two", &["d", "a"]).await;
    kit.send_to(&room, "a", "to one", &["c"]).await;
    let batch = kit.check(&room, "c", request()).await.batch;
    kit.check(&room, "c", OfferRequest { ack: batch, ..request() }).await;
    kit.check(&room, "d", request()).await;
    let (first, second, third) = (
        (1, "b stored, c acknowledged, d offered".to_owned()),
        (2, "a stored, d offered".to_owned()),
        (3, "c acknowledged".to_owned()),
    );
    assert_eq!(receipts(kit, &room, Some(0)).await, [third.clone(), first.clone()]);
    assert_eq!(receipts(kit, &room, Some(1)).await, std::slice::from_ref(&second));
    assert_eq!(receipts(kit, &room, Some(2)).await, []);
    assert_eq!(receipts(kit, &room, None).await, [third, second, first]);
    assert_eq!(receipts(kit, &kit.room(2).await, None).await, [], "another conversation");
}

pub(crate) async fn receipts_are_the_newest_below_a_number(kit: &Kit) {
    let room = kit.room(2).await;
    for n in 0..6 {
        kit.send(&room, ["a", "b"][n % 2], "x").await;
    }
    let pk = kit.state(&room).await.pk;
    let numbers = async |sender, before, limit| -> Vec<_> {
        let receipts = kit.store.receipts(pk, sender, before, limit).await.unwrap();
        receipts.iter().map(|receipt| receipt.id.seq).collect()
    };
    assert_eq!(numbers(None, None, 4).await, [6, 5, 4, 3]);
    assert_eq!(numbers(None, Some(5), 2).await, [4, 3]);
    assert_eq!(numbers(Some(0), None, 2).await, [5, 3]);
    assert_eq!(numbers(Some(0), Some(5), 9).await, [3, 1]);
    for (sender, before, limit) in [(Some(0), Some(1), 9), (Some(0), None, 0), (None, None, 0)] {
        assert_eq!(numbers(sender, before, limit).await, [0_u64; 0]);
    }
}

pub(crate) async fn receipts_of_a_sender_are_sought_in_a_bounded_stretch(kit: &Kit) {
    let room = kit.room(2).await;
    kit.send(&room, "a", "long ago").await;
    for _ in 0..499 {
        kit.send(&room, "b", "x").await;
    }
    assert_eq!(receipts(kit, &room, Some(0)).await.len(), 1);
    kit.send(&room, "b", "x").await;
    assert_eq!(receipts(kit, &room, Some(0)).await, [], "the 501st newest is not looked at");
}

pub(crate) async fn later_batch_when_acknowledged_first_leaves_the_earlier_one_offered(kit: &Kit) {
    let room = kit.room(2).await;
    kit.send(&room, "a", "one").await;
    kit.send(&room, "a", "two").await;
    let one = kit.check(&room, "b", OfferRequest { limit: 1, tag: 1, ..request() }).await;
    let two = kit.check(&room, "b", OfferRequest { limit: 1, tag: 2, ..request() }).await;
    assert_eq!((seqs(&one.messages), seqs(&two.messages)), (vec![1], vec![2]));
    kit.check(&room, "b", OfferRequest { ack: two.batch, ..request() }).await;
    assert_eq!(states(kit, &room).await, [Offered, Acknowledged]);
    revoke(kit, &room, "b").await;
    assert_eq!(states(kit, &room).await, [Offered, Acknowledged], "removed without having read it");
}

pub(crate) async fn message_to_a_removed_agent_is_never_said_to_be_acknowledged(kit: &Kit) {
    let room = kit.room(3).await;
    kit.send(&room, "a", "read").await;
    let batch = kit.check(&room, "b", request()).await.batch;
    kit.check(&room, "b", OfferRequest { ack: batch, ..request() }).await;
    kit.send(&room, "a", "handed out").await;
    kit.check(&room, "b", request()).await;
    kit.send(&room, "a", "never seen").await;
    assert_eq!(states(kit, &room).await, [Acknowledged, Offered, Stored]);
    revoke(kit, &room, "b").await;
    assert_eq!(states(kit, &room).await, [Acknowledged, Offered, Undeliverable]);
    revoke(kit, &room, "b").await;
    assert_eq!(states(kit, &room).await, [Acknowledged, Offered, Undeliverable], "twice is once");
    assert_eq!(receipts(kit, &room, Some(0)).await[0].1, "b undeliverable, c stored", "c is not concerned");
    // As revocations used to leave it, when they emptied the inbox.
    kit.edit("DELETE FROM inbox WHERE agent IN (SELECT pk FROM agent WHERE session = 'b')");
    assert_eq!(states(kit, &room).await, [Acknowledged, Undeliverable, Undeliverable]);
}

pub(crate) async fn receipts_hold_across_reopening_and_end_with_the_conversation(kit: &Kit) {
    let room = kit.room(2).await;
    kit.send(&room, "a", "one").await;
    kit.check(&room, "b", request()).await;
    kit.send(&room, "a", "two").await;
    let before = receipts(kit, &room, Some(0)).await;
    assert_eq!(before, [(2, "b stored".to_owned()), (1, "b offered".to_owned())]);
    assert_eq!(receipts_in(kit, kit.open_again().as_ref(), &room, Some(0)).await, before);
    kit.clock.pass_s(LIFE_S);
    kit.store.purge(operator(Action::Cleanup)).await.unwrap();
    assert_eq!(receipts(kit, &room, None).await, []);
}

pub(crate) async fn receipt_of_a_damaged_message_is_passed_over(kit: &Kit) {
    let room = kit.room(2).await;
    for _ in 0..3 {
        kit.send(&room, "a", "x").await;
    }
    assert_eq!(kit.edit("UPDATE message SET audience = -1 WHERE (key & 4294967295) = 2"), 1);
    let numbers: Vec<u64> = receipts(kit, &room, None).await.into_iter().map(|(seq, _)| seq).collect();
    assert_eq!(numbers, [3, 1]);
}
