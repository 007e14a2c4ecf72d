//! Rate windows: exact, durable, shared by all processes, and spent by accepted calls of their own subject only.

use mab_core::{
    Code, Failure,
    entity::OfferRequest,
    limit::{Kind, Peer},
    policy::Action,
};
use mab_store::Store;

use crate::kit::{Kit, Room, charge, code, refused, request, stranger};

/// Ten in any minute.
const TEN: &[(u32, u32)] = &[(10, 60)];

async fn send(kit: &Kit, store: &dyn Store, room: &Room, session: &str) -> Result<u64, Failure> {
    let stamp = kit.charged(room, session, Action::Send, TEN).await;
    store.append(stamp, kit.message(room, "x")).await.map(|sent| sent.id.seq)
}

pub(crate) async fn ten_in_any_minute_are_exact_at_the_border(kit: &Kit) {
    let room = kit.room(2).await;
    let store = kit.store.as_ref();
    // Ten within 0.6 s around the border of a clock minute: a fixed window would then take ten more.
    for n in 0..10 {
        kit.clock.set_ms(58_500 + n * 60);
        send(kit, store, &room, "a").await.unwrap();
    }
    for (at_ms, wait_s) in [(59_040, 60), (60_000, 59), (61_500, 57), (117_500, 1), (118_499, 1)] {
        kit.clock.set_ms(at_ms);
        let full = refused(send(kit, store, &room, "a").await);
        assert_eq!((full.code, full.retry_after_s), (Code::RateLimited, Some(wait_s)), "at {at_ms} ms");
    }
    kit.clock.set_ms(118_500);
    assert_eq!(send(kit, store, &room, "a").await.unwrap(), 11);
    assert_eq!(refused(send(kit, store, &room, "a").await).retry_after_s, Some(1));
    kit.clock.set_ms(118_560);
    assert_eq!(send(kit, store, &room, "a").await.unwrap(), 12);
}

pub(crate) async fn window_holds_across_reopening(kit: &Kit) {
    let room = kit.room(2).await;
    for n in 0..10 {
        kit.clock.set_ms(n);
        send(kit, kit.open_again().as_ref(), &room, "a").await.unwrap();
    }
    kit.clock.set_ms(59_999);
    let full = refused(send(kit, kit.open_again().as_ref(), &room, "a").await);
    assert_eq!((full.code, full.retry_after_s), (Code::RateLimited, Some(1)));
    kit.clock.set_ms(60_000);
    send(kit, kit.open_again().as_ref(), &room, "a").await.unwrap();
}

pub(crate) async fn window_holds_across_two_stores(kit: &Kit) {
    let room = kit.room(2).await;
    let second = kit.open_again();
    let stores = [kit.store.as_ref(), second.as_ref()];
    for n in 0..10_usize {
        send(kit, stores[n % 2], &room, "a").await.unwrap();
    }
    for store in stores {
        assert_eq!(refused(send(kit, store, &room, "a").await).retry_after_s, Some(60));
    }
    kit.clock.pass_s(60);
    for n in 0..10_usize {
        send(kit, stores[n / 5], &room, "a").await.unwrap();
    }
    for store in stores {
        assert_eq!(code(send(kit, store, &room, "a").await), Code::RateLimited);
    }
}

pub(crate) async fn longest_of_several_windows_decides(kit: &Kit) {
    let room = kit.room(2).await;
    let send = async || {
        let stamp = kit.charged(&room, "a", Action::Send, &[(2, 60), (5, 3_600)]).await;
        kit.store.append(stamp, kit.message(&room, "x")).await
    };
    for n in 0..5_u64 {
        kit.clock.set_ms(i64::try_from(n).unwrap() * 60_000);
        send().await.unwrap();
    }
    kit.clock.set_ms(300_000);
    let full = refused(send().await);
    assert_eq!(full.retry_after_s, Some(3_300), "{full}");
    assert!(full.message.contains("5 changes in any hour"), "{full}");
    kit.clock.set_ms(3_599_000);
    assert_eq!(refused(send().await).retry_after_s, Some(1));
    assert_eq!(kit.state(&room).await.messages, 5);
}

