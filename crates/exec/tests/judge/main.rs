//! The judge in the modes `safe` and `restricted`: advisories of other tools by name, hostile text of every kind, and what
//! an agent is told.

mod advisories;
mod git;
mod hostile;
mod mended;
mod obeyed;
mod told;

use std::sync::LazyLock;

use mab_exec::{Decision, Judge, Mode, Policy, Verdict, Wanted};

/// Judges by the builtin policy.
static JUDGE: LazyLock<Judge> = LazyLock::new(|| Judge::new(Policy::builtin()));

#[cfg(test)]
fn judged(mode: Mode, command: &str) -> Verdict {
    JUDGE.judge(mode, &Wanted::Text(command.to_owned()), None)
}

#[cfg(test)]
fn decided(mode: Mode, command: &str) -> Decision {
    judged(mode, command).decision
}

/// Holds that all of `commands` are denied in both modes.
#[cfg(test)]
fn denied(commands: &[&str]) {
    for command in commands {
        for mode in [Mode::Safe, Mode::Restricted] {
            let verdict = JUDGE.judge(mode, &Wanted::Text((*command).to_owned()), None);
            assert_eq!(verdict.decision, Decision::Deny, "{mode}: {command:?}");
            assert_eq!(verdict.plan, None, "{mode}: {command:?}");
        }
    }
}
