//! `mab snapshot`: what was saved of a workspace, what changed since, and back.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use mab_core::{Clock as _, Code, Denied};
use mab_exec::{
    Workspace,
    snapshot::{
        Change, Difference, How, Restored, Side, Snapshot as Taken, SnapshotId, Snapshots, TextChange, What,
    },
};
use serde_json::{Value, json};

use crate::{
    cli::{
        Exit, Output, Trouble, Visible,
        operator::Operator,
        output::CAREFUL,
        place::Place,
        table::{Column, Page, Table},
        terminal::Terminal,
    },
    config::Config,
    execution,
    system::SystemClock,
};

/// Arguments of `mab snapshot`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab snapshot list\n  \
    mab snapshot diff 0123456789abcdef                what changed since\n  \
    mab snapshot restore 0123456789abcdef --dry-run   what would be done\n  \
    mab snapshot restore 0123456789abcdef\n\n\
    A workspace is saved before every command that may write there. A restore saves it\n\
    first as well, so that it can be undone.")]
pub(crate) struct Snapshot {
    #[command(subcommand)]
    command: SnapshotCommand,
}

#[derive(Debug, Subcommand)]
enum SnapshotCommand {
    /// List the snapshots of a workspace, the newest first.
    #[command(
        after_help = "Without a terminal the tab-separated cells are: id, when, files, bytes, paths not\n\
        saved, what for."
    )]
    List(Place),
    /// Save a workspace now.
    Take {
        #[command(flatten)]
        place: Place,
        /// What for.
        #[arg(long, value_name = "TEXT", default_value = "by hand")]
        label: String,
    },
    /// Show what changed since a snapshot.
    #[command(
        after_help = "Without a terminal the tab-separated cells are: added, removed or changed, what it\n\
        was, what it is, path."
    )]
    Diff {
        /// Its id; `mab snapshot list` shows it.
        id: SnapshotId,
        /// Show how the text of this file changed, instead of the list.
        file: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
    },
    /// Bring a snapshot back: what was changed or removed since comes back, what was added goes.
    #[command(
        after_help = "It shows what it will do and asks; without a terminal it needs --yes. The workspace\n\
        is saved first, so that the restore can be undone."
    )]
    Restore {
        /// Its id; `mab snapshot list` shows it.
        id: SnapshotId,
        #[command(flatten)]
        place: Place,
        /// Show what would be done, and do nothing.
        #[arg(long)]
        dry_run: bool,
        /// Bring back the repository's own state too: HEAD, references, index, configuration.
        #[arg(long)]
        with_git: bool,
        /// Do not ask.
        #[arg(long, conflicts_with = "dry_run")]
        yes: bool,
    },
    /// Remove old snapshots of all workspaces.
    Prune {
        /// How many of each workspace stay; default: `execution.snapshots_keep`.
        #[arg(long, value_name = "NUMBER")]
        keep: Option<u32>,
        /// How many days they stay; default: `execution.snapshots_days`.
        #[arg(long, value_name = "DAYS")]
        days: Option<u32>,
    },
}

impl Snapshot {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let config = operator.config()?;
        let output = operator.output;
        match &self.command {
            SnapshotCommand::List(place) => list(&config, &place.open()?, output)?,
            SnapshotCommand::Take { place, label } => {
                let workspace = place.open()?;
                let taken = execution::snapshots(&config)?.take(&workspace, label, SystemClock.now())?;
                tell_taken(&taken, output)?;
            }
            SnapshotCommand::Diff { id, file, place } => {
                let (workspace, snapshots) = (place.open()?, existing(&config, id)?);
                match file {
                    Some(file) => text(&snapshots.text(&workspace, id, file)?, output)?,
                    None => tell(&snapshots.diff(&workspace, id)?, output)?,
                }
            }
            SnapshotCommand::Restore { id, place, dry_run, with_git, yes } => {
                let (workspace, snapshots) = (place.open()?, existing(&config, id)?);
                let how = How { dry_run: *dry_run, with_git: *with_git };
                restore(&snapshots, (&workspace, id), (how, *yes), output)?;
            }
            SnapshotCommand::Prune { keep, days } => prune(&config, *keep, *days, output)?,
        }
        Ok(Exit::OK)
    }
}

