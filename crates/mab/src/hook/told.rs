//! What an agent was told already, so that no hook says the same twice.
//!
//! ```text
//! agents/<profile>.told   0600   {"format":1,"told":[{"conversation_id":…,"session_id":…,"told":…,"held_up":…,
//!                                                     "in_vain":…,"read":…}]}
//! ```
//!
//! It is replaced as a whole. Of two hooks that write at once one loses; a loss repeats a notice and nothing else, and a
//! file that cannot be read is as good as none.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::notice::{COUNTED_MAX, Inbox};
use crate::{folder, system::OsRandom};

/// The layout of the file.
const FORMAT: u32 = 1;
/// More than it takes for as many inboxes as a glance shows.
const FILE_MAX_BYTES: u64 = 64 << 10;

/// Hold-ups for one inbox of an agent that does not read.
const IN_VAIN_MAX: u32 = 3;

/// What one agent was told, by inbox.
#[derive(Debug)]
pub(crate) struct Told {
    path: PathBuf,
    rows: Vec<Row>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stored {
    format: u32,
    told: Vec<Row>,
}

/// How much had come into one inbox when the agent was told, and when its turn was held up for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    conversation_id: String,
    session_id: String,
    told: u64,
    held_up: u64,
    /// Hold-ups since the agent last read its mail, or its user spoke.
    #[serde(default)]
    in_vain: u32,
    /// How much had been handed out at the last of these.
    #[serde(default)]
    read: u64,
}

impl Row {
    /// Whether the agent has read since it was held up; not to be told while more is new than a glance counts.
    fn has_read(&self, inbox: &Inbox) -> bool {
        inbox.new < COUNTED_MAX && inbox.arrivals.saturating_sub(inbox.new) > self.read
    }
}

impl Told {
    /// Reads what an agent was told.
    pub(crate) fn read(path: PathBuf) -> Self {
        let content = folder::read_private(&path, FILE_MAX_BYTES).ok().flatten();
        let stored = content.and_then(|content| serde_json::from_slice::<Stored>(&content).ok());
        let rows = stored.filter(|stored| stored.format == FORMAT).map(|stored| stored.told);
        Self { path, rows: rows.unwrap_or_default() }
    }

    /// Whether more has come than the agent was told of.
    pub(crate) fn is_news(&self, inbox: &Inbox) -> bool {
        inbox.arrivals > self.row(inbox).told
    }

    /// Whether more has come than its turn was held up for, and it was not held up in vain too often: whoever sends must
    /// not keep a turn from ending, for an agent that does not read.
    pub(crate) fn may_hold_up(&self, inbox: &Inbox) -> bool {
        let row = self.row(inbox);
        inbox.arrivals > row.held_up && (row.in_vain < IN_VAIN_MAX || row.has_read(inbox))
    }

    /// Keeps that the agent's user has spoken.
    pub(crate) fn user_spoke(&mut self) {
        let rows = self.rows.iter().map(|row| Row { in_vain: 0, ..row.clone() }).collect();
        self.replace(rows);
    }

    /// Keeps that the agent was told of these, and perhaps held up for them; of inboxes that are not open any more nothing
    /// is kept. What cannot be written costs a repeated notice.
    pub(crate) fn tell(&mut self, open: &[Inbox], mail: &[&Inbox], held_up: bool) {
        let row = |inbox: &Inbox| {
            let mut row = self.row(inbox);
            if mail.contains(&inbox) {
                row.told = inbox.arrivals;
            }
            if held_up && mail.contains(&inbox) {
                row.held_up = inbox.arrivals;
                row.in_vain = if row.has_read(inbox) { 1 } else { row.in_vain.saturating_add(1) };
                row.read = row.read.max(inbox.arrivals.saturating_sub(inbox.new));
            }
            row
        };
        self.replace(open.iter().map(row).collect());
    }

    fn replace(&mut self, rows: Vec<Row>) {
        if rows == self.rows {
            return;
        }
        self.rows = rows;
        let stored = Stored { format: FORMAT, told: self.rows.clone() };
        if let Ok(content) = serde_json::to_vec(&stored) {
            let _ = folder::replace(&self.path, &content, &OsRandom);
        }
    }

    fn row(&self, inbox: &Inbox) -> Row {
        let (conversation_id, session_id) = (inbox.conversation.to_string(), inbox.session.to_string());
        let of_inbox = |row: &&Row| row.conversation_id == conversation_id && row.session_id == session_id;
        let found = self.rows.iter().find(of_inbox).cloned();
        found.unwrap_or(Row { conversation_id, session_id, told: 0, held_up: 0, in_vain: 0, read: 0 })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn inbox(arrivals: u64, new: u64) -> Inbox {
        let inbox = json!({"conversation_id": "conv_0000000000000001", "session_id": "b", "state": "active",
            "unread": new, "new": new, "arrivals": arrivals, "paused": false, "from": []});
        Inbox::open_ones(&json!({"inboxes": [inbox]})).pop().unwrap()
    }

    /// Whether it was held up.
    fn ends(told: &mut Told, arrivals: u64, new: u64) -> bool {
        let inbox = inbox(arrivals, new);
        let may = told.may_hold_up(&inbox);
        if may {
            told.tell(std::slice::from_ref(&inbox), &[&inbox], true);
        }
        may
    }

    #[test]
    fn turn_of_who_does_not_read_is_held_up_three_times_until_mail_is_read_or_the_user_speaks() {
        let place = tempfile::tempdir().unwrap();
        let mut told = Told::read(place.path().join("b.told"));
        // Of the first two messages one was read before.
        let held: Vec<bool> = (2..8).map(|arrivals| ends(&mut told, arrivals, arrivals - 1)).collect();
        assert_eq!(held, [true, true, true, false, false, false]);
        assert!(!ends(&mut told, 900, 256), "how much was read cannot be told");
        assert!(ends(&mut told, 901, 1), "it has read");
        assert!(ends(&mut told, 902, 2) && ends(&mut told, 903, 3) && !ends(&mut told, 904, 4));
        told.user_spoke();
        let mut told = Told::read(place.path().join("b.told"));
        assert!(ends(&mut told, 904, 4));
    }
}
