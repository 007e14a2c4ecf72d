//! Tokens of the bridge itself, and JSON Web Tokens (RFC 7519): a header begins with `{"`, which is `eyJ` in base64url.

use crate::rule::{Class, Finder, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule::new(
        super::BRIDGE_TOKEN_RULE,
        super::BRIDGE_TOKEN,
        "Token of an agent of this bridge, wherever it stands; known by its value",
        &["bridge token"],
        Finder::Function(crate::memory::by_value_only),
    )
    .class(Class::Session),
    Rule::new(
        "jwt",
        super::JWT,
        "JSON Web Token (three base64url parts, the first two beginning with eyJ)",
        &["eyj"],
        Finder::Function(crate::token::find_jwt),
    )
    .class(Class::Session),
];
