//! What the tables hold is held against what the entries led to.

use super::*;

pub(super) fn told(n: u64, actor: &str, action: &str, detail: &str) -> Kept {
    let fields = [actor, action, "ok", detail].map(|field| field.as_bytes().to_vec());
    Kept { fields, ..entry(n) }
}

pub(super) fn member(session: &str, permission: &str, epoch: u32, revoked: bool) -> MemberRow {
    let ordinal = i64::from(session.as_bytes()[0] - b'a');
    MemberRow { ordinal, session: session.into(), permission: permission.into(), epoch, revoked }
}

pub(super) fn replayed(rows: &[Kept], state: &StateRow) -> Vec<String> {
    let mut replay = Replay::default();
    for row in rows {
        replay.take(&row.row());
    }
    let said = |finding: Finding| format!("{}: {}", finding.kind, finding.what.unwrap_or_default());
    replay.finish(state).into_iter().map(said).collect()
}

/// A conversation with all that changes its members.
fn lived() -> (Vec<Kept>, StateRow) {
    let rows = vec![
        told(1, "newcomer", "create", r#"{"members":["a","b"]}"#),
        told(2, "b", "join", r#"{"epoch":1}"#),
        told(3, "a", "invite", r#"{"permission":"observer","session":["c"]}"#),
        told(4, "a", "invite", r#"{"permission":"moderator","session":["d"]}"#),
        told(5, "operator", "manage_tokens", r#"{"change":"rotated","session":["b"]}"#),
        told(6, "operator", "manage_tokens", r#"{"change":"shown"}"#),
        told(7, "d", "remove", r#"{"session":["c"]}"#),
        told(8, "a", "transfer", r#"{"before":["a"],"owner":["b"]}"#),
        told(9, "d", "leave", "{}"),
        told(10, "b", "check", "{}"),
    ];
    let members = vec![
        member("a", "member", 0, false),
        member("b", "owner", 2, false),
        member("c", "observer", 1, true),
        member("d", "moderator", 1, true),
    ];
    (rows, StateRow { last_seq: 0, purged: false, members, order: Some(OrderRow::default()), commands: None })
}

#[test]
fn tables_when_as_the_entries_say_are_no_finding() {
    let (rows, state) = lived();
    assert_eq!(replayed(&rows, &state), Vec::<String>::new());
    let created =
        told(1, "newcomer", "create", r#"{"members":["a","b"],"permissions":["owner","observer"]}"#);
    let members = vec![member("a", "owner", 0, false), member("b", "observer", 0, false)];
    assert_eq!(replayed(&[created], &StateRow { members, ..state }), Vec::<String>::new());
}

#[test]
fn tables_when_anything_else_than_the_entries_say_are_a_mismatch() {
    let (rows, state) = lived();
    let with = |change: fn(&mut StateRow)| {
        let mut state = state.clone();
        change(&mut state);
        replayed(&rows, &state)
    };
    for (found, expected) in [
        (
            with(|state| state.members[0].permission = "owner".into()),
            "permission of a: owner, recorded: member",
        ),
        (with(|state| state.members[1].epoch = 1), "epoch of b: 1, recorded: 2"),
        (with(|state| state.members[3].ordinal = 4), "place of d: 4, recorded: 3"),
        (with(|state| state.members[2].revoked = false), "c: not removed, recorded: removed"),
        (with(|state| state.members[2].session = "e".into()), "member e, recorded: c"),
        (with(|state| state.members.truncate(3)), "members: 3, recorded: 4"),
        (with(|state| state.last_seq = 1), "newest message: 1, recorded: 0"),
        (with(|state| state.purged = true), "purged, recorded: not purged"),
    ] {
        assert_eq!(found, [format!("state_mismatch: {expected}")]);
    }
}

#[test]
fn entries_of_an_unknown_kind_leave_the_members_unknown() {
    let (mut rows, mut state) = lived();
    rows.push(told(11, "a", "abdicate", "{}"));
    state.members[0].permission = "observer".into();
    assert_eq!(replayed(&rows, &state), ["state_unknown: "]);
    rows[10].fields[2] = b"forbidden".to_vec();
    assert_eq!(replayed(&rows, &state), ["state_mismatch: permission of a: observer, recorded: member"]);
}

#[test]
fn every_action_of_this_version_is_known() {
    use crate::policy::Action;
    const CHANGING: [&str; 11] = [
        "create",
        "join",
        "invite",
        "manage_tokens",
        "remove",
        "leave",
        "transfer",
        "send",
        "release_held",
        "reject_held",
        "set_inbound",
    ];
    let state = lived().1;
    for action in Action::ALL.iter().filter(|action| !CHANGING.contains(&action.as_str())) {
        let found = replayed(&[told(1, "operator", action.as_str(), "{}")], &state);
        assert!(!found.contains(&"state_unknown: ".to_owned()), "{}", action.as_str());
    }
}

#[test]
fn message_is_held_against_what_its_entry_tells() {
    let sealed = b"sealed";
    let detail = audit::Detail::default().digest_of_sealed("body_sha256", sealed).to_text();
    let detail = detail.replace('{', r#"{"message":"msg_1_0102030405060708","to":["a"],"#);
    let mut replay = Replay::default();
    replay.take(&told(1, "newcomer", "create", r#"{"members":["a","b"]}"#).row());
    let entry = told(2, "b", "send", &detail);
    let sent = replay.take(&entry.row()).unwrap();
    let row = MessageRow {
        seq: 1,
        tag: &[1, 2, 3, 4, 5, 6, 7, 8],
        sender: 1,
        audience: 1,
        at: entry.at,
        body: sealed,
    };
    assert!(sent.is(&row));
    for other in [
        MessageRow { seq: 2, ..row },
        MessageRow { tag: &[0; 8], ..row },
        MessageRow { sender: 0, ..row },
        MessageRow { audience: 3, ..row },
        MessageRow { at: row.at + 1, ..row },
        MessageRow { body: b"other", ..row },
    ] {
        assert!(!sent.is(&other), "{other:?}");
    }
}

#[test]
fn message_of_the_bridge_itself_is_held_against_the_entry_that_names_it() {
    const TELLING: [(&str, &str); 8] = [
        ("b", "ask_execution"),
        ("b", "execute"),
        ("operator", "approve"),
        ("b", "deny_run"),
        ("system", "end_run"),
        ("operator", "enable_execution"),
        ("operator", "disable_execution"),
        ("operator", "manage_approver"),
    ];
    let sealed = b"sealed";
    let facts = audit::Detail::default().digest_of_sealed("body_sha256", sealed).to_text();
    let named = facts.replace('{', r#"{"message":"msg_1_0102030405060708","run":"run_00","to":["a"],"#);
    let created = told(1, "newcomer", "create", r#"{"members":["a","b"]}"#);
    for (actor, action) in TELLING {
        let mut replay = Replay::default();
        replay.take(&created.row());
        let entry = told(2, actor, action, &named);
        let sent = replay.take(&entry.row()).unwrap();
        let (tag, at) = ([1, 2, 3, 4, 5, 6, 7, 8], entry.at);
        let row = MessageRow { seq: 1, tag: &tag, sender: 255, audience: 1, at, body: sealed };
        assert!(sent.is(&row), "{action}");
        for other in [
            MessageRow { sender: 1, ..row },
            MessageRow { sender: 0, ..row },
            MessageRow { audience: 3, ..row },
            MessageRow { body: b"other", ..row },
        ] {
            assert!(!sent.is(&other), "{action}: {other:?}");
        }
        let members = vec![member("a", "owner", 0, false), member("b", "member", 0, false)];
        let state = StateRow {
            last_seq: 1,
            purged: false,
            members,
            order: Some(OrderRow::default()),
            commands: None,
        };
        assert_eq!(replay.finish(&state), [], "{action}: it counts as the newest message");
        let found = |detail: &str| replayed(&[created.clone(), told(2, actor, action, detail)], &state);
        assert_eq!(found("{}"), ["state_mismatch: newest message: 1, recorded: 0"], "{action}");
        assert_eq!(
            found(r#"{"message":"msg_1_0102030405060708"}"#),
            [
                "state_mismatch: what the entry says cannot be understood",
                "state_mismatch: newest message: 1, recorded: 0"
            ],
            "{action}"
        );
    }
}

#[test]
fn message_that_another_entry_names_is_none_of_the_bridges() {
    let detail = r#"{"message":"msg_1_0102030405060708","body_sha256":"00","to":["a"]}"#;
    for action in ["check", "unlock_execution", "list_runs", "search"] {
        assert_eq!(Replay::default().take(&told(1, "b", action, detail).row()), None, "{action}");
    }
}

/// A conversation that holds messages, is paused and has a policy.
fn governed() -> (Vec<Kept>, StateRow) {
    let sent = |n: u64| {
        let detail = audit::Detail::default().digest_of_sealed("body_sha256", b"sealed").to_text();
        let facts = format!(r#"{{"message":"msg_{n}_0102030405060708","to":["a"],"standing":"held","#);
        told(n + 2, "b", "send", &detail.replace('{', &facts))
    };
    let judged = |n: u64, action: &str, seq: u64| {
        let facts = format!(r#"{{"message":"msg_{seq}_0102030405060708","to":["a"]}}"#);
        told(n, "operator", action, &facts)
    };
    let rows = vec![
        told(1, "newcomer", "create", r#"{"members":["a","b"]}"#),
        told(2, "a", "set_inbound", r#"{"rule":"sender","session":["b"],"verdict":"hold"}"#),
        sent(1),
        sent(2),
        sent(3),
        judged(6, "release_held", 1),
        judged(7, "reject_held", 2),
        told(8, "a", "pause", r#"{"by":"moderator","was":"active"}"#),
    ];
    let members = vec![member("a", "owner", 0, false), member("b", "member", 0, false)];
    let held = |seq, rejected| HeldRow { seq, audience: 1, rejected };
    let order = OrderRow {
        held: vec![held(2, true), held(3, false)],
        audiences: [(1, 1), (2, 0), (3, 0)].into(),
        paused: true,
        inbound: true,
    };
    (rows, StateRow { last_seq: 3, purged: false, members, order: Some(order), commands: None })
}

type Change = fn(&mut OrderRow);

#[test]
fn order_when_another_than_the_entries_led_to_is_a_mismatch() {
    let (rows, state) = governed();
    assert_eq!(replayed(&rows, &state), Vec::<String>::new());
    assert_eq!(replayed(&rows, &StateRow { order: None, ..state.clone() }), Vec::<String>::new());
    let changes: [(Change, &str); 8] = [
        (|order| order.held[1].rejected = true, "message 3: not held as recorded"),
        (|order| order.held[0].audience = 3, "message 2: not rejected as recorded"),
        (|order| order.held.truncate(1), "message 3: not held as recorded"),
        (
            |order| order.held.push(HeldRow { seq: 1, audience: 1, rejected: false }),
            "message 1: held, recorded: not held",
        ),
        (|order| *order.audiences.get_mut(&3).unwrap() = 1, "message 3: reaches others than recorded"),
        (|order| *order.audiences.get_mut(&1).unwrap() = 3, "message 1: reaches others than recorded"),
        (|order| order.paused = false, "not paused, recorded: paused"),
        (|order| order.inbound = false, "no inbound policy, recorded: one"),
    ];
    for (change, what) in changes {
        let mut order = state.order.clone().unwrap();
        change(&mut order);
        let state = StateRow { order: Some(order), ..state.clone() };
        assert_eq!(replayed(&rows, &state), [format!("state_mismatch: {what}")]);
    }
}

#[test]
fn message_of_who_may_not_send_is_told_at_its_entry() {
    let detail = format!(r#"{{"message":"msg_1_0102030405060708","body_sha256":"{}"}}"#, "00".repeat(32));
    for (action, facts, who) in [
        ("remove", r#"{"session":["b"]}"#, "b"),
        ("invite", r#"{"permission":"observer","session":["c"]}"#, "c"),
        ("check", "{}", "d"),
    ] {
        let rows = [
            told(1, "newcomer", "create", r#"{"members":["a","b"]}"#),
            told(2, "a", action, facts),
            told(3, who, "send", &detail),
        ];
        let mut replay = Replay::default();
        for row in &rows {
            replay.take(&row.row());
        }
        let found = replay.finish(&StateRow { last_seq: 1, ..lived().1 });
        let what = "a message of one who may not send";
        assert_eq!(found[0], Finding::new(Kind::StateMismatch).at(3).what(what), "{action}");
    }
}
