//! What stands in place of a secret: a placeholder, with a fingerprint where one is safe.
//!
//! A fingerprint lets who reads see that two redactions are of the same secret. Who can write can send guesses and compare
//! them, so only what nobody guesses has one: never a password, and no value of less than [`MIN_BITS`] bits.

use std::borrow::Cow;

use crate::Finding;
use crate::engine::Engine;
use crate::memory::Memory;
use crate::rule::{Class, Layer, Match, Rule};
use crate::scope::Scope;
use crate::text::Text;

/// The placeholders of one text.
pub(crate) struct Placeholders<'a> {
    engine: &'a Engine,
    text: Text<'a>,
    memory: Option<&'a Memory>,
}

impl<'a> Placeholders<'a> {
    pub(crate) fn new(engine: &'a Engine, text: Text<'a>, scope: &Scope<'a>) -> Self {
        Self { engine, text, memory: scope.memory.filter(|_| scope.fingerprints) }
    }

    /// What stands in place of a match.
    pub(crate) fn of(&self, found: &Match) -> Cow<'a, str> {
        let placeholder = self.engine.placeholder(found.rule);
        let Some((memory, rule)) = self.memory.zip(self.engine.rule(found.rule)) else {
            return Cow::Borrowed(placeholder);
        };
        let value = self.text.slice(found.range.clone());
        if !is_safe(rule, value) {
            return Cow::Borrowed(placeholder);
        }
        Cow::Owned(format!("{placeholder}#{}", memory.fingerprint(rule.class, value)))
    }

    /// What is told of a match.
    pub(crate) fn finding(&self, found: &Match) -> Option<Finding> {
        self.engine.finding(found)
    }
}

/// Says whether nobody can find the value by guessing.
fn is_safe(rule: &Rule, value: &[u8]) -> bool {
    let random = without_literal(rule, value);
    let has_format =
        rule.layer == Layer::Format && random.len() >= MIN_RANDOM && distinct(random) >= MIN_DISTINCT;
    rule.class != Class::Password && (has_format || bits(value) >= MIN_BITS)
}

/// The value behind the literal that it begins with.
fn without_literal<'a>(rule: &Rule, value: &'a [u8]) -> &'a [u8] {
    let begins = |literal: &&str| {
        value.get(..literal.len()).is_some_and(|head| head.eq_ignore_ascii_case(literal.as_bytes()))
    };
    let literal = rule.literals.iter().filter(begins).map(str::len).max().unwrap_or(0);
    value.get(literal..).unwrap_or_default()
}

/// Bits of a value if each byte was drawn from what is seen of its alphabet: the number of bytes times the logarithm of the
/// alphabet's size, or of the number of different bytes if that is smaller. Words have more bits by this than they have;
/// [`MIN_BITS`] is set so that no single word reaches it.
fn bits(value: &[u8]) -> usize {
    let has = |is_in: fn(&u8) -> bool| value.iter().any(is_in);
    let alphabet = 10 * usize::from(has(u8::is_ascii_digit))
        + 26 * usize::from(has(u8::is_ascii_lowercase))
        + 26 * usize::from(has(u8::is_ascii_uppercase))
        + 32 * usize::from(has(|byte| !byte.is_ascii_alphanumeric()));
    let size = alphabet.min(distinct(value)).max(1);
    let whole = 1 << size.ilog2();
    // Between two powers of two the logarithm is taken for a straight line: a little less than it is.
    value.len() * (size.ilog2() as usize * whole + size - whole) / whole
}

/// Number of different bytes.
fn distinct(value: &[u8]) -> usize {
    let mut seen = [false; 256];
    for &byte in value {
        if let Some(seen) = seen.get_mut(usize::from(byte)) {
            *seen = true;
        }
    }
    seen.iter().filter(|seen| **seen).count()
}

/// Fewest bits of a value with a fingerprint.
const MIN_BITS: usize = 80;
/// Fewest random characters of a value with a format of its own.
const MIN_RANDOM: usize = 16;
/// Fewest different ones among them.
const MIN_DISTINCT: usize = 8;
