//! Waiting for messages, and hearing of those that did not arrive.
#![cfg(test)]

mod kit;

use std::{
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use kit::{Agent, House, texts};
use mab_core::{Code, Denied};
use mab_service::{Bridge, Waiter};
use serde_json::{Value, json};
use tokio::sync::Notify;

/// A caller that bears any wait, counts what it is told and can be made to give up.
struct Patient {
    ticket: Option<u64>,
    longest: Duration,
    heard: AtomicUsize,
    waits: Notify,
    gives_up: Notify,
}

impl Patient {
    fn new() -> Self {
        Self::bearing(Duration::from_hours(1))
    }

    fn bearing(longest: Duration) -> Self {
        Self {
            ticket: None,
            longest,
            heard: AtomicUsize::new(0),
            waits: Notify::new(),
            gives_up: Notify::new(),
        }
    }
}

impl Waiter for Patient {
    fn ticket(&self) -> Option<u64> {
        self.ticket
    }

    fn longest(&self) -> Duration {
        self.longest
    }

    fn progress(
        &self,
        _what: mab_service::Waiting,
        _waited: Duration,
        _of: Duration,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.heard.fetch_add(1, Ordering::SeqCst);
        self.waits.notify_one();
        Box::pin(std::future::ready(()))
    }

    fn cancelled(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.gives_up.notified())
    }
}

/// A check whose answer arrives, or not, under this ticket.
async fn ticketed(agent: &Agent, bridge: &Bridge, ticket: u64) -> Value {
    let patient = Patient { ticket: Some(ticket), ..Patient::new() };
    check(agent, bridge, &patient, 0).await.unwrap()
}

fn connection(agent: &Agent) -> &mab_service::Connection {
    let mab_service::Caller::Agent(connection) = &agent.0 else { unreachable!("an agent is an agent") };
    connection
}

async fn unread(agent: &Agent, bridge: &Bridge) -> Value {
    let status = agent.ok(bridge, "check_partner_status", json!({})).await;
    status["partners"][0]["unread"].clone()
}

async fn check(agent: &Agent, bridge: &Bridge, patient: &Patient, wait_s: i64) -> Result<Value, Denied> {
    let arguments = kit::object(json!({ "wait_seconds": wait_s }));
    let call = bridge.call_waiting(&agent.0, patient, "check_messages", arguments);
    // A wait that never ends fails the test instead of hanging it.
    tokio::time::timeout(Duration::from_secs(20), call).await.expect("the wait ends")
}

/// Runs a check that waits, and `meanwhile` once it does.
async fn check_and<T>(
    agent: &Agent,
    bridge: &Bridge,
    patient: &Patient,
    meanwhile: impl Future<Output = T>,
) -> (Result<Value, Denied>, T) {
    let meanwhile = async {
        patient.waits.notified().await;
        meanwhile.await
    };
    tokio::join!(check(agent, bridge, patient, 3_600), meanwhile)
}

fn reads(house: &House) -> i64 {
    let file = rusqlite::Connection::open(house.database()).unwrap();
    file.query_row("SELECT count(*) FROM accepted WHERE kind = 1", [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn watch_that_ends_with_a_message_costs_one_read() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let (patient, before) = (Patient::new(), reads(&house));
    let watching = house.bridge.call_waiting(&b.0, &patient, "watch_inbox", serde_json::Map::new());
    let sending = async {
        patient.waits.notified().await;
        a.send(&house.bridge, "hello").await;
    };
    let (answer, ()) = tokio::join!(watching, sending);
    assert_eq!(answer.unwrap(), json!({"newer": true, "arrivals": 1}));
    assert_eq!(reads(&house) - before, 1);
}

#[tokio::test]
async fn watch_when_its_agent_is_removed_ends_without_news_and_the_next_one_is_refused() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let patient = Patient::new();
    let watching = house.bridge.call_waiting(&b.0, &patient, "watch_inbox", serde_json::Map::new());
    let removing = async {
        patient.waits.notified().await;
        a.ok(&house.bridge, "moderate", json!({"action": "remove", "agent": "b"})).await;
    };
    let (answer, ()) = tokio::join!(watching, removing);
    assert_eq!(answer.unwrap(), json!({"newer": false, "arrivals": 0}));
    assert_eq!(b.code(&house.bridge, "watch_inbox", json!({})).await, Code::Revoked);
}

#[tokio::test]
async fn waiting_check_when_another_process_sends_is_answered_with_the_message() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let other = house.second_bridge();
    let patient = Patient::new();
    let (answer, _) = check_and(&b, &house.bridge, &patient, a.send(&other, "hello")).await;
    let answer = answer.unwrap();
    assert_eq!(texts(&answer), ["hello"]);
    assert_eq!((&answer["messages"][0]["redelivered"], answer.get("timed_out")), (&json!(false), None));
}

