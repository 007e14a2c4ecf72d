//! Rate windows: exact, durable, shared by all processes, and spent by accepted calls of their own subject only.

use mab_core::{
    Code, Failure, SessionId, Timestamp,
    agent::Permission,
    entity::{AgentUsage, ConversationUsage, OfferRequest, Refusal, UsageRequest},
    limit::{ByPermission, Charge, Kind, Limit, Overrides, Peer, Usage, Window},
    policy::Action,
};
use mab_store::{LimitsChange, Store};
use serde_json::{Value, json};

use crate::kit::{Kit, LIFE_S, Room, START_MS, charge, code, operator, refused, request, stranger};

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

fn set(pairs: &[(Limit, u64)]) -> LimitsChange {
    let mut change = LimitsChange::default();
    for &(limit, value) in pairs {
        change.set.set(limit, value).unwrap();
    }
    change
}

async fn change(kit: &Kit, room: &Room, change: LimitsChange) -> Result<Overrides, Failure> {
    kit.store.set_limits(operator(Action::SetLimits), room.id, change).await
}

pub(crate) async fn limits_of_a_conversation_hold_at_once_there_and_in_every_store(kit: &Kit) {
    let (room, other, second) = (kit.room(2).await, kit.room(2).await, kit.open_again());
    let now = change(kit, &room, set(&[(Limit::SendPerMinute, 2), (Limit::RefusedCallsPerMinute, 1)])).await;
    assert_eq!(now.unwrap(), set(&[(Limit::SendPerMinute, 2), (Limit::RefusedCallsPerMinute, 1)]).set);
    let entry = kit.newest_entry(&room).await.entry;
    assert_eq!((entry.actor.as_str(), entry.action.as_str()), ("operator", "set_limits"));
    assert_eq!(entry.detail, r#"{"others":"kept","refused_calls_per_minute":1,"send_per_minute":2}"#);
    for _ in 0..2 {
        send(kit, second.as_ref(), &room, "a").await.unwrap();
    }
    for store in [&kit.store, &second] {
        let full = refused(send(kit, store.as_ref(), &room, "a").await);
        assert_eq!(full.message, "2 changes in any minute are allowed");
    }
    // More is allowed, and what was set before stays.
    change(kit, &room, set(&[(Limit::SendPerMinute, 3)])).await.unwrap();
    send(kit, second.as_ref(), &room, "a").await.unwrap();
    assert_eq!(code(send(kit, second.as_ref(), &room, "a").await), Code::RateLimited);
    for _ in 0..10 {
        send(kit, kit.store.as_ref(), &other, "a").await.unwrap();
    }
    let all = change(kit, &room, LimitsChange { reset: true, ..LimitsChange::default() }).await.unwrap();
    assert_eq!(all, Overrides::default());
    for _ in 0..7 {
        send(kit, second.as_ref(), &room, "a").await.unwrap();
    }
    assert_eq!(code(send(kit, second.as_ref(), &room, "a").await), Code::RateLimited);
}

pub(crate) async fn quotas_of_a_conversation_hold_at_once(kit: &Kit) {
    let room = kit.room(2).await;
    kit.send(&room, "a", "1").await;
    for (limit, most, message) in [
        (Limit::MessagesPerConversation, 1, "the conversation holds its 1 messages"),
        (Limit::BytesPerConversation, 50, "the conversation holds its 50 bytes of messages"),
        (Limit::UnreadPerInbox, 1, "the inbox of b is full (1 unread messages)"),
    ] {
        change(kit, &room, LimitsChange { reset: true, ..set(&[(limit, most)]) }).await.unwrap();
        let before = kit.state(&room).await;
        let full = refused(send(kit, kit.store.as_ref(), &room, "a").await);
        assert_eq!((full.code, full.message.as_str()), (Code::QuotaExceeded, message));
        kit.assert_only_recorded(&room, before, Code::QuotaExceeded).await;
    }
}

pub(crate) async fn limits_when_unreadable_stop_every_call_until_they_are_reset(kit: &Kit) {
    let room = kit.room(2).await;
    kit.edit(r#"UPDATE conversation SET limits = '{"send_per_minute":"many"}' WHERE pk <> 0"#);
    let refusal = refused(send(kit, kit.store.as_ref(), &room, "a").await);
    assert_eq!(refusal.code, Code::Misconfigured);
    assert!(refusal.hint.unwrap().contains("mab limits"));
    assert_eq!(code(kit.try_check(&room, "b", request()).await), Code::Misconfigured);
    assert_eq!(kit.newest_entry(&room).await.entry.outcome, "misconfigured", "it is recorded all the same");
    assert_eq!(code(change(kit, &room, set(&[(Limit::SendPerDay, 1)])).await), Code::Misconfigured);
    change(kit, &room, LimitsChange { reset: true, ..LimitsChange::default() }).await.unwrap();
    send(kit, kit.store.as_ref(), &room, "a").await.unwrap();
}

pub(crate) async fn limits_of_nothing_or_of_what_is_over_are_refused(kit: &Kit) {
    let (room, (nowhere, _)) = (kit.room(2).await, kit.new_room(2));
    assert_eq!(code(change(kit, &nowhere, set(&[(Limit::SendPerDay, 1)])).await), Code::NotFound);
    kit.clock.pass_s(LIFE_S);
    assert_eq!(code(change(kit, &room, set(&[(Limit::SendPerDay, 1)])).await), Code::Expired);
}

pub(crate) async fn refused_calls_when_too_many_are_rate_limited_and_written_no_more(kit: &Kit) {
    let (room, second) = (kit.room(2).await, kit.open_again());
    change(kit, &room, set(&[(Limit::RefusedCallsPerMinute, 40)])).await.unwrap();
    let fail = async |store: &dyn Store| {
        let stamp = kit.stamp(&room, "a", Action::Send).await;
        refused(store.append(stamp, kit.message_to(&room, "x", &["nobody"])).await)
    };
    for n in 0..40_usize {
        assert_eq!(fail([kit.store.as_ref(), second.as_ref()][n % 2]).await.code, Code::UnknownRecipient);
    }
    let rows =
        || kit.number("SELECT (SELECT count(*) FROM accepted) + (SELECT sum(unrecorded) FROM conversation)");
    let before = (rows(), kit.state(&room).await);
    for store in [kit.store.as_ref(), second.as_ref()] {
        let too_many = fail(store).await;
        assert_eq!(too_many.message, "40 refused calls in any minute are allowed");
        assert_eq!((too_many.code, too_many.retry_after_s), (Code::RateLimited, Some(60)));
        // What no transaction refused counts with it.
        let forbidden = Refusal { agent_pk: Some(1), ..stranger(Some(before.1.pk), Code::Forbidden) };
        assert_eq!(code(store.refuse(forbidden).await), Code::RateLimited);
    }
    assert_eq!((rows(), kit.state(&room).await), before);
    kit.send(&room, "a", "what is allowed is done").await;
    kit.clock.pass_s(60);
    assert_eq!(fail(second.as_ref()).await.code, Code::UnknownRecipient);
}

pub(crate) async fn entries_tell_what_was_charged_and_as_which_one(kit: &Kit) {
    let room = kit.room(2).await;
    for _ in 0..3 {
        send(kit, kit.store.as_ref(), &room, "a").await.unwrap();
    }
    kit.check(&room, "b", request()).await;
    let stamp = kit.stamp(&room, "a", Action::Send).await;
    code(kit.store.append(stamp, kit.message_to(&room, "x", &["nobody"])).await);
    change(kit, &room, set(&[(Limit::SendPerDay, 1)])).await.unwrap();
    let rows = kit.audit(Some(room.id), 10).await;
    let charged: Vec<Value> = rows
        .iter()
        .rev()
        .map(|row| serde_json::from_str::<Value>(&row.entry.detail).unwrap()["charged"].take())
        .collect();
    let expected = [
        json!({"new conversations": 1}),
        json!({"changes": 1}),
        json!({"changes": 2}),
        json!({"changes": 3}),
        json!({"reads": 1}),
        json!({"refusals": 1}),
        Value::Null,
    ];
    assert_eq!(charged, expected);
}

fn usage_request(conversation_pk: i64, agents: Vec<SessionId>, charges: Vec<Charge>) -> UsageRequest {
    UsageRequest { conversation_pk, agents, charges, permissions: ByPermission::default() }
}

pub(crate) async fn usage_counts_what_windows_count_and_says_when_one_more_fits(kit: &Kit) {
    let room = kit.room(2).await;
    change(kit, &room, set(&[(Limit::SendPerMinute, 3)])).await.unwrap();
    for _ in 0..3 {
        kit.send(&room, "a", "x").await;
        kit.clock.pass_s(1);
    }
    let usage = async || {
        let sends = charge(Kind::Change, &[(10, 60), (0, 3_600)]);
        let agents = ["a", "zed"].map(|session| session.parse().unwrap()).into();
        let request = usage_request(kit.state(&room).await.pk, agents, vec![sends]);
        kit.store.usage(request).await.unwrap().unwrap()
    };
    let used = |limit, length_s, used, free_in_s: Option<u64>| {
        let start = Timestamp::from_millis(START_MS);
        let window = Window { limit, length_s };
        (Kind::Change, Usage { window, used, free_at: free_in_s.map(|seconds| start.plus_seconds(seconds)) })
    };
    let state = kit.state(&room).await;
    let expected = ConversationUsage {
        overrides: Ok(set(&[(Limit::SendPerMinute, 3)]).set),
        messages: 3,
        size_bytes: state.size_bytes,
        agents: vec![AgentUsage {
            session: "a".parse().unwrap(),
            permission: Permission::Owner,
            unread: 0,
            windows: vec![used(3, 60, 3, Some(60)), used(0, 3_600, 3, None)],
        }],
    };
    assert_eq!(usage().await, expected);
    kit.clock.set_ms(61_000);
    assert_eq!(usage().await.agents[0].windows, [used(3, 60, 1, None), used(0, 3_600, 3, None)]);
    let request = usage_request(99, Vec::new(), Vec::new());
    assert_eq!(kit.store.usage(request).await.unwrap(), None);
}
