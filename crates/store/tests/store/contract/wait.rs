//! Waiting: rung from any process, looked at without a write, and what senders can know of those who do not come.

use std::time::Duration;

use mab_core::{
    entity::{OfferRequest, Overdue},
    glance::{Glance, GlanceFrom},
    moderation::PausedBy,
    policy::Action,
    watchdog::Reason,
};
use mab_store::Doorbell;

use crate::kit::{Kit, LEASE_S, Room, operator, request, sessions};

async fn pk(kit: &Kit, room: &Room, session: &str) -> i64 {
    kit.store.member(room.id, &session.parse().unwrap()).await.unwrap().unwrap().agent_pk
}

/// Whether a look by this holder finds something.
async fn due(kit: &Kit, room: &Room, holder: u64) -> bool {
    kit.store.outlook(pk(kit, room, "b").await, holder, true).await.unwrap().unwrap().due
}

/// Waits for a bell; one that is never rung again fails the test instead of hanging it.
async fn rung(bell: &mut Box<dyn Doorbell>) {
    tokio::time::timeout(Duration::from_secs(20), bell.rung()).await.unwrap();
}

pub(crate) async fn listener_when_another_store_stores_something_is_rung(kit: &Kit) {
    let room = kit.room(2).await;
    let other = kit.open_again();
    let mut bell = other.listen(pk(kit, &room, "b").await, 1, true);
    for n in 1..=3 {
        assert!(!due(kit, &room, 9).await || n > 1);
        kit.send(&room, "a", "hello").await;
        rung(&mut bell).await;
        assert!(due(kit, &room, 9).await);
    }
    drop(other);
}

pub(crate) async fn listener_when_nobody_rings_looks_by_itself(kit: &Kit) {
    let room = kit.room(2).await;
    let mut bell = kit.store.listen(pk(kit, &room, "b").await, 1, true);
    // Somebody who stored a message died before ringing: nothing ever rings for it.
    rung(&mut bell).await;
    rung(&mut bell).await;
}

pub(crate) async fn outlook_is_what_a_check_would_find(kit: &Kit) {
    let room = kit.room(2).await;
    let agent = pk(kit, &room, "b").await;
    let holder = request().holder;
    assert!(!due(kit, &room, holder).await);
    kit.send(&room, "a", "one").await;
    assert!(due(kit, &room, holder).await);
    let batch = kit.check(&room, "b", request()).await.batch;
    assert!(!due(kit, &room, holder).await, "it is leased to this holder");
    assert!(due(kit, &room, holder + 1).await, "a new one gets it again");
    let beside = kit.store.outlook(agent, holder + 1, false).await.unwrap().unwrap();
    assert!(!beside.due, "one that does not take over leaves it");
    kit.clock.pass_s(LEASE_S);
    assert!(due(kit, &room, holder).await, "the lease ran out");
    kit.clock.move_ms(-30 * 86_400 * 1_000);
    assert!(due(kit, &room, holder).await, "the clock was set back");
    let outlook = kit.store.outlook(agent, holder, true).await.unwrap().unwrap();
    assert_eq!((outlook.waiting, outlook.arrivals, outlook.member.session.as_str()), (true, 1, "b"));
    kit.check(&room, "b", OfferRequest { ack: batch, ..request() }).await;
    let outlook = kit.store.outlook(agent, holder, true).await.unwrap().unwrap();
    assert_eq!((outlook.due, outlook.waiting, outlook.arrivals), (false, false, 1));
    assert_eq!(kit.store.outlook(i64::MAX, holder, true).await.unwrap(), None);
}

pub(crate) async fn looking_writes_nothing(kit: &Kit) {
    let room = kit.room(2).await;
    kit.send(&room, "a", "one").await;
    let before = kit.state(&room).await;
    let bell = kit.store.listen(pk(kit, &room, "b").await, 1, true);
    for _ in 0..10 {
        due(kit, &room, 9).await;
        kit.store.overdue(before.pk, 0).await.unwrap();
    }
    drop(bell);
    assert_eq!(kit.state(&room).await, before);
}

