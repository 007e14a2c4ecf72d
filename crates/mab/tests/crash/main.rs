//! `kill -9`, a thousand times, between any two steps: what was acknowledged was received, and nothing twice unflagged.
//!
//! Every client is a process of its own ([`puppet`]) with a `mab mcp` of its own. The test tells it each step, and kills
//! the server, the client, or both in between. Steps inside the server are reached from outside: the test holds the
//! lock or the transaction that the server waits for, or looks for its commit in the database.
#![cfg(target_os = "linux")]

#[cfg(test)]
mod anytime;
#[cfg(test)]
mod client;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod moment;
#[cfg(test)]
mod puppet;
#[cfg(test)]
mod receiving;
#[cfg(test)]
mod sending;
#[cfg(test)]
mod store;
#[cfg(test)]
mod tally;
#[cfg(test)]
mod thousand;
#[cfg(test)]
mod waiting;
#[cfg(test)]
mod world;
