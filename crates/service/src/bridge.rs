//! The one door.

use std::sync::Arc;

use mab_core::{Clock, Code, Denied, Fault, Random, secret::MasterKey};
use mab_store::Store;
use serde_json::{Map, Value};

use crate::{Caller, Settings};

/// What a bridge is built from.
pub struct Parts {
    /// Where conversations are kept.
    pub store: Arc<dyn Store>,
    /// The data folder's key.
    pub master: MasterKey,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws randomness.
    pub random: Arc<dyn Random>,
    /// What the operator allows.
    pub settings: Settings,
}

/// The bridge: one per process.
pub struct Bridge {
    _parts: Parts,
}

impl Bridge {
    /// Builds a bridge.
    ///
    /// # Errors
    /// A [`Fault`] when keys cannot be derived.
    pub fn new(parts: Parts) -> Result<Self, Fault> {
        Ok(Self { _parts: parts })
    }

    /// Takes one call through the pipeline. `arguments` and the answer are JSON objects as in the table's schemas.
    ///
    /// # Errors
    /// [`Denied`]; a fault of ours was logged and comes as `internal`.
    pub async fn call(
        &self,
        _caller: &Caller,
        _operation: &str,
        _arguments: Map<String, Value>,
    ) -> Result<Value, Denied> {
        Err(Denied::new(Code::UnknownOperation, "no such operation"))
    }
}
