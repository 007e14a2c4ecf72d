//! The command line: one file per command, each a rendering of one operation.
//!
//! A command parses its arguments, calls [`mab_service::Bridge::call`] as the operator (or a library), and renders the
//! answer: JSON with `--json`, tables on a terminal, tab-separated lines elsewhere. stdout is data, stderr is talk.
//! It may not decide anything about conversations, read the environment, or print text of an agent that did not go
//! through `Visible`.
//!
//! To add a command, add a file here with its arguments and its `run`, and a variant in `arguments.rs` and `run.rs`.

pub(crate) mod allowed;
mod approve;
mod arguments;
mod audit;
mod audit_checkpoint;
mod audit_evidence;
mod audit_export;
mod audit_follow;
mod audit_verify;
mod bar;
mod calls;
mod cleanup;
mod completions;
mod csv;
mod deny;
mod doctor;
mod doctor_agents;
mod doctor_clients;
mod doctor_execution;
mod doctor_files;
mod doctor_redaction;
mod doctor_store;
mod doctor_wake;
mod exact;
mod exit;
mod finished;
mod held;
mod hook;
pub(crate) mod inbound;
mod judge;
mod judge_lines;
mod keys;
mod lease;
mod lease_paths;
mod limits;
mod list;
mod man;
mod mode_choice;
mod needs_network;
mod operator;
pub(crate) mod output;
mod paged;
mod pause;
mod pending;
pub(crate) mod person;
mod place;
mod plan;
mod redact;
mod redact_ask;
mod redact_lines;
mod release;
mod remove;
mod request;
mod resume;
mod run;
mod run_command;
mod run_preview;
mod setup;
mod setup_list;
mod show;
mod snapshot;
mod standing;
mod still;
mod stopping;
mod table;
mod terminal;
mod tokens;
mod transfer;
mod trouble;
mod unlocking;
mod visible;
mod watch;
mod yolo;

pub use arguments::Arguments;
pub use exit::Exit;
pub use run::run;

pub(crate) use arguments::Global;
pub(crate) use lease::seat;
pub(crate) use lease_paths::{Project, lexical};
pub(crate) use output::Output;
pub(crate) use trouble::Trouble;
pub(crate) use visible::Visible;
