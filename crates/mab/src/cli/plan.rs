//! What would be executed, one argument per line, for people and for programs.

use mab_exec::{Argv, Link, Plan};

use crate::cli::{
    Visible,
    exact::{broken, exact, in_ascii},
    output::{CAREFUL, FAINT},
    table::Page,
};

/// Adds every word of a plan. For programs the cells are: word, number of the pipeline, of the command in it and of the
/// word, all from 1, and the word.
pub(crate) fn render(plan: &Plan, page: &mut Page) {
    match plan {
        Plan::Steps(steps) => {
            for (number, step) in (1_usize..).zip(steps) {
                for (place, command) in (1_usize..).zip(&step.pipeline) {
                    words(command, (link(step.link, number, place), number, place), page);
                }
            }
        }
        Plan::Shell(text) => {
            if page.for_person() {
                page.line(&format!("{FAINT}a shell gets, line by line{FAINT:#}"));
                for line in text.split('\n') {
                    shown(line, "  ", page);
                }
            } else {
                page.line(&format!("shell\t{}", exact(text)));
            }
        }
    }
}

/// Adds a text, and what it is in ASCII when it is not.
pub(crate) fn shown(text: &str, indent: &str, page: &mut Page) {
    let literal = exact(text);
    for (number, line) in
        broken(literal.as_str(), page.columns().saturating_sub(indent.len() + 2)).iter().enumerate()
    {
        // What goes on stands further in, where no word begins.
        let more = if number > 0 { "  " } else { "" };
        page.line(&format!("{indent}{more}{line}"));
    }
    if let Some(ascii) = in_ascii(text) {
        page.line(&format!("{indent}{CAREFUL}not ASCII{CAREFUL:#} {ascii}"));
    }
}

fn words(command: &Argv, (link, number, place): (&'static str, usize, usize), page: &mut Page) {
    let words = std::iter::once(&command.name).chain(&command.arguments);
    if !page.for_person() {
        for (index, word) in (1_usize..).zip(words) {
            page.line(&format!("word\t{number}\t{place}\t{index}\t{}", exact(word)));
        }
        return;
    }
    page.line(&format!("{FAINT}{link}{FAINT:#}"));
    for word in words {
        shown(word, "  ", page);
    }
    for (name, value) in &command.environment {
        let (name, value) = (Visible::line(name), exact(value));
        page.line(&format!("  {FAINT}with {name}={value}{FAINT:#}"));
    }
}

fn link(link: Link, number: usize, place: usize) -> &'static str {
    match (link, number, place) {
        (_, _, 2..) => "which feeds",
        (Link::Always, 1, _) => "runs",
        (Link::Always, _, _) => "then",
        (Link::AfterSuccess, _, _) => "then, if that succeeded",
        (Link::AfterFailure, _, _) => "then, if that failed",
    }
}

#[cfg(test)]
mod tests {
    use mab_exec::Step;

    use super::*;

    fn plan() -> Plan {
        let argv = |words: &[&str]| Argv {
            name: words[0].to_owned(),
            program: String::new(),
            arguments: words[1..].iter().map(|&word| word.to_owned()).collect(),
            environment: Vec::new(),
        };
        let step = |link, pipeline| Step { link, pipeline };
        Plan::Steps(vec![
            step(Link::Always, vec![argv(&["ls", "a\u{1b}b"]), argv(&["wc", "-l"])]),
            step(Link::AfterFailure, vec![argv(&["echo", "n\u{f6}"])]),
        ])
    }

    #[test]
    fn plan_for_a_person_is_one_argument_per_line() {
        let mut page = Page::new(Some(80));
        render(&plan(), &mut page);
        insta::assert_snapshot!(anstream::adapter::strip_str(page.as_str()).to_string(), @r#"
runs
  "ls"
  "a\u{1b}b"
which feeds
  "wc"
  "-l"
then, if that failed
  "echo"
  "nö"
  not ASCII "n\u{f6}"
"#);
    }

    #[test]
    fn text_of_a_shell_when_wider_than_the_terminal_is_broken_between_words() {
        let mut page = Page::new(Some(24));
        render(&Plan::Shell("make all 2>&1 | tee build.log\nok".to_owned()), &mut page);
        let shown = anstream::adapter::strip_str(page.as_str()).to_string();
        let expected = "a shell gets, line by line\n  \"make all 2>&1 | \n    tee build.log\"\n  \"ok\"\n";
        assert_eq!(shown, expected);
    }

    #[test]
    fn plan_for_a_program_is_one_numbered_line_per_word() {
        let mut page = Page::new(None);
        render(&plan(), &mut page);
        assert_eq!(
            page.as_str(),
            "word\t1\t1\t1\t\"ls\"\nword\t1\t1\t2\t\"a\\u{1b}b\"\nword\t1\t2\t1\t\"wc\"\nword\t1\t2\t2\t\"-l\"\n\
            word\t2\t1\t1\t\"echo\"\nword\t2\t1\t2\t\"nö\"\n"
        );
        let mut page = Page::new(None);
        render(&Plan::Shell("a\nb".to_owned()), &mut page);
        assert_eq!(page.as_str(), "shell\t\"a\\nb\"\n");
    }
}
