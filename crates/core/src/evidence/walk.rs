//! The walk over one chain.
//!
//! # How kinds are told apart
//! An entry whose hash does not follow is a suspect. It is *duplicated* when it is, hash and all, the entry before it.
//! Otherwise the rest of the chain is searched for what belongs in its place:
//!
//! ```text
//! some later row, put in the suspect's place, has a hash that one of the two rows holds
//!    and the suspect, put in that row's place, too            ─► swapped
//!    and does not                                             ─► something was put in before it: duplicated when it
//!                                                                bears a hash that this bridge marked, else forged
//! the row after it follows the suspect's hash, d places on    ─► d entries are deleted, and the rest moved up
//! it is the newest, has the hash of the newest, and the
//!    conversation's row counts d more                         ─► d entries are deleted
//! nothing of this                                             ─► changed
//! ```
//!
//! An entry whose hash follows and whose mark is wrong is *forged*. Without the master key, a forged entry with a correct
//! hash cannot be told: the break shows at the entry after it, or at a checkpoint.

use crate::{
    Timestamp,
    audit::{self, Hash, Marker},
    evidence::{Finding, Kind, Point, Source},
};

/// How much earlier than an entry before it one may be dated, in milliseconds: processes take the time before they wait
/// for their turn.
const CLOCK_TOLERANCE_MS: i64 = 1_000;

/// How much earlier than a checkpoint an entry that it does not have may be dated, in milliseconds: more than a call
/// waits for its turn.
const CHECKPOINT_TOLERANCE_MS: i64 = 60_000;

/// Most entries deleted in a row that are told from a change when the rest was moved up.
const MOVED_MAX: u64 = 1_024;

/// One entry as its row holds it; columns that hold something else than they should are empty.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Its place.
    pub n: u64,
    /// When, in milliseconds.
    pub at: i64,
    /// Actor, action, outcome and detail.
    pub fields: [&'a [u8]; 4],
    /// The hash beside it.
    pub hash: &'a [u8],
    /// The mark beside it, if any.
    pub mark: Option<&'a [u8]>,
}

impl Row<'_> {
    /// Its hash, if it stood there.
    fn placed(&self, n: u64, previous: &Hash) -> Hash {
        audit::hash_of(previous, n, self.at, self.fields)
    }
}

/// How marks are judged.
#[derive(Debug, Clone, Copy)]
pub enum Marks<'a> {
    /// With the key.
    Checked(&'a Marker),
    /// Without it: only that there is one.
    Present,
    /// The database is older than marks.
    None,
}

/// What the conversation's row says of its chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// How many entries.
    pub length: u64,
    /// The hash of the newest.
    pub head: Vec<u8>,
}

/// What became of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is the next entry.
    Holds,
    /// It, or one before it, is not; what exactly, the following rows tell.
    Searching,
    /// The chain is broken; nothing more needs to be fed.
    Broken,
}

/// What a walk found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walked {
    /// How many entries hold.
    pub entries: u64,
    /// How many of them a checkpoint has seen.
    pub anchored: u64,
    /// What is wrong, at the first bad entry.
    pub broken: Option<Finding>,
    /// That the clock was set back, first where.
    pub clock_back: Option<Finding>,
    /// That an entry is dated before a checkpoint that does not have it, first where.
    pub unanchored: Option<Finding>,
}

/// A walk from the start of a chain.
#[derive(Debug)]
pub struct Walk<'a> {
    marks: Marks<'a>,
    points: std::iter::Peekable<std::slice::Iter<'a, Point>>,
    newest_checkpoint_ms: Option<i64>,
    head: Hash,
    before: Hash,
    n: u64,
    anchored: u64,
    latest_ms: i64,
    clock_back: Option<Finding>,
    unanchored: Option<Finding>,
    suspect: Option<Suspect>,
    broken: Option<Finding>,
}

/// A row that does not follow, and the hash beside the row before the one that is looked at.
#[derive(Debug)]
struct Suspect {
    at: i64,
    fields: [Vec<u8>; 4],
    hash: Vec<u8>,
    mark: Option<Vec<u8>>,
    rows_after: u64,
    last_hash: Option<Hash>,
}

