//! What every command is given: the options, the environment, the output, and the bridge as the operator sees it.

use mab_core::{Denied, Fault};
use serde_json::{Map, Value};

use crate::{
    cli::{Global, Output, Trouble},
    config::{Config, Flags},
    environment::Environment,
    permissions, runtime,
};

/// What every command is given.
#[derive(Clone, Copy)]
pub(crate) struct Operator<'a> {
    /// Options of every command.
    pub(crate) global: &'a Global,
    /// The process's environment.
    pub(crate) environment: &'a Environment,
    /// Where output goes.
    pub(crate) output: Output,
}

impl Operator<'_> {
    /// What the command line sets.
    pub(crate) fn flags(&self) -> Flags {
        let Global { data_dir, db, config, .. } = self.global.clone();
        Flags { data_dir, db, config }
    }

    /// The settings in effect.
    pub(crate) fn config(&self) -> Result<Config, Denied> {
        Config::load(&self.flags(), self.environment)
    }

    /// Opens the bridge, which must exist, and calls one operation.
    pub(crate) fn call(&self, operation: &str, arguments: Value) -> Result<Value, Trouble> {
        let config = self.config()?;
        runtime::start_log(config.log);
        let bridge = runtime::open_existing(&config)?;
        let answer = runtime::block_on(bridge.call(operation, object(arguments)?))?;
        Ok(answer.map_err(|denied| permissions::explain(&config, denied))?)
    }
}

/// The arguments of an operation; absent options are left out.
pub(crate) fn object(arguments: Value) -> Result<Map<String, Value>, Fault> {
    match arguments {
        Value::Object(fields) => Ok(fields.into_iter().filter(|(_, value)| !value.is_null()).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(Fault::new("writing the arguments of an operation"))
        }
    }
}
