//! Databases of every schema there ever was: each must still open, verify and go on.
//!
//! After a change of the schema, run `make_the_database_to_keep`, give the file its number, add it to
//! [`KEPT`], and never make the older ones anew: they are what users have.

use std::{fs, path::PathBuf};

use mab_core::{
    Clock, Code,
    agent::{ActionType, Permission, Status},
    entity::{CodeUse, ConversationState, HeldMessage, NewMessage, OfferRequest, Says},
    execution::RunState,
    inbound::{InboundChange, Rule, Verdict},
    known::{Digest, Learned},
    lease::{LeaseChange, NewLease},
    limit::Limit,
    moderation::PausedBy,
    policy::Action,
};
use mab_store::LimitsChange;
use tempfile::TempDir;

use super::{SqliteEngine, connect};
use crate::{
    commands::{NO, Person, Wanted},
    kit::{Kit, LIFE_S, code, operator, refused, request, run, run_seeded, seqs, sessions, stranger},
};

/// The schemas that were kept.
pub(super) const KEPT: [u32; 5] = [1, 2, 3, 4, 5];

/// The idempotency key of the last message, from schema 2 on.
const KEY: &str = "third";

/// Ten changes in any hour.
const TEN: &[(u32, u32)] = &[(10, 3_600)];

pub(super) fn kept(schema: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/schema-{schema}.db"))
}

/// One conversation that is over and purged, one in the middle of its life, with something in every column.
async fn live(kit: &Kit) {
    let over = kit.room(2).await;
    kit.send(&over, "a", "over").await;
    kit.clock.pass_s(LIFE_S);
    kit.store.purge(operator(Action::Cleanup)).await.unwrap();
    kit.store.refuse(stranger(None, Code::InvalidToken)).await.unwrap();

    commanded(kit).await;
    governed(kit).await;
    let room = kit.room(2).await;
    kit.store.join(kit.stamp(&room, "b", Action::Join).await).await.unwrap();
    let agent = kit.new_agent(&room, "reviewer", Permission::Observer);
    kit.store.invite(kit.stamp(&room, "a", Action::Invite).await, agent).await.unwrap();
    let first = kit.send(&room, "a", "first").await.id;
    let batch = kit.check(&room, "b", request()).await.batch;
    kit.check(&room, "b", OfferRequest { ack: batch, ..request() }).await;
    let reply = NewMessage {
        files: Some(kit.seal(&room, ("message", "files"), b"", "src/main.rs")),
        action_type: ActionType::Proposal,
        reply_to: Some(first),
        redactions: 1,
        ..kit.message_to(&room, "second", &["a"])
    };
    let stamp = kit.charged(&room, "b", Action::Send, TEN).await;
    kit.store.append(stamp.learning(learned()), reply).await.unwrap();
    for _ in 0..8 {
        let note = kit.seal(&room, ("agent", "note"), b"b", "a note");
        let stamp = kit.charged(&room, "b", Action::UpdateStatus, TEN).await;
        kit.store.set_status(stamp, Status::Waiting, Some(note)).await.unwrap();
    }
    let stamp = kit.stamp(&room, "a", Action::Send).await;
    kit.store.append(stamp, kit.keyed(&room, "a", KEY, "third")).await.unwrap();
    kit.check(&room, "b", request()).await;
    let tag = [7; 8];
    let path = kit.seal(&room, ("lease", "path"), &tag, "src/**");
    let reserve = LeaseChange {
        seen_version: 0,
        exclusive: true,
        expires_at: kit.clock.now().plus_seconds(LIFE_S),
        acquire: vec![NewLease { tag, path }],
        ..LeaseChange::default()
    };
    kit.store.change_leases(kit.stamp(&room, "b", Action::Reserve).await, reserve).await.unwrap();
    for _ in 0..32 {
        let stamp = kit.stamp(&room, "a", Action::Send).await;
        let refused = kit.store.append(stamp, kit.message_to(&room, "x", &["nobody"])).await;
        assert_eq!(code(refused), Code::UnknownRecipient);
    }
}

/// What a text of the kept database has taught.
fn learned() -> Learned {
    let digest = Digest { ends: [1; 16], mac: [2; 16], length: 11, rule: "password".into() };
    Learned { seen_n: 0, new: vec![digest] }
}

