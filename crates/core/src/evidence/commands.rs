//! What the entries of a conversation say of its commands: what is enabled, how each command stands and who agreed to it,
//! and whose commands are refused. An order of entries that cannot be is told too: then a row was changed in between.

use std::collections::BTreeMap;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::{
    evidence::Approvers,
    execution::{Assurance, RunState},
    policy::Action,
};

mod way;

/// What a conversation's tables say of its commands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandsRow {
    /// What is enabled; one row, or none.
    pub enabled: Vec<EnabledRow>,
    /// Every command there ever was.
    pub runs: Vec<CommandRow>,
    /// Members whose commands were denied.
    pub denials: Vec<DenialsRow>,
}

/// What the row of terms says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnabledRow {
    /// [`digest`] of terms, signature and key.
    pub digest: [u8; 32],
    /// Until when, in milliseconds.
    pub expires_at: i64,
}

/// What a command's row says, with its votes. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandRow {
    /// Its name.
    pub id: String,
    /// Who asked; empty when that is no member.
    pub session: String,
    /// How it stands; `None` when that cannot be read.
    pub state: Option<RunState>,
    /// The hash of its request.
    pub hash: Vec<u8>,
    /// [`digest`] of the sealed request, unless it was purged.
    pub request: Option<[u8; 32]>,
    /// When it was asked for.
    pub created_at: i64,
    /// When it is too late.
    pub expires_at: i64,
    /// When it was answered.
    pub decided_at: Option<i64>,
    /// How sure the yes is, by name.
    pub assurance: Option<String>,
    /// [`digest`] of what was signed, signature, key, boot and uptime, when any is there.
    pub consent: Option<[u8; 32]>,
    /// [`digest`] of the sealed reason of a no.
    pub reason: Option<[u8; 32]>,
    /// How many votes were enough.
    pub quorum: i64,
    /// When it was started.
    pub started_at: Option<i64>,
    /// When its end was asked for.
    pub end_asked_at: Option<i64>,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// Whose signature holds over a yes to this command and hash, as sure as the row says.
    pub signed_by: Option<[u8; 32]>,
    /// Who agreed: when, and [`digest`] of boot and uptime.
    pub votes: BTreeMap<String, (i64, [u8; 32])>,
}

/// What a member's row says of denials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DenialsRow {
    /// Who.
    pub session: String,
    /// How many.
    pub denials: i64,
    /// Since when its commands are refused, in milliseconds.
    pub locked_at: Option<i64>,
}

/// SHA-256 of columns, which hold random bits together, so that an entry that names it tells nothing.
///
/// ```text
/// SHA-256("mab.evidence.columns.v1\0" ‖ column …)     column = 0, or 1 ‖ length (u64, big-endian) ‖ bytes
/// ```
pub fn digest(columns: &[Option<&[u8]>]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(b"mab.evidence.columns.v1\0");
    for column in columns {
        match column {
            None => hasher.update([0]),
            Some(bytes) => {
                hasher.update([1]);
                hasher.update((bytes.len() as u64).to_be_bytes());
                hasher.update(bytes);
            }
        }
    }
    hasher.finalize().into()
}

/// The commands after the entries so far.
#[derive(Debug, Default)]
pub(super) struct Commands {
    enabled: Option<EnabledRow>,
    runs: BTreeMap<String, CommandRow>,
    denials: BTreeMap<String, (u64, Option<i64>)>,
    /// What an approver's key was needed for.
    keyed: Vec<Keyed>,
    purged: bool,
    /// The first entry that cannot follow those before it, and why.
    impossible: Option<(u64, String)>,
}

/// An entry that is true only if an approver signed.
#[derive(Debug)]
struct Keyed {
    n: u64,
    at: i64,
    /// The command that was agreed to; none when something was enabled.
    run: Option<String>,
    /// With which key, when the entry says so.
    key: Option<[u8; 32]>,
}

/// An entry about commands.
pub(super) struct Told<'a> {
    pub(super) n: u64,
    pub(super) at: i64,
    pub(super) actor: &'a str,
    pub(super) action: &'a [u8],
    /// Whether this is a member that may do this now.
    pub(super) may: &'a dyn Fn(&str, Action) -> bool,
}

impl Told<'_> {
    fn may_agree(&self, session: &str) -> bool {
        (self.may)(session, Action::Approve)
    }
}

