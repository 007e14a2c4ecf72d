//! What the live view shows, and what a key means: no terminal, no clock, no call.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
};

use mab_core::ConversationId;
use serde_json::{Value, json};

use crate::{
    cli::Visible,
    watch::{
        keys::Wish,
        look::{Delivery, Held, HeldMessage, Listed, Listing, Said, Seen},
        view,
    },
};

/// Messages kept to scroll back to; `mab show` prints older ones.
const KEPT: usize = 1_000;

/// The whole view.
pub(super) struct Model {
    /// The conversations to choose from, when one is to be chosen.
    pub(super) overview: Option<Overview>,
    /// The conversation that is shown.
    pub(super) open: Option<Open>,
    /// What is asked before it is done.
    pub(super) ask: Option<Ask>,
    /// What the last order came to.
    pub(super) said: Option<Visible>,
    /// Whether the keys are shown.
    pub(super) help: bool,
    /// Columns and rows of the terminal.
    pub(super) size: (u16, u16),
}

/// Conversations to choose from.
#[derive(Default)]
pub(super) struct Overview {
    pub(super) listed: Vec<Listed>,
    pub(super) chosen: usize,
}

/// A conversation that is shown.
pub(super) struct Open {
    pub(super) conversation: ConversationId,
    /// Nothing until the first look.
    pub(super) state: Option<Seen>,
    pub(super) messages: VecDeque<Said>,
    pub(super) deliveries: BTreeMap<u64, Delivery>,
    /// Of messages that were counted already.
    pub(super) heights: RefCell<Heights>,
    /// Messages that cannot be opened.
    pub(super) damaged: u64,
    /// Up to which message was looked.
    pub(super) until: u64,
    pub(super) page: Page,
    /// Only messages from or to this agent.
    pub(super) only: Option<String>,
    /// How many lines the view is above the newest message, or below the first agent.
    pub(super) scroll: usize,
    /// The messages that wait, while they are shown.
    pub(super) held: Vec<HeldMessage>,
    pub(super) chosen: usize,
    /// How many lines of the chosen one were shown, from its first one on, and whether those are all.
    pub(super) read: usize,
    pub(super) read_to_end: bool,
}

/// How many lines messages take, by seq.
#[derive(Default)]
pub(super) struct Heights {
    /// In so many columns.
    pub(super) width: usize,
    pub(super) of: BTreeMap<u64, usize>,
}

/// What of a conversation is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    /// Its messages, and beside them, where there is room, its agents.
    Talk,
    /// Its agents, reserved files and limits.
    Agents,
    /// The messages that wait to be released.
    Held,
}

/// A question that only `y` answers with yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) question: Visible,
    order: Call,
}

/// An operation to be called.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) operation: &'static str,
    pub(super) arguments: Value,
    /// What is said when it was done.
    pub(super) done: Visible,
}

impl Eq for Call {}

/// What the loop around the model has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    /// End.
    Quit,
    /// Stop as other programs do, until the shell lets it go on.
    Suspend,
    /// Look again at once.
    Look,
    /// Call an operation, and look again.
    Call(Call),
}

impl Model {
    /// Begins with a conversation, or with a choice.
    pub(super) fn new(conversation: Option<ConversationId>) -> Self {
        let overview = conversation.is_none().then(Overview::default);
        let open = conversation.map(Open::new);
        Self { overview, open, ask: None, said: None, help: false, size: view::SMALLEST }
    }

    /// What a key does now.
    pub(super) fn wish(&mut self, wish: Wish) -> Option<Order> {
        self.said = None;
        if wish == Wish::Suspend {
            return Some(Order::Suspend);
        }
        if wish == Wish::End {
            return Some(Order::Quit);
        }
        if view::is_too_small(self.size) {
            // Nobody sees what another key would do.
            return (wish == Wish::Quit).then_some(Order::Quit);
        }
        if let Some(ask) = self.ask.take() {
            if wish == Wish::Yes {
                return Some(Order::Call(ask.order));
            }
            self.said = Some(Visible::line("nothing was done"));
            return None;
        }
        if wish == Wish::Quit {
            return Some(Order::Quit);
        }
        if wish == Wish::Help || self.help {
            self.help = !self.help;
            return None;
        }
        if wish == Wish::Back { self.back() } else { self.do_in_view(wish) }
    }

