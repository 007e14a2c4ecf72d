//! Kills between any two steps of a send, on the sender's side.

use serde_json::json;

use crate::{
    moment::{Moment, Victim},
    tally::{Deed, Tally, When},
    world::World,
};

/// Kills at every moment so many times, sends again what was not answered, and settles.
pub(crate) fn kill_senders(times: u32) -> Tally {
    let mut world = World::open();
    world.receiver.end();
    for time in 0..times {
        for moment in Moment::ALL.into_iter().filter(|moment| *moment != Moment::Torn) {
            for victim in Victim::ALL {
                round(&mut world, moment, victim);
            }
            // The receiver's server is there half of the time, so that whoever comes next finds the file in use, or not.
            if time % 2 == 0 {
                let check = world.check_request(&json!({}));
                world.receiver.call(&check);
            } else if world.receiver.client().is_served() {
                world.receiver.end();
            }
        }
    }
    world.close()
}

fn round(world: &mut World, moment: Moment, victim: Victim) {
    let (store, request) = (world.store(), world.send_request(0));
    moment.kill(&mut world.sender, store, &request, victim);
    let outcome = world.sent();
    assert!(moment.outcomes(victim).contains(&outcome), "{moment:?}, {victim:?} killed: {outcome:?}");
    world.tally.count(Deed::Sending, When::At(moment), victim, outcome);
    // Again, or the next one.
    world.send(0);
}
