//! The pipeline every call goes through: admit → authenticate → authorise → the operation → answer.

use std::{error::Error, future::Future, pin::Pin};

use mab_core::{
    Code, ConversationId, Denied, Failure, SessionId,
    audit::{Actor, Detail},
    entity::{Member, Refusal, Repeatable},
    limit::Kind,
    policy::{self, Action, Permit, Principal, Stamp},
    token::Claim,
};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    Bridge, Caller, Connection, Credentials, Waiter,
    admit::{self, Claims, Given},
    reading::Opener,
    screening,
    table::{self, Audience, schema},
};

/// Remembered credentials that are judged when several fit; older ones are passed over.
const CLAIMS_JUDGED: usize = 32;

/// In an answer: where the change it tells of was recorded.
pub(crate) const RECORDED: &str = "audit";

/// The code of one operation; its row in the table names it.
pub(crate) trait Op: 'static {
    /// What policy decides about.
    const ACTION: Action;
    /// Whether the caller says who it is; only those that need no identity say no.
    const IDENTIFIED: bool = true;
    /// Whether it judges texts inside its transaction, which records what it refuses.
    const RECORDS_REFUSED_SECRETS: bool = false;
    /// Its arguments, credentials apart.
    type Arguments: DeserializeOwned + JsonSchema + Send;
    /// Its answer.
    type Answer: Serialize + JsonSchema;

    /// What policy decides about when it depends on the arguments.
    fn action(_arguments: &Self::Arguments) -> Action {
        Self::ACTION
    }

    /// Whether it may be the repeat of a call that was done before, which no limit of such calls keeps from its answer.
    fn may_repeat(_arguments: &Self::Arguments) -> bool {
        false
    }

    /// Sorts out arguments that share a name with the credentials.
    fn disambiguate(_arguments: &mut Map<String, Value>, _connection: &Connection) {}

    /// Does it.
    fn run(
        call: Call<'_>,
        arguments: Self::Arguments,
    ) -> impl Future<Output = Result<Self::Answer, Failure>> + Send;
}

/// A permitted call.
pub(crate) struct Call<'a> {
    /// The bridge.
    pub(crate) bridge: &'a Bridge,
    /// Proof of permission.
    pub(crate) permit: Permit,
    /// How long the caller can wait.
    pub(crate) waiter: &'a dyn Waiter,
    /// The refusal it meets unless it is a repeat.
    refused_before: Option<Denied>,
    connection: Option<&'a Connection>,
    member: Option<Member>,
}

impl<'a> Call<'a> {
    /// Lets a send through that was refused a moment ago only when it is the repeat of one that was stored.
    pub(crate) async fn admit(&self, repeatable: Option<Repeatable>) -> Result<Option<Repeatable>, Failure> {
        if let (Some(denied), Some(repeatable)) = (&self.refused_before, &repeatable)
            && !self.bridge.store.is_repeat(self.member()?.agent_pk, repeatable.digests).await?
        {
            self.bridge.count_refused(self.member.as_ref());
            return Err(denied.clone().into());
        }
        Ok(repeatable)
    }

    /// The agent's connection.
    pub(crate) fn connection(&self) -> Result<&'a Connection, Denied> {
        self.connection.ok_or_else(|| Denied::new(Code::Forbidden, "only an agent can do this"))
    }

    /// The agent's row, as it was when it was authenticated.
    pub(crate) fn member(&self) -> Result<&Member, Denied> {
        self.member.as_ref().ok_or_else(|| Denied::new(Code::CredentialsMissing, "credentials are needed"))
    }

    /// The stamp of a change that keeps order. An agent's is charged as a read, so that one that has used up its sends can
    /// still stop others; the operator is not limited.
    pub(crate) fn keeping_order(&self) -> Stamp {
        let kind = if self.permit.seat().is_some() { Kind::Read } else { Kind::Operator };
        self.bridge.stamp(self.permit.clone(), kind, Detail::default())
    }

    /// Opens and seals the texts of the agent's conversation.
    pub(crate) fn opener(&self) -> Result<Opener, Failure> {
        let member = self.member()?;
        let ended = || Denied::new(Code::Expired, "the conversation's time is over");
        let wrapped = member.wrapped_key.as_ref().ok_or_else(ended)?;
        let key = self.bridge.wrapper.unwrap(member.conversation, wrapped)?;
        Ok(Opener { conversation: member.conversation, key })
    }
}

