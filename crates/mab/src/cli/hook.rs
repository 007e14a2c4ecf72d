//! `mab hook`: what a client runs at its own events, so that its agent hears of mail.

use std::time::Duration;

use clap::{Args, builder::PossibleValuesParser};

use crate::{
    cli::{Exit, Trouble, operator::Operator},
    hook::{self, EVENTS},
};

/// The word for waiting, in the place of an event.
const WAIT: &str = "wait";

/// Longest wait, in seconds.
const FOR_MAX_S: u32 = 86_400;

/// Arguments of `mab hook`.
#[derive(Debug, Args)]
#[command(
    after_help = "Clients run this; `mab setup` tells them to. EVENT is the client's own name of the event:\n  \
    Claude Code, Codex  SessionStart UserPromptSubmit PreToolUse PostToolUse Stop\n  \
    Gemini CLI          SessionStart BeforeAgent BeforeTool AfterTool AfterAgent\n\n\
    stdin is the event as the client describes it, stdout what the agent is told, as the\n\
    client takes it: how much is unread and from whom, never what it says. Nothing to say\n\
    is nothing printed. A hook exits with 0 whatever happens, so that the turn goes on.\n\n\
    wait is for Claude Code's asyncRewake: it ends when mail comes, with code 2 and a\n\
    sentence on stderr, which wakes the idle agent; else with 0 and silence.\n\n\
    Whose mail: the agent's of MAB_AGENT, else of the client's session."
)]
pub(crate) struct Hook {
    /// What happened, or wait
    #[arg(value_name = "EVENT", value_parser = asked(), hide_possible_values = true)]
    event: String,
    /// wait: end after so many seconds [default: 3590]
    #[arg(long = "for", value_name = "SECONDS",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(FOR_MAX_S)))]
    for_s: Option<u32>,
}

/// The events, and what waits for mail.
fn asked() -> PossibleValuesParser {
    EVENTS.iter().map(|event| event.name).chain([WAIT]).collect::<Vec<_>>().into()
}

impl Hook {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let flags = operator.flags();
        let Some(event) = EVENTS.iter().find(|event| event.name == self.event) else {
            let length = Duration::from_secs(self.for_s.unwrap_or(hook::WAIT_S).into());
            return Ok(hook::wait(length, &flags, operator.environment));
        };
        if self.for_s.is_some() {
            return Err(Trouble::input("--for is for wait alone", "leave it out"));
        }
        hook::run(event, &flags, operator.environment);
        Ok(Exit::OK)
    }
}
