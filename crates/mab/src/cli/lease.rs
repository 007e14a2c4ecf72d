//! `mab lease check` and `mab lease list`: which files agents have reserved, for people, scripts and git hooks.

use std::{
    ffi::OsStr,
    io::Read as _,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use mab_core::{Code, ConversationId, Failure, SessionId};
use mab_service::{Credentials, Wallet as _};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    cli::{
        Exit, Output, Trouble, Visible, arguments,
        lease_paths::Project,
        operator::{Operator, object},
        table::{Column, Page, Table},
    },
    config::Config,
    folder::DataFolder,
    keystore::{self, Keystore},
    permissions, runtime,
};

/// Most bytes of names from stdin.
const NAMES_MAX_BYTES: u64 = 64 << 20;

/// Arguments of `mab lease`.
#[derive(Debug, Args)]
pub(crate) struct Lease {
    #[command(subcommand)]
    command: LeaseCommand,
}

#[derive(Debug, Subcommand)]
enum LeaseCommand {
    /// Say which of the files somebody else has reserved; exits with 7 when there is one.
    Check(Check),
    /// List the files that agents have reserved.
    List(List),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab lease check src/main.rs docs/\n  \
    git diff --cached --name-only --no-renames --ignore-submodules=none -z >names &&\n    \
    mab lease check -z <names\n\n\
    The last as a pre-commit hook is in the README. Not as a pipe: it would pass when\n\
    git diff fails.\n\n\
    Patterns of leases are relative to the project's root: the nearest folder with\n\
    a .git, or --root. A folder stands for everything in it.\n\n\
    Who asks, and so whose leases do not count: --as in --conversation, else the\n\
    agent of MAB_AGENT or of the client whose shell this is (Claude Code, Codex), in\n\
    the conversations it joined. Without one, or when none of these is open to it\n\
    any more, every active conversation is looked at. Exits with 0 when nothing is\n\
    in the way, also before the first agent has made a database.\n\n\
    Prints one line per file and lease: the file, two blanks, and who holds it until\n\
    when; as which pattern, --json and mab lease list tell.")]
struct Check {
    /// Files and folders.
    #[arg(value_name = "PATH", required_unless_present = "stdin0")]
    paths: Vec<PathBuf>,
    /// Read the names from stdin, each ended by a NUL byte.
    #[arg(short = 'z', long, conflicts_with = "paths")]
    stdin0: bool,
    /// The project's root.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Look at this conversation only.
    #[arg(long, value_name = "ID", value_parser = arguments::conversation)]
    conversation: Option<ConversationId>,
    /// Who asks, in that conversation.
    #[arg(long = "as", value_name = "AGENT", requires = "conversation", value_parser = arguments::session)]
    session: Option<SessionId>,
    /// Let shared leases pass: for who only reads.
    #[arg(long)]
    shared: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Without a terminal each lease is one line of tab-separated cells:\n\
    conversation, agent, exclusive or shared, fence, until, pattern.")]
struct List {
    /// Only this conversation; default: every active one.
    #[arg(value_parser = arguments::conversation)]
    conversation: Option<ConversationId>,
}

impl Lease {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        match &self.command {
            LeaseCommand::Check(check) => check.run(operator),
            LeaseCommand::List(list) => list.run(operator),
        }
    }
}

impl List {
    fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let conversation = self.conversation.map(|id| id.to_string());
        let answer = operator.call("leases", json!({"conversation_id": conversation}))?;
        operator.output.answer(answer, |listing: &Listing, page| {
            if listing.leases.is_empty() {
                Output::talk("no files are reserved");
            } else {
                render(&listing.leases, page);
            }
        })?;
        Ok(Exit::OK)
    }
}

impl Check {
    fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let project = Project::find(self.root.as_deref())?;
        let named = if self.stdin0 { read_names()? } else { self.paths.clone() };
        let paths = named.iter().map(|path| project.relative(path)).collect::<Result<Vec<_>, _>>()?;
        let answer = self.ask(operator, &paths)?;
        // Anything but a clear no counts as a conflict.
        let free = answer.get("conflicts").and_then(Value::as_array).is_some_and(Vec::is_empty);
        operator.output.answer(answer, in_the_way)?;
        Ok(if free { Exit::OK } else { Exit::refused(Code::Conflict) })
    }

    fn ask(&self, operator: &Operator<'_>, paths: &[String]) -> Result<Value, Trouble> {
        let config = operator.config()?;
        runtime::start_log(config.log);
        let bridge = match runtime::open_existing(&config) {
            Err(Failure::Denied(denied)) if denied.code == Code::NotFound => {
                Output::talk(&format!("{}: nothing is reserved", Visible::line(&denied.message)));
                return Ok(json!({"conflicts": [], "more": false}));
            }
            opened => opened?,
        };
        let seats = match self.conversation {
            Some(id) => {
                let id = id.to_string();
                let named = json!({"conversation_id": id, "session_id": self.session.as_ref().map(ToString::to_string)});
                // Who does not say who asks is who the profile says, if it is in that conversation.
                let own = seats_of_profile(operator, &config)?.into_iter();
                let own = own.filter(|seat| self.session.is_none() && seat["conversation_id"] == id.as_str());
                std::iter::once(named).chain(own).collect()
            }
            None => seats_of_profile(operator, &config)?,
        };
        let arguments = object(json!({"paths": paths, "seats": seats, "only_exclusive": self.shared}))?;
        let answer = runtime::block_on(bridge.call("lease_check", arguments))?;
        Ok(answer.map_err(|denied| permissions::explain(&config, denied))?)
    }
}