/// What a table row runs.
pub(crate) type Run = for<'a> fn(&'a Bridge, &'a Caller, &'a dyn Waiter, Map<String, Value>) -> Running<'a>;
type Running<'a> = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send + 'a>>;

/// The pipeline for one operation, as a table row keeps it.
pub(crate) const fn through<O: Op>() -> Run {
    |bridge, caller, waiter, arguments| Box::pin(run::<O>(bridge, caller, waiter, arguments))
}

/// Finds the operation and runs it; turns faults into `internal`.
pub(crate) async fn call(
    bridge: &Bridge,
    caller: &Caller,
    waiter: &dyn Waiter,
    (name, arguments): (&str, Map<String, Value>),
) -> Result<Value, Denied> {
    let may = |audience| match caller {
        Caller::Agent(_) => matches!(audience, Audience::Agent | Audience::Client),
        Caller::Operator => audience == Audience::Operator,
    };
    let Some(operation) = table::operation(name).filter(|operation| may(operation.audience)) else {
        return Err(Denied::new(Code::UnknownOperation, "no operation has this name"));
    };
    let began = bridge.clock.now();
    let outcome = (operation.run)(bridge, caller, waiter, arguments).await;
    let duration_ms = bridge.clock.now().millis_since(began);
    if let Some(anchoring) = &bridge.anchoring {
        anchoring.touch();
    }
    match outcome {
        Ok(answer) => {
            tracing::debug!(operation = operation.name, outcome = "ok", duration_ms);
            Ok(answer)
        }
        Err(Failure::Denied(denied)) => {
            let (logs, left_out) = bridge.floods.log(bridge.clock.now());
            if let Some(left_out) = left_out {
                tracing::info!(left_out, "refusals were not logged one by one");
            }
            if logs {
                tracing::info!(operation = operation.name, outcome = denied.code.name(), duration_ms);
            }
            Err(screening::without_secrets(bridge, denied))
        }
        Err(Failure::Fault(fault)) => {
            tracing::error!(operation = operation.name, %fault, source = ?fault.source(), "an operation failed");
            Err(Denied::new(Code::Internal, "the bridge failed and logged why; nothing was changed")
                .hint("call again; if it stays, show the operator `mab doctor` and the log on stderr"))
        }
    }
}

async fn run<O: Op>(
    bridge: &Bridge,
    caller: &Caller,
    waiter: &dyn Waiter,
    mut arguments: Map<String, Value>,
) -> Result<Value, Failure> {
    let connection = match caller {
        Caller::Agent(connection) => Some(connection.as_ref()),
        Caller::Operator => None,
    };
    let identified = connection.filter(|_| O::IDENTIFIED);
    let mut given = Given::default();
    if let Some(connection) = identified {
        O::disambiguate(&mut arguments, connection);
        given = admit::credentials(&mut arguments)?;
    }
    let arguments = admit::arguments(arguments, schema::of_caller::<O>(connection.is_some()))?;
    let action = O::action(&arguments);
    let (principal, member) = match (connection, identified) {
        (None, _) => (Principal::operator(), None),
        (Some(_), None) => (Principal::newcomer(), None),
        (Some(_), Some(connection)) => {
            let claim = identify(bridge, connection, admit::claims(given, connection)?).await?;
            let (mut principal, mut member) = authenticate(bridge, connection, &claim, action).await?;
            if policy::decide(principal.clone(), action).is_err() {
                // It may have been given another permission since it was last seen here.
                bridge.forget(member.conversation, &member.session);
                (principal, member) = authenticate(bridge, connection, &claim, action).await?;
            }
            (principal, Some(member))
        }
    };
    let refused_before = connection.and_then(|_| bridge.refused_before(member.as_ref(), action));
    if let Some(denied) = refused_before.as_ref().filter(|_| !O::may_repeat(&arguments)) {
        bridge.count_refused(member.as_ref());
        return Err(denied.clone().into());
    }
    // What is listed is charged to whom it is of: the operation sees to that itself.
    let asked = member.as_ref().map_or(0, |member| member.agent_pk);
    let asked = (asked != 0 || action == Action::Create).then_some((asked, action));
    let place = member.as_ref().map(|member| (member.conversation, member.session.clone()));
    let (answer, permit) = match authorise(bridge, principal, member.as_ref(), action).await {
        Err(failure) => (Err(failure), None),
        Ok(permit) => {
            let call = Call { bridge, permit: permit.clone(), waiter, refused_before, connection, member };
            (operate::<O>(call, arguments).await, Some(permit))
        }
    };
    if let (Err(Failure::Denied(denied)), Some(asked), Some(_)) = (&answer, asked, connection) {
        bridge.floods.remember(asked, denied, bridge.clock.now());
    }
    if let (Err(Failure::Denied(denied)), Some((conversation, session))) = (&answer, &place)
        && matches!(denied.code, Code::TokenRotated | Code::Revoked | Code::Expired | Code::Forbidden)
    {
        bridge.forget(*conversation, session);
    }
    let recorded = permit.and_then(|permit| permit.recorded());
    if let (Some(anchoring), Some(_)) = (&bridge.anchoring, recorded) {
        anchoring.count(bridge.settings.checkpoint_entries);
    }
    let mut answer = serde_json::to_value(answer?)
        .map_err(|source| mab_core::Fault::from_source("writing an answer", source))?;
    if let (Some(fields), Some(head)) = (answer.as_object_mut(), recorded) {
        fields.insert(RECORDED.to_owned(), Value::String(head.to_string()));
    }
    Ok(answer)
}

