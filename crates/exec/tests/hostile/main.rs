//! The containment suite: every hostile program and every command of the catalogue that only a sandbox stops, run for real
//! in T2, and in T3 where an engine of the tests runs, through the executor and under small limits.
//!
//! What must be so afterwards is in `README.md`. That nothing outside changed, nothing was left in the workspace that a
//! protected path stands for, and no process lives on is looked at after each.

#[cfg(test)]
mod programs;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod scene;
