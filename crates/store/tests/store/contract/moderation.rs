//! Leaving, removing, handing over, pausing: who may, what ends, and what stays.

use mab_core::{
    Clock, Code, Failure, SessionId,
    agent::Permission::{self, Auditor, Member, Moderator, Observer, Owner},
    entity::{ConversationState, NewMessage, Paused},
    lease::{LeaseChange, NewLease},
    loop_guard::LoopGuard,
    moderation::{Pause, PausedBy},
    policy::Action,
};
use mab_store::TokenChange;

use crate::kit::{Kit, LIFE_S, Room, code, operator, refused, request, seqs, sessions};

fn named(session: &str) -> SessionId {
    session.parse().unwrap()
}

async fn invite(kit: &Kit, room: &Room, session: &str, permission: Permission) {
    let agent = kit.new_agent(room, session, permission);
    kit.store.invite(kit.stamp(room, "a", Action::Invite).await, agent).await.unwrap();
}

/// `a` is the owner, `b` a member, `m` a moderator.
async fn moderated(kit: &Kit) -> Room {
    let room = kit.room(2).await;
    invite(kit, &room, "m", Moderator).await;
    room
}

async fn leave(kit: &Kit, room: &Room, session: &str) -> Result<(), Failure> {
    kit.store.leave(kit.stamp(room, session, Action::Leave).await).await
}

async fn remove(kit: &Kit, room: &Room, who: &str, target: &str) -> Result<(), Failure> {
    kit.store.remove(kit.stamp(room, who, Action::Remove).await, room.id, named(target)).await
}

async fn transfer(kit: &Kit, room: &Room, who: &str, target: &str) -> Result<(), Failure> {
    kit.store.transfer(kit.stamp(room, who, Action::Transfer).await, room.id, named(target)).await
}

async fn pause(kit: &Kit, room: &Room, who: &str) -> Result<Paused, Failure> {
    kit.store.pause(kit.stamp(room, who, Action::Pause).await, room.id).await
}

async fn resume(kit: &Kit, room: &Room, who: &str) -> Result<Option<PausedBy>, Failure> {
    kit.store.resume(kit.stamp(room, who, Action::Resume).await, room.id).await
}

async fn paused_by(kit: &Kit, room: &Room) -> Option<PausedBy> {
    kit.state(room).await.pause.map(|pause| pause.by)
}

/// Who is there, and as what.
async fn present(kit: &Kit, room: &Room) -> Vec<(String, Permission)> {
    let agents = kit.state(room).await.agents.into_iter().filter(|agent| !agent.revoked);
    agents.map(|agent| (agent.session.to_string(), agent.permission)).collect()
}

fn are(members: &[(&str, Permission)]) -> Vec<(String, Permission)> {
    members.iter().map(|(session, permission)| ((*session).to_owned(), *permission)).collect()
}

async fn newest(kit: &Kit, room: &Room) -> [String; 4] {
    let entry = kit.newest_entry(room).await.entry;
    [entry.actor, entry.action, entry.outcome, entry.detail]
}

async fn reserve(kit: &Kit, room: &Room, session: &str) {
    let pk = kit.state(room).await.pk;
    let change = LeaseChange {
        seen_version: kit.store.leases(pk).await.unwrap().version,
        acquire: vec![NewLease { tag: [7; 8], path: kit.seal(room, ("lease", "path"), &[7; 8], "src") }],
        renew: Vec::new(),
        release: Vec::new(),
        exclusive: true,
        expires_at: kit.clock.now().plus_seconds(900),
    };
    kit.store.change_leases(kit.stamp(room, session, Action::Reserve).await, change).await.unwrap();
}

