//! The transport: bounded lines in, lines out, and an answer to everything that is neither.
//!
//! `rmcp`'s own transport (3.9.0) drops bad lines silently, ends at a notification before the first request, and
//! answers only the later of two requests with one id; this one does not.

use std::{collections::HashSet, convert::Infallible, future::ready, sync::Arc};

use rmcp::{
    RoleServer,
    model::{
        ClientJsonRpcMessage, ClientNotification, ClientRequest, ErrorData, JsonRpcMessage, RequestId,
        ServerJsonRpcMessage,
    },
    transport::Transport,
};
use tokio::io::AsyncRead;

use super::{
    frames::{Frame, Frames},
    lifecycle::Lifecycle,
    outbox::Outbox,
    parse::{Unfit, parse, too_long},
};

/// Most bytes of one line, its end not counted. The longest legitimate request is a message of 50 000 characters.
pub(super) const LINE_MAX_BYTES: usize = 4 * 1024 * 1024;

/// One client's lines.
pub(super) struct Lines<R> {
    frames: Frames<R>,
    outbox: Outbox,
    lifecycle: Arc<Lifecycle>,
    in_flight: HashSet<RequestId>,
    /// Those in flight that may hand messages out.
    checks: HashSet<RequestId>,
}

/// Marks a request that was made before the client can have read an earlier answer with messages in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnswersUnread;

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R, outbox: Outbox, lifecycle: Arc<Lifecycle>) -> Self {
        let frames = Frames::new(reader, LINE_MAX_BYTES);
        Self { frames, outbox, lifecycle, in_flight: HashSet::new(), checks: HashSet::new() }
    }

    fn accept(&mut self, mut message: ClientJsonRpcMessage) -> Option<ClientJsonRpcMessage> {
        match &mut message {
            JsonRpcMessage::Request(request) => {
                if self.in_flight.len() >= IN_FLIGHT_MAX {
                    let error = format!("{IN_FLIGHT_MAX} requests are being answered; wait for one of them");
                    self.refuse(ErrorData::internal_error(error, None), Some(request.id.clone()));
                    return None;
                }
                if !self.in_flight.insert(request.id.clone()) {
                    // Under its id this would pass for the answer to the earlier request.
                    let error = "the id belongs to a request that is still being answered";
                    self.refuse(ErrorData::invalid_request(error, None), None);
                    return None;
                }
                if let ClientRequest::CallToolRequest(call) = &mut request.request {
                    // Judged here, where requests come in and answers go out in one order.
                    if self.outbox.holds_more_than(0) || !self.checks.is_empty() {
                        call.extensions.insert(AnswersUnread);
                    }
                    if call.params.name == CHECK {
                        self.checks.insert(request.id.clone());
                    }
                }
            }
            JsonRpcMessage::Notification(notification) => {
                if !self.lifecycle.is_open() {
                    return None;
                }
                if let ClientNotification::CancelledNotification(cancelled) = &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.in_flight.remove(id);
                    self.checks.remove(id);
                }
            }
            // We ask clients nothing.
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => return None,
        }
        Some(message)
    }

    fn refuse(&self, error: ErrorData, id: Option<RequestId>) {
        self.outbox.put(&ServerJsonRpcMessage::error(error, id));
    }

    /// The next line; `None` when no more will come.
    async fn next(&mut self) -> Option<Result<ClientJsonRpcMessage, Unfit>> {
        // A client that sends and never reads is not read from.
        if self.outbox.holds_more_than(UNWRITTEN_MAX_BYTES) {
            tokio::select! {
                () = self.lifecycle.stopped() => return None,
                () = self.outbox.at_most(UNWRITTEN_MAX_BYTES) => {}
            }
        }
        let frame = tokio::select! {
            biased;
            () = self.lifecycle.stopped() => return None,
            frame = self.frames.next() => frame,
        };
        match frame {
            Ok(Frame::Line) => Some(parse(self.frames.line())),
            Ok(Frame::TooLong(scan)) => Some(Err(too_long(scan, LINE_MAX_BYTES))),
            Ok(Frame::End) => None,
            Err(error) => {
                tracing::debug!(%error, "cannot read from stdin");
                None
            }
        }
    }
}

impl<R: AsyncRead + Unpin + Send> Transport<RoleServer> for Lines<R> {
    type Error = Infallible;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let answered = match &message {
            JsonRpcMessage::Response(response) => Some(&response.id),
            JsonRpcMessage::Error(error) => error.id.as_ref(),
            JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => None,
        };
        if let Some(id) = answered {
            self.in_flight.remove(id);
            self.checks.remove(id);
        }
        self.outbox.put(&message);
        ready(Ok(()))
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            match self.next().await {
                Some(Ok(message)) => {
                    if let Some(message) = self.accept(message) {
                        return Some(message);
                    }
                }
                Some(Err(Unfit::Answer(error, id))) => self.refuse(error, id),
                Some(Err(Unfit::Ignore)) => {}
                None => {
                    self.lifecycle.client_gone();
                    return None;
                }
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// The tool that hands messages out.
const CHECK: &str = "check_messages";
/// Agents call one tool at a time; their clients a few.
const IN_FLIGHT_MAX: usize = 256;
/// Beyond this many bytes the client is not reading.
const UNWRITTEN_MAX_BYTES: usize = 8 * 1024 * 1024;
