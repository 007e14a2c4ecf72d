//! The programs of clients, and ours as they are to start it.
//!
//! A client's program is started with fixed words only, in a process group of its own, for a bounded time; what it prints
//! is searched, never shown.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    pin::pin,
    process::Stdio,
    time::Duration,
};

use mab_core::{Code, Denied};
use rustix::process::{Pid, Signal};
use tokio::{
    io::AsyncReadExt as _,
    process::{Child, Command},
};

use super::client::Client;
use crate::environment::Environment;

/// How long a client may take to tell its version.
const VERSION_TIME: Duration = Duration::from_secs(10);

/// How long a client may take to list its servers, each of which it may start and greet.
const LIST_TIME: Duration = Duration::from_secs(30);

/// How long what it printed may take to arrive once it has ended.
const REST_TIME: Duration = Duration::from_millis(200);

/// How long it may take to end when it is asked to.
const END_TIME: Duration = Duration::from_secs(1);

/// Most bytes of its output that are looked at.
const OUTPUT_MAX_BYTES: u64 = 1 << 20;

/// A version: major, minor, patch.
pub(crate) type Version = [u32; 3];

/// A program of a client that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Whose it is.
    pub(crate) client: Client,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What it said; `None` when it did not tell, or was not asked.
    pub(crate) version: Option<Version>,
}

/// Looks for the client's program on the `PATH`.
pub(crate) fn find(client: Client, environment: &Environment) -> Option<PathBuf> {
    on_path(client.program()?, environment)
}

/// The program of this name on the `PATH`. Relative folders are left out: what is in them depends on where one stands.
pub(crate) fn on_path(name: &str, environment: &Environment) -> Option<PathBuf> {
    let folders = environment.get("PATH")?.split(':').map(Path::new).filter(|folder| folder.is_absolute());
    let is_program = |path: &PathBuf| {
        fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    folders.map(|folder| folder.join(name)).find(is_program)
}

/// Finds clients and asks those of the terminal, all at once, for their versions; a window would open for the others.
pub(crate) async fn look(clients: &[Client], environment: &Environment) -> Vec<Found> {
    let mut asked = tokio::task::JoinSet::new();
    let found = clients.iter().filter_map(|client| Some((*client, find(*client, environment)?)));
    for (index, (client, path)) in found.enumerate() {
        asked.spawn(async move {
            let version = if client.minimum().is_some() { version(&path).await } else { None };
            (index, Found { client, path, version })
        });
    }
    let mut all = Vec::new();
    while let Some(found) = asked.join_next().await {
        all.extend(found.ok());
    }
    all.sort_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, found)| found).collect()
}

/// Refuses a client that is too old to read what would be written.
///
/// # Errors
/// `misconfigured`, naming both versions.
pub(crate) fn check_version(found: &Found) -> Result<(), Denied> {
    match (found.client.minimum(), found.version) {
        (Some((least, why)), Some(version)) if version < least => {
            let (title, version, least) = (found.client.title(), shown(version), shown(least));
            let message =
                format!("{title} {version} ({}) is older than {least}: {why}", found.path.display());
            Err(Denied::new(Code::Misconfigured, message)
                .hint(format!("update {title}; nothing was changed")))
        }
        (_, _) => Ok(()),
    }
}

/// A version as people write it.
pub(crate) fn shown(version: Version) -> String {
    version.map(|number| number.to_string()).join(".")
}

/// What a client's own list says of our server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listed {
    /// It started the server and got an answer.
    Connected,
    /// It knows the server, and does not try.
    Known,
    /// It waits for the person to approve the server, or to trust the folder.
    Pending,
    /// It tried, and got no answer.
    Failed,
    /// It does not know the server.
    Missing,
    /// It did not tell within the time.
    Silent,
}

/// Asks the client, in a folder, what it makes of our server. `None` for clients that have no command for it.
///
/// The folder may be a project only with a client that does not start what the project names; `/` is nobody's project.
pub(crate) async fn list(client: Client, program: &Path, folder: &Path) -> Option<Listed> {
    let words = ["mcp", "list"];
    match client {
        Client::ClaudeCode | Client::Codex | Client::Gemini | Client::Opencode => {}
        Client::Cursor | Client::Vscode | Client::Windsurf | Client::Zed | Client::ClaudeDesktop => {
            return None;
        }
    }
    Some(match run(program, &words, folder, LIST_TIME).await {
        Some(output) => judge(client, &output),
        None => Listed::Silent,
    })
}

/// How the program is to be called: `mab` when that is this very file on the `PATH`, and the client is of the terminal;
/// else by its path, the one on the `PATH` before the one behind links.
pub(crate) fn command(client: Client, own: &Path, environment: &Environment) -> String {
    let is_own = |path: &PathBuf| {
        path.canonicalize().is_ok_and(|path| own.canonicalize().is_ok_and(|own| path == own))
    };
    let Some(known) = on_path("mab", environment).filter(is_own) else { return own.display().to_string() };
    if client.is_of_terminal() { "mab".to_owned() } else { known.display().to_string() }
}

