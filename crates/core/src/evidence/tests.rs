//! Whatever is done to a chain is named, at the right entry.

mod commands;
mod enrolment;
mod state;

use proptest::prelude::*;

use super::*;
use crate::{
    Timestamp,
    audit::{self, Hash, Marker},
    secret::MasterKey,
};

fn marker(digits: &str) -> Marker {
    Marker::new(&MasterKey::from_file_text(&digits.repeat(32)).unwrap()).unwrap()
}

/// A row that owns what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    n: u64,
    at: i64,
    fields: [Vec<u8>; 4],
    hash: Vec<u8>,
    mark: Option<Vec<u8>>,
}

impl Kept {
    fn row(&self) -> Row<'_> {
        let [actor, action, outcome, detail] = &self.fields;
        Row {
            n: self.n,
            at: self.at,
            fields: [actor, action, outcome, detail],
            hash: &self.hash,
            mark: self.mark.as_deref(),
        }
    }
}

/// Hashes and marks rows from index `from` on, as who has this marker would.
fn written(rows: &mut [Kept], from: usize, marker: &Marker) {
    for index in from..rows.len() {
        let previous = index.checked_sub(1).map(|before| rows[before].hash.clone().try_into().unwrap());
        let previous: Hash = previous.unwrap_or(audit::genesis(None));
        let row = rows[index].row();
        let hash = audit::hash_of(&previous, row.n, row.at, row.fields);
        rows[index].hash = hash.to_vec();
        rows[index].mark = Some(marker.mark(&hash).unwrap().to_vec());
    }
}

fn chain(length: u64, marker: &Marker) -> Vec<Kept> {
    let mut rows: Vec<Kept> = (1..=length).map(entry).collect();
    written(&mut rows, 0, marker);
    rows
}

fn entry(n: u64) -> Kept {
    let detail = format!("{{\"message\":\"msg_{n}\"}}");
    let fields = [b"a".to_vec(), b"send".to_vec(), b"ok".to_vec(), detail.into_bytes()];
    Kept { n, at: second(n), fields, hash: Vec::new(), mark: None }
}

fn second(n: u64) -> i64 {
    1_795_332_600_000 + 1_000 * i64::try_from(n).unwrap()
}

fn numbered(mut rows: Vec<Kept>) -> Vec<Kept> {
    for (row, n) in rows.iter_mut().zip(1..) {
        row.n = n;
    }
    rows
}

fn claim(rows: &[Kept]) -> Claim {
    let head = rows.last().map_or(audit::genesis(None).to_vec(), |row| row.hash.clone());
    Claim { length: rows.len() as u64, head }
}

fn walk_at(rows: &[Kept], claim: &Claim, marks: Marks<'_>, points: &[Point], newest: Option<i64>) -> Walked {
    let mut walk = Walk::new(audit::genesis(None), marks, points, newest);
    for row in rows {
        if walk.take(&row.row()) == Step::Broken {
            break;
        }
    }
    walk.finish(claim)
}

fn walk(rows: &[Kept], claim: &Claim, marker: &Marker) -> Option<(Kind, u64)> {
    named(walk_at(rows, claim, Marks::Checked(marker), &[], None))
}

fn named(walked: Walked) -> Option<(Kind, u64)> {
    walked.broken.map(|finding| (finding.kind, finding.n.unwrap()))
}

fn checkpoint(rows: &[Kept], n: usize, number: u64, after: Option<i64>) -> Point {
    let after = after.map(Timestamp::from_millis);
    Point { n: n as u64, hash: rows[n - 1].hash.clone(), source: Source::Checkpoint { number, after } }
}

#[test]
fn chain_when_whole_holds_with_and_without_the_key() {
    let ours = marker("5a");
    let rows = chain(5, &ours);
    let points = [checkpoint(&rows, 2, 1, None), checkpoint(&rows, 4, 2, None)];
    for marks in [Marks::Checked(&ours), Marks::Present, Marks::None] {
        let walked = walk_at(&rows, &claim(&rows), marks, &points, None);
        assert_eq!(
            walked,
            Walked { entries: 5, anchored: 4, broken: None, clock_back: None, unanchored: None }
        );
    }
    assert_eq!(walk(&[], &claim(&[]), &ours), None);
}

