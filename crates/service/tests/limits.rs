//! Limits that nobody inside can dodge: shared by all processes, exact, and paid by whom they are meant for.

#[cfg(test)]
mod kit;

use kit::{Agent, House, credentials};
use mab_core::{
    Code,
    agent::Permission,
    limit::{Limit, Peer},
};
use serde_json::{Value, json};

/// Credentials of the agent on this connection with a token that is wrong.
#[cfg(test)]
fn guess(agent: &Agent) -> Value {
    let mut guess = credentials(agent);
    guess["token"] = json!("0".repeat(64));
    guess
}

#[tokio::test]
async fn guesses_when_too_many_silence_their_peer_on_every_connection_and_in_every_process() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let second = house.second_bridge();
    let wrong = guess(&a);
    for n in 0..60 {
        let (guesser, bridge) = (Agent::new(100 + n), [&house.bridge, &second][(n % 2) as usize]);
        assert_eq!(guesser.code(bridge, "check_messages", wrong.clone()).await, Code::InvalidToken);
        house.clock.advance_ms(100);
    }
    // Unheard from now on, wherever: right ones too, unless this process has seen before that they are.
    house.clock.advance_ms(500);
    for bridge in [&house.bridge, &second, &house.second_bridge()] {
        let silenced = Agent::new(7).call(bridge, "check_messages", wrong.clone()).await.unwrap_err();
        assert_eq!((silenced.code, silenced.retry_after_s), (Code::RateLimited, Some(54)));
    }
    a.send(&house.bridge, "undisturbed").await;
    assert_eq!(a.code(&second, "send_to_partner", json!({"message": "x"})).await, Code::RateLimited);
    // Somebody else on the machine is not silenced.
    let other = Agent::of(Peer::user(1_001), 8);
    other.ok(&second, "check_messages", credentials(&b)).await;
    assert_eq!(other.code(&second, "check_messages", wrong).await, Code::InvalidToken);
    house.clock.advance_ms(53_500);
    a.send(&second, "heard again").await;
}

#[tokio::test]
async fn guesses_when_the_limit_is_zero_are_all_heard() {
    let house = House::with(|settings| settings.limits.guesses_per_minute = 0);
    let (a, _b) = house.pair().await;
    for _ in 0..100 {
        let code = Agent::new(7).code(&house.bridge, "check_messages", guess(&a)).await;
        assert_eq!(code, Code::InvalidToken);
    }
}

#[tokio::test]
async fn conversations_when_too_many_in_an_hour_or_a_day_are_refused_with_the_exact_wait() {
    let house = House::with(|settings| {
        settings.limits.create_per_minute = 2;
        settings.limits.create_per_hour = 3;
        settings.limits.create_per_day = 4;
    });
    let second = house.second_bridge();
    let agent = Agent::new(1);
    let roles = || json!({"my_role": "backend", "partner_role": "frontend"});
    let refused = async || {
        let denied = agent.call(&second, "create_conversation", roles()).await.unwrap_err();
        (denied.code, denied.retry_after_s)
    };
    for _ in 0..2 {
        agent.ok(&house.bridge, "create_conversation", roles()).await;
    }
    assert_eq!(refused().await, (Code::RateLimited, Some(60)));
    house.clock.advance_s(60);
    agent.ok(&second, "create_conversation", roles()).await;
    assert_eq!(refused().await, (Code::RateLimited, Some(3_540)));
    house.clock.advance_s(3_540);
    agent.ok(&house.bridge, "create_conversation", roles()).await;
    assert_eq!(refused().await, (Code::RateLimited, Some(86_400 - 3_600)));
}

#[cfg(test)]
async fn conversation(house: &House) -> Value {
    house.operator("list", json!({})).await.unwrap()["conversations"][0]["conversation_id"].clone()
}

