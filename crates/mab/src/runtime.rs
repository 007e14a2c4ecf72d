//! What a command needs to run: the log, the asynchronous runtime, the opened bridge.

mod log;
mod signals;

use std::{future::Future, path::Path, sync::Arc};

use mab_core::{Code, Denied, Failure, Fault, audit::Marker, note::SigningKey, secret::MasterKey};
use mab_service::{Bridge, Caller, Ledger, Parts, ReadAnchor, Workbench, table};
use mab_store::{
    Progress,
    sqlite::{Options, SqliteStore},
};
use serde_json::{Map, Value};

pub use log::start_log;
pub use signals::{ENDING, any_of, told_to_end};

use crate::{
    config::Config,
    folder::{self, DataFolder},
    permissions,
    spent::Noted,
    system::{OsRandom, SystemClock},
    vault::AuditFiles,
};

/// Opens the bridge over the configured data folder and store, with what runs commands for its agents, if anything does.
///
/// # Errors
/// Refusals of the folder, the key and the store, each with what to do.
pub fn open(config: &Config, workbench: Option<Arc<dyn Workbench>>) -> Result<Bridge, Failure> {
    let open = || {
        let folder = DataFolder::open_or_create(&config.data_dir)?;
        let master = folder.master_key(&OsRandom)?;
        folder::ensure_private_file(&config.database)?;
        if let Err(failure) = audit_files(config, &master)?.prepare() {
            // The agents' work does not depend on checkpoints.
            tracing::error!(%failure, "no key to sign checkpoints of the audit trail");
        }
        open_store(config, master, workbench)
    };
    open().map_err(|failure| permissions::explained(config, failure))
}

/// Opens the bridge when there is one, and creates nothing: what looks must not make what it looks for.
///
/// # Errors
/// `not_found` when there is no data folder or no database; else as [`open`].
pub fn open_existing(config: &Config) -> Result<Opened, Failure> {
    let open = || {
        let folder = find(config)?;
        let master = folder.existing_master_key()?;
        folder::ensure_private_file(&config.database)?;
        Ok(Opened { bridge: open_store(config, master, None)?, caller: folder.operator() })
    };
    open().map_err(|failure| permissions::explained(config, failure))
}

/// Opens the bridge for its operator, and makes folder, key and database where there are none yet.
///
/// # Errors
/// As [`open`].
pub(crate) fn open_as_operator(config: &Config) -> Result<Opened, Failure> {
    let bridge = open(config, None)?;
    let open = || Ok(find(config)?.operator());
    let caller = open().map_err(|failure| permissions::explained(config, failure))?;
    Ok(Opened { bridge, caller })
}

/// The bridge as its operator has it before him.
pub struct Opened {
    bridge: Bridge,
    caller: Caller,
}

impl Opened {
    /// The bridge, for who calls it as an agent.
    pub(crate) fn bridge(&self) -> &Bridge {
        &self.bridge
    }

    /// Calls one operation as the operator, and signs what it changed.
    ///
    /// # Errors
    /// As [`Bridge::call`].
    pub async fn call(&self, operation: &str, arguments: Map<String, Value>) -> Result<Value, Denied> {
        let answer = self.bridge.call(&self.caller, operation, arguments).await;
        let reads = table::operation(operation).is_some_and(|found| found.hints.read_only);
        if answer.is_ok() && !reads {
            self.bridge.anchor_now().await;
        }
        answer
    }
}

/// A database that is only looked at, and whether the master key that belongs to it is at hand.
pub struct Archive<'a> {
    /// The database.
    pub database: &'a Path,
    /// Its master key, if there is one.
    pub master: Option<MasterKey>,
    /// Where it is told how far an examination has come.
    pub progress: Arc<Progress>,
    /// Reads the anchor that it is held against.
    pub anchor: ReadAnchor,
}