#[test]
fn entry_when_of_another_key_or_without_a_mark_is_forged_or_unmarked() {
    let (ours, theirs) = (marker("5a"), marker("5b"));
    let mut rows = chain(5, &ours);
    written(&mut rows, 3, &theirs);
    assert_eq!(walk(&rows, &claim(&rows), &ours), Some((Kind::Forged, 4)));
    rows[3].mark = None;
    assert_eq!(walk(&rows, &claim(&rows), &ours), Some((Kind::Unmarked, 4)));
    let without_key = |marks| named(walk_at(&rows, &claim(&rows), marks, &[], None));
    assert_eq!(without_key(Marks::Present), Some((Kind::Unmarked, 4)));
    assert_eq!(without_key(Marks::None), None);
}

#[test]
fn entry_when_put_in_and_the_rest_moved_down_is_forged_or_duplicated() {
    let ours = marker("5a");
    let rows = chain(6, &ours);
    let put_in = |row: Kept| {
        let mut with = rows.clone();
        with.insert(2, row);
        walk(&numbered(with.clone()), &claim(&with), &ours)
    };
    assert_eq!(put_in(Kept { hash: vec![7; 32], ..entry(40) }), Some((Kind::Forged, 3)));
    assert_eq!(put_in(rows[1].clone()), Some((Kind::Duplicated, 3)));
    assert_eq!(put_in(rows[4].clone()), Some((Kind::Duplicated, 3)));
}

#[test]
fn row_when_it_tells_of_another_head_or_of_fewer_entries_is_a_mismatch() {
    let ours = marker("5a");
    let rows = chain(4, &ours);
    let said = |length, head: &[u8]| walk(&rows, &Claim { length, head: head.to_vec() }, &ours);
    assert_eq!(said(4, &[0; 32]), Some((Kind::RowMismatch, 4)));
    assert_eq!(said(3, &rows[2].hash), Some((Kind::RowMismatch, 4)));
    assert_eq!(said(6, &rows[3].hash), Some((Kind::Truncated, 5)));
}

#[test]
fn number_that_no_entry_has_is_named() {
    let ours = marker("5a");
    let rows = chain(3, &ours);
    let with = |row: Kept| walk(&[&[row], &rows[..]].concat(), &claim(&rows), &ours);
    assert_eq!(with(Kept { n: 0, ..rows[0].clone() }), Some((Kind::Forged, 0)));
    assert_eq!(with(rows[0].clone()), Some((Kind::Duplicated, 1)));
}

#[test]
fn clock_when_set_back_is_told_and_breaks_nothing() {
    let ours = marker("5a");
    let mut rows = chain(5, &ours);
    rows[3].at = rows[2].at - 1_000;
    written(&mut rows, 3, &ours);
    let walked = walk_at(&rows, &claim(&rows), Marks::Checked(&ours), &[], None);
    assert_eq!((walked.broken, walked.clock_back), (None, None), "a second is tolerated");
    rows[3].at -= 1;
    written(&mut rows, 3, &ours);
    // A checkpoint that should have seen it explains nothing more.
    let (rows, points) = (&rows[..4], [checkpoint(&rows, 3, 1, None)]);
    let walked = walk_at(rows, &claim(rows), Marks::Checked(&ours), &points, Some(rows[3].at + 90_000));
    assert_eq!((walked.broken, walked.clock_back), (None, Some(Finding::new(Kind::ClockBack).at(4))));
}

