//! The bridge as a hook has it before it: as the agent whose client runs the hook, and only if there is something to look at.

use std::{path::PathBuf, sync::Arc};

use mab_core::{Code, Failure, limit::Peer, source::draw};
use mab_service::{Caller, Connection, Credentials, Wallet as _};
use serde_json::{Map, Value};

use super::{notice::Inbox, told::Told};
use crate::{
    cli::seat,
    config::Config,
    folder::DataFolder,
    keystore::{self, Keystore},
    runtime::{self, Opened},
    system::OsRandom,
};

/// The bridge, and who the agent is.
pub(crate) struct Desk {
    pub(crate) bridge: Opened,
    /// The agent.
    pub(crate) agent: Caller,
    held: Vec<Credentials>,
    folder: DataFolder,
    profile: String,
}

impl Desk {
    /// Opens the bridge as the agent of this profile; `None` when there is no data folder or database, or when the agent
    /// has no credentials: then nothing is opened.
    ///
    /// # Errors
    /// As [`runtime::open_existing`].
    pub(crate) fn open(config: &Config, profile: &str) -> Result<Option<Self>, Failure> {
        let Some(folder) = DataFolder::open(&config.data_dir)? else { return Ok(None) };
        let wallet = Keystore::open(&folder, Some(profile))?;
        let held = wallet.all();
        if held.is_empty() {
            return Ok(None);
        }
        let bridge = match runtime::open_existing(config) {
            Err(Failure::Denied(denied)) if denied.code == Code::NotFound => return Ok(None),
            opened => opened?,
        };
        let holder = u64::from_ne_bytes(draw(&OsRandom)?);
        let peer = Peer::user(rustix::process::getuid().as_raw());
        let agent = Caller::Agent(Arc::new(Connection::new(holder, peer, Box::new(wallet))));
        Ok(Some(Self { bridge, agent, held, folder, profile: profile.to_owned() }))
    }

    /// The agent's inboxes that are open.
    ///
    /// # Errors
    /// As [`mab_service::Bridge::call`].
    pub(crate) async fn glance(&self) -> Result<Vec<Inbox>, Failure> {
        let answer: Value = self.bridge.bridge().call(&self.agent, "glance", Map::new()).await?;
        Ok(Inbox::open_ones(&answer))
    }

    /// What the agent holds credentials for.
    pub(crate) fn seats(&self) -> Vec<Value> {
        self.held.iter().cloned().map(seat).collect()
    }

    /// What the agent was told so far.
    pub(crate) fn told(&self) -> Told {
        Told::read(self.beside("told"))
    }

    /// A file of the agent's, beside its credentials.
    pub(crate) fn beside(&self, kind: &str) -> PathBuf {
        keystore::profile_path(&self.folder.agents(), &self.profile).with_extension(kind)
    }
}
