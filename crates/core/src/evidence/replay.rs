//! What the entries of a conversation say of its tables: who is a member and as what, which messages there are, and, by
//! [`super::order`] and [`super::commands`], the rest.

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{
    MessageId,
    agent::{Permission, SYSTEM_ORDINAL},
    evidence::{
        Approvers, CommandsRow, EnrolledRow, Finding, Kind, OrderRow, Row,
        commands::{Commands, Told},
        enrolment::Enrolment,
        order::{Order, OrderFacts},
    },
    policy::Action,
};

/// What a conversation's tables say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateRow {
    /// Number of its newest message.
    pub last_seq: u64,
    /// Whether it was purged.
    pub purged: bool,
    /// Its members, in join order.
    pub members: Vec<MemberRow>,
    /// Held messages, pause and policy; `None` when the schema is older.
    pub order: Option<OrderRow>,
    /// Its commands; `None` when the schema is older.
    pub commands: Option<CommandsRow>,
}

/// What a member's row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    /// Its place in join order, from 0: messages name their sender and their audience by it.
    pub ordinal: i64,
    /// The handle.
    pub session: String,
    /// The permission's name.
    pub permission: String,
    /// Whose token is valid.
    pub epoch: u32,
    /// Whether it was removed.
    pub revoked: bool,
}

impl MemberRow {
    /// Whether it is a member that may do this.
    fn may(&self, action: Action) -> bool {
        let permission: Option<Permission> = self.permission.parse().ok();
        !self.revoked && permission.is_some_and(|it| action.is_of(it))
    }
}

/// What a message's row says.
#[derive(Debug, Clone, Copy)]
pub struct MessageRow<'a> {
    /// Its number.
    pub seq: u64,
    /// The random part of its id.
    pub tag: &'a [u8],
    /// The sender's place in join order.
    pub sender: i64,
    /// Whom it reaches, as bits by place in join order.
    pub audience: i64,
    /// When it was stored, in milliseconds.
    pub at: i64,
    /// The sealed text.
    pub body: &'a [u8],
}

/// What an entry tells of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The entry.
    pub n: u64,
    /// The message.
    pub id: MessageId,
    at: i64,
    sender: Option<i64>,
    audience: Option<i64>,
    /// Whether it was held back: whom it reaches is told by later entries.
    pub held: bool,
    digest: [u8; 32],
}

impl Sent {
    /// Whether this is the row of the message.
    pub fn is(&self, row: &MessageRow<'_>) -> bool {
        self.id.seq == row.seq
            && self.id.tag == row.tag
            && self.at == row.at
            && self.sender.is_none_or(|sender| sender == row.sender)
            && (self.held || self.audience.is_none_or(|audience| audience == row.audience))
            && self.digest == <[u8; 32]>::from(Sha256::digest(row.body))
    }
}

/// The state after the entries so far.
#[derive(Debug, Default)]
pub struct Replay {
    members: Vec<MemberRow>,
    /// The first entry of an action that this version does not know.
    unknown: Option<u64>,
    /// The first entry of a known action that is not understood.
    damaged: Option<u64>,
    /// The first entry about commands.
    of_commands: Option<u64>,
    /// The first message of one who may not send.
    intruded: Option<u64>,
    last_seq: u64,
    purged: bool,
    order: Order,
    commands: Commands,
    enrolment: Enrolment,
    /// The first entry about the approver that is not understood.
    damaged_enrolment: Option<u64>,
}

/// The facts of an entry that tables follow from.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Facts {
    members: Vec<String>,
    permissions: Vec<String>,
    permission: Option<String>,
    session: Vec<String>,
    owner: Vec<String>,
    before: Vec<String>,
    epoch: Option<u32>,
    change: Option<String>,
}

#[derive(Deserialize)]
struct SendFacts<'a> {
    message: &'a str,
    body_sha256: &'a str,
    #[serde(default)]
    to: Option<Vec<String>>,
    #[serde(default)]
    standing: Option<&'a str>,
    #[serde(default)]
    then: Option<&'a str>,
}

