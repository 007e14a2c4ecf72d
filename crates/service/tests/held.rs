//! The inbound policy as agents and the operator meet it: refused, held, released, rejected.
#![cfg(test)]

mod kit;

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use kit::{Agent, House, texts};
use mab_core::Code;
use mab_service::{Waiter, Waiting};
use serde_json::{Value, json};
use tokio::sync::Notify;

/// A caller that bears any wait and says when it waits.
#[derive(Default)]
struct Patient {
    waits: Notify,
}

impl Waiter for Patient {
    fn ticket(&self) -> Option<u64> {
        None
    }

    fn longest(&self) -> Duration {
        Duration::from_hours(1)
    }

    fn progress(
        &self,
        _what: Waiting,
        _waited: Duration,
        _of: Duration,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.waits.notify_one();
        Box::pin(std::future::ready(()))
    }

    fn cancelled(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }
}

fn id(agent: &Agent) -> Value {
    kit::credentials(agent)["conversation_id"].clone()
}

/// Sets a rule as the operator; `rule` holds the verdict and what it is about.
async fn inbound(house: &House, agent: &Agent, mut rule: Value) -> Value {
    rule["conversation_id"] = id(agent);
    house.operator("inbound", rule).await.unwrap()
}

/// A pair whose messages are held, b's that is: a is the owner.
async fn held_pair() -> (House, Agent, Agent) {
    let house = House::new();
    let (a, b) = house.pair().await;
    a.ok(&house.bridge, "moderate", json!({"action": "hold"})).await;
    (house, a, b)
}

async fn judge(house: &House, agent: &Agent, message: &Value, reject: bool) -> Value {
    let asked = json!({"conversation_id": id(agent), "message_id": message["message_id"], "reject": reject});
    house.operator("release", asked).await.unwrap()
}

/// What b is told of messages that do not arrive, at once.
async fn undelivered(house: &House, agent: &Agent) -> Value {
    house.clock.advance_s(15);
    agent.ok(&house.bridge, "check_messages", json!({})).await["undelivered"].clone()
}

#[tokio::test]
async fn send_when_denied_is_refused_with_a_way_out() {
    let house = House::new();
    let (a, b) = house.pair().await;
    inbound(&house, &a, json!({"verdict": "deny", "from": "b"})).await;
    let send = json!({"message": "hello"});
    let denied = b.call(&house.bridge, "send_to_partner", send.clone()).await.unwrap_err();
    assert_eq!(denied.code, Code::NotAccepted);
    let conversation = id(&a);
    let way_out = format!("mab inbound {}", conversation.as_str().unwrap());
    assert!(denied.hint.unwrap().contains(&way_out));
    inbound(&house, &a, json!({"clear": true})).await;
    b.ok(&house.bridge, "send_to_partner", send).await;
    assert_eq!(a.texts(&house.bridge).await, ["hello"]);
}

#[tokio::test]
async fn sender_of_a_held_message_is_told_and_its_recipient_gets_it_when_released() {
    let (house, a, b) = held_pair().await;
    let sent = b.send(&house.bridge, "may I?").await;
    assert_eq!((&sent["held"], &sent["can_release"]), (&json!(true), &json!(["a", "operator"])));
    assert_eq!((&sent["recipients"], &sent["rejected"]), (&json!(["a"]), &Value::Null));
    assert_eq!(a.texts(&house.bridge).await, [""; 0]);
    let receipts = async || b.ok(&house.bridge, "check_partner_status", json!({})).await["receipts"].clone();
    assert_eq!(receipts().await[0]["to"], json!({"a": "held"}));
    let history = async |agent: &Agent| {
        let found = agent.ok(&house.bridge, "search_messages", json!({})).await;
        (texts(&found), found["messages"][0]["state"].clone())
    };
    assert_eq!(history(&a).await, (vec![], Value::Null));
    assert_eq!(history(&b).await, (vec!["may I?".to_owned()], json!("held")));
    let held = house.operator("held", json!({})).await.unwrap();
    let waiting = &held["messages"][0];
    assert_eq!((&waiting["message"], &waiting["trust"]), (&json!("may I?"), &json!("peer")));
    assert_eq!((&waiting["conversation_id"], &waiting["to"]), (&id(&a), &json!(["a"])));
    let released = judge(&house, &a, &sent, false).await;
    assert_eq!(released["messages"], json!([{"message_id": sent["message_id"], "recipients": ["a"]}]));
    assert_eq!(a.texts(&house.bridge).await, ["may I?"]);
    assert_eq!(history(&a).await, (vec!["may I?".to_owned()], Value::Null));
    assert_eq!(receipts().await[0]["to"], json!({"a": "offered"}));
    assert_eq!(house.operator("held", json!({})).await.unwrap()["messages"], json!([]));
    assert_eq!(a.send(&house.bridge, "the owner's go through").await["held"], Value::Null);
}