/// The variables of an entry, from what was given to this run.
pub(crate) fn variables(given: [(&'static str, Option<String>); 5]) -> BTreeMap<&'static str, String> {
    given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Whether the program lies where builds put it, from where it may vanish.
pub(crate) fn is_in_build_folder(program: &Path) -> bool {
    let parts: Vec<_> = program.iter().collect();
    parts.windows(2).any(|pair| matches!(pair, [first, second] if *first == "target" && (*second == "debug" || *second == "release")))
}

fn judge(client: Client, output: &str) -> Listed {
    let plain = without_escapes(output);
    // `mab: mab mcp - ✓ Connected` (Claude Code), `mab  mab  mcp … enabled` (Codex), `✓ mab: mab mcp (stdio) - Connected`
    // (Gemini CLI), `●  ✓ mab connected` (opencode): all measured 2026-11-22.
    let is_name = |word: &str| word.trim_end_matches(':') == super::entry::NAME;
    let named = plain.lines().find(|line| {
        let mut words = line.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric));
        words.next().is_some_and(is_name)
    });
    let Some(line) = named.map(str::to_lowercase) else { return Listed::Missing };
    let says = |words: &[&str]| words.iter().any(|word| line.contains(word));
    if client == Client::Codex {
        Listed::Known
    } else if says(&["pending", "approv", "disabled"]) {
        Listed::Pending
    } else if says(&["fail", "disconnected", "error", "✗"]) {
        Listed::Failed
    } else if says(&["connected"]) {
        Listed::Connected
    } else {
        Listed::Known
    }
}

/// Text without the sequences that colour it (ECMA-48, 5.4: `ESC [` to a byte of `@` to `~`).
fn without_escapes(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end =
            part.find(|character: char| ('@'..='~').contains(&character)).map_or(part.len(), |at| at + 1);
        plain.push_str(part.get(end..).unwrap_or_default());
    }
    plain
}

async fn version(program: &Path) -> Option<Version> {
    let output = run(program, &["--version"], Path::new("/"), VERSION_TIME).await?;
    output.split(|character: char| character.is_whitespace()).find_map(parse_version)
}

/// `2.1.330`, `v0.61.0-nightly.1`: the first three numbers.
fn parse_version(word: &str) -> Option<Version> {
    let mut numbers = word.trim_start_matches('v').splitn(3, '.').map(|part| {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    });
    Some([numbers.next()??, numbers.next()??, numbers.next()??])
}

/// Runs a program and returns what it printed; `None` when it cannot be started or takes too long.
#[expect(clippy::disallowed_methods, reason = "set-up code asks the client it sets up")]
async fn run(program: &Path, words: &[&str], folder: &Path, time: Duration) -> Option<String> {
    let mut command = Command::new(program);
    command.args(words).current_dir(folder).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).env("NO_COLOR", "1");
    let mut child = command.spawn().ok()?;
    let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let (stdout, stderr) = (child.stdout.take()?, child.stderr.take()?);
    let (mut output, mut talk) = (Vec::new(), Vec::new());
    let is_done = {
        let (mut stdout, mut stderr) = (stdout.take(OUTPUT_MAX_BYTES), stderr.take(OUTPUT_MAX_BYTES));
        // What can no longer be read is as if it had not been said. Gemini CLI lists on stderr.
        let mut read =
            pin!(async { tokio::join!(stdout.read_to_end(&mut output), stderr.read_to_end(&mut talk)) });
        tokio::select! {
            _ = &mut read => true,
            // What it left running may hold the pipes open for ever; what it said itself is in them.
            _ = child.wait() => {
                let _ = tokio::time::timeout(REST_TIME, &mut read).await;
                true
            }
            () = tokio::time::sleep(time) => false,
        }
    };
    end(child, group).await;
    output.push(b'\n');
    output.extend(talk);
    is_done.then(|| String::from_utf8_lossy(&output).into_owned())
}

/// Ends a program and what it started, such as servers: politely first. What took a session of its own is out of reach.
async fn end(mut child: Child, group: Option<Pid>) {
    let send = |signal| group.map(|group| rustix::process::kill_process_group(group, signal));
    // With nobody left in the group there is nobody to wait for.
    if send(Signal::TERM).is_some_and(|sent| sent.is_ok()) {
        let _ = tokio::time::timeout(END_TIME, child.wait()).await;
    }
    let _ = send(Signal::KILL);
    let _ = tokio::time::timeout(END_TIME, child.wait()).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_of_each_client_is_understood() {
        let claude = |rest: &str| {
            format!("Checking MCP server health…\n\nother: x - ✗ Failed\nmab: /x/mab mcp - {rest}\n")
        };
        for (client, output, listed) in [
            (Client::ClaudeCode, claude("✓ Connected"), Listed::Connected),
            (Client::ClaudeCode, claude("✗ Failed to connect"), Listed::Failed),
            (Client::ClaudeCode, claude("⏸ Pending approval"), Listed::Pending),
            (Client::ClaudeCode, "No MCP servers configured.".to_owned(), Listed::Missing),
            (Client::Codex, "Name  Command\nmab   mab  mcp  -  enabled\n".to_owned(), Listed::Known),
            (
                Client::Gemini,
                "\u{1b}[32m✓\u{1b}[0m mab: mab mcp (stdio) - Connected".to_owned(),
                Listed::Connected,
            ),
            (Client::Gemini, "✗ mab: mab mcp (stdio) - Disconnected".to_owned(), Listed::Failed),
            (Client::Gemini, "○ mab: mab mcp (stdio) - Disabled".to_owned(), Listed::Pending),
            (
                Client::Opencode,
                "●  ✓ mab \u{1b}[90mconnected\u{1b}[0m\n│      mab mcp".to_owned(),
                Listed::Connected,
            ),
        ] {
            assert_eq!(judge(client, &output), listed, "{output}");
        }
    }

    #[test]
    fn version_is_found_in_what_programs_print() {
        for (word, version) in [
            ("2.1.330", Some([2, 1, 330])),
            ("v0.61.0-nightly.2", Some([0, 61, 0])),
            ("codex-cli", None),
            ("1.2", None),
            ("99999999999.1.1", None),
        ] {
            assert_eq!(parse_version(word), version, "{word}");
        }
    }

    #[test]
    fn build_folder_is_known_by_its_names() {
        assert!(is_in_build_folder(Path::new("/x/target/debug/mab")));
        assert!(!is_in_build_folder(Path::new("/x/target/mab")));
    }
}
