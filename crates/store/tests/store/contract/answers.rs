//! Who answers a command that waits, how often, and until when.

use mab_core::{
    Code, Failure, RunId,
    agent::Permission,
    entity::Says,
    execution::{Consent, PENDING_S, RunState, VALID_S},
    policy::Action,
};

use crate::{
    commands::{NO, Person, Wanted},
    kit::{Kit, Room, code, operator, refused, sessions},
};

/// As `enabled`, with three approvers `p`, `q` and `r`.
async fn with_approvers(kit: &Kit) -> (Room, Person) {
    let (room, person) = kit.enabled(2).await;
    for session in ["p", "q", "r"] {
        let agent = kit.new_agent(&room, session, Permission::Approver);
        kit.store.invite(kit.stamp(&room, "a", Action::Invite).await, agent).await.unwrap();
    }
    (room, person)
}

async fn vote(kit: &Kit, room: &Room, session: &str, wanted: Wanted) -> RunState {
    let stamp = kit.stamp(room, session, Action::Approve).await;
    kit.answer_with(stamp, room, wanted, Says::Vote { quorum: 2 }).await.unwrap()
}

pub(crate) async fn persons_yes_is_kept_as_it_was_signed_and_everybody_is_told(kit: &Kit) {
    let (room, person) = kit.enabled(2).await;
    let wanted = kit.ask(&room, "b").await;
    let says = person.says_yes(kit, wanted);
    let Says::Signed { text, signature, .. } = &says else { panic!("it is signed") };
    let consent = Consent::Signed { text: text.clone(), signature: signature.clone() };
    assert_eq!(kit.answer(&room, wanted, says).await.unwrap(), RunState::Approved);
    let row = kit.the_run(wanted).await;
    assert_eq!((row.state, row.consent), (RunState::Approved, Some(consent)));
    assert_eq!(row.expires_at.millis(), kit.clock_ms() + i64::try_from(VALID_S).unwrap() * 1_000);
    // Enabled, asked, answered: three messages to each.
    assert_eq!(kit.unread(&room).await, [3, 3]);
    let entry = kit.newest_entry(&room).await.entry;
    assert_eq!((entry.actor.as_str(), entry.action.as_str()), ("operator", "approve"));
    for fact in [r#""assurance":"passphrase""#, r#""step":"approved""#, r#""to":["a","b"]"#] {
        assert!(entry.detail.contains(fact), "{}", entry.detail);
    }
    assert!(
        entry.detail.contains(&hex::encode(wanted.hash)) && entry.detail.contains(&wanted.id.to_string())
    );
}

pub(crate) async fn answer_to_what_does_not_wait_is_void_and_changes_nothing(kit: &Kit) {
    let (room, person) = kit.enabled(2).await;
    let wanted = kit.approved(&room, "a", &person).await;
    let again = kit.answer(&room, wanted, person.says_yes(kit, wanted)).await;
    let denied = refused(again);
    assert_eq!(denied.code, Code::ApprovalVoid);
    assert_eq!(denied.message, "the command does not wait for an answer any more");
    assert!(denied.hint.is_some());

    let pending = kit.ask(&room, "a").await;
    let before = (kit.state(&room).await.messages, kit.the_run(pending).await);
    let other = Wanted { hash: [7; 32], ..pending };
    let denied = refused(kit.answer(&room, other, person.says_yes(kit, other)).await);
    assert_eq!(denied.message, "the command is not the one that was shown");
    let nothing = Wanted { id: RunId::from_bytes([1; 8]), ..pending };
    assert_eq!(code(kit.answer(&room, nothing, NO).await), Code::NotFound);
    let elsewhere = kit.room(2).await;
    assert_eq!(code(kit.answer(&elsewhere, pending, NO).await), Code::NotFound);
    assert_eq!((kit.state(&room).await.messages, kit.the_run(pending).await), before);
}

pub(crate) async fn answer_is_in_time_up_to_the_border_and_not_at_it(kit: &Kit) {
    let (room, person) = kit.enabled(2).await;
    let (first, second) = (kit.ask(&room, "a").await, kit.ask(&room, "b").await);
    kit.clock.move_ms(i64::try_from(PENDING_S).unwrap() * 1_000 - 1);
    assert_eq!(kit.answer(&room, first, NO).await.unwrap(), RunState::Denied);
    kit.clock.move_ms(1);
    let late = refused(kit.answer(&room, second, person.says_yes(kit, second)).await);
    assert_eq!(
        (late.code, late.message.as_str()),
        (Code::ApprovalVoid, "the command waited too long for an answer")
    );
    assert_eq!(kit.the_run(second).await.state, RunState::Pending);
}

