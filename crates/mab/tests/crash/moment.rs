//! When to kill, whom, and what must have come of it.

use serde_json::Value;

use crate::{
    client::{Client, Said, until},
    puppet::INITIALIZE,
    store::Store,
    tally::Outcome,
    world::Side,
};

/// Whom to kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Victim {
    Server,
    Client,
    Both,
}

/// Between which two steps of one call, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    /// The server runs, and nothing was said to it.
    Started,
    /// `initialize` is written.
    Greeting,
    /// The connection is open, and nothing was asked.
    Greeted,
    /// The request is written.
    Asked,
    /// The server waits for its turn.
    Queued,
    /// The server has its turn and waits to begin its transaction.
    InTurn,
    /// The first bytes of the commit are in the log.
    Writing,
    /// The commit can be seen, and the answer was not read.
    Committed,
    /// The answer lies in the pipe, unread.
    Answered,
    /// A part of an answer that no pipe can hold lies in the pipe.
    Torn,
    /// The answer was read and not kept.
    Read,
    /// The answer is kept, and nothing else was done.
    Kept,
}

impl Victim {
    pub(crate) const ALL: [Self; 3] = [Self::Server, Self::Client, Self::Both];
}

impl Moment {
    pub(crate) const ALL: [Self; 12] = [
        Self::Started,
        Self::Greeting,
        Self::Greeted,
        Self::Asked,
        Self::Queued,
        Self::InTurn,
        Self::Writing,
        Self::Committed,
        Self::Answered,
        Self::Torn,
        Self::Read,
        Self::Kept,
    ];

    /// What a kill at this moment may come to: one thing, wherever the moment decides it.
    pub(crate) fn outcomes(self, victim: Victim) -> &'static [Outcome] {
        let client_lives = victim == Victim::Server;
        match self {
            Self::Started | Self::Greeting | Self::Greeted | Self::Queued | Self::InTurn => {
                &[Outcome::Nothing]
            }
            Self::Asked | Self::Writing if client_lives => &[Outcome::Nothing, Outcome::Done, Outcome::Known],
            Self::Asked | Self::Writing => &[Outcome::Nothing, Outcome::Done],
            Self::Committed if client_lives => &[Outcome::Done, Outcome::Known],
            // What lies in a pipe outlives who wrote it.
            Self::Answered | Self::Read if client_lives => &[Outcome::Known],
            Self::Committed | Self::Answered | Self::Torn | Self::Read => &[Outcome::Done],
            Self::Kept => &[Outcome::Known],
        }
    }

    /// Brings a client with one request to this moment and kills. When it returns, the killed have gone, and a client
    /// that lives has read what there was to read.
    pub(crate) fn kill(self, side: &mut Side, store: Store, request: &Value, victim: Victim) {
        let client = side.client();
        if self <= Self::Greeted {
            client.serve();
        } else if !client.is_served() {
            client.open();
        }
        let ask = format!("ask {request}");
        let mut hold = None;
        match self {
            Self::Started => {}
            Self::Greeting => does(client, &format!("ask {INITIALIZE}")),
            Self::Greeted => does(client, "greet"),
            Self::Asked => does(client, &ask),
            Self::Queued => {
                hold = Some(store.hold_turn());
                does(client, &ask);
                store.await_taken("-next");
            }
            Self::InTurn => {
                hold = Some(store.hold_transaction());
                does(client, &ask);
                store.await_taken("-turn");
            }
            Self::Writing => {
                store.empty_log();
                let before = store.version();
                client.tell(&ask);
                until("a commit is written", || store.log_bytes() > 0 || store.version() != before);
                assert_eq!(client.hear(), Said::Done);
            }
            Self::Committed => {
                let before = store.version();
                client.tell(&ask);
                until("a commit is seen", || store.version() != before);
                assert_eq!(client.hear(), Said::Done);
            }
            Self::Answered | Self::Torn | Self::Read | Self::Kept => {
                does(client, &ask);
                does(client, "wait");
                if self >= Self::Read {
                    assert!(matches!(client.step("read"), Said::Line(_)), "an answer");
                }
                if self == Self::Kept {
                    does(client, "journal");
                }
            }
        }
        drop(store);
        side.kill(victim);
        if let Some(client) = side.living() {
            survive(client, request, self == Self::Read);
        }
        drop(hold);
    }
}

/// A client that lives keeps what it has read, and reads what a dead server left.
pub(crate) fn survive(client: &mut Client, request: &Value, has_read: bool) {
    if has_read {
        does(client, "journal");
    }
    while let Said::Line(line) = client.step("read") {
        let answer: Value = serde_json::from_str(&line).unwrap();
        if answer["id"] == request["id"] {
            does(client, "journal");
        }
    }
}

pub(crate) fn does(client: &mut Client, step: &str) {
    assert_eq!(client.step(step), Said::Done, "{step}");
}
