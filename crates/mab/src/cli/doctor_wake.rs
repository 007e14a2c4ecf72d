//! `mab doctor wake`: whether and how an agent that waits is woken here, tried out.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::CommandFactory as _;
use mab_core::{Clock as _, Fault};
use serde_json::json;

use crate::{
    cli::{
        Arguments, Exit, Output, Trouble, Visible,
        doctor::{Check, State, render_check, to_json},
        doctor_clients::{SetUp, set_up},
        operator::Operator,
        table::{Column, Page, Table},
    },
    config::Config,
    demo::{self, Woken},
    folder::quoted,
    runtime,
    setup::{client::Client, entry},
    system::SystemClock,
};

/// A client, how it is set up here, and how its agent hears of a message.
struct Row {
    client: &'static str,
    set_up: String,
    waits: String,
    idle: String,
}

/// The longest that looking may take, in milliseconds: once a second, and a busy machine.
const LOOKING_MAX_MS: u64 = 3_000;

/// What the folder begins with in which it is tried beside the database.
const PREFIX: &str = ".mab-wake-";

/// After how long such a folder is nobody's, in seconds: a try takes seconds.
const ABANDONED_AFTER_S: i64 = 600;

/// How often it is tried to remove the folder, and how long it is waited in between.
const REMOVALS: usize = 20;
const REMOVE_EVERY: Duration = Duration::from_millis(20);

pub(crate) fn run(operator: &Operator<'_>) -> Result<Exit, Trouble> {
    let config = operator.config()?;
    let mut checks = vec![bells(&config)];
    checks.extend(runtime::block_on(tried(&config))??);
    checks.push(hook());
    print(&checks, &rows(operator, &config), operator.output)?;
    let failed = checks.iter().any(|check| check.state == State::Fail);
    Ok(if failed { Exit::CHECK_FAILED } else { Exit::OK })
}

/// Tries it in a folder that is gone afterwards, whatever ends it but SIGKILL; what that leaves, the next try takes away.
async fn tried(config: &Config) -> Result<Vec<Check>, Fault> {
    // Before there is anything to leave behind.
    let stopped = runtime::told_to_end()?;
    if let Some(place) = config.database.parent() {
        sweep(place, SystemClock.now().millis() / 1_000 - ABANDONED_AFTER_S);
    }
    let (home, check) = match home(config) {
        Ok(found) => found,
        Err(error) => {
            let message = format!("no folder to try it in: {error}");
            return Ok(vec![Check::fail("place", message, "check the space and TMPDIR")]);
        }
    };
    let measured = tokio::select! {
        measured = demo::wake(home.path()) => measured,
        () = stopped => Err("stopped before it was over".to_owned()),
    };
    remove(home.path()).await;
    let mut checks = vec![check];
    checks.extend(woken(measured));
    Ok(checks)
}

/// Removes the folder, in which an agent that was just killed may be making its last file.
async fn remove(home: &Path) {
    for _ in 0..REMOVALS {
        if fs::remove_dir_all(home).is_ok() {
            return;
        }
        tokio::time::sleep(REMOVE_EVERY).await;
    }
}

