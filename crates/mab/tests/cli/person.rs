//! A terminal of our own with somebody at it, for what only a person can do.
//!
//! The program is started so that whoever runs the tests is not above it: that may be an agent.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    io::{Read as _, Write as _},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{FdFlags, fcntl_setfd},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize},
};

use crate::home::Anything;

/// How long nothing may come before a test gives up: it would wait for ever.
const PATIENCE: Duration = Duration::from_mins(1);

/// A person at a terminal, and what stands on it so far.
pub(crate) struct Person {
    screen: File,
    seen: Vec<u8>,
    read_to: usize,
    exit: PathBuf,
    _folder: tempfile::TempDir,
}

/// What the program left.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) exit: Option<i32>,
    pub(crate) seen: String,
}

impl Person {
    /// Starts a program of a shell's words with `home` as home, in `place`, on a terminal of this width.
    pub(crate) fn starts(shell: &str, (home, place): (&Path, &Path), width: u16) -> Anything<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        fcntl_setfd(&master, FdFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname(&master, Vec::new())?;
        let terminal = OpenOptions::new().read(true).write(true).open(OsStr::from_bytes(name.as_bytes()))?;
        tcsetwinsize(&terminal, Winsize { ws_row: 60, ws_col: width, ws_xpixel: 0, ws_ypixel: 0 })?;
        let folder = tempfile::tempdir()?;
        let exit = folder.path().join("exit");
        // The shell outlives what ends the program, and tells how it ended.
        let script = format!("trap : INT HUP TERM\n{shell}\necho $? > {}", exit.display());
        #[expect(clippy::disallowed_methods, reason = "the tests run the program")]
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--fork", "sh", "-c", &script]).current_dir(place);
        let own = Path::new(env!("CARGO_BIN_EXE_mab")).parent().ok_or("no folder")?;
        let path = format!("{}:/usr/bin:/bin", own.display());
        command.env_clear().env("HOME", home).env("PATH", path).env("TERM", "xterm");
        // None of these is ever looked at.
        command.env("MAB_PASSPHRASE", crate::yolo::PASSPHRASE).env("MAB_YOLO", "1");
        command.stdin(terminal.try_clone()?).stdout(terminal.try_clone()?).stderr(terminal);
        let mut process = command.spawn()?;
        drop(command);
        process.wait()?;
        Ok(Self { screen: File::from(master), seen: Vec::new(), read_to: 0, exit, _folder: folder })
    }

    /// Waits until this stands on the terminal, after what was waited for before.
    pub(crate) fn sees(&mut self, text: &str) -> Anything {
        loop {
            let all = self.so_far();
            if let Some(at) = all.get(self.read_to..).unwrap_or_default().find(text) {
                self.read_to += at + text.len();
                return Ok(());
            }
            if !self.read()? {
                return Err(format!("it ended before {text:?}: {all}").into());
            }
        }
    }

    /// Types a line.
    pub(crate) fn types(&mut self, line: &str) -> Anything {
        self.presses(&format!("{line}\n"))
    }

    pub(crate) fn presses(&mut self, keys: &str) -> Anything {
        Ok(self.screen.write_all(keys.as_bytes())?)
    }

    /// Whether what is typed is shown.
    pub(crate) fn is_shown(&self) -> Anything<bool> {
        Ok(tcgetattr(&self.screen)?.local_modes.contains(LocalModes::ECHO))
    }

    /// All that was shown so far, up to the end of what is being shown.
    pub(crate) fn so_far(&self) -> String {
        let seen = anstream::adapter::strip_str(&String::from_utf8_lossy(&self.seen)).to_string();
        seen.replace('\r', "")
    }

    /// Reads to the end; says whether what is typed is shown then.
    pub(crate) fn ends_with_echo(mut self) -> Anything<(Left, bool)> {
        while self.read()? {}
        let echo = self.is_shown()?;
        Ok((self.ends()?, echo))
    }

    /// Reads to the end.
    pub(crate) fn ends(mut self) -> Anything<Left> {
        while self.read()? {}
        let exit = fs::read_to_string(&self.exit)?.trim().parse().ok();
        Ok(Left { exit, seen: self.so_far() })
    }

    /// Reads what there is; false when nobody writes any more.
    fn read(&mut self) -> Anything<bool> {
        let time = Timespec::try_from(PATIENCE)?;
        if poll(&mut [PollFd::new(&self.screen, PollFlags::IN)], Some(&time))? == 0 {
            return Err(format!("nothing more came: {}", self.so_far()).into());
        }
        let mut bytes = [0; 4096];
        // Reading ends with an error when the last one that writes is gone (EIO).
        let read = self.screen.read(&mut bytes).unwrap_or_default();
        self.seen.extend(bytes.get(..read).unwrap_or_default());
        Ok(read > 0)
    }
}