pub(crate) async fn refused_calls_spend_nothing(kit: &Kit) {
    let room = kit.room(2).await;
    for _ in 0..9 {
        send(kit, kit.store.as_ref(), &room, "a").await.unwrap();
    }
    for _ in 0..5 {
        let stamp = kit.charged(&room, "a", Action::Send, TEN).await;
        let stranger = kit.store.append(stamp, kit.message_to(&room, "x", &["nobody"])).await;
        assert_eq!(code(stranger), Code::UnknownRecipient);
    }
    send(kit, kit.store.as_ref(), &room, "a").await.unwrap();
    kit.clock.pass_s(30);
    for _ in 0..5 {
        assert_eq!(refused(send(kit, kit.store.as_ref(), &room, "a").await).retry_after_s, Some(30));
    }
    kit.clock.pass_s(30);
    assert_eq!(send(kit, kit.store.as_ref(), &room, "a").await.unwrap(), 11);
}

pub(crate) async fn other_agents_and_conversations_have_windows_of_their_own(kit: &Kit) {
    let (room, other) = (kit.room(3).await, kit.room(3).await);
    let full = async |room: &Room, session: &str| {
        for _ in 0..10 {
            send(kit, kit.store.as_ref(), room, session).await.unwrap();
        }
        assert_eq!(code(send(kit, kit.store.as_ref(), room, session).await), Code::RateLimited);
    };
    full(&room, "a").await;
    full(&room, "b").await;
    full(&other, "a").await;
    full(&room, "c").await;
}

pub(crate) async fn reads_have_a_window_of_their_own(kit: &Kit) {
    let room = kit.room(2).await;
    let two: &[(u32, u32)] = &[(2, 60)];
    let read = async || kit.store.charge(kit.charged(&room, "a", Action::Search, two).await).await;
    let check = async || {
        let stamp = kit.charged(&room, "a", Action::Check, two).await;
        kit.store.offer(stamp, OfferRequest { peek: true, ..request() }).await
    };
    read().await.unwrap();
    check().await.unwrap();
    assert_eq!(refused(read().await).message, "2 reads in any minute are allowed");
    assert_eq!(code(check().await), Code::RateLimited);
    for _ in 0..10 {
        send(kit, kit.store.as_ref(), &room, "a").await.unwrap();
    }
    assert_eq!(code(send(kit, kit.store.as_ref(), &room, "a").await), Code::RateLimited);
    kit.clock.pass_s(60);
    read().await.unwrap();
}

pub(crate) async fn wrong_tokens_spend_no_agents_budget(kit: &Kit) {
    let room = kit.room(2).await;
    let pk = kit.state(&room).await.pk;
    for _ in 0..50 {
        kit.store.refuse(stranger(Some(pk), Code::InvalidToken)).await.unwrap();
        kit.store.refuse(stranger(None, Code::InvalidToken)).await.unwrap();
    }
    for _ in 0..10 {
        send(kit, kit.store.as_ref(), &room, "a").await.unwrap();
    }
    // Nor does a stranger's flood keep the agent's own refusals out of the trail.
    assert_eq!(code(send(kit, kit.store.as_ref(), &room, "a").await), Code::RateLimited);
    assert_eq!(kit.newest_entry(&room).await.entry.outcome, "rate_limited");
    assert!(kit.state(&room).await.agents[1].last_seen_at.is_none(), "a wrong token is no sign of life");
}

pub(crate) async fn clock_when_it_steps_back_frees_nothing(kit: &Kit) {
    let room = kit.room(2).await;
    kit.clock.set_ms(60_000);
    for _ in 0..10 {
        send(kit, kit.store.as_ref(), &room, "a").await.unwrap();
    }
    kit.clock.set_ms(-600_000);
    assert_eq!(code(send(kit, kit.store.as_ref(), &room, "a").await), Code::RateLimited);
    kit.clock.set_ms(119_999);
    assert_eq!(code(send(kit, kit.store.as_ref(), &room, "a").await), Code::RateLimited);
    kit.clock.set_ms(120_000);
    send(kit, kit.store.as_ref(), &room, "a").await.unwrap();
}

pub(crate) async fn clock_when_it_jumps_ahead_and_back_holds_nobody_up(kit: &Kit) {
    const HALF_AN_HOUR_MS: i64 = 1_800_000;
    let room = kit.room(2).await;
    for n in 0..9 {
        kit.clock.set_ms(n * 1_000);
        send(kit, kit.store.as_ref(), &room, "a").await.unwrap();
    }
    kit.clock.set_ms(HALF_AN_HOUR_MS);
    send(kit, kit.store.as_ref(), &room, "a").await.unwrap();
    // What a wrong clock accepted counts as accepted when it is right again: exact, and over in a minute.
    kit.clock.set_ms(10_000);
    assert_eq!(refused(send(kit, kit.store.as_ref(), &room, "a").await).retry_after_s, Some(50));
    kit.clock.set_ms(60_000);
    send(kit, kit.store.as_ref(), &room, "a").await.unwrap();
    assert_eq!(code(send(kit, kit.store.as_ref(), &room, "a").await), Code::RateLimited);
    kit.clock.set_ms(70_000);
    // Two are dated 60 s: the one just made, and the one that was brought back with it.
    for _ in 0..8 {
        send(kit, kit.store.as_ref(), &room, "a").await.unwrap();
    }
    assert_eq!(code(send(kit, kit.store.as_ref(), &room, "a").await), Code::RateLimited);
}

