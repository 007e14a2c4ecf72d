//! Credentials of HTTP authorization headers (RFC 9110 §11.6.2, RFC 6750, RFC 7617).

use crate::rule::{Finder, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule::new(
        "authorization-header",
        super::BEARER_TOKEN,
        "Credentials in an Authorization header, whatever their scheme",
        &["authorization"],
        Finder::Function(crate::header::find_authorization),
    ),
    Rule::new(
        "bearer-token",
        super::BEARER_TOKEN,
        "Token after the word Bearer",
        &["bearer"],
        Finder::Function(crate::header::find_bearer),
    ),
];
