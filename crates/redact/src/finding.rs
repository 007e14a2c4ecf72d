//! What a pass of the redactor hands back: the cleaned text and where it was changed.

use std::fmt;

use crate::ViewKind;
use crate::policy::Action;
use crate::rule::{Class, Name};

/// Text that went through the redactor.
///
/// *Proof type*: the field is private and only this crate builds one, so a function that takes `Redacted` cannot be
/// given raw text by mistake. Its `Debug` shows the text, because the text is clean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted(String);

impl Redacted {
    /// Wraps text that the engine produced.
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// Shows the clean text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Gives the clean text away.
    pub fn into_string(self) -> String {
        self.0
    }
}

/// One secret that was seen; it never holds the secret itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Id of the rule that found it, such as `github-token`.
    pub rule: Name,
    /// What kind of secret it is.
    pub class: Class,
    /// Text that stands in its place, such as `GITHUB_TOKEN_REDACTED`.
    pub placeholder: Name,
    /// What became of it.
    pub action: Action,
    /// First byte of the secret in the input text.
    pub start: usize,
    /// One past the last byte of the secret in the input text.
    pub end: usize,
    /// The form of the text in which it was seen.
    pub view: ViewKind,
    /// Whether it is the second half of a secret that began in the text before; see [`crate::Scope::tail`].
    pub joined: bool,
}

/// A cleaned text with its findings, which are ordered by `start` and do not overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redaction {
    /// The text with every finding replaced, except those that the policy only warns of.
    pub text: Redacted,
    /// What was seen, in byte offsets of the input.
    pub findings: Vec<Finding>,
    /// Bytes that were looked at, a machine-independent measure of the work.
    pub work: u64,
}

/// Why a text was not let through.
///
/// It holds nothing of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Looking through it would take more work than a text of its length is worth. Happens to text that was made for
    /// that; a shorter one, or one cut in two, can pass.
    TooCostly,
    /// It has a secret that the policy lets nobody send, not even redacted; all that was seen.
    Blocked(Vec<Finding>),
    /// The rules could not be compiled, so nothing can be looked for; does not happen with the rules of the crate.
    Broken,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooCostly => formatter.write_str("looking for secrets in this text takes too long"),
            Self::Blocked(findings) => {
                let blocked = findings.iter().find(|finding| finding.action == Action::Block);
                let rule = blocked.map_or("secret", |finding| finding.rule.as_ref());
                write!(formatter, "the policy refuses what the rule {rule} finds")
            }
            Self::Broken => formatter.write_str("the rules for secrets could not be compiled"),
        }
    }
}

impl std::error::Error for Refusal {}

/// What a rule tells about itself to a user who lists the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleInfo {
    /// Stable, public name of the rule.
    pub id: Name,
    /// What kind of secret it finds.
    pub class: Class,
    /// Text that stands in place of what the rule finds.
    pub placeholder: Name,
    /// What becomes of what it finds.
    pub action: Action,
    /// One line that says what the rule finds.
    pub description: Name,
    /// Page that shows the format; empty for what is no vendor's format.
    pub source: Name,
    /// One line that says how it finds it: a pattern, or words.
    pub shape: String,
}
