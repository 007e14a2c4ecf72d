//! The inbox: at least once, until acknowledged, and never again after.

use mab_core::{BatchId, Code, entity::OfferRequest, policy::Action};

use crate::kit::{Kit, LEASE_S, code, request, seqs};

/// A check that acknowledges.
fn ack(batch: Option<BatchId>) -> OfferRequest {
    OfferRequest { ack: Some(batch.unwrap()), tag: 99, ..request() }
}

/// A check by another connection of the same agent.
fn elsewhere() -> OfferRequest {
    OfferRequest { holder: 2, tag: 8, ..request() }
}

/// Rows of every inbox that are, or ever were, handed out.
fn handed_out(kit: &Kit) -> i64 {
    kit.number("SELECT count(*) FROM inbox WHERE offers + holder + batch + leased_until <> 0")
}

pub(crate) async fn messages_come_oldest_first_and_whole(kit: &Kit) {
    let room = kit.room(3).await;
    for (sender, text) in [("a", "one"), ("c", "two"), ("b", "mine"), ("a", "three")] {
        kit.send(&room, sender, text).await;
    }
    let offered = kit.check(&room, "b", request()).await;
    assert_eq!(offered.batch, Some(BatchId { first: 1, last: 4, tag: 7 }));
    assert_eq!(room.texts(&offered.messages), ["one", "two", "three"]);
    let senders: Vec<_> = offered.messages.iter().map(|m| (m.sender.as_str(), m.sender_ordinal)).collect();
    assert_eq!(senders, [("a", 0), ("c", 2), ("a", 0)]);
    assert!(!offered.more && offered.damaged.is_empty());
    assert!(offered.messages.iter().all(|message| !message.redelivered));
    assert_eq!(
        kit.newest_entry(&room).await.entry.detail,
        r#"{"acknowledged":0,"first":1,"last":4,"offered":3}"#
    );
}

pub(crate) async fn limit_and_more_page_through_the_inbox(kit: &Kit) {
    let room = kit.room(2).await;
    for n in 1..=7 {
        kit.send(&room, "a", &format!("{n}")).await;
    }
    let (mut seen, mut batch, mut pages) = (Vec::new(), None, Vec::new());
    loop {
        let offered = kit.check(&room, "b", OfferRequest { ack: batch, limit: 3, ..request() }).await;
        seen.extend(seqs(&offered.messages));
        pages.push((offered.messages.len(), offered.more));
        batch = offered.batch;
        if !offered.more {
            break;
        }
    }
    assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(pages, [(3, true), (3, true), (1, false)]);
    assert_eq!(kit.unread(&room).await, [0, 1]);
    let exact = kit.check(&room, "b", OfferRequest { limit: 1, ..elsewhere() }).await;
    assert_eq!((exact.messages.len(), exact.more), (1, false), "a page that is just full has no more");
    let all = OfferRequest { limit: u32::MAX, max_bytes: u64::MAX, peek: true, ..elsewhere() };
    assert_eq!(kit.check(&room, "a", all).await.messages.len(), 0, "no limit is too large");
}

pub(crate) async fn max_bytes_ends_a_page_but_the_first_always_fits(kit: &Kit) {
    let room = kit.room(2).await;
    for text in ["x".repeat(5_000), "short".into(), "short".into(), "y".repeat(5_000)] {
        kit.send(&room, "a", &text).await;
    }
    let pages = async |max_bytes| {
        let (mut pages, mut batch) = (Vec::new(), None);
        loop {
            let ask = OfferRequest { ack: batch, max_bytes, peek: false, ..request() };
            let offered = kit.check(&room, "b", OfferRequest { lease_s: 0, ..ask }).await;
            pages.push((seqs(&offered.messages), offered.more));
            if !offered.more {
                return pages;
            }
            batch = offered.batch;
        }
    };
    let peek = kit.check(&room, "b", OfferRequest { max_bytes: 0, peek: true, ..request() }).await;
    assert_eq!((seqs(&peek.messages), peek.more), (vec![1], true));
    assert_eq!(pages(1_000).await, [(vec![1], true), (vec![2, 3], true), (vec![4], false)]);
}