/// Takes away what tries left behind that were killed: folders of our name and user, last changed before this second.
fn sweep(place: &Path, before_s: i64) {
    let own = rustix::process::geteuid().as_raw();
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let is_of_a_try = entry.file_name().to_string_lossy().starts_with(PREFIX);
        // Not what a link leads to.
        let is_abandoned = entry
            .path()
            .symlink_metadata()
            .is_ok_and(|found| found.is_dir() && found.uid() == own && found.mtime() < before_s);
        if is_of_a_try && is_abandoned {
            // What cannot be taken away stays for the next time.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// A folder of its own on the file system of the database, where that exists; bells are sockets, which not every file
/// system has.
fn home(config: &Config) -> io::Result<(tempfile::TempDir, Check)> {
    let temporary = || tempfile::Builder::new().prefix("mab-wake-").tempdir();
    let place = config.database.parent().filter(|place| place.is_dir());
    let Some(place) = place else {
        let home = temporary()?;
        let message = format!("tried in {}, there is no database yet", parent(home.path()));
        return Ok((home, Check::good("place", message)));
    };
    match tempfile::Builder::new().prefix(PREFIX).tempdir_in(place) {
        Ok(home) => {
            Ok((home, Check::good("place", format!("tried in a folder of its own in {}", place.display()))))
        }
        Err(error) => {
            let home = temporary()?;
            let message = format!("tried in {}: {}: {error}", parent(home.path()), place.display());
            let hint = "the database's folder has another file system, perhaps; see `mab doctor`";
            Ok((home, Check::warn("place", message, hint)))
        }
    }
}

fn parent(path: &Path) -> std::path::Display<'_> {
    path.parent().unwrap_or(path).display()
}

/// Whether the folder in which agents that wait hang their bells is one that is used.
fn bells(config: &Config) -> Check {
    let name = "bell folder";
    let mut path = config.database.as_os_str().to_owned();
    path.push("-bells");
    let path = PathBuf::from(path);
    let shown = path.display();
    let found = match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Check::good(name, format!("{shown}, which the first agent that waits makes"));
        }
        Err(error) => return Check::fail(name, format!("{shown}: {error}"), "see `mab doctor`"),
        Ok(found) => found,
    };
    let owner = fs::metadata(&config.database).ok().map(|database| database.uid());
    if !found.is_dir() || owner.is_some_and(|owner| owner != found.uid()) {
        let message = format!("{shown} is no folder of the database's owner, and is not used");
        return Check::fail(name, message, format!("find out who made it, then: rm -r {}", quoted(&path)));
    }
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let message = format!("{shown} is open to others ({mode:03o}), and is not used");
        return Check::fail(name, message, format!("chmod 700 {}", quoted(&path)));
    }
    Check::good(name, format!("{shown}, for its owner only ({mode:03o})"))
}

/// What two real agents measured.
fn woken(measured: Result<Woken, String>) -> Vec<Check> {
    let woken = match measured {
        Ok(woken) => woken,
        Err(message) => {
            let hint = "run `mab demo`, and `mab doctor`";
            return vec![Check::fail("round trip", message, hint)];
        }
    };
    let least_most = |times: &[u64]| Some((*times.iter().min()?, *times.iter().max()?));
    let bell = if let Some((least, most)) = woken.by_bell_ms.as_deref().and_then(least_most) {
        let message =
            format!("an agent that waited had its message {least} to {most} ms after the call to send");
        Check::good("bell", message)
    } else {
        let message = "no bell can be hung here; agents that wait look ten times a second instead".to_owned();
        Check::warn("bell", message, "keep the database on a local file system that has Unix sockets")
    };
    let took = woken.by_looking_ms;
    let looking = if took <= LOOKING_MAX_MS {
        Check::good("looking", format!("with its bell taken away it had it after {took} ms"))
    } else {
        let message = format!("with its bell taken away it had it only after {took} ms");
        Check::warn("looking", message, "the machine or its disk is very busy")
    };
    vec![bell, looking]
}

/// Whether this program has what Claude Code is woken by.
fn hook() -> Check {
    let name = "hook wait";
    if Arguments::command().find_subcommand("hook").is_some() {
        return Check::good(name, "there; Claude Code runs it after each turn when it is set up".to_owned());
    }
    let hint = "install a current mab; until then let agents wait with wait_seconds";
    Check::warn(name, "this mab has no hooks".to_owned(), hint)
}

fn rows(operator: &Operator<'_>, config: &Config) -> Vec<Row> {
    let all = set_up(operator, config);
    let row = |client: Client| {
        let own: Vec<&SetUp> = all.iter().filter(|set_up| set_up.client == client).collect();
        let works = own.iter().any(|set_up| set_up.complaint.is_none());
        Row {
            client: client.title(),
            set_up: standing(&own),
            waits: format!("waits up to {} s", longest_s(client, &own, config)),
            idle: when_idle(client, (!own.is_empty(), works), config.clients.codex_queue),
        }
    };
    Client::ALL.into_iter().map(row).collect()
}

/// For whom a client is set up.
fn standing(own: &[&SetUp]) -> String {
    if own.is_empty() {
        return "no".to_owned();
    }
    let scope = |set_up: &&SetUp| {
        let rest = match &set_up.complaint {
            Some(_) => ", but see `mab doctor`",
            None if set_up.with_hooks => ", with hooks",
            None => "",
        };
        format!("{}{rest}", set_up.scope.name())
    };
    own.iter().map(scope).collect::<Vec<_>>().join("; ")
}

