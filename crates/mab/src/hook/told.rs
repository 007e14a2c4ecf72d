//! What an agent was told already, so that no hook says the same twice.
//!
//! ```text
//! agents/<profile>.told   0600   {"format":1,"told":[{"conversation_id":…,"session_id":…,"told":…,"held_up":…}]}
//! ```
//!
//! It is replaced as a whole. Of two hooks that write at once one loses; a loss repeats a notice and nothing else, and a
//! file that cannot be read is as good as none.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::notice::Inbox;
use crate::{folder, system::OsRandom};

/// The layout of the file.
const FORMAT: u32 = 1;
/// More than it takes for as many inboxes as a glance shows.
const FILE_MAX_BYTES: u64 = 64 << 10;

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

    /// Whether more has come than its turn was held up for.
    pub(crate) fn may_hold_up(&self, inbox: &Inbox) -> bool {
        inbox.arrivals > self.row(inbox).held_up
    }

    /// Keeps that the agent was told of these, and perhaps held up for them; of inboxes that are not open any more nothing
    /// is kept. What cannot be written costs a repeated notice.
    pub(crate) fn tell(&mut self, open: &[Inbox], mail: &[&Inbox], held_up: bool) {
        let row = |inbox: &Inbox| {
            let mut row = self.row(inbox);
            if mail.contains(&inbox) {
                row.told = inbox.arrivals;
                row.held_up = if held_up { inbox.arrivals } else { row.held_up };
            }
            row
        };
        let rows: Vec<Row> = open.iter().map(row).collect();
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
        found.unwrap_or(Row { conversation_id, session_id, told: 0, held_up: 0 })
    }
}
