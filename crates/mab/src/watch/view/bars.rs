//! What stands above and below: what it is, how it stands, and what can be done.

use mab_core::Timestamp;
use ratatui::text::Line;

use super::style::{ASKED, CAREFUL, FAINT, STRONG};
use crate::{
    cli::Visible,
    watch::{
        look::Seen,
        model::{Model, Open, Page},
        wrap::cut,
    },
};

/// Three lines: a title, how it stands, a rule.
pub(super) fn head(model: &Model, width: usize, now: Timestamp) -> Vec<Line<'static>> {
    let rule = Line::styled("─".repeat(width), FAINT);
    let Some(open) = &model.open else {
        let about = Line::styled(cut("active conversations; Enter shows one", width), FAINT);
        return vec![Line::styled("mab watch", STRONG), about, rule];
    };
    let topic = open.state.as_ref().and_then(|state| state.topic.as_deref()).map(Visible::line);
    let topic = topic.map(|topic| format!("  {topic}")).unwrap_or_default();
    let title = Line::styled(cut(&format!("{}{topic}", open.conversation), width), STRONG);
    let (status, careful) = open.state.as_ref().map(|state| status(state, now)).unwrap_or_default();
    let status = Line::styled(cut(&status, width), if careful { CAREFUL } else { FAINT });
    vec![title, status, rule]
}

/// How a conversation stands, and whether that deserves a look.
fn status(state: &Seen, now: Timestamp) -> (String, bool) {
    let mut careful = state.held > 0;
    let mut parts = match (&state.paused_by, state.state.as_str()) {
        (Some(by), _) => {
            careful = true;
            let by = match by.as_str() {
                "loop_guard" => "the loop guard".to_owned(),
                other => format!("the {}", Visible::line(other)),
            };
            vec![format!("PAUSED by {by}, p lets them go on")]
        }
        (None, "active") => vec!["active".to_owned()],
        (None, other) => vec![format!("{}: nothing can come any more", Visible::line(other))],
    };
    if state.held > 0 {
        parts.push(format!("{} held", state.held));
    }
    if let Some(execution) = &state.execution {
        let waits = execution.waits();
        careful |= !waits.is_empty();
        parts.extend(waits);
        parts.extend(execution.enabled.as_ref().map(|enabled| format!("commands {}", enabled.line())));
    }
    parts.push(if state.messages == 1 {
        "1 message".to_owned()
    } else {
        format!("{} messages", state.messages)
    });
    if let Some(ends) = Timestamp::parse(&state.expires_at).filter(|_| !state.is_over()) {
        parts.push(format!("ends in {}", span(ends.seconds_since_rounded_up(now))));
    }
    parts.push("UTC".to_owned());
    (parts.join(" · "), careful)
}

/// Seconds in the units a person thinks in.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// One line: the question, what was said last, or the keys.
pub(super) fn foot(model: &Model, width: usize) -> Line<'static> {
    if let Some(ask) = &model.ask {
        let answers = "  y yes, any other key no";
        let question = cut(ask.question.as_str(), width.saturating_sub(answers.len()));
        return Line::styled(format!("{question}{answers}"), ASKED);
    }
    if let Some(said) = &model.said {
        return Line::styled(cut(said.as_str(), width), CAREFUL);
    }
    let keys = match &model.open {
        _ if model.help => "q quits, any other key closes this".to_owned(),
        None => "↑↓ choose  Enter show  q quit".to_owned(),
        Some(open) => of_open(open, model.overview.is_some()),
    };
    Line::styled(cut(&keys, width), FAINT)
}

fn of_open(open: &Open, from_overview: bool) -> String {
    let back = if from_overview { "  Esc back" } else { "" };
    match open.page {
        Page::Held => "r release  x refuse  ↑↓ choose  PgDn more  Esc back".to_owned(),
        Page::Agents => "Tab messages  ? keys  q quit".to_owned(),
        Page::Talk if open.scroll > 0 => format!("↓ {} lines  End newest  ? keys  q quit", open.scroll),
        Page::Talk => format!("? keys  p pause  h held  f filter  q quit  Tab agents{back}"),
    }
}
