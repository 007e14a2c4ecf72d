//! The request, whole, as a person reads it before saying yes.

use mab_exec::{
    Binary, Digest, GitAccess, Limits, Network, Obeyed, ObeyedKind, Obeys, Profile, Request, RequestHash,
};

use crate::cli::{
    Visible,
    exact::{broken, exact, in_ascii},
    needs_network::needs_network,
    output::{BAD, CAREFUL, FAINT},
    plan,
    table::{Page, absent},
};

/// Digits of a digest that are shown of a program; the request holds all of them.
const DIGEST_SHOWN: usize = 12;

/// Adds everything that decides what the command will do; nothing of it is cut. What no person reads is for programs alone:
/// the rest of a digest, and until when it can be run, which is a short time after a yes.
pub(crate) fn render(request: &Request, hash: &RequestHash, page: &mut Page) {
    page.aside("");
    details(request, page);
    conclusion(request, hash, page);
}

/// Adds all but what [`conclusion`] does: last the words.
pub(crate) fn details(request: &Request, page: &mut Page) {
    for binary in &request.binaries {
        field("program", &program(binary), page);
    }
    obeyed(&request.obeys, page);
    if !page.for_person() {
        permits(request, page);
    }
    let Profile { writable, readable, environment, limits, .. } = &request.profile;
    let readable: Vec<_> = readable.iter().map(|path| exact(&path.to_string_lossy()).to_string()).collect();
    field("may read", &words(&readable, "the workspace, as it is when it starts, and the system"), page);
    let names: Vec<String> = environment.keys().cloned().collect();
    field("variables", &words(&names, ""), page);
    field("limits", &limits_of(limits, page), page);
    let policy = request.policy_digest.to_string();
    if page.for_person() {
        let short = policy.get(..DIGEST_SHOWN).unwrap_or_default();
        field("sandbox", &Visible::line(&format!("{}; policy sha256 {short}…", request.tier)), page);
    } else {
        page.field("sandbox", &Visible::line(&request.tier.to_string()));
    }
    match &request.snapshot {
        Some(id) => page.field("snapshot", &Visible::line(id)),
        None if *writable => field("snapshot", &Visible::line("taken after the yes, before it runs"), page),
        None => page.field("snapshot", &absent()),
    }
    if !page.for_person() {
        page.field("policy", &Visible::line(&policy));
        page.field("expires", &Visible::line(&request.expires_at.to_string()));
    }
    plan::render(&request.plan, page);
}

/// Adds what it comes to, and its hash. For a person that is after the words, so that it is what is on the screen when the
/// question comes, however many words there are.
pub(crate) fn conclusion(request: &Request, hash: &RequestHash, page: &mut Page) {
    if page.for_person() {
        permits(request, page);
        if let Some(name) =
            needs_network(&request.command).filter(|_| request.profile.network == Network::Off)
        {
            let name = Visible::line(&name);
            let text = format!(
                "`{name}` will not get far without one; `mab run --network`, or `mab yolo enable --network` for agents, gives it one"
            );
            plan::lines(&Visible::line(&text), &format!("{BAD}no network{BAD:#}   "), page);
        }
    }
    ended_by(hash, page);
}

/// Adds the mode, and what may be written and reached.
fn permits(request: &Request, page: &mut Page) {
    let Profile { workspace, writable, git, network, .. } = &request.profile;
    let mode = request.mode.as_str();
    if page.for_person() {
        field("mode", &Visible::line(&format!("{mode}: {}", plan::amount(&request.plan))), page);
    } else {
        page.field("mode", &Visible::line(mode));
    }
    field("folder", &exact(&workspace.to_string_lossy()), page);
    page.field("may write", &Visible::line(writes(*writable, *git)));
    if !request.obeys.code_of.is_empty() {
        let programs = exact_all(&request.obeys.code_of);
        field("may run", &Visible::line(&format!("code of this folder, by {programs}")), page);
    }
    if request.preview {
        let text = "it writes to a view; you see what would change before it does";
        field("preview", &Visible::line(text), page);
    }
    match network {
        Network::Off => page.field("network", &Visible::line("none")),
        Network::Host if page.for_person() => {
            page.line(&format!("{BAD}network      the host's own: what it can read, it can send{BAD:#}"));
        }
        Network::Host => page.field("network", &Visible::line("host")),
    }
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

/// A field whose value may be hostile or of several words: broken so that none of its rows begins where a field does.
pub(crate) fn field(name: &str, value: &Visible, page: &mut Page) {
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

fn limits_of(limits: &Limits, page: &Page) -> Visible {
    if page.for_person() {
        let bytes = |bytes| page.bytes(bytes).as_str().replace(".0 ", " ");
        let (memory, file, output) =
            (bytes(limits.memory_bytes), bytes(limits.file_bytes), bytes(limits.output_bytes));
        let cpu = if limits.cpu_s == limits.time_s {
            String::new()
        } else {
            format!("{} s processor, ", limits.cpu_s)
        };
        let (time, processes) = (limits.time_s, limits.processes);
        let all =
            format!("{time} s, {cpu}{memory} memory, {processes} processes, {file} a file, {output} output");
        return Visible::line(&all);
    }
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
    Visible::line(&format!("{} {}", exact(&binary.path), short(&binary.sha256)))
}

/// Adds the files of the workspace that it is known to run or obey.
fn obeyed(obeys: &Obeys, page: &mut Page) {
    for Obeyed { path, leads_to, kind, sha256 } in &obeys.files {
        let leads = leads_to.as_ref().map(|real| format!(" -> {}", exact(real))).unwrap_or_default();
        let what = match (kind, sha256) {
            (ObeyedKind::Folder, _) => "a folder".to_owned(),
            (ObeyedKind::Special, _) => "not compared: no ordinary file".to_owned(),
            (ObeyedKind::File, Some(digest)) => short(digest),
            (ObeyedKind::File, None) => "not compared: too large".to_owned(),
        };
        field("obeys", &Visible::line(&format!("{}{leads} {what}", exact(path))), page);
        for path in std::iter::once(path).chain(leads_to) {
            if let Some(ascii) = in_ascii(path).filter(|_| page.for_person()) {
                field("not ASCII", &ascii, page);
            }
        }
    }
    if obeys.files.is_empty() && !obeys.code_of.is_empty() {
        field("obeys", &Visible::line("no file of the folder that is known, so that none is compared"), page);
    }
    if obeys.more > 0 {
        let text = format!("and what {} more names mean, which are too many to be looked at", obeys.more);
        field("obeys", &Visible::line(&text), page);
    }
}

fn exact_all(names: &[String]) -> String {
    names.iter().map(|name| exact(name).to_string()).collect::<Vec<_>>().join(", ")
}

fn short(digest: &Digest) -> String {
    let digest = digest.to_string();
    format!("sha256 {}…", digest.get(..DIGEST_SHOWN).unwrap_or_default())
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
