//! The literals that every match of a pattern begins with.
//!
//! Compiled twice: by the build script for the rules of the crate, and into the crate for those of a policy.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::Hir;
use regex_syntax::hir::literal::{ExtractKind, Extractor};

/// Parses a pattern as the engine does: bytes with ASCII classes.
pub(crate) fn parse(pattern: &str) -> Result<Hir, String> {
    ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern).map_err(|error| error.to_string())
}

/// The strings in lower case, one of which every match of `pattern` begins with, each of at least [`SHORTEST`] bytes.
///
/// # Errors
/// A sentence about what is wrong, when a match may begin with something shorter.
pub(crate) fn prefixes(pattern: &Hir) -> Result<Vec<String>, String> {
    let mut extractor = Extractor::new();
    extractor.kind(ExtractKind::Prefix).limit_class(8).limit_total(128).limit_literal_len(24);
    let sequence = extractor.extract(pattern);
    let Some(literals) = sequence.literals() else {
        return Err("a match may begin with anything".to_owned());
    };
    let mut texts: Vec<String> = Vec::new();
    for literal in literals {
        let text = String::from_utf8(literal.as_bytes().to_ascii_lowercase())
            .map_err(|_| "a match may begin with bytes that are no text".to_owned())?;
        if text.len() < SHORTEST {
            return Err(format!("a match may begin with {text:?}, which is too short to look for"));
        }
        texts.push(text);
    }
    texts.sort();
    texts.dedup_by(|later, earlier| later.starts_with(earlier.as_str()));
    Ok(texts)
}

/// Shortest literal; shorter ones are seen everywhere.
pub(crate) const SHORTEST: usize = 3;
