//! `mab hook`: what a client runs at its own events, so that its agent hears of mail.

use clap::{Args, ValueEnum};

use crate::{
    cli::{Exit, Trouble, operator::Operator},
    hook,
};

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
    #[arg(value_name = "EVENT", value_enum, hide_possible_values = true)]
    event: Asked,
    /// wait: end after so many seconds
    #[arg(long = "for", value_name = "SECONDS", default_value_t = hook::WAIT_S,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(FOR_MAX_S)))]
    for_s: u32,
}

/// What a hook is run for.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Asked {
    #[value(name = "SessionStart")]
    SessionStart,
    #[value(name = "UserPromptSubmit")]
    UserPromptSubmit,
    #[value(name = "PreToolUse")]
    PreToolUse,
    #[value(name = "PostToolUse")]
    PostToolUse,
    #[value(name = "Stop")]
    Stop,
    #[value(name = "BeforeAgent")]
    BeforeAgent,
    #[value(name = "BeforeTool")]
    BeforeTool,
    #[value(name = "AfterTool")]
    AfterTool,
    #[value(name = "AfterAgent")]
    AfterAgent,
    #[value(name = "wait")]
    Wait,
}

impl Hook {
    pub(crate) fn run(&self, _operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let _ = (self.event, self.for_s);
        Ok(Exit::OK)
    }
}
