//! What is refused, with which code, and that nothing changes.

#[cfg(test)]
mod kit;

use std::sync::Arc;

use kit::{Agent, House};
use mab_core::{Code, Denied};
use serde_json::{Value, json};

/// Credentials of `a` and of `b`, both joined.
#[cfg(test)]
async fn tokens(house: &House) -> (Value, Value) {
    let id =
        house.operator("list", json!({"all": true})).await.unwrap()["conversations"][0]["conversation_id"]
            .clone();
    let issued = house.operator("tokens", json!({ "conversation_id": id })).await.unwrap();
    let of = |n: usize| {
        let token = &issued["tokens"][n];
        json!({ "conversation_id": id, "session_id": token["session_id"], "token": token["token"] })
    };
    (of(0), of(1))
}

#[cfg(test)]
async fn audit_rows(house: &House) -> Vec<Value> {
    house.operator("audit", json!({"limit": 1000})).await.unwrap()["entries"].as_array().unwrap().clone()
}

#[tokio::test]
async fn token_when_wrong_or_anothers_is_invalid_and_spends_nobodys_budget() {
    let house = House::new();
    let (a, _b) = house.pair().await;
    let stranger = Agent::new(3);
    stranger
        .ok(&house.bridge, "create_conversation", json!({"my_role": "other", "partner_role": "another"}))
        .await;
    let of_a = {
        let list = house.operator("list", json!({"all": true})).await.unwrap();
        let id = list["conversations"][1]["conversation_id"].clone();
        let issued = house.operator("tokens", json!({ "conversation_id": id })).await.unwrap();
        json!({"conversation_id": id, "session_id": "a", "token": issued["tokens"][1]["token"]})
    };
    let elsewhere = json!({
        "conversation_id": of_a["conversation_id"], "session_id": "a",
        "token": house.operator("list", json!({"all": true})).await.unwrap()["conversations"][0]["conversation_id"],
    });
    let unknown =
        json!({"conversation_id": "conv_00000000deadbeef", "session_id": "a", "token": "f".repeat(64)});
    let nobody =
        json!({"conversation_id": of_a["conversation_id"], "session_id": "zed", "token": "f".repeat(64)});
    let odd = json!({"conversation_id": of_a["conversation_id"], "session_id": "a", "token": "ünïcödé"});
    for wrong in [of_a, elsewhere, unknown, nobody, odd] {
        for _ in 0..10 {
            let mut arguments = wrong.clone();
            arguments["message"] = json!("hello");
            assert_eq!(stranger.code(&house.bridge, "send_to_partner", arguments).await, Code::InvalidToken);
        }
    }
    for n in 0..10 {
        a.send(&house.bridge, &format!("mine {n}")).await;
    }
}

#[tokio::test]
async fn guesses_when_too_many_silence_only_the_guesser() {
    let house = House::new();
    let (a, _b) = house.pair().await;
    let (mut guess, _) = tokens(&house).await;
    guess["token"] = json!("0".repeat(64));
    let guesser = Agent::new(3);
    let before = audit_rows(&house).await.len();
    for _ in 0..60 {
        assert_eq!(guesser.code(&house.bridge, "check_messages", guess.clone()).await, Code::InvalidToken);
    }
    let silenced = guesser.call(&house.bridge, "check_messages", guess.clone()).await.unwrap_err();
    assert_eq!((silenced.code, silenced.retry_after_s), (Code::RateLimited, Some(60)));
    a.send(&house.bridge, "undisturbed").await;
    // A flood of guesses fills neither the trail nor the disk: 30 are written one by one, the rest is counted.
    let rows = audit_rows(&house).await;
    assert_eq!(rows.len() - before, 31);
    assert_eq!(rows[0]["detail"]["unrecorded_refusals"], 30);
    house.clock.advance_s(60);
    assert_eq!(guesser.code(&house.bridge, "check_messages", guess).await, Code::InvalidToken);
}

