//! Which key is which wish.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What somebody who presses a key wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// One line, or one entry, towards the beginning.
    Up,
    /// And towards the end.
    Down,
    /// A screen towards the beginning.
    PageUp,
    /// And towards the end.
    PageDown,
    /// The beginning.
    First,
    /// The end, and following it.
    Last,
    /// What is chosen.
    Enter,
    /// Out of what was entered last.
    Back,
    /// The agents, or the messages again.
    Agents,
    /// The messages that wait.
    Held,
    /// Only the next agent's messages.
    Filter,
    /// No more sending, or again.
    Pause,
    /// The chosen message to be delivered.
    Release,
    /// The chosen message never to be delivered.
    Refuse,
    /// What is asked to be done.
    Yes,
    /// The keys.
    Help,
    /// The end of the view.
    Quit,
    /// The end of the view, whatever is asked.
    End,
    /// The shell, for a while.
    Suspend,
    /// Nothing that is known.
    Nothing,
}

/// What a key means.
pub(super) fn wish(key: KeyEvent) -> Wish {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return find(&WITH_CONTROL, key.code);
    }
    find(&KEYS, key.code)
}

fn find(keys: &[(KeyCode, Wish)], pressed: KeyCode) -> Wish {
    keys.iter().find(|(code, _)| *code == pressed).map_or(Wish::Nothing, |(_, wish)| *wish)
}

const WITH_CONTROL: [(KeyCode, Wish); 2] =
    [(KeyCode::Char('c'), Wish::End), (KeyCode::Char('z'), Wish::Suspend)];

const KEYS: [(KeyCode, Wish); 25] = [
    (KeyCode::Up, Wish::Up),
    (KeyCode::Char('k'), Wish::Up),
    (KeyCode::Down, Wish::Down),
    (KeyCode::Char('j'), Wish::Down),
    (KeyCode::PageUp, Wish::PageUp),
    (KeyCode::Char('b'), Wish::PageUp),
    (KeyCode::PageDown, Wish::PageDown),
    (KeyCode::Char(' '), Wish::PageDown),
    (KeyCode::Home, Wish::First),
    (KeyCode::Char('g'), Wish::First),
    (KeyCode::End, Wish::Last),
    (KeyCode::Char('G'), Wish::Last),
    (KeyCode::Enter, Wish::Enter),
    (KeyCode::Esc, Wish::Back),
    (KeyCode::Tab, Wish::Agents),
    (KeyCode::Char('h'), Wish::Held),
    (KeyCode::Char('f'), Wish::Filter),
    (KeyCode::Char('p'), Wish::Pause),
    (KeyCode::Char('r'), Wish::Release),
    (KeyCode::Char('x'), Wish::Refuse),
    (KeyCode::Char('y'), Wish::Yes),
    (KeyCode::Char('Y'), Wish::Yes),
    (KeyCode::Char('?'), Wish::Help),
    (KeyCode::Char('q'), Wish::Quit),
    (KeyCode::Char('Q'), Wish::Quit),
];
