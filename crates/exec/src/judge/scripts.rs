//! Small languages inside arguments, as far as they neither write, execute nor read another file.

/// Whether `script` is commands of sed that only print (GNU sed manual, §3 to §5): addresses, `p d q = l n N P h H g G x`,
/// `y`, `s` without its flags `e` and `w`, and groups of them in braces. Not `D`: with `G` it never ends.
///
/// # Errors
/// What is not understood.
pub(crate) fn sed(script: &str) -> Result<(), String> {
    let mut rest = script.trim_start_matches([' ', ';']);
    if rest.is_empty() {
        return Err("the script of sed is empty".to_owned());
    }
    let unclear = || {
        format!(
            "`{script}` is no script of sed that only prints; use addresses with `p` or `d`, and `s/…/…/`"
        )
    };
    let mut depth = 0_usize;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('}') {
            depth = depth.checked_sub(1).ok_or_else(unclear)?;
            rest = ended(after).ok_or_else(unclear)?;
        } else {
            let (after, opens) = sed_command(rest).ok_or_else(unclear)?;
            depth += usize::from(opens);
            rest = after;
        }
        rest = rest.trim_start_matches([' ', ';']);
    }
    if depth == 0 { Ok(()) } else { Err(unclear()) }
}

/// `after`, when a command may end there.
fn ended(after: &str) -> Option<&str> {
    let end = after.trim_start_matches(' ');
    (end.is_empty() || end.starts_with([';', '}'])).then_some(end)
}

/// What is left after one command, and whether it opened a group.
fn sed_command(script: &str) -> Option<(&str, bool)> {
    let mut rest = address(script)?;
    if let Some(second) = rest.trim_start_matches(' ').strip_prefix(',') {
        let second = second.trim_start_matches(' ');
        let second = second.strip_prefix(['+', '~']).unwrap_or(second);
        let after = address(second)?;
        if after.len() == second.len() {
            return None;
        }
        rest = after;
    }
    let rest = rest.trim_start_matches(' ');
    let rest = rest.strip_prefix('!').unwrap_or(rest).trim_start_matches(' ');
    let mut characters = rest.chars();
    let after = match characters.next()? {
        '{' => return Some((characters.as_str(), true)),
        'p' | 'd' | '=' | 'n' | 'N' | 'P' | 'h' | 'H' | 'g' | 'G' | 'x' => characters.as_str(),
        'q' | 'Q' | 'l' => characters.as_str().trim_start_matches(|found: char| found.is_ascii_digit()),
        's' => substitution(characters.as_str())?
            .trim_start_matches(|found: char| found.is_ascii_digit() || "gpiImM".contains(found)),
        'y' => transliteration(characters.as_str())?,
        _ => return None,
    };
    Some((ended(after)?, false))
}

/// What is left after an address, which may be absent.
fn address(script: &str) -> Option<&str> {
    let mut characters = script.chars();
    match characters.next() {
        Some('$') => Some(characters.as_str()),
        Some('/') => {
            Some(characters.as_str().get(clear(characters.as_str(), '/')?..)?.trim_start_matches(['I', 'M']))
        }
        Some('\\') => {
            let delimiter = characters.next()?;
            let rest = characters.as_str();
            Some(rest.get(clear(rest, delimiter)?..)?.trim_start_matches(['I', 'M']))
        }
        Some(found) if found.is_ascii_digit() => {
            Some(script.trim_start_matches(|found: char| found.is_ascii_digit() || found == '~'))
        }
        Some(_) | None => Some(script),
    }
}

/// What is left after `/pattern/other/`. One `/` may stand in brackets of the pattern when what follows is an error, or
/// flags that print, for a sed that ends the pattern there.
fn substitution(script: &str) -> Option<&str> {
    let (delimiter, rest) = delimiter(script)?;
    let (end, in_brackets) = pattern(rest, delimiter)?;
    let rest = rest.get(end..)?;
    let is_error = !rest.starts_with(|found: char| found.is_alphanumeric() || " ;}#".contains(found));
    if in_brackets > 1 || (in_brackets == 1 && !is_error) {
        return None;
    }
    rest.get(part(rest, delimiter)?..)
}

/// What is left after `/one/other/`.
fn transliteration(script: &str) -> Option<&str> {
    let (delimiter, rest) = delimiter(script)?;
    let rest = rest.get(part(rest, delimiter)?..)?;
    rest.get(part(rest, delimiter)?..)
}

