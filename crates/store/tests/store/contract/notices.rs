//! What the bridge itself says is a message like any other to whoever reads it, and nobody else can say it.

use mab_core::{
    Clock, Code, SessionId,
    agent::{DeliveryState, Permission, SYSTEM_ORDINAL},
    entity::{NewMessage, OfferRequest, RunAnswer},
    evidence::Kind,
    loop_guard::LoopGuard,
    policy::Action,
};

use crate::{
    commands::NO,
    kit::{Kit, Room, code, operator, request, seqs, sessions},
};

pub(crate) async fn notice_is_read_acknowledged_found_and_replied_to(kit: &Kit) {
    let (room, _) = kit.enabled(2).await;
    kit.ask(&room, "b").await;
    let pk = kit.state(&room).await.pk;
    for session in ["a", "b"] {
        let offered = kit.check(&room, session, request()).await;
        assert_eq!(room.texts(&offered.messages), ["enabled", "asked"], "{session}");
        for message in &offered.messages {
            assert_eq!((&message.sender, message.sender_ordinal), (&SessionId::system(), SYSTEM_ORDINAL));
            assert_eq!((&message.sender_role, message.standing), (&None, None));
        }
        let received = kit.check(&room, session, OfferRequest { ack: offered.batch, ..request() }).await;
        assert!(received.messages.is_empty());
    }
    for session in ["a", "b"] {
        let asked = kit.store.history(pk, None, Some(3), 1).await.unwrap().messages.remove(0);
        let reply = NewMessage { reply_to: Some(asked.id), ..kit.message(&room, "why?") };
        kit.store.append(kit.stamp(&room, session, Action::Send).await, reply).await.unwrap();
    }
    for viewer in [None, Some(0), Some(1)] {
        let page = kit.store.history(pk, viewer, None, 9).await.unwrap();
        assert_eq!(room.texts(&page.messages), ["why?", "why?", "asked", "enabled"]);
        assert!(page.damaged.is_empty());
    }
    let receipts = kit.store.receipts(pk, None, Some(2), 9).await.unwrap();
    let [a, b] = ["a", "b"].map(|name| (name.parse().unwrap(), DeliveryState::Acknowledged));
    assert_eq!(receipts[0].to, [a, b]);
    assert_eq!(seqs(&kit.store.history(pk, None, Some(2), 9).await.unwrap().messages), [1]);
    for sender in [0, 1] {
        assert_eq!(kit.store.receipts(pk, Some(sender), None, 9).await.unwrap().len(), 1, "the reply");
    }
}

pub(crate) async fn notice_is_seen_at_a_glance_and_is_overdue_to_nobody(kit: &Kit) {
    let (room, _) = kit.enabled(2).await;
    kit.send(&room, "a", "hello").await;
    let b = kit.store.member(room.id, &"b".parse().unwrap()).await.unwrap().unwrap();
    let glance = kit.store.glance(b.agent_pk).await.unwrap().unwrap();
    let from: Vec<_> =
        glance.from.iter().map(|(name, from)| (name.as_str(), from.unread, from.new)).collect();
    assert_eq!((glance.unread, from), (2, vec![("a", 1, 1), ("system", 1, 1)]));
    let overdue = kit.store.overdue(b.conversation_pk, 0).await.unwrap();
    assert_eq!(overdue.iter().map(|one| one.id.seq).collect::<Vec<_>>(), [2]);
}

pub(crate) async fn notice_reaches_who_reads_messages_and_nobody_else(kit: &Kit) {
    let (room, person) = kit.enabled(2).await;
    for (session, permission) in [("observer", Permission::Observer), ("auditor", Permission::Auditor)] {
        let agent = kit.new_agent(&room, session, permission);
        kit.store.invite(kit.stamp(&room, "a", Action::Invite).await, agent).await.unwrap();
    }
    kit.store.remove(operator(Action::Remove), room.id, "b".parse().unwrap()).await.unwrap();
    kit.enable(&room, &person, 60).await.unwrap();
    let pk = kit.state(&room).await.pk;
    let receipt = kit.store.receipts(pk, None, None, 1).await.unwrap().remove(0);
    assert_eq!(
        receipt.to.into_iter().map(|(name, _)| name).collect::<Vec<_>>(),
        sessions(&["a", "observer"])
    );
}

pub(crate) async fn notice_wakes_who_waits(kit: &Kit) {
    let (room, person) = kit.enabled(2).await;
    let wanted = kit.ask(&room, "b").await;
    let b = kit.store.member(room.id, &"b".parse().unwrap()).await.unwrap().unwrap();
    let mut bell = kit.store.listen(b.agent_pk, 5, true);
    let other = kit.open_again();
    let before = kit.store.glance(b.agent_pk).await.unwrap().unwrap().arrivals;
    let answer = RunAnswer {
        conversation: room.id,
        id: wanted.id,
        hash: wanted.hash,
        says: person.says_yes(kit, wanted),
        uptime: kit.clock.uptime(),
    };
    let (stamp, notice) = (operator(Action::Approve), kit.notice(&room, "answered"));
    let ((), answered) = tokio::join!(bell.rung(), other.answer_run(stamp, answer, notice));
    answered.unwrap();
    assert_eq!(kit.store.glance(b.agent_pk).await.unwrap().unwrap().arrivals, before + 1);
}

