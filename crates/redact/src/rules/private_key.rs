//! Private keys in PEM (RFC 7468), OpenSSH and PGP armour (RFC 9580).

use crate::rule::{Finder, Rule};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "private-key",
    placeholder: super::PRIVATE_KEY,
    description: "PEM, OpenSSH or PGP private key block, whole or cut off",
    literals: &["private key"],
    finder: Finder::Function(crate::armour::find_private_key),
}];
