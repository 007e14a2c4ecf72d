//! Setting up clients: which files they read, what is written there, and how it is taken out again.
//!
//! A file is planned as text first ([`plan`]), all files of a client before any is written; then they are replaced
//! ([`file::apply`]), or put back when one cannot be. Entries that are not ours, and every byte around ours, stay as they are.
//! Nothing here reads the environment or talks to the person; programs are started in [`program`] only.
//!
//! To add a client, add it to [`client::Client`] with its row, its files and its entry.

pub(crate) mod backup;
pub(crate) mod client;
pub(crate) mod entry;
pub(crate) mod file;
mod jsonc;
pub(crate) mod plan;
pub(crate) mod program;
pub(crate) mod switches;
mod toml_text;
mod words;

#[cfg(test)]
mod tests;