pub(crate) async fn agent_that_leaves_is_out_and_its_rows_stay(kit: &Kit) {
    let room = kit.room(3).await;
    kit.send(&room, "a", "to both").await;
    reserve(kit, &room, "b").await;
    let (send, check) =
        (kit.stamp(&room, "b", Action::Send).await, kit.stamp(&room, "b", Action::Check).await);
    leave(kit, &room, "b").await.unwrap();
    assert_eq!(newest(kit, &room).await, ["b", "leave", "ok", r#"{"leases":1}"#]);
    let state = kit.state(&room).await;
    assert!(state.agents[1].revoked && state.agents[1].epoch == 1 && !state.agents[2].revoked);
    assert_eq!(kit.unread(&room).await, [0, 1, 1], "what it never read stays unread");
    assert_eq!(kit.store.leases(state.pk).await.unwrap().rows.len(), 0);
    assert_eq!(code(kit.store.append(send, kit.message(&room, "late")).await), Code::Revoked);
    assert_eq!(code(kit.store.offer(check, request()).await), Code::Revoked);
    assert_eq!(kit.send(&room, "a", "to the rest").await.recipients, sessions(&["c"]));
}

pub(crate) async fn last_owner_leaves_only_when_nobody_remains(kit: &Kit) {
    let room = kit.room(2).await;
    let before = kit.state(&room).await;
    let denied = refused(leave(kit, &room, "a").await);
    assert_eq!(denied.code, Code::Conflict);
    assert!(denied.hint.unwrap().contains("transfer"));
    kit.assert_only_recorded(&room, before, Code::Conflict).await;
    invite(kit, &room, "co", Owner).await;
    leave(kit, &room, "a").await.unwrap();
    assert_eq!(code(leave(kit, &room, "co").await), Code::Conflict, "who left is no owner any more");
    leave(kit, &room, "b").await.unwrap();
    leave(kit, &room, "co").await.unwrap();
    assert_eq!(present(kit, &room).await, []);
}

pub(crate) async fn two_owners_when_they_leave_at_once_are_not_both_let_go(kit: &Kit) {
    let room = kit.room(2).await;
    invite(kit, &room, "co", Owner).await;
    let second = kit.open_again();
    let (one, other) =
        (kit.stamp(&room, "a", Action::Leave).await, kit.stamp(&room, "co", Action::Leave).await);
    let (one, other) = tokio::join!(kit.store.leave(one), second.leave(other));
    let refusals: Vec<_> = [one, other].into_iter().filter_map(Result::err).collect();
    assert!(matches!(refusals.as_slice(), [Failure::Denied(denied)] if denied.code == Code::Conflict));
}

pub(crate) async fn removed_agent_is_refused_and_gets_nothing(kit: &Kit) {
    let room = moderated(kit).await;
    reserve(kit, &room, "b").await;
    let check = kit.stamp(&room, "b", Action::Check).await;
    remove(kit, &room, "m", "b").await.unwrap();
    assert_eq!(newest(kit, &room).await, ["m", "remove", "ok", r#"{"leases":1,"session":["b"]}"#]);
    assert_eq!(present(kit, &room).await, are(&[("a", Owner), ("m", Moderator)]));
    assert_eq!(code(kit.store.offer(check, request()).await), Code::Revoked);
    // The operator removes anybody, an owner too.
    kit.store.remove(operator(Action::Remove), room.id, named("a")).await.unwrap();
    assert_eq!(newest(kit, &room).await, ["operator", "remove", "ok", r#"{"session":["a"]}"#]);
    assert_eq!(present(kit, &room).await, are(&[("m", Moderator)]));
}

pub(crate) async fn removal_that_may_not_be_is_refused_and_changes_nothing(kit: &Kit) {
    let room = moderated(kit).await;
    invite(kit, &room, "n", Moderator).await;
    kit.store.remove(operator(Action::Remove), room.id, named("b")).await.unwrap();
    for (who, target, expected) in [
        ("m", "a", Code::Forbidden),
        ("m", "n", Code::Forbidden),
        ("m", "m", Code::InvalidArguments),
        ("a", "a", Code::InvalidArguments),
        ("a", "b", Code::Conflict),
        ("a", "nobody", Code::UnknownRecipient),
    ] {
        let before = kit.state(&room).await;
        assert_eq!(code(remove(kit, &room, who, target).await), expected, "{who} {target}");
        kit.assert_only_recorded(&room, before, expected).await;
    }
    let before = kit.state(&room).await;
    let by_operator =
        async |id, target| code(kit.store.remove(operator(Action::Remove), id, named(target)).await);
    assert_eq!(by_operator(room.id, "b").await, Code::Conflict);
    assert_eq!(by_operator(room.id, "nobody").await, Code::NotFound);
    assert_eq!(by_operator(kit.new_room(2).0.id, "a").await, Code::NotFound);
    kit.clock.pass_s(LIFE_S);
    assert_eq!(by_operator(room.id, "a").await, Code::Expired);
    assert_eq!(kit.state(&room).await, before);
}

pub(crate) async fn rank_that_changed_in_between_counts_as_it_is_now(kit: &Kit) {
    let room = moderated(kit).await;
    let (by_moderator, by_owner) =
        (kit.stamp(&room, "m", Action::Remove).await, kit.stamp(&room, "a", Action::Remove).await);
    transfer(kit, &room, "a", "m").await.unwrap();
    assert_eq!(code(kit.store.remove(by_owner, room.id, named("b")).await), Code::Forbidden);
    // Who was a moderator when it was let in is the owner by now.
    kit.store.remove(by_moderator, room.id, named("a")).await.unwrap();
    assert_eq!(present(kit, &room).await, are(&[("b", Member), ("m", Owner)]));
}

pub(crate) async fn reaching_into_another_conversation_is_a_fault(kit: &Kit) {
    let (room, other) = (kit.room(2).await, kit.room(2).await);
    let before = kit.state(&other).await;
    let stamp = kit.stamp(&room, "a", Action::Remove).await;
    assert!(matches!(kit.store.remove(stamp, other.id, named("b")).await, Err(Failure::Fault(_))));
    assert_eq!(kit.state(&other).await, before);
}

pub(crate) async fn ownership_when_transferred_changes_hands_at_once(kit: &Kit) {
    let room = kit.room(2).await;
    invite(kit, &room, "o", Observer).await;
    invite(kit, &room, "co", Owner).await;
    transfer(kit, &room, "a", "o").await.unwrap();
    assert_eq!(newest(kit, &room).await, ["a", "transfer", "ok", r#"{"before":["a"],"owner":["o"]}"#]);
    let expected = [("a", Member), ("b", Member), ("o", Owner), ("co", Owner)];
    assert_eq!(present(kit, &room).await, are(&expected), "another owner stays one");
    kit.send(&room, "o", "an observer no more").await;
    // The operator makes one the only owner, also one that is an owner already.
    let stamp = || operator(Action::Transfer);
    for (target, before) in [("b", r#"["o","co"]"#), ("b", "[]"), ("a", r#"["b"]"#)] {
        kit.store.transfer(stamp(), room.id, named(target)).await.unwrap();
        let detail = format!(r#"{{"before":{before},"owner":["{target}"]}}"#);
        assert_eq!(newest(kit, &room).await, ["operator", "transfer", "ok", &detail]);
    }
    let expected = [("a", Owner), ("b", Member), ("o", Member), ("co", Member)];
    assert_eq!(present(kit, &room).await, are(&expected));
}

pub(crate) async fn transfer_that_may_not_be_is_refused_and_changes_nothing(kit: &Kit) {
    let room = kit.room(3).await;
    leave(kit, &room, "c").await.unwrap();
    for (target, expected) in
        [("a", Code::InvalidArguments), ("c", Code::Conflict), ("nobody", Code::UnknownRecipient)]
    {
        let before = kit.state(&room).await;
        assert_eq!(code(transfer(kit, &room, "a", target).await), expected, "{target}");
        kit.assert_only_recorded(&room, before, expected).await;
    }
    let by_operator =
        async |target| code(kit.store.transfer(operator(Action::Transfer), room.id, named(target)).await);
    assert_eq!(by_operator("c").await, Code::Conflict);
    assert_eq!(by_operator("nobody").await, Code::NotFound);
    kit.clock.pass_s(LIFE_S);
    assert_eq!(by_operator("b").await, Code::Expired);
}

pub(crate) async fn pause_of_a_moderator_stops_sends_until_one_resumes(kit: &Kit) {
    let room = moderated(kit).await;
    assert_eq!(pause(kit, &room, "m").await.unwrap(), Paused { by: PausedBy::Moderator, is_new: true });
    assert_eq!(newest(kit, &room).await, ["m", "pause", "ok", r#"{"by":"moderator","was":"active"}"#]);
    let before = kit.state(&room).await;
    assert_eq!(before.pause, Some(Pause { at: kit.clock.now(), by: PausedBy::Moderator }));
    let stamp = kit.stamp(&room, "a", Action::Send).await;
    let denied = refused(kit.store.append(stamp, kit.message(&room, "x")).await);
    assert_eq!((denied.code, denied.message.as_str()), (Code::Paused, PausedBy::Moderator.reason()));
    assert!(denied.hint.unwrap().contains("action resume"), "an owner may lift it");
    kit.assert_only_recorded(&room, before.clone(), Code::Paused).await;
    assert_eq!(kit.check(&room, "b", request()).await.paused_by, Some(PausedBy::Moderator));
    // Twice is once, and leaves no entry.
    let before = kit.state(&room).await;
    assert_eq!(pause(kit, &room, "a").await.unwrap(), Paused { by: PausedBy::Moderator, is_new: false });
    assert_eq!(kit.state(&room).await, before);

    assert_eq!(resume(kit, &room, "a").await.unwrap(), Some(PausedBy::Moderator));
    assert_eq!(newest(kit, &room).await, ["a", "resume", "ok", r#"{"by":"moderator","was":"paused"}"#]);
    kit.send(&room, "b", "on we go").await;
    let before = kit.state(&room).await;
    assert_eq!(resume(kit, &room, "m").await.unwrap(), None);
    assert_eq!(kit.state(&room).await, before, "nothing to resume is nothing to record");
}

pub(crate) async fn pause_of_the_operator_takes_over_and_no_agent_lifts_it(kit: &Kit) {
    let room = moderated(kit).await;
    pause(kit, &room, "m").await.unwrap();
    let since = kit.clock.now();
    kit.clock.pass_s(5);
    let by_operator = async || kit.store.pause(operator(Action::Pause), room.id).await.unwrap();
    assert_eq!(by_operator().await, Paused { by: PausedBy::Operator, is_new: true });
    assert_eq!(newest(kit, &room).await, ["operator", "pause", "ok", r#"{"by":"operator","was":"paused"}"#]);
    assert_eq!(kit.state(&room).await.pause, Some(Pause { at: since, by: PausedBy::Operator }));
    assert_eq!(by_operator().await, Paused { by: PausedBy::Operator, is_new: false });
    for who in ["a", "m"] {
        assert_eq!(pause(kit, &room, who).await.unwrap(), Paused { by: PausedBy::Operator, is_new: false });
        let before = kit.state(&room).await;
        let denied = refused(resume(kit, &room, who).await);
        let hint = format!("tell your user, who can run `mab resume {}`", room.id);
        assert_eq!((denied.code, denied.hint), (Code::Paused, Some(hint)));
        kit.assert_only_recorded(&room, before, Code::Paused).await;
    }
    let lifted = kit.open_again().resume(operator(Action::Resume), room.id).await.unwrap();
    assert_eq!(lifted, Some(PausedBy::Operator));
    kit.send(&room, "b", "on we go").await;
}

pub(crate) async fn pause_of_the_loop_guard_is_no_agents_to_lift_or_to_take_over(kit: &Kit) {
    let room = moderated(kit).await;
    let guarded = async |session| {
        let loop_guard = LoopGuard { messages: 2, window_seconds: 600 };
        let stamp = kit.stamp(&room, session, Action::Send).await;
        kit.store.append(stamp, NewMessage { loop_guard, ..kit.message(&room, "x") }).await
    };
    guarded("a").await.unwrap();
    // A pause between two messages does not break the talk.
    pause(kit, &room, "m").await.unwrap();
    resume(kit, &room, "m").await.unwrap();
    resume(kit, &room, "a").await.unwrap();
    assert!(guarded("b").await.unwrap().paused);
    assert_eq!(pause(kit, &room, "m").await.unwrap(), Paused { by: PausedBy::LoopGuard, is_new: false });
    assert_eq!(code(resume(kit, &room, "m").await), Code::Paused);
    assert_eq!(paused_by(kit, &room).await, Some(PausedBy::LoopGuard));
    kit.store.pause(operator(Action::Pause), room.id).await.unwrap();
    assert_eq!(paused_by(kit, &room).await, Some(PausedBy::Operator));
    kit.store.resume(operator(Action::Resume), room.id).await.unwrap();
    guarded("a").await.unwrap();
}

pub(crate) async fn pause_of_before_schema_3_is_the_loop_guards(kit: &Kit) {
    let room = moderated(kit).await;
    kit.edit("UPDATE conversation SET paused_at = 1 WHERE pk <> 0");
    assert_eq!(paused_by(kit, &room).await, Some(PausedBy::LoopGuard));
    assert_eq!(code(resume(kit, &room, "m").await), Code::Paused);
}

pub(crate) async fn pause_of_nothing_or_of_what_is_over_is_refused(kit: &Kit) {
    let room = moderated(kit).await;
    let by_operator = async |id| code(kit.store.pause(operator(Action::Pause), id).await);
    assert_eq!(by_operator(kit.new_room(2).0.id).await, Code::NotFound);
    let late = kit.stamp(&room, "m", Action::Pause).await;
    kit.clock.pass_s(LIFE_S);
    assert_eq!(by_operator(room.id).await, Code::Expired);
    assert_eq!(code(kit.store.pause(late, room.id).await), Code::Expired);
    assert_eq!(paused_by(kit, &room).await, None);
}

pub(crate) async fn auditor_gets_no_message_however_it_is_sent(kit: &Kit) {
    let room = kit.room(2).await;
    invite(kit, &room, "x", Auditor).await;
    assert_eq!(kit.send(&room, "a", "to all").await.recipients, sessions(&["b"]));
    let before = kit.state(&room).await;
    let stamp = kit.stamp(&room, "a", Action::Send).await;
    let denied = refused(kit.store.append(stamp, kit.message_to(&room, "psst", &["b", "x"])).await);
    assert_eq!(denied.code, Code::UnknownRecipient);
    assert_eq!(denied.message, "x reads the audit trail only and receives no messages");
    kit.assert_only_recorded(&room, before, Code::UnknownRecipient).await;
    assert_eq!(kit.unread(&room).await, [0, 1, 0]);
    leave(kit, &room, "b").await.unwrap();
    let stamp = kit.stamp(&room, "a", Action::Send).await;
    assert_eq!(code(kit.store.append(stamp, kit.message(&room, "x")).await), Code::UnknownRecipient);
    // Made the owner it reads from then on.
    transfer(kit, &room, "a", "x").await.unwrap();
    kit.send(&room, "a", "welcome").await;
    assert_eq!(seqs(&kit.check(&room, "x", request()).await.messages), [2]);
}

pub(crate) async fn tokens_when_all_are_rotated_or_revoked_spare_nobody(kit: &Kit) {
    let room = kit.room(4).await;
    leave(kit, &room, "d").await.unwrap();
    reserve(kit, &room, "b").await;
    let manage =
        async |change| kit.store.manage_tokens(operator(Action::ManageTokens), room.id, Some(change)).await;
    let epochs =
        async || -> Vec<u32> { kit.state(&room).await.agents.iter().map(|agent| agent.epoch).collect() };
    let late = kit.stamp(&room, "b", Action::Send).await;
    manage(TokenChange::RotateAll).await.unwrap();
    assert_eq!(epochs().await, [1, 1, 1, 1], "who left has no token to rotate");
    let detail = r#"{"change":"rotated","session":["a","b","c"]}"#;
    assert_eq!(newest(kit, &room).await, ["operator", "manage_tokens", "ok", detail]);
    assert_eq!(code(kit.store.append(late, kit.message(&room, "late")).await), Code::TokenRotated);

    let late = kit.stamp(&room, "c", Action::Send).await;
    manage(TokenChange::RevokeAll).await.unwrap();
    let detail = r#"{"change":"revoked","leases":1,"session":["a","b","c"]}"#;
    assert_eq!(newest(kit, &room).await, ["operator", "manage_tokens", "ok", detail]);
    assert_eq!((present(kit, &room).await, epochs().await), (Vec::new(), vec![2, 2, 2, 1]));
    assert_eq!(code(kit.store.append(late, kit.message(&room, "late")).await), Code::Revoked);
    // Twice is once.
    manage(TokenChange::RevokeAll).await.unwrap();
    assert_eq!(newest(kit, &room).await[3], r#"{"change":"revoked","session":[]}"#);
    assert_eq!(epochs().await, [2, 2, 2, 1]);
}

pub(crate) async fn tokens_when_all_are_rotated_after_the_end_is_refused(kit: &Kit) {
    let room = kit.room(2).await;
    kit.clock.pass_s(LIFE_S);
    let before = kit.state(&room).await;
    let rotate =
        kit.store.manage_tokens(operator(Action::ManageTokens), room.id, Some(TokenChange::RotateAll));
    assert_eq!(code(rotate.await), Code::Expired);
    assert_eq!(kit.state(&room).await, before);
}

pub(crate) async fn audit_of_one_conversation_is_paged_oldest_first(kit: &Kit) {
    let (room, other) = (kit.room(2).await, kit.room(2).await);
    for n in 0..4 {
        kit.send(&room, "a", &n.to_string()).await;
        kit.send(&other, "b", "of no concern").await;
    }
    let ConversationState { pk, audit_entries, .. } = kit.state(&room).await;
    assert_eq!(audit_entries, 5);
    let page = async |after, limit| -> Vec<u64> {
        let rows = kit.store.audit_after(pk, after, limit).await.unwrap();
        assert!(rows.iter().all(|row| row.conversation == Some(room.id)));
        rows.iter().map(|row| row.entry.n).collect()
    };
    assert_eq!(page(None, 2).await, [4, 5], "the newest, when nothing is named");
    assert_eq!(page(None, 9).await, [1, 2, 3, 4, 5]);
    assert_eq!(page(Some(0), 2).await, [1, 2]);
    assert_eq!(page(Some(2), 9).await, [3, 4, 5]);
    for beyond in [5, 1 << 31, 1 << 32, u64::MAX] {
        assert_eq!(page(Some(beyond), 9).await, [0; 0], "{beyond}: no other conversation's entries");
    }
}