#[tokio::test]
async fn waiting_check_when_something_is_there_answers_at_once() {
    let house = House::new();
    let (a, b) = house.pair().await;
    a.send(&house.bridge, "early").await;
    let patient = Patient::new();
    assert_eq!(texts(&check(&b, &house.bridge, &patient, 3_600).await.unwrap()), ["early"]);
    assert_eq!(patient.heard.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn waiting_check_when_nothing_comes_times_out_and_costs_two_reads() {
    let house = House::new();
    let (_, b) = house.pair().await;
    let before = reads(&house);
    let answer = check(&b, &house.bridge, &Patient::new(), 2).await.unwrap();
    assert_eq!(answer, json!({"messages": [], "more": false, "timed_out": true, "waited_seconds": 2}));
    assert_eq!(reads(&house) - before, 2, "one look before and one after, however long the wait");
}

#[tokio::test]
async fn waiting_check_acknowledges_what_came_before() {
    let house = House::new();
    let (a, b) = house.pair().await;
    a.send(&house.bridge, "one").await;
    b.texts(&house.bridge).await;
    let patient = Patient::new();
    let status = async {
        let status = a.ok(&house.bridge, "check_partner_status", json!({})).await;
        patient.gives_up.notify_one();
        status
    };
    let (_, status) = check_and(&b, &house.bridge, &patient, status).await;
    assert_eq!(status["partners"][0]["unread"], 0);
}

#[tokio::test]
async fn wait_is_cut_to_what_the_caller_bears_or_the_operator_sets() {
    for (bears, set) in [(1, 0), (3_600, 1)] {
        let house = House::with(|settings| settings.wait_max_s = set);
        let (_, b) = house.pair().await;
        let patient = Patient::bearing(Duration::from_secs(bears));
        let answer = check(&b, &house.bridge, &patient, 3_600).await.unwrap();
        assert_eq!((&answer["timed_out"], &answer["waited_seconds"]), (&json!(true), &json!(1)));
    }
    let house = House::with(|settings| settings.wait_max_s = 1);
    let (_, b) = house.pair().await;
    let answer = check(&b, &house.bridge, &Patient::bearing(Duration::ZERO), 5).await.unwrap();
    assert_eq!(answer, json!({"messages": [], "more": false}), "who cannot wait is answered at once");
}

#[tokio::test]
async fn wait_when_negative_huge_or_no_number_is_refused_and_changes_nothing() {
    let house = House::new();
    let (a, b) = house.pair().await;
    a.send(&house.bridge, "still here").await;
    for wrong in [json!(-1), json!(3_601), json!(u64::MAX), json!(1e30), json!(1.5), json!("10")] {
        let refused = b.call(&house.bridge, "check_messages", json!({ "wait_seconds": wrong })).await;
        let refused = refused.expect_err("refused");
        assert_eq!(refused.code, Code::InvalidArguments, "{wrong}");
        assert!(refused.message.contains("wait_seconds") && refused.hint.is_some(), "{refused:?}");
    }
    assert_eq!(texts(&b.ok(&house.bridge, "check_messages", json!({"peek": true})).await), ["still here"]);
}

#[tokio::test]
async fn waiting_check_when_cancelled_ends_and_takes_nothing() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let patient = Patient::new();
    let (answer, ()) = check_and(&b, &house.bridge, &patient, async { patient.gives_up.notify_one() }).await;
    assert_eq!(texts(&answer.unwrap()), [""; 0]);
    a.send(&house.bridge, "later").await;
    let next = b.ok(&house.bridge, "check_messages", json!({})).await;
    assert_eq!(
        (texts(&next), &next["messages"][0]["redelivered"]),
        (vec!["later".to_owned()], &json!(false))
    );
}

#[tokio::test]
async fn waiting_check_when_the_same_agent_checks_anew_ends() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let patient = Patient::new();
    let (older, newer) = check_and(&b, &house.bridge, &patient, async {
        let newer = b.ok(&house.bridge, "check_messages", json!({})).await;
        a.send(&house.bridge, "for the next").await;
        newer
    })
    .await;
    assert_eq!(older.unwrap()["timed_out"], true);
    assert_eq!(newer, json!({"messages": [], "more": false}));
    assert_eq!(b.texts(&house.bridge).await, ["for the next"]);
}

