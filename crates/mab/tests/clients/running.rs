//! A client's process: its output is kept, it has a time limit, and it ends with its children.

use std::{
    ffi::OsStr,
    fs::File,
    io::Read,
    os::unix::{ffi::OsStrExt as _, process::CommandExt as _},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Condvar, Mutex,
        mpsc::{Receiver, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::{
    process::{Pid, Signal, kill_process_group},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

/// Far beyond anything a healthy client takes for a scenario: a test that meets it has failed.
const LIMIT: Duration = Duration::from_secs(50);

/// A running client. Dropped, it is killed with everything it started.
pub(crate) struct Running {
    group: Pid,
    ended: Receiver<ExitStatus>,
    has_ended: bool,
    output: Arc<Output>,
    readers: Vec<JoinHandle<()>>,
}

/// What a client has written so far, stdout and stderr as they came.
#[derive(Default)]
struct Output {
    text: Mutex<String>,
    grown: Condvar,
}

/// A command with nothing of our environment but the search path.
pub(crate) fn command(program: &Path, path: &str) -> Command {
    #[expect(clippy::disallowed_methods, reason = "the clients under test are processes")]
    let mut command = Command::new(program);
    command.env_clear().env("PATH", path).stdin(Stdio::null());
    command
}

impl Running {
    /// Starts a command in a process group of its own.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child =
            command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = Arc::<Output>::default();
        let readers =
            vec![output.read(child.stdout.take().unwrap()), output.read(child.stderr.take().unwrap())];
        Self::of(child, output, readers)
    }

    /// The same on a terminal, of a size that people have; only stderr is kept apart.
    pub(crate) fn start_on_terminal(mut command: Command) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let terminal =
            File::options().read(true).write(true).open(OsStr::from_bytes(name.as_bytes())).unwrap();
        tcsetwinsize(&terminal, Winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        command.process_group(0).stdin(terminal.try_clone().unwrap());
        let mut child = command.stdout(terminal).stderr(Stdio::piped()).spawn().unwrap();
        // Lets go of the terminal: it ends with the client.
        drop(command);
        let output = Arc::<Output>::default();
        let readers = vec![output.read(File::from(master)), output.read(child.stderr.take().unwrap())];
        Self::of(child, output, readers)
    }

    fn of(mut child: Child, output: Arc<Output>, readers: Vec<JoinHandle<()>>) -> Self {
        let group = Pid::from_child(&child);
        let (end, ended) = channel();
        thread::spawn(move || end.send(child.wait().unwrap()));
        Self { group, ended, has_ended: false, output, readers }
    }

    /// Waits until it ends, which it must do well; returns what it wrote.
    pub(crate) fn succeeds(mut self) -> String {
        let status = self.ended.recv_timeout(LIMIT);
        // What it wrote is whole once its children, too, have let go of the pipes.
        self.kill();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        let text = self.text();
        let status = status.unwrap_or_else(|_| panic!("no end within {LIMIT:?}; it wrote:\n{text}"));
        self.has_ended = true;
        assert!(status.success(), "{status}; it wrote:\n{text}");
        text
    }

    /// Blocks until it has written something.
    pub(crate) fn wait_for(&self, needle: &str) {
        let text = self.output.text.lock().unwrap();
        let (text, timeout) =
            self.output.grown.wait_timeout_while(text, LIMIT, |text| !text.contains(needle)).unwrap();
        assert!(!timeout.timed_out(), "never wrote {needle:?}, but:\n{text}");
    }

    /// Ends it and everything in its group at once, as a crash would, and waits for its end.
    pub(crate) fn crash(mut self) {
        self.kill();
        self.ended.recv_timeout(LIMIT).expect("an end");
        self.has_ended = true;
    }

    /// What it has written so far.
    pub(crate) fn text(&self) -> String {
        self.output.text.lock().unwrap().clone()
    }

    fn kill(&self) {
        // An empty group is what is wanted.
        let _ = kill_process_group(self.group, Signal::KILL);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended {
            self.kill();
        }
    }
}

impl Output {
    fn read(self: &Arc<Self>, mut source: impl Read + Send + 'static) -> JoinHandle<()> {
        let output = Arc::clone(self);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // A terminal ends with an error, a pipe with nothing.
            while let Ok(length @ 1..) = source.read(&mut buffer) {
                output.text.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..length]));
                output.grown.notify_all();
            }
        })
    }
}
