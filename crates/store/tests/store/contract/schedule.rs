//! For any schedule of calls, changes of limits and steps of the clock, no window ever admits more than it may.

use mab_core::{
    Code,
    limit::{Limit, Overrides},
    policy::Action,
};
use mab_store::LimitsChange;

use crate::kit::{Kit, code, operator};

/// Schedules tried, each in a conversation of its own.
const SCHEDULES: u64 = 12;
/// Steps of one schedule.
const STEPS: u64 = 150;
/// How far the clock ever is behind where it was, in milliseconds: less than what counts as a clock that was wrong.
const BEHIND_MS: i64 = 50_000;

/// What was admitted: when, as the store counts it, and under which limits.
struct Admitted {
    at_ms: i64,
    per_minute: usize,
    per_hour: usize,
}

/// Whether one more would have made too many under the limits that held for this one.
fn is_one_too_many(admitted: &[Admitted], n: usize) -> bool {
    let latest = &admitted[n];
    [(latest.per_minute, 60_000), (latest.per_hour, 3_600_000)].into_iter().any(|(limit, length_ms)| {
        let within = admitted[..=n].iter().filter(|earlier| latest.at_ms - earlier.at_ms < length_ms);
        limit > 0 && within.count() > limit
    })
}

pub(crate) async fn schedule_of_any_sort_never_admits_more_than_a_window_allows(kit: &Kit) {
    let stores = [kit.store.clone(), kit.open_again()];
    let mut refused = 0;
    for _ in 0..SCHEDULES {
        let room = kit.room(2).await;
        let (mut overrides, mut admitted) = (Overrides::default(), Vec::new());
        let mut furthest_ms = kit.clock_ms();
        for _ in 0..STEPS {
            furthest_ms = furthest_ms.max(kit.clock_ms());
            match kit.random.below(10) {
                0 => {
                    let back_ms = kit.random.below(BEHIND_MS.unsigned_abs()).cast_signed();
                    kit.clock.move_ms(-back_ms.min(kit.clock_ms() - (furthest_ms - BEHIND_MS)));
                }
                1 => kit.clock.move_ms(kit.random.below(100_000).cast_signed()),
                2 => {
                    let reset = kit.random.below(3) == 0;
                    let mut set = Overrides::default();
                    let limit =
                        if kit.random.below(2) == 0 { Limit::SendPerMinute } else { Limit::SendPerHour };
                    set.set(limit, kit.random.below(12)).unwrap();
                    let change = LimitsChange { reset, set };
                    let stamp = operator(Action::SetLimits);
                    overrides = stores[0].set_limits(stamp, room.id, change).await.unwrap();
                }
                store => {
                    kit.clock.move_ms(kit.random.below(4_000).cast_signed());
                    let stamp = kit.charged(&room, "a", Action::Send, &[(5, 60), (20, 3_600)]).await;
                    let sent =
                        stores[usize::from(store % 2 == 0)].append(stamp, kit.message(&room, "x")).await;
                    let of = |limit, general| {
                        overrides.find(limit).map_or(general, |own| usize::try_from(own).unwrap())
                    };
                    let limits = (of(Limit::SendPerMinute, 5), of(Limit::SendPerHour, 20));
                    if sent.is_ok() {
                        let at_ms = kit.number(
                            "SELECT at FROM accepted WHERE kind = 0 AND subject =
                             (SELECT max(pk) - 1 FROM agent) ORDER BY n DESC LIMIT 1",
                        );
                        admitted.push(Admitted { at_ms, per_minute: limits.0, per_hour: limits.1 });
                    } else {
                        assert_eq!(code(sent), Code::RateLimited);
                        refused += 1;
                        // Rightly so: as many as the limit lie within a window that ends now.
                        let now_ms =
                            kit.clock_ms().max(admitted.last().map_or(0, |last: &Admitted| last.at_ms));
                        let (per_minute, per_hour) = limits;
                        admitted.push(Admitted { at_ms: now_ms, per_minute, per_hour });
                        assert!(is_one_too_many(&admitted, admitted.len() - 1), "it would have fitted");
                        admitted.pop();
                    }
                }
            }
        }
        assert!(admitted.is_sorted_by_key(|one| one.at_ms), "times never go back");
        assert!((0..admitted.len()).all(|n| !is_one_too_many(&admitted, n)), "one too many was admitted");
    }
    assert!(refused > STEPS, "the limits were met: {refused} refusals");
}
