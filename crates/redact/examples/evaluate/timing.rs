//! The clock of the measurements, and what is made of its readings.

#![expect(clippy::disallowed_methods, reason = "a measuring tool reads the clock")]

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// The least time of several rounds, in microseconds: what others do on the machine only ever adds to it.
pub(crate) fn least_us<T>(rounds: u32, mut work: impl FnMut() -> T) -> f64 {
    (0..rounds)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(work());
            start.elapsed().as_secs_f64() * 1e6
        })
        .fold(f64::INFINITY, f64::min)
}

/// The least processor time of several rounds, in milliseconds, for what takes so long that the system gives the
/// processor to others in between.
pub(crate) fn least_processor_ms<T>(rounds: u32, mut work: impl FnMut() -> T) -> f64 {
    let now = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default();
    (0..rounds)
        .map(|_| {
            let start = now();
            std::hint::black_box(work());
            now().saturating_sub(start).as_secs_f64() * 1e3
        })
        .fold(f64::INFINITY, f64::min)
}

/// Median and 99th percentile.
pub(crate) fn quantiles(mut times: Vec<f64>) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    (at(50), at(99))
}
