//! The checks of `mab doctor` that tell whether agents may ask for commands here, and what is missing for it.

use rustix::process::geteuid;
use serde_json::{Value, json};

use crate::{
    cli::{Trouble, doctor::Check, operator::Operator},
    config::Config,
    execution,
    spent::Spent,
    system::SystemClock,
};

/// Whether agents may ask for commands. Where the settings say no, that is all there is to say.
pub(super) fn agents(operator: &Operator<'_>, config: &Config) -> Vec<Check> {
    let at = &config.execution;
    if !at.agents {
        let message = "none may ask for commands: execution.agents is false".to_owned();
        return vec![Check::good(NAME, message)];
    }
    let here = if config.yolo { "it is set here" } else { "it is not set here" };
    let message = format!(
        "may ask for commands where their server is started with MAB_YOLO=1: {here}, and what a client's own settings \
         give its server is not known here"
    );
    let mut checks = vec![Check::good(NAME, message)];
    let file = config.file.display();
    if at.workspaces.is_empty() {
        let hint = format!("name folders: workspaces = [\"…\"] under [execution] in {file}");
        checks.push(Check::warn(
            NAME,
            "have no folder to run commands in: execution.workspaces is empty".to_owned(),
            hint,
        ));
    }
    if geteuid().is_root() && !at.as_root {
        let hint = format!("run agents as an ordinary user, or as_root = true under [execution] in {file}");
        let message = "get nothing but a refusal from a server that runs as root with MAB_YOLO=1".to_owned();
        checks.push(Check::warn(NAME, message, hint));
    }
    checks.extend(ledger());
    checks.push(approver(operator, config));
    checks
}

/// Whether there is a sandbox for the widest mode; none to tell where agents may not ask.
pub(super) fn sandbox(config: &Config, tiers: &mab_exec::Tiers) -> Option<Check> {
    let mode = config.execution.mode;
    let found = config.execution.agents.then(|| tiers.strongest(mode, execution::wish(config)))?;
    Some(match found {
        Ok(sandbox) => Check::good(NAME, format!("their commands of mode {mode} run in {}", sandbox.tier())),
        Err(why) => {
            Check::warn(NAME, format!("their commands of mode {mode} are refused: {}", why.reason), why.hint)
        }
    })
}

/// Whether it can be noted what was used up: another user can have made that folder first. It is made here if it is not
/// there, so that nobody can any more.
fn ledger() -> Option<Check> {
    let denied = Spent::open(&SystemClock).err()?;
    Some(Check::trouble(NAME, &Trouble::Denied(denied)))
}

/// Whether somebody can enable and approve anything.
fn approver(operator: &Operator<'_>, config: &Config) -> Check {
    let missing = || {
        let message = "wait for an approver: nobody is enrolled".to_owned();
        Check::warn(NAME, message, "`mab yolo enroll`, at a terminal")
    };
    if !config.database.is_file() {
        return missing();
    }
    match operator.call("approver", json!({})) {
        Ok(answer) if answer.get("enrolled").and_then(Value::as_bool) == Some(true) => {
            let key = answer.get("key_id").and_then(Value::as_str).unwrap_or_default();
            Check::good(NAME, format!("have an approver, key {key}"))
        }
        Ok(_) => missing(),
        Err(trouble) => Check::trouble(NAME, &trouble),
    }
}

const NAME: &str = "agents";
