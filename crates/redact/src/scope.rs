//! What surrounds a text: the conversation that it is part of.

use std::ops::Range;

use crate::engine::{Engine, Exhausted};
use crate::joint;
use crate::memory::{Digest, Memory};
use crate::rule::Match;
use crate::text::Text;
use crate::{Finding, Redaction};

/// What is known of the conversation that a text is part of; nothing by default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scope<'a> {
    /// What was found in it before.
    pub memory: Option<&'a Memory>,
    /// Values that are known in clear and looked for as well, such as the tokens of a conversation's members: apart from
    /// what was found, so that neither drives out the other.
    pub values: Option<&'a Memory>,
    /// The end of the text that came before from the same sender, as it was written, up to [`TAIL_BYTES`]: a token cut in
    /// two by the two texts is seen, and what of it is in the later one is replaced.
    pub tail: &'a str,
    /// Whether placeholders say which of them stand for the same value: `GITHUB_TOKEN_REDACTED#k7q2m9xa`. Needs a memory,
    /// for its key. Passwords and values that could be guessed never get one.
    pub fingerprints: bool,
}

/// A text that was redacted as part of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scoped {
    /// The text and what was found.
    pub redaction: Redaction,
    /// Values to remember, if the text is kept: give each to [`Memory::add`].
    pub learned: Vec<Digest>,
}

/// Bytes of an earlier text that are looked at.
pub const TAIL_BYTES: usize = 512;

/// What is seen with the help of a scope.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) matches: Vec<Match>,
    /// What is the second half of a secret.
    pub(crate) joined: Option<Range<usize>>,
}

impl Scope<'_> {
    /// What stands in a text that only the conversation makes a secret.
    pub(crate) fn find(&self, engine: &Engine, text: Text<'_>, budget: u64) -> Result<Known, Exhausted> {
        let mut known = Known::default();
        for memory in [self.memory, self.values].into_iter().flatten() {
            memory.find(engine, text, &mut known.matches);
        }
        if let Some(joined) = joint::find(engine, self.tail, text, budget)? {
            known.joined = Some(joined.range.clone());
            known.matches.push(joined);
        }
        Ok(known)
    }
}

/// Says of the finding that holds this range that it is the second half of a secret.
pub(crate) fn mark_joined(findings: &mut [Finding], range: Option<Range<usize>>) {
    let Some(range) = range else { return };
    for finding in findings {
        finding.joined = finding.start <= range.start && range.end <= finding.end;
    }
}
