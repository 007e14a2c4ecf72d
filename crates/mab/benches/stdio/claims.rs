//! Collecting five messages, with more and more stored.

use std::time::Instant;

use crate::{
    client::Client,
    figures::{Figures, row},
    floor, text,
};

/// Measures at 1,000 stored messages and at every hundredfold up to `most`.
pub(crate) fn measure(commit: &Figures, most: i64) {
    for stored in [1_000, 100_000, 1_000_000, 10_000_000] {
        if stored <= most {
            row(&format!("check_messages, 5 of {stored} stored"), &claims(stored), Some(commit));
        }
    }
}

/// Each check acknowledges five messages and hands out the next five.
fn claims(stored: i64) -> Figures {
    let folder = tempfile::tempdir().unwrap();
    let (mut a, mut b) = Client::pair(folder.path());
    floor::store_messages(&folder.path().join("bridge.db"), stored);
    let mut figures = Figures::default();
    for n in 0..300 {
        for _ in 0..5 {
            a.send(&text(n));
        }
        let started = Instant::now();
        let answer = b.call("check_messages", "{}");
        figures.push(started.elapsed());
        assert_eq!(answer["result"]["structuredContent"]["messages"].as_array().map(Vec::len), Some(5));
    }
    figures
}