pub(crate) async fn agents_that_may_are_enough_once_as_many_agreed_as_were_wanted(kit: &Kit) {
    let (room, person) = with_approvers(kit).await;
    let wanted = kit.ask(&room, "b").await;
    assert_eq!(vote(kit, &room, "p", wanted).await, RunState::Pending);
    let entries = kit.state(&room).await.audit_entries;
    assert_eq!(vote(kit, &room, "p", wanted).await, RunState::Pending, "nobody counts twice");
    assert_eq!(kit.state(&room).await.audit_entries, entries, "and nothing was changed");
    kit.clock.pass_s(7);
    assert_eq!(vote(kit, &room, "q", wanted).await, RunState::Approved);
    let row = kit.the_run(wanted).await;
    assert_eq!(row.votes, sessions(&["p", "q"]));
    let Some(Consent::Voted { by, at, .. }) = row.consent else { panic!("{:?}", row.consent) };
    assert_eq!(by, sessions(&["p", "q"]));
    assert_eq!(at.millis(), kit.clock_ms(), "the time of the last one");
    let agreed = kit.proof(&room, &person, wanted).await;
    kit.start(&room, "b", (wanted, agreed)).await.unwrap();
}

pub(crate) async fn vote_of_who_was_removed_does_not_count_any_more(kit: &Kit) {
    let (room, person) = with_approvers(kit).await;
    let wanted = kit.ask(&room, "b").await;
    vote(kit, &room, "p", wanted).await;
    kit.store.remove(operator(Action::Remove), room.id, "p".parse().unwrap()).await.unwrap();
    assert_eq!(vote(kit, &room, "q", wanted).await, RunState::Pending);
    assert_eq!(kit.the_run(wanted).await.votes, sessions(&["q"]));
    // Nor does that of who may not any more, until it may again.
    kit.store.transfer(operator(Action::Transfer), room.id, "q".parse().unwrap()).await.unwrap();
    let row = kit.the_run(wanted).await;
    assert_eq!((row.votes, row.consent), (vec![], None));
    assert_eq!(kit.edit("UPDATE agent SET permission = 'approver' WHERE session = 'q'"), 1);
    assert_eq!(vote(kit, &room, "r", wanted).await, RunState::Approved);
    let agreed = kit.proof(&room, &person, wanted).await;
    kit.store.remove(operator(Action::Remove), room.id, "r".parse().unwrap()).await.unwrap();
    assert_eq!(code(kit.start(&room, "b", (wanted, agreed)).await), Code::ApprovalVoid);
}

