//! The parts of the `mab` program: command line, MCP server, configuration, demonstration and generated pages.
//!
//! Nothing here decides anything about conversations: every command and every tool goes through
//! [`mab_service::Bridge::call`].

mod audit_key;
mod bundle;
pub mod cli;
pub mod config;
mod demo;
pub mod docs;
pub mod environment;
mod evidence_file;
mod execution;
pub mod folder;
mod hardening;
mod harmless;
mod hook;
pub mod keystore;
pub mod mcp;
mod permissions;
pub mod runtime;
mod setup;
mod spent;
pub mod system;
mod vault;
mod watch;
mod workbench;
