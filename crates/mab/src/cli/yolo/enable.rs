//! `mab yolo enable`: a person lets the agents of one conversation ask for commands, for a while.

use std::path::{Path, PathBuf};

use clap::Args;
use mab_core::{
    Clock as _, Code, ConversationId, Denied, SessionId, Timestamp,
    execution::{Assurance, Mode, TIMEOUT_MAX_S, Terms},
    source::draw,
};
use mab_exec::Workspace;
use serde::Deserialize;
use serde_json::json;

use super::meaning::{self, Place};
use crate::{
    cli::{
        Exit, Trouble, Visible, arguments,
        calls::Calls,
        operator::Operator,
        output::FAINT,
        paged::{self, Early},
        person::Person,
        place,
        request::LAST,
        standing::{Standing, Standings, Wish},
        table::Page,
        unlocking::{self, Known, TRIES, Unlocked},
    },
    config::Config,
    system::{OsRandom, SystemClock},
    workbench,
};

/// Arguments of `mab yolo enable`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab yolo enable conv_0123456789abcdef --workspace ~/project\n  \
    mab yolo enable conv_0123456789abcdef --wish b --for 30\n\n\
    It shows what it means, asks for a phrase made for this one request, then for the\n\
    passphrase. It replaces what was enabled in the conversation, and ends by itself.\n\
    --wish takes mode, folder and time from what an agent asked for; what you give wins.")]
pub(super) struct Enable {
    /// The conversation.
    #[arg(value_parser = arguments::conversation)]
    conversation: ConversationId,
    /// The widest that commands may do, at most `execution.mode`; default: safe.
    #[arg(long, value_parser = arguments::named(&Mode::ALL, Mode::as_str))]
    mode: Option<String>,
    /// The folder, inside one of `execution.workspaces`; default: the current one.
    #[arg(long, value_name = "FOLDER")]
    workspace: Option<PathBuf>,
    /// Take what is not given from the wish of this agent.
    #[arg(long, value_name = "AGENT", value_parser = arguments::session)]
    wish: Option<SessionId>,
    /// Minutes until it ends, at most a day and the conversation's own end.
    #[arg(long = "for", value_name = "MINUTES", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1_440))]
    minutes: u32,
    /// Seconds that one command may take.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=i64::from(TIMEOUT_MAX_S)))]
    timeout: Option<u32>,
    /// Let commands that were agreed to reach the network.
    #[arg(long)]
    network: bool,
    /// Let a form in the agent's own client be a yes, in mode restricted.
    #[arg(long)]
    elicitation: bool,
    /// Let that many agents with the permission approver be a yes, in mode restricted.
    #[arg(long, value_name = "N", default_value_t = 0)]
    approvers: u8,
}

