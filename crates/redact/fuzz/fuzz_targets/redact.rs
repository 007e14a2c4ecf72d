//! Findings are sound, the rest of the text stays, and a second pass finds nothing.

#![no_main]

#[path = "../bodies.rs"]
mod bodies;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mab_redact::Redactor;

static REDACTOR: LazyLock<Redactor> = LazyLock::new(Redactor::new);

fuzz_target!(|text: &str| {
    if let Err(complaint) = bodies::check("redact", &REDACTOR, text) {
        panic!("{complaint}");
    }
});
