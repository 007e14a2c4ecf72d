//! Finds secrets in text and replaces their values by placeholders such as `GITHUB_TOKEN_REDACTED`, fast enough to sit on
//! every write.
//!
//! ```
//! # fn main() -> Result<(), mab_redact::Refusal> {
//! use mab_redact::Redactor;
//!
//! let redactor = Redactor::new();
//! let token = format!("ghp_{}", "a1B2c3D4e5".repeat(4));
//! let redaction = redactor.redact(&format!("export GH_TOKEN={token} # for the release"))?;
//!
//! assert_eq!(redaction.text.as_str(), "export GH_TOKEN=GITHUB_TOKEN_REDACTED # for the release");
//! assert_eq!(redaction.findings[0].rule, "github-token");
//! # Ok(())
//! # }
//! ```
//!
//! # What it finds
//! - tokens and keys of more than a thousand services, by their format or by the name of the service next to them;
//! - values whose name says what they are: in code, environments, YAML, TOML, JSON, XML, headers, cookies, URLs, connection
//!   strings, SQL, command lines, tables, Kubernetes manifests;
//! - private keys, whole, cut off or escaped; web tokens; hashes of passwords; webhooks;
//! - passwords in sentences of nineteen languages;
//! - all of these in disguise: escaped at any depth, wrapped over lines, put together from strings, with invisible or
//!   look-alike characters, coloured, in base64, hexadecimal, percent or HTML encoding, compressed.
//!
//! How well, measured on other people's test cases, and what it misses: `docs/redaction.md`.
//!
//! # What it promises
//! Only the value goes; names, quotes and separators stay. JSON stays JSON, also inside a JSON string. Redacting twice
//! changes nothing more. Time is linear in the length of the text, with a budget: a text made to be slow is refused, not let
//! through. A secret found once goes everywhere in the text.
//!
//! # What it may not do
//! No input or output, no network, no clock, no environment, no randomness, no `unsafe`. It never keeps or shows a secret: a
//! [`Finding`] has the place and the rule, not the value. It is no barrier against an agent that hides a secret on purpose:
//! spelled out, reversed, encrypted.
//!
//! # Policies
//! A [`Policy`] says which rules run and what becomes of what they find; it brings rules, allowed values and real secrets of
//! its own, and can load rule files of gitleaks.
//!
//! ```
//! use mab_redact::{Action, Class, Policy, Profile, Redactor, Refusal};
//!
//! let mut policy = Policy { profile: Profile::Precise, ..Policy::default() };
//! policy.classes.insert(Class::PrivateKey, Action::Block);
//! assert!(policy.check().is_ok());
//!
//! let redactor = Redactor::with_policy(policy);
//! let key = format!("-----BEGIN {0} KEY-----\n{1}\n-----END {0} KEY-----", "PRIVATE", "Ab3/".repeat(12));
//! assert!(matches!(redactor.redact(&key), Err(Refusal::Blocked(_))));
//! ```
//!
//! # Conversations
//! Of the conversation that a text is part of, a [`Scope`] tells what was found before (a [`Memory`] of keyed digests) and
//! how the sender's last text ended, so that a token cut in two by two messages is seen.
//!
//! # How it works
//! ```text
//!          ┌── views: undisguised · joined · decoded ──┐
//! text ────┴─► one pass for all literals (scan) ──► the rule's look at each hit ──► merge ──► propagate ──► render ─┐
//!   ▲            (engine)                            format · keys · function                                       │
//!   └────────────────────────────── again, until nothing is found ◄─────────────────────────────────────────────────┘
//! ```
//! - *format*: data from `rules/`: a pattern at, around or shortly behind the literal, extended to the end of the token
//!   (`format`, `token`);
//! - *keys*: a value behind a key that names a secret (`assignment`), if it looks like one (`plausible`);
//! - *function*: everything else (`armour`, `header`, `url`, `places`, `command`, `prose`);
//! - *view*: the text without escapes and disguise, with cut tokens joined, and with what is encoded decoded; what is found
//!   in an encoded run takes the place of the whole run.
//!
//! Every step looks at a bounded number of bytes or pays with a match, which is what makes the whole linear.
//!
//! # To add a rule
//! A format: add an entry with its vectors to a file in `rules/` (see the page there). Anything else: add an entry to a
//! family in `src/rules/` and vectors to `tests/secrets.rs` and `tests/harmless.rs`.

mod armour;
mod assignment;
mod bare_key;
mod command;
mod engine;
mod escape;
mod everywhere;
mod excuse;
mod finding;
mod fingerprint;
mod format;
mod generated;
mod header;
mod joint;
mod json;
mod literals;
mod memory;
mod merge;
mod places;
mod plausible;
mod policy;
mod prefix;
mod propagate;
mod prose;
mod redactor;
mod rule;
mod rules;
mod scan;
mod scope;
mod shape;
mod text;
mod token;
mod url;
mod vectors;
mod view;
mod warning;

pub use finding::{Finding, Redacted, Redaction, Refusal, RuleInfo};
pub use memory::{Digest, LEARNED_MAX, MEMORY_KEY_BYTES, MEMORY_MAX, Memory};
pub use policy::{
    Action, Allowed, CustomRule, DeniedSecrets, LeftOut, LoadedRules, Policy, PolicyFault, Profile, Taken,
    WrittenRule,
};
pub use redactor::Redactor;
pub use rule::{Class, Name};
pub use rules::BRIDGE_TOKEN_RULE;
pub use scope::{Scope, Scoped, TAIL_BYTES};
pub use view::{Decodings, TooManyDecodings, ViewKind};
