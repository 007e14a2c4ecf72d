//! `mab doctor wake`: whether and how an agent that waits is woken here, tried out.

use std::{
    fs,
    future::{Future, poll_fn},
    io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    task::Poll,
    time::Duration,
};

use clap::CommandFactory as _;
use mab_core::{Clock as _, Fault};
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    cli::{
        Arguments, Exit, Output, Trouble, Visible,
        doctor::{Check, State, render_check, to_json},
        operator::Operator,
        table::{Column, Page, Table},
    },
    config::Config,
    demo::{self, Woken},
    folder::quoted,
    runtime,
    system::SystemClock,
};

/// How each known client hears of a message: what its agent can do at once, and what wakes it when it has ended its turn.
/// Measured with Claude Code 2.1.330 and Codex 0.169.0 on 2026-11-20; the others by their documentation.
const CLIENTS: [(&str, &str, &str); 9] = [
    ("Claude Code", "waits up to 1 h", "`mab hook wait`, which `mab setup` installs, wakes it"),
    ("Codex", "waits up to 280 s", "`codex queue`, if you allow it; hooks tell it with its next turn"),
    ("Gemini CLI", "waits up to 570 s", "hooks tell it with its next turn"),
    ("opencode", "waits up to 50 s", "nothing known: let it wait again"),
    ("Cursor", "waits up to 50 s", "nothing known: let it wait again"),
    ("VS Code", "waits up to 50 s", "nothing known: let it wait again"),
    ("Windsurf", "waits up to 50 s", "nothing known: let it wait again"),
    ("Zed", "waits up to 50 s", "nothing known: let it wait again"),
    ("Claude Desktop", "waits up to 50 s", "nothing known: let it wait again"),
];

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
    print(&checks, operator.output)?;
    let failed = checks.iter().any(|check| check.state == State::Fail);
    Ok(if failed { Exit::CHECK_FAILED } else { Exit::OK })
}

/// Tries it in a folder that is gone afterwards, whatever ends it but SIGKILL; what that leaves, the next try takes away.
async fn tried(config: &Config) -> Result<Vec<Check>, Fault> {
    // Before there is anything to leave behind.
    let stopped = stopped()?;
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

/// Completes when the process is told to end.
fn stopped() -> Result<impl Future<Output = ()>, Fault> {
    let listen = |kind| signal(kind).map_err(|source| Fault::from_source("listening for signals", source));
    let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
    let mut signals: Vec<Signal> = kinds.into_iter().map(listen).collect::<Result<_, _>>()?;
    Ok(poll_fn(move |context| {
        let any = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if any { Poll::Ready(()) } else { Poll::Pending }
    }))
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

fn print(checks: &[Check], output: Output) -> Result<(), Trouble> {
    if output.is_json() {
        let mut value = to_json(&[], checks);
        let client = |(client, waits, idle): &(&str, &str, &str)| json!({"client": client, "waits": waits, "when_idle": idle});
        if let Some(fields) = value.as_object_mut() {
            fields.remove("settings");
            fields.insert("clients".to_owned(), CLIENTS.iter().map(client).collect());
        }
        return output.json(&value);
    }
    let mut page = output.page();
    render(checks, &mut page);
    Output::data(page.as_str())
}

fn render(checks: &[Check], page: &mut Page) {
    for check in checks {
        render_check(check, page);
    }
    page.aside("");
    let row = |(client, waits, idle): &(&str, &str, &str)| [*client, *waits, *idle].map(Visible::line).into();
    let columns = &[Column::Whole("client"), Column::Text("in a turn"), Column::Text("between turns")];
    page.table(&Table { kind: Some("client"), columns, rows: CLIENTS.iter().map(row).collect() });
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

    #[test]
    fn clients_on_a_page_for_programs_are_one_line_each() {
        let mut page = Page::new(None);
        render(&[], &mut page);
        assert_eq!(page.as_str().lines().count(), CLIENTS.len());
        assert!(page.as_str().starts_with("client\tClaude Code\twaits up to 1 h\t"), "{}", page.as_str());
    }
}
