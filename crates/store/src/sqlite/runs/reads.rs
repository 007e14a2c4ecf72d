//! Reading how commands stand.

use mab_core::{
    ConversationId, RunId, SessionId, Timestamp,
    entity::{ExecutionState, RunRow, TermsRow, WishRow},
    execution::{Assurance, Consent, RunState},
    policy::Action,
    source::Uptime,
};
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::super::rows;

/// Among how many of the newest commands of a conversation those are sought that ended.
const ENDED_MAX: u32 = 64;

/// What [`stored`] reads.
macro_rules! run_columns {
    () => {
        "SELECT r.pk, r.id, c.id, r.conversation, r.agent, a.session, r.reason, r.state, r.request, r.hash,
         r.created_at, r.expires_at, r.decided_at, r.end_asked_at IS NOT NULL, r.assurance, r.approval,
         r.signature, r.boot, r.uptime_ms, r.started_at, r.ended_at, r.quorum
         FROM run r JOIN conversation c ON c.pk = r.conversation JOIN agent a ON a.pk = r.agent "
    };
}

/// One command, with its row.
pub(super) fn run(connection: &Connection, id: RunId) -> rusqlite::Result<Option<(i64, RunRow)>> {
    const FIND: &str = concat!(run_columns!(), "WHERE r.id = ?1");
    let mut find = connection.prepare_cached(FIND)?;
    let found = find.query_row([id.bytes()], stored).optional()?;
    found.map(|found| with_votes(connection, found)).transpose()
}

/// How commands stand in one conversation, or wherever there is anything to tell.
pub(super) fn execution(
    connection: &Connection,
    only: Option<ConversationId>,
    now: Timestamp,
) -> rusqlite::Result<Vec<ExecutionState>> {
    const ONE: &str = "SELECT pk, id, wrapped_key FROM conversation WHERE id = ?1 AND pk <> 0";
    const ALL: &str = "SELECT pk, id, wrapped_key FROM conversation WHERE pk IN (
         SELECT conversation FROM terms WHERE expires_at > ?1
         UNION SELECT conversation FROM wish
         UNION SELECT conversation FROM run WHERE state IN ('pending', 'approved', 'running')
         UNION SELECT conversation FROM agent WHERE execution_locked_at IS NOT NULL) ORDER BY pk";
    let snapshot = connection.unchecked_transaction()?;
    let read = |row: &Row<'_>| {
        Ok((
            row.get::<_, i64>(0)?,
            ConversationId::from_bytes(row.get(1)?),
            row.get::<_, Option<Vec<u8>>>(2)?,
        ))
    };
    let found = match only {
        Some(id) => rows::sound(snapshot.prepare_cached(ONE)?.query_map([id.bytes()], read)?)?,
        None => rows::sound(snapshot.prepare_cached(ALL)?.query_map([now.millis()], read)?)?,
    };
    let state = |(conversation_pk, conversation, wrapped_key)| {
        Ok(ExecutionState {
            conversation,
            wrapped_key,
            terms: terms(&snapshot, conversation_pk)?,
            wishes: wishes(&snapshot, conversation_pk)?,
            runs: live(&snapshot, conversation_pk)?,
            locked: locked(&snapshot, conversation_pk)?,
        })
    };
    found.into_iter().map(state).collect()
}

fn terms(connection: &Connection, conversation_pk: i64) -> rusqlite::Result<Option<TermsRow>> {
    const FIND: &str = "SELECT terms, signature, key, expires_at FROM terms WHERE conversation = ?1";
    let read = |row: &Row<'_>| {
        Ok(TermsRow {
            terms: row.get(0)?,
            signature: row.get(1)?,
            key: row.get(2)?,
            expires_at: rows::time(row, 3)?,
        })
    };
    match connection.prepare_cached(FIND)?.query_row([conversation_pk], read) {
        // What cannot be read enables nothing.
        Err(error) if rows::is_damage(&error) => Ok(None),
        found => found.map(Some),
    }
}

fn wishes(connection: &Connection, conversation_pk: i64) -> rusqlite::Result<Vec<WishRow>> {
    const FIND: &str = "SELECT a.session, w.asked_at, w.body
         FROM wish w JOIN agent a ON a.pk = w.agent WHERE w.conversation = ?1 ORDER BY a.ordinal";
    let mut find = connection.prepare_cached(FIND)?;
    rows::sound(find.query_map([conversation_pk], |row| {
        Ok(WishRow { session: rows::session(row, 0)?, asked_at: rows::time(row, 1)?, body: row.get(2)? })
    })?)
}

/// Commands that are open or running, oldest first.
fn live(connection: &Connection, conversation_pk: i64) -> rusqlite::Result<Vec<RunRow>> {
    const LIVE: &str = concat!(
        run_columns!(),
        "WHERE r.conversation = ?1 AND r.state IN ('pending', 'approved', 'running') ORDER BY r.pk"
    );
    let found = rows::sound(connection.prepare_cached(LIVE)?.query_map([conversation_pk], stored)?)?;
    found.into_iter().map(|found| with_votes(connection, found).map(|(_, run)| run)).collect()
}

