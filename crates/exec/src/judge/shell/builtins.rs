//! Builtins of the shell that change what later commands mean, and the bridge's own command line and files.

use super::{
    Refusal,
    command::Call,
    output,
    paths::{self, Place},
    refuse,
    value::{Taint, UNKNOWN, Value},
    walk::{Walk, is_name, refuse_foreign},
    wrappers::joined,
};

/// Variables of which some program executes the value.
const EXECUTED: [&str; 14] = [
    "BASH_ENV",
    "ENV",
    "PROMPT_COMMAND",
    "PAGER",
    "GIT_PAGER",
    "EDITOR",
    "VISUAL",
    "GIT_EDITOR",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_EXTERNAL_DIFF",
    "GIT_ASKPASS",
    "LESSOPEN",
    "GIT_SEQUENCE_EDITOR",
];

impl Walk {
    /// What a builtin writes, if `call` is one that matters.
    pub(super) fn builtin(&mut self, call: &Call<'_>, input: &Value) -> Result<Option<Value>, Refusal> {
        match call.name {
            "cd" | "pushd" | "chdir" => self.change_folder(call)?,
            "popd" => self.folder = None,
            "eval" => {
                self.text(&joined(call.arguments), &[], input).map(Some)?;
            }
            "source" | "." => return self.source(call, input).map(Some),
            "export" | "declare" | "typeset" | "local" | "readonly" => {
                if call.operands().is_empty() {
                    return Ok(Some(Value::tainted(Taint::Secret)));
                }
                self.assign(call)?;
            }
            "read" | "mapfile" | "readarray" => self.read(call, input),
            "set" => return self.set(call).map(Some),
            "unset" => {
                for name in call.operands() {
                    if name.text.starts_with("HIST") {
                        return history();
                    }
                    self.variables.remove(&name.text);
                }
            }
            "alias" => {
                for alias in call.operands() {
                    if let Some((_, text)) = alias.text.split_once('=') {
                        self.text(&alias.with(text), &[], input)?;
                    }
                }
            }
            "trap" => {
                if let Some(text) = call.operands().first() {
                    self.text(text, &[], input)?;
                }
            }
            "printf" if call.leads_with('v') => {
                if let Some((_, [name, rest @ ..])) = call.arguments.split_first() {
                    let value = output::printed(rest);
                    self.variables.insert(name.text.clone(), value);
                }
            }
            "history" if call.has('c', "") || call.has('d', "") || call.has('w', "") => return history(),
            _ => return Ok(None),
        }
        Ok(Some(Value::default()))
    }

    /// `set`: shows every variable, sets options, or `$1` and so on.
    fn set(&mut self, call: &Call<'_>) -> Result<Value, Refusal> {
        if call.arguments.is_empty() {
            return Ok(Value::tainted(Taint::Secret));
        }
        let operands: Vec<Value> = call.operands().into_iter().cloned().collect();
        let off = call.arguments.iter().any(|one| one.text == "+o");
        if off && operands.iter().any(|one| one.text == "history") {
            return history().map(Option::unwrap_or_default);
        }
        if !operands.is_empty() {
            self.variables.insert("@".to_owned(), joined(&operands));
            for (index, operand) in operands.into_iter().enumerate().take(9) {
                self.variables.insert((index + 1).to_string(), operand);
            }
        }
        Ok(Value::default())
    }

    fn change_folder(&mut self, call: &Call<'_>) -> Result<(), Refusal> {
        let target = call.operands().first().map_or_else(|| Value::known("~"), |target| (*target).clone());
        let rooted = target.text.starts_with(['/', '~', UNKNOWN]);
        let text = match &self.folder {
            Some(folder) if !rooted => format!("{folder}/{}", target.text),
            _ => target.text,
        };
        self.spend(text.len())?;
        self.folder = (!text.starts_with(UNKNOWN) && text != "-").then_some(text);
        Ok(())
    }

