//! The keys and the marks.

use ratatui::text::Line;

use super::style::STRONG;

/// What each key does and each mark means, in lines of at most 38 columns.
pub(super) fn lines() -> Vec<Line<'static>> {
    let mut lines = vec![Line::styled("Keys", STRONG)];
    lines.extend(KEYS.map(Line::raw));
    lines.push(Line::styled("Marks", STRONG));
    lines.extend(MARKS.map(Line::raw));
    lines
}

const KEYS: [&str; 8] = [
    " ↑ ↓ PgUp PgDn Home End   scroll",
    " k  j  b    space  g    G     too",
    " f  one agent   Esc  back",
    " Tab  agents, files, limits",
    " p  pause, or let them go on",
    " h  held: r release, x refuse",
    " Ctrl-Z  to the shell",
    " q  quit",
];

const MARKS: [&str; 4] = [
    " ✓ acknowledged  ○ handed out",
    " · in the inbox  ‖ held back",
    " ✗ refused  ! cannot arrive",
    " ◐ waits  ● alive  ◌ silent",
];
