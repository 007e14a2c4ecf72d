//! Reading again what was said.

use crate::kit::{Kit, request, seqs};

pub(crate) async fn private_messages_are_seen_by_sender_recipients_and_operator_only(kit: &Kit) {
    let room = kit.room(4).await;
    let other = kit.room(4).await;
    kit.send(&other, "a", "another conversation").await;
    kit.send(&room, "a", "to all").await;
    kit.send_to(&room, "b", "to c", &["c"]).await;
    kit.send_to(&room, "c", "to a and d", &["a", "d"]).await;
    let pk = kit.state(&room).await.pk;
    let seen = async |viewer| {
        let page = kit.store.history(pk, viewer, None, 100).await.unwrap();
        assert_eq!((page.damaged.len(), page.next_before_seq), (0, None));
        room.texts(&page.messages)
    };
    assert_eq!(seen(Some(0)).await, ["to a and d", "to all"]);
    assert_eq!(seen(Some(1)).await, ["to c", "to all"]);
    assert_eq!(seen(Some(2)).await, ["to a and d", "to c", "to all"]);
    assert_eq!(seen(Some(3)).await, ["to a and d", "to all"]);
    assert_eq!(seen(None).await, ["to a and d", "to c", "to all"]);
}

pub(crate) async fn paging_covers_everything_once_and_ends(kit: &Kit) {
    let room = kit.room(3).await;
    for n in 1..=20_u64 {
        let to: &[&str] = if n % 3 == 0 { &["c"] } else { &["b", "c"] };
        kit.send_to(&room, "a", &format!("{n}"), to).await;
    }
    let pk = kit.state(&room).await.pk;
    for (viewer, expected) in [
        (None, (1..=20).rev().collect::<Vec<u64>>()),
        (Some(1), (1..=20).rev().filter(|n| n % 3 != 0).collect()),
    ] {
        for scan in [1, 3, 7, 19, 20, 21] {
            let (mut all, mut before, mut pages) = (Vec::new(), None, 0);
            loop {
                let page = kit.store.history(pk, viewer, before, scan).await.unwrap();
                all.extend(seqs(&page.messages));
                pages += 1;
                assert!(page.next_before_seq.is_none_or(|next| before.is_none_or(|last| next < last)));
                before = page.next_before_seq;
                if before.is_none() {
                    break;
                }
            }
            assert_eq!(all, expected, "viewer {viewer:?}, {scan} at a time");
            assert_eq!(pages, 20_usize.div_ceil(scan as usize), "{scan} at a time");
        }
    }
    for before in [0, 1] {
        let page = kit.store.history(pk, None, Some(before), 5).await.unwrap();
        assert_eq!((page.messages.len(), page.next_before_seq), (0, None));
    }
    let far = kit.store.history(pk, None, Some(u64::MAX), 2).await.unwrap();
    assert_eq!((seqs(&far.messages), far.next_before_seq), (vec![20, 19], Some(19)));
}

pub(crate) async fn reading_leaves_the_inbox_alone(kit: &Kit) {
    let room = kit.room(2).await;
    kit.send(&room, "a", "one").await;
    let before = kit.state(&room).await;
    kit.store.history(before.pk, Some(1), None, 100).await.unwrap();
    assert_eq!(kit.state(&room).await, before);
    let batch = kit.check(&room, "b", request()).await.batch;
    kit.check(&room, "b", mab_core::entity::OfferRequest { ack: batch, ..request() }).await;
    let page = kit.store.history(before.pk, Some(1), None, 100).await.unwrap();
    assert_eq!(seqs(&page.messages), [1], "acknowledged messages stay readable");
}
