//! `mab demo`: two real MCP clients talk through the bridge, printed live.
//!
//! Two `mab mcp` processes are started on one temporary data folder, an rmcp client speaks to each, and a short
//! API-first workflow is played. Every step checks what came back; the first thing that is not as it should be ends the
//! demonstration with [`Exit::DEMO_FAILED`](crate::cli::Exit::DEMO_FAILED). To add a step, add it in `play.rs`.

mod agent;
mod commands;
mod files;
mod operator_view;
mod play;
mod run;
mod share;
mod stage;
mod unexpected;
mod wake;

pub(crate) use run::run;
pub(crate) use wake::{Woken, wake};
