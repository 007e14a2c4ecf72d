//! The checks of `mab doctor` that tell what the policy of redaction came to.

use mab_redact::{Action, Redactor};

use crate::{cli::doctor::Check, config::Config};

/// Most rules of files that are named.
const NAMED_MAX: usize = 5;

/// What is looked for, and what deserves a look.
pub(super) fn redaction(config: &Config) -> Vec<Check> {
    let name = "redaction";
    let (policy, report) = (&config.settings.redaction, &config.redaction_report);
    let rules: Vec<_> = Redactor::with_policy(policy.clone()).rules().collect();
    let with = |action| rules.iter().filter(|rule| rule.action == action).count();
    let running = rules.len() - with(Action::Off);
    let mut parts =
        vec![format!("profile {}, {running} of {} rules run", policy.profile.as_str(), rules.len())];
    let mut say = |count: usize, what: &str| {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    };
    say(report.rules, "of your own");
    say(report.loaded, "from files");
    say(with(Action::Block), "refuse the text");
    say(with(Action::Warn), "only warn");
    say(report.denied, "secrets of yours are always taken out");
    say(report.left_out, "values of environment files are not looked for");
    say(policy.allow.len(), "values allowed");
    say(report.expired, "allowed no more");
    let mut checks = vec![Check::good(name, parts.join(", "))];
    if !report.notes.is_empty() {
        let named = report.notes.iter().take(NAMED_MAX).map(|(id, note)| format!("{id} ({note})"));
        let message = format!(
            "{} rules of files are not used as they are written: {}",
            report.notes.len(),
            named.collect::<Vec<_>>().join(", ")
        );
        checks.push(Check::warn(name, message, "write what you need of them under [[redaction.rule]]"));
    }
    let warnings = report.warnings.iter();
    checks.extend(warnings.map(|warning| Check::warn(name, warning.message.clone(), warning.hint.clone())));
    checks
}