#[tokio::test]
async fn token_when_rotated_or_revoked_says_so_at_once_in_every_process() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let other = house.second_bridge();
    let (_, of_b) = tokens(&house).await;
    b.texts(&other).await;
    house
        .operator("tokens", json!({"conversation_id": of_b["conversation_id"], "rotate": "b"}))
        .await
        .unwrap();
    assert_eq!(b.code(&other, "check_messages", json!({})).await, Code::TokenRotated);
    assert_eq!(b.code(&house.bridge, "send_to_partner", json!({"message": "x"})).await, Code::TokenRotated);
    let (_, of_b) = tokens(&house).await;
    let fresh = Agent::new(4);
    fresh.ok(&other, "check_messages", of_b.clone()).await;
    house
        .operator("tokens", json!({"conversation_id": of_b["conversation_id"], "revoke": "b"}))
        .await
        .unwrap();
    assert_eq!(fresh.code(&other, "check_messages", of_b.clone()).await, Code::Revoked);
    let again = json!({"conversation_id": of_b["conversation_id"], "rotate": "b"});
    assert_eq!(house.operator("tokens", again).await.unwrap_err().code, Code::Revoked);
    assert_eq!(
        a.code(&house.bridge, "send_to_partner", json!({"message": "anybody?"})).await,
        Code::UnknownRecipient
    );
    assert_eq!(
        a.code(&house.bridge, "send_to_partner", json!({"message": "b?", "to": ["b"]})).await,
        Code::UnknownRecipient
    );
}

#[tokio::test]
async fn conversation_when_over_says_expired_for_everything_and_reads_nothing() {
    let house = House::new();
    let (a, b) = house.pair().await;
    a.send(&house.bridge, "too late").await;
    house.clock.advance_s(3 * 3_600 - 1);
    b.ok(&house.bridge, "check_messages", json!({"peek": true})).await;
    house.clock.advance_s(1);
    for (operation, arguments) in [
        ("check_messages", json!({})),
        ("search_messages", json!({})),
        ("send_to_partner", json!({"message": "x"})),
        ("update_my_status", json!({"status": "working"})),
        ("check_partner_status", json!({})),
        ("join_conversation", json!({})),
    ] {
        assert_eq!(b.code(&house.bridge, operation, arguments).await, Code::Expired, "{operation}");
    }
    assert_eq!(
        b.ok(&house.bridge, "list_conversations", json!({})).await["conversations"][0]["state"],
        "expired"
    );
    let longer = json!({"my_role": "one", "partner_role": "two", "expires_in_minutes": 1});
    let brief = Agent::new(5);
    brief.ok(&house.bridge, "create_conversation", longer).await;
    house.clock.advance_s(60);
    assert_eq!(brief.code(&house.bridge, "check_messages", json!({})).await, Code::Expired);
}

#[tokio::test]
async fn tokens_when_the_time_is_over_are_neither_shown_nor_rotated() {
    let house = House::new();
    let (_a, _b) = house.pair().await;
    let (_, of_b) = tokens(&house).await;
    let rotate = json!({"conversation_id": of_b["conversation_id"], "rotate": "b"});
    house.clock.advance_s(3 * 3_600);
    for state in ["expired", "purged"] {
        assert_eq!(house.operator("tokens", rotate.clone()).await.unwrap_err().code, Code::Expired);
        let shown = json!({"conversation_id": of_b["conversation_id"]});
        let shown = house.operator("tokens", shown).await.unwrap();
        assert_eq!((&shown["state"], &shown["tokens"][1]["token"]), (&json!(state), &Value::Null));
        house.operator("cleanup", json!({})).await.unwrap();
    }
}

