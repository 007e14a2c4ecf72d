//! File leases: acquired, renewed and released as one, on what was seen and on nothing else.

use std::sync::Arc;

use mab_core::{
    Clock, Code, Denied, Failure, Timestamp,
    lease::{LeaseChange, Leases, NewLease},
    policy::{Action, Stamp},
    source::draw,
};
use mab_store::{LeaseOutcome, Store, TokenChange};

use crate::kit::{Kit, LIFE_S, Room, code, operator, refused};

const TTL_S: u64 = 900;

async fn leases(kit: &Kit, room: &Room) -> Leases {
    kit.store.leases(kit.state(room).await.pk).await.unwrap()
}

/// As fence, holder, whether exclusive, and seconds until the end.
async fn held(kit: &Kit, room: &Room) -> Vec<(u64, String, bool, i64)> {
    let left = |until: Timestamp| (until.millis() - kit.clock.now().millis()) / 1_000;
    let rows = leases(kit, room).await.rows.into_iter();
    rows.map(|row| (row.fence, row.holder.to_string(), row.exclusive, left(row.expires_at))).collect()
}

fn new(kit: &Kit, room: &Room, path: &str) -> NewLease {
    let tag = draw(&kit.random).unwrap();
    NewLease { tag, path: kit.seal(room, ("lease", "path"), &tag, path) }
}

/// A change decided on the leases as they are now.
async fn seen(kit: &Kit, room: &Room) -> LeaseChange {
    LeaseChange {
        seen_version: leases(kit, room).await.version,
        exclusive: true,
        expires_at: kit.clock.now().plus_seconds(TTL_S),
        ..LeaseChange::default()
    }
}

async fn acquiring(kit: &Kit, room: &Room, paths: &[&str]) -> LeaseChange {
    let acquire = paths.iter().map(|path| new(kit, room, path)).collect();
    LeaseChange { acquire, ..seen(kit, room).await }
}

async fn change(kit: &Kit, room: &Room, session: &str, change: LeaseChange) -> Result<LeaseOutcome, Failure> {
    let stamp = kit.stamp(room, session, Action::Reserve).await;
    kit.store.change_leases(stamp, change).await
}

fn fences(outcome: Result<LeaseOutcome, Failure>) -> Vec<u64> {
    match outcome.unwrap() {
        LeaseOutcome::Changed { fences } => fences,
        LeaseOutcome::Stale(_) => panic!("out of date"),
    }
}

fn stale(outcome: Result<LeaseOutcome, Failure>) -> Stamp {
    match outcome.unwrap() {
        LeaseOutcome::Changed { fences } => panic!("carried out: {fences:?}"),
        LeaseOutcome::Stale(stamp) => *stamp,
    }
}

async fn acquire(kit: &Kit, room: &Room, session: &str, paths: &[&str]) -> Vec<u64> {
    let wanted = acquiring(kit, room, paths).await;
    fences(change(kit, room, session, wanted).await)
}

pub(crate) async fn lease_when_acquired_is_found_whole(kit: &Kit) {
    let room = kit.room(2).await;
    assert_eq!(leases(kit, &room).await, Leases { version: 0, rows: Vec::new() });
    let wanted = acquiring(kit, &room, &["src/a.rs"]).await;
    let (tag, path) = (wanted.acquire[0].tag, wanted.acquire[0].path.as_bytes().to_vec());
    assert_eq!(fences(change(kit, &room, "b", wanted).await), [1]);
    let found = leases(kit, &room).await;
    assert_eq!((found.version, found.rows.len()), (1, 1));
    let row = &found.rows[0];
    assert_eq!((row.fence, row.holder.as_str(), row.holder_ordinal, row.exclusive), (1, "b", 1, true));
    assert_eq!((row.tag, &row.path), (tag, &path));
    assert_eq!(row.expires_at, kit.clock.now().plus_seconds(TTL_S));
}

pub(crate) async fn fences_grow_and_are_never_used_twice_also_after_reopening(kit: &Kit) {
    let room = kit.room(2).await;
    assert_eq!(acquire(kit, &room, "a", &["x", "y"]).await, [1, 2]);
    let release = LeaseChange { release: vec![1, 2], ..seen(kit, &room).await };
    assert_eq!(fences(change(kit, &room, "a", release).await), [0; 0]);
    let third = acquire(kit, &room, "b", &["x"]).await[0];
    assert!(third > 2, "{third}");
    let again: Arc<dyn Store> = kit.open_again();
    let wanted = acquiring(kit, &room, &["z"]).await;
    let stamp = kit.stamp(&room, "a", Action::Reserve).await;
    assert!(fences(again.change_leases(stamp, wanted).await)[0] > third);
}

