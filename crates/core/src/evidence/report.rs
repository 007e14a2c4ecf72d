//! What is asked of a store, what it answers, and how the anchor fits it.

use std::collections::BTreeMap;

use crate::{
    ConversationId, Timestamp,
    anchor::{Anchor, Mismatch, Pending, Problem},
    evidence::{Finding, Kind, Point},
    note::VerifierKey,
};

/// How far ahead of this machine's clock a checkpoint may be dated, in milliseconds.
const AHEAD_MS: i64 = 60_000;

/// What a store is asked to examine.
#[derive(Debug, Clone, Default)]
pub struct Examination {
    /// Only this conversation's chain; `None`: every chain.
    pub conversation: Option<ConversationId>,
    /// What others have seen of each chain, by number.
    pub points: BTreeMap<Option<ConversationId>, Vec<Point>>,
    /// Whether they come from the anchor that this database writes to.
    pub own: bool,
    /// When the newest checkpoint was signed.
    pub newest_checkpoint_at: Option<Timestamp>,
}

/// Whether marks were checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarksChecked {
    /// Every one.
    Checked,
    /// Only that there are some: there is no master key.
    NoKey,
    /// Only that there are some: the master key is another one.
    WrongKey,
    /// The database is older than marks.
    None,
}

impl MarksChecked {
    /// The public name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Checked => "checked",
            Self::NoKey => "not checked: no master key",
            Self::WrongKey => "not checked: another master key",
            Self::None => "not checked: the database is older than marks",
        }
    }
}

/// What a store found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// The version of its schema.
    pub schema: u32,
    /// How it was read.
    pub opened: &'static str,
    /// Whether marks were checked.
    pub marks: MarksChecked,
    /// What was found of no one chain.
    pub findings: Vec<Finding>,
    /// Its chains, the bridge's own first.
    pub chains: Vec<ChainReport>,
}

/// What was found of one chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainReport {
    /// Whose; `None` is the bridge's own.
    pub conversation: Option<ConversationId>,
    /// How many entries hold.
    pub entries: u64,
    /// How many of them a checkpoint has seen.
    pub anchored: u64,
    /// What was found, the first one first.
    pub findings: Vec<Finding>,
}

/// What there is outside of the database.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// The anchor's text, if there is an anchor.
    pub anchor: Option<String>,
    /// Whether it is the one that this database writes to, rather than a copy of some time.
    pub own: bool,
    /// Keys that the operator trusts.
    pub trusted: Vec<VerifierKey>,
    /// The key that signs, if it is there.
    pub key: Option<VerifierKey>,
}

/// An anchor, and what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnchorJudged {
    /// The anchor, when it holds.
    pub anchor: Option<Anchor>,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// Judges an anchor by itself, by the keys, by the newest checkpoint that the database has made, and by the clock.
pub fn judge_anchor(given: &Given, newest: Option<&Pending>, now: Timestamp) -> AnchorJudged {
    let mut findings = Vec::new();
    let text = given.anchor.as_deref().filter(|text| !text.is_empty());
    let text = match (text, newest) {
        (None, Some(_)) if given.own => {
            findings.push(Finding::new(Kind::AnchorTruncated).what("audit.anchor is missing"));
            None
        }
        (None, _) => None,
        (Some(text), None) => {
            if given.own {
                findings.push(Finding::new(Kind::RolledBack).what("the database has made no checkpoint"));
            }
            Some(text.to_owned())
        }
        (Some(text), Some(newest)) => Some(fitted(text, newest, given.own, &mut findings)),
    };
    let Some(text) = text else {
        if findings.is_empty() {
            findings.push(Finding::new(Kind::NoAnchor));
        }
        return AnchorJudged { anchor: None, findings };
    };
    let anchor = match Anchor::parse_and_verify(&text, &given.trusted) {
        Ok(anchor) => Some(anchor),
        Err(error) => {
            let untrusted = error.checkpoint == 0 && error.problem == Problem::UnknownKey;
            findings.push(broken(error.checkpoint, error.problem));
            // What is not trusted is told all the same.
            untrusted.then(|| Anchor::parse_and_verify(&text, &[]).ok()).flatten()
        }
    };
    if let Some(anchor) = &anchor {
        findings.extend(signed_by(anchor, given));
        let dated = anchor.checkpoints().iter().zip(1..);
        let future = now.millis().saturating_add(AHEAD_MS);
        let ahead = dated.into_iter().find(|(checkpoint, _)| checkpoint.at.millis() > future);
        findings
            .extend(ahead.map(|(_, number)| Finding::new(Kind::CheckpointFromTheFuture).checkpoint(number)));
    }
    AnchorJudged { anchor, findings }
}