/// What came with schema 3: a conversation that holds messages back, has limits of its own and is paused.
async fn governed(kit: &Kit) {
    let room = kit.room(2).await;
    let hold = InboundChange::Set(Rule::Default, Verdict::Hold);
    kit.store.set_inbound(operator(Action::SetInbound), room.id, hold).await.unwrap();
    kit.send(&room, "b", "held").await;
    let mut limits = LimitsChange::default();
    limits.set.set(Limit::SendPerMinute, 3).unwrap();
    kit.store.set_limits(operator(Action::SetLimits), room.id, limits).await.unwrap();
    kit.store.pause(operator(Action::Pause), room.id).await.unwrap();
}

/// What came with schema 5: an approver, terms, a wish, commands at every step of their way, and an agent that is locked.
async fn commanded(kit: &Kit) {
    let (room, person) = kit.enabled(2).await;
    let agent = kit.new_agent(&room, "p", Permission::Approver);
    kit.store.invite(kit.stamp(&room, "a", Action::Invite).await, agent).await.unwrap();
    kit.wish(&room, "b").await.unwrap();
    let runs = kit.approved(&room, "b", &person).await;
    let agreed = kit.proof(&room, &person, runs).await;
    kit.start(&room, "b", (runs, agreed)).await.unwrap();
    kit.approved(&room, "b", &person).await;
    let voted = kit.ask(&room, "b").await;
    let stamp = kit.stamp(&room, "p", Action::Approve).await;
    kit.answer_with(stamp, &room, voted, Says::Vote { quorum: 2 }).await.unwrap();
    for _ in 0..3 {
        let denied = kit.ask(&room, "a").await;
        kit.answer(&room, denied, NO).await.unwrap();
    }
    for used in [CodeUse::Right(7), CodeUse::Wrong] {
        kit.store.use_code(operator(Action::ManageApprover), used).await.unwrap();
    }
}

#[test]
#[ignore = "makes the file that is kept; run it by hand, once per schema"]
fn make_the_database_to_keep() {
    let home = SqliteEngine::fresh();
    let path = home.path();
    run(SqliteEngine::at(&path), live);
    let file = connect(&path);
    file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let schema: u32 = file.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    fs::copy(&path, kept(schema)).unwrap();
}

#[test]
fn kept_databases_still_open_verify_and_go_on() {
    for schema in KEPT {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("bridge.db");
        fs::copy(kept(schema), &path).unwrap();
        run_seeded(2, SqliteEngine::at(&path), async |kit: &Kit| {
            if schema >= 2 {
                remember(kit).await;
            }
            if schema >= 3 {
                remember_governed(kit).await;
            }
            if schema >= 4 {
                remember_known(kit).await;
            }
            if schema >= 5 {
                remember_commanded(kit).await;
            }
            go_on(kit, schema).await;
        });
    }
}

/// What came with schema 2: repeated sends are known, leases are held.
async fn remember(kit: &Kit) {
    kit.clock.pass_s(LIFE_S - 1);
    let room = kit.newest_room().await;
    let stamp = kit.stamp(&room, "a", Action::Send).await;
    let again = kit.store.append(stamp, kit.keyed(&room, "a", KEY, "third")).await.unwrap();
    assert_eq!((again.id.seq, again.repeated), (3, true));
    let leases = kit.store.leases(kit.state(&room).await.pk).await.unwrap();
    let held: Vec<_> = leases.rows.iter().map(|row| (row.fence, row.holder.as_str())).collect();
    assert_eq!(held, [(1, "b")]);
    kit.clock.move_ms(-i64::try_from((LIFE_S - 1) * 1_000).unwrap());
}

/// What came with schema 3 is still held, limited and paused.
async fn remember_governed(kit: &Kit) {
    let governed = kit.store.conversations(None, 9).await.unwrap().remove(1);
    let held = kit.store.held(Some((governed.id, 0)), 9).await.unwrap();
    let sender = |message: &HeldMessage| message.message.sender.to_string();
    assert_eq!(held.messages.iter().map(sender).collect::<Vec<_>>(), ["b"]);
    let (policy, waiting) = kit.store.inbound(governed.pk).await.unwrap();
    let verdict = policy.judge(&"b".parse().unwrap(), Permission::Member, ActionType::Info);
    assert_eq!((verdict, waiting), (Verdict::Hold, 1));
    assert_eq!(governed.pause.map(|pause| pause.by), Some(PausedBy::Operator));
    let kept = kit.store.set_limits(operator(Action::SetLimits), governed.id, LimitsChange::default()).await;
    assert_eq!(kept.unwrap().find(Limit::SendPerMinute), Some(3));
}

