//! Edits of JSON with comments that leave every other byte as it is.
//!
//! The text is parsed for the places of its values, and only the bytes of an entry are put in or taken out there: comments,
//! order, indentation, trailing commas and line ends are never written anew. Taking out an entry right after it was put in
//! gives the same text again, unless the object it went into was empty or made for it.

use std::ops::Range;

use jsonc_parser::{CollectOptions, ParseOptions, ast, common::Ranged as _, parse_to_ast};
use mab_core::{Code, Denied, Failure, Fault};
use serde::Serialize as _;
use serde_json::{Map, Value};

/// Reads the text; one without a value is an empty object.
///
/// # Errors
/// `misconfigured` with line and column when it is not JSON, comments and trailing commas allowed.
pub(super) fn read(text: &str) -> Result<Value, Denied> {
    Ok(parse(text)?.map_or_else(|| Value::Object(Map::new()), Value::from))
}

/// Sets the value at a path of names; what is missing on the way is made.
pub(super) fn set(text: &str, path: &[&str], value: &Value) -> Result<String, Edit> {
    let Some((name, parents)) = path.split_last() else { return Err(Edit::Missing) };
    let style = Style::of(text);
    match find(text, parents)? {
        Some(node) if !node.is_object => Err(Edit::Missing),
        Some(node) => match node.items.iter().find(|item| item.name.as_deref() == Some(name)) {
            Some(item) => {
                let indent = line_indent(text, item.start);
                Ok(spliced(text, item.value.clone(), &style.pretty(value, indent)))
            }
            None => Ok(insert(text, &node, &style, (Some(name), value))),
        },
        None if parents.is_empty() => {
            let object = Value::Object(Map::from_iter([((*name).to_owned(), value.clone())]));
            let before = text.trim_end();
            let glue = if before.is_empty() { "" } else { style.newline };
            Ok(format!("{before}{glue}{}{}", style.pretty(&object, ""), style.newline))
        }
        None => set(text, parents, &Value::Object(Map::from_iter([((*name).to_owned(), value.clone())]))),
    }
}

/// Appends an element to the list at a path; what is missing on the way is made.
pub(super) fn push(text: &str, path: &[&str], value: &Value) -> Result<String, Edit> {
    match find(text, path)? {
        Some(node) if node.is_object => Err(Edit::Missing),
        Some(node) => Ok(insert(text, &node, &Style::of(text), (None, value))),
        None => set(text, path, &Value::Array(vec![value.clone()])),
    }
}

/// Takes out the entry at a path, whose words name a field or count elements from 0, and what is empty then on the way to it.
pub(super) fn remove(text: &str, path: &[&str]) -> Result<String, Edit> {
    let Some((name, parents)) = path.split_last() else { return Err(Edit::Missing) };
    let node = find(text, parents)?.ok_or(Edit::Missing)?;
    let index = if node.is_object {
        node.items.iter().position(|item| item.name.as_deref() == Some(name))
    } else {
        name.parse().ok()
    };
    let left = take(text, &node, index.ok_or(Edit::Missing)?)?;
    let is_empty = match find(&left, parents)? {
        Some(node) => part(&left, node.open + 1..node.close).trim().is_empty(),
        None => false,
    };
    if is_empty && !parents.is_empty() { remove(&left, parents) } else { Ok(left) }
}

/// Why an edit cannot be made.
#[derive(Debug)]
pub(super) enum Edit {
    /// What the person can mend.
    Denied(Denied),
    /// The place is not there.
    Missing,
}

impl From<Denied> for Edit {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<Edit> for Failure {
    fn from(edit: Edit) -> Self {
        match edit {
            Edit::Denied(denied) => Self::Denied(denied),
            Edit::Missing => Self::Fault(Fault::new("editing a configuration file")),
        }
    }
}

/// An object or a list in the text.
struct Node {
    is_object: bool,
    /// Where its bracket opens.
    open: usize,
    /// Where its bracket closes.
    close: usize,
    items: Vec<Item>,
}

struct Item {
    name: Option<String>,
    start: usize,
    value: Range<usize>,
}

fn parse(text: &str) -> Result<Option<ast::Value<'_>>, Denied> {
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let parsed = parse_to_ast(text, &CollectOptions::default(), &options).map_err(|error| {
        let (line, column) = (error.line_display(), error.column_display());
        Denied::new(
            Code::Misconfigured,
            format!("line {line}, column {column} is not JSON: {}", error.kind()),
        )
    })?;
    Ok(parsed.value)
}

