//! `mab setup`: makes a client start this program, and its hooks; and takes that out again.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum, builder::PossibleValue};
use serde_json::{Value, json};

use crate::{
    cli::{
        Exit, Output, Trouble, Visible,
        operator::Operator,
        output::{BAD, CAREFUL, FAINT, GOOD},
        setup_list,
    },
    config::Config,
    keystore, runtime,
    setup::{
        backup::Backups,
        client::{Client, Files, Scope, project_of},
        entry::{self, Launch},
        file::{self, Change, Done, Step},
        plan::{self, Wanted},
        program::{self, Found, Listed},
    },
    system::OsRandom,
};

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[command(after_help = "Examples:\n  \
    mab setup                            which clients are here, and which are set up\n  \
    mab setup claude-code --dry-run      what would be written\n  \
    mab setup claude-code                for you, in every project\n  \
    mab setup codex --scope project      for everybody in this one\n  \
    mab setup codex --commands           its agents may ask for commands\n  \
    mab setup gemini --uninstall         takes out what set-up put in\n\n\
    Everything else in a file stays as it is, comments and layout included. What a file held\n\
    before is kept below ~/.local/state/mab/setup until --uninstall. Nothing is asked.")]
pub(crate) struct Setup {
    #[arg(help = "The client; without one, all are listed")]
    client: Option<Client>,
    #[arg(
        long,
        value_name = "SCOPE",
        default_value = "user",
        help = "For you in every project, or for everybody in this one (the nearest folder with .git)"
    )]
    scope: Scope,
    #[arg(
        long,
        value_name = "NAME",
        help = "Profile under which the agent's credentials are kept (MAB_AGENT)"
    )]
    agent: Option<String>,
    #[arg(long, help = "The server only: nothing tells the agent about new messages")]
    no_hooks: bool,
    #[arg(
        long,
        help = "Let its agents ask for commands (MAB_YOLO=1); set-up without it takes that out again"
    )]
    commands: bool,
    #[arg(long, help = "Print what would change, as a unified diff; write nothing")]
    dry_run: bool,
    #[arg(long, conflicts_with_all = ["agent", "no_hooks", "commands"], help = "Take out what set-up put in")]
    uninstall: bool,
    #[arg(long, help = "Replace, or take out, an entry named mab that set-up did not write")]
    force: bool,
}

impl ValueEnum for Client {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

impl ValueEnum for Scope {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::User, Self::Project]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

impl Setup {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let project = project_of(
            &std::env::current_dir().map_err(|error| Trouble::reading("the current folder", &error))?,
        );
        let Some(client) = self.client else {
            let is_bare = !(self.uninstall
                || self.dry_run
                || self.no_hooks
                || self.commands
                || self.force
                || self.agent.is_some());
            if !is_bare {
                return Err(Trouble::input("which client?", "mab setup CLIENT; `mab setup` lists them"));
            }
            return setup_list::run(operator, &project);
        };
        let found = runtime::block_on(program::look(&[client], operator.environment))?.pop();
        if let (Some(found), false) = (&found, self.uninstall) {
            program::check_version(found)?;
        }
        let config = operator.config()?;
        let within = (self.scope == Scope::Project).then_some(project.as_path());
        let files = client.files(self.scope, &project, operator.environment)?;
        // The profile stays whose it is until another is named.
        let agent = self.agent.clone().or_else(|| plan::present(client, &files, within).ok()?.agent());
        let lost = !self.commands && !self.uninstall && may_ask(client, &files, within);
        let launch = if self.uninstall { None } else { Some(self.launch(client, operator, &config, agent)?) };
        let backups = Backups::of(operator.environment)?;
        let (launch, hooks) = (launch.as_ref(), !self.no_hooks);
        let wanted = Wanted { client, launch, hooks, force: self.force, backups: &backups };
        let changes = plan::plan(&files, within, wanted)?;
        let done = if self.dry_run { Vec::new() } else { file::apply(&changes, &backups, &OsRandom)? };
        let mut report = Report::new(self, client, &changes, &done);
        report.warnings = self.warnings(client, launch);
        if lost {
            report.warnings.push(NO_COMMANDS.to_owned());
        }
        if !self.dry_run {
            report.verified = runtime::block_on(verify(client, found.as_ref(), within, self.uninstall))?;
            report.next =
                self.next(client, &report.verified, changes.iter().all(|one| one.step == Step::Stay));
        }
        report.print(operator.output)?;
        Ok(Exit::OK)
    }

