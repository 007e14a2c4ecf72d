//! What a path stands for, when a command would destroy it or write to it.

use super::value::UNKNOWN;

/// Folders that belong to the system with all that is in them.
const SYSTEM: [&str; 16] = [
    "bin", "sbin", "lib", "lib32", "lib64", "libx32", "boot", "etc", "usr", "proc", "sys", "var", "run",
    "System", "Library", "private",
];

/// Folders of which only the whole matters: what is below belongs to somebody.
const SHARED: [&str; 10] =
    ["home", "Users", "opt", "srv", "mnt", "media", "Volumes", "Applications", "snap", "nix"];

/// Devices that nothing is lost by writing to.
const HARMLESS: [&str; 12] =
    ["null", "zero", "full", "random", "urandom", "stdin", "stdout", "stderr", "tty", "fd", "pts", "shm"];

/// Files and folders of a home that are executed at the next login, or let somebody in.
const STARTUP: [&str; 20] = [
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".bash_logout",
    ".profile",
    ".zshrc",
    ".zshenv",
    ".zprofile",
    ".zlogin",
    ".ssh",
    ".gnupg",
    ".pam_environment",
    ".xinitrc",
    ".xprofile",
    ".xsessionrc",
    ".netrc",
    ".rhosts",
    ".forward",
    ".config/autostart",
    ".config/systemd",
];

const HISTORIES: [&str; 5] =
    [".bash_history", ".zsh_history", ".history", ".python_history", ".mysql_history"];

/// Files that hold secrets, by the end of their path.
const SECRETS: [&str; 18] = [
    ".ssh/id_rsa",
    ".ssh/id_ed25519",
    ".ssh/id_ecdsa",
    ".ssh/id_dsa",
    ".aws/credentials",
    ".netrc",
    ".npmrc",
    ".pgpass",
    ".pypirc",
    ".git-credentials",
    ".kube/config",
    ".docker/config.json",
    "etc/shadow",
    "etc/gshadow",
    ".env",
    "/environ",
    "master.key",
    "approval.key",
];

/// What a path stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// `/`, or all that is in it.
    Root,
    /// A home, or all that is in it.
    Home,
    /// The workspace itself, or all that is in it.
    Workspace,
    /// A folder above the workspace.
    Above,
    /// Something of the system.
    System,
    /// A device.
    Device,
    /// `/dev/null`.
    Null,
    /// The network, by bash's `/dev/tcp`.
    Network,
    /// What is executed at the next login, or lets somebody in.
    Startup,
    /// A history of commands.
    History,
    /// The bridge's own folders.
    Bridge,
    /// The control socket of a container engine.
    Engine,
    /// Anything else.
    Ordinary,
}

/// What `text` stands for in `folder`; the workspace's, when that is not known.
pub(super) fn place(text: &str, folder: Option<&str>) -> Place {
    let unset = text.starts_with(UNKNOWN);
    if text.trim_start_matches(UNKNOWN).contains(UNKNOWN) && unset {
        return Place::Ordinary;
    }
    let shown = text.replace(UNKNOWN, "");
    if shown.is_empty() {
        return Place::Ordinary;
    }
    let relative = !shown.starts_with('/') && !shown.starts_with('~');
    let whole = match folder {
        Some(folder) if relative && !unset => format!("{folder}/{shown}"),
        _ => shown,
    };
    let path = Path::new(&whole);
    if whole.starts_with('/') {
        let found = path.absolute();
        // What follows an unset variable is only sure to be destroyed when it is everything.
        return if unset && found != Place::Root { Place::Ordinary } else { found };
    }
    if whole.starts_with('~') {
        let inside: Vec<&str> = path.parts.iter().skip(1).copied().collect();
        return home(&inside);
    }
    match (path.up, path.parts.first()) {
        (0, None) => Place::Workspace,
        (_, None) => Place::Above,
        (2.., Some(first)) if SYSTEM.contains(first) || *first == "dev" => path.absolute(),
        (_, Some(_)) => Place::Ordinary,
    }
}

