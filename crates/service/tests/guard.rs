//! The loop guard: two agents that talk among themselves, and the human who lets them go on.

#[cfg(test)]
mod kit;

use kit::{Agent, House};
use mab_core::Code;
use mab_service::{Settings, table};
use serde_json::{Value, json};

/// No rate windows; the fourth message of a talk pauses.
#[cfg(test)]
fn four(settings: &mut Settings) {
    settings.limits.send_per_minute = 0;
    settings.loop_guard.messages = 4;
}

#[cfg(test)]
async fn id(house: &House) -> Value {
    house.operator("list", json!({})).await.unwrap()["conversations"][0]["conversation_id"].clone()
}

#[cfg(test)]
async fn states(house: &House) -> [Value; 2] {
    let shown = house.operator("show", json!({"conversation_id": id(house).await})).await.unwrap();
    let listed = house.operator("list", json!({})).await.unwrap();
    [shown["state"].clone(), listed["conversations"][0]["state"].clone()]
}

#[cfg(test)]
async fn talk(house: &House, agents: [&Agent; 2], messages: usize) {
    for n in 0..messages {
        agents[n % 2].send(&house.bridge, "and you?").await;
    }
}

#[tokio::test]
async fn agents_when_they_talk_alone_are_paused_until_the_operator_resumes() {
    let house = House::with(four);
    let (a, b) = house.pair().await;
    talk(&house, [&a, &b], 3).await;
    assert_eq!(states(&house).await, ["active", "active"]);
    assert_eq!(a.ok(&house.bridge, "check_messages", json!({"peek": true})).await.get("paused"), None);
    b.send(&house.bridge, "the fourth").await;
    assert_eq!(states(&house).await, ["paused", "paused"]);
    let id = id(&house).await;
    for (agent, bridge) in [(&a, &house.bridge), (&b, &house.second_bridge())] {
        let denied = agent.call(bridge, "send_to_partner", json!({"message": "x"})).await.unwrap_err();
        let hint = format!("tell your user, who can run `mab resume {}`", id.as_str().unwrap());
        assert_eq!((denied.code, denied.hint, denied.retry_after_s), (Code::Paused, Some(hint), None));
    }
    let read = a.ok(&house.bridge, "check_messages", json!({})).await;
    assert_eq!(kit::texts(&read).len(), 2, "reading goes on");
    assert_eq!(
        (&read["paused"], &read["paused_by"]),
        (&json!(true), &json!("loop_guard")),
        "and says why nothing more comes"
    );
    a.ok(&house.bridge, "update_my_status", json!({"status": "waiting"})).await;
    assert_eq!(a.code(&house.bridge, "send_to_partner", json!({"message": "x"})).await, Code::Paused);
    // The tokens of a paused conversation are as valid as before.
    let tokens = house.operator("tokens", json!({ "conversation_id": id })).await.unwrap();
    assert!(tokens["state"] == "active" && tokens["tokens"][0]["token"].is_string());

    let resumed = house.operator("resume", json!({ "conversation_id": id })).await.unwrap();
    assert_eq!(resumed, json!({"conversation_id": id, "was_paused": true, "was_paused_by": "loop_guard"}));
    assert_eq!(states(&house).await, ["active", "active"]);
    talk(&house, [&a, &b], 3).await;
    let again = house.operator("resume", json!({ "conversation_id": id })).await.unwrap();
    assert_eq!(again["was_paused"], false);
    let trail = house.operator("audit", json!({ "conversation_id": id })).await.unwrap();
    let entry = &trail["entries"][0];
    assert_eq!(
        [&entry["actor"], &entry["action"], &entry["outcome"], &entry["detail"]],
        [&json!("operator"), &json!("resume"), &json!("ok"), &json!({"was": "active"})]
    );
}

#[tokio::test]
async fn agents_when_they_say_what_they_do_are_not_paused() {
    let house = House::with(four);
    let (a, b) = house.pair().await;
    for status in ["working", "waiting", "working", "complete"] {
        talk(&house, [&a, &b], 3).await;
        a.ok(&house.bridge, "update_my_status", json!({ "status": status })).await;
    }
    talk(&house, [&a, &b], 3).await;
    let note = json!({"status": "complete", "note": "the same, in other words"});
    a.ok(&house.bridge, "update_my_status", note).await;
    assert_eq!(states(&house).await, ["active", "active"]);
    talk(&house, [&a, &b], 1).await;
    assert_eq!(states(&house).await, ["paused", "paused"], "the same status is no news");
}

