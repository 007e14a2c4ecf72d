//! T2: namespaces and a minimal root by bubblewrap, with everything of T1 inside.
//!
//! `words.rs` says what bubblewrap is told, `view.rs` what is shown as the workspace, `tier.rs` starts it and talks to the
//! program inside. Nothing here reads what bubblewrap or a command printed in order to decide anything.

mod copied;
mod pinned;
mod tier;
mod view;
mod words;

pub(crate) use tier::Bubblewrap;
pub(crate) use words::Mount;
