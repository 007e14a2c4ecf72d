//! Private keys in PEM (RFC 7468), OpenSSH and PGP armour (RFC 9580).

use crate::rule::{Class, Finder, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule::new(
        "private-key",
        super::PRIVATE_KEY,
        "PEM, OpenSSH or PGP private key block, whole or cut off",
        &["private key"],
        Finder::Function(crate::armour::find_private_key),
    )
    .class(Class::PrivateKey),
    Rule::new(
        "bare-private-key",
        super::PRIVATE_KEY,
        "base64 of a private key (DER or OpenSSH) without its BEGIN line",
        BEGINNINGS,
        Finder::Function(crate::bare_key::find_bare_key),
    )
    .class(Class::PrivateKey),
];

/// Base64 of a sequence with a length of two bytes or one, or that of a key of elliptic curves; and `openssh-key-v1`.
const BEGINNINGS: &[&str] = &[
    "mii",
    "mig",
    "mih",
    "mc4caq",
    "mdecaq",
    "meccaq",
    "meecaq",
    "mfecaq",
    "mfmcaq",
    "mhccaq",
    "mhqcaq",
    "b3blbnnzac1rzxktdje",
];
