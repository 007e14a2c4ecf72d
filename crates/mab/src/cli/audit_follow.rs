//! `mab audit --follow`: entries of every process as they come, none missed.

use std::time::Duration;

use mab_core::Denied;
use serde_json::{Map, Value, json};

use crate::{
    cli::{
        Exit, Output, Trouble,
        audit::Form,
        operator::{Operator, object},
    },
    permissions,
    runtime::{self, Opened},
};

/// How often it is looked for new entries. Entries are found by their number in their chain, whenever that is.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Most entries of one look.
const PAGE: u32 = 1_000;

/// Prints the newest entries, oldest first, and then what follows them, until it is interrupted or nobody reads.
pub(super) fn run(operator: &Operator<'_>, arguments: Value, form: Form) -> Result<Exit, Trouble> {
    let config = operator.config()?;
    runtime::start_log(config.log);
    let bridge = runtime::open_existing(&config)?;
    let arguments = object(arguments)?;
    runtime::block_on(async {
        tokio::select! {
            ended = follow(&bridge, arguments, form) => ended,
            interrupted = tokio::signal::ctrl_c() => {
                interrupted.map_err(|source| mab_core::Fault::from_source("waiting for an interrupt", source))?;
                Ok(Exit::OK)
            }
        }
    })?
    .map_err(|trouble| match trouble {
        Trouble::Denied(denied) => Trouble::Denied(permissions::explain(&config, denied)),
        Trouble::Fault(_) | Trouble::ClosedPipe | Trouble::Cancelled => trouble,
    })
}

async fn follow(bridge: &Opened, mut arguments: Map<String, Value>, form: Form) -> Result<Exit, Trouble> {
    arguments.insert("follow".to_owned(), json!(true));
    Output::data(&form.head())?;
    let first = look(bridge, &arguments).await?;
    for entry in entries(&first).iter().rev() {
        Output::data(&form.line(entry))?;
    }
    arguments.insert("limit".to_owned(), json!(PAGE));
    let mut answer = first;
    loop {
        let cursor = answer.get("cursor").cloned().unwrap_or_default();
        arguments.insert("after".to_owned(), cursor);
        answer = look(bridge, &arguments).await?;
        for entry in entries(&answer) {
            Output::data(&form.line(entry))?;
        }
        if answer.get("more") != Some(&Value::Bool(true)) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

async fn look(bridge: &Opened, arguments: &Map<String, Value>) -> Result<Value, Denied> {
    bridge.call("audit", arguments.clone()).await
}

fn entries(answer: &Value) -> &[Value] {
    answer.get("entries").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
