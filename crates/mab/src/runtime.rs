//! What a command needs to run: the log, the asynchronous runtime, the opened bridge.

use std::{future::Future, sync::Arc};

use mab_core::{Failure, Fault};
use mab_service::{Bridge, Parts};
use mab_store::sqlite::{Options, SqliteStore};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    config::Config,
    folder::{self, DataFolder},
    system::{OsRandom, SystemClock},
};

/// Opens the bridge over the configured data folder and store.
///
/// # Errors
/// Refusals of the folder, the key and the store, each with what to do.
pub fn open(config: &Config) -> Result<Bridge, Failure> {
    let folder = DataFolder::open_or_create(&config.data_dir)?;
    let random = Arc::new(OsRandom);
    let master = folder.master_key(random.as_ref())?;
    folder::ensure_private_file(&config.database)?;
    let clock = Arc::new(SystemClock);
    let options = Options {
        path: config.database.clone(),
        durability: config.durability,
        busy_timeout_ms: config.busy_timeout_ms,
        master_fingerprint: master.fingerprint()?,
    };
    let store = Arc::new(SqliteStore::open(options, clock.clone())?);
    Ok(Bridge::new(Parts { store, master, clock, random, settings: config.settings.clone() })?)
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

/// Starts the log on stderr. Other people's crates are held to warnings: at finer levels the protocol library prints
/// whole requests, and with them tokens and messages.
pub fn start_log(level: LevelFilter) {
    let house = ["mab", "mab_core", "mab_redact", "mab_service", "mab_store"].map(|name| (name, level));
    let targets = Targets::new().with_default(level.min(LevelFilter::WARN)).with_targets(house);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    // A second start in one process (a test) keeps the first.
    let _ = tracing_subscriber::registry().with(targets).with(lines).try_init();
}
