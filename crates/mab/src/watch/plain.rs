//! One conversation line by line, for a pipe or a file: until nobody reads, it is interrupted, or nothing can come.

use std::time::Duration;

use mab_core::ConversationId;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::{Map, Value, json};

use crate::{
    cli::{Exit, Output, Trouble},
    runtime::Opened,
    watch::{
        event::{Event, Told},
        look::{self, Look},
    },
};

/// How often it is looked. A look at which nothing has changed reads a row of the conversation and one of each member.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Every how many looks everything is read again: what only time changes, such as who fell silent.
pub(super) const ANEW_EVERY: u32 = 20;

/// What to follow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Follow {
    /// Which conversation.
    pub(crate) conversation: ConversationId,
    /// How many of the latest messages first.
    pub(crate) limit: u32,
    /// One JSON object per line.
    pub(crate) json: bool,
}

/// Prints how the conversation stands, its latest messages, and then whatever happens in it.
///
/// # Errors
/// Refusals of the first look; `ClosedPipe` when nobody reads any more.
pub(crate) async fn follow(bridge: &Opened, follow: Follow) -> Result<Exit, Trouble> {
    let (mut told, mut seen) = (Told::default(), None::<String>);
    let mut arguments = arguments(follow.conversation, follow.limit);
    for looks in 1_u32.. {
        if let Some(version) = seen.take().filter(|_| !looks.is_multiple_of(ANEW_EVERY)) {
            arguments.insert("seen".to_owned(), json!(version));
        } else {
            arguments.remove("seen");
        }
        let look: Look = look::read(bridge.call("watch", arguments.clone()).await?)?;
        if let Some(state) = &look.now {
            for event in told.news(state) {
                print(&event, follow.json)?;
            }
            arguments.insert("after_seq".to_owned(), json!(state.until));
            arguments.insert("limit".to_owned(), json!(PAGE));
            if state.more {
                continue;
            }
            if state.is_over() {
                break;
            }
        }
        if nobody_reads() {
            return Err(Trouble::ClosedPipe);
        }
        seen = Some(look.version);
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(Exit::OK)
}

/// The arguments of a first look.
pub(super) fn arguments(conversation: ConversationId, limit: u32) -> Map<String, Value> {
    Map::from_iter([
        ("conversation_id".to_owned(), json!(conversation.to_string())),
        ("limit".to_owned(), json!(limit)),
    ])
}

/// Most messages of one look that follows another.
pub(super) const PAGE: u32 = 100;

/// Whether stdout is a pipe whose other end was closed. Nothing need happen for a long time that a write would tell it by.
fn nobody_reads() -> bool {
    let stdout = std::io::stdout();
    let mut asked = [PollFd::new(&stdout, PollFlags::empty())];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let told = poll(&mut asked, Some(&at_once)).is_ok_and(|count| count > 0);
    told && asked.iter().any(|stdout| stdout.revents().contains(PollFlags::ERR))
}

fn print(event: &Event<'_>, json: bool) -> Result<(), Trouble> {
    if json { Output::json_line(&event.json()?) } else { Output::data(&event.line()) }
}
