//! The store beside a model of it: the same random operations, every answer compared whole.
//!
//! The model keeps the inboxes in memory and asks [`mab_core::delivery`], as every engine does; that this rule loses
//! nothing is shown where it is written. Here it is shown that an engine keeps what the rule says.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use mab_core::{
    BatchId, Code, Denied, Failure, MessageId, Timestamp,
    agent::ActionType,
    delivery::{self, Check, Delivery},
    entity::{HeldChange, NewMessage, OfferRequest, Offered, StoredMessage},
    inbound::{InboundChange, Rule, Verdict},
    policy::Action,
};
use mab_store::Store;

use crate::kit::{Kit, LEASE_S, LIFE_S, Room, Seeded, operator, request};

const SEEDS: u64 = 12;
const OPERATIONS: usize = 120;
const MEMBERS: usize = 3;
/// Few, so that batches share tags more often than they ever will.
const TAGS: u64 = 6;

/// One member's inbox, as it should be.
#[derive(Debug, Default)]
struct Inbox {
    messages: BTreeMap<u64, Delivery>,
    unread: u64,
    acknowledged_seq: Option<u64>,
}

/// One conversation, as it should be.
#[derive(Debug, Default)]
struct Model {
    messages: Vec<StoredMessage>,
    inboxes: [Inbox; MEMBERS],
    /// Batches handed out: to which member, to which holder.
    batches: Vec<(usize, u64, BatchId)>,
    /// Messages that wait to be released, and whom they are for.
    held: Vec<(MessageId, Vec<usize>)>,
}

impl Model {
    fn append(&mut self, message: StoredMessage, recipients: Vec<usize>, held: bool) {
        if held {
            self.held.push((message.id, recipients));
        } else {
            self.deliver(message.id.seq, &recipients);
        }
        self.messages.push(message);
    }

    fn deliver(&mut self, seq: u64, recipients: &[usize]) {
        for recipient in recipients {
            self.inboxes[*recipient].messages.insert(seq, Delivery::Stored);
            self.inboxes[*recipient].unread += 1;
        }
    }

    fn offer(&mut self, member: usize, request: &OfferRequest, at: Timestamp) -> Result<Offered, Denied> {
        // The owner, a, is asked to release what waits.
        let held = if member == 0 { self.held.len() as u64 } else { 0 };
        let inbox = &mut self.inboxes[member];
        let acknowledged = |becomes: &dyn Fn(u64, Delivery) -> Delivery| -> BTreeSet<u64> {
            let done = |(seq, delivery): (&u64, &Delivery)| {
                (becomes(*seq, delivery.clone()) == Delivery::Acknowledged).then_some(*seq)
            };
            inbox.messages.iter().filter_map(done).collect()
        };
        let named = request.ack.map_or_else(BTreeSet::new, |batch| {
            acknowledged(&|seq, delivery| delivery.acknowledge(seq, batch))
        });
        if request.ack.is_some() {
            delivery::settle(named.len() as u64)?;
        }
        let read = acknowledged(&|seq, delivery| {
            if request.received.contains(&seq) { delivery.receive() } else { delivery }
        });
        let acknowledged: BTreeSet<u64> = named.union(&read).copied().collect();
        for seq in &acknowledged {
            inbox.messages.remove(seq);
            inbox.unread -= 1;
        }
        inbox.acknowledged_seq = inbox.acknowledged_seq.max(acknowledged.last().copied());
        let OfferRequest { holder, takes_over, lease_s, .. } = *request;
        let check = Check { holder, takes_over, at, lease_s };
        let mut offered = Offered {
            batch: None,
            messages: Vec::new(),
            more: false,
            damaged: Vec::new(),
            paused_by: None,
            held,
        };
        let (mut bytes, mut taken) = (0, Vec::new());
        for (seq, delivery) in &inbox.messages {
            let Ok(due) = delivery.clone().due(check) else { continue };
            let message = self.messages[usize::try_from(*seq).unwrap() - 1].clone();
            bytes += message.body.len() as u64;
            let too_much = bytes > request.max_bytes && !taken.is_empty();
            if too_much || taken.len() == request.limit as usize {
                offered.more = true;
                break;
            }
            offered.messages.push(StoredMessage { redelivered: due.redelivered(), ..message });
            taken.push((*seq, due));
        }
        if let (false, Some((first, _)), Some((last, _))) = (request.peek, taken.first(), taken.last()) {
            let batch = BatchId { first: *first, last: *last, tag: request.tag };
            self.batches.push((member, request.holder, batch));
            offered.batch = Some(batch);
        }
        for (seq, due) in taken.into_iter().filter(|_| !request.peek) {
            inbox.messages.insert(seq, Delivery::Offered(due.offer(request.tag)));
        }
        Ok(offered)
    }
}