#[tokio::test]
async fn arguments_when_malformed_are_refused_and_never_echoed() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let before = audit_rows(&house).await.len();
    let long = "x".repeat(50_001);
    let bad = [
        ("send_to_partner", json!({"message": ""})),
        ("send_to_partner", json!({"message": "   \n"})),
        ("send_to_partner", json!({"message": "a\0b"})),
        ("send_to_partner", json!({"message": long})),
        ("send_to_partner", json!({"message": 7})),
        ("send_to_partner", json!({"message": "x", "surprise": 1})),
        ("send_to_partner", json!({"message": "x", "action_type": "command"})),
        ("send_to_partner", json!({"message": "x", "files_involved": vec!["f"; 21]})),
        ("send_to_partner", json!({"message": "x", "files_involved": ["f".repeat(513)]})),
        ("send_to_partner", json!({"message": "x", "files_involved": ["a\u{1b}[2Jb"]})),
        ("send_to_partner", json!({"message": "x", "to": []})),
        ("send_to_partner", json!({"message": "x", "to": ["SYSTEM"]})),
        ("send_to_partner", json!({"message": "x", "reply_to": "first"})),
        ("send_to_partner", json!({"message": "x", "conversation_id": "conv_x"})),
        ("send_to_partner", json!({"message": "x", "session_id": "system"})),
        ("check_messages", json!({"limit": 0})),
        ("check_messages", json!({"limit": 101})),
        ("check_messages", json!({"limit": -1})),
        ("update_my_status", json!({"status": "idle"})),
        ("update_my_status", json!({"status": "working", "note": "n".repeat(501)})),
        ("search_messages", json!({"query": ""})),
        ("create_conversation", json!({"my_role": "ab", "partner_role": "frontend"})),
        ("create_conversation", json!({"my_role": "backend"})),
        ("create_conversation", json!({"my_role": "backend", "partner_role": "x".repeat(101)})),
        (
            "create_conversation",
            json!({"my_role": "backend", "partner_role": "frontend", "expires_in_minutes": 0}),
        ),
        (
            "create_conversation",
            json!({"my_role": "backend", "partner_role": "frontend", "expires_in_minutes": 43_201}),
        ),
    ];
    for (operation, arguments) in bad {
        let Denied { code, message, hint, .. } =
            a.call(&house.bridge, operation, arguments.clone()).await.unwrap_err();
        assert_eq!(code, Code::InvalidArguments, "{operation} {arguments}");
        assert!(message.len() < 600 && hint.is_none_or(|hint| hint.len() < 600), "{operation} echoed");
    }
    assert_eq!(audit_rows(&house).await.len(), before);
    assert_eq!(b.texts(&house.bridge).await, [""; 0]);
}

#[tokio::test]
async fn arguments_when_of_the_wrong_type_are_named_in_the_words_of_json() {
    let house = House::new();
    let (a, _b) = house.pair().await;
    for (arguments, expected) in [
        (json!({"message": 5}), "message: invalid type: integer, expected a string"),
        (json!({"message": "x", "to": "b"}), "to: invalid type: string, expected an array"),
        (json!({"message": "x", "files_involved": ["ok", 7]}), "files_involved[1]: invalid type"),
        (json!({}), "missing argument `message`"),
    ] {
        let refused = a.call(&house.bridge, "send_to_partner", arguments).await.unwrap_err();
        assert!(refused.message.contains(expected), "{}", refused.message);
    }
    let refused = a.call(&house.bridge, "check_messages", json!({"limit": "60"})).await.unwrap_err();
    assert!(
        refused.message.contains("limit: ") && refused.message.contains("whole number"),
        "{}",
        refused.message
    );
}

#[tokio::test]
async fn arguments_when_refused_are_told_every_value_and_name_that_is_allowed() {
    let house = House::new();
    let (a, _b) = house.pair().await;
    let status = "expected one of `working`, `waiting`, `blocked`, `complete`";
    for (operation, arguments, says) in [
        ("update_my_status", json!({"status": 7}), format!("status: invalid type: integer, {status}")),
        ("update_my_status", json!({"status": {"x": 1, "y": 2}}), format!("status: invalid value: object, {status}")),
        ("update_my_status", json!({"status": ["done"]}), format!("status: invalid type: array, {status}")),
        ("update_my_status", json!({"status": "done"}), format!("status: unknown value, {status}")),
        (
            "check_messages",
            json!({"limit": -1}),
            "limit: invalid value: integer, expected a whole number, 1 to 100".to_owned(),
        ),
        (
            "check_messages",
            json!({"wait": 5}),
            "unknown argument, expected one of `ack`, `conversation_id`, `limit`, `peek`, `session_id`, `token`, \
             `wait_seconds`"
                .to_owned(),
        ),
    ] {
        let refused = a.call(&house.bridge, operation, arguments.clone()).await.unwrap_err();
        assert_eq!((refused.code, refused.message), (Code::InvalidArguments, says), "{arguments}");
    }
}

