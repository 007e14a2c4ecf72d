//! Somebody who may write the database, and perhaps has its keys.

use std::fs;

use mab_core::{
    ConversationId, Timestamp,
    audit::{Entry, Hash, Marker, genesis},
    note::SigningKey,
    secret::MasterKey,
};
use rusqlite::{Connection, params};

use crate::{home::Anything, scene::Copy};

/// The row of the one conversation.
pub(crate) const CONVERSATION: i64 = 1;

/// The key of an entry, as SQL.
pub(crate) fn key(n: u64) -> String {
    format!("(({CONVERSATION} << 32) + {n})")
}

/// How an attacker marks entries.
pub(crate) enum Marks {
    /// With the master key.
    Stolen,
    /// With the marks that are there.
    Old,
    /// Not at all.
    None,
}

/// Writes the chain of a conversation's row anew from its entries, after `change`, and its head into the row.
pub(crate) fn rewrite(copy: &Copy, pk: i64, marks: &Marks, change: impl FnOnce(&mut Vec<Entry>)) -> Anything {
    let connection = Connection::open(copy.file("bridge.db"))?;
    let id: [u8; 8] =
        connection.query_row("SELECT id FROM conversation WHERE pk = ?1", [pk], |row| row.get(0))?;
    let mut entries = entries(&connection, pk)?;
    change(&mut entries);
    let old = "SELECT mark FROM audit WHERE key = ?1";
    let marker = marker(copy)?;
    let mut head: Hash = genesis((pk != 0).then(|| ConversationId::from_bytes(id)));
    let mut rows = Vec::new();
    for entry in &entries {
        head = entry.hash(&head);
        let row = (pk << 32) + i64::try_from(entry.n)?;
        let kept: Option<Vec<u8>> = connection.query_row(old, [row], |row| row.get(0)).unwrap_or_default();
        let mark = match marks {
            Marks::Stolen => Some(marker.mark(&head)?.to_vec()),
            Marks::Old => kept.or(Some(vec![7; 16])),
            Marks::None => None,
        };
        rows.push((row, head, mark));
    }
    connection.execute("DELETE FROM audit WHERE key >> 32 = ?1", [pk])?;
    for (entry, (row, hash, mark)) in entries.iter().zip(&rows) {
        let Entry { at, actor, action, outcome, detail, .. } = entry;
        let values = params![row, at.millis(), actor, action, outcome, detail, hash, mark];
        connection.execute("INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", values)?;
    }
    let length = i64::try_from(entries.len())?;
    let told = "UPDATE conversation SET audit_n = ?2, audit_head = ?3 WHERE pk = ?1";
    connection.execute(told, params![pk, length, head])?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(())
}

fn entries(connection: &Connection, pk: i64) -> Anything<Vec<Entry>> {
    let mut rows = connection.prepare(
        "SELECT key & 4294967295, at, actor, action, outcome, detail FROM audit WHERE key >> 32 = ?1 ORDER BY key",
    )?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Entry {
            n: row.get::<_, i64>(0)?.cast_unsigned(),
            at: Timestamp::from_millis(row.get(1)?),
            actor: row.get(2)?,
            action: row.get(3)?,
            outcome: row.get(4)?,
            detail: row.get(5)?,
        })
    };
    Ok(rows.query_map([pk], read)?.collect::<rusqlite::Result<_>>()?)
}

/// An entry that somebody would like to have been written.
pub(crate) fn wish(n: u64, at: Timestamp) -> Entry {
    let [actor, action, outcome, detail] = ["operator", "inspect", "ok", "{}"].map(str::to_owned);
    Entry { n, at, actor, action, outcome, detail }
}

fn marker(copy: &Copy) -> Anything<Marker> {
    let text = fs::read_to_string(copy.file("master.key"))?;
    Ok(Marker::new(&MasterKey::from_file_text(&text)?)?)
}

/// The key that signs checkpoints.
pub(crate) fn signing_key(copy: &Copy) -> Anything<SigningKey> {
    let text = fs::read_to_string(copy.file("audit.key"))?;
    SigningKey::from_file_text(&text).ok_or_else(|| "no key".into())
}
