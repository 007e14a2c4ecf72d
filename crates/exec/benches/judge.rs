//! How long a decision takes: ordinary commands, and texts of 64 KiB that are as bad as they can be made. Beside each stands
//! the floor: one look at every byte of the same text.
//!
//! `cargo bench -p mab-exec --bench judge` prints medians in microseconds. Nothing is asserted: a machine that is busy is no
//! fault of the judge.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench measures time and prints it")]

use std::{hint::black_box, time::Instant};

use mab_exec::{COMMAND_MAX_BYTES, Judge, Mode, Policy, Wanted};

/// Runs of each; the median of them is printed.
const RUNS: usize = 201;

fn main() {
    let load = median(|| drop(black_box(Policy::builtin())));
    println!("{:<42} {load:>10.1} µs", "load the builtin policy");
    let judge = Judge::new(Policy::builtin());
    println!("{:<42} {:>13} {:>13} {:>9}", "", "decision", "floor", "bytes");
    for (name, mode, text) in texts() {
        let bytes = text.len();
        let floor = median(|| {
            black_box(black_box(&text).bytes().filter(|&byte| byte == b'$').count());
        });
        let wanted = Wanted::Text(text);
        let decision = median(|| drop(black_box(judge.judge(mode, black_box(&wanted), None))));
        let verdict = judge.judge(mode, &wanted, None).decision;
        println!("{name:<42} {decision:>10.1} µs {floor:>10.1} µs {bytes:>9} {verdict:?}");
    }
}

/// Names and texts.
fn texts() -> Vec<(&'static str, Mode, String)> {
    let full = |start: &str, piece: &str, words: usize| {
        let mut text = start.to_owned();
        let pieces = ((COMMAND_MAX_BYTES - start.len()) / piece.len()).min(words);
        text.push_str(&piece.repeat(pieces));
        text
    };
    let quoted = format!("{}'", full("echo '", "x", usize::MAX - 1).split_at(COMMAND_MAX_BYTES - 1).0);
    vec![
        ("ls -la", Mode::Safe, "ls -la".to_owned()),
        ("grep | sort | head", Mode::Safe, "grep -rn 'fn main' src | sort -u | head -20".to_owned()),
        ("git log", Mode::Restricted, "git log --oneline -5 -- src/main.rs".to_owned()),
        ("64 KiB, one plain word", Mode::Safe, full("echo ", "x", usize::MAX)),
        ("64 KiB, one quoted word", Mode::Safe, quoted),
        ("64 KiB, quoted, not ASCII", Mode::Safe, format!("{}'", full("echo '", "é", 32_760))),
        ("64 KiB, 500 words of text", Mode::Safe, full("echo", &format!(" {}", "x".repeat(127)), 500)),
        ("64 KiB, 500 paths", Mode::Safe, full("ls", &format!(" {}", "abcde/".repeat(20)), 500)),
        ("31 KiB, 500 paths of short names", Mode::Safe, full("ls", &format!(" {}", "a/".repeat(31)), 500)),
        ("64 KiB, words past the cap", Mode::Safe, full("ls", " a", usize::MAX)),
        ("64 KiB, commands past the cap", Mode::Safe, full("ls", ";ls", usize::MAX)),
        ("64 KiB, refused at its end", Mode::Safe, format!("{}$", full("echo ", "x", 65_000))),
        ("64 KiB, quotes", Mode::Safe, full("echo ", "''\"\"", usize::MAX)),
    ]
}

/// The median time of `work`, in microseconds.
fn median(work: impl Fn()) -> f64 {
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times.get(RUNS / 2).copied().unwrap_or_default()
}
