//! Messages, each framed.

use std::collections::BTreeMap;

use mab_core::MessageId;
use ratatui::text::{Line, Span};

use super::style::{CAREFUL, FAINT, STRONG, of_agent};
use crate::{
    cli::Visible,
    watch::{
        look::{Delivery, Said},
        model::{Heights, Open},
        wrap::{cut, wrap},
    },
};

/// Lines of one message that are shown; `mab show` prints all of it.
pub(super) const FOLD_LINES: usize = 40;

/// Characters of one message that are looked at for each column of those lines: one, and marks above it.
const CHARACTERS_PER_COLUMN: usize = 2;

/// What stands before every line of a message.
const FRAME: &str = "│ ";

/// What stands before a line that a message of the bridge quotes.
const QUOTED: &str = "| ";

/// At most `height` lines, oldest first, of which the last one stands `below` lines above the newest.
pub(super) fn lines(open: &Open, width: usize, below: usize, height: usize) -> Vec<Line<'static>> {
    let enough = below.saturating_add(height);
    let mut blocks: Vec<Vec<Line<'static>>> = Vec::new();
    // Lines below those of `blocks`, and those with them.
    let (mut passed, mut count) = (0, 0);
    let mut shown = open.messages.iter().rev().filter(|message| open.shows(message)).peekable();
    while let Some(message) = shown.next() {
        if count >= enough {
            break;
        }
        let first_of_day = shown.peek().is_none_or(|before| day(&before.at) != day(&message.at));
        count += rows(open, message, width) + usize::from(first_of_day);
        if count <= below {
            passed = count;
            continue;
        }
        let mut lines = block(open, message, width, FOLD_LINES);
        if first_of_day {
            lines.insert(0, Line::styled(format!("── {} ──", Visible::line(day(&message.at))), FAINT));
        }
        blocks.push(lines);
    }
    if shown.peek().is_none() && count < enough {
        blocks.push(vec![Line::styled(beginning(open), FAINT)]);
    }
    let mut lines: Vec<_> = blocks.into_iter().rev().flatten().collect();
    lines.truncate(lines.len().saturating_sub(below.saturating_sub(passed)));
    lines.drain(..lines.len().saturating_sub(height));
    lines
}

/// How many lines there are, as far as that is `enough` or less.
pub(super) fn count(open: &Open, width: usize, enough: usize) -> usize {
    let mut count = 0;
    let mut shown = open.messages.iter().rev().filter(|message| open.shows(message)).peekable();
    while let Some(message) = shown.next() {
        if count >= enough {
            return count;
        }
        let first_of_day = shown.peek().is_none_or(|before| day(&before.at) != day(&message.at));
        count += rows(open, message, width) + usize::from(first_of_day);
    }
    // What stands above the oldest.
    count + 1
}

/// How many lines a message takes, which is found out once for each width: of a thousand long ones it takes long.
fn rows(open: &Open, message: &Said, width: usize) -> usize {
    let mut heights = open.heights.borrow_mut();
    if heights.width != width {
        *heights = Heights { width, of: BTreeMap::new() };
    }
    *heights.of.entry(message.seq).or_insert_with(|| block(open, message, width, FOLD_LINES).len())
}

/// How many lines the newest message takes.
pub(super) fn rows_of_newest(open: &Open, width: usize) -> usize {
    let newest = open.messages.back().filter(|message| open.shows(message));
    newest.map_or(0, |message| rows(open, message, width))
}

/// What stands above the oldest message.
fn beginning(open: &Open) -> String {
    let all = open.state.as_ref().map_or(0, |state| state.messages);
    let purged = open.state.as_ref().is_some_and(|state| state.state == "purged");
    match (open.messages.front(), &open.only) {
        _ if purged => "its messages were destroyed".to_owned(),
        (_, Some(only)) => format!("only from and to {}; Esc shows all", Visible::line(only)),
        (None, None) if all == 0 => "no messages yet".to_owned(),
        (None, None) => format!("{all} messages before; `mab show` prints them"),
        (Some(oldest), None) if oldest.seq > 1 => {
            format!("{} messages before; `mab show` prints them", oldest.seq - 1)
        }
        (Some(_), None) => "the first message".to_owned(),
    }
}

