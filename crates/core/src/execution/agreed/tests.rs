use proptest::prelude::*;

use super::*;
use crate::{Fault, Random, approver::Approver};

/// Always the same byte.
struct Same(u8);

impl Random for Same {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Fault> {
        buffer.fill(self.0);
        Ok(())
    }
}

const RUN: &str = "run_0011223344556677";
const HASH: [u8; 32] = [0xab; 32];
const BOOT: [u8; 16] = [0x17; 16];
const NOW_MS: i64 = 1_795_332_600_000;
const UPTIME_MS: u64 = 90_000_000;
const MINUTE_MS: i64 = 60_000;

fn approver() -> Approver {
    Approver::draw(&Same(7)).unwrap()
}

fn terms(mode: Mode) -> Terms {
    Terms {
        version: 1,
        conversation: "conv_0011223344556677".to_owned(),
        mode,
        workspace: "/work".to_owned(),
        workspace_device: "1".to_owned(),
        workspace_inode: "2".to_owned(),
        settings: "5e".repeat(32),
        timeout_s: None,
        network: false,
        elicitation: false,
        quorum: 0,
        approvers: Vec::new(),
        assurance: Assurance::Passphrase,
        enabled_at_ms: NOW_MS - MINUTE_MS,
        expires_at_ms: NOW_MS + 59 * MINUTE_MS,
        nonce: "00".repeat(16),
    }
}

fn approval() -> Approval {
    Approval {
        version: 1,
        run: RUN.to_owned(),
        request_hash: hex::encode(HASH),
        assurance: Assurance::Passphrase,
        at_ms: NOW_MS,
        uptime_ms: UPTIME_MS,
        boot: hex::encode(BOOT),
        valid_s: VALID_S,
    }
}

fn signed_by(approver: &Approver, approval: &Approval) -> Consent {
    let text = approval.text().unwrap();
    Consent::Signed { signature: approver.sign_approval(&text).to_vec(), text }
}

