//! The rule pack.
//!
//! *Formats* are data: one file per family in `rules/`, compiled into a table by the build script. The *generic layer* is
//! written in Rust: one file per family here. Rules are written from the public facts of a format (prefix, alphabet,
//! length), never copied. Checksums are never required: a mistyped token is still a leak.
//!
//! To add a format, add an entry to its file in `rules/`; the build checks the entry and a test its vectors. To add to the
//! generic layer, add an entry to the `RULES` of its family, and vectors to `tests/secrets.rs` and `tests/harmless.rs`.

mod assignment;
mod authorization;
mod everywhere;
mod places;
mod private_key;
mod prose;
mod token;
mod url;
mod vendor;

use crate::rule::Rule;

/// Tables made by the build script.
mod pack {
    use crate::rule::{Class, Finder, Format, Layer, Name, Place, Rule, Words};

    include!(concat!(env!("OUT_DIR"), "/pack.rs"));
}

/// Every rule in order of precedence; where two see the same text, the first one names it.
pub(crate) fn all() -> impl Iterator<Item = &'static Rule> {
    [
        private_key::RULES,
        pack::FORMATS,
        token::RULES,
        authorization::RULES,
        url::RULES,
        places::RULES,
        assignment::RULES,
        prose::RULES,
        vendor::RULES,
        everywhere::RULES,
    ]
    .into_iter()
    .flatten()
}

/// Says whether a text is the placeholder of some rule.
pub(crate) fn is_placeholder(text: &str) -> bool {
    GENERIC_PLACEHOLDERS.contains(&text) || pack::PLACEHOLDERS.binary_search(&text).is_ok()
}

/// Id of the rule for keys whose name says little, which therefore asks more of the value.
pub(crate) const NAMED_KEY: &str = "named-key";

/// Placeholders of the generic layer; names of the original bridge, and of rules of a policy.
const GENERIC_PLACEHOLDERS: &[&str] = &[
    AWS_KEY,
    PRIVATE_KEY,
    BEARER_TOKEN,
    API_KEY,
    PASSWORD,
    SECRET,
    GITHUB_TOKEN,
    OPENAI_KEY,
    JWT,
    SESSION_COOKIE,
    BRIDGE_TOKEN,
    VENDOR_KEY,
    CUSTOM,
    DENIED_SECRET,
    GENERATED_VALUE,
];

const AWS_KEY: &str = "AWS_KEY_REDACTED";
const PRIVATE_KEY: &str = "PRIVATE_KEY_REDACTED";
const BEARER_TOKEN: &str = "BEARER_TOKEN_REDACTED";
const API_KEY: &str = "API_KEY_REDACTED";
const PASSWORD: &str = "PASSWORD_REDACTED";
const SECRET: &str = "SECRET_REDACTED";
const GITHUB_TOKEN: &str = "GITHUB_TOKEN_REDACTED";
const OPENAI_KEY: &str = "OPENAI_KEY_REDACTED";
const JWT: &str = "JWT_REDACTED";
const SESSION_COOKIE: &str = "SESSION_COOKIE_REDACTED";
const BRIDGE_TOKEN: &str = "BRIDGE_TOKEN_REDACTED";
/// Id of the rule for tokens that the caller knows by value: give it to [`crate::Memory::add_value`].
pub const BRIDGE_TOKEN_RULE: &str = "bridge-token";
const VENDOR_KEY: &str = "VENDOR_KEY_REDACTED";
/// Placeholder of a rule of a policy that names none.
pub(crate) const CUSTOM: &str = "CUSTOM_SECRET_REDACTED";
/// Placeholder of the operator's own secrets.
pub(crate) const DENIED_SECRET: &str = "DENIED_SECRET_REDACTED";
const GENERATED_VALUE: &str = "GENERATED_VALUE_REDACTED";
