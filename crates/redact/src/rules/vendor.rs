//! Keys without a mark of their own, known by the name of their service shortly in front of them.
//!
//! The names are in `rules/vendors.toml`; services whose format is known have rules of their own.

use crate::rule::{Class, Finder, Format, Layer, Name, Place, Rule, Words};

pub(super) static RULES: &[Rule] = &[
    Rule::new(
        "vendor-key",
        super::VENDOR_KEY,
        "Generated value close behind the name of a service",
        super::pack::VENDORS,
        Finder::Format(Format {
            pattern: Name::Borrowed(GENERATED),
            place: Place::Near(Words::Fixed(&[])),
            reach: REACH,
            whole_url: false,
            surely: true,
        }),
    )
    .layer(Layer::Generic)
    .class(Class::ApiKey),
    Rule::new(
        "vendor-named-key",
        super::VENDOR_KEY,
        "Generated value close behind the name of a service and the word key, token, secret, api or auth",
        super::pack::VENDORS_WITH_KEY,
        Finder::Format(Format {
            pattern: Name::Borrowed(GENERATED),
            place: Place::Near(Words::Fixed(&["key", "token", "secret", "api", "auth"])),
            reach: REACH,
            whole_url: false,
            surely: true,
        }),
    )
    .layer(Layer::Generic)
    .class(Class::ApiKey),
];

/// A UUID, a hexadecimal number of at least 128 bits, or a run of letters and digits with marks of neither style of name.
const GENERATED: &str = "[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9A-Za-z]{20,128}";
/// Longest value.
const REACH: usize = 128;