/// The delimiter and what is left: neither a letter, a digit, white space, a backslash nor a bracket.
fn delimiter(script: &str) -> Option<(char, &str)> {
    let delimiter = script.chars().next()?;
    if delimiter.is_alphanumeric() || delimiter.is_whitespace() || r"\;[]{}^".contains(delimiter) {
        return None;
    }
    Some((delimiter, script.get(delimiter.len_utf8()..)?))
}

/// Where the text after the next `delimiter` begins; a backslash takes the character after it along.
fn part(script: &str, delimiter: char) -> Option<usize> {
    let mut characters = script.char_indices();
    while let Some((at, found)) = characters.next() {
        if found == delimiter {
            return Some(at + found.len_utf8());
        }
        if found == '\\' {
            characters.next()?;
        }
    }
    None
}

/// As [`pattern`], for a pattern without a delimiter in brackets.
fn clear(script: &str, delimiter: char) -> Option<usize> {
    pattern(script, delimiter).and_then(|(end, in_brackets)| (in_brackets == 0).then_some(end))
}

/// Where the text after the `delimiter` of a pattern begins, and how many stand in brackets before it: there, one sed ends
/// the pattern and another does not. What seds read differently within brackets is refused.
fn pattern(script: &str, delimiter: char) -> Option<(usize, usize)> {
    let mut rest = script;
    let mut in_brackets = 0;
    loop {
        let found = rest.chars().next()?;
        let after = rest.get(found.len_utf8()..)?;
        rest = match found {
            _ if found == delimiter => return Some((script.len() - after.len(), in_brackets)),
            '\\' => after.get(after.chars().next()?.len_utf8()..)?,
            '[' => {
                let (inside, after) = brackets(after)?;
                in_brackets += inside.matches(delimiter).count();
                after
            }
            _ => after,
        };
    }
}

/// What stands in brackets, and what is left after them. Classes (`[:alpha:]`) only by their names.
fn brackets(script: &str) -> Option<(&str, &str)> {
    let body = script.strip_prefix('^').unwrap_or(script);
    if body.starts_with(']') {
        return None;
    }
    let mut rest = body;
    loop {
        let found = rest.chars().next()?;
        let after = rest.get(found.len_utf8()..)?;
        rest = match found {
            ']' => return Some((script.get(..script.len() - rest.len())?, after)),
            '[' => {
                let (class, after) = after.strip_prefix(':')?.split_once(":]")?;
                class.bytes().all(|byte| byte.is_ascii_lowercase()).then_some(after)?
            }
            '\\' if !after.starts_with(['n', 't', '.', '*', '+', '-', 'w', 's', 'd']) => return None,
            _ => after,
        };
    }
}

/// Names by which a filter of jq leaves its input (jq 1.7 manual): the environment, modules, other files; or does not end.
const JQ_REFUSED: [&str; 15] = [
    "env",
    "ENV",
    "import",
    "include",
    "modulemeta",
    "input_filename",
    "get_search_list",
    "__prog_args",
    "__loc__",
    "def",
    "repeat",
    "until",
    "while",
    "infinite",
    "limit",
];

/// Whether `filter` reads nothing but its input, and ends.
///
/// # Errors
/// Which name it may not use.
pub(crate) fn jq(filter: &str) -> Result<(), String> {
    let mut rest = filter;
    let mut before = "";
    while let Some(start) = rest.find(is_jq_name) {
        let (skipped, from) = rest.split_at(start);
        let end = from.find(|found| !is_jq_name(found)).unwrap_or(from.len());
        let (name, after) = from.split_at(end);
        before = if skipped.is_empty() { before } else { skipped };
        // `.env` is a field, also to a jq that reads it within text.
        let is_field = before.ends_with('.') && !before.ends_with("..");
        if !is_field && JQ_REFUSED.contains(&name) || is_endless(name, after) {
            return Err(format!("jq may not use `{name}`: it reads more than its input, or does not end"));
        }
        rest = after;
    }
    Ok(())
}

const fn is_jq_name(found: char) -> bool {
    found.is_ascii_alphanumeric() || found == '_'
}

/// Whether `name`, a generator, goes on for long with the arguments in `after`.
fn is_endless(name: &str, after: &str) -> bool {
    let arguments = after.trim_start().strip_prefix('(').and_then(|after| after.split_once(')'));
    let arguments = arguments.map_or("", |(arguments, _)| arguments);
    match name {
        "range" => {
            let numbers: Vec<&str> = arguments.split(';').map(str::trim).collect();
            let is_small = |number: &&str| {
                (1..=6).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
            };
            !(numbers.len() <= 2 && numbers.iter().all(is_small))
        }
        "recurse" => after.trim_start().starts_with('(') && !matches!(arguments, ".[]?" | ".[]"),
        _ => false,
    }
}
