//! The checks of `mab doctor` that tell what can be run here, and how. None starts an engine. Nothing is changed but
//! that the empty folders go which killed runs left in workspaces.

use std::{os::unix::fs::MetadataExt as _, path::Path};

use mab_exec::{TierReport, Tiers, Workspace};

use crate::{
    cli::{Trouble, doctor::Check, doctor_agents::sandbox},
    config::{Config, Isolation},
    execution,
};

/// The sandboxes, the policy and the workspaces.
pub(super) fn running(config: &Config) -> Vec<Check> {
    // The tiers are tried out on notes of their own, so that a check needs no data folder.
    Tiers::take_away_left(&execution::records(config));
    let mut checks = tiers(config);
    checks.push(match execution::policy(config, None, None) {
        Ok(policy) => {
            Check::good("policy", format!("mode {}, digest {}", config.execution.mode, policy.digest()))
        }
        Err(denied) => Check::trouble("policy", &Trouble::Denied(denied)),
    });
    checks.extend(config.execution.workspaces.iter().map(|path| match Workspace::open(path) {
        Ok(_) => Check::good("workspace", path.display().to_string()),
        Err(denied) => Check::warn(
            "workspace",
            format!("{}: {}", path.display(), denied.message),
            denied.hint.unwrap_or_default(),
        ),
    }));
    if config.execution.workspaces.is_empty() {
        checks.push(Check::good("workspace", "none: agents have nothing run".to_owned()));
    }
    let at = &config.execution;
    let folders =
        at.path.iter().map(|path| ("path", path)).chain(at.readable.iter().map(|path| ("readable", path)));
    checks.extend(folders.filter_map(|(key, path)| folder(key, path)));
    checks
}

/// What is wrong with a folder of `execution.path` or `execution.readable`.
fn folder(key: &str, path: &Path) -> Option<Check> {
    let warn = |what: &str, hint: &str| {
        Some(Check::warn("execution", format!("{key}: {} {what}", path.display()), hint))
    };
    let Ok(real) = path.canonicalize() else {
        return warn("is not there", "make it, or take it out of the configuration");
    };
    if key != "path" {
        return None;
    }
    if path.to_string_lossy().contains(':') {
        return warn(
            "has a `:`, which PATH cannot hold",
            "give the folder another name, or a link without one",
        );
    }
    let is_open = |part: &Path| {
        part.metadata().is_ok_and(|found| {
            let is_kept = found.mode() & 0o1000 != 0;
            found.mode() & 0o022 != 0 && !is_kept
        })
    };
    real.ancestors()
        .any(is_open)
        .then(|| warn("can be changed by others", "take that right away: chmod go-w"))?
}

/// Each tier: what it enforces, or what is missing. Notes of a try-out go to a folder that is removed.
fn tiers(config: &Config) -> Vec<Check> {
    let records = match tempfile::tempdir() {
        Ok(records) => records,
        Err(error) => {
            let message = format!("cannot be tried out: {error}");
            return vec![Check::warn("sandbox", message, "make room in the folder for temporary files")];
        }
    };
    let tiers = match execution::tiers(config, records.path()) {
        Ok(tiers) => tiers,
        Err(failure) => return vec![Check::trouble("sandbox", &Trouble::from(failure))],
    };
    let mut checks: Vec<_> = tiers.report().into_iter().map(tier).collect();
    checks.extend(sandbox(config, &tiers));
    if !matches!(config.execution.isolation, Isolation::Container(_)) {
        let message = "T3 containers: not asked for by execution.sandbox".to_owned();
        checks.push(Check::good("sandbox", message));
    }
    checks.extend(preview(config));
    checks
}

/// Whether commands can run on a view. It is tried in the data folder, because not every file system holds one; where that
/// is not there yet, in the folder for temporary files. Nothing is left of it.
fn preview(config: &Config) -> Option<Check> {
    let folder =
        if config.data_dir.is_dir() { tempfile::tempdir_in(&config.data_dir) } else { tempfile::tempdir() };
    // What is wrong with the data folder is a check of its own.
    let folder = folder.ok()?;
    Some(match execution::can_preview(folder.path()) {
        Ok(Ok(())) => Check::good("preview", "copy-on-write view: overlayfs".to_owned()),
        Ok(Err(why)) => Check::warn("preview", why.reason, why.hint),
        Err(failure) => Check::trouble("preview", &Trouble::from(failure)),
    })
}

fn tier(report: TierReport) -> Check {
    match report.available {
        Ok(enforced) => Check::good("sandbox", format!("{}: {}", report.tier, enforced.join(", "))),
        Err(why) => Check::warn("sandbox", format!("{}: {}", report.tier, why.reason), why.hint),
    }
}
