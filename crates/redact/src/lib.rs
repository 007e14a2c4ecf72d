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
//! out, encoded, split over messages.
//!
//! # How it works
//! ```text
//! text ──► one automaton of all literals ──► the rule's look at each hit ──► merge ──► propagate ──► render ─┐
//!   ▲        (redactor)                        pattern · keys · function     (merge)   (propagate)            │
//!   └────────────────────────── again, until nothing is found ◄───────────────────────────────────────────────┘
//! ```
//! - *pattern*: a token with a prefix of its own, matched at the prefix and extended to the end of the token (`token`);
//! - *keys*: a value behind a key that names a secret (`assignment`), if it looks like one (`plausible`);
//! - *function*: everything else (`armour`, `header`, `url`).
//!
//! Every step looks at a bounded number of bytes or pays with a match, which is what makes the whole linear.
//!
//! # To add a rule
//! Add an entry to a family in `src/rules/` and vectors to `tests/secrets.rs` and `tests/harmless.rs`. Nothing else.

mod armour;
mod assignment;
mod finding;
mod generated;
mod header;
mod merge;
mod plausible;
mod propagate;
mod redactor;
mod rule;
mod rules;
mod text;
mod token;
mod url;

pub use finding::{Finding, Redacted, Redaction, RuleInfo};
pub use redactor::Redactor;
