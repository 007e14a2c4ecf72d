//! Keeps conversations: the [`Store`] trait, the SQLite engine, and the contract every engine must pass.
//!
//! It may not decide policy and knows no protocol: callers bring proofs (`Stamp`, `Sealed`), it re-checks them and
//! carries them out. To add an engine, implement [`Store`] and run the contract suite against it.

mod query;
mod run_store;
pub mod sqlite;
mod store;

pub use query::{AuditPage, AuditQuery, Cursor, Progress};
pub use run_store::RunStore;
pub use store::{Doorbell, LeaseOutcome, LimitsChange, NewCheckpoint, Store, TokenChange, WriteCheckpoint};
