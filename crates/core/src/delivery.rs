//! One message on its way to one recipient: the rule of at-least-once delivery, in one place.
//!
//! ```text
//!            offer                    acknowledge, in exactly the batch it was last offered in
//!   Stored ─────────► Offered ──────────────────────────────────────────────────► Acknowledged
//!                      │   ▲    receive: the process that handed it out knows that it was read
//!                      └───┘ offer: the lease is over, or a new holder takes over
//! ```
//!
//! A store keeps the state and asks here what follows; it decides nothing by itself. What is stored stays until it is
//! acknowledged, what was offered before is flagged when it comes again, and what is acknowledged never comes again.

use std::num::NonZeroU64;

use crate::{BatchId, Code, Denied, Timestamp, limit};

/// How long what a check gets is leased to it, in seconds.
pub const LEASE_S: u64 = 60;

/// Where one message stands with one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Durable, never handed out.
    Stored,
    /// Handed out at least once, and not known to be received.
    Offered(Offer),
    /// Received: it never comes again.
    Acknowledged,
}

/// The newest offer of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// How often it was handed out, this time counted.
    pub times: NonZeroU64,
    /// Whom it was handed to.
    pub holder: u64,
    /// Tag of the batch it was handed out in.
    pub tag: u32,
    /// Until then the holder itself does not get it again.
    pub leased_until: Timestamp,
}

/// A check of an inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// Who asks.
    pub holder: u64,
    /// Whether it also gets what is leased to others: a connection takes over once, when it is new, because the one
    /// before it is probably gone. Did it do so with every check, two that live would take everything from each other.
    pub takes_over: bool,
    /// When.
    pub at: Timestamp,
    /// How long what it gets is leased to it, in seconds; no lease is longer.
    pub lease_s: u64,
}

/// A message that the check gets: the only thing that can be offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    offered_before: u64,
    check: Check,
}

impl Delivery {
    /// Decides whether the check gets this message: when it was never handed out, when its lease is over, and when the
    /// check takes over from another holder. Gives the state back when not.
    ///
    /// # Errors
    /// The unchanged state, when the message is leased, or acknowledged.
    pub fn due(self, check: Check) -> Result<Due, Self> {
        match self {
            Self::Stored => Ok(Due { offered_before: 0, check }),
            Self::Offered(offer) if offer.is_over(&check) => {
                Ok(Due { offered_before: offer.times.get(), check })
            }
            Self::Offered(_) | Self::Acknowledged => Err(self),
        }
    }

    /// Acknowledges message `seq` when it was last handed out in exactly this batch; else nothing changes.
    #[must_use]
    pub fn acknowledge(self, seq: u64, batch: BatchId) -> Self {
        match self {
            Self::Offered(offer) if offer.tag == batch.tag && (batch.first..=batch.last).contains(&seq) => {
                Self::Acknowledged
            }
            Self::Stored | Self::Offered(_) | Self::Acknowledged => self,
        }
    }
}

impl Delivery {
    /// Acknowledges what a client is known to have read, in whatever batch it was handed out since.
    #[must_use]
    pub fn receive(self) -> Self {
        match self {
            Self::Offered(_) => Self::Acknowledged,
            Self::Stored | Self::Acknowledged => self,
        }
    }
}

impl Offer {
    /// Whether the check gets the message again. A lease that ends far further ahead than any can was made before the
    /// clock was set back: it counts as over, or the message would wait until the clock has caught up.
    fn is_over(&self, check: &Check) -> bool {
        (check.takes_over && self.holder != check.holder)
            || self.leased_until <= check.at
            || limit::is_ahead(self.leased_until, check.at.plus_seconds(check.lease_s))
    }
}

impl Due {
    /// Whether it was handed out before.
    pub const fn redelivered(&self) -> bool {
        self.offered_before > 0
    }

    /// Hands it out in the batch with this tag.
    pub const fn offer(self, tag: u32) -> Offer {
        Offer {
            times: NonZeroU64::MIN.saturating_add(self.offered_before),
            holder: self.check.holder,
            tag,
            leased_until: self.check.at.plus_seconds(self.check.lease_s),
        }
    }
}

