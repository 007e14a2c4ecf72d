//! Reads the rows of commands, and of what lets them run, to be held against the chains: each table in one pass, because
//! nothing is believed of an index.

use std::collections::BTreeMap;

use mab_core::{
    RunId,
    approver::ApproverKey,
    evidence::{CommandRow, CommandsRow, DenialsRow, EnabledRow, EnrolledRow, Finding, Kind, digest},
    execution::Approval,
};
use rusqlite::{Connection, Row, types::ValueRef};

use super::{super::tx::BRIDGE, bytes, integer};

/// The first schema with commands.
const COMMANDS_SINCE: u32 = 5;

/// What the tables say of commands, by the conversation's row.
pub(super) struct Commands {
    by_conversation: BTreeMap<i64, CommandsRow>,
    /// The approver that is enrolled.
    pub(super) approvers: Vec<EnrolledRow>,
    /// Rows that belong to nobody.
    pub(super) strays: Vec<Finding>,
}

/// Where a command's row went: its conversation's row, and its place among the commands of that.
type Places = BTreeMap<i64, (i64, usize)>;

impl Commands {
    /// Reads all of them, or those of one conversation; `None` when the schema is older. `pks` are the conversations.
    pub(super) fn read(
        connection: &Connection,
        (only, pks): (Option<i64>, &[i64]),
        schema: u32,
    ) -> rusqlite::Result<Option<Self>> {
        if schema < COMMANDS_SINCE {
            return Ok(None);
        }
        let mut read = Self {
            by_conversation: pks.iter().map(|pk| (*pk, CommandsRow::default())).collect(),
            approvers: approvers(connection)?,
            strays: Vec::new(),
        };
        let agents = read.agents(connection, only)?;
        let places = read.runs(connection, only, &agents)?;
        read.votes(connection, only, (&agents, &places))?;
        read.terms(connection, only)?;
        Ok(Some(read))
    }

    /// Takes what is of one conversation.
    pub(super) fn of(&self, conversation_pk: i64) -> CommandsRow {
        self.by_conversation.get(&conversation_pk).cloned().unwrap_or_default()
    }

    /// Whether the bridge itself, which runs nothing, has any.
    pub(super) fn bridge_differs(&self) -> Option<Finding> {
        let of_bridge = self.by_conversation.get(&BRIDGE)?;
        let has_any = !(of_bridge.enabled.is_empty() && of_bridge.runs.is_empty());
        has_any.then(|| stray("commands of the bridge itself"))
    }

    /// Reads each member's denials; returns the members' handles by their row.
    fn agents(
        &mut self,
        connection: &Connection,
        only: Option<i64>,
    ) -> rusqlite::Result<BTreeMap<i64, (i64, String)>> {
        const AGENTS: &str = "SELECT pk, conversation, session, denials, execution_locked_at
             FROM agent NOT INDEXED WHERE ?1 IS NULL OR conversation = ?1";
        let mut agents = BTreeMap::new();
        each(connection, AGENTS, only, |row| {
            let session = String::from_utf8_lossy(bytes(row, 2)).into_owned();
            let conversation = integer(row, 1);
            if let Some(commands) = self.by_conversation.get_mut(&conversation) {
                let (denials, locked_at) = (integer(row, 3), time(row, 4));
                commands.denials.push(DenialsRow { session: session.clone(), denials, locked_at });
            }
            agents.insert(integer(row, 0), (conversation, session));
        })?;
        Ok(agents)
    }

    fn runs(
        &mut self,
        connection: &Connection,
        only: Option<i64>,
        agents: &BTreeMap<i64, (i64, String)>,
    ) -> rusqlite::Result<Places> {
        const RUNS: &str = "SELECT pk, conversation, agent, id, state, hash, request, created_at, expires_at,
             decided_at, assurance, approval, signature, key, boot, uptime_ms, quorum, started_at, end_asked_at,
             ended_at, reason FROM run NOT INDEXED WHERE ?1 IS NULL OR conversation = ?1";
        let mut places = Places::new();
        each(connection, RUNS, only, |row| {
            let conversation = integer(row, 1);
            let Some(commands) = self.by_conversation.get_mut(&conversation) else {
                self.strays.push(stray("a command of no conversation"));
                return;
            };
            let asked = agents.get(&integer(row, 2)).filter(|(of, _)| *of == conversation);
            places.insert(integer(row, 0), (conversation, commands.runs.len()));
            commands.runs.push(command(row, asked.map(|(_, session)| session.clone()).unwrap_or_default()));
        })?;
        Ok(places)
    }

