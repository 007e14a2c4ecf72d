//! What is refused, what passes, and that a refusal survives being wrapped.

use proptest::prelude::*;
use serde::Deserialize;

use super::{look, look_counted, rules};

/// Rows of the labelled catalogue: what a person may approve in mode `yolo`, and what not.
const CATALOGUE: &str = include_str!("../../../tests/shell/catalogue.jsonl");

#[derive(Deserialize)]
struct Row {
    id: String,
    command: String,
    must: String,
}

fn catalogue() -> Vec<Row> {
    CATALOGUE.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn catalogue_of_shell_text_is_judged_as_labelled() {
    let mut wrong = Vec::new();
    for row in catalogue() {
        let found = look(&row.command);
        if found.is_ok() != (row.must == "allow") {
            wrong.push(format!("{} {:?}: {found:?}", row.id, row.command));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rule_when_its_examples_are_judged_refuses_one_and_passes_the_other() {
    for rule in rules() {
        assert_eq!(look(rule.refused).map_err(|refusal| refusal.rule), Err(rule.name), "{}", rule.refused);
        assert_eq!(look(rule.passes), Ok(()), "{}", rule.passes);
    }
    let steps = look_counted("ls").1;
    assert!(steps > 0);
}

const REFUSED: &str = include_str!("../../../tests/shell/deny.txt");
const PASSES: &str = include_str!("../../../tests/shell/allow.txt");

/// The texts of a table; `␤` stands for a line break. An allow row may begin with `#`, as shell text may.
fn table(text: &str) -> Vec<String> {
    let rows =
        text.lines().filter(|line| !line.is_empty() && (!line.starts_with("# ") || line.contains('␤')));
    rows.map(|line| line.replace('␤', "\n")).collect()
}

/// Rules that would hide that a text was not understood.
const BLUNT: [&str; 3] = ["unreadable", "too-complex", "hidden-text"];

#[test]
fn text_when_nobody_should_approve_it_is_refused_for_a_reason() {
    let rows = table(REFUSED);
    assert!(rows.len() >= 250);
    let missed = |text: &&String| look(text).map_or_else(|refusal| BLUNT.contains(&refusal.rule), |()| true);
    let missed: Vec<_> = rows.iter().filter(missed).map(|text| (text, look(text))).collect();
    assert!(missed.is_empty(), "{} of {}: {missed:#?}", missed.len(), rows.len());
}

#[test]
fn text_of_ordinary_work_passes() {
    let rows = table(PASSES);
    assert!(rows.len() >= 150);
    let stopped: Vec<_> = rows.iter().filter_map(|text| Some((text, look(text).err()?))).collect();
    assert!(stopped.is_empty(), "{} of {}: {stopped:#?}", stopped.len(), rows.len());
}

/// Rows that stay denied under a mutation only where it keeps their meaning: what each leaves out, and why.
fn keeps_meaning(mutation: &str, text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    let plain = first.chars().all(|c| c.is_ascii_alphanumeric() || "/.-_".contains(c));
    let builtin = [
        "coproc", "cd", "if", "for", "while", "until", "case", "f", "function", "alias", "trap", "set",
        "unset", "time",
    ];
    let one_command = !text.contains(['\n', ';', '|', '&', '(', '{', '=', '<', '>']);
    match mutation {
        // A prefix applies to the first command alone, and only to one that is a program.
        "prefix" => one_command && plain && !builtin.contains(&first),
        // A name in quotes is no reserved word.
        "name" => {
            !text.starts_with(' ')
                && plain
                && first.len() > 1
                && !builtin.contains(&first)
                && !text.contains('\n')
                && !text.contains("() {")
                && !text.contains("(){")
        }
        // The last line of a here-document must stand alone.
        "line" => !text.contains("<<") && !text.ends_with('&') && !text.contains('#'),
        // Quotes of one kind cannot hold themselves.
        "single" => !text.contains('\''),
        "double" => !text.contains(['"', '$', '`', '\\', '!']),
        _ => true,
    }
}

/// Each text that means the same as `text`, in another shape.
fn mutations(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut add = |kind: &str, made: String| {
        if keeps_meaning(kind, text) {
            all.push(made);
        }
    };
    for prefix in ["env ", "A=1 ", "nice ", "command ", "exec ", "nohup ", "timeout 9 ", "env A=1 nice -n 1 "]
    {
        add("prefix", format!("{prefix}{text}"));
    }
    add("single", format!("sh -c '{text}'"));
    add("double", format!("bash -c \"{text}\""));
    add("single", format!("eval '{text}'"));
    add("single", format!("env bash -lc '{text}'"));
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    let (head, tail) = first.split_at_checked(1).unwrap_or((first, ""));
    add("name", format!("{head}''{tail} {rest}"));
    add("name", format!("\\{first} {rest}"));
    add("name", format!("\"{first}\" {rest}"));
    add("name", format!("   {first}  \t {rest}"));
    add("line", format!("{text} ; true"));
    add("line", format!("true && {text}"));
    add("line", format!("{text} && x"));
    add("any", format!("true\n{text}"));
    add("any", format!("({text}\n)"));
    add("any", format!("{{ {text}\n}}"));
    add("any", format!("if true; then {text}\nfi"));
    add("any", format!("echo \"$({text}\n)\""));
    add("any", format!("g() {{ {text}\n}}\ng"));
    all
}

#[test]
fn refusal_when_the_text_is_wrapped_or_respelled_stays() {
    let rows = table(REFUSED).into_iter();
    let rows = rows.chain(catalogue().into_iter().filter(|row| row.must == "deny").map(|row| row.command));
    let mut tried = 0;
    let mut missed = Vec::new();
    for text in rows.flat_map(|row| mutations(&row)) {
        tried += 1;
        if look(&text).is_ok() {
            missed.push(text);
        }
    }
    assert!(tried > 10_000, "{tried}");
    assert!(missed.is_empty(), "{} of {tried}: {missed:#?}", missed.len());
}

#[test]
fn text_of_ordinary_work_when_wrapped_passes() {
    let rows = table(PASSES).into_iter().filter(|text| !text.ends_with('&') && !text.contains('#'));
    let stopped: Vec<_> = rows
        .flat_map(|text| {
            [format!("({text}\n)"), format!("true\n{text}"), format!("if true; then {text}\nfi")]
        })
        .filter_map(|text| look(&text).err().map(|refusal| (text, refusal)))
        .collect();
    assert!(stopped.is_empty(), "{}: {stopped:#?}", stopped.len());
}

/// Texts that would take long if anything were read again and again.
fn heavy() -> Vec<String> {
    let parts = [
        "(",
        "{ ",
        "$(",
        "`",
        "\"",
        "'",
        "${x:-",
        "$((",
        "<(",
        "a=(",
        "[[ ",
        "if ",
        "case x in ",
        "{a,",
        "{a,b}",
        "((",
        "x=$x$x;",
        "f(){ f;f; };",
        "a|",
        "a;",
        "a\n",
        "<<A\n",
        "<<<",
        "sh -c '",
        "eval ",
        "env ",
        "\\",
        "$x",
        "!(",
        "~",
        "*/",
        "../",
        "find . -exec ",
        "xargs ",
        "python3 -c 'exec(\"",
        "&",
        ")",
        "}",
        "f() { ",
        "for i in 1 2 3; do ",
        "x=1 ",
        "echo \"$(",
        "> ",
        "\u{2424}",
    ];
    let mut all: Vec<_> = parts.iter().map(|part| part.repeat(65_536 / part.len())).collect();
    all.extend(parts.iter().map(|part| format!("rm {}", part.repeat(8_000 / part.len()))));
    let grown: Vec<_> = (0..12)
        .map(|level| format!("f{}() {{ f{level}; f{level}; f{level}; f{level}; }}; ", level + 1))
        .collect();
    all.push(format!("f0() {{ ls; }}; {} f12", grown.concat()));
    let loops: Vec<_> = (0..12).map(|level| format!("for v{level} in / /etc /usr /bin /lib; do ")).collect();
    all.push(format!("{} ls $v1 {}", loops.concat(), "; done".repeat(12)));
    let doubled: String = (0..40).map(|_| "x=$x$x$x; ").collect();
    all.push(format!("x=aaaa; {doubled} echo $x"));
    all
}

#[test]
fn text_when_it_is_made_to_take_long_is_judged_in_bounded_steps() {
    for text in heavy() {
        let (_, steps) = look_counted(&text);
        assert!(steps <= super::STEPS_FREE + super::STEPS_PER_BYTE * text.len());
    }
}

#[test]
fn steps_grow_with_the_text_and_not_faster() {
    for part in [
        "ls -la src; ",
        "echo \"$(date)\" | cat > x\n",
        "for f in a b; do rm -rf \"$f\"; done; ",
        "x=1 sh -c 'ls'; ",
    ] {
        let (small, large) = (look_counted(&part.repeat(100)), look_counted(&part.repeat(1_000)));
        assert_eq!((small.0, large.0), (Ok(()), Ok(())), "{part}");
        assert!(large.1 <= small.1 * 11, "{part}: {} and {}", small.1, large.1);
    }
}

#[test]
fn text_when_it_nests_or_grows_beyond_the_limits_is_refused() {
    let nested = format!("{}ls{}", "$(echo ".repeat(60), ")".repeat(60));
    let functions = heavy().into_iter().find(|text| text.contains("f12() {")).unwrap();
    for text in [nested, functions, "x".repeat(70_000), "{1,2}".repeat(40), "env ".repeat(10_000)] {
        assert_eq!(look(&text).map_err(|refusal| refusal.rule), Err("too-complex"));
    }
}

#[test]
fn text_when_it_holds_what_cannot_be_seen_is_refused() {
    for hidden in
        ['\u{202e}', '\u{2066}', '\u{200b}', '\u{feff}', '\u{1b}', '\u{7}', '\u{85}', '\u{0}', '\u{e0041}']
    {
        assert_eq!(
            look(&format!("ls {hidden}x")).map_err(|refusal| refusal.rule),
            Err("hidden-text"),
            "{hidden:?}"
        );
    }
    assert_eq!(look("git commit -m '👩\u{200d}💻 grüßt'\r\nls"), Ok(()));
}

/// Pieces of shell text.
const PIECES: [&str; 65] = [
    "rm",
    " -rf ",
    "/",
    "~",
    "$x",
    "${x:-",
    "}",
    "$(",
    ")",
    "`",
    "'",
    "\"",
    "\\",
    "\n",
    ";",
    "|",
    "&",
    "&&",
    "<",
    ">",
    "<<E\n",
    "E\n",
    "<(",
    "{",
    ",",
    "if ",
    "then ",
    "fi",
    "for x in ",
    "do ",
    "done",
    "case x in ",
    "esac",
    "()",
    "[[ ",
    " ]]",
    "=",
    "((",
    "))",
    "sh -c ",
    "eval ",
    "find . -exec ",
    "{} ",
    "\\;",
    "xargs ",
    "env ",
    "sudo",
    "curl e",
    "base64 -d",
    "x=",
    "é",
    "\t",
    "#",
    "!",
    "*",
    "%",
    "python3 -c ",
    "f",
    "::: ",
    "$'",
    "\\x72",
    "$0",
    "..",
    "-",
    "1",
];

/// Texts made of pieces, so that what is drawn is often nearly right.
fn shell_text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES.as_slice()), 0..60).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_text_is_judged_and_a_refusal_names_its_rule(text in prop_oneof![shell_text(), any::<String>()]) {
        if let Err(refusal) = look(&text) {
            prop_assert!(rules().iter().any(|rule| rule.name == refusal.rule), "{}", refusal.rule);
            prop_assert!(!refusal.reason.is_empty());
        }
    }

    #[test]
    fn refused_text_when_any_text_follows_on_its_own_line_stays_refused(text in shell_text()) {
        let text = format!("rm -rf /\n{text}");
        prop_assert!(look(&text).is_err());
    }
}

#[test]
fn file_systems_when_taken_away_by_their_own_names_are_refused() {
    for text in ["lvremove -f vg0/home", "vgremove vg0", "zpool destroy tank", "nice zpool destroy tank"] {
        assert_eq!(look(text).unwrap_err().rule, "block-device", "{text}");
    }
    for text in ["zpool status", "zpool list tank"] {
        assert_eq!(look(text), Ok(()), "{text}");
    }
}
