//! How long each client's program waits for the answer to a tool call, and how it is kept informed meanwhile.
//!
//! An answer that comes after the client has given up is lost to its agent, so a wait ends well before. To add a client,
//! add a row with what was measured.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use mab_service::{Question, Waiter, Waiting};
use rmcp::{
    RoleServer,
    model::{CallToolRequestParams, InputRequiredResult, ProgressNotificationParam, ProgressToken},
    service::RequestContext,
};

use super::{elicitation::Forms, lifecycle::Lifecycle, transport::Ticket};

/// What a client is called in `clientInfo.name`, and the longest wait it bears over stdio, in seconds.
///
/// Source: measured 2026-11-20 (Claude Code 2.1.330 waits for hours, Codex 0.169.0 exactly 300 s whatever the progress),
/// Gemini CLI 0.61.0 by its default `timeout` of 600 s.
const CLIENTS: [(&str, u64); 3] = [("claude-code", 3_600), ("codex-mcp-client", 280), ("gemini-cli", 570)];

/// For everybody else: the MCP TypeScript SDK gives up after 60 s.
const UNKNOWN_S: u64 = 50;

/// One call's caller, as far as waiting goes.
pub(super) struct Patience {
    context: RequestContext<RoleServer>,
    token: Option<ProgressToken>,
    forms: Forms,
    lifecycle: Arc<Lifecycle>,
}

impl Patience {
    pub(super) fn of(
        context: RequestContext<RoleServer>,
        call: &mut CallToolRequestParams,
        lifecycle: Arc<Lifecycle>,
    ) -> Self {
        let token = context.meta.get_progress_token();
        let forms = Forms::of(&context, call);
        Self { context, token, forms, lifecycle }
    }

    /// The question that goes to the client in place of the answer, if there is one.
    pub(super) fn question(&self) -> Option<InputRequiredResult> {
        self.forms.put_off()
    }

    /// The checks whose answers the client had got when it made this call.
    pub(super) fn received(&self) -> &[u64] {
        self.context.extensions.get::<Ticket>().map_or(&[], |ticket| ticket.received.as_slice())
    }

    /// Whether the client has cancelled the call.
    pub(super) fn is_over(&self) -> bool {
        self.context.ct.is_cancelled()
    }
}

impl Waiter for Patience {
    fn ticket(&self) -> Option<u64> {
        self.context.extensions.get::<Ticket>().map(|ticket| ticket.own)
    }

    fn longest(&self) -> Duration {
        let client = self.context.client_info();
        longest(client.as_ref().map_or("", |client| client.name.as_str()))
    }

    fn progress(
        &self,
        what: Waiting,
        waited: Duration,
        of: Duration,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let Some(token) = self.token.clone() else { return Box::pin(std::future::ready(())) };
        let progress = ProgressNotificationParam::new(token, waited.as_secs_f64())
            .with_total(of.as_secs_f64())
            .with_message(match what {
                Waiting::Messages => "waiting for messages".to_owned(),
                Waiting::Answer(run, 0) => format!("waiting for a person: mab approve {run}"),
                Waiting::Answer(run, 1) => format!("waiting for an approver, or a person: mab approve {run}"),
                Waiting::Answer(run, many) => {
                    format!("waiting for {many} approvers, or a person: mab approve {run}")
                }
                Waiting::Run(run) => format!("running {run}"),
            });
        Box::pin(async move {
            // A client that is gone is noticed where its answer would be written.
            let _ = self.context.peer.notify_progress(progress).await;
        })
    }

    fn elicit(&self, question: &Question) -> Pin<Box<dyn Future<Output = Option<bool>> + Send + '_>> {
        self.forms.ask(&self.context.peer, question)
    }

    fn puts_off(&self, question: &Question) -> bool {
        self.forms.puts_off(question)
    }

    fn has_left(&self) -> bool {
        self.lifecycle.has_ended()
    }

    fn cancelled(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.context.ct.cancelled())
    }
}

fn longest(client: &str) -> Duration {
    let known = CLIENTS.iter().find(|(name, _)| client.starts_with(name));
    Duration::from_secs(known.map_or(UNKNOWN_S, |(_, seconds)| *seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_is_cut_to_what_the_client_bears() {
        let seconds =
            ["claude-code", "codex-mcp-client", "gemini-cli-mcp-client", "opencode", "", "Claude-Code"]
                .map(|client| longest(client).as_secs());
        assert_eq!(seconds, [3_600, 280, 570, 50, 50, 50]);
    }
}
