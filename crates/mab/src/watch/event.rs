//! What happened between two looks, in the order in which it is told.

use std::collections::BTreeMap;

use mab_core::Fault;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    cli::{Visible, allowed::Allowed},
    watch::look::{Delivery, Lease, Member, Receipt, Said, Seen},
};

/// Of how many messages it is remembered how far they got: more than one look tells of.
const REMEMBERED: usize = 1_000;

/// What was told last.
#[derive(Default)]
pub(super) struct Told {
    conversation: Option<(String, Option<String>, String, u64)>,
    execution: Option<Allowed>,
    members: BTreeMap<String, Member>,
    leases: Vec<Lease>,
    deliveries: BTreeMap<u64, Delivery>,
}

/// One thing that happened.
pub(super) enum Event<'a> {
    /// The conversation was paused, resumed, or ended; more or fewer messages are held, or others will be.
    Conversation(&'a Seen),
    /// A person enabled commands or ended that, or others wait for a person.
    Commands(Allowed),
    /// An agent came, went, or says that it does something else.
    Member(&'a Member),
    /// Files were reserved, or for longer.
    Reserved(&'a Lease),
    /// They no longer are.
    Free(Lease),
    /// A message was sent, to these.
    Message(&'a Said, Vec<&'a str>),
    /// A message cannot be opened.
    Damaged(u64),
    /// A message got further.
    Delivery(u64, &'a Delivery),
}

impl Told {
    /// What is new in `now`.
    pub(super) fn news<'a>(&mut self, now: &'a Seen) -> Vec<Event<'a>> {
        let mut events = Vec::new();
        let line = now.inbound.line().as_str().to_owned();
        let conversation = Some((now.state.clone(), now.paused_by.clone(), line, now.held));
        if self.conversation != conversation {
            self.conversation = conversation;
            events.push(Event::Conversation(now));
        }
        if self.execution != now.execution {
            self.execution.clone_from(&now.execution);
            events.push(Event::Commands(now.execution.clone().unwrap_or_default()));
        }
        for member in &now.agents {
            let before = self.members.insert(member.session_id.clone(), member.clone());
            if before.is_none_or(|before| !before.says_the_same(member)) {
                events.push(Event::Member(member));
            }
        }
        let gone = |lease: &Lease| !now.leases.iter().any(|other| other.fence == lease.fence);
        events.extend(self.leases.iter().filter(|lease| gone(lease)).cloned().map(Event::Free));
        events.extend(now.leases.iter().filter(|lease| !self.leases.contains(lease)).map(Event::Reserved));
        self.leases.clone_from(&now.leases);
        events.extend(now.damaged.iter().map(|seq| Event::Damaged(*seq)));
        for message in &now.news {
            events.push(Event::Message(message, recipients(&now.receipts, message.seq)));
        }
        for receipt in now.receipts.iter().rev().filter(|receipt| !receipt.to.is_empty()) {
            let before = self.deliveries.insert(receipt.seq, receipt.to.clone());
            // What the first look finds is how things are; what a message begins with goes without saying.
            let known = before.unwrap_or_else(|| {
                let stored = |name: &String| (name.clone(), "stored".to_owned());
                receipt.to.keys().map(stored).collect()
            });
            if known != receipt.to {
                events.push(Event::Delivery(receipt.seq, &receipt.to));
            }
        }
        while self.deliveries.len() > REMEMBERED {
            self.deliveries.pop_first();
        }
        events
    }
}

impl Member {
    /// Whether nothing that is told of a member differs.
    fn says_the_same(&self, other: &Self) -> bool {
        let told = |member: &Self| {
            let Self { session_id, role, permission, status, note, .. } = member.clone();
            (session_id, role, permission, status, note, member.presence())
        };
        told(self) == told(other)
    }
}

fn recipients(receipts: &[Receipt], seq: u64) -> Vec<&str> {
    let found = receipts.iter().find(|receipt| receipt.seq == seq);
    found.map(|receipt| receipt.to.keys().map(String::as_str).collect()).unwrap_or_default()
}

impl Event<'_> {
    /// One line of tab-separated cells, the kind first.
    pub(super) fn line(&self) -> String {
        let list = |names: &[&str]| names.join(",");
        let cells: Vec<Visible> = match self {
            Self::Conversation(state) => vec![
                Visible::line("conversation"),
                Visible::line(&state.state),
                word(state.paused_by.as_deref()),
                state.inbound.line(),
                state.held.into(),
                Visible::line(&state.expires_at),
            ],
            Self::Commands(execution) => execution.cells(),
            Self::Member(member) => vec![
                Visible::line("member"),
                Visible::line(&member.session_id),
                word(member.role.as_deref()),
                Visible::line(&member.permission),
                Visible::line(member.presence()),
                word(member.status.as_deref()),
                word(member.note.as_deref()),
            ],
            Self::Reserved(lease) => lease.cells("reserved"),
            Self::Free(lease) => lease.cells("free"),
            Self::Message(message, to) => vec![
                Visible::line("message"),
                message.seq.into(),
                Visible::line(&message.at),
                Visible::line(&message.from),
                word(Some(list(to).as_str()).filter(|names| !names.is_empty())),
                Visible::line(&message.action_type),
                Visible::line(&message.message),
                word(message.files_involved.as_ref().map(|files| files.join("\n")).as_deref()),
                word(message.reply_to.as_deref()),
                message.redactions.into(),
            ],
            Self::Damaged(seq) => vec![Visible::line("damaged"), (*seq).into()],
            Self::Delivery(seq, to) => {
                let states: Vec<String> = to.iter().map(|(name, state)| format!("{name} {state}")).collect();
                vec![Visible::line("delivery"), (*seq).into(), Visible::line(&states.join(", "))]
            }
        };
        let cells: Vec<&str> = cells.iter().map(Visible::as_str).collect();
        cells.join("\t") + "\n"
    }

    /// One JSON object.
    ///
    /// # Errors
    /// Never in practice; a [`Fault`] when JSON cannot be written.
    pub(super) fn json(&self) -> Result<Value, Fault> {
        let event = |name: &str, value: Value| {
            let mut event = Map::from_iter([("event".to_owned(), json!(name))]);
            event.extend(value.as_object().cloned().unwrap_or_default());
            Value::Object(event)
        };
        Ok(match self {
            Self::Conversation(state) => event(
                "conversation",
                json!({
                    "conversation_id": state.conversation_id, "topic": state.topic, "state": state.state,
                    "paused_by": state.paused_by, "inbound": state.inbound.line().as_str(), "held": state.held,
                    "messages": state.messages, "expires_at": state.expires_at, "trust": "peer",
                }),
            ),
            Self::Commands(execution) => event("commands", written(execution)?),
            Self::Member(member) => event(
                "member",
                json!({
                    "session_id": member.session_id, "role": member.role, "permission": member.permission,
                    "presence": member.presence(), "status": member.status, "note": member.note,
                    "last_heartbeat": member.last_heartbeat, "trust": "peer",
                }),
            ),
            Self::Reserved(lease) => event("reserved", of_peer(written(lease)?)),
            Self::Free(lease) => event("free", of_peer(written(lease)?)),
            Self::Message(message, to) => {
                let mut value = written(message)?;
                if let Some(fields) = value.as_object_mut() {
                    fields.insert("to".to_owned(), json!(to));
                }
                event("message", value)
            }
            Self::Damaged(seq) => json!({"event": "damaged", "seq": seq}),
            Self::Delivery(seq, to) => json!({"event": "delivery", "seq": seq, "to": to}),
        })
    }
}

impl Allowed {
    fn cells(&self) -> Vec<Visible> {
        let enabled = self.enabled.as_ref();
        vec![
            Visible::line("commands"),
            word(enabled.map(|enabled| enabled.mode.as_str())),
            word(enabled.map(|enabled| enabled.expires_at.as_str())),
            self.requests.into(),
            self.wishes.into(),
            word(enabled.map(|enabled| enabled.workspace.as_str())),
        ]
    }
}

impl Lease {
    fn cells(&self, kind: &str) -> Vec<Visible> {
        vec![
            Visible::line(kind),
            Visible::line(&self.session_id),
            Visible::line(if self.exclusive { "exclusive" } else { "shared" }),
            self.fence.into(),
            Visible::line(&self.expires_at),
            Visible::line(&self.pattern),
        ]
    }
}

fn written(value: &impl Serialize) -> Result<Value, Fault> {
    serde_json::to_value(value).map_err(|source| Fault::from_source("writing an event", source))
}

/// Marks what holds words of an agent.
fn of_peer(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.insert("trust".to_owned(), json!("peer"));
    }
    value
}

fn word(text: Option<&str>) -> Visible {
    Visible::line(text.unwrap_or("-"))
}
