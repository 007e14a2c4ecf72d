//! Numbers and switches, as the file and the environment write them.

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
pub(super) fn switch(value: &Value, source: &Source) -> Option<bool> {
    match value.as_str() {
        Some(text) => source.is_text().then(|| text.trim().parse().ok()).flatten(),
        None => value.as_bool(),
    }
}