#[tokio::test]
async fn refusal_of_arguments_names_the_field_and_what_is_allowed_and_repeats_nothing() {
    let house = House::new();
    let (a, _b) = house.pair().await;
    for value in [
        "ab".repeat(32),
        "`x`, expected \"my words\"".to_owned(),
        "sesame_open".to_owned(),
        "a\nb".to_owned(),
    ] {
        for (operation, arguments, named) in [
            ("check_messages", json!({"limit": value}), "limit: invalid type: string, expected "),
            ("check_messages", json!({"limit": [value]}), "limit: invalid type: array, expected "),
            ("check_messages", json!({ value.clone(): 1 }), "unknown argument, expected "),
            ("check_partner_status", json!({ value.clone(): 1 }), "unknown argument"),
            ("update_my_status", json!({"status": value}), "status: unknown value, expected "),
            ("update_my_status", json!({"status": { value.clone(): 1 }}), "status"),
            (
                "send_to_partner",
                json!({"message": "x", "to": value}),
                "to: invalid type: string, expected an array",
            ),
            ("send_to_partner", json!({"message": "x", "reply_to": value}), "reply_to: "),
            ("send_to_partner", json!({"message": "x", "to": [value.to_uppercase()]}), "to[0]: "),
        ] {
            let refused = a.call(&house.bridge, operation, arguments.clone()).await.unwrap_err();
            assert_eq!(refused.code, Code::InvalidArguments, "{arguments}");
            assert!(refused.message.starts_with(named), "{arguments}: {}", refused.message);
            let said = format!("{}{}", refused.message, refused.hint.unwrap_or_default()).to_lowercase();
            assert!(!said.contains(&value), "{arguments}: {said}");
        }
    }
}

#[tokio::test]
async fn token_that_fits_several_remembered_places_is_refused_unjudged() {
    let house = House::new();
    let a = Agent::new(9);
    for _ in 0..2 {
        let roles = json!({"my_role": "backend", "partner_role": "frontend"});
        a.call(&house.bridge, "create_conversation", roles).await.unwrap();
    }
    let before = audit_rows(&house).await.len();
    let denied = a
        .call(&house.bridge, "search_messages", json!({"query": "x", "token": "0".repeat(64)}))
        .await
        .unwrap_err();
    assert_eq!(denied.code, Code::AmbiguousConversation);
    let hint = denied.hint.unwrap_or_default();
    assert!(hint.contains("conversation_id") && hint.contains("session_id"), "{hint}");
    assert_eq!(audit_rows(&house).await.len(), before, "nothing was judged");
}

#[tokio::test]
async fn operations_when_unknown_or_of_the_operator_are_refused() {
    let house = House::new();
    let (a, _b) = house.pair().await;
    for operation in ["tokens", "list", "audit", "cleanup", "no_such_tool", ""] {
        assert_eq!(a.code(&house.bridge, operation, json!({})).await, Code::UnknownOperation, "{operation}");
    }
    let refused = house.operator("send_to_partner", json!({"message": "x"})).await.unwrap_err();
    assert_eq!(refused.code, Code::UnknownOperation);
    // The second is the name the bridge's own row would have.
    for nowhere in ["conv_00000000deadbeef", "conv_0000000000000000"] {
        for operation in ["show", "tokens", "audit", "audit_verify"] {
            let refused = house.operator(operation, json!({ "conversation_id": nowhere })).await.unwrap_err();
            assert_eq!(refused.code, Code::NotFound, "{operation} {nowhere}");
        }
    }
}

