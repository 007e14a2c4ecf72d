//! How a connection begins and ends, as far as transport and server must agree on it.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Shared by the transport, which sees the client come and go, and the server, which may be told to stop.
#[derive(Debug, Default)]
pub(super) struct Lifecycle {
    open: AtomicBool,
    ended: AtomicBool,
    stop: Notify,
    gone: Notify,
}

impl Lifecycle {
    /// The client has opened the connection with its first request.
    pub(super) fn open(&self) {
        self.open.store(true, Ordering::Release);
    }

    /// Whether the client has opened the connection.
    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Asks the transport to behave as if the client had gone.
    pub(super) fn stop(&self) {
        self.ended.store(true, Ordering::Release);
        self.stop.notify_one();
    }

    /// Whether the client is gone, or the server ends: calls that are cancelled then were not cancelled by the client.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Waits until the transport is asked to stop.
    pub(super) async fn stopped(&self) {
        self.stop.notified().await;
    }

    /// Says that the client is gone.
    pub(super) fn client_gone(&self) {
        self.ended.store(true, Ordering::Release);
        self.gone.notify_one();
    }

    /// Waits until the client is gone.
    pub(super) async fn client_went(&self) {
        self.gone.notified().await;
    }
}