pub(crate) async fn yes_of_too_few_that_are_left_ends_and_no_other(kit: &Kit) {
    let (room, person) = with_approvers(kit).await;
    let (wanted, of_person) = (kit.ask(&room, "b").await, kit.approved(&room, "b", &person).await);
    let withdraw = async |wanted| kit.end(&room, wanted, RunState::Withdrawn).await.unwrap();
    assert!(!withdraw(wanted).await, "it waits");
    vote(kit, &room, "p", wanted).await;
    vote(kit, &room, "q", wanted).await;
    let row = kit.the_run(wanted).await;
    assert_eq!((row.state, row.quorum), (RunState::Approved, 2));
    assert!(!withdraw(wanted).await, "enough agree");
    kit.store.remove(operator(Action::Remove), room.id, "q".parse().unwrap()).await.unwrap();
    assert!(withdraw(wanted).await);
    assert!(!withdraw(wanted).await, "once");
    assert!(!withdraw(of_person).await, "nobody voted on it");
    assert_eq!(kit.the_run(wanted).await.state, RunState::Withdrawn);
    let entry = kit.audit(Some(room.id), 1).await.remove(0).entry;
    assert_eq!((entry.actor.as_str(), entry.action.as_str()), ("system", "end_run"));
    assert!(entry.detail.contains(r#""step":"withdrawn""#), "{}", entry.detail);
    let refused = kit.store.ended_runs(row.conversation_pk, row.agent_pk).await.unwrap();
    assert_eq!(refused.iter().map(|run| run.id).collect::<Vec<_>>(), [wanted.id]);
}

pub(crate) async fn nobody_answers_its_own_command(kit: &Kit) {
    let (room, _) = with_approvers(kit).await;
    let wanted = kit.ask(&room, "b").await;
    assert_eq!(kit.edit("UPDATE agent SET permission = 'approver' WHERE session = 'b'"), 1);
    for (says, action) in [(Says::Vote { quorum: 1 }, Action::Approve), (NO, Action::DenyRun)] {
        let stamp = kit.stamp(&room, "b", action).await;
        let denied = refused(kit.answer_with(stamp, &room, wanted, says).await);
        assert_eq!(
            (denied.code, denied.message.as_str()),
            (Code::Forbidden, "nobody answers its own command")
        );
        assert!(denied.hint.is_some());
    }
    let row = kit.the_run(wanted).await;
    assert_eq!((row.state, row.votes), (RunState::Pending, vec![]));
}

pub(crate) async fn vote_where_no_person_wanted_votes_is_refused(kit: &Kit) {
    let (room, _) = with_approvers(kit).await;
    let wanted = kit.ask(&room, "b").await;
    let stamp = kit.stamp(&room, "p", Action::Approve).await;
    let denied = refused(kit.answer_with(stamp, &room, wanted, Says::Vote { quorum: 0 }).await);
    assert_eq!(denied.code, Code::Forbidden);
    assert_eq!(denied.message, "no person wanted that agents agree to commands here");
    assert_eq!(denied.hint.as_deref(), Some("tell your user, who can agree with `mab approve`"));
}

pub(crate) async fn form_of_the_requesters_own_client_speaks_for_it_only(kit: &Kit) {
    let (room, person) = kit.enabled(2).await;
    let wanted = kit.ask(&room, "b").await;
    let stamp = kit.stamp(&room, "a", Action::Execute).await;
    let of_another = kit.answer_with(stamp, &room, wanted, Says::Elicited).await;
    assert!(matches!(of_another, Err(Failure::Fault(_))), "{of_another:?}");
    let stamp = kit.stamp(&room, "b", Action::Execute).await;
    assert_eq!(kit.answer_with(stamp, &room, wanted, Says::Elicited).await.unwrap(), RunState::Approved);
    let Some(Consent::Elicited { at, .. }) = kit.the_run(wanted).await.consent else { panic!("no form") };
    assert_eq!(at.millis(), kit.clock_ms());
    let agreed = kit.proof(&room, &person, wanted).await;
    kit.start(&room, "b", (wanted, agreed)).await.unwrap();
}

pub(crate) async fn third_no_locks_until_a_person_lifts_it(kit: &Kit) {
    let (room, person) = kit.enabled(2).await;
    let approved = kit.approved(&room, "b", &person).await;
    let agreed = kit.proof(&room, &person, approved).await;
    for denials in 1..=3 {
        let wanted = kit.ask(&room, "b").await;
        assert_eq!(kit.answer(&room, wanted, NO).await.unwrap(), RunState::Denied);
        let detail = kit.newest_entry(&room).await.entry.detail;
        assert!(detail.contains(&format!(r#""denials":{denials}"#)), "{detail}");
        assert_eq!(detail.contains(r#""then":"locked""#), denials == 3, "{detail}");
    }
    assert_eq!(kit.store.execution(Some(room.id)).await.unwrap()[0].locked, sessions(&["b"]));
    let asked = kit.try_ask(&room, "b", kit.new_run(&room, RunState::Pending)).await;
    let denied = refused(asked);
    assert_eq!(
        (denied.code, denied.message.as_str()),
        (Code::ExecutionLocked, "too many of your commands were denied")
    );
    assert!(denied.hint.is_some());
    let at_once = kit.try_ask(&room, "b", kit.new_run(&room, RunState::Running)).await;
    assert_eq!(code(at_once), Code::ExecutionLocked);
    assert_eq!(code(kit.wish(&room, "b").await), Code::ExecutionLocked);
    assert_eq!(code(kit.start(&room, "b", (approved, agreed)).await), Code::ExecutionLocked);
    kit.ask(&room, "a").await;

    let unlock = || operator(Action::UnlockExecution);
    let b = || "b".parse().unwrap();
    assert!(kit.store.unlock_execution(unlock(), room.id, b()).await.unwrap());
    assert!(!kit.store.unlock_execution(unlock(), room.id, b()).await.unwrap());
    let nobody = kit.store.unlock_execution(unlock(), room.id, "x".parse().unwrap()).await;
    assert_eq!(code(nobody), Code::NotFound);
    kit.start(&room, "b", (approved, agreed)).await.unwrap();
}

pub(crate) async fn no_takes_back_a_yes_that_was_not_used(kit: &Kit) {
    let (room, person) = kit.enabled(2).await;
    let wanted = kit.approved(&room, "b", &person).await;
    let agreed = kit.proof(&room, &person, wanted).await;
    assert_eq!(kit.answer(&room, wanted, NO).await.unwrap(), RunState::Denied);
    assert_eq!(code(kit.start(&room, "b", (wanted, agreed)).await), Code::ApprovalVoid);
}

pub(crate) async fn who_asked_takes_back_what_is_open_and_nobody_else_does(kit: &Kit) {
    let (room, person) = kit.enabled(2).await;
    let wanted = kit.ask(&room, "b").await;
    let withdraw = async |session| {
        let stamp = kit.stamp(&room, session, Action::Execute).await;
        kit.store.withdraw_run(stamp, wanted.id, kit.notice(&room, "taken back")).await
    };
    let denied = refused(withdraw("a").await);
    assert_eq!((denied.code, denied.message.as_str()), (Code::Forbidden, "the command is another agent's"));
    withdraw("b").await.unwrap();
    assert_eq!(kit.the_run(wanted).await.state, RunState::Withdrawn);
    assert_eq!(code(withdraw("b").await), Code::ApprovalVoid);
    let late = kit.answer(&room, wanted, person.says_yes(kit, wanted)).await;
    assert_eq!(code(late), Code::ApprovalVoid);
}