#[tokio::test]
async fn credentials_when_missing_are_asked_for() {
    let house = House::new();
    let (_a, _b) = house.pair().await;
    let nobody = Agent::new(6);
    assert_eq!(nobody.code(&house.bridge, "check_messages", json!({})).await, Code::CredentialsMissing);
    assert_eq!(nobody.ok(&house.bridge, "list_conversations", json!({})).await["conversations"], json!([]));
}

#[tokio::test]
async fn sends_when_eleven_in_a_minute_are_ten_across_processes_and_restarts() {
    let house = House::new();
    let (a, b) = house.pair().await;
    for n in 0..10 {
        let restarted = house.second_bridge();
        a.send(if n % 2 == 0 { &house.bridge } else { &restarted }, "within").await;
        house.clock.advance_ms(60);
    }
    let refused =
        a.call(&house.second_bridge(), "send_to_partner", json!({"message": "beyond"})).await.unwrap_err();
    assert_eq!((refused.code, refused.retry_after_s), (Code::RateLimited, Some(60)));
    house.clock.advance_ms(59_399);
    assert_eq!(
        a.code(&house.bridge, "send_to_partner", json!({"message": "beyond"})).await,
        Code::RateLimited
    );
    b.send(&house.bridge, "b has its own").await;
    house.clock.advance_ms(1);
    a.send(&house.bridge, "the first has left the window").await;
    assert_eq!(
        a.code(&house.bridge, "send_to_partner", json!({"message": "beyond"})).await,
        Code::RateLimited
    );
    // Status is a change too; reading is not.
    assert_eq!(
        a.code(&house.bridge, "update_my_status", json!({"status": "working"})).await,
        Code::RateLimited
    );
    assert_eq!(a.texts(&house.bridge).await, ["b has its own"]);
}

#[tokio::test]
async fn hour_and_day_windows_hold_as_well() {
    let house = House::with(|settings| {
        settings.limits.send_per_minute = 0;
        settings.limits.send_per_hour = 20;
        settings.limits.send_per_day = 30;
        settings.expires_in_minutes = 43_200;
    });
    let (a, _b) = house.pair().await;
    for _ in 0..20 {
        a.send(&house.bridge, "x").await;
    }
    let hour = a.call(&house.bridge, "send_to_partner", json!({"message": "x"})).await.unwrap_err();
    assert_eq!(hour.retry_after_s, Some(3_600));
    house.clock.advance_s(3_600);
    for _ in 0..10 {
        a.send(&house.bridge, "x").await;
    }
    let day = a.call(&house.bridge, "send_to_partner", json!({"message": "x"})).await.unwrap_err();
    assert_eq!(day.retry_after_s, Some(86_400 - 3_600));
}

#[tokio::test]
async fn reads_when_too_many_are_refused_without_touching_sends() {
    let house = House::with(|settings| settings.limits.read_per_minute = 5);
    let (a, _b) = house.pair().await;
    for _ in 0..5 {
        a.texts(&house.bridge).await;
    }
    assert_eq!(a.code(&house.bridge, "check_partner_status", json!({})).await, Code::RateLimited);
    a.send(&house.bridge, "still").await;
}

#[tokio::test]
async fn quotas_when_full_refuse_and_store_nothing() {
    let house = House::with(|settings| settings.limits.unread_per_inbox = 2);
    let (a, b) = house.pair().await;
    a.send(&house.bridge, "one").await;
    a.send(&house.bridge, "two").await;
    assert_eq!(
        a.code(&house.bridge, "send_to_partner", json!({"message": "three"})).await,
        Code::QuotaExceeded
    );
    b.texts(&house.bridge).await;
    b.texts(&house.bridge).await;
    assert_eq!(a.send(&house.bridge, "three").await["seq"], 3);
    let small = House::with(|settings| settings.limits.bytes_per_conversation = 1_000);
    let (a, _b) = small.pair().await;
    a.send(&small.bridge, &"x".repeat(500)).await;
    assert_eq!(
        a.code(&small.bridge, "send_to_partner", json!({"message": "y".repeat(500)})).await,
        Code::QuotaExceeded
    );
}

