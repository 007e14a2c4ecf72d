//! The seat belt of mode `yolo`: reads any shell text and stops what nobody should approve by mistake.
//!
//! The sandbox is the boundary and a person has approved the exact text; this is a second line, and a text can be written
//! that it does not see through (a program in another language, a script of the workspace). It must not get in the way of
//! ordinary work, so a word in data is only a word: what counts is what would be executed. It reads the text as bash and
//! POSIX shells do, follows variables, functions, files and substitutions as far as they can be known, takes wrappers away
//! (`env`, `sh -c`, `xargs`, `find -exec`, …), and asks the families of rules about each command.
//!
//! It is bounded: depth, size and steps have limits, and what is beyond them is refused, never let through. It starts
//! nothing and reads no file. To add a rule, add a row to [`rules()`] and the check to the family it belongs to; the row's
//! examples are a test.

mod builtins;
mod code;
mod command;
mod containers;
mod executed;
mod expand;
mod files;
mod network;
mod output;
mod parse;
mod paths;
mod rules;
mod syntax;
mod system;
mod value;
mod walk;
mod words;
mod wrappers;

#[cfg(test)]
mod tests;

pub use rules::{Rule, rules};

use value::Value;
use walk::Walk;

use crate::COMMAND_MAX_BYTES;

/// Steps per byte of the text, and steps for any text: a step is about one byte that is read once more.
const STEPS_PER_BYTE: usize = 16;
const STEPS_FREE: usize = 256 * 1024;

/// Why a text is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The name of the rule, from [`rules()`].
    pub(crate) rule: &'static str,
    /// A sentence for who asked. It may quote the text.
    pub(crate) reason: String,
}

/// Looks at shell text.
///
/// # Errors
/// The first rule that refuses it.
pub(crate) fn look(text: &str) -> Result<(), Refusal> {
    look_counted(text).0
}

/// The words of shell text, as far as they are known before it runs. Of a text that is refused, those before that.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> {
    let mut walk = Walk::new(STEPS_FREE + STEPS_PER_BYTE * text.len());
    drop(walk.text(&Value::known(text), &[], &Value::unknown()));
    walk.words.into_iter()
}

/// Looks at shell text, and counts the steps.
fn look_counted(text: &str) -> (Result<(), Refusal>, usize) {
    let budget = STEPS_FREE + STEPS_PER_BYTE * text.len();
    if text.len() > COMMAND_MAX_BYTES {
        return (refuse("too-complex", "the text is longer than can be judged; put it into a script"), 0);
    }
    if let Some(hidden) = text.chars().find(|&c| is_hidden(c)) {
        let code = u32::from(hidden);
        let reason = format!("the text holds the invisible character U+{code:04X}; leave it out");
        return (refuse("hidden-text", reason), 0);
    }
    let mut walk = Walk::new(budget);
    let verdict = walk.text(&Value::known(text), &[], &Value::unknown()).map(drop);
    (verdict, budget - walk.budget)
}

fn refuse<T>(rule: &'static str, reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { rule, reason: reason.into() })
}

/// Characters that show something else than they are: controls, marks of direction, and those without a width. Joiners
/// are part of ordinary scripts and emoji.
fn is_hidden(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => false,
        '\u{200b}'
        | '\u{2060}'..='\u{2064}'
        | '\u{feff}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{e0000}'..='\u{e007f}' => true,
        _ => c.is_control(),
    }
}