/// Does what is permitted. The refusal of a secret reached no transaction that could have recorded it, so it is recorded
/// here.
async fn operate<O: Op>(call: Call<'_>, arguments: O::Arguments) -> Result<O::Answer, Failure> {
    let bridge = call.bridge;
    let actor = match (&call.member, call.connection) {
        (Some(member), _) => Actor::Agent(member.session.clone()),
        (None, Some(_)) => Actor::Newcomer,
        (None, None) => Actor::Operator,
    };
    let of_secret = refusal(bridge, actor, O::action(&arguments), Code::SecretRefused);
    let member = call.member.as_ref().map(|member| (member.conversation_pk, member.agent_pk));
    let (conversation_pk, agent_pk) = member.unzip();
    let failure = match O::run(call, arguments).await {
        Ok(answer) => return Ok(answer),
        Err(failure) => failure,
    };
    if let Failure::Denied(denied) = &failure
        && denied.code == of_secret.code
        && !O::RECORDS_REFUSED_SECRETS
    {
        bridge.note(Refusal { conversation_pk, agent_pk, ..of_secret }).await?;
    }
    Err(failure)
}

/// Picks the claim that is meant: the only one, or the only one that still opens something.
async fn identify(bridge: &Bridge, connection: &Connection, claims: Claims) -> Result<Claim, Failure> {
    let claims = match claims {
        Claims::One(claim) => return Ok(claim),
        Claims::Several(claims) => claims,
    };
    if !claims.iter().any(|claim| seen(bridge, claim).is_some()) {
        hear(bridge, connection).await?;
    }
    let (mut live, mut ended) = (Vec::new(), None);
    for claim in claims.into_iter().take(CLAIMS_JUDGED) {
        let member = bridge.store.member(claim.conversation, &claim.session).await?;
        match bridge.tokens.authenticate(&claim, member.as_ref(), bridge.clock.now()) {
            Ok(_) => live.push(claim),
            Err(_) => ended = ended.or(Some(claim)),
        }
    }
    match (live.len(), ended) {
        (0, Some(newest)) => Ok(newest),
        (1, _) => Ok(live.remove(0)),
        _ => Err(admit::ambiguous(&live).into()),
    }
}

