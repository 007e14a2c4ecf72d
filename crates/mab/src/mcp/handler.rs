//! What the server answers to each request of the protocol.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
};

use mab_core::{Code, Denied};
use mab_service::Waiter as _;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CancelledNotificationParam, CustomRequest,
        CustomResult, DiscoverResult, ErrorCode, GetPromptRequestParams, GetPromptResponse, Implementation,
        ListPromptsResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
        ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, RequestId, ServerCapabilities,
        ServerConfig, SubscribeRequestParams, SubscriptionFilter, UnsubscribeRequestParams,
    },
    service::{NotificationContext, RequestContext, SubscriptionContext},
};
use serde_json::Value;

use super::{
    answer::answer,
    callers::thread_of,
    codex_queue::CodexQueue,
    door::Door,
    inbox::{self, Inbox},
    instructions::instructions,
    lifecycle::Lifecycle,
    patience::Patience,
    prompts,
    subscriptions::Subscriptions,
    tools,
    transport::Calls,
};

/// Serves one client.
pub(super) struct Handler {
    door: Arc<Door>,
    subscriptions: Subscriptions,
    codex_queue: CodexQueue,
    calls: Calls,
    lifecycle: Arc<Lifecycle>,
    /// The newest checks, newest first: their answers may cross their cancellation.
    recent: Mutex<VecDeque<(RequestId, u64)>>,
}

impl Handler {
    pub(super) fn new(door: Arc<Door>, calls: Calls, lifecycle: Arc<Lifecycle>) -> Self {
        Self {
            door,
            subscriptions: Subscriptions::default(),
            codex_queue: CodexQueue::default(),
            calls,
            lifecycle,
            recent: Mutex::default(),
        }
    }

    /// Takes note of who speaks: before 2026-07-28 `initialize` says it, since then every request does.
    fn hear(&self, context: &RequestContext<RoleServer>) {
        if let Some(client) = context.client_info() {
            self.door.hear(&client.name);
        }
    }

