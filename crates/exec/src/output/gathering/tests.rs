use std::collections::HashSet;

use mab_redact::Policy;
use proptest::prelude::*;

use super::*;

fn knowledge(redactor: &Redactor) -> Knowledge<'_> {
    Knowledge { redactor, memory: Memory::new(&[7; 32]), values: None }
}

/// What is shown of stdout, read in parts of so many bytes.
fn shown(printed: &[u8], step: usize) -> Captured {
    both(printed, b"", step).0
}

fn both(stdout: &[u8], stderr: &[u8], step: usize) -> (Captured, Captured) {
    let redactor = Redactor::new();
    let mut gathering = Gathering::new(knowledge(&redactor));
    for part in stdout.chunks(step) {
        gathering.push(0, part);
    }
    for part in stderr.chunks(step) {
        gathering.push(1, part);
    }
    let ([stdout, stderr], _) = gathering.finish();
    (stdout, stderr)
}

fn token() -> String {
    ["ghp", "_k9QzTbV3nXw7Lm2RcYpJ5sHd8FgA1uE4oIZt"].concat()
}

fn key() -> String {
    let line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
    let lines: Vec<_> = (0..50).map(|turn| [&line[turn..], &line[..turn], "\n"].concat()).collect();
    let body = lines.concat();
    format!("-----BEGIN {0} KEY-----\n{body}-----END {0} KEY-----\n", "PRIVATE")
}

/// Lines of ordinary text, of so many bytes.
fn filler(bytes: usize) -> String {
    "an ordinary line of a long build log\n".chars().cycle().take(bytes).collect()
}

fn all(captured: &Captured) -> String {
    format!("{}\u{1}{}", captured.head, captured.tail)
}

/// Whether any piece of `secret` that tells something of it is in what is shown.
fn leaks(captured: &Captured, secret: &str) -> bool {
    let pieces: HashSet<&[u8]> = secret.as_bytes().windows(12).collect();
    all(captured).as_bytes().windows(12).any(|piece| pieces.contains(piece))
}

#[test]
fn output_when_short_is_shown_whole() {
    let captured = shown("a\tb\né 🙂\n".as_bytes(), 3);
    let expected = Captured { head: "a\tb\né 🙂\n".to_owned(), total_bytes: 12, ..Captured::default() };
    assert_eq!(captured, expected);
    assert_eq!(shown(b"", 1), Captured::default());
}

#[test]
fn output_when_hostile_is_made_visible() {
    let captured = shown(b"\x1b]52;c;aGk=\x07\r\n\x9b\xc2\x9b \xe2\x80\xae\xe2\x80\x8b\x00", 1);
    assert_eq!(captured.head, "\\u{1b}]52;c;aGk=\\u{7}\\r\n\\x9b\\u{9b} \\u{202e}\\u{200b}\\u{0}");
    assert!(captured.binary);
}

#[test]
fn secret_when_split_at_any_byte_is_replaced() {
    let printed = format!("before {} after\n", token());
    for step in 1..printed.len() {
        let captured = shown(printed.as_bytes(), step);
        assert_eq!(captured.head, "before GITHUB_TOKEN_REDACTED after\n", "{step}");
        assert_eq!(captured.redacted, 1);
    }
}

#[test]
fn secret_when_beside_bytes_that_are_no_text_is_replaced() {
    for (before, after) in [("\u{0}", "\u{0}"), ("\n", "\n")] {
        let mut printed = format!("x{before}").into_bytes();
        printed.push(0xff);
        printed.extend(token().as_bytes());
        printed.push(0xfe);
        printed.extend(after.as_bytes());
        let captured = shown(&printed, 5);
        assert!(!leaks(&captured, &token()), "{}", captured.head);
        assert!(captured.head.contains("\\xffGITHUB_TOKEN_REDACTED\\xfe"), "{}", captured.head);
    }
}

