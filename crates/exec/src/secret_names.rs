//! Names under which people keep secrets, and where they lie in a workspace.
//!
//! One list for the judge and for the sandboxes. A name says little: it is a second line, for secrets that should not lie in
//! a workspace at all. To add one, add it to a list below.

use std::{
    collections::VecDeque,
    ffi::OsStr,
    fs::FileType,
    io,
    os::unix::fs::FileTypeExt as _,
    path::{Path, PathBuf},
};

use crate::Unavailable;

/// Whether a file or folder of this name is taken to hold a secret, in upper or lower case.
pub(crate) fn is_secret_name(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_ascii_lowercase();
    let name = without_backup(&name);
    if HARMLESS.contains(&name) {
        return false;
    }
    let fits = |known: &&str| match (known.strip_suffix('*'), known.strip_prefix('*')) {
        (Some(beginning), _) => name.starts_with(beginning),
        (None, Some(ending)) => name.ends_with(ending),
        (None, None) => name == *known,
    };
    NAMES.iter().any(fits)
        || (name.starts_with("id_") && !name.contains('.') && KEYS.iter().any(|kind| name.contains(kind)))
}

/// `name` without what editors and people append to a copy.
pub(crate) fn without_backup(name: &str) -> &str {
    let bare = |name| BACKUPS.iter().find_map(|ending| str::strip_suffix(name, ending));
    bare(name).filter(|bare| !bare.is_empty()).unwrap_or(name)
}

/// What was found in a workspace.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Files and folders with the names of secrets; sockets and named pipes, which lead to processes outside.
    pub(crate) secrets: Vec<PathBuf>,
    /// `.git` of repositories below the workspace's own, files and folders.
    pub(crate) repositories: Vec<PathBuf>,
    /// Whether it was looked at to the end, and all that was found can be hidden.
    pub(crate) is_whole: bool,
}

impl Found {
    /// This, if it is all that there is.
    ///
    /// # Errors
    /// [`Unavailable`] when it is not: what was not found cannot be hidden, so nothing is run.
    pub(crate) fn whole(self) -> Result<Self, Unavailable> {
        if self.is_whole {
            return Ok(self);
        }
        Err(Unavailable {
            reason: format!(
                "the workspace is too large to be searched: over {ENTRIES_MAX} files, or over {FOUND_MAX} with names of secrets"
            ),
            hint: "choose a folder below it as the workspace, or move away what does not belong to it"
                .to_owned(),
        })
    }
}

/// Looks through a workspace, what lies on top first; it follows no symbolic link, and into no repository's own state.
/// Files that this user cannot list are not there for a command either.
///
/// # Errors
/// When the workspace itself cannot be listed.
pub(crate) fn find(workspace: &Path) -> io::Result<Found> {
    let mut found = Found { is_whole: true, ..Found::default() };
    let mut folders = VecDeque::from([workspace.to_owned()]);
    let mut seen = 0;
    while let Some(folder) = folders.pop_front() {
        let is_top = folder == workspace;
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if is_top => return Err(error),
            Err(_) => continue,
        };
        for entry in entries.flatten() {
            seen += 1;
            if seen > ENTRIES_MAX || found.secrets.len() > FOUND_MAX {
                return Ok(Found { is_whole: false, ..found });
            }
            let (Ok(kind), name) = (entry.file_type(), entry.file_name()) else { continue };
            if kind.is_symlink() {
                continue;
            }
            if name == ".git" {
                found.secrets.extend(doors(&entry.path()));
                found.repositories.extend((!is_top).then(|| entry.path()));
            } else if is_secret_name(&name) || is_door(kind) {
                found.secrets.push(entry.path());
            } else if kind.is_dir() {
                folders.push_back(entry.path());
            }
        }
    }
    Ok(found)
}

/// Sockets and named pipes right in `folder`: programs that git starts listen there.
fn doors(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let doors = entries.filter(|entry| entry.file_type().is_ok_and(is_door));
    doors.map(|entry| entry.path()).collect()
}

/// Whether a process outside may be at the other end.
fn is_door(kind: FileType) -> bool {
    kind.is_socket() || kind.is_fifo()
}

/// How much of a workspace is looked at before each run: more is refused.
const ENTRIES_MAX: usize = 500_000;

/// How much of it may be hidden: each is a mount.
const FOUND_MAX: usize = 1_000;

/// Whole names; a `*` stands at the beginning or end for anything. Not `auth.json` and `token.json`: programs call what is
/// no secret so.
pub(crate) const NAMES: &[&str] = &[
    ".env",
    ".env.*",
    "*.env",
    ".envrc",
    ".netrc",
    "_netrc",
    ".pgpass*",
    ".my.cnf",
    ".git-credentials",
    ".pypirc",
    ".htpasswd",
    ".dockercfg",
    ".vault-token",
    ".ssh",
    ".gnupg",
    ".aws",
    ".azure",
    ".kube",
    ".docker",
    ".password-store",
    ".gem",
    ".flaskenv",
    ".dev.vars",
    "rclone.conf",
    "pip.conf",
    "credentials.json",
    "client_secret*",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "*.kdbx",
    "*.ppk",
    "*.tfstate",
    "*.tfstate.backup",
    "terraform.tfvars",
];

const BACKUPS: &[&str] = &[".bak", ".old", ".orig", ".save", ".backup", ".copy", "~"];

const KEYS: &[&str] = &["rsa", "dsa", "ecdsa", "ed25519"];

/// Templates without values, and lists of public authorities.
pub(crate) const HARMLESS: &[&str] =
    &[".env.example", ".env.sample", ".env.template", ".env.dist", "cacert.pem", "ca-bundle.pem"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_when_people_keep_secrets_under_them_are_secret() {
        for name in [
            ".env",
            ".ENV.local",
            "server.Pem",
            "id_ed25519",
            "id_RSA",
            ".netrc",
            "prod.env",
            ".ssh",
            "server.key.old",
            "prod.env.bak",
            ".netrc.bak",
            ".pgpass2",
            "client_secret_1.json",
            "terraform.tfvars",
            ".dev.vars",
        ] {
            assert!(is_secret_name(OsStr::new(name)), "{name}");
        }
        for name in [
            "env",
            ".environment",
            "main.rs",
            "id_ed25519.pub",
            ".env.example",
            "id_card",
            "key",
            ".git",
            "auth.json",
            "x.bak",
            "main.rs.orig",
        ] {
            assert!(!is_secret_name(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn workspace_when_looked_through_shows_secrets_and_repositories_but_follows_no_link() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path();
        for folder in ["a/b", "a/.git", ".git", ".ssh"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        for file in ["a/b/.env", ".git/x.key", ".ssh/id_rsa", "a/main.rs"] {
            std::fs::write(root.join(file), "x").unwrap();
        }
        std::os::unix::fs::symlink("/etc", root.join("link")).unwrap();
        std::os::unix::fs::symlink("a/main.rs", root.join("x.pem")).unwrap();
        let found = find(root).unwrap();
        assert_eq!(found.secrets, [root.join(".ssh"), root.join("a/b/.env")]);
        assert_eq!(found.repositories, [root.join("a/.git")]);
        assert!(found.is_whole);
    }
}