#[tokio::test]
async fn permission_with_limits_of_its_own_has_them_and_the_conversation_wins_over_it() {
    let house = House::with(|settings| {
        let own = settings.limits.permissions.entry(Permission::Member).or_default();
        own.set(Limit::SendPerMinute, 2).unwrap();
    });
    let (a, b) = house.pair().await;
    for agent in [&a, &b] {
        agent.send(&house.bridge, "1").await;
        agent.send(&house.bridge, "2").await;
    }
    let full = b.call(&house.bridge, "send_to_partner", json!({"message": "3"})).await.unwrap_err();
    assert_eq!((full.code, full.retry_after_s), (Code::RateLimited, Some(60)));
    a.send(&house.bridge, "owners have the general ones").await;
    let id = conversation(&house).await;
    let set = json!({"conversation_id": id, "set": {"send_per_minute": 3}});
    let answer = house.operator("limits", set).await.unwrap();
    assert_eq!(answer["own"], json!({"send_per_minute": 3}));
    assert_eq!(answer["effective"]["b"]["send_per_minute"], 3);
    assert_eq!(answer["effective"]["b"]["send_per_hour"], 100);
    let full = json!({"used": 3, "limit": 3, "free_in_s": 60});
    assert_eq!(answer["agents"]["a"]["send_per_minute"], full);
    // More than a second ago nothing is remembered of.
    house.clock.advance_s(1);
    b.send(&house.second_bridge(), "3").await;
    let shown = house.operator("show", json!({"conversation_id": id})).await.unwrap();
    assert_eq!(
        shown["usage"]["agents"]["b"]["send_per_minute"],
        json!({"used": 3, "limit": 3, "free_in_s": 59})
    );
    assert_eq!(
        shown["usage"]["conversation"]["messages_per_conversation"],
        json!({"used": 6, "limit": 1_000_000})
    );
    let reset = house.operator("limits", json!({"conversation_id": id, "reset": true})).await.unwrap();
    assert_eq!((&reset["own"], &reset["effective"]["b"]["send_per_minute"]), (&json!({}), &json!(2)));
}

#[tokio::test]
async fn permission_when_it_changes_charges_its_windows_in_every_process_at_once() {
    let house = House::with(|settings| {
        let own = settings.limits.permissions.entry(Permission::Member).or_default();
        own.set(Limit::SendPerMinute, 2).unwrap();
        own.set(Limit::RefusedCallsPerMinute, 1).unwrap();
    });
    let (a, b) = house.pair().await;
    // This process has seen both, each with the permission it had then.
    b.send(&house.bridge, "1").await;
    a.send(&house.bridge, "1").await;
    let transfer = json!({"conversation_id": conversation(&house).await, "agent": "b"});
    house.operator("transfer", transfer).await.unwrap();
    a.send(&house.bridge, "2").await;
    let full = a.call(&house.bridge, "send_to_partner", json!({"message": "3"})).await.unwrap_err();
    assert_eq!((full.code, full.retry_after_s), (Code::RateLimited, Some(60)));
    let you = a.ok(&house.bridge, "check_partner_status", json!({})).await["you"].clone();
    assert_eq!(you["permission"], "member");
    assert_eq!(you["limits"]["send_per_minute"], json!({"used": 2, "limit": 2, "free_in_s": 60}));
    for code in [Code::UnknownBatch, Code::RateLimited] {
        let ack = json!({"ack": "batch_1_2_00000007"});
        assert_eq!(a.code(&house.bridge, "check_messages", ack).await, code);
    }
    for n in 2..=10 {
        b.send(&house.bridge, &n.to_string()).await;
    }
    let you = b.ok(&house.bridge, "check_partner_status", json!({})).await["you"].clone();
    assert_eq!(
        (&you["permission"], &you["limits"]["send_per_minute"]["limit"]),
        (&json!("owner"), &json!(10))
    );
}

#[tokio::test]
async fn release_when_the_conversations_own_limit_of_unread_is_reached_keeps_the_rest() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let id = conversation(&house).await;
    house.operator("inbound", json!({"conversation_id": id, "verdict": "hold"})).await.unwrap();
    b.send(&house.bridge, "1").await;
    b.send(&house.bridge, "2").await;
    let limit = json!({"conversation_id": id, "set": {"unread_per_inbox": 1}});
    house.operator("limits", limit).await.unwrap();
    let released = house.operator("release", json!({"conversation_id": id})).await.unwrap();
    assert_eq!(released["messages"].as_array().unwrap().len(), 1, "{released}");
    assert_eq!(released["kept"][0]["code"], "quota_exceeded");
    assert_eq!(a.texts(&house.bridge).await, ["1"]);
}

#[tokio::test]
async fn limits_when_only_looked_at_leave_no_entry_and_when_wrong_are_refused() {
    let house = House::new();
    let (_a, _b) = house.pair().await;
    let id = conversation(&house).await;
    let entries = async || {
        house.operator("show", json!({"conversation_id": id})).await.unwrap()["audit_entries"].clone()
    };
    let before = entries().await;
    house.operator("limits", json!({"conversation_id": id})).await.unwrap();
    for (wrong, code) in [
        (json!({"conversation_id": id, "set": {"waits_per_agent": 0}}), Code::InvalidArguments),
        (json!({"conversation_id": id, "set": {"sends": 5}}), Code::InvalidArguments),
        (json!({"conversation_id": "conv_00000000deadbeef"}), Code::NotFound),
        (json!({"conversation_id": "conv_00000000deadbeef", "reset": true}), Code::NotFound),
    ] {
        assert_eq!(house.operator("limits", wrong).await.unwrap_err().code, code);
    }
    assert_eq!(entries().await, before);
}

