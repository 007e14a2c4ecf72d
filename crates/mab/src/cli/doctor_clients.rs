//! The checks of `mab doctor` that look at the clients: which are here, and whether they start this program on these data.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use mab_core::{Denied, Failure};
use serde_json::Value;

use crate::{
    cli::{doctor::Check, operator::Operator, setup::command_for},
    config::Config,
    runtime,
    setup::{
        client::{Client, Files, Scope, project_of},
        entry::{self, Launch},
        plan::{self, Present},
        program::{self, Found},
        switches::{self, Hindrance},
    },
};

/// One check for each client that is here or set up; one for all when none is.
pub(super) fn clients(operator: &Operator<'_>, config: &Config) -> Vec<Check> {
    let (Ok(own), Ok(here)) = (std::env::current_exe(), std::env::current_dir()) else { return Vec::new() };
    let looked = runtime::block_on(program::look(&Client::ALL, operator.environment));
    let view = View { operator, config, own, here, found: looked.unwrap_or_default() };
    let checks: Vec<Check> = Client::ALL.iter().flat_map(|client| view.client(*client)).collect();
    if checks.is_empty() {
        let message = "none on the PATH, and none set up; `mab setup` lists those it knows".to_owned();
        return vec![Check::good("clients", message)];
    }
    checks
}

/// How a client is set up in one scope.
pub(super) struct SetUp {
    /// Whose set-up it is.
    pub(super) client: Client,
    /// For whom.
    pub(super) scope: Scope,
    /// Whether hooks belong to it.
    pub(super) with_hooks: bool,
    /// The server's entry.
    pub(super) server: Option<Value>,
    /// What is not as set-up would leave it; the first thing only.
    pub(super) complaint: Option<Hindrance>,
}

/// Everything that is set up and can be read. No client is started for it.
pub(super) fn set_up(operator: &Operator<'_>, config: &Config) -> Vec<SetUp> {
    let (Ok(own), Ok(here)) = (std::env::current_exe(), std::env::current_dir()) else { return Vec::new() };
    let view = View { operator, config, own, here, found: Vec::new() };
    let of = |client: Client| {
        scopes(client).filter_map(|scope| view.look(client, scope)?.ok()).collect::<Vec<_>>()
    };
    Client::ALL.into_iter().flat_map(of).collect()
}

fn scopes(client: Client) -> impl Iterator<Item = Scope> {
    [Scope::User, Scope::Project]
        .into_iter()
        .filter(move |scope| *scope == Scope::User || client.has_projects())
}

/// What the checks compare with.
struct View<'a> {
    operator: &'a Operator<'a>,
    config: &'a Config,
    own: PathBuf,
    here: PathBuf,
    found: Vec<Found>,
}

