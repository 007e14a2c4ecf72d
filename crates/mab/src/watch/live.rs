//! The live view: looks, keys and signals, one at a time.

use std::{io, time::Duration};

use mab_core::{Clock as _, ConversationId, Denied, Fault};
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use rustix::process::{getpid, kill_process};
use serde_json::{Value, json};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc::{self, error::TrySendError},
    time::Instant,
};

use crate::{
    cli::{Exit, Trouble, Visible},
    runtime::Opened,
    system::SystemClock,
    watch::{
        keys::{self, Wish},
        look::{self, Look},
        model::{Call, Model, Order, Page},
        plain::{ANEW_EVERY, LOOK_EVERY, PAGE, arguments},
        screen::{self, Screen},
        stop::end_though_output_blocks,
        view,
    },
};

/// Keys that are pressed while something is being done.
const KEYS_WAITING: usize = 64;

/// How long a question is on the screen before a yes counts: one that was typed ahead answers nothing.
const READING_TAKES: Duration = Duration::from_millis(300);

/// Shows one conversation, or a choice, until somebody has seen enough.
///
/// # Errors
/// Refusals of the first look, before the terminal is touched; faults of the terminal.
pub(crate) async fn show(
    bridge: &Opened,
    conversation: Option<ConversationId>,
    limit: u32,
) -> Result<Exit, Trouble> {
    let mut view = View { bridge, model: Model::new(conversation), limit, seen: None, looks: 0, more: false };
    view.look().await?;
    let mut signals = Signals::listen()?;
    end_though_output_blocks(&ENDING, screen::take_lines_again)?;
    let mut screen = Screen::take().map_err(terminal)?;
    let mut keys = keys_pressed();
    let mut next_look = Instant::now();
    let mut asked_at = None::<Instant>;
    loop {
        let size = screen.size().map_err(terminal)?;
        view::fit(&mut view.model, size);
        screen.show(|frame| view::draw(&view.model, frame, SystemClock.now())).map_err(terminal)?;
        asked_at = view.model.ask.as_ref().map(|_| asked_at.unwrap_or_else(Instant::now));
        let order = tokio::select! {
            pressed = keys.recv() => match pressed {
                Some(Event::Key(key)) if key.kind != KeyEventKind::Release => {
                    let wish = keys::wish(key);
                    let too_soon = asked_at.is_some_and(|asked| asked.elapsed() < READING_TAKES);
                    if too_soon && wish == Wish::Yes { None } else { view.model.wish(wish) }
                }
                // A pasted text means nothing, whatever letters are in it.
                Some(_) => None,
                // The terminal is gone.
                None => Some(Order::Quit),
            },
            ended = signals.next() => match ended {
                Asked::End => Some(Order::Quit),
                Asked::Stop => Some(Order::Suspend),
                Asked::GoOn => {
                    screen.enter().map_err(terminal)?;
                    None
                }
            },
            () = tokio::time::sleep_until(next_look) => Some(Order::Look),
        };
        match order {
            Some(Order::Quit) => return Ok(Exit::OK),
            Some(Order::Suspend) => screen.suspend().map_err(terminal)?,
            Some(Order::Look) => view.look_again().await,
            Some(Order::Call(call)) => view.call(call).await,
            None => continue,
        }
        next_look = Instant::now() + if view.more { Duration::ZERO } else { LOOK_EVERY };
    }
}

/// The model, and where it gets what it shows.
struct View<'a> {
    bridge: &'a Opened,
    model: Model,
    limit: u32,
    /// What the last look at this conversation saw.
    seen: Option<(ConversationId, String)>,
    looks: u32,
    /// Whether the last look was at a part of what is new: keys come between two parts.
    more: bool,
}

