//! What remains of a conversation that ended.

use mab_core::{
    Clock, Code,
    agent::Status,
    entity::{ConversationState, HistoryPage, Purged},
    limit::{Kind, Peer},
    policy::Action,
};

use crate::kit::{Kit, LIFE_S, Room, charge, code, operator, request, stranger};

/// A conversation in which everything was used.
async fn lived_in(kit: &Kit) -> Room {
    let room = kit.room(2).await;
    let stamp = kit.stamp(&room, "a", Action::Send).await;
    kit.store.append(stamp, kit.keyed(&room, "a", "a key", "one")).await.unwrap();
    kit.check(&room, "b", request()).await;
    kit.send(&room, "b", "two").await;
    let note = kit.seal(&room, ("agent", "note"), b"b", "a note");
    let stamp = kit.stamp(&room, "b", Action::UpdateStatus).await;
    kit.store.set_status(stamp, Status::Working, Some(note)).await.unwrap();
    room
}

async fn purge(kit: &Kit) -> Purged {
    kit.store.purge(operator(Action::Cleanup)).await.unwrap()
}

pub(crate) async fn ended_conversation_keeps_nothing_but_its_chain(kit: &Kit) {
    let room = lived_in(kit).await;
    let before = kit.state(&room).await;
    kit.clock.pass_s(LIFE_S);
    assert_eq!(purge(kit).await, Purged { conversations: 1, messages: 2, log_emptied: true });
    let state = kit.state(&room).await;
    let expected = ConversationState {
        purged_at: Some(kit.clock.now()),
        wrapped_key: None,
        topic: None,
        size_bytes: 0,
        audit_entries: before.audit_entries + 1,
        agents: state.agents.clone(),
        ..before
    };
    assert_eq!(state, expected);
    for agent in &state.agents {
        assert_eq!((&agent.role, &agent.note, agent.status, agent.unread), (&None, &None, None, 0));
    }
    assert_eq!(kit.store.history(state.pk, None, None, 100).await.unwrap(), HistoryPage::default());
    for table in ["message", "inbox", "repeatable"] {
        assert_eq!(kit.number(&format!("SELECT count(*) FROM {table}")), 0, "{table}");
    }
    assert_eq!(kit.number("SELECT count(*) FROM accepted WHERE subject <> 0"), 0);
    assert_eq!(kit.newest_entry(&room).await.entry.detail, r#"{"messages":2}"#);
}

pub(crate) async fn active_conversations_are_spared(kit: &Kit) {
    let ended = lived_in(kit).await;
    kit.clock.pass_s(1);
    let active = lived_in(kit).await;
    let before = kit.state(&active).await;
    kit.clock.pass_s(LIFE_S - 1);
    assert_eq!(purge(kit).await.conversations, 1);
    assert_eq!(kit.state(&active).await, before);
    assert!(kit.state(&ended).await.purged_at.is_some());
    let page = kit.store.history(before.pk, None, None, 9).await.unwrap();
    assert_eq!(active.texts(&page.messages), ["two", "one"]);
    kit.clock.pass_s(1);
    assert_eq!(purge(kit).await.conversations, 1, "now its time is over too");
}

pub(crate) async fn purge_when_repeated_does_nothing(kit: &Kit) {
    let room = lived_in(kit).await;
    assert_eq!(purge(kit).await, Purged { conversations: 0, messages: 0, log_emptied: true });
    kit.clock.pass_s(LIFE_S);
    purge(kit).await;
    let state = kit.state(&room).await;
    kit.clock.pass_s(LIFE_S);
    assert_eq!(purge(kit).await, Purged { conversations: 0, messages: 0, log_emptied: true });
    assert_eq!(kit.state(&room).await, state);
}

pub(crate) async fn purged_conversation_is_expired_to_its_agents(kit: &Kit) {
    let room = lived_in(kit).await;
    let stamp = kit.stamp(&room, "a", Action::Send).await;
    let late = kit.message(&room, "late");
    kit.clock.pass_s(LIFE_S);
    purge(kit).await;
    // Even when the clock is set back: the key is gone.
    kit.clock.move_ms(-1);
    let before = kit.state(&room).await;
    assert_eq!(code(kit.store.append(stamp, late).await), Code::Expired);
    kit.assert_only_recorded(&room, before, Code::Expired).await;
    let member = kit.store.member(room.id, &"a".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(member.wrapped_key, None);
}

pub(crate) async fn purge_forgets_no_wrong_credentials_of_a_peer_numbered_like_an_agent(kit: &Kit) {
    lived_in(kit).await;
    kit.clock.pass_s(LIFE_S);
    let three = || charge(Kind::Guess, &[(3, 60)]);
    let peers = || (0..4).map(Peer::user);
    for peer in peers() {
        for _ in 0..3 {
            kit.store.guessed_wrong(peer, three(), stranger(None, Code::InvalidToken)).await.unwrap();
        }
    }
    assert_eq!(purge(kit).await.conversations, 1);
    for peer in peers() {
        assert_eq!(code(kit.store.may_guess(peer, three()).await), Code::RateLimited);
    }
}
