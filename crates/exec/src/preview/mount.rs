//! Mounts the view of a preview, and becomes the program that shows it.
//!
//! It is a process of its own, with one thread: `<program> __overlay <workspace> <upper> <work> [<program> <words>…]`. It
//! takes a mount namespace of its own, and a user namespace too where it may not mount otherwise; mounts the overlay over the
//! workspace's path; and becomes the program. Without a program it ends with 0: then overlays can be mounted here. It fails
//! closed: no program is started without the view.

use std::{
    ffi::{CString, OsString},
    fs,
    io::{self, Write as _},
    os::{
        fd::AsRawFd as _,
        unix::{fs::DirBuilderExt as _, process::CommandExt as _},
    },
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use rustix::{
    fd::OwnedFd,
    fs::{CWD, Mode, OFlags, ResolveFlags, openat2},
    mount::{MountFlags, MountPropagationFlags, mount, mount_change},
    process::{getgid, getuid},
    thread::UnshareFlags,
};

use crate::{Unavailable, View};

/// The hidden first word under which the program runs [`main`].
pub const FIRST_WORD: &str = "__overlay";

/// What must come before the words of a program so that it sees `view` as the workspace; nothing for the workspace itself.
/// `program` is the file of this very program.
pub fn prefix(program: &Path, view: &View, workspace: &Path) -> Vec<OsString> {
    match view {
        View::Direct => Vec::new(),
        View::Overlay { upper, work } => {
            vec![program.into(), FIRST_WORD.into(), workspace.into(), upper.into(), work.into()]
        }
    }
}

/// Whether overlays can be mounted for this user, with their upper folder below `state_dir`.
///
/// # Errors
/// [`Unavailable`] with what failed.
pub fn probe(program: &Path, state_dir: &Path) -> Result<(), Unavailable> {
    let failed = |reason: String| {
        Unavailable {
        reason: format!("there is no copy-on-write view: {reason}"),
        hint: "the kernel needs overlayfs (Linux 5.11) and user namespaces, the data folder a local file system; \
               without it, commands run on the workspace itself, after a snapshot"
            .to_owned(),
    }
    };
    let tried = || {
        let name = format!("probe-{}", std::process::id());
        let (folder, _held) = super::own_folder(&state_dir.join("previews"), &name)?;
        let tried = try_probe(program, &folder);
        // Left for the next start to remove when it cannot be removed here.
        drop(super::open_up(&folder).and_then(|()| fs::remove_dir_all(&folder)));
        tried
    };
    tried().map_err(|error| failed(error.to_string()))
}

#[expect(clippy::disallowed_methods, reason = "this very program, which mounts in a namespace of its own")]
fn try_probe(program: &Path, folder: &Path) -> io::Result<()> {
    let below = ["lower", "upper", "work"].map(|name| folder.join(name));
    for path in &below {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    }
    let output = Command::new(program)
        .arg(FIRST_WORD)
        .args(&below)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(said.lines().next().unwrap_or("it said nothing").to_owned()))
}

/// Does what the words say, which come after the first; ends with 125 and a line on stderr when it cannot.
pub fn main(mut words: impl Iterator<Item = OsString>) -> ExitCode {
    let mut folder = || words.next().map(PathBuf::from);
    let (Some(workspace), Some(upper), Some(work)) = (folder(), folder(), folder()) else {
        return refuse("this is for the program itself: it mounts the view of a preview");
    };
    if let Err((what, error)) = show(&workspace, &upper, &work) {
        return refuse(&format!("{what}: {error}"));
    }
    let Some(program) = words.next() else { return ExitCode::SUCCESS };
    #[expect(clippy::disallowed_methods, reason = "the sandbox of the run, which sees the view")]
    let mut command = Command::new(program);
    let error = command.args(words).exec(); // it only returns when it failed
    refuse(&format!("the sandbox cannot be started: {error}"))
}

type Failed = (&'static str, io::Error);

fn show(workspace: &Path, upper: &Path, work: &Path) -> Result<(), Failed> {
    let namespace = |error| ("no mount namespace", error);
    own_namespace().map_err(namespace)?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).map_err(|error| namespace(error.into()))?;
    // Held open, so that no name of a folder has a meaning among the options.
    let open = |path: &Path| -> Result<OwnedFd, Failed> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)
            .map_err(|error| ("a folder of the view cannot be opened", error.into()))
    };
    let [workspace, upper, work] = [open(workspace)?, open(upper)?, open(work)?];
    let at = |folder: &OwnedFd| format!("/proc/self/fd/{}", folder.as_raw_fd());
    let options =
        format!("userxattr,lowerdir={},upperdir={},workdir={}", at(&workspace), at(&upper), at(&work));
    let options = CString::new(options).map_err(|error| ("the options", error.into()))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount("overlay", at(&workspace), "overlay", flags, options.as_c_str())
        .map_err(|error| ("the overlay cannot be mounted", error.into()))
}

/// Takes a mount namespace: as who may, or as itself in a user namespace.
#[expect(
    deprecated,
    reason = "its other form is unsafe because of threads that share descriptors: there is one thread"
)]
fn own_namespace() -> io::Result<()> {
    use rustix::thread::unshare;
    if unshare(UnshareFlags::NEWNS).is_ok() {
        return Ok(());
    }
    let (uid, gid) = (getuid().as_raw(), getgid().as_raw());
    unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"))
}

fn refuse(why: &str) -> ExitCode {
    drop(writeln!(io::stderr(), "{why}"));
    ExitCode::from(125)
}
