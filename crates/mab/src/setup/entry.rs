//! What is written into the files of a client: the server's entry and the hooks.

use std::{collections::BTreeMap, path::Path};

use mab_core::{Code, Denied};
use serde_json::{Map, Value, json};

pub(crate) use super::words::is_mab;
use super::{client::Client, words};
use crate::folder::quoted;

/// The name of the server in every client.
pub(crate) const NAME: &str = "mab";

/// How the client starts the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Launch {
    /// `mab`, or the program's absolute path.
    pub(crate) command: String,
    /// Variables that lead it to the same data folder, settings and profile.
    pub(crate) variables: BTreeMap<&'static str, String>,
}

/// Variables that only set-up decides about; any other in an entry is the person's own.
pub(crate) const VARIABLES: [&str; 5] =
    ["MAB_AGENT", "MAB_CONFIG", "MAB_DATABASE_URL", "MAB_DATA_DIR", COMMANDS_VARIABLE];

/// Set to 1, lets the server offer its agents the tools that ask for commands.
pub(crate) const COMMANDS_VARIABLE: &str = "MAB_YOLO";

/// Seconds Codex waits for a tool, unless the person wrote another number: the longest wait and room to answer.
/// Its own default is 300 (measured 2026-11-20), for which `mcp/patience.rs` allows waits of 280.
pub(crate) const CODEX_TIMEOUT_S: u64 = 3_600 + CODEX_ROOM_S;
const CODEX_ROOM_S: u64 = 20;

/// Tells the server how long a wait may be in a Codex with another limit than its default.
const WAIT_VARIABLE: &str = "MAB_WAIT_MAX_SECONDS";

/// The longest wait that settings allow.
const WAIT_MAX_S: u64 = 3_600;

/// Milliseconds Gemini CLI waits for a tool: its default, which `mcp/patience.rs` is made for.
const GEMINI_TIMEOUT_MS: u64 = 600_000;

/// Seconds a hook may take before the client goes on without it; it takes milliseconds.
const HOOK_TIMEOUT_S: u64 = 10;

/// Seconds `mab hook wait` waits for a message.
const HOOK_WAIT_S: u64 = 3_600;

/// Every word that stands after `mab hook` in what is written here.
const HOOKS: [&str; 10] = [
    "SessionStart",
    "UserPromptSubmit",
    "PreToolUse",
    "PostToolUse",
    "Stop",
    "wait",
    "BeforeAgent",
    "BeforeTool",
    "AfterTool",
    "AfterAgent",
];

/// Groups of hooks by event.
pub(crate) type Hooks = Vec<(&'static str, Vec<Value>)>;

/// Refuses a value that the client would not hand on as it is.
///
/// # Errors
/// `invalid_arguments`, naming the variable; not its value, which may hold a password.
pub(crate) fn check_launch(client: Client, launch: &Launch) -> Result<(), Denied> {
    let values = launch.variables.iter().map(|(name, value)| (*name, value));
    for (name, value) in std::iter::once(("the path of mab", &launch.command)).chain(values) {
        if let Some(mark) = client.expands().iter().find(|mark| value.contains(*mark)) {
            let message =
                format!("{name} has `{mark}` in it, in whose place {} puts something else", client.title());
            return Err(Denied::new(Code::InvalidArguments, message)
                .hint("use a path and name without it; nothing was changed"));
        }
    }
    Ok(())
}

/// The server's entry. What the person added to `existing`, or set otherwise where it is theirs to choose, stays.
pub(crate) fn server(client: Client, launch: &Launch, existing: Option<&Value>) -> Value {
    let Value::Object(mut entry) = fresh(client, launch) else { return Value::Null };
    let variables = if client == Client::Opencode { "environment" } else { "env" };
    let mut environment = Map::new();
    if let Some(existing) = existing.and_then(Value::as_object) {
        let own = |name: &&String| !["command", "args", "type", variables].contains(&name.as_str());
        for (name, value) in existing.iter().filter(|(name, _)| own(name)) {
            entry.insert(name.clone(), value.clone());
        }
        let kept = existing.get(variables).and_then(Value::as_object).cloned().unwrap_or_default();
        environment = kept.into_iter().filter(|(name, _)| !VARIABLES.contains(&name.as_str())).collect();
    }
    if client == Client::Codex {
        let patience = entry.get("tool_timeout_sec").and_then(Value::as_f64).unwrap_or_default();
        environment.insert(WAIT_VARIABLE.to_owned(), codex_wait(patience).to_string().into());
    }
    for (name, value) in &launch.variables {
        environment.insert((*name).to_owned(), value.clone().into());
    }
    if !environment.is_empty() {
        entry.insert(variables.to_owned(), environment.into());
    }
    Value::Object(entry)
}

/// Whether an entry starts this program as a server.
pub(crate) fn is_ours(entry: &Value) -> bool {
    program_of(entry).is_some()
}

/// The program that an entry of ours starts. One with more arguments is somebody's own: they would go, or lead the server
/// to other data than the hooks.
pub(crate) fn program_of(entry: &Value) -> Option<String> {
    let command = entry.get("command")?;
    let words: Vec<&str> = match command {
        Value::String(program) => {
            let arguments = entry.get("args").and_then(Value::as_array).into_iter().flatten();
            std::iter::once(program.as_str()).chain(arguments.filter_map(Value::as_str)).collect()
        }
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return None,
    };
    let (program, arguments) = words.split_first()?;
    (is_mab(program) && *arguments == ["mcp"]).then(|| (*program).to_owned())
}

/// The variables an entry gives to the server.
pub(crate) fn variable<'a>(entry: &'a Value, name: &str) -> Option<&'a str> {
    let variables = entry.get("env").or_else(|| entry.get("environment"))?;
    variables.get(name)?.as_str()
}

