//! Storing messages.

use std::sync::Arc;

use mab_core::{
    Code,
    agent::ActionType,
    entity::{NewMessage, Quotas},
    policy::Action,
};
use tokio::task::JoinSet;

use crate::kit::{Kit, Room, code, nowhere, operator, refused, request, seqs, sessions};

const ROOMY: Quotas = Quotas {
    unread_per_inbox: 1_000_000,
    messages_per_conversation: 1_000_000,
    bytes_per_conversation: 1 << 32,
    held_per_conversation: 1_000,
};

pub(crate) async fn message_without_to_reaches_everyone_else_in_join_order(kit: &Kit) {
    let room = kit.room(4).await;
    let sent = kit.send(&room, "c", "hello").await;
    assert_eq!((sent.id.seq, sent.recipients), (1, sessions(&["a", "b", "d"])));
    assert_eq!(sent.at, mab_core::Clock::now(kit.clock.as_ref()));
    assert_eq!(kit.unread(&room).await, [1, 1, 0, 1]);
    let entry = kit.newest_entry(&room).await.entry;
    assert_eq!((entry.actor.as_str(), entry.action.as_str(), entry.outcome.as_str()), ("c", "send", "ok"));
    assert!(entry.detail.contains(&sent.id.to_string()) && entry.detail.contains(r#""to":["a","b","d"]"#));
}

pub(crate) async fn message_with_to_reaches_those_in_join_order(kit: &Kit) {
    let room = kit.room(4).await;
    let sent = kit.send_to(&room, "b", "psst", &["d", "a", "d"]).await;
    assert_eq!(sent.recipients, sessions(&["a", "d"]), "in join order, each once");
    assert_eq!(kit.unread(&room).await, [1, 0, 0, 1]);
}

pub(crate) async fn message_to_a_stranger_or_to_nobody_is_refused(kit: &Kit) {
    let room = kit.room(3).await;
    for to in [&["b", "nobody"][..], &["a"], &[]] {
        let before = kit.state(&room).await;
        let stamp = kit.stamp(&room, "a", Action::Send).await;
        let refused = kit.store.append(stamp, kit.message_to(&room, "x", to)).await;
        assert_eq!(code(refused), Code::UnknownRecipient, "{to:?}");
        kit.assert_only_recorded(&room, before, Code::UnknownRecipient).await;
    }
    let alone = kit.room(1).await;
    let stamp = kit.stamp(&alone, "a", Action::Send).await;
    assert_eq!(code(kit.store.append(stamp, kit.message(&alone, "x")).await), Code::UnknownRecipient);
}

pub(crate) async fn message_to_one_who_was_removed_is_refused_and_says_so(kit: &Kit) {
    let room = kit.room(3).await;
    let remove = async |session: &str| {
        let change = mab_store::TokenChange::Revoke(session.parse().unwrap());
        kit.store.manage_tokens(operator(Action::ManageTokens), room.id, Some(change)).await.unwrap();
    };
    let send = async |to: Option<&[&str]>| {
        let message = match to {
            Some(to) => kit.message_to(&room, "x", to),
            None => kit.message(&room, "x"),
        };
        kit.store.append(kit.stamp(&room, "a", Action::Send).await, message).await
    };
    remove("b").await;
    let before = kit.state(&room).await;
    let denied = refused(send(Some(&["b", "c"])).await);
    assert_eq!(
        (denied.code, denied.message.as_str()),
        (Code::UnknownRecipient, "b was removed from the conversation")
    );
    kit.assert_only_recorded(&room, before, Code::UnknownRecipient).await;
    assert_eq!(send(None).await.unwrap().recipients, sessions(&["c"]));
    remove("c").await;
    let denied = refused(send(None).await);
    assert_eq!(denied.code, Code::UnknownRecipient);
    assert_eq!(denied.message, "there is nobody to send to: everybody else was removed");
}

async fn reply(
    kit: &Kit,
    room: &Room,
    session: &str,
    to: mab_core::MessageId,
) -> Result<mab_core::entity::Appended, mab_core::Failure> {
    let stamp = kit.stamp(room, session, Action::Send).await;
    kit.store.append(stamp, NewMessage { reply_to: Some(to), ..kit.message(room, "re") }).await
}

pub(crate) async fn reply_to_what_one_sent_or_received_is_kept(kit: &Kit) {
    let room = kit.room(3).await;
    let private = kit.send_to(&room, "a", "psst", &["b"]).await.id;
    reply(kit, &room, "b", private).await.unwrap();
    reply(kit, &room, "a", private).await.unwrap();
    let seen = kit.check(&room, "c", request()).await.messages;
    assert_eq!(seen.iter().map(|message| message.reply_to).collect::<Vec<_>>(), [Some(private); 2]);
}

pub(crate) async fn reply_to_what_one_cannot_see_is_refused(kit: &Kit) {
    let room = kit.room(3).await;
    let private = kit.send_to(&room, "a", "psst", &["b"]).await.id;
    let other_room = kit.room(3).await;
    let elsewhere = kit.send(&other_room, "a", "elsewhere").await.id;
    let (unsent, far) = (nowhere(2), nowhere(1 << 40));
    let wrong_tag = nowhere(private.seq);
    for (session, to) in [("c", private), ("b", elsewhere), ("b", unsent), ("b", far), ("b", wrong_tag)] {
        let before = kit.state(&room).await;
        assert_eq!(code(reply(kit, &room, session, to).await), Code::UnknownMessage, "{to}");
        kit.assert_only_recorded(&room, before, Code::UnknownMessage).await;
    }
}

pub(crate) async fn numbers_are_gapless_per_conversation_also_after_refusals(kit: &Kit) {
    let (first, second) = (kit.room(2).await, kit.room(2).await);
    for n in 1..=5 {
        assert_eq!(kit.send(&first, "a", "x").await.id.seq, n);
        let stamp = kit.stamp(&first, "a", Action::Send).await;
        assert_eq!(
            code(kit.store.append(stamp, kit.message_to(&first, "x", &["z"])).await),
            Code::UnknownRecipient
        );
        assert_eq!(kit.send(&second, "b", "y").await.id.seq, n);
    }
    assert_eq!(kit.state(&first).await.messages, 5);
}

pub(crate) async fn order_is_that_of_numbers_when_the_clock_steps_back(kit: &Kit) {
    let room = kit.room(2).await;
    kit.send(&room, "a", "first").await;
    kit.clock.move_ms(-30_000);
    kit.send(&room, "a", "second").await;
    let seen = kit.check(&room, "b", request()).await.messages;
    assert_eq!(room.texts(&seen), ["first", "second"]);
    assert!(seen[1].at < seen[0].at, "what the clock said is kept as it was");
}

pub(crate) async fn inbox_when_full_refuses_and_changes_nothing(kit: &Kit) {
    let room = kit.room(3).await;
    let quotas = Quotas { unread_per_inbox: 2, ..ROOMY };
    let send = async |to: &[&str]| {
        let stamp = kit.stamp(&room, "a", Action::Send).await;
        kit.store.append(stamp, NewMessage { quotas, ..kit.message_to(&room, "x", to) }).await
    };
    send(&["b", "c"]).await.unwrap();
    send(&["b"]).await.unwrap();
    let before = kit.state(&room).await;
    let full = refused(send(&["b", "c"]).await);
    assert_eq!(full.code, Code::QuotaExceeded);
    assert!(full.message.contains("inbox of b"), "{}", full.message);
    kit.assert_only_recorded(&room, before, Code::QuotaExceeded).await;
    send(&["c"]).await.unwrap();
    let batch = kit.check(&room, "b", request()).await.batch;
    assert_eq!(code(send(&["b"]).await), Code::QuotaExceeded, "offered is not yet read");
    kit.check(&room, "b", mab_core::entity::OfferRequest { ack: batch, ..request() }).await;
    send(&["b"]).await.unwrap();
}

pub(crate) async fn conversation_when_its_bytes_are_full_refuses_and_changes_nothing(kit: &Kit) {
    let room = kit.room(2).await;
    let message = || NewMessage {
        files: Some(kit.seal(&room, ("message", "files"), b"", "src/lib.rs")),
        ..kit.message(&room, "four hundred bytes, more or less")
    };
    let size = |message: &NewMessage| {
        (message.body.as_bytes().len() + message.files.as_ref().map_or(0, |files| files.as_bytes().len()))
            as u64
    };
    let one = size(&message());
    let send = async |bytes_per_conversation| {
        let stamp = kit.stamp(&room, "a", Action::Send).await;
        let quotas = Quotas { bytes_per_conversation, ..ROOMY };
        kit.store.append(stamp, NewMessage { quotas, ..message() }).await
    };
    send(one).await.unwrap();
    let before = kit.state(&room).await;
    assert_eq!(before.size_bytes, one);
    assert_eq!(code(send(2 * one - 1).await), Code::QuotaExceeded);
    kit.assert_only_recorded(&room, before, Code::QuotaExceeded).await;
    assert_eq!(send(2 * one).await.unwrap().id.seq, 2);
    kit.check(&room, "b", request()).await;
    assert_eq!(code(send(2 * one).await), Code::QuotaExceeded, "reading frees nothing: history stays");
}

pub(crate) async fn concurrent_sends_are_all_stored_once(kit: &Kit) {
    let room = kit.room(2).await;
    let mut sends = JoinSet::new();
    for n in 0..64 {
        let (store, session) = (Arc::clone(&kit.store), if n % 2 == 0 { "a" } else { "b" });
        let stamp = kit.stamp(&room, session, Action::Send).await;
        let message = kit.message(&room, &format!("message {n}"));
        sends.spawn(async move { store.append(stamp, message).await.unwrap().id.seq });
    }
    let mut numbers = sends.join_all().await;
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=64).collect::<Vec<_>>());
    assert_eq!(kit.unread(&room).await, [32, 32]);
    let page = kit.store.history(kit.state(&room).await.pk, None, None, 100).await.unwrap();
    let mut texts = room.texts(&page.messages);
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), 64);
}

pub(crate) async fn message_when_stored_is_there_after_reopening(kit: &Kit) {
    let room = kit.room(2).await;
    let stamp = kit.stamp(&room, "a", Action::Send).await;
    let files = kit.seal(&room, ("message", "files"), b"", "src/lib.rs");
    let file_bytes = files.as_bytes().to_vec();
    let message = NewMessage {
        files: Some(files),
        action_type: ActionType::Proposal,
        ..kit.message(&room, "wörld 😀")
    };
    let sent = kit.store.append(stamp, message).await.unwrap();
    let store = kit.open_again();
    let offered = store.offer(kit.stamp(&room, "b", Action::Check).await, request()).await.unwrap();
    assert_eq!(seqs(&offered.messages), [1]);
    let message = &offered.messages[0];
    assert_eq!((message.id, message.at, message.sender.as_str()), (sent.id, sent.at, "a"));
    assert_eq!((message.action_type, &message.files), (ActionType::Proposal, &Some(file_bytes)));
    assert_eq!(room.text(message), "wörld 😀");
    assert_eq!(message.sender_role, kit.state(&room).await.agents[0].role);
}
