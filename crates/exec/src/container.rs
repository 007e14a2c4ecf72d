//! T3: a container of an engine that the operator named, made for one run and removed after it.
//!
//! `words.rs` says what the engine is told, `client.rs` talks to it through its own command line, `tier.rs` starts and ends
//! a run, `sweep.rs` removes what killed servers left. How a run ended is asked of the engine, never read from what a
//! command printed. Nothing is pulled: an image that is missing is said to be missing.
//!
//! Who may talk to an engine is as good as root, so its command line is a program of the system, gets no environment and
//! no configuration of anybody, and words that the engine could take for more than one are refused.
//!
//! *Removal*: every run has a watchman, a shell that waits for the end of a pipe and then removes the container by name.
//! The pipe ends when the run is over or dropped, and also when this program is killed.

mod client;
mod sweep;
mod tier;
mod words;

pub use tier::{Container, ContainerSettings};
