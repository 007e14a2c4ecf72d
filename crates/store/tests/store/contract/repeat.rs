//! Sends that are repeated: stored once, answered alike.

use std::sync::Arc;

use mab_core::{
    Code, Failure,
    entity::{Appended, NewMessage, OfferRequest, Quotas},
    policy::Action,
};
use mab_store::{Store, TokenChange};
use tokio::task::JoinSet;

use crate::kit::{Kit, LIFE_S, Room, charge, code, operator, refused, request};

/// Sends `text` as `session` under `key`, with windows of their own for sends and for repeats.
async fn send(
    kit: &Kit,
    store: &dyn Store,
    room: &Room,
    (session, key, text): (&str, &str, &str),
) -> Result<Appended, Failure> {
    let stamp = kit.stamp(room, session, Action::Send).await;
    store.append(stamp, kit.keyed(room, session, key, text)).await
}

fn repeat_of(first: &Appended) -> Appended {
    Appended { repeated: true, ..first.clone() }
}

pub(crate) async fn repeat_gives_the_first_answer_and_changes_nothing(kit: &Kit) {
    let room = kit.room(4).await;
    kit.send(&room, "b", "before").await;
    let stamp = kit.stamp(&room, "a", Action::Send).await;
    let message =
        NewMessage { to: Some(crate::kit::sessions(&["d", "b"])), ..kit.keyed(&room, "a", "k", "hello") };
    let first = kit.store.append(stamp, message).await.unwrap();
    assert!(!first.repeated);
    kit.send(&room, "b", "after").await;
    let before = kit.state(&room).await;
    for _ in 0..3 {
        let again = send(kit, kit.store.as_ref(), &room, ("a", "k", "hello")).await.unwrap();
        assert_eq!(again, repeat_of(&first));
    }
    assert_eq!(kit.state(&room).await, before, "not even an entry");
    kit.clock.pass_s(60);
    let again = send(kit, kit.store.as_ref(), &room, ("a", "k", "hello")).await.unwrap();
    assert_eq!(again, repeat_of(&first), "told when it was stored, not when it was asked again");
}

pub(crate) async fn repeat_when_the_send_window_is_full_is_charged_as_a_read(kit: &Kit) {
    let room = kit.room(2).await;
    let send = async |key: &str| {
        let stamp = kit.charged(&room, "a", Action::Send, &[(1, 60)]).await;
        let mut message = kit.keyed(&room, "a", key, "hello");
        message.repeatable.as_mut().unwrap().charge = charge(mab_core::limit::Kind::Read, &[(2, 60)]);
        kit.store.append(stamp, message).await
    };
    let first = send("k").await.unwrap();
    assert_eq!(refused(send("other").await).message, "1 changes in any minute are allowed");
    assert_eq!(send("k").await.unwrap(), repeat_of(&first));
    assert_eq!(send("k").await.unwrap(), repeat_of(&first));
    let full = refused(send("k").await);
    assert_eq!((full.code, full.message.as_str()), (Code::RateLimited, "2 reads in any minute are allowed"));
    assert_eq!(kit.newest_entry(&room).await.entry.outcome, "rate_limited");
    assert_eq!(kit.number("SELECT count(*) FROM accepted WHERE kind = 0"), 1, "repeats spend no send");
    kit.clock.pass_s(60);
    assert_eq!(send("k").await.unwrap(), repeat_of(&first));
    assert_eq!(send("other").await.unwrap().id.seq, 2);
}

pub(crate) async fn repeat_when_a_new_message_would_be_refused_still_answers(kit: &Kit) {
    let room = kit.room(3).await;
    let first = send(kit, kit.store.as_ref(), &room, ("a", "k", "hello")).await.unwrap();
    let revoke = Some(TokenChange::Revoke("b".parse().unwrap()));
    kit.store.manage_tokens(operator(Action::ManageTokens), room.id, revoke).await.unwrap();
    let full = Quotas {
        unread_per_inbox: 1,
        messages_per_conversation: 1,
        bytes_per_conversation: 1,
        held_per_conversation: 1,
    };
    let again = async |key: &str| {
        let stamp = kit.stamp(&room, "a", Action::Send).await;
        let message = NewMessage { quotas: full, ..kit.keyed(&room, "a", key, "hello") };
        kit.store.append(stamp, message).await
    };
    assert_eq!(code(again("new").await), Code::QuotaExceeded);
    assert_eq!(again("k").await.unwrap(), repeat_of(&first), "b is still named");
}

pub(crate) async fn key_when_used_for_another_message_is_a_conflict_and_changes_nothing(kit: &Kit) {
    let room = kit.room(2).await;
    let send = async |text: &str| {
        let stamp = kit.charged(&room, "a", Action::Send, &[(2, 60)]).await;
        kit.store.append(stamp, kit.keyed(&room, "a", "k", text)).await
    };
    let first = send("hello").await.unwrap();
    let before = kit.state(&room).await;
    let conflict = refused(send("hello!").await);
    assert_eq!(
        (conflict.code, conflict.message.as_str()),
        (Code::Conflict, "the idempotency_key was used for another message")
    );
    assert!(conflict.hint.unwrap().contains("a new key for another message"));
    kit.assert_only_recorded(&room, before, Code::Conflict).await;
    assert_eq!(send("hello").await.unwrap(), repeat_of(&first), "the first one stays what it was");
    kit.send(&room, "a", "hello!").await;
}

