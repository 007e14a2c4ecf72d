//! The reader thread: one kept connection, one query at a time, never on an async worker.

use std::{
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use mab_core::{Failure, Fault};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::error::{busy, failure};

/// Queries that may wait for the reader.
const QUEUE: usize = 1_024;

type Query = Box<dyn FnOnce(&Connection) + Send>;

/// Hands queries to the reader thread.
pub(super) struct Reader(SyncSender<Query>);

impl Reader {
    /// Starts the thread.
    pub(super) fn start(connection: Connection) -> Result<Self, Failure> {
        let (sender, receiver): (SyncSender<Query>, Receiver<Query>) = sync_channel(QUEUE);
        thread::Builder::new()
            .name("mab-read".to_owned())
            .spawn(move || receiver.into_iter().for_each(|query| query(&connection)))
            .map_err(|source| Fault::from_source("starting the reader", source))?;
        Ok(Self(sender))
    }

    /// Runs one read-only query.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        what: &'static str,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let (reply, answer) = oneshot::channel();
        let job: Query = Box::new(move |connection| {
            // A caller that no longer waits gets no answer; nothing was changed.
            let _ = reply.send(query(connection).map_err(|source| failure(what, source)));
        });
        self.0.try_send(job).map_err(|_| busy())?;
        answer.await.map_err(|_| Fault::new("reading: the reader is gone"))?
    }
}