#[tokio::test]
async fn waiting_check_when_only_peeked_at_goes_on() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let patient = Patient::new();
    let (answer, _) = check_and(&b, &house.bridge, &patient, async {
        b.ok(&house.bridge, "check_messages", json!({"peek": true})).await;
        a.send(&house.bridge, "hello").await
    })
    .await;
    assert_eq!(texts(&answer.unwrap()), ["hello"]);
}

#[tokio::test]
async fn waiting_check_when_the_agent_loses_its_place_ends_with_the_reason() {
    for (operation, change, code) in [
        ("tokens", json!({"revoke": "b"}), Code::Revoked),
        ("tokens", json!({"revoke_all": true}), Code::Revoked),
        ("tokens", json!({"rotate": "b"}), Code::TokenRotated),
        ("tokens", json!({"rotate_all": true}), Code::TokenRotated),
        ("remove", json!({"agent": "b"}), Code::Revoked),
    ] {
        let house = House::new();
        let (a, b) = house.pair().await;
        let conversation = a.ok(&house.bridge, "list_conversations", json!({})).await;
        let id = conversation["conversations"][0]["conversation_id"].clone();
        let (other, patient) = (house.second_bridge(), Patient::new());
        let operator = mab_service::Caller::Operator;
        let mut arguments = kit::object(change);
        arguments.insert("conversation_id".into(), id);
        let change = async { other.call(&operator, operation, arguments).await.map(drop) };
        let (answer, changed) = check_and(&b, &house.bridge, &patient, change).await;
        changed.unwrap();
        assert_eq!(answer.unwrap_err().code, code);
    }
    let house = House::new();
    let (_, b) = house.pair().await;
    let (answer, ()) =
        check_and(&b, &house.bridge, &Patient::new(), async { house.clock.advance_s(3 * 3_600) }).await;
    assert_eq!(answer.unwrap_err().code, Code::Expired);
}

#[tokio::test]
async fn waiting_check_when_the_agent_leaves_elsewhere_ends_with_the_reason() {
    let house = House::new();
    let (_, b) = house.pair().await;
    let mut arguments = kit::object(kit::credentials(&b));
    arguments.insert("action".into(), json!("leave"));
    let (answer, _) = check_and(&b, &house.bridge, &Patient::new(), async {
        Agent::new(3).ok(&house.second_bridge(), "moderate", Value::Object(arguments)).await
    })
    .await;
    assert_eq!(answer.unwrap_err().code, Code::Revoked);
}

#[tokio::test]
async fn waiting_check_when_the_conversation_is_paused_ends_and_says_by_whom() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let (answer, _) = check_and(&b, &house.bridge, &Patient::new(), async {
        a.ok(&house.second_bridge(), "moderate", json!({"action": "pause"})).await
    })
    .await;
    let answer = answer.unwrap();
    assert_eq!((&answer["paused_by"], &answer["messages"]), (&json!("moderator"), &json!([])));
}

#[tokio::test]
async fn waiting_check_when_the_agent_becomes_the_owner_goes_on() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let (answer, _) = check_and(&b, &house.bridge, &Patient::new(), async {
        a.ok(&house.second_bridge(), "moderate", json!({"action": "transfer", "agent": "b"})).await;
        a.send(&house.second_bridge(), "it is yours").await
    })
    .await;
    assert_eq!(texts(&answer.unwrap()), ["it is yours"]);
}

