//! Codex with a home of its own.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    model::Model,
    place::{Clients, Place},
    running::{Running, command},
};

/// A Codex: its home, its project, its configuration.
pub(crate) struct Codex<'a> {
    clients: &'a Clients,
    data: PathBuf,
    profile: Option<String>,
    home: PathBuf,
    project: PathBuf,
}

impl<'a> Codex<'a> {
    /// A Codex called `name` that starts `mab mcp` on the scenario's data folder.
    pub(crate) fn new(clients: &'a Clients, place: &Place, name: &str) -> Self {
        let home = place.folder(name);
        let project = place.folder(&format!("{name}/project"));
        let mab = env!("CARGO_BIN_EXE_mab");
        let data = place.data();
        // Debug writes a text the way TOML reads it, for names without oddities.
        let server = format!(
            "[mcp_servers.mab]\ncommand = {mab:?}\nargs = [\"mcp\"]\n\
             env = {{ MAB_AGENT = {name:?}, MAB_DATA_DIR = {data:?} }}\n",
        );
        fs::write(home.join("config.toml"), server).unwrap();
        Self { clients, data, profile: Some(name.to_owned()), home, project }
    }

    /// A Codex that `mab setup` has configured; its agents are those of its sessions.
    pub(crate) fn set_up(clients: &'a Clients, place: &Place, name: &str, more: &[&str]) -> Self {
        let codex = Self { profile: None, ..Self::new(clients, place, name) };
        fs::remove_file(codex.home.join("config.toml")).unwrap();
        let mut command = command(Path::new(env!("CARGO_BIN_EXE_mab")), clients.path());
        codex.at_home(command.args(["setup", "codex"]).args(more));
        Running::start(command).succeeds();
        codex
    }

    /// The same with every hook of the bridge, as `mab setup` writes them.
    pub(crate) fn with_hooks(self) -> Self {
        let mut configuration = File::options().append(true).open(self.home.join("config.toml")).unwrap();
        for event in ["SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop"] {
            writeln!(configuration, "[[hooks.{event}]]").unwrap();
            if event == "PreToolUse" {
                writeln!(configuration, "matcher = \"apply_patch|Edit|Write\"").unwrap();
            }
            writeln!(
                configuration,
                "[[hooks.{event}.hooks]]\ntype = \"command\"\ncommand = \"mab hook {event}\"",
            )
            .unwrap();
        }
        self
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
        self.at_home(&mut command);
        command.env("STUB_KEY", "none");
        command
    }

    /// In its project, with its home, the scenario's data folder and its profile, if it has one.
    fn at_home(&self, command: &mut Command) {
        command
            .current_dir(&self.project)
            .env("HOME", &self.home)
            .env("CODEX_HOME", &self.home)
            .env("MAB_DATA_DIR", &self.data)
            .envs(self.profile.iter().map(|profile| ("MAB_AGENT", profile)));
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
