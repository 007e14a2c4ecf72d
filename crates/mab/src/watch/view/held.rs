//! The messages that wait to be released, the chosen one first and whole.

use ratatui::text::{Line, Span};

use super::{
    style::{CAREFUL, FAINT, STRONG},
    talk,
};
use crate::{
    cli::Visible,
    watch::{look::HeldMessage, model::Open, wrap::cut},
};

/// The chosen message from where it is scrolled to, and those after it, as many as fit.
pub(super) fn lines(open: &Open, width: usize, height: usize) -> Vec<Line<'static>> {
    let Some(held) = open.held.get(open.chosen) else {
        return vec![Line::styled("no messages wait", FAINT)];
    };
    // Of many only the oldest are listed.
    let all = open.state.as_ref().map_or(0, |state| state.held).max(open.held.len() as u64);
    let mut lines = vec![Line::styled(format!("{} of {all} held messages", open.chosen + 1), STRONG)];
    let mut chosen = entry(open, held, "▶ ", width, usize::MAX);
    let (count, window) = (chosen.len(), window(chosen.len(), height));
    chosen.drain(..open.scroll.min(count));
    chosen.truncate(window);
    let below = count.saturating_sub(open.scroll.saturating_add(window));
    lines.extend(chosen);
    if below > 0 {
        lines.push(Line::styled(format!("… {below} more lines; PgDn shows them"), CAREFUL));
        return lines;
    }
    for held in open.held.iter().skip(open.chosen + 1) {
        if lines.len() >= height {
            break;
        }
        lines.extend(entry(open, held, "  ", width, talk::FOLD_LINES));
    }
    lines
}

/// Scrolls the chosen message no further than its end, and notes how much of it was shown without a gap.
pub(super) fn fit(open: &mut Open, width: usize, height: usize) {
    let Some(held) = open.held.get(open.chosen) else { return };
    let count = entry(open, held, "", width, usize::MAX).len();
    let window = window(count, height);
    open.scroll = open.scroll.min(count.saturating_sub(window));
    if open.scroll <= open.read {
        open.read = open.read.max(open.scroll.saturating_add(window));
    }
    open.read_to_end = open.read >= count;
}

/// How many lines of the chosen message are shown at once: one is the title's, and one says what is below.
fn window(count: usize, height: usize) -> usize {
    let room = height.saturating_sub(1);
    if count <= room { room } else { room.saturating_sub(1).max(1) }
}

fn entry(
    open: &Open,
    held: &HeldMessage,
    mark: &'static str,
    width: usize,
    fold: usize,
) -> Vec<Line<'static>> {
    let to = format!("for {}", Visible::line(&held.to.join(", ")));
    let width = width.saturating_sub(2);
    let mut lines = vec![Line::from(vec![Span::styled(mark, STRONG), Span::styled(cut(&to, width), FAINT)])];
    let mut block = talk::block(open, &held.message, width, fold);
    for line in &mut block {
        line.spans.insert(0, Span::raw("  "));
    }
    lines.extend(block);
    lines
}
