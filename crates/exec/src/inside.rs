//! What runs as the first process of ours inside a sandbox: it takes its order, gives up what the order says, and runs the
//! plan.
//!
//! It is this very program, started by its hidden first word. The order comes on standard input, which is a socket, and
//! through which one answer goes back: [`READY`] once everything was given up and before anything of the plan is started,
//! or why not. Nothing else tells the outside whether the sandbox stands.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::{
        fd::{AsFd, AsRawFd as _},
        unix::{fs::MetadataExt as _, process::CommandExt as _},
    },
    path::PathBuf,
    process::{Command, ExitCode},
};

use serde::{Deserialize, Serialize};

use crate::{
    Plan,
    conduct::{Outputs, Setting, conduct, not_started, single},
    confine::{Confinement, Rules},
    ground::Mounted,
};

/// The hidden first word under which the program runs what is in this module.
pub(crate) const FIRST_WORD: &str = "__sandbox-exec";

/// What the outside wants. On the socket: its length in four bytes, most significant first, then JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) plan: Plan,
    pub(crate) setting: Setting,
    pub(crate) rules: Rules,
    /// What must be mounted, for bubblewrap takes names, and names can be made to lead elsewhere meanwhile.
    pub(crate) mounted: Vec<Mounted>,
    /// Programs of the plan that are copies, which nobody can change.
    pub(crate) pinned: Vec<Mounted>,
}

/// The answer when everything was given up. Any other is the text of why not.
pub(crate) const READY: u8 = 0;

/// The longest order: a command of 64 KiB, each byte escaped, and the rest.
const ORDER_MAX_BYTES: u64 = 4 << 20;

/// Runs the order on standard input and ends with the code of its last command, 125 when there was no order that could be
/// carried out. Not for people: they are told so.
pub(crate) fn main() -> ExitCode {
    let mut order = match take_order() {
        Ok(order) => order,
        Err(error) => return refuse(&format!("no order: {error}")),
    };
    if order.mounted.iter().any(|mounted| mounted.check().is_err()) {
        return refuse("the workspace was changed by something else while it was mounted; try again");
    }
    let Ok(held) = hold(&mut order) else {
        return refuse("a program of the workspace was changed by something else; try again");
    };
    let mut confinement = match Confinement::new(&order.rules) {
        Ok(confinement) => confinement,
        Err(unavailable) => return refuse(&unavailable.reason),
    };
    // Other processes of the sandbox may neither look into this one nor take its descriptors.
    let hidden = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    if let Err(error) = hidden.map_err(io::Error::from).and_then(|()| confinement.apply()) {
        return refuse(&format!("rights could not be given up: {error}"));
    }
    let Ok(()) = answer(&[READY]).and_then(|()| forget_order()) else { return ExitCode::from(NO_ORDER) };
    ExitCode::from(u8::try_from(run(&order, &held)).unwrap_or(u8::MAX))
}

/// The code when nothing was run.
const NO_ORDER: u8 = 125;

/// A program that is a copy, opened.
struct Held {
    path: PathBuf,
    file: File,
}

impl Held {
    /// Whether its name still means the copy.
    fn check(&self) -> io::Result<()> {
        let (seen, copy) = (self.path.symlink_metadata()?, self.file.metadata()?);
        if (seen.dev(), seen.ino()) == (copy.dev(), copy.ino()) {
            return Ok(());
        }
        Err(io::Error::other("it was changed by something else since the command was judged"))
    }
}

/// Opens every program that is a copy, so that what is started is the open file, whatever its name means by then. A script
/// is started by its name, because its interpreter opens it by that: the name is looked at again just before.
fn hold(order: &mut Order) -> io::Result<Vec<Held>> {
    let mut held = Vec::new();
    for pinned in &order.pinned {
        let mut file = pinned.open_file()?;
        let mut first = [0; ELF.len()];
        if file.read_exact(&mut first).is_ok() && first == ELF {
            order.plan.start_by(pinned.at(), &format!("/proc/self/fd/{}", file.as_raw_fd()));
        }
        held.push(Held { path: pinned.at().to_owned(), file });
    }
    Ok(held)
}

/// Looks at the name of what `command` starts.
fn look_again(held: &[Held], command: &Command) -> io::Result<()> {
    held.iter().filter(|held| held.path == command.get_program()).try_for_each(Held::check)
}

/// How a program begins that the kernel starts without another (elf(5)).
const ELF: [u8; 4] = *b"\x7fELF";

fn run(order: &Order, held: &[Held]) -> i32 {
    if let Some(mut command) = single(&order.plan, &order.setting) {
        let error = match look_again(held, &command) {
            Ok(()) => command.exec(), // it only returns when it failed
            Err(error) => error,
        };
        let (code, message) = not_started(&command.get_program().to_string_lossy(), &error);
        drop(io::stderr().write_all(message.as_bytes()));
        return code;
    }
    let outputs = io::stdout()
        .as_fd()
        .try_clone_to_owned()
        .and_then(|stdout| Ok(Outputs { stdout, stderr: io::stderr().as_fd().try_clone_to_owned()? }));
    match (&order.plan, outputs) {
        (Plan::Steps(steps), Ok(outputs)) => conduct(steps, &order.setting, &outputs, &mut |command| {
            look_again(held, command)?;
            command.spawn()
        }),
        (Plan::Shell(_), _) | (_, Err(_)) => i32::from(NO_ORDER),
    }
}

fn take_order() -> io::Result<Order> {
    let mut length = [0; 4];
    io::stdin().read_exact(&mut length)?;
    let length = u64::from(u32::from_be_bytes(length));
    if length > ORDER_MAX_BYTES {
        return Err(io::Error::other("it is too long"));
    }
    let mut text = Vec::new();
    io::stdin().take(length).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

fn refuse(reason: &str) -> ExitCode {
    if answer(reason.as_bytes()).is_err() {
        let note = "this is for the program itself: it runs commands inside a sandbox\n";
        drop(io::stderr().write_all(note.as_bytes()));
    }
    ExitCode::from(NO_ORDER)
}

fn answer(bytes: &[u8]) -> io::Result<()> {
    rustix::net::send(io::stdin(), bytes, rustix::net::SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Standard input becomes `/dev/null`, so that no command can answer.
fn forget_order() -> io::Result<()> {
    let nothing = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(nothing)?;
    Ok(())
}

impl Order {
    /// Its form on the socket.
    ///
    /// # Errors
    /// When a path is no text, or it is too long.
    pub(crate) fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let text = serde_json::to_vec(self)?;
        let fits = u64::try_from(text.len()).is_ok_and(|length| length <= ORDER_MAX_BYTES);
        let length = u32::try_from(text.len()).ok().filter(|_| fits);
        let length = length.ok_or_else(|| io::Error::other("the order is too long"))?;
        Ok([length.to_be_bytes().as_slice(), &text].concat())
    }
}