impl<'a> Walk<'a> {
    /// A walk over the chain that starts from this hash, held against `points`, which are sorted by number. What no
    /// point covers is newer than the newest checkpoint.
    pub fn new(
        genesis: Hash,
        marks: Marks<'a>,
        points: &'a [Point],
        newest_checkpoint_ms: Option<i64>,
    ) -> Self {
        Self {
            marks,
            points: points.iter().peekable(),
            newest_checkpoint_ms,
            head: genesis,
            before: genesis,
            n: 0,
            anchored: 0,
            latest_ms: i64::MIN,
            clock_back: None,
            unanchored: None,
            suspect: None,
            broken: None,
        }
    }

    /// Takes the next row.
    pub fn take(&mut self, row: &Row<'_>) -> Step {
        if self.broken.is_some() {
            return Step::Broken;
        }
        let found = match self.suspect.take() {
            Some(suspect) => self.search(suspect, row),
            None => self.judge(row),
        };
        self.broken = found;
        match (&self.broken, &self.suspect) {
            (Some(_), _) => Step::Broken,
            (None, Some(_)) => Step::Searching,
            (None, None) => Step::Holds,
        }
    }

    fn judge(&mut self, row: &Row<'_>) -> Option<Finding> {
        let n = self.n + 1;
        if row.n < n {
            return Some(Finding::new(if row.n == 0 { Kind::Forged } else { Kind::Duplicated }).at(row.n));
        }
        if row.n > n {
            return Some(Finding::new(Kind::Deleted).at(n).to(row.n - 1));
        }
        let hash = row.placed(n, &self.head);
        if hash != row.hash {
            if self.n > 0 && self.head == row.hash && row.placed(self.n, &self.before) == self.head {
                return Some(Finding::new(Kind::Duplicated).at(n).to(self.n));
            }
            self.suspect = Some(Suspect {
                at: row.at,
                fields: row.fields.map(<[u8]>::to_vec),
                hash: row.hash.to_vec(),
                mark: row.mark.map(<[u8]>::to_vec),
                rows_after: 0,
                last_hash: None,
            });
            return None;
        }
        self.marked(row, &hash).or_else(|| self.seen(row, &hash)).or_else(|| {
            self.dated(row);
            (self.before, self.head, self.n) = (self.head, hash, n);
            None
        })
    }

    /// Whether this bridge wrote it.
    fn marked(&self, row: &Row<'_>, hash: &Hash) -> Option<Finding> {
        let kind = match (self.marks, row.mark) {
            (Marks::None, _) | (Marks::Present, Some(_)) => return None,
            (Marks::Checked(marker), Some(mark)) if marker.made(hash, mark) => return None,
            (Marks::Checked(_), Some(_)) => Kind::Forged,
            (Marks::Checked(_) | Marks::Present, None) => Kind::Unmarked,
        };
        Some(Finding::new(kind).at(row.n))
    }

    /// Whether it is what others have seen; notes when they should have seen it and have not.
    fn seen(&mut self, row: &Row<'_>, hash: &Hash) -> Option<Finding> {
        let unseen_ms = self.unseen_ms();
        let early = |than: i64| row.at.saturating_add(CHECKPOINT_TOLERANCE_MS) < than;
        // Where the clock was set back, the entry itself says so. In a chain that began meanwhile it cannot: a warning.
        if unseen_ms.is_some_and(early) && !self.is_back(row) && self.unanchored.is_none() {
            self.unanchored = Some(Finding::new(Kind::Unanchored).at(row.n));
        }
        while let Some(point) = self.points.next_if(|point| point.n <= row.n) {
            match (point.is(hash), point.source) {
                (true, Source::Witness) => {}
                (true, Source::Checkpoint { .. }) => self.anchored = row.n,
                (false, Source::Witness) => return Some(Finding::new(Kind::WitnessMismatch).at(row.n)),
                (false, Source::Checkpoint { number, .. }) => {
                    let first = self.anchored + 1;
                    return Some(Finding::new(Kind::Rewritten).at(first).to(row.n).checkpoint(number));
                }
            }
        }
        None
    }

    /// When the newest checkpoint was signed that does not have the next entry.
    fn unseen_ms(&mut self) -> Option<i64> {
        let next = match self.points.peek().map(|point| point.source) {
            Some(Source::Witness) => {
                self.points.clone().map(|point| point.source).find(Source::is_checkpoint)
            }
            next => next,
        };
        match next {
            Some(Source::Checkpoint { after, .. }) => after.map(Timestamp::millis),
            Some(Source::Witness) | None => self.newest_checkpoint_ms,
        }
    }

