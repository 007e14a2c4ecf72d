//! Real clients, with a model that plays a script: Claude Code and Codex talk to each other through `mab mcp`, and the
//! tests read what their models were shown.
//!
//! A scenario: a [`place::Place`] with a data folder, one [`model::Model`] per client with its turns, a client that
//! [`client::ask`] starts on a prompt, then assertions on [`shown::Shown`]. CONTRIBUTING.md says how to run them.

#[cfg(test)]
mod claude;
#[cfg(test)]
mod client;
#[cfg(test)]
mod codex;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod exchange;
#[cfg(test)]
mod hooks;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod leases;
#[cfg(test)]
mod listed;
#[cfg(test)]
mod model;
#[cfg(test)]
mod others;
#[cfg(test)]
mod partner;
#[cfg(test)]
#[path = "../commands/person.rs"]
mod person;
#[cfg(test)]
mod place;
#[cfg(test)]
mod recipes;
#[cfg(test)]
mod running;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod setup;
#[cfg(test)]
mod shown;
