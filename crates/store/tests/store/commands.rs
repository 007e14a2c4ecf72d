//! What tests of commands need besides the kit: a person with a key, terms, requests, and proofs that they may start.

use mab_core::{
    Clock, Failure, RunId,
    approver::ApproverKey,
    entity::{
        NewApprover, NewRun, NewTerms, NewWish, Notice, Quotas, RunAnswer, RunEnd, RunRow, RunStart, Says,
    },
    execution::{Agreed, Approval, Asked, Assurance, Consent, Mode, PENDING_S, RunState, Terms, VALID_S},
    limit::Kind,
    note::SigningKey,
    policy::{Action, Principal, Stamp},
    source::{Uptime, draw},
};

use crate::kit::{Kit, LIFE_S, Room, Seeded, charge, operator, stamp_of};

/// A person who enables and approves.
pub(crate) struct Person(SigningKey);

/// A command that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) id: RunId,
    pub(crate) hash: [u8; 32],
}

/// A no; the kit gives it a reason.
pub(crate) const NO: Says = Says::No { reason: None, locking: None };

/// Room enough.
pub(crate) const ROOM: Quotas = Quotas {
    unread_per_inbox: 1_000_000,
    messages_per_conversation: 1_000_000,
    bytes_per_conversation: 1 << 32,
    held_per_conversation: 1_000,
};

/// The bridge's own stamp.
pub(crate) fn system() -> Stamp {
    stamp_of(Principal::system(), Action::EndRun, charge(Kind::Operator, &[]))
}

impl Person {
    /// The one who is enrolled first, in every process.
    pub(crate) fn first() -> Self {
        Self(SigningKey::draw("approver", &Seeded::new(4_242)).unwrap())
    }

    pub(crate) fn draw(kit: &Kit) -> Self {
        Self(SigningKey::draw("approver", &kit.random).unwrap())
    }

    pub(crate) fn key(&self) -> [u8; 32] {
        self.0.verifier().bytes()
    }

    /// To be enrolled, in the place of another.
    pub(crate) fn new_approver(&self, replaces: Option<&Self>) -> NewApprover {
        let (key, sealed, mac) = (self.key(), b"sealed".to_vec(), [9; 16]);
        NewApprover { key, sealed, mac, replaces: replaces.map(Self::key), forgotten: false }
    }

    /// A yes at a terminal, now.
    pub(crate) fn says_yes(&self, kit: &Kit, wanted: Wanted) -> Says {
        let uptime = kit.clock.uptime();
        let approval = Approval {
            version: 1,
            run: wanted.id.to_string(),
            request_hash: hex::encode(wanted.hash),
            assurance: Assurance::Passphrase,
            at_ms: kit.clock_ms(),
            uptime_ms: uptime.ms,
            boot: hex::encode(uptime.boot),
            valid_s: VALID_S,
        };
        let text = approval.text().unwrap();
        let signature = self.0.sign(&[b"mab.approval.v1\0", text.as_bytes()].concat()).to_vec();
        Says::Signed { text, signature, assurance: Assurance::Passphrase }
    }
}

impl Kit {
    /// Enrols the first approver.
    pub(crate) async fn enrolled(&self) -> Person {
        let person = Person::first();
        let stamp = operator(Action::ManageApprover);
        self.store.enroll(stamp, person.new_approver(None)).await.unwrap();
        person
    }

    /// A conversation of `a`, `b` … in which a person has enabled commands for as long as it lives.
    pub(crate) async fn enabled(&self, members: u8) -> (Room, Person) {
        let room = self.room(members).await;
        let person = self.enrolled().await;
        self.enable(&room, &person, LIFE_S).await.unwrap();
        (room, person)
    }

    pub(crate) async fn enable(&self, room: &Room, person: &Person, for_s: u64) -> Result<(), Failure> {
        let terms = NewTerms {
            conversation: room.id,
            terms: self.seal(room, ("terms", "terms"), b"", "the terms"),
            signature: vec![8; 64],
            key: person.key(),
            mode: Mode::Restricted,
            assurance: Assurance::Passphrase,
            expires_at: self.clock.now().plus_seconds(for_s),
        };
        let stamp = operator(Action::EnableExecution);
        self.store.enable_execution(stamp, terms, self.notice(room, "enabled")).await
    }

    pub(crate) async fn disable(&self, room: &Room) -> Result<bool, Failure> {
        let (stamp, notice) = (operator(Action::DisableExecution), self.notice(room, "disabled"));
        self.store.disable_execution(stamp, room.id, notice).await
    }

    /// A message of the bridge itself.
    pub(crate) fn notice(&self, room: &Room, text: &str) -> Notice {
        let tag = draw(&self.random).unwrap();
        Notice { tag, body: self.seal(room, ("message", "body"), &tag, text), redactions: 0 }
    }

    pub(crate) async fn wish(&self, room: &Room, session: &str) -> Result<(), Failure> {
        let stamp = self.stamp(room, session, Action::AskExecution).await;
        let wish = NewWish { body: self.seal(room, ("wish", "body"), b"", "a wish"), quotas: ROOM };
        self.store.wish(stamp, Some(wish), self.notice(room, "wished")).await
    }