#[tokio::test]
async fn sender_of_a_rejected_message_is_told_once() {
    let (house, a, b) = held_pair().await;
    let first = b.send(&house.bridge, "one").await;
    let second = b.send(&house.bridge, "two").await;
    assert_eq!(undelivered(&house, &b).await, Value::Null, "held is not lost");
    judge(&house, &a, &first, true).await;
    let told = |message: &Value| (json!("a"), json!("rejected"), message["message_id"].clone());
    let read = |undelivered: &Value| {
        let read =
            |one: &Value| (one["session_id"].clone(), one["reason"].clone(), one["message_id"].clone());
        undelivered.as_array().unwrap().iter().map(read).collect::<Vec<_>>()
    };
    assert_eq!(read(&undelivered(&house, &b).await), [told(&first)]);
    assert_eq!(undelivered(&house, &b).await, Value::Null);
    judge(&house, &a, &second, true).await;
    assert_eq!(read(&undelivered(&house, &b).await), [told(&second)], "each once");
    let status = b.ok(&house.bridge, "check_partner_status", json!({})).await;
    assert_eq!(read(&status["undelivered"]), [told(&second), told(&first)]);
    assert_eq!(status["receipts"][0]["to"], json!({"a": "rejected"}));
    assert_eq!(a.texts(&house.bridge).await, [""; 0]);
}

#[tokio::test]
async fn waiting_sender_when_its_message_is_rejected_hears_it_at_once() {
    let (house, a, b) = held_pair().await;
    let sent = b.send(&house.bridge, "may I?").await;
    let patient = Arc::new(Patient::default());
    let arguments = kit::object(json!({"wait_seconds": 3_000}));
    // A wait that never ends fails the test instead of hanging it.
    let waiting = house.bridge.call_waiting(&b.0, patient.as_ref(), "check_messages", arguments);
    let waiting = tokio::time::timeout(Duration::from_secs(20), waiting);
    let rejecting = async {
        patient.waits.notified().await;
        judge(&house, &a, &sent, true).await;
    };
    let (answer, ()) = tokio::join!(waiting, rejecting);
    let answer = answer.expect("the wait ends").unwrap();
    assert_eq!(answer["undelivered"][0]["message_id"], sent["message_id"]);
    assert_eq!(answer["timed_out"], Value::Null);
}

#[tokio::test]
async fn owner_that_waits_hears_at_once_that_a_message_waits_for_it() {
    let (house, a, b) = held_pair().await;
    let patient = Arc::new(Patient::default());
    let arguments = kit::object(json!({"wait_seconds": 3_000}));
    // A wait that never ends fails the test instead of hanging it.
    let waiting = house.bridge.call_waiting(&a.0, patient.as_ref(), "check_messages", arguments);
    let waiting = tokio::time::timeout(Duration::from_secs(20), waiting);
    let sending = async {
        patient.waits.notified().await;
        b.send(&house.bridge, "may I?").await;
    };
    let (answer, ()) = tokio::join!(waiting, sending);
    let answer = answer.expect("the wait ends").unwrap();
    assert_eq!((&answer["held"], &answer["messages"]), (&json!(1), &json!([])));
    assert_eq!(answer["timed_out"], Value::Null);
    assert_eq!(a.ok(&house.bridge, "check_messages", json!({})).await["held"], 1, "until it is judged");
    assert_eq!(b.ok(&house.bridge, "check_messages", json!({})).await["held"], Value::Null);
}

#[tokio::test]
async fn waiting_recipient_gets_a_released_message_older_than_what_it_has_read() {
    let (house, a, b) = held_pair().await;
    let sent = b.send(&house.bridge, "older").await;
    // b reads a newer one before a gets the older.
    a.send(&house.bridge, "newer").await;
    b.texts(&house.bridge).await;
    let patient = Arc::new(Patient::default());
    let arguments = kit::object(json!({"wait_seconds": 3_000}));
    // A wait that never ends fails the test instead of hanging it.
    let waiting = house.bridge.call_waiting(&a.0, patient.as_ref(), "check_messages", arguments);
    let waiting = tokio::time::timeout(Duration::from_secs(20), waiting);
    let releasing = async {
        patient.waits.notified().await;
        judge(&house, &a, &sent, false).await;
    };
    let (answer, ()) = tokio::join!(waiting, releasing);
    assert_eq!(texts(&answer.expect("the wait ends").unwrap()), ["older"]);
}