impl View<'_> {
    fn client(&self, client: Client) -> Vec<Check> {
        let found = self.found.iter().find(|found| found.client == client);
        let mut checks = Vec::new();
        if let Some(Err(denied)) = found.map(program::check_version) {
            checks.push(Check::warn(client.name(), denied.message, denied.hint.unwrap_or_default()));
        }
        let before = checks.len();
        for scope in scopes(client) {
            checks.extend(self.scope(client, scope, found));
        }
        if checks.len() == before && found.is_some() {
            // Who has a client need not want it to meet others.
            let message = format!("{} is here, and not set up", described(client, found));
            let hint = Some(command_for(client, Scope::User));
            checks.push(Check { hint, ..Check::good(client.name(), message) });
        }
        checks
    }

    /// `None` when nothing of ours stands in this scope.
    fn scope(&self, client: Client, scope: Scope, found: Option<&Found>) -> Option<Check> {
        let set_up = match self.look(client, scope)? {
            Ok(set_up) => set_up,
            Err(denied) => {
                return Some(Check::warn(client.name(), denied.message, denied.hint.unwrap_or_default()));
            }
        };
        let about = format!("{}, scope {}", described(client, found), scope.name());
        let may_ask =
            set_up.server.as_ref().and_then(|entry| entry::variable(entry, entry::COMMANDS_VARIABLE));
        let commands = if may_ask == Some("1") { ", may ask for commands" } else { "" };
        Some(match set_up.complaint {
            Some(Hindrance { what, mend }) => Check::warn(client.name(), format!("{about}: {what}"), mend),
            None if set_up.with_hooks => {
                Check::good(client.name(), format!("{about}: set up, with hooks{commands}"))
            }
            None => Check::good(client.name(), format!("{about}: set up{commands}")),
        })
    }

    /// `None` when nothing of ours stands in this scope.
    fn look(&self, client: Client, scope: Scope) -> Option<Result<SetUp, Denied>> {
        let project = project_of(&self.here);
        let files = client.files(scope, &project, self.operator.environment).ok()?;
        let within = (scope == Scope::Project).then_some(project.as_path());
        let present = match plan::present(client, &files, within) {
            Ok(present) => present,
            Err(Failure::Denied(denied)) => return Some(Err(denied)),
            Err(Failure::Fault(_)) => return None,
        };
        if present.server.is_none() && present.hooks.is_empty() {
            return None;
        }
        let complaint = self.hindrance((client, scope), &files, &present);
        let (with_hooks, server) = (files.hooks.is_some(), present.server);
        Some(Ok(SetUp { client, scope, with_hooks, server, complaint }))
    }

    /// What keeps it from working; the first thing only.
    fn hindrance(
        &self,
        (client, scope): (Client, Scope),
        files: &Files,
        present: &Present,
    ) -> Option<Hindrance> {
        let command = command_for(client, scope);
        if present.server.as_ref().is_some_and(|server| entry::program_of(server).is_none()) {
            let what = format!("{} has an entry mab that starts another program", files.server.display());
            return Some(Hindrance {
                what,
                mend: format!("rename that entry, or replace it: {command} --force"),
            });
        }
        // The same command mends all of these.
        let complaint = self.complaint(files, present).or_else(|| missing_hooks(client, files, present));
        let mended = complaint.map(|what| Hindrance { what, mend: command });
        let (here, environment) = (&self.here, self.operator.environment);
        let on_project =
            || (scope == Scope::Project).then(|| switches::on_project(client, here, environment))?;
        mended
            .or_else(on_project)
            .or_else(|| switches::on_hooks(client, here, environment))
            .or_else(|| switches::on_trust(client, &files.server, environment))
    }

    /// What set-up would mend.
    fn complaint(&self, files: &Files, present: &Present) -> Option<String> {
        let Some(server) = &present.server else { return Some("hooks without a server".to_owned()) };
        if let Some(complaint) = entry::program_of(server).and_then(|command| self.other_program(&command)) {
            return Some(complaint);
        }
        for (variable, path) in [("MAB_DATA_DIR", &self.config.data_dir), ("MAB_CONFIG", &self.config.file)] {
            let theirs = entry::variable(server, variable).map(Path::new);
            let ours = self.is_set(variable).then_some(path.as_path());
            // What is not in the entry, the server takes from where everybody does.
            if theirs.is_some_and(|theirs| theirs != path) || (theirs.is_none() && ours.is_some()) {
                let theirs =
                    theirs.map_or_else(|| "the default".to_owned(), |path| path.display().to_string());
                return Some(format!("its server has {variable} {theirs}, not {}", path.display()));
            }
        }
        if files.hooks.is_some() && present.hooks.is_empty() {
            return Some("set up without hooks: nothing tells the agent about new messages".to_owned());
        }
        let hook =
            present.hooks.iter().find_map(|(event, program)| Some((event, self.other_program(program)?)));
        hook.map(|(event, complaint)| format!("the hook {event}: {complaint}"))
    }

    fn is_set(&self, variable: &str) -> bool {
        let flags = self.operator.global;
        let flag = if variable == "MAB_CONFIG" { flags.config.is_some() } else { flags.data_dir.is_some() };
        flag || self.operator.environment.get(variable).is_some()
    }

    fn other_program(&self, command: &str) -> Option<String> {
        let path = if command.contains('/') {
            Some(PathBuf::from(command)).filter(|path| path.exists())
        } else {
            program::on_path(command, self.operator.environment)
        };
        let Some(path) = path else { return Some(format!("{command} does not exist")) };
        let is_same = path.canonicalize().ok() == self.own.canonicalize().ok();
        (!is_same).then(|| format!("it starts {}, and this is {}", path.display(), self.own.display()))
    }
}

/// The events that have fewer hooks of ours than set-up writes.
fn missing_hooks(client: Client, files: &Files, present: &Present) -> Option<String> {
    files.hooks.as_ref()?;
    let launch = Launch { command: entry::NAME.to_owned(), variables: BTreeMap::new() };
    let is_short = |(event, groups): &(&str, Vec<Value>)| {
        let wanted = groups.iter().flat_map(entry::hook_programs).flatten().count();
        present.hooks.iter().filter(|(there, _)| there == event).count() < wanted
    };
    let hooks = entry::hooks(client, &launch);
    let missing: Vec<&str> = hooks.iter().filter(|hook| is_short(hook)).map(|(event, _)| *event).collect();
    (!missing.is_empty()).then(|| format!("hooks of ours are missing: {}", missing.join(", ")))
}

fn described(client: Client, found: Option<&Found>) -> String {
    match found.map(|found| found.version) {
        Some(Some(version)) => format!("{} {}", client.title(), program::shown(version)),
        Some(None) => client.title().to_owned(),
        None => format!("{} (not on the PATH)", client.title()),
    }
}
