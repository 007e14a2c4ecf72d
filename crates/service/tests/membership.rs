//! Membership and moderation through the one door: who keeps order, what that does to everybody, and who reads the trail.
#![cfg(test)]

mod kit;

use kit::{Agent, House, credentials};
use mab_core::{Code, agent::Permission, policy::Action};
use serde_json::{Value, json};

fn id(agent: &Agent) -> Value {
    credentials(agent)["conversation_id"].clone()
}

/// Invites another agent, which joins on a connection of its own.
async fn joined(house: &House, owner: &Agent, handle: &str, permission: &str) -> Agent {
    let invited = json!({"role": "some role", "new_session_id": handle, "permission": permission});
    let invited = owner.ok(&house.bridge, "invite_agent", invited).await;
    assert_eq!(invited["permission"], permission);
    let agent = Agent::new(u64::from(handle.as_bytes()[0]));
    let invitation = json!({
        "conversation_id": invited["conversation_id"], "session_id": handle, "token": invited["token"],
    });
    agent.ok(&house.bridge, "join_conversation", invitation).await;
    agent
}

async fn moderate(house: &House, agent: &Agent, arguments: Value) -> Value {
    agent.ok(&house.bridge, "moderate", arguments).await
}

async fn refused(house: &House, agent: &Agent, arguments: Value) -> Code {
    agent.code(&house.bridge, "moderate", arguments).await
}

async fn partners(house: &House, agent: &Agent) -> Vec<Value> {
    let status = agent.ok(&house.bridge, "check_partner_status", json!({})).await;
    status["partners"].as_array().unwrap().iter().map(|it| it["session_id"].clone()).collect()
}

/// Actor, action and outcome of the newest entry.
async fn newest(house: &House, agent: &Agent) -> [String; 3] {
    let trail = house.operator("audit", json!({"conversation_id": id(agent), "limit": 1})).await.unwrap();
    ["actor", "action", "outcome"].map(|field| trail["entries"][0][field].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn agent_when_it_leaves_is_out_and_its_connection_forgets_it() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let token = credentials(&b);
    assert_eq!(
        moderate(&house, &b, json!({"action": "leave"})).await,
        json!({"action": "leave", "changed": true})
    );
    assert_eq!(newest(&house, &a).await, ["b", "leave", "ok"]);
    let listed = b.ok(&house.bridge, "list_conversations", json!({})).await;
    assert_eq!(listed, json!({"conversations": []}));
    assert_eq!(b.code(&house.bridge, "check_messages", json!({})).await, Code::CredentialsMissing);
    for bridge in [&house.bridge, &house.second_bridge()] {
        assert_eq!(Agent::new(9).code(bridge, "check_messages", token.clone()).await, Code::Revoked);
    }
    assert_eq!(partners(&house, &a).await, [json!(null); 0]);
    let shown = house.operator("show", json!({"conversation_id": id(&a)})).await.unwrap();
    assert_eq!(
        (&shown["members"][1]["session_id"], &shown["members"][1]["revoked"]),
        (&json!("b"), &json!(true))
    );
}

#[tokio::test]
async fn last_owner_leaves_only_after_somebody_else_is_the_owner() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let (here, there) = (&house.bridge, house.second_bridge());
    // Both processes have seen what the two may do before.
    let invite = || json!({"role": "reviewer"});
    assert_eq!(b.code(&there, "invite_agent", invite()).await, Code::Forbidden);
    let denied = a.call(here, "moderate", json!({"action": "leave"})).await.unwrap_err();
    assert_eq!(denied.code, Code::Conflict);
    assert!(denied.hint.unwrap().contains("transfer"));
    assert_eq!(newest(&house, &a).await, ["a", "leave", "conflict"]);

    let transfer = json!({"action": "transfer", "agent": "b"});
    let answer = moderate(&house, &a, transfer.clone()).await;
    assert_eq!(answer, json!({"action": "transfer", "agent": "b", "changed": true}));
    assert_eq!(refused(&house, &a, transfer).await, Code::Forbidden);
    assert_eq!(a.code(here, "invite_agent", invite()).await, Code::Forbidden);
    b.ok(&there, "invite_agent", invite()).await;
    a.send(here, "a member still writes").await;
    moderate(&house, &a, json!({"action": "leave"})).await;
}

#[tokio::test]
async fn co_owner_is_an_owner_like_the_first() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let co = joined(&house, &a, "co", "owner").await;
    moderate(&house, &a, json!({"action": "leave"})).await;
    co.ok(&house.bridge, "invite_agent", json!({"role": "reviewer"})).await;
    let first = joined(&house, &co, "second", "owner").await;
    // An owner removes an owner: inviting one gives everything away.
    moderate(&house, &first, json!({"action": "remove", "agent": "co"})).await;
    assert_eq!(co.code(&house.bridge, "check_messages", json!({})).await, Code::Revoked);
    assert_eq!(partners(&house, &b).await, ["c", "second"]);
}

