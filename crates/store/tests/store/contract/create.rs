//! Opening conversations and finding them.

use mab_core::{
    Code, Failure, SessionId,
    agent::Permission,
    entity::{AgentState, ConversationState, Member},
    limit::Kind,
    policy::{Action, Principal},
};

use crate::kit::{Kit, LIFE_S, charge, code, refused, stamp_of};

pub(crate) async fn conversation_when_opened_is_found_whole(kit: &Kit) {
    let (room, new) = kit.new_room(2);
    let topic = new.topic.as_ref().unwrap().as_bytes().to_vec();
    let roles: Vec<_> = new.agents.iter().map(|agent| agent.role.as_bytes().to_vec()).collect();
    let stamp = stamp_of(Principal::newcomer(), Action::Create, charge(Kind::Create, &[]));
    kit.store.create(stamp, new).await.unwrap();
    let now = mab_core::Clock::now(kit.clock.as_ref());
    let state = kit.state(&room).await;
    let agent = |ordinal: u8, permission| AgentState {
        session: SessionId::from_ordinal(ordinal),
        ordinal,
        role: Some(roles[usize::from(ordinal)].clone()),
        permission,
        epoch: 0,
        revoked: false,
        joined_at: None,
        status: None,
        note: None,
        status_at: None,
        last_seen_at: None,
        listening: false,
        unread: 0,
        last_acknowledged_seq: None,
    };
    let expected = ConversationState {
        id: room.id,
        pk: state.pk,
        created_at: now,
        expires_at: now.plus_seconds(LIFE_S),
        purged_at: None,
        pause: None,
        wrapped_key: Some(room.wrapped.clone()),
        topic: Some(topic),
        messages: 0,
        size_bytes: 0,
        audit_entries: 1,
        agents: vec![agent(0, Permission::Owner), agent(1, Permission::Member)],
    };
    assert_eq!(state, expected);
    let member = kit.store.member(room.id, &"b".parse().unwrap()).await.unwrap().unwrap();
    let expected = Member {
        conversation: room.id,
        conversation_pk: state.pk,
        agent_pk: member.agent_pk,
        session: "b".parse().unwrap(),
        ordinal: 1,
        permission: Permission::Member,
        epoch: 0,
        revoked: false,
        expires_at: now.plus_seconds(LIFE_S),
        wrapped_key: Some(room.wrapped.clone()),
    };
    assert_eq!(member, expected);
}

pub(crate) async fn conversation_when_its_name_is_taken_changes_nothing(kit: &Kit) {
    let room = kit.room(2).await;
    let before = kit.state(&room).await;
    let (_, mut twin) = kit.new_room(3);
    twin.id = room.id;
    let stamp = stamp_of(Principal::newcomer(), Action::Create, charge(Kind::Create, &[]));
    let failed = kit.store.create(stamp, twin).await;
    assert!(matches!(failed, Err(Failure::Fault(_))), "{failed:?}");
    assert_eq!(kit.store.conversations(None, 9).await.unwrap(), [before]);
}

pub(crate) async fn conversations_are_listed_newest_first_and_only_the_active_when_asked(kit: &Kit) {
    let (first, second) = (kit.room(2).await, kit.room(2).await);
    kit.clock.pass_s(60);
    let third = kit.room(2).await;
    let list = async |active_at, limit| -> Vec<_> {
        let found = kit.store.conversations(active_at, limit).await.unwrap();
        found.into_iter().map(|state| state.id).collect()
    };
    let now = mab_core::Clock::now(kit.clock.as_ref());
    assert_eq!(list(None, 9).await, [third.id, second.id, first.id]);
    assert_eq!(list(None, 2).await, [third.id, second.id]);
    assert_eq!(list(Some(now), 9).await, [third.id, second.id, first.id]);
    assert_eq!(list(Some(now.plus_seconds(LIFE_S - 60)), 9).await, [third.id]);
    assert_eq!(list(Some(now.plus_seconds(LIFE_S)), 9).await, []);
}

pub(crate) async fn create_when_its_window_is_full_is_refused_for_the_whole_folder(kit: &Kit) {
    let create = async || {
        let (_, new) = kit.new_room(2);
        let charge = charge(Kind::Create, &[(2, 60)]);
        kit.store.create(stamp_of(Principal::newcomer(), Action::Create, charge), new).await
    };
    create().await.unwrap();
    kit.clock.pass_s(10);
    create().await.unwrap();
    kit.clock.move_ms(1);
    let full = refused(create().await);
    assert_eq!((full.code, full.retry_after_s), (Code::RateLimited, Some(50)));
    assert_eq!(kit.store.conversations(None, 9).await.unwrap().len(), 2);
    let entry = kit.audit(None, 1).await.remove(0);
    assert_eq!((entry.conversation, entry.entry.outcome.as_str()), (None, "rate_limited"));
    kit.clock.pass_s(50);
    create().await.unwrap();
    assert_eq!(code(create().await), Code::RateLimited);
}

pub(crate) async fn member_when_unknown_is_none(kit: &Kit) {
    let room = kit.room(2).await;
    let member = async |id, name: &str| kit.store.member(id, &name.parse().unwrap()).await.unwrap();
    assert!(member(room.id, "a").await.is_some());
    assert_eq!(member(room.id, "c").await, None);
    let (other, _) = kit.new_room(2);
    assert_eq!(member(other.id, "a").await, None);
    assert_eq!(kit.store.conversation(other.id).await.unwrap(), None);
    // The bridge's own row is nobody's conversation.
    let bridge = mab_core::ConversationId::from_bytes([0; 8]);
    assert_eq!(kit.store.conversation(bridge).await.unwrap(), None);
}
