//! One yes starts one command, once, in time, and only while it is enabled.

use std::{sync::Arc, thread};

use mab_core::{
    Code,
    execution::{RunState, VALID_S},
    policy::Action,
};

use crate::{
    commands::Person,
    kit::{Kit, code, operator, refused},
};

pub(crate) async fn approved_command_starts_once(kit: &Kit) {
    let (room, person) = kit.enabled(2).await;
    let wanted = kit.approved(&room, "b", &person).await;
    let agreed = kit.proof(&room, &person, wanted).await;
    assert_eq!(code(kit.start(&room, "a", (wanted, agreed)).await), Code::ApprovalVoid, "it is b's");
    kit.start(&room, "b", (wanted, agreed)).await.unwrap();
    let row = kit.the_run(wanted).await;
    assert_eq!((row.state, row.expires_at.millis()), (RunState::Running, kit.clock_ms() + 60_000));
    let entry = kit.newest_entry(&room).await.entry;
    assert_eq!((entry.actor.as_str(), entry.action.as_str()), ("b", "execute"));
    assert!(
        entry.detail.contains(r#""assurance":"passphrase""#) && entry.detail.contains(r#""step":"started""#)
    );
    let again = refused(kit.start(&room, "b", (wanted, agreed)).await);
    assert_eq!(again.code, Code::ApprovalVoid);
    assert_eq!(again.message, "no yes to this command can be used: it was used, or its time is over");
    assert!(again.hint.is_some());
}

pub(crate) async fn of_sixty_four_threads_one_starts_it(kit: &Kit) {
    let (room, person) = kit.enabled(2).await;
    let wanted = kit.approved(&room, "b", &person).await;
    let agreed = kit.proof(&room, &person, wanted).await;
    let stores = [Arc::clone(&kit.store), kit.open_again(), kit.open_again(), kit.open_again()];
    let mut threads = Vec::new();
    for store in stores.iter().cycle().take(64) {
        let (store, stamp) = (Arc::clone(store), kit.stamp(&room, "b", Action::Execute).await);
        let start = kit.to_start(wanted, agreed);
        threads.push(thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(store.start_run(stamp, start))
        }));
    }
    let results: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for result in results.into_iter().filter(Result::is_err) {
        assert_eq!(code(result), Code::ApprovalVoid);
    }
}

pub(crate) async fn yes_is_good_up_to_the_border_and_not_at_it(kit: &Kit) {
    let (room, person) = kit.enabled(2).await;
    for (late_ms, starts) in [(-1, true), (0, false)] {
        let wanted = kit.approved(&room, "b", &person).await;
        let agreed = kit.proof(&room, &person, wanted).await;
        kit.clock.move_ms(i64::try_from(VALID_S).unwrap() * 1_000 + late_ms);
        let started = kit.start(&room, "b", (wanted, agreed)).await;
        assert_eq!(started.is_ok(), starts, "{late_ms}");
        let state = kit.the_run(wanted).await.state;
        assert_eq!(state, if starts { RunState::Running } else { RunState::Approved });
    }
}

pub(crate) async fn yes_of_a_clock_that_was_ahead_is_void(kit: &Kit) {
    let (room, person) = kit.enabled(2).await;
    let wanted = kit.approved(&room, "b", &person).await;
    let agreed = kit.proof(&room, &person, wanted).await;
    kit.clock.move_ms(-60_001);
    assert_eq!(code(kit.start(&room, "b", (wanted, agreed)).await), Code::ApprovalVoid);
    kit.clock.move_ms(1);
    kit.start(&room, "b", (wanted, agreed)).await.unwrap();
}

pub(crate) async fn start_when_nothing_is_enabled_any_more_is_refused(kit: &Kit) {
    let room = kit.room(2).await;
    let person = kit.enrolled().await;
    kit.enable(&room, &person, 10).await.unwrap();
    let wanted = kit.approved(&room, "b", &person).await;
    let agreed = kit.proof(&room, &person, wanted).await;
    kit.clock.pass_s(10);
    let denied = refused(kit.start(&room, "b", (wanted, agreed)).await);
    assert_eq!(denied.code, Code::ExecutionDisabled);
    assert_eq!(denied.message, "no person has enabled commands here, or their time is over");
    assert!(denied.hint.is_some());
    // Enabling anew ends what was agreed to before.
    kit.enable(&room, &person, 10).await.unwrap();
    assert_eq!(kit.the_run(wanted).await.state, RunState::Withdrawn);
    assert_eq!(code(kit.start(&room, "b", (wanted, agreed)).await), Code::ApprovalVoid);
}

