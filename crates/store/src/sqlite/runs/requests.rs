//! Asking: wishes, and commands that wait for a yes or start at once.

use mab_core::{
    Code, Denied, Failure, Fault,
    entity::{NewRun, NewWish, Notice},
    evidence,
    execution::{Assurance, OPEN_IN_CONVERSATION_MAX, OPEN_MAX, RunState},
    policy::Stamp,
};
use rusqlite::params;

use super::super::{
    append::refuse_without_room,
    guard::refuse_when_paused,
    tx::{Entered, Tx},
};

impl Tx<'_> {
    /// Keeps what an agent wishes to be enabled.
    pub(super) fn wish(&self, stamp: &Stamp, wish: &NewWish, notice: &Notice) -> Result<(), Failure> {
        const KEEP: &str =
            "INSERT OR REPLACE INTO wish (conversation, agent, asked_at, body) VALUES (?1, ?2, ?3, ?4)";
        self.change(stamp, |entered| {
            refuse_when_paused(stamp, entered)?;
            self.refuse_when_locked(entered.agent_pk)?;
            self.refuse_quoting(entered, stamp)?;
            let bytes = notice.body.as_bytes().len() as u64;
            refuse_without_room(&entered.ledger, bytes, entered.overrides.quotas(wish.quotas))?;
            let body = wish.body.as_bytes();
            self.execute_one(
                KEEP,
                params![entered.conversation_pk, entered.agent_pk, self.now().millis(), body],
            )?;
            let detail = stamp.detail().clone().name("step", "wished");
            Ok(((), self.tell(&mut entered.ledger, notice, detail)?))
        })
    }

    /// Takes a wish back; nothing happens when there is none.
    pub(super) fn take_back_wish(&self, stamp: &Stamp, notice: &Notice) -> Result<(), Failure> {
        const FORGET: &str = "DELETE FROM wish WHERE conversation = ?1 AND agent = ?2";
        self.guarded(stamp, || {
            let mut entered = self.enter(stamp)?;
            if self.execute(FORGET, [entered.conversation_pk, entered.agent_pk])? == 0 {
                return Ok(());
            }
            let detail = stamp.detail().clone().name("step", "taken_back");
            let detail = self.tell(&mut entered.ledger, notice, detail)?;
            self.done(&entered.ledger, stamp, detail)
        })
    }

    /// Keeps a command that was asked for.
    pub(super) fn request_run(
        &self,
        stamp: &Stamp,
        new: &NewRun,
        notice: Option<&Notice>,
    ) -> Result<(), Failure> {
        const INSERT: &str =
            "INSERT INTO run (id, conversation, agent, state, hash, request, created_at, expires_at,
             assurance, started_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        let starts = match new.state {
            RunState::Pending => false,
            RunState::Running => true,
            RunState::Approved
            | RunState::Denied
            | RunState::Withdrawn
            | RunState::Expired
            | RunState::Finished
            | RunState::Lost => return Err(Fault::new("asking for a command that is past that").into()),
        };
        let (assurance, started_at) =
            starts.then(|| (Assurance::Policy.as_str(), self.now().millis())).unzip();
        self.change(stamp, |entered| {
            refuse_when_paused(stamp, entered)?;
            self.refuse_when_locked(entered.agent_pk)?;
            self.refuse_when_disabled(entered.conversation_pk)?;
            self.refuse_quoting(entered, stamp)?;
            if !starts {
                self.refuse_when_too_many(entered)?;
            }
            let (id, state, request) = (new.id.bytes(), new.state.as_str(), new.request.as_bytes());
            let told = notice.map_or(0, |notice| notice.body.as_bytes().len() as u64);
            let kept = request.len() as u64;
            refuse_without_room(&entered.ledger, kept + told, entered.overrides.quotas(new.quotas))?;
            entered.ledger.size_bytes += kept;
            let (now, until) = (self.now().millis(), new.expires_at.millis());
            let (conversation, agent) = (entered.conversation_pk, entered.agent_pk);
            self.execute_one(
                INSERT,
                params![id, conversation, agent, state, new.hash, request, now, until, assurance, started_at],
            )?;
            let detail = stamp.detail().clone().run("run", &new.id).digest("request", &new.hash);
            let mut detail = detail
                .name("step", state)
                .digest("request_sha256", &evidence::digest(&[Some(request)]))
                .number("expires_at_ms", until.unsigned_abs());
            if let Some(assurance) = assurance {
                detail = detail.name("assurance", assurance);
            }
            match notice {
                Some(notice) => Ok(((), self.tell(&mut entered.ledger, notice, detail)?)),
                None => Ok(((), detail)),
            }
        })
    }

    /// Refuses one more open command of an agent; those whose time is over do not count.
    fn refuse_when_too_many(&self, entered: &Entered) -> Result<(), Failure> {
        // As the partial index says it; of all open ones of a conversation there are few.
        const OPEN: &str = "SELECT agent FROM run WHERE conversation = ?1
             AND state IN ('pending', 'approved', 'running') AND state <> 'running' AND expires_at > ?2";
        let values = params![entered.conversation_pk, self.now().millis()];
        let open: Vec<i64> = self.rows(OPEN, values, |row| row.get(0))?;
        let own = open.iter().filter(|agent| **agent == entered.agent_pk).count();
        if own < OPEN_MAX && open.len() < OPEN_IN_CONVERSATION_MAX {
            return Ok(());
        }
        if own < OPEN_MAX {
            let message = format!("{OPEN_IN_CONVERSATION_MAX} commands wait in this conversation already");
            return Err(Denied::new(Code::QuotaExceeded, message)
                .hint("wait until some are answered, and tell your user, who sees them with `mab pending`")
                .into());
        }
        let message = format!("{OPEN_MAX} of your commands wait already");
        Err(Denied::new(Code::QuotaExceeded, message)
            .hint("wait for the answers, or take them back with enable_yolo_mode, mode disabled")
            .into())
    }
}