/// Whether a file holds secrets, by its name.
pub(super) fn is_secret(text: &str) -> bool {
    if text.contains(char::is_whitespace) {
        return false;
    }
    let folder = text.split('/').any(|part| matches!(part, ".ssh" | ".aws" | ".gnupg" | ".kube"));
    let file = SECRETS.iter().any(|end| {
        text.strip_suffix(end).is_some_and(|before| {
            before.is_empty() || before.ends_with('/') || (end.starts_with('/') && before.contains("proc/"))
        })
    });
    file || (folder && !["pub", "known_hosts", "config"].iter().any(|end| text.ends_with(end)))
}

/// A path without `.`, `//`, what `..` undoes, and the patterns at its end that stand for everything.
struct Path<'t> {
    parts: Vec<&'t str>,
    up: usize,
}

impl<'t> Path<'t> {
    fn new(text: &'t str) -> Self {
        let mut path = Self { parts: Vec::new(), up: 0 };
        let rooted = text.starts_with('/');
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => path.up += usize::from(path.parts.pop().is_none() && !rooted),
                _ => path.parts.push(part),
            }
        }
        while path.parts.last().is_some_and(|last| is_everything(last)) {
            path.parts.pop();
        }
        path
    }

    fn absolute(&self) -> Place {
        let parts = self.parts.as_slice();
        let Some((first, inside)) = parts.split_first() else { return Place::Root };
        if first.contains(['*', '?', '[']) {
            return Place::System;
        }
        match (*first, inside) {
            ("root" | "~", _) => home(inside),
            ("home" | "Users", [_, inside @ ..]) => home(inside),
            ("dev", ["tcp" | "udp", _, ..]) => Place::Network,
            ("dev", ["null"]) => Place::Null,
            ("dev", [name, ..]) if HARMLESS.contains(name) => Place::Ordinary,
            ("dev", [_, ..]) => Place::Device,
            (_, [.., last]) if is_engine(last) => Place::Engine,
            ("run", ["user", _, "mab" | "bridge", ..]) => Place::Bridge,
            ("var", ["tmp" | "folders", _, ..])
            | ("run", ["user", _, _, ..])
            | ("private", ["tmp" | "var", _, ..]) => Place::Ordinary,
            ("dev", []) => Place::System,
            (first, []) if SHARED.contains(&first) => Place::System,
            (first, _) if SYSTEM.contains(&first) => Place::System,
            _ if of_bridge(inside) => Place::Bridge,
            _ => Place::Ordinary,
        }
    }
}

/// What `inside` a home is.
fn home(inside: &[&str]) -> Place {
    let path = inside.join("/");
    let below =
        |top: &&str| path.strip_prefix(*top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if inside.is_empty() {
        Place::Home
    } else if of_bridge(inside) {
        Place::Bridge
    } else if STARTUP.iter().any(below) {
        Place::Startup
    } else if HISTORIES.iter().any(below) || (path.contains('*') && path.ends_with("history")) {
        Place::History
    } else if is_engine(&path) {
        Place::Engine
    } else if matches!(path.as_str(), ".config" | ".local" | ".local/share" | ".aws" | ".kube" | ".docker") {
        Place::Home
    } else {
        Place::Ordinary
    }
}

/// Whether the parts of a path lead to the bridge's folders.
fn of_bridge(parts: &[&str]) -> bool {
    let folder =
        |name: &&str| matches!(*name, "mab" | "bridge" | "multiagent-bridge" | "mcp-multiagent-bridge");
    parts.windows(3).any(|three| matches!(three, [".local", "share" | "state", name] if folder(name)))
        || parts.windows(2).any(|two| matches!(two, [".config" | ".cache", name] if folder(name)))
        || parts.first().is_some_and(|first| matches!(*first, ".mab" | ".bridge" | ".multiagent-bridge"))
}

/// Whether a file is an engine's control socket, by its name.
fn is_engine(name: &str) -> bool {
    name.strip_suffix(".sock").is_some_and(|name| {
        ["docker", "containerd", "podman", "crio", "buildkitd"].iter().any(|engine| name.contains(engine))
    })
}

/// `*`, `.*`, `.[!.]*` and the like.
fn is_everything(part: &str) -> bool {
    part.contains(['*', '?']) && part.chars().all(|c| "*?.[]!^,{}".contains(c))
}
