//! The request, whole, as a person reads it before saying yes.

use mab_exec::{Binary, GitAccess, Network, Profile, Request, RequestHash};

use crate::cli::{
    Visible,
    exact::exact,
    output::{BAD, CAREFUL},
    plan,
    table::{Page, absent},
};

/// Digits of a digest that are shown of a program; the request holds all of them.
const DIGEST_SHOWN: usize = 12;

/// Adds everything that decides what the command will do; nothing is left out or cut.
pub(crate) fn render(request: &Request, hash: &RequestHash, page: &mut Page) {
    if page.for_person() {
        page.line("");
    }
    plan::render(&request.plan, page);
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
    page.field("may read", &words(&readable, "the workspace and the system"));
    let names: Vec<String> = environment.keys().cloned().collect();
    page.field("variables", &words(&names, ""));
    let limits = [
        format!("{} s", limits.time_s),
        format!("{} s processor", limits.cpu_s),
        format!("{} MiB memory", limits.memory_bytes >> 20),
        format!("{} processes", limits.processes),
        format!("{} MiB a file", limits.file_bytes >> 20),
        format!("{} MiB output", limits.output_bytes >> 20),
    ];
    page.field("limits", &Visible::line(&limits.join(", ")));
    page.field("sandbox", &Visible::line(&request.tier.to_string()));
    match &request.snapshot {
        Some(id) => page.field("snapshot", &Visible::line(id)),
        None => page.field("snapshot", &absent()),
    }
    page.field("policy", &Visible::line(&request.policy_digest.to_string()));
    page.field("expires", &Visible::line(&request.expires_at.to_string()));
    if page.for_person() {
        let whole = hash.to_string();
        let (front, last) = whole.split_at(whole.len().saturating_sub(LAST));
        page.line(&format!("request      {front}{CAREFUL}{last}{CAREFUL:#}"));
    } else {
        page.field("request", &Visible::line(&hash.to_string()));
    }
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
