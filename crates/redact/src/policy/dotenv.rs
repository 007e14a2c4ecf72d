//! Environment files: `KEY=value` lines as shells and their many libraries read them.
//!
//! *Shape*: `export KEY='value'`, `KEY="value\n"` over several lines, `KEY=value # comment`, `# comment`. Variables are
//! not expanded. What has no `=` is skipped: this reads secrets, it does not judge files.

use zeroize::Zeroizing;

use crate::{generated, plausible};

/// Hands each key and value to `take`; copies are wiped.
pub(super) fn read(text: &str, mut take: impl FnMut(Option<&str>, &str)) {
    let mut rest = text;
    while !rest.is_empty() {
        let line_end = rest.find('\n').unwrap_or(rest.len());
        let line = rest.get(..line_end).unwrap_or_default();
        let mut next = rest.get(line_end + 1..).unwrap_or_default();
        let trimmed = line.trim_start();
        if let Some((key, _)) = trimmed.split_once('=').filter(|_| !trimmed.starts_with('#')) {
            let name = key.trim();
            let name = name.strip_prefix("export ").map_or(name, str::trim);
            let value_start = line.len() - trimmed.len() + key.len() + 1;
            let behind = rest.get(value_start..).unwrap_or_default();
            let behind = behind.trim_start_matches([' ', '\t']);
            match behind.chars().next() {
                Some(quote @ ('"' | '\'' | '`')) => {
                    let (value, after) = quoted(behind.get(1..).unwrap_or_default(), quote);
                    take(Some(name), &value);
                    next = after.split_once('\n').map_or("", |(_, next)| next);
                }
                Some(_) | None => take(Some(name), bare(behind)),
            }
        }
        rest = next;
    }
}

/// The rest of a line up to a comment.
fn bare(text: &str) -> &str {
    let line = text.lines().next().unwrap_or_default();
    let end = line.match_indices('#').find(|(at, _)| {
        line.get(..*at).is_some_and(|before| before.ends_with([' ', '\t']) || before.is_empty())
    });
    line.get(..end.map_or(line.len(), |(at, _)| at)).unwrap_or_default().trim()
}

/// A quoted value, which may span lines, and what stands behind it. A quote that is never closed ends with its line.
fn quoted(text: &str, quote: char) -> (Zeroizing<String>, &str) {
    let mut value = Zeroizing::new(String::with_capacity(text.len().min(LONGEST)));
    let mut chars = text.char_indices();
    while value.len() < LONGEST
        && let Some((at, char)) = chars.next()
    {
        match char {
            '\\' if quote == '"' => match chars.next().map(|(_, escaped)| escaped) {
                Some('n') => value.push('\n'),
                Some('r') => value.push('\r'),
                Some('t') => value.push('\t'),
                Some(escaped) => value.push(escaped),
                None => {}
            },
            _ if char == quote => return (value, text.get(at + 1..).unwrap_or_default()),
            _ => value.push(char),
        }
    }
    (Zeroizing::new(text.lines().next().unwrap_or_default().trim().to_owned()), text)
}

/// Says whether a value is worth looking for in every text.
pub(super) fn is_worth_denying(key: Option<&str>, value: &str) -> bool {
    let bytes = value.as_bytes();
    let is_address = password_in_url(value).is_some();
    let is_plain = bytes.len() < SHORTEST
        || (plausible::is_words(bytes) && (key.is_some() || bytes.len() < SHORTEST_PHRASE))
        || plausible::is_json_outside_strings(bytes)
        || plausible::is_path(bytes) && !is_address
        || plausible::contains_placeholder(bytes);
    let is_named = key.is_none_or(|key| {
        let key = key.to_ascii_uppercase();
        SECRET_NAMES.iter().any(|name| key.contains(name))
    });
    !is_plain && (is_named || is_address || !is_name(value) || generated::is_generated(bytes))
}

/// `us-east-1`, `db.internal:5432`, `me@example.com`, `2026-11-22`: words with a few digits.
fn is_name(value: &str) -> bool {
    value.split(|byte: char| !byte.is_alphanumeric()).all(|part| {
        let digits = part.chars().filter(char::is_ascii_digit).count();
        digits == part.len() || (digits <= MOST_DIGITS && part.len() <= LONGEST_WORD)
    })
}

/// The password of `scheme://user:password@host`.
pub(super) fn password_in_url(value: &str) -> Option<&str> {
    let (_, address) = value.split_once("://")?;
    let authority = address.split(['/', '?', '#']).next()?;
    let (userinfo, _) = authority.rsplit_once('@')?;
    let (_, password) = userinfo.split_once(':')?;
    (!password.is_empty()).then_some(password)
}

/// Parts of the names of keys whose value is a secret.
const SECRET_NAMES: &[&str] = &[
    "PASS", "PWD", "SECRET", "TOKEN", "KEY", "CRED", "AUTH", "PRIVATE", "SIGN", "SALT", "DSN", "WEBHOOK",
    "COOKIE",
];
/// Shortest value.
const SHORTEST: usize = 8;
/// Shortest secret of words that was named one by itself.
const SHORTEST_PHRASE: usize = 16;
/// Longest value.
const LONGEST: usize = 4096;
/// Digits in a word that is still one.
const MOST_DIGITS: usize = 2;
/// Longest word in a name.
const LONGEST_WORD: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(String, String)> {
        let mut values = Vec::new();
        read(text, |key, value| values.push((key.unwrap_or_default().to_owned(), value.to_owned())));
        values
    }

    #[test]
    fn file_when_read_then_every_way_of_writing_is_understood() {
        let text = "# c=1\n\nA=one # two\nexport B='x # y'\nC=\"a\\nb\\\"c\"\n  D = d#e\nE=\nF=\"two\nlines\" # z\nG=`g`\r\nH='open\nno line\nI=#i\n";
        let expected = [
            ("A", "one"),
            ("B", "x # y"),
            ("C", "a\nb\"c"),
            ("D", "d#e"),
            ("E", ""),
            ("F", "two\nlines"),
            ("G", "g"),
            ("H", "open"),
            ("I", ""),
        ];
        assert_eq!(values(text), expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn value_when_it_is_in_many_texts_then_not_denied() {
        for plain in [
            "production",
            "localhost",
            "us-east-1",
            "12345678",
            "1.5e10000",
            "/usr/lib/x86_64",
            "./config.yaml",
            "node_modules",
            "https://example.com/a1b2",
            "db.internal:5432",
            "me@example.com",
            "2026-11-22",
            "correct horse",
            "short1!",
            "PASSWORD_REDACTED",
            "postgres15",
            "postgres://host/db",
        ] {
            assert!(!is_worth_denying(Some("NAME"), plain), "{plain}");
        }
        for secret in ["a1B2c3D4e5F6g7H8", "9f86d081884c7d659a2feaa0c55ad015", "postgres://u:p4ssw0rd@h/db"] {
            assert!(is_worth_denying(Some("NAME"), secret), "{secret}");
        }
        assert!(is_worth_denying(Some("DB_PASSWORD"), "hunter2-hunter2"));
        assert!(!is_worth_denying(Some("DB_PASSWORD"), "changeme"));
    }

    #[test]
    fn url_when_it_has_a_password_then_it_is_found() {
        assert_eq!(password_in_url("postgres://u:p4ss@w0rd@h:5/db?x=a:b@c"), Some("p4ss@w0rd"));
        for none in ["postgres://h/db", "u:p@h", "https://u@h", "https://u:@h", "https://h/a:b@c"] {
            assert_eq!(password_in_url(none), None, "{none}");
        }
    }
}
