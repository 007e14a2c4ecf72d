//! Edits of TOML that leave every other byte as it is.
//!
//! An entry is appended at the end of the file as tables under headers of their own, before the line breaks the file ends
//! with; taking it out again gives the same text.

use std::{fmt::Write as _, ops::Range};

use mab_core::{Code, Denied};
use serde_json::{Map, Value};
use toml_edit::{ArrayOfTables, Document, Item, Table};

/// Reads the text.
///
/// # Errors
/// `misconfigured` with line and column when it is not TOML.
pub(super) fn read(text: &str) -> Result<Value, Denied> {
    let table = text.parse::<toml::Table>().map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = 1 + before.matches('\n').count();
        let column = 1 + before.rsplit('\n').next().unwrap_or_default().chars().count();
        let message = format!("line {line}, column {column} is not TOML: {}", error.message());
        Denied::new(Code::Misconfigured, message)
    })?;
    serde_json::to_value(table)
        .map_err(|error| Denied::new(Code::Misconfigured, format!("its values cannot be compared: {error}")))
}

/// Appends the table at a path of two names.
pub(super) fn append_table(text: &str, path: [&str; 2], value: &Map<String, Value>) -> String {
    let newline = newline(text);
    let [parent, name] = path.map(key);
    append(text, &format!("[{parent}.{name}]{newline}{}", fields(value, newline)))
}

/// Appends a group of hooks of one event.
pub(super) fn append_group(text: &str, event: &str, group: &Map<String, Value>) -> String {
    let newline = newline(text);
    let event = key(event);
    let mut block = format!("[[hooks.{event}]]{newline}{}", fields(group, newline));
    for hook in group.get("hooks").and_then(Value::as_array).into_iter().flatten() {
        let Some(hook) = hook.as_object() else { continue };
        // Writing to a String cannot fail.
        let _ = write!(block, "{newline}[[hooks.{event}.hooks]]{newline}{}", fields(hook, newline));
    }
    append(text, &block)
}

/// Takes out the table at a path of two names with everything below it; `None` when it is not under headers.
pub(super) fn remove_table(text: &str, path: [&str; 2]) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let [parent, name] = path;
    let item = document.as_item().get(parent)?.get(name)?;
    let mut sections = Vec::new();
    if let Some(table) = item.as_table() {
        collect(table, &mut sections);
    } else {
        // One line of the table above: `mab = { … }`.
        let (key, item) = document.as_item().get(parent)?.as_table()?.get_key_value(name)?;
        sections.push(key.span()?.start..item.span()?.end);
    }
    Some(without(text, sections))
}

/// Takes out one group of hooks of an event; `None` when it is not under headers.
pub(super) fn remove_group(text: &str, event: &str, index: usize) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let groups = document.as_item().get("hooks")?.get(event)?.as_array_of_tables()?;
    let mut sections = Vec::new();
    collect(groups.get(index)?, &mut sections);
    Some(without(text, sections))
}

/// Takes out one hook of a group; `None` when it is not under headers.
pub(super) fn remove_hook(text: &str, event: &str, [group, hook]: [usize; 2]) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let groups = document.as_item().get("hooks")?.get(event)?.as_array_of_tables()?;
    let hooks = groups.get(group)?.get("hooks")?.as_array_of_tables()?;
    let mut sections = Vec::new();
    collect(hooks.get(hook)?, &mut sections);
    Some(without(text, sections))
}

/// Every section of a table and of the tables below it: from the header to the end of its last value.
fn collect(table: &Table, sections: &mut Vec<Range<usize>>) {
    if let (Some(span), false) = (table.span(), table.is_dotted() || table.is_implicit()) {
        sections.push(span.start..last_value(table).unwrap_or(span.end).max(span.end));
    }
    for (_, item) in table {
        match item {
            Item::Table(table) => collect(table, sections),
            Item::ArrayOfTables(tables) => each(tables, sections),
            Item::None | Item::Value(_) => {}
        }
    }
}

fn each(tables: &ArrayOfTables, sections: &mut Vec<Range<usize>>) {
    for table in tables {
        collect(table, sections);
    }
}

fn last_value(table: &Table) -> Option<usize> {
    let ends = table.iter().filter_map(|(_, item)| match item {
        Item::Value(value) => value.span().map(|span| span.end),
        Item::Table(table) if table.is_dotted() => last_value(table),
        Item::Table(_) | Item::ArrayOfTables(_) | Item::None => None,
    });
    ends.max()
}

/// Cuts whole lines, and the empty line before each.
fn without(text: &str, mut sections: Vec<Range<usize>>) -> String {
    sections.sort_by_key(|section| section.start);
    let mut left = text.to_owned();
    for section in sections.iter().rev() {
        let line = left.get(..section.start).and_then(|head| head.rfind('\n')).map_or(0, |at| at + 1);
        let head = left.get(..line).unwrap_or_default();
        let tail = left.get(section.end..).unwrap_or_default();
        let (tail, ends) = match tail.find('\n') {
            Some(newline) => (tail.get(newline + 1..).unwrap_or_default(), true),
            None => ("", false),
        };
        let without_line = |head: &str| {
            let shorter = head.strip_suffix('\n').map(|head| head.strip_suffix('\r').unwrap_or(head))?;
            Some(shorter.to_owned())
        };
        let is_blank_before = head.ends_with("\n\n") || head.ends_with("\n\r\n");
        let mut head =
            if is_blank_before { without_line(head) } else { None }.unwrap_or_else(|| head.to_owned());
        if !ends {
            head = without_line(&head).unwrap_or(head);
        }
        left = format!("{head}{tail}");
    }
    left
}

fn append(text: &str, block: &str) -> String {
    let newline = newline(text);
    let block = block.trim_end();
    let body = text.trim_end_matches(['\r', '\n']);
    let end = text.get(body.len()..).unwrap_or_default();
    if body.is_empty() {
        return format!("{block}{newline}");
    }
    format!("{body}{newline}{newline}{block}{end}")
}

fn newline(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// The fields of a table, one line each; lists of tables have headers of their own.
fn fields(table: &Map<String, Value>, newline: &str) -> String {
    let own = table.iter().filter(|(name, _)| *name != "hooks");
    let lines: Vec<String> =
        own.map(|(name, value)| format!("{} = {}{newline}", key(name), inline(value))).collect();
    lines.concat()
}

fn inline(value: &Value) -> String {
    match value {
        Value::Array(values) => format!("[{}]", values.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| format!("{} = {}", key(name), inline(value));
            format!("{{ {} }}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
        // A string of JSON is a basic string of TOML (TOML 1.0, String), but for DEL, which must be escaped.
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {
            value.to_string().replace('\u{7f}', "\\u007f")
        }
    }
}

fn key(name: &str) -> String {
    let is_bare = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    if !name.is_empty() && name.chars().all(is_bare) {
        return name.to_owned();
    }
    inline(&Value::from(name))
}