#[tokio::test]
async fn every_permission_does_what_the_table_says() {
    let house = House::with(|settings| settings.limits.send_per_minute = 0);
    let (a, _) = house.pair().await;
    for permission in Permission::ALL {
        let name = permission.as_str();
        let agent = joined(&house, &a, name, name).await;
        let may = |action: Action| action.is_of(*permission);
        for (action, tool, arguments) in [
            (Action::Send, "send_to_partner", json!({"message": "x"})),
            (Action::Check, "check_messages", json!({})),
            (Action::Search, "search_messages", json!({})),
            (Action::UpdateStatus, "update_my_status", json!({"status": "working"})),
            (Action::CheckStatus, "check_partner_status", json!({})),
            (Action::Invite, "invite_agent", json!({"role": "reviewer"})),
            (Action::Reserve, "reserve_files", json!({"action": "acquire", "paths": [name]})),
            (Action::ListLeases, "reserve_files", json!({"action": "list"})),
            (Action::Release, "reserve_files", json!({"action": "release"})),
            (Action::ReadAudit, "read_audit", json!({})),
            (Action::Pause, "moderate", json!({"action": "pause"})),
            (Action::Resume, "moderate", json!({"action": "resume"})),
            (Action::Remove, "moderate", json!({"action": "remove", "agent": "b"})),
            (Action::Leave, "moderate", json!({"action": "leave"})),
        ] {
            // Who is gone already is a conflict to those who may remove.
            let done = agent.call(&house.bridge, tool, arguments).await.map_err(|denied| denied.code);
            let allowed = done.as_ref().map_or_else(|code| *code == Code::Conflict, |_| true);
            assert_eq!(allowed, may(action), "{name} {tool} {action:?}: {done:?}");
            if !allowed {
                assert_eq!(done, Err(Code::Forbidden), "{name} {tool} {action:?}");
                assert_eq!(newest(&house, &a).await, [name, action.as_str(), "forbidden"]);
            }
        }
    }
}

#[tokio::test]
async fn removal_follows_the_ranks_and_takes_effect_in_every_process() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let (m, n) = (joined(&house, &a, "m", "moderator").await, joined(&house, &a, "n", "moderator").await);
    let there = house.second_bridge();
    b.send(&there, "here I am").await;
    let remove = |agent: &str| json!({"action": "remove", "agent": agent});
    for (target, code) in [
        ("a", Code::Forbidden),
        ("n", Code::Forbidden),
        ("m", Code::InvalidArguments),
        ("nobody", Code::UnknownRecipient),
    ] {
        assert_eq!(refused(&house, &m, remove(target)).await, code, "{target}");
        assert_eq!(newest(&house, &a).await, ["m", "remove", code.name()], "{target}");
    }
    let answer = moderate(&house, &m, remove("b")).await;
    assert_eq!(answer, json!({"action": "remove", "agent": "b", "changed": true}));
    assert_eq!(b.code(&there, "send_to_partner", json!({"message": "x"})).await, Code::Revoked);
    assert_eq!(refused(&house, &m, remove("b")).await, Code::Conflict);
    moderate(&house, &a, remove("n")).await;
    assert_eq!(n.code(&house.bridge, "check_messages", json!({})).await, Code::Revoked);
    assert_eq!(partners(&house, &a).await, ["m"]);
}

#[tokio::test]
async fn arguments_when_they_fit_no_action_are_refused_and_change_nothing() {
    let house = House::new();
    let (a, _) = house.pair().await;
    let before = house.operator("show", json!({"conversation_id": id(&a)})).await.unwrap();
    for arguments in [
        json!({}),
        json!({"action": "remove"}),
        json!({"action": "transfer"}),
        json!({"action": "leave", "agent": "b"}),
        json!({"action": "pause", "agent": "b"}),
        json!({"action": "resume", "agent": "b"}),
        json!({"action": "ban", "agent": "b"}),
        json!({"action": "remove", "agent": "no handle!"}),
        json!({"action": "remove", "agent": "b", "reason": "x"}),
    ] {
        assert_eq!(refused(&house, &a, arguments.clone()).await, Code::InvalidArguments, "{arguments}");
    }
    assert_eq!(house.operator("show", json!({"conversation_id": id(&a)})).await.unwrap(), before);
}

