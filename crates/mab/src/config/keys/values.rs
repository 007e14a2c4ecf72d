//! Numbers, switches and words, as the file and the environment write them.

use mab_store::sqlite::Durability;
use toml::Value;

use super::super::load::Source;

/// A number; as text only where there is nothing but text.
pub(in crate::config) fn number(value: &Value, source: &Source) -> Option<u64> {
    match value.as_str() {
        Some(text) => source.is_text().then(|| text.trim().parse().ok()).flatten(),
        None => value.as_integer().and_then(|number| u64::try_from(number).ok()),
    }
}

/// Yes or no; as text only where there is nothing but text.
pub(in crate::config) fn switch(value: &Value, source: &Source) -> Option<bool> {
    match value.as_str() {
        Some(text) => source.is_text().then(|| text.trim().parse().ok()).flatten(),
        None => value.as_bool(),
    }
}

/// A value as a refusal names it.
pub(super) fn shown(value: &Value) -> String {
    let text = value.as_str().map(|text| format!("{text:?}"));
    text.or_else(|| value.as_integer().map(|number| number.to_string()))
        .unwrap_or_else(|| format!("a {}", value.type_str()))
}

/// When a commit counts as done.
pub(super) fn durability(name: &str) -> Option<Durability> {
    [Durability::Full, Durability::Normal].into_iter().find(|durability| durability_name(*durability) == name)
}

/// Its word.
pub(super) fn durability_name(durability: Durability) -> &'static str {
    match durability {
        Durability::Full => "full",
        Durability::Normal => "normal",
    }
}
