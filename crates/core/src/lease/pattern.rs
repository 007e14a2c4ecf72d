//! Patterns of files: what two agents may both mean, decided exactly and without backtracking.
//!
//! ```text
//! pattern = segment *( "/" segment )          relative to the project's root
//! segment = "**"                              any number of whole segments, also none
//!         | 1*( character / "?" / "*" )       "?" one character, "*" any run; neither crosses "/"
//! {a,b}                                       expanded before anything else, as shells do; not nested
//! ```
//!
//! A pattern covers what it matches and everything beneath, like a folder in gitignore(5). `[` and `]` are characters
//! (routes such as `app/[id]/page.tsx` are file names); letters count by case.

use std::fmt;

use crate::{Code, Denied};

/// Most characters of a pattern.
pub const PATTERN_MAX_CHARS: usize = 256;
/// Most patterns that the braces of one may stand for.
pub const EXPANSIONS_MAX: usize = 16;

/// Which files: a pattern that keeps the grammar above.
#[derive(Clone, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    alternatives: Vec<Vec<Segment>>,
    expanded_chars: usize,
}

#[derive(Clone, PartialEq, Eq)]
enum Segment {
    /// `**`
    Anywhere,
    Name(Vec<Token>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Character(char),
    One,
    Many,
}

impl PathPattern {
    /// Reads a pattern; drops a leading `./`, empty and `.` segments and the slash at its end.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`] saying what is wrong and what to write instead; the pattern is never echoed.
    pub fn parse(text: &str) -> Result<Self, Denied> {
        check_characters(text)?;
        check_meant(text)?;
        check_relative(text)?;
        let text = normalised(text);
        let expanded = expand(&text)?;
        let alternatives = expanded.iter().map(|one| segments(one)).collect::<Result<_, _>>()?;
        let expanded_chars = expanded.iter().map(|one| one.chars().count()).sum();
        Ok(Self { text, alternatives, expanded_chars })
    }

    /// Characters of everything its braces stand for: what comparing it costs.
    pub fn expanded_chars(&self) -> usize {
        self.expanded_chars
    }

    /// Whether any path exists that both cover.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.alternatives.iter().any(|one| other.alternatives.iter().any(|other| share(one, other)))
    }

