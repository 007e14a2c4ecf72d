//! `mab setup` without a client: which are here, and which are set up.

use std::path::Path;

use serde_json::json;

use crate::{
    cli::{
        Exit, Output, Trouble, Visible,
        operator::Operator,
        table::{Column, Table, absent},
    },
    setup::{
        client::{Client, Scope},
        entry, plan, program,
    },
};

pub(crate) fn run(operator: &Operator<'_>, project: &Path) -> Result<Exit, Trouble> {
    let rows: Vec<Row> = Client::ALL.iter().map(|client| Row::of(*client, operator, project)).collect();
    if operator.output.is_json() {
        let rows: Vec<_> = rows.iter().map(Row::to_json).collect();
        operator.output.json(&json!({"clients": rows}))?;
        return Ok(Exit::OK);
    }
    let mut page = operator.output.page();
    let columns = &[
        Column::Whole("client"),
        Column::Text("program"),
        Column::Whole("user"),
        Column::Whole("project"),
        Column::Whole("commands"),
    ];
    let cells = |row: &Row| {
        let found = row.program.as_deref().map_or_else(absent, Visible::line);
        let state = |state: &Option<State>| state.map_or_else(absent, |state| Visible::line(state.as_str()));
        let commands = if row.commands { Visible::line("may ask") } else { absent() };
        vec![Visible::line(row.client.name()), found, state(&row.user), state(&row.project), commands]
    };
    page.table(&Table { kind: None, columns, rows: rows.iter().map(cells).collect() });
    page.aside("`mab setup CLIENT` sets one up; `--dry-run` shows what it would write.");
    Output::data(page.as_str())?;
    Ok(Exit::OK)
}

struct Row {
    client: Client,
    program: Option<String>,
    user: Option<State>,
    project: Option<State>,
    /// Whether its agents may ask for commands, in either scope.
    commands: bool,
}

/// What stands in the files of one scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    No,
    SetUp,
    WithoutHooks,
    Foreign,
    Unreadable,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::SetUp => "set up",
            Self::WithoutHooks => "no hooks",
            Self::Foreign => "another mab",
            Self::Unreadable => "unreadable",
        }
    }
}

impl Row {
    fn of(client: Client, operator: &Operator<'_>, project: &Path) -> Self {
        let program = program::find(client, operator.environment).map(|path| path.display().to_string());
        let mut commands = false;
        let mut state = |scope| {
            let files = client.files(scope, project, operator.environment).ok()?;
            let within = (scope == Scope::Project).then_some(project);
            let Ok(present) = plan::present(client, &files, within) else { return Some(State::Unreadable) };
            let asks = |entry| entry::variable(entry, entry::COMMANDS_VARIABLE) == Some("1");
            commands |= present.server.as_ref().is_some_and(|entry| entry::is_ours(entry) && asks(entry));
            Some(match &present.server {
                None => State::No,
                Some(entry) if !entry::is_ours(entry) => State::Foreign,
                Some(_) if files.hooks.is_some() && present.hooks.is_empty() => State::WithoutHooks,
                Some(_) => State::SetUp,
            })
        };
        let user = state(Scope::User);
        let project = if client.has_projects() { state(Scope::Project) } else { None };
        Self { client, program, user, project, commands }
    }

    fn to_json(&self) -> serde_json::Value {
        json!({
            "client": self.client.name(), "title": self.client.title(), "program": self.program,
            "user": self.user.map(State::as_str), "project": self.project.map(State::as_str),
            "commands": self.commands,
        })
    }
}