/// The facts of an entry that the rows follow from.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Facts {
    run: Option<String>,
    request: Hex,
    step: Option<String>,
    assurance: Option<String>,
    denials: Option<u64>,
    then: Option<String>,
    quorum: u8,
    expires_at_ms: i64,
    request_sha256: Option<Hex>,
    consent_sha256: Option<Hex>,
    vote_sha256: Option<Hex>,
    reason_sha256: Option<Hex>,
    terms_sha256: Option<Hex>,
    key: Option<Hex>,
    session: Vec<String>,
}

/// Thirty-two bytes, as an entry has them.
#[derive(Clone, Copy, Default)]
struct Hex([u8; 32]);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut bytes = [0; 32];
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        hex::decode_to_slice(text.as_bytes(), &mut bytes).map_err(serde::de::Error::custom)?;
        Ok(Self(bytes))
    }
}

impl Commands {
    /// Takes an entry; `None` when it cannot be understood.
    pub(super) fn take(&mut self, told: &Told<'_>, detail: &[u8]) -> Option<()> {
        let facts: Facts = serde_json::from_slice(detail).ok()?;
        if told.action == b"unlock_execution" {
            self.denials.retain(|session, _| !facts.session.contains(session));
            return Some(());
        }
        let Some(step) = facts.step.as_deref() else { return Some(()) };
        match (&facts.run, step) {
            (Some(run), _) => {
                if let Err(why) = self.step(told, &facts, (run, step)) {
                    let what = format!("{run}: {step}, {why}");
                    self.impossible = self.impossible.take().or(Some((told.n, what)));
                }
            }
            (None, "enabled") => {
                self.end_all(told.at);
                let digest = facts.terms_sha256?.0;
                self.keyed.push(Keyed { n: told.n, at: told.at, run: None, key: Some(facts.key?.0) });
                self.enabled = Some(EnabledRow { digest, expires_at: facts.expires_at_ms });
            }
            (None, "disabled") => {
                self.enabled = None;
                self.end_all(told.at);
            }
            (None, _) => {}
        }
        Some(())
    }

