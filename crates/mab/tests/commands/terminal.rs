//! A terminal of our own, which a program takes for a person's.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    io::{Read as _, Write as _},
    os::unix::ffi::OsStrExt as _,
};

use rustix::{
    io::{FdFlags, fcntl_setfd},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

use crate::scene::Scene;

/// Runs a program in a session whose terminal is ours; `answer` makes of what it shows so far what is typed. Returns its exit
/// code and all it showed. Whoever runs the tests is not above it: that may be an agent.
pub(crate) fn on_terminal(
    scene: &Scene,
    words: &[&str],
    mut answer: impl FnMut(&str) -> Option<String>,
) -> (Option<i32>, String) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    fcntl_setfd(&master, FdFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let path = OsStr::from_bytes(name.as_bytes());
    let terminal = OpenOptions::new().read(true).write(true).open(path).unwrap();
    tcsetwinsize(&terminal, Winsize { ws_row: 50, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    let left = scene.home.join("exit");
    let mut program = scene.program("setsid");
    program.args(["--fork", "--ctty", "sh", "-c", "\"$@\"; echo $? > \"$0\""]).arg(&left).args(words);
    program.env("TERM", "xterm");
    program.stdin(terminal.try_clone().unwrap()).stdout(terminal.try_clone().unwrap()).stderr(terminal);
    let mut process = program.spawn().unwrap();
    drop(program);
    let (mut screen, mut seen) = (File::from(master), String::new());
    let mut bytes = [0; 4096];
    // Reading ends with an error when the last one that writes is gone (EIO).
    while let Ok(read @ 1..) = screen.read(&mut bytes) {
        seen.push_str(&String::from_utf8_lossy(&bytes[..read]));
        if let Some(typed) = answer(&seen) {
            // Who has gone meanwhile reads nothing.
            let _ = screen.write_all(typed.as_bytes());
        }
    }
    process.wait().unwrap();
    let exit = fs::read_to_string(left).unwrap();
    (exit.trim().parse().ok(), anstream::adapter::strip_str(&seen).to_string())
}

/// Types an answer to each question: `answer` makes it of the screen without colours. A question ends with `:` or `>`.
pub(crate) fn answering(mut answer: impl FnMut(&str) -> String) -> impl FnMut(&str) -> Option<String> {
    let mut answered = 0;
    move |screen| {
        let plain = anstream::adapter::strip_str(screen).to_string();
        let asks = plain.trim_end_matches(' ').ends_with([':', '>']);
        (asks && plain.len() > answered).then(|| {
            answered = plain.len();
            format!("{}\n", answer(&plain))
        })
    }
}

/// Whether the last question is for a passphrase.
pub(crate) fn asks_passphrase(screen: &str) -> bool {
    screen.lines().last().unwrap_or_default().contains("passphrase")
}
