//! `mab snapshot`: what was saved of a workspace, what changed since, and back.

mod prune;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use mab_core::{Clock as _, Code, Denied};
use mab_exec::{
    Workspace,
    snapshot::{
        Change, Difference, How, Kept, Restored, Saved, Side, Snapshot as Taken, SnapshotId, Snapshots,
        TextChange, What,
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
    List {
        #[command(flatten)]
        place: Place,
        /// Every workspace that has snapshots, also those that are gone.
        #[arg(long, conflicts_with = "workspace")]
        all: bool,
    },
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
        /// Bring back the repository's own state too: HEAD, references, index, objects, configuration.
        #[arg(long)]
        with_git: bool,
        /// Bring it back to this folder instead, also when it was taken of another one.
        #[arg(long, value_name = "FOLDER", conflicts_with = "workspace")]
        to: Option<PathBuf>,
        /// Do not ask.
        #[arg(long, conflicts_with = "dry_run")]
        yes: bool,
    },
    /// Remove old snapshots of all workspaces; the newest of each stays.
    #[command(after_help = "It asks first; without a terminal it needs --yes.")]
    Prune {
        /// How many of each workspace stay; default: `execution.snapshots_keep`.
        #[arg(long, value_name = "NUMBER")]
        keep: Option<u32>,
        /// How many days they stay; default: `execution.snapshots_days`.
        #[arg(long, value_name = "DAYS")]
        days: Option<u32>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

impl Snapshot {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let config = operator.config()?;
        let output = operator.output;
        match &self.command {
            SnapshotCommand::List { all: true, .. } => list_all(&config, output)?,
            SnapshotCommand::List { place, all: false } => list(&config, &place.open()?, output)?,
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
            SnapshotCommand::Restore { id, place, dry_run, with_git, to, yes } => {
                let place =
                    to.as_ref().map_or_else(|| place.clone(), |to| Place { workspace: Some(to.clone()) });
                let (workspace, snapshots) = (place.open()?, existing(&config, id)?);
                let how = How { dry_run: *dry_run, with_git: *with_git, from_any: to.is_some(), shown: None };
                restore(&snapshots, (&workspace, id), (how, *yes), output)?;
            }
            SnapshotCommand::Prune { keep, days, yes } => prune::run(&config, (*keep, *days), *yes, output)?,
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
    let all = snapshots.as_ref().map(|all| all.list(workspace)).transpose()?.unwrap_or_default();
    let damaged = snapshots.map(|all| all.damaged(workspace)).transpose()?.unwrap_or_default();
    if damaged > 0 {
        Output::talk(&format!("{damaged} more cannot be read: their records are damaged"));
    }
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

fn list_all(config: &Config, output: Output) -> Result<(), Trouble> {
    let snapshots = execution::existing_snapshots(config)?;
    let all = snapshots.map(|all| all.workspaces()).transpose()?.unwrap_or_default();
    let name = |saved: &Saved| saved.path.as_ref().map_or_else(|| "unknown".to_owned(), |path| shown(path));
    if output.is_json() {
        let one = |saved: &Saved| {
            let snapshots: Vec<_> = saved.snapshots.iter().map(taken_json).collect();
            json!({"workspace": name(saved), "snapshots": snapshots})
        };
        return output.json(&all.iter().map(one).collect());
    }
    if all.is_empty() {
        Output::talk("nothing is saved");
        return Ok(());
    }
    let mut page = output.page();
    let row = |saved: &Saved| {
        let newest = saved.snapshots.first();
        vec![
            Visible::line(newest.map_or("", |taken| taken.id.as_str())),
            page.moment(newest.map(|taken| taken.taken_at.to_string()).as_deref()),
            (saved.snapshots.len() as u64).into(),
            Visible::line(&name(saved)),
        ]
    };
    let rows = all.iter().map(row).collect();
    let columns = &[
        Column::Id("newest"),
        Column::Whole("taken"),
        Column::Number("snapshots"),
        Column::Text("workspace"),
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
        let skipped = kept_json(&difference.skipped);
        return output.json(&json!({"changes": changes_json(difference), "skipped": skipped}));
    }
    tell_skipped(difference);
    if difference.changes.is_empty() {
        let nothing = if difference.skipped.is_empty() { "nothing changed" } else { "nothing else changed" };
        Output::talk(nothing);
        return Ok(());
    }
    let mut page = output.page();
    changes(difference, &mut page);
    Output::data(page.as_str())
}

/// Tells what could not be compared: it may have changed, and a restore does not bring it back.
fn tell_skipped(difference: &Difference) {
    for skipped in &difference.skipped {
        let (path, why) = (Visible::line(&shown(&skipped.path)), Visible::line(&skipped.why));
        Output::talk(&format!("not compared: {path} ({why})"));
    }
}

fn kept_json(kept: &[Kept]) -> Vec<Value> {
    kept.iter().map(|kept| json!({"path": shown(&kept.path), "why": kept.why})).collect()
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
        What::Other => "not saved",
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
    let is_nothing = planned.plan.changes.is_empty() && planned.plan.skipped.is_empty();
    if how.dry_run || is_nothing {
        return tell_restored(&planned, (workspace, how), output);
    }
    let is_own = !how.from_any && !snapshots.is_of_other_folder(workspace, id)?;
    let asked = !yes && !planned.plan.changes.is_empty();
    if asked {
        let unasked = || {
            Denied::new(Code::ApprovalRequired, "there is no terminal to ask at; nothing was changed")
                .hint("--dry-run shows what would be done, --yes does it")
        };
        let terminal = Terminal::open().ok_or_else(unasked)?;
        let mut page = terminal.page();
        tell_skipped(&planned.plan);
        changes(&planned.plan, &mut page);
        if !is_own {
            page.line(&format!("{CAREFUL}the snapshot was taken of another folder{CAREFUL:#}"));
        }
        page.line(&format!(
            "{CAREFUL}this is done to{CAREFUL:#} {}",
            Visible::line(&shown(workspace.path()))
        ));
        if let Some(left) = git_left(&planned) {
            page.line(&left);
        }
        let answer = terminal.ask(&page, "restore? [y/N]")?;
        if !matches!(answer.as_str(), "y" | "Y" | "yes") {
            Output::talk("nothing was changed");
            return Ok(());
        }
    }
    // With --yes nobody looked: then there is no plan to keep to.
    let agreed = planned.plan.seal.filter(|_| asked);
    let mut restored = snapshots.restore(workspace, id, How { shown: agreed, ..how }, now)?;
    if asked && !output.is_json() {
        // It was just shown.
        restored.plan.changes.clear();
        restored.plan.skipped.clear();
    }
    tell_restored(&restored, (workspace, how), output)?;
    if restored.damaged.is_empty() {
        return Ok(());
    }
    let message =
        format!("{} paths could not be brought back: the snapshot is damaged", restored.damaged.len());
    Err(Denied::new(Code::Internal, message).hint("bring these back from another snapshot").into())
}

/// What of repositories is not brought back, with what does it; none when all is as it was.
fn git_left(restored: &Restored) -> Option<String> {
    let paths = match restored.git_left {
        0 => return None,
        1 => "1 path of .git is".to_owned(),
        more => format!("{more} paths of .git are"),
    };
    Some(format!("{paths} not as then (commits, branches, index) and left so; --with-git brings these back"))
}

fn tell_restored(
    restored: &Restored,
    (workspace, how): (&Workspace, How),
    output: Output,
) -> Result<(), Trouble> {
    if output.is_json() {
        return output.json(&json!({
            "changes": changes_json(&restored.plan),
            "skipped": kept_json(&restored.plan.skipped),
            "kept": kept_json(&restored.kept),
            "git_left": restored.git_left,
            "damaged": restored.damaged.iter().map(|path| shown(path)).collect::<Vec<_>>(),
            "undo": restored.undo.as_ref().map(SnapshotId::as_str),
        }));
    }
    if restored.plan.changes.is_empty() {
        tell_skipped(&restored.plan);
    } else {
        tell(&restored.plan, output)?;
    }
    for path in &restored.damaged {
        Output::talk(&format!("not brought back, its content is damaged: {}", Visible::line(&shown(path))));
    }
    for kept in &restored.kept {
        let (path, why) = (Visible::line(&shown(&kept.path)), Visible::line(&kept.why));
        Output::talk(&format!("left as it is: {path} ({why})"));
    }
    let left = git_left(restored);
    if let Some(left) = &left {
        Output::talk(left);
    }
    match &restored.undo {
        Some(undo) => {
            let place = Place::option(workspace.path());
            let git = if how.with_git { " --with-git" } else { "" };
            Output::talk(&format!("restored; `mab snapshot restore {undo}{place}{git}` undoes it"));
        }
        None if how.dry_run => Output::talk("a dry run: nothing was changed"),
        None if left.is_some() => Output::talk("nothing to do without --with-git"),
        None => Output::talk("nothing to do: it is as it was saved"),
    }
    Ok(())
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
