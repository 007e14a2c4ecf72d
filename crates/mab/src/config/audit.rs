//! The settings of checkpoints that are neither numbers nor names.

use std::path::{Path, PathBuf};

use toml::Value;

use super::load::AuditPlaces;

/// Longest command, in words.
const WORDS_MAX: usize = 64;

/// Reads `audit.anchor_file`.
pub(super) fn file(value: &Value) -> Option<PathBuf> {
    value.as_str().map(Path::new).filter(|path| path.is_absolute()).map(Path::to_owned)
}

/// Reads `audit.anchor_command`: an array of words, in a text as TOML writes one.
pub(super) fn command(value: &Value, is_text: bool) -> Option<Vec<String>> {
    let parsed = value.as_str().filter(|_| is_text).and_then(|text| {
        let table: toml::Table = toml::from_str(&format!("words = {text}")).ok()?;
        (table.len() == 1).then(|| table.get("words").cloned()).flatten()
    });
    let words = parsed.as_ref().unwrap_or(value).as_array()?;
    let words = words.iter().map(|word| word.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()?;
    let named = words.first().is_none_or(|program| !program.is_empty());
    (named && words.len() <= WORDS_MAX).then_some(words)
}

pub(super) fn show_file(audit: &AuditPlaces) -> String {
    audit.copy.as_ref().map_or_else(|| NONE.to_owned(), |copy| copy.display().to_string())
}

pub(super) fn show_command(audit: &AuditPlaces) -> String {
    if audit.command.is_empty() { NONE.to_owned() } else { audit.command.join(" ") }
}

/// What is shown when it is not set.
const NONE: &str = "none";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_is_an_array_of_words_in_the_file_and_in_a_text() {
        let words = || Some(vec!["logger".to_owned(), "-t".to_owned(), "a b".to_owned()]);
        let array = Value::Array(["logger", "-t", "a b"].map(|word| Value::String(word.into())).into());
        assert_eq!(command(&array, false), words());
        let text = Value::String(r#"["logger", "-t", "a b"]"#.into());
        assert_eq!(command(&text, true), words());
        assert_eq!(command(&text, false), None);
        for bad in ["logger -t", "[1]", "[\"\"]", "[]\nother = 1", ""] {
            assert_eq!(command(&Value::String(bad.into()), true), None, "{bad}");
        }
    }

    #[test]
    fn file_when_not_absolute_is_refused() {
        assert_eq!(file(&Value::String("x/y".into())), None);
        assert_eq!(file(&Value::String("/x/y".into())), Some("/x/y".into()));
    }
}
