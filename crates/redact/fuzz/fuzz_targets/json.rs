//! JSON stays JSON, also in strings of JSON.

#![no_main]

#[path = "../bodies.rs"]
mod bodies;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mab_redact::Redactor;

static REDACTOR: LazyLock<Redactor> = LazyLock::new(Redactor::new);

fuzz_target!(|text: &str| {
    if let Err(complaint) = bodies::check("json", &REDACTOR, text) {
        panic!("{complaint}");
    }
});
