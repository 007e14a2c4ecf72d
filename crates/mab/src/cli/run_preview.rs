//! The view that `mab run --preview` runs on: what the command would change is shown, then applied or discarded.

use std::{os::fd::BorrowedFd, path::Path, sync::Arc};

use clap::Args;
use mab_core::{Clock as _, Code, Denied, Random};
use mab_exec::{
    Finished, Outcome, Planted, Surface, View, Workspace,
    preview::{Preview, Proposed, protected},
    snapshot::{Change, Kept, SnapshotId, Snapshots, TextChange, What},
};
use serde_json::{Value, json};

use crate::{
    cli::{
        Exit, Output, Trouble, Visible, finished,
        output::{CAREFUL, GOOD, STRONG},
        place::Place,
        snapshot,
        table::Page,
        terminal::Terminal,
    },
    config::Config,
    execution,
    system::{OsRandom, SystemClock},
};

/// Whether there is a preview, and what becomes of it.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct PreviewChoice {
    /// Run it on a copy-on-write view, show what would change, and ask.
    #[arg(long)]
    preview: bool,
    /// Run it on the workspace itself, also where `execution.preview` is on.
    #[arg(long, conflicts_with = "preview")]
    no_preview: bool,
    /// Apply the preview without asking, if the command ended by itself.
    #[arg(long, conflicts_with_all = ["no_preview", "discard"])]
    apply: bool,
    /// Discard the preview without asking.
    #[arg(long, conflicts_with = "no_preview")]
    discard: bool,
}

/// What becomes of a preview.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Ask,
    Apply,
    Discard,
}

impl PreviewChoice {
    /// Whether there is to be one; `usually` when nothing is said.
    pub(crate) fn is_wanted(&self, usually: bool) -> Result<bool, Denied> {
        let wanted = self.preview || (usually && !self.no_preview);
        if !wanted && self.answer() != Answer::Ask {
            let message = "--apply and --discard are about a preview, and this is none; nothing was run";
            return Err(Denied::new(Code::InvalidArguments, message).hint("add --preview"));
        }
        Ok(wanted)
    }

    pub(crate) fn answer(&self) -> Answer {
        match (self.apply, self.discard) {
            (true, _) => Answer::Apply,
            (false, true) => Answer::Discard,
            (false, false) => Answer::Ask,
        }
    }
}

/// Refuses where there are no overlays, before anybody is asked.
pub(crate) fn is_possible(config: &Config) -> Result<(), Trouble> {
    execution::can_preview(&config.data_dir)?.map_err(|why| {
        let message = format!("{}; nothing was run", why.reason);
        Denied::new(Code::SandboxUnavailable, message).hint(why.hint).into()
    })
}

/// A view of a workspace for one command. Whatever happens, its folder is removed, here or at the next start.
pub(crate) struct Staged {
    preview: Preview,
    snapshots: Snapshots,
    workspace: Arc<Workspace>,
}

/// What became of it.
struct Settled {
    proposed: Proposed,
    applied: bool,
    undo: Option<SnapshotId>,
    /// What was applied that others would obey.
    planted: Vec<Planted>,
}

impl Staged {
    pub(crate) fn begin(config: &Config, workspace: &Arc<Workspace>) -> Result<Self, Trouble> {
        let random: Arc<dyn Random> = Arc::new(OsRandom);
        Ok(Self {
            snapshots: execution::snapshots(config)?,
            preview: Preview::begin(&config.data_dir, workspace, &random)?,
            workspace: Arc::clone(workspace),
        })
    }

    pub(crate) fn view(&self) -> View {
        self.preview.view()
    }

