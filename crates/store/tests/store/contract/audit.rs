//! The audit trail: complete, and broken by any touch.

use mab_core::{
    Code, ConversationId, Timestamp,
    agent::{Permission, Status},
    entity::OfferRequest,
    evidence::{ChainReport, Finding, Kind},
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

    let mut rows = kit.audit(Some(room.id), 100).await;
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
    assert_eq!(kit.examined(None).await, [whole(None, 1), whole(Some(room.id), 11)]);
    assert_eq!(kit.examined(Some(room.id)).await, [whole(Some(room.id), 11)]);
    let unknown = kit.new_room(1).0.id;
    assert_eq!(kit.examined(Some(unknown)).await, []);
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

fn whole(conversation: Option<ConversationId>, entries: u64) -> ChainReport {
    ChainReport { conversation, entries, anchored: 0, findings: Vec::new() }
}

async fn assert_broken(kit: &Kit, room: &Room, what: &str, finding: Finding) {
    let found = kit.examined(Some(room.id)).await.remove(0);
    assert_eq!((found.conversation, found.findings), (Some(room.id), vec![finding]), "{what}");
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
        assert_broken(kit, &room, change, Finding::new(Kind::Changed).at(3)).await;
    }
    // Every other chain still holds: one per room above, and the bridge's.
    let room = spoken(kit).await;
    let reports = kit.examined(None).await;
    assert_eq!(reports.iter().filter(|report| !report.findings.is_empty()).count(), 8);
    assert!(reports.contains(&whole(Some(room.id), 5)));
    assert!(reports.contains(&whole(None, 0)));
}

pub(crate) async fn entry_when_deleted_swapped_truncated_or_added_is_found(kit: &Kit) {
    let room = spoken(kit).await;
    let (first, last) = (key(kit, &room, 1).await, key(kit, &room, 5).await);
    kit.edit(&format!("DELETE FROM audit WHERE key = {first}"));
    assert_broken(kit, &room, "the first deleted", Finding::new(Kind::Deleted).at(1).to(1)).await;

    let room = spoken(kit).await;
    let (two, three) = (key(kit, &room, 2).await, key(kit, &room, 3).await);
    kit.edit(&format!("DELETE FROM audit WHERE key = {two}"));
    assert_broken(kit, &room, "one deleted", Finding::new(Kind::Deleted).at(2).to(2)).await;
    kit.edit(&format!("UPDATE audit SET key = {two} WHERE key = {three}"));
    assert_broken(kit, &room, "the next moved up", Finding::new(Kind::Changed).at(2)).await;

    let room = spoken(kit).await;
    let (two, three) = (key(kit, &room, 2).await, key(kit, &room, 3).await);
    for (from, to) in [(&two, "-1"), (&three, two.as_str()), (&"-1".to_owned(), three.as_str())] {
        assert_eq!(kit.edit(&format!("UPDATE audit SET key = {to} WHERE key = {from}")), 1);
    }
    assert_broken(kit, &room, "two swapped", Finding::new(Kind::Swapped).at(2).to(3)).await;

    let room = spoken(kit).await;
    let last_of_it = key(kit, &room, 5).await;
    assert_ne!(last_of_it, last);
    kit.edit(&format!("DELETE FROM audit WHERE key = {last_of_it}"));
    assert_broken(kit, &room, "the last deleted", Finding::new(Kind::Truncated).at(5).to(5)).await;
    kit.edit(&format!("DELETE FROM audit WHERE key BETWEEN {} AND {last_of_it}", key(kit, &room, 0).await));
    assert_broken(kit, &room, "all deleted", Finding::new(Kind::Truncated).at(1).to(5)).await;

    let room = spoken(kit).await;
    let (last, next) = (key(kit, &room, 5).await, key(kit, &room, 6).await);
    kit.edit(&format!(
        "INSERT INTO audit SELECT {next}, at, actor, action, outcome, detail, hash, mark FROM audit WHERE key = {last}"
    ));
    assert_broken(kit, &room, "one added", Finding::new(Kind::Duplicated).at(6).to(5)).await;

    let room = spoken(kit).await;
    let zeroth = key(kit, &room, 0).await;
    kit.edit(&format!(
        "INSERT INTO audit VALUES ({zeroth}, 0, 'a', 'send', 'ok', '{{}}', zeroblob(32), NULL)"
    ));
    assert_broken(kit, &room, "one put before the first", Finding::new(Kind::Forged).at(0)).await;
}

pub(crate) async fn chain_of_the_bridge_is_verified_too(kit: &Kit) {
    for _ in 0..3 {
        kit.store.refuse(stranger(None, Code::InvalidToken)).await.unwrap();
    }
    assert_eq!(kit.examined(None).await, [whole(None, 3)]);
    kit.edit("DELETE FROM audit WHERE key = 3");
    let found = async || kit.examined(None).await.remove(0).findings;
    assert_eq!(found().await, [Finding::new(Kind::Truncated).at(3).to(3)]);
    // A shorter count does not hide it: the head is that of three.
    kit.edit("UPDATE conversation SET audit_n = 2 WHERE pk = 0");
    assert_eq!(found().await, [Finding::new(Kind::RowMismatch).at(2)]);
}

pub(crate) async fn entry_that_is_not_text_is_found_and_hides_nothing_else(kit: &Kit) {
    let (room, sound) = (spoken(kit).await, spoken(kit).await);
    let key = key(kit, &room, 3).await;
    kit.edit(&format!("UPDATE audit SET actor = CAST(x'ff' AS TEXT) WHERE key = {key}"));
    let reports = kit.examined(None).await;
    let broken = |report: &ChainReport| report.conversation == Some(room.id);
    let found = reports.iter().find(|report| broken(report)).unwrap();
    assert_eq!(found.findings, [Finding::new(Kind::Changed).at(3)]);
    assert!(reports.contains(&whole(Some(sound.id), 5)));
    let listed = kit.audit(Some(room.id), 100).await;
    assert!(listed.iter().map(|row| row.entry.n).eq([5, 4, 3, 2, 1]), "the others can still be read");
}

pub(crate) async fn entries_are_listed_newest_first(kit: &Kit) {
    let (room, other) = (spoken(kit).await, kit.room(2).await);
    kit.clock.pass_s(1);
    kit.store.refuse(stranger(None, Code::InvalidToken)).await.unwrap();
    let told = async |only, limit| -> Vec<_> {
        let rows = kit.audit(only, limit).await;
        rows.into_iter().map(|row| (row.conversation, row.entry.n)).collect()
    };
    let (one, two) = (Some(room.id), Some(other.id));
    assert_eq!(told(one, 2).await, [(one, 5), (one, 4)]);
    assert_eq!(told(two, 9).await, [(two, 1)]);
    assert_eq!(told(None, 3).await, [(None, 1), (two, 1), (one, 5)]);
    assert_eq!(told(None, 100).await.len(), 7);
    let first = kit.audit(one, 100).await.pop().unwrap();
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