#[test]
fn secret_when_anywhere_in_a_long_output_never_shows() {
    let border = PART_BYTES;
    let total = 4 * (PART_BYTES + WINDOW_BYTES);
    let places = [0, 1000, border - 80, border - 20, border - 3, border, border + 5, 2 * border, 3 * border]
        .into_iter()
        .chain([total - border - 3000, total - border - 50, total - border - 20, total - border, total - 45]);
    for place in places {
        for secret in [token(), key()] {
            let before = filler(place);
            let printed =
                format!("{before}\n{secret}\n{}", filler(total.saturating_sub(place + secret.len())));
            let captured = shown(printed.as_bytes(), 60_001);
            assert!(!leaks(&captured, &secret[24..]), "at {place}");
            assert!(captured.omitted_bytes > 0);
            assert_eq!(captured.total_bytes, printed.len() as u64);
        }
    }
}

#[test]
fn long_output_when_cut_counts_every_byte() {
    let printed = filler(5_000_000);
    let captured = shown(printed.as_bytes(), 65_536);
    assert_eq!(captured.head, printed[..PART_BYTES]);
    assert_eq!(captured.tail, printed[printed.len() - PART_BYTES..]);
    assert_eq!(captured.omitted_bytes, 5_000_000 - 2 * PART_BYTES as u64);
    assert_eq!((captured.redacted, captured.binary), (0, false));
}

#[test]
fn output_when_it_just_fits_omits_nothing() {
    let printed = filler(2 * PART_BYTES);
    let captured = shown(printed.as_bytes(), 65_536);
    assert_eq!((captured.omitted_bytes, captured.head.len()), (0, PART_BYTES));
    assert_eq!(format!("{}{}", captured.head, captured.tail), printed);
    assert_eq!(shown(filler(2 * PART_BYTES + 1).as_bytes(), 65_536).omitted_bytes, 1);
}

#[test]
fn output_when_it_grows_by_being_shown_is_cut_all_the_same() {
    let captured = shown(&vec![0x1b; 300_000], 65_536);
    assert!(captured.head.len() <= PART_BYTES && captured.tail.len() <= PART_BYTES);
    assert_eq!(captured.omitted_bytes, 300_000 - 2 * (PART_BYTES / 6) as u64);
    assert!(captured.head.len() > PART_BYTES - 6);
}

#[test]
fn value_when_found_in_one_place_is_known_everywhere() {
    let value = ["Zk3vQ8", "pLw92xTn", "Rb71"].concat();
    let told = format!("DATABASE_PASSWORD={value}\n");
    let bare = format!("retry with {value} again\n");
    let total = 5 * (PART_BYTES + WINDOW_BYTES);
    for printed in [
        format!("{told}{}{bare}", filler(total)),
        format!("{bare}{}{told}", filler(total)),
        format!("{}\n{told}{}\n{bare}", filler(total / 2), filler(total / 2)),
    ] {
        let captured = shown(printed.as_bytes(), 65_536);
        assert!(!leaks(&captured, &value));
    }
    let (stdout, stderr) = both(bare.as_bytes(), told.as_bytes(), 7);
    assert!(!leaks(&stdout, &value) && !leaks(&stderr, &value), "{stdout:?}");
}

#[test]
fn word_when_longer_than_all_that_is_kept_is_not_shown_at_the_end() {
    let printed = format!("{}{}", filler(PART_BYTES), "A1b2".repeat(400_000));
    let captured = shown(printed.as_bytes(), 65_536);
    assert_eq!(captured.tail, "");
    let ended = format!("{printed}\nlast line\n");
    assert_eq!(shown(ended.as_bytes(), 65_536).tail, "\nlast line\n");
}

#[test]
fn output_when_the_policy_refuses_it_is_not_shown() {
    let policy = Policy {
        classes: mab_redact::Class::ALL.map(|class| (class, mab_redact::Action::Block)).into(),
        ..Policy::default()
    };
    let redactor = Redactor::with_policy(policy);
    let mut gathering = Gathering::new(knowledge(&redactor));
    let printed = format!("before {}\n", token());
    gathering.push(0, printed.as_bytes());
    let ([captured, _], _) = gathering.finish();
    assert_eq!(captured.head, "[not shown: the policy refuses what the rule github-token finds]\n");
    assert_eq!((captured.omitted_bytes, captured.total_bytes), (48, 48));
}

