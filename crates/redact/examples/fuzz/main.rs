//! A mutation fuzzer that needs nothing but a stable compiler, for the properties in `fuzz/bodies.rs`.
//!
//! `cargo run --release -p mab-redact --example fuzz -- <seconds> [--seed=N] [file…]`; files are texts, or JSON Lines with
//! a `text`. The same seed and files give the same texts in the same order. Each property is reported with the smallest
//! texts that break it.

#![expect(clippy::print_stdout, reason = "a fuzzer reports on stdout")]
#![expect(clippy::disallowed_methods, reason = "a fuzzer stops by the clock")]

#[path = "../../fuzz/bodies.rs"]
mod bodies;
mod mutate;

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::time::{Duration, Instant};

use mab_redact::Redactor;
use mutate::{Mutator, Random};
use serde_json::Value;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (flags, words): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let mut words = words.into_iter();
    let duration = Duration::from_secs(words.next().unwrap_or_default().parse()?);
    let seed = flags.iter().find_map(|flag| flag.strip_prefix("--seed=")).unwrap_or("1").parse()?;
    let mut texts = Vec::new();
    for path in words {
        texts.extend(std::fs::read_to_string(path)?.lines().map(text_of));
    }
    let redactor = Redactor::new();
    let mut mutator = Mutator::new(Random::new(seed), texts, &redactor);
    set_hook(Box::new(|_| {}));
    let start = Instant::now();
    let (mut rounds, mut broken) = (0_u64, 0_u32);
    let mut known: Vec<(&str, String)> = Vec::new();
    while start.elapsed() < duration && broken < MOST_BROKEN {
        let text = mutator.next_text();
        rounds += 1;
        for (name, _) in bodies::BODIES {
            // Times are taken now and then only: they cost as much as a thousand texts.
            if name == "growth" && !rounds.is_multiple_of(GROWTH_EVERY) {
                continue;
            }
            if let Some(why) = complaint(name, &redactor, &text) {
                let (small, why) = smallest(name, &redactor, (text.clone(), why));
                if !known.contains(&(name, small.clone())) {
                    broken += 1;
                    println!("{name}: {small:?}\n    {why}");
                    known.push((name, small));
                }
            }
        }
    }
    println!(
        "{rounds} texts in {:.0} s, seed {seed}: {broken} broke a property",
        start.elapsed().as_secs_f64()
    );
    if broken == 0 { Ok(()) } else { Err("a property does not hold".into()) }
}

/// Texts that break something, after which the run ends.
const MOST_BROKEN: u32 = 20;
const GROWTH_EVERY: u64 = 200;

/// The `text` of a JSON object, or the line.
fn text_of(line: &str) -> String {
    let value: Option<Value> = serde_json::from_str(line).ok();
    value.as_ref().and_then(|value| value.get("text")?.as_str()).unwrap_or(line).to_owned()
}

/// What does not hold for a text; a panic does not either.
fn complaint(name: &str, redactor: &Redactor, text: &str) -> Option<String> {
    match catch_unwind(AssertUnwindSafe(|| bodies::check(name, redactor, text))) {
        Ok(outcome) => outcome.err(),
        Err(payload) => {
            let why = payload.downcast_ref::<String>().cloned();
            let why = why.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string));
            Some(format!("panic: {}", why.unwrap_or_default()))
        }
    }
}

/// Takes pieces out of a text, large ones first, as long as the property stays broken; says what breaks it then.
fn smallest(name: &str, redactor: &Redactor, (text, mut why): (String, String)) -> (String, String) {
    let mut letters: Vec<char> = text.chars().collect();
    let mut size = letters.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < letters.len() {
            let (head, tail) = (letters.iter().take(at), letters.iter().skip(at + size));
            let without: Vec<char> = head.chain(tail).copied().collect();
            if let Some(still) = complaint(name, redactor, &without.iter().collect::<String>()) {
                (letters, why) = (without, still);
            } else {
                at += size;
            }
        }
        size /= 2;
    }
    (letters.into_iter().collect(), why)
}
