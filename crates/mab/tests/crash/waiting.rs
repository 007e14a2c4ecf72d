//! Kills while a check waits for a message: before there is one, when there is, and when whoever sent it cannot ring.

use serde_json::{Value, json};

use crate::{
    client::{Said, until},
    moment::{Victim, does, survive},
    receiving::take_everything,
    tally::{Deed, Outcome, Tally, When},
    world::World,
};

/// Kills so many times whoever waits or wakes, and settles.
pub(crate) fn kill_waiters(times: u32) -> Tally {
    let mut world = World::open();
    for _ in 0..times {
        for victim in Victim::ALL {
            while_waiting(&mut world, victim);
            once_woken(&mut world, victim);
        }
    }
    for victim in Victim::ALL {
        sender_before_it_rings(&mut world, victim);
    }
    world.close()
}

/// Lets a check wait that has acknowledged everything; returns its request and what the newest message is.
fn wait(world: &mut World) -> (Value, u64) {
    world.send(0);
    take_everything(world);
    let request = world.check_request(&json!({"wait_seconds": 60}));
    does(world.receiver.client(), &format!("ask {request}"));
    let store = world.store();
    until("a check acknowledges before it waits", || store.inbox().is_empty());
    (request, store.messages())
}

fn while_waiting(world: &mut World, victim: Victim) {
    let (request, newest) = wait(world);
    kill_receiver(world, victim, &request);
    assert_eq!(world.store().acknowledged(), newest, "{victim:?} killed");
    assert_eq!(world.checked(), None);
    world.tally.count(Deed::Waiting, When::Waiting, victim, Outcome::Done);
}

fn once_woken(world: &mut World, victim: Victim) {
    let (request, newest) = wait(world);
    world.send(0);
    let store = world.store();
    until("a check that waits is woken", || store.inbox() == [(newest + 1, 1)]);
    drop(store);
    kill_receiver(world, victim, &request);
    assert_eq!(world.store().inbox(), [(newest + 1, 1)], "{victim:?} killed");
    let outcome = if world.checked().is_some() { Outcome::Known } else { Outcome::Done };
    assert!(victim == Victim::Server || outcome == Outcome::Done, "a dead client has kept nothing");
    world.tally.count(Deed::Waiting, When::Woken, victim, outcome);
}

/// At the first sight of the commit: whether it has rung or not, who waits gets the message.
fn sender_before_it_rings(world: &mut World, victim: Victim) {
    let (_, newest) = wait(world);
    let request = world.send_request(0);
    let store = world.store();
    world.sender.client().tell(&format!("ask {request}"));
    until("a commit is seen", || store.messages() > newest);
    drop(store);
    assert_eq!(world.sender.client().hear(), Said::Done);
    world.sender.kill(victim);
    if let Some(client) = world.sender.living() {
        survive(client, &request, false);
    }
    let answer = world.receiver.client().step("read");
    assert!(matches!(answer, Said::Line(_)), "a check that waits gets what nobody rang for");
    does(world.receiver.client(), "journal");
    let got = &world.checked().unwrap()["messages"];
    assert_eq!(got[0]["seq"], newest + 1, "{got}");
    world.receiver.end();
    world.sent();
    world.tally.count(Deed::Waiting, When::Unrung, victim, Outcome::Known);
}

fn kill_receiver(world: &mut World, victim: Victim, request: &Value) {
    world.receiver.kill(victim);
    if let Some(client) = world.receiver.living() {
        survive(client, request, false);
    }
}
