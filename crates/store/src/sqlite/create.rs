//! Opening a conversation.

use mab_core::{
    Failure,
    agent::MEMBERS_MAX,
    audit,
    entity::{NewAgent, NewConversation},
    policy::Stamp,
    seal::Sealed,
};
use rusqlite::params;

use super::tx::{BRIDGE, Tx};

impl Tx<'_> {
    /// Opens a conversation; the first entry of its chain is this.
    pub(super) fn create(&self, stamp: &Stamp, new: &NewConversation) -> Result<(), Failure> {
        const INSERT: &str =
            "INSERT INTO conversation (id, created_at, expires_at, wrapped_key, topic, audit_head)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING pk";
        self.guarded(stamp, || {
            self.enter(stamp)?;
            let topic = new.topic.as_ref().map(Sealed::as_bytes);
            let head = audit::genesis(Some(new.id));
            let values = params![
                new.id.bytes(),
                self.now().millis(),
                new.expires_at.millis(),
                new.wrapped_key,
                topic,
                head
            ];
            let pk: i64 = self.row(INSERT, values, |row| row.get(0))?.unwrap_or(BRIDGE);
            for (agent, ordinal) in new.agents.iter().zip(0..MEMBERS_MAX) {
                self.insert_agent(pk, ordinal, agent)?;
            }
            let members = new.agents.iter().map(|agent| &agent.session);
            let permissions = new.agents.iter().map(|agent| agent.permission.as_str());
            let detail = stamp.detail().clone().conversation("conversation", &new.id);
            let detail = detail.sessions("members", members).names("permissions", permissions);
            self.done(&self.ledger(pk)?, stamp, detail)
        })
    }

    /// Adds an agent's row.
    pub(super) fn insert_agent(
        &self,
        conversation_pk: i64,
        ordinal: u8,
        agent: &NewAgent,
    ) -> Result<(), Failure> {
        const INSERT: &str = "INSERT INTO agent (conversation, ordinal, session, permission, role) VALUES (?1, ?2, ?3, ?4, ?5)";
        let (session, permission) = (agent.session.as_str(), agent.permission.as_str());
        self.execute_one(
            INSERT,
            params![conversation_pk, ordinal, session, permission, agent.role.as_bytes()],
        )
    }
}
