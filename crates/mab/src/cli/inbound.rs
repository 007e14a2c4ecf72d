//! `mab inbound`: which messages a conversation accepts, holds back or refuses.

use std::collections::BTreeMap;

use clap::Args;
use mab_core::{
    ConversationId, SessionId,
    agent::{ActionType, Permission},
    inbound::Verdict,
};
use serde::Deserialize;
use serde_json::json;

use crate::cli::{Exit, Trouble, Visible, arguments, operator::Operator, output::CAREFUL, table::Page};

/// Arguments of `mab inbound`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab inbound conv_0123456789abcdef                  what holds\n  \
    mab inbound conv_0123456789abcdef hold             every message waits for you\n  \
    mab inbound conv_0123456789abcdef deny --from b\n  \
    mab inbound conv_0123456789abcdef --clear\n\n\
    What you set binds every agent, owner and moderators too; only you change it,\n\
    and only you release what it holds (`mab held`, `mab release`). --clear leaves the\n\
    policy to owner and moderators again: what they set does not bind themselves.\n\
    Of the rules that fit a message the most specific decides: sender, then type,\n\
    then permission, then the default.\n\n\
    Without a terminal each line is a field's name and value, tab-separated:\n\
    conversation, inbound, held.")]
pub(crate) struct Inbound {
    /// The conversation, conv_ and 16 hexadecimal digits.
    #[arg(value_parser = arguments::conversation)]
    conversation: ConversationId,
    /// accept, hold or deny; without it the policy is only shown.
    #[arg(value_parser = arguments::named(Verdict::ALL, Verdict::as_str))]
    verdict: Option<String>,
    /// Only messages of this agent.
    #[arg(long, value_name = "AGENT", value_parser = arguments::session, requires = "verdict", group = "about")]
    from: Option<SessionId>,
    /// Only messages of agents with this permission.
    #[arg(long, value_name = "P", value_parser = arguments::named(Permission::ALL, Permission::as_str),
        requires = "verdict", group = "about")]
    permission: Option<String>,
    /// Only messages of this type.
    #[arg(long = "type", value_name = "T", value_parser = arguments::named(ActionType::ALL, ActionType::as_str),
        requires = "verdict", group = "about")]
    action_type: Option<String>,
    /// Forget every rule: accept everything.
    #[arg(long, conflicts_with = "verdict")]
    clear: bool,
}

impl Inbound {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let asked = json!({
            "conversation_id": self.conversation.to_string(), "verdict": self.verdict,
            "from": self.from.as_ref().map(ToString::to_string), "permission": self.permission,
            "action_type": self.action_type, "clear": self.clear,
        });
        operator.output.answer(operator.call("inbound", asked)?, render)?;
        Ok(Exit::OK)
    }
}

#[derive(Deserialize)]
struct Shown {
    conversation_id: String,
    inbound: Policy,
    held: u64,
}

/// An inbound policy as the operations tell it.
#[derive(Deserialize)]
pub(crate) struct Policy {
    default: String,
    #[serde(default)]
    senders: BTreeMap<String, String>,
    #[serde(default)]
    action_types: BTreeMap<String, String>,
    #[serde(default)]
    permissions: BTreeMap<String, String>,
    #[serde(default)]
    by_operator: bool,
    #[serde(default)]
    unreadable: bool,
}

impl Policy {
    /// In one line, the default last: `from b deny, type proposal hold, accept`.
    pub(crate) fn line(&self) -> Visible {
        if self.unreadable {
            return Visible::line("unreadable: hold everything");
        }
        let rules = |kind: &'static str, rules: &BTreeMap<String, String>| -> Vec<String> {
            rules.iter().map(|(what, verdict)| format!("{kind} {what} {verdict}")).collect()
        };
        let mut all = rules("from", &self.senders);
        all.extend(rules("type", &self.action_types));
        all.extend(rules("permission", &self.permissions));
        all.push(self.default.clone());
        let line = all.join(", ");
        Visible::line(&if self.by_operator { format!("{line} (set by the operator)") } else { line })
    }
}

fn render(shown: &Shown, page: &mut Page) {
    page.field("conversation", &Visible::line(&shown.conversation_id));
    page.field("inbound", &shown.inbound.line());
    page.field("held", &shown.held.into());
    if shown.held > 0 {
        let id = Visible::line(&shown.conversation_id);
        page.aside(&format!("{CAREFUL}messages wait for you{CAREFUL:#}; `mab held {id}` lists them"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_is_one_line_with_the_most_specific_first() -> Result<(), serde_json::Error> {
        for (policy, line) in [
            (json!({"default": "accept"}), "accept"),
            (json!({"default": "hold", "unreadable": true}), "unreadable: hold everything"),
            (
                json!({"default": "hold", "senders": {"b": "deny"}, "action_types": {"info": "accept"},
                    "permissions": {"member": "deny"}}),
                "from b deny, type info accept, permission member deny, hold",
            ),
        ] {
            assert_eq!(serde_json::from_value::<Policy>(policy)?.line().as_str(), line);
        }
        Ok(())
    }
}
