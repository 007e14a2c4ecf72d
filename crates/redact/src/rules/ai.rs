//! Providers of language models.
//!
//! *Source*: the key examples in the API references of OpenAI, Anthropic and Hugging Face.

use crate::rule::{Finder, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "anthropic-key",
        placeholder: super::API_KEY,
        description: "Anthropic API or admin key",
        literals: &["sk-ant-"],
        finder: Finder::Pattern("sk-ant-[0-9A-Za-z_-]{16}"),
    },
    Rule {
        id: "openai-key",
        placeholder: super::OPENAI_KEY,
        description: "OpenAI key (sk-, sk-proj-, sk-svcacct-, sk-admin-) and look-alikes of compatible services",
        literals: &["sk-"],
        finder: Finder::Pattern(
            "sk-(?:(?:proj|svcacct|admin|None|or-v[0-9])-[0-9A-Za-z_-]{16}|[0-9A-Za-z]{20})",
        ),
    },
    Rule {
        id: "huggingface-token",
        placeholder: super::API_KEY,
        description: "Hugging Face user or organisation token",
        literals: &["hf_", "api_org_"],
        finder: Finder::Pattern("(?:hf_[0-9A-Za-z]{30}|api_org_[0-9A-Za-z]{30})"),
    },
];
