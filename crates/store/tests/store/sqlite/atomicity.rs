//! The change and its audit entry are one: when either cannot be written, neither is.

use mab_core::{Failure, entity::OfferRequest, execution::RunState, policy::Action};

use super::SqliteEngine;
use crate::kit::{Kit, request, run, seqs};

/// Makes every further insert into a table fail: an index over what cannot be computed. (A trigger would not run.)
fn forbid(kit: &Kit, table: &str, newest: &str) {
    let newest_key = kit.number(&format!("SELECT coalesce(max({newest}), 0) FROM {table}"));
    kit.edit(&format!(
        "CREATE INDEX forbid ON {table} (abs({newest} * 0 - 9223372036854775807 - 1)) WHERE {newest} > {newest_key}"
    ));
}

#[test]
fn send_and_check_when_their_entry_cannot_be_written_change_nothing() {
    run(SqliteEngine::fresh(), async |kit: &Kit| {
        let room = kit.room(2).await;
        kit.send(&room, "a", "before").await;
        let batch = kit.check(&room, "b", request()).await.batch;
        let before = kit.state(&room).await;
        forbid(kit, "audit", "key");
        let stamp = kit.stamp(&room, "a", Action::Send).await;
        let sent = kit.store.append(stamp, kit.message(&room, "never")).await;
        assert!(matches!(sent, Err(Failure::Fault(_))), "{sent:?}");
        let checked = kit.try_check(&room, "b", OfferRequest { ack: batch, ..request() }).await;
        assert!(matches!(checked, Err(Failure::Fault(_))), "{checked:?}");
        assert_eq!(kit.state(&room).await, before);

        kit.edit("DROP INDEX forbid");
        assert_eq!(kit.send(&room, "a", "after").await.id.seq, 2);
        let next = kit.check(&room, "b", OfferRequest { ack: batch, ..request() }).await;
        assert_eq!(seqs(&next.messages), [2]);
        kit.assert_sound().await;
    });
}

#[test]
fn send_when_an_inbox_cannot_be_written_changes_nothing() {
    run(SqliteEngine::fresh(), async |kit: &Kit| {
        let room = kit.room(3).await;
        let before = kit.state(&room).await;
        forbid(kit, "inbox", "seq");
        let stamp = kit.stamp(&room, "a", Action::Send).await;
        let sent = kit.store.append(stamp, kit.message(&room, "never")).await;
        assert!(matches!(sent, Err(Failure::Fault(_))), "{sent:?}");
        assert_eq!(kit.state(&room).await, before);
        assert_eq!(kit.number("SELECT count(*) FROM message"), 0);
        kit.assert_sound().await;
    });
}

#[test]
fn steps_of_a_command_when_their_entry_cannot_be_written_change_nothing() {
    run(SqliteEngine::fresh(), async |kit: &Kit| {
        let (room, person) = kit.enabled(2).await;
        let (waits, agreed_to) = (kit.ask(&room, "a").await, kit.approved(&room, "b", &person).await);
        let agreed = kit.proof(&room, &person, agreed_to).await;
        let before = (kit.state(&room).await, kit.store.execution(None).await.unwrap());
        forbid(kit, "audit", "key");
        let answered = kit.answer(&room, waits, person.says_yes(kit, waits)).await;
        assert!(matches!(answered, Err(Failure::Fault(_))), "{answered:?}");
        let started = kit.start(&room, "b", (agreed_to, agreed)).await;
        assert!(matches!(started, Err(Failure::Fault(_))), "{started:?}");
        let disabled = kit.disable(&room).await;
        assert!(matches!(disabled, Err(Failure::Fault(_))), "{disabled:?}");
        assert_eq!((kit.state(&room).await, kit.store.execution(None).await.unwrap()), before);

        kit.edit("DROP INDEX forbid");
        kit.start(&room, "b", (agreed_to, agreed)).await.unwrap();
        kit.assert_sound().await;
    });
}

#[test]
fn command_when_its_message_cannot_be_delivered_is_not_asked_for() {
    run(SqliteEngine::fresh(), async |kit: &Kit| {
        let (room, _) = kit.enabled(2).await;
        let before = kit.state(&room).await;
        forbid(kit, "inbox", "seq");
        let asked = kit.try_ask(&room, "b", kit.new_run(&room, RunState::Pending)).await;
        assert!(matches!(asked, Err(Failure::Fault(_))), "{asked:?}");
        assert_eq!((kit.state(&room).await, kit.number("SELECT count(*) FROM run")), (before, 0));
        kit.assert_sound().await;
    });
}

#[test]
fn trigger_when_planted_does_not_run() {
    run(SqliteEngine::fresh(), async |kit: &Kit| {
        let room = kit.room(2).await;
        kit.edit("CREATE TRIGGER planted AFTER INSERT ON audit BEGIN DELETE FROM audit; END");
        kit.send(&room, "a", "x").await;
        kit.assert_sound().await;
    });
}