/// What came with schema 4: what was found is known.
async fn remember_known(kit: &Kit) {
    let room = kit.newest_room().await;
    let pk = kit.state(&room).await.pk;
    assert_eq!(kit.store.known(pk, 0).await.unwrap(), (1, learned().new));
    let page = kit.store.history(pk, None, None, 9).await.unwrap();
    assert_eq!(page.messages.iter().map(|message| message.redactions).collect::<Vec<_>>(), [0, 1, 0]);
}

/// What came with schema 5: what a person agreed to still starts, and once.
async fn remember_commanded(kit: &Kit) {
    kit.clock.pass_s(LIFE_S + 1);
    let (room, person) = (kit.room_before(2).await, Person::first());
    let approver = kit.store.approver().await.unwrap().unwrap();
    assert_eq!((approver.key, approver.code_step, approver.wrong_codes), (person.key(), 7, 1));
    let state = kit.store.execution(Some(room.id)).await.unwrap().remove(0);
    let states: Vec<_> = state.runs.iter().map(|run| (run.state, run.votes.clone())).collect();
    let voted = (RunState::Pending, sessions(&["p"]));
    assert_eq!(states, [(RunState::Running, vec![]), (RunState::Approved, vec![]), voted]);
    assert_eq!(
        (state.terms.unwrap().key, state.wishes.len(), state.locked),
        (person.key(), 1, sessions(&["a"]))
    );
    let wanted = Wanted { id: state.runs[1].id, hash: state.runs[1].hash };
    let agreed = kit.proof(&room, &person, wanted).await;
    kit.start(&room, "b", (wanted, agreed)).await.unwrap();
    assert_eq!(code(kit.start(&room, "b", (wanted, agreed)).await), Code::ApprovalVoid);
    kit.clock.move_ms(-i64::try_from((LIFE_S + 1) * 1_000).unwrap());
}

async fn go_on(kit: &Kit, schema: u32) {
    kit.clock.pass_s(LIFE_S);
    kit.assert_sound().await;
    let room = kit.newest_room().await;
    let state = kit.state(&room).await;
    assert_state(&state);
    let reports = kit.examined(None).await;
    let bridge = if schema >= 5 { 4 } else { 1 };
    let entries: Vec<_> = reports.iter().map(|report| report.entries).collect();
    assert!(entries.starts_with(&[bridge, 3]) && entries.last() == Some(&state.audit_entries), "{entries:?}");
    let page = kit.store.history(state.pk, None, None, 9).await.unwrap();
    assert_eq!(room.texts(&page.messages), ["third", "second", "first"]);
    assert_eq!(
        (page.messages[1].action_type, page.messages[1].reply_to),
        (ActionType::Proposal, Some(page.messages[2].id))
    );

    // The lease of the kept batch still runs, the windows are still full, the counted refusals are still told.
    assert!(kit.check(&room, "b", request()).await.messages.is_empty());
    let again = kit.check(&room, "b", OfferRequest { holder: 2, ..request() }).await;
    assert_eq!((seqs(&again.messages), again.messages[0].redelivered), (vec![3], true));
    assert!(kit.newest_entry(&room).await.entry.detail.contains(r#""unrecorded_refusals":2"#));
    let full = kit.charged(&room, "b", Action::Send, TEN).await;
    let full = refused(kit.store.append(full, kit.message(&room, "too much")).await);
    assert_eq!((full.code, full.retry_after_s), (Code::RateLimited, Some(3_600)));
    let sent = kit.send(&room, "a", "fourth").await;
    assert_eq!((sent.id.seq, sent.recipients), (4, sessions(&["b", "reviewer"])));
}

fn assert_state(state: &ConversationState) {
    let members: Vec<_> = state
        .agents
        .iter()
        .map(|agent| {
            (agent.session.as_str(), agent.permission, agent.epoch, agent.unread, agent.last_acknowledged_seq)
        })
        .collect();
    assert_eq!(
        members,
        [
            ("a", Permission::Owner, 0, 1, None),
            ("b", Permission::Member, 1, 1, Some(1)),
            ("reviewer", Permission::Observer, 0, 2, None),
        ]
    );
    let b = &state.agents[1];
    assert!(b.status == Some(Status::Waiting) && b.note.is_some() && b.joined_at.is_some());
    assert!(state.topic.is_some() && state.purged_at.is_none() && state.messages == 3);
}
