//! What a process gives up because it holds what must not leak: the master key of agents that may have commands run, or
//! an approver's passphrase.
//!
//! It makes reading its memory harder for processes of the same user, and leaves nothing of it in a file when it dies. It
//! is a fence: it does not stop who can start this program under another name, see what is typed, or act as root, nor who
//! was there first. A process that traces the shell which this program is started from, or that wrote into this one before
//! it hid, can have it believe anything, all of the looks below among it.

use std::{
    fs::{self, File},
    io,
    os::{fd::AsRawFd as _, unix::process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use mab_core::{Code, Denied};
use rustix::{
    fs::{MemfdFlags, Mode, fchmod, memfd_create},
    process::{
        DumpableBehavior, Resource, Rlimit, dumpable_behavior, geteuid, set_dumpable_behavior, setrlimit,
    },
};

use crate::{config::Config, environment::Environment};

/// Keeps the memory of this process from others of its user (no ptrace(2), no `/proc/<pid>/mem`), and out of core files.
/// Programs that it starts are as they would be without. What others opened or traced before stays theirs: see [`shelter`].
pub(crate) fn protect() {
    let hidden = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let core = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    if let Err(error) = hidden.and(core) {
        tracing::warn!(%error, "the memory of this process could not be protected");
    }
}

/// As [`protect`], and against who opened the memory of this process before that: it starts this program anew, with the
/// same words, in a memory that is hidden from its first instruction on. For a process that a passphrase will be typed
/// into, before it has done anything. It returns in the new program; with a note for the person where that could not be.
///
/// # Errors
/// `forbidden` with a library of somebody's choice inside this process, or with another process that traces it.
pub(crate) fn shelter(environment: &Environment) -> Result<Option<String>, Denied> {
    if let Some(name) = loads(environment) {
        let message = format!("{name} put other code into this program, which could read what is typed");
        let hint = format!("without it: `env -u {name} mab …`; and find out who set it");
        return Err(Denied::new(Code::Forbidden, message).hint(hint));
    }
    let was_hidden = is_hidden();
    protect();
    if let Some(why) = watched() {
        return Err(Denied::new(Code::Forbidden, format!("nothing secret can be typed here: {why}")).hint(
            "find out what it is (`ps -fp` with its number), and type no passphrase before it is gone",
        ));
    }
    // From root nothing is hidden, so it would be no use.
    if was_hidden || geteuid().is_root() {
        return Ok(None);
    }
    // Where a copy is not hidden either, another one would not be.
    let why = if is_copy() { "it may read every file".to_owned() } else { start_anew().to_string() };
    Ok(Some(format!("a program that opened the memory of this one in its first instants can read it: {why}")))
}

/// Refuses to serve agents that may have commands run, where that is not safe.
///
/// # Errors
/// `misconfigured`: as root without `execution.as_root`; with a library of somebody's choice inside this process, or with
/// another process that traces it.
pub(crate) fn check(config: &Config, environment: &Environment) -> Result<(), Denied> {
    if geteuid().is_root() && !config.execution.as_root {
        return Err(Denied::new(
            Code::Misconfigured,
            "agents may ask for commands (MAB_YOLO=1, execution.agents), and this server runs as root",
        )
        .hint(format!(
            "tell your user: start the agents as an ordinary user, or without MAB_YOLO=1; as_root = true under [execution] in {} allows it all the same",
            config.file.display()
        )));
    }
    if let Some(name) = loads(environment) {
        return Err(Denied::new(
            Code::Misconfigured,
            format!("agents may ask for commands (MAB_YOLO=1, execution.agents), and {name} put other code into this server"),
        )
        .hint(format!("tell your user: start the server with {name} empty (`env` in the client's settings), or without MAB_YOLO=1")));
    }
    if let Some(why) = watched() {
        let message = format!("agents may ask for commands (MAB_YOLO=1, execution.agents), and {why}");
        let hint = "tell your user: find out what it is, and restart the server without it";
        return Err(Denied::new(Code::Misconfigured, message).hint(hint));
    }
    Ok(())
}

/// The variable that put code into this process.
fn loads(environment: &Environment) -> Option<&'static str> {
    LOADS.into_iter().find(|name| environment.get(name).is_some())
}

/// How others can read this process although it is protected.
fn watched() -> Option<String> {
    if !is_hidden() {
        return Some("the system does not let this process hide its memory".to_owned());
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let tracer = tracer(&status)?;
    Some(format!("process {tracer} traces this one (a debugger, strace, or somebody's program)"))
}

/// The process that traces, as `proc_pid_status(5)` tells it.
fn tracer(status: &str) -> Option<u32> {
    let pid = status.lines().find_map(|line| line.strip_prefix("TracerPid:"))?;
    pid.trim().parse().ok().filter(|pid| *pid != 0)
}

fn is_hidden() -> bool {
    dumpable_behavior() == Ok(DumpableBehavior::NotDumpable)
}

/// Whether this process was started by [`start_anew`].
pub(crate) fn is_copy() -> bool {
    let copy = format!("/memfd:{COPY}");
    fs::read_link("/proc/self/exe")
        .is_ok_and(|exe| exe.as_os_str().as_encoded_bytes().starts_with(copy.as_bytes()))
}

/// Starts this program in the place of this process, from a file that its user may execute and not read: the system hides
/// the memory of such a program from the start (execve(2), `PR_SET_DUMPABLE`). Who has this memory open keeps what it was.
/// It returns only when that cannot be done. The new program is named by the file of this one, whose copy has none.
#[expect(clippy::disallowed_methods, reason = "it starts no other program, and no other process")]
fn start_anew() -> io::Error {
    let copy = match copy_of_this() {
        Ok(copy) => copy,
        Err(error) => return error,
    };
    let mut words = std::env::args_os();
    let mut program = Command::new(Path::new("/proc/self/fd").join(copy.as_raw_fd().to_string()));
    let name = words.next();
    let file = fs::read_link("/proc/self/exe").ok().map(PathBuf::into_os_string);
    if let Some(name) = file.or(name) {
        program.arg0(name);
    }
    program.args(words).exec()
}

/// This program, in a file of memory that only this process has, to execute and not to read.
fn copy_of_this() -> io::Result<File> {
    let create = |flags| memfd_create(COPY, MemfdFlags::CLOEXEC | flags);
    // Older systems do not know that flag, and do without.
    let copy = create(MemfdFlags::EXEC).or_else(|_| create(MemfdFlags::empty()))?;
    let mut copy = File::from(copy);
    io::copy(&mut File::open("/proc/self/exe")?, &mut copy)?;
    fchmod(&copy, Mode::XUSR | Mode::XGRP | Mode::XOTH)?;
    Ok(copy)
}

/// Name of the copy, as lists of processes may show it.
const COPY: &str = "mab";

/// Variables with which whoever sets them chooses code that a program runs (ld.so(8)).
const LOADS: [&str; 3] = ["LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH"];

#[cfg(test)]
mod tests {
    use rustix::process::getrlimit;

    use super::*;

    #[test]
    fn process_when_protected_is_hidden_and_leaves_no_core() {
        protect();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        let core = getrlimit(Resource::Core);
        assert_eq!((core.current, core.maximum), (Some(0), Some(0)));
        protect();
        assert_eq!(getrlimit(Resource::Core).maximum, Some(0), "again changes nothing");
    }

    #[test]
    fn tracer_is_told_when_there_is_one() {
        let status = |pid: &str| format!("Name:\tmab\nPPid:\t7\nTracerPid:\t{pid}\nUid:\t0\t0\t0\t0\n");
        assert_eq!(tracer(&status("4711")), Some(4711));
        assert_eq!(tracer(&status("0")), None);
        assert_eq!(tracer(""), None);
    }

    #[test]
    fn copy_of_this_program_is_whole_and_its_user_may_not_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let found = copy_of_this().unwrap().metadata().unwrap();
        assert_eq!(found.permissions().mode() & 0o777, 0o111);
        assert_eq!(found.len(), fs::metadata("/proc/self/exe").unwrap().len());
    }
}