    /// `source file`: the file is executed here.
    fn source(&mut self, call: &Call<'_>, input: &Value) -> Result<Value, Refusal> {
        let Some((file, _)) = call.arguments.split_first() else { return Ok(Value::unknown()) };
        let content = if file.text == "/dev/stdin" { input.clone() } else { self.content(file) };
        if content.is_known() {
            self.text(&content, call.arguments, &Value::default())
        } else if content.foreign() {
            refuse_foreign(content.taint)
        } else {
            Ok(Value::unknown())
        }
    }

    fn assign(&mut self, call: &Call<'_>) -> Result<(), Refusal> {
        for operand in call.operands() {
            if let Some((name, value)) = operand.text.split_once('=')
                && is_name(name)
            {
                let value = operand.with(value);
                self.check_assigned(&[(name.to_owned(), value.clone())])?;
                self.variables.insert(name.to_owned(), value);
            }
        }
        Ok(())
    }

    /// `read` sets its variables to what the input holds.
    fn read(&mut self, call: &Call<'_>, input: &Value) {
        let line = input.with(input.text.trim_end_matches('\n'));
        let names: Vec<_> = call.operands().into_iter().filter(|name| is_name(&name.text)).collect();
        let value = if names.len() > 1 || line.text.contains('\n') || line.text.is_empty() {
            line.with(UNKNOWN)
        } else {
            line
        };
        for name in names {
            self.variables.insert(name.text.clone(), value.clone());
        }
        self.variables.insert("REPLY".to_owned(), value);
    }
}

impl Walk {
    /// Refuses variables that keep no record, and looks at those that programs execute.
    pub(super) fn check_assigned(&mut self, assigned: &[(String, Value)]) -> Result<(), Refusal> {
        for (name, value) in assigned {
            let off = matches!(value.text.as_str(), "/dev/null" | "0" | "");
            if matches!(name.as_str(), "HISTFILE" | "HISTSIZE" | "HISTFILESIZE") && off {
                return history().map(drop);
            }
            if EXECUTED.contains(&name.as_str()) {
                self.text(value, &[], &Value::default())?;
            }
        }
        Ok(())
    }
}

fn history() -> Result<Option<Value>, Refusal> {
    refuse("history", "this wipes or stops the record of what was done; leave it")
}

/// Refuses the bridge's own command line, and its files as arguments of anything.
pub(super) fn check_paths(call: &Call<'_>) -> Result<(), Refusal> {
    if is_bridge(call) {
        return refuse(
            "bridge",
            "a command may not call the bridge: approvals, modes, keys and tokens are a person's; use the bridge's tools",
        );
    }
    for argument in call.arguments {
        // `--file=path` and `@path` name files too.
        let text = argument.text.as_str();
        let text =
            if text.starts_with('-') { text.split_once('=').map_or(text, |(_, value)| value) } else { text };
        let text = text
            .strip_prefix('@')
            .unwrap_or(text)
            .trim_start_matches("file://")
            .trim_start_matches("unix://");
        let after = text.rsplit(':').next().unwrap_or_default();
        let found = paths::place(text, call.folder.as_deref());
        let found =
            if found == Place::Ordinary { paths::place(after, call.folder.as_deref()) } else { found };
        if found == Place::Bridge {
            return refuse("bridge", "this is the bridge's own data; a command may not touch it");
        }
        if found == Place::Engine {
            return refuse(
                "container-escape",
                "a container engine's socket gives the whole machine; leave it",
            );
        }
        if matches!(super::walk::last_part(text), "approval.key" | "master.key") && text.contains('/') {
            return refuse("bridge", "this is a key of the bridge; a command may not touch it");
        }
    }
    Ok(())
}

/// The bridge's program, but for what only tells about it; and the program of that name that shows network bridges.
fn is_bridge(call: &Call<'_>) -> bool {
    let first = call.arguments.first().map_or("", |first| first.text.as_str());
    match call.name {
        "mab" => !matches!(first, "--version" | "-V" | "--help" | "-h" | "help" | "completions" | "man"),
        "bridge" | "multiagent-bridge" => !matches!(
            first,
            "--version" | "-V" | "--help" | "-h" | "help" | "link" | "fdb" | "mdb" | "vlan" | "monitor"
        ),
        _ => false,
    }
}
