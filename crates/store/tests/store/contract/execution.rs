//! What a person enables, what agents wish and ask for, and what ends it.

use mab_core::{
    Clock, Code, ConversationId, Failure, RunId,
    entity::{CodeUse, NewRun, Quotas},
    execution::{PENDING_S, RunState},
    policy::Action,
};

use crate::{
    commands::{NO, Person, ROOM, Wanted},
    kit::{Kit, LIFE_S, Room, code, operator, refused, sessions},
};

async fn use_code(kit: &Kit, used: CodeUse) -> Result<(), Failure> {
    kit.store.use_code(operator(Action::ManageApprover), used).await
}

pub(crate) async fn approver_when_enrolled_is_found_whole_and_replaced_only_knowingly(kit: &Kit) {
    assert_eq!(kit.store.approver().await.unwrap(), None);
    assert_eq!(code(use_code(kit, CodeUse::Right(1)).await), Code::NotFound);
    let first = kit.enrolled().await;
    let row = kit.store.approver().await.unwrap().unwrap();
    assert_eq!(
        (row.key, row.sealed.as_slice(), row.mac.as_slice()),
        (first.key(), &b"sealed"[..], &[9; 16][..])
    );
    assert_eq!((row.enrolled_at, row.code_step, row.locked_until), (kit.clock.now(), 0, None));
    let entry = kit.audit(None, 1).await.remove(0);
    assert_eq!((entry.conversation, entry.entry.action.as_str()), (None, "manage_approver"));
    assert!(entry.entry.detail.contains(&hex::encode(first.key())), "{}", entry.entry.detail);

    let second = Person::draw(kit);
    let enroll = async |replaces| {
        kit.store.enroll(operator(Action::ManageApprover), second.new_approver(replaces)).await
    };
    let denied = refused(enroll(None).await);
    assert_eq!(denied.code, Code::Conflict);
    assert_eq!(denied.message, "another approver is enrolled than the one to replace");
    assert!(denied.hint.is_some());
    assert_eq!(code(enroll(Some(&second)).await), Code::Conflict);
    assert_eq!(kit.store.approver().await.unwrap(), Some(row));
    use_code(kit, CodeUse::Right(9)).await.unwrap();
    enroll(Some(&first)).await.unwrap();
    let row = kit.store.approver().await.unwrap().unwrap();
    assert_eq!((row.key, row.code_step), (second.key(), 0));
}