#[test]
fn chain_when_written_anew_is_held_against_checkpoints_and_witnesses() {
    let ours = marker("5a");
    let rows = chain(6, &ours);
    let points =
        [checkpoint(&rows, 2, 1, None), checkpoint(&rows, 4, 2, None), checkpoint(&rows, 5, 3, None)];
    let mut anew = rows.clone();
    anew[2].fields[0] = b"b".to_vec();
    written(&mut anew, 2, &ours);
    let found = |rows: &[Kept], points: &[Point]| {
        walk_at(rows, &claim(rows), Marks::Checked(&ours), points, None).broken
    };
    let expected = Finding::new(Kind::Rewritten).at(3).to(4).checkpoint(2);
    assert_eq!(found(&anew, &points), Some(expected));
    let expected = Finding::new(Kind::RolledBack).at(4).to(5).checkpoint(2);
    assert_eq!(found(&rows[..3], &points), Some(expected));
    let witness = |n: usize, hash: &[u8]| Point { n: n as u64, hash: hash.to_vec(), source: Source::Witness };
    assert_eq!(found(&rows, &[witness(3, &rows[2].hash[..16])]), None);
    let expected = Some(Finding::new(Kind::WitnessMismatch).at(3));
    assert_eq!(found(&anew, &[witness(3, &rows[2].hash[..16])]), expected);
    let shorter = "the chain is shorter: it ends at entry 2";
    let expected = Some(Finding::new(Kind::WitnessMismatch).at(3).what(shorter));
    assert_eq!(found(&rows[..2], &[witness(3, &rows[2].hash[..16])]), expected);
}

#[test]
fn entry_that_an_earlier_checkpoint_should_have_seen_is_unanchored_and_the_walk_goes_on() {
    let ours = marker("5a");
    let rows = chain(6, &ours);
    let found = |after, newest| {
        let points = [checkpoint(&rows, 2, 1, None), checkpoint(&rows, 4, 2, after)];
        let walked = walk_at(&rows, &claim(&rows), Marks::Checked(&ours), &points, newest);
        assert_eq!((walked.entries, walked.broken), (6, None));
        walked.unanchored
    };
    let late = |n: usize| Some(rows[n - 1].at + 60_001);
    assert_eq!(found(late(2), late(4)), None);
    assert_eq!(found(late(3), late(4)), Some(Finding::new(Kind::Unanchored).at(3)));
    assert_eq!(found(late(2), late(5)), Some(Finding::new(Kind::Unanchored).at(5)));
    assert_eq!(found(None, None), None);
}

#[test]
fn witness_is_read_as_answers_name_it() {
    let digits = "ab".repeat(16);
    let witness: Witness = format!("conv_0011223344556677:12:{digits}").parse().unwrap();
    assert_eq!(witness.conversation, Some("conv_0011223344556677".parse().unwrap()));
    assert_eq!(witness.point, Point { n: 12, hash: vec![0xab; 16], source: Source::Witness });
    assert_eq!(format!("bridge:1:{digits}").parse::<Witness>().unwrap().conversation, None);
    for wrong in ["", "bridge", "bridge:0:", "conv_1:1:", "bridge:1:abcd", "bridge:x:"] {
        assert!(
            format!("{wrong}{}", if wrong.ends_with(':') { &digits } else { "" }).parse::<Witness>().is_err()
        );
    }
    assert!(format!("bridge:1:{digits}:").parse::<Witness>().is_err());
}

/// What is done to a chain, from the entry with this index on.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Change(u8),
    Delete,
    DeleteAndMoveUp,
    Swap,
    SwapContents,
    SwapFar,
    Duplicate,
    Truncate,
    TruncateAndTell,
    Forge,
    Rehash,
}

fn deeds() -> impl Strategy<Value = Deed> {
    use Deed::{
        Change, Delete, DeleteAndMoveUp, Duplicate, Forge, Rehash, Swap, SwapContents, SwapFar, Truncate,
        TruncateAndTell,
    };
    prop_oneof![
        (0..7_u8).prop_map(Change),
        Just(Delete),
        Just(DeleteAndMoveUp),
        Just(Swap),
        Just(SwapContents),
        Just(SwapFar),
        Just(Duplicate),
        Just(Truncate),
        Just(TruncateAndTell),
        Just(Forge),
        Just(Rehash),
    ]
}