/// The newest of an agent's commands that ended, among the newest of its conversation.
pub(super) fn ended(
    connection: &Connection,
    (conversation_pk, agent_pk): (i64, i64),
) -> rusqlite::Result<Vec<RunRow>> {
    const ENDED: &str = concat!(
        run_columns!(),
        "WHERE r.pk IN (SELECT pk FROM run WHERE conversation = ?1 ORDER BY pk DESC LIMIT ?3)
         AND r.agent = ?2 AND r.state NOT IN ('pending', 'approved', 'running') ORDER BY r.pk DESC"
    );
    let mut find = connection.prepare_cached(ENDED)?;
    let found = rows::sound(find.query_map((conversation_pk, agent_pk, ENDED_MAX), stored)?)?;
    found.into_iter().map(|found| with_votes(connection, found).map(|(_, run)| run)).collect()
}

fn locked(connection: &Connection, conversation_pk: i64) -> rusqlite::Result<Vec<SessionId>> {
    const LOCKED: &str = "SELECT session FROM agent
         WHERE conversation = ?1 AND execution_locked_at IS NOT NULL ORDER BY ordinal";
    let mut find = connection.prepare_cached(LOCKED)?;
    rows::sound(find.query_map([conversation_pk], |row| rows::session(row, 0))?)
}

/// Agents that agreed, that are still there and still may, in the order they did.
struct Votes {
    sessions: Vec<SessionId>,
    last: Option<(Timestamp, Uptime)>,
}

fn votes(connection: &Connection, run_pk: i64) -> rusqlite::Result<Votes> {
    const VOTES: &str = "SELECT a.session, a.permission, v.at, v.boot, v.uptime_ms
         FROM vote v JOIN agent a ON a.pk = v.agent
         WHERE v.run = ?1 AND a.revoked_at IS NULL ORDER BY v.at, v.agent";
    let mut find = connection.prepare_cached(VOTES)?;
    let found = find.query_map([run_pk], |row| {
        let uptime = Uptime { boot: row.get(3)?, ms: rows::count(row.get(4)?) };
        Ok((rows::session(row, 0)?, rows::named(row, 1)?, (rows::time(row, 2)?, uptime)))
    })?;
    let mut found = rows::sound(found)?;
    found.retain(|(_, permission, _)| Action::Approve.is_of(*permission));
    let last = found.last().map(|(_, _, at)| *at);
    Ok(Votes { sessions: found.into_iter().map(|(session, ..)| session).collect(), last })
}

/// How many votes of agents that are still there and still may.
pub(super) fn count_votes(connection: &Connection, run_pk: i64) -> rusqlite::Result<usize> {
    votes(connection, run_pk).map(|votes| votes.sessions.len())
}

fn with_votes(connection: &Connection, (run_pk, mut run): (i64, RunRow)) -> rusqlite::Result<(i64, RunRow)> {
    let Votes { sessions, last } = votes(connection, run_pk)?;
    if let (None, Some((at, uptime))) = (&run.consent, last) {
        run.consent = Some(Consent::Voted { by: sessions.clone(), at, uptime });
    }
    Ok((run_pk, RunRow { votes: sessions, ..run }))
}

/// Reads a command's row, but for its votes.
fn stored(row: &Row<'_>) -> rusqlite::Result<(i64, RunRow)> {
    let decided_at = rows::optional_time(row, 12)?;
    let run = RunRow {
        id: RunId::from_bytes(row.get(1)?),
        conversation: ConversationId::from_bytes(row.get(2)?),
        conversation_pk: row.get(3)?,
        agent_pk: row.get(4)?,
        session: rows::session(row, 5)?,
        state: rows::named::<RunState>(row, 7)?,
        request: row.get(8)?,
        hash: row.get(9)?,
        created_at: rows::time(row, 10)?,
        expires_at: rows::time(row, 11)?,
        consent: consent(row, decided_at)?,
        votes: Vec::new(),
        quorum: row.get(21)?,
        reason: row.get(6)?,
        decided_at,
        end_asked: row.get(13)?,
        assurance: row.get::<_, Option<String>>(14)?.map(|_| rows::named(row, 14)).transpose()?,
        started_at: rows::optional_time(row, 19)?,
        ended_at: rows::optional_time(row, 20)?,
    };
    Ok((row.get(0)?, run))
}

/// Reads a consent that is not of votes.
fn consent(row: &Row<'_>, decided_at: Option<Timestamp>) -> rusqlite::Result<Option<Consent>> {
    if row.get::<_, Option<String>>(14)?.is_none() {
        return Ok(None);
    }
    Ok(match rows::named::<Assurance>(row, 14)? {
        Assurance::Passphrase | Assurance::PassphraseTotp => {
            let (text, signature) = (row.get::<_, Option<String>>(15)?, row.get::<_, Option<Vec<u8>>>(16)?);
            // Purged: it agrees to nothing any more.
            text.zip(signature).map(|(text, signature)| Consent::Signed { text, signature })
        }
        Assurance::Elicitation => {
            let uptime = Uptime { boot: row.get(17)?, ms: rows::count(row.get(18)?) };
            decided_at.map(|at| Consent::Elicited { at, uptime })
        }
        Assurance::Policy | Assurance::Approvers => None,
    })
}
