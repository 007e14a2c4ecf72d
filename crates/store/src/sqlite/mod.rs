//! The SQLite engine: one file, several processes, one writer thread and one reader thread per process.
//!
//! The writer groups the work of concurrent callers into one commit ([`writer`]); processes take turns through a
//! fair hand-off ([`turn`]). To add a use case, add a function on [`tx::Tx`] beside its like and a method below.

mod append;
mod archive;
mod audit;
mod bells;
mod checkpoint;
mod connection;
mod create;
mod error;
mod examine;
mod export;
mod frame;
mod glance;
mod guard;
mod held;
mod known;
mod leases;
mod ledger;
mod limits;
mod members;
mod moderation;
mod offer;
mod options;
mod purge;
mod reader;
mod reads;
mod receipts;
mod repeat;
mod rows;
mod runs;
mod schema;
mod store;
mod turn;
mod tx;
mod wait;
mod windows;
mod writer;

pub use options::{Durability, Options};
pub use store::SqliteStore;