/// Judges a batch that an agent named and of which `acknowledged` messages were acknowledged.
///
/// # Errors
/// `unknown_batch` when there were none.
pub fn settle(acknowledged: u64) -> Result<(), Denied> {
    if acknowledged > 0 {
        return Ok(());
    }
    Err(Denied::new(Code::UnknownBatch, "this batch is not outstanding for you")
        .hint("it was acknowledged before or handed out again since; call check_messages without ack"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const LEASE_MS: i64 = LEASE_S.cast_signed() * 1_000;
    const AHEAD_MAX_MS: i64 = limit::AHEAD_MAX_S.cast_signed() * 1_000;

    fn check(holder: u64, at_ms: i64) -> Check {
        Check { holder, takes_over: true, at: Timestamp::from_millis(at_ms), lease_s: LEASE_S }
    }

    fn offered(times: u64, holder: u64, at_ms: i64) -> Delivery {
        let leased_until = Timestamp::from_millis(at_ms + LEASE_MS);
        Delivery::Offered(Offer { times: NonZeroU64::new(times).unwrap(), holder, tag: 7, leased_until })
    }

    #[test]
    fn stored_message_is_due_to_anyone_and_not_flagged() {
        let due = Delivery::Stored.due(check(1, 0)).unwrap();
        assert!(!due.redelivered());
        assert_eq!(Delivery::Offered(due.offer(7)), offered(1, 1, 0));
    }

    #[test]
    fn offered_message_is_due_to_its_holder_when_the_lease_is_over() {
        let held = offered(1, 1, 0);
        for (at_ms, is_due) in [
            (0, false),
            (1, false),
            (LEASE_MS - 1, false),
            (LEASE_MS, true),
            // The clock was set back since: a little, as clocks are, or too far to wait for.
            (-1, false),
            (-AHEAD_MAX_MS, false),
            (-AHEAD_MAX_MS - 1, true),
            (i64::MIN, true),
        ] {
            assert_eq!(held.clone().due(check(1, at_ms)).is_ok(), is_due, "at {at_ms}");
        }
        assert_eq!(held.clone().due(check(1, 0)), Err(held), "nothing changed");
    }

    #[test]
    fn offered_message_is_due_to_another_holder_at_once_and_flagged() {
        let due = offered(1, 1, 0).due(check(2, 0)).unwrap();
        assert!(due.redelivered());
        assert_eq!(Delivery::Offered(due.offer(7)), offered(2, 2, 0));
    }

    #[test]
    fn offers_when_countless_stay_countless() {
        let due = offered(u64::MAX, 1, 0).due(check(2, 0)).unwrap();
        assert_eq!(due.offer(7).times, NonZeroU64::MAX);
    }

    #[test]
    fn acknowledging_takes_the_very_batch_of_the_newest_offer() {
        let batch = BatchId { first: 3, last: 5, tag: 7 };
        let held = offered(1, 1, 0);
        assert_eq!(held.clone().acknowledge(3, batch), Delivery::Acknowledged);
        assert_eq!(held.clone().acknowledge(5, batch), Delivery::Acknowledged);
        for seq in [2, 6] {
            assert_eq!(held.clone().acknowledge(seq, batch), held);
        }
        assert_eq!(held.clone().acknowledge(3, BatchId { tag: 8, ..batch }), held);
        assert_eq!(Delivery::Stored.acknowledge(3, batch), Delivery::Stored);
        assert_eq!(Delivery::Acknowledged.acknowledge(3, batch), Delivery::Acknowledged);
    }

    #[test]
    fn acknowledged_message_is_never_due() {
        for at_ms in [i64::MIN, 0, i64::MAX] {
            assert_eq!(Delivery::Acknowledged.due(check(1, at_ms)), Err(Delivery::Acknowledged));
        }
    }

    #[test]
    fn batch_of_which_nothing_is_outstanding_is_refused() {
        assert_eq!(settle(0).map_err(|denied| denied.code), Err(Code::UnknownBatch));
        assert_eq!(settle(1), Ok(()));
    }

    #[test]
    fn offered_message_is_left_to_its_holder_by_one_that_does_not_take_over() {
        let other = Check { takes_over: false, ..check(2, LEASE_MS - 1) };
        let held = offered(1, 1, 0);
        assert_eq!(held.clone().due(other), Err(held.clone()));
        let later = Check { takes_over: false, ..check(2, LEASE_MS) };
        assert!(held.due(later).is_ok_and(|due| due.redelivered()));
        assert!(Delivery::Stored.due(other).is_ok());
    }

    #[test]
    fn receiving_takes_whatever_was_offered_and_nothing_else() {
        assert_eq!(offered(3, 2, 0).receive(), Delivery::Acknowledged);
        assert_eq!(Delivery::Stored.receive(), Delivery::Stored);
        assert_eq!(Delivery::Acknowledged.receive(), Delivery::Acknowledged);
    }

    /// What may happen to one inbox.
    #[derive(Debug, Clone)]
    enum Step {
        Send,
        /// A check that acknowledges what this holder last read, or not, and whose answer is read, or lost.
        Check {
            holder: u64,
            limit: usize,
            implicit: bool,
            lost: bool,
        },
        /// An acknowledgement of any batch that somebody has read.
        Acknowledge {
            nth: usize,
        },
        /// The clock steps, either way.
        Clock {
            by_ms: i64,
        },
    }

    fn step() -> impl Strategy<Value = Step> {
        let check = (1_u64..4, 1_usize..6, any::<bool>(), prop::bool::weighted(0.3))
            .prop_map(|(holder, limit, implicit, lost)| Step::Check { holder, limit, implicit, lost });
        let clock =
            prop_oneof![-1_000_i64..1_000, -3 * LEASE_MS..3 * LEASE_MS, Just(LEASE_MS), Just(-LEASE_MS)];
        prop_oneof![
            3 => Just(Step::Send),
            4 => check,
            1 => (0_usize..20).prop_map(|nth| Step::Acknowledge { nth }),
            2 => clock.prop_map(|by_ms| Step::Clock { by_ms }),
        ]
    }

    /// One message: its state, its id, and what became of each time it was handed out.
    struct Message {
        delivery: Delivery,
        id: u64,
        handed_out: Vec<Handed>,
    }

    struct Handed {
        id: u64,
        redelivered: bool,
        read: bool,
    }

    /// An inbox and its readers, who know only what they have read.
    #[derive(Default)]
    struct Inbox {
        messages: BTreeMap<u64, Message>,
        now_ms: i64,
        tags: u32,
        last_read: BTreeMap<u64, BatchId>,
        read: Vec<BatchId>,
    }

    impl Inbox {
        fn step(&mut self, step: &Step) {
            match *step {
                Step::Send => {
                    let seq = self.messages.len() as u64 + 1;
                    let message =
                        Message { delivery: Delivery::Stored, id: seq * 1_000, handed_out: Vec::new() };
                    self.messages.insert(seq, message);
                }
                Step::Check { holder, limit, implicit, lost } => {
                    if let Some(batch) = self.last_read.remove(&holder).filter(|_| implicit) {
                        self.acknowledge(batch);
                    }
                    self.check(holder, limit, !lost);
                }
                Step::Acknowledge { nth } => {
                    if let Some(batch) = self.read.get(nth).copied() {
                        self.acknowledge(batch);
                    }
                }
                Step::Clock { by_ms } => self.now_ms += by_ms,
            }
        }

        fn acknowledge(&mut self, batch: BatchId) {
            for (seq, message) in &mut self.messages {
                let before = message.delivery.clone();
                message.delivery = before.clone().acknowledge(*seq, batch);
                if message.delivery != before {
                    assert!(message.handed_out.iter().any(|handed| handed.read), "received, so read");
                }
            }
        }

        fn check(&mut self, holder: u64, limit: usize, read: bool) {
            self.tags += 1;
            let (check, tag) = (check(holder, self.now_ms), self.tags);
            let mut seqs = Vec::new();
            for (seq, message) in &mut self.messages {
                let Ok(due) = message.delivery.clone().due(check) else { continue };
                if seqs.len() == limit {
                    break;
                }
                assert_ne!(
                    message.delivery,
                    Delivery::Acknowledged,
                    "what is acknowledged never comes again"
                );
                message.handed_out.push(Handed { id: message.id, redelivered: due.redelivered(), read });
                message.delivery = Delivery::Offered(due.offer(tag));
                seqs.push(*seq);
            }
            if let (true, Some(first), Some(last)) = (read, seqs.first(), seqs.last()) {
                let batch = BatchId { first: *first, last: *last, tag };
                self.last_read.insert(holder, batch);
                self.read.push(batch);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn no_message_is_lost_or_twice_unflagged_whatever_happens(steps in prop::collection::vec(step(), 1..120)) {
            let mut inbox = Inbox::default();
            for step in &steps {
                inbox.step(step);
            }
            for (seq, message) in &inbox.messages {
                let flags: Vec<bool> = message.handed_out.iter().map(|handed| handed.redelivered).collect();
                prop_assert_eq!(flags.iter().position(|flag| *flag), (flags.len() > 1).then_some(1), "{}", seq);
                prop_assert_eq!(flags.iter().filter(|flag| !**flag).count(), flags.len().min(1), "{}", seq);
                prop_assert!(message.handed_out.iter().all(|handed| handed.id == message.id), "{}", seq);
                match message.delivery {
                    Delivery::Stored => prop_assert!(flags.is_empty()),
                    Delivery::Offered(offer) => prop_assert_eq!(offer.times.get(), flags.len() as u64),
                    Delivery::Acknowledged => {
                        prop_assert!(message.handed_out.iter().any(|handed| handed.read), "{} was lost", seq);
                        continue;
                    }
                }
                // Whoever comes next gets it at once, and each holder at the latest when one lease and the step a
                // clock is allowed have passed, wherever the clock was set meanwhile.
                prop_assert!(message.delivery.clone().due(check(4, inbox.now_ms)).is_ok(), "{}", seq);
                for holder in 1..4 {
                    for set_to in [inbox.now_ms, inbox.now_ms - 1_000_000, inbox.now_ms - 30_000] {
                        let gets = |at_ms| message.delivery.clone().due(check(holder, at_ms)).is_ok();
                        prop_assert!(gets(set_to) || gets(set_to + LEASE_MS + AHEAD_MAX_MS), "{} for {}", seq, holder);
                    }
                }
            }
            // And so two more checks empty the inbox.
            let all = inbox.messages.len() + 1;
            inbox.step(&Step::Check { holder: 4, limit: all, implicit: true, lost: false });
            inbox.step(&Step::Check { holder: 4, limit: all, implicit: true, lost: false });
            prop_assert!(inbox.messages.values().all(|message| message.delivery == Delivery::Acknowledged));
        }
    }
}
