//! What the configuration of a workspace's own repository could make git run, although it is only asked to read.
//!
//! Arguments put in by the policy override every setting with a fixed name. What has a name of the repository's choosing
//! (`filter.<name>.clean`) cannot be overridden so; such a repository makes a person be asked.

use std::{fs::File, io::Read as _};

use rustix::{
    fs::{Mode, OFlags, ResolveFlags, openat2},
    io::Errno,
};

use crate::{
    Workspace,
    repository_config::{is_same_folder, leads_inside},
};

/// Largest configuration that is read.
const CONFIG_MAX_BYTES: u64 = 256 * 1024;

/// What in a configuration lets git run programs, or read another file (git-config(1)); in lower case.
const TELLING: [&str; 5] = ["[filter", "[include", "[merge \"", "[trailer", "worktreeconfig"];

/// Why git is not started at all in `workspace`: its configuration lies where every command may change it.
pub(super) fn is_elsewhere(workspace: &Workspace) -> Option<String> {
    let text = |path| opened(workspace, path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY).map(read);
    if let Ok(Some(text)) = text(".git")
        && leads_inside(&text, workspace.path())
    {
        return Some(
            "`.git` is a file that leads into the workspace; the operator can put there what it leads to"
                .to_owned(),
        );
    }
    match text(".git/commondir") {
        Err(Errno::NOENT | Errno::NOTDIR) => None,
        Ok(Some(text)) if is_same_folder(&text) => None,
        Ok(_) | Err(_) => {
            Some("`.git/commondir` leads to another repository; the operator can take it away".to_owned())
        }
    }
}

/// Why git may run a program of the repository in `workspace` when it reads; none when it does not, or nothing is there.
pub(super) fn may_run(workspace: &Workspace) -> Option<String> {
    let folder = OFlags::PATH | OFlags::DIRECTORY;
    match opened(workspace, ".git", folder) {
        Ok(_) => {}
        Err(Errno::NOENT) => return None,
        Err(_) => {
            return Some("the repository's own state lies elsewhere, or nobody can tell where".to_owned());
        }
    }
    if !matches!(opened(workspace, ".git/commondir", OFlags::PATH), Err(Errno::NOENT)) {
        return Some("the repository takes its configuration from elsewhere".to_owned());
    }
    let text = match opened(workspace, ".git/config", OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY) {
        Ok(file) => read(file),
        Err(Errno::NOENT) => return None,
        Err(_) => None,
    };
    let Some(text) = text else {
        return Some("the repository's configuration cannot be read whole".to_owned());
    };
    let telling = TELLING.iter().find(|telling| text.contains(*telling))?;
    let name = telling.trim_matches(['[', '"', ' ']);
    Some(format!("the repository's configuration has `{name}`, by which git could run a program"))
}

fn opened(workspace: &Workspace, path: &str, flags: OFlags) -> Result<File, Errno> {
    let how = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    openat2(workspace, path, flags | OFlags::CLOEXEC, Mode::empty(), how).map(File::from)
}

/// The text of a regular file in lower case; none when it is too large or cannot be read.
fn read(file: File) -> Option<String> {
    if !file.metadata().is_ok_and(|found| found.is_file()) {
        return None;
    }
    let mut bytes = Vec::new();
    let whole = file
        .take(CONFIG_MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .is_ok_and(|read| read as u64 <= CONFIG_MAX_BYTES);
    whole.then(|| String::from_utf8_lossy(&bytes).to_ascii_lowercase())
}
