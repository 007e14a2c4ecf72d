//! The messages that wait to be released, the chosen one first.

use ratatui::text::{Line, Span};

use super::{
    style::{FAINT, STRONG},
    talk,
};
use crate::{
    cli::Visible,
    watch::{model::Open, wrap::cut},
};

/// The chosen message and those after it, as many as fit.
pub(super) fn lines(open: &Open, width: usize, height: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if open.held.is_empty() {
        return vec![Line::styled("no messages wait", FAINT)];
    }
    // Of many only the oldest are listed.
    let all = open.state.as_ref().map_or(0, |state| state.held).max(open.held.len() as u64);
    let place = format!("{} of {all} held messages", open.chosen + 1);
    lines.push(Line::styled(place, STRONG));
    for (at, held) in open.held.iter().enumerate().skip(open.chosen) {
        if lines.len() >= height {
            break;
        }
        let mark = if at == open.chosen { "▶ " } else { "  " };
        let to = Visible::line(&held.to.join(", ")).to_string();
        lines.push(Line::from(vec![
            Span::styled(mark, STRONG),
            Span::styled(cut(&format!("for {to}"), width), FAINT),
        ]));
        let mut block = talk::block(open, &held.message, width.saturating_sub(2));
        for line in &mut block {
            line.spans.insert(0, Span::raw("  "));
        }
        lines.extend(block);
    }
    lines
}
