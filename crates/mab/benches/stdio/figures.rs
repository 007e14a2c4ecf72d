//! Durations and the line they are printed in.

use std::time::{Duration, Instant};

/// Durations of one kind of call, and how long the whole took.
#[derive(Default)]
pub(crate) struct Figures {
    times: Vec<Duration>,
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Figures {
    /// Adds the duration of a call that has just ended.
    pub(crate) fn push(&mut self, time: Duration) {
        let now = Instant::now();
        self.first.get_or_insert_with(|| now.checked_sub(time).unwrap_or(now));
        self.last = Some(now);
        self.times.push(time);
    }

    /// Adds the calls of another client that ran at the same time.
    pub(crate) fn merge(&mut self, other: Self) {
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.into_iter().chain(other.last).max();
        self.times.extend(other.times);
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    /// Calls per second.
    pub(crate) fn rate(&self) -> f64 {
        let (Some(first), Some(last)) = (self.first, self.last) else { return 0.0 };
        self.times.len() as f64 / (last - first).as_secs_f64()
    }

    /// The time that `part` of the calls stay within, in microseconds.
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        let mut sorted = self.times.clone();
        sorted.sort_unstable();
        let index = ((sorted.len() - 1) as f64 * part) as usize;
        sorted[index].as_secs_f64() * 1e6
    }
}

/// Prints a line; with a floor, how many times its p50 and its rate.
pub(crate) fn row(name: &str, figures: &Figures, floor: Option<&Figures>) {
    let ratio = floor.map_or_else(String::new, |floor| {
        let (time, rate) = (figures.quantile(0.5) / floor.quantile(0.5), figures.rate() / floor.rate());
        format!("   p50 {time:.2}× the floor, rate {rate:.2}×")
    });
    let [p50, p99, max] = [0.5, 0.99, 1.0].map(|part| figures.quantile(part));
    println!("{name:<42} {:>10.0} {p50:>10.0} {p99:>10.0} {max:>10.0}{ratio}", figures.rate());
}