    /// Whether it covers a file, or anything in a folder.
    pub fn covers(&self, path: &ProjectPath) -> bool {
        let covers = |one: &Vec<Segment>| {
            if path.folder { share(one, &path.segments) } else { reaches(one, &path.segments) }
        };
        self.alternatives.iter().any(covers)
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for PathPattern {
    /// Shows the length only: the text may not be redacted yet.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PathPattern({} bytes)", self.text.len())
    }
}

/// A file or a folder of the project, by its name: nothing in it is a wildcard.
#[derive(Clone, PartialEq, Eq)]
pub struct ProjectPath {
    segments: Vec<Segment>,
    folder: bool,
}

impl ProjectPath {
    /// Reads a path relative to the project's root; a slash at its end says that it is a folder, `./` is the root.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`] when it is empty or absolute, or leads out of the project.
    pub fn parse(text: &str) -> Result<Self, Denied> {
        let names = || text.split('/').filter(|name| !name.is_empty() && *name != ".");
        let folder = text.ends_with('/');
        let nothing = !folder && names().next().is_none();
        if nothing || text.starts_with('/') || names().any(|name| name == "..") {
            return Err(refuse(
                "a path is not inside the project",
                "name files and folders by their path from the project's root",
            ));
        }
        let segment = |name: &str| Segment::Name(name.chars().map(Token::Character).collect());
        Ok(Self { segments: names().map(segment).collect(), folder })
    }
}

/// Whether two rows of segments, each with everything beneath, have a path in common. Segment by segment they need a
/// name in common; once one of them ends or may go anywhere, the other's rest followed by its own is such a path.
fn share(one: &[Segment], other: &[Segment]) -> bool {
    for pair in one.iter().zip(other) {
        match pair {
            (Segment::Anywhere, _) | (_, Segment::Anywhere) => return true,
            (Segment::Name(one), Segment::Name(other)) if !meet(one, other) => return false,
            (Segment::Name(_), Segment::Name(_)) => {}
        }
    }
    true
}

/// Whether `pattern` matches `path` or a folder above it. Between two `**` the leftmost place is as good as any.
fn reaches(pattern: &[Segment], path: &[Segment]) -> bool {
    let same = |one: &Segment, other: &Segment| match (one, other) {
        (Segment::Name(one), Segment::Name(other)) => meet(one, other),
        (Segment::Anywhere, _) | (_, Segment::Anywhere) => true,
    };
    let mut runs = pattern.split(|segment| *segment == Segment::Anywhere);
    let head = runs.next().unwrap_or_default();
    let Some((first, mut rest)) = path.split_at_checked(head.len()) else { return false };
    if !head.iter().zip(first).all(|(one, other)| same(one, other)) {
        return false;
    }
    for run in runs {
        let Some(after) = behind(run, rest, same) else { return false };
        rest = after;
    }
    true
}

/// Whether any name matches both. When both hold a `*`, what stands before the first and after the last decides: the
/// name may hold the middle of one and then that of the other.
fn meet(one: &[Token], other: &[Token]) -> bool {
    match (one.contains(&Token::Many), other.contains(&Token::Many)) {
        (false, false) => one.len() == other.len() && one.iter().zip(other).all(agree),
        (true, false) => fits(one, other),
        (false, true) => fits(other, one),
        (true, true) => {
            let before = |tokens: &[Token]| tokens.iter().take_while(|token| **token != Token::Many).count();
            let after =
                |tokens: &[Token]| tokens.iter().rev().take_while(|token| **token != Token::Many).count();
            let (head, tail) = (before(one).min(before(other)), after(one).min(after(other)));
            one.iter().zip(other).take(head).all(agree)
                && one.iter().rev().zip(other.iter().rev()).take(tail).all(agree)
        }
    }
}

/// Whether `open`, which holds a `*`, can be as long as `fixed`, which holds none, and agree with it.
fn fits(open: &[Token], fixed: &[Token]) -> bool {
    let mut runs = open.split(|token| *token == Token::Many);
    let (head, tail) = (runs.next().unwrap_or_default(), runs.next_back().unwrap_or_default());
    let Some((first, rest)) = fixed.split_at_checked(head.len()) else { return false };
    let Some((mut middle, last)) =
        rest.len().checked_sub(tail.len()).and_then(|at| rest.split_at_checked(at))
    else {
        return false;
    };
    let mut ends = head.iter().zip(first).chain(tail.iter().zip(last));
    if !ends.all(agree) {
        return false;
    }
    for run in runs {
        let Some(after) = behind(run, middle, |one, other| agree((one, other))) else { return false };
        middle = after;
    }
    true
}

/// What follows the first place in `within` where `run` stands.
fn behind<'a, T>(run: &[T], within: &'a [T], same: impl Fn(&T, &T) -> bool) -> Option<&'a [T]> {
    let places = within.len().checked_sub(run.len())?;
    let stands = |at: &usize| {
        within.get(*at..).is_some_and(|there| run.iter().zip(there).all(|(one, other)| same(one, other)))
    };
    within.get((0..=places).find(stands)? + run.len()..)
}

/// Whether one character satisfies both; neither is a `*`.
fn agree((one, other): (&Token, &Token)) -> bool {
    match (one, other) {
        (Token::Character(one), Token::Character(other)) => one == other,
        (Token::One | Token::Many, _) | (_, Token::One | Token::Many) => true,
    }
}

fn refuse(message: &str, hint: &str) -> Denied {
    Denied::new(Code::InvalidArguments, message).hint(hint)
}

fn check_characters(text: &str) -> Result<(), Denied> {
    if text.chars().count() > PATTERN_MAX_CHARS {
        return Err(refuse(
            &format!("a pattern is longer than {PATTERN_MAX_CHARS} characters"),
            "reserve the folder above it, or use wildcards",
        ));
    }
    if text.contains('\\') {
        return Err(refuse(
            "a pattern holds a backslash",
            "part segments with /; nothing can be escaped, ? stands for any one character",
        ));
    }
    if text.contains(char::is_control) {
        return Err(refuse("a pattern holds a control character", "? stands for any one character"));
    }
    Ok(())
}

