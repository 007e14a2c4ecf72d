//! The model as a frame of a terminal: the same model, size and moment are the same frame.
//!
//! Every text that is not our own comes through [`Visible`](crate::cli::Visible), and every line of a message is framed,
//! so that none looks like a line of ours. Nothing is told by colour alone.

mod agents;
mod bars;
mod held;
mod help;
mod overview;
mod style;
mod talk;

use mab_core::Timestamp;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::Line,
    widgets::{Block, Borders, Paragraph},
};

use agents::Room;

use super::model::{Model, Open, Page};

/// The smallest terminal in which anything can be shown: columns and rows.
pub(super) const SMALLEST: (u16, u16) = (40, 10);

/// From how many columns on the agents stand beside the messages.
const WIDE: u16 = 72;

/// How many columns they get, their frame included.
const SIDE: u16 = 31;

/// Rows above and below the body: what it is, how it stands, a rule; keys.
const HEAD: u16 = 3;
const FOOT: u16 = 1;

/// How many rows the body has.
pub(super) fn body_height((_, rows): (u16, u16)) -> u16 {
    rows.saturating_sub(HEAD + FOOT)
}

/// How many lines the newest message takes.
pub(super) fn lines_of_newest(open: &Open, size: (u16, u16)) -> usize {
    talk::rows_of_newest(open, talk_width(size))
}

/// Tells the model its size, and scrolls it no further than there is something.
pub(super) fn fit(model: &mut Model, size: (u16, u16)) {
    if model.size != size
        && let Some(open) = &mut model.open
    {
        open.read = 0;
    }
    model.size = size;
    let hidden = model.help || is_too_small(size);
    let Some(open) = &mut model.open else { return };
    let height = usize::from(body_height(size));
    match open.page {
        Page::Talk => {
            let lines = talk::count(open, talk_width(size), open.scroll.saturating_add(height));
            open.scroll = open.scroll.min(lines.saturating_sub(height));
        }
        Page::Agents => {
            let lines = agents::lines(open, Room::Page, size.0.into()).len();
            open.scroll = open.scroll.min(lines.saturating_sub(height));
        }
        Page::Held if hidden => {}
        Page::Held => held::fit(open, size.0.into(), height),
    }
}

/// Whether nothing but that can be shown.
pub(super) fn is_too_small((columns, rows): (u16, u16)) -> bool {
    columns < SMALLEST.0 || rows < SMALLEST.1
}

/// Draws it. `now` is what is written about times to come.
pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, now: Timestamp) {
    let area = frame.area();
    if is_too_small((area.width, area.height)) {
        return too_small(frame, area);
    }
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(HEAD), Constraint::Min(1), Constraint::Length(FOOT)])
            .areas(area);
    frame.render_widget(Paragraph::new(bars::head(model, head.width.into(), now)), head);
    frame.render_widget(Paragraph::new(bars::foot(model, foot.width.into())), foot);
    if model.help {
        return frame.render_widget(Paragraph::new(help::lines()), body);
    }
    let Some(open) = &model.open else {
        let lines = overview::lines(model.overview.as_ref(), body.width.into(), body.height.into());
        return frame.render_widget(Paragraph::new(lines), body);
    };
    match open.page {
        Page::Talk => conversation(open, frame, body),
        Page::Agents => {
            let mut lines = agents::lines(open, Room::Page, body.width.into());
            lines.drain(..open.scroll.min(lines.len()));
            frame.render_widget(Paragraph::new(lines), body);
        }
        Page::Held => {
            let lines = held::lines(open, body.width.into(), body.height.into());
            frame.render_widget(Paragraph::new(lines), body);
        }
    }
}

fn conversation(open: &Open, frame: &mut Frame<'_>, body: Rect) {
    let talk = if body.width < WIDE {
        body
    } else {
        let [talk, side] = Layout::horizontal([Constraint::Min(1), Constraint::Length(SIDE)]).areas(body);
        let frame_of_side = Block::new().borders(Borders::LEFT).border_style(style::FAINT);
        let inner = frame_of_side.inner(side);
        frame.render_widget(frame_of_side, side);
        let mut lines = agents::lines(open, Room::Side, inner.width.into());
        if lines.len() > inner.height.into() {
            lines.truncate(usize::from(inner.height).saturating_sub(1));
            lines.push(Line::styled(" … Tab shows all", style::FAINT));
        }
        frame.render_widget(Paragraph::new(lines), inner);
        talk
    };
    let height = usize::from(talk.height);
    let lines = talk::lines(open, talk_width((body.width, 0)), open.scroll, height);
    frame.render_widget(Paragraph::new(lines), talk);
}

/// How many columns messages have.
fn talk_width((columns, _): (u16, u16)) -> usize {
    let side = if columns < WIDE { 0 } else { SIDE };
    columns.saturating_sub(side).into()
}

fn too_small(frame: &mut Frame<'_>, area: Rect) {
    let (columns, rows) = SMALLEST;
    let lines = vec![
        Line::raw("This terminal is too small."),
        Line::raw(format!("It has {}×{};", area.width, area.height)),
        Line::raw(format!("{columns}×{rows} are needed.")),
        Line::raw("q quits."),
    ];
    frame.render_widget(Paragraph::new(lines), area);
}

#[cfg(test)]
mod tests;
