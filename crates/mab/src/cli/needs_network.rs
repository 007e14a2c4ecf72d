//! Commands that do little without a network: a word to the person who is about to say yes, nothing that decides.

use mab_exec::Wanted;

/// The first command of `wanted` that is known to need a network, as one would name it: `git push`.
pub(crate) fn needs_network(wanted: &Wanted) -> Option<String> {
    match wanted {
        Wanted::Argv(commands) => {
            commands.iter().find_map(|words| of_words(words.iter().map(String::as_str)))
        }
        // Not read as a shell would: what is overlooked or seen in a quote is only a word too few or too many.
        Wanted::Text(text) => text
            .split([';', '|', '&', '\n', '(', ')'])
            .find_map(|command| of_words(command.split_ascii_whitespace())),
    }
}

fn of_words<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<String> {
    let program = words.next()?;
    let name = program.rsplit('/').next().unwrap_or(program);
    let (_, below) = PROGRAMS.iter().find(|(known, _)| *known == name)?;
    if below.is_empty() {
        return Some(name.to_owned());
    }
    let first = words.find(|word| !word.starts_with('-'))?;
    below.contains(&first).then(|| format!("{name} {first}"))
}

/// Programs, and which of their commands; all when there is none.
const PROGRAMS: &[(&str, &[&str])] = &[
    ("git", &["push", "fetch", "pull", "clone", "ls-remote"]),
    ("npm", &["install", "i", "ci", "add", "update", "publish", "audit"]),
    ("pnpm", &["install", "i", "add", "update", "publish"]),
    ("yarn", &["install", "add", "upgrade"]),
    ("npx", &[]),
    ("pip", &["install", "download"]),
    ("pip3", &["install", "download"]),
    ("uv", &["sync", "add", "lock"]),
    ("poetry", &["install", "add", "update", "lock"]),
    ("cargo", &["fetch", "install", "update", "add", "publish", "search"]),
    ("go", &["get", "install"]),
    ("apt-get", &["install", "update", "upgrade"]),
    ("gh", &[]),
    ("curl", &[]),
    ("wget", &[]),
    ("ssh", &[]),
    ("scp", &[]),
    ("rsync", &[]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_when_it_needs_a_network_is_named() {
        let argv = |words: &[&str]| Wanted::Argv(vec![words.iter().map(|&word| word.to_owned()).collect()]);
        let text = |text: &str| Wanted::Text(text.to_owned());
        for (wanted, expected) in [
            (argv(&["git", "push", "origin", "main"]), Some("git push")),
            (argv(&["/usr/bin/curl", "x"]), Some("curl")),
            (text("make && npm install -D x"), Some("npm install")),
            (text("cd a; (pip install -r requirements.txt)"), Some("pip install")),
            (argv(&["git", "commit", "-m", "push"]), None),
            (text("ls | wc -l"), None),
            (argv(&["git"]), None),
        ] {
            assert_eq!(needs_network(&wanted).as_deref(), expected, "{wanted:?}");
        }
    }
}
