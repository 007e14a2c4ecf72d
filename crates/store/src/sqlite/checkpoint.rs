//! Checkpoints: which chains have grown, and the text of the newest one, from which a crash is mended.

use mab_core::{
    Code, ConversationId, Denied, Failure,
    anchor::{Leaf, Pending},
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    rows,
    tx::{BRIDGE, Tx},
};
use crate::NewCheckpoint;

/// Which chains have grown. A damaged row is left to those who verify: it keeps no other chain from being signed.
macro_rules! grown {
    () => {
        " WHERE audit_n > anchored_n AND length(audit_head) = 32 AND length(id) = 8"
    };
}

const NEWEST: &str = "SELECT value FROM meta WHERE name = 'checkpoint'";

/// The newest checkpoint. One that is damaged is no less one: it does not verify.
pub(super) fn newest(connection: &Connection) -> rusqlite::Result<Option<Pending>> {
    connection.prepare_cached(NEWEST)?.query_row([], pending).optional()
}

/// Whether any chain has grown.
pub(super) fn has_grown(connection: &Connection) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(concat!("SELECT EXISTS (SELECT 1 FROM conversation", grown!(), ")"))?
        .query_row([], |row| row.get(0))
}

fn pending(row: &Row<'_>) -> rusqlite::Result<Pending> {
    let stored = String::from_utf8_lossy(row.get_ref(0)?.as_bytes()?).into_owned();
    Ok(Pending::from_stored(&stored).unwrap_or(Pending { offset: 0, text: stored }))
}

fn leaf(row: &Row<'_>) -> rusqlite::Result<(i64, Leaf)> {
    let (pk, id) = (row.get(0)?, ConversationId::from_bytes(row.get(1)?));
    let conversation = (pk != BRIDGE).then_some(id);
    Ok((pk, Leaf { conversation, n: rows::count(row.get(2)?), head: row.get(3)? }))
}

impl Tx<'_> {
    /// Records a checkpoint; `None` when no chain has grown.
    pub(super) fn checkpoint(&self, checkpoint: NewCheckpoint) -> Result<Option<Pending>, Failure> {
        const FORGET: &str = "UPDATE conversation SET anchored_n = 0 WHERE anchored_n <> 0";
        const GROWN: &str =
            concat!("SELECT pk, id, audit_n, audit_head FROM conversation", grown!(), " ORDER BY pk");
        const ANCHORED: &str = "UPDATE conversation SET anchored_n = ?2 WHERE pk = ?1 AND audit_n = ?2";
        const KEEP: &str = "INSERT OR REPLACE INTO meta (name, value) VALUES ('checkpoint', ?1)";
        let NewCheckpoint { after, anew, stamp, write } = checkpoint;
        if !anew && self.row(NEWEST, [], pending)? != after {
            return Err(Denied::new(Code::Conflict, "another checkpoint was written meanwhile")
                .hint("try again")
                .into());
        }
        self.execute("SAVEPOINT checkpoint", [])?;
        let made = || -> Result<Option<Pending>, Failure> {
            if let Some(stamp) = &stamp {
                self.change(stamp, |_| Ok(((), stamp.detail().clone())))?;
            }
            if anew {
                self.execute(FORGET, [])?;
            }
            let grown = self.rows(GROWN, [], leaf)?;
            if grown.is_empty() {
                return Ok(None);
            }
            let leaves: Vec<Leaf> = grown.iter().map(|(_, leaf)| *leaf).collect();
            let text = write(&leaves, self.now())?;
            for (pk, leaf) in &grown {
                self.execute_one(ANCHORED, params![pk, rows::stored(leaf.n)])?;
            }
            let offset = after.filter(|_| !anew).map_or(0, |after| after.end());
            let pending = Pending { offset, text };
            self.execute_one(KEEP, [pending.to_stored().as_bytes()])?;
            Ok(Some(pending))
        };
        let result = made();
        if result.is_err() {
            self.execute("ROLLBACK TO checkpoint", [])?;
        }
        self.execute("RELEASE checkpoint", [])?;
        result
    }
}
