//! Commands that agents ask for: on real sandboxes of this machine, in a temporary workspace.
#![cfg(test)]

#[path = "../kit/mod.rs"]
mod kit;

mod answers;
mod asking;
mod became;
mod bench;
mod ends;
mod stale;
mod standing;
mod starts;
mod wishes;