/// Does it, and says what must be found, with the key and a checkpoint over all.
fn done(deed: Deed, rows: &mut Vec<Kept>, index: usize, claim: &mut Claim) -> (Kind, usize) {
    let last = rows.len() - 1;
    let (next, far) = (index + 1, (index + 3).min(last));
    match deed {
        Deed::Change(column @ 0..4) => rows[index].fields[usize::from(column)].push(b'x'),
        Deed::Change(4) => rows[index].at += 1,
        Deed::Change(5) => rows[index].hash[31] ^= 1,
        Deed::Change(_) => rows[index].hash.truncate(31),
        Deed::Delete => {
            rows.remove(index);
            return (if index == last { Kind::Truncated } else { Kind::Deleted }, index);
        }
        Deed::DeleteAndMoveUp => {
            rows.remove(index);
            *rows = numbered(rows.clone());
            return (if index == last { Kind::Truncated } else { Kind::Deleted }, index);
        }
        Deed::Swap | Deed::SwapFar if index < last => {
            rows.swap(index, if matches!(deed, Deed::Swap) { next } else { far });
            *rows = numbered(rows.clone());
            return (Kind::Swapped, index);
        }
        Deed::SwapContents if index < last => {
            let (one, two) = (rows[index].clone(), rows[next].clone());
            (rows[index].at, rows[index].fields) = (two.at, two.fields);
            (rows[next].at, rows[next].fields) = (one.at, one.fields);
            return (Kind::Swapped, index);
        }
        Deed::Duplicate | Deed::Swap | Deed::SwapFar | Deed::SwapContents => {
            rows.insert(next, rows[index].clone());
            *rows = numbered(rows.clone());
            return (Kind::Duplicated, next);
        }
        Deed::Truncate => {
            rows.truncate(index);
            return (Kind::Truncated, index);
        }
        Deed::TruncateAndTell => {
            rows.truncate(index);
            *claim = super::tests::claim(rows);
            return (Kind::RolledBack, index);
        }
        Deed::Forge => {
            rows.insert(index, entry(999));
            *rows = numbered(rows.clone());
            written(rows, index, &marker("66"));
            *claim = super::tests::claim(rows);
            return (Kind::Forged, index);
        }
        Deed::Rehash => {
            rows[index].fields[0] = b"someone_else".to_vec();
            written(rows, index, &marker("5a"));
            *claim = super::tests::claim(rows);
            return (Kind::Rewritten, 0);
        }
    }
    (Kind::Changed, index)
}

proptest! {
    #[test]
    fn tampering_of_any_kind_is_named_at_the_right_entry(
        length in 1_u64..12,
        place: prop::sample::Index,
        deed in deeds(),
    ) {
        let ours = marker("5a");
        let mut rows = chain(length, &ours);
        let (mut claim, points) = (claim(&rows), [checkpoint(&rows, rows.len(), 1, None)]);
        let index = place.index(rows.len());
        let (kind, bad) = done(deed, &mut rows, index, &mut claim);
        let walked = walk_at(&rows, &claim, Marks::Checked(&ours), &points, None);
        prop_assert_eq!(named(walked), Some((kind, bad as u64 + 1)));
    }

    #[test]
    fn nothing_that_rows_hold_makes_the_walk_panic(
        rows in proptest::collection::vec(
            (0_u64..6, any::<i64>(), ".{0,4}", proptest::collection::vec(any::<u8>(), 0..34)), 0..8),
        length: u64,
    ) {
        let ours = marker("5a");
        let rows: Vec<Kept> = rows.into_iter().map(|(n, at, text, hash)| {
            Kept { n, at, fields: [(); 4].map(|()| text.clone().into_bytes()), mark: Some(hash.clone()), hash }
        }).collect();
        let walked = walk_at(&rows, &Claim { length, head: vec![1] }, Marks::Checked(&ours), &[], None);
        prop_assert!(walked.broken.is_some());
    }
}