#[tokio::test]
async fn waiting_check_when_its_lease_runs_out_gets_the_batch_again() {
    let house = House::new();
    let (a, b) = house.pair().await;
    a.send(&house.bridge, "one").await;
    b.ok(&house.bridge, "check_messages", json!({})).await;
    // Another connection of the same agent: its first look takes the batch over; the next one waits for it.
    let (patient, elsewhere) = (Patient::new(), Agent::new(3));
    let credentials = kit::credentials(&b);
    elsewhere.ok(&house.bridge, "check_messages", credentials.clone()).await;
    let mut arguments = kit::object(credentials);
    arguments.insert("wait_seconds".into(), json!(3_600));
    arguments.insert("peek".into(), json!(true));
    let call = house.bridge.call_waiting(&elsewhere.0, &patient, "check_messages", arguments);
    let (answer, ()) = tokio::join!(call, async {
        patient.waits.notified().await;
        house.clock.advance_s(60);
    });
    let answer = answer.unwrap();
    assert_eq!(
        (texts(&answer), &answer["messages"][0]["redelivered"]),
        (vec!["one".to_owned()], &json!(true))
    );
}

#[tokio::test]
async fn agent_that_waits_is_alive_however_long_and_says_so_without_writing() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let patient = Patient::new();
    let (_, status) = check_and(&b, &house.bridge, &patient, async {
        house.clock.advance_s(1_000);
        let status = a.ok(&house.second_bridge(), "check_partner_status", json!({})).await;
        patient.gives_up.notify_one();
        status
    })
    .await;
    let partner = &status["partners"][0];
    assert_eq!((&partner["alive"], &partner["age_seconds"]), (&json!(true), &json!(1_000)));
    let status = a.ok(&house.bridge, "check_partner_status", json!({})).await;
    assert_eq!(status["partners"][0]["alive"], false, "it no longer waits");
}

#[tokio::test]
async fn sender_hears_once_of_a_message_nobody_collects() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let sent = a.send(&house.bridge, "anybody?").await;
    // The recipient lives, but does not check.
    house.clock.advance_s(899);
    b.ok(&house.bridge, "check_partner_status", json!({})).await;
    assert_eq!(a.ok(&house.bridge, "check_messages", json!({})).await.get("undelivered"), None);
    house.clock.advance_s(15);
    let told = a.ok(&house.bridge, "check_messages", json!({})).await;
    let expected = json!([{
        "session_id": "b", "reason": "uncollected", "message_id": sent["message_id"], "sent_at": "2026-11-22T07:30:00.000Z",
    }]);
    assert_eq!(told["undelivered"], expected);
    house.clock.advance_s(15);
    assert_eq!(a.ok(&house.bridge, "check_messages", json!({})).await.get("undelivered"), None, "once");
    let status = a.ok(&house.bridge, "check_partner_status", json!({})).await;
    assert_eq!(status["undelivered"], expected, "asked, it is told again");
    b.texts(&house.bridge).await;
    house.clock.advance_s(15);
    assert_eq!(a.ok(&house.bridge, "check_partner_status", json!({})).await.get("undelivered"), None);
}

#[tokio::test]
async fn sender_hears_when_it_sends_to_one_whose_heartbeat_stopped() {
    let house = House::new();
    let (a, _b) = house.pair().await;
    house.clock.advance_s(121);
    let sent = a.send(&house.bridge, "still there?").await;
    assert_eq!(sent["undelivered"][0]["reason"], "heartbeat_stopped");
    assert_eq!(sent["undelivered"][0]["message_id"], sent["message_id"]);
}

#[tokio::test]
async fn sender_that_waits_is_woken_when_its_message_does_not_arrive() {
    let house = House::new();
    let (a, _b) = house.pair().await;
    a.send(&house.bridge, "hello?").await;
    let (answer, ()) =
        check_and(&a, &house.bridge, &Patient::new(), async { house.clock.advance_s(121) }).await;
    let answer = answer.unwrap();
    assert_eq!(
        (texts(&answer), &answer["undelivered"][0]["reason"], answer.get("timed_out")),
        (vec![], &json!("heartbeat_stopped"), None)
    );
}

