//! The one place that calls what is measured.

use std::cell::Cell;

use mab_redact::{Action, Finding, Redactor, Refusal};

/// The redactor under measurement, and how many texts it refused.
pub(crate) struct Subject {
    redactor: Redactor,
    refused: Cell<u32>,
}

impl Subject {
    /// A fresh engine.
    pub(crate) fn new() -> Self {
        Self { redactor: Redactor::new(), refused: Cell::new(0) }
    }

    /// What does not get through of `text`; nothing if it was refused as too costly, which is no detection.
    pub(crate) fn findings(&self, text: &str) -> Vec<Finding> {
        let mut findings = match self.redactor.redact(text) {
            Ok(redaction) => redaction.findings,
            Err(Refusal::Blocked(findings)) => findings,
            Err(Refusal::TooCostly | Refusal::Broken) => {
                self.refused.set(self.refused.get() + 1);
                Vec::new()
            }
        };
        findings.retain(|finding| matches!(finding.action, Action::Redact | Action::Block));
        findings
    }

    /// Says how many texts were refused, if any were.
    pub(crate) fn report(&self) {
        if self.refused.get() > 0 {
            println!("\n{} texts were refused and count as missed.", self.refused.get());
        }
    }
}