#[tokio::test]
async fn pause_is_told_to_everybody_with_who_paused() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let m = joined(&house, &a, "m", "moderator").await;
    let (paused, resumed) = (json!({"action": "pause"}), json!({"action": "resume"}));
    let told = async |by: Value| {
        let conversation = json!({"conversation_id": id(&a)});
        let tool = async |tool: &str| b.ok(&house.second_bridge(), tool, json!({})).await;
        let check = tool("check_messages").await;
        assert_eq!(
            (&check["paused_by"], &check["paused"]),
            (&by, &if by.is_null() { by.clone() } else { json!(true) })
        );
        assert_eq!(tool("check_partner_status").await["paused_by"], by);
        assert_eq!(tool("list_conversations").await["conversations"][0]["paused_by"], by);
        let shown = house.operator("show", conversation).await.unwrap();
        let listed = house.operator("list", json!({})).await.unwrap()["conversations"][0].clone();
        let state = if by.is_null() { "active" } else { "paused" };
        for answer in [shown, listed] {
            assert_eq!((&answer["paused_by"], &answer["state"]), (&by, &json!(state)));
        }
    };
    told(Value::Null).await;
    let answer = moderate(&house, &m, paused.clone()).await;
    assert_eq!(answer, json!({"action": "pause", "changed": true, "paused_by": "moderator"}));
    told(json!("moderator")).await;
    let denied = a.call(&house.bridge, "send_to_partner", json!({"message": "x"})).await.unwrap_err();
    assert_eq!(
        (denied.code, denied.message.as_str()),
        (Code::Paused, "an owner or moderator has paused the conversation")
    );
    assert_eq!(denied.hint.as_deref(), Some("you may lift it: moderate with action resume"));

    let operator = json!({"conversation_id": id(&a)});
    let taken = house.operator("pause", operator.clone()).await.unwrap();
    assert_eq!(taken, json!({"conversation_id": id(&a), "paused_by": "operator", "changed": true}));
    told(json!("operator")).await;
    let answer = moderate(&house, &m, paused.clone()).await;
    assert_eq!(answer, json!({"action": "pause", "changed": false, "paused_by": "operator"}));
    let denied = a.call(&house.bridge, "send_to_partner", json!({"message": "x"})).await.unwrap_err();
    assert_eq!(denied.message, "the operator has paused the conversation");
    assert_eq!(refused(&house, &a, resumed.clone()).await, Code::Paused);

    let lifted = house.operator("resume", operator).await.unwrap();
    assert_eq!(lifted["was_paused_by"], "operator");
    told(Value::Null).await;
    moderate(&house, &a, paused).await;
    assert_eq!(moderate(&house, &m, resumed.clone()).await, json!({"action": "resume", "changed": true}));
    assert_eq!(moderate(&house, &m, resumed).await, json!({"action": "resume", "changed": false}));
    b.send(&house.bridge, "on we go").await;
}

#[tokio::test]
async fn agent_without_sends_left_still_keeps_order() {
    let house = House::with(|settings| settings.limits.send_per_minute = 2);
    let (a, b) = house.pair().await;
    a.send(&house.bridge, "one").await;
    a.send(&house.bridge, "two").await;
    assert_eq!(a.code(&house.bridge, "send_to_partner", json!({"message": "x"})).await, Code::RateLimited);
    moderate(&house, &a, json!({"action": "pause"})).await;
    moderate(&house, &a, json!({"action": "remove", "agent": "b"})).await;
    assert_eq!(b.code(&house.bridge, "check_messages", json!({})).await, Code::Revoked);
}

#[tokio::test]
async fn agent_without_reads_left_is_refused_to_moderate() {
    let house = House::with(|settings| settings.limits.read_per_minute = 2);
    let (a, _) = house.pair().await;
    for action in ["pause", "resume"] {
        moderate(&house, &a, json!({ "action": action })).await;
    }
    let denied = a.call(&house.bridge, "moderate", json!({"action": "pause"})).await.unwrap_err();
    assert_eq!((denied.code, denied.retry_after_s), (Code::RateLimited, Some(60)));
    assert_eq!(a.code(&house.bridge, "read_audit", json!({})).await, Code::RateLimited);
}

