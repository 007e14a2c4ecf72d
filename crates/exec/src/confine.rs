//! What one process does to itself before it becomes a command: it gives up every right that the command does not need.
//!
//! It is the whole of T1, and the inner wall of T2. One value is made before the fork, where memory may be asked for, and
//! applied after it, where it may not. Nothing here knows of commands. To forbid one more system call, add it to a list
//! in `calls.rs`.

mod calls;
mod capabilities;
mod confinement;
mod files;
mod resources;

pub(crate) use calls::Children;
pub(crate) use confinement::{Confinement, Rules, leave_session};
pub(crate) use files::{Files, Strength, best_abi};
