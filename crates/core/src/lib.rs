//! The pure heart of the bridge: identifiers, tokens, policy, limits, sealing and the audit chain.
//!
//! It may not do I/O, read a clock, draw randomness, start a process or be asynchronous: everything it
//! needs is passed in. To add a rule, add it to the one module that owns the idea and test it there.

pub mod agent;
pub mod anchor;
pub mod approver;
pub mod audit;
pub mod delivery;
pub mod denied;
pub mod entity;
pub mod evidence;
pub mod execution;
pub mod glance;
pub mod id;
pub mod inbound;
pub mod known;
pub mod lease;
pub mod limit;
pub mod loop_guard;
pub mod merkle;
pub mod moderation;
pub mod note;
pub mod policy;
pub mod repeat;
pub mod seal;
pub mod secret;
pub mod source;
pub mod text;
pub mod time;
pub mod token;
pub mod visible;
pub mod watchdog;

pub use denied::{Code, Denied, Failure, Fault};
pub use id::{BatchId, ConversationId, MessageId, RunId, SessionId};
pub use source::{Clock, Random, Uptime};
pub use time::Timestamp;