pub(crate) async fn batch_when_acknowledged_never_comes_again(kit: &Kit) {
    let room = kit.room(3).await;
    kit.send(&room, "a", "one").await;
    kit.send(&room, "a", "two").await;
    let first = kit.check(&room, "b", request()).await.batch;
    kit.send(&room, "a", "three").await;
    assert_eq!(kit.unread(&room).await, [0, 3, 3]);
    let next = kit.check(&room, "b", ack(first)).await;
    assert_eq!(seqs(&next.messages), [3]);
    assert_eq!(kit.unread(&room).await, [0, 1, 3]);
    let state = kit.state(&room).await;
    assert_eq!(
        (state.agents[1].last_acknowledged_seq, state.agents[2].last_acknowledged_seq),
        (Some(2), None)
    );
    assert_eq!(
        kit.newest_entry(&room).await.entry.detail,
        r#"{"acknowledged":2,"first":3,"last":3,"offered":1}"#
    );
    kit.check(&room, "b", ack(next.batch)).await;
    kit.clock.pass_s(10 * LEASE_S);
    assert!(kit.check(&room, "b", elsewhere()).await.messages.is_empty());
    assert_eq!(kit.unread(&room).await, [0, 0, 3]);
    assert_eq!(kit.state(&room).await.messages, 3, "nothing is deleted by reading");
}

pub(crate) async fn batch_that_is_not_outstanding_is_refused_and_changes_nothing(kit: &Kit) {
    let room = kit.room(2).await;
    kit.send(&room, "a", "one").await;
    let batch = kit.check(&room, "b", request()).await.batch.unwrap();
    kit.send(&room, "a", "two").await;
    let unknown = [
        BatchId { tag: 6, ..batch },
        BatchId { first: 2, last: 2, ..batch },
        BatchId { first: 5, last: i64::MAX as u64, ..batch },
    ];
    for wrong in unknown {
        let before = kit.state(&room).await;
        let answer = kit.try_check(&room, "b", ack(Some(wrong))).await;
        assert_eq!(code(answer), Code::UnknownBatch, "{wrong}");
        kit.assert_only_recorded(&room, before, Code::UnknownBatch).await;
    }
    assert_eq!(handed_out(kit), 1, "the refused calls handed nothing out");
    kit.check(&room, "b", ack(Some(batch))).await;
    assert_eq!(code(kit.try_check(&room, "b", ack(Some(batch))).await), Code::UnknownBatch, "once is enough");
}

pub(crate) async fn received_messages_are_acknowledged_in_whatever_batch_they_are(kit: &Kit) {
    let room = kit.room(2).await;
    for text in ["one", "two", "three", "four"] {
        kit.send(&room, "a", text).await;
    }
    kit.check(&room, "b", OfferRequest { limit: 3, ..request() }).await;
    // Somebody else took the batch over; the first connection's client has read it all the same.
    kit.check(&room, "b", OfferRequest { limit: 2, ..elsewhere() }).await;
    let said = OfferRequest { received: vec![1, 3, 4, 9], peek: true, ..request() };
    let left = kit.check(&room, "b", said).await;
    assert_eq!(seqs(&left.messages), [2, 4], "what was never handed out cannot have been received");
    assert_eq!(kit.unread(&room).await, [0, 2]);
    assert_eq!(kit.state(&room).await.agents[1].last_acknowledged_seq, Some(3));
}

