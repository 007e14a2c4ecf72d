//! Tests of `mab-store`: the contract every engine must pass, what is SQLite's own, and what only several processes show.
//!
//! To test another engine, implement [`kit::Engine`] for it and name it in a `contract!` call beside SQLite's.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking; clippy.toml reaches only `#[test]` functions"
)]

mod commands;
mod contract;
mod kit;
mod processes;
mod sqlite;