/// The program of each hook in a group; `None` for one that is not ours.
pub(crate) fn hook_programs(group: &Value) -> Vec<Option<String>> {
    let hooks = group.get("hooks").and_then(Value::as_array).into_iter().flatten();
    hooks.map(|hook| words::hook_program(hook.get("command")?.as_str()?, &HOOKS)).collect()
}

/// The hooks of a client; none for one without.
pub(crate) fn hooks(client: Client, launch: &Launch) -> Hooks {
    match client {
        Client::ClaudeCode => {
            let mut all = claude_like(launch, "Edit|Write|MultiEdit|NotebookEdit");
            let waiting = json!({
                "type": "command", "command": line(launch, "wait"), "async": true, "asyncRewake": true,
                "timeout": HOOK_WAIT_S,
            });
            let stop = all.last_mut().and_then(|(_, groups)| groups.first_mut());
            if let Some(hooks) = stop.and_then(|group| group.get_mut("hooks")).and_then(Value::as_array_mut) {
                hooks.push(waiting);
            }
            all
        }
        Client::Codex => claude_like(launch, "apply_patch|Edit|Write"),
        Client::Gemini => {
            let hook = |event| {
                let (command, timeout) = (line(launch, event), HOOK_TIMEOUT_S * 1_000);
                json!({"name": "mab", "type": "command", "command": command, "timeout": timeout})
            };
            let events = ["SessionStart", "BeforeAgent", "BeforeTool", "AfterTool", "AfterAgent"];
            events.map(|event| (event, vec![group(event, "write_file|replace", &hook(event))])).into()
        }
        Client::Opencode
        | Client::Cursor
        | Client::Vscode
        | Client::Windsurf
        | Client::Zed
        | Client::ClaudeDesktop => Vec::new(),
    }
}

/// Every event for which hooks are looked for when they are taken out.
pub(crate) fn events(client: Client) -> Vec<&'static str> {
    let launch = Launch { command: NAME.to_owned(), variables: BTreeMap::new() };
    hooks(client, &launch).into_iter().map(|(event, _)| event).collect()
}

fn fresh(client: Client, launch: &Launch) -> Value {
    let command = &launch.command;
    match client {
        Client::ClaudeCode => {
            // Without alwaysLoad the model may see the tools' names only.
            json!({"type": "stdio", "command": command, "args": ["mcp"], "alwaysLoad": true})
        }
        Client::Codex => json!({
            "command": command, "args": ["mcp"], "startup_timeout_sec": 20, "tool_timeout_sec": CODEX_TIMEOUT_S,
        }),
        Client::Gemini => json!({"command": command, "args": ["mcp"], "timeout": GEMINI_TIMEOUT_MS}),
        Client::Opencode => json!({"type": "local", "command": [command, "mcp"], "enabled": true}),
        Client::Cursor | Client::Vscode => json!({"type": "stdio", "command": command, "args": ["mcp"]}),
        Client::Windsurf | Client::Zed | Client::ClaudeDesktop => {
            json!({"command": command, "args": ["mcp"]})
        }
    }
}

