//! The clients that can be set up: their names, files and least versions.

use std::path::{Path, PathBuf};

use mab_core::{Code, Denied};

use crate::environment::Environment;

/// A client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    /// Claude Code.
    ClaudeCode,
    /// Codex.
    Codex,
    /// Gemini CLI.
    Gemini,
    /// opencode.
    Opencode,
    /// Cursor.
    Cursor,
    /// Visual Studio Code.
    Vscode,
    /// Windsurf.
    Windsurf,
    /// Zed.
    Zed,
    /// Claude Desktop.
    ClaudeDesktop,
}

/// For whom a client is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// For the user, in every project.
    User,
    /// For everybody who works in the project.
    Project,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// JSON, comments and trailing commas allowed.
    Json,
    /// TOML.
    Toml,
}

/// The files of one client in one scope, absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Files {
    /// Where its MCP servers stand.
    pub(crate) server: PathBuf,
    /// Where its hooks stand; they may be in the same file.
    pub(crate) hooks: Option<PathBuf>,
}

/// The least version of a client, and why.
pub(crate) type Minimum = ([u32; 3], &'static str);

impl Client {
    /// All of them, in the order of the documentation.
    pub(crate) const ALL: [Self; 9] = [
        Self::ClaudeCode,
        Self::Codex,
        Self::Gemini,
        Self::Opencode,
        Self::Cursor,
        Self::Vscode,
        Self::Windsurf,
        Self::Zed,
        Self::ClaudeDesktop,
    ];

    /// Its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ClaudeCode => "claude-code",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Opencode => "opencode",
            Self::Cursor => "cursor",
            Self::Vscode => "vscode",
            Self::Windsurf => "windsurf",
            Self::Zed => "zed",
            Self::ClaudeDesktop => "claude-desktop",
        }
    }

    /// Its name as its makers write it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::ClaudeCode => "Claude Code",
            Self::Codex => "Codex",
            Self::Gemini => "Gemini CLI",
            Self::Opencode => "opencode",
            Self::Cursor => "Cursor",
            Self::Vscode => "VS Code",
            Self::Windsurf => "Windsurf",
            Self::Zed => "Zed",
            Self::ClaudeDesktop => "Claude Desktop",
        }
    }

    /// The program that is looked for; without one the client is known by its folder.
    pub(crate) fn program(self) -> Option<&'static str> {
        match self {
            Self::ClaudeCode => Some("claude"),
            Self::Codex => Some("codex"),
            Self::Gemini => Some("gemini"),
            Self::Opencode => Some("opencode"),
            Self::Cursor => Some("cursor"),
            Self::Vscode => Some("code"),
            Self::Windsurf => Some("windsurf"),
            Self::Zed => Some("zed"),
            Self::ClaudeDesktop => None,
        }
    }

    /// Whether it is a program of the terminal, which inherits the shell's `PATH`; others get the program's whole path.
    pub(crate) fn is_of_terminal(self) -> bool {
        match self {
            Self::ClaudeCode | Self::Codex | Self::Gemini | Self::Opencode => true,
            Self::Cursor | Self::Vscode | Self::Windsurf | Self::Zed | Self::ClaudeDesktop => false,
        }
    }

    /// The least version that reads what is written, for clients whose version can be asked for in the terminal.
    ///
    /// Source: the makers' release notes and issues, as far as they tell; the versions tried are in `docs/clients.md`.
    pub(crate) fn minimum(self) -> Option<Minimum> {
        match self {
            Self::ClaudeCode => {
                Some(([2, 1, 121], "older ones do not know alwaysLoad, which shows the model the tools"))
            }
            Self::Codex => Some(([0, 124, 0], "older ones take no hooks in config.toml, or refuse the file")),
            Self::Gemini => Some(([0, 26, 0], "older ones have no hooks")),
            Self::Opencode => Some(([1, 0, 0], "older ones have another configuration")),
            Self::Cursor | Self::Vscode | Self::Windsurf | Self::Zed | Self::ClaudeDesktop => None,
        }
    }

    /// The key of the file under which servers stand.
    pub(crate) fn container(self) -> &'static str {
        match self {
            Self::ClaudeCode | Self::Gemini | Self::Cursor | Self::Windsurf | Self::ClaudeDesktop => {
                "mcpServers"
            }
            Self::Codex => "mcp_servers",
            Self::Opencode => "mcp",
            Self::Vscode => "servers",
            Self::Zed => "context_servers",
        }
    }

    /// How its files are written.
    pub(crate) fn format(self) -> Format {
        match self {
            Self::Codex => Format::Toml,
            Self::ClaudeCode
            | Self::Gemini
            | Self::Opencode
            | Self::Cursor
            | Self::Vscode
            | Self::Windsurf
            | Self::Zed
            | Self::ClaudeDesktop => Format::Json,
        }
    }

    /// Whether a project can have a configuration of its own.
    pub(crate) fn has_projects(self) -> bool {
        !matches!(self, Self::Windsurf | Self::ClaudeDesktop)
    }

    /// Whether it starts the servers of a project before the person has trusted the project, even to list them (measured
    /// 2026-11-22: opencode 1.18.33 does; Claude Code 2.1.330, Codex 0.169.0 and Gemini CLI 0.61.0 do not).
    pub(crate) fn starts_servers_of_projects(self) -> bool {
        matches!(self, Self::Opencode)
    }

    /// What makes it put something else in place of what a text of its file says (by its documentation, 2026-11-22).
    pub(crate) fn expands(self) -> &'static [&'static str] {
        match self {
            Self::Gemini => &["$"],
            Self::Opencode => &["{env:", "{file:"],
            Self::ClaudeCode | Self::Cursor | Self::Vscode | Self::Windsurf => &["${"],
            Self::Codex | Self::Zed | Self::ClaudeDesktop => &[],
        }
    }

    /// Its files.
    ///
    /// # Errors
    /// `invalid_arguments` when it has no such scope, or the project is the home folder; `misconfigured` without a home.
    pub(crate) fn files(
        self,
        scope: Scope,
        project: &Path,
        environment: &Environment,
    ) -> Result<Files, Denied> {
        match scope {
            Scope::User => self.user_files(environment),
            // There the files of a project would be the user's own.
            Scope::Project
                if environment.absolute_folder("HOME").is_some_and(|home| same(&home, project)) =>
            {
                Err(Denied::new(Code::InvalidArguments, "the project is your home folder")
                    .hint("change into a project, or leave --scope out"))
            }
            Scope::Project => self.project_files(project),
        }
    }

    fn user_files(self, environment: &Environment) -> Result<Files, Denied> {
        let home = environment.absolute_folder("HOME").ok_or_else(|| {
            Denied::new(Code::Misconfigured, "there is no home folder").hint("set HOME to an absolute path")
        })?;
        let of = |variable: &str, otherwise: &str| {
            environment.absolute_folder(variable).unwrap_or_else(|| home.join(otherwise))
        };
        let config = of("XDG_CONFIG_HOME", ".config");
        let application =
            if cfg!(target_os = "macos") { home.join("Library/Application Support") } else { config.clone() };
        Ok(match self {
            Self::ClaudeCode => {
                // With the variable set, both are in its folder (measured 2026-11-22).
                let folder = environment.absolute_folder("CLAUDE_CONFIG_DIR");
                Files {
                    server: folder.clone().unwrap_or_else(|| home.clone()).join(".claude.json"),
                    hooks: Some(folder.unwrap_or_else(|| home.join(".claude")).join("settings.json")),
                }
            }
            Self::Codex => Files::both(of("CODEX_HOME", ".codex").join("config.toml")),
            Self::Gemini => Files::both(home.join(".gemini/settings.json")),
            Self::Opencode => Files::one(opencode_file(&config.join("opencode"))),
            Self::Cursor => Files::one(home.join(".cursor/mcp.json")),
            Self::Vscode => Files::one(application.join("Code/User/mcp.json")),
            Self::Windsurf => Files::one(home.join(".codeium/windsurf/mcp_config.json")),
            Self::Zed => Files::one(config.join("zed/settings.json")),
            Self::ClaudeDesktop => Files::one(application.join("Claude/claude_desktop_config.json")),
        })
    }

    fn project_files(self, project: &Path) -> Result<Files, Denied> {
        Ok(match self {
            Self::ClaudeCode => Files {
                server: project.join(".mcp.json"),
                hooks: Some(project.join(".claude/settings.json")),
            },
            Self::Codex => Files::both(project.join(".codex/config.toml")),
            Self::Gemini => Files::both(project.join(".gemini/settings.json")),
            Self::Opencode => Files::one(opencode_file(project)),
            Self::Cursor => Files::one(project.join(".cursor/mcp.json")),
            Self::Vscode => Files::one(project.join(".vscode/mcp.json")),
            Self::Zed => Files::one(project.join(".zed/settings.json")),
            Self::Windsurf | Self::ClaudeDesktop => {
                let message = format!("{} has no configuration of projects", self.title());
                return Err(Denied::new(Code::InvalidArguments, message).hint("leave --scope out"));
            }
        })
    }
}

impl Scope {
    /// Its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Project => "project",
        }
    }
}

impl Files {
    fn one(server: PathBuf) -> Self {
        Self { server, hooks: None }
    }

    fn both(file: PathBuf) -> Self {
        Self { hooks: Some(file.clone()), server: file }
    }
}

/// opencode reads either name; it makes the first one itself (1.18.33).
fn opencode_file(folder: &Path) -> PathBuf {
    let with_comments = folder.join("opencode.jsonc");
    let plain = folder.join("opencode.json");
    if with_comments.symlink_metadata().is_ok() && plain.symlink_metadata().is_err() {
        with_comments
    } else {
        plain
    }
}

fn same(one: &Path, other: &Path) -> bool {
    one == other || one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

/// The project that a folder belongs to: the nearest folder upwards with `.git` in it, else the folder itself.
pub(crate) fn project_of(folder: &Path) -> PathBuf {
    let has_git = |folder: &&Path| folder.join(".git").symlink_metadata().is_ok();
    folder.ancestors().find(has_git).unwrap_or(folder).to_owned()
}