fn existing(config: &Config, id: &SnapshotId) -> Result<Snapshots, Trouble> {
    execution::existing_snapshots(config)?.ok_or_else(|| {
        let message = format!("there is no snapshot {id}: nothing was ever saved");
        Denied::new(Code::NotFound, message).hint("check --data-dir and MAB_DATA_DIR").into()
    })
}

fn list(config: &Config, workspace: &Workspace, output: Output) -> Result<(), Trouble> {
    let snapshots = execution::existing_snapshots(config)?;
    let all = snapshots.map(|snapshots| snapshots.list(workspace)).transpose()?.unwrap_or_default();
    if output.is_json() {
        return output.json(&all.iter().map(taken_json).collect());
    }
    if all.is_empty() {
        Output::talk("nothing of this workspace is saved");
        return Ok(());
    }
    let mut page = output.page();
    let row = |taken: &Taken| {
        vec![
            Visible::line(taken.id.as_str()),
            page.moment(Some(&taken.taken_at.to_string())),
            taken.files.into(),
            page.bytes(taken.bytes),
            taken.not_saved_total.into(),
            Visible::line(&taken.label),
        ]
    };
    let rows = all.iter().map(row).collect();
    let columns = &[
        Column::Id("id"),
        Column::Whole("taken"),
        Column::Number("files"),
        Column::Number("size"),
        Column::Number("not saved"),
        Column::Text("for"),
    ];
    page.table(&Table { kind: None, columns, rows });
    Output::data(page.as_str())
}

fn taken_json(taken: &Taken) -> Value {
    let not_saved = taken.not_saved.iter();
    let not_saved: Vec<_> =
        not_saved.map(|one| json!({"path": shown(&one.path), "why": one.why.to_string()})).collect();
    json!({
        "id": taken.id.as_str(), "label": taken.label, "taken_at": taken.taken_at, "files": taken.files,
        "bytes": taken.bytes, "head": taken.head, "not_saved": not_saved, "not_saved_total": taken.not_saved_total,
    })
}

fn tell_taken(taken: &Taken, output: Output) -> Result<(), Trouble> {
    if output.is_json() {
        return output.json(&taken_json(taken));
    }
    let mut page = output.page();
    page.field("snapshot", &Visible::line(taken.id.as_str()));
    page.field("files", &taken.files.into());
    let size = page.bytes(taken.bytes);
    page.field("size", &size);
    page.field("not saved", &taken.not_saved_total.into());
    for one in &taken.not_saved {
        page.aside(&format!("  {} ({})", Visible::line(&shown(&one.path)), one.why));
    }
    Output::data(page.as_str())
}

fn text(change: &TextChange, output: Output) -> Result<(), Trouble> {
    let (kind, unified) = match change {
        TextChange::Same => ("same", None),
        TextChange::Unified(text) => ("changed", Some(text)),
        TextChange::Binary => ("binary", None),
    };
    if output.is_json() {
        return output.json(&json!({"change": kind, "diff": unified}));
    }
    if let Some(text) = unified {
        return Output::data(Visible::text(text).as_str());
    }
    Output::talk(if kind == "same" { "nothing changed" } else { "it is no text on one side, or too large" });
    Ok(())
}

fn tell(difference: &Difference, output: Output) -> Result<(), Trouble> {
    if output.is_json() {
        return output.json(&json!({"changes": changes_json(difference)}));
    }
    if difference.changes.is_empty() {
        Output::talk("nothing changed");
        return Ok(());
    }
    let mut page = output.page();
    changes(difference, &mut page);
    Output::data(page.as_str())
}

pub(crate) fn changes_json(difference: &Difference) -> Vec<Value> {
    let side = |side: &Option<Side>| {
        side.map(
            |side| json!({"what": what(side.what), "mode": format!("{:o}", side.mode), "size": side.size}),
        )
    };
    let change = |change: &Change| {
        json!({
            "path": shown(&change.path), "change": kind(change),
            "before": side(&change.before), "after": side(&change.after),
        })
    };
    difference.changes.iter().map(change).collect()
}

