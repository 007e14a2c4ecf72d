//! The audit trail: complete, and broken by any touch.

use mab_core::{
    Code, Timestamp,
    agent::{Permission, Status},
    audit::Break,
    entity::{ChainReport, OfferRequest},
    policy::Action,
};
use mab_store::TokenChange;

use crate::kit::{Kit, LIFE_S, Room, START_MS, code, operator, refused, request, stranger};

pub(crate) async fn every_change_and_refusal_is_recorded_and_the_chains_hold(kit: &Kit) {
    let room = kit.room(2).await;
    let pk = kit.state(&room).await.pk;
    kit.store.join(kit.stamp(&room, "b", Action::Join).await).await.unwrap();
    let agent = kit.new_agent(&room, "c", Permission::Member);
    kit.store.invite(kit.stamp(&room, "a", Action::Invite).await, agent).await.unwrap();
    kit.send(&room, "a", "hello").await;
    let batch = kit.check(&room, "b", request()).await.batch;
    kit.check(&room, "b", OfferRequest { ack: batch, ..request() }).await;
    assert_eq!(
        code(kit.try_check(&room, "b", OfferRequest { ack: batch, ..request() }).await),
        Code::UnknownBatch
    );
    let stamp = kit.stamp(&room, "b", Action::UpdateStatus).await;
    kit.store.set_status(stamp, Status::Blocked, None).await.unwrap();
    kit.store.charge(kit.stamp(&room, "b", Action::Search).await).await.unwrap();
    kit.store.refuse(stranger(Some(pk), Code::InvalidToken)).await.unwrap();
    kit.store.refuse(stranger(None, Code::InvalidToken)).await.unwrap();
    let revoke = Some(TokenChange::Revoke("c".parse().unwrap()));
    kit.store.manage_tokens(operator(Action::ManageTokens), room.id, revoke).await.unwrap();
    kit.clock.pass_s(LIFE_S);
    kit.store.purge(operator(Action::Cleanup)).await.unwrap();

    let mut rows = kit.store.audit(Some(room.id), 100).await.unwrap();
    rows.reverse();
    let told: Vec<_> =
        rows.iter().map(|row| [row.entry.actor.as_str(), &row.entry.action, &row.entry.outcome]).collect();
    let expected = [
        ["newcomer", "create", "ok"],
        ["b", "join", "ok"],
        ["a", "invite", "ok"],
        ["a", "send", "ok"],
        ["b", "check", "ok"],
        ["b", "check", "ok"],
        ["b", "check", "unknown_batch"],
        ["b", "update_status", "ok"],
        ["unknown", "send", "invalid_token"],
        ["operator", "manage_tokens", "ok"],
        ["operator", "cleanup", "ok"],
    ];
    assert_eq!(told, expected);
    assert!(rows.iter().map(|row| row.entry.n).eq(1..=11));
    let whole = |conversation, n| ChainReport { conversation, result: Ok(n) };
    assert_eq!(kit.store.verify(None).await.unwrap(), [whole(None, 1), whole(Some(room.id), 11)]);
    assert_eq!(kit.store.verify(Some(room.id)).await.unwrap(), [whole(Some(room.id), 11)]);
    let unknown = kit.new_room(1).0.id;
    assert_eq!(kit.store.verify(Some(unknown)).await.unwrap(), []);
}

/// Five entries.
async fn spoken(kit: &Kit) -> Room {
    let room = kit.room(2).await;
    for _ in 0..4 {
        kit.clock.pass_s(1);
        kit.send(&room, "a", "x").await;
    }
    room
}

/// The key of an entry, as SQL.
async fn key(kit: &Kit, room: &Room, n: u64) -> String {
    format!("(({} << 32) + {n})", kit.state(room).await.pk)
}

async fn assert_broken(kit: &Kit, room: &Room, what: &str, broken: Break) {
    let expected = ChainReport { conversation: Some(room.id), result: Err(broken) };
    assert_eq!(kit.store.verify(Some(room.id)).await.unwrap(), [expected], "{what}");
}

pub(crate) async fn change_of_any_column_is_found(kit: &Kit) {
    for change in [
        "actor = 'b'",
        "action = 'check'",
        "outcome = 'forbidden'",
        "detail = '{}'",
        "at = at + 1",
        "hash = zeroblob(32)",
        "hash = substr(hash, 1, 31)",
        "actor = '', action = actor || action",
    ] {
        let room = spoken(kit).await;
        let key = key(kit, &room, 3).await;
        assert_eq!(kit.edit(&format!("UPDATE audit SET {change} WHERE key = {key}")), 1);
        assert_broken(kit, &room, change, Break::Changed { n: 3 }).await;
    }
    // Every other chain still holds: one per room above, and the bridge's.
    let room = spoken(kit).await;
    let reports = kit.store.verify(None).await.unwrap();
    assert_eq!(reports.iter().filter(|report| report.result.is_err()).count(), 8);
    assert!(reports.contains(&ChainReport { conversation: Some(room.id), result: Ok(5) }));
    assert!(reports.contains(&ChainReport { conversation: None, result: Ok(0) }));
}

