//! Hostile text: tails behind allowed commands, words of any kind, and properties that hold for all of them.

use mab_exec::{Decision, Mode, Plan, Wanted, judge};
use proptest::prelude::*;

use super::JUDGE;

/// Allowed commands to append to.
const ALLOWED: [(Mode, &str); 22] = [
    (Mode::Safe, "ls -la"),
    (Mode::Safe, "ls src tests"),
    (Mode::Safe, "cat README.md"),
    (Mode::Safe, "head -20 README.md"),
    (Mode::Safe, "wc -l src/main.rs"),
    (Mode::Safe, "grep -rn \"fn main\" src"),
    (Mode::Safe, "find . -maxdepth 2 -type d"),
    (Mode::Safe, "sort -k2,2n data.txt"),
    (Mode::Safe, "sort data.txt | uniq -c"),
    (Mode::Safe, "sed -n 1,20p f"),
    (Mode::Safe, "date -u '+%Y-%m-%d'"),
    (Mode::Safe, "rg -n TODO"),
    (Mode::Safe, "diff -u old.c new.c"),
    (Mode::Restricted, "git log -p -1 -- src/main.rs"),
    (Mode::Restricted, "git diff"),
    (Mode::Restricted, "git add -A"),
    (Mode::Restricted, "git push origin feature/x"),
    (Mode::Restricted, "git checkout main"),
    (Mode::Restricted, "npm run build"),
    (Mode::Restricted, "pytest tests/ -q -k login"),
    (Mode::Restricted, "cargo check --all-targets"),
    (Mode::Restricted, "pip show requests"),
];

/// What an attacker would append.
const TAILS: [&str; 62] = [
    "; rm -r x",
    " ; rm -r x",
    "&& rm -r x",
    " || sh",
    " | sh",
    "|sh",
    " |& sh",
    " & rm x",
    "&",
    "\nrm -r x",
    "\r\nrm x",
    "\rrm x",
    " $(id)",
    "$(id)",
    " `id`",
    " ${x}",
    " $x",
    "$IFS-rf",
    " > out",
    " >> out",
    ">|out",
    " 2>&1",
    " < /etc/shadow",
    " <<EOF",
    " <<<x",
    " <(id)",
    " >(id)",
    " &> out",
    " *",
    " ?",
    " [a]",
    " {a,b}",
    " ~",
    " ~root",
    " #",
    " !!",
    " \\",
    " \\\nrm",
    "\trm",
    " \u{200b}",
    " \u{202e}x",
    "\u{2003}x",
    " \u{1b}[2K",
    " 'open",
    " \"open",
    " (id)",
    " { id; }",
    ";;",
    " && sudo id",
    "; eval id",
    "; . ./x",
    "; export A=b",
    "; A=b ls",
    " | xargs rm",
    " | tee out",
    " | python3 -c 1",
    " ../../etc/passwd",
    " --output=/etc/x",
    " --exec=id",
    "; /bin/sh",
    "; ./x",
    "; cd /",
];

#[test]
fn tails_when_appended_to_allowed_commands_are_denied() {
    for (mode, command) in ALLOWED {
        let decision = |text: String| JUDGE.judge(mode, &Wanted::Text(text), None).decision;
        assert_ne!(decision(command.to_owned()), Decision::Deny, "{command}");
        for tail in TAILS {
            let text = format!("{command}{tail}");
            assert_eq!(decision(text.clone()), Decision::Deny, "{text:?}");
        }
    }
}

/// The tails that are harmless behind these programs, which print their words or run no file of that name: they are text.
#[test]
fn tails_when_they_are_words_of_a_program_that_takes_any_are_text() {
    for text in [
        "echo x /etc/shadow",
        "echo x ../../etc/passwd",
        "echo x --output=y",
        "echo -delete",
        "printf %s --exec=id x",
    ] {
        assert_eq!(
            JUDGE.judge(Mode::Safe, &Wanted::Text(text.to_owned()), None).decision,
            Decision::Allow,
            "{text}"
        );
    }
}

