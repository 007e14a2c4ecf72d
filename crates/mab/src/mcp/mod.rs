//! The MCP server over stdin and stdout: the operation table as tools, ready-made prompts, inboxes as resources.
//!
//! Protocol revisions 2024-11-05 to 2026-07-28; the protocol itself is `rmcp`'s, the transport is ours. stdout carries
//! protocol only. It may not decide anything about conversations: every call goes through
//! [`mab_service::Bridge::call`]. To add a tool, add a row to the operation table;
//! to add a prompt, see [`PROMPTS`].

mod answer;
mod callers;
mod codex_queue;
mod door;
mod elicitation;
mod frames;
mod handler;
mod inbox;
mod instructions;
mod lifecycle;
mod outbox;
mod parse;
mod patience;
mod prompts;
mod scan;
mod server;
mod stdio;
mod subscriptions;
mod tools;
mod transport;

pub use instructions::instructions;
pub use prompts::{PROMPTS, Recipe, Side};
pub(crate) use server::{serve, serve_refusal};
pub use tools::tools;
