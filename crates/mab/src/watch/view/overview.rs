//! The conversations to choose from.

use ratatui::text::{Line, Span};

use super::style::{CAREFUL, FAINT, STRONG};
use crate::{
    cli::Visible,
    watch::{model::Overview, wrap::cut},
};

/// One line for each, as many as fit, the chosen one among them.
pub(super) fn lines(overview: Option<&Overview>, width: usize, height: usize) -> Vec<Line<'static>> {
    let Some(overview) = overview.filter(|overview| !overview.listed.is_empty()) else {
        return vec![Line::styled("no active conversations; `mab list --all` shows those that ended", FAINT)];
    };
    let first = (overview.chosen + 1).saturating_sub(height);
    let line = |(at, one): (usize, &crate::watch::look::Listed)| {
        let chosen = at == overview.chosen;
        let id = format!("{} {}", if chosen { "▶" } else { " " }, Visible::line(&one.conversation_id));
        let state = format!(" {:<7}", Visible::line(&one.state));
        let topic = one.topic.as_deref().map(Visible::line).unwrap_or_default();
        let rest = format!(" {:>2} agents {:>5} messages  {topic}", one.members, one.messages);
        let used = id.chars().count() + state.chars().count();
        Line::from(vec![
            Span::styled(id, if chosen { STRONG } else { FAINT }),
            Span::styled(state, if one.state == "paused" { CAREFUL } else { FAINT }),
            Span::raw(cut(&rest, width.saturating_sub(used))),
        ])
    };
    overview.listed.iter().enumerate().skip(first).take(height).map(line).collect()
}
