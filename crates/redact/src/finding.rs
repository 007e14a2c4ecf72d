//! What a pass of the redactor hands back: the cleaned text and where it was changed.

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

/// One replaced secret; it never holds the secret itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Id of the rule that found it, such as `github-token`.
    pub rule: &'static str,
    /// Text that stands in its place, such as `GITHUB_TOKEN_REDACTED`.
    pub placeholder: &'static str,
    /// First byte of the secret in the input text.
    pub start: usize,
    /// One past the last byte of the secret in the input text.
    pub end: usize,
}

/// A cleaned text with its findings, which are ordered by `start` and do not overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redaction {
    /// The text with every finding replaced.
    pub text: Redacted,
    /// What was replaced, in byte offsets of the input.
    pub findings: Vec<Finding>,
}

/// What a rule tells about itself to a user who lists the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleInfo {
    /// Stable, public name of the rule.
    pub id: &'static str,
    /// Text that stands in place of what the rule finds.
    pub placeholder: &'static str,
    /// One line that says what the rule finds.
    pub description: &'static str,
}
