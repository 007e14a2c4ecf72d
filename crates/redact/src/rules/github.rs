//! GitHub tokens.
//!
//! *Source*: GitHub docs, "About authentication to GitHub", table of token prefixes.

use crate::rule::{Finder, Rule};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "github-token",
    placeholder: super::GITHUB_TOKEN,
    description: "GitHub personal, OAuth, user, server, refresh and fine-grained token",
    literals: &["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"],
    finder: Finder::Pattern(
        "(?:gh[pousr]_(?:[0-9]+_eyJ[0-9A-Za-z_-]+\\.[0-9A-Za-z_-]+\\.[0-9A-Za-z_-]+|[0-9A-Za-z]{20})|github_pat_[0-9A-Za-z_]{20})",
    ),
}];
