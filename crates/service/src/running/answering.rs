//! Waiting for the answer to a request: hung up on the requester's doorbell, awake for a look, asleep again.

use std::{future::Future, pin::Pin, time::Duration};

use mab_core::{
    Code, Denied, Failure, RunId,
    audit::Detail,
    entity::{RunAnswer, RunRow, Says},
    execution::{Mode, RunState},
    source::draw,
};
use mab_exec::Request;
use mab_store::Doorbell;
use tokio::time::Instant;

use crate::{
    Question, Waiting,
    door::Call,
    notices::notice,
    reading::Opener,
    running::{
        KIND,
        became::{self, Became},
        ending,
        looking::Look,
        telling_all::{self, Answerers},
    },
    spending, telling,
    waiting::{self, PROGRESS_EVERY, WAIT_MAX_S},
};

/// What a wait has come to.
pub(crate) enum Answered {
    /// It was agreed to.
    Yes(Box<RunRow>),
    /// Nobody has answered yet.
    NotYet(Box<RunRow>),
    /// Who asked took it back.
    TakenBack,
    /// It waits no more.
    Became(Became),
}

/// A wait for an answer.
pub(crate) struct Patience {
    bell: Option<Box<dyn Doorbell>>,
    until: Instant,
    length: Duration,
}

impl Patience {
    /// Starts listening, so that no answer is missed from now on.
    ///
    /// # Errors
    /// `invalid_arguments` for a wait that is too long, `quota_exceeded` when too many calls wait already.
    pub(crate) async fn begin(call: &Call<'_>, seconds: Option<u64>) -> Result<Self, Failure> {
        let length = waiting::length(call, Some(seconds.unwrap_or(WAIT_MAX_S)))?;
        let mut bell = None;
        if !length.is_zero() {
            let name = u64::from_be_bytes(draw(call.bridge.random.as_ref())?);
            bell = Some(call.bridge.store.listen(call.member()?.agent_pk, name, true));
            waiting::make_sure_it_fits(call).await?;
        }
        Ok(Self { bell, until: Instant::now() + length, length })
    }

    /// Waits for the answer to a request, and asks the requester's own client if a person wanted that.
    ///
    /// # Errors
    /// `approval_void` when it is gone; a fault of ours.
    pub(crate) async fn answered(
        mut self,
        call: &Call<'_>,
        look: &Look,
        (id, request): (RunId, &Request),
    ) -> Result<Answered, Failure> {
        let elicits = look.enabled.terms.elicitation && request.mode != Mode::Yolo && self.bell.is_some();
        let question = elicits.then(|| Question::of(id, request)).flatten();
        if question.as_ref().is_some_and(|question| call.waiter.puts_off(question)) {
            self.bell = None;
        }
        let question = question.filter(|_| self.bell.is_some());
        let mut form = question.as_ref().map(|question| call.waiter.elicit(question));
        let approvers = Answerers::of(&look.enabled.terms, request).quorum();
        let (began, mut next_progress) = (Instant::now(), Instant::now());
        loop {
            let row = match standing(call, look, id).await? {
                Answered::NotYet(row) => row,
                answered @ (Answered::Yes(_) | Answered::TakenBack | Answered::Became(_)) => {
                    return Ok(answered);
                }
            };
            let Some(bell) = self.bell.as_mut() else { return Ok(Answered::NotYet(row)) };
            let late_in = row.expires_at.millis_since(call.bridge.clock.now());
            let until = self.until.min(Instant::now() + Duration::from_millis(late_in));
            tokio::select! {
                biased;
                () = call.waiter.cancelled() => {
                    self.bell = None;
                    if !call.waiter.has_left() {
                        withdraw(call, &look.opener, &row).await?;
                        return Ok(Answered::TakenBack);
                    }
                }
                said = said(&mut form) => {
                    form = None;
                    if let Some(agreed) = said {
                        answer(call, look, (&row, agreed)).await?;
                    }
                }
                () = tokio::time::sleep_until(until) => self.bell = None,
                () = tokio::time::sleep_until(next_progress) => {
                    call.waiter.progress(Waiting::Answer(id, approvers), began.elapsed(), self.length).await;
                    next_progress += PROGRESS_EVERY;
                }
                () = bell.rung() => {}
            }
        }
    }
}

/// How a request stands.
async fn standing(call: &Call<'_>, look: &Look, id: RunId) -> Result<Answered, Failure> {
    let bridge = call.bridge;
    let find = async || {
        let found = bridge.store.run(id).await?;
        Ok::<RunRow, Failure>(found.ok_or_else(|| void("it is not there any more"))?)
    };
    let mut row = find().await?;
    if row.state.is_open() && bridge.clock.now() >= row.expires_at {
        ending::settled(bridge, look.opener.conversation).await?;
        row = find().await?;
    }
    match row.state {
        RunState::Pending => Ok(Answered::NotYet(Box::new(row))),
        RunState::Approved => Ok(Answered::Yes(Box::new(row))),
        RunState::Denied
        | RunState::Withdrawn
        | RunState::Expired
        | RunState::Running
        | RunState::Finished
        | RunState::Lost => became::of(bridge, &look.opener, row).await.map(Answered::Became),
    }
}

/// Takes back a request of the agent, and tells everybody.
///
/// # Errors
/// `approval_void` when it is not open any more.
pub(crate) async fn withdraw(call: &Call<'_>, opener: &Opener, row: &RunRow) -> Result<(), Failure> {
    let (bridge, session) = (call.bridge, &call.member()?.session);
    let told = notice(bridge, opener, &telling_all::withdrawn(row.id, session))?;
    // Every member is told: it costs what asking does.
    let stamp = bridge.stamp(call.permit.clone(), KIND, Detail::default());
    spending::end_run(bridge, row).await;
    bridge.store.withdraw_run(stamp, row.id, told).await
}

/// Records what a form of the requester's own client said.
async fn answer(call: &Call<'_>, look: &Look, (row, agreed): (&RunRow, bool)) -> Result<(), Failure> {
    let bridge = call.bridge;
    let text = telling_all::elicited(row.id, &row.session, agreed);
    let says = if agreed {
        Says::Elicited
    } else {
        let locks = telling::locked(look.opener.conversation, &row.session);
        let locking = Some(notice(bridge, &look.opener, &format!("{text}\n{locks}"))?);
        Says::No { reason: None, locking }
    };
    let answer = RunAnswer {
        conversation: look.opener.conversation,
        id: row.id,
        hash: row.hash,
        says,
        uptime: bridge.clock.uptime(),
    };
    let told = notice(bridge, &look.opener, &text)?;
    // Nobody says no to its own command; that its user did is the bridge's to say.
    let stamp = if agreed {
        bridge.stamp(call.permit.clone(), KIND, Detail::default())
    } else {
        ending::stamp(bridge)?
    };
    match bridge.store.answer_run(stamp, answer, told).await {
        // Somebody else was quicker: what holds is looked up next.
        Err(Failure::Denied(denied)) if denied.code == Code::ApprovalVoid => Ok(()),
        outcome => outcome.map(drop),
    }
}

/// What a form said, once it did.
async fn said(form: &mut Option<Pin<Box<dyn Future<Output = Option<bool>> + Send + '_>>>) -> Option<bool> {
    match form {
        Some(form) => form.await,
        None => std::future::pending().await,
    }
}

fn void(why: &str) -> Denied {
    Denied::new(Code::ApprovalVoid, format!("the request does not wait any more: {why}; nothing was run by this call"))
        .hint(
            "look with check_messages what became of it; to ask anew, call execute_command with the command, without \
             approval_token",
        )
}