    /// Leaves what was entered last.
    fn back(&mut self) -> Option<Order> {
        let open = self.open.as_mut()?;
        if open.page != Page::Talk {
            open.show(Page::Talk);
        } else if open.only.is_some() {
            open.show_only(None);
        } else if open.scroll > 0 {
            open.scroll = 0;
        } else if self.overview.is_some() {
            self.open = None;
            return Some(Order::Look);
        }
        None
    }

    fn do_in_view(&mut self, wish: Wish) -> Option<Order> {
        let page = usize::from(view::body_height(self.size)).saturating_sub(1).max(1);
        let Some(open) = &mut self.open else { return self.choose(wish) };
        match wish {
            Wish::Pause => self.ask = open.pausing(),
            Wish::Release if open.page == Page::Held && !open.held.is_empty() && !open.read_to_end => {
                self.said = Some(Visible::line("read it to its end first: PgDn"));
            }
            Wish::Release => self.ask = open.judging(false),
            Wish::Refuse => self.ask = open.judging(true),
            Wish::Held => {
                open.show(if open.page == Page::Held { Page::Talk } else { Page::Held });
                return Some(Order::Look);
            }
            Wish::Agents => open.show(if open.page == Page::Talk { Page::Agents } else { Page::Talk }),
            Wish::Filter if open.page == Page::Talk => open.next_filter(),
            Wish::Up => open.up(1),
            Wish::Down => open.down(1),
            Wish::PageUp | Wish::PageDown if open.page == Page::Held => open.turn(page, wish),
            Wish::PageUp => open.up(page),
            Wish::PageDown => open.down(page),
            Wish::First => open.up(usize::MAX),
            Wish::Last => open.down(usize::MAX),
            Wish::Filter
            | Wish::Enter
            | Wish::Back
            | Wish::Yes
            | Wish::Help
            | Wish::Quit
            | Wish::End
            | Wish::Suspend
            | Wish::Nothing => {}
        }
        None
    }

    fn choose(&mut self, wish: Wish) -> Option<Order> {
        let overview = self.overview.as_mut()?;
        let last = overview.listed.len().saturating_sub(1);
        if wish == Wish::Enter {
            let chosen = overview.listed.get(overview.chosen)?;
            self.open = chosen.conversation_id.parse().ok().map(Open::new);
            return Some(Order::Look);
        }
        overview.chosen = match wish {
            Wish::Up => overview.chosen.saturating_sub(1),
            Wish::Down => overview.chosen.saturating_add(1).min(last),
            Wish::First | Wish::PageUp => 0,
            Wish::Last | Wish::PageDown => last,
            Wish::Enter
            | Wish::Back
            | Wish::Agents
            | Wish::Held
            | Wish::Filter
            | Wish::Pause
            | Wish::Release
            | Wish::Refuse
            | Wish::Yes
            | Wish::Help
            | Wish::Quit
            | Wish::End
            | Wish::Suspend
            | Wish::Nothing => overview.chosen,
        };
        None
    }

    /// Takes what there is to choose from; what was chosen stays chosen.
    pub(super) fn take_list(&mut self, listing: Listing) {
        let Some(overview) = &mut self.overview else { return };
        let chosen = overview.listed.get(overview.chosen).map(|one| one.conversation_id.clone());
        overview.listed = listing.conversations;
        let at = overview.listed.iter().position(|one| Some(&one.conversation_id) == chosen.as_ref());
        overview.chosen = at.unwrap_or(overview.chosen).min(overview.listed.len().saturating_sub(1));
    }

    /// Takes what a look found.
    pub(super) fn take(&mut self, mut state: Seen) {
        let size = self.size;
        let Some(open) = &mut self.open else { return };
        for receipt in std::mem::take(&mut state.receipts) {
            open.deliveries.insert(receipt.seq, receipt.to);
        }
        open.damaged += state.damaged.len() as u64;
        open.until = state.until;
        for message in std::mem::take(&mut state.news) {
            open.messages.push_back(message);
            if open.scroll > 0 {
                // What is being read stays where it is.
                open.scroll += view::lines_of_newest(open, size);
            }
        }
        while open.messages.len() > KEPT {
            if let Some(oldest) = open.messages.pop_front() {
                open.heights.get_mut().of.remove(&oldest.seq);
            }
        }
        while open.deliveries.len() > KEPT {
            open.deliveries.pop_first();
        }
        open.state = Some(state);
    }

