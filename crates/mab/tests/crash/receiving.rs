//! Kills between any two steps of a check, on the receiver's side. Each check acknowledges the batch before and gets one
//! more message.

use serde_json::{Value, json};

use crate::{
    moment::{Moment, Victim},
    tally::{Deed, Outcome, Tally, When},
    world::World,
};

/// More characters than a pipe holds bytes, as an answer holds them twice.
const LONG: usize = 40_000;

/// Kills at every moment so many times, checks what comes again, and settles.
pub(crate) fn kill_receivers(times: u32) -> Tally {
    let mut world = World::open();
    world.send(0);
    for time in 0..times {
        for moment in Moment::ALL {
            for victim in Victim::ALL {
                round(&mut world, moment, victim, time);
            }
        }
    }
    world.close()
}

fn round(world: &mut World, moment: Moment, victim: Victim, time: u32) {
    let batch = take_everything(world);
    world.send(if moment == Moment::Torn { LONG } else { 0 });
    if time.is_multiple_of(2) {
        // Nobody else has the file open.
        world.sender.end();
    }
    let store = world.store();
    let (before, acknowledged) = (store.inbox(), store.acknowledged());
    let arguments = if time.is_multiple_of(3) { json!({"ack": batch}) } else { json!({}) };
    let check = world.check_request(&arguments);
    moment.kill(&mut world.receiver, store, &check, victim);
    let store = world.store();
    let after = (store.inbox(), store.acknowledged());
    drop(store);
    let (next, _) = *before.last().unwrap();
    let outcome = if after == (before, acknowledged) {
        Outcome::Nothing
    } else {
        // The batch before is acknowledged, the next message handed out: together, or not at all.
        assert_eq!(after, (vec![(next, 1)], next - 1), "{moment:?}, {victim:?} killed");
        if world.checked().is_some() { Outcome::Known } else { Outcome::Done }
    };
    assert!(moment.outcomes(victim).contains(&outcome), "{moment:?}, {victim:?} killed: {outcome:?}");
    world.tally.count(Deed::Checking, When::At(moment), victim, outcome);
}

/// A check by a new server: gets whatever was not acknowledged, and flags exactly what was handed out before.
pub(crate) fn take_everything(world: &mut World) -> Value {
    let expected: Vec<Value> =
        world.store().inbox().iter().map(|(seq, offers)| json!([seq, *offers > 0])).collect();
    let check = world.check_request(&json!({"limit": 100}));
    let answer = world.receiver.call(&check);
    let messages = answer["messages"].as_array().unwrap();
    let got: Vec<Value> = messages.iter().map(|it| json!([it["seq"], it["redelivered"]])).collect();
    assert_eq!(got, expected);
    answer["batch"].clone()
}