/// Opens the bridge over a database that is only looked at: every change is refused, and no file is created.
///
/// # Errors
/// `not_found` when there is no database; refusals of the store.
pub fn open_archive(config: &Config, archive: Archive<'_>) -> Result<Opened, Failure> {
    if matches!(archive.database.try_exists(), Ok(false)) {
        let message = format!("no database at {}", archive.database.display());
        return Err(Denied::new(Code::NotFound, message).hint("check --data-dir and --db").into());
    }
    let keyed = archive.master.is_some();
    // Without the key nothing is read that it would open: any other does.
    let master = archive.master.map_or_else(|| MasterKey::draw(&OsRandom), Ok)?;
    let clock = Arc::new(SystemClock);
    let options = Options {
        path: archive.database.to_owned(),
        durability: config.durability,
        busy_timeout_ms: config.busy_timeout_ms,
        master_fingerprint: master.fingerprint()?,
        marker: Marker::new(&master)?,
        anchored: false,
    };
    let store = SqliteStore::open_read_only(options, keyed, archive.progress, clock.clone())?;
    let (store, random) = (Arc::new(store), Arc::new(OsRandom));
    let bridge = Bridge::new(Parts {
        store,
        master,
        clock,
        random,
        settings: config.settings.clone(),
        workbench: None,
        spent: None,
    })?;
    Ok(Opened { bridge: bridge.with_anchor(archive.anchor), caller: folder::onlooker() })
}

/// The data folder of a database that exists.
fn find(config: &Config) -> Result<DataFolder, Failure> {
    let missing = |what: &str, path: &Path, hint: &str| {
        Denied::new(Code::NotFound, format!("no {what} at {}", path.display())).hint(hint)
    };
    let hint = "`mab mcp`, which an agent's client starts, creates it; check --data-dir and MAB_DATA_DIR";
    let folder =
        DataFolder::open(&config.data_dir)?.ok_or_else(|| missing("data folder", &config.data_dir, hint))?;
    if matches!(config.database.try_exists(), Ok(false)) {
        let hint = "`mab mcp`, which an agent's client starts, creates it; check --data-dir and --db";
        return Err(missing("database", &config.database, hint).into());
    }
    Ok(folder)
}

fn open_store(
    config: &Config,
    master: MasterKey,
    workbench: Option<Arc<dyn Workbench>>,
) -> Result<Bridge, Failure> {
    folder::check_database(&config.database)?;
    let random = Arc::new(OsRandom);
    let clock = Arc::new(SystemClock);
    let vault = Arc::new(audit_files(config, &master)?);
    let options = Options {
        path: config.database.clone(),
        durability: config.durability,
        busy_timeout_ms: config.busy_timeout_ms,
        master_fingerprint: master.fingerprint()?,
        marker: Marker::new(&master)?,
        anchored: vault.has_begun(),
    };
    let store = Arc::new(SqliteStore::open(options, clock.clone())?);
    let settings = config.settings.clone();
    let spent: Option<Arc<dyn Ledger>> = Some(Arc::new(Noted));
    let bridge = Bridge::new(Parts { store, master, clock, random, settings, workbench, spent })?;
    Ok(bridge.with_vault(vault))
}

/// The key that signs what the operator takes out.
///
/// # Errors
/// As the files are; `misconfigured` when there is no key.
pub(crate) fn signing_key(config: &Config) -> Result<SigningKey, Failure> {
    let master = find(config)?.existing_master_key()?;
    audit_files(config, &master)?.key()
}

/// Where the checkpoints of this database are kept.
pub(crate) fn audit_files(config: &Config, master: &MasterKey) -> Result<AuditFiles, Failure> {
    AuditFiles::new(config, master, Arc::new(OsRandom))
}

/// Runs a future to its end on this thread. What it left behind is not waited for.
///
/// # Errors
/// A [`Fault`] when the system refuses what the runtime needs.
pub fn block_on<F: Future>(future: F) -> Result<F::Output, Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Fault::from_source("starting the runtime", source))?;
    let output = runtime.block_on(future);
    // A blocking read of a terminal's stdin would otherwise keep the process alive.
    runtime.shutdown_background();
    Ok(output)
}