#[tokio::test]
async fn invited_agent_that_never_comes_is_reported_after_two_minutes() {
    let house = House::new();
    let a = Agent::new(1);
    a.ok(&house.bridge, "create_conversation", json!({"my_role": "backend", "partner_role": "frontend"}))
        .await;
    assert_eq!(a.send(&house.bridge, "welcome").await.get("undelivered"), None);
    house.clock.advance_s(120);
    let told = a.ok(&house.bridge, "check_messages", json!({})).await;
    assert_eq!(told["undelivered"][0]["reason"], "never_seen");
}

#[tokio::test]
async fn answer_is_acknowledged_only_by_a_check_that_follows_its_arrival() {
    let house = House::new();
    let (a, b) = house.pair().await;
    a.send(&house.bridge, "one").await;
    assert_eq!(texts(&ticketed(&b, &house.bridge, 1).await), ["one"]);
    // The next checks come while the answer is still on its way: they neither acknowledge nor get it again.
    for ticket in 2..5 {
        assert_eq!(texts(&ticketed(&b, &house.bridge, ticket).await), [""; 0]);
    }
    assert_eq!(unread(&a, &house.bridge).await, 1);
    connection(&b).received(&[1]);
    ticketed(&b, &house.bridge, 5).await;
    assert_eq!(unread(&a, &house.bridge).await, 0);
}

#[tokio::test]
async fn answer_when_lost_is_given_again_at_once_on_the_same_connection() {
    let house = House::new();
    let (a, b) = house.pair().await;
    a.send(&house.bridge, "one").await;
    let first = ticketed(&b, &house.bridge, 1).await;
    connection(&b).lost(1);
    // What is said of it afterwards is too late.
    connection(&b).received(&[1]);
    let again = ticketed(&b, &house.bridge, 2).await;
    assert_eq!(again["messages"][0]["message_id"], first["messages"][0]["message_id"]);
    assert_eq!(again["messages"][0]["redelivered"], true);
    connection(&b).received(&[2]);
    assert_eq!(texts(&ticketed(&b, &house.bridge, 3).await), [""; 0]);
    assert_eq!(unread(&a, &house.bridge).await, 0);
}

#[tokio::test]
async fn conversations_of_one_connection_do_not_disturb_each_other() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let first = kit::credentials(&b);
    let other = Agent::new(5);
    let roles = json!({"my_role": "backend", "partner_role": "frontend"});
    let created = other.ok(&house.bridge, "create_conversation", roles).await;
    let second = json!({
        "conversation_id": created["conversation_id"], "session_id": "b", "token": created["session_b_token"],
    });
    b.ok(&house.bridge, "join_conversation", second).await;
    let second = kit::object(kit::credentials(&b));
    a.send(&house.bridge, "in the first").await;
    // A wait in the second is open all the time, and an answer in it lost.
    let patient = Patient { ticket: Some(1), ..Patient::new() };
    let mut waiting = second.clone();
    waiting.insert("wait_seconds".into(), json!(3_600));
    let wait = house.bridge.call_waiting(&b.0, &patient, "check_messages", waiting);
    let meanwhile = async {
        patient.waits.notified().await;
        let got = b.ok(&house.bridge, "check_messages", first.clone()).await;
        assert_eq!(texts(&got), ["in the first"]);
        connection(&b).lost(7);
        let next = b.ok(&house.bridge, "check_messages", first.clone()).await;
        assert_eq!(texts(&next), [""; 0]);
        assert_eq!(unread(&a, &house.bridge).await, 0);
        patient.gives_up.notify_one();
    };
    let (answer, ()) = tokio::join!(wait, meanwhile);
    assert_eq!(answer.unwrap()["timed_out"], true);
}