impl Replay {
    /// Takes the next entry that holds; returns the message it tells of.
    pub fn take(&mut self, row: &Row<'_>) -> Option<Sent> {
        let [actor, action, outcome, detail] = row.fields;
        if outcome != b"ok" {
            return None;
        }
        if action == b"manage_approver" && self.enrolment.take((row.n, row.at), detail).is_none() {
            self.damaged_enrolment = self.damaged_enrolment.or(Some(row.n));
        }
        if is_about_commands(action) {
            self.of_commands = self.of_commands.or(Some(row.n));
            if self.commanded(row).is_none() {
                self.damaged = self.damaged.or(Some(row.n));
            }
        }
        let known = match action {
            b"send" => return self.told(row),
            b"pause" | b"resume" => {
                self.order.pause(action == b"pause");
                true
            }
            b"release_held" | b"reject_held" | b"set_inbound" => self.ordered(action, detail).is_some(),
            b"cleanup" => {
                self.purged = true;
                self.order.purge();
                self.commands.purge();
                true
            }
            b"create" | b"join" | b"invite" | b"manage_tokens" | b"remove" | b"leave" | b"transfer" => {
                let facts = serde_json::from_slice(detail).ok();
                facts.is_some_and(|facts| {
                    self.change((action, row.at), &String::from_utf8_lossy(actor), facts).is_some()
                })
            }
            _ if TELLING.contains(&action) && names_a_message(detail) => return self.told(row),
            _ if TELLING.contains(&action) || changes_no_member(action) => true,
            _ => {
                self.unknown = self.unknown.or(Some(row.n));
                true
            }
        };
        if !known {
            self.not_understood(row.n);
        }
        None
    }

    /// Takes an entry of a message.
    fn told(&mut self, row: &Row<'_>) -> Option<Sent> {
        let sent = self.sent(row);
        self.last_seq = sent.as_ref().map_or(self.last_seq, |sent| sent.id.seq);
        if sent.is_none() {
            self.not_understood(row.n);
        }
        sent
    }

    /// An entry of a known action says what none of this bridge says. After one of an unknown action it may be about members
    /// that nobody here knows of.
    fn not_understood(&mut self, n: u64) {
        if self.unknown.is_none() {
            self.damaged = self.damaged.or(Some(n));
        }
    }

    fn commanded(&mut self, row: &Row<'_>) -> Option<()> {
        let [actor, action, _, detail] = row.fields;
        let Self { members, commands, unknown, .. } = self;
        let may = |session: &str, action: Action| {
            unknown.is_some() || members.iter().any(|it| it.session == session && it.may(action))
        };
        let actor = String::from_utf8_lossy(actor);
        let told = Told { n: row.n, at: row.at, actor: &actor, action, may: &may };
        commands.take(&told, detail)
    }

    fn ordered(&mut self, action: &[u8], detail: &[u8]) -> Option<()> {
        let facts: OrderFacts = serde_json::from_slice(detail).ok()?;
        if action == b"set_inbound" {
            self.order.set_inbound(&facts);
            return Some(());
        }
        let members = &self.members;
        self.order.judge(&facts, action == b"release_held", |to| bits(members, to))
    }

    fn sent(&mut self, row: &Row<'_>) -> Option<Sent> {
        let [actor, action, _, detail] = row.fields;
        let facts: SendFacts<'_> = serde_json::from_slice(detail).ok()?;
        let mut digest = [0; 32];
        hex::decode_to_slice(facts.body_sha256, &mut digest).ok()?;
        let sender = if action == b"send" {
            let may = |member: &MemberRow| member.session.as_bytes() == actor && member.may(Action::Send);
            if self.unknown.is_none() && !self.members.iter().any(may) {
                self.intruded = self.intruded.or(Some(row.n));
            }
            let sender = self.members.iter().position(|member| member.session.as_bytes() == actor);
            sender.and_then(|ordinal| i64::try_from(ordinal).ok())
        } else {
            Some(i64::from(SYSTEM_ORDINAL))
        };
        let id: MessageId = facts.message.parse().ok()?;
        let audience = match &facts.to {
            Some(to) => Some(bits(&self.members, to)?),
            None => None,
        };
        let held = facts.standing.is_some();
        if held {
            self.order.hold(id.seq, audience?);
        }
        if facts.then == Some("paused") {
            self.order.pause(true);
        }
        Some(Sent { n: row.n, id, at: row.at, sender, audience, held, digest })
    }

