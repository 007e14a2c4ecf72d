//! What bubblewrap is told: a root of its own, in which there is only what a command needs (bwrap(1)).

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use super::{copied::Copied, pinned::Pinned};
use crate::{Network, Profile};

/// Where this program lies inside.
pub(super) const INSIDE: &str = "/run/mab-sandbox-exec";

/// The home of a command: empty, and gone with it.
pub(super) const HOME: &str = "/tmp/home";

/// One thing that is mounted after the root and before the program is started, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mount {
    /// A file or folder of the host, to read.
    ReadOnly(PathBuf, PathBuf),
    /// A folder of the host, to change.
    Writable(PathBuf, PathBuf),
    /// Nothing: an empty folder.
    EmptyFolder(PathBuf),
    /// Nothing: what cannot be opened.
    NoFile(PathBuf),
}

impl Mount {
    /// Where it is.
    pub(crate) fn at(&self) -> &Path {
        match self {
            Self::ReadOnly(_, at) | Self::Writable(_, at) | Self::EmptyFolder(at) | Self::NoFile(at) => at,
        }
    }
}

/// The words after the name of bubblewrap: `status` is the descriptor for what it says about itself, `program` the file
/// that runs inside.
pub(super) fn words(
    profile: &Profile,
    (mounts, copied, pinned): (&[Mount], &Copied, &Pinned),
    program: &Path,
    status: i32,
) -> Vec<OsString> {
    let mut words = Words::default();
    words.text(&["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]);
    match profile.network {
        Network::Off => {}
        Network::Host => words.text(&["--share-net"]),
    }
    words.text(&["--hostname", "sandbox", "--json-status-fd", &status.to_string()]);
    root(&mut words, profile, copied);
    for mount in mounts {
        words.mount(mount);
    }
    for (descriptor, path) in pinned.shown() {
        words.text(&["--perms", "0555", "--ro-bind-data", &descriptor.to_string()]);
        words.0.push(path.as_os_str().to_owned());
    }
    words.path("--ro-bind", &[program, Path::new(INSIDE)]);
    words.path("--remount-ro", &[Path::new("/run")]);
    words.path("--remount-ro", &[Path::new("/")]);
    words.path("--chdir", &[&profile.workspace]);
    words.text(&["--", INSIDE, crate::inside::FIRST_WORD]);
    words.0
}

fn root(words: &mut Words, profile: &Profile, copied: &Copied) {
    words.text(&["--ro-bind", "/usr", "/usr"]);
    for name in ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"] {
        let name = Path::new(name);
        match std::fs::read_link(name) {
            Ok(target) => words.path("--symlink", &[&target, name]),
            Err(_) => words.path("--ro-bind-try", &[name, name]),
        }
    }
    words.text(&["--dir", "/etc"]);
    for name in of_the_system(profile.network) {
        match copied.descriptor(name) {
            Some(number) => words.text(&["--perms", "0444", "--file", &number.to_string(), name]),
            None => words.text(&["--ro-bind-try", name, name]),
        }
    }
    let scratch = profile.limits.scratch_bytes.max(4096).to_string();
    words.text(&["--dev", "/dev", "--size", &scratch, "--perms", "1777", "--tmpfs", "/dev/shm"]);
    // What bubblewrap puts there has no bound of its own.
    words.text(&["--remount-ro", "/dev", "--proc", "/proc", "--size", &scratch, "--tmpfs", "/tmp"]);
    words.text(&["--dir", HOME, "--dir", "/var", "--symlink", "/tmp", "/var/tmp"]);
    words.text(&["--size", "1048576", "--perms", "0755", "--tmpfs", "/run"]);
}

/// What a command needs of `/etc`.
pub(super) fn of_the_system(network: Network) -> impl Iterator<Item = &'static str> {
    let network: &[&str] = match network {
        Network::Off => &[],
        Network::Host => OF_THE_NETWORK,
    };
    OF_THE_SYSTEM.iter().chain(network).copied()
}

/// What programs need of `/etc`: nothing that is secret, names a person beyond the list of users, or differs per run.
const OF_THE_SYSTEM: &[&str] = &[
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/etc/passwd",
    "/etc/group",
    "/etc/nsswitch.conf",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/locale.alias",
    "/etc/mime.types",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/ca-certificates",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust/extracted",
];

const OF_THE_NETWORK: &[&str] =
    &["/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/services", "/etc/protocols"];

#[derive(Default)]
struct Words(Vec<OsString>);

impl Words {
    fn text(&mut self, words: &[&str]) {
        self.0.extend(words.iter().map(OsString::from));
    }

    fn path(&mut self, option: &str, paths: &[&Path]) {
        self.0.push(option.into());
        self.0.extend(paths.iter().map(|path| OsStr::new(path).to_owned()));
    }

    fn mount(&mut self, mount: &Mount) {
        match mount {
            Mount::ReadOnly(from, to) => self.path("--ro-bind", &[from, to]),
            Mount::Writable(from, to) => self.path("--bind", &[from, to]),
            // Not remounted read-only: that is the dearest thing bubblewrap does, and what a command that changes the mode
            // puts there lies in memory and is gone with it.
            Mount::EmptyFolder(at) => {
                self.text(&["--size", "4096", "--perms", "0555"]);
                self.path("--tmpfs", &[at]);
            }
            // A mount of bubblewrap's takes no devices, so that opening this one fails.
            Mount::NoFile(at) => self.path("--ro-bind", &[Path::new("/dev/null"), at]),
        }
    }
}
