//! Tokens of other vendors whose prefix makes them certain, and JSON Web Tokens.
//!
//! *Source*: the token documentation of each vendor; RFC 7519 for JSON Web Tokens (a header begins with `{"`, which is
//! `eyJ` in base64url).

use crate::rule::{Finder, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "google-api-key",
        placeholder: super::API_KEY,
        description: "Google API key (AIza) or OAuth client secret (GOCSPX-)",
        literals: &["aiza", "gocspx-"],
        finder: Finder::Pattern("(?:AIza[0-9A-Za-z_-]{35}|GOCSPX-[0-9A-Za-z_-]{20})"),
    },
    Rule {
        id: "slack-token",
        placeholder: super::API_KEY,
        description: "Slack bot, user, app, configuration or session token",
        literals: &[
            "xoxa-", "xoxb-", "xoxc-", "xoxd-", "xoxe-", "xoxe.", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-",
        ],
        finder: Finder::Pattern(
            "(?:xox[abceoprs]-(?:[0-9][0-9A-Za-z-]{8,}|[0-9A-Za-z-]{20,})|xoxd-[0-9A-Za-z%/+-]{10,}|xoxe\\.xox[bp]-[0-9A-Za-z-]{10}|xapp-[0-9]-[0-9A-Za-z-]{10})",
        ),
    },
    Rule {
        id: "slack-webhook",
        placeholder: super::API_KEY,
        description: "Path of a Slack incoming webhook or workflow trigger",
        literals: &["hooks.slack.com/"],
        finder: Finder::Pattern("hooks\\.slack\\.com/(?:services|workflows|triggers)/[0-9A-Za-z_/-]{20,200}"),
    },
    Rule {
        id: "stripe-key",
        placeholder: super::API_KEY,
        description: "Stripe secret or restricted key, or webhook secret",
        literals: &["sk_live_", "rk_live_", "sk_test_", "rk_test_", "whsec_"],
        finder: Finder::Pattern("(?:[sr]k_(?:live|test)_[0-9A-Za-z]{10}|whsec_[0-9A-Za-z+/=]{20,})"),
    },
    Rule {
        id: "npm-token",
        placeholder: super::API_KEY,
        description: "npm access token",
        literals: &["npm_"],
        finder: Finder::Pattern("npm_[0-9A-Za-z]{30}"),
    },
    Rule {
        id: "pypi-token",
        placeholder: super::API_KEY,
        description: "PyPI or TestPyPI upload token",
        literals: &["pypi-"],
        finder: Finder::Pattern("pypi-AgE[0-9A-Za-z_-]{20}"),
    },
    Rule {
        id: "sendgrid-key",
        placeholder: super::API_KEY,
        description: "SendGrid API key",
        literals: &["sg."],
        finder: Finder::Pattern("SG\\.[0-9A-Za-z_=-]{16,}\\.[0-9A-Za-z_=-]{16,}"),
    },
    Rule {
        id: "gitlab-token",
        placeholder: super::API_KEY,
        description: "GitLab personal, deploy, runner, trigger, job, feed, agent or OAuth token",
        literals: &[
            "glpat-",
            "gldt-",
            "glrt-",
            "glrtr-",
            "glptt-",
            "glcbt-",
            "glft-",
            "glsoat-",
            "glagent-",
            "gloas-",
            "glimt-",
            "glffct-",
            "gr1348941",
        ],
        finder: Finder::Pattern(
            "(?:gl(?:pat|dt|rt|rtr|ptt|cbt|ft|soat|agent|oas|imt|ffct)-[0-9A-Za-z_-]{16}|GR1348941[0-9A-Za-z_-]{16})",
        ),
    },
    Rule {
        id: "jwt",
        placeholder: super::API_KEY,
        description: "JSON Web Token (three base64url parts, the first two beginning with eyJ)",
        literals: &["eyj"],
        finder: Finder::Function(crate::token::find_jwt),
    },
];