#[test]
fn words_when_given_as_words_are_judged_like_text() {
    let argv = |words: &[&[&str]]| {
        Wanted::Argv(words.iter().map(|words| words.iter().map(|&word| word.to_owned()).collect()).collect())
    };
    for good in [
        argv(&[&["ls", "-la"]]),
        argv(&[&["cat", "a b*[c]"], &["wc", "-l"]]),
        argv(&[&["grep", "$(id) `x` > y", "f"]]),
    ] {
        assert_eq!(JUDGE.judge(Mode::Safe, &good, None).decision, Decision::Allow, "{good:?}");
    }
    for bad in [
        argv(&[&["rm", "x"]]),
        argv(&[&["ls", "/etc"]]),
        argv(&[&["ls"], &["sh"]]),
        argv(&[&["cat", "a\nb"]]),
        argv(&[&["cat", "a\u{202e}b"]]),
        argv(&[&["cat", ".env"]]),
        argv(&[&["cd", "/"]]),
        argv(&[&["/bin/ls"]]),
        argv(&[&["./ls"]]),
        argv(&[&["A=1", "ls"]]),
        argv(&[&["l\u{200b}s"]]),
        argv(&[&["eval", "id"]]),
        argv(&vec![["true"].as_slice(); 33]),
        argv(&[vec!["true"; 513].as_slice()]),
    ] {
        let verdict = JUDGE.judge(Mode::Safe, &bad, None);
        assert_eq!((verdict.decision, verdict.plan), (Decision::Deny, None), "{bad:?}");
    }
}

#[test]
fn command_when_empty_too_long_or_with_nul_is_denied_in_every_mode() {
    for mode in Mode::ALL {
        for bad in ["", "   ", "ls \0", &"x".repeat(65_537)] {
            let verdict = JUDGE.judge(mode, &Wanted::Text(bad.to_owned()), None);
            assert_eq!(verdict.decision, Decision::Deny, "{mode}");
            assert!(verdict.reason.contains("; "), "it says what to do: {}", verdict.reason);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn text_when_judged_twice_gets_one_verdict_and_no_panic(text in "\\PC{0,80}|[ -~\n\t]{0,120}") {
        for mode in Mode::ALL {
            let wanted = Wanted::Text(text.clone());
            let verdict = JUDGE.judge(mode, &wanted, None);
            prop_assert_eq!(&verdict, &JUDGE.judge(mode, &wanted, None));
            prop_assert_eq!(verdict.decision == Decision::Deny, verdict.plan.is_none());
            prop_assert!(!verdict.reason.is_empty());
            if mode != Mode::Yolo {
                prop_assert!(!matches!(verdict.plan, Some(Plan::Shell(_))));
            }
        }
    }

    #[test]
    fn words_when_accepted_hold_only_what_no_shell_acts_on(text in "(ls|cat|'a'|\"b\"| |-|a|=|~|;|&&|\\$|\\*|\\\\|\n|>|é|\u{200b}|#|!){1,14}") {
        let Ok(steps) = judge::read(&text) else { return Ok(()) };
        for argv in steps.iter().flat_map(|step| &step.pipeline) {
            prop_assert!(!argv.name.is_empty() && !argv.name.contains('='));
            prop_assert!(argv.program.is_empty() && argv.environment.is_empty());
            for word in &argv.arguments {
                prop_assert!(!word.chars().any(|found| found.is_control() || found == '\u{200b}'), "{word:?}");
                let quoted = text.contains('\'') || text.contains('"');
                prop_assert!(quoted || !word.contains(['$', '*', '\\', '>', '#', '!', 'é']), "{word:?}");
            }
        }
        let unquoted: String = text.split(['\'', '"']).step_by(2).collect();
        prop_assert!(!unquoted.contains(['$', '*', '\\', '\n', '>', '#', '!']), "{text:?}");
    }

    #[test]
    fn option_when_unknown_is_never_taken(letters in "[a-zA-Z]{2,12}", program in "(ls|cat|grep|git log|cargo build|find \\.)") {
        let text = format!("{program} --{letters}-evil=x");
        let verdict = JUDGE.judge(Mode::Restricted, &Wanted::Text(text), None);
        prop_assert_eq!(verdict.decision, Decision::Deny);
    }
}
