//! What a file would hold with our entries, or without them; nothing is written here.

use std::path::Path;

use mab_core::{Code, Denied, Failure};
use serde_json::{Map, Value};

use super::{
    backup::{Backups, Held},
    client::{Client, Files, Format},
    entry::{self, Launch, NAME},
    file::{Before, Change},
    jsonc, toml_text,
};

/// What is to stand in the files of a client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// Whose files.
    pub(crate) client: Client,
    /// How the program is started; `None`: nothing of ours is to stand there.
    pub(crate) launch: Option<&'a Launch>,
    /// Whether hooks are to stand there.
    pub(crate) hooks: bool,
    /// Whether an entry of the same name that is not ours may be replaced or taken out.
    pub(crate) force: bool,
    /// What was there before set-up.
    pub(crate) backups: &'a Backups,
}

/// Plans every file of a client. `within`: the project that no file may lead out of.
///
/// # Errors
/// `misconfigured` for a file that cannot be understood, `conflict` for an entry that is not ours, `read_only` for a file
/// that is not safe to write.
pub(crate) fn plan(files: &Files, within: Option<&Path>, wanted: Wanted<'_>) -> Result<Vec<Change>, Failure> {
    let mut changes = Vec::new();
    let one = |path: &Path, parts: Parts| -> Result<Change, Failure> {
        let before = Before::read(path, within)?;
        change(before, parts, wanted).map_err(|failure| at(path, failure))
    };
    let hooks_apart = files.hooks.as_deref().filter(|hooks| *hooks != files.server);
    let hooks = files.hooks.is_some() && hooks_apart.is_none();
    changes.push(one(&files.server, Parts { server: true, hooks })?);
    if let Some(path) = hooks_apart {
        changes.push(one(path, Parts { server: false, hooks: true })?);
    }
    Ok(changes)
}

/// What stands in the files of a client now.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Present {
    /// The entry of our name.
    pub(crate) server: Option<Value>,
    /// Each program that a hook of ours starts, by event.
    pub(crate) hooks: Vec<(&'static str, String)>,
}

impl Present {
    /// The profile that the server of ours has.
    pub(crate) fn agent(&self) -> Option<String> {
        let server = self.server.as_ref().filter(|server| entry::is_ours(server))?;
        entry::variable(server, "MAB_AGENT").map(str::to_owned)
    }
}

/// Reads what stands in the files of a client.
///
/// # Errors
/// As [`plan`].
pub(crate) fn present(client: Client, files: &Files, within: Option<&Path>) -> Result<Present, Failure> {
    let read = |path: &Path| -> Result<Value, Failure> {
        let before = Before::read(path, within)?;
        let value = text_of(&before).and_then(|text| value(client.format(), text.unwrap_or_default()));
        value.map_err(|denied| at(path, denied.into()))
    };
    let server = read(&files.server)?;
    let mut present = Present {
        server: server.get(client.container()).and_then(|servers| servers.get(NAME)).cloned(),
        hooks: Vec::new(),
    };
    let Some(path) = &files.hooks else { return Ok(present) };
    let hooks = read(path)?;
    for event in entry::events(client) {
        let groups = hooks.get("hooks").and_then(|hooks| hooks.get(event)).and_then(Value::as_array);
        let programs = groups.into_iter().flatten().flat_map(entry::hook_programs).flatten();
        present.hooks.extend(programs.map(|program| (event, program)));
    }
    Ok(present)
}

/// Which of our entries belong into one file.
#[derive(Debug, Clone, Copy)]
struct Parts {
    server: bool,
    hooks: bool,
}

fn change(before: Before, parts: Parts, wanted: Wanted<'_>) -> Result<Change, Failure> {
    let text = text_of(&before)?;
    let bare = text.unwrap_or_default();
    let (bom, body) = bare.strip_prefix(BOM).map_or(("", bare), |body| (BOM, body));
    let edited = edit(body, parts, wanted)?;
    let is_ours_alone = text.is_some() && edited.trim().trim_matches(['{', '}']).trim().is_empty();
    let is_same = edited == body;
    let after = format!("{bom}{edited}");
    if is_same {
        return Ok(Change::none(before));
    }
    before.check_names()?;
    let stays_ours = wanted.launch.is_some() && (parts.server || wanted.hooks);
    if stays_ours {
        return Change::replace(before, after, wanted.backups);
    }
    // What was there before the first set-up, when nothing else has changed since and it holds nothing of ours. A file that
    // set-up did not make, or that somebody else has changed, is never deleted.
    let Some(backup) = before.fitting_backup(wanted.backups)? else {
        return Ok(Change::rest(before, after));
    };
    let is_without_ours = match &backup.held {
        Held::Content(content) => {
            let old = std::str::from_utf8(content).unwrap_or_default();
            let body = old.strip_prefix(BOM).unwrap_or(old);
            edit(body, parts, wanted).is_ok_and(|again| again == body)
        }
        Held::Nothing { .. } => is_ours_alone,
    };
    Ok(if is_without_ours { Change::restore(before, backup) } else { Change::rest(before, after) })
}

