//! Claude Code with a home of its own.

use std::{fs, path::PathBuf, process::Command};

use serde_json::json;

use crate::{
    model::Model,
    place::{Clients, Place},
    running::{Running, command},
};

/// A Claude Code: its home, its project, its configuration.
pub(crate) struct Claude<'a> {
    clients: &'a Clients,
    home: PathBuf,
    project: PathBuf,
    servers: PathBuf,
    settings: PathBuf,
}

impl<'a> Claude<'a> {
    /// A Claude Code called `name` that starts `mab mcp` on the scenario's data folder.
    pub(crate) fn new(clients: &'a Clients, place: &Place, name: &str) -> Self {
        let home = place.folder(name);
        let project = place.folder(&format!("{name}/project"));
        let (servers, settings) = (home.join("mcp.json"), home.join("settings.json"));
        let server = json!({
            "type": "stdio", "command": env!("CARGO_BIN_EXE_mab"), "args": ["mcp", "--data-dir", place.data()],
            "alwaysLoad": true,
        });
        fs::write(&servers, json!({"mcpServers": {"mab": server}}).to_string()).unwrap();
        fs::write(&settings, "{}").unwrap();
        Self { clients, home, project, servers, settings }
    }

    /// Starts it on a prompt, without a terminal.
    pub(crate) fn ask(&self, model: &Model, prompt: &str, options: &[&str]) -> Running {
        let mut command = self.command(model);
        command.args(["--print", prompt]).args(self.options()).args(options);
        Running::start(command)
    }

    /// The command with its environment and no arguments.
    fn command(&self, model: &Model) -> Command {
        let mut command = command(&self.clients.program("claude"), self.clients.path());
        command
            .current_dir(&self.project)
            .env("HOME", &self.home)
            .env("CLAUDE_CONFIG_DIR", self.home.join("config"))
            .env("ANTHROPIC_BASE_URL", model.address())
            .env("ANTHROPIC_API_KEY", "none-is-needed")
            .env("DISABLE_AUTOUPDATER", "1")
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
        command
    }

    /// What every run is told: only our servers and settings, and the bridge's tools need no permission.
    fn options(&self) -> [String; 5] {
        let (servers, settings) = (self.servers.display(), self.settings.display());
        [
            format!("--mcp-config={servers}"),
            "--strict-mcp-config".to_owned(),
            format!("--settings={settings}"),
            "--setting-sources=user".to_owned(),
            "--allowedTools=mcp__mab".to_owned(),
        ]
    }
}
