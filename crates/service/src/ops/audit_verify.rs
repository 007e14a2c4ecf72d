//! `audit_verify`: walks the audit chains, holds them against checkpoints and witnesses, and the tables against them.
//!
//! The files outside of the store are the caller's to read: it passes what they hold, or how the anchor is read.

use std::sync::Arc;

use mab_core::{
    Code, ConversationId, Denied, Failure,
    evidence::{
        self, AnchorJudged, ChainReport, Examination, Examined, Finding, Given, Kind, MarksChecked, Proof,
        Witness,
    },
    note::VerifierKey,
    policy::Action,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    anchor_reading::{self, ReadAnchor},
    arguments::ConversationArgument,
    door::{Call, Op},
};

/// The bridge's own chain.
pub(crate) const BRIDGE: &str = "bridge";

/// The operation.
pub(crate) struct AuditVerify;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// Only this conversation's chain
    #[serde(default)]
    conversation_id: Option<ConversationArgument>,
    /// Text of the anchor
    #[serde(default)]
    anchor: Option<String>,
    /// Whether that is the anchor which this store writes to, rather than a copy of some time
    #[serde(default)]
    anchor_is_own: bool,
    /// Verifier keys that are trusted
    #[serde(default)]
    trusted_keys: Vec<String>,
    /// Verifier key of the key that signs
    #[serde(default)]
    signing_key: Option<String>,
    /// That of its successor, while the key is changed
    #[serde(default)]
    next_key: Option<String>,
    /// What others were told: `conversation:n:digits`
    #[serde(default)]
    witnesses: Vec<String>,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    /// Whether nothing was tampered with
    ok: bool,
    /// One sentence
    summary: String,
    /// Of the database
    schema: u32,
    /// `shared`, `read-only`, `immutable` or `copy`
    opened: &'static str,
    /// Whether marks were checked
    marks: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    proven: Option<Proven>,
    /// The first one first, warnings last
    findings: Vec<Found>,
    chains: Vec<Chain>,
}

/// Up to where a signature proves everything.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Proven {
    /// The newest checkpoint
    checkpoint: u64,
    at: String,
    /// Leaves of its tree
    size: u64,
    /// Id of the key
    key: String,
    /// Whether somebody vouches for the key, rather than the anchor itself
    key_trusted: bool,
    /// Entries it covers
    entries: u64,
    /// Entries that are newer
    newer: u64,
}

/// Something that was found.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Found {
    kind: &'static str,
    warning: bool,
    /// `bridge`: the bridge's own. Absent: not of one chain
    #[serde(skip_serializing_if = "Option::is_none")]
    chain: Option<String>,
    /// The first bad entry
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u64>,
    /// The last one, or the other one of two
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<u64>,
    /// The checkpoint that tells
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint: Option<u64>,
    /// What exactly
    #[serde(skip_serializing_if = "Option::is_none")]
    what: Option<String>,
    meaning: &'static str,
}

/// One chain.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Chain {
    /// Absent: the bridge's own
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<String>,
    /// How many entries hold
    entries: u64,
    /// How many of them a checkpoint has seen
    anchored: u64,
    /// What is wrong first
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<Broken>,
}

/// Where a chain breaks.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Broken {
    kind: &'static str,
    /// The entry
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u64>,
}

impl Op for AuditVerify {
    const ACTION: Action = Action::Inspect;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let (store, now) = (call.bridge.store.as_ref(), call.bridge.clock.now());
        let only = arguments.conversation_id.map(|id| id.0);
        let witnesses = witnesses(&arguments.witnesses, only)?;
        let told = arguments.anchor.clone();
        let reader: ReadAnchor = match &call.bridge.read_anchor {
            Some(reader) if told.is_none() => Arc::clone(reader),
            Some(_) | None => Arc::new(move || Ok(told.clone())),
        };
        let (anchor, recorded) = anchor_reading::read(store, &reader).await?;
        // The change is made when its checkpoint is recorded; the file follows.
        let next = arguments.next_key.as_deref().map(verifier_key).transpose()?;
        let changed = next.filter(|next| recorded.as_ref().is_some_and(|recorded| recorded.names(next)));
        let given = Given {
            anchor,
            own: arguments.anchor_is_own,
            trusted: arguments.trusted_keys.iter().map(|key| verifier_key(key)).collect::<Result<_, _>>()?,
            key: changed.or(arguments.signing_key.as_deref().map(verifier_key).transpose()?),
        };
        let judged = evidence::judge_anchor(&given, recorded.as_ref(), now);
        let mut examination = Examination { conversation: only, own: given.own, ..Examination::default() };
        if let Some(anchor) = &judged.anchor {
            examination.points = evidence::points_of(anchor);
            examination.newest_checkpoint_at = anchor.checkpoints().last().map(|newest| newest.at);
        }
        for witness in witnesses {
            let points = examination.points.entry(witness.conversation).or_default();
            points.push(witness.point);
            points.sort_by_key(|point| point.n);
        }
        let mut examined = store.examine(examination).await?;
        let before = given.anchor.as_deref().unwrap_or_default();
        anchor_reading::forgive(store, (&reader, before), &given, (&mut examined.chains, now)).await?;
        if examined.chains.is_empty() {
            return Err(Denied::new(Code::NotFound, "no such conversation")
                .hint("`mab list --all` shows what there is")
                .into());
        }
        Ok(answer(&judged, &examined, &given))
    }
}

