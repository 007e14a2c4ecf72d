//! The end that is asked for while output blocks: on a pipe that nobody reads, or a terminal that is held.

use std::{future::poll_fn, io, sync::mpsc, task::Poll, thread, time::Duration};

use mab_core::Fault;
use tokio::{
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
};

/// How long the program has to end by itself once it is told to.
const ENDING_TAKES: Duration = Duration::from_secs(1);

/// Ends the program a second after one of `signals`, if it is still there then: the thread that writes looks at no signal
/// while it waits for somebody to read. `give_back` may write nothing, for that would wait too.
///
/// # Errors
/// A [`Fault`] when signals cannot be listened for.
pub(crate) fn end_though_output_blocks(signals: &'static [SignalKind], give_back: fn()) -> Result<(), Fault> {
    let (tell, told) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let ended = Builder::new_current_thread().enable_all().build().map(|runtime| {
            runtime.block_on(async {
                let listening: io::Result<Vec<Signal>> = signals.iter().map(|kind| signal(*kind)).collect();
                let (listening, said) = match listening {
                    Ok(listening) => (listening, Ok(())),
                    Err(source) => (Vec::new(), Err(source)),
                };
                let _ = tell.send(said);
                one_of(listening).await;
                tokio::time::sleep(ENDING_TAKES).await;
                give_back();
                end();
            });
        });
        drop(ended);
    });
    told.recv()
        .unwrap_or_else(|_| Err(io::Error::other("no thread for signals")))
        .map_err(|source| Fault::from_source("listening for signals", source))
}

/// Waits for the first of them; without any, for ever.
async fn one_of(mut signals: Vec<Signal>) {
    poll_fn(|context| {
        let came = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if came { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[expect(clippy::exit, reason = "the thread that would end the program waits for somebody who does not read")]
fn end() {
    std::process::exit(0);
}