pub(crate) async fn glance_counts_what_is_unread_and_new_by_sender_and_writes_nothing(kit: &Kit) {
    let room = kit.room(3).await;
    let agent = pk(kit, &room, "b").await;
    let glance = async || kit.store.glance(agent).await.unwrap().unwrap();
    let from = |session: &str, unread, new| (session.parse().unwrap(), GlanceFrom { unread, new });
    let nothing = Glance { unread: 0, arrivals: 0, from: [].into(), paused_by: None };
    assert_eq!(glance().await, nothing);
    kit.send(&room, "a", "one").await;
    kit.send(&room, "c", "two").await;
    let batch = kit.check(&room, "b", request()).await.batch;
    kit.send(&room, "a", "three").await;
    let before = kit.state(&room).await;
    let both = [from("a", 2, 1), from("c", 1, 0)].into();
    assert_eq!(glance().await, Glance { unread: 3, arrivals: 3, from: both, paused_by: None });
    assert_eq!(kit.state(&room).await, before);
    kit.check(&room, "b", OfferRequest { ack: batch, ..request() }).await;
    kit.store.pause(operator(Action::Pause), room.id).await.unwrap();
    let one = [from("a", 1, 0)].into();
    let paused_by = Some(PausedBy::Operator);
    assert_eq!(glance().await, Glance { unread: 1, arrivals: 3, from: one, paused_by });
    assert_eq!(kit.store.glance(i64::MAX).await.unwrap(), None);
}

pub(crate) async fn listener_is_seen_by_everyone_for_as_long_as_it_listens(kit: &Kit) {
    let room = kit.room(2).await;
    let listening =
        async || kit.state(&room).await.agents.iter().map(|agent| agent.listening).collect::<Vec<_>>();
    assert_eq!(listening().await, [false, false]);
    let other = kit.open_again();
    let bell = other.listen(pk(kit, &room, "b").await, 1, true);
    assert_eq!(listening().await, [false, true]);
    drop(bell);
    assert_eq!(listening().await, [false, false]);
}

pub(crate) async fn oldest_unacknowledged_message_of_each_recipient_is_overdue_to_its_sender_only(kit: &Kit) {
    let room = kit.room(4).await;
    kit.send_to(&room, "d", "of somebody else", &["b"]).await;
    kit.clock.pass_s(5);
    let first = kit.send_to(&room, "a", "first", &["b", "c"]).await;
    kit.send_to(&room, "a", "second", &["b", "c"]).await;
    kit.check(&room, "c", request()).await;
    let pk = kit.state(&room).await.pk;
    let overdue = kit.store.overdue(pk, 0).await.unwrap();
    let expected = |session: &str, offered, seen| Overdue {
        session: session.parse().unwrap(),
        id: first.id,
        stored_at: first.at,
        offered,
        last_seen_at: seen,
        listening: false,
        lost: None,
    };
    assert_eq!(overdue, [expected("b", false, None), expected("c", true, Some(first.at))]);
    assert_eq!(kit.store.overdue(pk, 1).await.unwrap(), [], "b sent nothing");
    // Who was removed will never read it, and what was acknowledged has arrived.
    let change = mab_store::TokenChange::Revoke(sessions(&["b"]).remove(0));
    kit.store.manage_tokens(operator(Action::ManageTokens), room.id, Some(change)).await.unwrap();
    let batch = kit.check(&room, "c", OfferRequest { holder: 2, tag: 3, ..request() }).await.batch;
    kit.check(&room, "c", OfferRequest { ack: batch, ..request() }).await;
    let removed = Overdue { lost: Some(Reason::Removed), ..expected("b", false, None) };
    assert_eq!(kit.store.overdue(pk, 0).await.unwrap(), [removed]);
}

pub(crate) async fn message_behind_many_of_somebody_else_is_overdue_all_the_same(kit: &Kit) {
    let room = kit.room(3).await;
    for _ in 0..257 {
        kit.send_to(&room, "c", "of somebody else", &["b"]).await;
    }
    let first = kit.send_to(&room, "a", "first", &["b"]).await;
    kit.send_to(&room, "a", "second", &["b"]).await;
    let pk = kit.state(&room).await.pk;
    let overdue = kit.store.overdue(pk, 0).await.unwrap();
    assert_eq!(
        overdue.iter().map(|one| (one.session.as_str(), one.id)).collect::<Vec<_>>(),
        [("b", first.id)]
    );
}