/// The object or list at a path; `None` when nothing is there.
fn find(text: &str, path: &[&str]) -> Result<Option<Node>, Edit> {
    let Some(root) = parse(text)? else { return Ok(None) };
    let mut value = &root;
    for name in path {
        if let (Some(list), Ok(index)) = (value.as_array(), name.parse::<usize>()) {
            let Some(element) = list.elements.get(index) else { return Ok(None) };
            value = element;
            continue;
        }
        let Some(object) = value.as_object() else { return Err(Edit::Missing) };
        let mut named = object.properties.iter().filter(|property| property.name.as_str() == *name);
        match (named.next(), named.next()) {
            (None, _) => return Ok(None),
            (Some(property), None) => value = &property.value,
            (Some(_), Some(_)) => {
                let message = format!("{name} stands twice in one object");
                return Err(Denied::new(Code::Misconfigured, message).hint("join them").into());
            }
        }
    }
    let range = value.range();
    let items = match value {
        ast::Value::Object(object) => object
            .properties
            .iter()
            .map(|property| Item {
                name: Some(property.name.as_str().to_owned()),
                start: property.start(),
                value: property.value.start()..property.value.end(),
            })
            .collect(),
        ast::Value::Array(array) => array
            .elements
            .iter()
            .map(|value| Item { name: None, start: value.start(), value: value.start()..value.end() })
            .collect(),
        ast::Value::StringLit(_)
        | ast::Value::NumberLit(_)
        | ast::Value::BooleanLit(_)
        | ast::Value::NullKeyword(_) => return Err(Edit::Missing),
    };
    Ok(Some(Node {
        is_object: value.as_object().is_some(),
        open: range.start,
        close: range.end.saturating_sub(1),
        items,
    }))
}

/// Puts an entry behind the last one.
fn insert(text: &str, node: &Node, style: &Style<'_>, entry: (Option<&str>, &Value)) -> String {
    let indent = node.indent(text, style);
    let Some(last) = node.items.last() else { return insert_first(text, node, style, entry) };
    let end = last.value.end;
    let next = after_trivia(text, end);
    let has_comma = text.get(next..).is_some_and(|rest| rest.starts_with(','));
    let behind = if has_comma { next + 1 } else { end };
    let is_tall = part(text, node.open..node.close).contains('\n');
    let place =
        if is_tall { line_end(text, behind).filter(|at| *at < node.close).unwrap_or(behind) } else { behind };
    let item = if is_tall {
        format!("{}{indent}{}", style.newline, style.entry(entry, &indent))
    } else {
        format!(" {}", compact(entry))
    };
    let (before, after) = if has_comma { ("", ",") } else { (",", "") };
    let (head, middle, tail) = (part(text, 0..end), part(text, end..place), part(text, place..text.len()));
    format!("{head}{before}{middle}{item}{after}{tail}")
}

/// Puts an entry into an object or list that has none; comments in it stay.
fn insert_first(text: &str, node: &Node, style: &Style<'_>, entry: (Option<&str>, &Value)) -> String {
    let indent = node.indent(text, style);
    let inside = part(text, node.open + 1..node.close);
    let kept = inside.trim_end();
    let rest = part(inside, kept.len()..inside.len());
    let rest = if rest.contains('\n') {
        rest.to_owned()
    } else {
        format!("{}{}", style.newline, line_indent(text, node.open))
    };
    let item = style.entry(entry, &indent);
    let inside = format!("{kept}{}{indent}{item}{rest}", style.newline);
    spliced(text, node.open + 1..node.close, &inside)
}

/// Takes out one entry with the line break before it and the comma that only it needed.
fn take(text: &str, node: &Node, index: usize) -> Result<String, Edit> {
    let item = node.items.get(index).ok_or(Edit::Missing)?;
    let previous = index.checked_sub(1).and_then(|index| node.items.get(index));
    let from = previous.map_or(node.open + 1, |item| item.value.end);
    let lead = part(text, from..item.start);
    let kept = lead.trim_end_matches([' ', '\t']);
    let line = kept.strip_suffix('\n').map(|kept| kept.strip_suffix('\r').unwrap_or(kept));
    let next = after_trivia(text, item.value.end);
    let is_comma = |at: usize| text.get(at..).is_some_and(|rest| rest.starts_with(','));
    // A comment to the end of its line keeps that end, unless there is another one.
    let is_last = line_end(text, if is_comma(next) { next + 1 } else { item.value.end }).is_some();
    let is_comment = |kept: &&str| kept.rsplit('\n').next().is_some_and(|line| line.contains("//"));
    let kept = line.filter(|kept| is_last || !is_comment(kept)).unwrap_or(kept);
    let start = from + kept.len();
    let own = start..item.value.end;
    // The one behind it, or, when it is the last, the one that was put before it.
    let comma =
        if is_comma(next) { Some(next) } else { previous.map(|item| after_trivia(text, item.value.end)) };
    let left = match comma.map(|at| at..at + 1) {
        None => spliced(text, own, ""),
        Some(comma) if comma.start < own.start => spliced(&spliced(text, own, ""), comma, ""),
        Some(comma) => spliced(&spliced(text, comma, ""), own, ""),
    };
    if node.items.len() > 1 {
        return Ok(left);
    }
    let close = node.close - (text.len() - left.len());
    let inside = part(&left, node.open + 1..close);
    Ok(if inside.trim().is_empty() { spliced(&left, node.open + 1..close, "") } else { left })
}

