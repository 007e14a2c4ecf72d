//! What is SQLite's own: the file, its neighbours, its locks, and what remains in it.

mod archive;
mod atomicity;
mod contention;
mod engine;
mod kept;
mod lowered;
mod opening;

mod tampered;
mod traces;

pub(crate) use engine::{SqliteEngine, connect, options};

crate::contract::contract!(SqliteEngine::fresh());
