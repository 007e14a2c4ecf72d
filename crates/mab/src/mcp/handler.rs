//! What the server answers to each request of the protocol.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use mab_core::{Code, Denied};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CancelledNotificationParam, CustomRequest,
        CustomResult, DiscoverResult, ErrorCode, Implementation, ListToolsResult, PaginatedRequestParams,
        ServerCapabilities, ServerConfig,
    },
    service::{NotificationContext, RequestContext},
};
use serde_json::Value;

use super::{
    answer::answer, door::Door, instructions::INSTRUCTIONS, outbox::Outbox, patience::Patience, tools,
};

/// Serves one client.
pub(super) struct Handler {
    door: Arc<Door>,
    outbox: Outbox,
}

impl Handler {
    pub(super) fn new(door: Arc<Door>, outbox: Outbox) -> Self {
        Self { door, outbox }
    }
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let server =
            Implementation::new("mab", env!("CARGO_PKG_VERSION")).with_title("MCP Multiagent Bridge");
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(server)
            .with_instructions(INSTRUCTIONS)
    }

    async fn discover(&self, _context: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        let versions = self.supported_protocol_versions().into_owned();
        let result = DiscoverResult::from_server_info(versions, self.get_info());
        Ok(result.with_ttl_ms(UNCHANGING_MS).with_cache_scope(CacheScope::Public))
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let result = ListToolsResult::with_all_items(tools::tools().to_vec());
        // Earlier revisions know no caching.
        if context.protocol_version().is_none_or(|version| version.has_initialize()) {
            return Ok(result);
        }
        Ok(result.with_ttl_ms(UNCHANGING_MS).with_cache_scope(CacheScope::Public))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(operation) = tools::operation(&request.name) else {
            // The name is the caller's text: it may hold anything.
            return Err(ErrorData::invalid_params("unknown tool; tools/list names them", None));
        };
        if self.outbox.holds_more_than(0) {
            // The client cannot have read what is not written: this call acknowledges nothing.
            self.door.answer_lost();
        }
        // A cancelled call is carried through all the same, its waiting apart: half of one would be worse, a new token
        // nobody keeps.
        let patience = Patience::of(context);
        let arguments = request.arguments.unwrap_or_default();
        let outcome = contained(self.door.call(&patience, operation.name, arguments)).await;
        if patience.is_over() {
            self.door.answer_lost();
        }
        Ok(answer(outcome).into())
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
        _notification: CancelledNotificationParam,
        _context: NotificationContext<RoleServer>,
    ) {
        self.door.answer_lost();
    }
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

/// The tools change with the program only.
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