    /// Applies an entry; `None` when it cannot be understood.
    fn change(&mut self, (action, at): (&[u8], i64), actor: &str, facts: Facts) -> Option<()> {
        let owner = Permission::Owner.as_str();
        match action {
            b"create" => {
                let fallback = [owner, Permission::Member.as_str()].map(str::to_owned);
                let permissions =
                    if facts.permissions.is_empty() { &fallback[..] } else { &facts.permissions };
                for (session, permission) in facts.members.iter().zip(permissions) {
                    self.admit(session, permission);
                }
            }
            b"invite" => self.admit(facts.session.first()?, &facts.permission?),
            b"join" => self.member(actor)?.epoch = facts.epoch?,
            b"leave" => self.remove(actor, at)?,
            b"remove" => facts.session.iter().try_for_each(|session| self.remove(session, at))?,
            b"transfer" => {
                for before in &facts.before {
                    Permission::Member.as_str().clone_into(&mut self.member(before)?.permission);
                }
                owner.clone_into(&mut self.member(facts.owner.first()?)?.permission);
            }
            _ => {
                let change = facts.change?;
                let mut members = facts.session.iter();
                match change.as_str() {
                    "shown" => {}
                    "rotated" => {
                        members.try_for_each(|one| self.member(one).map(|member| member.epoch += 1))?;
                    }
                    "revoked" => members.try_for_each(|one| self.remove(one, at))?,
                    _ => return None,
                }
            }
        }
        Some(())
    }

    fn admit(&mut self, session: &str, permission: &str) {
        let (session, permission) = (session.to_owned(), permission.to_owned());
        let ordinal = self.members.last().map_or(0, |member| member.ordinal + 1);
        self.members.push(MemberRow { ordinal, session, permission, epoch: 0, revoked: false });
    }

    fn remove(&mut self, session: &str, at: i64) -> Option<()> {
        let member = self.member(session)?;
        member.epoch += 1;
        member.revoked = true;
        self.commands.end_of(session, at);
        Some(())
    }

    fn member(&mut self, session: &str) -> Option<&mut MemberRow> {
        self.members.iter_mut().find(|member| member.session == session)
    }

    /// Ends the replay against the tables.
    pub fn finish(&self, state: &StateRow) -> Vec<Finding> {
        let mut found = Vec::new();
        let mismatch = |what: String| Finding::new(Kind::StateMismatch).what(what);
        found.extend(self.damaged.map(damage));
        if let Some(n) = self.unknown {
            found.push(Finding::new(Kind::StateUnknown).at(n));
        } else {
            found.extend(
                self.intruded.map(|n| mismatch("a message of one who may not send".to_owned()).at(n)),
            );
            found.extend(self.members_differ(&state.members).map(mismatch));
            if self.last_seq != state.last_seq {
                let what = format!("newest message: {}, recorded: {}", state.last_seq, self.last_seq);
                found.push(mismatch(what));
            }
            found.extend(state.order.as_ref().and_then(|order| self.order.differs(order)).map(mismatch));
        }
        // Commands follow from the actions that are listed below, in every version that has this schema.
        if let Some(commands) = &state.commands {
            let impossible = self.commands.impossible();
            found.extend(impossible.map(|(n, what)| mismatch(what.clone()).at(*n)));
            found.extend(self.commands.differs(commands).map(mismatch));
        }
        if self.purged != state.purged {
            let said = |purged| if purged { "purged" } else { "not purged" };
            found.push(mismatch(format!("{}, recorded: {}", said(state.purged), said(self.purged))));
        }
        found
    }

    /// Who was enrolled, when this is the bridge's own chain.
    pub const fn approvers(&self) -> &Approvers {
        self.enrolment.approvers()
    }

