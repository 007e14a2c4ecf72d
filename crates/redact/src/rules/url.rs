//! Passwords in URLs (RFC 3986 §3.2.1) and on the command line of curl.

use crate::rule::{Finder, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "url-password",
        placeholder: super::PASSWORD,
        description: "Password or token in front of the @ of a URL or connection string",
        literals: &["://", ":\\/\\/"],
        finder: Finder::Function(crate::url::find_userinfo),
    },
    Rule {
        id: "curl-user",
        placeholder: super::PASSWORD,
        description: "Password in curl -u user:password",
        literals: &["curl"],
        finder: Finder::Function(crate::url::find_curl_user),
    },
];
