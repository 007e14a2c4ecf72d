//! The rule pack: one file per family, one entry per rule.
//!
//! To add a rule, add an entry to the `RULES` of its family (or a new family file to [`FAMILIES`]) and a row to the test
//! vectors next to it. Rules are written from the public facts of a format (prefix, alphabet, length), never copied.
//! Checksums are never required: a mistyped token is still a leak.

mod ai;
mod assignment;
mod authorization;
mod aws;
mod github;
mod private_key;
mod url;
mod vendor;

use crate::rule::Rule;

/// Every family; where two rules see the same text, the one listed first names it.
pub(crate) const FAMILIES: &[&[Rule]] = &[
    private_key::RULES,
    aws::RULES,
    github::RULES,
    ai::RULES,
    vendor::RULES,
    authorization::RULES,
    url::RULES,
    assignment::RULES,
];

/// Every rule in order of precedence.
pub(crate) fn all() -> impl Iterator<Item = &'static Rule> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// Every placeholder that a rule writes; such a text is never a finding.
pub(crate) const PLACEHOLDERS: &[&str] =
    &[AWS_KEY, PRIVATE_KEY, BEARER_TOKEN, API_KEY, PASSWORD, SECRET, GITHUB_TOKEN, OPENAI_KEY];

/// Id of the rule for keys whose name says little, which therefore asks more of the value.
pub(crate) const NAMED_KEY: &str = "named-key";

const AWS_KEY: &str = "AWS_KEY_REDACTED";
const PRIVATE_KEY: &str = "PRIVATE_KEY_REDACTED";
const BEARER_TOKEN: &str = "BEARER_TOKEN_REDACTED";
const API_KEY: &str = "API_KEY_REDACTED";
const PASSWORD: &str = "PASSWORD_REDACTED";
const SECRET: &str = "SECRET_REDACTED";
const GITHUB_TOKEN: &str = "GITHUB_TOKEN_REDACTED";
const OPENAI_KEY: &str = "OPENAI_KEY_REDACTED";
