//! Measures recall, precision and speed of the redactor on a labelled corpus.
//!
//! Reads JSON lines `{text, secrets[], label, rule, source}` from stdin. *Full* means that no secret of the line is left in
//! the output, *partial* that something was redacted, but not all of it. Macro recall is the mean over rules.
//!
//! `xz -dc redaction-dev.jsonl.xz | cargo run --release -p mab-redact --example measure [natural text files…]`

#![expect(clippy::print_stdout, reason = "a measuring tool reports on stdout")]
#![expect(clippy::disallowed_methods, reason = "a measuring tool reads the clock")]

use std::collections::BTreeMap;
use std::io::BufRead;
use std::time::Instant;

use mab_redact::Redactor;
use serde_json::Value;

/// Hits and totals of one rule of the corpus.
#[derive(Default)]
struct Tally {
    total: u32,
    full: u32,
    partial: u32,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let redactor = Redactor::new();
    let mut by_rule: BTreeMap<String, Tally> = BTreeMap::new();
    let (mut clean, mut flagged) = (0_u32, 0_u32);
    let show_misses = std::env::args().any(|argument| argument == "--misses");
    for line in std::io::stdin().lock().lines() {
        let item: Value = serde_json::from_str(&line?)?;
        let field = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default();
        let text = field("text");
        let redaction = redactor.redact(text).unwrap();
        if field("label") == "clean" {
            clean += 1;
            flagged += u32::from(!redaction.findings.is_empty());
            if show_misses && !redaction.findings.is_empty() {
                println!("FALSE\t{}\t{:?}\t{:?}", field("rule"), text, redaction.text.as_str());
            }
            continue;
        }
        let secrets: Vec<&str> = item
            .get("secrets")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let tally = by_rule.entry(format!("{}/{}", field("source"), field("rule"))).or_default();
        tally.total += 1;
        let left = redaction.text.as_str();
        let whole = if secrets.is_empty() {
            !redaction.findings.is_empty()
        } else {
            secrets.iter().all(|secret| !left.contains(secret) && !has_piece(left, secret))
        };
        tally.full += u32::from(whole);
        tally.partial += u32::from(!whole && !redaction.findings.is_empty());
        if show_misses && !whole {
            println!("MISS\t{}\t{:?}\t{:?}", field("rule"), text, left);
        }
    }
    report(&by_rule, clean, flagged);
    speed(&redactor)
}

/// Says whether the tail of a long secret is left; its head may be a vendor's name that also stands in the key.
fn has_piece(left: &str, secret: &str) -> bool {
    let tail: String = secret.chars().skip(secret.chars().count().saturating_sub(PIECE)).collect();
    secret.len() > 2 * PIECE && secret.len() < 4000 && left.contains(&tail)
}

/// Letters of a piece.
const PIECE: usize = 8;

fn report(by_rule: &BTreeMap<String, Tally>, clean: u32, flagged: u32) {
    for source in ["gitleaks", "betterleaks", "detect-secrets", "secretlint", ""] {
        let own: Vec<&Tally> =
            by_rule.iter().filter(|(rule, _)| rule.starts_with(source)).map(|(_, tally)| tally).collect();
        let sum = |pick: fn(&Tally) -> u32| own.iter().map(|tally| pick(tally)).sum::<u32>();
        let total = f64::from(sum(|tally| tally.total).max(1));
        let rules = f64::from(u32::try_from(own.len().max(1)).unwrap_or(u32::MAX));
        let macro_recall =
            own.iter().map(|tally| f64::from(tally.full) / f64::from(tally.total)).sum::<f64>() / rules;
        println!(
            "{:<15} items {:>6}  full micro {:>5.1} %  macro {:>5.1} % ({} rules)  partial {:>4.1} %",
            if source.is_empty() { "ALL" } else { source },
            total,
            100.0 * f64::from(sum(|tally| tally.full)) / total,
            100.0 * macro_recall,
            own.len(),
            100.0 * f64::from(sum(|tally| tally.partial)) / total,
        );
    }
    println!(
        "clean           items {clean:>6}  flagged {:>5.1} %",
        100.0 * f64::from(flagged) / f64::from(clean.max(1))
    );
}

