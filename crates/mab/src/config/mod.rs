//! What the operator set: flags over `MAB_*` variables over a TOML file over defaults.
//!
//! Every setting is one row of the table in `keys.rs`, from which the file, the environment, the documentation and
//! `mab doctor` are read. It may not touch the data folder. To add a setting, add its field and its row.

mod audit;
mod clients;
mod execution;
mod file;
mod keys;
mod load;
mod places;
mod redaction;
#[cfg(test)]
mod tests;

pub use clients::{Clients, OnLease};
pub use execution::{Execution, Isolation};
pub use keys::{Key, keys};
pub use load::{AuditPlaces, Config, EffectiveSetting, Flags};
pub use redaction::{RedactionReport, Warning};