pub(crate) async fn key_of_another_agent_or_conversation_is_another_key(kit: &Kit) {
    let (room, other) = (kit.room(2).await, kit.room(2).await);
    let store = kit.store.as_ref();
    let first = send(kit, store, &room, ("a", "k", "hello")).await.unwrap();
    let second = send(kit, store, &room, ("b", "k", "hello")).await.unwrap();
    let third = send(kit, store, &other, ("a", "k", "something else")).await.unwrap();
    assert_eq!(
        [&first, &second, &third].map(|sent| (sent.id.seq, sent.repeated)),
        [(1, false), (2, false), (1, false)]
    );
    assert_eq!(send(kit, store, &room, ("b", "k", "hello")).await.unwrap(), repeat_of(&second));
    assert_eq!(send(kit, store, &room, ("a", "k", "hello")).await.unwrap(), repeat_of(&first));
}

pub(crate) async fn key_of_a_refused_send_is_free(kit: &Kit) {
    let room = kit.room(2).await;
    let stamp = kit.stamp(&room, "a", Action::Send).await;
    let nobody = NewMessage { to: Some(crate::kit::sessions(&["z"])), ..kit.keyed(&room, "a", "k", "hello") };
    assert_eq!(code(kit.store.append(stamp, nobody).await), Code::UnknownRecipient);
    let sent = send(kit, kit.store.as_ref(), &room, ("a", "k", "corrected")).await.unwrap();
    assert_eq!((sent.id.seq, sent.repeated), (1, false));
}

pub(crate) async fn repeat_when_the_sender_may_no_longer_speak_is_refused(kit: &Kit) {
    let room = kit.room(3).await;
    let store = kit.store.as_ref();
    for session in ["a", "b"] {
        send(kit, store, &room, (session, "k", "hello")).await.unwrap();
    }
    let (rotated, late) =
        (kit.stamp(&room, "a", Action::Send).await, kit.stamp(&room, "b", Action::Send).await);
    let rotate = Some(TokenChange::Rotate("a".parse().unwrap()));
    store.manage_tokens(operator(Action::ManageTokens), room.id, rotate).await.unwrap();
    assert_eq!(code(store.append(rotated, kit.keyed(&room, "a", "k", "hello")).await), Code::TokenRotated);
    assert!(
        send(kit, store, &room, ("a", "k", "hello")).await.unwrap().repeated,
        "with its new token it may"
    );
    kit.clock.pass_s(LIFE_S);
    assert_eq!(code(store.append(late, kit.keyed(&room, "b", "k", "hello")).await), Code::Expired);
}

pub(crate) async fn repeat_is_known_after_reopening_and_to_every_store(kit: &Kit) {
    let room = kit.room(2).await;
    let second = kit.open_again();
    let first = send(kit, kit.store.as_ref(), &room, ("a", "k", "hello")).await.unwrap();
    for store in [second, kit.open_again()] {
        assert_eq!(send(kit, store.as_ref(), &room, ("a", "k", "hello")).await.unwrap(), repeat_of(&first));
        assert_eq!(code(send(kit, store.as_ref(), &room, ("a", "k", "bye")).await), Code::Conflict);
    }
    assert_eq!(kit.check(&room, "b", request()).await.messages.len(), 1);
}

pub(crate) async fn repeats_in_flight_at_once_are_stored_once(kit: &Kit) {
    let room = kit.room(2).await;
    let stores = [Arc::clone(&kit.store), kit.open_again()];
    let mut sends = JoinSet::new();
    for n in 0..64 {
        let store = Arc::clone(&stores[n % 2]);
        let stamp = kit.stamp(&room, "a", Action::Send).await;
        let message = kit.keyed(&room, "a", "k", "hello");
        sends.spawn(async move { store.append(stamp, message).await.unwrap() });
    }
    let mut answers = sends.join_all().await;
    answers.sort_by_key(|answer| answer.repeated);
    let first = answers.remove(0);
    assert!(!first.repeated && answers.iter().all(|answer| *answer == repeat_of(&first)));
    assert_eq!((kit.state(&room).await.messages, kit.unread(&room).await), (1, vec![0, 1]));
}

pub(crate) async fn repeat_when_its_message_was_read_is_not_delivered_again(kit: &Kit) {
    let room = kit.room(2).await;
    send(kit, kit.store.as_ref(), &room, ("a", "k", "hello")).await.unwrap();
    let batch = kit.check(&room, "b", request()).await.batch;
    kit.check(&room, "b", OfferRequest { ack: batch, ..request() }).await;
    assert!(send(kit, kit.store.as_ref(), &room, ("a", "k", "hello")).await.unwrap().repeated);
    assert!(kit.check(&room, "b", OfferRequest { holder: 2, ..request() }).await.messages.is_empty());
}

pub(crate) async fn repeat_when_its_message_is_gone_from_the_store_is_a_fault_not_a_second_message(
    kit: &Kit,
) {
    let room = kit.room(2).await;
    send(kit, kit.store.as_ref(), &room, ("a", "k", "hello")).await.unwrap();
    assert_eq!(kit.edit("DELETE FROM message"), 1);
    let again = send(kit, kit.store.as_ref(), &room, ("a", "k", "hello")).await;
    assert!(matches!(again, Err(Failure::Fault(_))), "{again:?}");
    assert_eq!(kit.state(&room).await.messages, 1);
}
