//! How commands stand, as the bridge tells it.

use mab_core::{Code, Denied};
use mab_exec::{Request, RequestHash};
use serde::Deserialize;
use serde_json::json;

use crate::cli::{Trouble, calls::Calls};

/// The answer of `execution`.
#[derive(Debug, Deserialize)]
pub(crate) struct Standings {
    pub(crate) conversations: Vec<Standing>,
    #[serde(default)]
    pub(crate) named: Vec<Named>,
}

/// A command that was asked about by its name, whether it has ended or not.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Named {
    pub(crate) run_id: String,
    pub(crate) conversation_id: String,
    pub(crate) session_id: String,
    pub(crate) state: String,
}

/// One conversation.
#[derive(Debug, Deserialize)]
pub(crate) struct Standing {
    pub(crate) conversation_id: String,
    pub(crate) terms: Option<InForce>,
    pub(crate) wishes: Vec<Wish>,
    pub(crate) runs: Vec<Command>,
    pub(crate) locked: Vec<String>,
}

/// What a person enabled.
#[derive(Debug, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "an answer, fact by fact")]
pub(crate) struct InForce {
    pub(crate) mode: Option<String>,
    pub(crate) workspace: Option<String>,
    pub(crate) network: bool,
    pub(crate) elicitation: bool,
    pub(crate) quorum: u8,
    pub(crate) settings: Option<String>,
    pub(crate) expires_at: String,
    pub(crate) active: bool,
    pub(crate) sound: bool,
}

/// What an agent wishes.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Wish {
    pub(crate) session_id: String,
    pub(crate) asked_at: String,
    pub(crate) mode: Option<String>,
    pub(crate) workspace: Option<String>,
    pub(crate) timeout: Option<u64>,
}

/// A command.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Command {
    pub(crate) run_id: String,
    pub(crate) session_id: String,
    pub(crate) state: String,
    pub(crate) created_at: String,
    pub(crate) expires_at: String,
    pub(crate) request_hash: String,
    pub(crate) request: Option<Request>,
}

impl Command {
    /// The hash of the request that is shown, when it is the one that the bridge tells.
    pub(crate) fn hash(&self) -> Option<RequestHash> {
        let hash = self.request.as_ref()?.hash().ok()?;
        (hash.to_string() == self.request_hash).then_some(hash)
    }

    /// Whether it waits for an answer.
    pub(crate) fn waits(&self) -> bool {
        self.state == "pending"
    }
}

impl Standings {
    /// How all stand, or those of one conversation.
    pub(crate) fn of(calls: &Calls, conversation: Option<&str>) -> Result<Self, Trouble> {
        calls.read("execution", json!({"conversation_id": conversation}))
    }

    /// A command, with its conversation.
    pub(crate) fn find(&self, run_id: &str) -> Result<(&Standing, &Command), Trouble> {
        let all = self.conversations.iter();
        let mut found = all.flat_map(|it| it.runs.iter().map(move |run| (it, run)));
        found.find(|(_, run)| run.run_id == run_id).ok_or_else(|| {
            Denied::new(Code::NotFound, "no such request waits or runs")
                .hint("`mab pending` shows what waits")
                .into()
        })
    }
}
