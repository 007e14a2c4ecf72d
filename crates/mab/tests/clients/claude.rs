//! Claude Code with a home of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;

use crate::{
    model::Model,
    place::{Clients, Place},
    running::{Running, command},
};

/// Claude Code asks for one, and the model takes any.
const KEY: &str = "none";

/// A Claude Code: its home, its project, its configuration.
pub(crate) struct Claude<'a> {
    clients: &'a Clients,
    data: PathBuf,
    home: PathBuf,
    project: PathBuf,
    settings: PathBuf,
    options: Vec<String>,
    commands: bool,
}

impl<'a> Claude<'a> {
    /// A Claude Code called `name` that starts `mab mcp` on the scenario's data folder.
    pub(crate) fn new(clients: &'a Clients, place: &Place, name: &str) -> Self {
        let home = place.folder(name);
        let project = place.folder(&format!("{name}/project"));
        let (servers, settings) = (home.join("mcp.json"), home.join("settings.json"));
        let server = json!({
            "type": "stdio", "command": env!("CARGO_BIN_EXE_mab"), "args": ["mcp"], "alwaysLoad": true,
        });
        fs::write(&servers, json!({"mcpServers": {"mab": server}}).to_string()).unwrap();
        fs::write(&settings, "{}").unwrap();
        // Only our servers and settings.
        let options = vec![
            format!("--mcp-config={}", servers.display()),
            "--strict-mcp-config".to_owned(),
            format!("--settings={}", settings.display()),
            "--setting-sources=user".to_owned(),
            "--allowedTools=mcp__mab".to_owned(),
        ];
        Self { clients, data: place.data(), home, project, settings, options, commands: false }
    }

    /// The same, whose agents may ask for commands as far as it is concerned.
    pub(crate) fn with_commands(self) -> Self {
        Self { commands: true, ..self }
    }

    /// A Claude Code that `mab setup` has configured.
    pub(crate) fn set_up(clients: &'a Clients, place: &Place, name: &str, more: &[&str]) -> Self {
        let mut claude = Self::new(clients, place, name);
        claude.options = vec!["--allowedTools=mcp__mab".to_owned()];
        let mut command = command(Path::new(env!("CARGO_BIN_EXE_mab")), clients.path());
        claude.at_home(command.args(["setup", "claude-code"]).args(more));
        Running::start(command).succeeds();
        claude
    }

    /// The same with every hook of the bridge, as `mab setup` writes them.
    pub(crate) fn with_hooks(self) -> Self {
        let hook = |event: &str| json!({"type": "command", "command": format!("mab hook {event}")});
        let wait = json!({
            "type": "command", "command": "mab hook wait", "async": true, "asyncRewake": true, "timeout": 3600,
        });
        let hooks = json!({
            "SessionStart": [{"hooks": [hook("SessionStart")]}],
            "UserPromptSubmit": [{"hooks": [hook("UserPromptSubmit")]}],
            "PreToolUse": [{"matcher": "Edit|Write|MultiEdit|NotebookEdit", "hooks": [hook("PreToolUse")]}],
            "PostToolUse": [{"hooks": [hook("PostToolUse")]}],
            "Stop": [{"hooks": [hook("Stop"), wait]}],
        });
        fs::write(&self.settings, json!({"hooks": hooks}).to_string()).unwrap();
        self
    }

    /// Starts it on a prompt, without a terminal.
    pub(crate) fn ask(&self, model: &Model, prompt: &str, options: &[&str]) -> Running {
        let mut command = self.command(model);
        command.args(["--print", prompt]).args(&self.options).args(options);
        Running::start(command)
    }

    /// Starts it on a prompt, on a terminal, where it stays when its turn has ended; its log is part of what it writes.
    pub(crate) fn ask_on_terminal(&self, model: &Model, prompt: &str) -> Running {
        // What the user would answer to its first questions.
        let known = json!({
            "hasCompletedOnboarding": true, "customApiKeyResponses": {"approved": [KEY], "rejected": []},
            "projects": {self.project.to_str().unwrap(): {"hasTrustDialogAccepted": true}},
        });
        fs::create_dir_all(self.home.join("config")).unwrap();
        fs::write(self.home.join("config/.claude.json"), known.to_string()).unwrap();
        let mut command = self.command(model);
        command.arg(prompt).args(&self.options).arg("--debug-to-stderr").env("TERM", "xterm-256color");
        Running::start_on_terminal(command)
    }

    /// Writes the configuration file that `mab` finds in this home.
    pub(crate) fn configure_bridge(&self, text: &str) {
        let folder = self.home.join(".config/mab");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("config.toml"), text).unwrap();
    }

    /// The folder it works in.
    pub(crate) fn project(&self) -> &Path {
        &self.project
    }

    /// The command with its environment and no arguments.
    fn command(&self, model: &Model) -> Command {
        let mut command = command(&self.clients.program("claude"), self.clients.path());
        self.at_home(&mut command);
        command
            .env("ANTHROPIC_BASE_URL", model.address())
            .env("ANTHROPIC_API_KEY", KEY)
            .env("DISABLE_AUTOUPDATER", "1")
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
        command
    }

    /// In its project, with its home and the scenario's data folder.
    fn at_home(&self, command: &mut Command) {
        command
            .current_dir(&self.project)
            .env("HOME", &self.home)
            .env("CLAUDE_CONFIG_DIR", self.home.join("config"))
            .env("MAB_DATA_DIR", &self.data)
            .envs(self.commands.then_some(("MAB_YOLO", "1")));
    }
}