#[test]
fn last_line_when_it_goes_on_is_not_shown_before_it_ended() {
    let redactor = Redactor::new();
    let mut gathering = Gathering::new(knowledge(&redactor));
    let token = token();
    assert_eq!(gathering.last_line(true), "");
    gathering.push(0, b"first\r\n");
    assert_eq!(gathering.last_line(true), "first");
    gathering.push(0, &token.as_bytes()[..20]);
    assert_eq!(gathering.last_line(true), "first");
    gathering.push(0, &token.as_bytes()[20..]);
    gathering.push(0, b" \x1b[2J 10%\r");
    assert_eq!(gathering.last_line(true), "GITHUB_TOKEN_REDACTED \\u{1b}[2J 10%");
    gathering.push(1, filler(20_000).as_bytes());
    gathering.push(1, b"\n\n");
    assert!(gathering.last_line(true).starts_with("an ordinary"));
    gathering.push(1, &vec![b'x'; 40_000]);
    gathering.push(1, b"\n");
    assert_eq!(gathering.last_line(true), "");
}

proptest! {
    #[test]
    fn output_when_shown_is_what_the_redactor_says(
        pieces in proptest::collection::vec(prop_oneof![
            "[ -~\n]{0,20}".prop_map(String::from),
            Just(token()),
            Just(r#"{"password": 12345678, "api_key":"q8Zk3vLw92xTnRb71"}"#.to_owned()),
            "\\PC{0,6}".prop_map(String::from),
        ], 0..12),
        step in 1_usize..40,
    ) {
        let printed = pieces.concat();
        let captured = shown(printed.as_bytes(), step);
        let redacted = Redactor::new().redact(&printed).unwrap().text.into_string();
        let redacted = mab_core::visible::visible(&redacted, &['\n', '\t']);
        let bare = |text: &str| text.replace(['"', '\\'], "");
        prop_assert_eq!(bare(&captured.head), bare(&redacted));
    }
}

#[test]
fn token_when_a_byte_that_is_no_text_stands_in_it_is_replaced_whole() {
    let token = token();
    let (front, back) = token.as_bytes().split_at(10);
    for between in
        [&b"\xff"[..], b"\xe2\x80", b"\0", b"\x7f", b"\r", b"X\x08", b"\x0e", b"\x9b31m", b"\xf4\x8f\xbe\x80"]
    {
        let printed = [b"a ", front, between, back, b" b\n"].concat();
        assert_eq!(shown(&printed, 7).head, "a GITHUB_TOKEN_REDACTED b\n", "{between:?}");
    }
    let wide: Vec<u8> = format!("a {token} b\r\n").bytes().flat_map(|byte| [byte, 0]).collect();
    let captured = shown(&[&b"\xff\xfe"[..], &wide].concat(), 7);
    assert!(captured.head.contains("GITHUB_TOKEN_REDACTED"), "{}", captured.head);
    assert_eq!(captured.redacted, 1);
}

#[test]
fn last_line_when_a_token_is_cut_by_its_end_waits_for_the_next_line() {
    let redactor = Redactor::new();
    let mut gathering = Gathering::new(knowledge(&redactor));
    let token = token();
    let (front, back) = token.split_at(22);
    gathering.push(0, format!("first\n{front}\n").as_bytes());
    assert_eq!(gathering.last_line(false), "first");
    gathering.push(0, back.as_bytes());
    assert_eq!(gathering.last_line(false), "first");
    gathering.push(0, b"\n");
    assert_eq!(gathering.last_line(false), "first");
    gathering.push(0, b"last\n");
    assert_eq!(gathering.last_line(false), "GITHUB_TOKEN_REDACTED");
    assert_eq!(gathering.last_line(true), "last");
}