    fn votes(
        &mut self,
        connection: &Connection,
        only: Option<i64>,
        (agents, places): (&BTreeMap<i64, (i64, String)>, &Places),
    ) -> rusqlite::Result<()> {
        const VOTES: &str =
            "SELECT run, agent, at, boot, uptime_ms FROM vote NOT INDEXED WHERE ?1 IS NULL OR ?1";
        each(connection, VOTES, only, |row| {
            let place = places.get(&integer(row, 0));
            let commands = place.and_then(|(pk, at)| self.by_conversation.get_mut(pk)?.runs.get_mut(*at));
            let Some((run, (conversation, _))) = commands.zip(place) else {
                if only.is_none() {
                    self.strays.push(stray("a vote on no command"));
                }
                return;
            };
            let voter = agents.get(&integer(row, 1)).filter(|(of, _)| of == conversation);
            let voter = voter.map(|(_, session)| session.clone()).unwrap_or_default();
            let moment = digest(&[Some(bytes(row, 3)), Some(&integer(row, 4).to_be_bytes())]);
            run.votes.insert(voter, (integer(row, 2), moment));
        })
    }

    fn terms(&mut self, connection: &Connection, only: Option<i64>) -> rusqlite::Result<()> {
        const TERMS: &str = "SELECT conversation, terms, signature, key, expires_at FROM terms NOT INDEXED
             WHERE ?1 IS NULL OR conversation = ?1";
        each(connection, TERMS, only, |row| {
            let Some(commands) = self.by_conversation.get_mut(&integer(row, 0)) else {
                self.strays.push(stray("terms of no conversation"));
                return;
            };
            let digest = digest(&[1, 2, 3].map(|column| Some(bytes(row, column))));
            commands.enabled.push(EnabledRow { digest, expires_at: integer(row, 4) });
        })
    }
}

fn approvers(connection: &Connection) -> rusqlite::Result<Vec<EnrolledRow>> {
    const APPROVERS: &str = "SELECT key, sealed, mac, enrolled_at, code_step, wrong_codes, locked_until
         FROM approver NOT INDEXED WHERE ?1 IS NULL";
    let mut approvers = Vec::new();
    each(connection, APPROVERS, None, |row| {
        approvers.push(EnrolledRow {
            digest: digest(&[0, 1, 2].map(|column| Some(bytes(row, column)))),
            enrolled_at: integer(row, 3),
            code_step: integer(row, 4),
            wrong_codes: integer(row, 5),
            locked_until: time(row, 6),
        });
    })?;
    Ok(approvers)
}

/// Reads a command's row, but for its votes.
fn command(row: &Row<'_>, session: String) -> CommandRow {
    let id = <[u8; 8]>::try_from(bytes(row, 3)).map(|id| RunId::from_bytes(id).to_string());
    let uptime_ms = time(row, 15).map(i64::to_be_bytes);
    let consent =
        [blob(row, 11), blob(row, 12), blob(row, 13), blob(row, 14), uptime_ms.as_ref().map(|it| &it[..])];
    let (name, hash) = (id.as_deref().unwrap_or_default(), bytes(row, 5));
    CommandRow {
        signed_by: signed_by(row, name, hash),
        id: id.unwrap_or_else(|_| "a command without a name".to_owned()),
        session,
        state: String::from_utf8_lossy(bytes(row, 4)).parse().ok(),
        hash: hash.to_vec(),
        request: blob(row, 6).map(|sealed| digest(&[Some(sealed)])),
        created_at: integer(row, 7),
        expires_at: integer(row, 8),
        decided_at: time(row, 9),
        assurance: blob(row, 10).map(|name| String::from_utf8_lossy(name).into_owned()),
        consent: consent.iter().any(Option::is_some).then(|| digest(&consent)),
        reason: blob(row, 20).map(|sealed| digest(&[Some(sealed)])),
        quorum: integer(row, 16),
        started_at: time(row, 17),
        end_asked_at: time(row, 18),
        ended_at: time(row, 19),
        votes: BTreeMap::new(),
    }
}

/// Whose signature holds over a yes to exactly this, as sure as the row says.
fn signed_by(row: &Row<'_>, run: &str, hash: &[u8]) -> Option<[u8; 32]> {
    let text = blob(row, 11).and_then(|text| std::str::from_utf8(text).ok())?;
    let key = ApproverKey::from_bytes(bytes(row, 13).try_into().ok()?)?;
    let approval = Approval::parse(text).ok().filter(|_| key.signed_approval(text, bytes(row, 12)))?;
    let is_this = approval.run == run
        && approval.request_hash == hex::encode(hash)
        && approval.assurance.as_str().as_bytes() == bytes(row, 10);
    is_this.then(|| key.bytes())
}

/// Reads every row of a table.
fn each(
    connection: &Connection,
    sql: &str,
    only: Option<i64>,
    mut take: impl FnMut(&Row<'_>),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([only])?;
    while let Some(row) = rows.next()? {
        take(row);
    }
    Ok(())
}

/// A column's bytes; `None` when there are none.
fn blob<'a>(row: &'a Row<'_>, column: usize) -> Option<&'a [u8]> {
    (!is_null(row, column)).then(|| bytes(row, column))
}

/// A column's number; `None` when there is none.
fn time(row: &Row<'_>, column: usize) -> Option<i64> {
    (!is_null(row, column)).then(|| integer(row, column))
}

fn is_null(row: &Row<'_>, column: usize) -> bool {
    matches!(row.get_ref(column), Ok(ValueRef::Null) | Err(_))
}

fn stray(what: &str) -> Finding {
    Finding::new(Kind::StateMismatch).what(what)
}
