//! The SQLite engine: one file, several processes, one writer thread and one reader thread per process.

mod options;

pub use options::{Durability, Options};
