//! Amazon Web Services: access key ids, secret access keys and session tokens.
//!
//! *Source*: AWS IAM user guide, "Unique identifiers" (prefixes of access key ids).

use crate::rule::{Finder, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "aws-access-key-id",
        placeholder: super::AWS_KEY,
        description: "AWS access key id (AKIA, ASIA, ABIA, ACCA, A3T)",
        literals: &["akia", "asia", "abia", "acca", "a3t"],
        finder: Finder::Pattern("(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}"),
    },
    Rule {
        id: "aws-secret-key",
        placeholder: super::AWS_KEY,
        description: "AWS secret access key or session token in an assignment",
        literals: &["secret", "token"],
        finder: Finder::Keys(&[
            "secretaccesskey",
            "awssecretkey",
            "awssecret",
            "awssessiontoken",
            "awssecuritytoken",
        ]),
    },
];
