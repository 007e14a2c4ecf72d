//! `mab deny`: says no to commands that wait. It needs no terminal and no passphrase: saying no is free.

use clap::Args;
use mab_core::{Code, Denied, RunId};
use serde::Deserialize;
use serde_json::json;

use crate::cli::{
    Exit, Output, Trouble, Visible, arguments,
    calls::Calls,
    operator::Operator,
    output::FAINT,
    standing::{Command, Standings},
};

/// Arguments of `mab deny`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab deny run_0123456789abcdef --reason 'use a branch'\n\n\
    It refuses a request that waits, and takes back a yes until the command has started.\n\
    Every agent of the conversation sees that you refused, and the reason. After three\n\
    denials the agent asks in vain until `mab yolo unlock`.")]
pub(crate) struct Deny {
    /// Which requests, as `mab pending` shows them.
    #[arg(value_name = "RUN_ID", required = true, value_parser = arguments::run)]
    runs: Vec<RunId>,
    /// Why, at most 500 characters; all see it.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Deny {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let calls = Calls::open(operator)?;
        for id in &self.runs {
            let standings = Standings::of(&calls, None)?;
            let (_, run) = standings.find(&id.to_string())?;
            deny(&calls, operator.output, (run, self.reason.as_deref()))?;
        }
        Ok(Exit::OK)
    }
}

/// Says no to one command, and shows what became of it.
pub(crate) fn deny(
    calls: &Calls,
    output: Output,
    (run, reason): (&Command, Option<&str>),
) -> Result<(), Trouble> {
    let no = json!({"run_id": run.run_id, "request_hash": run.request_hash, "reason": reason});
    let answer = calls.call("deny_run", no).map_err(|trouble| over(trouble, run))?;
    output.answer(answer, |done: &Done, page| {
        page.field(&done.state, &Visible::line(&done.run_id));
        if let Some(Locked { conversation_id, session_id }) = &done.locked {
            let (who, place) = (Visible::line(session_id), Visible::line(conversation_id));
            page.field("locked", &who);
            page.aside(&format!(
                "{FAINT}no more commands of it are taken; `mab yolo unlock {place} {who}` lets it ask again{FAINT:#}"
            ));
        }
    })
}

/// In a conversation that is over nobody can be told of a no, and nothing has to be refused.
fn over(trouble: Trouble, run: &Command) -> Trouble {
    match trouble {
        Trouble::Denied(denied) if denied.code == Code::Expired => {
            let until = Visible::line(&run.expires_at);
            let message = format!("{}: nothing that was asked for in it can run", denied.message);
            Denied { message, ..denied }
                .hint(format!("nothing is left to do: the request goes by itself at {until}"))
                .into()
        }
        other @ (Trouble::Denied(_) | Trouble::Fault(_) | Trouble::ClosedPipe | Trouble::Cancelled) => other,
    }
}

#[derive(Deserialize)]
struct Done {
    run_id: String,
    state: String,
    locked: Option<Locked>,
}

/// An agent whose commands are refused since a no, as `deny_run` answers.
#[derive(Deserialize)]
struct Locked {
    conversation_id: String,
    session_id: String,
}
