//! Credentials of HTTP authorization headers (RFC 9110 §11.6.2, RFC 6750, RFC 7617).

use crate::rule::{Finder, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "authorization-header",
        placeholder: super::BEARER_TOKEN,
        description: "Credentials in an Authorization header, whatever their scheme",
        literals: &["authorization"],
        finder: Finder::Function(crate::header::find_authorization),
    },
    Rule {
        id: "bearer-token",
        placeholder: super::BEARER_TOKEN,
        description: "Token after the word Bearer",
        literals: &["bearer"],
        finder: Finder::Function(crate::header::find_bearer),
    },
];