#[tokio::test]
async fn agent_on_two_connections_gets_each_message_on_one_of_them() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let beside = Agent::new(9);
    let credentials = kit::credentials(&b);
    // Both have looked once, as every connection does when it is new.
    b.texts(&house.bridge).await;
    beside.ok(&house.bridge, "check_messages", credentials.clone()).await;
    for n in 0..3 {
        a.send(&house.bridge, &format!("{n}")).await;
        assert_eq!(b.texts(&house.bridge).await, [format!("{n}")]);
        assert_eq!(texts(&beside.ok(&house.bridge, "check_messages", credentials.clone()).await), [""; 0]);
        assert_eq!(b.texts(&house.bridge).await, [""; 0]);
        assert_eq!(unread(&a, &house.bridge).await, 0);
    }
}

#[tokio::test]
async fn wait_that_is_refused_leaves_the_one_that_waits_alone() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let patient = Patient::new();
    let (answer, _) = check_and(&b, &house.bridge, &patient, async {
        assert_eq!(
            b.code(&house.bridge, "check_messages", json!({"wait_seconds": 4_000})).await,
            Code::InvalidArguments
        );
        a.send(&house.bridge, "hello").await
    })
    .await;
    assert_eq!(texts(&answer.unwrap()), ["hello"]);
}

#[tokio::test]
async fn waiting_check_when_the_conversation_pauses_says_so_at_once() {
    let house = House::with(|settings| settings.loop_guard.messages = 1);
    let (a, b) = house.pair().await;
    let patient = Patient::new();
    let (answer, sent) = check_and(&b, &house.bridge, &patient, a.send(&house.bridge, "the last")).await;
    let answer = answer.unwrap();
    assert_eq!((texts(&answer), &answer["paused"]), (vec!["the last".to_owned()], &json!(true)));
    assert_eq!(sent["paused"], true, "its sender is told too");
    let next = check(&b, &house.bridge, &Patient::new(), 3_600).await.unwrap();
    assert_eq!(
        (&next["paused"], next.get("timed_out")),
        (&json!(true), None),
        "nobody can send: no reason to wait"
    );
}

#[tokio::test]
async fn sender_hears_of_a_recipient_that_was_removed() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let sent = a.send(&house.bridge, "one").await;
    let id = kit::credentials(&b)["conversation_id"].clone();
    house.operator("tokens", json!({"conversation_id": id, "revoke": "b"})).await.unwrap();
    house.clock.advance_s(15);
    let told = a.ok(&house.bridge, "check_messages", json!({})).await;
    assert_eq!(told["undelivered"][0]["reason"], "removed");
    assert_eq!(told["undelivered"][0]["message_id"], sent["message_id"]);
}

#[tokio::test]
async fn messages_when_the_watchdog_fails_are_handed_out_all_the_same() {
    let house = House::new();
    let (a, b) = house.pair().await;
    a.send(&house.bridge, "one").await;
    // What only the watchdog reads is gone for a moment: a fault of the store beside the inbox.
    let file = rusqlite::Connection::open(house.database()).unwrap();
    file.execute_batch("ALTER TABLE agent RENAME COLUMN unread TO gone").unwrap();
    let got = b.ok(&house.bridge, "check_messages", json!({})).await;
    assert_eq!((texts(&got), &got["messages"][0]["redelivered"]), (vec!["one".to_owned()], &json!(false)));
    file.execute_batch("ALTER TABLE agent RENAME COLUMN gone TO unread").unwrap();
    assert_eq!(b.texts(&house.bridge).await, [""; 0]);
    assert_eq!(unread(&a, &house.bridge).await, 0);
}

/// A check under way.
type Waiting<'a> = Pin<Box<dyn Future<Output = Result<Value, Denied>> + 'a>>;

/// Lets this agent wait on so many connections, in two processes by turns, and does `meanwhile` once all of them wait.
async fn waiting_often<T>(
    (house, second): (&House, &Bridge),
    (agent, times): (&Agent, u64),
    meanwhile: impl Future<Output = T>,
) -> T {
    let mut arguments = kit::object(kit::credentials(agent));
    arguments.insert("wait_seconds".to_owned(), json!(3_600));
    let places: Vec<(Agent, Patient)> = (0..times).map(|n| (Agent::new(100 + n), Patient::new())).collect();
    let mut checks: Vec<Waiting<'_>> = Vec::new();
    for (n, (place, patient)) in places.iter().enumerate() {
        let bridge = if n % 2 == 0 { &house.bridge } else { second };
        checks.push(Box::pin(bridge.call_waiting(&place.0, patient, "check_messages", arguments.clone())));
    }
    let mut all = std::pin::pin!(async {
        for (_, patient) in &places {
            patient.waits.notified().await;
        }
        meanwhile.await
    });
    let both = std::future::poll_fn(|context| {
        for check in &mut checks {
            if let std::task::Poll::Ready(answer) = check.as_mut().poll(context) {
                panic!("it waits: {answer:?}");
            }
        }
        all.as_mut().poll(context)
    });
    tokio::time::timeout(Duration::from_secs(20), both).await.expect("all of them wait")
}

