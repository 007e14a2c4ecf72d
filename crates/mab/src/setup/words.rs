//! Command lines as a shell reads them, as far as is needed to know our own again.

use std::path::Path;

/// Splits a command line into words (POSIX shell, 2.2 Quoting); expansions are not made.
pub(super) fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(characters.next()),
            (None, blank) if blank.is_whitespace() => words.extend(word.take()),
            (_, other) => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

/// The program of a hook's command line when it is `mab … hook …`, whatever variables stand before it.
pub(super) fn hook_program(line: &str) -> Option<String> {
    let words = split(line);
    let mut words = words.into_iter().skip_while(|word| {
        word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
        })
    });
    let program = words.next().filter(|program| is_mab(program))?;
    words.any(|word| word == "hook").then_some(program)
}

/// Whether a program is this one by its name.
pub(super) fn is_mab(program: &str) -> bool {
    Path::new(program).file_name().is_some_and(|name| name == "mab")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_when_words_are_quoted_joins_them() {
        let words = split(r#"A='x y' "/a b/mab" hook\ x '' "#);
        assert_eq!(words, ["A=x y", "/a b/mab", "hook x", ""]);
    }

    #[test]
    fn hook_when_it_is_ours_is_known_by_its_program() {
        for (line, program) in [
            ("mab hook Stop", Some("mab")),
            ("MAB_AGENT='a b' '/x y/mab' --data-dir /z hook wait", Some("/x y/mab")),
            ("mab list", None),
            ("echo mab hook Stop", None),
            ("/bin/mabel hook Stop", None),
            ("", None),
        ] {
            assert_eq!(hook_program(line).as_deref(), program, "{line}");
        }
    }
}