    /// How the client is to start this program, so that it looks at the same data as the operator.
    fn launch(
        &self,
        client: Client,
        operator: &Operator<'_>,
        config: &Config,
        agent: Option<String>,
    ) -> Result<Launch, Trouble> {
        let own =
            std::env::current_exe().map_err(|error| Trouble::reading("the path of this program", &error))?;
        if !own.exists() {
            let hint = "start it again by its new path";
            return Err(Trouble::input(format!("{} was replaced or removed", own.display()), hint));
        }
        if let Some(agent) = &agent {
            keystore::check_profile(agent)?;
            if agent.is_empty() || agent.chars().any(char::is_control) {
                return Err(Trouble::input(
                    "the agent's name is empty or has control characters",
                    "name one, such as --agent backend",
                ));
            }
        }
        let text = |path: &PathBuf| {
            let path = path.to_str().map(str::to_owned);
            path.ok_or_else(|| {
                Trouble::input("a path is not UTF-8, which no client's file can hold", "rename it")
            })
        };
        let given = |is_given: bool, path: &PathBuf| is_given.then(|| text(path)).transpose();
        let (flags, environment) = (operator.global, operator.environment);
        let set = |flag: bool, variable: &str| flag || environment.get(variable).is_some();
        text(&own)?;
        let command = program::command(client, &own, environment);
        if !entry::is_mab(&command) {
            let message = format!("this program is {command}, and entries are known again by the name mab");
            return Err(Trouble::input(message, "rename it to mab and start it by that name"));
        }
        let launch = Launch {
            command,
            variables: program::variables([
                ("MAB_AGENT", agent),
                ("MAB_CONFIG", given(set(flags.config.is_some(), "MAB_CONFIG"), &config.file)?),
                ("MAB_DATABASE_URL", given(set(flags.db.is_some(), "MAB_DATABASE_URL"), &config.database)?),
                ("MAB_DATA_DIR", given(set(flags.data_dir.is_some(), "MAB_DATA_DIR"), &config.data_dir)?),
                (entry::COMMANDS_VARIABLE, self.commands.then(|| "1".to_owned())),
            ]),
        };
        entry::check_launch(client, &launch)?;
        Ok(launch)
    }

    fn warnings(&self, client: Client, launch: Option<&Launch>) -> Vec<String> {
        let Some(launch) = launch else { return Vec::new() };
        let mut warnings = Vec::new();
        if program::is_in_build_folder(Path::new(&launch.command)) {
            let command = &launch.command;
            warnings.push(format!(
                "{command} is in a build folder: install it (cargo install) and run this again"
            ));
        } else if self.scope == Scope::Project && launch.command != "mab" {
            let command = &launch.command;
            warnings.push(format!(
                "{command} is a path of this machine, and the project may be shared: put mab on the PATH and run this \
                 again, or leave --scope out"
            ));
        }
        if self.commands && self.scope == Scope::Project {
            let title = client.title();
            warnings.push(format!(
                "MAB_YOLO=1 is for everybody who uses {title} in this project; what their own mab allows decides"
            ));
        }
        let is_place = |name: &&&str| !["MAB_AGENT", entry::COMMANDS_VARIABLE].contains(*name);
        if let (Scope::Project, Some(name)) = (self.scope, launch.variables.keys().find(is_place)) {
            warnings.push(format!("{name} is a path of this machine, and the project may be shared"));
        }
        if let Some(agent) = launch.variables.get("MAB_AGENT") {
            let (title, place) =
                (client.title(), if self.scope == Scope::User { "of yours" } else { "in this project" });
            warnings.push(format!(
                "every {title} {place} is {agent}; two that run at once would share its credentials"
            ));
        }
        warnings
    }