pub(crate) async fn decision_that_is_out_of_date_changes_nothing_and_gives_the_stamp_back(kit: &Kit) {
    let room = kit.room(2).await;
    let old = acquiring(kit, &room, &["src"]).await;
    acquire(kit, &room, "b", &["src/api"]).await;
    let (before, rows) = (kit.state(&room).await, held(kit, &room).await);
    let stamp = kit.charged(&room, "a", Action::Reserve, &[(1, 60)]).await;
    let stamp = stale(kit.store.change_leases(stamp, old).await);
    assert_eq!((kit.state(&room).await, held(kit, &room).await), (before, rows), "not even a refusal");
    let wanted = acquiring(kit, &room, &["docs"]).await;
    assert_eq!(fences(kit.store.change_leases(stamp, wanted).await), [2], "and nothing was charged");
}

pub(crate) async fn every_change_of_leases_outdates_decisions_taken_before(kit: &Kit) {
    let room = kit.room(2).await;
    let fence = acquire(kit, &room, "b", &["x"]).await[0];
    for exclusive in [false, true] {
        let old = acquiring(kit, &room, &["x"]).await;
        let renew = LeaseChange { renew: vec![fence], exclusive, ..seen(kit, &room).await };
        fences(change(kit, &room, "b", renew).await);
        stale(change(kit, &room, "a", old).await);
    }
    let old = acquiring(kit, &room, &["x"]).await;
    let release = LeaseChange { release: vec![fence], ..seen(kit, &room).await };
    fences(change(kit, &room, "b", release).await);
    stale(change(kit, &room, "a", old).await);
}

pub(crate) async fn renewed_lease_keeps_its_fence(kit: &Kit) {
    let room = kit.room(2).await;
    let wanted = LeaseChange { exclusive: false, ..acquiring(kit, &room, &["x"]).await };
    let fence = fences(change(kit, &room, "a", wanted).await)[0];
    kit.clock.pass_s(600);
    assert_eq!(held(kit, &room).await, [(fence, "a".to_owned(), false, 300)]);
    let both = LeaseChange { renew: vec![fence], ..acquiring(kit, &room, &["y"]).await };
    let second = fences(change(kit, &room, "a", both).await)[0];
    assert!(second > fence);
    assert_eq!(
        held(kit, &room).await,
        [(fence, "a".to_owned(), true, 900), (second, "a".to_owned(), true, 900)]
    );
}

pub(crate) async fn lease_of_another_or_that_is_over_is_neither_renewed_nor_released(kit: &Kit) {
    let room = kit.room(2).await;
    let fence = acquire(kit, &room, "a", &["x"]).await[0];
    let before = held(kit, &room).await;
    for other in [fence, fence + 7] {
        let renew = LeaseChange { renew: vec![other], ..seen(kit, &room).await };
        stale(change(kit, &room, "b", renew).await);
        let release = LeaseChange { release: vec![other], ..seen(kit, &room).await };
        stale(change(kit, &room, "b", release).await);
    }
    assert_eq!(held(kit, &room).await, before);
    kit.clock.pass_s(TTL_S);
    // Over from its end on.
    let renew = LeaseChange { renew: vec![fence], ..seen(kit, &room).await };
    stale(change(kit, &room, "a", renew).await);
    let release = LeaseChange { release: vec![fence], ..seen(kit, &room).await };
    stale(change(kit, &room, "a", release).await);
    assert_eq!(held(kit, &room).await, [(fence, "a".to_owned(), true, 0)]);
}