/// The longest wait, in seconds: as the server's entry says, a project's before the user's; else as the operator set; else
/// what the client bears, as `mcp/patience.rs` knows it.
fn longest_s(client: Client, own: &[&SetUp], config: &Config) -> u64 {
    let said = |set_up: &&SetUp| {
        let server = set_up.server.as_ref().filter(|server| entry::is_ours(server))?;
        entry::variable(server, "MAB_WAIT_MAX_SECONDS")?.parse::<u64>().ok()
    };
    let of_entry = own.iter().rev().find_map(said);
    let set = of_entry.unwrap_or_else(|| config.settings.wait_max_s.into());
    match client {
        _ if set != 0 => set,
        Client::ClaudeCode => 3_600,
        Client::Codex => 280,
        Client::Gemini => 570,
        Client::Opencode
        | Client::Cursor
        | Client::Vscode
        | Client::Windsurf
        | Client::Zed
        | Client::ClaudeDesktop => 50,
    }
}

/// What tells an agent that has ended its turn. `works`: its hooks run, and its server is this one.
///
/// Measured with Claude Code 2.1.330 and Codex 0.169.0 on 2026-11-20; the others by their documentation.
fn when_idle(client: Client, (is_set_up, works): (bool, bool), codex_queue: bool) -> String {
    let setting = if codex_queue { "on" } else { "off" };
    let hooks = if works { "hooks tell it with its next turn" } else { "no hooks tell it, see `mab doctor`" };
    match client {
        Client::ClaudeCode | Client::Gemini if !is_set_up => {
            format!("not woken, `mab setup {}` first", client.name())
        }
        Client::Codex if !is_set_up => {
            format!("not woken, `mab setup codex` first (wake.codex_queue is {setting})")
        }
        Client::ClaudeCode if works => "woken by `mab hook wait`, once it has had a turn".to_owned(),
        Client::Codex if codex_queue => "woken by `codex queue` (wake.codex_queue is on)".to_owned(),
        Client::Codex => format!("not woken (wake.codex_queue is off); {hooks}"),
        Client::ClaudeCode | Client::Gemini => format!("not woken; {hooks}"),
        Client::Opencode
        | Client::Cursor
        | Client::Vscode
        | Client::Windsurf
        | Client::Zed
        | Client::ClaudeDesktop => "not woken: let it wait again".to_owned(),
    }
}

fn print(checks: &[Check], rows: &[Row], output: Output) -> Result<(), Trouble> {
    if output.is_json() {
        let mut value = to_json(&[], checks);
        let client = |row: &Row| json!({"client": row.client, "set_up": row.set_up, "waits": row.waits, "when_idle": row.idle});
        if let Some(fields) = value.as_object_mut() {
            fields.remove("settings");
            fields.insert("clients".to_owned(), rows.iter().map(client).collect());
        }
        return output.json(&value);
    }
    let mut page = output.page();
    render(checks, rows, &mut page);
    Output::data(page.as_str())
}

fn render(checks: &[Check], rows: &[Row], page: &mut Page) {
    for check in checks {
        render_check(check, page);
    }
    page.aside("");
    let row = |row: &Row| [row.client, &row.set_up, &row.waits, &row.idle].map(Visible::line).into();
    let columns = &[
        Column::Whole("client"),
        Column::Text("set up"),
        Column::Text("in a turn"),
        Column::Text("between turns"),
    ];
    page.table(&Table { kind: Some("client"), columns, rows: rows.iter().map(row).collect() });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(measured: Result<Woken, String>) -> Vec<State> {
        woken(measured).iter().map(|check| check.state).collect()
    }

    #[test]
    fn measurements_are_judged_by_what_they_mean() {
        let measured = |by_bell_ms: Option<Vec<u64>>, by_looking_ms| Ok(Woken { by_bell_ms, by_looking_ms });
        assert_eq!(states(measured(Some(vec![2, 9, 4]), 800)), [State::Good, State::Good]);
        assert_eq!(states(measured(None, 5_000)), [State::Warn, State::Warn]);
        assert_eq!(states(Err("it is broken".to_owned())), [State::Fail]);
        let bell = woken(measured(Some(vec![2, 9, 4]), 800));
        assert!(bell.first().is_some_and(|check| check.message.contains("2 to 9 ms")));
    }
}