    /// What only the person can do.
    fn next(&self, client: Client, verified: &Verified, nothing_changed: bool) -> Vec<String> {
        if nothing_changed && verified.listed != Some(Listed::Pending) {
            return Vec::new();
        }
        let title = client.title();
        let mut next = Vec::new();
        if self.uninstall {
            next.push(format!("end and restart {title}: what runs keeps the server it started"));
            return next;
        }
        let in_project = self.scope == Scope::Project;
        match client {
            Client::ClaudeCode if in_project => next.push(
                "start `claude` in the project, trust the folder and approve the server mab of .mcp.json"
                    .to_owned(),
            ),
            Client::Codex => {
                if in_project {
                    next.push(
                        "start `codex` in the project and trust it, or it does not read its .codex"
                            .to_owned(),
                    );
                }
                if !self.no_hooks {
                    next.push(
                        "in Codex, review and trust the new hooks with /hooks; until then they do not run"
                            .to_owned(),
                    );
                }
            }
            Client::Gemini => next.push(
                "start `gemini` in the folder and trust it; in others it starts no server and runs no hook"
                    .to_owned(),
            ),
            Client::Cursor => next.push("in Cursor, Settings > Tools & MCP: switch mab on".to_owned()),
            Client::Vscode => {
                next.push("in VS Code, run `MCP: List Servers`, start mab and trust it".to_owned());
            }
            Client::ClaudeCode
            | Client::Opencode
            | Client::Windsurf
            | Client::Zed
            | Client::ClaudeDesktop => {}
        }
        if client == Client::ClaudeCode {
            next.push(
                "Claude Code asks you before each tool of mab, also when nobody is there; `\"permissions\": {\"allow\": \
                 [\"mcp__mab\"]}` in its settings.json allows them"
                    .to_owned(),
            );
        }
        if in_project {
            next.push(format!("everybody who uses {title} in this project needs mab, or sees errors of it"));
        }
        next.extend(self.commands.then(|| FOR_COMMANDS.to_owned()));
        next.push(format!("restart {title} if it runs"));
        next
    }
}

/// Whether what stands there lets its agents ask for commands.
fn may_ask(client: Client, files: &Files, within: Option<&Path>) -> bool {
    let Ok(present) = plan::present(client, files, within) else { return false };
    present.server.is_some_and(|entry| {
        entry::is_ours(&entry) && entry::variable(&entry, entry::COMMANDS_VARIABLE) == Some("1")
    })
}

/// Said when set-up takes away what an earlier one gave.
const NO_COMMANDS: &str =
    "its agents could ask for commands, and no more can: MAB_YOLO=1 goes; --commands keeps it";

/// What agents that may ask for commands need besides.
const FOR_COMMANDS: &str = "for commands also, as far as it is not done: `agents = true` and \
    `workspaces = [\"FOLDER\"]` below [execution] in the configuration file, `mab yolo enroll` once, and \
    `mab yolo enable CONVERSATION` for each conversation; `mab doctor` says what is missing";

/// What the client itself said.
#[derive(Debug, Default)]
struct Verified {
    listed: Option<Listed>,
    message: String,
}

/// Asks the client. `project`: what was set up, or taken out; without one the client stands where no project is.
async fn verify(client: Client, found: Option<&Found>, project: Option<&Path>, is_gone: bool) -> Verified {
    let title = client.title();
    let Some(program) = client.program().filter(|_| client.minimum().is_some()) else {
        let message = format!("not verified: {title} has no command that lists its servers");
        return Verified { listed: None, message };
    };
    let Some(found) = found else {
        let message = format!("not verified: there is no `{program}` on the PATH");
        return Verified { listed: None, message };
    };
    if project.is_some() && client.starts_servers_of_projects() {
        let message = format!(
            "not verified: to list its servers, {title} starts every one that the project names, and asks nobody"
        );
        return Verified { listed: None, message };
    }
    let listed = program::list(client, &found.path, project.unwrap_or(Path::new("/"))).await;
    let said = match listed {
        Some(Listed::Connected) => "lists mab as connected",
        Some(Listed::Known) => "lists mab; whether it connects shows when it is started",
        Some(Listed::Pending) => "lists mab, which waits for your approval or trust",
        Some(Listed::Failed) => "lists mab, and could not connect to it; start it there and look at its log",
        Some(Listed::Missing) if project.is_some() && !is_gone => {
            "does not list mab: it reads a project's file where you trust the project"
        }
        Some(Listed::Missing) => "does not list mab",
        Some(Listed::Silent) | None => "gave no list within 30 s",
    };
    let version = found.version.map(|version| format!(" {}", program::shown(version))).unwrap_or_default();
    Verified { listed, message: format!("`{program} mcp list`{version} {said}") }
}

/// What is told at the end.
struct Report<'a> {
    client: Client,
    scope: Scope,
    dry_run: bool,
    uninstall: bool,
    files: Vec<(&'a Change, Option<&'a Done>)>,
    warnings: Vec<String>,
    verified: Verified,
    next: Vec<String>,
}

impl<'a> Report<'a> {
    fn new(setup: &Setup, client: Client, changes: &'a [Change], done: &'a [Done]) -> Self {
        let done = done.iter().map(Some).chain(std::iter::repeat(None));
        Self {
            client,
            scope: setup.scope,
            dry_run: setup.dry_run,
            uninstall: setup.uninstall,
            files: changes.iter().zip(done).collect(),
            warnings: Vec::new(),
            verified: Verified::default(),
            next: Vec::new(),
        }
    }

