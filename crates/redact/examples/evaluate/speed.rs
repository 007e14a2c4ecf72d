//! Time per message next to a floor measured in the same run, time until ready, memory.

#![expect(clippy::disallowed_methods, reason = "a measuring tool starts itself to see a cold start")]

use std::error::Error;
use std::process::Command;

use crate::natural::{Document, Kind, pieces};
use crate::subject::Subject;
use crate::table::{Table, float};
use crate::timing::{least_us, quantiles};

/// Command with which this program starts itself.
pub(crate) const COLD: &str = "cold";

/// Most pieces of one size, taken evenly from all of the text.
const PIECES: usize = 1000;
const ROUNDS: u32 = 5;
const STARTS: usize = 21;

/// Prints times on natural text outside test folders, and on the same with a secret in each piece.
pub(crate) fn report(subject: &Subject, texts: &[Document]) -> Result<(), Box<dyn Error>> {
    let natural: String =
        texts.iter().filter(|text| text.kind != Kind::Tests).map(|text| text.content.as_str()).collect();
    let mut table = Table::new(&[
        "piece",
        "pieces",
        "p50",
        "p99",
        "MB/s (p50)",
        "byte count p50",
        "copy p50",
        "ratio to byte count",
    ]);
    for (size, name) in [(1024, "1 KB"), (10 * 1024, "10 KB"), (50 * 1024, "50 KB")] {
        let all: Vec<&str> = pieces(&natural, size).filter(|piece| piece.len() + 4 > size).collect();
        let step = all.len().div_ceil(PIECES).max(1);
        let plain: Vec<String> = all.iter().step_by(step).map(ToString::to_string).collect();
        let mixed: Vec<String> = plain.iter().map(|piece| with_secret(piece)).collect();
        line(subject, &mut table, (name, size), &plain);
        line(subject, &mut table, (&format!("{name} with a secret"), size), &mixed);
    }
    table.print(&format!("Speed (least of {ROUNDS} rounds per piece; p50 and p99 over pieces)"));
    report_starts()
}

fn line(subject: &Subject, table: &mut Table, (name, size): (&str, usize), pieces: &[String]) {
    let over = |work: &dyn Fn(&str) -> usize| {
        quantiles(pieces.iter().map(|piece| least_us(ROUNDS, || work(std::hint::black_box(piece)))).collect())
    };
    let engine = over(&|piece| subject.findings(piece).len());
    let count = over(&|piece| piece.bytes().filter(|&byte| byte == 1).count());
    let copy = over(&|piece| std::hint::black_box(piece.to_owned()).len());
    table.row(&[
        name.to_owned(),
        pieces.len().to_string(),
        format!("{:.1} µs", engine.0),
        format!("{:.1} µs", engine.1),
        format!("{:.0}", float(size) / engine.0),
        format!("{:.3} µs", count.0),
        format!("{:.3} µs", copy.0),
        format!("{:.0}", engine.0 / count.0),
    ]);
}

/// The piece with a token in its middle line, as long as before.
fn with_secret(piece: &str) -> String {
    let secret = format!("\nexport GITHUB_TOKEN=ghp_{}\n", "a1B2c3D4e5F6".repeat(3));
    let head = piece.get(..piece.floor_char_boundary(piece.len() / 2)).unwrap_or_default();
    let tail = piece.get(piece.ceil_char_boundary(piece.len() / 2 + secret.len())..).unwrap_or_default();
    format!("{head}{secret}{tail}")
}

/// Starts this program several times, because only the first text of a process is cold.
fn report_starts() -> Result<(), Box<dyn Error>> {
    let program = std::env::current_exe()?;
    let (mut first, mut second, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let output = Command::new(&program).arg(COLD).output()?;
        let text = String::from_utf8(output.stdout)?;
        let mut numbers = text.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
        first.extend(numbers.next());
        second.extend(numbers.next());
        memory.extend(numbers.next());
    }
    println!(
        "\nCold start (p50 of {STARTS} processes): new engine and first 1 KB {:.2} ms, a second text {:.1} µs, \
         resident memory grown by {:.0} KB.",
        quantiles(first).0 / 1e3,
        quantiles(second).0,
        quantiles(memory).0
    );
    Ok(())
}

/// Prints the time of the first text and of a second one, and by how much the memory grew.
pub(crate) fn report_cold() {
    let text = with_secret(&include_str!("speed.rs").chars().take(1024).collect::<String>());
    let before = resident_kb();
    let mut subject = None;
    let first = least_us(1, || subject.insert(Subject::new()).findings(&text).len());
    let second = least_us(1, || subject.as_ref().map(|subject| subject.findings(&text).len()));
    println!("{first} {second} {}", resident_kb().saturating_sub(before));
}

/// Resident memory of this process, where the system tells it.
fn resident_kb() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
