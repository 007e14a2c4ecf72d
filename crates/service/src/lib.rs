//! The one door: [`Bridge::call`] takes every operation of every caller through the same pipeline.
//!
//! It knows no protocol: MCP, CLI and web are renderings of [`table`]. To add an operation, add a file in `ops/`
//! and a row in `table.rs`.

mod admit;
mod anchor_reading;
mod anchoring;
mod arguments;
mod asking;
mod bridge;
mod caller;
mod door;
mod floods;
mod leasing;
mod limits;
mod notices;
mod ops;
mod reading;
mod remembering;
mod running;
mod screening;
mod sealing;
mod settings;
mod spending;
pub mod table;
mod telling;
mod waiting;
mod watch;
mod workbench;

pub use anchor_reading::ReadAnchor;
pub use anchoring::{Kept, OpenVault, Vault, mismatch};
pub use asking::Question;
pub use bridge::{Bridge, Parts};
pub use caller::{Caller, Connection, Credentials, MemoryWallet, Wallet};
pub use settings::{Limits, Settings};
pub use waiting::{Impatient, WAIT_MAX_S, Waiter, Waiting};
pub use workbench::{Bench, Ledger, Workbench};