pub(crate) async fn batch_that_another_live_connection_holds_is_left_to_it(kit: &Kit) {
    let room = kit.room(2).await;
    kit.send(&room, "a", "one").await;
    kit.check(&room, "b", request()).await;
    let beside = || OfferRequest { takes_over: false, ..elsewhere() };
    assert!(kit.check(&room, "b", beside()).await.messages.is_empty());
    kit.send(&room, "a", "two").await;
    assert_eq!(seqs(&kit.check(&room, "b", beside()).await.messages), [2]);
    kit.clock.pass_s(LEASE_S);
    let late = kit.check(&room, "b", beside()).await;
    assert_eq!(
        late.messages.iter().map(|m| (m.id.seq, m.redelivered)).collect::<Vec<_>>(),
        [(1, true), (2, true)]
    );
}

pub(crate) async fn batch_of_another_agent_is_refused(kit: &Kit) {
    let room = kit.room(3).await;
    kit.send(&room, "a", "one").await;
    let of_b = kit.check(&room, "b", OfferRequest { tag: 11, ..request() }).await.batch;
    kit.check(&room, "c", OfferRequest { tag: 12, ..request() }).await;
    assert_eq!(code(kit.try_check(&room, "c", ack(of_b)).await), Code::UnknownBatch);
    assert_eq!(kit.unread(&room).await, [0, 1, 1]);
    kit.check(&room, "b", ack(of_b)).await;
    assert_eq!(kit.unread(&room).await, [0, 0, 1]);
}

pub(crate) async fn batch_with_a_stretched_end_acknowledges_no_more_than_was_offered(kit: &Kit) {
    let room = kit.room(2).await;
    for text in ["one", "two", "three"] {
        kit.send(&room, "a", text).await;
    }
    let batch = kit.check(&room, "b", OfferRequest { limit: 2, ..request() }).await.batch.unwrap();
    let stretched = BatchId { first: 1, last: 1_000_000, ..batch };
    let next = kit.check(&room, "b", OfferRequest { peek: true, ..ack(Some(stretched)) }).await;
    assert_eq!(seqs(&next.messages), [3]);
    assert_eq!(kit.state(&room).await.agents[1].last_acknowledged_seq, Some(2), "the receipt is true");
}

pub(crate) async fn batch_never_offered_is_refused(kit: &Kit) {
    let room = kit.room(2).await;
    kit.send(&room, "a", "one").await;
    let never = BatchId { first: 1, last: 1, tag: 0 };
    assert_eq!(code(kit.try_check(&room, "b", ack(Some(never))).await), Code::UnknownBatch);
    assert_eq!(kit.unread(&room).await, [0, 1]);
    // A tag drawn as zero is still a batch one can acknowledge.
    let offered = kit.check(&room, "b", OfferRequest { tag: 0, ..request() }).await;
    kit.check(&room, "b", ack(offered.batch)).await;
    assert_eq!(kit.unread(&room).await, [0, 0]);
}

pub(crate) async fn batch_when_its_lease_runs_out_comes_again(kit: &Kit) {
    let room = kit.room(2).await;
    kit.send(&room, "a", "one").await;
    let first = kit.check(&room, "b", request()).await;
    kit.clock.move_ms(i64::try_from(LEASE_S).unwrap() * 1_000 - 1);
    let early = kit.check(&room, "b", request()).await;
    assert_eq!((early.batch, early.messages), (None, Vec::new()), "it is still held");
    kit.clock.move_ms(1);
    kit.send(&room, "a", "two").await;
    let again = kit.check(&room, "b", OfferRequest { tag: 8, ..request() }).await;
    assert_eq!(again.messages[0].id, first.messages[0].id);
    let redelivered: Vec<_> = again.messages.iter().map(|m| (m.id.seq, m.redelivered)).collect();
    assert_eq!(redelivered, [(1, true), (2, false)]);
    kit.check(&room, "b", ack(again.batch)).await;
    assert_eq!(kit.unread(&room).await, [0, 0]);
}

