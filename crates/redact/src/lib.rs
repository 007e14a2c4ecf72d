//! Finds secrets in text and replaces their values by placeholders such as `GITHUB_TOKEN_REDACTED`.
//!
//! # Purpose
//! A guard against accidents: what one agent writes to another, and what is kept, holds no key, token or password. The
//! value goes, everything around it stays: key names, quotes, separators. JSON stays JSON, also inside a JSON string;
//! redacting twice changes nothing more; time is linear in the length of the text.
//!
//! # What it may not do
//! No input or output, no network, no clock, no environment, no `unsafe`. It never keeps or shows a secret: a [`Finding`]
//! has the place and the rule, not the value. It is no barrier against an agent that hides a secret on purpose: spelled
//! out, reversed, encrypted, split over messages.
//!
//! # How it works
//! ```text
//! text ──► one pass for all literals ──► the rule's look at each hit ──► merge ──► propagate ──► render ─┐
//!   ▲        (engine)                          format · keys · function      (merge)   (propagate)            │
//!   └────────────────────────── again, until nothing is found ◄───────────────────────────────────────────────┘
//! ```
//! - *format*: data from `rules/`: a pattern at, around or shortly behind the literal, extended to the end of the token
//!   (`format`, `token`);
//! - *keys*: a value behind a key that names a secret (`assignment`), if it looks like one (`plausible`);
//! - *function*: everything else (`armour`, `header`, `url`, `prose`).
//!
//! The automaton looks at the text and at its views (`view`): without escapes and disguise, with wrapped tokens joined, and
//! with what is encoded decoded, two encodings deep. What is found in an encoded run takes the place of the whole run.
//!
//! Of the conversation that a text is part of, a [`Scope`] tells what was found before (`memory`, digests only) and how the
//! sender's last text ended (`joint`).
//!
//! Every step looks at a bounded number of bytes or pays with a match, which is what makes the whole linear.
//!
//! # To add a rule
//! A format: add an entry with its vectors to a file in `rules/` (see the page there). Anything else: add an entry to a
//! family in `src/rules/` and vectors to `tests/secrets.rs` and `tests/harmless.rs`.

mod armour;
mod assignment;
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
mod literals;
mod memory;
mod merge;
mod places;
mod plausible;
mod policy;
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
    Action, Allowed, CustomRule, DeniedSecrets, LoadedRules, Policy, PolicyFault, Profile, Taken, WrittenRule,
};
pub use redactor::Redactor;
pub use rule::{Class, Name};
pub use rules::BRIDGE_TOKEN_RULE;
pub use scope::{Scope, Scoped, TAIL_BYTES};
pub use view::{Decodings, TooManyDecodings, ViewKind};