    fn is_back(&self, row: &Row<'_>) -> bool {
        row.at.saturating_add(CLOCK_TOLERANCE_MS) < self.latest_ms
    }

    fn dated(&mut self, row: &Row<'_>) {
        if self.is_back(row) && self.clock_back.is_none() {
            self.clock_back = Some(Finding::new(Kind::ClockBack).at(row.n));
        }
        self.latest_ms = self.latest_ms.max(row.at);
    }

    /// Looks whether `row` is what belongs in the suspect's place, or tells that something before it is missing.
    fn search(&mut self, mut suspect: Suspect, row: &Row<'_>) -> Option<Finding> {
        let n = self.n + 1;
        suspect.rows_after += 1;
        let first = suspect.rows_after == 1;
        let belongs = row.placed(n, &self.head);
        let held = [&suspect.hash[..], row.hash];
        if held.contains(&&belongs[..]) {
            let before = if first { Some(belongs) } else { suspect.last_hash };
            let back = before.map(|before| suspect.row().placed(row.n, &before));
            if back.is_some_and(|back| held.contains(&&back[..])) {
                return Some(Finding::new(Kind::Swapped).at(n).to(row.n));
            }
            if first && row.hash == belongs {
                let kind = if suspect.bears_our_hash(self.marks) { Kind::Duplicated } else { Kind::Forged };
                return Some(Finding::new(kind).at(n));
            }
        }
        if first
            && let Ok(own) = Hash::try_from(&suspect.hash[..])
            && let Some(moved) = (1..=MOVED_MAX).find(|moved| row.placed(row.n + moved, &own) == row.hash)
        {
            return Some(Finding::new(Kind::Deleted).at(n).to(n + moved - 1));
        }
        suspect.last_hash = Hash::try_from(row.hash).ok();
        self.suspect = Some(suspect);
        None
    }

    /// Ends the walk against what the conversation's row says.
    pub fn finish(mut self, claim: &Claim) -> Walked {
        let broken = self.broken.take().or_else(|| self.ending(claim));
        let (clock_back, unanchored) = (self.clock_back, self.unanchored);
        Walked { entries: self.n, anchored: self.anchored, broken, clock_back, unanchored }
    }

    fn ending(&mut self, claim: &Claim) -> Option<Finding> {
        if let Some(suspect) = &self.suspect {
            let n = self.n + 1;
            let newest = suspect.rows_after == 0 && suspect.hash == claim.head;
            return Some(if newest && claim.length > n {
                Finding::new(Kind::Deleted).at(n).to(claim.length - 1)
            } else {
                Finding::new(Kind::Changed).at(n)
            });
        }
        if claim.length > self.n {
            return Some(Finding::new(Kind::Truncated).at(self.n + 1).to(claim.length));
        }
        if claim.length < self.n || claim.head != self.head {
            return Some(Finding::new(Kind::RowMismatch).at(self.n));
        }
        let point = self.points.next()?;
        Some(match point.source {
            Source::Witness => {
                let what = format!("the chain is shorter: it ends at entry {}", self.n);
                Finding::new(Kind::WitnessMismatch).at(point.n).what(what)
            }
            Source::Checkpoint { number, .. } => {
                let newest = self.points.clone().fold(point.n, |newest, point| newest.max(point.n));
                Finding::new(Kind::RolledBack).at(self.n + 1).to(newest).checkpoint(number)
            }
        })
    }
}

impl Suspect {
    fn row(&self) -> Row<'_> {
        let [actor, action, outcome, detail] = &self.fields;
        let fields = [&actor[..], &action[..], &outcome[..], &detail[..]];
        Row { n: 0, at: self.at, fields, hash: &self.hash, mark: self.mark.as_deref() }
    }

    /// Whether the hash beside it is one that this bridge has marked.
    fn bears_our_hash(&self, marks: Marks<'_>) -> bool {
        let (Marks::Checked(marker), Ok(hash)) = (marks, Hash::try_from(&self.hash[..])) else {
            return false;
        };
        self.mark.as_deref().is_some_and(|mark| marker.made(&hash, mark))
    }
}
