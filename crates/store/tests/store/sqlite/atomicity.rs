//! The change and its audit entry are one: when either cannot be written, neither is.

use mab_core::{Failure, entity::OfferRequest, policy::Action};

use super::SqliteEngine;
use crate::kit::{Kit, request, run, seqs};

/// Makes every insert into a table fail.
fn forbid(kit: &Kit, table: &str) {
    kit.edit(&format!(
        "CREATE TRIGGER forbid BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'forbidden by a test'); END"
    ));
}

#[test]
fn send_and_check_when_their_entry_cannot_be_written_change_nothing() {
    run(SqliteEngine::fresh(), async |kit: &Kit| {
        let room = kit.room(2).await;
        kit.send(&room, "a", "before").await;
        let batch = kit.check(&room, "b", request()).await.batch;
        let before = kit.state(&room).await;
        forbid(kit, "audit");
        let stamp = kit.stamp(&room, "a", Action::Send).await;
        let sent = kit.store.append(stamp, kit.message(&room, "never")).await;
        assert!(matches!(sent, Err(Failure::Fault(_))), "{sent:?}");
        let checked = kit.try_check(&room, "b", OfferRequest { ack: batch, ..request() }).await;
        assert!(matches!(checked, Err(Failure::Fault(_))), "{checked:?}");
        assert_eq!(kit.state(&room).await, before);

        kit.edit("DROP TRIGGER forbid");
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
        forbid(kit, "inbox");
        let stamp = kit.stamp(&room, "a", Action::Send).await;
        let sent = kit.store.append(stamp, kit.message(&room, "never")).await;
        assert!(matches!(sent, Err(Failure::Fault(_))), "{sent:?}");
        assert_eq!(kit.state(&room).await, before);
        assert_eq!(kit.number("SELECT count(*) FROM message"), 0);
        kit.assert_sound().await;
    });
}
