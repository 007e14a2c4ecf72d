//! Small languages inside arguments, as far as they neither write, execute nor read another file.

/// Whether `script` is commands of sed that only print (GNU sed manual, §3 to §5): addresses, `p d q = l n N D P h H g G x`,
/// `y`, and `s` without its flags `e` and `w`.
///
/// # Errors
/// What is not understood.
pub(crate) fn sed(script: &str) -> Result<(), String> {
    let mut rest = script.trim_start_matches([' ', ';']);
    if rest.is_empty() {
        return Err("the script of sed is empty".to_owned());
    }
    while !rest.is_empty() {
        rest = sed_command(rest).ok_or_else(|| {
            format!(
                "`{script}` is no script of sed that only prints; use addresses with `p` or `d`, and `s/…/…/`"
            )
        })?;
        rest = rest.trim_start_matches([' ', ';']);
    }
    Ok(())
}

/// What is left after one command.
fn sed_command(script: &str) -> Option<&str> {
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
        'p' | 'd' | '=' | 'n' | 'N' | 'D' | 'P' | 'h' | 'H' | 'g' | 'G' | 'x' => characters.as_str(),
        'q' | 'Q' | 'l' => characters.as_str().trim_start_matches(|found: char| found.is_ascii_digit()),
        's' => substitution(characters.as_str())?
            .trim_start_matches(|found: char| found.is_ascii_digit() || "gpiImM".contains(found)),
        'y' => substitution(characters.as_str())?,
        _ => return None,
    };
    let end = after.trim_start_matches(' ');
    (end.is_empty() || end.starts_with(';')).then_some(end)
}

/// What is left after an address, which may be absent.
fn address(script: &str) -> Option<&str> {
    let mut characters = script.chars();
    match characters.next() {
        Some('$') => Some(characters.as_str()),
        Some('/') => Some(
            characters.as_str().get(delimited(characters.as_str(), '/')?..)?.trim_start_matches(['I', 'M']),
        ),
        Some('\\') => {
            let delimiter = characters.next()?;
            let rest = characters.as_str();
            Some(rest.get(delimited(rest, delimiter)?..)?.trim_start_matches(['I', 'M']))
        }
        Some(found) if found.is_ascii_digit() => {
            Some(script.trim_start_matches(|found: char| found.is_ascii_digit() || found == '~'))
        }
        Some(_) | None => Some(script),
    }
}

/// What is left after `/one/other/`, with any delimiter that is neither a letter, a digit, white space nor a backslash.
fn substitution(script: &str) -> Option<&str> {
    let delimiter = script.chars().next()?;
    if delimiter.is_alphanumeric() || delimiter.is_whitespace() || matches!(delimiter, '\\' | ';') {
        return None;
    }
    let rest = script.get(delimiter.len_utf8()..)?;
    let rest = rest.get(delimited(rest, delimiter)?..)?;
    rest.get(delimited(rest, delimiter)?..)
}

/// Where the text after the next `delimiter` begins; a backslash takes the character after it along. None when it stands
/// inside brackets: there, one sed ends the part and another does not.
fn delimited(script: &str, delimiter: char) -> Option<usize> {
    let mut characters = script.char_indices();
    let mut in_brackets = false;
    while let Some((at, found)) = characters.next() {
        if found == delimiter {
            return (!in_brackets).then_some(at + found.len_utf8());
        }
        match found {
            '\\' => drop(characters.next()?),
            '[' => in_brackets = true,
            ']' => in_brackets = false,
            _ => {}
        }
    }
    None
}

/// Names by which a filter of jq leaves its input (jq 1.7 manual): the environment, modules, other files.
const JQ_REFUSED: [&str; 9] = [
    "env",
    "ENV",
    "import",
    "include",
    "modulemeta",
    "input_filename",
    "get_search_list",
    "__prog_args",
    "__loc__",
];

/// Whether `filter` reads nothing but its input.
///
/// # Errors
/// Which name it may not use.
pub(crate) fn jq(filter: &str) -> Result<(), String> {
    let names = filter.split(|found: char| !(found.is_ascii_alphanumeric() || found == '_'));
    match names.into_iter().find(|name| JQ_REFUSED.contains(name)) {
        Some(name) => {
            Err(format!("jq may not use `{name}`, also not as a field; read the whole file instead"))
        }
        None => Ok(()),
    }
}
