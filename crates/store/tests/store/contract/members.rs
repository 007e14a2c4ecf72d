//! Joining, leaving, changing, and the re-check inside every transaction.

use mab_core::{
    Clock, Code,
    agent::{MEMBERS_MAX, Permission, Status},
    evidence::{Finding, Kind},
    policy::Action,
};
use mab_store::TokenChange;

use crate::kit::{Kit, LIFE_S, code, operator, request, seqs, sessions};

pub(crate) async fn join_raises_the_epoch_and_voids_the_stamp_taken_before(kit: &Kit) {
    let room = kit.room(2).await;
    let (send, check) =
        (kit.stamp(&room, "b", Action::Send).await, kit.stamp(&room, "b", Action::Check).await);
    let twin = kit.stamp(&room, "b", Action::Join).await;
    kit.clock.pass_s(5);
    assert_eq!(kit.store.join(kit.stamp(&room, "b", Action::Join).await).await.unwrap(), 1);
    let state = kit.state(&room).await;
    assert_eq!((state.agents[1].epoch, state.agents[1].joined_at), (1, Some(kit.clock.now())));
    assert_eq!((state.agents[0].epoch, state.agents[0].joined_at), (0, None));

    let refused = kit.store.append(send, kit.message(&room, "late")).await;
    assert_eq!(code(refused), Code::TokenRotated);
    kit.assert_only_recorded(&room, state, Code::TokenRotated).await;
    assert_eq!(code(kit.store.offer(check, request()).await), Code::TokenRotated);
    assert_eq!(code(kit.store.join(twin).await), Code::TokenRotated, "two joiners cannot share a token");
    kit.send(&room, "b", "with the new token").await;
    assert_eq!(kit.store.join(kit.stamp(&room, "b", Action::Join).await).await.unwrap(), 2);
}

pub(crate) async fn revoked_agent_is_refused_and_gets_nothing(kit: &Kit) {
    let room = kit.room(3).await;
    kit.send(&room, "a", "to both").await;
    let send = kit.stamp(&room, "b", Action::Send).await;
    let check = kit.stamp(&room, "b", Action::Check).await;
    let revoke = || Some(TokenChange::Revoke("b".parse().unwrap()));
    kit.store.manage_tokens(operator(Action::ManageTokens), room.id, revoke()).await.unwrap();
    let state = kit.state(&room).await;
    assert!(state.agents[1].revoked && !state.agents[2].revoked);
    assert_eq!(kit.unread(&room).await, [0, 1, 1], "what it never read stays unread");
    assert_eq!(code(kit.store.append(send, kit.message(&room, "late")).await), Code::Revoked);
    kit.assert_only_recorded(&room, state, Code::Revoked).await;
    assert_eq!(code(kit.store.offer(check, request()).await), Code::Revoked);

    assert_eq!(kit.send(&room, "a", "to the rest").await.recipients, sessions(&["c"]));
    let stamp = kit.stamp(&room, "a", Action::Send).await;
    let direct = kit.store.append(stamp, kit.message_to(&room, "you there?", &["b"])).await;
    assert_eq!(code(direct), Code::UnknownRecipient);
    // Twice is once.
    kit.store.manage_tokens(operator(Action::ManageTokens), room.id, revoke()).await.unwrap();
    assert_eq!(kit.unread(&room).await, [0, 1, 2]);
}

