//! What a command needs to run: the log, the asynchronous runtime, the opened bridge.

mod log;

use std::{future::Future, sync::Arc};

use mab_core::{Failure, Fault};
use mab_service::{Bridge, Parts};
use mab_store::sqlite::{Options, SqliteStore};

pub use log::start_log;

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
