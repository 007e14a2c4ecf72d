//! `mab limits`: the limits of one conversation, how much of them is used, and other ones.

use std::collections::BTreeMap;

use clap::Args;
use mab_core::{ConversationId, limit::Limit};
use serde::Deserialize;
use serde_json::json;

use crate::cli::{
    Exit, Trouble, Visible, arguments,
    operator::Operator,
    table::{Column, Page, Table, absent},
};

/// Arguments of `mab limits`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab limits conv_0123456789abcdef\n  \
    mab limits conv_0123456789abcdef send_per_minute=5 read_per_minute=60\n  \
    mab limits conv_0123456789abcdef --reset\n\n\
    What is set here wins over the configuration, for every member, at once and in\n\
    every process; the audit trail records it. 0 switches a limit off that counts\n\
    calls in a span of time. Without a terminal every line holds tab-separated\n\
    cells: agent (- for the whole conversation), limit, used, allowed, seconds\n\
    until one more fits, and where it was set (conversation or configuration).")]
pub(crate) struct Limits {
    /// The conversation, conv_ and 16 hexadecimal digits.
    #[arg(value_parser = arguments::conversation)]
    conversation: ConversationId,
    /// Limits to set, each as NAME=NUMBER.
    #[arg(value_name = "NAME=NUMBER", value_parser = setting)]
    set: Vec<(Limit, u64)>,
    /// Take back all that was set before.
    #[arg(long)]
    reset: bool,
}

impl Limits {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let set: BTreeMap<&str, u64> =
            self.set.iter().map(|(limit, value)| (limit.as_str(), *value)).collect();
        let answer = operator.call(
            "limits",
            json!({"conversation_id": self.conversation.to_string(), "set": set, "reset": self.reset}),
        )?;
        operator.output.answer(answer, render)?;
        Ok(Exit::OK)
    }
}

/// Parses `NAME=NUMBER` for clap.
fn setting(text: &str) -> Result<(Limit, u64), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=NUMBER")?;
    let limit = name.parse::<Limit>().map_err(|_| {
        let names: Vec<_> = Limit::ALL.iter().map(|limit| limit.as_str()).collect();
        format!("there is no such limit; use one of {}", names.join(", "))
    })?;
    let range = limit.range();
    let value = value.parse::<u64>().ok().filter(|value| range.contains(value));
    Ok((limit, value.ok_or_else(|| format!("{name} takes a number, {} to {}", range.start(), range.end()))?))
}

#[derive(Deserialize)]
struct Limited {
    own: BTreeMap<String, u64>,
    unreadable: Option<String>,
    effective: BTreeMap<String, BTreeMap<String, u64>>,
    #[serde(flatten)]
    usage: Usage,
}

/// How much of its limits a conversation uses.
#[derive(Deserialize)]
pub(crate) struct Usage {
    conversation: BTreeMap<String, Level>,
    agents: BTreeMap<String, BTreeMap<String, Level>>,
}

#[derive(Deserialize)]
struct Level {
    used: u64,
    limit: u64,
    free_in_s: Option<u64>,
}

fn render(limited: &Limited, page: &mut Page) {
    if let Some(unreadable) = &limited.unreadable {
        page.aside(&format!("{}: its agents cannot call; use --reset", Visible::line(unreadable)));
    }
    let none = BTreeMap::new();
    let row = |agent: Option<&str>, limit: &str, allowed: u64, level: Option<&Level>| {
        let from = if limited.own.contains_key(limit) { "conversation" } else { "configuration" };
        let mut row = cells(agent, limit, allowed, level);
        row.push(Visible::line(from));
        row
    };
    let mut rows = Vec::new();
    for (agent, limits) in &limited.effective {
        let levels = limited.usage.agents.get(agent).unwrap_or(&none);
        let own = limits.iter().filter(|(limit, _)| !is_of_conversation(limit));
        rows.extend(own.map(|(limit, allowed)| row(Some(agent), limit, *allowed, levels.get(limit))));
    }
    let shared = limited.effective.values().next().into_iter().flatten();
    for (limit, allowed) in shared.filter(|(limit, _)| is_of_conversation(limit)) {
        rows.push(row(None, limit, *allowed, limited.usage.conversation.get(limit)));
    }
    page.table(&Table { kind: None, columns: &COLUMNS, rows });
}

impl Usage {
    /// The columns of [`Self::rows`].
    pub(crate) const COLUMNS: [Column; 5] = [
        Column::Whole("agent"),
        Column::Whole("limit"),
        Column::Number("used"),
        Column::Number("allowed"),
        Column::Number("free in s"),
    ];

    /// One row per limit that something is used of.
    pub(crate) fn rows(&self) -> Vec<Vec<Visible>> {
        let used = |level: &Level| level.used > 0;
        let agents = self.agents.iter().flat_map(|(agent, levels)| {
            let levels = levels.iter().filter(|(_, level)| used(level));
            levels.map(|(limit, level)| cells(Some(agent), limit, level.limit, Some(level)))
        });
        let shared = self.conversation.iter().filter(|(_, level)| used(level));
        agents.chain(shared.map(|(limit, level)| cells(None, limit, level.limit, Some(level)))).collect()
    }
}

fn cells(agent: Option<&str>, limit: &str, allowed: u64, level: Option<&Level>) -> Vec<Visible> {
    vec![
        agent.map_or_else(absent, Visible::line),
        Visible::line(limit),
        level.map_or_else(absent, |level| level.used.into()),
        allowed.into(),
        level.and_then(|level| level.free_in_s).map_or_else(absent, Visible::from),
    ]
}

/// Whether all members share it.
fn is_of_conversation(limit: &str) -> bool {
    limit.ends_with("_per_conversation")
}

const COLUMNS: [Column; 6] = {
    let [agent, limit, used, allowed, free_in_s] = Usage::COLUMNS;
    [agent, limit, used, allowed, free_in_s, Column::Whole("set by")]
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_when_wrong_says_what_is_right() {
        assert_eq!(setting("send_per_minute=5"), Ok((Limit::SendPerMinute, 5)));
        for (text, said) in [
            ("send_per_minute", "write NAME=NUMBER"),
            ("sends=5", "use one of send_per_minute, "),
            ("send_per_minute=-1", "takes a number, 0 to 4294967295"),
            ("waits_per_agent=1", "takes a number, 2 to 64"),
        ] {
            let refused = setting(text).unwrap_err();
            assert!(refused.contains(said), "{text}: {refused}");
        }
    }

    #[test]
    fn render_lists_agents_then_the_conversation() -> Result<(), serde_json::Error> {
        let limited: Limited = serde_json::from_value(json!({
            "conversation_id": "conv_0123456789abcdef", "own": {"send_per_minute": 2},
            "effective": {"a": {"bytes_per_conversation": 9, "send_per_minute": 2, "waits_per_agent": 8}},
            "conversation": {"bytes_per_conversation": {"used": 7, "limit": 9}},
            "agents": {"a": {"send_per_minute": {"used": 2, "limit": 2, "free_in_s": 59}}},
        }))?;
        let mut page = Page::new(None);
        render(&limited, &mut page);
        assert_eq!(
            page.as_str(),
            "a\tsend_per_minute\t2\t2\t59\tconversation\n\
             a\twaits_per_agent\t-\t8\t-\tconfiguration\n\
             -\tbytes_per_conversation\t7\t9\t-\tconfiguration\n"
        );
        let mut person = Page::new(Some(120));
        render(&Limited { unreadable: Some("they cannot be read".to_owned()), ..limited }, &mut person);
        assert!(person.as_str().contains("use --reset"), "{}", person.as_str());
        Ok(())
    }
}