/// A room, its model, and what decides what happens next.
struct Game<'a> {
    kit: &'a Kit,
    room: Room,
    model: Model,
    dice: Seeded,
    stores: [Arc<dyn Store>; 2],
    redelivered: usize,
    refused: usize,
    /// Messages released to members that had acknowledged newer ones.
    released_late: usize,
}

impl Game<'_> {
    /// One of the two stores that are open on the same place.
    fn store(&self) -> &dyn Store {
        self.stores[usize::from(self.one_in(2))].as_ref()
    }

    fn one_in(&self, sides: u64) -> bool {
        self.dice.below(sides) == 0
    }

    fn member(&self) -> usize {
        usize::try_from(self.dice.below(MEMBERS as u64)).unwrap()
    }

    async fn send(&mut self) {
        let (sender, other) = (self.member(), self.member());
        let text = "word ".repeat(usize::try_from(self.dice.below(20)).unwrap() + 1);
        let everyone = || (0..MEMBERS).filter(|member| *member != sender).collect::<Vec<_>>();
        let recipients = if sender == other { everyone() } else { vec![other] };
        let new = if sender == other {
            self.kit.message(&self.room, &text)
        } else {
            self.kit.message_to(&self.room, &text, &[name(other)])
        };
        // A proposal of anybody but the owner is held.
        let action_type = if self.one_in(2) { ActionType::Proposal } else { ActionType::Info };
        let held = sender != 0 && action_type == ActionType::Proposal;
        let new = NewMessage { action_type, ..new };
        let (tag, body) = (new.tag, new.body.as_bytes().to_vec());
        let stamp = self.kit.stamp(&self.room, name(sender), Action::Send).await;
        let appended = self.store().append(stamp, new).await.unwrap();
        let names: Vec<&str> = appended.recipients.iter().map(mab_core::SessionId::as_str).collect();
        assert_eq!(names, recipients.iter().copied().map(name).collect::<Vec<_>>());
        assert_eq!((appended.id.seq, appended.id.tag), (self.model.messages.len() as u64 + 1, tag));
        let message = StoredMessage {
            id: appended.id,
            sender: name(sender).parse().unwrap(),
            sender_ordinal: u8::try_from(sender).unwrap(),
            sender_role: self.kit.state(&self.room).await.agents[sender].role.clone(),
            at: appended.at,
            action_type,
            body,
            files: None,
            reply_to: None,
            redactions: 0,
            redelivered: false,
            standing: None,
        };
        assert_eq!(appended.standing.is_some(), held);
        self.model.append(message, recipients, held);
    }

    /// Releases or rejects one of the messages that are held, however much newer ones were read meanwhile.
    async fn judge(&mut self) {
        let waiting = self.model.held.len() as u64;
        if waiting == 0 {
            return;
        }
        let (id, recipients) =
            self.model.held.swap_remove(usize::try_from(self.dice.below(waiting)).unwrap());
        let reject = self.one_in(4);
        let action = if reject { Action::RejectHeld } else { Action::ReleaseHeld };
        let change = HeldChange { conversation: self.room.id, id, reject, unread_per_inbox: 1_000 };
        let told = self.store().judge_held(operator(action), change).await.unwrap();
        let names: Vec<&str> = told.iter().map(mab_core::SessionId::as_str).collect();
        assert_eq!(names, recipients.iter().copied().map(name).collect::<Vec<_>>());
        if !reject {
            let late = |member: &usize| self.model.inboxes[*member].acknowledged_seq > Some(id.seq);
            self.released_late += recipients.iter().filter(|member| late(member)).count();
            self.model.deliver(id.seq, &recipients);
        }
    }

    /// A batch to acknowledge: mostly the newest of this holder, else any that was ever handed out to anybody, as it
    /// was or bent.
    fn batch(&self, member: usize, holder: u64) -> Option<BatchId> {
        let own = |(whose, held_by, _): &&(usize, u64, BatchId)| *whose == member && *held_by == holder;
        match self.dice.below(8) {
            0..=1 => None,
            2..=5 => self.model.batches.iter().rev().find(own).map(|(_, _, batch)| *batch),
            bend => {
                let count = self.model.batches.len() as u64;
                let nth = usize::try_from(self.dice.below(count.max(1))).unwrap();
                let (_, _, batch) = *self.model.batches.get(nth)?;
                Some(match (bend, self.dice.below(4)) {
                    (6, 0) => BatchId { first: 1, last: 1_000_000, ..batch },
                    (6, 1) => BatchId { tag: u32::try_from(self.dice.below(TAGS)).unwrap(), ..batch },
                    (6, 2) => BatchId { last: batch.first, ..batch },
                    _ => batch,
                })
            }
        }
    }

    async fn check(&mut self) {
        let (member, holder) = (self.member(), 1 + self.dice.below(3));
        let asked = OfferRequest {
            ack: self.batch(member, holder),
            received: (1..=self.model.messages.len() as u64).filter(|_| self.one_in(8)).collect(),
            takes_over: self.one_in(2),
            peek: self.one_in(6),
            limit: u32::try_from(1 + self.dice.below(6)).unwrap(),
            max_bytes: if self.one_in(4) { 200 } else { 1 << 20 },
            holder,
            tag: u32::try_from(self.dice.below(TAGS)).unwrap(),
            ..request()
        };
        let stamp = self.kit.stamp(&self.room, name(member), Action::Check).await;
        let answer = match self.store().offer(stamp, asked.clone()).await {
            Ok(offered) => Ok(offered),
            Err(Failure::Denied(denied)) => Err(denied),
            Err(Failure::Fault(fault)) => panic!("{asked:?}: {fault:?}"),
        };
        self.redelivered += answer.iter().flat_map(|it| &it.messages).filter(|it| it.redelivered).count();
        self.refused += usize::from(answer.as_ref().is_err_and(|it| it.code == Code::UnknownBatch));
        let expected = self.model.offer(member, &asked, mab_core::Clock::now(self.kit.clock.as_ref()));
        assert_eq!(answer, expected, "{} asked {asked:?}", name(member));
    }

    /// The clock goes on, or is set anywhere within the conversation's life.
    fn clock(&self) {
        let life_ms = (LIFE_S - 2 * LEASE_S) * 1_000;
        match self.dice.below(4) {
            0 => self.kit.clock.pass_s(LEASE_S),
            1 => self.kit.clock.set_ms(i64::try_from(self.dice.below(life_ms)).unwrap()),
            _ => self.kit.clock.move_ms(i64::try_from(self.dice.below(2_000)).unwrap() - 500),
        }
        let now_ms = mab_core::Clock::now(self.kit.clock.as_ref()).millis() - crate::kit::START_MS;
        if now_ms > i64::try_from(life_ms).unwrap() {
            self.kit.clock.set_ms(0);
        }
    }

    async fn compare(&self) {
        let state = self.kit.state(&self.room).await;
        for (agent, inbox) in state.agents.iter().zip(&self.model.inboxes) {
            let kept = (agent.unread, agent.last_acknowledged_seq);
            assert_eq!(kept, (inbox.unread, inbox.acknowledged_seq), "{}", agent.session);
        }
        assert_eq!(state.messages, self.model.messages.len() as u64);
    }
}