    fn print(&self, output: Output) -> Result<(), Trouble> {
        if output.is_json() {
            return output.json(&self.to_json());
        }
        let mut page = output.page();
        let changed = self.files.iter().any(|(change, _)| change.step != Step::Stay);
        if self.dry_run {
            for (change, _) in &self.files {
                page.line(diff(change).trim_end());
            }
        }
        for (change, done) in &self.files {
            let path = Visible::line(&change.before.path.display().to_string());
            page.field(self.outcome(change), &path);
            if change.before.is_link() {
                let target = Visible::line(&change.before.target.display().to_string());
                page.field("link to", &target);
            }
            if let Some(backup) = done.and_then(|done| done.backup.as_ref()) {
                page.field("backup", &Visible::line(&backup.display().to_string()));
            }
        }
        let title = self.client.title();
        if !changed {
            let state = if self.uninstall { "has nothing of ours" } else { "is already set up" };
            page.field("result", &Visible::line(&format!("{title} {state}")));
        }
        if !self.verified.message.is_empty() {
            let style = self.style();
            let message = Visible::line(&self.verified.message);
            if page.for_person() {
                page.line(&format!("{:<12} {style}{message}{style:#}", "client"));
            } else {
                page.field("client", &message);
            }
        }
        for (name, lines) in [("warning", &self.warnings), ("next", &self.next)] {
            for line in lines {
                page.field(name, &Visible::line(line));
            }
        }
        Output::data(page.as_str())
    }

    fn style(&self) -> anstyle::Style {
        let is_gone = self.uninstall && self.verified.listed == Some(Listed::Missing);
        match self.verified.listed {
            Some(Listed::Connected | Listed::Known) if !self.uninstall => GOOD,
            Some(Listed::Missing) if is_gone => GOOD,
            Some(Listed::Failed | Listed::Missing) => BAD,
            Some(Listed::Connected | Listed::Known | Listed::Pending | Listed::Silent) => CAREFUL,
            None => FAINT,
        }
    }

    fn outcome(&self, change: &Change) -> &'static str {
        match (&change.step, change.before.content.is_some(), self.dry_run) {
            (Step::Stay, _, _) => "unchanged",
            (Step::Write(_), false, false) => "created",
            (Step::Write(_), true, false) => "changed",
            (Step::Delete, _, false) => "deleted",
            (Step::Write(_), false, true) => "would create",
            (Step::Write(_), true, true) => "would change",
            (Step::Delete, _, true) => "would delete",
        }
    }

    fn to_json(&self) -> Value {
        let file = |(change, done): &(&Change, Option<&Done>)| {
            json!({
                "path": change.before.path.display().to_string(),
                "link_to": change.before.is_link().then(|| change.before.target.display().to_string()),
                "outcome": self.outcome(change),
                "backup": done.and_then(|done| done.backup.as_ref()).map(|path| path.display().to_string()),
                "diff": self.dry_run.then(|| diff(change)),
            })
        };
        let listed = self.verified.listed.map(|listed| match listed {
            Listed::Connected => "connected",
            Listed::Known => "known",
            Listed::Pending => "pending",
            Listed::Failed => "failed",
            Listed::Missing => "missing",
            Listed::Silent => "silent",
        });
        json!({
            "client": self.client.name(),
            "scope": self.scope.name(),
            "files": self.files.iter().map(file).collect::<Vec<_>>(),
            "verified": {"listed": listed, "message": self.verified.message},
            "warnings": self.warnings,
            "next": self.next,
        })
    }
}

/// A unified diff, every hidden character in it shown.
fn diff(change: &Change) -> String {
    let text = |content: Option<&[u8]>| String::from_utf8_lossy(content.unwrap_or_default()).into_owned();
    let (old, new) = (text(change.before.content.as_deref()), text(change.after()));
    if old == new {
        return String::new();
    }
    let path = change.before.path.display().to_string();
    let name = |exists: bool| if exists { path.clone() } else { "/dev/null".to_owned() };
    let (from, to) = (name(change.before.content.is_some()), name(change.after().is_some()));
    let diff = similar::TextDiff::from_lines(&old, &new).unified_diff().header(&from, &to).to_string();
    Visible::text(&diff.replace("\r\n", "\n")).as_str().to_owned()
}

/// The command that sets a client up.
pub(crate) fn command_for(client: Client, scope: Scope) -> String {
    let scope = if scope == Scope::User { "" } else { " --scope project" };
    format!("mab setup {}{scope}", client.name())
}
