//! A token on a line of its own goes, whatever stands around it.

#![no_main]

#[path = "../bodies.rs"]
mod bodies;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mab_redact::Redactor;

static REDACTOR: LazyLock<Redactor> = LazyLock::new(Redactor::new);

fuzz_target!(|text: &str| {
    if let Err(complaint) = bodies::check("planted", &REDACTOR, text) {
        panic!("{complaint}");
    }
});