    fn remember(&self, id: RequestId, ticket: u64) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.truncate(RECENT_MAX - 1);
        recent.push_front((id, ticket));
    }
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let server =
            Implementation::new("mab", env!("CARGO_PKG_VERSION")).with_title("MCP Multiagent Bridge");
        let offers = ServerCapabilities::builder()
            .enable_tools()
            .enable_prompts()
            .enable_resources()
            .enable_resources_subscribe();
        ServerConfig::new(offers.build())
            .with_server_info(server)
            .with_instructions(instructions(self.door.runs_commands()))
    }

    async fn discover(&self, context: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        self.hear(&context);
        let versions = self.supported_protocol_versions().into_owned();
        let result = DiscoverResult::from_server_info(versions, self.get_info());
        Ok(result.with_ttl_ms(UNCHANGING_MS).with_cache_scope(CacheScope::Public))
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        self.hear(&context);
        check_page(request)?;
        let result = ListToolsResult::with_all_items(tools::listed(self.door.runs_commands()));
        if !caches(&context) {
            return Ok(result);
        }
        Ok(result.with_ttl_ms(UNCHANGING_MS).with_cache_scope(CacheScope::Public))
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        self.hear(&context);
        check_page(request)?;
        let result = ListPromptsResult::with_all_items(prompts::prompts());
        if !caches(&context) {
            return Ok(result);
        }
        Ok(result.with_ttl_ms(UNCHANGING_MS).with_cache_scope(CacheScope::Public))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        self.hear(&context);
        Ok(prompts::get(request)?.into())
    }

    async fn call_tool(
        &self,
        mut request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.hear(&context);
        let id = context.id.clone();
        let _running = Running { calls: &self.calls, id: &id };
        let Some(operation) = tools::operation(&request.name, self.door.runs_commands()) else {
            // The name is the caller's text: it may hold anything.
            return Err(ErrorData::invalid_params("unknown tool; tools/list names them", None));
        };
        // A cancelled call is carried through all the same, its waiting apart: half of one would be worse, a new token
        // nobody keeps.
        let thread = thread_of(&context.meta.0.0);
        let _busy = self.codex_queue.call(&self.door, thread.as_deref());
        let patience = Patience::of(context, &mut request, self.lifecycle.clone());
        self.door.received(patience.received());
        if let Some(ticket) = patience.ticket() {
            self.remember(id.clone(), ticket);
        }
        let arguments = request.arguments.unwrap_or_default();
        let outcome =
            contained(self.door.call_from(thread.as_deref(), &patience, operation.name, arguments)).await;
        // A refusal holds no messages, even if the call had taken some before it failed.
        let lost = patience.is_over() || outcome.is_err();
        if let Some(ticket) = patience.ticket().filter(|_| lost) {
            self.door.lost(ticket);
        }
        match patience.question().filter(|_| outcome.is_ok()) {
            Some(question) => Ok(question.into()),
            None => Ok(answer(outcome).into()),
        }
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        self.hear(&context);
        check_page(request)?;
        Ok(ListResourcesResult::with_all_items(inbox::list(&self.door).await?))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        self.hear(&context);
        let unread = Inbox::parse(&request.uri)?.read(&self.door).await?;
        Ok(ReadResourceResult::new(vec![unread]).into())
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.hear(&context);
        self.subscriptions.add(&self.door, Inbox::parse(&request.uri)?, context.peer).await
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.subscriptions.remove(&Inbox::parse(&request.uri)?);
        Ok(())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        let uris = self.subscriptions.promise(requested);
        Some(SubscriptionFilter::builder().resource_subscriptions(uris).build())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        self.hear(context.request_context());
        self.subscriptions.listen(&self.door, &context).await
    }

    async fn on_custom_request(
        &self,
        _request: CustomRequest,
        _context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "unknown method", None))
    }

    /// The client may have given up just as the answer went out: it then has not seen what was offered.
    async fn on_cancelled(
        &self,
        notification: CancelledNotificationParam,
        _context: NotificationContext<RoleServer>,
    ) {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = recent.iter().find(|(id, _)| Some(id) == notification.request_id.as_ref());
        if let Some((_, ticket)) = ticket {
            self.door.lost(*ticket);
        }
    }
}

/// A call under way; when it ends, however it does, its id is free.
struct Running<'a> {
    calls: &'a Calls,
    id: &'a RequestId,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.calls.ended(self.id);
    }
}

/// Whether the client speaks a revision that knows caching.
fn caches(context: &RequestContext<RoleServer>) -> bool {
    context.protocol_version().is_some_and(|version| !version.has_initialize())
}

/// Refuses every page but the first (specification 2026-07-28, pagination, error handling): no list has a second.
fn check_page(request: Option<PaginatedRequestParams>) -> Result<(), ErrorData> {
    // Some clients send an empty cursor for the first page.
    if request.and_then(|request| request.cursor).is_none_or(|cursor| cursor.is_empty()) {
        return Ok(());
    }
    let message = "unknown cursor; the list has one page: ask for it without a cursor";
    Err(ErrorData::invalid_params(message, None))
}

/// Turns a panic into a refusal: without an answer the caller would wait for ever.
async fn contained(call: impl Future<Output = Result<Value, Denied>>) -> Result<Value, Denied> {
    let mut call = pin!(call);
    let polled = std::future::poll_fn(|context| {
        // What a panic leaves behind is the store's, which is consistent at every instruction.
        catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context))).unwrap_or_else(|_| {
            Poll::Ready(Err(Denied::new(Code::Internal, "the bridge failed and logged why")))
        })
    });
    polled.await
}

/// Checks whose cancellation may still come; more than are ever in flight.
const RECENT_MAX: usize = 512;

/// Tools and prompts change with the program only.
const UNCHANGING_MS: u64 = 24 * 60 * 60 * 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn call_when_it_panics_is_answered() {
        let code = contained(async { panic!("on purpose") }).await.map_err(|denied| denied.code);
        assert_eq!(code, Err(Code::Internal));
    }
}
