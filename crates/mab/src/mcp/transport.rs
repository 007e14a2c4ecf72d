//! The transport: bounded lines in, lines out, and an answer to everything that is neither.
//!
//! `rmcp`'s own transport (3.9.0) drops bad lines silently, ends at a notification before the first request, and
//! answers only the later of two requests with one id; this one does not.

use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    future::ready,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rmcp::{
    RoleServer,
    model::{
        ClientJsonRpcMessage, ClientNotification, ClientRequest, ErrorData, JsonRpcMessage, RequestId,
        ServerJsonRpcMessage, ServerNotification,
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
    calls: Calls,
    /// Calls in flight whose answer may hand messages out.
    checks: HashMap<RequestId, u64>,
    /// Their answers that are on their way: whose, under which ticket, up to which byte.
    answered: Vec<(RequestId, u64, u64)>,
    tickets: u64,
    /// What we asked the client and it has not answered.
    asked: HashSet<RequestId>,
}

/// A check's number on its connection, and those of the checks whose answers the client had got when it made this one.
/// Judged where requests come in and answers go out, because only there they have one order.
#[derive(Debug, Clone)]
pub(super) struct Ticket {
    /// Its own.
    pub(super) own: u64,
    /// The others', each told once.
    pub(super) received: Vec<u64>,
}

/// Calls of tools that have not ended: a cancelled one is no longer in flight, and still runs to its end.
#[derive(Debug, Clone, Default)]
pub(super) struct Calls(Arc<Mutex<HashSet<RequestId>>>);

impl Calls {
    /// Says that a call has ended, however it did: its id is free.
    pub(super) fn ended(&self, id: &RequestId) {
        self.lock().remove(id);
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<RequestId>> {
        // A set is whole after every call.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R, outbox: Outbox, lifecycle: Arc<Lifecycle>, calls: Calls) -> Self {
        Self {
            frames: Frames::new(reader, LINE_MAX_BYTES),
            outbox,
            lifecycle,
            in_flight: HashSet::new(),
            calls,
            checks: HashMap::new(),
            answered: Vec::new(),
            tickets: 0,
            asked: HashSet::new(),
        }
    }

    fn accept(&mut self, mut message: ClientJsonRpcMessage) -> Option<ClientJsonRpcMessage> {
        match &mut message {
            JsonRpcMessage::Request(request) => {
                if self.in_flight.len().max(self.calls.lock().len()) >= IN_FLIGHT_MAX {
                    let error = format!("{IN_FLIGHT_MAX} requests are being answered; wait for one of them");
                    self.refuse(ErrorData::internal_error(error, None), Some(request.id.clone()));
                    return None;
                }
                let taken = self.calls.lock().contains(&request.id);
                if taken || !self.in_flight.insert(request.id.clone()) {
                    // Under its id this would pass for the answer to the earlier request.
                    let error = "the id belongs to a request that is still being answered";
                    self.refuse(ErrorData::invalid_request(error, None), None);
                    return None;
                }
                if let ClientRequest::CallToolRequest(call) = &mut request.request {
                    self.calls.lock().insert(request.id.clone());
                    if call.params.name == CHECK {
                        call.extensions.insert(self.ticket(&request.id));
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
                    self.cancel(id);
                }
            }
            // Each question is answered once, and nothing else is.
            JsonRpcMessage::Response(response) if self.asked.remove(&response.id) => {}
            JsonRpcMessage::Error(error) if error.id.as_ref().is_some_and(|id| self.asked.remove(id)) => {}
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => return None,
        }
        Some(message)
    }

    /// Numbers a check, and takes note of the answers that the client has got by now.
    fn ticket(&mut self, id: &RequestId) -> Ticket {
        self.tickets += 1;
        self.checks.insert(id.clone(), self.tickets);
        let written = self.outbox.written();
        let got = self.answered.extract_if(.., |(_, _, end)| *end <= written);
        Ticket { own: self.tickets, received: got.map(|(_, ticket, _)| ticket).collect() }
    }

    /// Nothing in the answer to a cancelled call counts as received, whether it is still to come or crossed the
    /// cancellation on its way.
    fn cancel(&mut self, id: &RequestId) {
        self.answered.retain(|(answered, ..)| answered != id);
        self.checks.remove(id);
        self.in_flight.remove(id);
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
            JsonRpcMessage::Request(request) => {
                self.asked.insert(request.id.clone());
                None
            }
            JsonRpcMessage::Notification(notification) => {
                if let ServerNotification::CancelledNotification(cancelled) = &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.asked.remove(id);
                }
                None
            }
        };
        let ticket = answered.and_then(|id| {
            self.in_flight.remove(id);
            self.calls.ended(id);
            Some((id.clone(), self.checks.remove(id)?))
        });
        let end = self.outbox.put(&message);
        self.answered.extend(ticket.zip(end).map(|((id, ticket), end)| (id, ticket, end)));
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
