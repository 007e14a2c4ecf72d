//! What is wrong with a policy.

use std::fmt;

/// What is wrong with a policy, and what to do about it. It never holds a value that is to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFault {
    what: String,
    hint: String,
}

impl PolicyFault {
    pub(crate) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }

    /// What to do.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

impl fmt::Display for PolicyFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.what)
    }
}

impl std::error::Error for PolicyFault {}