pub(crate) async fn rotated_token_voids_the_stamp_taken_before(kit: &Kit) {
    let room = kit.room(2).await;
    let stamp = kit.stamp(&room, "a", Action::Send).await;
    let rotate = Some(TokenChange::Rotate("a".parse().unwrap()));
    kit.store.manage_tokens(operator(Action::ManageTokens), room.id, rotate).await.unwrap();
    assert_eq!(kit.newest_entry(&room).await.entry.detail, r#"{"change":"rotated","session":["a"]}"#);
    assert_eq!(code(kit.store.append(stamp, kit.message(&room, "late")).await), Code::TokenRotated);
    kit.send(&room, "a", "with the new token").await;
    kit.store.manage_tokens(operator(Action::ManageTokens), room.id, None).await.unwrap();
    assert_eq!(kit.newest_entry(&room).await.entry.detail, r#"{"change":"shown"}"#);
    assert_eq!(kit.state(&room).await.agents[0].epoch, 1);
}

pub(crate) async fn token_of_a_removed_agent_when_rotated_is_refused(kit: &Kit) {
    let room = kit.room(2).await;
    let manage =
        async |change| kit.store.manage_tokens(operator(Action::ManageTokens), room.id, Some(change)).await;
    manage(TokenChange::Revoke("b".parse().unwrap())).await.unwrap();
    let before = kit.state(&room).await;
    assert_eq!(code(manage(TokenChange::Rotate("b".parse().unwrap())).await), Code::Revoked);
    assert_eq!(kit.state(&room).await, before);
}

pub(crate) async fn tokens_of_nobody_are_not_found(kit: &Kit) {
    let room = kit.room(2).await;
    let (elsewhere, _) = kit.new_room(2);
    let manage = async |id, change| kit.store.manage_tokens(operator(Action::ManageTokens), id, change).await;
    let before = kit.state(&room).await;
    assert_eq!(code(manage(elsewhere.id, None).await), Code::NotFound);
    for change in [TokenChange::Rotate("c".parse().unwrap()), TokenChange::Revoke("c".parse().unwrap())] {
        assert_eq!(code(manage(room.id, Some(change)).await), Code::NotFound);
    }
    assert_eq!(kit.state(&room).await, before);
    let mut entries = kit.audit(None, 9).await;
    entries.retain(|row| row.conversation.is_none());
    assert!(entries.len() == 3 && entries.iter().all(|row| row.entry.outcome == "not_found"));
}

pub(crate) async fn conversation_when_it_ends_between_authentication_and_commit_is_expired(kit: &Kit) {
    let room = kit.room(2).await;
    kit.clock.move_ms(i64::try_from(LIFE_S * 1_000).unwrap() - 1);
    let last = kit.send(&room, "a", "in the last millisecond").await;
    assert_eq!(last.id.seq, 1);
    let send = kit.stamp(&room, "a", Action::Send).await;
    let check = kit.stamp(&room, "b", Action::Check).await;
    let status = kit.stamp(&room, "b", Action::UpdateStatus).await;
    let join = kit.stamp(&room, "b", Action::Join).await;
    let invite = kit.stamp(&room, "a", Action::Invite).await;
    let read = kit.stamp(&room, "b", Action::Search).await;
    kit.clock.move_ms(1);
    let before = kit.state(&room).await;
    assert_eq!(code(kit.store.append(send, kit.message(&room, "late")).await), Code::Expired);
    kit.assert_only_recorded(&room, before.clone(), Code::Expired).await;
    assert_eq!(code(kit.store.offer(check, request()).await), Code::Expired);
    assert_eq!(code(kit.store.set_status(status, Status::Working, None).await), Code::Expired);
    assert_eq!(code(kit.store.join(join).await), Code::Expired);
    let agent = kit.new_agent(&room, "late", Permission::Member);
    assert_eq!(code(kit.store.invite(invite, agent).await), Code::Expired);
    assert_eq!(code(kit.store.charge(read).await), Code::Expired);
    let after = kit.state(&room).await;
    assert_eq!(after.audit_entries, before.audit_entries + 6, "each refusal is recorded");
    assert_eq!(after.agents, before.agents);
}

pub(crate) async fn permission_when_it_changes_in_between_is_forbidden(kit: &Kit) {
    let room = kit.room(2).await;
    let stamp = kit.stamp(&room, "b", Action::Send).await;
    assert_eq!(kit.edit("UPDATE agent SET permission = 'observer' WHERE session = 'b'"), 1);
    let before = kit.state(&room).await;
    assert_eq!(code(kit.store.append(stamp, kit.message(&room, "late")).await), Code::Forbidden);
    kit.assert_only_recorded(&room, before, Code::Forbidden).await;
    kit.send(&room, "a", "observers read").await;
    assert_eq!(seqs(&kit.check(&room, "b", request()).await.messages), [1]);
    let found = kit.examined(Some(room.id)).await.remove(0).findings;
    let what = "permission of b: observer, recorded: member";
    assert_eq!(found, [Finding::new(Kind::StateMismatch).what(what)], "no entry tells of it");
}

pub(crate) async fn invited_agent_reads_from_then_on(kit: &Kit) {
    let room = kit.room(2).await;
    kit.send(&room, "a", "before").await;
    let agent = kit.new_agent(&room, "reviewer", Permission::Observer);
    kit.store.invite(kit.stamp(&room, "a", Action::Invite).await, agent).await.unwrap();
    assert_eq!(
        kit.newest_entry(&room).await.entry.detail,
        r#"{"permission":"observer","session":["reviewer"]}"#
    );
    let invited = &kit.state(&room).await.agents[2];
    assert_eq!((invited.ordinal, invited.permission, invited.unread), (2, Permission::Observer, 0));
    assert_eq!(kit.send(&room, "a", "after").await.recipients, sessions(&["b", "reviewer"]));
    assert_eq!(seqs(&kit.check(&room, "reviewer", request()).await.messages), [2]);
}

pub(crate) async fn invite_when_the_handle_is_taken_is_a_conflict(kit: &Kit) {
    let room = kit.room(2).await;
    let before = kit.state(&room).await;
    let agent = kit.new_agent(&room, "b", Permission::Owner);
    let stamp = kit.stamp(&room, "a", Action::Invite).await;
    assert_eq!(code(kit.store.invite(stamp, agent).await), Code::Conflict);
    kit.assert_only_recorded(&room, before, Code::Conflict).await;
}

pub(crate) async fn invite_of_the_33rd_member_is_refused(kit: &Kit) {
    let room = kit.room(2).await;
    for ordinal in 2..MEMBERS_MAX {
        let agent = kit.new_agent(&room, &format!("agent{ordinal}"), Permission::Member);
        kit.store.invite(kit.stamp(&room, "a", Action::Invite).await, agent).await.unwrap();
    }
    let before = kit.state(&room).await;
    assert_eq!(before.agents.len(), 32);
    let agent = kit.new_agent(&room, "agent33", Permission::Member);
    let stamp = kit.stamp(&room, "a", Action::Invite).await;
    assert_eq!(code(kit.store.invite(stamp, agent).await), Code::QuotaExceeded);
    kit.assert_only_recorded(&room, before, Code::QuotaExceeded).await;
    // The last ordinal has a bit of its own in the audience.
    assert_eq!(kit.send(&room, "agent31", "to all").await.recipients.len(), 31);
    assert_eq!(seqs(&kit.check(&room, "agent30", request()).await.messages), [1]);
}

pub(crate) async fn status_replaces_status_and_note(kit: &Kit) {
    let room = kit.room(2).await;
    let note = kit.seal(&room, ("agent", "note"), b"b", "half way");
    let bytes = note.as_bytes().to_vec();
    let stamp = kit.stamp(&room, "b", Action::UpdateStatus).await;
    kit.clock.pass_s(3);
    let at = kit.store.set_status(stamp, Status::Working, Some(note)).await.unwrap();
    assert_eq!(at, kit.clock.now());
    let agents = kit.store.agents(kit.state(&room).await.pk).await.unwrap();
    let b = &agents[1];
    assert_eq!((b.status, b.status_at, &b.note), (Some(Status::Working), Some(at), &Some(bytes)));
    assert_eq!((b.last_seen_at, agents[0].last_seen_at), (Some(at), None));
    kit.clock.pass_s(3);
    let stamp = kit.stamp(&room, "b", Action::UpdateStatus).await;
    let at = kit.store.set_status(stamp, Status::Complete, None).await.unwrap();
    let b = kit.state(&room).await.agents.remove(1);
    assert_eq!((b.status, b.status_at, b.note), (Some(Status::Complete), Some(at), None));
    assert_eq!(kit.newest_entry(&room).await.entry.detail, r#"{"status":"complete"}"#);
}