/// Times natural text from the files of the command line, next to a byte search as floor.
fn speed(redactor: &Redactor) -> Result<(), Box<dyn std::error::Error>> {
    let mut natural = String::new();
    for path in std::env::args().skip(1).filter(|argument| !argument.starts_with("--")) {
        natural.push_str(&std::fs::read_to_string(path)?);
    }
    if natural.is_empty() {
        return Ok(());
    }
    let findings = redactor.redact(&natural).unwrap().findings;
    println!("natural text: {} bytes, {} findings", natural.len(), findings.len());
    for finding in findings.iter().take(60) {
        let line = natural.get(..finding.start).and_then(|head| head.rfind('\n')).map_or(0, |at| at + 1);
        let context = natural.get(line..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        println!(
            "  {}\t{:?}\t{context:.110}",
            finding.rule,
            natural.get(finding.start..finding.end).unwrap_or_default()
        );
    }
    let first = pieces(&natural, 1024).first().copied().unwrap_or_default();
    let cold = quantiles(&[first; 50], |piece| Redactor::new().redact(piece).unwrap().findings.len());
    println!("new engine and first 1 KB: p50 {:.0} us", cold.0);
    for size in [1024, 50 * 1024] {
        let pieces: Vec<&str> = pieces(&natural, size);
        let engine = quantiles(&pieces, |piece| redactor.redact(piece).unwrap().findings.len());
        let floor = quantiles(&pieces, |piece| piece.bytes().filter(|&byte| byte == b'\x01').count());
        println!(
            "{size:>6} B x {:>5}: redact p50 {:.1} us p99 {:.1} us; byte count p50 {:.2} us; ratio {:.1}",
            pieces.len(),
            engine.0,
            engine.1,
            floor.0,
            engine.0 / floor.0
        );
    }
    adversarial(redactor);
    Ok(())
}

/// Times inputs that would be slow for a careless engine, at 50 KB and at four times that.
fn adversarial(redactor: &Redactor) {
    let seeds = [
        concat!("-----BEGIN RSA PRIV", "ATE KEY-----"),
        "eyJ",
        "eyJ.",
        "-eyJaaaaaaaaaa",
        "\\",
        "password",
        "password=",
        "password: ",
        "password=\"",
        "token='",
        "token=\\\"",
        "api_key=",
        "://",
        "://a:b",
        "curl ",
        "curl -u",
        "authorization:",
        "bearer ",
        "authorization: bearer ${",
        "password=${",
        "{\"password\":\"",
        "secret(",
        "<password>",
        "|password|",
        "--password ",
        "password,",
        "a=b&",
        "key;key=",
        "-sk-aaaaaaaaaaaaaaaaaaaaaaaa",
        "PRIVATE KEY",
        "=\\\\\\\"token",
    ];
    for seed in seeds {
        let time = |size: usize| {
            let text = seed.repeat(size / seed.len());
            (0..5)
                .map(|_| {
                    let start = Instant::now();
                    std::hint::black_box(redactor.redact(&text).unwrap());
                    start.elapsed().as_secs_f64() * 1e3
                })
                .fold(f64::INFINITY, f64::min)
        };
        let (small, large) = (time(50_000), time(200_000));
        println!("  50 KB {small:>7.2} ms  x4 {:>5.1}  {seed:?}", large / small);
    }
}

/// Cuts text into pieces of about `size` bytes.
fn pieces(text: &str, size: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while rest.len() > size {
        let at = (0..=size).rev().find(|&at| rest.is_char_boundary(at)).unwrap_or(0);
        let (piece, tail) = rest.split_at(at);
        pieces.push(piece);
        rest = tail;
    }
    pieces
}

/// Median and 99th percentile of the time per piece, in microseconds.
fn quantiles(pieces: &[&str], work: impl Fn(&str) -> usize) -> (f64, f64) {
    let mut times: Vec<f64> = pieces
        .iter()
        .map(|piece| {
            let start = Instant::now();
            std::hint::black_box(work(std::hint::black_box(piece)));
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    (at(50), at(99))
}