#[tokio::test]
async fn agents_when_nobody_set_anything_are_paused_by_the_hundredth_within_an_hour() {
    let unlimited = |settings: &mut Settings| {
        (settings.limits.send_per_minute, settings.limits.send_per_hour) = (0, 0);
    };
    let house = House::with(unlimited);
    let (a, b) = house.pair().await;
    talk(&house, [&a, &b], 1).await;
    house.clock.advance_ms(3_599_999);
    talk(&house, [&a, &b], 98).await;
    assert_eq!(states(&house).await, ["active", "active"]);
    talk(&house, [&a, &b], 1).await;
    assert_eq!(states(&house).await, ["paused", "paused"]);

    let house = House::with(unlimited);
    let (a, b) = house.pair().await;
    talk(&house, [&a, &b], 1).await;
    house.clock.advance_ms(3_600_000);
    talk(&house, [&a, &b], 99).await;
    assert_eq!(states(&house).await, ["active", "active"], "the first is an hour old");

    let off = House::with(|settings| {
        unlimited(settings);
        settings.loop_guard.messages = 0;
    });
    let (a, b) = off.pair().await;
    talk(&off, [&a, &b], 130).await;
    assert_eq!(states(&off).await, ["active", "active"]);
}

#[tokio::test]
async fn agents_have_no_way_to_resume() {
    let house = House::with(four);
    let (a, b) = house.pair().await;
    talk(&house, [&a, &b], 4).await;
    let arguments = json!({"conversation_id": id(&house).await});
    assert_eq!(a.code(&house.bridge, "resume", arguments).await, Code::UnknownOperation);
    // The tool that lifts a moderator's pause lifts no other, and takes none over.
    let invited =
        a.ok(&house.bridge, "invite_agent", json!({"role": "referee", "permission": "moderator"})).await;
    let referee = Agent::new(4);
    let invitation = json!({
        "conversation_id": id(&house).await, "session_id": invited["session_id"], "token": invited["token"],
    });
    referee.ok(&house.bridge, "join_conversation", invitation).await;
    for agent in [&a, &referee] {
        let resume = json!({"action": "resume"});
        let denied = agent.call(&house.bridge, "moderate", resume.clone()).await.unwrap_err();
        let hint = format!("tell your user, who can run `mab resume {}`", id(&house).await.as_str().unwrap());
        assert_eq!((denied.code, denied.hint), (Code::Paused, Some(hint)));
        let paused = agent.ok(&house.bridge, "moderate", json!({"action": "pause"})).await;
        assert_eq!(paused, json!({"action": "pause", "changed": false, "paused_by": "loop_guard"}));
        assert_eq!(agent.code(&house.bridge, "moderate", resume).await, Code::Paused);
    }
    assert_eq!(b.code(&house.bridge, "moderate", json!({"action": "resume"})).await, Code::Forbidden);
    // Nor by any other tool: whatever an owner calls, it stays paused.
    for (tool, arguments) in [
        ("update_my_status", json!({"status": "working"})),
        ("update_my_status", json!({"status": "complete"})),
        ("invite_agent", json!({"role": "reviewer"})),
        ("check_messages", json!({})),
        ("check_partner_status", json!({})),
        ("search_messages", json!({})),
        ("list_conversations", json!({})),
        ("read_audit", json!({})),
        ("moderate", json!({"action": "remove", "agent": invited["session_id"]})),
        ("moderate", json!({"action": "transfer", "agent": "b"})),
    ] {
        a.ok(&house.bridge, tool, arguments).await;
    }
    let tokens = house.operator("tokens", json!({"conversation_id": id(&house).await})).await.unwrap();
    let again = json!({
        "conversation_id": tokens["conversation_id"], "session_id": "b", "token": tokens["tokens"][1]["token"],
    });
    Agent::new(3).ok(&house.second_bridge(), "join_conversation", again).await;
    assert_eq!(a.code(&house.bridge, "send_to_partner", json!({"message": "x"})).await, Code::Paused);
    let resume = table::operation("resume").unwrap();
    assert_eq!(resume.audience, table::Audience::Operator);
}

#[tokio::test]
async fn resume_when_it_cannot_be_is_refused() {
    let house = House::with(four);
    let (a, b) = house.pair().await;
    talk(&house, [&a, &b], 4).await;
    let id = id(&house).await;
    let code = async |arguments: Value| house.operator("resume", arguments).await.unwrap_err().code;
    assert_eq!(code(json!({"conversation_id": "conv_00000000000000ff"})).await, Code::NotFound);
    assert_eq!(code(json!({"conversation_id": "conv_1"})).await, Code::InvalidArguments);
    assert_eq!(code(json!({})).await, Code::InvalidArguments);
    assert_eq!(code(json!({"conversation_id": id, "session_id": "a"})).await, Code::InvalidArguments);
    house.clock.advance_s(180 * 60);
    assert_eq!(code(json!({ "conversation_id": id })).await, Code::Expired);
    let listed = house.operator("list", json!({"all": true})).await.unwrap();
    assert_eq!(listed["conversations"][0]["state"], "expired");
}