/// Adds what differs, one path a row.
pub(crate) fn changes(difference: &Difference, page: &mut Page) {
    let side = |side: Option<Side>| {
        let text =
            |side: Side| Visible::line(&format!("{} {:o} {} B", what(side.what), side.mode, side.size));
        side.map_or_else(crate::cli::table::absent, text)
    };
    let row = |change: &Change| {
        vec![
            Visible::line(kind(change)),
            side(change.before),
            side(change.after),
            Visible::line(&shown(&change.path)),
        ]
    };
    let rows = difference.changes.iter().map(row).collect();
    let columns =
        &[Column::Whole("change"), Column::Whole("from"), Column::Whole("to"), Column::Text("path")];
    page.table(&Table { kind: None, columns, rows });
}

fn kind(change: &Change) -> &'static str {
    match (change.before, change.after) {
        (None, _) => "added",
        (Some(_), None) => "removed",
        (Some(_), Some(_)) => "changed",
    }
}

fn what(what: What) -> &'static str {
    match what {
        What::File => "file",
        What::Link => "link",
        What::Folder => "folder",
    }
}

/// Shows what a restore does, asks, and does it.
fn restore(
    snapshots: &Snapshots,
    (workspace, id): (&Workspace, &SnapshotId),
    (how, yes): (How, bool),
    output: Output,
) -> Result<(), Trouble> {
    let now = SystemClock.now();
    let planned = snapshots.restore(workspace, id, How { dry_run: true, ..how }, now)?;
    if how.dry_run {
        return tell_restored(&planned, output);
    }
    let asked = !yes && !planned.plan.changes.is_empty();
    if asked {
        let unasked = || {
            Denied::new(Code::ApprovalRequired, "there is no terminal to ask at; nothing was changed")
                .hint("--dry-run shows what would be done, --yes does it")
        };
        let terminal = Terminal::open().ok_or_else(unasked)?;
        let mut page = terminal.page();
        changes(&planned.plan, &mut page);
        page.line(&format!(
            "{CAREFUL}this is done to{CAREFUL:#} {}",
            Visible::line(&shown(workspace.path()))
        ));
        let answer = terminal.ask(&page, "restore? [y/N]")?;
        if !matches!(answer.as_str(), "y" | "Y" | "yes") {
            Output::talk("nothing was changed");
            return Ok(());
        }
    }
    let mut restored = snapshots.restore(workspace, id, how, now)?;
    if asked && !output.is_json() {
        // It was just shown.
        restored.plan.changes.clear();
    }
    tell_restored(&restored, output)
}

fn tell_restored(restored: &Restored, output: Output) -> Result<(), Trouble> {
    if output.is_json() {
        let kept: Vec<_> =
            restored.kept.iter().map(|kept| json!({"path": shown(&kept.path), "why": kept.why})).collect();
        return output.json(&json!({
            "changes": changes_json(&restored.plan),
            "kept": kept,
            "undo": restored.undo.as_ref().map(SnapshotId::as_str),
        }));
    }
    if !restored.plan.changes.is_empty() {
        tell(&restored.plan, output)?;
    }
    for kept in &restored.kept {
        let (path, why) = (Visible::line(&shown(&kept.path)), Visible::line(&kept.why));
        Output::talk(&format!("left as it is: {path} ({why})"));
    }
    match &restored.undo {
        Some(undo) => Output::talk(&format!("restored; `mab snapshot restore {undo}` undoes it")),
        None => Output::talk("a dry run: nothing was changed"),
    }
    Ok(())
}

fn prune(config: &Config, keep: Option<u32>, days: Option<u32>, output: Output) -> Result<(), Trouble> {
    let at = &config.execution;
    let (keep, days) = (keep.unwrap_or(at.snapshots_keep), days.unwrap_or(at.snapshots_days));
    let snapshots = execution::existing_snapshots(config)?;
    let age_s = u64::from(days) * execution::DAY_S;
    let pruned =
        snapshots.map(|all| all.prune(keep, age_s, SystemClock.now())).transpose()?.unwrap_or_default();
    if output.is_json() {
        return output.json(&json!({"snapshots": pruned.snapshots, "freed_bytes": pruned.freed_bytes}));
    }
    let mut page = output.page();
    page.field("removed", &pruned.snapshots.into());
    let freed = page.bytes(pruned.freed_bytes);
    page.field("freed", &freed);
    Output::data(page.as_str())
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
