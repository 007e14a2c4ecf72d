//! Values that are no secrets although they look like some, known by their hash so that no file holds them.

use std::fmt;
use std::ops::Range;

use sha2::{Digest, Sha256};

use super::PolicyFault;
use crate::rule::{Match, Name};
use crate::text::Text;

/// A value that is left in the text: exactly this one, not a longer one around it.
#[derive(Clone, PartialEq, Eq)]
pub struct Allowed {
    hash: [u8; 32],
    rule: Option<Name>,
}

impl Allowed {
    /// Takes the SHA-256 of the value in hexadecimal digits, as [`Allowed::hash_of`] makes it. With a rule, the value is
    /// left only where that rule found it. A secret of the operator's own is left only if its rule is named.
    ///
    /// # Errors
    /// A [`PolicyFault`] if these are not 64 digits.
    pub fn new(sha256: &str, rule: Option<String>) -> Result<Self, PolicyFault> {
        let hash = hex::decode(sha256).ok().and_then(|bytes| bytes.try_into().ok());
        let hash = hash.ok_or_else(|| {
            PolicyFault::new(
                "an allowed value is not given by 64 hexadecimal digits",
                "`mab redact --hash` prints those of a value from stdin",
            )
        })?;
        Ok(Self { hash, rule: rule.map(Name::Owned) })
    }

    /// The hash by which a value is allowed.
    pub fn hash_of(value: &str) -> String {
        hex::encode(Sha256::digest(value))
    }

    /// The rule that it is about, if it is about one.
    pub(crate) fn rule(&self) -> Option<&Name> {
        self.rule.as_ref()
    }
}

impl fmt::Debug for Allowed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Allowed({}…", hex::encode(self.hash.get(..4).unwrap_or_default()))?;
        self.rule.as_ref().map_or(Ok(()), |rule| write!(formatter, ", {rule}"))?;
        formatter.write_str(")")
    }
}

/// Takes out the matches that are allowed, and those inside of them; `name` tells the rule of a match.
pub(crate) fn retain<'a>(
    allowed: &[Allowed],
    text: Text<'_>,
    matches: &mut Vec<Match>,
    name: impl Fn(&Match) -> Option<&'a Name>,
) {
    if allowed.is_empty() {
        return;
    }
    let mut free: Vec<Range<usize>> = Vec::new();
    matches.retain(|found| {
        let is_free = name(found).is_some_and(|rule| is_allowed(allowed, text, found, rule));
        if is_free && name(found).is_some_and(|rule| rule != super::DENIED) {
            free.push(found.range.clone());
        }
        !is_free
    });
    free.sort_unstable_by_key(|range| (range.start, range.end));
    // Only a later range that also reaches further can hold what an earlier one does not.
    let mut reach = 0;
    free.retain(|range| {
        let before = reach;
        reach = reach.max(range.end);
        before < range.end
    });
    matches.retain(|found| {
        let next = free.partition_point(|range| range.start <= found.range.start);
        let around = next.checked_sub(1).and_then(|index| free.get(index));
        around.is_none_or(|range| found.range.end > range.end)
            || name(found).is_some_and(|rule| rule == super::DENIED)
    });
}

fn is_allowed(allowed: &[Allowed], text: Text<'_>, found: &Match, rule: &Name) -> bool {
    if found.range.len() > LONGEST {
        return false;
    }
    text.spend(found.range.len());
    let hash: [u8; 32] = Sha256::digest(text.slice(found.range.clone())).into();
    allowed.iter().any(|one| {
        let of_rule = match &one.rule {
            Some(named) => named == rule,
            None => rule != super::DENIED,
        };
        of_rule && one.hash == hash
    })
}

/// Longest value that can be allowed.
const LONGEST: usize = 4096;
