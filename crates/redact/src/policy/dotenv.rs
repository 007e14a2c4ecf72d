//! Environment files: `KEY=value` lines as shells and their many libraries read them.
//!
//! *Shape*: `export KEY='value'`, `KEY="value\n"` over several lines, `KEY=value # comment`, `# comment`. Variables are
//! not expanded. Lines end with LF, CR LF, or all with CR. What has no `=` is told, so that it can be named as left out.

use zeroize::Zeroizing;

use crate::{generated, plausible};

/// What a file says on one line.
pub(super) struct Line<'a> {
    /// Where it begins; the first one is 1.
    pub(super) number: usize,
    /// The name of the variable, if this is an assignment.
    pub(super) key: Option<&'a str>,
    /// Its value; without a key, the line.
    pub(super) value: &'a str,
}

/// Hands each line that is neither empty nor a comment to `take`; copies of values are wiped.
pub(super) fn read(text: &str, mut take: impl FnMut(&Line<'_>)) {
    let line_break = if text.contains('\n') { '\n' } else { '\r' };
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut number, mut is_exported) = (1, false);
    while !rest.is_empty() {
        let line = rest.split(line_break).next().unwrap_or_default();
        let trimmed = line.trim();
        let mut behind = rest.get(line.len()..).unwrap_or_default();
        match trimmed.split_once('=').filter(|_| !trimmed.starts_with('#')) {
            None if trimmed.is_empty() || trimmed.starts_with('#') => {}
            None => take(&Line { number, key: None, value: trimmed }),
            Some((name, _)) => {
                let exported = name.strip_prefix("export").filter(|name| name.starts_with([' ', '\t']));
                is_exported |= exported.is_some();
                let key = Some(exported.unwrap_or(name).trim());
                let at = line.find('=').map_or(line.len(), |at| at + 1);
                let value = rest.get(at..).unwrap_or_default().trim_start_matches([' ', '\t']);
                if let Some((value, after)) = quoted(value) {
                    take(&Line { number, key, value: &value });
                    behind = after;
                } else {
                    let value = bare(value.split(line_break).next().unwrap_or_default());
                    let first = if is_exported { first_of_several(value) } else { value };
                    take(&Line { number, key, value: unquoted(first.trim_end()) });
                    let after = first.as_ptr().addr() - rest.as_ptr().addr() + first.len();
                    behind = if first.len() < value.len() {
                        rest.get(after..).unwrap_or_default()
                    } else {
                        behind
                    };
                }
            }
        }
        let next = behind.trim_start_matches([' ', '\t']);
        let goes_on = is_exported && next.len() < behind.len() && begins_assignment(next);
        let behind = if goes_on { next } else { behind.split_once(line_break).map_or("", |(_, next)| next) };
        is_exported = goes_on;
        let consumed = rest.get(..rest.len() - behind.len()).unwrap_or_default();
        number += consumed.matches(line_break).count();
        rest = behind;
    }
}

/// `export A=1 B=2` sets two: the value up to the next name.
fn first_of_several(value: &str) -> &str {
    let next =
        value.match_indices([' ', '\t']).find(|(at, _)| value.get(at + 1..).is_some_and(begins_assignment));
    next.and_then(|(at, _)| value.get(..at)).unwrap_or(value)
}

/// Says whether a name and `=` stand here.
fn begins_assignment(text: &str) -> bool {
    let name =
        text.bytes().take(LONGEST_NAME).take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let length = name.count();
    length > 0 && text.as_bytes().get(length) == Some(&b'=')
}

/// A line up to a comment.
fn bare(line: &str) -> &str {
    let end = line.match_indices('#').find(|(at, _)| {
        line.get(..*at).is_some_and(|before| before.ends_with([' ', '\t']) || before.is_empty())
    });
    line.get(..end.map_or(line.len(), |(at, _)| at)).unwrap_or_default().trim()
}

/// What stands behind a quote that is never closed.
fn unquoted(value: &str) -> &str {
    value.strip_prefix(QUOTES).unwrap_or(value).trim()
}

/// A quoted value, which may span lines, and what stands behind it; none if the quote is not closed.
fn quoted(text: &str) -> Option<(Zeroizing<String>, &str)> {
    let quote = text.chars().next().filter(|first| QUOTES.contains(first))?;
    let text = text.get(1..)?;
    let mut is_escaped = false;
    let end = text.bytes().take(LONGEST).position(|byte| {
        let is_end = !is_escaped && char::from(byte) == quote;
        is_escaped = !is_escaped && byte == b'\\' && quote == '"';
        is_end
    })?;
    let mut value = Zeroizing::new(String::with_capacity(end));
    let mut chars = text.get(..end)?.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' if quote == '"' => match chars.next() {
                Some('n') => value.push('\n'),
                Some('r') => value.push('\r'),
                Some('t') => value.push('\t'),
                Some(escaped) => value.push(escaped),
                None => {}
            },
            char => value.push(char),
        }
    }
    Some((value, text.get(end + 1..)?))
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

/// Says whether a key is the name of a variable, which may be told, and no piece of a secret that has `=` in it.
pub(super) fn is_harmless_name(key: &str) -> bool {
    key.len() <= LONGEST_NAME
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !generated::is_generated(key.as_bytes())
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
/// Longest value in quotes; what is longer than a secret may be is left out, but it is read to its end.
const LONGEST: usize = 1 << 16;
/// Longest name in front of a second value on a line.
const LONGEST_NAME: usize = 64;
/// What may stand around a value.
const QUOTES: [char; 3] = ['"', '\'', '`'];
/// Digits in a word that is still one.
const MOST_DIGITS: usize = 2;
/// Longest word in a name.
const LONGEST_WORD: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(String, String)> {
        let mut values = Vec::new();
        read(text, |line| values.push((line.key.unwrap_or("no key").to_owned(), line.value.to_owned())));
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
            ("no key", "no line"),
            ("I", ""),
        ];
        assert_eq!(values(text), expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn file_when_written_in_odd_ways_then_no_value_and_no_line_is_lost() {
        let of = |text: &str| {
            let mut found = Vec::new();
            read(text, |line| {
                found.push(format!("{} {}={}", line.number, line.key.unwrap_or("?"), line.value));
            });
            found
        };
        assert_eq!(of("A=1\rB=2\r# c\r\rC=3"), ["1 A=1", "2 B=2", "5 C=3"]);
        assert_eq!(of("\u{feff}A=1\r\n\r\nB=2"), ["1 A=1", "3 B=2"]);
        assert_eq!(
            of("export A=1 DB_PASSWORD=x # y\nexport B='2 3' C=\"4\" D=5\nE=6 F=7"),
            ["1 A=1", "1 DB_PASSWORD=x", "2 B=2 3", "2 C=4", "2 D=5", "3 E=6 F=7"]
        );
        assert_eq!(of("export\tP=correct horse\nyaml: 1\n"), ["1 P=correct horse", "2 ?=yaml: 1"]);
        let long = "x".repeat(5000);
        assert_eq!(of(&format!("A='{long}\n{long}'\nB=2")), [format!("1 A={long}\n{long}"), "3 B=2".into()]);
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
