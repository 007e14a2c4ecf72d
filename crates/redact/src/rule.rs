//! What a rule is made of.

use std::ops::Range;

use crate::text::Text;

/// A rule: one kind of secret, how to see it and what to put in its place.
#[derive(Debug)]
pub(crate) struct Rule {
    /// Stable, public name.
    pub(crate) id: &'static str,
    /// Text that replaces the secret.
    pub(crate) placeholder: &'static str,
    /// One line for the user.
    pub(crate) description: &'static str,
    /// ASCII strings, one of which every match contains (in any case); the finder runs only where one was seen.
    pub(crate) literals: &'static [&'static str],
    /// How the match is made once a literal was seen.
    pub(crate) finder: Finder,
}

/// How a rule turns a seen literal into a secret.
#[derive(Debug)]
pub(crate) enum Finder {
    /// The secret begins with the literal and has a format of its own.
    ///
    /// The pattern is matched at the literal, against at most [`PATTERN_WINDOW`] bytes and with ASCII classes. It says
    /// what is *certain*; the engine extends the match to the end of its token, so no pattern needs a right boundary.
    Pattern(&'static str),
    /// The secret is a value; the key in front of it ends in one of these words.
    ///
    /// Words are lower case without separators: `apikey` stands for `api_key`, `API-KEY` and `apiKey`. A leading `-` asks
    /// for a word boundary: `-pass` matches `db_pass` and `dbPass`, but not `compass`.
    Keys(&'static [&'static str]),
    /// Anything else: gets the text and the seen literal, and adds what it finds.
    Function(FindFunction),
}

/// Signature of [`Finder::Function`]; the work per call is bounded, or paid for by the span it adds.
pub(crate) type FindFunction = fn(Text<'_>, Range<usize>, &mut Vec<Range<usize>>);

/// Bytes that a pattern may look at.
pub(crate) const PATTERN_WINDOW: usize = 512;

/// A secret in the input and the rule that saw it.
#[derive(Debug, Clone)]
pub(crate) struct Match {
    /// Place of the secret; both ends are character boundaries.
    pub(crate) range: Range<usize>,
    /// The rule.
    pub(crate) rule: &'static Rule,
    /// Quotes to put around the placeholder, so that a number in JSON becomes a string.
    pub(crate) quotes: Option<Range<usize>>,
}
