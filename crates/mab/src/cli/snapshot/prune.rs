//! `mab snapshot prune`: removes old snapshots.

use mab_core::{Clock as _, Code, Denied};
use serde_json::json;

use crate::{
    cli::{Output, Trouble, terminal::Terminal},
    config::Config,
    execution,
    system::SystemClock,
};

/// Asks, and removes those that are too old or too many.
pub(super) fn run(
    config: &Config,
    (keep, days): (Option<u32>, Option<u32>),
    yes: bool,
    output: Output,
) -> Result<(), Trouble> {
    let at = &config.execution;
    let (keep, days) = (keep.unwrap_or(at.snapshots_keep), days.unwrap_or(at.snapshots_days));
    if !yes {
        let unasked = || {
            Denied::new(Code::ApprovalRequired, "there is no terminal to ask at; nothing was removed")
                .hint("--yes removes without a question")
        };
        let terminal = Terminal::open().ok_or_else(unasked)?;
        let mut page = terminal.page();
        page.line(&format!(
            "of each workspace the newest {} of the last {days} days stay, at least one",
            keep.max(1)
        ));
        if !matches!(terminal.ask(&page, "remove all others? [y/N]")?.as_str(), "y" | "Y" | "yes") {
            Output::talk("nothing was removed");
            return Ok(());
        }
    }
    let snapshots = execution::existing_snapshots(config)?;
    let age_s = u64::from(days) * execution::DAY_S;
    let pruned =
        snapshots.map(|all| all.prune(keep, age_s, SystemClock.now())).transpose()?.unwrap_or_default();
    if output.is_json() {
        return output.json(&json!({
            "snapshots": pruned.snapshots, "freed_bytes": pruned.freed_bytes, "passed_over": pruned.passed_over,
        }));
    }
    if pruned.passed_over > 0 {
        Output::talk(&format!("{} workspaces were passed over: in use, or damaged", pruned.passed_over));
    }
    let mut page = output.page();
    page.field("removed", &pruned.snapshots.into());
    let freed = page.bytes(pruned.freed_bytes);
    page.field("freed", &freed);
    Output::data(page.as_str())
}
