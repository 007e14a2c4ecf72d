//! `mab yolo disable`: ends what is enabled. It needs no terminal and no passphrase: less is always possible.
//!
//! A command under way is ended by the server that runs it. One that is stopped or died ends nothing, so the ends are waited
//! for, and what still goes on is said.

use std::{thread::sleep, time::Duration};

use clap::Args;
use mab_core::{Code, ConversationId, Denied};
use serde_json::{Value, json};

use crate::cli::{
    Exit, Output, Trouble, Visible, arguments,
    calls::Calls,
    operator::Operator,
    standing::{Command, Standing, Standings},
};

/// Arguments of `mab yolo disable`.
#[derive(Debug, Args)]
pub(super) struct Disable {
    /// The conversation.
    #[arg(value_parser = arguments::conversation)]
    conversation: Option<ConversationId>,
    /// Every conversation.
    #[arg(long, conflicts_with = "conversation")]
    all: bool,
}

impl Disable {
    pub(super) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let calls = Calls::open(operator)?;
        let id = self.conversation.map(|id| id.to_string());
        let standing = Standings::of(&calls, id.as_deref())?;
        let is_on = |it: &&Standing| it.terms.is_some() || !it.runs.is_empty();
        let all = standing.conversations.iter().filter(is_on).map(|it| it.conversation_id.clone());
        let all: Vec<String> = all.collect();
        let ids = match id {
            Some(id) => vec![id],
            None if self.all => all,
            None => return Err(unnamed(&all).into()),
        };
        let runs = standing.conversations.iter().filter(|it| ids.contains(&it.conversation_id));
        let runs: Vec<&Command> = runs.flat_map(|it| &it.runs).collect();
        let mut answers = Vec::new();
        for id in &ids {
            answers.push(calls.call("execution_disable", json!({"conversation_id": id}))?);
        }
        let going_on = going_on(&calls, &ids)?;
        if operator.output.is_json() {
            operator.output.json(&Value::Array(answers))?;
            return ended(&going_on);
        }
        let mut page = operator.output.page();
        for answer in &answers {
            let id = answer.get("conversation_id").and_then(Value::as_str).unwrap_or_default();
            let changed = answer.get("changed") == Some(&Value::Bool(true));
            if answer.get("noted") == Some(&Value::Bool(false)) {
                Output::talk(
                    "careful: it cannot be noted that this has ended; a copy of the database brings it back",
                );
            }
            page.field(if changed { "ended" } else { "was off" }, &Visible::line(id));
        }
        Output::data(page.as_str())?;
        for run in runs {
            let (run, agent, was) =
                (Visible::line(&run.run_id), Visible::line(&run.session_id), was(&run.state));
            Output::talk(&format!("{was}: {run} of {agent}"));
        }
        if answers.is_empty() {
            Output::talk("nothing was enabled");
        }
        ended(&going_on)
    }
}

/// What becomes of a command that was in this state.
fn was(state: &str) -> &'static str {
    match state {
        "running" => "told to end, it ran",
        "approved" => "ended, it was agreed to and had not started",
        _ => "ended, it waited for a yes",
    }
}

/// The refusal when nobody said where, with what can be said.
fn unnamed(all: &[String]) -> Denied {
    let denied = |message: &str| Denied::new(Code::InvalidArguments, message);
    match all {
        [] => denied("no conversation was named, and nothing is enabled")
            .hint("`mab yolo status` shows how all stand"),
        [one] => denied("no conversation was named").hint(format!("`mab yolo disable {one}`, or --all")),
        several => {
            let names = several.join(", ");
            denied("no conversation was named")
                .hint(format!("name one of {names}, or give --all to end them all"))
        }
    }
}

/// How often it is looked whether servers have ended their commands, which look every second themselves.
const LOOKS: u32 = 40;
const APART: Duration = Duration::from_millis(200);

/// The commands of these conversations that still run, once they had the time to end.
fn going_on(calls: &Calls, ids: &[String]) -> Result<Vec<String>, Trouble> {
    let mut left = Vec::new();
    for look in 0..LOOKS {
        if look > 0 {
            sleep(APART);
        }
        left.clear();
        for id in ids {
            let now = Standings::of(calls, Some(id))?;
            let runs = now.conversations.into_iter().flat_map(|it| it.runs);
            let running = runs.filter(|run| run.state == "running");
            left.extend(running.map(|run| format!("{} of {}", run.run_id, run.session_id)));
        }
        if left.is_empty() {
            break;
        }
    }
    Ok(left)
}

/// Says so when not everything has ended.
fn ended(going_on: &[String]) -> Result<Exit, Trouble> {
    if going_on.is_empty() {
        return Ok(Exit::OK);
    }
    let message =
        format!("nothing new can start; but a server has not ended what it runs: {}", going_on.join(", "));
    Err(Denied::new(Code::Conflict, message)
        .hint("that agent's server (`mab mcp`) is stopped or gone: end its process, and what it started with it")
        .into())
}
