//! What flags and the environment alone decide: where things are, who the agent is, how much is logged.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use mab_core::{Code, Denied};
use tracing::level_filters::LevelFilter;

use super::load::{Flags, Source, absolute, refuse};
use crate::{environment::Environment, keystore};

/// The rows of the table that no file may set, with their sources.
pub(super) struct Places {
    pub(super) data_dir: PathBuf,
    pub(super) database: PathBuf,
    pub(super) file: PathBuf,
    pub(super) agent: Option<String>,
    pub(super) log: LevelFilter,
    pub(super) yolo: bool,
    pub(super) sources: BTreeMap<&'static str, Source>,
}

impl Places {
    pub(super) fn find(flags: &Flags, environment: &Environment) -> Result<Self, Denied> {
        let mut finder = Finder { environment, sources: BTreeMap::new() };
        let data_dir = match finder.path("data_dir", "MAB_DATA_DIR", flags.data_dir.as_deref(), "--data-dir")
        {
            Some(path) => path,
            None => default_folder(environment, "XDG_DATA_HOME", ".local/share", "MAB_DATA_DIR")?,
        };
        let file = match finder.path("config", "MAB_CONFIG", flags.config.as_deref(), "--config") {
            Some(path) => path,
            None => match default_folder(environment, "XDG_CONFIG_HOME", ".config", "MAB_CONFIG") {
                Ok(folder) => folder.join("config.toml"),
                // Without a home there is no default file; the data folder was named, so that is fine.
                Err(_) => data_dir.join("config.toml"),
            },
        };
        let database = match finder.text("database_url", "MAB_DATABASE_URL", flags.db.as_deref(), "--db") {
            Some((url, source)) => database(&url, &source, environment)?,
            None => data_dir.join("bridge.db"),
        };
        let log = match finder.text("log", "MAB_LOG", None, "") {
            Some((level, source)) => level.parse().map_err(|_| {
                refuse("log is not a level", &source).hint("use off, error, warn, info, debug or trace")
            })?,
            None => LevelFilter::WARN,
        };
        let yolo = finder.text("yolo", "MAB_YOLO", None, "").is_some_and(|(value, _)| value == "1");
        Ok(Self { data_dir, database, file, agent: finder.agent(), log, yolo, sources: finder.sources })
    }
}

struct Finder<'a> {
    environment: &'a Environment,
    sources: BTreeMap<&'static str, Source>,
}

impl Finder<'_> {
    fn text(
        &mut self,
        key: &'static str,
        variable: &str,
        given: Option<&str>,
        flag: &'static str,
    ) -> Option<(String, Source)> {
        let (value, source) = match given {
            Some(value) => (value, Source::Flag(flag)),
            None => (self.environment.get(variable)?, Source::Environment(variable.to_owned())),
        };
        self.sources.insert(key, source.clone());
        Some((value.to_owned(), source))
    }

    fn path(
        &mut self,
        key: &'static str,
        variable: &str,
        given: Option<&Path>,
        flag: &'static str,
    ) -> Option<PathBuf> {
        if let Some(path) = given {
            self.sources.insert(key, Source::Flag(flag));
            return Some(absolute(path, self.environment));
        }
        self.text(key, variable, None, flag).map(|(path, _)| absolute(Path::new(&path), self.environment))
    }

    /// `MAB_AGENT`, or the session that Claude Code gives every server it starts.
    fn agent(&mut self) -> Option<String> {
        if let Some((agent, _)) = self.text("agent", "MAB_AGENT", None, "") {
            return Some(agent);
        }
        let (session, _) = self.text("agent", CLAUDE_CODE_SESSION, None, "")?;
        Some(keystore::claude_profile(&session))
    }
}

/// Claude Code 2.1.330 sets it for servers and hooks alike (measured 2026-11-20).
pub(super) const CLAUDE_CODE_SESSION: &str = "CLAUDE_CODE_SESSION_ID";

/// `$XDG_…/mab`, else the folder below the home (XDG base directory specification 0.8).
fn default_folder(
    environment: &Environment,
    xdg: &str,
    below_home: &str,
    instead: &str,
) -> Result<PathBuf, Denied> {
    let base = environment.absolute_folder(xdg);
    let base = base.or_else(|| environment.absolute_folder("HOME").map(|home| home.join(below_home)));
    base.map(|base| base.join("mab")).ok_or_else(|| {
        Denied::new(Code::Misconfigured, "there is no home folder to keep anything in")
            .hint(format!("set {instead}, or HOME to an absolute path"))
    })
}

fn database(url: &str, source: &Source, environment: &Environment) -> Result<PathBuf, Denied> {
    let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")).unwrap_or(url);
    // The url may hold a password: it is never shown.
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Err(refuse("the PostgreSQL store is not built yet", source)
            .hint("use a path or sqlite:path; all agents of one machine can share it"));
    }
    if path.is_empty() || path.contains("://") {
        return Err(refuse("the database is neither a path nor sqlite:path", source)
            .hint("for example --db /srv/mab/bridge.db"));
    }
    Ok(absolute(Path::new(path), environment))
}
