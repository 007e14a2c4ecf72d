//! Command lines as a shell reads them, as far as is needed to know our own again.

use std::path::Path;

/// Splits a command line of plain words (POSIX shell, 2.2 Quoting); `None` when the shell would do more with it than start
/// one program with these words: run a second one, send output elsewhere, expand.
fn split(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().push(characters.next()?),
            (None | Some('"'), '$' | '`') | (None, ';' | '&' | '|' | '<' | '>' | '(' | ')' | '\n' | '\r') => {
                return None;
            }
            (None, blank) if blank.is_whitespace() => words.extend(word.take()),
            (_, other) => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// The program of a hook's command line when it is one that set-up writes, and nothing else: `[VARIABLE=…] mab [--option
/// VALUE] hook EVENT`, the event one of `events`.
pub(super) fn hook_program(line: &str, events: &[&str]) -> Option<String> {
    let words = split(line)?;
    let mut words = words.iter().map(String::as_str).skip_while(|word| {
        word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
        })
    });
    let program = words.next().filter(|program| is_mab(program))?;
    loop {
        match words.next()? {
            "--data-dir" | "--config" | "--db" => drop(words.next()?),
            "hook" => break,
            option if OPTIONS.iter().any(|name| option.starts_with(name)) => {}
            _ => return None,
        }
    }
    let event = words.next()?;
    (events.contains(&event) && words.next().is_none()).then(|| program.to_owned())
}

/// Options of every command, with their value in the same word.
const OPTIONS: [&str; 3] = ["--data-dir=", "--config=", "--db="];

/// Whether a program is this one by its name.
pub(crate) fn is_mab(program: &str) -> bool {
    Path::new(program).file_name().is_some_and(|name| name == "mab")
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [&str; 2] = ["Stop", "wait"];

    #[test]
    fn split_when_words_are_quoted_joins_them() {
        let words = split(r#"A='x y $;' "/a b/mab" hook\ x '' "#);
        assert_eq!(words.unwrap(), ["A=x y $;", "/a b/mab", "hook x", ""]);
    }

    #[test]
    fn hook_when_it_is_ours_is_known_by_its_program() {
        for (line, program) in [
            ("mab hook Stop", "mab"),
            ("MAB_AGENT='a b' '/x y/mab' --data-dir /z hook wait", "/x y/mab"),
            (r"MAB_AGENT='it'\''s;' mab --db=x hook Stop", "mab"),
        ] {
            assert_eq!(hook_program(line, &EVENTS).as_deref(), Some(program), "{line}");
        }
    }

    #[test]
    fn hook_when_anything_else_is_in_it_is_somebodys() {
        for line in [
            "",
            "mab",
            "mab list",
            "mab hook",
            "mab hook Other",
            "echo mab hook Stop",
            "/bin/mabel hook Stop",
            "/opt/other/mab session hook --x",
            "/opt/other/mab session hook Stop",
            "mab --data-dir hook Stop",
            "mab hook Stop --more",
            "mab hook Stop; /home/me/deploy-notify.sh",
            "mab hook Stop;",
            "mab hook Stop && make",
            "mab hook Stop|tee log",
            "mab hook Stop >log",
            "mab hook Stop\nmake",
            "A=1; mab hook Stop",
            "A=$(make) mab hook Stop",
            "A=\"`make`\" mab hook Stop",
            "mab hook 'Stop",
        ] {
            assert_eq!(hook_program(line, &EVENTS), None, "{line}");
        }
    }
}
