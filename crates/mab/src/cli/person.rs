//! A person at a terminal: what has to be true before one is asked, and asking.
//!
//! None of this keeps out a program that runs as the same user outside of a sandbox: it can make a terminal. It keeps out
//! what has none, pipes answers in, or is started by an agent's client by mistake. The passphrase is what keeps out the rest.

use std::{
    io::{Stderr, Stdin, Stdout},
    os::fd::{AsFd, BorrowedFd},
    path::Path,
    time::Duration,
};

use mab_core::{Code, Denied};
use rustix::{
    process::{Pid, getpgrp, getppid, getsid},
    termios::{isatty, tcgetpgrp, tcgetsid},
};
use zeroize::Zeroizing;

use crate::{
    cli::{Output, Trouble, output::CAREFUL, stopping::Stop, table::Page, terminal::Terminal},
    environment::Environment,
    hardening,
};

/// A person who can be asked.
pub(crate) struct Person {
    terminal: Terminal,
    stop: Stop,
}

impl Person {
    /// The person at the terminal that this process is controlled from. From now on Ctrl-C (and Ctrl-Z) ends a question, not the process.
    /// To be called before anything else is done: the program may be started anew.
    ///
    /// # Errors
    /// `forbidden` where none can be: no terminal, answers that come from elsewhere, an agent that started this, or code or
    /// a process that could read what is typed.
    pub(crate) fn at_terminal(environment: &Environment) -> Result<Self, Trouble> {
        let nobody = |why: &str| {
            Denied::new(Code::Forbidden, format!("only a person at a terminal can do this: {why}"))
                .hint("run it yourself, in a terminal window of its own")
        };
        let terminal = Terminal::open().ok_or_else(|| nobody("there is no terminal"))?;
        let (stdin, stdout, stderr): (Stdin, Stdout, Stderr) =
            (std::io::stdin(), std::io::stdout(), std::io::stderr());
        if !is_ours(stdin.as_fd()) {
            return Err(nobody("what is typed comes from somewhere else").into());
        }
        if [stdout.as_fd(), stderr.as_fd()].into_iter().any(|fd| isatty(fd) && !is_ours(fd)) {
            return Err(nobody("what is shown goes to another terminal").into());
        }
        if tcgetpgrp(&terminal).ok() != Some(getpgrp()) {
            return Err(nobody("it runs in the background").into());
        }
        if let Some(agent) = started_by() {
            return Err(nobody(&format!("{agent} started this")).into());
        }
        // A passphrase and a key will be in memory.
        if let Some(note) = hardening::shelter(environment)? {
            Output::talk(&note);
        }
        Ok(Self { terminal, stop: Stop::listen_where_secrets_are()? })
    }

    /// A page to fill for the terminal.
    pub(crate) fn page(&self) -> Page {
        self.terminal.page()
    }

    /// The same, saying why something has to be typed again, and how often it may be.
    pub(crate) fn again(&self, why: &str, left: u32) -> Page {
        let mut page = self.page();
        let tries = if left == 1 { "try" } else { "tries" };
        page.line(&format!("{CAREFUL}{why}{CAREFUL:#}; {left} more {tries}"));
        page
    }

    /// Shows a page.
    pub(crate) fn show(&self, page: &Page) -> Result<(), Trouble> {
        self.terminal.show(page)
    }

    /// Shows `page`, then asks, and takes one line.
    ///
    /// # Errors
    /// [`Trouble::Cancelled`] after Ctrl-C.
    pub(crate) fn ask(&self, page: &Page, question: &str) -> Result<String, Trouble> {
        self.terminal.ask_unless(page, question, self.stop.as_fd())?.ok_or(Trouble::Cancelled)
    }

    /// The same for what is not to be seen.
    ///
    /// # Errors
    /// [`Trouble::Cancelled`] after Ctrl-C, and when nothing was typed.
    pub(crate) fn secret(&self, page: &Page, question: &str) -> Result<Zeroizing<String>, Trouble> {
        self.terminal.secret_unless(page, question, self.stop.as_fd())?.ok_or(Trouble::Cancelled)
    }

    /// Does nothing for a while.
    ///
    /// # Errors
    /// [`Trouble::Cancelled`] after Ctrl-C.
    pub(crate) fn rest(&self, time: Duration) -> Result<(), Trouble> {
        if self.stop.within(time)? { Err(Trouble::Cancelled) } else { Ok(()) }
    }
}

/// Whether this is the terminal that the process is controlled from.
fn is_ours(fd: BorrowedFd<'_>) -> bool {
    // Only of its own controlling terminal does a process learn the session (tcgetsid(3)).
    isatty(fd) && tcgetsid(fd).ok().is_some_and(|session| getsid(None).ok() == Some(session))
}

/// The agent, or the server of this program, that this process descends from. A process that wants to can hide it.
fn started_by() -> Option<String> {
    let own = std::fs::read_link("/proc/self/exe").ok();
    let mut next = getppid();
    for _ in 0..ANCESTORS_MAX {
        let pid = next?;
        if let Some(found) = agent_of(pid, own.as_deref()) {
            return Some(found);
        }
        next = parent(pid);
    }
    None
}

fn agent_of(pid: Pid, own: Option<&Path>) -> Option<String> {
    let folder = format!("/proc/{}", pid.as_raw_nonzero());
    let words = std::fs::read(format!("{folder}/cmdline")).unwrap_or_default();
    let words: Vec<&[u8]> = words.split(|byte| *byte == 0).collect();
    let exe = std::fs::read_link(format!("{folder}/exe")).ok();
    let is_named = words.first().is_some_and(|word| *word == b"mab" || word.ends_with(b"/mab"));
    // A server of ours that hides its memory hides its file too.
    let is_ours = is_named || (own.is_some() && exe.as_deref() == own);
    if is_ours && words.iter().skip(1).any(|word| *word == b"mcp") {
        return Some("`mab mcp`".to_owned());
    }
    // An interpreter is named by its script.
    let names = words.iter().take(2).filter_map(|word| std::str::from_utf8(word).ok()).map(Path::new);
    let mut names = exe.as_deref().into_iter().chain(names).filter_map(|path| path.file_stem()?.to_str());
    names.find_map(|name| AGENTS.into_iter().find(|agent| *agent == name)).map(str::to_owned)
}

/// The parent, as `proc_pid_stat(5)` tells it: the fourth word, of which the second is in parentheses and may hold any.
fn parent(pid: Pid) -> Option<Pid> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    let (_, after) = stat.rsplit_once(')')?;
    Pid::from_raw(after.split_whitespace().nth(1)?.parse().ok()?)
}

/// Programs of agents, by the names that they are started as.
const AGENTS: [&str; 14] = [
    "aider",
    "amp",
    "auggie",
    "claude",
    "cline",
    "codex",
    "copilot",
    "crush",
    "cursor-agent",
    "droid",
    "gemini",
    "goose",
    "opencode",
    "qwen",
];

/// How far up is looked.
const ANCESTORS_MAX: usize = 64;