#[tokio::test]
async fn inbox_watcher_sees_a_release_of_an_older_message() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let first = b.send(&house.bridge, "one").await;
    assert_eq!(first["held"], Value::Null);
    inbound(&house, &a, json!({"verdict": "hold", "action_type": "proposal"})).await;
    let proposal = json!({"message": "held", "action_type": "proposal"});
    let held = b.ok(&house.bridge, "send_to_partner", proposal).await;
    b.send(&house.bridge, "newer than the held one").await;
    let watch = async |after: u64| a.ok(&house.bridge, "watch_inbox", json!({"after": after})).await;
    let known = watch(0).await["arrivals"].as_u64().unwrap();
    assert_eq!(watch(known).await["newer"], false);
    judge(&house, &a, &held, false).await;
    assert_eq!(watch(known).await["newer"], true);
    assert_eq!(a.texts(&house.bridge).await, ["one", "held", "newer than the held one"]);
}

#[tokio::test]
async fn repeated_send_tells_what_became_of_it() {
    let (house, a, b) = held_pair().await;
    let request = json!({"message": "may I?", "idempotency_key": "k"});
    let sent = b.ok(&house.bridge, "send_to_partner", request.clone()).await;
    let mut again = b.ok(&house.bridge, "send_to_partner", request.clone()).await;
    assert_eq!(again["repeated"].take(), json!(true));
    again.as_object_mut().unwrap().remove("repeated");
    assert_eq!(again, sent);
    judge(&house, &a, &sent, true).await;
    let later = b.ok(&house.bridge, "send_to_partner", request).await;
    assert_eq!((&later["rejected"], &later["held"]), (&json!(true), &Value::Null));
}

#[tokio::test]
async fn everything_held_is_released_or_told_why_it_stays() {
    let house = House::with(|settings| {
        settings.limits.send_per_minute = 0;
        settings.limits.send_per_hour = 0;
        settings.loop_guard.messages = 0;
    });
    let (a, b) = house.pair().await;
    let invited = a.ok(&house.bridge, "invite_agent", json!({"role": "reviewer"})).await;
    inbound(&house, &a, json!({"verdict": "hold"})).await;
    let to_c = b.ok(&house.bridge, "send_to_partner", json!({"message": "x", "to": ["c"]})).await;
    for n in 0..120 {
        b.ok(&house.bridge, "send_to_partner", json!({"message": format!("{n}"), "to": ["a"]})).await;
    }
    assert_eq!(invited["session_id"], "c");
    house.operator("tokens", json!({"conversation_id": id(&a), "revoke": "c"})).await.unwrap();
    let shown = house.operator("show", json!({"conversation_id": id(&a)})).await.unwrap();
    assert_eq!(
        (&shown["held"], &shown["inbound"]),
        (&json!(121), &json!({"default": "hold", "by_operator": true}))
    );
    let page = house.operator("held", json!({"conversation_id": id(&a), "after_seq": 119})).await.unwrap();
    assert_eq!((texts(&page), &page["more"]), (vec!["118".to_owned(), "119".to_owned()], &json!(false)));
    assert_eq!(house.operator("held", json!({"limit": 2})).await.unwrap()["more"], true);
    let released = house.operator("release", json!({"conversation_id": id(&a)})).await.unwrap();
    assert_eq!(released["messages"].as_array().unwrap().len(), 120);
    let kept = &released["kept"];
    assert_eq!(
        (&kept[0]["message_id"], &kept[0]["code"]),
        (&to_c["message_id"], &json!("unknown_recipient"))
    );
    assert_eq!(kept.as_array().unwrap().len(), 1);
    let all = a.ok(&house.bridge, "check_messages", json!({"limit": 100})).await;
    assert_eq!(texts(&all)[..2], ["0", "1"]);
    let rejected = json!({"conversation_id": id(&a), "reject": true});
    let rejected = house.operator("release", rejected).await.unwrap();
    assert_eq!(rejected["messages"][0]["message_id"], to_c["message_id"]);
}

