//! Whether a request could still run: looked at before anybody is asked for anything.
//!
//! It is a service to the person, no fence: the server looks again, at all of it, before it runs anything. What this process
//! cannot see, such as the variables of the server, is left to that.

use std::path::Path;

use mab_core::{Code, Denied, execution::Mode};
use mab_exec::{Request, Tier, Workspace};

use crate::{
    cli::{
        Visible,
        standing::{Command, InForce, Standing},
    },
    config::Config,
    execution, workbench,
};

/// Refuses a request that would not run after a yes.
///
/// # Errors
/// `execution_locked`, `execution_disabled`, `approval_void`, each with what is not as it was.
pub(crate) fn could_run(it: &Standing, run: &Command, config: &Config) -> Result<(), Denied> {
    let (place, id) = (Visible::line(&it.conversation_id), Visible::line(&run.run_id));
    if it.locked.contains(&run.session_id) {
        let agent = Visible::line(&run.session_id);
        let message = format!("{agent} is locked out: nothing that it asks for runs");
        return Err(Denied::new(Code::ExecutionLocked, message)
            .hint(format!("`mab yolo unlock {place} {agent}` first, or `mab deny {id}`")));
    }
    if let Some(why) = disabled(it.terms.as_ref(), config) {
        let message = format!("{id} would not run: {why}");
        let file = Visible::line(&config.file.display().to_string());
        return Err(Denied::new(Code::ExecutionDisabled, message).hint(format!(
            "change it back; or `mab yolo enable {place}` anew, which ends this request, and the agent asks again; settings \
             are looked up in {file} (--config and MAB_CONFIG name another)"
        )));
    }
    if let Some(why) = run.request.as_ref().and_then(|request| changed(request, config)) {
        let message = format!("{id} would not run: {why}");
        return Err(Denied::new(Code::ApprovalVoid, message)
            .hint(format!("change it back, or let the agent ask for the same anew, which takes {id} back")));
    }
    Ok(())
}

/// Why nothing runs under what is enabled; none when it does.
fn disabled(terms: Option<&InForce>, config: &Config) -> Option<String> {
    let Some(terms) = terms else { return Some("nothing is enabled in its conversation".to_owned()) };
    if !terms.sound {
        return Some("what is enabled there was not signed by the approver".to_owned());
    }
    if !terms.active {
        return Some("what was enabled there has ended".to_owned());
    }
    stopped(terms, config).or_else(|| {
        let is_other = terms.settings.is_some() && config.bound().ok() != terms.settings;
        is_other.then(|| "the settings are not those that commands were enabled under".to_owned())
    })
}

/// Why nothing runs under terms that are on: the settings as they are here and now say no. A server may read others.
pub(crate) fn stopped(terms: &InForce, config: &Config) -> Option<String> {
    let at = &config.execution;
    if !at.agents {
        return Some("execution.agents is off".to_owned());
    }
    let mode = terms.mode.as_deref().and_then(|mode| mode.parse::<Mode>().ok());
    if mode.is_some_and(|mode| mode > at.mode) {
        return Some(format!("execution.mode is {} now", at.mode));
    }
    if terms.network && !at.network {
        return Some("execution.network is off".to_owned());
    }
    let folder = Path::new(terms.workspace.as_deref()?);
    let Ok(workspace) = Workspace::open(folder) else {
        return Some("its folder cannot be used any more".to_owned());
    };
    workbench::is_inside(config, &workspace)
        .err()
        .map(|_| "its folder is in none of execution.workspaces".to_owned())
}

/// What of a request is not as it was.
fn changed(request: &Request, config: &Config) -> Option<String> {
    let Ok(workspace) = Workspace::open(&request.profile.workspace) else {
        return Some("its folder cannot be used any more".to_owned());
    };
    let now = (workspace.device().to_string(), workspace.inode().to_string());
    if (&now.0, &now.1) != (&request.workspace_device, &request.workspace_inode) {
        return Some("another folder stands in its place".to_owned());
    }
    let judge = match execution::judge(config, None, Some(&workspace)) {
        Ok(judge) if execution::digest(&judge) == request.policy_digest => judge,
        Ok(_) => return Some("the policy is another one now".to_owned()),
        Err(denied) => return Some(denied.message),
    };
    let now = match judge.obeyed(request.mode, &request.command, &workspace) {
        Ok(now) => now,
        Err(why) => return Some(Visible::line(&why).to_string()),
    };
    if let Some(what) = request.obeys.change(&now) {
        return Some(Visible::line(&format!("{what} the command was judged")).to_string());
    }
    // In a container they are the image's.
    if matches!(request.tier, Tier::Container(_)) {
        return None;
    }
    let other = mab_exec::changed_program(&request.binaries)?;
    Some(format!("the program {} is not what it was", Visible::line(&other.path)))
}
