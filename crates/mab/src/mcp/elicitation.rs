//! A question about one command, as a form of the client (specification, client features, elicitation).
//!
//! The least sure way to a yes: a client may fill forms in by itself. So nothing but the chosen word counts as an answer; a
//! client that declines or cancels has said nothing, for some do so whatever is asked (Codex 0.169.0 without a person, Claude
//! Code 2.1.330 with `-p`). A form never asks for a password, a code or a token.
//!
//! Until 2025-11-25 the server sends the question while the call waits. Since 2026-07-28 it goes out in place of the answer,
//! and the client calls again with the form (multi round-trip requests). What it carries along then, `requestState`, names the
//! question; it needs no seal, because who could change it fills in the form anyway.

use std::{
    future::{Future, ready},
    pin::Pin,
    sync::{Mutex, PoisonError},
};

use mab_service::Question;
use rmcp::{
    Peer, RoleServer,
    model::{
        CallToolRequestParams, ClientResult, ElicitRequest, ElicitRequestParams, ElicitationSchema,
        InputRequest, InputRequiredResult, InputResponses, JsonObject, ServerRequest,
    },
    service::{PeerRequestOptions, RequestContext, RequestHandle},
};
use serde_json::{Value, json};

/// What the client of one call can be asked.
#[derive(Debug)]
pub(super) struct Forms {
    way: Way,
    /// Which question the call answers, and what the client says to it.
    carried: Option<(String, InputResponses)>,
    /// The question that goes out in place of the answer.
    put_off: Mutex<Option<Question>>,
}

/// How a question gets to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It has no forms.
    None,
    /// While the call waits.
    Meanwhile,
    /// In place of the answer.
    Instead,
}

impl Forms {
    pub(super) fn of(context: &RequestContext<RoleServer>, call: &mut CallToolRequestParams) -> Self {
        let can = context.client_capabilities().and_then(|client| client.elicitation);
        // Before 2025-11-25 there were forms only, and nothing to say so.
        let has_forms = can.is_some_and(|can| can.form.is_some() || can.url.is_none());
        let way = match context.protocol_version() {
            Some(version) if has_forms && version.has_initialize() => Way::Meanwhile,
            Some(_) if has_forms => Way::Instead,
            Some(_) | None => Way::None,
        };
        let carried = call.request_state.take().zip(call.input_responses.take());
        Self { way, carried, put_off: Mutex::default() }
    }

    /// Asks, or reads what the client brought along. The form is taken back when nobody waits for it any more.
    pub(super) fn ask(
        &self,
        peer: &Peer<RoleServer>,
        question: &Question,
    ) -> Pin<Box<dyn Future<Output = Option<bool>> + Send + '_>> {
        if let Some(form) = self.brought(question) {
            return Box::pin(ready(meaning(form)));
        }
        let form = form(question).filter(|_| self.way == Way::Meanwhile);
        let Some(form) = form else { return Box::pin(ready(None)) };
        let peer = peer.clone();
        Box::pin(async move {
            let request = ServerRequest::ElicitRequest(form);
            let sent = peer.send_cancellable_request(request, PeerRequestOptions::no_options()).await;
            let mut asked = Asked(Some(sent.ok()?));
            let ClientResult::ElicitResult(result) = asked.answer().await? else { return None };
            meaning(&serde_json::to_value(result).ok()?)
        })
    }

    /// Whether the question goes out in place of the answer; then it is taken note of.
    pub(super) fn puts_off(&self, question: &Question) -> bool {
        let goes = self.way == Way::Instead && self.brought(question).is_none();
        if goes {
            *self.put_off.lock().unwrap_or_else(PoisonError::into_inner) = Some(question.clone());
        }
        goes
    }

    /// The question that goes out in place of the answer.
    pub(super) fn put_off(&self) -> Option<InputRequiredResult> {
        let question = self.put_off.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let asks = [(FIELD.to_owned(), InputRequest::Elicitation(form(&question)?))];
        Some(InputRequiredResult::new(Some(asks.into()), Some(state(&question))))
    }

    /// What the client brought along for this very question; it may be `null`.
    fn brought(&self, question: &Question) -> Option<&Value> {
        let (_, responses) = self.carried.as_ref().filter(|(named, _)| *named == state(question))?;
        Some(responses.get(FIELD).unwrap_or(&Value::Null))
    }
}

/// A question that the client has before it; letting go of it takes it back.
struct Asked(Option<RequestHandle<RoleServer>>);

impl Asked {
    async fn answer(&mut self) -> Option<ClientResult> {
        let answer = (&mut self.0.as_mut()?.rx).await;
        self.0 = None;
        answer.ok()?.ok()
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let handle = self.0.take().zip(tokio::runtime::Handle::try_current().ok());
        if let Some((asked, runtime)) = handle {
            runtime.spawn(asked.cancel(Some("nobody waits for it any more".to_owned())));
        }
    }
}

/// One field without a default: an empty form is no answer. The first choice is the harmless one.
fn form(question: &Question) -> Option<ElicitRequest> {
    let schema = json!({
        "type": "object",
        "properties": {FIELD: {"type": "string", "title": "Run this command?", "enum": [REFUSE, RUN]}},
        "required": [FIELD],
    });
    let schema: JsonObject = serde_json::from_value(schema).ok()?;
    let requested_schema = ElicitationSchema::from_json_schema(schema).ok()?;
    let message = question.text.clone();
    let params = ElicitRequestParams::FormElicitationParams { meta: None, message, requested_schema };
    Some(ElicitRequest::new(params))
}

/// What a filled-in form means; `None` when it is no answer.
fn meaning(form: &Value) -> Option<bool> {
    if form.get("action").and_then(Value::as_str) != Some("accept") {
        return None;
    }
    match form.get("content").and_then(|content| content.get(FIELD)).and_then(Value::as_str) {
        Some(RUN) => Some(true),
        Some(REFUSE) => Some(false),
        Some(_) | None => None,
    }
}

/// Names a question: a form that was about another one is no answer to it.
fn state(question: &Question) -> String {
    format!("{} {}", question.run, question.hash)
}

const FIELD: &str = "answer";
const RUN: &str = "run it";
const REFUSE: &str = "refuse";

#[cfg(test)]
mod tests;
