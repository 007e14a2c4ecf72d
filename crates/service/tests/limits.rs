//! Limits that nobody inside can dodge: shared by all processes, exact, and paid by whom they are meant for.

#[cfg(test)]
mod kit;

use kit::{Agent, House, credentials};
use mab_core::{Code, limit::Peer};
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
