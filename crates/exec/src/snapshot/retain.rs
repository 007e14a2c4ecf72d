//! Removes what is old: by a person's order, when another snapshot is taken, and once a day in every workspace.

use mab_core::{Code, Denied, Timestamp};

use super::{SnapshotId, Snapshots, record::Record, store::Store};

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Snapshots.
    pub snapshots: u64,
    /// Bytes of the disk that they took.
    pub freed_bytes: u64,
    /// Workspaces that were passed over: another process works on them, or their folder is damaged.
    pub passed_over: u64,
}

impl Snapshots {
    /// Removes all but the newest `keep` snapshots of each workspace, and those older than `max_age_s`. The newest of each
    /// always stays. A workspace that cannot be worked on is passed over.
    ///
    /// # Errors
    /// When the folder of snapshots cannot be read.
    pub fn prune(&self, keep: u32, max_age_s: u64, now: Timestamp) -> Result<Pruned, Denied> {
        let oldest = now.minus_seconds(max_age_s).millis();
        let mut pruned = Pruned::default();
        for folder in self.folders()? {
            let old = |place: u64, record: &Record| place >= u64::from(keep) || record.taken_at_ms < oldest;
            let removed = Store::open_named(&folder, self.settings.wait_s)
                .and_then(|store| remove_old(&store, None, &old));
            match removed {
                Ok(removed) => {
                    pruned.snapshots += removed.snapshots;
                    pruned.freed_bytes += removed.freed_bytes;
                }
                Err(_) => pruned.passed_over += 1,
            }
        }
        Ok(pruned)
    }

    /// Removes what is old, a few at a time: what no snapshot needs any more is looked for in all of them. By their number,
    /// only those of more than a day ago go, so that nobody who may run commands can flush what was saved before; unless
    /// all together take too much. `spare` stays.
    pub(super) fn retain(
        &self,
        store: &Store,
        now: Timestamp,
        spare: Option<&SnapshotId>,
    ) -> Result<(), Denied> {
        let oldest = now.minus_seconds(self.settings.max_age_s).millis();
        let day = now.minus_seconds(DAY_S).millis();
        let keep = u64::from(self.settings.keep);
        let records = store.records()?;
        let aged = records.iter().any(|record| record.taken_at_ms < oldest);
        let many = records.len() as u64 > keep.saturating_add(RETAIN_SLACK);
        if aged || many {
            let large = many && store.bytes().is_ok_and(|bytes| bytes > self.settings.store_max_bytes);
            remove_old(store, spare, &|place, record| {
                let beyond = place >= keep && (large || record.taken_at_ms < day);
                beyond || record.taken_at_ms < oldest
            })?;
        }
        self.retain_others(now);
        Ok(())
    }

    /// The same for workspaces in which nobody works any more, once a day.
    fn retain_others(&self, now: Timestamp) {
        let mark = self.root.join("pruned");
        let last = std::fs::read_to_string(&mark).ok().and_then(|text| text.parse::<i64>().ok());
        let is_due = last.is_none_or(|last| last < now.minus_seconds(DAY_S).millis() || last > now.millis());
        if !is_due || std::fs::write(&mark, now.millis().to_string()).is_err() {
            return;
        }
        let oldest = now.minus_seconds(self.settings.max_age_s).millis();
        for folder in self.folders().unwrap_or_default() {
            // One that is being worked on is tidied by who works there.
            let store = Store::open_named(&folder, 0);
            let removed =
                store.and_then(|store| remove_old(&store, None, &|_, record| record.taken_at_ms < oldest));
            if let Err(denied) = removed
                && denied.code != Code::Busy
            {
                tracing::warn!(%denied, "old snapshots of a workspace cannot be removed");
            }
        }
    }
}

/// Removes the records that are old, by their place and what they say; never the newest, and not `spare`.
fn remove_old(
    store: &Store,
    spare: Option<&SnapshotId>,
    is_old: &dyn Fn(u64, &Record) -> bool,
) -> Result<Pruned, Denied> {
    let records = store.records()?.into_iter().enumerate().skip(1);
    let old = records
        .filter(|(place, record)| is_old(*place as u64, record) && spare != Some(&record.id))
        .map(|(_, record)| record.id)
        .collect::<Vec<_>>();
    let freed_bytes = if old.is_empty() { 0 } else { store.remove(&old)? };
    Ok(Pruned { snapshots: old.len() as u64, freed_bytes, passed_over: 0 })
}

/// More snapshots than are kept before the oldest are removed.
const RETAIN_SLACK: u64 = 5;
const DAY_S: u64 = 24 * 60 * 60;