/// The text with our entries as wanted. Compared with what it should mean before anybody sees it.
fn edit(text: &str, parts: Parts, wanted: Wanted<'_>) -> Result<String, Failure> {
    let format = wanted.client.format();
    let mut edited = text.to_owned();
    let mut meant = value(format, text)?;
    if parts.server {
        (edited, meant) = edit_server(edited, meant, wanted)?;
    }
    if parts.hooks {
        let hooks = wanted.launch.filter(|_| wanted.hooks).map(|launch| entry::hooks(wanted.client, launch));
        let hooks = hooks.unwrap_or_default();
        for event in entry::events(wanted.client) {
            let groups = hooks.iter().find(|(name, _)| *name == event).map_or(&[][..], |(_, groups)| groups);
            (edited, meant) = edit_event(edited, meant, event, groups, format)?;
        }
    }
    if value(format, &edited).is_ok_and(|value| pruned(value) == pruned(meant)) {
        return Ok(edited);
    }
    let message = "our entries cannot be put in or taken out beside what is there, such as inline tables or dotted keys";
    Err(Denied::new(Code::Misconfigured, message)
        .hint("write mcp_servers and hooks as tables with headers of their own; nothing was changed")
        .into())
}

fn edit_server(text: String, mut meant: Value, wanted: Wanted<'_>) -> Result<(String, Value), Failure> {
    let Wanted { client, launch, force, .. } = wanted;
    let path = [client.container(), NAME];
    let servers = object(&meant, client.container())?;
    let existing = servers.and_then(|servers| servers.get(NAME)).cloned();
    let is_ours = existing.as_ref().is_none_or(entry::is_ours);
    let Some(launch) = launch else {
        if existing.is_none() || !(is_ours || force) {
            return Ok((text, meant));
        }
        without(&mut meant, &path);
        return Ok((removed_server(&text, client.format(), path)?, meant));
    };
    if !is_ours && !force {
        let message =
            format!("{}.{NAME} is there already, with another program or arguments", client.container());
        return Err(Denied::new(Code::Conflict, message)
            .hint("rename or remove that entry, or replace it with --force; give --data-dir and the like to set-up")
            .into());
    }
    let new = entry::server(client, launch, existing.as_ref().filter(|_| is_ours));
    if existing.as_ref() == Some(&new) {
        return Ok((text, meant));
    }
    let edited = match (client.format(), &new) {
        (Format::Toml, Value::Object(fields)) => {
            let bare = if existing.is_some() { removed_server(&text, Format::Toml, path)? } else { text };
            toml_text::append_table(&bare, path, fields)
        }
        (Format::Json | Format::Toml, _) => jsonc::set(&text, &path, &new)?,
    };
    let servers =
        meant.as_object_mut().map(|root| root.entry(client.container()).or_insert(Map::new().into()));
    if let Some(servers) = servers.and_then(Value::as_object_mut) {
        servers.insert(NAME.to_owned(), new);
    }
    Ok((edited, meant))
}

fn removed_server(text: &str, format: Format, path: [&str; 2]) -> Result<String, Failure> {
    match format {
        Format::Json => Ok(jsonc::remove(text, &path)?),
        // Where it cannot, the comparison at the end says so.
        Format::Toml => Ok(toml_text::remove_table(text, path).unwrap_or_else(|| text.to_owned())),
    }
}

fn edit_event(
    mut text: String,
    mut meant: Value,
    event: &'static str,
    groups: &[Value],
    format: Format,
) -> Result<(String, Value), Failure> {
    let hooks = object(&meant, "hooks")?;
    let list = match hooks.and_then(|hooks| hooks.get(event)) {
        None => Vec::new(),
        Some(Value::Array(list)) => list.clone(),
        Some(_) => return Err(wrong_type(&format!("hooks.{event}"), "list")),
    };
    let is_as_wanted = list.iter().filter(|group| Share::of(group) != Share::None).eq(groups);
    if is_as_wanted {
        return Ok((text, meant));
    }
    let mut kept = Vec::new();
    for (index, group) in list.into_iter().enumerate().rev() {
        let share = Share::of(&group);
        text = share.removed(&text, event, index, format)?;
        kept.extend(share.rest(group));
    }
    kept.reverse();
    for group in groups {
        text = match (format, group) {
            (Format::Toml, Value::Object(group)) => toml_text::append_group(&text, event, group),
            (Format::Json | Format::Toml, _) => jsonc::push(&text, &["hooks", event], group)?,
        };
    }
    kept.extend(groups.iter().cloned());
    let hooks = meant.as_object_mut().map(|root| root.entry("hooks").or_insert(Map::new().into()));
    if let Some(hooks) = hooks.and_then(Value::as_object_mut) {
        hooks.insert(event.to_owned(), kept.into());
    }
    Ok((text, meant))
}

