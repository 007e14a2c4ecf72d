//! What who asked is told: what was not understood, where, and what would do instead.

use mab_exec::{GitAccess, Layer, Mode};

use super::judged;

#[test]
fn refusals_say_what_where_and_what_would_do() {
    for (mode, command, layer, says) in REFUSALS {
        let verdict = judged(mode, command);
        assert_eq!(verdict.layer, layer, "{command:?}: {}", verdict.reason);
        assert!(verdict.reason.contains(says), "{command:?}: {}", verdict.reason);
        assert!(verdict.reason.len() < 600, "{command:?}: {}", verdict.reason);
    }
}

#[test]
fn refusal_when_a_word_is_long_does_not_repeat_it_all() {
    for command in
        [format!("head -n {}", "é".repeat(10)), format!("head -n {}", "x".repeat(60_000)), "x".repeat(60_000)]
    {
        let reason = judged(Mode::Safe, &command).reason;
        assert!(reason.chars().count() <= 601, "{} characters", reason.chars().count());
    }
}

#[test]
fn verdict_says_what_the_sandbox_must_allow() {
    for (command, writes, git) in [
        ("ls", false, GitAccess::ReadOnly),
        ("git log", false, GitAccess::ReadOnly),
        ("git commit -m x", true, GitAccess::Commit),
        ("cargo test", true, GitAccess::ReadOnly),
        ("git status && cargo test", true, GitAccess::ReadOnly),
        ("ls && git add .", true, GitAccess::Commit),
    ] {
        let verdict = judged(Mode::Restricted, command);
        assert_eq!((verdict.writes, verdict.git), (writes, git), "{command}");
    }
}

#[test]
fn checkout_of_a_name_that_is_also_a_file_never_discards_the_file() {
    let verdict = judged(Mode::Restricted, "git checkout main");
    let plan = verdict.plan.unwrap();
    assert_eq!(plan.commands().next().unwrap().arguments.last().map(String::as_str), Some("--"));
}

/// What is asked, and what is told of it.
const REFUSALS: [(Mode, &str, Layer, &str); 27] = [
    (
        Mode::Safe,
        "ls $(id)",
        Layer::Parse,
        "command substitution (`$(…)`) at character 4; run that command first",
    ),
    (Mode::Safe, "ls *.rs", Layer::Parse, "a glob (`*`) at character 4; quote it: 'a*'"),
    (Mode::Safe, "ls > out", Layer::Parse, "a redirection at character 4; leave it out: what it prints"),
    (Mode::Safe, "ls 2>&1", Layer::Parse, "a redirection at character 5; leave it out"),
    (Mode::Safe, "ls ~/x", Layer::Parse, "a tilde that a shell would expand (`~`) at character 4"),
    (Mode::Safe, "A=1 ls", Layer::Parse, "an assignment before a command at character 1"),
    (Mode::Safe, "ls & id", Layer::Parse, "a background command (`&`) at character 4"),
    (Mode::Safe, "ls\nid", Layer::Parse, "a line break at character 3; write one line"),
    (Mode::Safe, "ls \u{200b}", Layer::Parse, "an invisible character (U+200B) at character 4; take it out"),
    (Mode::Safe, "ls '\u{202e}'", Layer::Parse, "turns the direction of writing (U+202E) at character 5"),
    (
        Mode::Safe,
        "ls é",
        Layer::Parse,
        "outside single quotes at character 4; put the word into single quotes",
    ),
    (Mode::Safe, "ls &&", Layer::Parse, "an operator without a command beside it"),
    (Mode::Safe, "'ls'", Layer::Parse, "a program in quotes at character 1; write its name without them"),
    (Mode::Safe, "if true", Layer::Parse, "`if` is a word of the shell's own grammar"),
    (
        Mode::Safe,
        "cd src",
        Layer::Policy,
        "`cd` would change what later paths mean; every command starts in the workspace",
    ),
    (Mode::Safe, "xargs rm", Layer::Policy, "`xargs` is refused: it runs another program"),
    (Mode::Safe, "frobnicate", Layer::Policy, "`frobnicate` is not among the programs of mode safe"),
    (Mode::Safe, "./x", Layer::Policy, "`./x` is a path; give the name of a program"),
    (Mode::Safe, "tail -f x", Layer::Policy, "option -f: it never ends; read the file again later"),
    (
        Mode::Safe,
        "rev -q x",
        Layer::Policy,
        "option -q is not among those that are allowed; it takes no options",
    ),
    (
        Mode::Safe,
        "rg -uz x",
        Layer::Policy,
        "option -z (in `-uz`) is not among those that are allowed; it takes -A",
    ),
    (
        Mode::Safe,
        "cat ../x",
        Layer::Policy,
        "`../x` is outside the workspace; give a path from the workspace",
    ),
    (Mode::Safe, "cat a/.env", Layer::Policy, "`.env` is hidden from commands"),
    (Mode::Safe, "cargo test", Layer::Policy, "`cargo test` is not allowed in mode safe"),
    (
        Mode::Restricted,
        "git rebase x",
        Layer::Policy,
        "`git` with `rebase` behind it is not allowed; it takes add annotate",
    ),
    (Mode::Restricted, "git commit", Layer::Policy, "`git commit`: it needs -m or --message"),
    (Mode::Restricted, "cp a .mcp.json", Layer::Policy, "`.mcp.json` may not be changed"),
];