/// The longest wait that fits into Codex's own limit, in seconds; its default when none is set.
fn codex_wait(tool_timeout_s: f64) -> u64 {
    let whole = std::time::Duration::try_from_secs_f64(tool_timeout_s).map_or(0, |limit| limit.as_secs());
    let limit = if whole == 0 { 300 } else { whole };
    limit.saturating_sub(CODEX_ROOM_S).clamp(1, WAIT_MAX_S)
}

/// Claude Code and Codex take the same JSON for the same events.
fn claude_like(launch: &Launch, editing: &str) -> Hooks {
    let events = ["SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop"];
    let hook = |event| json!({"type": "command", "command": line(launch, event), "timeout": HOOK_TIMEOUT_S});
    events.map(|event| (event, vec![group(event, editing, &hook(event))])).into()
}

fn group(event: &str, editing: &str, hook: &Value) -> Value {
    if matches!(event, "PreToolUse" | "BeforeTool") {
        return json!({"matcher": editing, "hooks": [hook]});
    }
    json!({"hooks": [hook]})
}

/// The command line of a hook, which the client gives to a shell.
fn line(launch: &Launch, event: &str) -> String {
    let word = |text: &str| quoted(Path::new(text));
    // A hook runs no commands.
    let variables = launch.variables.iter().filter(|(name, _)| **name != COMMANDS_VARIABLE);
    let variables = variables.map(|(name, value)| format!("{name}={} ", word(value)));
    format!("{}{} hook {event}", variables.collect::<String>(), word(&launch.command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_in_codex_is_shorter_than_its_own_limit_whatever_that_is() {
        for (limit, wait) in [(3_620.0, 3_600), (300.0, 280), (0.0, 280), (60.5, 40), (5.0, 1)] {
            assert_eq!(codex_wait(limit), wait, "{limit}");
        }
        assert_eq!((codex_wait(f64::NAN), CODEX_TIMEOUT_S), (280, 3_620));
    }

    #[test]
    fn server_when_the_person_chose_otherwise_keeps_it() {
        let launch = Launch { command: "mab".into(), variables: [("MAB_AGENT", "b".into())].into() };
        let existing = json!({
            "command": "/old/mab", "args": ["mcp", "-x"], "tool_timeout_sec": 60, "enabled": false,
            "env": {"MAB_AGENT": "a", "MAB_DATA_DIR": "/gone", "MAB_LOG": "debug"},
        });
        assert_eq!(
            server(Client::Codex, &launch, Some(&existing)),
            json!({
                "command": "mab", "args": ["mcp"], "startup_timeout_sec": 20, "tool_timeout_sec": 60,
                "enabled": false, "env": {"MAB_AGENT": "b", "MAB_LOG": "debug", "MAB_WAIT_MAX_SECONDS": "40"},
            })
        );
    }

    #[test]
    fn entries_of_every_client_are_known_as_ours_and_others_are_not() {
        let launch = Launch { command: "/x y/mab".into(), variables: BTreeMap::new() };
        for client in Client::ALL {
            assert_eq!(program_of(&server(client, &launch, None)).as_deref(), Some("/x y/mab"), "{client:?}");
            for (event, groups) in hooks(client, &launch) {
                let programs = groups.iter().flat_map(hook_programs);
                assert!(programs.flatten().all(|program| program == "/x y/mab"), "{client:?} {event}");
            }
        }
        for other in [
            json!({"command": "other", "args": ["mcp"]}),
            json!({"command": "mab"}),
            json!({"url": "x"}),
            json!({"command": ["mab", "--db", "x", "mcp"]}),
            json!({"command": "mab", "args": ["mcp", "--db=x"]}),
        ] {
            assert!(!is_ours(&other), "{other}");
        }
    }
}
