//! How a connection begins and ends, as far as transport and server must agree on it.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Notify, watch};

/// Shared by the transport, which sees the client come and go, and the server, which may be told to stop.
#[derive(Debug, Default)]
pub(super) struct Lifecycle {
    open: AtomicBool,
    stop: Notify,
    gone: Notify,
    has_gone: AtomicBool,
    ending: watch::Sender<bool>,
    /// Calls that may run a command.
    commands: watch::Sender<usize>,
}

/// A call that may run a command.
#[derive(Debug)]
pub(super) struct Commanding<'a>(&'a Lifecycle);

impl Drop for Commanding<'_> {
    fn drop(&mut self) {
        self.0.commands.send_modify(|calls| *calls = calls.saturating_sub(1));
    }
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

    /// Asks the transport to behave as if the client had gone, and calls that run a command to end it.
    pub(super) fn stop(&self) {
        self.ending.send_replace(true);
        self.stop.notify_one();
    }

    /// Waits until the server ends.
    pub(super) async fn ends(&self) {
        // The sender lives as long as this: waiting cannot fail.
        let _ = self.ending.subscribe().wait_for(|ending| *ending).await;
    }

    /// Whether the client is gone, or the server ends: nothing that happens then is its agent's wish.
    pub(super) fn has_left(&self) -> bool {
        self.has_gone.load(Ordering::Acquire) || *self.ending.borrow()
    }

    /// Counts a call that may run a command.
    pub(super) fn commanding(&self) -> Commanding<'_> {
        self.commands.send_modify(|calls| *calls += 1);
        Commanding(self)
    }

    /// Waits until no call may run a command any more.
    pub(super) async fn commands_ended(&self) {
        let _ = self.commands.subscribe().wait_for(|calls| *calls == 0).await;
    }

    /// Waits until the transport is asked to stop.
    pub(super) async fn stopped(&self) {
        self.stop.notified().await;
    }

    /// Says that the client is gone.
    pub(super) fn client_gone(&self) {
        self.has_gone.store(true, Ordering::Release);
        self.gone.notify_one();
    }

    /// Waits until the client is gone.
    pub(super) async fn client_went(&self) {
        self.gone.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn end_is_heard_before_and_after_it_is_said_and_waits_for_commands() {
        let lifecycle = Lifecycle::default();
        lifecycle.commands_ended().await;
        let (first, second) = (lifecycle.commanding(), lifecycle.commanding());
        let command = async {
            lifecycle.ends().await;
            lifecycle.ends().await;
            drop((first, second));
        };
        lifecycle.stop();
        tokio::join!(biased; lifecycle.commands_ended(), command);
        assert_eq!(*lifecycle.commands.borrow(), 0);
    }
}
