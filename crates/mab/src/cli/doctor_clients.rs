//! The checks of `mab doctor` that look at the clients: which are here, and whether they start this program on these data.

use std::path::{Path, PathBuf};

use mab_core::Failure;

use crate::{
    cli::{doctor::Check, operator::Operator, setup::command_for},
    config::Config,
    runtime,
    setup::{
        client::{Client, Files, Scope, project_of},
        entry,
        plan::{self, Present},
        program::{self, Found},
    },
};

/// One check for each client that is here or set up; one for all when none is.
pub(super) fn clients(operator: &Operator<'_>, config: &Config) -> Vec<Check> {
    let (Ok(own), Ok(here)) = (std::env::current_exe(), std::env::current_dir()) else { return Vec::new() };
    let looked = runtime::block_on(program::look(&Client::ALL, operator.environment));
    let view = View { operator, config, own, project: project_of(&here), found: looked.unwrap_or_default() };
    let checks: Vec<Check> = Client::ALL.iter().flat_map(|client| view.client(*client)).collect();
    if checks.is_empty() {
        let message = "none on the PATH, and none set up; `mab setup` lists those it knows".to_owned();
        return vec![Check::good("clients", message)];
    }
    checks
}

/// What the checks compare with.
struct View<'a> {
    operator: &'a Operator<'a>,
    config: &'a Config,
    own: PathBuf,
    project: PathBuf,
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
        for scope in [Scope::User, Scope::Project] {
            if scope == Scope::User || client.has_projects() {
                checks.extend(self.scope(client, scope, found));
            }
        }
        if checks.len() == before && found.is_some() {
            let message = format!("{} is here, and not set up", described(client, found));
            checks.push(Check::warn(client.name(), message, command_for(client, Scope::User)));
        }
        checks
    }

    /// `None` when nothing of ours stands in this scope.
    fn scope(&self, client: Client, scope: Scope, found: Option<&Found>) -> Option<Check> {
        let files = client.files(scope, &self.project, self.operator.environment).ok()?;
        let within = (scope == Scope::Project).then_some(self.project.as_path());
        let present = match plan::present(client, &files, within) {
            Ok(present) => present,
            Err(Failure::Denied(denied)) => {
                return Some(Check::warn(client.name(), denied.message, denied.hint.unwrap_or_default()));
            }
            Err(Failure::Fault(_)) => return None,
        };
        if present.server.is_none() && present.hooks.is_empty() {
            return None;
        }
        let about = format!("{}, scope {}", described(client, found), scope.name());
        let setup = command_for(client, scope);
        Some(match self.complaint(&files, &present) {
            Some(complaint) => Check::warn(client.name(), format!("{about}: {complaint}"), setup),
            None if files.hooks.is_some() => {
                Check::good(client.name(), format!("{about}: set up, with hooks"))
            }
            None => Check::good(client.name(), format!("{about}: set up")),
        })
    }

    /// What is not as set-up would leave it; the first thing only, for the same command mends all.
    fn complaint(&self, files: &Files, present: &Present) -> Option<String> {
        let Some(server) = &present.server else { return Some("hooks without a server".to_owned()) };
        let Some(command) = entry::program_of(server) else {
            return Some(format!("{} has an entry mab that starts another program", files.server.display()));
        };
        if let Some(complaint) = self.other_program(&command) {
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

fn described(client: Client, found: Option<&Found>) -> String {
    match found.map(|found| found.version) {
        Some(Some(version)) => format!("{} {}", client.title(), program::shown(version)),
        Some(None) => client.title().to_owned(),
        None => format!("{} (not on the PATH)", client.title()),
    }
}
