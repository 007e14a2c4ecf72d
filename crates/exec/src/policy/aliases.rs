//! Names by which one command goes: a rule that names one holds for the others. To add one, add a row.

/// A program's other name.
const PROGRAMS: [(&str, &str); 6] = [
    ("python3", "python"),
    ("pip3", "pip"),
    ("gmake", "make"),
    ("py.test", "pytest"),
    ("fdfind", "fd"),
    ("pnpm", "npm"),
];

/// Programs, and other names of their subcommands.
const SUBCOMMANDS: [(&str, &[(&str, &str)]); 3] = [
    ("cargo", &[("b", "build"), ("c", "check"), ("t", "test"), ("r", "run"), ("d", "doc")]),
    (
        "npm",
        &[
            ("i", "install"),
            ("add", "install"),
            ("t", "test"),
            ("rm", "uninstall"),
            ("remove", "uninstall"),
            ("run-script", "run"),
            ("list", "ls"),
            ("ll", "ls"),
            ("clean-install", "ci"),
            ("info", "view"),
            ("show", "view"),
            ("why", "explain"),
        ],
    ),
    ("git", &[("stage", "add"), ("annotate", "blame")]),
];

/// `words` with the first of these names for each; `python -m pip` is `pip`.
pub(super) fn canonical<'w>(words: &[&'w str]) -> Vec<&'w str> {
    let named = |table: &[(&'static str, &'static str)], word: &'w str| -> &'w str {
        table.iter().find(|(other, _)| *other == word).map_or(word, |(_, name)| name)
    };
    let mut words = words.to_vec();
    if let Some(program) = words.first_mut() {
        *program = named(&PROGRAMS, program);
    }
    if let ["python", "-m", module, ..] = words.as_slice()
        && matches!(*module, "pip" | "pytest" | "mypy" | "black" | "flake8")
    {
        words.drain(..2);
    }
    if let [program, subcommand, ..] = words.as_mut_slice()
        && let Some((_, table)) = SUBCOMMANDS.iter().find(|(name, _)| name == program)
    {
        *subcommand = named(table, subcommand);
    }
    words
}
