//! What holds of the file as a whole, whatever its chains say: its schema, and that every row belongs to somebody.

use std::collections::BTreeMap;

use mab_core::evidence::{Examination, Finding, Kind};
use rusqlite::{Connection, OptionalExtension as _};

use super::{
    checkpoint,
    schema::{self, Described, MARKED_SINCE},
};

/// What is wrong with the schema: a planner follows whatever somebody planted in it.
pub(super) fn schema_findings(
    connection: &Connection,
    examination: &Examination,
    version: u32,
) -> rusqlite::Result<Vec<Finding>> {
    let mut found = Vec::new();
    let signed = || -> rusqlite::Result<bool> {
        Ok(examination.newest_checkpoint_at.is_some()
            || schema::has_marks(connection)?
            || checkpoint::newest(connection)?.is_some())
    };
    if version < MARKED_SINCE && signed()? {
        found.push(Finding::new(Kind::SchemaLowered).what(format!("it names schema {version}")));
    }
    let (is, was) = (schema::describe(connection)?, schema::described(version)?);
    let more = is.iter().filter(|one| !was.contains(one));
    let other: BTreeMap<&str, &Described> =
        more.chain(was.iter().filter(|one| !is.contains(one))).map(|one| (&*one.1, one)).collect();
    if let Some(first) = other.values().next() {
        found.push(Finding::new(Kind::SchemaChanged).what(counted(named(first, &was), other.len() - 1)));
    }
    Ok(found)
}

/// An object as it is told: names that somebody else chose are not repeated.
fn named((kind, name, ..): &Described, ours: &[Described]) -> String {
    if ours.iter().any(|(_, ours, ..)| ours == name) { name.clone() } else { format!("one more {kind}") }
}

/// The first of several.
fn counted(first: String, others: usize) -> String {
    if others == 0 { first } else { format!("{first}, and {others} more") }
}

/// Rows that belong to no conversation; `pks` are those there are, in ascending order.
pub(super) fn stray_rows(connection: &Connection, pks: &[i64]) -> rusqlite::Result<Vec<Finding>> {
    let mut found = Vec::new();
    for (table, kind) in [("audit", Kind::Forged), ("message", Kind::MessageAdded)] {
        let sql =
            format!("SELECT key FROM {table} NOT INDEXED WHERE key BETWEEN ?1 AND ?2 ORDER BY key LIMIT 1");
        let mut first = connection.prepare(&sql)?;
        for (from, to) in gaps(pks) {
            let key: Option<i64> = first.query_row([from, to], |row| row.get(0)).optional()?;
            if let Some(key) = key {
                found
                    .push(Finding::new(kind).what(format!("a row of no conversation: key {key} of {table}")));
                break;
            }
        }
    }
    Ok(found)
}

/// The ranges of keys that are nobody's.
fn gaps(pks: &[i64]) -> Vec<(i64, i64)> {
    let mut gaps = Vec::new();
    let mut free = Some(i64::MIN);
    for pk in pks {
        let Some(first) = pk.checked_mul(1 << 32) else { continue };
        let Some(from) = free else { break };
        if from < first {
            gaps.push((from, first - 1));
        }
        free = first.checked_add(1 << 32);
    }
    gaps.extend(free.map(|from| (from, i64::MAX)));
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_nobody_are_those_before_between_and_after() {
        const ONE: i64 = 1 << 32;
        assert_eq!(gaps(&[0, 1, 3]), [(i64::MIN, -1), (2 * ONE, 3 * ONE - 1), (4 * ONE, i64::MAX)]);
        assert_eq!(gaps(&[]), [(i64::MIN, i64::MAX)]);
        assert_eq!(gaps(&[(1 << 31) - 1]), [(i64::MIN, i64::MAX - ONE)]);
        assert_eq!(gaps(&[i64::MAX]), [(i64::MIN, i64::MAX)], "a row's number too large is no range");
    }
}
