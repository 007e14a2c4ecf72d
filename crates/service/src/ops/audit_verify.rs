//! `audit_verify`: walks the audit chains, for the operator.

use mab_core::{Code, Denied, Failure, audit::Break, policy::Action};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    arguments::ConversationArgument,
    door::{Call, Op},
};

/// The operation.
pub(crate) struct AuditVerify;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// Only this conversation's chain
    #[serde(default)]
    conversation_id: Option<ConversationArgument>,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    /// Whether every chain holds
    ok: bool,
    chains: Vec<Chain>,
}

/// One chain.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Chain {
    /// Absent: the bridge's own
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<String>,
    /// How many entries hold
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<Broken>,
}

/// Where a chain breaks.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Broken {
    /// missing, changed or truncated
    kind: &'static str,
    /// The entry
    n: u64,
}

impl Op for AuditVerify {
    const ACTION: Action = Action::Inspect;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let reports = call.bridge.store.verify(arguments.conversation_id.map(|id| id.0)).await?;
        if reports.is_empty() {
            return Err(Denied::new(Code::NotFound, "no such conversation")
                .hint("`mab list --all` shows what there is")
                .into());
        }
        let chains: Vec<Chain> = reports
            .into_iter()
            .map(|report| Chain {
                conversation_id: report.conversation.map(|id| id.to_string()),
                entries: report.result.as_ref().ok().copied(),
                broken: report.result.err().map(|broken| match broken {
                    Break::Missing { n } => Broken { kind: "missing", n },
                    Break::Changed { n } => Broken { kind: "changed", n },
                    Break::Truncated { n } => Broken { kind: "truncated", n },
                }),
            })
            .collect();
        Ok(Answer { ok: chains.iter().all(|chain| chain.broken.is_none()), chains })
    }
}
