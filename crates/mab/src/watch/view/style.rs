//! How things look. What a colour says, a word or a mark says too.

use ratatui::style::{Color, Modifier, Style};

/// What it is about.
pub(super) const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);
/// What is less important.
pub(super) const FAINT: Style = Style::new().add_modifier(Modifier::DIM);
/// What deserves a look.
pub(super) const CAREFUL: Style = Style::new().fg(Color::Yellow).add_modifier(Modifier::BOLD);
/// What waits for an answer.
pub(super) const ASKED: Style = Style::new().add_modifier(Modifier::REVERSED);

/// The colour of the agent that joined as this one; its handle stands beside it always.
pub(super) fn of_agent(place: usize) -> Style {
    const COLOURS: [Color; 4] = [Color::Cyan, Color::Magenta, Color::Green, Color::Blue];
    let colour = COLOURS.into_iter().cycle().nth(place % COLOURS.len()).unwrap_or_default();
    Style::new().fg(colour).add_modifier(Modifier::BOLD)
}