impl Node {
    /// The indentation of its entries.
    fn indent(&self, text: &str, style: &Style<'_>) -> String {
        let own = |item: &Item| {
            let start = part(text, 0..item.start).rfind('\n')? + 1;
            let lead = part(text, start..item.start);
            lead.chars().all(|character| matches!(character, ' ' | '\t')).then(|| lead.to_owned())
        };
        let base = line_indent(text, self.open);
        self.items.iter().find_map(own).unwrap_or_else(|| format!("{base}{}", style.unit))
    }
}

/// How the text is laid out.
struct Style<'a> {
    newline: &'static str,
    unit: &'a str,
}

impl<'a> Style<'a> {
    fn of(text: &'a str) -> Self {
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let indents = text.lines().skip(1).map(|line| {
            let rest = line.trim_start_matches([' ', '\t']);
            (part(line, 0..line.len() - rest.len()), rest)
        });
        let unit =
            indents.filter(|(indent, rest)| !indent.is_empty() && rest.starts_with('"')).map(|(it, _)| it);
        Self { newline, unit: unit.min_by_key(|unit| unit.len()).unwrap_or("  ") }
    }

    /// The value over several lines, the first one without its indentation.
    fn pretty(&self, value: &Value, indent: &str) -> String {
        let mut bytes = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(self.unit.as_bytes());
        // Writing a value to memory cannot fail.
        let _ = value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, formatter));
        String::from_utf8_lossy(&bytes).replace('\n', &format!("{}{indent}", self.newline))
    }

    fn entry(&self, (name, value): (Option<&str>, &Value), indent: &str) -> String {
        let value = self.pretty(value, indent);
        name.map_or_else(|| value.clone(), |name| format!("{}: {value}", Value::from(name)))
    }
}

fn compact((name, value): (Option<&str>, &Value)) -> String {
    name.map_or_else(|| value.to_string(), |name| format!("{}: {value}", Value::from(name)))
}

fn part(text: &str, range: Range<usize>) -> &str {
    text.get(range).unwrap_or_default()
}

fn spliced(text: &str, range: Range<usize>, with: &str) -> String {
    format!("{}{with}{}", part(text, 0..range.start), part(text, range.end..text.len()))
}

/// What the line at a place begins with.
fn line_indent(text: &str, at: usize) -> &str {
    let start = part(text, 0..at).rfind('\n').map_or(0, |newline| newline + 1);
    let line = part(text, start..text.len());
    part(line, 0..line.len() - line.trim_start_matches([' ', '\t']).len())
}

/// The first place at or behind `from` that is neither blank nor a comment.
fn after_trivia(text: &str, from: usize) -> usize {
    let mut at = from;
    loop {
        let rest = part(text, at..text.len());
        let blank = rest.len() - rest.trim_start().len();
        let comment = part(rest, blank..rest.len());
        let length = if comment.starts_with("//") {
            comment.find('\n').unwrap_or(comment.len())
        } else if comment.starts_with("/*") {
            comment_end(comment).unwrap_or(comment.len())
        } else {
            return at + blank;
        };
        at += blank + length;
    }
}

/// Where the line ends, if only blanks and comments are between: what is there belongs to the entry before it.
fn line_end(text: &str, from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let rest = part(text, at..text.len());
        let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let comment = part(rest, blank..rest.len());
        if comment.starts_with('\n') || comment.starts_with("\r\n") {
            return Some(at + blank);
        } else if comment.starts_with("//") {
            let end = comment.find('\n')?;
            return Some(at + blank + part(comment, 0..end).trim_end_matches('\r').len());
        } else if comment.starts_with("/*") {
            let end = comment_end(comment)?;
            if part(comment, 0..end).contains('\n') {
                return None;
            }
            at += blank + end;
        } else {
            return None;
        }
    }
}

/// Where a comment that begins with `/*` ends; the star that opens it does not close it.
fn comment_end(comment: &str) -> Option<usize> {
    Some(comment.get(2..)?.find("*/")? + 4)
}
