//! What a person has set elsewhere in a client that keeps what set-up wrote from being used.
//!
//! Only what the client's own files say is looked at; what an administrator has set, or a flag, is not.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{
    client::{Client, Format, Scope, project_of},
    entry,
    file::Before,
    jsonc, toml_text,
};
use crate::environment::Environment;

/// What keeps our entries from being used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hindrance {
    /// What it is.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) mend: String,
}

/// What keeps the hooks of a client from running, in the project around `here`.
pub(crate) fn on_hooks(client: Client, here: &Path, environment: &Environment) -> Option<Hindrance> {
    // What `off` is, and where it is looked for. Source: the makers' documentation of settings; tried 2026-11-22 with Claude
    // Code 2.1.330.
    let (off, switches): (bool, &[&'static str]) = match client {
        Client::ClaudeCode => (true, &["/disableAllHooks"]),
        Client::Codex => (false, &["/features/hooks", "/features/codex_hooks"]),
        Client::Gemini => (false, &["/hooksConfig/enabled"]),
        Client::Opencode
        | Client::Cursor
        | Client::Vscode
        | Client::Windsurf
        | Client::Zed
        | Client::ClaudeDesktop => return None,
    };
    let set = |path: PathBuf| {
        let value = read(client, &path)?;
        let state = |switch: &&'static str| Some((*switch, value.pointer(switch)?.as_bool()?));
        let (switch, state) = switches.iter().find_map(state)?;
        Some((path, switch, state))
    };
    let (path, switch, state) = nearest_first(client, here, environment).into_iter().find_map(set)?;
    let name = switch.trim_start_matches('/').replace('/', ".");
    (state == off).then(|| Hindrance {
        what: format!("its hooks do not run: {} has {name} {state}", path.display()),
        mend: format!("take {name} out of {}", path.display()),
    })
}

/// What keeps a client from reading the files of the project around `here`.
///
/// Source: Codex 0.169.0 reads a project's `.codex` only where `projects."<folder>".trust_level` of the user's file is
/// `trusted` (measured 2026-11-22). It looks for the repository behind a worktree, which is not judged here.
pub(crate) fn on_project(client: Client, here: &Path, environment: &Environment) -> Option<Hindrance> {
    let project = project_of(here);
    if client != Client::Codex || project.join(".git").is_file() {
        return None;
    }
    let user = client.files(Scope::User, &project, environment).ok()?.server;
    let settings = read(client, &user).unwrap_or_default();
    let is_trusted = |folder: &Path| {
        let folders = [Some(folder.to_owned()), folder.canonicalize().ok()];
        folders.into_iter().flatten().any(|folder| {
            let level = settings
                .get("projects")
                .and_then(|projects| projects.get(folder.to_str()?))
                .and_then(|project| project.get("trust_level"));
            level.and_then(Value::as_str) == Some("trusted")
        })
    };
    (!is_trusted(here) && !is_trusted(&project)).then(|| Hindrance {
        what: "Codex does not trust the project, and reads nothing of its .codex".to_owned(),
        mend: "start `codex` in the project and trust it".to_owned(),
    })
}

/// What keeps the hooks in one of Codex's files from running: each is to be trusted by the person first.
///
/// Source: Codex 0.169.0 keeps that in the user's file, as `hooks.state."<file>:<event>:<group>:<hook>".trusted_hash`
/// (`hooks/list` of its app server, 2026-11-22). Whether the hash still fits is not looked at.
pub(crate) fn on_trust(client: Client, path: &Path, environment: &Environment) -> Option<Hindrance> {
    if client != Client::Codex {
        return None;
    }
    let user = client.files(Scope::User, path, environment).ok()?.server;
    let settings = read(client, &user).unwrap_or_default();
    let states = settings.pointer("/hooks/state").and_then(Value::as_object);
    let paths = [Some(path.to_owned()), path.canonicalize().ok()];
    let is_trusted = |event: &str| {
        let keys = paths.iter().flatten().map(|path| format!("{}:{}:", path.display(), in_snake_case(event)));
        let keys: Vec<String> = keys.collect();
        states.into_iter().flatten().any(|(key, state)| {
            let is_of_event = keys.iter().any(|start| key.starts_with(start));
            is_of_event && state.get("trusted_hash").is_some()
        })
    };
    (!entry::events(client).into_iter().all(is_trusted)).then(|| Hindrance {
        what: "its hooks do not run: Codex was not told to trust them all".to_owned(),
        mend: "in Codex, review and trust them with /hooks".to_owned(),
    })
}

/// `PreToolUse` as `pre_tool_use`.
fn in_snake_case(event: &str) -> String {
    let mut name = String::new();
    for character in event.chars() {
        if character.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(character.to_ascii_lowercase());
    }
    name
}

/// The files of a client that may hold a switch; what is said in one that comes before wins.
fn nearest_first(client: Client, here: &Path, environment: &Environment) -> Vec<PathBuf> {
    let project = project_of(here);
    let mut paths = Vec::new();
    if let Some(hooks) =
        client.files(Scope::Project, &project, environment).ok().and_then(|files| files.hooks)
    {
        if client == Client::ClaudeCode {
            paths.push(hooks.with_file_name("settings.local.json"));
        }
        paths.push(hooks);
    }
    paths.extend(client.files(Scope::User, &project, environment).ok().and_then(|files| files.hooks));
    paths
}

/// What a file says; `None` for one that is not there or cannot be read, which is told elsewhere.
fn read(client: Client, path: &Path) -> Option<Value> {
    let content = Before::read(path, None).ok()?.content?;
    let text = String::from_utf8(content).ok()?;
    match client.format() {
        Format::Json => jsonc::read(&text).ok(),
        Format::Toml => toml_text::read(&text).ok(),
    }
}
