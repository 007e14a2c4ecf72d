//! Messages on their way to the client: serialised at once into one buffer, written by one task.
//!
//! While a write is under way, messages gather; the next write takes them all.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    sync::watch,
};

use super::lifecycle::Lifecycle;
use crate::harmless;

/// Where messages are put.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    gathered: Arc<Mutex<Gathered>>,
    /// Bytes that are not written yet; none once the client is gone.
    unwritten: watch::Sender<Option<usize>>,
}

/// What is to be written next.
#[derive(Debug, Default)]
struct Gathered {
    bytes: Vec<u8>,
    /// Bytes ever put in.
    total: u64,
}

impl Outbox {
    /// An outbox, and the task that empties it into `writer` until the client is gone.
    pub(super) fn new<W: AsyncWrite + Unpin>(
        writer: W,
        lifecycle: Arc<Lifecycle>,
    ) -> (Self, impl Future<Output = ()> + use<W>) {
        let outbox = Self { gathered: Arc::default(), unwritten: watch::Sender::new(Some(0)) };
        let emptying = outbox.clone().empty_into(writer, lifecycle);
        (outbox, emptying)
    }

    /// Puts a message in, and one line end. Nothing is kept for a client that is gone. Returns where it ends among all
    /// bytes that were ever put in; `None` when it was not put in.
    pub(super) fn put(&self, message: &impl Serialize) -> Option<u64> {
        let mut gathered = self.gathered();
        if self.unwritten.borrow().is_none() {
            return None;
        }
        let before = gathered.bytes.len();
        if let Err(error) = harmless::append(&mut gathered.bytes, message) {
            tracing::error!(%error, "cannot serialise an answer");
            gathered.bytes.truncate(before);
            return None;
        }
        gathered.bytes.push(b'\n');
        let added = gathered.bytes.len() - before;
        self.change(|bytes| bytes + added);
        gathered.total += added as u64;
        Some(gathered.total)
    }

    /// How many bytes the client's pipe has taken; none once the client is gone.
    pub(super) fn written(&self) -> u64 {
        let total = self.gathered().total;
        self.unwritten.borrow().map_or(0, |unwritten| total.saturating_sub(unwritten as u64))
    }

    /// Waits until at most `bytes` are unwritten.
    pub(super) async fn at_most(&self, bytes: usize) {
        // The sender lives as long as this: waiting cannot fail.
        let _ = self
            .unwritten
            .subscribe()
            .wait_for(|unwritten| unwritten.is_none_or(|unwritten| unwritten <= bytes))
            .await;
    }

    /// Whether more than `bytes` are unwritten.
    pub(super) fn holds_more_than(&self, bytes: usize) -> bool {
        self.unwritten.borrow().is_some_and(|unwritten| unwritten > bytes)
    }

    async fn empty_into<W: AsyncWrite + Unpin>(self, mut writer: W, lifecycle: Arc<Lifecycle>) {
        let mut unwritten = self.unwritten.subscribe();
        let mut writing = Vec::new();
        while unwritten.wait_for(|bytes| *bytes != Some(0)).await.is_ok() {
            std::mem::swap(&mut self.gathered().bytes, &mut writing);
            if let Err(error) = write(&mut writer, &writing).await {
                // The client has closed its end: nobody is left to tell.
                tracing::debug!(%error, "cannot write to stdout");
                self.unwritten.send_replace(None);
                return lifecycle.client_gone();
            }
            let written = writing.len();
            writing.clear();
            writing.shrink_to(KEPT_BYTES);
            self.change(|bytes| bytes.saturating_sub(written));
        }
    }

    fn change(&self, change: impl FnOnce(usize) -> usize) {
        self.unwritten.send_modify(|bytes| *bytes = bytes.map(change));
    }

    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        // A message is put in whole or taken back.
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn write<W: AsyncWrite + Unpin>(writer: &mut W, bytes: &[u8]) -> io::Result<()> {
    writer.write_all(bytes).await?;
    // A pipe needs no flush; a terminal or file is written by another thread and does.
    writer.flush().await
}

/// What one long answer may leave allocated.
const KEPT_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn messages_come_out_in_order_one_per_line() {
        let (mut client, server) = tokio::io::duplex(8);
        let (outbox, emptying) = Outbox::new(server, Arc::default());
        for number in 0..100 {
            outbox.put(&number);
        }
        assert!(outbox.holds_more_than(8));
        assert_eq!(outbox.written(), 0);
        let reading = async {
            let mut text = vec![0; 290];
            client.read_exact(&mut text).await.unwrap();
            String::from_utf8(text).unwrap()
        };
        let text = tokio::select! { text = reading => text, () = emptying => panic!("ended") };
        let numbers: Vec<u32> = text.lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!(numbers, (0..100).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn message_that_cannot_be_put_in_ends_nowhere() {
        let (outbox, _emptying) = Outbox::new(tokio::io::sink(), Arc::default());
        assert_eq!(outbox.put(&"ok"), Some(5));
        let no_json = std::collections::BTreeMap::from([((1, 2), 3)]);
        assert_eq!((outbox.put(&no_json), outbox.put(&"ok")), (None, Some(10)));
    }

    #[tokio::test]
    async fn writer_when_the_client_is_gone_says_so() {
        let (client, server) = tokio::io::duplex(8);
        drop(client);
        let lifecycle = Arc::new(Lifecycle::default());
        let (outbox, emptying) = Outbox::new(server, lifecycle.clone());
        outbox.put(&"hello");
        emptying.await;
        assert_eq!((outbox.put(&"anybody there?"), outbox.written()), (None, 0));
        outbox.at_most(0).await;
        lifecycle.client_went().await;
    }
}