#[tokio::test]
async fn policy_is_shown_as_it_was_set() {
    let house = House::new();
    let (a, _b) = house.pair().await;
    let open = json!({"conversation_id": id(&a), "inbound": {"default": "accept"}, "held": 0});
    assert_eq!(inbound(&house, &a, json!({})).await, open);
    inbound(&house, &a, json!({"verdict": "hold"})).await;
    inbound(&house, &a, json!({"verdict": "deny", "from": "b"})).await;
    inbound(&house, &a, json!({"verdict": "accept", "permission": "member"})).await;
    let set = inbound(&house, &a, json!({"verdict": "deny", "action_type": "proposal"})).await;
    let expected = json!({
        "default": "hold", "senders": {"b": "deny"}, "action_types": {"proposal": "deny"},
        "permissions": {"member": "accept"}, "by_operator": true,
    });
    assert_eq!(set["inbound"], expected);
    assert_eq!(inbound(&house, &a, json!({})).await["inbound"], expected, "looking changes nothing");
    let entries = house.operator("audit", json!({"conversation_id": id(&a)})).await.unwrap();
    assert_eq!(entries["entries"][0]["detail"]["action_type"], "proposal");
    assert_eq!(inbound(&house, &a, json!({"clear": true})).await, open);
}

#[tokio::test]
async fn rule_that_says_nothing_or_too_much_is_refused() {
    let house = House::new();
    let (a, _b) = house.pair().await;
    for rule in [
        json!({"verdict": "deny", "from": "b", "permission": "member"}),
        json!({"verdict": "deny", "action_type": "info", "permission": "member"}),
        json!({"from": "b"}),
        json!({"action_type": "info"}),
        json!({"clear": true, "verdict": "hold"}),
        json!({"clear": true, "from": "b"}),
        json!({"verdict": "allow"}),
        json!({"verdict": "deny", "from": "nobody"}),
    ] {
        let mut asked = rule.clone();
        asked["conversation_id"] = id(&a);
        let code = house.operator("inbound", asked).await.unwrap_err().code;
        let expected = if rule["from"] == "nobody" { Code::NotFound } else { Code::InvalidArguments };
        assert_eq!(code, expected, "{rule}");
    }
    assert_eq!(inbound(&house, &a, json!({})).await["inbound"], json!({"default": "accept"}));
}

#[tokio::test]
async fn operator_when_it_names_nothing_is_told() {
    let house = House::new();
    let nowhere = "conv_00000000deadbeef";
    for (operation, asked) in [
        ("inbound", json!({"conversation_id": nowhere})),
        ("inbound", json!({"conversation_id": nowhere, "verdict": "deny"})),
        ("held", json!({"conversation_id": nowhere})),
        ("release", json!({"conversation_id": nowhere})),
        ("release", json!({"conversation_id": nowhere, "message_id": "msg_1_0011223344556677"})),
    ] {
        assert_eq!(
            house.operator(operation, asked.clone()).await.unwrap_err().code,
            Code::NotFound,
            "{asked}"
        );
    }
    let (a, _b) = house.pair().await;
    let unknown = json!({"conversation_id": id(&a), "message_id": "msg_1_0011223344556677"});
    assert_eq!(house.operator("release", unknown).await.unwrap_err().code, Code::UnknownMessage);
}

#[tokio::test]
async fn agents_cannot_call_what_is_the_operators() {
    let (house, a, _b) = held_pair().await;
    for operation in ["inbound", "held", "release"] {
        let code = a.code(&house.bridge, operation, json!({"conversation_id": id(&a)})).await;
        assert_eq!(code, Code::UnknownOperation, "{operation}");
    }
}

/// A moderator `c` of the conversation of `a` and `b`.
async fn moderator(house: &House, a: &Agent) -> Agent {
    let asked = json!({"role": "moderator", "permission": "moderator"});
    let invited = a.ok(&house.bridge, "invite_agent", asked).await;
    let c = Agent::new(3);
    let joining = json!({
        "conversation_id": invited["conversation_id"], "session_id": "c", "token": invited["token"],
    });
    c.ok(&house.bridge, "join_conversation", joining).await;
    c
}

