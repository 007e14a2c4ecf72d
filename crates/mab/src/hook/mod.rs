//! What a client's hooks say: that there is mail, and that a file is reserved.
//!
//! A hook is run by the client at its own events, gets the event as JSON on stdin, and may add to what the model reads. It
//! says how much is unread, in which conversation and from which handle; never a word that an agent chose freely. It never
//! breaks the client's turn: whatever is wrong is one sentence on stderr, and the exit code is 0. It starts no log, creates
//! no data folder and no database, and opens neither when its agent has no credentials.
//!
//! To add an event, add a row to the table in `event.rs`.

mod desk;
mod edits;
mod event;
mod input;
mod leases;
mod names;
mod notice;
mod run;
mod told;
mod wait;
mod who;

pub(crate) use event::EVENTS;
pub(crate) use notice::Inbox;
pub(crate) use run::run;
pub(crate) use told::Told;
pub(crate) use wait::wait;

/// What wakes an agent. Fixed: no text of anybody is in it.
pub(crate) const NOTICE: &str = "mab: new messages have come for you: call check_messages";

/// How long `mab hook wait` waits unless it is told otherwise, in seconds: just below the hour that Claude Code is told to
/// bear it.
pub(crate) const WAIT_S: u32 = 3_590;
