//! The settings of what is done on the side of an agent's client.

use std::path::PathBuf;

use toml::Value;

use super::load::Config;

/// What is done for clients.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Clients {
    /// What a hook does about an edit to a file that another agent has reserved.
    pub on_lease: OnLease,
    /// Whether an idle Codex session is woken with `codex queue`.
    pub codex_queue: bool,
    /// Codex's program, if it is to be run: the first on the `PATH`, of which relative folders do not count.
    pub codex: Option<PathBuf>,
}

/// What a hook does about an edit to a file that another agent has reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnLease {
    /// Tells the agent.
    #[default]
    Warn,
    /// Keeps the agent from it.
    Block,
    /// Nothing.
    Off,
}

/// One of these settings.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    Leases,
    CodexQueue,
}

impl OnLease {
    const ALL: [(Self, &'static str); 3] = [(Self::Warn, "warn"), (Self::Block, "block"), (Self::Off, "off")];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(it, _)| *it == self).map_or("", |(_, name)| name)
    }
}

/// What it may be.
pub(super) fn range(part: Part) -> String {
    match part {
        Part::Leases => OnLease::ALL.map(|(_, name)| name).join(", "),
        Part::CodexQueue => "true, false".to_owned(),
    }
}

pub(super) fn show(part: Part, config: &Config) -> String {
    match part {
        Part::Leases => config.clients.on_lease.name().to_owned(),
        Part::CodexQueue => config.clients.codex_queue.to_string(),
    }
}

/// Sets it; `None` when it cannot be that. `switch` is how a yes or no is read here.
pub(super) fn set(part: Part, clients: &mut Clients, value: &Value, switch: Option<bool>) -> Option<()> {
    match part {
        Part::Leases => {
            let (on_lease, _) = OnLease::ALL.into_iter().find(|(_, name)| value.as_str() == Some(*name))?;
            clients.on_lease = on_lease;
        }
        Part::CodexQueue => clients.codex_queue = switch?,
    }
    Some(())
}