pub(crate) async fn new_approver_ends_what_the_one_before_enabled_everywhere(kit: &Kit) {
    let (room, person) = kit.enabled(2).await;
    let other = kit.room(2).await;
    kit.enable(&other, &person, LIFE_S).await.unwrap();
    let (open, runs) = (kit.ask(&room, "a").await, kit.approved(&other, "b", &person).await);
    let agreed = kit.proof(&other, &person, runs).await;
    kit.start(&other, "b", (runs, agreed)).await.unwrap();
    let next = Person::draw(kit);
    kit.store.enroll(operator(Action::ManageApprover), next.new_approver(Some(&person))).await.unwrap();
    assert_eq!(kit.the_run(open).await.state, RunState::Withdrawn);
    let running = kit.the_run(runs).await;
    assert_eq!((running.state, running.end_asked), (RunState::Running, true));
    let mut trail = kit.audit(None, 99).await.into_iter().filter(|row| row.conversation.is_none());
    let entry = trail.next().unwrap().entry;
    assert!(
        entry.detail.contains(r#""runs":2"#) && entry.detail.contains(r#""terms":2"#),
        "{}",
        entry.detail
    );
    for room in [&room, &other] {
        assert_eq!(kit.store.execution(Some(room.id)).await.unwrap()[0].terms, None);
        let asked = kit.try_ask(room, "a", kit.new_run(room, RunState::Running)).await;
        assert_eq!(code(asked), Code::ExecutionDisabled);
    }
    assert_eq!(code(kit.enable(&room, &person, 60).await), Code::Conflict);
}

pub(crate) async fn code_is_used_once_and_five_wrong_ones_lock_for_a_while(kit: &Kit) {
    kit.enrolled().await;
    use_code(kit, CodeUse::Right(100)).await.unwrap();
    for step in [100, 99] {
        let denied = refused(use_code(kit, CodeUse::Right(step)).await);
        assert_eq!(
            (denied.code, denied.message.as_str()),
            (Code::ApprovalVoid, "the one-time code was used already")
        );
        assert_eq!(denied.hint.as_deref(), Some("wait for the next one, which comes within 30 seconds"));
    }
    for _ in 0..4 {
        use_code(kit, CodeUse::Wrong).await.unwrap();
    }
    use_code(kit, CodeUse::Right(101)).await.unwrap();
    for _ in 0..5 {
        use_code(kit, CodeUse::Wrong).await.unwrap();
    }
    for used in [CodeUse::Right(102), CodeUse::Wrong] {
        let denied = refused(use_code(kit, used).await);
        assert_eq!((denied.code, denied.retry_after_s), (Code::RateLimited, Some(900)));
        assert_eq!(denied.message, "too many one-time codes were wrong");
        assert!(denied.hint.is_some());
    }
    kit.clock.move_ms(899_999);
    assert_eq!(code(use_code(kit, CodeUse::Right(102)).await), Code::RateLimited);
    kit.clock.move_ms(1);
    use_code(kit, CodeUse::Right(102)).await.unwrap();
    let row = kit.store.approver().await.unwrap().unwrap();
    assert_eq!((row.code_step, row.wrong_codes, row.locked_until), (102, 0, None));
}

pub(crate) async fn terms_are_one_of_a_conversation_and_end_at_once(kit: &Kit) {
    let (room, person) = kit.enabled(2).await;
    kit.wish(&room, "b").await.unwrap();
    kit.clock.pass_s(5);
    kit.enable(&room, &person, 60).await.unwrap();
    let state = kit.store.execution(Some(room.id)).await.unwrap().remove(0);
    assert_eq!((state.wishes, state.runs, state.locked), (vec![], vec![], vec![]));
    let terms = state.terms.unwrap();
    assert_eq!((terms.key, terms.signature.len()), (person.key(), 64));
    assert_eq!(terms.expires_at.millis(), kit.clock_ms() + 60_000);

    let (open, runs) = (kit.ask(&room, "a").await, kit.approved(&room, "b", &person).await);
    let agreed = kit.proof(&room, &person, runs).await;
    kit.start(&room, "b", (runs, agreed)).await.unwrap();
    assert!(kit.disable(&room).await.unwrap());
    assert_eq!(kit.the_run(open).await.state, RunState::Withdrawn);
    assert!(kit.the_run(runs).await.end_asked);
    let entry = kit.newest_entry(&room).await.entry;
    assert_eq!((entry.actor.as_str(), entry.action.as_str()), ("operator", "disable_execution"));
    assert!(entry.detail.contains(r#""runs":2"#) && entry.detail.contains("body_sha256"), "{}", entry.detail);
    let entries = kit.state(&room).await.audit_entries;
    assert!(!kit.disable(&room).await.unwrap(), "there is nothing to end");
    assert_eq!(kit.state(&room).await.audit_entries, entries);
}

pub(crate) async fn terms_of_nothing_of_what_is_over_or_of_nobody_are_refused(kit: &Kit) {
    let room = kit.room(2).await;
    let stranger = Person::draw(kit);
    let denied = refused(kit.enable(&room, &stranger, 60).await);
    assert_eq!(
        (denied.code, denied.message.as_str()),
        (Code::Conflict, "another approver is enrolled now, or none")
    );
    assert!(denied.hint.is_some());
    let person = kit.enrolled().await;
    let nowhere = Room { id: ConversationId::from_bytes([3; 8]), ..kit.room(2).await };
    assert_eq!(code(kit.enable(&nowhere, &person, 60).await), Code::NotFound);
    assert_eq!(code(kit.disable(&nowhere).await), Code::NotFound);
    kit.enable(&room, &person, LIFE_S).await.unwrap();
    let waits = kit.ask(&room, "a").await;
    kit.clock.pass_s(LIFE_S);
    assert_eq!(code(kit.enable(&room, &person, 60).await), Code::Expired);
    // What is over can still be ended.
    assert!(kit.disable(&room).await.unwrap());
    assert_eq!(kit.the_run(waits).await.state, RunState::Withdrawn);
}

pub(crate) async fn wishes_are_one_of_each_agent_and_change_nothing(kit: &Kit) {
    let room = kit.room(3).await;
    kit.wish(&room, "c").await.unwrap();
    kit.wish(&room, "b").await.unwrap();
    kit.clock.pass_s(3);
    kit.wish(&room, "c").await.unwrap();
    let state = kit.store.execution(None).await.unwrap().remove(0);
    let wishes: Vec<_> = state.wishes.iter().map(|wish| (wish.session.as_str(), wish.asked_at)).collect();
    assert_eq!(wishes, [("b", kit.clock.now().minus_seconds(3)), ("c", kit.clock.now())]);
    assert_eq!(state.terms, None);
    let asked = kit.try_ask(&room, "c", kit.new_run(&room, RunState::Running)).await;
    let denied = refused(asked);
    assert_eq!((denied.code, denied.hint.is_some()), (Code::ExecutionDisabled, true));
    assert_eq!(kit.unread(&room).await, [3, 3, 3], "everybody is told, also who wished");

    let take_back = async || {
        let stamp = kit.stamp(&room, "c", Action::AskExecution).await;
        kit.store.wish(stamp, None, kit.notice(&room, "taken back")).await.unwrap();
    };
    take_back().await;
    assert_eq!(kit.store.execution(Some(room.id)).await.unwrap()[0].wishes.len(), 1);
    let before = kit.state(&room).await;
    take_back().await;
    let after = kit.state(&room).await;
    assert_eq!((after.messages, after.audit_entries), (before.messages, before.audit_entries));
    kit.store.remove(operator(Action::Remove), room.id, "b".parse().unwrap()).await.unwrap();
    assert_eq!(kit.store.execution(None).await.unwrap(), [], "who is gone wishes nothing");
}

pub(crate) async fn command_that_waits_is_found_whole(kit: &Kit) {
    let (room, _) = kit.enabled(2).await;
    let wanted = kit.ask(&room, "b").await;
    let row = kit.the_run(wanted).await;
    assert_eq!((row.id, row.hash, row.conversation), (wanted.id, wanted.hash, room.id));
    assert_eq!((row.session.as_str(), row.state), ("b", RunState::Pending));
    assert_eq!((row.created_at, row.expires_at), (kit.clock.now(), kit.clock.now().plus_seconds(PENDING_S)));
    assert_eq!((row.consent.clone(), row.decided_at, row.end_asked), (None, None, false));
    assert!(row.request.is_some());
    let all = kit.store.execution(None).await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].conversation, all[0].wrapped_key.clone()), (room.id, Some(room.wrapped.clone())));
    assert_eq!(all[0].runs, [row]);
    assert_eq!(kit.store.run(RunId::from_bytes([1; 8])).await.unwrap(), None);
    let reopened = kit.open_again();
    assert_eq!(reopened.run(wanted.id).await.unwrap(), Some(kit.the_run(wanted).await));
}

