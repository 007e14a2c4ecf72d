//! Approvers, their one-time codes, and what they signed are held against the bridge's own chain.

use super::{
    commands::{RUN, after, approved, ended, finished, started, state, with},
    state::told,
    *,
};

/// An entry of the bridge's own chain.
fn enrolment(n: u64, detail: &str) -> Kept {
    told(n, "operator", "manage_approver", detail)
}

fn enrolled(n: u64, key: &str, step: &str) -> Kept {
    let (digest, key) = ("66".repeat(32), key.repeat(32));
    enrolment(n, &format!(r#"{{"key":"{key}","approver_sha256":"{digest}",{step}}}"#))
}

fn code(n: u64, facts: &str) -> Kept {
    enrolment(n, &format!(r#"{{"step":"code",{facts}}}"#))
}

const RIGHT: &str = r#""code":"right","code_step":7"#;

fn bridge(rows: &[Kept], approvers: &[EnrolledRow]) -> Vec<(Option<u64>, String)> {
    let found = after(rows).finish_bridge(approvers);
    assert!(found.iter().all(|finding| finding.kind == Kind::StateMismatch), "{found:?}");
    found.into_iter().map(|finding| (finding.n, finding.what.unwrap())).collect()
}

#[test]
fn approver_is_held_against_the_bridges_own_chain() {
    let wrong = r#""code":"wrong","code_step":7,"wrong":1"#;
    let rows = [enrolled(1, "11", r#""step":"enrolled""#), code(2, RIGHT), code(3, wrong)];
    let found = |approvers: &[EnrolledRow]| bridge(&rows, approvers);
    let row = EnrolledRow {
        digest: [0x66; 32],
        enrolled_at: second(1),
        code_step: 7,
        wrong_codes: 1,
        locked_until: None,
    };
    assert_eq!(found(std::slice::from_ref(&row)), []);
    let codes = [(None, "codes of the approver: not as recorded".to_owned())];
    assert_eq!(found(&[EnrolledRow { code_step: 6, ..row.clone() }]), codes);
    assert_eq!(found(&[EnrolledRow { wrong_codes: 0, ..row.clone() }]), codes);
    assert_eq!(found(&[EnrolledRow { locked_until: Some(1), ..row.clone() }]), codes);
    let another = [(None, "approver: another than recorded".to_owned())];
    assert_eq!(found(&[EnrolledRow { enrolled_at: 2, ..row.clone() }]), another);
    assert_eq!(found(&[EnrolledRow { digest: [0; 32], ..row.clone() }]), another);
    assert_eq!(found(&[row.clone(), row]), another);
    assert_eq!(found(&[]), [(None, "no approver, recorded: one".to_owned())]);
    assert_eq!(bridge(&[], &[]), []);
    let put_in = bridge(&[], &[EnrolledRow::default()]);
    assert_eq!(put_in, [(None, "an approver, recorded: none".to_owned())]);
}

#[test]
fn enrolments_and_codes_that_cannot_follow_one_another_are_told_at_the_first() {
    let first = || enrolled(1, "11", r#""step":"enrolled""#);
    let replaced = |n, before: &str| {
        enrolled(n, "22", &format!(r#""step":"replaced","before":"{}""#, before.repeat(32)))
    };
    let wrong = |n, count: u64| code(n, &format!(r#""code":"wrong","code_step":0,"wrong":{count}"#));
    let locked = |n, until| {
        let until = second(until);
        code(n, &format!(r#""code":"wrong","code_step":0,"wrong":5,"locked_until_ms":{until}"#))
    };
    let order = "a one-time code that cannot follow the one before";
    for (rows, found) in [
        (vec![first(), replaced(2, "11"), replaced(3, "22")], None),
        (vec![first(), wrong(2, 1), code(3, RIGHT), wrong(4, 1)], Some((4, order))),
        (vec![first(), wrong(2, 1), wrong(3, 2), code(4, RIGHT)], None),
        (vec![first(), wrong(2, 1), wrong(3, 1)], Some((3, order))),
        (vec![first(), code(2, RIGHT), code(3, RIGHT)], Some((3, order))),
        (
            vec![first(), enrolled(2, "22", r#""step":"enrolled""#)],
            Some((2, "an approver enrolled as the first, and there was one")),
        ),
        (vec![replaced(1, "11")], Some((1, "an approver replaced that was not enrolled"))),
        (vec![first(), replaced(2, "33")], Some((2, "an approver replaced that was not enrolled"))),
        (vec![code(1, RIGHT)], Some((1, "a one-time code, and no approver was enrolled"))),
        (
            (1..5)
                .map(|n| if n == 1 { first() } else { wrong(n, n - 1) })
                .chain([wrong(5, 4), locked(6, 9), wrong(9, 1)])
                .collect(),
            None,
        ),
        (
            (1..5)
                .map(|n| if n == 1 { first() } else { wrong(n, n - 1) })
                .chain([wrong(5, 4), locked(6, 9), wrong(8, 1)])
                .collect(),
            Some((8, "a one-time code, while none was taken")),
        ),
    ] {
        let told = bridge(&rows, &[]).into_iter().find(|(n, _)| n.is_some());
        assert_eq!(told, found.map(|(n, what)| (Some(n), what.to_owned())));
    }
    let found = bridge(&[enrolment(1, r#"{"step":"enrolled"}"#)], &[]);
    assert_eq!(found, [(Some(1), "what the entry says cannot be understood".to_owned())]);
}

#[test]
fn yes_that_no_approver_signed_or_whose_key_was_not_enrolled_then_is_told_at_its_entry() {
    let rows = with([approved(5), started(6, "a"), ended(7, "finished")]);
    let bridge = |enrolments: &[Kept]| after(enrolments).approvers().clone();
    let first = enrolled(1, "77", r#""step":"enrolled""#);
    let replaced = |n, before| {
        enrolled(n, "88", &format!(r#""step":"replaced","before":"{}""#, str::repeat(before, 32)))
    };
    let found = |rows: &[Kept], run: CommandRow, approvers: Option<&Approvers>| {
        let row = state(vec![run]).commands.unwrap();
        after(rows).unsigned(&row, approvers).map(|finding| (finding.n.unwrap(), finding.what.unwrap()))
    };
    let (always, late) = (bridge(std::slice::from_ref(&first)), bridge(&[first.clone(), replaced(9, "77")]));
    let told = |n, what: &str| Some((n, what.to_owned()));
    let unsigned = || CommandRow { signed_by: None, ..finished() };
    let other = || CommandRow { signed_by: Some([0x88; 32]), ..finished() };
    let no_one = told(5, &format!("{RUN}: approved, and no approver signed it"));
    let not_then = told(5, &format!("{RUN}: approved, with a key that was not enrolled then"));
    assert_eq!(found(&rows, finished(), None), None);
    assert_eq!(found(&rows, other(), None), None);
    assert_eq!(found(&rows, finished(), Some(&always)), None);
    assert_eq!(found(&rows, finished(), Some(&late)), None);
    assert_eq!(found(&rows, unsigned(), None), no_one);
    assert_eq!(found(&rows, other(), Some(&always)), not_then);
    let nobody = told(3, "enabled, with a key that was not enrolled then");
    assert_eq!(found(&rows, finished(), Some(&Approvers::default())), nobody);
    // Within a second of the replacement it may have been the clock.
    let soon = |n| bridge(&[first.clone(), replaced(n, "77")]);
    assert_eq!(found(&rows, finished(), Some(&soon(4))), None);
    assert_eq!(found(&rows, finished(), Some(&soon(3))), not_then);
    assert_eq!(found(&rows, finished(), Some(&soon(1))), nobody);
    let purged = [rows, vec![told_cleanup()]].concat();
    assert_eq!(found(&purged, unsigned(), Some(&always)), None);
}

fn told_cleanup() -> Kept {
    told(8, "operator", "cleanup", "{}")
}