pub(crate) async fn change_of_leases_is_recorded_with_its_fences(kit: &Kit) {
    let room = kit.room(2).await;
    acquire(kit, &room, "a", &["x", "y"]).await;
    let entry = kit.newest_entry(&room).await.entry;
    assert_eq!((entry.actor.as_str(), entry.action.as_str(), entry.outcome.as_str()), ("a", "reserve", "ok"));
    assert_eq!(entry.detail, r#"{"acquired":[1,2]}"#);
    let mixed = LeaseChange { renew: vec![1], release: vec![2], ..acquiring(kit, &room, &["z"]).await };
    change(kit, &room, "a", mixed).await.unwrap();
    let entry = kit.newest_entry(&room).await.entry;
    assert_eq!(entry.detail, r#"{"acquired":[3],"released":[2],"renewed":[1]}"#);
}

pub(crate) async fn change_of_leases_is_charged_and_refused_when_the_window_is_full(kit: &Kit) {
    let room = kit.room(2).await;
    let stamp = async || kit.charged(&room, "a", Action::Reserve, &[(1, 60)]).await;
    let wanted = acquiring(kit, &room, &["x"]).await;
    fences(kit.store.change_leases(stamp().await, wanted).await);
    let (before, rows) = (kit.state(&room).await, held(kit, &room).await);
    let wanted = acquiring(kit, &room, &["y"]).await;
    assert_eq!(code(kit.store.change_leases(stamp().await, wanted).await), Code::RateLimited);
    kit.assert_only_recorded(&room, before, Code::RateLimited).await;
    assert_eq!(held(kit, &room).await, rows);
}

pub(crate) async fn change_of_leases_by_who_may_not_any_more_is_refused(kit: &Kit) {
    let room = kit.room(2).await;
    let manage = async |change| {
        kit.store.manage_tokens(operator(Action::ManageTokens), room.id, Some(change)).await.unwrap();
    };
    let stamp = kit.stamp(&room, "b", Action::Reserve).await;
    manage(TokenChange::Rotate("b".parse().unwrap())).await;
    let wanted = acquiring(kit, &room, &["x"]).await;
    assert_eq!(code(kit.store.change_leases(stamp, wanted).await), Code::TokenRotated);
    let stamp = kit.stamp(&room, "b", Action::Reserve).await;
    manage(TokenChange::Revoke("b".parse().unwrap())).await;
    let wanted = acquiring(kit, &room, &["x"]).await;
    assert_eq!(code(kit.store.change_leases(stamp, wanted).await), Code::Revoked);
    let stamp = kit.stamp(&room, "a", Action::Reserve).await;
    kit.clock.pass_s(LIFE_S);
    let wanted = acquiring(kit, &room, &["x"]).await;
    assert_eq!(code(kit.store.change_leases(stamp, wanted).await), Code::Expired);
    assert_eq!(held(kit, &room).await, []);
}

pub(crate) async fn lease_long_over_is_removed_with_the_next_change(kit: &Kit) {
    let room = kit.room(2).await;
    let short =
        LeaseChange { expires_at: kit.clock.now().plus_seconds(10), ..acquiring(kit, &room, &["x"]).await };
    change(kit, &room, "a", short).await.unwrap();
    kit.edit("UPDATE conversation SET expires_at = expires_at + 36000000 WHERE pk = 1");
    kit.clock.pass_s(10 + 3_599);
    acquire(kit, &room, "b", &["y"]).await;
    assert_eq!(held(kit, &room).await.len(), 2, "told apart for an hour");
    kit.clock.pass_s(1);
    acquire(kit, &room, "b", &["z"]).await;
    assert_eq!(held(kit, &room).await.iter().map(|row| row.0).collect::<Vec<_>>(), [2, 3]);
    kit.assert_sound().await;
}

pub(crate) async fn leases_that_are_over_are_kept_in_bounded_number(kit: &Kit) {
    let room = kit.room(2).await;
    acquire(kit, &room, "b", &["of another"]).await;
    for _ in 0..8 {
        let many: Vec<_> = (0..20).map(|_| new(kit, &room, "x")).collect();
        let expires_at = kit.clock.now().plus_seconds(10);
        let many = LeaseChange { acquire: many, expires_at, ..seen(kit, &room).await };
        change(kit, &room, "a", many).await.unwrap();
        kit.clock.pass_s(11);
    }
    acquire(kit, &room, "a", &["y"]).await;
    let rows = held(kit, &room).await;
    assert_eq!(rows.len(), 1 + 64 + 1);
    assert_eq!((rows[0].1.as_str(), rows[1].0, rows[65].0), ("b", 98, 162), "the newest are kept");
}

pub(crate) async fn lease_of_a_clock_that_was_ahead_is_shortened(kit: &Kit) {
    let room = kit.room(2).await;
    acquire(kit, &room, "a", &["x"]).await;
    kit.edit("UPDATE lease SET expires_at = 9000000000000000");
    acquire(kit, &room, "b", &["y"]).await;
    assert_eq!(held(kit, &room).await[0], (1, "a".to_owned(), true, 86_400));
    kit.assert_sound().await;
}

pub(crate) async fn revoked_agents_leases_end_with_it(kit: &Kit) {
    let room = kit.room(3).await;
    acquire(kit, &room, "b", &["x", "y"]).await;
    let kept = acquire(kit, &room, "c", &["z"]).await[0];
    let revoke = Some(TokenChange::Revoke("b".parse().unwrap()));
    kit.store.manage_tokens(operator(Action::ManageTokens), room.id, revoke).await.unwrap();
    assert_eq!(held(kit, &room).await, [(kept, "c".to_owned(), true, 900)]);
    let detail = r#"{"change":"revoked","leases":2,"session":["b"]}"#;
    assert_eq!(kit.newest_entry(&room).await.entry.detail, detail);
}

pub(crate) async fn denial_is_recorded_and_spends_nothing(kit: &Kit) {
    let room = kit.room(2).await;
    let (before, stamp) =
        (kit.state(&room).await, async || kit.charged(&room, "a", Action::Reserve, &[(1, 60)]).await);
    let denied = Denied::new(Code::Conflict, "b holds it").retry_after(7);
    let answer: Result<(), _> = Err(kit.store.deny(stamp().await, denied.clone()).await);
    assert_eq!(refused(answer), denied);
    kit.assert_only_recorded(&room, before, Code::Conflict).await;
    let entry = kit.newest_entry(&room).await.entry;
    assert_eq!((entry.action.as_str(), entry.detail.as_str()), ("reserve", "{}"));
    let wanted = acquiring(kit, &room, &["x"]).await;
    fences(kit.store.change_leases(stamp().await, wanted).await);
}

pub(crate) async fn denial_tells_who_may_not_call_only_that(kit: &Kit) {
    let room = kit.room(2).await;
    let stamp = kit.stamp(&room, "b", Action::Reserve).await;
    let revoke = Some(TokenChange::Revoke("b".parse().unwrap()));
    kit.store.manage_tokens(operator(Action::ManageTokens), room.id, revoke).await.unwrap();
    let answer: Result<(), _> =
        Err(kit.store.deny(stamp, Denied::new(Code::Conflict, "a holds src/secret")).await);
    let told = refused(answer);
    assert_eq!(told.code, Code::Revoked);
    assert!(!told.message.contains("secret"));
}

pub(crate) async fn leases_of_two_conversations_are_apart(kit: &Kit) {
    let (one, other) = (kit.room(2).await, kit.room(2).await);
    acquire(kit, &one, "a", &["x", "y"]).await;
    assert_eq!(held(kit, &other).await, []);
    assert_eq!(acquire(kit, &other, "a", &["x"]).await, [1], "each counts its own");
    // A fence of the other conversation names nothing here.
    let release = LeaseChange { release: vec![2], ..seen(kit, &other).await };
    stale(change(kit, &other, "a", release).await);
    assert_eq!(held(kit, &one).await.len(), 2);
}

pub(crate) async fn damaged_lease_hides_no_other(kit: &Kit) {
    let room = kit.room(2).await;
    acquire(kit, &room, "a", &["x", "y"]).await;
    kit.edit("UPDATE lease SET tag = x'00' WHERE fence = 1");
    assert_eq!(held(kit, &room).await.iter().map(|row| row.0).collect::<Vec<_>>(), [2]);
    acquire(kit, &room, "b", &["z"]).await;
}

pub(crate) async fn purged_conversation_keeps_no_lease(kit: &Kit) {
    let (ended, active) = (kit.room(2).await, kit.room(2).await);
    acquire(kit, &ended, "a", &["x", "y"]).await;
    acquire(kit, &active, "a", &["x"]).await;
    kit.edit("UPDATE conversation SET expires_at = expires_at + 36000000 WHERE pk = 2");
    kit.clock.pass_s(LIFE_S);
    assert_eq!(kit.store.purge(operator(Action::Cleanup)).await.unwrap().conversations, 1);
    assert_eq!(kit.number("SELECT count(*) FROM lease WHERE conversation = 1"), 0);
    assert_eq!(kit.number("SELECT count(*) FROM lease WHERE conversation = 2"), 1);
    kit.assert_sound().await;
}
