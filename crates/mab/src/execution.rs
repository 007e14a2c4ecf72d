//! From settings to the parts that judge, save and run: the one place that builds them.

mod bound;

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use mab_core::{Code, Denied, Failure, Timestamp};
use mab_exec::{
    ContainerSettings, Digest, Executor, ExecutorSettings, Judge, Judges as _, Policy, ProbeSettings,
    SYSTEM_FOLDERS, Saves, Tier, Tiers, Unavailable, Workspace,
    preview::{self, mount},
    snapshot::{Settings, Snapshots},
};
use mab_redact::Redactor;

use crate::{
    config::{Config, Isolation},
    environment::Environment,
    folder::DataFolder,
    hardening,
    system::OsRandom,
};

pub(crate) use bound::bound;

/// Where a project's own policy lies in its workspace; it can only tighten.
pub(crate) const PROJECT_POLICY: &str = ".mab/policy.toml";

/// Seconds of a day.
pub(crate) const DAY_S: u64 = 24 * 60 * 60;

/// The policy in effect in a workspace: built in, the operator's, the project's.
///
/// # Errors
/// `misconfigured`, naming the file, and the line where there is one.
pub(crate) fn policy(
    config: &Config,
    instead: Option<&Path>,
    workspace: Option<&Workspace>,
) -> Result<Policy, Denied> {
    let operator = instead.or(config.execution.policy.as_deref());
    if let Some(path) = operator {
        is_there(path)?;
    }
    // Named also where it is not: one that is put there before a yes is noticed.
    let project = workspace.map(|workspace| workspace.path().join(PROJECT_POLICY));
    Policy::load(operator, project.as_deref())
}

/// Refuses a policy file that is named and not there: without it more would be allowed than its author believes.
pub(crate) fn is_there(path: &Path) -> Result<(), Denied> {
    path.metadata().map(|_| ()).map_err(|error| {
        let message = format!("the policy file {} cannot be read: {error}", path.display());
        Denied::new(Code::Misconfigured, message).hint("correct its path, or leave it out")
    })
}

/// The judge of a workspace.
///
/// # Errors
/// As [`policy`].
pub(crate) fn judge(
    config: &Config,
    instead: Option<&Path>,
    workspace: Option<&Workspace>,
) -> Result<Judge, Denied> {
    Ok(Judge::new(policy(config, instead, workspace)?))
}

/// The policy that a judge judges by.
pub(crate) fn digest(judge: &Judge) -> Digest {
    judge.policy_digest()
}

/// The sandboxes of this machine, tried out. What has to be taken away again is noted in the folder `records`.
///
/// # Errors
/// When this program's own file is not known.
pub(crate) fn tiers(config: &Config, records: &Path) -> Result<Tiers, Failure> {
    let tiers = Tiers::probe(&ProbeSettings { helper: own_file()?, records: records.to_owned() });
    let at = &config.execution;
    Ok(match (at.isolation, &at.image) {
        (Isolation::Container(engine), Some(image)) => {
            let wanted = ContainerSettings { engine, image: image.clone(), socket: None };
            tiers.with_containers(&wanted, records)
        }
        (Isolation::Auto | Isolation::Bubblewrap | Isolation::Container(_), _) => tiers,
    })
}

/// Whether a command can run on a copy-on-write view here; `state_dir` is where the view would lie.
///
/// # Errors
/// What is missing; when this program's own file is not known.
pub(crate) fn can_preview(state_dir: &Path) -> Result<Result<(), Unavailable>, Failure> {
    Ok(mount::probe(&own_file()?, state_dir))
}

fn own_file() -> Result<PathBuf, Failure> {
    // Of a copy in memory no sandbox can see the file: what it was copied from is its name.
    if let Some(file) = std::env::args_os().next().filter(|_| hardening::is_copy()) {
        return Ok(file.into());
    }
    Ok(std::env::current_exe()
        .map_err(|error| mab_core::Fault::from_source("looking for the path of this program", error))?)
}

/// What runs commands here. With `saving`, workspaces are saved before a command that may write.
///
/// # Errors
/// As [`tiers`] and [`snapshots`].
pub(crate) fn executor(
    config: &Config,
    environment: &Environment,
    judge: Judge,
    saving: bool,
) -> Result<Executor, Failure> {
    let saves = || Ok::<Box<dyn Saves>, Failure>(Box::new(Keeper(snapshots(config)?)));
    let saves = saving.then(saves).transpose()?;
    DataFolder::open_or_create(&config.data_dir)?;
    preview::sweep(&config.data_dir);
    let tiers = tiers(config, &records(config))?;
    Ok(Executor::new(executor_settings(config, environment), tiers, judge, saves))
}

/// The same, with sandboxes that were tried out before; it saves workspaces. For a server, which does it often.
///
/// # Errors
/// As [`snapshots`].
pub(crate) fn executor_with(
    config: &Config,
    environment: &Environment,
    judge: Judge,
    tiers: Tiers,
) -> Result<Executor, Failure> {
    let saves: Box<dyn Saves> = Box::new(Keeper(snapshots(config)?));
    Ok(Executor::new(executor_settings(config, environment), tiers, judge, Some(saves)))
}

