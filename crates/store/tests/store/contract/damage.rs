//! One bad row never takes the rest with it.

use mab_core::{
    Code,
    entity::{NewMessage, OfferRequest},
    policy::Action,
};

use crate::kit::{Kit, Room, code, request, seqs};

/// Three messages from `a` to `b`.
async fn three(kit: &Kit) -> Room {
    let room = kit.room(2).await;
    for text in ["one", "two", "three"] {
        kit.send(&room, "a", text).await;
    }
    room
}

/// Does something to message 2 of a conversation.
async fn damage(kit: &Kit, room: &Room, sql: &str) {
    let key = format!("(({} << 32) + 2)", kit.state(room).await.pk);
    assert_eq!(kit.edit(&sql.replace("KEY", &key)), 1, "{sql}");
}

/// Asserts that `b` receives 1 and 3, hears of 2, and is rid of all three once it acknowledges.
async fn assert_skipped_in_the_inbox(kit: &Kit, room: &Room, what: &str) {
    let peeked = kit.check(room, "b", OfferRequest { peek: true, ..request() }).await;
    assert_eq!((seqs(&peeked.messages), peeked.damaged), (vec![1, 3], vec![2]), "{what}");
    let offered = kit.check(room, "b", request()).await;
    assert_eq!((seqs(&offered.messages), offered.damaged), (vec![1, 3], vec![2]), "{what}");
    assert_eq!(room.texts(&offered.messages), ["one", "three"]);
    kit.check(room, "b", OfferRequest { ack: offered.batch, ..request() }).await;
    assert_eq!(kit.unread(room).await, [0, 0], "{what}");
}

pub(crate) async fn message_that_is_gone_is_reported_and_skipped(kit: &Kit) {
    let room = three(kit).await;
    damage(kit, &room, "DELETE FROM message WHERE key = KEY").await;
    let page = kit.store.history(kit.state(&room).await.pk, Some(1), None, 9).await.unwrap();
    assert_eq!(seqs(&page.messages), [3, 1]);
    assert_skipped_in_the_inbox(kit, &room, "gone").await;
}

pub(crate) async fn message_with_unreadable_columns_is_reported_and_skipped(kit: &Kit) {
    for change in [
        "action_type = '{not json'",
        "action_type = CAST(x'ff' AS TEXT)",
        "tag = x'0102'",
        "reply_to = 'msg_0_x'",
        "sender = 77",
        "sender = -1",
        "sender = 1 << 40",
    ] {
        let room = three(kit).await;
        damage(kit, &room, &format!("UPDATE message SET {change} WHERE key = KEY")).await;
        for viewer in [Some(1), None] {
            let page = kit.store.history(kit.state(&room).await.pk, viewer, None, 9).await.unwrap();
            assert_eq!((seqs(&page.messages), page.damaged), (vec![3, 1], vec![2]), "{change}");
        }
        assert_skipped_in_the_inbox(kit, &room, change).await;
    }
    // Who may see it is unreadable: everyone hears that something is wrong, nobody sees it.
    for change in ["audience = -1", "audience = 1 << 40"] {
        let room = three(kit).await;
        damage(kit, &room, &format!("UPDATE message SET {change} WHERE key = KEY")).await;
        for viewer in [Some(0), Some(1), None] {
            let page = kit.store.history(kit.state(&room).await.pk, viewer, None, 9).await.unwrap();
            let seen = [page.messages.len(), page.damaged.len()];
            assert!(matches!(seen, [3, 0] | [2, 1]), "{change}: {seen:?}");
        }
    }
}

pub(crate) async fn body_that_is_garbage_is_handed_out_as_it_is(kit: &Kit) {
    let room = three(kit).await;
    damage(kit, &room, "UPDATE message SET body = x'00ff00' WHERE key = KEY").await;
    let offered = kit.check(&room, "b", request()).await;
    assert_eq!((seqs(&offered.messages), offered.damaged), (vec![1, 2, 3], vec![]));
    assert_eq!(offered.messages[1].body, [0, 255, 0], "whether it opens is for the holder of the key to say");
}

pub(crate) async fn reply_to_a_damaged_message_is_refused(kit: &Kit) {
    for change in ["tag = x'0102'", "sender = -1", "audience = -1"] {
        let room = three(kit).await;
        let pk = kit.state(&room).await.pk;
        let second = kit.store.history(pk, None, Some(3), 1).await.unwrap().messages.remove(0).id;
        damage(kit, &room, &format!("UPDATE message SET {change} WHERE key = KEY")).await;
        let stamp = kit.stamp(&room, "b", Action::Send).await;
        let reply = NewMessage { reply_to: Some(second), ..kit.message(&room, "re") };
        assert_eq!(code(kit.store.append(stamp, reply).await), Code::UnknownMessage, "{change}");
    }
}

pub(crate) async fn quarter_of_a_million_unread_messages_are_paged(kit: &Kit) {
    const MANY: u64 = 250_001;
    let room = kit.room(2).await;
    kit.send(&room, "a", "the first").await;
    let pk = kit.state(&room).await.pk;
    kit.edit(&format!(
        "INSERT INTO message (key, tag, sender, audience, at, action_type, body)
         SELECT m.key + n.value, m.tag, 0, 2, m.at, 'info', x'00'
         FROM message m, (WITH RECURSIVE up(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM up
                          WHERE value < {}) SELECT value FROM up) n WHERE m.key = ({pk} << 32) + 1",
        MANY - 1
    ));
    kit.edit("INSERT INTO inbox (agent, seq) SELECT i.agent, m.key & 0xffffffff FROM message m, inbox i WHERE i.seq = 1 AND m.key & 0xffffffff > 1");
    kit.edit(&format!("UPDATE agent SET unread = {MANY} WHERE session = 'b'"));
    kit.edit(&format!("UPDATE conversation SET last_seq = {MANY} WHERE pk = {pk}"));

    let (mut batch, mut next) = (None, 1);
    for tag in 1..=20 {
        let offered =
            kit.check(&room, "b", OfferRequest { ack: batch, limit: 1_000, tag, ..request() }).await;
        assert!(offered.more && offered.messages.len() == 1_000);
        assert_eq!(offered.messages[0].id.seq, next);
        (batch, next) = (offered.batch, next + 1_000);
    }
    assert_eq!(kit.unread(&room).await, [0, MANY - 19_000]);
    assert_eq!(kit.send(&room, "a", "one more").await.id.seq, MANY + 1);
    // More than an engine takes as parameters, in one page.
    let wide = OfferRequest { peek: true, limit: 40_000, max_bytes: u64::MAX, ..request() };
    let wide = kit.check(&room, "b", wide).await;
    assert_eq!((wide.messages.len(), wide.more), (40_000, true));
}
