//! The loop guard: when a talk pauses, what goes on, and who lets it go on.

use std::sync::Arc;

use mab_core::{
    Clock, Code, Failure,
    agent::{Permission, Status},
    entity::{Appended, ConversationState, NewMessage},
    loop_guard::LoopGuard,
    moderation::{Pause, PausedBy},
    policy::Action,
};
use mab_store::Store;
use tokio::task::JoinSet;

use crate::kit::{Kit, LIFE_S, Room, code, operator, refused, request, seqs};

/// The third message within ten seconds pauses.
const THREE: LoopGuard = LoopGuard { messages: 3, window_seconds: 10 };

async fn say_in(
    kit: &Kit,
    store: &dyn Store,
    (room, session): (&Room, &str),
    loop_guard: LoopGuard,
) -> Result<Appended, Failure> {
    let stamp = kit.stamp(room, session, Action::Send).await;
    store.append(stamp, NewMessage { loop_guard, ..kit.message(room, "x") }).await
}

async fn say(kit: &Kit, room: &Room, session: &str) -> Result<Appended, Failure> {
    say_in(kit, kit.store.as_ref(), (room, session), THREE).await
}

async fn set_status(kit: &Kit, room: &Room, session: &str, status: Status) {
    kit.store.set_status(kit.stamp(room, session, Action::UpdateStatus).await, status, None).await.unwrap();
}

/// As the operator; says whether it was paused.
async fn resume(kit: &Kit, room: &Room) -> Result<bool, Failure> {
    Ok(kit.store.resume(operator(Action::Resume), room.id).await?.is_some())
}

async fn is_paused(kit: &Kit, room: &Room) -> bool {
    kit.state(room).await.pause.is_some()
}

/// A conversation that has just been paused.
async fn paused(kit: &Kit) -> Room {
    let room = kit.room(3).await;
    for session in ["a", "b", "c"] {
        assert!(!is_paused(kit, &room).await);
        say(kit, &room, session).await.unwrap();
    }
    assert!(is_paused(kit, &room).await);
    room
}