/// What is asked, so many milliseconds later by the wall clock and by the other one.
fn after<T>(passed_ms: (i64, i64), terms: &Terms, look: impl FnOnce(Asked<'_>) -> T) -> T {
    let key = approver().key();
    look(Asked {
        run: RUN,
        hash: HASH,
        mode: terms.mode,
        terms,
        key: &key,
        now: Timestamp::from_millis(NOW_MS + passed_ms.0),
        uptime: Uptime { boot: BOOT, ms: UPTIME_MS.saturating_add_signed(passed_ms.1) },
    })
}

fn judged(passed_ms: (i64, i64), terms: &Terms, consent: &Consent) -> Result<Assurance, Code> {
    let judged = after(passed_ms, terms, |asked| Agreed::judge(&asked, consent));
    judged.map(|agreed| agreed.assurance()).map_err(|denied| denied.code)
}

const VOID: Result<Assurance, Code> = Err(Code::ApprovalVoid);
const PERSON: Result<Assurance, Code> = Ok(Assurance::Passphrase);

#[test]
fn yes_of_a_person_is_one_to_exactly_what_was_shown_in_every_mode() {
    let approver = approver();
    for mode in Mode::ALL {
        let agreed = after((0, 0), &terms(mode), |asked| {
            Agreed::judge(&asked, &signed_by(&approver, &approval())).unwrap()
        });
        assert_eq!((agreed.hash(), agreed.assurance()), (&HASH, Assurance::Passphrase));
    }
    let surer = Approval { assurance: Assurance::PassphraseTotp, ..approval() };
    let judged = judged((0, 0), &terms(Mode::Yolo), &signed_by(&approver, &surer));
    assert_eq!(judged, Ok(Assurance::PassphraseTotp));
}

#[test]
fn refusal_says_why_and_what_to_do() {
    let stale = after((300_000, 300_000), &terms(Mode::Yolo), |asked| {
        Agreed::judge(&asked, &signed_by(&approver(), &approval())).unwrap_err()
    });
    assert_eq!(stale.message, "the approval cannot be used: its time is over");
    assert!(stale.next_step().contains("execute_command"));
    let weak = after((0, 0), &terms(Mode::Yolo), |asked| {
        let at = Consent::Elicited { at: asked.now, uptime: asked.uptime };
        Agreed::judge(&asked, &at).unwrap_err()
    });
    assert_eq!(weak.code, Code::ApprovalRequired);
    assert_eq!(weak.hint.as_deref(), Some("tell your user to run `mab approve run_0011223344556677`"));
}

/// Each field of an approval, changed.
fn changed_approvals() -> [(&'static str, Approval); 14] {
    let hash = |hash: [u8; 32]| hex::encode(hash);
    [
        ("version", Approval { version: 2, ..approval() }),
        ("run", Approval { run: "run_0011223344556678".to_owned(), ..approval() }),
        ("no run", Approval { run: String::new(), ..approval() }),
        ("hash", Approval { request_hash: hash([0xaa; 32]), ..approval() }),
        ("hash in capitals", Approval { request_hash: hash(HASH).to_uppercase(), ..approval() }),
        ("cut hash", Approval { request_hash: hash(HASH)[..62].to_owned(), ..approval() }),
        ("policy", Approval { assurance: Assurance::Policy, ..approval() }),
        ("elicitation", Approval { assurance: Assurance::Elicitation, ..approval() }),
        ("approvers", Approval { assurance: Assurance::Approvers, ..approval() }),
        ("earlier", Approval { at_ms: NOW_MS - 300_000, ..approval() }),
        ("later", Approval { at_ms: NOW_MS + 60_001, ..approval() }),
        ("later by the other clock", Approval { uptime_ms: UPTIME_MS + 1, ..approval() }),
        ("boot", Approval { boot: hex::encode([0x18; 16]), ..approval() }),
        ("no time", Approval { valid_s: 0, ..approval() }),
    ]
}

#[test]
fn approval_when_any_field_is_another_is_void_whether_it_was_signed_again_or_not() {
    let (approver, terms) = (approver(), terms(Mode::Yolo));
    let Consent::Signed { signature, .. } = signed_by(&approver, &approval()) else { unreachable!() };
    for (what, changed) in changed_approvals() {
        assert_eq!(judged((0, 0), &terms, &signed_by(&approver, &changed)), VOID, "{what}, signed");
        let text = changed.text().unwrap();
        let kept = Consent::Signed { text, signature: signature.clone() };
        assert_eq!(judged((0, 0), &terms, &kept), VOID, "{what}, with the signature of the one before");
    }
}

#[test]
fn approval_when_it_says_to_be_good_for_longer_is_not() {
    let longer = signed_by(&approver(), &Approval { valid_s: u64::MAX, ..approval() });
    assert_eq!(judged((299_999, 299_999), &terms(Mode::Yolo), &longer), PERSON);
    assert_eq!(judged((300_000, 299_999), &terms(Mode::Yolo), &longer), VOID);
    let shorter = signed_by(&approver(), &Approval { valid_s: 10, ..approval() });
    assert_eq!(judged((9_999, 9_999), &terms(Mode::Yolo), &shorter), PERSON);
    assert_eq!(judged((10_000, 9_999), &terms(Mode::Yolo), &shorter), VOID);
    assert_eq!(judged((9_999, 10_000), &terms(Mode::Yolo), &shorter), VOID);
}

#[test]
fn approval_when_any_byte_of_text_or_signature_is_another_is_void() {
    let terms = terms(Mode::Yolo);
    let Consent::Signed { text, signature } = signed_by(&approver(), &approval()) else { unreachable!() };
    for index in 0..signature.len() {
        for bit in 0..8 {
            let mut changed = signature.clone();
            changed[index] ^= 1 << bit;
            let consent = Consent::Signed { text: text.clone(), signature: changed };
            assert_eq!(judged((0, 0), &terms, &consent), VOID, "byte {index}, bit {bit}");
        }
    }
    for index in 0..text.len() {
        let mut changed = text.clone().into_bytes();
        changed[index] ^= 1;
        let text = String::from_utf8(changed).unwrap();
        let consent = Consent::Signed { text, signature: signature.clone() };
        assert_eq!(judged((0, 0), &terms, &consent), VOID, "byte {index} of the text");
    }
    for signature in [Vec::new(), signature[..63].to_vec(), [signature.as_slice(), &[0]].concat()] {
        assert_eq!(judged((0, 0), &terms, &Consent::Signed { text: text.clone(), signature }), VOID);
    }
}

#[test]
fn text_when_signed_as_something_else_is_no_approval() {
    let (approver, terms) = (approver(), terms(Mode::Yolo));
    let text = approval().text().unwrap();
    let signature = approver.sign_terms(&text).to_vec();
    assert_eq!(judged((0, 0), &terms, &Consent::Signed { text, signature }), VOID);
    let spare = approval().text().unwrap().replacen('{', r#"{"scope":"always","#, 1);
    let signature = approver.sign_approval(&spare).to_vec();
    assert_eq!(judged((0, 0), &terms, &Consent::Signed { text: spare, signature }), VOID);
}

#[test]
fn what_is_asked_when_any_of_it_is_another_than_agreed_to_is_refused() {
    let (approver, yolo, narrow) = (approver(), terms(Mode::Yolo), terms(Mode::Restricted));
    let other_key = Approver::draw(&Same(8)).unwrap().key();
    let consent = signed_by(&approver, &approval());
    let void = |what: &str, change: &dyn Fn(Asked<'_>) -> Result<Agreed, Denied>| {
        let code = after((0, 0), &yolo, change).map_err(|denied| denied.code);
        assert_eq!(code, Err(Code::ApprovalVoid), "{what}");
    };
    let judge = |asked: &Asked<'_>| Agreed::judge(asked, &consent);
    void("run", &|asked| judge(&Asked { run: "run_0011223344556678", ..asked }));
    for byte in 0..32 {
        let mut hash = HASH;
        hash[byte] ^= 1;
        void("hash", &|asked| judge(&Asked { hash, ..asked }));
    }
    void("key", &|asked| judge(&Asked { key: &other_key, ..asked }));
    void("mode", &|asked| judge(&Asked { terms: &narrow, ..asked }));
    void("boot", &|asked| judge(&Asked { uptime: Uptime { boot: [0; 16], ms: asked.uptime.ms }, ..asked }));
}

#[test]
fn approval_is_good_until_five_minutes_passed_by_either_clock() {
    let (terms, consent) = (terms(Mode::Yolo), signed_by(&approver(), &approval()));
    for (passed_ms, expected) in [
        ((0, 0), PERSON),
        ((299_999, 299_999), PERSON),
        ((300_000, 299_999), VOID),
        ((299_999, 300_000), VOID),
        // The wall clock was set back, and forward: a minute of disagreement is borne, more time is not given.
        ((-60_000, 10_000), PERSON),
        ((-60_001, 10_000), VOID),
        ((-60_000, 300_000), VOID),
        ((10_000_000, 10_000), VOID),
        // Nobody sets the other one: before the approval it can only be of another machine.
        ((0, -1), VOID),
        ((0, -90_000_000), VOID),
    ] {
        assert_eq!(judged(passed_ms, &terms, &consent), expected, "{passed_ms:?}");
    }
}

#[test]
fn approval_when_what_is_enabled_is_over_or_narrower_is_void() {
    let consent = signed_by(&approver(), &approval());
    let enabled = terms(Mode::Yolo);
    for (what, terms, expected) in [
        ("over", Terms { expires_at_ms: NOW_MS, ..enabled.clone() }, VOID),
        ("a millisecond left", Terms { expires_at_ms: NOW_MS + 1, ..enabled.clone() }, PERSON),
        ("a minute ahead", Terms { enabled_at_ms: NOW_MS + 60_000, ..enabled.clone() }, PERSON),
        ("not yet", Terms { enabled_at_ms: NOW_MS + 60_001, ..enabled.clone() }, VOID),
    ] {
        assert_eq!(judged((0, 0), &terms, &consent), expected, "{what}");
    }
}

/// The first agents that joined.
fn voters(many: u8) -> Vec<SessionId> {
    (0..many).map(SessionId::from_ordinal).collect()
}

#[test]
fn yes_of_others_is_enough_only_where_a_person_said_so_and_never_in_yolo() {
    let required = Err(Code::ApprovalRequired);
    let (at, uptime) = (Timestamp::from_millis(NOW_MS), Uptime { boot: BOOT, ms: UPTIME_MS });
    let elicited = Consent::Elicited { at, uptime };
    let voted = |votes| Consent::Voted { by: voters(votes), at, uptime };
    let approvers: Vec<String> = voters(9).iter().map(ToString::to_string).collect();
    for mode in Mode::ALL {
        let (never, plain) = (mode == Mode::Yolo, terms(mode));
        let form = Terms { elicitation: true, ..plain.clone() };
        let two = Terms { quorum: 2, approvers: approvers.clone(), ..plain.clone() };
        let ok = |assurance| if never { required } else { Ok(assurance) };
        assert_eq!(judged((0, 0), &plain, &elicited), required, "{mode}");
        assert_eq!(judged((0, 0), &two, &elicited), required, "{mode}");
        assert_eq!(judged((0, 0), &form, &elicited), ok(Assurance::Elicitation), "{mode}");
        assert_eq!(judged((0, 0), &form, &voted(9)), required, "{mode}");
        for (votes, enough) in [(0, false), (1, false), (2, true), (9, true)] {
            let expected = if enough { ok(Assurance::Approvers) } else { required };
            assert_eq!(judged((0, 0), &two, &voted(votes)), expected, "{mode} {votes}");
            assert_eq!(judged((0, 0), &plain, &voted(votes)), required, "{mode} {votes}");
            let others = Terms { approvers: vec!["a".to_owned(), "owner".to_owned()], ..two.clone() };
            assert_eq!(
                judged((0, 0), &others, &voted(votes)),
                required,
                "{mode} {votes}: one listed, or none"
            );
        }
    }
}

#[test]
fn yes_of_others_is_over_after_five_minutes_by_either_clock_and_a_new_start() {
    let approvers = vec!["a".to_owned()];
    let terms = Terms { elicitation: true, quorum: 1, approvers, ..terms(Mode::Restricted) };
    let (at, uptime) = (Timestamp::from_millis(NOW_MS), Uptime { boot: BOOT, ms: UPTIME_MS });
    let elsewhere = Uptime { boot: [1; 16], ..uptime };
    for consent in [Consent::Elicited { at, uptime }, Consent::Voted { by: voters(1), at, uptime }] {
        assert!(judged((299_999, 299_999), &terms, &consent).is_ok());
        for passed_ms in [(300_000, 0), (0, 300_000), (-60_001, 0), (0, -1)] {
            assert_eq!(judged(passed_ms, &terms, &consent), VOID, "{consent:?} {passed_ms:?}");
        }
    }
    for consent in
        [Consent::Elicited { at, uptime: elsewhere }, Consent::Voted { by: voters(1), at, uptime: elsewhere }]
    {
        assert_eq!(judged((0, 0), &terms, &consent), VOID);
    }
}

proptest! {
    #[test]
    fn yes_is_usable_only_within_its_time_whatever_the_clocks_do(
        wall_ms in -400_000_i64..400_000, up_ms in -1_000_i64..400_000, valid_s in 0_u64..400,
    ) {
        let consent = signed_by(&approver(), &Approval { valid_s, ..approval() });
        let judged = judged((wall_ms, up_ms), &terms(Mode::Yolo), &consent);
        let valid_ms = valid_s.min(300).cast_signed() * 1_000;
        let expected = (-60_000..valid_ms).contains(&wall_ms) && (0..valid_ms).contains(&up_ms);
        prop_assert_eq!(judged.is_ok(), expected);
        prop_assert!(judged.is_ok() || judged == VOID);
    }

    #[test]
    fn text_of_anybody_is_never_an_approval(text in ".{0,80}", signature in prop::collection::vec(any::<u8>(), 0..80)) {
        let consent = Consent::Signed { text, signature };
        prop_assert_eq!(judged((0, 0), &terms(Mode::Yolo), &consent), VOID);
    }
}
