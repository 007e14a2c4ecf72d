//! Whose containers are, and those that nobody has any more.

use std::ffi::OsString;

use super::{client::Client, words::OWNER_LABEL};

/// Says who this process is, so that another can tell whether it is still there: its namespace of processes, its number
/// and when it was started; none when the system does not tell.
pub(super) fn owner() -> Option<String> {
    let number = std::process::id();
    Some(format!("{}-{number}-{}", namespace()?, started(number)?))
}

/// Removes the containers whose owners are no more. What cannot be told apart stays.
pub(super) fn sweep(client: &Client) {
    let Some(namespace) = namespace() else { return };
    let format = format!("{{{{.ID}}}} {{{{.Label \"{OWNER_LABEL}\"}}}}");
    let filter = format!("label={OWNER_LABEL}");
    let words = ["ps", "--all", "--no-trunc", "--filter", &filter, "--format", &format].map(OsString::from);
    let listed = match client.ask(&words) {
        Ok(listed) => listed,
        Err(error) => {
            tracing::warn!(error, "containers of earlier runs cannot be listed");
            return;
        }
    };
    for (container, owner) in listed.lines().filter_map(|line| line.split_once(' ')) {
        if is_gone(owner, namespace) {
            let words = ["rm", "--force", "--volumes", container].map(OsString::from);
            if let Err(error) = client.ask(&words) {
                tracing::warn!(error, container, "a container of a killed server is left");
            }
        }
    }
}

fn is_gone(owner: &str, namespace: u64) -> bool {
    let mut parts = owner.trim().split('-').map(str::parse::<u64>);
    let (Some(Ok(theirs)), Some(Ok(number)), Some(Ok(start)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let is_running = u32::try_from(number).ok().and_then(started) == Some(start);
    theirs == namespace && !is_running
}

/// The inode of the namespace in which process numbers mean something (`namespaces(7)`).
fn namespace() -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self/ns/pid").ok().map(|found| found.ino())
}

/// When a process was started, in clock ticks since boot: the 22nd field of its `stat` (`proc_pid_stat(5)`), the 20th
/// behind its name, which may hold anything.
fn started(process: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owner_when_it_runs_is_not_gone_and_anybody_else_is_only_if_that_is_certain() {
        let (mine, namespace) = (owner().unwrap(), namespace().unwrap());
        assert!(!is_gone(&mine, namespace));
        assert!(is_gone(&format!("{namespace}-{}-1", std::process::id()), namespace));
        assert!(is_gone(&format!("{namespace}-4294967295-1"), namespace));
        for unsure in ["", "x", "1-2", &format!("{}-4294967295-1", namespace + 1), "1-2-3-4"] {
            assert!(!is_gone(unsure, namespace), "{unsure}");
        }
    }
}
