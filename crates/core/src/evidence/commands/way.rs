//! The way of one command, step by step.

use super::{CommandRow, Facts, Told};
use crate::execution::{Assurance, RunState, VALID_S};

impl CommandRow {
    fn in_time(&self, told: &Told<'_>) -> Result<(), &'static str> {
        if told.at < self.expires_at { Ok(()) } else { Err("and its time was over") }
    }

    fn is(&self, state: RunState) -> Result<(), &'static str> {
        if self.state == Some(state) { Ok(()) } else { Err(self.was()) }
    }

    /// How it stood, for a finding.
    const fn was(&self) -> &'static str {
        match self.state {
            Some(RunState::Pending) => "before: pending",
            Some(RunState::Approved) => "before: approved",
            Some(RunState::Denied) => "before: denied",
            Some(RunState::Withdrawn) => "before: withdrawn",
            Some(RunState::Expired) => "before: expired",
            Some(RunState::Running) => "before: running",
            Some(RunState::Finished) => "before: finished",
            Some(RunState::Lost) => "before: lost",
            None => "before: not known",
        }
    }

    /// Votes of those who may agree now.
    fn counting(&self, told: &Told<'_>) -> i64 {
        self.votes.keys().map(|voter| i64::from(told.may_agree(voter))).sum()
    }

    pub(super) fn voted(&mut self, told: &Told<'_>, facts: &Facts) -> Result<(), &'static str> {
        let vote = (told.at, facts.vote_sha256.unwrap_or_default().0);
        let is_new = self.votes.insert(told.actor.to_owned(), vote).is_none();
        self.is(RunState::Pending)?;
        self.in_time(told)?;
        if is_new && self.session != told.actor && told.may_agree(told.actor) {
            Ok(())
        } else {
            Err("by one who may not")
        }
    }

    pub(super) fn approved(&mut self, told: &Told<'_>, facts: &Facts) -> Result<(), &'static str> {
        let mut possible = self.is(RunState::Pending).and(self.in_time(told));
        if facts.assurance.as_deref() == Some(Assurance::Approvers.as_str()) {
            possible = possible.and(self.voted(told, facts));
            self.quorum = i64::from(facts.quorum);
            if self.quorum == 0 || self.counting(told) < self.quorum {
                possible = possible.and(Err("by too few"));
            }
        }
        self.state = Some(RunState::Approved);
        self.decided_at = Some(told.at);
        self.expires_at = told.at.saturating_add(i64::try_from(VALID_S * 1_000).unwrap_or(i64::MAX));
        self.assurance.clone_from(&facts.assurance);
        self.consent = facts.consent_sha256.map(|digest| digest.0);
        possible
    }

    pub(super) fn denied(&mut self, told: &Told<'_>, facts: &Facts) -> Result<(), &'static str> {
        let possible = self.closed(told.at, RunState::Denied).and(self.in_time(told));
        self.reason = facts.reason_sha256.map(|digest| digest.0);
        possible
    }

    /// Taken back by who asked, or by the bridge because too few agree any more.
    pub(super) fn withdrawn(&mut self, told: &Told<'_>) -> Result<(), &'static str> {
        if told.action != b"end_run" {
            let is_own = self.session == told.actor;
            return self.closed(told.at, RunState::Withdrawn).and(if is_own {
                Ok(())
            } else {
                Err("by another")
            });
        }
        let possible = self.is(RunState::Approved);
        (self.state, self.ended_at) = (Some(RunState::Withdrawn), Some(told.at));
        possible.and(if self.counting(told) < self.quorum { Ok(()) } else { Err("and enough agreed") })
    }

    pub(super) fn started(&mut self, told: &Told<'_>, facts: &Facts) -> Result<(), &'static str> {
        let possible = self.is(RunState::Approved).and(self.in_time(told));
        self.state = Some(RunState::Running);
        self.started_at = Some(told.at);
        self.expires_at = facts.expires_at_ms;
        possible?;
        if self.session != told.actor || self.assurance != facts.assurance {
            return Err("otherwise than it was agreed to");
        }
        if self.counting(told) < self.quorum { Err("and too few agreed") } else { Ok(()) }
    }

    pub(super) fn ended(&mut self, told: &Told<'_>, step: &str) -> Result<(), &'static str> {
        let was = self.state;
        let end = match step {
            "finished" => RunState::Finished,
            "lost" => RunState::Lost,
            _ => RunState::Expired,
        };
        (self.state, self.ended_at) = (Some(end), Some(told.at));
        let runs = was == Some(RunState::Running);
        let fits = if end == RunState::Expired { was.is_some_and(RunState::is_open) } else { runs };
        if !fits {
            return Err("and it had not come to that");
        }
        if end != RunState::Finished && told.at < self.expires_at {
            return Err("before its time");
        }
        Ok(())
    }

    /// Ends what is open.
    fn closed(&mut self, at: i64, state: RunState) -> Result<(), &'static str> {
        let possible = if self.state.is_some_and(RunState::is_open) { Ok(()) } else { Err(self.was()) };
        (self.state, self.decided_at, self.ended_at) = (Some(state), Some(at), Some(at));
        possible
    }

    /// What let it run has ended.
    pub(super) fn end(&mut self, at: i64) {
        if self.state == Some(RunState::Running) {
            self.end_asked_at = self.end_asked_at.or(Some(at));
        } else if self.state.is_some_and(RunState::is_open) {
            (self.state, self.decided_at, self.ended_at) = (Some(RunState::Withdrawn), Some(at), Some(at));
        }
    }

    /// The first column that is another one.
    pub(super) fn differs(&self, row: &Self) -> Option<&'static str> {
        let columns = [
            ("agent", self.session == row.session),
            ("hash", self.hash == row.hash),
            ("state", self.state == row.state),
            ("request", self.request == row.request),
            ("created_at", self.created_at == row.created_at),
            ("assurance", self.assurance == row.assurance),
            ("yes", self.consent == row.consent),
            ("quorum", self.quorum == row.quorum),
            ("votes", self.votes == row.votes),
            ("reason", self.reason == row.reason),
            ("decided_at", self.decided_at == row.decided_at),
            ("expires_at", self.expires_at == row.expires_at),
            ("started_at", self.started_at == row.started_at),
            ("end_asked_at", self.end_asked_at == row.end_asked_at),
            ("ended_at", self.ended_at == row.ended_at),
        ];
        columns.into_iter().find_map(|(column, is_same)| (!is_same).then_some(column))
    }
}