/// The seats that this process's profile holds credentials for; none when there is nobody it could be.
fn seats_of_profile(operator: &Operator<'_>, config: &Config) -> Result<Vec<Value>, Trouble> {
    let Some(profile) = keystore::profile_of_shell(config, operator.environment) else {
        return Ok(Vec::new());
    };
    let Some(folder) = DataFolder::open(&config.data_dir)? else { return Ok(Vec::new()) };
    Ok(Keystore::open(&folder, Some(&profile))?.all().into_iter().map(seat).collect())
}

/// A seat as `lease_check` takes it.
pub(crate) fn seat(held: Credentials) -> Value {
    let Credentials { conversation, session, token } = held;
    json!({
        "conversation_id": conversation.to_string(), "session_id": session.to_string(), "token": token.reveal(),
    })
}

fn read_names() -> Result<Vec<PathBuf>, Trouble> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(NAMES_MAX_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| Trouble::reading("stdin", &error))?;
    if bytes.len() as u64 > NAMES_MAX_BYTES {
        return Err(Trouble::input(
            format!("stdin holds more than {NAMES_MAX_BYTES} bytes"),
            "check the files in parts, for example with xargs -0",
        ));
    }
    if bytes.last().is_some_and(|last| *last != 0) {
        return Err(Trouble::input(
            "the last name on stdin has no NUL byte at its end".to_owned(),
            "write the names with git diff -z, find -print0 or printf '%s\\0'",
        ));
    }
    let names = bytes.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(|name| Path::new(OsStr::from_bytes(name)).to_owned()).collect())
}

#[derive(Deserialize)]
struct Listing {
    leases: Vec<Reserved>,
}

/// A lease.
#[derive(Deserialize)]
pub(super) struct Reserved {
    conversation_id: String,
    session_id: String,
    pattern: String,
    exclusive: bool,
    fence: u64,
    expires_at: String,
}

#[derive(Deserialize)]
struct Verdict {
    conflicts: Vec<Taken>,
    more: bool,
}

#[derive(Deserialize)]
struct Taken {
    path: String,
    #[serde(flatten)]
    lease: Reserved,
}

impl Reserved {
    /// The columns of [`Self::row`].
    pub(super) const COLUMNS: [Column; 5] = [
        Column::Whole("agent"),
        Column::Whole("kind"),
        Column::Number("fence"),
        Column::Whole("until"),
        Column::Text("pattern"),
    ];

    /// The lease within its conversation.
    pub(super) fn row(&self, page: &Page) -> Vec<Visible> {
        vec![
            Visible::line(&self.session_id),
            Visible::line(self.kind()),
            self.fence.into(),
            page.moment(Some(&self.expires_at)),
            Visible::line(&self.pattern),
        ]
    }

    fn kind(&self) -> &'static str {
        if self.exclusive { "exclusive" } else { "shared" }
    }
}

fn in_the_way(verdict: &Verdict, page: &mut Page) {
    for Taken { path, lease } in &verdict.conflicts {
        // Without the pattern: in a hook an agent reads this, and a pattern may be a peer's sentence.
        let (path, session) = (Visible::line(path), Visible::line(&lease.session_id));
        let (conversation, kind) = (Visible::line(&lease.conversation_id), lease.kind());
        let until = page.moment(Some(&lease.expires_at));
        page.line(&format!("{path}  held by {session} in {conversation} ({kind}) until {until}"));
    }
    if verdict.more {
        Output::talk("there are more");
    }
    if !verdict.conflicts.is_empty() {
        Output::talk("ask whoever holds them to release them (send_to_partner), or wait");
    }
}

fn render(leases: &[Reserved], page: &mut Page) {
    let row = |lease: &Reserved| {
        let mut row = vec![Visible::line(&lease.conversation_id)];
        row.extend(lease.row(page));
        row
    };
    let rows = leases.iter().map(row).collect();
    let mut columns = vec![Column::Id("conversation")];
    columns.extend(Reserved::COLUMNS);
    page.table(&Table { kind: None, columns: &columns, rows });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hostile() -> Value {
        json!({
            "conversation_id": "conv_0123456789abcdef", "session_id": "b", "exclusive": true, "fence": 7,
            "pattern": "src/\u{202e}x*", "expires_at": "2026-11-22T07:30:00.125Z", "path": "src/a\n\u{1b}[2J",
        })
    }

    #[test]
    fn conflict_when_names_are_hostile_is_one_harmless_line() -> Result<(), serde_json::Error> {
        let verdict = serde_json::from_value(json!({"conflicts": [hostile()], "more": false}))?;
        let mut page = Page::new(None);
        in_the_way(&verdict, &mut page);
        insta::assert_snapshot!(page.as_str(), @r"src/a\n\u{1b}[2J  held by b in conv_0123456789abcdef (exclusive) until 2026-11-22T07:30:00.125Z");
        Ok(())
    }

    #[test]
    fn list_when_patterns_are_hostile_is_one_row_each() -> Result<(), serde_json::Error> {
        let listing: Listing = serde_json::from_value(json!({"leases": [hostile()]}))?;
        let mut page = Page::new(None);
        render(&listing.leases, &mut page);
        assert_eq!(
            page.as_str(),
            "conv_0123456789abcdef\tb\texclusive\t7\t2026-11-22T07:30:00.125Z\tsrc/\\u{202e}x*\n"
        );
        Ok(())
    }
}
