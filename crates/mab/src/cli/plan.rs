//! What would be executed, one argument per line, for people and for programs.

use std::sync::LazyLock;

use mab_exec::{Argv, Fence, Link, Plan, Policy};

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
    lines(&exact(text), indent, page);
    if let Some(ascii) = in_ascii(text) {
        let blank = indent.len() - indent.trim_start().len();
        lines(&ascii, &format!("{:blank$}{CAREFUL}not ASCII{CAREFUL:#} ", ""), page);
    }
}

/// Adds a text after what stands before it. No row of it begins where a line of ours does, nor where one of its words does:
/// what goes on stands further in.
pub(crate) fn lines(text: &Visible, before: &str, page: &mut Page) {
    let plain = anstream::adapter::strip_str(before).to_string();
    let further = plain.len() - plain.trim_start().len() + 2;
    let room = page.columns().saturating_sub(plain.len().max(further));
    for (number, line) in broken(text.as_str(), room).iter().enumerate() {
        if number == 0 {
            page.line(&format!("{before}{line}"));
        } else {
            page.line(&format!("{:further$}{line}", ""));
        }
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
    let folded = Folded::of(command);
    for (place, word) in words.enumerate().filter(|(place, _)| *place == 0 || *place > folded.words) {
        shown(word, "  ", page);
        if place == 0 {
            folded.render(&command.name, page);
        }
    }
    for (name, value) in command.environment.iter().skip(folded.variables) {
        shown(&format!("{name}={value}"), "  with ", page);
    }
}

/// How many of a command's words and variables are those that the builtin policy puts into every command of that program.
/// People are told how many, for sixty the same before every one of git's would hide what was asked for. They hide nothing:
/// what is left out is, byte for byte, what this program was built with, whoever put it there.
struct Folded {
    words: usize,
    variables: usize,
}

impl Folded {
    fn of(command: &Argv) -> Self {
        let Fence { arguments: words, environment: variables } = BUILTIN.fence_of(&command.name);
        let is_long = |count: usize| count > FEW;
        Self {
            words: if is_long(words.len()) && command.arguments.starts_with(words) { words.len() } else { 0 },
            variables: if is_long(variables.len()) && command.environment == variables {
                variables.len()
            } else {
                0
            },
        }
    }

    fn render(&self, name: &str, page: &mut Page) {
        let what = match (self.words, self.variables) {
            (0, 0) => return,
            (words, 0) => format!("{words} words"),
            (0, variables) => format!("{variables} variables"),
            (words, variables) => format!("{words} words, {variables} variables"),
        };
        let line = format!("({what} that the policy gives to every {name}; see --json)");
        for line in broken(&line, page.columns().saturating_sub(2)) {
            page.line(&format!("  {FAINT}{}{FAINT:#}", line.trim_end()));
        }
    }
}

static BUILTIN: LazyLock<Policy> = LazyLock::new(Policy::builtin);

/// So many are shown each time.
const FEW: usize = 3;

/// How much there is to read, in words.
pub(crate) fn amount(plan: &Plan) -> String {
    let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    match plan {
        Plan::Steps(_) => {
            let words = |command: &Argv| 1 + command.arguments.len() - Folded::of(command).words;
            let all = plan.commands().map(words).sum();
            format!("{}, {}", counted(plan.commands().count(), "command"), counted(all, "word"))
        }
        Plan::Shell(text) => {
            format!(
                "text for a shell, {}, {}",
                counted(text.split('\n').count(), "line"),
                counted(text.len(), "byte")
            )
        }
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
        let expected = "a shell gets, line by line\n  \"make all 2>&1 | tee \n    build.log\"\n  \"ok\"\n";
        assert_eq!(shown, expected);
    }

    fn of_git(more: &[&str]) -> Argv {
        let policy = Policy::builtin();
        let Fence { arguments: words, environment: variables } = policy.fence_of("git");
        let more = more.iter().map(|&word| word.to_owned());
        let arguments = words.iter().cloned().chain(more).collect();
        Argv { name: "git".to_owned(), program: String::new(), arguments, environment: variables.to_vec() }
    }

    fn shown_for_a_person(argv: Argv) -> String {
        let mut page = Page::new(Some(80));
        render(&Plan::Steps(vec![Step { link: Link::Always, pipeline: vec![argv] }]), &mut page);
        anstream::adapter::strip_str(page.as_str()).to_string()
    }

    #[test]
    fn words_that_every_git_gets_are_counted_and_those_asked_for_shown() {
        insta::assert_snapshot!(shown_for_a_person(of_git(&["add", "--", "README.md"])), @r#"
runs
  "git"
  (56 words, 9 variables that the policy gives to every git; see --json)
  "add"
  "--"
  "README.md"
"#);
        let plan = Plan::Steps(vec![Step { link: Link::Always, pipeline: vec![of_git(&["add"])] }]);
        assert_eq!(amount(&plan), "1 command, 2 words");
        let mut page = Page::new(None);
        render(&plan, &mut page);
        assert!(page.as_str().contains("\"core.hooksPath=/dev/null\""), "a program gets them all");
    }

    #[test]
    fn words_when_one_is_not_what_every_git_gets_are_all_shown() {
        for place in 0..of_git(&[]).arguments.len() {
            let mut other = of_git(&["add"]);
            other.arguments[place].push('x');
            let shown = shown_for_a_person(other.clone());
            assert!(other.arguments.iter().all(|word| shown.contains(exact(word).as_str())), "{shown}");
        }
        let mut other = of_git(&["add"]);
        other.environment[0].1.push('x');
        let shown = shown_for_a_person(other);
        assert!(shown.contains("with \"GIT_ASKPASS=falsex\"") && shown.contains("GIT_PAGER"), "{shown}");
    }

    #[test]
    fn word_when_wider_than_the_terminal_begins_no_row_where_a_line_of_ours_does() {
        let wide = ["x".repeat(70) + "network", "\u{4dc0}".repeat(60), "\u{378}".repeat(40)];
        for columns in [20, 40, 80] {
            let mut page = Page::new(Some(columns));
            for text in &wide {
                shown(text, "  ", &mut page);
                shown(text, "    ", &mut page);
            }
            for row in anstream::adapter::strip_str(page.as_str()).to_string().lines() {
                let wide: usize = row.chars().map(|one| crate::watch::columns(&one.to_string())).sum();
                assert!(row.starts_with("  ") && wide <= usize::from(columns), "{columns}: {row}");
            }
        }
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