/// Where it is noted what sandboxes have to take away again.
pub(crate) fn records(config: &Config) -> PathBuf {
    config.data_dir.join("sandbox")
}

/// What the operator decided about every run.
fn executor_settings(config: &Config, environment: &Environment) -> ExecutorSettings {
    let at = &config.execution;
    let value = |name: &String| Some((name.clone(), environment.get(name)?.to_owned()));
    ExecutorSettings {
        path: at.path.clone(),
        environment: at.environment.iter().filter_map(value).chain(identity(config)).collect(),
        readable: at.readable.clone(),
        hidden: hidden(config, environment),
        apart: apart(config, environment),
        may_use_network: at.network,
        sandbox: wish(config),
        redactor: Arc::new(Redactor::with_policy(config.settings.redaction.clone())),
    }
}

/// The sandbox that the operator wishes; none for the strongest that is there.
pub(crate) fn wish(config: &Config) -> Option<Tier> {
    match config.execution.isolation {
        Isolation::Auto => None,
        Isolation::Bubblewrap => Some(Tier::Bubblewrap),
        Isolation::Container(engine) => Some(Tier::Container(engine)),
    }
}

/// In whose name git commits, as it takes it from its environment (git-commit(1)).
fn identity(config: &Config) -> impl Iterator<Item = (String, String)> {
    let parts = config.execution.git_identity.iter().flat_map(|who| {
        let (name, mail) = (&who.name, &who.mail);
        [
            ("GIT_AUTHOR_NAME", name),
            ("GIT_AUTHOR_EMAIL", mail),
            ("GIT_COMMITTER_NAME", name),
            ("GIT_COMMITTER_EMAIL", mail),
        ]
    });
    parts.map(|(name, value)| (name.to_owned(), value.clone()))
}

/// Where a program lies that is not where programs of commands are looked for, but where the caller's are.
pub(crate) fn elsewhere(name: &str, config: &Config, environment: &Environment) -> Option<PathBuf> {
    if name.contains('/') {
        return None;
    }
    let is_program = |path: &PathBuf| {
        path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    let known = config.execution.path.iter().map(PathBuf::as_path).chain(SYSTEM_FOLDERS.map(Path::new));
    if known.map(|folder| folder.join(name)).any(|path| is_program(&path)) {
        return None;
    }
    let folders = environment.get("PATH").map(std::env::split_paths).into_iter().flatten();
    folders.filter(|folder| folder.is_absolute()).map(|folder| folder.join(name)).find(is_program)
}

/// The bridge's own files that are there: no command sees them, whatever else it may read.
fn hidden(config: &Config, environment: &Environment) -> Vec<PathBuf> {
    let state = environment.absolute_folder("HOME").map(|home| home.join(".local/state/mab"));
    let own = [Some(&config.data_dir), Some(&config.database), Some(&config.file), state.as_ref()];
    let copy = config.audit.copy.as_ref();
    own.into_iter().flatten().chain(copy).filter(|path| path.exists()).cloned().collect()
}

/// What no workspace may contain: the bridge's own, whether it is there or not, and the home.
fn apart(config: &Config, environment: &Environment) -> Vec<PathBuf> {
    let home = environment.absolute_folder("HOME");
    let state = home.as_ref().map(|home| home.join(".local/state/mab"));
    let own = [&config.data_dir, &config.database, &config.file].map(Some);
    let all = own.into_iter().chain([home.as_ref(), state.as_ref()]).flatten();
    all.map(|path| path.canonicalize().unwrap_or_else(|_| path.to_owned())).collect()
}

/// The snapshots of all workspaces, in the data folder, which is made if it is not there.
///
/// # Errors
/// As the data folder refuses.
pub(crate) fn snapshots(config: &Config) -> Result<Snapshots, Failure> {
    DataFolder::open_or_create(&config.data_dir)?;
    open(config)
}

/// The same; none when nothing was ever kept.
///
/// # Errors
/// As the data folder refuses.
pub(crate) fn existing_snapshots(config: &Config) -> Result<Option<Snapshots>, Failure> {
    DataFolder::open(&config.data_dir)?.map(|_| open(config)).transpose()
}

fn open(config: &Config) -> Result<Snapshots, Failure> {
    let (at, usual) = (&config.execution, Settings::default());
    let file_max_bytes = u64::from(at.snapshot_file_mib) << 20;
    let total_max_bytes = u64::from(at.snapshot_total_mib) << 20;
    let settings = Settings {
        file_max_bytes,
        git_file_max_bytes: usual.git_file_max_bytes.max(file_max_bytes),
        total_max_bytes,
        store_max_bytes: total_max_bytes.saturating_mul(2),
        keep: at.snapshots_keep,
        max_age_s: u64::from(at.snapshots_days) * DAY_S,
        ..usual
    };
    Ok(Snapshots::open(&config.data_dir, settings, Arc::new(OsRandom))?)
}

/// Saves workspaces for the executor.
struct Keeper(Snapshots);

impl Saves for Keeper {
    fn save(&self, workspace: &Workspace, label: &str, now: Timestamp) -> Result<String, Denied> {
        Ok(self.0.take(workspace, label, now)?.id.to_string())
    }
}
