//! `mab yolo disable`: ends what is enabled. It needs no terminal and no passphrase: less is always possible.

use clap::Args;
use mab_core::ConversationId;
use serde_json::{Value, json};

use crate::cli::{
    Exit, Output, Trouble, Visible, arguments,
    calls::Calls,
    operator::Operator,
    standing::{Standing, Standings},
};

/// Arguments of `mab yolo disable`.
#[derive(Debug, Args)]
pub(super) struct Disable {
    /// The conversation.
    #[arg(value_parser = arguments::conversation, required_unless_present = "all")]
    conversation: Option<ConversationId>,
    /// Every conversation.
    #[arg(long, conflicts_with = "conversation")]
    all: bool,
}

impl Disable {
    pub(super) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let calls = Calls::open(operator)?;
        let id = self.conversation.map(|id| id.to_string());
        let standing: Standings = calls.read("execution", json!({"conversation_id": id}))?;
        let is_on = |it: &&Standing| it.terms.is_some() || !it.runs.is_empty();
        let all = standing.conversations.iter().filter(is_on).map(|it| it.conversation_id.clone());
        let ids: Vec<String> = id.map_or_else(|| all.collect(), |id| vec![id]);
        let mut answers = Vec::new();
        for id in ids {
            answers.push(calls.call("execution_disable", json!({"conversation_id": id}))?);
        }
        standing.spend();
        if operator.output.is_json() {
            operator.output.json(&Value::Array(answers))?;
            return Ok(Exit::OK);
        }
        let mut page = operator.output.page();
        for answer in &answers {
            let id = answer.get("conversation_id").and_then(Value::as_str).unwrap_or_default();
            let changed = answer.get("changed") == Some(&Value::Bool(true));
            page.field(if changed { "ended" } else { "was off" }, &Visible::line(id));
        }
        Output::data(page.as_str())?;
        if answers.is_empty() {
            Output::talk("nothing was enabled");
        }
        Ok(Exit::OK)
    }
}