pub(crate) async fn batch_when_the_clock_was_set_back_comes_again(kit: &Kit) {
    let room = kit.room(2).await;
    kit.send(&room, "a", "one").await;
    let first = kit.check(&room, "b", request()).await;
    kit.clock.move_ms(-30 * 86_400 * 1_000);
    let again = kit.check(&room, "b", OfferRequest { tag: 8, ..request() }).await;
    assert_eq!(again.messages[0].id, first.messages[0].id, "it does not wait for a month");
    assert!(again.messages[0].redelivered);
    assert!(kit.check(&room, "b", request()).await.messages.is_empty(), "its new lease counts");
    kit.check(&room, "b", ack(again.batch)).await;
    assert_eq!(kit.unread(&room).await, [0, 0]);
}

pub(crate) async fn batch_when_another_connection_asks_comes_again(kit: &Kit) {
    let room = kit.room(2).await;
    kit.send(&room, "a", "one").await;
    let first = kit.check(&room, "b", request()).await;
    let again = kit.check(&room, "b", elsewhere()).await;
    assert_eq!(seqs(&again.messages), [1]);
    assert!(again.messages[0].redelivered);
    // Now the second connection holds it, and the first may take it back.
    assert!(kit.check(&room, "b", elsewhere()).await.messages.is_empty());
    let back = kit.check(&room, "b", OfferRequest { tag: 9, ..request() }).await;
    assert_eq!(back.messages[0].id, first.messages[0].id);
}

pub(crate) async fn batch_when_handed_out_again_is_void_in_its_first_form(kit: &Kit) {
    let room = kit.room(2).await;
    for text in ["one", "two", "three"] {
        kit.send(&room, "a", text).await;
    }
    let first = kit.check(&room, "b", request()).await.batch;
    let second = kit.check(&room, "b", OfferRequest { limit: 2, ..elsewhere() }).await.batch;
    // The first batch still holds what was not handed out again.
    kit.check(&room, "b", OfferRequest { peek: true, ..ack(first) }).await;
    assert_eq!(kit.unread(&room).await, [0, 2]);
    assert_eq!(code(kit.try_check(&room, "b", ack(first)).await), Code::UnknownBatch);
    kit.check(&room, "b", OfferRequest { holder: 2, ..ack(second) }).await;
    assert_eq!(kit.unread(&room).await, [0, 0]);
    assert_eq!(kit.state(&room).await.agents[1].last_acknowledged_seq, Some(3));
}

pub(crate) async fn peek_changes_nothing(kit: &Kit) {
    let room = kit.room(2).await;
    kit.send(&room, "a", "one").await;
    let before = kit.state(&room).await;
    for _ in 0..3 {
        let peeked = kit.check(&room, "b", OfferRequest { peek: true, ..request() }).await;
        assert_eq!((peeked.batch, seqs(&peeked.messages)), (None, vec![1]));
        assert!(!peeked.messages[0].redelivered);
    }
    let mut after = kit.state(&room).await;
    assert!(after.agents[1].last_seen_at.take().is_some(), "a peek is a sign of life");
    assert_eq!(after, before);
    assert_eq!(handed_out(kit), 0);
    assert!(!kit.check(&room, "b", request()).await.messages[0].redelivered);
}

pub(crate) async fn answer_when_lost_is_given_again_after_reopening(kit: &Kit) {
    let room = kit.room(2).await;
    kit.send(&room, "a", "one").await;
    // The process dies after the commit and before the agent has read the answer.
    let lost = kit.check(&room, "b", request()).await;
    let store = kit.open_again();
    let again = store.offer(kit.stamp(&room, "b", Action::Check).await, elsewhere()).await.unwrap();
    assert_eq!(again.messages[0].id, lost.messages[0].id);
    assert!(again.messages[0].redelivered);
}

pub(crate) async fn empty_inbox_leaves_no_entry(kit: &Kit) {
    let room = kit.room(2).await;
    let before = kit.state(&room).await.audit_entries;
    for _ in 0..3 {
        let offered = kit.check(&room, "b", request()).await;
        assert_eq!((offered.batch, offered.messages.len(), offered.more), (None, 0, false));
    }
    assert_eq!(kit.state(&room).await.audit_entries, before);
}
