//! A question about what may be longer than the terminal is high.

use crate::cli::{Trouble, exact::wide, person::Person, table::Page};

/// What can be said before the last screen, besides going on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Early {
    /// `n`, and `q`, an empty answer.
    No,
    /// `q` alone: there is nobody to refuse anything.
    Leave,
}

impl Early {
    const fn words(self) -> &'static str {
        match self {
            Self::No => "Enter goes on, n (and why) refuses, q leaves it:",
            Self::Leave => "Enter goes on, q leaves it:",
        }
    }
}

/// Shows `body` and then `end`, as much at once as the terminal holds, and asks after the last of it. What scrolls away may
/// be out of reach: nobody gets to the question who did not have every line before his eyes. Only what is `early` is an
/// answer at any time.
///
/// # Errors
/// As [`Person::ask`].
pub(crate) fn ask(
    person: &Person,
    (body, end): (&Page, &Page),
    (question, early): (&str, Early),
) -> Result<String, Trouble> {
    let lines: Vec<&str> = body.as_str().lines().chain(end.as_str().lines()).collect();
    let end = body.as_str().lines().count();
    let mut at = 0;
    loop {
        // Anew each time: it may have been made smaller.
        let size = size();
        let count = screen(lines.get(at..).unwrap_or_default(), end.saturating_sub(at), question, size);
        let mut page = person.page();
        for line in lines.iter().skip(at).take(count) {
            page.line(line);
        }
        at += count;
        let left = lines.len().saturating_sub(at);
        if left == 0 {
            return person.ask(&page, question);
        }
        let mut more = format!("{left} more lines: {}", early.words());
        loop {
            match person.ask(&page, &more)?.as_str() {
                "" => break,
                "q" => return Ok(String::new()),
                no if early == Early::No && is_no(no) => return Ok(no.to_owned()),
                _ => {}
            }
            page = person.page();
            more = format!("read on first. {left} more lines: {}", early.words());
        }
    }
}

/// Whether this refuses, with a reason or without.
pub(crate) fn is_no(typed: &str) -> bool {
    matches!(typed, "n" | "no") || typed.starts_with("n ")
}

/// How many of `lines` are shown together with a question; those after the first `body` together, if there is room for them.
fn screen(lines: &[&str], body: usize, question: &str, (columns, rows): (usize, usize)) -> usize {
    let rows_of = |line: &str| {
        let plain = anstream::adapter::strip_str(line).to_string();
        wide(&plain).div_ceil(columns).max(1)
    };
    // A blank and what is typed come after the question, which may be of several lines.
    let asked = question.lines().map(|line| wide(line).saturating_add(ANSWER).div_ceil(columns)).sum();
    let mut room = rows.saturating_sub(asked);
    let mut count = 0;
    for line in lines {
        let Some(rest) = room.checked_sub(rows_of(line)) else { break };
        room = rest;
        count += 1;
    }
    let is_all = count == lines.len();
    if !is_all && body > 0 && count > body { body } else { count.max(1) }
}

/// Columns and rows of the terminal. Stdin is the one that a person sits at ([`Person::at_terminal`]).
fn size() -> (usize, usize) {
    let size = terminal_size::terminal_size_of(std::io::stdin());
    size.map_or((80, 24), |(columns, rows)| (usize::from(columns.0).max(1), usize::from(rows.0)))
}

/// Columns of an answer.
const ANSWER: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    /// The screens of so many lines, as numbers of lines.
    fn screens(lines: &[&str], body: usize, size: (usize, usize)) -> Vec<usize> {
        let (mut at, mut screens) = (0, Vec::new());
        while at < lines.len() {
            let count = screen(&lines[at..], body.saturating_sub(at), "digits:", size);
            screens.push(count);
            at += count;
        }
        screens
    }

    #[test]
    fn answer_when_it_is_a_no_may_say_why() {
        assert!(["n", "no", "n not on a Friday"].into_iter().all(is_no));
        assert!(!["", "q", "nine", "not this", "y"].into_iter().any(is_no));
    }

    #[test]
    fn lines_when_higher_than_the_terminal_come_screen_by_screen_and_the_end_together() {
        let lines = ["x"; 12];
        assert_eq!(screens(&lines, 8, (80, 24)), [12]);
        assert_eq!(screens(&lines, 8, (80, 13)), [12]);
        assert_eq!(screens(&lines, 8, (80, 12)), [8, 4]);
        assert_eq!(screens(&lines, 8, (80, 6)), [5, 3, 4]);
        assert_eq!(screens(&lines, 8, (80, 4)), [3, 3, 2, 3, 1]);
        assert_eq!(screens(&lines, 8, (80, 0)), [1; 12]);
        // The question needs two rows, and so does every line.
        assert_eq!(screens(&["123456789012"; 4], 3, (11, 8)), [3, 1]);
        // A question of two rows.
        assert_eq!(screen(&["x"; 12], 8, "type: this\n>", (80, 13)), 8);
        assert_eq!(screens(&["\u{1b}[1m123456\u{1b}[0m"; 4], 3, (11, 6)), [4]);
    }
}