pub(crate) async fn proof_of_another_command_or_of_another_sort_starts_nothing(kit: &Kit) {
    let (room, person) = kit.enabled(2).await;
    let (one, two) = (kit.approved(&room, "b", &person).await, kit.ask(&room, "b").await);
    let of_one = kit.proof(&room, &person, one).await;
    assert_eq!(code(kit.start(&room, "b", (two, of_one)).await), Code::ApprovalVoid, "it waits");
    kit.answer(&room, two, person.says_yes(kit, two)).await.unwrap();
    assert_eq!(code(kit.start(&room, "b", (two, of_one)).await), Code::ApprovalVoid, "another hash");
    // The row says now that less was needed than the proof says.
    assert_eq!(kit.edit("UPDATE run SET assurance = 'elicitation' WHERE pk = 1"), 1);
    assert_eq!(code(kit.start(&room, "b", (one, of_one)).await), Code::ApprovalVoid);
}

pub(crate) async fn yes_of_an_approver_who_was_replaced_starts_nothing(kit: &Kit) {
    let (room, person) = kit.enabled(2).await;
    let wanted = kit.approved(&room, "b", &person).await;
    let agreed = kit.proof(&room, &person, wanted).await;
    let other = Person::draw(kit);
    kit.store.enroll(operator(Action::ManageApprover), other.new_approver(Some(&person))).await.unwrap();
    kit.enable(&room, &other, 600).await.unwrap();
    assert_eq!(kit.the_run(wanted).await.state, RunState::Withdrawn);
    assert_eq!(code(kit.start(&room, "b", (wanted, agreed)).await), Code::ApprovalVoid);
    // Nor does it when the row says that it is approved.
    assert_eq!(kit.edit("UPDATE run SET state = 'approved'"), 1);
    assert_eq!(code(kit.start(&room, "b", (wanted, agreed)).await), Code::ApprovalVoid);
}

pub(crate) async fn end_is_recorded_once_whatever_became_of_who_asked(kit: &Kit) {
    let (room, person) = kit.enabled(3).await;
    let wanted = kit.approved(&room, "b", &person).await;
    assert!(!kit.end(&room, wanted, RunState::Finished).await.unwrap(), "it does not run yet");
    let agreed = kit.proof(&room, &person, wanted).await;
    kit.start(&room, "b", (wanted, agreed)).await.unwrap();
    assert!(!kit.end(&room, wanted, RunState::Lost).await.unwrap(), "it may still say how it ended");
    kit.store.remove(operator(Action::Remove), room.id, "b".parse().unwrap()).await.unwrap();
    assert!(kit.the_run(wanted).await.end_asked);
    assert!(kit.end(&room, wanted, RunState::Finished).await.unwrap());
    assert!(!kit.end(&room, wanted, RunState::Finished).await.unwrap());
    assert_eq!(kit.the_run(wanted).await.state, RunState::Finished);
    let entry = kit.newest_entry(&room).await.entry;
    assert_eq!((entry.actor.as_str(), entry.action.as_str()), ("system", "end_run"));
    for fact in [r#""exit_code":3"#, r#""outcome":"exited""#, r#""duration_ms":12"#, r#""to":["a","c"]"#] {
        assert!(entry.detail.contains(fact), "{}", entry.detail);
    }
}

pub(crate) async fn command_whose_time_is_over_is_lost_or_expired_and_not_before(kit: &Kit) {
    let (room, person) = kit.enabled(2).await;
    let (runs, waits) = (kit.approved(&room, "b", &person).await, kit.ask(&room, "a").await);
    let agreed = kit.proof(&room, &person, runs).await;
    kit.start(&room, "b", (runs, agreed)).await.unwrap();
    kit.clock.move_ms(59_999);
    assert!(!kit.end(&room, runs, RunState::Lost).await.unwrap());
    kit.clock.move_ms(1);
    assert!(kit.end(&room, runs, RunState::Lost).await.unwrap());
    assert!(!kit.end(&room, runs, RunState::Finished).await.unwrap(), "it was said to be lost");
    assert!(!kit.end(&room, waits, RunState::Expired).await.unwrap());
    kit.clock.pass_s(1_740);
    assert!(kit.end(&room, waits, RunState::Expired).await.unwrap());
    assert_eq!(kit.store.execution(Some(room.id)).await.unwrap()[0].runs, []);
}