    /// Prints how the command ended, shows what it would change, and applies or discards it. `stop` is readable once the
    /// person has had enough.
    pub(crate) fn settle(
        self,
        ended: &Finished,
        (answer, stop): (Answer, BorrowedFd<'_>),
        output: Output,
    ) -> Result<Exit, Trouble> {
        let settled = self.see(ended, (answer, stop), output);
        // Also what could not be applied: the command can be run again, and what is there now is not what it saw.
        let discarded = self.preview.discard();
        let exit = finished::exit(&ended.outcome)?;
        if output.is_json() {
            let mut value = finished::json(ended)?;
            let preview = settled.as_ref().map_or(Value::Null, Settled::json);
            if let Some(object) = value.as_object_mut() {
                object.insert("preview".to_owned(), preview);
            }
            output.json(&value)?;
        }
        settled?;
        discarded?;
        Ok(exit)
    }

    fn see(
        &self,
        ended: &Finished,
        (answer, stop): (Answer, BorrowedFd<'_>),
        output: Output,
    ) -> Result<Settled, Trouble> {
        if !output.is_json() {
            // A snapshot is no way to undo what is not in the workspace yet.
            finished::print(ended, || None, output)?;
        }
        finished::exit(&ended.outcome)?;
        let is_protected = protected(&self.workspace);
        let proposed = self.preview.proposed(&self.snapshots, &self.workspace, &is_protected)?;
        let nothing = proposed.difference.changes.is_empty();
        let is_whole = matches!(ended.outcome, Outcome::Exited { .. });
        let terminal = (answer == Answer::Ask && is_whole && !nothing).then(Terminal::open).flatten();
        let apply = match &terminal {
            Some(terminal) => self.ask(&proposed, terminal, stop)?,
            None => answer == Answer::Apply && is_whole && !nothing,
        };
        if terminal.is_none() && !output.is_json() {
            let mut page = Output::talk_page();
            summary(&proposed, &mut page);
            Output::talk(page.as_str().trim_end_matches('\n'));
        }
        if !apply {
            Output::talk(match (nothing, is_whole, answer, &terminal) {
                (true, ..) => "nothing would change",
                (_, false, ..) => "discarded, because it was ended before it was done; nothing was changed",
                (_, _, Answer::Ask, None) => {
                    "discarded, because there is no terminal to ask at; nothing was changed (--apply applies)"
                }
                (_, _, Answer::Ask | Answer::Apply | Answer::Discard, _) => "discarded; nothing was changed",
            });
            return Ok(Settled { proposed, applied: false, undo: None, planted: Vec::new() });
        }
        self.apply(ended, &proposed)
    }

    fn apply(&self, ended: &Finished, shown: &Proposed) -> Result<Settled, Trouble> {
        let unsaved = || Denied::new(Code::Internal, "the workspace was not saved before the command");
        let since: SnapshotId = ended.snapshot.as_deref().ok_or_else(unsaved)?.parse()?;
        let is_protected = protected(&self.workspace);
        let at = (&since, SystemClock.now(), shown);
        let before = Surface::look(&self.workspace);
        let applied = self.preview.apply_as_shown(&self.snapshots, &self.workspace, &is_protected, at);
        // Also of what was applied in part.
        let planted = before.settle(&self.workspace);
        finished::tell_planted(&planted);
        let applied = applied?;
        for kept in applied.kept.iter().filter(|kept| !shown.refused.contains(kept)) {
            Output::talk(&left_out(kept));
        }
        if let Some(undo) = &applied.undo {
            let place = Place::option(self.workspace.path());
            Output::talk(&format!("{GOOD}applied{GOOD:#}; `mab snapshot restore {undo}{place}` undoes it"));
        }
        let proposed = Proposed { difference: applied.plan, refused: applied.kept };
        Ok(Settled { proposed, applied: true, undo: applied.undo, planted })
    }

    /// Shows all of it on the terminal, and asks until one of the two words is typed.
    fn ask(&self, proposed: &Proposed, terminal: &Terminal, stop: BorrowedFd<'_>) -> Result<bool, Trouble> {
        let mut page = terminal.page();
        self.texts(proposed, &mut page)?;
        page.line("");
        summary(proposed, &mut page);
        page.line(&format!(
            "{CAREFUL}apply does this to{CAREFUL:#} {}",
            Visible::line(&self.workspace.path().display().to_string())
        ));
        for _ in 0..ASKED_MAX {
            match terminal.ask_unless(&page, "type apply or discard:", stop)?.as_deref() {
                Some("apply") => return Ok(true),
                Some("discard") | None => return Ok(false),
                Some(_) => page = terminal.page(),
            }
        }
        Ok(false)
    }

    /// Adds how the text of each file would change.
    fn texts(&self, proposed: &Proposed, page: &mut Page) -> Result<(), Trouble> {
        let is_file = |change: &&Change| change.after.is_some_and(|side| side.what == What::File);
        let files: Vec<&Path> =
            proposed.difference.changes.iter().filter(is_file).map(|change| change.path.as_path()).collect();
        let shown = files.get(..TEXTS_MAX).unwrap_or(&files);
        let texts = self.preview.texts(&self.workspace, shown)?;
        let mut left = LINES_MAX;
        for (path, change) in shown.iter().zip(&texts) {
            let said = match change {
                TextChange::Same => continue,
                TextChange::Binary => "it is no text on one side, or too large",
                TextChange::Unified(text) if text.lines().count() > left => "too long to show here",
                TextChange::Unified(_) => "",
            };
            page.line(&format!("\n{STRONG}{}{STRONG:#} {said}", name(path)));
            if let (TextChange::Unified(text), "") = (change, said) {
                left = left.saturating_sub(text.lines().count());
                // Each line begins with a mark, so that none of it looks like one of ours.
                page.line(Visible::text(text).as_str().trim_end_matches('\n'));
            }
        }
        let more = files.len() - shown.len();
        if more > 0 {
            page.line(&format!("\n{CAREFUL}the texts of {more} more files are not shown{CAREFUL:#}"));
        }
        Ok(())
    }
}

impl Settled {
    fn json(&self) -> Value {
        let refused = self.proposed.refused.iter();
        let refused: Vec<_> =
            refused.map(|kept| json!({"path": kept.path.display().to_string(), "why": kept.why})).collect();
        json!({
            "done": if self.applied { "applied" } else { "discarded" },
            "changes": snapshot::changes_json(&self.proposed.difference),
            "refused": refused,
            "planted": self.planted,
            "undo": self.undo.as_ref().map(SnapshotId::as_str),
        })
    }
}

/// Adds every path that would change, and every one that never will.
fn summary(proposed: &Proposed, page: &mut Page) {
    if !proposed.difference.changes.is_empty() {
        snapshot::changes(&proposed.difference, page);
    }
    for kept in &proposed.refused {
        page.line(&left_out(kept));
    }
}

fn left_out(kept: &Kept) -> String {
    format!("{CAREFUL}never applied:{CAREFUL:#} {} ({})", name(&kept.path), Visible::line(&kept.why))
}

fn name(path: &Path) -> Visible {
    Visible::line(&path.display().to_string())
}

/// How often a person is asked before it is taken for a no.
const ASKED_MAX: u32 = 3;

/// How many files' texts, and lines of them, are shown. The table names every path, whatever its length.
const TEXTS_MAX: usize = 200;
const LINES_MAX: usize = 5_000;
