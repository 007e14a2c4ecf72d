//! Finds secrets in text and replaces them by placeholders.

mod finding;
mod redactor;

pub use finding::{Finding, Redacted, Redaction, RuleInfo};
pub use redactor::Redactor;