    /// One step of a command's way.
    fn step(
        &mut self,
        told: &Told<'_>,
        facts: &Facts,
        (id, step): (&String, &str),
    ) -> Result<(), &'static str> {
        let Some(mut run) = self.runs.remove(id) else { return self.asked(told, facts, (id, step)) };
        let assurance: Option<Assurance> = facts.assurance.as_deref().and_then(|it| it.parse().ok());
        if step == "approved" && assurance.is_some_and(Assurance::is_of_a_person) {
            let key = facts.key.map(|key| key.0);
            self.keyed.push(Keyed { n: told.n, at: told.at, run: Some(id.clone()), key });
        }
        let gone_on = match step {
            "pending" if told.action == b"approve" => run.voted(told, facts),
            "approved" => run.approved(told, facts),
            "denied" => run.denied(told, facts).and_then(|()| self.denied(told, facts, &run.session)),
            "withdrawn" => run.withdrawn(told),
            "started" => run.started(told, facts).and_then(|()| self.may_run(told, &run.session)),
            "finished" | "lost" | "expired" => run.ended(told, step),
            _ => Err("and it was asked for before"),
        };
        let is_it = run.hash == facts.request.0;
        self.runs.insert(id.clone(), run);
        gone_on.and(if is_it { Ok(()) } else { Err("with another hash than it was asked for") })
    }

    /// A command was asked for.
    fn asked(
        &mut self,
        told: &Told<'_>,
        facts: &Facts,
        (id, step): (&String, &str),
    ) -> Result<(), &'static str> {
        let state = match step {
            "pending" if told.action != b"approve" => RunState::Pending,
            "running" => RunState::Running,
            _ => return Err("and nobody had asked for it"),
        };
        let run = CommandRow {
            id: id.clone(),
            session: told.actor.to_owned(),
            state: Some(state),
            hash: facts.request.0.to_vec(),
            request: facts.request_sha256.map(|digest| digest.0),
            created_at: told.at,
            expires_at: facts.expires_at_ms,
            signed_by: None,
            decided_at: None,
            assurance: facts.assurance.clone(),
            consent: None,
            reason: None,
            quorum: 0,
            started_at: (state == RunState::Running).then_some(told.at),
            end_asked_at: None,
            ended_at: None,
            votes: BTreeMap::new(),
        };
        self.runs.insert(id.clone(), run);
        self.may_run(told, told.actor)
    }

    /// Whether commands of this member could be asked for or started then.
    fn may_run(&self, told: &Told<'_>, session: &str) -> Result<(), &'static str> {
        if self.enabled.as_ref().is_none_or(|terms| terms.expires_at <= told.at) {
            return Err("and nothing was enabled");
        }
        if self.denials.get(session).is_some_and(|(_, locked_at)| locked_at.is_some()) {
            return Err("and its agent's commands were refused");
        }
        if (told.may)(session, Action::Execute) { Ok(()) } else { Err("for one who may not") }
    }

    /// Counts a person's no against who asked; that of an agent is not counted.
    fn denied(&mut self, told: &Told<'_>, facts: &Facts, session: &str) -> Result<(), &'static str> {
        let Some(said) = facts.denials else {
            return if told.may_agree(told.actor) { Ok(()) } else { Err("by one who may not") };
        };
        let (denials, locked_at) = self.denials.entry(session.to_owned()).or_default();
        *denials += 1;
        if facts.then.as_deref() == Some("locked") {
            *locked_at = locked_at.or(Some(told.at));
        }
        if *denials == said { Ok(()) } else { Err("and the denials before it were others") }
    }

    /// A member's place ended, and with it what it asked for.
    pub(super) fn end_of(&mut self, session: &str, at: i64) {
        self.runs.values_mut().filter(|run| run.session == session).for_each(|run| run.end(at));
    }

    fn end_all(&mut self, at: i64) {
        self.runs.values_mut().for_each(|run| run.end(at));
    }

    /// What happened to which hash stays.
    pub(super) fn purge(&mut self) {
        self.purged = true;
        self.enabled = None;
        self.denials.clear();
        for run in self.runs.values_mut() {
            (run.request, run.consent, run.reason) = (None, None, None);
            run.votes.clear();
            if run.state.is_some_and(RunState::is_open) {
                run.state = Some(RunState::Expired);
            }
        }
    }

    /// The first entry that cannot follow those before it, and why.
    pub(super) fn impossible(&self) -> Option<&(u64, String)> {
        self.impossible.as_ref()
    }

    /// The first entry that an approver should have signed, and did not, and why.
    pub(super) fn unsigned(&self, row: &CommandsRow, approvers: Option<&Approvers>) -> Option<(u64, String)> {
        self.keyed.iter().find_map(|keyed| {
            let run = keyed.run.as_ref();
            let row = run.and_then(|id| row.runs.iter().find(|row| row.id == *id));
            let signed_by = row.and_then(|row| row.signed_by);
            let what = run.map_or_else(|| "enabled".to_owned(), |id| format!("{id}: approved"));
            if run.is_some() && signed_by.is_none() && !self.purged {
                return Some((keyed.n, format!("{what}, and no approver signed it")));
            }
            let had = |key: &[u8; 32]| approvers.is_none_or(|them| them.had(key, keyed.at));
            let is_theirs = keyed.key.iter().chain(&signed_by).all(had);
            (!is_theirs).then(|| (keyed.n, format!("{what}, with a key that was not enrolled then")))
        })
    }

    /// The first difference.
    pub(super) fn differs(&self, row: &CommandsRow) -> Option<String> {
        let enabled: Vec<_> = self.enabled.iter().cloned().collect();
        if enabled != row.enabled {
            let said = |any: bool| if any { "enabled" } else { "not enabled" };
            let (is, was) = (said(!row.enabled.is_empty()), said(!enabled.is_empty()));
            return Some(if is == was {
                "commands: enabled otherwise than recorded".to_owned()
            } else {
                format!("commands: {is}, recorded: {was}")
            });
        }
        self.runs_differ(&row.runs).or_else(|| self.denials_differ(&row.denials))
    }

    fn runs_differ(&self, rows: &[CommandRow]) -> Option<String> {
        let mut left: BTreeMap<&String, &CommandRow> = self.runs.iter().collect();
        for row in rows {
            let Some(recorded) = left.remove(&row.id) else {
                return Some(format!("{}: there, recorded: not asked for", row.id));
            };
            if let Some(column) = recorded.differs(row) {
                return Some(format!("{column} of {}: not as recorded", row.id));
            }
        }
        left.keys().next().map(|id| format!("{id}: not there, recorded: asked for"))
    }

    fn denials_differ(&self, rows: &[DenialsRow]) -> Option<String> {
        rows.iter().find_map(|row| {
            let (denials, locked_at) = self.denials.get(&row.session).copied().unwrap_or_default();
            if row.denials != i64::try_from(denials).unwrap_or(i64::MAX) {
                return Some(format!("denials of {}: {}, recorded: {denials}", row.session, row.denials));
            }
            (row.locked_at != locked_at).then(|| format!("lock of {}: not as recorded", row.session))
        })
    }
}