impl Enable {
    pub(super) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let person = Person::at_terminal(operator.environment)?;
        let calls = Calls::open(operator)?;
        let id = self.conversation.to_string();
        let place: Place = calls.read("show", json!({"conversation_id": id}))?;
        let wish = self.wished(&calls)?;
        let terms = self.terms((&place, &calls.config), wish.as_ref())?;
        Known::ask(&calls)?.is_usable()?;
        let (mut body, mut end) = (person.page(), person.page());
        meaning::who(&terms, &place, &mut body);
        meaning::replaced(&Standings::of(&calls, Some(&id))?, &mut end);
        meaning::render(&terms, &calls.config, &mut end);
        meaning::careful(&terms, &calls.config, &mut end);
        let nothing = |trouble| {
            if matches!(trouble, Trouble::Cancelled) {
                crate::cli::Output::talk("\nnothing was enabled");
            }
            trouble
        };
        agree(&person, (&body, &end), &terms).map_err(nothing)?;
        let Unlocked { approver, assurance, .. } = unlocking::unlock(&person, &calls).map_err(nothing)?;
        let text = Terms { assurance, ..terms }.text()?;
        let signature = hex::encode(approver.sign_terms(&text));
        drop(approver);
        let asked = json!({"conversation_id": id, "terms": text, "signature": signature});
        let answer = calls.call("execution_enable", asked)?;
        operator.output.answer(answer, |done: &Done, page| {
            page.field("enabled", &Visible::line(&done.mode));
            page.field("until", &page.moment(Some(&done.expires_at)));
            let next = if done.mode == Mode::Safe.as_str() {
                "nothing will ask for a yes; `mab yolo disable` ends it"
            } else {
                "`mab pending --follow` shows what agents ask for, `mab approve` answers"
            };
            page.aside(&format!("{FAINT}{next}{FAINT:#}"));
        })?;
        Ok(Exit::OK)
    }

    /// What the agent asked for whose wish is to be taken.
    fn wished(&self, calls: &Calls) -> Result<Option<Wish>, Trouble> {
        let Some(agent) = &self.wish else { return Ok(None) };
        let standings = Standings::of(calls, Some(&self.conversation.to_string()))?;
        let wishes = standings.conversations.into_iter().flat_map(|Standing { wishes, .. }| wishes);
        let found = wishes.into_iter().find(|wish| wish.session_id == agent.as_str());
        let Some(found) = found else {
            return Err(Denied::new(Code::NotFound, format!("{agent} has asked for nothing"))
                .hint("`mab pending` shows what agents wish; without --wish you say it yourself")
                .into());
        };
        if found.mode.is_none() {
            return Err(Denied::new(Code::Conflict, format!("what {agent} asked for cannot be read"))
                .hint("somebody changed the database: run `mab audit verify`; without --wish you say it yourself")
                .into());
        }
        Ok(Some(found))
    }

    /// The terms, inside of what the configuration allows: said before anybody types a passphrase.
    fn terms(&self, (place, config): (&Place, &Config), wish: Option<&Wish>) -> Result<Terms, Trouble> {
        if place.state != "active" && place.state != "paused" {
            let denied = Denied::new(Code::Expired, "the conversation has ended");
            return Err(denied.hint("`mab list` shows which go on").into());
        }
        let wished = |field: fn(&Wish) -> Option<String>| wish.and_then(field);
        let mode = self.mode.clone().or_else(|| wished(|wish| wish.mode.clone()));
        let mode: Mode = mode.as_deref().map_or(Ok(Mode::Safe), str::parse)?;
        let folder = wished(|wish| wish.workspace.clone()).map(PathBuf::from);
        let folder = self.workspace.clone().or(folder);
        let workspace = place::Place { workspace: folder }.open()?;
        let timeout = wish.and_then(|wish| wish.timeout).and_then(|time| u32::try_from(time).ok());
        let timeout_s = self.timeout.or(timeout);
        self.is_allowed(mode, &workspace, timeout_s, config)?;
        let approvers = self.agents(place)?;
        let now = SystemClock.now();
        let end = now.plus_seconds(u64::from(self.minutes) * 60);
        let last = Timestamp::parse(&place.expires_at).unwrap_or(end);
        Ok(Terms {
            version: 1,
            conversation: self.conversation.to_string(),
            mode,
            workspace: written(workspace.path())?,
            workspace_device: workspace.device().to_string(),
            workspace_inode: workspace.inode().to_string(),
            settings: config.bound()?,
            // Signed as it is shown: settings that allow more do not give it more.
            timeout_s: Some(timeout_s.unwrap_or(config.execution.limits.time_s)),
            network: self.network,
            elicitation: self.elicitation,
            quorum: self.approvers,
            approvers,
            assurance: Assurance::Passphrase,
            enabled_at_ms: now.millis(),
            expires_at_ms: end.min(last).millis(),
            nonce: hex::encode(draw::<16>(&OsRandom)?),
        })
    }

    /// The agents whose yes is to count: every approver that is there now, where any is to.
    fn agents(&self, place: &Place) -> Result<Vec<String>, Denied> {
        let there = if self.approvers > 0 { place.approvers() } else { Vec::new() };
        if there.len() < usize::from(self.approvers) {
            let message = format!(
                "--approvers {} needs that many agents with the permission approver, and the conversation has {}",
                self.approvers,
                there.len()
            );
            return Err(Denied::new(Code::InvalidArguments, message).hint(
                "agents that join later do not count: invite them first, wait until they have joined, then enable",
            ));
        }
        Ok(there)
    }

    fn is_allowed(
        &self,
        mode: Mode,
        workspace: &Workspace,
        timeout_s: Option<u32>,
        config: &Config,
    ) -> Result<(), Denied> {
        let at = &config.execution;
        let file = Visible::line(&config.file.display().to_string());
        let refuse = |message: String, what: String| {
            Err(Denied::new(Code::ExecutionDisabled, message).hint(format!(
                "write {what} under [execution] in {file}; servers that run read it anew for every command"
            )))
        };
        if !at.agents {
            return refuse("execution.agents is off".to_owned(), "agents = true".to_owned());
        }
        if mode > at.mode {
            let message = format!("mode {mode} is wider than execution.mode, which is {}", at.mode);
            return refuse(message, format!("mode = \"{mode}\""));
        }
        let path = workspace.path();
        let own = [&config.data_dir, &config.database, &config.file].into_iter();
        let own = own.map(|own| own.canonicalize().unwrap_or_else(|_| own.clone()));
        let folder = config.data_dir.canonicalize().unwrap_or_else(|_| config.data_dir.clone());
        if path.starts_with(&folder) || own.into_iter().any(|own| own.starts_with(path)) {
            let shown = Visible::line(&path.display().to_string());
            let message = format!("{shown} holds what belongs to the bridge: no command may run there");
            return Err(Denied::new(Code::InvalidArguments, message).hint("name the folder of a project"));
        }
        if workbench::is_inside(config, workspace).is_err() {
            let shown = Visible::line(&path.display().to_string());
            let message = format!("{shown} is in none of execution.workspaces");
            if self.workspace.is_none() && self.wish.is_some() {
                // An agent chose it: what it asks for becomes no advice of ours.
                return Err(Denied::new(Code::ExecutionDisabled, message).hint(format!(
                    "an agent named this folder: give yours with --workspace; whether a folder belongs into workspaces, under \
                     [execution] in {file}, is for you alone to say"
                )));
            }
            return refuse(message, format!("\"{shown}\" in addition into the list workspaces"));
        }
        if self.network && !at.network {
            return refuse("execution.network is off".to_owned(), "network = true".to_owned());
        }
        if let Some(time) = timeout_s.filter(|time| *time > at.limits.time_s) {
            let message = format!("{time} s is more than execution.timeout_s, which is {}", at.limits.time_s);
            if self.timeout.is_none() {
                let hint = "the agent's wish is that long: --timeout gives it less";
                return Err(Denied::new(Code::ExecutionDisabled, message).hint(hint));
            }
            return refuse(message, format!("timeout_s = {time}"));
        }
        if mode != Mode::Restricted && (self.elicitation || self.approvers > 0) {
            let denied =
                Denied::new(Code::InvalidArguments, "--elicitation and --approvers are for mode restricted");
            return Err(
                denied.hint("in mode yolo only a person at a terminal agrees; in mode safe nobody has to")
            );
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Done {
    mode: String,
    expires_at: String,
}

/// A path as text: signed is what can be shown.
fn written(path: &Path) -> Result<String, Denied> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Denied::new(Code::InvalidArguments, "the folder's name is no UTF-8").hint("give it another name")
    })
}

/// Takes the phrase that is made for these terms and no others.
fn agree(person: &Person, shown: (&Page, &Page), terms: &Terms) -> Result<(), Trouble> {
    let digest = hex::encode(Terms::digest(&terms.text()?));
    let last = digest.get(digest.len().saturating_sub(LAST)..).unwrap_or_default();
    let phrase = format!("enable {} {last}", terms.mode);
    let question = format!("to enable exactly this, type: {phrase}\n>");
    let mut typed = paged::ask(person, shown, (&question, Early::Leave))?;
    for left in (0..TRIES).rev() {
        if typed == phrase {
            return Ok(());
        }
        if typed.is_empty() {
            return Err(Trouble::Cancelled);
        }
        if left == 0 {
            break;
        }
        typed = person.ask(&person.again("this is not the phrase", left), &question)?;
    }
    Err(Denied::new(Code::ApprovalRequired, "the phrase was not typed; nothing was enabled")
        .hint("run it again, and type the phrase as it is shown")
        .into())
}
