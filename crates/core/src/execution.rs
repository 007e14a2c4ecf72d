//! Running commands for agents: what a person enables, who agreed to what, and how one command goes on.
//!
//! Pure rules; nothing here starts a process. A command goes
//!
//! ```text
//! judged ──allow──────────────────────────────► running ──► finished | lost
//!    └────ask───► pending ──approve──► approved ──┘
//!                    │ deny, withdraw, time    └─ time
//!                    └─► denied | withdrawn | expired
//! ```
//! *Terms* are what a person enabled in one conversation, an *approval* is its yes to one exact request; both are signed
//! with the approver's key, which only the passphrase opens. [`Agreed`] proves that a command may start.

mod agreed;
mod approval;
mod denied;
mod mode;
mod state;
mod terms;
mod token;

pub use agreed::{Agreed, Asked, Consent};
pub(crate) use approval::DOMAIN as APPROVAL_DOMAIN;
pub use approval::{Approval, VALID_S};
pub use denied::denied_digest;
pub use mode::Mode;
pub use state::{Assurance, RunState};
pub(crate) use terms::DOMAIN as TERMS_DOMAIN;
pub use terms::Terms;
pub use token::RequestTokens;

/// Most requests of one agent that wait for an answer, or were agreed to and did not run yet.
pub const OPEN_MAX: usize = 3;
/// Most such requests of all agents of a conversation.
pub const OPEN_IN_CONVERSATION_MAX: usize = 8;
/// Denials after which an agent's commands are refused until a person lifts that.
pub const DENIALS_MAX: u64 = 3;
/// How long a request waits for an answer, in seconds.
pub const PENDING_S: u64 = 1_800;
/// Longest time of one command, in seconds.
pub const TIMEOUT_MAX_S: u32 = 1_800;