#[tokio::test]
async fn refusals_when_authenticated_are_in_the_trail_and_the_chain_holds() {
    let house = House::new();
    let (a, b) = house.pair().await;
    b.code(&house.bridge, "invite_agent", json!({"role": "another"})).await;
    a.code(&house.bridge, "send_to_partner", json!({"message": "x", "to": ["zed"]})).await;
    let rows = audit_rows(&house).await;
    let seen: Vec<_> = rows
        .iter()
        .take(2)
        .map(|row| (row["actor"].clone(), row["action"].clone(), row["outcome"].clone()))
        .collect();
    assert_eq!(
        seen,
        [
            (json!("a"), json!("send"), json!("unknown_recipient")),
            (json!("b"), json!("invite"), json!("forbidden")),
        ]
    );
    assert_eq!(house.operator("audit_verify", json!({})).await.unwrap()["ok"], true);
}

#[tokio::test]
async fn message_row_when_damaged_is_reported_and_skipped() {
    let house = House::new();
    let (a, b) = house.pair().await;
    for text in ["one", "two", "three"] {
        a.send(&house.bridge, text).await;
    }
    let attacker = rusqlite::Connection::open(house.database()).unwrap();
    attacker.execute("UPDATE message SET body = x'00112233' WHERE (key & 4294967295) = 2", []).unwrap();
    let answer = b.ok(&house.bridge, "check_messages", json!({})).await;
    assert_eq!(
        (kit::texts(&answer), &answer["damaged"]),
        (vec!["one".to_owned(), "three".to_owned()], &json!([2]))
    );
    let history = b.ok(&house.bridge, "search_messages", json!({})).await;
    assert_eq!(
        (kit::texts(&history), &history["damaged"]),
        (vec!["three".to_owned(), "one".to_owned()], &json!([2]))
    );
    assert_eq!(b.ok(&house.bridge, "check_messages", json!({})).await["messages"], json!([]));
}

#[tokio::test]
async fn sender_when_changed_in_the_database_is_found() {
    let house = House::new();
    let (a, b) = house.pair().await;
    a.send(&house.bridge, "from a").await;
    let attacker = rusqlite::Connection::open(house.database()).unwrap();
    attacker.execute("UPDATE message SET sender = 1", []).unwrap();
    assert_eq!(b.ok(&house.bridge, "check_messages", json!({})).await["damaged"], json!([1]));
}

#[tokio::test]
async fn audit_when_rewritten_is_found() {
    let house = House::new();
    let (a, _b) = house.pair().await;
    a.send(&house.bridge, "x").await;
    let attacker = rusqlite::Connection::open(house.database()).unwrap();
    attacker.execute("UPDATE audit SET actor = 'b' WHERE action = 'send'", []).unwrap();
    let report = house.operator("audit_verify", json!({})).await.unwrap();
    assert_eq!(report["ok"], false);
    let broken =
        report["chains"].as_array().unwrap().iter().find(|chain| !chain["broken"].is_null()).unwrap();
    assert_eq!(broken["broken"], json!({"kind": "changed", "n": 3}));
}

#[tokio::test]
async fn concurrent_calls_on_one_bridge_all_succeed_in_order_of_storage() {
    let house = House::with(|settings| settings.limits.send_per_minute = 0);
    let (a, b) = house.pair().await;
    let (house, a) = (Arc::new(house), Arc::new(a));
    let sends = (0..64).map(|n| {
        let (house, a) = (Arc::clone(&house), Arc::clone(&a));
        tokio::spawn(async move { a.send(&house.bridge, &format!("{n}")).await["seq"].as_u64().unwrap() })
    });
    let mut seqs = Vec::new();
    for send in sends.collect::<Vec<_>>() {
        seqs.push(send.await.unwrap());
    }
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=64).collect::<Vec<_>>());
    let page = b.ok(&house.bridge, "check_messages", json!({"limit": 100})).await;
    assert_eq!(page["messages"].as_array().unwrap().len(), 64);
}