/// Establishes who calls. Wrong credentials are charged to the peer they come from; one that has presented too many is
/// refused unheard, credentials apart that this process has seen to be right.
pub(crate) async fn authenticate(
    bridge: &Bridge,
    connection: &Connection,
    claim: &Claim,
    action: Action,
) -> Result<(Principal, Member), Failure> {
    if let Some(known) = seen(bridge, claim) {
        return Ok(known);
    }
    hear(bridge, connection).await?;
    let now = bridge.clock.now();
    let member = bridge.store.member(claim.conversation, &claim.session).await?;
    match (bridge.tokens.authenticate(claim, member.as_ref(), now), member) {
        (Ok(principal), Some(member)) => {
            bridge.know(&member);
            Ok((principal, member))
        }
        (Ok(_), None) => Err(mab_core::Fault::new("authenticating an agent without a row").into()),
        (Err(Failure::Denied(denied)), member) => {
            let conversation_pk = member.as_ref().map(|member| member.conversation_pk);
            let refusal = refusal(bridge, Actor::Unknown, action, denied.code);
            let refusal = Refusal { conversation_pk, ..refusal };
            if denied.code == Code::InvalidToken {
                let guesses = bridge.settings.limits.charge(Kind::Guess);
                let judged = bridge.store.guessed_wrong(connection.peer(), guesses, refusal).await;
                judged.inspect_err(|_| bridge.count_refused(None))?;
            } else {
                bridge.note(refusal).await?;
            }
            Err(joined_already(bridge, connection, claim, member.as_ref(), denied).into())
        }
        (Err(fault), _) => Err(fault),
    }
}

/// What this process has seen of an agent, if this is its token.
fn seen(bridge: &Bridge, claim: &Claim) -> Option<(Principal, Member)> {
    let member = bridge.known(claim.conversation, &claim.session)?;
    let principal = bridge.tokens.authenticate(claim, Some(&member), bridge.clock.now()).ok()?;
    Some((principal, member))
}

/// Refuses a peer that has presented too many wrong credentials, unheard.
async fn hear(bridge: &Bridge, connection: &Connection) -> Result<(), Failure> {
    let guesses = bridge.settings.limits.charge(Kind::Guess);
    let heard = bridge.store.may_guess(connection.peer(), guesses).await;
    heard.inspect_err(|_| bridge.count_refused(None))
}

/// Decides, and records the refusal of an authenticated caller.
async fn authorise(
    bridge: &Bridge,
    principal: Principal,
    member: Option<&Member>,
    action: Action,
) -> Result<Permit, Failure> {
    match policy::decide(principal.clone(), action) {
        Ok(permit) => Ok(permit),
        Err(denied) => {
            let refusal = refusal(bridge, principal.actor(), action, denied.code);
            let conversation_pk = member.map(|member| member.conversation_pk);
            let agent_pk = member.map(|member| member.agent_pk);
            bridge.note(Refusal { conversation_pk, agent_pk, ..refusal }).await?;
            Err(denied.into())
        }
    }
}

/// Adds the way out for an agent that repeats its first token after it has joined.
fn joined_already(
    bridge: &Bridge,
    connection: &Connection,
    claim: &Claim,
    member: Option<&Member>,
    denied: Denied,
) -> Denied {
    let own =
        |known: &Credentials| (known.conversation, &known.session) == (claim.conversation, &claim.session);
    let opens = |known: Credentials| {
        let Credentials { conversation, session, token } = known;
        let claim = Claim { conversation, session, token };
        bridge.tokens.authenticate(&claim, member, bridge.clock.now()).is_ok()
    };
    let rotated = denied.code == Code::TokenRotated;
    if rotated && connection.wallet().all().into_iter().find(own).is_some_and(opens) {
        let hint = format!(
            "you have joined as {} already: call check_messages, with conversation_id, session_id and token left out",
            claim.session
        );
        return denied.hint(hint);
    }
    denied
}

fn refusal(bridge: &Bridge, actor: Actor, action: Action, code: Code) -> Refusal {
    Refusal {
        conversation_pk: None,
        agent_pk: None,
        actor,
        action,
        code,
        charges: bridge.refusals(),
        detail: Detail::default(),
    }
}

/// Where an agent's texts are sealed.
pub(crate) fn agent_place<'a>(
    conversation: ConversationId,
    session: &'a SessionId,
    column: &'static str,
) -> mab_core::seal::Place<'a> {
    mab_core::seal::Place { table: "agent", column, conversation, row: session.as_str().as_bytes() }
}