#[tokio::test]
async fn operator_removes_transfers_and_voids_all_tokens() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let c = joined(&house, &a, "c", "observer").await;
    let with = |more: Value| {
        let mut arguments = kit::object(more);
        arguments.insert("conversation_id".into(), id(&c));
        Value::Object(arguments)
    };
    let owner = house.operator("transfer", with(json!({"agent": "b"}))).await.unwrap();
    assert_eq!(owner, json!({"conversation_id": id(&c), "owner": "b"}));
    b.ok(&house.bridge, "invite_agent", json!({"role": "reviewer"})).await;
    let removed = house.operator("remove", with(json!({"agent": "a"}))).await.unwrap();
    assert_eq!(removed, json!({"conversation_id": id(&c), "agent": "a", "has_owner": true}));
    assert_eq!(a.code(&house.bridge, "check_messages", json!({})).await, Code::Revoked);

    let rotated = house.operator("tokens", with(json!({"rotate_all": true}))).await.unwrap();
    assert_eq!(b.code(&house.bridge, "check_messages", json!({})).await, Code::TokenRotated);
    let tokens = rotated["tokens"].as_array().unwrap();
    let shown: Vec<_> =
        tokens.iter().map(|it| (it["session_id"].as_str().unwrap(), it["token"].is_string())).collect();
    assert_eq!(shown, [("a", false), ("b", true), ("c", true), ("d", true)]);
    let again = json!({"conversation_id": id(&c), "session_id": "b", "token": tokens[1]["token"]});
    b.ok(&house.bridge, "join_conversation", again).await;

    let revoked = house.operator("tokens", with(json!({"revoke_all": true}))).await.unwrap();
    assert!(
        revoked["tokens"].as_array().unwrap().iter().all(|it| it["revoked"] == true && it["token"].is_null())
    );
    assert_eq!(b.code(&house.bridge, "check_messages", json!({})).await, Code::Revoked);
    assert_eq!(c.code(&house.bridge, "check_messages", json!({})).await, Code::Revoked);
    let gone = house.operator("remove", with(json!({"agent": "b"}))).await.unwrap_err();
    assert_eq!(gone.code, Code::Conflict);
    for wrong in [
        json!({"rotate_all": true, "revoke_all": true}),
        json!({"rotate": "b", "rotate_all": true}),
        json!({"revoke": "b", "revoke_all": true}),
        json!({"revoke": "b", "rotate": "b"}),
    ] {
        let denied = house.operator("tokens", with(wrong)).await.unwrap_err();
        assert_eq!(denied.code, Code::InvalidArguments);
    }
}

#[tokio::test]
async fn operator_when_it_removes_the_last_owner_is_told() {
    let house = House::new();
    let (a, _) = house.pair().await;
    let removed = house.operator("remove", json!({"conversation_id": id(&a), "agent": "a"})).await.unwrap();
    assert_eq!(removed["has_owner"], false);
}

#[tokio::test]
async fn auditor_reads_the_trail_of_its_conversation_and_nothing_else() {
    let house = House::new();
    let a = Agent::new(1);
    let about = json!({"my_role": "backend", "partner_role": "frontend", "topic": "the api"});
    a.ok(&house.bridge, "create_conversation", about).await;
    let x = joined(&house, &a, "x", "auditor").await;
    let again = x.ok(&house.bridge, "join_conversation", json!({})).await;
    let member = |session: &str, permission: &str| json!({"session_id": session, "permission": permission, "trust": "peer"});
    let mut expected = [member("a", "owner"), member("b", "member"), member("x", "auditor")];
    expected[2]["role"] = json!("some role");
    assert_eq!((&again["members"], &again["topic"]), (&json!(expected), &Value::Null), "no role but its own");
    let (other, _) = house.pair().await;
    other.send(&house.bridge, "elsewhere").await;
    let sent = a.send(&house.bridge, "to all").await;
    assert_eq!(sent["recipients"], json!(["b"]));
    let denied =
        a.call(&house.bridge, "send_to_partner", json!({"message": "psst", "to": ["x"]})).await.unwrap_err();
    assert_eq!(denied.code, Code::UnknownRecipient);
    assert!(denied.message.contains("receives no messages"), "{}", denied.message);

    let read = async |arguments: Value| x.ok(&house.bridge, "read_audit", arguments).await;
    let all = read(json!({})).await;
    let whole = house.operator("audit", json!({"conversation_id": id(&a)})).await.unwrap();
    let mut expected = whole["entries"].as_array().unwrap().clone();
    expected.reverse();
    for entry in &mut expected {
        entry.as_object_mut().unwrap().remove("conversation_id");
    }
    assert_eq!(all, json!({"entries": expected, "more": false}));
    assert_eq!(a.ok(&house.bridge, "read_audit", json!({})).await, all, "the owner reads the same");
    let count = expected.len();
    let first = read(json!({"after_n": 0, "limit": 2})).await;
    assert_eq!(first, json!({"entries": expected[..2], "more": true}));
    let rest = read(json!({"after_n": 2})).await;
    assert_eq!(rest, json!({"entries": expected[2..], "more": false}));
    assert_eq!(read(json!({"limit": 1})).await, json!({"entries": expected[count - 1..], "more": false}));
    assert_eq!(read(json!({"after_n": count})).await, json!({"entries": [], "more": false}));
    assert_eq!(read(json!({"after_n": u64::MAX})).await["entries"], json!([]));
    for limit in [0, 201] {
        let arguments = json!({ "limit": limit });
        assert_eq!(x.code(&house.bridge, "read_audit", arguments).await, Code::InvalidArguments);
        assert_eq!(newest(&house, &a).await, ["x", "read_audit", "invalid_arguments"]);
    }
}