#[tokio::test]
async fn agent_sees_its_own_usage_and_no_other_ones() {
    let house = House::with(|settings| settings.limits.send_per_minute = 2);
    let (a, b) = house.pair().await;
    a.send(&house.bridge, "1").await;
    house.clock.advance_s(10);
    a.send(&house.bridge, "2").await;
    let you =
        async |agent: &Agent| agent.ok(&house.bridge, "check_partner_status", json!({})).await["you"].clone();
    let size = house.operator("list", json!({})).await.unwrap()["conversations"][0]["size_bytes"].clone();
    let expected = json!({
        "session_id": "a", "permission": "owner",
        "limits": {
            "send_per_minute": {"used": 2, "limit": 2, "free_in_s": 50},
            "send_per_hour": {"used": 2, "limit": 100},
            "send_per_day": {"used": 2, "limit": 500},
            "read_per_minute": {"used": 1, "limit": 600},
            "refused_calls_per_minute": {"used": 0, "limit": 600},
            "messages_per_conversation": {"used": 2, "limit": 1_000_000},
            "bytes_per_conversation": {"used": size, "limit": 4_294_967_296_u64},
        },
    });
    assert_eq!(you(&a).await, expected);
    assert_eq!(you(&b).await["limits"]["send_per_minute"], json!({"used": 0, "limit": 2}));
}

#[tokio::test]
async fn listing_ones_conversations_is_a_read_of_the_newest_one_that_opens() {
    let house = House::with(|settings| settings.limits.read_per_minute = 3);
    let (a, b) = house.pair().await;
    for _ in 0..3 {
        a.ok(&house.bridge, "list_conversations", json!({})).await;
    }
    assert_eq!(a.code(&house.bridge, "list_conversations", json!({})).await, Code::RateLimited);
    assert_eq!(a.code(&house.bridge, "check_messages", json!({})).await, Code::RateLimited);
    b.ok(&house.bridge, "list_conversations", json!({})).await;
    Agent::new(9).ok(&house.bridge, "list_conversations", json!({})).await;
}

#[tokio::test]
async fn conversation_whose_limits_cannot_be_read_is_closed_to_agents_and_says_who_can_help() {
    let house = House::new();
    let (a, _b) = house.pair().await;
    let file = rusqlite::Connection::open(house.database()).unwrap();
    file.execute("UPDATE conversation SET limits = 'none' WHERE pk <> 0", []).unwrap();
    let denied = a.call(&house.bridge, "send_to_partner", json!({"message": "x"})).await.unwrap_err();
    assert_eq!(denied.code, Code::Misconfigured);
    assert!(denied.hint.unwrap().contains("mab limits"));
    let id = conversation(&house).await;
    let shown = house.operator("limits", json!({"conversation_id": id})).await.unwrap();
    assert!(shown["unreadable"].is_string(), "{shown}");
    house.operator("limits", json!({"conversation_id": id, "reset": true})).await.unwrap();
    a.send(&house.bridge, "open again").await;
}

/// What is written: rows of accept times and of the trail, and refusals counted.
#[cfg(test)]
fn written(house: &House) -> [i64; 3] {
    let file = rusqlite::Connection::open(house.database()).unwrap();
    [
        "SELECT count(*) FROM accepted",
        "SELECT count(*) FROM audit",
        "SELECT sum(unrecorded) FROM conversation",
    ]
    .map(|sql| file.query_row(sql, [], |row| row.get(0)).unwrap())
}

#[tokio::test]
async fn flood_of_a_member_over_its_limit_is_answered_from_memory_and_its_count_is_written_at_the_end() {
    let house = House::new();
    let (a, _b) = house.pair().await;
    for _ in 0..10 {
        a.send(&house.bridge, "x").await;
    }
    let send = async || a.call(&house.bridge, "send_to_partner", json!({"message": "x"})).await.unwrap_err();
    assert_eq!(send().await.retry_after_s, Some(60));
    house.clock.advance_ms(400);
    let before = written(&house);
    for _ in 0..100 {
        let denied = send().await;
        assert_eq!((denied.code, denied.retry_after_s), (Code::RateLimited, Some(60)));
    }
    assert_eq!(written(&house), before, "memory answers");
    house.bridge.close().await;
    assert_eq!(written(&house), [before[0], before[1], before[2] + 100], "every one is counted");
    // Other doings of the agent are not concerned, and the store is asked again a second later.
    a.texts(&house.bridge).await;
    house.clock.advance_ms(600);
    let before = written(&house);
    assert_eq!(send().await.retry_after_s, Some(59));
    assert_eq!(written(&house)[1], before[1] + 1);
}