#[tokio::test]
async fn waits_of_one_agent_beyond_its_limit_are_refused_in_every_process_and_other_checks_are_not() {
    let house = House::with(|settings| settings.limits.waits_per_agent = 3);
    let (a, b) = house.pair().await;
    let second = house.second_bridge();
    waiting_often((&house, &second), (&b, 3), async {
        for bridge in [&house.bridge, &second] {
            let denied = check(&b, bridge, &Patient::new(), 3_600).await.unwrap_err();
            assert_eq!(
                (denied.code, denied.message.as_str()),
                (Code::QuotaExceeded, "you have 3 checks waiting already")
            );
            assert_eq!(check(&b, bridge, &Patient::new(), 0).await.unwrap()["messages"], json!([]));
        }
        // Somebody else's are none of its.
        assert_eq!(check(&a, &second, &Patient::new(), 1).await.unwrap()["timed_out"], true);
    })
    .await;
    assert_eq!(check(&b, &second, &Patient::new(), 1).await.unwrap()["timed_out"], true, "they are over");
    let rows = house.operator("audit", json!({"limit": 5})).await.unwrap();
    assert!(rows["entries"].as_array().unwrap().iter().any(|row| row["outcome"] == "quota_exceeded"));
}

#[tokio::test]
async fn waits_in_one_conversation_are_limited_by_what_it_has_of_its_own() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let second = house.second_bridge();
    let id = house.operator("list", json!({})).await.unwrap()["conversations"][0]["conversation_id"].clone();
    let limit = json!({"conversation_id": id, "set": {"waits_per_conversation": 2}});
    house.operator("limits", limit).await.unwrap();
    waiting_often((&house, &second), (&b, 2), async {
        let denied = check(&a, &second, &Patient::new(), 3_600).await.unwrap_err();
        assert_eq!(denied.message, "the conversation has 2 checks waiting already");
        assert!(denied.hint.unwrap().contains("without wait_seconds"));
    })
    .await;
}

#[tokio::test]
async fn wait_when_another_agent_begins_far_too_many_at_once_is_none_too_many() {
    let house = House::with(|settings| {
        settings.limits.waits_per_agent = 2;
        settings.limits.waits_per_conversation = 4;
    });
    let (a, b) = house.pair().await;
    // As they hang while they are counted, before all but two are refused.
    let bells = hang(&house, "b", 40);
    assert_eq!(check(&a, &house.bridge, &Patient::new(), 1).await.unwrap()["timed_out"], true);
    let denied = check(&b, &house.bridge, &Patient::new(), 1).await.unwrap_err();
    assert_eq!(denied.message, "you have 2 checks waiting already");
    drop(bells);
}

/// Hangs bells of an agent that waits.
fn hang(house: &House, session: &str, number: u32) -> Vec<std::os::unix::net::UnixDatagram> {
    use std::os::unix::fs::DirBuilderExt;
    let file = rusqlite::Connection::open(house.database()).unwrap();
    let pk: i64 =
        file.query_row("SELECT pk FROM agent WHERE session = ?1", [session], |row| row.get(0)).unwrap();
    let folder = house.folder.path().join("bridge.db-bells").join(pk.to_string());
    std::fs::DirBuilder::new().mode(0o700).recursive(true).create(&folder).unwrap();
    let bell = |n| std::os::unix::net::UnixDatagram::bind(folder.join(format!("{n:016x}"))).unwrap();
    (0..number).map(bell).collect()
}
