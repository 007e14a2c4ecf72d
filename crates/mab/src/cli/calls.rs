//! Several calls of one command, on a bridge that is opened once.

use mab_core::Fault;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    cli::{
        Trouble,
        operator::{Operator, object},
    },
    config::Config,
    permissions,
    runtime::{self, Opened},
};

/// The bridge, opened.
pub(crate) struct Calls {
    pub(crate) config: Config,
    bridge: Opened,
}

impl Calls {
    /// Opens the bridge, which must exist.
    pub(crate) fn open(operator: &Operator<'_>) -> Result<Self, Trouble> {
        let config = operator.config()?;
        runtime::start_log(config.log);
        let bridge = runtime::open_existing(&config)?;
        Ok(Self { config, bridge })
    }

    /// Opens the bridge, and makes it first where there is none yet.
    pub(crate) fn open_or_create(operator: &Operator<'_>) -> Result<Self, Trouble> {
        let config = operator.config()?;
        runtime::start_log(config.log);
        let bridge = runtime::open_as_operator(&config)?;
        Ok(Self { config, bridge })
    }

    /// Calls one operation.
    pub(crate) fn call(&self, operation: &str, arguments: Value) -> Result<Value, Trouble> {
        let answer = runtime::block_on(self.bridge.call(operation, object(arguments)?))?;
        Ok(answer.map_err(|denied| permissions::explain(&self.config, denied))?)
    }

    /// Calls one operation, and reads its answer.
    pub(crate) fn read<T: DeserializeOwned>(&self, operation: &str, arguments: Value) -> Result<T, Trouble> {
        typed(self.call(operation, arguments)?)
    }
}

/// Reads an answer.
pub(crate) fn typed<T: DeserializeOwned>(answer: Value) -> Result<T, Trouble> {
    Ok(serde_json::from_value(answer)
        .map_err(|source| Fault::from_source("reading the answer of an operation", source))?)
}