impl View<'_> {
    /// Looks; that it cannot be looked is said, and tried again.
    async fn look_again(&mut self) {
        if let Err(trouble) = self.look().await {
            self.say(&trouble);
        }
    }

    async fn look(&mut self) -> Result<(), Trouble> {
        self.looks = self.looks.wrapping_add(1);
        self.more = false;
        let Some(open) = &self.model.open else {
            let listing = self.read("list", json!({})).await?;
            self.model.take_list(look::read(listing)?);
            return Ok(());
        };
        let conversation = open.conversation;
        let mut arguments = arguments(conversation, self.limit);
        if open.state.is_some() {
            arguments.insert("after_seq".to_owned(), json!(open.until));
            arguments.insert("limit".to_owned(), json!(PAGE));
        }
        let seen = self.seen.take().filter(|(of, _)| *of == conversation && open.state.is_some());
        if let Some((_, version)) = seen.filter(|_| !self.looks.is_multiple_of(ANEW_EVERY)) {
            arguments.insert("seen".to_owned(), json!(version));
        }
        let look: Look = look::read(self.bridge.call("watch", arguments).await?)?;
        self.more = look.now.as_ref().is_some_and(|state| state.more);
        if !self.more {
            self.seen = Some((conversation, look.version));
        }
        let changed = look.now.is_some();
        if let Some(state) = look.now {
            self.model.take(state);
        }
        self.look_at_held(conversation, changed).await
    }

    /// Looks at the messages that wait, while they are shown.
    async fn look_at_held(&mut self, conversation: ConversationId, changed: bool) -> Result<(), Trouble> {
        let Some(open) = self.model.open.as_ref().filter(|open| open.page == Page::Held) else {
            return Ok(());
        };
        let count = open.state.as_ref().map_or(0, |state| state.held);
        if !changed && (open.held.is_empty() == (count == 0)) {
            return Ok(());
        }
        let held = self.read("held", json!({"conversation_id": conversation.to_string()})).await?;
        self.model.take_held(look::read(held)?);
        Ok(())
    }

    async fn call(&mut self, call: Call) {
        match self.read(call.operation, call.arguments).await {
            Ok(_) => {
                self.look_again().await;
                self.model.said = Some(call.done);
            }
            Err(denied) => self.say(&Trouble::Denied(denied)),
        }
    }

    async fn read(&self, operation: &str, arguments: Value) -> Result<Value, Denied> {
        let arguments = arguments.as_object().cloned().unwrap_or_default();
        self.bridge.call(operation, arguments).await
    }

    fn say(&mut self, trouble: &Trouble) {
        if let Some((message, hint)) = trouble.to_lines() {
            let hint = hint.map(|hint| format!(": {hint}")).unwrap_or_default();
            self.model.said = Some(Visible::line(&format!("{message}{hint}")));
        }
    }
}

/// Signals that mean something here.
struct Signals {
    end: [Signal; 4],
    stop: Signal,
    go_on: Signal,
}

/// Signals that end the view.
const ENDING: [SignalKind; 4] =
    [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()];

/// What a signal asks for.
enum Asked {
    End,
    Stop,
    GoOn,
}

impl Signals {
    fn listen() -> Result<Self, Fault> {
        let listen =
            |kind| signal(kind).map_err(|source| Fault::from_source("listening for signals", source));
        let [interrupt, terminate, hangup, quit] = ENDING;
        // tokio has no names for these two, whose numbers differ between systems.
        let [stop, go_on] = [rustix::process::Signal::TSTP, rustix::process::Signal::CONT]
            .map(|signal| SignalKind::from_raw(signal.as_raw()));
        Ok(Self {
            end: [listen(interrupt)?, listen(terminate)?, listen(hangup)?, listen(quit)?],
            stop: listen(stop)?,
            go_on: listen(go_on)?,
        })
    }

    async fn next(&mut self) -> Asked {
        let [interrupt, terminate, hangup, quit] = &mut self.end;
        tokio::select! {
            _ = interrupt.recv() => Asked::End,
            _ = terminate.recv() => Asked::End,
            _ = hangup.recv() => Asked::End,
            _ = quit.recv() => Asked::End,
            _ = self.stop.recv() => Asked::Stop,
            _ = self.go_on.recv() => Asked::GoOn,
        }
    }
}

/// What the terminal tells, read on a thread of its own that ends with the process.
fn keys_pressed() -> mpsc::Receiver<Event> {
    let (tell, told) = mpsc::channel(KEYS_WAITING);
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            // The loop may be waiting for the terminal, and reads no keys then.
            if let Event::Key(key) = &event
                && keys::wish(*key) == Wish::End
            {
                let _ = kill_process(getpid(), rustix::process::Signal::INT);
            }
            // More than are waited for are lost: the next one may be Ctrl-C.
            if let Err(TrySendError::Closed(_)) = tell.try_send(event) {
                break;
            }
        }
    });
    told
}

fn terminal(source: io::Error) -> Trouble {
    match source.raw_os_error() {
        // The terminal was closed: nobody is left to tell.
        Some(code) if rustix::io::Errno::from_raw_os_error(code) == rustix::io::Errno::IO => {
            Trouble::ClosedPipe
        }
        _ if source.kind() == io::ErrorKind::BrokenPipe => Trouble::ClosedPipe,
        _ => Trouble::Fault(Fault::from_source("drawing on the terminal", source)),
    }
}