/// One message: who, what, to whom; at most so many lines of its text; what else there is to it.
pub(super) fn block(open: &Open, message: &Said, width: usize, fold: usize) -> Vec<Line<'static>> {
    let mut lines = vec![heading(open, message, width)];
    let looked_at = fold.saturating_mul(width).saturating_mul(CHARACTERS_PER_COLUMN);
    let head: String = message.message.chars().take(looked_at).collect();
    let mut whole = head.len() == message.message.len();
    let visible = Visible::lines(&head);
    let mut room = fold;
    for line in visible.as_str().lines() {
        let (mark, words) = quoted(message, line);
        let (wrapped, all) = wrap(words, width.saturating_sub(2 + mark.len()), room);
        room = room.saturating_sub(wrapped.len());
        whole = whole && all;
        lines.extend(wrapped.into_iter().map(|words| framed(&format!("{mark}{words}"))));
        if !whole {
            break;
        }
    }
    let folds = fold == FOLD_LINES;
    let mut aside = |text: String| {
        if folds {
            return lines.push(Line::styled(cut(&text, width), FAINT));
        }
        let (wrapped, _) = wrap(&text, width.saturating_sub(2), usize::MAX);
        lines.extend(wrapped.into_iter().map(framed));
    };
    if !whole {
        aside(format!("  … {} characters; `mab show` prints all", message.message.chars().count()));
    }
    if let Some(files) = message.files_involved.as_ref().filter(|files| !files.is_empty()) {
        aside(format!("  about {}", Visible::line(&files.join(", "))));
    }
    if message.redactions > 0 {
        aside(format!("  secrets replaced: {}", message.redactions));
    }
    lines
}

/// The mark of a line that the bridge quotes, and its words: what goes on in the next row is marked as well, or it would look
/// like words of the bridge.
fn quoted<'a>(message: &Said, line: &'a str) -> (&'static str, &'a str) {
    let words = line.strip_prefix(QUOTED).filter(|_| message.trust == "system");
    words.map_or(("", line), |words| (QUOTED, words))
}

fn framed(line: &str) -> Line<'static> {
    Line::from(vec![Span::styled(FRAME, FAINT), Span::raw(line.to_owned())])
}

fn heading(open: &Open, message: &Said, width: usize) -> Line<'static> {
    let agents = open.state.as_ref().map(|state| state.agents.as_slice()).unwrap_or_default();
    let place = agents.iter().position(|agent| agent.session_id == message.from).unwrap_or_default();
    let time = message.at.get(11..19).unwrap_or("-");
    let reply = message.reply_to.as_deref().and_then(|id| id.parse::<MessageId>().ok());
    let reply = reply.map(|id| format!(" to #{}", id.seq)).unwrap_or_default();
    let delivery = open.deliveries.get(&message.seq);
    let (to, careful) = delivery.map(recipients).unwrap_or_default();
    let before = format!("{} ", Visible::line(time));
    let number = format!("#{} ", message.seq);
    let from = Visible::line(&message.from).to_string();
    let what = format!(" {}{reply}", Visible::line(&message.action_type));
    let used = [&before, &number, &from, &what].iter().map(|part| part.chars().count()).sum::<usize>();
    let to = cut(&to, width.saturating_sub(used));
    Line::from(vec![
        Span::styled(before, FAINT),
        Span::raw(number),
        Span::styled(from, of_agent(place)),
        Span::styled(what, STRONG),
        Span::styled(to, if careful { CAREFUL } else { FAINT }),
    ])
}

/// ` → b ✓ c ○`, and whether it was held back or lost on its way to somebody.
fn recipients(delivery: &Delivery) -> (String, bool) {
    let mut careful = false;
    let each = delivery.iter().map(|(name, state)| {
        let (mark, word) = match state.as_str() {
            "acknowledged" => ("✓", ""),
            "offered" => ("○", ""),
            "stored" => ("·", ""),
            "held" => ("‖", " held"),
            "rejected" => ("✗", " refused"),
            _ => ("!", " lost"),
        };
        careful = careful || !word.is_empty();
        format!(" {} {mark}{word}", Visible::line(name))
    });
    let all: Vec<String> = each.collect();
    (format!(" →{}", all.concat()), careful)
}

/// The day of a moment, as it is written.
fn day(at: &str) -> &str {
    at.get(..10).unwrap_or("-")
}