#[tokio::test]
async fn moderator_holds_releases_and_rejects() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let c = moderator(&house, &a).await;
    let moderate = async |arguments: Value| c.ok(&house.bridge, "moderate", arguments).await;
    assert_eq!(moderate(json!({"action": "hold"})).await["inbound"], json!({"default": "hold"}));
    let both = moderate(json!({"action": "accept", "action_type": "info"})).await;
    assert_eq!(both["inbound"], json!({"default": "hold", "action_types": {"info": "accept"}}));
    assert_eq!(b.send(&house.bridge, "an info").await["held"], Value::Null);
    let ask = json!({"message": "a question", "action_type": "question"});
    let first = b.ok(&house.bridge, "send_to_partner", ask.clone()).await;
    let second = b.ok(&house.bridge, "send_to_partner", ask).await;
    assert_eq!(first["can_release"], json!(["a", "c", "operator"]));
    let held = moderate(json!({"action": "held"})).await;
    assert_eq!((texts(&held).len(), &held["more"], &held["changed"]), (2, &json!(false), &json!(false)));
    assert_eq!(
        (&held["messages"][0]["trust"], &held["messages"][0]["to"]),
        (&json!("peer"), &json!(["a", "c"]))
    );
    let released = moderate(json!({"action": "release", "message_id": first["message_id"]})).await;
    assert_eq!(released["recipients"], json!(["a", "c"]));
    moderate(json!({"action": "reject", "message_id": second["message_id"]})).await;
    assert_eq!(a.texts(&house.bridge).await, ["an info", "a question"]);
    let entries = house.operator("audit", json!({"conversation_id": id(&a), "limit": 3})).await.unwrap();
    let done = |n: usize| (entries["entries"][n]["actor"].clone(), entries["entries"][n]["action"].clone());
    assert_eq!((done(1), done(2)), ((json!("c"), json!("reject_held")), (json!("c"), json!("release_held"))));
    assert_eq!(
        moderate(json!({"action": "deny", "agent": "b"})).await["inbound"]["senders"],
        json!({"b": "deny"})
    );
    let code = b.code(&house.bridge, "send_to_partner", json!({"message": "x"})).await;
    assert_eq!(code, Code::NotAccepted);
}

#[tokio::test]
async fn moderators_page_of_held_messages_is_bounded() {
    let (house, a, b) = held_pair().await;
    let long = "word ".repeat(4_900);
    for _ in 0..3 {
        b.send(&house.bridge, &long).await;
    }
    let held = a.ok(&house.bridge, "moderate", json!({"action": "held"})).await;
    assert_eq!((texts(&held).len(), &held["more"]), (2, &json!(true)));
}

#[tokio::test]
async fn moderation_of_messages_is_refused_to_members_and_when_it_says_nothing_or_too_much() {
    let (house, a, b) = held_pair().await;
    let sent = b.send(&house.bridge, "x").await;
    let message = sent["message_id"].clone();
    for asked in [
        json!({"action": "held"}),
        json!({"action": "accept"}),
        json!({"action": "release", "message_id": message}),
        json!({"action": "reject", "message_id": message}),
    ] {
        assert_eq!(b.code(&house.bridge, "moderate", asked).await, Code::Forbidden);
    }
    for asked in [
        json!({"action": "release"}),
        json!({"action": "reject"}),
        json!({"action": "release", "message_id": message, "agent": "b"}),
        json!({"action": "held", "agent": "b"}),
        json!({"action": "held", "message_id": message}),
        json!({"action": "hold", "message_id": message}),
        json!({"action": "pause", "action_type": "info"}),
        json!({"action": "release", "message_id": message, "permission": "member"}),
        json!({"action": "deny", "agent": "b", "action_type": "info"}),
        json!({"action": "deny", "permission": "member", "action_type": "info"}),
        json!({"action": "deny", "permission": "king"}),
        json!({"action": "deny", "agent": "a"}),
        json!({"action": "deny", "permission": "owner"}),
    ] {
        let code = a.code(&house.bridge, "moderate", asked.clone()).await;
        assert_eq!(code, Code::InvalidArguments, "{asked}");
    }
    let unknown = json!({"action": "release", "message_id": "msg_1_0011223344556677"});
    assert_eq!(a.code(&house.bridge, "moderate", unknown).await, Code::UnknownMessage);
    assert_eq!(
        a.code(&house.bridge, "moderate", json!({"action": "deny", "agent": "nobody"})).await,
        Code::NotFound
    );
    assert_eq!(house.operator("held", json!({})).await.unwrap()["messages"][0]["message_id"], message);
}
