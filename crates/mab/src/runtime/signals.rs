//! What tells a process to end.

use std::{
    future::{Future, poll_fn},
    task::Poll,
};

use mab_core::Fault;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens from now on; the future completes with the first of these signals.
///
/// # Errors
/// A [`Fault`] when signals cannot be listened for.
pub fn any_of(kinds: &[SignalKind]) -> Result<impl Future<Output = ()> + use<>, Fault> {
    let listen = |kind: &SignalKind| {
        signal(*kind).map_err(|source| Fault::from_source("listening for signals", source))
    };
    let mut signals: Vec<Signal> = kinds.iter().map(listen).collect::<Result<_, _>>()?;
    Ok(poll_fn(move |context| {
        let any = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if any { Poll::Ready(()) } else { Poll::Pending }
    }))
}

/// Listens from now on; the future completes when the process is told to end, or its terminal goes. Signals that somebody
/// sends for no reason count: they would end the process where it stands.
///
/// # Errors
/// As [`any_of`].
pub fn told_to_end() -> Result<impl Future<Output = ()>, Fault> {
    any_of(&ENDING)
}

/// Signals that end a process that does not listen.
pub const ENDING: [SignalKind; 8] = [
    SignalKind::terminate(),
    SignalKind::interrupt(),
    SignalKind::hangup(),
    SignalKind::quit(),
    SignalKind::alarm(),
    SignalKind::user_defined1(),
    SignalKind::user_defined2(),
    SignalKind::io(),
];