pub(crate) async fn message_that_makes_a_talk_too_long_is_stored_and_pauses(kit: &Kit) {
    let room = kit.room(2).await;
    for session in ["a", "b"] {
        say(kit, &room, session).await.unwrap();
        assert!(!kit.newest_entry(&room).await.entry.detail.contains("paused"));
    }
    kit.clock.pass_s(1);
    assert_eq!(say(kit, &room, "a").await.unwrap().id.seq, 3);
    let before = kit.state(&room).await;
    assert_eq!(
        (before.messages, before.pause),
        (3, Some(Pause { at: kit.clock.now(), by: PausedBy::LoopGuard }))
    );
    let entry = kit.newest_entry(&room).await.entry;
    assert!(entry.action == "send" && entry.detail.contains(r#""then":"paused""#), "{}", entry.detail);

    let denied = refused(say(kit, &room, "b").await);
    assert_eq!(denied.code, Code::Paused);
    assert_eq!(denied.hint, Some(format!("tell your user, who can run `mab resume {}`", room.id)));
    kit.assert_only_recorded(&room, before, Code::Paused).await;
    assert_eq!(kit.check(&room, "b", request()).await.messages.len(), 2);
}

pub(crate) async fn pause_when_it_refuses_spends_nothing(kit: &Kit) {
    let room = kit.room(2).await;
    let send = async |windows: &[(u32, u32)]| {
        let stamp = kit.charged(&room, "a", Action::Send, windows).await;
        kit.store.append(stamp, NewMessage { loop_guard: THREE, ..kit.message(&room, "x") }).await
    };
    for _ in 0..3 {
        send(&[(4, 60)]).await.unwrap();
    }
    for _ in 0..5 {
        assert_eq!(code(send(&[(4, 60)]).await), Code::Paused);
    }
    assert!(resume(kit, &room).await.unwrap());
    send(&[(4, 60)]).await.unwrap();
    assert_eq!(code(send(&[(4, 60)]).await), Code::RateLimited);
}

pub(crate) async fn pause_stops_sends_and_nothing_else(kit: &Kit) {
    let room = paused(kit).await;
    assert_eq!(seqs(&kit.check(&room, "b", request()).await.messages), [1, 3]);
    kit.store.charge(kit.stamp(&room, "a", Action::Search).await).await.unwrap();
    set_status(kit, &room, "a", Status::Waiting).await;
    let agent = kit.new_agent(&room, "late", Permission::Member);
    kit.store.invite(kit.stamp(&room, "a", Action::Invite).await, agent).await.unwrap();
    kit.store.join(kit.stamp(&room, "late", Action::Join).await).await.unwrap();
    for session in ["a", "b", "c", "late"] {
        assert_eq!(code(say(kit, &room, session).await), Code::Paused, "{session}");
    }
    assert_eq!(say(kit, &kit.room(2).await, "a").await.unwrap().id.seq, 1, "another conversation goes on");
}

pub(crate) async fn window_of_a_talk_is_exact_at_its_border(kit: &Kit) {
    let at = async |room: &Room, ms: i64| {
        kit.clock.set_ms(ms);
        say(kit, room, "a").await.unwrap();
        is_paused(kit, room).await
    };
    let room = kit.room(2).await;
    assert_eq!([at(&room, 0).await, at(&room, 5_000).await, at(&room, 9_999).await], [false, false, true]);
    let room = kit.room(2).await;
    kit.clock.set_ms(0);
    assert_eq!([at(&room, 0).await, at(&room, 5_000).await, at(&room, 10_000).await], [false; 3]);
    // However long the talk, the newest three decide.
    for ms in [15_000, 20_000, 25_000, 30_000] {
        assert!(!at(&room, ms).await);
    }
    assert!(at(&room, 34_999).await);
}

pub(crate) async fn status_that_is_another_one_breaks_the_talk_and_the_same_does_not(kit: &Kit) {
    let room = kit.room(2).await;
    let two = async || {
        say(kit, &room, "a").await.unwrap();
        say(kit, &room, "b").await.unwrap();
        assert!(!is_paused(kit, &room).await);
    };
    two().await;
    set_status(kit, &room, "a", Status::Working).await;
    two().await;
    set_status(kit, &room, "b", Status::Working).await;
    two().await;
    set_status(kit, &room, "a", Status::Blocked).await;
    two().await;
    // What everyone said of itself before is no news.
    set_status(kit, &room, "a", Status::Blocked).await;
    set_status(kit, &room, "b", Status::Working).await;
    say(kit, &room, "a").await.unwrap();
    assert!(is_paused(kit, &room).await);
}

pub(crate) async fn status_when_paused_lifts_nothing(kit: &Kit) {
    let room = paused(kit).await;
    for status in [Status::Working, Status::Waiting, Status::Complete] {
        set_status(kit, &room, "a", status).await;
        assert_eq!(code(say(kit, &room, "a").await), Code::Paused);
    }
    kit.clock.pass_s(LIFE_S - 1);
    assert_eq!(code(say(kit, &room, "a").await), Code::Paused, "nor does time");
}

pub(crate) async fn guard_of_one_pauses_after_every_message_and_of_zero_after_none(kit: &Kit) {
    let room = kit.room(2).await;
    let one = LoopGuard { messages: 1, ..THREE };
    let (off, store) = (LoopGuard { messages: 0, ..THREE }, kit.store.as_ref());
    for _ in 0..150 {
        say_in(kit, store, (&room, "a"), off).await.unwrap();
    }
    assert!(!is_paused(kit, &room).await);
    say_in(kit, store, (&room, "a"), one).await.unwrap();
    assert!(is_paused(kit, &room).await);
    // A process that runs without the guard is no way around a pause.
    assert_eq!(code(say_in(kit, store, (&room, "a"), off).await), Code::Paused);
    resume(kit, &room).await.unwrap();
    say_in(kit, store, (&room, "b"), one).await.unwrap();
    assert!(is_paused(kit, &room).await);
}

pub(crate) async fn resume_lifts_the_pause_and_the_talk_begins_anew(kit: &Kit) {
    let room = paused(kit).await;
    let before = kit.state(&room).await;
    assert!(resume(kit, &room).await.unwrap());
    let expected = ConversationState { pause: None, audit_entries: before.audit_entries + 1, ..before };
    assert_eq!(kit.state(&room).await, expected);
    let entry = kit.newest_entry(&room).await.entry;
    let said = (entry.actor.as_str(), entry.action.as_str(), entry.outcome.as_str(), entry.detail.as_str());
    assert_eq!(said, ("operator", "resume", "ok", r#"{"by":"loop_guard","was":"paused"}"#));
    for (session, pauses) in [("a", false), ("b", false), ("a", true)] {
        say(kit, &room, session).await.unwrap();
        assert_eq!(is_paused(kit, &room).await, pauses);
    }
}

pub(crate) async fn resume_when_not_paused_is_harmless_and_counts_anew(kit: &Kit) {
    let room = kit.room(2).await;
    say(kit, &room, "a").await.unwrap();
    say(kit, &room, "b").await.unwrap();
    for _ in 0..2 {
        assert!(!resume(kit, &room).await.unwrap());
        assert_eq!(kit.newest_entry(&room).await.entry.detail, r#"{"was":"active"}"#);
    }
    say(kit, &room, "a").await.unwrap();
    say(kit, &room, "b").await.unwrap();
    assert!(!is_paused(kit, &room).await, "a human's word broke the talk");
}

pub(crate) async fn resume_of_nothing_or_of_what_is_over_is_refused(kit: &Kit) {
    let room = paused(kit).await;
    let (elsewhere, _) = kit.new_room(2);
    assert_eq!(code(resume(kit, &elsewhere).await), Code::NotFound);
    kit.clock.pass_s(LIFE_S);
    let before = kit.state(&room).await;
    assert_eq!(code(resume(kit, &room).await), Code::Expired);
    assert_eq!(kit.state(&room).await, before);
    kit.store.purge(operator(Action::Cleanup)).await.unwrap();
    kit.clock.move_ms(-1);
    assert_eq!(code(resume(kit, &room).await), Code::Expired, "the key is gone");
    let entries = kit.audit(None, 9).await;
    let refused: Vec<_> = entries
        .iter()
        .filter(|row| row.entry.action == "resume")
        .map(|row| (row.conversation, row.entry.actor.as_str(), row.entry.outcome.as_str()))
        .collect();
    assert_eq!(refused.len(), 3, "{refused:?}");
    assert!(refused.iter().all(|(conversation, actor, _)| conversation.is_none() && *actor == "operator"));
}

pub(crate) async fn talk_and_pause_hold_across_reopening_and_two_stores(kit: &Kit) {
    let room = kit.room(2).await;
    let second = kit.open_again();
    say(kit, &room, "a").await.unwrap();
    say_in(kit, second.as_ref(), (&room, "b"), THREE).await.unwrap();
    say_in(kit, kit.open_again().as_ref(), (&room, "a"), THREE).await.unwrap();
    for store in [Arc::clone(&kit.store), Arc::clone(&second), kit.open_again()] {
        assert_eq!(code(say_in(kit, store.as_ref(), (&room, "a"), THREE).await), Code::Paused);
    }
    assert!(second.resume(operator(Action::Resume), room.id).await.unwrap().is_some());
    say(kit, &room, "a").await.unwrap();
}

pub(crate) async fn sends_in_flight_at_once_are_paused_exactly(kit: &Kit) {
    let room = kit.room(2).await;
    let stores = [Arc::clone(&kit.store), kit.open_again()];
    let mut sends = JoinSet::new();
    for n in 0..40 {
        let (store, session) = (Arc::clone(&stores[n % 2]), ["a", "b"][n / 2 % 2]);
        let stamp = kit.stamp(&room, session, Action::Send).await;
        let loop_guard = LoopGuard { messages: 25, ..THREE };
        let message = NewMessage { loop_guard, ..kit.message(&room, "x") };
        sends.spawn(async move { store.append(stamp, message).await.map(|_| ()) });
    }
    let (sent, refused): (Vec<_>, Vec<_>) = sends.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!((sent.len(), kit.state(&room).await.messages), (25, 25));
    assert!(refused.into_iter().all(|refused| code(refused) == Code::Paused));
}

pub(crate) async fn repeat_when_paused_still_answers(kit: &Kit) {
    let room = kit.room(2).await;
    let send = async || {
        let stamp = kit.stamp(&room, "a", Action::Send).await;
        let message =
            NewMessage { loop_guard: LoopGuard { messages: 1, ..THREE }, ..kit.keyed(&room, "a", "k", "x") };
        kit.store.append(stamp, message).await
    };
    let first = send().await.unwrap();
    assert!(is_paused(kit, &room).await);
    assert_eq!(send().await.unwrap(), Appended { repeated: true, ..first });
    assert_eq!(code(say(kit, &room, "a").await), Code::Paused);
}

pub(crate) async fn message_that_decides_when_gone_leaves_it_to_the_next(kit: &Kit) {
    let room = kit.room(2).await;
    say(kit, &room, "a").await.unwrap();
    assert_eq!(kit.edit("DELETE FROM message WHERE (key & 4294967295) = 1"), 1);
    for pauses in [false, false, true] {
        say(kit, &room, "b").await.unwrap();
        assert_eq!(is_paused(kit, &room).await, pauses);
    }
}