    /// The first yes of a person that no approver signed, and the first key that enabled or agreed and was not enrolled
    /// then; keys are not looked at where it is not known who was.
    pub fn unsigned(&self, row: &CommandsRow, approvers: Option<&Approvers>) -> Option<Finding> {
        let (n, what) = self.commands.unsigned(row, approvers)?;
        Some(Finding::new(Kind::StateMismatch).at(n).what(what))
    }

    /// The first entry about commands, which no schema without tables of commands has.
    pub const fn of_commands(&self) -> Option<u64> {
        self.of_commands
    }

    /// Ends the replay of the bridge's own chain against the rows of the approver.
    pub fn finish_bridge(&self, approvers: &[EnrolledRow]) -> Vec<Finding> {
        let mismatch = |what: String| Finding::new(Kind::StateMismatch).what(what);
        let impossible = self.enrolment.impossible().map(|(n, what)| mismatch(what.to_owned()).at(n));
        let damaged = self.damaged_enrolment.map(damage);
        let differs = self.enrolment.differs(approvers).map(mismatch);
        damaged.into_iter().chain(impossible).chain(differs).collect()
    }

    /// The first member that is another one than was recorded.
    fn members_differ(&self, stored: &[MemberRow]) -> Option<String> {
        for (stored, recorded) in stored.iter().zip(&self.members) {
            if stored.session != recorded.session {
                return Some(format!("member {}, recorded: {}", stored.session, recorded.session));
            }
            let who = &stored.session;
            if stored.ordinal != recorded.ordinal {
                let (stored, recorded) = (stored.ordinal, recorded.ordinal);
                return Some(format!("place of {who}: {stored}, recorded: {recorded}"));
            }
            if stored.permission != recorded.permission {
                return Some(format!(
                    "permission of {who}: {}, recorded: {}",
                    stored.permission, recorded.permission
                ));
            }
            if stored.revoked != recorded.revoked {
                let said = |revoked| if revoked { "removed" } else { "not removed" };
                return Some(format!(
                    "{who}: {}, recorded: {}",
                    said(stored.revoked),
                    said(recorded.revoked)
                ));
            }
            if stored.epoch != recorded.epoch {
                return Some(format!("epoch of {who}: {}, recorded: {}", stored.epoch, recorded.epoch));
            }
        }
        let (stored, recorded) = (stored.len(), self.members.len());
        (stored != recorded).then(|| format!("members: {stored}, recorded: {recorded}"))
    }
}

/// An entry of a known action that is not understood: this bridge wrote none like it.
fn damage(n: u64) -> Finding {
    Finding::new(Kind::StateMismatch).at(n).what("what the entry says cannot be understood")
}

/// The places of these members, as bits; `None` when one is not known.
fn bits(members: &[MemberRow], sessions: &[String]) -> Option<i64> {
    sessions.iter().try_fold(0, |bits, session| {
        let place = members.iter().position(|member| member.session == *session)?;
        Some(bits | 1_i64.checked_shl(u32::try_from(place).ok()?)?)
    })
}

/// Actions that the bridge itself may tell every member of, by a message that their entry names.
const TELLING: &[&[u8]] = &[
    b"ask_execution",
    b"execute",
    b"approve",
    b"deny_run",
    b"end_run",
    b"enable_execution",
    b"disable_execution",
    b"manage_approver",
];

/// Whether commands follow from an action, besides those that end a member's place.
fn is_about_commands(action: &[u8]) -> bool {
    TELLING.contains(&action) || action == b"unlock_execution"
}

/// Whether an entry's facts name a message.
fn names_a_message(detail: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Named {
        message: Option<serde::de::IgnoredAny>,
    }
    serde_json::from_slice(detail).is_ok_and(|named: Named| named.message.is_some())
}

/// Actions that neither members nor messages follow from.
fn changes_no_member(action: &[u8]) -> bool {
    const SUCH: &[&[u8]] = &[
        b"check",
        b"search",
        b"update_status",
        b"check_status",
        b"list_own",
        b"reserve",
        b"release",
        b"list_leases",
        b"list_held",
        b"read_audit",
        b"list_runs",
        b"unlock_execution",
        b"set_limits",
        b"inspect",
        b"export",
        b"checkpoint",
        b"rotate_keys",
    ];
    SUCH.contains(&action)
}
