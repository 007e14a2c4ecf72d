//! The request, whole, as a person reads it before saying yes.

use mab_exec::{Binary, GitAccess, Limits, Network, Profile, Request, RequestHash};

use crate::cli::{
    Visible,
    exact::{broken, exact},
    needs_network::needs_network,
    output::{BAD, CAREFUL, FAINT},
    plan,
    table::{Page, absent},
};

/// Digits of a digest that are shown of a program; the request holds all of them.
const DIGEST_SHOWN: usize = 12;

/// Adds everything that decides what the command will do, its words last; nothing is left out or cut.
pub(crate) fn render(request: &Request, hash: &RequestHash, page: &mut Page) {
    if page.for_person() {
        page.line("");
    }
    for binary in &request.binaries {
        page.field("program", &program(binary));
    }
    let Profile { workspace, writable, git, network, readable, environment, limits, .. } = &request.profile;
    page.field("mode", &Visible::line(request.mode.as_str()));
    page.field("folder", &exact(&workspace.to_string_lossy()));
    page.field("may write", &Visible::line(writes(*writable, *git)));
    if request.preview {
        page.field(
            "preview",
            &Visible::line("it writes to a view; you see what would change before it does"),
        );
    }
    match network {
        Network::Off => page.field("network", &Visible::line("none")),
        Network::Host if page.for_person() => {
            page.line(&format!("{BAD}network      the host's own: what it can read, it can send{BAD:#}"));
        }
        Network::Host => page.field("network", &Visible::line("host")),
    }
    let readable: Vec<_> = readable.iter().map(|path| exact(&path.to_string_lossy()).to_string()).collect();
    field("may read", &words(&readable, "the workspace and the system"), page);
    let names: Vec<String> = environment.keys().cloned().collect();
    field("variables", &words(&names, ""), page);
    field("limits", &limits_of(limits), page);
    page.field("sandbox", &Visible::line(&request.tier.to_string()));
    match &request.snapshot {
        Some(id) => page.field("snapshot", &Visible::line(id)),
        None if *writable => page.field("snapshot", &Visible::line("taken after the yes, before it runs")),
        None => page.field("snapshot", &absent()),
    }
    page.field("policy", &Visible::line(&request.policy_digest.to_string()));
    page.field("expires", &Visible::line(&request.expires_at.to_string()));
    if let Some(name) = needs_network(&request.command).filter(|_| *network == Network::Off) {
        let name = Visible::line(&name);
        let line = format!(
            "{BAD}no network{BAD:#}   {CAREFUL}`{name}` will not get far without one; --network gives it one{CAREFUL:#}"
        );
        page.aside(&line);
    }
    // Last, so that it is what is on the screen when the question comes.
    plan::render(&request.plan, page);
    ended_by(hash, page);
}

/// Adds the hash, its last digits set off.
fn ended_by(hash: &RequestHash, page: &mut Page) {
    let whole = hash.to_string();
    if page.for_person() {
        let (front, last) = whole.split_at(whole.len().saturating_sub(LAST));
        page.line(&format!("request      {FAINT}{front}{FAINT:#} {CAREFUL}[{last}]{CAREFUL:#}"));
    } else {
        page.field("request", &Visible::line(&whole));
    }
}

/// A field whose value has several words, broken between them.
fn field(name: &str, value: &Visible, page: &mut Page) {
    const INDENT: usize = 13;
    let width = page.columns().saturating_sub(INDENT);
    for (number, line) in broken(value.as_str(), width).iter().enumerate() {
        if number == 0 {
            page.field(name, &Visible::line(line));
        } else {
            page.line(&format!("{:INDENT$}{line}", ""));
        }
    }
}

fn limits_of(limits: &Limits) -> Visible {
    let limits = [
        format!("{} s", limits.time_s),
        format!("{} s processor", limits.cpu_s),
        format!("{} MiB memory", limits.memory_bytes >> 20),
        format!("{} processes", limits.processes),
        format!("{} MiB a file", limits.file_bytes >> 20),
        format!("{} MiB output, of which the first and the last 256 KiB are kept", limits.output_bytes >> 20),
    ];
    Visible::line(&limits.join(", "))
}

/// How many of the last digits of the hash a person types.
pub(crate) const LAST: usize = 6;

fn program(binary: &Binary) -> Visible {
    let digest = binary.sha256.to_string();
    let short = digest.get(..DIGEST_SHOWN).unwrap_or_default();
    Visible::line(&format!("{} sha256 {short}…", exact(&binary.path)))
}

/// What a command may write, in words.
pub(crate) fn writes(writable: bool, git: GitAccess) -> &'static str {
    match (writable, git) {
        (false, _) => "nothing",
        (true, GitAccess::ReadOnly) => "the workspace, but for its .git",
        (true, GitAccess::Commit) => "the workspace, and commits",
    }
}

fn words(words: &[String], none: &str) -> Visible {
    if words.is_empty() && none.is_empty() {
        return absent();
    }
    Visible::line(&if words.is_empty() { none.to_owned() } else { words.join(", ") })
}