/// The anchor's text, completed with what a crash kept from it.
fn fitted(text: &str, newest: &Pending, own: bool, findings: &mut Vec<Finding>) -> String {
    let length = text.len() as u64;
    let start = usize::try_from(newest.offset).unwrap_or(usize::MAX);
    let tail = text.as_bytes().get(start..).unwrap_or_default();
    match newest.missing(length, tail.get(..newest.text.len()).unwrap_or(tail)) {
        Ok([]) => text.to_owned(),
        // A copy of some time before.
        Ok(missing) if !own && missing.len() == newest.text.len() => text.to_owned(),
        Ok(missing) => {
            findings.push(Finding::new(Kind::AnchorIncomplete));
            format!("{text}{}", String::from_utf8_lossy(missing))
        }
        Err(Mismatch::Shorter) => {
            if own {
                let what = format!("{length} bytes, written: {}", newest.end());
                findings.push(Finding::new(Kind::AnchorTruncated).what(what));
            }
            text.to_owned()
        }
        Err(Mismatch::Longer) => {
            let what =
                format!("the anchor has {} bytes more than the database has written", length - newest.end());
            findings.push(Finding::new(Kind::RolledBack).what(what));
            text.to_owned()
        }
        Err(Mismatch::Other) => {
            let what = "its newest checkpoint is not the one that the database has made";
            findings.push(Finding::new(Kind::AnchorChanged).what(what));
            text.to_owned()
        }
    }
}

fn broken(checkpoint: u64, problem: Problem) -> Finding {
    let kind = match problem {
        Problem::BadSignature => Kind::WrongSignature,
        Problem::UnknownKey => Kind::UnknownKey,
        Problem::Malformed | Problem::NotExtending | Problem::WrongRoot | Problem::TimeBack => {
            Kind::AnchorChanged
        }
    };
    let finding = Finding::new(kind).what(problem.to_string());
    if checkpoint == 0 { finding } else { finding.checkpoint(checkpoint) }
}

/// Whether the key beside the anchor is the one that is valid now.
fn signed_by(anchor: &Anchor, given: &Given) -> Option<Finding> {
    match (&given.key, anchor.keys().last()) {
        (Some(key), Some(valid)) if key != valid => {
            let what = format!("audit.key is {}, the anchor's is {}", key.id(), valid.id());
            Some(Finding::new(Kind::UnknownKey).what(what))
        }
        (None, Some(_)) if given.own && given.trusted.is_empty() => Some(Finding::new(Kind::KeyMissing)),
        _ => None,
    }
}

/// Chains that others have seen and the database does not have at all.
pub fn missing_chains(examination: &Examination, examined: &Examined) -> Vec<ChainReport> {
    let there = |chain: &Option<ConversationId>| {
        examination.conversation.is_some_and(|only| *chain != Some(only))
            || examined.chains.iter().any(|report| report.conversation == *chain)
    };
    let missing = examination.points.iter().filter(|(chain, _)| !there(chain));
    let report = |(chain, points): (&Option<ConversationId>, &Vec<Point>)| {
        let newest = points.iter().map(|point| point.n).max().unwrap_or_default();
        let seen = points.iter().find_map(|point| match point.source {
            crate::evidence::Source::Checkpoint { number, .. } => Some(number),
            crate::evidence::Source::Witness => None,
        });
        let finding = match seen {
            Some(number) => Finding::new(Kind::RolledBack).at(1).to(newest).checkpoint(number),
            None => Finding::new(Kind::WitnessMismatch).at(newest),
        };
        ChainReport { conversation: *chain, entries: 0, anchored: 0, findings: vec![finding] }
    };
    missing.map(report).collect()
}

/// Up to where everything is proven by a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The newest checkpoint, from 1.
    pub checkpoint: u64,
    /// When it was signed.
    pub at: Timestamp,
    /// Leaves of its tree.
    pub size: u64,
    /// Whose signature it bears.
    pub key: VerifierKey,
}

/// The newest checkpoint of an anchor.
pub fn proof(anchor: &Anchor) -> Option<Proof> {
    let (newest, key) = (anchor.checkpoints().last()?, anchor.keys().last()?);
    let checkpoint = anchor.checkpoints().len() as u64;
    Some(Proof { checkpoint, at: newest.at, size: newest.size, key: key.clone() })
}