pub(crate) async fn entry_when_deleted_swapped_truncated_or_added_is_found(kit: &Kit) {
    let room = spoken(kit).await;
    let (first, last) = (key(kit, &room, 1).await, key(kit, &room, 5).await);
    kit.edit(&format!("DELETE FROM audit WHERE key = {first}"));
    assert_broken(kit, &room, "the first deleted", Break::Missing { n: 1 }).await;

    let room = spoken(kit).await;
    let (two, three) = (key(kit, &room, 2).await, key(kit, &room, 3).await);
    kit.edit(&format!("DELETE FROM audit WHERE key = {two}"));
    assert_broken(kit, &room, "one deleted", Break::Missing { n: 2 }).await;
    kit.edit(&format!("UPDATE audit SET key = {two} WHERE key = {three}"));
    assert_broken(kit, &room, "the next moved up", Break::Changed { n: 2 }).await;

    let room = spoken(kit).await;
    let (two, three) = (key(kit, &room, 2).await, key(kit, &room, 3).await);
    for (from, to) in [(&two, "-1"), (&three, two.as_str()), (&"-1".to_owned(), three.as_str())] {
        assert_eq!(kit.edit(&format!("UPDATE audit SET key = {to} WHERE key = {from}")), 1);
    }
    assert_broken(kit, &room, "two swapped", Break::Changed { n: 2 }).await;

    let room = spoken(kit).await;
    let last_of_it = key(kit, &room, 5).await;
    assert_ne!(last_of_it, last);
    kit.edit(&format!("DELETE FROM audit WHERE key = {last_of_it}"));
    assert_broken(kit, &room, "the last deleted", Break::Truncated { n: 4 }).await;
    kit.edit(&format!("DELETE FROM audit WHERE key BETWEEN {} AND {last_of_it}", key(kit, &room, 0).await));
    assert_broken(kit, &room, "all deleted", Break::Truncated { n: 0 }).await;

    let room = spoken(kit).await;
    let (last, next) = (key(kit, &room, 5).await, key(kit, &room, 6).await);
    kit.edit(&format!(
        "INSERT INTO audit SELECT {next}, at, actor, action, outcome, detail, hash, mark FROM audit WHERE key = {last}"
    ));
    assert_broken(kit, &room, "one added", Break::Changed { n: 6 }).await;

    let room = spoken(kit).await;
    let zeroth = key(kit, &room, 0).await;
    kit.edit(&format!(
        "INSERT INTO audit VALUES ({zeroth}, 0, 'a', 'send', 'ok', '{{}}', zeroblob(32), NULL)"
    ));
    assert_broken(kit, &room, "one put before the first", Break::Missing { n: 1 }).await;
}

pub(crate) async fn chain_of_the_bridge_is_verified_too(kit: &Kit) {
    for _ in 0..3 {
        kit.store.refuse(stranger(None, Code::InvalidToken)).await.unwrap();
    }
    let report = |result| vec![ChainReport { conversation: None, result }];
    assert_eq!(kit.store.verify(None).await.unwrap(), report(Ok(3)));
    kit.edit("DELETE FROM audit WHERE key = 3");
    assert_eq!(kit.store.verify(None).await.unwrap(), report(Err(Break::Truncated { n: 2 })));
    // A shorter count does not hide it: the head is that of three.
    kit.edit("UPDATE conversation SET audit_n = 2 WHERE pk = 0");
    assert_eq!(kit.store.verify(None).await.unwrap(), report(Err(Break::Truncated { n: 2 })));
}

pub(crate) async fn entry_that_is_not_text_is_found_and_hides_nothing_else(kit: &Kit) {
    let (room, whole) = (spoken(kit).await, spoken(kit).await);
    let key = key(kit, &room, 3).await;
    kit.edit(&format!("UPDATE audit SET actor = CAST(x'ff' AS TEXT) WHERE key = {key}"));
    let reports = kit.store.verify(None).await.unwrap();
    let broken = |report: &ChainReport| report.conversation == Some(room.id);
    let found = reports.iter().find(|report| broken(report)).unwrap();
    assert_eq!(found.result, Err(Break::Changed { n: 3 }));
    assert!(reports.contains(&ChainReport { conversation: Some(whole.id), result: Ok(5) }));
    let listed = kit.store.audit(Some(room.id), 100).await.unwrap();
    assert!(listed.iter().map(|row| row.entry.n).eq([5, 4, 3, 2, 1]), "the others can still be read");
}

pub(crate) async fn entries_are_listed_newest_first(kit: &Kit) {
    let (room, other) = (spoken(kit).await, kit.room(2).await);
    kit.clock.pass_s(1);
    kit.store.refuse(stranger(None, Code::InvalidToken)).await.unwrap();
    let told = async |only, limit| -> Vec<_> {
        let rows = kit.store.audit(only, limit).await.unwrap();
        rows.into_iter().map(|row| (row.conversation, row.entry.n)).collect()
    };
    let (one, two) = (Some(room.id), Some(other.id));
    assert_eq!(told(one, 2).await, [(one, 5), (one, 4)]);
    assert_eq!(told(two, 9).await, [(two, 1)]);
    assert_eq!(told(None, 3).await, [(None, 1), (two, 1), (one, 5)]);
    assert_eq!(told(None, 100).await.len(), 7);
    let first = kit.store.audit(one, 100).await.unwrap().pop().unwrap();
    assert_eq!(first.entry.at, Timestamp::from_millis(START_MS));
    let full = refused(
        kit.try_check(
            &room,
            "b",
            OfferRequest { ack: Some(mab_core::BatchId { first: 1, last: 1, tag: 3 }), ..request() },
        )
        .await,
    );
    assert!(!full.message.is_empty());
}
