//! The terminal while it is ours: taken over, and given back as it was, whatever ends the view.

use std::{
    io::{self, BufWriter, Stdout, Write as _, stdout},
    mem::ManuallyDrop,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

use anstream::ColorChoice;
use ratatui::{
    Frame, Terminal,
    backend::CrosstermBackend,
    crossterm::{
        cursor::Show,
        event::{DisableBracketedPaste, EnableBracketedPaste},
        execute,
        terminal::{
            DisableLineWrap, EnableLineWrap, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
            enable_raw_mode,
        },
    },
    layout::Rect,
    style::Color,
};
use rustix::process::{Signal, getpgid, getpid, getppid, getsid, kill_process};

/// Whether the terminal is ours: taken or given back twice, it would forget where its cursor was.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// One write per frame.
const FRAME_BYTES: usize = 64 * 1024;

/// A terminal that shows frames until this is dropped.
pub(super) struct Screen {
    /// Never dropped: it would write to stderr that the cursor cannot be shown, and panic when that is gone too.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<BufWriter<Stdout>>>>,
    colour: bool,
}

impl Screen {
    /// Takes the terminal over. A panic gives it back before it says what happened.
    ///
    /// # Errors
    /// Whatever the terminal refuses.
    pub(super) fn take() -> io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let say = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                give_back();
                say(panic);
            }));
        });
        let colour = anstream::AutoStream::choice(&stdout()) != ColorChoice::Never;
        let written = BufWriter::with_capacity(FRAME_BYTES, stdout());
        let terminal = ManuallyDrop::new(Terminal::new(CrosstermBackend::new(written))?);
        let mut screen = Self { terminal, colour };
        screen.enter()?;
        Ok(screen)
    }

    /// Takes it over again, after a stop or after somebody else wrote to it.
    ///
    /// # Errors
    /// Whatever the terminal refuses.
    pub(super) fn enter(&mut self) -> io::Result<()> {
        // After a stop that nobody was told of, a shell has set it to take lines again.
        disable_raw_mode()?;
        enable_raw_mode()?;
        if !TAKEN.swap(true, Ordering::SeqCst) {
            // What a terminal draws wider than we think ends at the edge instead of in the next row.
            execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste, DisableLineWrap)?;
        }
        // What is on it now is not what was drawn last. `clear` would ask for the cursor, and the answer would be read as
        // keys by the thread that reads those.
        let size = self.terminal.size()?;
        self.terminal.resize(Rect::new(0, 0, size.width, size.height))?;
        self.terminal.hide_cursor()
    }

    /// Shows a frame; only what differs from the one before is written.
    ///
    /// # Errors
    /// Whatever the terminal refuses, such as when it is gone.
    pub(super) fn show(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        let colour = self.colour;
        self.terminal.draw(|frame| {
            draw(frame);
            if !colour {
                for cell in &mut frame.buffer_mut().content {
                    (cell.fg, cell.bg) = (Color::Reset, Color::Reset);
                }
            }
        })?;
        Ok(())
    }

    /// Columns and rows.
    ///
    /// # Errors
    /// Whatever the terminal refuses.
    pub(super) fn size(&self) -> io::Result<(u16, u16)> {
        let size = self.terminal.size()?;
        Ok((size.width, size.height))
    }

    /// Gives the terminal back, stops until somebody lets this go on, and takes it over again.
    ///
    /// # Errors
    /// Whatever the terminal refuses.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        if !somebody_can_continue_us() {
            return Ok(());
        }
        give_back();
        // It cannot be refused, and it does not return before we go on.
        kill_process(getpid(), Signal::STOP)?;
        self.enter()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// The part of giving the terminal back that writes nothing: for when writing waits.
pub(super) fn take_lines_again() {
    if TAKEN.load(Ordering::SeqCst) {
        let _ = disable_raw_mode();
    }
}

/// Makes the terminal what it was. Nobody is left to tell of what goes wrong.
fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let _ = disable_raw_mode();
    let _ = execute!(stdout(), EnableLineWrap, DisableBracketedPaste, LeaveAlternateScreen, Show);
    let _ = stdout().flush();
}

/// Whether our parent is a shell that could let us go on: of our session, and in another process group (what POSIX calls
/// a group that is not orphaned). Without one, a stop would be for ever.
fn somebody_can_continue_us() -> bool {
    let Some(parent) = getppid() else { return false };
    let same_session = getsid(Some(parent)).ok() == getsid(None).ok();
    let same_group = getpgid(Some(parent)).ok() == getpgid(None).ok();
    same_session && !same_group
}
