//! The definition of the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use mab_core::{ConversationId, Denied, RunId, SessionId};

use crate::cli::{
    approve, audit, completions, deny, held, hook, inbound, judge, keys, lease, limits, list, man, pause,
    pending, redact, release, remove, resume, run_command, setup, show, snapshot, tokens, transfer, watch,
    yolo,
};

/// The exit codes in short.
macro_rules! exit_codes {
    () => {
        "  0 done               4 not allowed    8 store unavailable\n  \
           1 internal           5 expired        9 audit trail broken\n  \
           2 wrong use          6 limited       10 doctor found a fault\n  \
           3 not found          7 conflict      11 demo failed\n  \
           12 audit trail not checkable, 13 ask, 14 deny (mab judge)\n  \
           mab run exits as its command did; 124 time over, 130 stopped, 137 over a limit"
    };
}

/// The exit codes in short, for the pages of single commands.
pub(crate) const EXIT_CODES: &str = exit_codes!();

/// Lets coding agents talk to each other, safely, over MCP.
#[derive(Debug, Parser)]
#[command(
    name = "mab",
    version,
    about = "Lets coding agents talk to each other, safely, over MCP",
    after_help = concat!(
        "Start here:\n  \
        mab demo                        two agents talk through the bridge, live\n  \
        mab setup claude-code           give Claude Code the bridge's tools\n  \
        mab list                        conversations, as the operator sees them\n  \
        mab doctor                      what is set, and whether it works\n\n\
        Exit codes:\n",
        exit_codes!()
    )
)]
pub struct Arguments {
    /// Options of every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The data folder.
    #[arg(
        long,
        global = true,
        value_name = "FOLDER",
        help = "Folder with database, keys and credentials [default: $MAB_DATA_DIR, or ~/.local/share/mab]"
    )]
    pub(crate) data_dir: Option<PathBuf>,
    /// The store.
    #[arg(
        long,
        global = true,
        value_name = "STORE",
        help = "Database: a path or sqlite:PATH [default: $MAB_DATABASE_URL, or bridge.db in the data folder]"
    )]
    pub(crate) db: Option<String>,
    /// The configuration file.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help = "Configuration file [default: $MAB_CONFIG, or ~/.config/mab/config.toml]"
    )]
    pub(crate) config: Option<PathBuf>,
    /// Print JSON: data on stdout, errors as {"code","message","hint"} on stderr.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// One variant per command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve MCP on stdin and stdout (an MCP client starts this).
    #[command(after_help = "Examples:\n  \
        claude mcp add mab -- mab mcp\n  \
        codex mcp add mab -- mab mcp\n  \
        {\"mcpServers\": {\"mab\": {\"command\": \"mab\", \"args\": [\"mcp\"]}}}\n\n\
        stdout carries protocol only; the log goes to stderr.")]
    Mcp,
    /// List conversations.
    List(list::List),
    /// Show one conversation: members, state, latest messages.
    Show(show::Show),
    /// Watch a conversation live, or line by line when piped.
    Watch(watch::Watch),
    /// Check or list the files that agents have reserved.
    Lease(lease::Lease),
    /// Print, rotate or revoke the tokens of one conversation.
    Tokens(tokens::Tokens),
    /// Remove an agent from a conversation.
    Remove(remove::Remove),
    /// Make an agent the owner of a conversation.
    Transfer(transfer::Transfer),
    /// Stop all sending in a conversation.
    Pause(pause::Pause),
    /// Let the agents of a paused conversation send again.
    Resume(resume::Resume),
    /// Show the limits of one conversation and their use, or set others.
    Limits(limits::Limits),
    /// Show or set which messages a conversation accepts.
    Inbound(inbound::Inbound),
    /// List messages that wait to be released.
    Held(held::Held),
    /// Deliver or refuse messages that wait.
    Release(release::Release),
    /// Print or verify the audit trail.
    Audit(Box<audit::Audit>),
    /// Show or replace the keys that sign the audit trail.
    Keys(keys::Keys),
    /// Destroy what has expired: keys, messages, members.
    #[command(after_help = "The key of a cleaned-up conversation is destroyed. Its audit entries are kept.")]
    Cleanup,
    /// Replace secrets in text: a filter from stdin or FILE to stdout.
    Redact(Box<redact::Redact>),
    /// Say whether a command may run, and as what; nothing is run.
    Judge(Box<judge::Judge>),
    /// Run one command as an agent's would be: judged, saved, sandboxed.
    Run(Box<run_command::RunCommand>),
    /// Enable or end agents' commands; make the key that agrees to them.
    Yolo(Box<yolo::Yolo>),
    /// List what agents wish and ask for, and nobody has answered.
    Pending(pending::Pending),
    /// Say yes to one exact command, at a terminal.
    Approve(approve::Approve),
    /// Say no to a command.
    Deny(deny::Deny),
    /// List, compare or bring back what was saved of a workspace.
    Snapshot(snapshot::Snapshot),
    /// Set up a client: its server entry and its hooks.
    Setup(setup::Setup),
    /// Check settings, data folder, database and clock.
    #[command(after_help = "Prints one line per check: ok, warn or fail. Exits with 10 when one failed.\n\
        It creates nothing. Run it with the MAB_AGENT of an agent to check its profile.\n\n\
        Without a terminal the tab-separated cells of a check are: state, name,\n\
        message, hint; those of a setting: setting, key, value, where it was set.")]
    Doctor {
        /// What else to check.
        #[command(subcommand)]
        check: Option<DoctorCheck>,
    },
    /// Tell an agent of its mail at an event of its client (a client runs this).
    Hook(hook::Hook),
    /// Let two real MCP clients talk through the bridge, printed live.
    #[command(
        after_help = "Everything happens in a temporary folder, removed afterwards; your data stay untouched.\n\
        Every step checks its result. Exits with 11 when one is not as it should be."
    )]
    Demo,
    /// Print a completion script for a shell.
    Completions(completions::Completions),
    /// Print the manual page of mab or of one command.
    Man(man::Man),
}

/// What `mab doctor` tries out when it is asked to.
#[derive(Debug, Subcommand)]
pub(crate) enum DoctorCheck {
    /// Let one agent wake another, and say how agents are woken here.
    #[command(
        after_help = "Two real agents talk in a folder of their own, removed afterwards; your conversations\n\
        stay untouched. Exits with 10 when one is not woken. The table says what each\n\
        client's agent can do in a turn, and what wakes it between turns.\n\n\
        Without a terminal the tab-separated cells of a check are: state, name,\n\
        message, hint; those of a client: client, its name, in a turn, between turns."
    )]
    Wake,
}

/// Parses a conversation's name for clap.
pub(crate) fn conversation(text: &str) -> Result<ConversationId, String> {
    text.parse().map_err(|denied: Denied| denied.message)
}

/// Parses one of some names for clap.
pub(crate) fn named<T: Copy>(
    all: &[T],
    name: impl Fn(T) -> &'static str,
) -> clap::builder::PossibleValuesParser {
    all.iter().map(|one| name(*one)).collect::<Vec<_>>().into()
}

/// Parses an agent's handle for clap.
pub(crate) fn session(text: &str) -> Result<SessionId, String> {
    text.parse().map_err(|denied: Denied| denied.message)
}

/// Parses a command's name for clap.
pub(crate) fn run(text: &str) -> Result<RunId, String> {
    text.parse().map_err(|denied: Denied| denied.message)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn definition_is_consistent() {
        Arguments::command().debug_assert();
    }
}