fn verifier_key(text: &str) -> Result<VerifierKey, Denied> {
    text.trim().parse().map_err(|error: mab_core::note::NoVerifierKey| {
        Denied::new(Code::InvalidArguments, error.to_string()).hint("`mab keys` shows the keys in this form")
    })
}

fn witnesses(texts: &[String], only: Option<ConversationId>) -> Result<Vec<Witness>, Denied> {
    let parse = |text: &String| {
        let witness: Witness = text.parse().map_err(|error: &str| {
            Denied::new(Code::InvalidArguments, error)
                .hint("for example conv_0123456789abcdef:17:<32 digits>")
        })?;
        if only.is_some() && witness.conversation != only {
            return Err(Denied::new(
                Code::InvalidArguments,
                "a witness is of another chain than is verified",
            )
            .hint("verify every chain, or leave that witness out"));
        }
        Ok(witness)
    };
    texts.iter().map(parse).collect()
}

fn answer(judged: &AnchorJudged, examined: &Examined, given: &Given) -> Answer {
    let mut found: Vec<Found> = examined.findings.iter().map(|finding| Found::new(finding, None)).collect();
    for chain in &examined.chains {
        found.extend(chain.findings.iter().map(|finding| Found::new(finding, Some(chain))));
    }
    found.extend(judged.findings.iter().map(|finding| Found::new(finding, None)));
    if examined.marks == MarksChecked::WrongKey {
        found.push(Found::new(&Finding::new(Kind::WrongMasterKey), None));
    }
    let entries = examined.chains.iter().map(|chain| chain.entries).sum::<u64>();
    let anchored = examined.chains.iter().map(|chain| chain.anchored).sum::<u64>();
    let ok = found.iter().all(|found| found.warning);
    // Of what is broken, each chain tells how far it holds.
    let proof = judged.anchor.as_ref().filter(|_| ok).and_then(evidence::proof);
    let proven = proof.map(|proof| Proven::new(&proof, given, (anchored, entries - anchored)));
    if proven.as_ref().is_some_and(|proven| proven.newer > 0) {
        let what = format!("{} entries", entries - anchored);
        found.push(Found::new(&Finding::new(Kind::Unproven).what(what), None));
    }
    found.sort_by_key(|found| found.warning);
    let summary = summary(found.first().filter(|_| !ok), proven.as_ref(), examined.marks, entries);
    let (schema, opened, marks) = (examined.schema, examined.opened, examined.marks.as_str());
    let chains = examined.chains.iter().map(Chain::new).collect();
    Answer { ok, summary, schema, opened, marks, proven, findings: found, chains }
}

fn summary(bad: Option<&Found>, proven: Option<&Proven>, marks: MarksChecked, entries: u64) -> String {
    const BY_HASHES: &str = "held by public hashes only, which anybody can make anew";
    let (held, unchecked) = match marks {
        MarksChecked::Checked => ("held by marks only", ""),
        MarksChecked::NoKey => (BY_HASHES, "; marks were not checked: no master.key"),
        MarksChecked::WrongKey => (BY_HASHES, "; marks were not checked: not the database's master.key"),
        MarksChecked::None => (BY_HASHES, ""),
    };
    match (bad, proven) {
        (Some(bad), _) => {
            let place = bad.chain.as_deref().map(|chain| format!(" in {chain}")).unwrap_or_default();
            let entry = bad.n.map(|n| format!(" at entry {n}")).unwrap_or_default();
            format!("not as it was recorded: {}{place}{entry}{unchecked}", bad.kind)
        }
        (None, Some(Proven { at, checkpoint, key, newer, .. })) => {
            let newer = match newer {
                0 => "nothing is newer".to_owned(),
                1 => format!("1 newer entry is {held}"),
                newer => format!("{newer} newer entries are {held}"),
            };
            format!("proven up to {at} (checkpoint {checkpoint}, key {key}); {newer}{unchecked}")
        }
        (None, None) => {
            format!(
                "no checkpoint proves anything; {entries} entries hold among themselves, {held}{unchecked}"
            )
        }
    }
}

impl Proven {
    fn new(proof: &Proof, given: &Given, (entries, newer): (u64, u64)) -> Self {
        Self {
            checkpoint: proof.checkpoint,
            at: proof.at.to_string(),
            size: proof.size,
            key: proof.key.id(),
            key_trusted: !given.trusted.is_empty() || given.key.is_some(),
            entries,
            newer,
        }
    }
}

impl Found {
    fn new(finding: &Finding, chain: Option<&ChainReport>) -> Self {
        Self {
            kind: finding.kind.as_str(),
            warning: finding.kind.is_warning(),
            chain: chain.map(|chain| chain.conversation.map_or(BRIDGE.to_owned(), |id| id.to_string())),
            n: finding.n,
            to: finding.to,
            checkpoint: finding.checkpoint,
            what: finding.what.clone(),
            meaning: finding.kind.meaning(),
        }
    }
}

impl Chain {
    fn new(report: &ChainReport) -> Self {
        let broken = report.findings.iter().find(|finding| !finding.kind.is_warning());
        Self {
            conversation_id: report.conversation.map(|id| id.to_string()),
            entries: report.entries,
            anchored: report.anchored,
            broken: broken.map(|finding| Broken { kind: finding.kind.as_str(), n: finding.n }),
        }
    }
}