/// How much of a group of hooks is ours.
#[derive(Debug, PartialEq, Eq)]
enum Share {
    None,
    /// These hooks of it: somebody put others beside them.
    Some(Vec<usize>),
    All,
}

impl Share {
    fn of(group: &Value) -> Self {
        let programs = entry::hook_programs(group);
        let ours: Vec<usize> = programs
            .iter()
            .enumerate()
            .filter(|(_, program)| program.is_some())
            .map(|(index, _)| index)
            .collect();
        match ours.len() {
            0 => Self::None,
            count if count == programs.len() => Self::All,
            _ => Self::Some(ours),
        }
    }

    /// The text without our share of the group at `index`.
    fn removed(&self, text: &str, event: &str, index: usize, format: Format) -> Result<String, Failure> {
        let group = index.to_string();
        // What TOML cannot take out, the comparison at the end finds.
        Ok(match (self, format) {
            (Self::None, Format::Json | Format::Toml) => text.to_owned(),
            (Self::All, Format::Json) => jsonc::remove(text, &["hooks", event, &group])?,
            (Self::All, Format::Toml) => {
                toml_text::remove_group(text, event, index).unwrap_or_else(|| text.to_owned())
            }
            (Self::Some(hooks), Format::Json) => {
                hooks.iter().rev().try_fold(text.to_owned(), |text, hook| {
                    jsonc::remove(&text, &["hooks", event, &group, "hooks", &hook.to_string()])
                })?
            }
            (Self::Some(hooks), Format::Toml) => hooks.iter().rev().fold(text.to_owned(), |text, hook| {
                toml_text::remove_hook(&text, event, [index, *hook]).unwrap_or(text)
            }),
        })
    }

    /// What remains of the group.
    fn rest(&self, mut group: Value) -> Option<Value> {
        match self {
            Self::None => Some(group),
            Self::All => None,
            Self::Some(ours) => {
                let hooks = group.get_mut("hooks").and_then(Value::as_array_mut)?;
                for index in ours.iter().rev() {
                    hooks.remove(*index);
                }
                Some(group)
            }
        }
    }
}

/// Takes the entry at a path out of a value.
fn without(value: &mut Value, [parent, name]: &[&str; 2]) {
    if let Some(parent) = value.get_mut(parent).and_then(Value::as_object_mut) {
        parent.remove(*name);
    }
}

/// The value without what is empty: taking out our entries takes out what they leave empty.
fn pruned(value: Value) -> Value {
    let Value::Object(fields) = value else { return value };
    let kept = fields.into_iter().map(|(name, value)| (name, pruned(value)));
    let is_empty = |value: &Value| {
        value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty)
    };
    Value::Object(kept.filter(|(_, value)| !is_empty(value)).collect())
}

/// The object under a name; one of another type is refused.
fn object<'a>(value: &'a Value, name: &str) -> Result<Option<&'a Map<String, Value>>, Failure> {
    let Value::Object(root) = value else { return Err(wrong_type("the file", "object")) };
    match root.get(name) {
        None => Ok(None),
        Some(Value::Object(found)) => Ok(Some(found)),
        Some(_) => Err(wrong_type(name, "object")),
    }
}

fn wrong_type(name: &str, expected: &str) -> Failure {
    Denied::new(Code::Misconfigured, format!("{name} is not {} {expected}", article(expected)))
        .hint("mend it, or move the file away; nothing was changed")
        .into()
}

fn article(word: &str) -> &'static str {
    if word.starts_with('o') { "an" } else { "a" }
}

fn text_of(before: &Before) -> Result<Option<&str>, Denied> {
    let Some(content) = &before.content else { return Ok(None) };
    std::str::from_utf8(content).map(Some).map_err(|error| {
        Denied::new(Code::Misconfigured, format!("byte {} is not UTF-8", error.valid_up_to()))
            .hint("save it as UTF-8; nothing was changed")
    })
}

fn value(format: Format, text: &str) -> Result<Value, Denied> {
    let text = text.strip_prefix(BOM).unwrap_or(text);
    match format {
        Format::Json => jsonc::read(text),
        Format::Toml => toml_text::read(text),
    }
}

/// The same refusal, naming the file.
fn at(path: &Path, failure: Failure) -> Failure {
    let Failure::Denied(mut denied) = failure else { return failure };
    denied.message = format!("{}: {}", path.display(), denied.message);
    denied.hint.get_or_insert_with(|| "mend the file first; nothing was changed".to_owned());
    denied.into()
}

/// The mark that some editors put before UTF-8 (Unicode 16, 23.8).
const BOM: &str = "\u{feff}";
