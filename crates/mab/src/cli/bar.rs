//! A line on stderr that tells how far something is, when a person looks at it.

use std::{
    io::{IsTerminal as _, Write as _},
    sync::mpsc,
    thread,
    time::Duration,
};

/// How often it is drawn.
const EVERY: Duration = Duration::from_millis(100);

/// The line; it is wiped when this is dropped.
pub(crate) struct Bar {
    ended: Option<(mpsc::Sender<()>, thread::JoinHandle<()>)>,
}

impl Bar {
    /// Draws what `line` says until dropped; nothing if `quiet`, or without a terminal.
    pub(crate) fn showing(quiet: bool, line: impl Fn() -> String + Send + 'static) -> Self {
        if quiet || !std::io::stderr().is_terminal() {
            return Self { ended: None };
        }
        let (end, ended) = mpsc::channel();
        let draw = move || {
            while ended.recv_timeout(EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = write!(std::io::stderr(), "\r{}\u{1b}[K", line());
            }
            let _ = write!(std::io::stderr(), "\r\u{1b}[K");
        };
        Self { ended: Some((end, thread::spawn(draw))) }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some((end, drawing)) = self.ended.take() {
            drop(end);
            let _ = drawing.join();
        }
    }
}

/// The cells of a bar that is filled up to `done` of `total`.
pub(crate) fn cells(done: u64, total: u64) -> String {
    const WIDTH: u64 = 30;
    let filled = done.min(total) * WIDTH / total.max(1);
    (0..WIDTH).map(|cell| if cell < filled { '━' } else { '─' }).collect()
}
