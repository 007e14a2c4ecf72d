//! How agents' commands stand in one conversation, as `show` and `watch` answer it.

use mab_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cli::Visible;

/// What is enabled, and what waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Allowed {
    /// What a person enabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) enabled: Option<Enabled>,
    /// Commands that wait for a yes.
    pub(crate) requests: u64,
    /// Agents that wish commands to be enabled.
    pub(crate) wishes: u64,
}

/// What a person enabled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Enabled {
    pub(crate) mode: String,
    pub(crate) workspace: String,
    pub(crate) expires_at: String,
}

impl Allowed {
    /// What waits, and what to type: short enough for a column of 30.
    pub(crate) fn waits(&self) -> Vec<String> {
        let requests = match self.requests {
            0 => None,
            1 => Some("1 command waits: mab approve".to_owned()),
            many => Some(format!("{many} commands wait: mab approve")),
        };
        let wishes = match self.wishes {
            0 => None,
            1 => Some("1 wish: mab pending".to_owned()),
            many => Some(format!("{many} wishes: mab pending")),
        };
        requests.into_iter().chain(wishes).collect()
    }
}

impl Allowed {
    /// The same in a few words: `restricted`, `1 waits`, `2 wishes`.
    pub(crate) fn marks(&self) -> Vec<String> {
        let enabled = self.enabled.as_ref().map(|enabled| enabled.mode.clone());
        let counted = |count: u64, one: &str, many: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {many}")),
        };
        let parts =
            [enabled, counted(self.requests, "waits", "wait"), counted(self.wishes, "wish", "wishes")];
        parts.into_iter().flatten().collect()
    }
}

impl Enabled {
    /// The mode, and until when in hours and minutes (UTC); it lasts a day at most.
    pub(crate) fn line(&self) -> String {
        let until = Timestamp::parse(&self.expires_at).map(|at| at.to_string());
        let until = until.as_deref().and_then(|at| at.get(11..16)).unwrap_or("-");
        format!("{} until {until}", Visible::line(&self.mode))
    }
}
