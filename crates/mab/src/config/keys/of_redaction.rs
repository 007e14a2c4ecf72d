//! The policy of redaction.

use super::{Field, Key, Part};

/// One row.
macro_rules! key {
    ($part:ident, $name:literal, $unit:literal, $default:literal, $help:literal) => {
        Key {
            name: concat!("redaction.", $name),
            unit: $unit,
            help: $help,
            default: $default,
            field: Field::Redaction(Part::$part),
        }
    };
}

/// All of them.
pub(super) static OF_REDACTION: &[Key] = &[
    Key {
        name: "redaction.fingerprints",
        unit: "a switch",
        help: "Whether placeholders tell which of them stand for the same secret in a conversation; never for passwords or what could be guessed. The environment can only switch it off.",
        default: "false",
        field: Field::Switch(|settings| &mut settings.fingerprints),
    },
    key!(
        Profile,
        "profile",
        "a word",
        "balanced",
        "Which rules look for secrets: formats alone, also values that are named, also what merely looks generated. The environment can only make it stricter."
    ),
    key!(
        DecodeDepth,
        "decode_depth",
        "encodings",
        "2",
        "How many encodings inside of each other are undone. The environment can only raise it."
    ),
    key!(
        Classes,
        "classes",
        "table of class = action",
        "none",
        "What becomes of what the rules of a class find that the profile lets run: redact, block, warn or off."
    ),
    key!(
        Rules,
        "rules",
        "table of rule = action",
        "none",
        "What becomes of what single rules find; wins over class and profile."
    ),
    key!(
        Rule,
        "rule",
        "array of tables",
        "none",
        "Rules of your own, each under [[redaction.rule]], written as redaction.md says and checked when they are read."
    ),
    key!(
        RulesFiles,
        "rules_files",
        "array of paths",
        "none",
        "Files of more rules in the format of gitleaks or betterleaks."
    ),
    key!(
        Allow,
        "allow",
        "array of { sha256, rule, expires }",
        "none",
        "Values that are no secrets, by the hash that `mab redact --hash` prints; for one rule, or until the end of a day, if these are given."
    ),
    key!(
        DenyFiles,
        "deny_files",
        "array of paths",
        "none",
        "Environment files whose values are taken out wherever they stand."
    ),
    key!(
        DenyHashesFile,
        "deny_hashes_file",
        "path",
        "none",
        "A file of keyed hashes of secrets that are taken out wherever they stand; `mab redact --make-deny-file` makes it."
    ),
];
