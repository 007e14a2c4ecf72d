//! Codex with a home of its own.

use std::{fs, path::PathBuf, process::Command};

use crate::{
    model::Model,
    place::{Clients, Place},
    running::{Running, command},
};

/// A Codex: its home, its project, its configuration.
pub(crate) struct Codex<'a> {
    clients: &'a Clients,
    home: PathBuf,
    project: PathBuf,
}

impl<'a> Codex<'a> {
    /// A Codex called `name` that starts `mab mcp` on the scenario's data folder; `more` is put at the end of its
    /// configuration.
    pub(crate) fn new(clients: &'a Clients, place: &Place, name: &str, more: &str) -> Self {
        let home = place.folder(name);
        let project = place.folder(&format!("{name}/project"));
        let (mab, data) = (env!("CARGO_BIN_EXE_mab"), place.data());
        // Debug writes a text the way TOML reads it, for paths without oddities.
        let configuration = format!(
            "[mcp_servers.mab]\ncommand = {mab:?}\nargs = [\"mcp\", \"--data-dir\", {data:?}]\n\
             env = {{ MAB_AGENT = {name:?} }}\n{more}",
        );
        fs::write(home.join("config.toml"), configuration).unwrap();
        Self { clients, home, project }
    }

    /// Starts it on a prompt, without a terminal.
    pub(crate) fn ask(&self, model: &Model, prompt: &str, options: &[&str]) -> Running {
        let mut command = self.command();
        command.args(["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]);
        command.args(["--dangerously-bypass-hook-trust"]).args(provider(model)).args(options).arg(prompt);
        Running::start(command)
    }

    /// The command with its environment and no arguments.
    fn command(&self) -> Command {
        let mut command = command(&self.clients.program("codex"), self.clients.path());
        command
            .current_dir(&self.project)
            .env("HOME", &self.home)
            .env("CODEX_HOME", &self.home)
            .env("STUB_KEY", "none-is-needed");
        command
    }
}

/// Where its model is: on the command line, since each run may have another.
fn provider(model: &Model) -> Vec<String> {
    let address = model.address();
    let provider = format!(
        "model_providers.stub={{name=\"stub\",base_url=\"{address}/v1\",wire_api=\"responses\",env_key=\"STUB_KEY\"}}"
    );
    ["model=\"stub\"", "model_provider=\"stub\"", &provider, "analytics.enabled=false"]
        .into_iter()
        .flat_map(|setting| ["-c".to_owned(), setting.to_owned()])
        .collect()
}