    /// Takes the messages that wait; what was chosen stays chosen.
    pub(super) fn take_held(&mut self, held: Held) {
        let Some(open) = &mut self.open else { return };
        let chosen = open.held.get(open.chosen).map(|one| one.message.message_id.clone());
        open.held = held.messages;
        let at = open.held.iter().position(|one| Some(&one.message.message_id) == chosen.as_ref());
        match at {
            Some(at) => open.chosen = at,
            None => open.choose(open.chosen),
        }
    }
}

impl Open {
    fn new(conversation: ConversationId) -> Self {
        Self {
            conversation,
            state: None,
            messages: VecDeque::new(),
            deliveries: BTreeMap::new(),
            heights: RefCell::default(),
            damaged: 0,
            until: 0,
            page: Page::Talk,
            only: None,
            scroll: 0,
            held: Vec::new(),
            chosen: 0,
            read: 0,
            read_to_end: false,
        }
    }

    /// Whether a message is among those that are to be shown.
    pub(super) fn shows(&self, message: &Said) -> bool {
        let to = |name: &String| self.deliveries.get(&message.seq).is_some_and(|to| to.contains_key(name));
        self.only.as_ref().is_none_or(|only| message.from == *only || to(only))
    }

    fn show(&mut self, page: Page) {
        (self.page, self.scroll, self.read, self.read_to_end) = (page, 0, 0, false);
    }

    fn show_only(&mut self, agent: Option<String>) {
        (self.only, self.scroll) = (agent, 0);
    }

    /// Nobody, then each agent in turn, then everybody again.
    fn next_filter(&mut self) {
        let agents = self.state.as_ref().map(|state| state.agents.as_slice()).unwrap_or_default();
        let mut names = agents.iter().map(|agent| &agent.session_id);
        let next = match &self.only {
            None => names.next().cloned(),
            Some(only) => names.skip_while(|name| *name != only).nth(1).cloned(),
        };
        self.show_only(next);
    }

    /// Another message that waits, of which nothing was read yet.
    fn choose(&mut self, at: usize) {
        self.chosen = at.min(self.held.len().saturating_sub(1));
        (self.scroll, self.read, self.read_to_end) = (0, 0, false);
    }

    /// A page of the chosen message that waits: less than what is shown, so that no line is passed over.
    fn turn(&mut self, lines: usize, wish: Wish) {
        let lines = lines.saturating_sub(2).max(1);
        self.scroll = if wish == Wish::PageUp {
            self.scroll.saturating_sub(lines)
        } else {
            self.scroll.saturating_add(lines)
        };
    }

    fn up(&mut self, lines: usize) {
        match self.page {
            Page::Held => self.choose(self.chosen.saturating_sub(lines)),
            // The view stops at the oldest.
            Page::Talk => self.scroll = self.scroll.saturating_add(lines),
            Page::Agents => self.scroll = self.scroll.saturating_sub(lines),
        }
    }

    fn down(&mut self, lines: usize) {
        match self.page {
            Page::Held => self.choose(self.chosen.saturating_add(lines)),
            Page::Talk => self.scroll = self.scroll.saturating_sub(lines),
            Page::Agents => self.scroll = self.scroll.saturating_add(lines),
        }
    }

    fn pausing(&self) -> Option<Ask> {
        let state = self.state.as_ref().filter(|state| !state.is_over())?;
        let paused = state.state == "paused";
        let (operation, question, done) = if paused {
            ("resume", "let everybody send again?", "resumed")
        } else {
            ("pause", "stop all sending until you resume it?", "paused")
        };
        let arguments = json!({"conversation_id": self.conversation.to_string()});
        let order = Call { operation, arguments, done: Visible::line(done) };
        Some(Ask { question: Visible::line(question), order })
    }

    /// Asks about the chosen message: by its name, so that the answer is about what was read.
    fn judging(&self, reject: bool) -> Option<Ask> {
        let held = self.held.get(self.chosen).filter(|_| self.page == Page::Held)?;
        let (seq, from) = (held.message.seq, &held.message.from);
        let (what, done) = if reject { ("refuse", "refused") } else { ("release", "released") };
        let arguments = json!({
            "conversation_id": self.conversation.to_string(), "message_id": held.message.message_id,
            "reject": reject,
        });
        let order = Call { operation: "release", arguments, done: Visible::line(&format!("{done} #{seq}")) };
        Some(Ask { question: Visible::line(&format!("{what} #{seq} {from}?")), order })
    }
}