/// Refuses what means something elsewhere and would cover nothing here: a success that protects no file is worse.
fn check_meant(text: &str) -> Result<(), Denied> {
    if text.trim() != text {
        return Err(refuse("a pattern begins or ends with a blank", "leave the blank out; ? stands for one"));
    }
    if text.starts_with('!') {
        return Err(refuse(
            "a pattern cannot exclude",
            "name what you want to reserve; ? stands for a leading !",
        ));
    }
    if text.contains(", ") {
        return Err(refuse("a pattern looks like a list", "give each pattern its own entry in paths"));
    }
    if text.contains("://") {
        return Err(refuse("a pattern looks like a URL", "write the path relative to the project's root"));
    }
    Ok(())
}

fn check_relative(text: &str) -> Result<(), Denied> {
    let has_drive = || {
        let mut characters = text.chars();
        characters.next().is_some_and(|letter| letter.is_ascii_alphabetic()) && characters.next() == Some(':')
    };
    if text.starts_with(['/', '~']) || has_drive() {
        return Err(refuse(
            "a pattern is absolute",
            "write it relative to the project's root, for example src/api/**",
        ));
    }
    Ok(())
}

/// The text without empty and `.` segments; what stands in braces is left alone.
fn normalised(text: &str) -> String {
    let mut braced = false;
    let parts = text.split(|character| {
        braced = character == '{' || (braced && character != '}');
        character == '/' && !braced
    });
    parts.filter(|segment| !says_nothing(segment)).collect::<Vec<_>>().join("/")
}

fn says_nothing(segment: &str) -> bool {
    segment.is_empty() || segment == "."
}

fn expand(text: &str) -> Result<Vec<String>, Denied> {
    let malformed = || {
        refuse(
            "braces in a pattern are malformed",
            "write {one,other}, not nested; a brace in a file's name is written as ?",
        )
    };
    let (mut expanded, mut rest) = (vec![String::new()], text);
    while let Some((before, braced)) = rest.find(['{', '}']).map(|at| rest.split_at(at)) {
        let (inner, after) =
            braced.strip_prefix('{').and_then(|inner| inner.split_once('}')).ok_or_else(malformed)?;
        let choices: Vec<&str> = inner.split(',').collect();
        if choices.len() < 2 || inner.contains('{') {
            return Err(malformed());
        }
        if expanded.len() * choices.len() > EXPANSIONS_MAX {
            return Err(refuse(
                &format!("braces in a pattern stand for more than {EXPANSIONS_MAX} patterns"),
                "use a wildcard, or several patterns",
            ));
        }
        let with = |choice: &&str| {
            expanded.iter().map(|start| format!("{start}{before}{choice}")).collect::<Vec<_>>()
        };
        expanded = choices.iter().flat_map(with).collect();
        rest = after;
    }
    Ok(expanded.into_iter().map(|one| one + rest).collect())
}

fn segments(text: &str) -> Result<Vec<Segment>, Denied> {
    check_relative(text)?;
    let segments =
        text.split('/').filter(|name| !says_nothing(name)).map(segment).collect::<Result<Vec<_>, _>>()?;
    if segments.is_empty() {
        return Err(refuse("a pattern names nothing", "** stands for the whole project"));
    }
    Ok(segments)
}

fn segment(name: &str) -> Result<Segment, Denied> {
    if name == ".." {
        return Err(refuse("a pattern leads upwards with ..", "write it relative to the project's root"));
    }
    if name == "**" {
        return Ok(Segment::Anywhere);
    }
    if name.contains("**") {
        return Err(refuse(
            "** in a pattern stands beside other characters",
            "** is a segment of its own, as in src/**/test_*.rs; inside a name use *",
        ));
    }
    let token = |character| match character {
        '?' => Token::One,
        '*' => Token::Many,
        literal => Token::Character(literal),
    };
    Ok(Segment::Name(name.chars().map(token).collect()))
}

#[cfg(test)]
mod tests;
