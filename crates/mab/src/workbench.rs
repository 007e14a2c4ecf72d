//! What runs commands for the agents of this server: as far as the operator's settings go, which are read anew for every
//! command, so that taking something away takes effect at once.
//!
//! Sandboxes are tried out once. What judges and runs is kept per set of terms, for as long as the settings and the policy
//! files stay as they are.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use mab_core::{Code, Denied, Failure, execution::Terms};
use mab_exec::{Digest, Judge, Limits, Policy, Tiers, Workspace, preview};
use mab_service::{Bench, Workbench};

use crate::{
    config::{Config, Execution, Flags, Isolation},
    environment::Environment,
    execution,
};

/// Runs commands for the agents of one server.
pub(crate) struct AgentBench {
    flags: Flags,
    environment: Environment,
    tiers: Mutex<Option<Tried>>,
    /// By the digest of the terms, whole.
    benches: Mutex<BTreeMap<[u8; 32], Kept>>,
}

/// Sandboxes that were tried out, and the settings that chose them.
struct Tried {
    of: (Isolation, Option<String>),
    tiers: Tiers,
}

/// What runs commands under one set of terms, and what it was made of.
struct Kept {
    of: (Config, Digest),
    bench: Bench,
}

impl AgentBench {
    /// What runs commands, with the settings that these flags and this environment lead to.
    pub(crate) fn new(flags: Flags, environment: &Environment) -> Self {
        let environment = environment.clone();
        Self { flags, environment, tiers: Mutex::default(), benches: Mutex::default() }
    }

    fn config(&self) -> Result<Config, Failure> {
        Ok(Config::load(&self.flags, &self.environment)?)
    }

    fn tiers(&self, config: &Config) -> Result<Tiers, Failure> {
        let of = (config.execution.isolation, config.execution.image.clone());
        let mut tried = self.tiers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tried) = tried.as_ref().filter(|tried| tried.of == of) {
            return Ok(tried.tiers.clone());
        }
        preview::sweep(&config.data_dir);
        let tiers = execution::tiers(config, &execution::records(config))?;
        *tried = Some(Tried { of, tiers: tiers.clone() });
        Ok(tiers)
    }
}

impl Workbench for AgentBench {
    fn bench(&self, terms: &Terms) -> Result<Bench, Failure> {
        let config = self.config()?;
        allows(&config, terms)?;
        let workspace = workspace(terms)?;
        is_inside(&config, &workspace)?;
        let policy = execution::policy(&config, None, Some(&workspace))?;
        are_those(&config, &policy, terms)?;
        let judge = Judge::new(policy);
        let of = (config, execution::digest(&judge));
        let terms_digest = Terms::digest(&terms.text()?);
        let mut benches = self.benches.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = benches.get(&terms_digest).filter(|kept| kept.of == of) {
            return Ok(kept.bench.clone());
        }
        let tiers = self.tiers(&of.0)?;
        let executor = execution::executor_with(&of.0, &self.environment, judge, tiers)?;
        let bench = Bench {
            executor: Arc::new(executor),
            workspace: Arc::new(workspace),
            limits: limits(&of.0.execution, terms),
        };
        if benches.len() >= KEPT_MAX {
            benches.clear();
        }
        benches.insert(terms_digest, Kept { of, bench: bench.clone() });
        Ok(bench)
    }
}

impl std::fmt::Debug for AgentBench {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgentBench").finish_non_exhaustive()
    }
}

/// Refuses terms that go further than the settings do.
///
/// # Errors
/// `execution_disabled`, with what to write where.
pub(crate) fn allows(config: &Config, terms: &Terms) -> Result<(), Denied> {
    let at = &config.execution;
    if !at.agents {
        return Err(narrower(config, "the settings let no agent ask for commands", "agents = true"));
    }
    if terms.mode > at.mode {
        let message =
            format!("mode {} was enabled here, and the settings allow {} at most", terms.mode, at.mode);
        return Err(narrower(config, &message, &format!("mode = \"{}\"", terms.mode)));
    }
    if terms.network && !at.network {
        let message = "commands with the network were enabled here, and the settings allow none";
        return Err(narrower(config, message, "network = true"));
    }
    Ok(())
}

/// Refuses a workspace that is none of those of the settings, nor below one.
///
/// # Errors
/// `execution_disabled`, with what to write where.
pub(crate) fn is_inside(config: &Config, workspace: &Workspace) -> Result<(), Denied> {
    // Where links lead now is what counts: the workspace's own path has none.
    let is_root = |root: &Path| workspace.path().starts_with(root);
    let mut roots = config.execution.workspaces.iter().filter_map(|path| path.canonicalize().ok());
    if roots.any(|root| is_root(&root)) {
        return Ok(());
    }
    let path = workspace.path().display();
    let message = format!("the settings let no agent have commands run in {path}");
    Err(narrower(config, &message, &format!("workspaces = [\"{path}\"]")))
}

/// Refuses settings other than those that terms were made under: what runs without being asked for is what they let run.
fn are_those(config: &Config, policy: &Policy, terms: &Terms) -> Result<(), Denied> {
    if execution::bound(config, policy) == terms.settings {
        return Ok(());
    }
    let file = config.file.display();
    let message = "the settings of this server are not those that commands were enabled under";
    Err(Denied::new(Code::ExecutionDisabled, message).hint(format!(
        "tell your user: policy, sandbox, image, readable, environment, path or git_identity under [execution] in {file} \
         changed, or this server reads another file; `mab yolo enable` enables commands under what holds now; or propose the \
         command with send_to_partner, action_type proposal"
    )))
}

/// The folder that was enabled.
fn workspace(terms: &Terms) -> Result<Workspace, Denied> {
    let void = |why: String| {
        Denied::new(Code::ApprovalVoid, format!("the workspace {} that was enabled {why}", terms.workspace))
            .hint("tell your user to look what happened to it, and to enable it anew with `mab yolo enable`")
    };
    let found = Workspace::open(Path::new(&terms.workspace))
        .map_err(|denied| void(format!("cannot be used any more: {}", denied.message)))?;
    let named = (&terms.workspace_device, &terms.workspace_inode);
    if (&found.device().to_string(), &found.inode().to_string()) != named {
        return Err(void("is another folder now".to_owned()));
    }
    Ok(found)
}

/// How much each command gets: what the settings say, and no more time than was enabled.
fn limits(at: &Execution, terms: &Terms) -> Limits {
    let time_s = terms.timeout_s.map_or(at.limits.time_s, |most| most.clamp(1, at.limits.time_s));
    Limits { time_s, ..at.limits }
}

fn narrower(config: &Config, message: &str, line: &str) -> Denied {
    let file = config.file.display();
    Denied::new(Code::ExecutionDisabled, message).hint(format!(
        "tell your user: {line} under [execution] in {file} allows it, or `mab yolo enable` with less; or propose the \
         command with send_to_partner, action_type proposal"
    ))
}

/// Sets of terms that something is kept for.
const KEPT_MAX: usize = 16;

#[cfg(test)]
mod tests;