pub(crate) async fn command_that_needs_nobody_runs_at_once_and_is_told_at_its_end(kit: &Kit) {
    let (room, _) = kit.enabled(2).await;
    let unread = kit.unread(&room).await;
    let wanted = kit.try_ask(&room, "b", kit.new_run(&room, RunState::Running)).await.unwrap();
    assert_eq!(kit.unread(&room).await, unread);
    let entry = kit.newest_entry(&room).await.entry;
    assert!(entry.detail.contains(r#""assurance":"policy""#), "{}", entry.detail);
    assert!(kit.end(&room, wanted, RunState::Finished).await.unwrap());
    assert_eq!(kit.unread(&room).await, [2, 2]);
}

pub(crate) async fn fourth_open_command_is_refused_until_one_is_over(kit: &Kit) {
    let (room, person) = kit.enabled(2).await;
    for _ in 0..2 {
        kit.ask(&room, "b").await;
    }
    let approved = kit.approved(&room, "b", &person).await;
    let fourth = async || kit.try_ask(&room, "b", kit.new_run(&room, RunState::Pending)).await;
    let before = kit.state(&room).await;
    let denied = refused(fourth().await);
    assert_eq!(
        (denied.code, denied.message.as_str()),
        (Code::QuotaExceeded, "3 of your commands wait already")
    );
    assert!(denied.hint.is_some());
    kit.assert_only_recorded(&room, before, Code::QuotaExceeded).await;
    kit.try_ask(&room, "b", kit.new_run(&room, RunState::Running)).await.unwrap();
    kit.ask(&room, "a").await;
    // A yes that was not used in time is over.
    kit.clock.pass_s(300);
    fourth().await.unwrap();
    assert_eq!(kit.the_run(approved).await.state, RunState::Approved);
    assert_eq!(code(fourth().await), Code::QuotaExceeded);
    kit.clock.pass_s(PENDING_S - 300);
    fourth().await.unwrap();
}

pub(crate) async fn conversation_when_full_refuses_to_be_asked_and_nothing_else(kit: &Kit) {
    let (room, person) = kit.enabled(2).await;
    let (denied, runs) = (kit.ask(&room, "a").await, kit.approved(&room, "b", &person).await);
    let agreed = kit.proof(&room, &person, runs).await;
    let messages = kit.state(&room).await.messages;
    for quotas in
        [Quotas { messages_per_conversation: messages, ..ROOM }, Quotas { bytes_per_conversation: 1, ..ROOM }]
    {
        let full = |state| NewRun { quotas, ..kit.new_run(&room, state) };
        assert_eq!(code(kit.try_ask(&room, "b", full(RunState::Pending)).await), Code::QuotaExceeded);
        assert_eq!(code(kit.try_ask(&room, "b", full(RunState::Running)).await), Code::QuotaExceeded);
    }
    kit.answer(&room, denied, NO).await.unwrap();
    kit.start(&room, "b", (runs, agreed)).await.unwrap();
    assert!(kit.end(&room, runs, RunState::Finished).await.unwrap());
    assert_eq!(kit.state(&room).await.messages, messages + 2);
}

pub(crate) async fn request_that_is_kept_counts_and_is_refused_where_it_does_not_fit(kit: &Kit) {
    let (room, _) = kit.enabled(2).await;
    let before = kit.state(&room).await;
    let new_run = |more: u64| {
        let run = kit.new_run(&room, RunState::Running);
        let bytes_per_conversation = before.size_bytes + run.request.as_bytes().len() as u64 + more - 1;
        NewRun { quotas: Quotas { bytes_per_conversation, ..ROOM }, ..run }
    };
    assert_eq!(code(kit.try_ask(&room, "b", new_run(0)).await), Code::QuotaExceeded);
    let fits = new_run(1);
    let size_bytes = before.size_bytes + fits.request.as_bytes().len() as u64;
    kit.try_ask(&room, "b", fits).await.unwrap();
    assert_eq!(kit.state(&room).await.size_bytes, size_bytes);
}

pub(crate) async fn paused_conversation_takes_no_wish_and_no_command(kit: &Kit) {
    let (room, person) = kit.enabled(2).await;
    let waits = kit.ask(&room, "b").await;
    kit.store.pause(operator(Action::Pause), room.id).await.unwrap();
    assert_eq!(code(kit.wish(&room, "b").await), Code::Paused);
    for state in [RunState::Pending, RunState::Running] {
        assert_eq!(code(kit.try_ask(&room, "b", kit.new_run(&room, state)).await), Code::Paused);
    }
    kit.answer(&room, waits, person.says_yes(kit, waits)).await.unwrap();
    kit.disable(&room).await.unwrap();
}

pub(crate) async fn agent_that_leaves_takes_its_commands_with_it(kit: &Kit) {
    let (room, person) = kit.enabled(3).await;
    let (gone, stays) = (kit.ask(&room, "b").await, kit.ask(&room, "c").await);
    let runs = kit.approved(&room, "b", &person).await;
    let agreed = kit.proof(&room, &person, runs).await;
    kit.start(&room, "b", (runs, agreed)).await.unwrap();
    kit.store.leave(kit.stamp(&room, "b", Action::Leave).await).await.unwrap();
    assert_eq!(kit.newest_entry(&room).await.entry.detail, r#"{"runs":2}"#);
    assert_eq!(kit.the_run(gone).await.state, RunState::Withdrawn);
    assert_eq!(kit.the_run(stays).await.state, RunState::Pending);
    assert!(kit.the_run(runs).await.end_asked);
    let late = kit.answer(&room, gone, person.says_yes(kit, gone)).await;
    assert_eq!(code(late), Code::ApprovalVoid);
}

pub(crate) async fn purged_conversation_keeps_hashes_and_states_of_commands_only(kit: &Kit) {
    let (room, person) = kit.enabled(2).await;
    kit.wish(&room, "a").await.unwrap();
    let (waits, runs) = (kit.ask(&room, "b").await, kit.approved(&room, "b", &person).await);
    let agreed = kit.proof(&room, &person, runs).await;
    kit.start(&room, "b", (runs, agreed)).await.unwrap();
    for _ in 0..3 {
        let wanted = kit.ask(&room, "a").await;
        kit.answer(&room, wanted, NO).await.unwrap();
    }
    kit.clock.pass_s(LIFE_S);
    kit.store.purge(operator(Action::Cleanup)).await.unwrap();
    for table in ["terms", "wish", "vote"] {
        assert_eq!(kit.number(&format!("SELECT count(*) FROM {table}")), 0, "{table}");
    }
    let kept = "SELECT count(*) FROM run WHERE coalesce(request, reason, approval, signature) IS NOT NULL";
    assert_eq!(kit.number(kept), 0);
    let row = kit.the_run(waits).await;
    assert_eq!((row.state, row.hash, row.request), (RunState::Expired, waits.hash, None));
    let states = kit.store.execution(None).await.unwrap();
    let left: Vec<_> = states[0].runs.iter().map(|run| (run.id, run.state)).collect();
    assert_eq!((left, states[0].locked.len()), (vec![(runs.id, RunState::Running)], 0));
    // Its end is still recorded, and nobody is told.
    assert!(kit.end(&room, runs, RunState::Finished).await.unwrap());
    assert!(!kit.newest_entry(&room).await.entry.detail.contains("message"));
    assert_eq!(kit.store.execution(None).await.unwrap(), []);
}

pub(crate) async fn damaged_command_hides_no_other_and_starts_nothing(kit: &Kit) {
    let (room, person) = kit.enabled(2).await;
    let (bad, good) = (kit.approved(&room, "b", &person).await, kit.ask(&room, "a").await);
    let agreed = kit.proof(&room, &person, bad).await;
    assert_eq!(kit.edit("UPDATE run SET assurance = 'sure' WHERE pk = 1"), 1);
    let runs = kit.store.execution(Some(room.id)).await.unwrap().remove(0).runs;
    assert_eq!(runs.iter().map(|run| run.id).collect::<Vec<_>>(), [good.id]);
    assert_eq!(code(kit.start(&room, "b", (bad, agreed)).await), Code::ApprovalVoid);
    let answered = kit.answer(&room, Wanted { ..bad }, NO).await;
    assert_eq!(code(answered), Code::NotFound);
    assert_eq!(sessions(&["a"]), runs.into_iter().map(|run| run.session).collect::<Vec<_>>());
}
