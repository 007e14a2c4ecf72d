//! Private keys in PEM (RFC 7468), OpenSSH and PGP armour (RFC 9580).

use crate::rule::{Class, Finder, Rule};

pub(super) static RULES: &[Rule] = &[Rule::new(
    "private-key",
    super::PRIVATE_KEY,
    "PEM, OpenSSH or PGP private key block, whole or cut off",
    &["private key"],
    Finder::Function(crate::armour::find_private_key),
)
.class(Class::PrivateKey)];
