//! Judges one command, saves the workspace, and runs the command in a sandbox with bounded time and output.
//!
//! Three layers, each of which fails closed and says which it was: the *judge* reads the command and is convenience, the
//! *sandbox* is the boundary, a *person* is consent. What was judged is what is executed: in the modes `safe` and
//! `restricted` no shell ever sees the text. Nothing here is inferred from what a command printed.
//!
//! It may not keep state of the bridge, speak a protocol, read the environment, a clock or randomness: they are passed in.
//! It is the only crate that may start a process, apart from set-up code in `mab`: `clippy.toml` forbids it everywhere
//! else.

mod ask;
mod binaries;
mod bubblewrap;
mod cgroup;
mod conduct;
mod confine;
mod container;
mod digest;
mod follow;
mod ground;
mod hidden;
mod inside;
mod jcs;
pub mod judge;
mod keeper;
mod landlock_tier;
mod obeys;
mod observer;
mod outcome;
mod output;
mod parts;
mod plan;
mod policy;
mod prepared;
pub mod preview;
mod probe;
mod profile;
mod protected;
mod repository_config;
mod request;
mod run;
mod sandbox;
mod secret_names;
pub mod snapshot;
mod spawn;
mod stubs;
mod surface;
mod tier;
mod verdict;
mod wanted;
mod workspace;

pub use ask::{Ask, VALID_S};
pub use binaries::{SYSTEM_FOLDERS, changed_program};
pub use container::{Container, ContainerSettings};
pub use digest::Digest;
pub use hidden::run_hidden;
pub use judge::Judge;
pub use judge::shell::{Rule as ShellRule, rules as shell_rules};
pub use mab_core::execution::Mode;
pub use obeys::{Obeyed, ObeyedKind, Obeys};
pub use observer::{Observer, Progress};
pub use outcome::{Captured, Finished, Killed, Outcome};
pub use parts::{Isolates, Judges, Saves};
pub use plan::{Argv, Link, Plan, Step};
pub use policy::{Fence, Policy};
pub use prepared::{Approved, Prepared};
pub use probe::{ProbeSettings, TierReport, Tiers};
pub use profile::{GitAccess, Limits, Network, Profile};
pub use request::{Binary, Request, RequestHash};
pub use run::{Executor, ExecutorSettings};
pub use sandbox::{Ending, Running, Sandbox, Stage, Unavailable, View};
pub use surface::{Change, Done, Planted, Surface, What};
pub use tier::{Engine, Tier};
pub use verdict::{Decision, Layer, Verdict};
pub use wanted::{COMMAND_MAX_BYTES, Wanted};
pub use workspace::{Resolved, Workspace};