    /// A command to be asked for.
    pub(crate) fn new_run(&self, room: &Room, state: RunState) -> NewRun {
        NewRun {
            id: RunId::draw(&self.random).unwrap(),
            request: self.seal(room, ("run", "request"), b"", "the request"),
            hash: draw(&self.random).unwrap(),
            state,
            expires_at: self.clock.now().plus_seconds(PENDING_S),
            quotas: ROOM,
        }
    }

    pub(crate) async fn try_ask(&self, room: &Room, session: &str, run: NewRun) -> Result<Wanted, Failure> {
        let wanted = Wanted { id: run.id, hash: run.hash };
        let notice = (run.state == RunState::Pending).then(|| self.notice(room, "asked"));
        let stamp = self.stamp(room, session, Action::Execute).await;
        self.store.request_run(stamp, run, notice).await.map(|()| wanted)
    }

    /// Asks for a command that waits for an answer.
    pub(crate) async fn ask(&self, room: &Room, session: &str) -> Wanted {
        self.try_ask(room, session, self.new_run(room, RunState::Pending)).await.unwrap()
    }

    /// The operator's answer.
    pub(crate) async fn answer(&self, room: &Room, wanted: Wanted, says: Says) -> Result<RunState, Failure> {
        let action = if matches!(says, Says::No { .. }) { Action::DenyRun } else { Action::Approve };
        self.answer_with(operator(action), room, wanted, says).await
    }

    pub(crate) async fn answer_with(
        &self,
        stamp: Stamp,
        room: &Room,
        wanted: Wanted,
        says: Says,
    ) -> Result<RunState, Failure> {
        let (id, hash, uptime) = (wanted.id, wanted.hash, self.clock.uptime());
        let says = if matches!(says, Says::No { .. }) {
            let reason = self.seal(room, ("run", "reason"), &id.bytes(), "a reason");
            Says::No { reason: Some(reason), locking: None }
        } else {
            says
        };
        let answer = RunAnswer { conversation: room.id, id, hash, says, uptime };
        self.store.answer_run(stamp, answer, self.notice(room, "answered")).await
    }

    /// A command that a person agreed to just now.
    pub(crate) async fn approved(&self, room: &Room, session: &str, person: &Person) -> Wanted {
        let wanted = self.ask(room, session).await;
        let state = self.answer(room, wanted, person.says_yes(self, wanted)).await.unwrap();
        assert_eq!(state, RunState::Approved);
        wanted
    }

    pub(crate) async fn the_run(&self, wanted: Wanted) -> RunRow {
        self.store.run(wanted.id).await.unwrap().unwrap()
    }

    /// The proof that a command may start, of what the store has of it; its time is not judged again.
    pub(crate) async fn proof(&self, room: &Room, person: &Person, wanted: Wanted) -> Agreed {
        let row = self.the_run(wanted).await;
        let at = row.decided_at.unwrap_or(self.clock.now());
        let uptime = match row.consent.as_ref().unwrap() {
            Consent::Signed { text, .. } => {
                let ms = Approval::parse(text).unwrap().uptime_ms;
                Uptime { boot: [0; 16], ms }
            }
            Consent::Elicited { uptime, .. } | Consent::Voted { uptime, .. } => *uptime,
        };
        let terms = Terms {
            version: 1,
            conversation: room.id.to_string(),
            mode: Mode::Restricted,
            workspace: "/work".to_owned(),
            workspace_device: "1".to_owned(),
            workspace_inode: "2".to_owned(),
            settings: "5e".repeat(32),
            timeout_s: None,
            network: false,
            elicitation: true,
            quorum: 2,
            approvers: ["p", "q", "r"].map(str::to_owned).to_vec(),
            assurance: Assurance::Passphrase,
            enabled_at_ms: at.millis(),
            expires_at_ms: at.plus_seconds(LIFE_S).millis(),
            nonce: "00".repeat(16),
        };
        let (run, key) = (wanted.id.to_string(), ApproverKey::from_bytes(&person.key()).unwrap());
        let (hash, mode) = (wanted.hash, Mode::Restricted);
        let asked = Asked { run: &run, hash, mode, terms: &terms, key: &key, now: at, uptime };
        Agreed::judge(&asked, row.consent.as_ref().unwrap()).unwrap()
    }

    pub(crate) async fn start(
        &self,
        room: &Room,
        session: &str,
        (wanted, agreed): (Wanted, Agreed),
    ) -> Result<(), Failure> {
        let stamp = self.stamp(room, session, Action::Execute).await;
        self.store.start_run(stamp, self.to_start(wanted, agreed)).await
    }

    pub(crate) fn to_start(&self, wanted: Wanted, agreed: Agreed) -> RunStart {
        RunStart { id: wanted.id, agreed, lost_at: self.clock.now().plus_seconds(60) }
    }

    pub(crate) async fn end(&self, room: &Room, wanted: Wanted, state: RunState) -> Result<bool, Failure> {
        let end = RunEnd {
            conversation: room.id,
            id: wanted.id,
            state,
            outcome: "exited",
            exit_code: Some(3),
            duration_ms: 12,
        };
        self.store.end_run(system(), end, Some(self.notice(room, "ended"))).await
    }
}
