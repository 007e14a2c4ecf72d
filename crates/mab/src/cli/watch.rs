//! `mab watch`: a conversation as it goes on.

use std::io::IsTerminal as _;

use clap::Args;
use mab_core::ConversationId;
use tokio::signal::unix::SignalKind;

use crate::{
    cli::{Exit, Trouble, arguments, operator::Operator},
    config::Config,
    permissions,
    runtime::{self, Opened},
    watch::{self, Follow},
};

/// Most messages of history.
const LIMIT_MAX: i64 = 500;

/// Arguments of `mab watch`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab watch                                  choose among the active ones\n  \
    mab watch conv_0123456789abcdef\n  \
    mab watch conv_0123456789abcdef --json | jq -c 'select(.event == \"message\")'\n\n\
    On a terminal it is a live view; ? shows its keys. Watching changes nothing, and\n\
    no message counts as read by it. Elsewhere, and with --plain or --json, it\n\
    prints one line per event, how things stand first, and goes on until it is\n\
    interrupted, nobody reads, or the conversation has ended. The tab-separated\n\
    cells of a line: conversation, state, paused by, inbound policy, held, expires;\n\
    commands, mode, until, requests that wait, wishes, folder;\n\
    member, agent, role, permission, presence, status, note; reserved or free,\n\
    agent, exclusive or shared, fence, until, pattern; message, seq, at, from, to,\n\
    type, message, files, reply to, secrets replaced; delivery, seq, how far it got\n\
    with whom; damaged, seq. Text written by agents is shown with control\n\
    characters escaped.")]
pub(crate) struct Watch {
    /// The conversation, conv_ and 16 hexadecimal digits; without it, a choice of the active ones.
    #[arg(value_parser = arguments::conversation)]
    conversation: Option<ConversationId>,
    /// Print one line per event, on a terminal too.
    #[arg(long)]
    plain: bool,
    /// How many of the latest messages to show first, at most 500.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(0..=LIMIT_MAX))]
    limit: u32,
}

impl Watch {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let json = operator.output.is_json();
        let config = operator.config()?;
        let persons = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        if persons && !json && !self.plain {
            if !std::io::stderr().is_terminal() {
                // On the terminal it would be written across the view.
                runtime::start_log(config.log);
            }
            let bridge = runtime::open_existing(&config)?;
            let shown = runtime::block_on(watch::show(&bridge, self.conversation, self.limit))?;
            return explained(&config, shown);
        }
        let Some(conversation) = self.conversation else {
            return Err(Trouble::input("which conversation?", "`mab list` shows which there are"));
        };
        runtime::start_log(config.log);
        let bridge = runtime::open_existing(&config)?;
        let follow = Follow { conversation, limit: self.limit, json };
        explained(&config, runtime::block_on(until_stopped(&bridge, follow))?)
    }
}

/// Follows until somebody wants it to end.
async fn until_stopped(bridge: &Opened, follow: Follow) -> Result<Exit, Trouble> {
    const ENDING: [SignalKind; 2] = [SignalKind::interrupt(), SignalKind::terminate()];
    watch::end_though_output_blocks(&ENDING, || {})?;
    let stopped = runtime::any_of(&ENDING)?;
    tokio::select! {
        ended = watch::follow(bridge, follow) => ended,
        () = stopped => Ok(Exit::OK),
    }
}

/// A refusal with what is wrong with the files, if that is why.
fn explained(config: &Config, ended: Result<Exit, Trouble>) -> Result<Exit, Trouble> {
    ended.map_err(|trouble| match trouble {
        Trouble::Denied(denied) => Trouble::Denied(permissions::explain(config, denied)),
        Trouble::Fault(_) | Trouble::ClosedPipe | Trouble::Cancelled => trouble,
    })
}
