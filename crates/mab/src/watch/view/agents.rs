//! Who is in the conversation, what they reserved, and what is used up.

use ratatui::text::{Line, Span};

use super::style::{CAREFUL, FAINT, STRONG, of_agent};
use crate::{
    cli::{Visible, allowed::Enabled},
    watch::{
        look::{Level, Member, Seen},
        model::Open,
        wrap::{cut, wrap},
    },
};

/// Lines of a note that are shown.
const NOTE_LINES: usize = 3;

/// From which share of a limit on it deserves a look: four fifths.
const NEARLY: (u64, u64) = (4, 5);

/// How much there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// A column beside the messages: of limits only those that are nearly used up.
    Side,
    /// A page.
    Page,
}

/// The lines of the column, or of the page.
pub(super) fn lines(open: &Open, room: Room, width: usize) -> Vec<Line<'static>> {
    let Some(state) = &open.state else { return Vec::new() };
    let mut lines = vec![title("Agents")];
    for (place, member) in state.agents.iter().enumerate() {
        lines.extend(agent(member, place, width));
    }
    if !state.leases.is_empty() {
        lines.extend([Line::default(), title("Reserved files")]);
        lines.extend(state.leases.iter().map(|lease| {
            let shared = if lease.exclusive { "" } else { " (shared)" };
            let until = lease.expires_at.get(11..16).unwrap_or("-");
            let (who, what) = (Visible::line(&lease.session_id), in_one(&lease.pattern));
            Line::raw(cut(&format!(" {who} until {until}{shared} {what}"), width))
        }));
    }
    if let Some(execution) = &state.execution {
        lines.extend([Line::default(), title("Commands")]);
        let enabled = execution.enabled.as_ref();
        let mode = enabled.map_or_else(|| "not enabled".to_owned(), Enabled::line);
        lines.push(Line::raw(cut(&format!(" {mode}"), width)));
        let folder = enabled.map(|enabled| format!(" in {}", Visible::line(&enabled.workspace)));
        lines.extend(folder.map(|folder| Line::styled(cut(&folder, width), FAINT)));
        let waits = execution.waits();
        lines.extend(waits.iter().map(|line| Line::styled(cut(&format!(" {line}"), width), CAREFUL)));
    }
    lines.extend([Line::default(), title("Messages let through")]);
    lines.push(Line::raw(cut(&format!(" {}", state.inbound.line()), width)));
    if state.held > 0 {
        lines.push(Line::styled(format!(" {} held; h shows them", state.held), CAREFUL));
    }
    if open.damaged > 0 {
        lines.push(Line::styled(cut(&format!(" {} damaged, not shown", open.damaged), width), CAREFUL));
    }
    let used = used(state, room, width);
    if !used.is_empty() {
        lines.extend([Line::default(), title("Used of limits")]);
        lines.extend(used);
    }
    lines
}

fn title(text: &'static str) -> Line<'static> {
    Line::styled(text, STRONG)
}

fn agent(member: &Member, place: usize, width: usize) -> Vec<Line<'static>> {
    let presence = member.presence();
    let mark = match presence {
        "waits" => "◐",
        "alive" => "●",
        "removed" => "✗",
        _ => "◌",
    };
    let name = format!(" {mark} {}", Visible::line(&member.session_id));
    let status = member.status.as_deref().map(|status| format!(" · {}", Visible::line(status)));
    let unread = (member.unread > 0).then(|| format!(" · {} unread", member.unread));
    let rest = format!(" {presence}{}{}", status.unwrap_or_default(), unread.unwrap_or_default());
    let rest = cut(&rest, width.saturating_sub(name.chars().count()));
    let mut lines = vec![Line::from(vec![Span::styled(name, of_agent(place)), Span::raw(rest)])];
    let role = member.role.as_deref().map(in_one).unwrap_or_default();
    let role = format!("   {}: {role}", Visible::line(&member.permission));
    lines.push(Line::styled(cut(&role, width), FAINT));
    if let Some(note) = &member.note {
        let note = Visible::line(note);
        let (wrapped, _) = wrap(note.as_str(), width.saturating_sub(5), NOTE_LINES);
        lines.extend(
            wrapped
                .into_iter()
                .map(|line| Line::from(vec![Span::styled("   │ ", FAINT), Span::raw(line.to_owned())])),
        );
    }
    lines
}

/// An agent's words with one blank between two: with more of them, what follows would be cut off. Ours stand before them.
fn in_one(text: &str) -> String {
    let visible = Visible::line(text);
    visible.as_str().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What is used of what, of the conversation and then of each agent.
fn used(state: &Seen, room: Room, width: usize) -> Vec<Line<'static>> {
    let nearly = |level: &Level| level.used.saturating_mul(NEARLY.1) >= level.limit.saturating_mul(NEARLY.0);
    let line = |who: &str, (name, level): (&String, &Level)| {
        let text = format!(" {who}{} {}/{}", name.replace('_', " "), level.used, level.limit);
        Line::styled(cut(&text, width), if nearly(level) { CAREFUL } else { FAINT })
    };
    let is_shown = |(_, level): &(&String, &Level)| {
        level.used > 0 && level.limit > 0 && (room == Room::Page || nearly(level))
    };
    let of_agents = state.usage.agents.iter().flat_map(|(name, levels)| {
        let who = format!("{} ", Visible::line(name));
        levels.iter().filter(is_shown).map(move |level| line(&who, level))
    });
    let of_conversation = state.usage.conversation.iter().filter(is_shown).map(|level| line("", level));
    of_conversation.chain(of_agents).collect()
}