fn name(member: usize) -> &'static str {
    ["a", "b", "c"][member]
}

pub(crate) async fn store_and_model_answer_alike_whatever_is_asked(kit: &Kit) {
    let stores = [Arc::clone(&kit.store), kit.open_again()];
    let (mut redelivered, mut refused, mut released_late) = (0, 0, 0);
    for seed in 1..=SEEDS {
        let dice = Seeded::new(1_000 + seed);
        let room = kit.room(3).await;
        kit.clock.set_ms(0);
        let hold = InboundChange::Set(Rule::ActionType(ActionType::Proposal), Verdict::Hold);
        let by_owner = kit.stamp(&room, "a", Action::SetInbound).await;
        kit.store.set_inbound(by_owner, room.id, hold).await.unwrap();
        let (model, stores) = (Model::default(), stores.clone());
        let mut game = Game { kit, room, model, dice, stores, redelivered: 0, refused: 0, released_late: 0 };
        for _ in 0..OPERATIONS {
            match game.dice.below(11) {
                0..=3 => game.send().await,
                4..=8 => game.check().await,
                9 => game.judge().await,
                _ => game.clock(),
            }
            game.compare().await;
        }
        redelivered += game.redelivered;
        refused += game.refused;
        released_late += game.released_late;
    }
    // The dice reach what they are thrown for.
    assert!(redelivered > 50 && refused > 50, "{redelivered} redelivered, {refused} refused");
    assert!(released_late > 10, "{released_late} released late");
}
