//! Reading it all, in order of precedence.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use mab_core::{Clock as _, Code, Denied};
use mab_service::Settings;
use mab_store::sqlite::Durability;
use tracing::level_filters::LevelFilter;

use super::{
    clients::Clients,
    execution::{self, Execution},
    file,
    keys::{self, Key, all_keys, keys},
    places::{CLAUDE_CODE_SESSION, Places},
    redaction::{self, RedactionReport},
};
use crate::{environment::Environment, setup::program, system::SystemClock};

/// What command-line flags may set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
    /// `--db`: a path, `sqlite:path` or `postgres://…`.
    pub db: Option<String>,
    /// `--config`.
    pub config: Option<PathBuf>,
}

/// Everything in effect, and where each value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The data folder, absolute.
    pub data_dir: PathBuf,
    /// The SQLite file, absolute.
    pub database: PathBuf,
    /// The configuration file, absolute; it need not exist.
    pub file: PathBuf,
    /// When a commit counts as done.
    pub durability: Durability,
    /// How long a call waits for another process's write, in milliseconds.
    pub busy_timeout_ms: u64,
    /// The profile under which credentials are kept between processes; none: only within this process.
    pub agent: Option<String>,
    /// What the bridge allows.
    pub settings: Settings,
    /// The least serious level that is logged.
    pub log: LevelFilter,
    /// Whether who started this process wants its agents to ask for commands: `MAB_YOLO=1`.
    pub yolo: bool,
    /// What is done with checkpoints besides keeping them in the data folder.
    pub audit: AuditPlaces,
    /// What is done on the side of the agents' clients.
    pub clients: Clients,
    /// What may be run, and how.
    pub execution: Execution,
    /// What came of the policy of redaction, which is among the settings.
    pub redaction_report: RedactionReport,
    pub(super) redaction: redaction::Written,
    pub(super) sources: BTreeMap<&'static str, Source>,
}

/// Where checkpoints go besides the data folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditPlaces {
    /// A second file with the same bytes, absolute.
    pub copy: Option<PathBuf>,
    /// A program and its arguments; it gets each note on stdin.
    pub command: Vec<String>,
}

/// One setting in effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveSetting {
    /// Its key.
    pub key: &'static str,
    /// Its value.
    pub value: String,
    /// `default`, `env NAME`, `flag --name`, or the path of the file.
    pub source: String,
    /// What it means.
    pub help: &'static str,
}

impl Config {
    /// Reads flags, environment and file.
    ///
    /// # Errors
    /// `misconfigured`, naming the key and where it was set: an unknown key, a value out of range, a file that
    /// cannot be read, a store that is not built yet.
    pub fn load(flags: &Flags, environment: &Environment) -> Result<Self, Denied> {
        keys::refuse_unknown_variables(environment)?;
        let places = Places::find(flags, environment)?;
        let mut config = Self {
            data_dir: places.data_dir,
            database: places.database,
            file: places.file,
            durability: Durability::Full,
            busy_timeout_ms: DEFAULT_BUSY_TIMEOUT_MS,
            agent: places.agent,
            settings: Settings::default(),
            log: places.log,
            yolo: places.yolo,
            audit: AuditPlaces::default(),
            clients: Clients::default(),
            execution: Execution::default(),
            redaction_report: RedactionReport::default(),
            redaction: redaction::Written::default(),
            sources: places.sources,
        };
        let named = config.sources.contains_key("config");
        for (name, value) in file::read(&config.file, named)? {
            let source = Source::File(config.file.clone());
            let key = keys::find_in_file(&name, &source)?;
            key.apply(&mut config, &value, source)?;
        }
        for key in all_keys().filter(|key| key.in_file()) {
            let variable = key.variable();
            if let Some(value) = environment.get(&variable) {
                key.apply(
                    &mut config,
                    &toml::Value::String(value.to_owned()),
                    Source::Environment(variable),
                )?;
            }
        }
        if config.clients.codex_queue {
            config.clients.codex = program::on_path("codex", environment);
        }
        config.check_together()?;
        execution::resolve(&mut config, environment)?;
        let today = SystemClock.now().to_string();
        redaction::resolve(&mut config, environment, today.get(..DAY_CHARS).unwrap_or_default())?;
        Ok(config)
    }

    /// Whether agents may ask for commands here: who started this process wants it, and the file allows it.
    pub fn runs_for_agents(&self) -> bool {
        self.yolo && self.execution.agents
    }

    /// The profile of the Claude Code session in whose environment this process runs, unless its agent was named. Whatever
    /// is started from a shell of that session has it too, be it another client.
    pub(crate) fn claude_session(&self) -> Option<&str> {
        let source = self.sources.get("agent")?;
        let is_session = matches!(source, Source::Environment(variable) if variable == CLAUDE_CODE_SESSION);
        self.agent.as_deref().filter(|_| is_session)
    }

    /// The profile of the agent that was named to this process.
    pub(crate) fn named_agent(&self) -> Option<&str> {
        self.agent.as_deref().filter(|_| self.claude_session().is_none())
    }

    /// Every setting in effect, in the order of the table; those of single permissions where they are set.
    pub fn effective(&self) -> Vec<EffectiveSetting> {
        let row = |key: &'static Key| EffectiveSetting {
            key: key.name,
            value: key.show(self),
            source: self.sources.get(key.name).unwrap_or(&Source::Default).to_string(),
            help: key.help,
        };
        let of_permissions =
            all_keys().skip(keys().count()).filter(|key| self.sources.contains_key(key.name));
        keys().chain(of_permissions).map(row).collect()
    }

    fn check_together(&self) -> Result<(), Denied> {
        if self.settings.expires_in_minutes > self.settings.max_expires_in_minutes {
            let source = |key| self.sources.get(key).unwrap_or(&Source::Default);
            let (life, longest) = ("conversation.expires_in_minutes", "conversation.max_expires_in_minutes");
            let message = format!(
                "{life} = {} ({}) is greater than {longest} = {} ({})",
                self.settings.expires_in_minutes,
                source(life),
                self.settings.max_expires_in_minutes,
                source(longest)
            );
            return Err(
                Denied::new(Code::Misconfigured, message).hint(format!("raise {longest} or lower {life}"))
            );
        }
        Ok(())
    }
}

/// Where one value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Default,
    File(PathBuf),
    Environment(String),
    Flag(&'static str),
}

impl Source {
    /// Whether it holds text only: everything but the file.
    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::Environment(_) | Self::Flag(_))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => path.display().fmt(f),
            Self::Environment(name) => write!(f, "env {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// A refusal that says what is wrong and where it was set.
pub(super) fn refuse(what: impl fmt::Display, source: &Source) -> Denied {
    Denied::new(Code::Misconfigured, format!("{what} ({source})"))
}

/// Makes a path absolute, against the working directory, with a leading `~/` replaced by the home folder (clients pass
/// `"env": {"MAB_DATA_DIR": "~/x"}` on as it is).
pub(super) fn absolute(path: &Path, environment: &Environment) -> PathBuf {
    let home = environment.absolute_folder("HOME");
    let expanded = match (path.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) => home.join(rest),
        (Ok(_) | Err(_), _) => path.to_owned(),
    };
    std::path::absolute(&expanded).unwrap_or(expanded)
}

/// Longer than the worst queue of writers that was measured (9 ms, 2026-11-21) by far; shorter than any client's patience.
const DEFAULT_BUSY_TIMEOUT_MS: u64 = 5_000;

/// Characters of a day (RFC 3339 full-date).
const DAY_CHARS: usize = 10;
