//! Runs one approved command in a sandbox. Not built yet: with or without the feature `exec`, this crate is empty.
//!
//! # What will be here
//! Judge a command, snapshot the workspace, run the command in a sandbox with bounded time and output, and report what
//! it did. Nothing will run without a sandbox and an `Approved`: a human's decision about exactly this command, which no
//! agent can give, widen or use twice.
//!
//! # Why it is a crate already
//! It is to be the only one that starts a process, apart from set-up code in `mab`: `clippy.toml` forbids it everywhere
//! else. Its place in the import order (core, redact ← exec ← service) is held by `crates/core/tests/tidy.rs`.
