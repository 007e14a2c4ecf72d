//! Commands are held against what the entries led to, and an order of entries that cannot be is told.

use super::{
    state::{member, replayed, told},
    *,
};
use crate::execution::RunState;

pub(super) const RUN: &str = "run_0102030405060708";

/// An entry of a command's way.
fn step(n: u64, actor: &str, action: &str, facts: &str) -> Kept {
    let request = "11".repeat(32);
    told(n, actor, action, &format!(r#"{{"run":"{RUN}","request":"{request}",{facts}}}"#))
}

fn far() -> String {
    format!(r#""expires_at_ms":{},"request_sha256":"{}""#, second(10_000), "22".repeat(32))
}

/// The approver's key.
fn key() -> String {
    "77".repeat(32)
}

pub(super) fn began(n: usize) -> Vec<Kept> {
    let (terms, key) = ("33".repeat(32), key());
    let enabled = format!(
        r#"{{"step":"enabled","terms_sha256":"{terms}","key":"{key}","expires_at_ms":{},"runs":0}}"#,
        second(10_000)
    );
    let rows = vec![
        told(1, "newcomer", "create", r#"{"members":["a","b"],"permissions":["owner","approver"]}"#),
        told(2, "a", "invite", r#"{"permission":"approver","session":["c"]}"#),
        told(3, "operator", "enable_execution", &enabled),
        step(4, "a", "execute", &format!(r#""step":"pending",{}"#, far())),
    ];
    rows.into_iter().take(n).collect()
}

pub(super) fn approved(n: u64) -> Kept {
    let facts =
        format!(r#""step":"approved","assurance":"passphrase","consent_sha256":"{}""#, "44".repeat(32));
    step(n, "operator", "approve", &facts)
}

fn voted(n: u64, who: &str, facts: &str) -> Kept {
    let facts = format!(r#""assurance":"approvers","vote_sha256":"{}",{facts}"#, "55".repeat(32));
    step(n, who, "approve", &facts)
}

pub(super) fn started(n: u64, who: &str) -> Kept {
    step(
        n,
        who,
        "execute",
        &format!(r#""step":"started","assurance":"passphrase","expires_at_ms":{}"#, second(900)),
    )
}

fn denied(n: u64, denials: u64) -> Kept {
    step(n, "operator", "deny_run", &format!(r#""step":"denied","denials":{denials}"#))
}

pub(super) fn ended(n: u64, step_name: &str) -> Kept {
    step(n, "system", "end_run", &format!(r#""step":"{step_name}""#))
}

pub(super) fn with(more: impl IntoIterator<Item = Kept>) -> Vec<Kept> {
    began(4).into_iter().chain(more).collect()
}

/// The row of a command that was asked for by the fourth entry.
fn asked() -> CommandRow {
    CommandRow {
        id: RUN.to_owned(),
        session: "a".to_owned(),
        state: Some(RunState::Pending),
        hash: vec![0x11; 32],
        request: Some([0x22; 32]),
        created_at: second(4),
        expires_at: second(10_000),
        decided_at: None,
        assurance: None,
        consent: None,
        signed_by: None,
        reason: None,
        quorum: 0,
        started_at: None,
        end_asked_at: None,
        ended_at: None,
        votes: std::collections::BTreeMap::new(),
    }
}

/// A command that was agreed to by the fifth entry, started by the sixth and ended by the seventh.
pub(super) fn finished() -> CommandRow {
    CommandRow {
        state: Some(RunState::Finished),
        decided_at: Some(second(5)),
        assurance: Some("passphrase".to_owned()),
        consent: Some([0x44; 32]),
        signed_by: Some([0x77; 32]),
        started_at: Some(second(6)),
        expires_at: second(900),
        ended_at: Some(second(7)),
        ..asked()
    }
}

pub(super) fn state(runs: Vec<CommandRow>) -> StateRow {
    let enabled = vec![EnabledRow { digest: [0x33; 32], expires_at: second(10_000) }];
    let members = vec![
        member("a", "owner", 0, false),
        member("b", "approver", 0, false),
        member("c", "approver", 0, false),
    ];
    let denials = ["a", "b", "c"].map(|session| DenialsRow {
        session: session.to_owned(),
        denials: 0,
        locked_at: None,
    });
    let commands = CommandsRow { enabled, runs, denials: denials.into() };
    StateRow { last_seq: 0, purged: false, members, order: None, commands: Some(commands) }
}

fn mismatch(what: &str) -> Vec<String> {
    vec![format!("state_mismatch: {what}")]
}

type Change = fn(&mut CommandRow);

#[test]
fn column_of_a_command_when_another_than_recorded_is_a_mismatch() {
    let rows = with([approved(5), started(6, "a"), ended(7, "finished")]);
    assert_eq!(replayed(&rows, &state(vec![finished()])), Vec::<String>::new());
    assert_eq!(replayed(&rows, &StateRow { commands: None, ..state(vec![]) }), Vec::<String>::new());
    let changes: [(&str, Change); 16] = [
        ("agent", |run| run.session = "b".to_owned()),
        ("hash", |run| run.hash[0] ^= 1),
        ("state", |run| run.state = Some(RunState::Lost)),
        ("state", |run| run.state = None),
        ("request", |run| run.request = None),
        ("created_at", |run| run.created_at += 1),
        ("assurance", |run| run.assurance = Some("policy".to_owned())),
        ("yes", |run| run.consent = Some([0; 32])),
        ("quorum", |run| run.quorum = 1),
        ("votes", |run| run.votes.extend([("b".to_owned(), (1, [0; 32]))])),
        ("reason", |run| run.reason = Some([0; 32])),
        ("decided_at", |run| run.decided_at = None),
        ("expires_at", |run| run.expires_at += 1),
        ("started_at", |run| run.started_at = None),
        ("end_asked_at", |run| run.end_asked_at = Some(1)),
        ("ended_at", |run| run.ended_at = Some(1)),
    ];
    for (column, change) in changes {
        let mut run = finished();
        change(&mut run);
        let found = replayed(&rows, &state(vec![run]));
        assert_eq!(found, mismatch(&format!("{column} of {RUN}: not as recorded")));
    }
    let found = replayed(&rows, &state(vec![]));
    assert_eq!(found, mismatch(&format!("{RUN}: not there, recorded: asked for")));
    for more in [finished(), CommandRow { id: "run_00".to_owned(), ..finished() }] {
        let what = format!("{}: there, recorded: not asked for", more.id);
        assert_eq!(replayed(&rows, &state(vec![finished(), more])), mismatch(&what));
    }
}

/// What an order that cannot be is told as, and at which entry.
fn assert_first(rows: &[Kept], n: u64, what: &str) {
    let found = after(rows).finish(&StateRow { members: Vec::new(), ..state(vec![]) });
    let first = found.iter().find(|finding| finding.n.is_some());
    let first = first.unwrap_or_else(|| panic!("{what}: {found:?}"));
    let said = first.what.clone().unwrap();
    assert_eq!((first.kind, first.n, said), (Kind::StateMismatch, Some(n), format!("{RUN}: {what}")));
}

pub(super) fn after(rows: &[Kept]) -> Replay {
    let mut replay = Replay::default();
    for row in rows {
        replay.take(&row.row());
    }
    replay
}

#[test]
fn order_of_entries_that_cannot_be_is_told_at_the_first() {
    let late = |kept: Kept, s: u64| Kept { at: second(s), ..kept };
    for (rows, n, what) in [
        (with([started(5, "a")]), 5, "started, before: pending"),
        (with([denied(5, 1), started(6, "a")]), 6, "started, before: denied"),
        (with([denied(5, 1), approved(6)]), 6, "approved, before: denied"),
        (with([approved(5), approved(6)]), 6, "approved, before: approved"),
        (with([approved(5), started(6, "a"), started(7, "a")]), 7, "started, before: running"),
        (
            with([approved(5), started(6, "a"), ended(7, "finished"), started(8, "a")]),
            8,
            "started, before: finished",
        ),
        (
            with([approved(5), started(6, "a"), ended(7, "finished"), ended(8, "finished")]),
            8,
            "finished, and it had not come to that",
        ),
        (with([ended(5, "finished")]), 5, "finished, and it had not come to that"),
        (with([ended(5, "expired")]), 5, "expired, before its time"),
        (with([approved(5), started(6, "a"), ended(7, "lost")]), 7, "lost, before its time"),
        (with([approved(5), started(6, "a"), denied(7, 1)]), 7, "denied, before: running"),
        (with([approved(5), started(6, "b")]), 6, "started, otherwise than it was agreed to"),
        (with([approved(5), late(started(306, "a"), 306)]), 306, "started, and its time was over"),
        (with([late(approved(10_001), 10_001)]), 10_001, "approved, and its time was over"),
        (with([denied(5, 2)]), 5, "denied, and the denials before it were others"),
        (
            with([told(5, "operator", "disable_execution", r#"{"step":"disabled"}"#), approved(6)]),
            6,
            "approved, before: withdrawn",
        ),
        (
            with([told(5, "operator", "manage_approver", r#"{"step":"disabled"}"#), approved(6)]),
            6,
            "approved, before: withdrawn",
        ),
        (with([told(5, "a", "leave", "{}"), approved(6)]), 6, "approved, before: withdrawn"),
        (with([approved(5), ended(6, "withdrawn")]), 6, "withdrawn, and enough agreed"),
        (with([step(5, "b", "ask_execution", r#""step":"withdrawn""#)]), 5, "withdrawn, by another"),
        (
            with([step(5, "a", "execute", &format!(r#""step":"pending",{}"#, far()))]),
            5,
            "pending, and it was asked for before",
        ),
        (began(3).into_iter().chain([approved(4)]).collect(), 4, "approved, and nobody had asked for it"),
        (
            began(2)
                .into_iter()
                .chain([step(3, "a", "execute", &format!(r#""step":"running",{}"#, far()))])
                .collect(),
            3,
            "running, and nothing was enabled",
        ),
    ] {
        assert_first(&rows, n, what);
    }
}

#[test]
fn yes_of_too_few_or_of_who_may_not_is_told_at_its_entry() {
    let quorum = r#""step":"approved","quorum":2"#;
    let removed = |n| told(n, "a", "remove", r#"{"session":["b"]}"#);
    for (rows, n, what) in [
        (with([voted(5, "a", r#""step":"pending""#)]), 5, "pending, by one who may not"),
        (with([voted(5, "b", quorum)]), 5, "approved, by too few"),
        (
            with([voted(5, "b", r#""step":"pending""#), removed(6), voted(7, "c", quorum)]),
            7,
            "approved, by too few",
        ),
        (
            with([voted(5, "b", r#""step":"pending""#), voted(6, "b", quorum)]),
            6,
            "approved, by one who may not",
        ),
    ] {
        assert_first(&rows, n, what);
    }
}

#[test]
fn orders_that_can_be_are_no_finding() {
    let row = |run: CommandRow| state(vec![run]);
    let gone = |state_now, at: u64| CommandRow {
        state: Some(state_now),
        decided_at: Some(second(at)),
        ended_at: Some(second(at)),
        ..asked()
    };
    let told_to_end = CommandRow {
        state: Some(RunState::Running),
        ended_at: None,
        end_asked_at: Some(second(7)),
        ..finished()
    };
    let mut ended_by_person = row(told_to_end);
    ended_by_person.commands.as_mut().unwrap().enabled.clear();
    let votes = ["b", "c"].into_iter().zip([5, 6]);
    let votes = votes.map(|(voter, at)| (voter.to_owned(), (second(at), [0x55; 32])));
    let enough = CommandRow {
        state: Some(RunState::Approved),
        assurance: Some("approvers".to_owned()),
        decided_at: Some(second(6)),
        expires_at: second(306),
        quorum: 2,
        votes: votes.collect(),
        ..asked()
    };
    let mut person_said_no = row(gone(RunState::Denied, 5));
    person_said_no.commands.as_mut().unwrap().denials[0].denials = 1;
    let quorum = r#""step":"approved","quorum":2"#;
    let pending = r#""step":"pending""#;
    let purged = CommandRow { state: Some(RunState::Expired), request: None, ..asked() };
    let mut cleaned = row(purged);
    (cleaned.purged, cleaned.commands.as_mut().unwrap().enabled) = (true, Vec::new());
    for (rows, expected) in [
        (with([]), row(asked())),
        (with([denied(5, 1)]), person_said_no),
        (with([step(5, "b", "deny_run", r#""step":"denied""#)]), row(gone(RunState::Denied, 5))),
        (with([step(5, "a", "execute", r#""step":"withdrawn""#)]), row(gone(RunState::Withdrawn, 5))),
        (with([voted(5, "b", pending), voted(6, "c", quorum)]), row(enough)),
        (
            with([
                approved(5),
                started(6, "a"),
                told(7, "operator", "disable_execution", r#"{"step":"disabled"}"#),
            ]),
            ended_by_person,
        ),
        (with([told(5, "operator", "cleanup", "{}")]), cleaned),
    ] {
        assert_eq!(replayed(&rows, &expected), Vec::<String>::new());
    }
}

#[test]
fn denials_and_the_lock_follow_from_what_a_person_said() {
    let id = |n: u64| format!("run_{n:016}");
    let named = |kept: Kept, n: u64| {
        let detail = String::from_utf8(kept.fields[3].clone()).unwrap().replace(RUN, &id(n));
        Kept {
            fields: [kept.fields[0].clone(), kept.fields[1].clone(), kept.fields[2].clone(), detail.into()],
            ..kept
        }
    };
    let mut rows = began(3);
    for n in 0..3 {
        rows.push(named(step(4 + 2 * n, "a", "execute", &format!(r#""step":"pending",{}"#, far())), n));
        let then = if n == 2 { r#","then":"locked""# } else { "" };
        let facts = format!(r#""step":"denied","denials":{}{then}"#, n + 1);
        rows.push(named(step(5 + 2 * n, "operator", "deny_run", &facts), n));
    }
    let run = |n: u64| CommandRow {
        id: id(n),
        created_at: second(4 + 2 * n),
        state: Some(RunState::Denied),
        decided_at: Some(second(5 + 2 * n)),
        ended_at: Some(second(5 + 2 * n)),
        ..asked()
    };
    let with_denials = |denials, locked_at| {
        let mut state = state((0..3).map(run).collect());
        let of_a = &mut state.commands.as_mut().unwrap().denials[0];
        (of_a.denials, of_a.locked_at) = (denials, locked_at);
        state
    };
    assert_eq!(replayed(&rows, &with_denials(3, Some(second(9)))), Vec::<String>::new());
    assert_eq!(replayed(&rows, &with_denials(0, None)), mismatch("denials of a: 0, recorded: 3"));
    assert_eq!(replayed(&rows, &with_denials(3, None)), mismatch("lock of a: not as recorded"));
    rows.push(told(10, "operator", "unlock_execution", r#"{"session":["a"],"denials":3}"#));
    assert_eq!(replayed(&rows, &with_denials(0, None)), Vec::<String>::new());
    assert_eq!(replayed(&rows, &with_denials(3, None)), mismatch("denials of a: 3, recorded: 0"));
}

#[test]
fn command_of_who_may_not_is_told_at_its_entry() {
    let at_once = |n, who| step(n, who, "execute", &format!(r#""step":"running",{}"#, far()));
    let invited = told(4, "a", "invite", r#"{"permission":"observer","session":["d"]}"#);
    let removed = told(4, "a", "remove", r#"{"session":["a"]}"#);
    let begun = |row| began(3).into_iter().chain([row]);
    for (rows, n, what) in [
        (begun(invited.clone()).chain([at_once(5, "d")]).collect(), 5, "running, for one who may not"),
        (begun(removed.clone()).chain([at_once(5, "a")]).collect(), 5, "running, for one who may not"),
        (began(3).into_iter().chain([at_once(4, "b")]).collect(), 4, "running, for one who may not"),
        (with([step(5, "a", "deny_run", r#""step":"denied""#)]), 5, "denied, by one who may not"),
    ] {
        let rows: Vec<Kept> = rows;
        assert_first(&rows, n, what);
    }
}

#[test]
fn entry_that_is_not_understood_is_damage_and_what_it_hides_is_found() {
    let damage = "what the entry says cannot be understood";
    for (actor, action, detail) in [
        ("a", "execute", r#"{"denials":"x"}"#),
        ("operator", "enable_execution", r#"{"step":"enabled"}"#),
        ("a", "invite", "{}"),
        ("a", "send", "{}"),
    ] {
        let rows = with([told(5, actor, action, detail)]);
        let found = replayed(&rows, &state(vec![]));
        assert_eq!(found[0], format!("state_mismatch: {damage}"), "{action}");
        assert!(found.iter().any(|it| it.contains(RUN)), "{action}: {found:?}");
    }
    let rows = with([told(5, "a", "abdicate", "{}"), told(6, "a", "send", r#"{"message":"x"}"#)]);
    assert_eq!(
        replayed(&rows, &state(vec![])),
        ["state_unknown: ".to_owned(), mismatch(&format!("{RUN}: not there, recorded: asked for")).remove(0)]
    );
}