pub(crate) async fn notice_is_no_part_of_the_agents_talk(kit: &Kit) {
    let (room, _) = kit.enabled(2).await;
    let say = async |session| {
        let stamp = kit.stamp(&room, session, Action::Send).await;
        let loop_guard = LoopGuard { messages: 3, window_seconds: 3_600 };
        let message = NewMessage { loop_guard, ..kit.message(&room, "x") };
        kit.store.append(stamp, message).await.unwrap().paused
    };
    assert!(!say("a").await);
    for _ in 0..3 {
        kit.ask(&room, "b").await;
    }
    assert!(!say("b").await);
    assert!(say("a").await, "the third message of agents");
}

/// What is found in the conversation's chain and tables.
async fn found(kit: &Kit, room: &Room) -> Vec<Kind> {
    let report = kit.examined(Some(room.id)).await.remove(0);
    report.findings.into_iter().map(|finding| finding.kind).collect()
}

pub(crate) async fn notice_when_changed_deleted_or_given_to_another_sender_is_found(kit: &Kit) {
    for (sql, kind) in [
        ("UPDATE message SET body = x'00' WHERE key & 4294967295 = 2", Kind::MessageChanged),
        ("UPDATE message SET sender = 1 WHERE key & 4294967295 = 2", Kind::MessageChanged),
        ("UPDATE message SET audience = 1 WHERE key & 4294967295 = 2", Kind::MessageChanged),
        ("UPDATE message SET tag = x'0011223344556677' WHERE key & 4294967295 = 2", Kind::MessageChanged),
        ("UPDATE message SET sender = 255 WHERE key & 4294967295 = 3", Kind::MessageChanged),
        ("DELETE FROM message WHERE key & 4294967295 = 2", Kind::MessageMissing),
    ] {
        let room = kit.room(2).await;
        let person = match kit.store.approver().await.unwrap() {
            Some(_) => None,
            None => Some(kit.enrolled().await),
        };
        // One approver does for all: what it enables is enabled once.
        if let Some(person) = &person {
            kit.enable(&room, person, 60).await.unwrap();
        } else {
            kit.wish(&room, "a").await.unwrap();
        }
        kit.wish(&room, "b").await.unwrap();
        kit.send(&room, "a", "x").await;
        assert_eq!(found(kit, &room).await, [], "{sql}");
        let pk = kit.state(&room).await.pk;
        assert_eq!(kit.edit(&format!("{sql} AND key >> 32 = {pk}")), 1);
        assert_eq!(found(kit, &room).await, [kind], "{sql}");
    }
}

pub(crate) async fn message_that_claims_to_be_the_bridges_is_found(kit: &Kit) {
    let (room, _) = kit.enabled(2).await;
    let pk = kit.state(&room).await.pk;
    let forged = format!(
        "INSERT INTO message (key, tag, sender, audience, at, action_type, body)
         SELECT ({pk} << 32) + 2, tag, 255, 3, at, 'info', body FROM message WHERE key = ({pk} << 32) + 1"
    );
    assert_eq!(kit.edit(&forged), 1);
    assert_eq!(found(kit, &room).await, [Kind::MessageAdded]);
    assert_eq!(kit.edit(&format!("UPDATE conversation SET last_seq = 2 WHERE pk = {pk}")), 1);
    assert_eq!(found(kit, &room).await, [Kind::MessageAdded, Kind::StateMismatch]);
}

pub(crate) async fn answer_of_an_agent_is_told_as_the_bridges(kit: &Kit) {
    let (room, _) = kit.enabled(2).await;
    let agent = kit.new_agent(&room, "p", Permission::Approver);
    kit.store.invite(kit.stamp(&room, "a", Action::Invite).await, agent).await.unwrap();
    let wanted = kit.ask(&room, "b").await;
    let stamp = kit.stamp(&room, "p", Action::DenyRun).await;
    kit.answer_with(stamp, &room, wanted, NO).await.unwrap();
    let entry = kit.newest_entry(&room).await.entry;
    assert_eq!((entry.actor.as_str(), entry.action.as_str()), ("p", "deny_run"));
    let newest =
        kit.store.history(kit.state(&room).await.pk, None, None, 1).await.unwrap().messages.remove(0);
    assert_eq!(newest.sender, SessionId::system());
    let stamp = kit.stamp(&room, "p", Action::DenyRun).await;
    let again = kit.answer_with(stamp, &room, wanted, NO).await;
    assert_eq!(code(again), Code::ApprovalVoid);
}