#[tokio::test]
async fn repeat_of_a_stored_send_is_answered_in_the_middle_of_a_flood() {
    let house = House::with(|settings| settings.limits.send_per_minute = 1);
    let (a, _b) = house.pair().await;
    let keyed = |key: &str| json!({"message": "x", "idempotency_key": key});
    let sent = a.ok(&house.bridge, "send_to_partner", keyed("one")).await;
    assert_eq!(a.code(&house.bridge, "send_to_partner", json!({"message": "x"})).await, Code::RateLimited);
    let before = written(&house);
    assert_eq!(a.code(&house.bridge, "send_to_partner", keyed("two")).await, Code::RateLimited);
    assert_eq!(written(&house), before, "a new key is no way around memory");
    let again = a.ok(&house.bridge, "send_to_partner", keyed("one")).await;
    assert_eq!((&again["message_id"], &again["repeated"]), (&sent["message_id"], &json!(true)));
}

#[tokio::test]
async fn tokens_that_are_over_when_presented_in_a_flood_are_written_once_a_second_at_most() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let old = credentials(&a);
    a.ok(&house.bridge, "join_conversation", old.clone()).await;
    let late = Agent::new(9);
    for _ in 0..31 {
        assert_eq!(late.code(&house.bridge, "check_messages", old.clone()).await, Code::TokenRotated);
    }
    let before = written(&house);
    for _ in 0..100 {
        assert_eq!(late.code(&house.bridge, "check_messages", old.clone()).await, Code::TokenRotated);
    }
    assert_eq!(written(&house), before);
    house.bridge.close().await;
    b.send(&house.bridge, "the next entry tells").await;
    let rows = house.operator("audit", json!({"limit": 1})).await.unwrap();
    assert_eq!(rows["entries"][0]["detail"]["unrecorded_refusals"], 101);
}

#[tokio::test]
async fn observer_that_floods_with_what_it_may_not_do_is_limited_and_then_answered_from_memory() {
    let house = House::with(|settings| settings.limits.refused_calls_per_minute = 40);
    let (a, _b) = house.pair().await;
    let invitation = json!({"role": "watcher", "permission": "observer"});
    let invited = a.ok(&house.bridge, "invite_agent", invitation).await;
    let id = conversation(&house).await;
    let observer = Agent::new(9);
    let join = json!({"conversation_id": id, "session_id": invited["session_id"], "token": invited["token"]});
    observer.ok(&house.bridge, "join_conversation", join).await;
    let code = async || observer.code(&house.bridge, "send_to_partner", json!({"message": "x"})).await;
    for _ in 0..40 {
        assert_eq!(code().await, Code::Forbidden);
    }
    assert_eq!(code().await, Code::RateLimited);
    let before = written(&house);
    for _ in 0..100 {
        assert_eq!(code().await, Code::RateLimited);
    }
    assert_eq!(written(&house), before);
    observer.texts(&house.bridge).await;
}

#[tokio::test]
async fn flood_of_guesses_costs_no_write_once_its_window_is_full_and_is_counted() {
    let house = House::new();
    let (a, _b) = house.pair().await;
    let (wrong, guesser) = (guess(&a), Agent::new(9));
    for _ in 0..60 {
        guesser.code(&house.bridge, "check_messages", wrong.clone()).await;
    }
    let before = written(&house);
    for _ in 0..100 {
        assert_eq!(guesser.code(&house.bridge, "check_messages", wrong.clone()).await, Code::RateLimited);
    }
    assert_eq!(written(&house), before);
    house.bridge.close().await;
    assert_eq!(written(&house)[2], before[2] + 100);
}

#[tokio::test]
async fn several_remembered_conversations_that_were_not_seen_here_are_refused_unheard_as_well() {
    let house = House::new();
    let (a, _b) = house.pair().await;
    let holder = Agent::new(9);
    for _ in 0..2 {
        let roles = json!({"my_role": "backend", "partner_role": "frontend"});
        holder.ok(&house.bridge, "create_conversation", roles).await;
    }
    for _ in 0..60 {
        Agent::new(7).code(&house.bridge, "check_messages", guess(&a)).await;
    }
    let elsewhere = house.second_bridge();
    assert_eq!(holder.code(&elsewhere, "check_messages", json!({})).await, Code::RateLimited);
    let right = credentials(&holder);
    holder.ok(&house.bridge, "check_messages", right).await;
}