pub(crate) async fn limit_of_zero_is_off(kit: &Kit) {
    let room = kit.room(2).await;
    for _ in 0..40 {
        let stamp = kit.charged(&room, "a", Action::Send, &[(0, 60), (0, 3_600)]).await;
        kit.store.append(stamp, kit.message(&room, "x")).await.unwrap();
    }
}

pub(crate) async fn refusals_past_their_window_are_counted_and_told(kit: &Kit) {
    let room = kit.room(2).await;
    let fail = async || {
        let stamp = kit.stamp(&room, "a", Action::Send).await;
        code(kit.store.append(stamp, kit.message_to(&room, "x", &["nobody"])).await)
    };
    let entries = async || kit.state(&room).await.audit_entries;
    let before = entries().await;
    for _ in 0..45 {
        assert_eq!(fail().await, Code::UnknownRecipient, "the caller hears of each");
    }
    assert_eq!(entries().await, before + 30);
    kit.send(&room, "b", "the next entry tells").await;
    let entry = kit.newest_entry(&room).await.entry;
    assert!(entry.detail.contains(r#""unrecorded_refusals":15"#), "{}", entry.detail);
    kit.send(&room, "b", "once").await;
    assert!(!kit.newest_entry(&room).await.entry.detail.contains("unrecorded_refusals"));
    kit.clock.pass_s(60);
    fail().await;
    let entry = kit.newest_entry(&room).await.entry;
    assert_eq!((entry.outcome.as_str(), entry.detail.as_str()), ("unknown_recipient", "{}"));
}

pub(crate) async fn kept_times_are_bounded(kit: &Kit) {
    let room = kit.room(2).await;
    let kept = || kit.number("SELECT count(*) FROM accepted WHERE kind = 1");
    for _ in 0..300 {
        kit.check(&room, "b", request()).await;
        kit.clock.pass_s(5);
    }
    assert!(kept() <= 12 + 32, "{} kept: not much older than a minute", kept());
}

pub(crate) async fn window_when_another_process_has_other_limits_forgets_nothing(kit: &Kit) {
    let room = kit.room(2).await;
    for _ in 0..10 {
        send(kit, kit.store.as_ref(), &room, "a").await.unwrap();
    }
    let unlimited = kit.charged(&room, "a", Action::Send, &[(0, 60)]).await;
    kit.store.append(unlimited, kit.message(&room, "x")).await.unwrap();
    assert_eq!(code(send(kit, kit.store.as_ref(), &room, "a").await), Code::RateLimited);
}

pub(crate) async fn guesses_are_exact_per_peer_across_stores_and_cost_no_write_beyond(kit: &Kit) {
    let room = kit.room(2).await;
    let second = kit.open_again();
    let (peer, other) = (Peer::user(1_000), Peer::user(0));
    let five = || charge(Kind::Guess, &[(5, 60)]);
    let strange = || stranger(None, Code::InvalidToken);
    for n in 0..5_usize {
        let store = [&kit.store, &second][n % 2];
        store.may_guess(peer, five()).await.unwrap();
        store.guessed_wrong(peer, five(), strange()).await.unwrap();
        kit.clock.pass_s(1);
    }
    let rows = || kit.number("SELECT (SELECT count(*) FROM accepted) + (SELECT count(*) FROM audit)");
    let (before, counted) = (rows(), "SELECT sum(unrecorded) FROM conversation");
    for store in [&kit.store, &second] {
        let looked = refused(store.may_guess(peer, five()).await);
        assert_eq!((looked.code, looked.retry_after_s), (Code::RateLimited, Some(55)));
        // Who looked before the window was full is told the same by the transaction.
        assert_eq!(refused(store.guessed_wrong(peer, five(), strange()).await), looked);
    }
    assert_eq!((rows(), kit.number(counted)), (before, 0), "nothing is written, nothing is counted");
    kit.store.may_guess(other, five()).await.unwrap();
    kit.send(&room, "a", "members are not concerned").await;
    kit.clock.set_ms(60_000);
    second.may_guess(peer, five()).await.unwrap();
}
