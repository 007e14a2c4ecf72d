//! Secrets known by the place they stand in: statements, headers, calls, manifests.

use crate::places;
use crate::rule::{Class, Finder, Layer, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule::new(
        "sql-password",
        super::PASSWORD,
        "Password in a SQL statement: IDENTIFIED BY '…', PASSWORD('…')",
        &["identified", "= password("],
        Finder::Function(places::find_sql),
    )
    .class(Class::Password),
    Rule::new(
        "session-cookie",
        super::SESSION_COOKIE,
        "Generated value of a cookie in a Cookie or Set-Cookie header",
        &["cookie"],
        Finder::Function(places::find_cookies),
    )
    .layer(Layer::Generic)
    .class(Class::Session),
    Rule::new(
        "credential-pair",
        super::PASSWORD,
        "Password behind a user name in brackets: auth=(\"me\", \"…\")",
        &["auth", "credential", "creds", "login"],
        Finder::Function(places::find_pair),
    )
    .layer(Layer::Generic)
    .class(Class::Password),
    Rule::new(
        "piped-password",
        super::PASSWORD,
        "Password that is piped into a command: echo … | docker login --password-stdin",
        &["--password-stdin", "chpasswd", "passwd --stdin"],
        Finder::Function(places::find_piped),
    )
    .layer(Layer::Generic)
    .class(Class::Password),
    Rule::new(
        "kubernetes-secret",
        super::SECRET,
        "Values of a Kubernetes manifest of kind Secret",
        &["kind"],
        Finder::Function(places::find_manifest),
    )
    .layer(Layer::Generic)
    .class(Class::Password),
];
