//! Kills at any moment, while both sides are at work.

use std::{thread, time::Duration};

use serde_json::json;

use crate::{
    client::{Said, now},
    moment::Victim,
    tally::{Deed, Outcome, Tally, When},
    world::{Side, World},
};

/// Random numbers that are the same in every run (splitmix64); the moments they choose are not.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// Who is killed on either side, by one throw of the dice.
const VICTIMS: [(Option<Victim>, Option<Victim>); 7] = [
    (Some(Victim::Server), None),
    (Some(Victim::Client), None),
    (Some(Victim::Both), None),
    (None, Some(Victim::Server)),
    (None, Some(Victim::Client)),
    (None, Some(Victim::Both)),
    (Some(Victim::Both), Some(Victim::Both)),
];

/// Kills so many times while a send and a check are under way, and settles.
pub(crate) fn kill_anybody(seed: u64, times: u32) -> Tally {
    let (mut world, mut dice) = (World::open(), Dice(seed));
    let mut usual = Usual::default();
    for _ in 0..times {
        let chars = if dice.below(8) == 0 { 30_000 } else { 0 };
        let requests = [world.send_request(chars), world.check_request(&json!({"limit": 1 + dice.below(5)}))];
        let store = world.store();
        let before = (store.acknowledged(), offers(&store.inbox()));
        drop(store);
        let is_cold = [&mut world.sender, &mut world.receiver].map(|side| !side.client().is_served());
        let start = now();
        for (side, request) in [&mut world.sender, &mut world.receiver].into_iter().zip(&requests) {
            side.client().tell(&format!("call {request}"));
        }
        let longest_us = is_cold.map(|cold| usual.us(cold)).into_iter().max().unwrap_or_default();
        // Not to wait for anything: where the kill falls is left to chance.
        thread::sleep(Duration::from_micros(dice.below(longest_us * 3 / 2 + 1)));
        let (of_sender, of_receiver) = VICTIMS[usize::try_from(dice.below(VICTIMS.len() as u64)).unwrap()];
        let sides = [(&mut world.sender, of_sender), (&mut world.receiver, of_receiver)];
        for (side, victim) in sides {
            if let Some(victim) = victim {
                side.kill(victim);
            }
        }
        for ((side, victim), cold) in
            [(&mut world.sender, of_sender), (&mut world.receiver, of_receiver)].into_iter().zip(is_cold)
        {
            if let Some(took) = ending(side, victim) {
                usual.learn(cold, took.duration_since(start));
            }
        }
        let sent = world.sent();
        if let Some(victim) = of_sender {
            world.tally.count(Deed::Sending, When::AtRandom, victim, sent);
        }
        let store = world.store();
        let after = (store.acknowledged(), offers(&store.inbox()));
        drop(store);
        let outcome = match (world.checked(), after == before) {
            (Some(_), _) => Outcome::Known,
            (None, true) => Outcome::Nothing,
            (None, false) => Outcome::Done,
        };
        if let Some(victim) = of_receiver {
            world.tally.count(Deed::Checking, When::AtRandom, victim, outcome);
        }
    }
    world.close()
}

fn offers(inbox: &[(u64, u64)]) -> u64 {
    inbox.iter().map(|(_, offers)| offers).sum()
}

/// Waits for the end of a call; when it was, if nothing disturbed it.
fn ending(side: &mut Side, victim: Option<Victim>) -> Option<std::time::Instant> {
    let client = side.living()?;
    let said = client.hear();
    let at = client.heard_at;
    match (said, victim) {
        (Said::Line(_), None) => return Some(at),
        (Said::Line(_), Some(_)) => assert_eq!(client.step("read"), Said::Gone, "its server is dead"),
        (Said::Gone, Some(_)) => {}
        (said, victim) => panic!("{said:?} with {victim:?} killed"),
    }
    None
}

/// How long calls take, with and without the start of a server: a moving mean.
struct Usual {
    cold_us: u64,
    warm_us: u64,
}

impl Default for Usual {
    fn default() -> Self {
        Self { cold_us: 20_000, warm_us: 3_000 }
    }
}

impl Usual {
    fn us(&self, is_cold: bool) -> u64 {
        if is_cold { self.cold_us } else { self.warm_us }
    }

    fn learn(&mut self, is_cold: bool, took: Duration) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).min(1_000_000);
        let mean = if is_cold { &mut self.cold_us } else { &mut self.warm_us };
        *mean = (*mean * 7 + took_us) / 8;
    }
}
