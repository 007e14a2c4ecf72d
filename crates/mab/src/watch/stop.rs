//! The end that is asked for while output blocks: on a pipe that nobody reads, or a terminal that is held.

use std::{sync::mpsc, thread, time::Duration};

use mab_core::Fault;
use tokio::{runtime::Builder, signal::unix::SignalKind};

use crate::runtime::any_of;

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
                let asked = match any_of(signals) {
                    Ok(asked) => asked,
                    Err(fault) => return tell.send(Err(fault)).unwrap_or_default(),
                };
                let _ = tell.send(Ok(()));
                asked.await;
                tokio::time::sleep(ENDING_TAKES).await;
                give_back();
                end();
            });
        });
        drop(ended);
    });
    told.recv().unwrap_or_else(|_| Err(Fault::new("starting a thread for signals")))
}

#[expect(clippy::exit, reason = "the thread that would end the program waits for somebody who does not read")]
fn end() {
    std::process::exit(0);
}
