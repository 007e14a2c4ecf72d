//! What is known from before: values that were found, and the end of the earlier text.

use mab_redact::{
    Action, BRIDGE_TOKEN_RULE, Class, MEMORY_MAX, Memory, Policy, Redactor, Refusal, Scope, Scoped,
};
use proptest::prelude::*;

const KEY: [u8; 32] = [7; 32];

#[cfg(test)]
fn redact(text: &str, scope: &Scope<'_>) -> Scoped {
    Redactor::new().redact_in(text, scope).unwrap()
}

/// What is remembered of `texts`, one after the other.
#[cfg(test)]
fn memory_of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Memory {
    let mut memory = Memory::new(&KEY);
    for text in texts {
        let learned = redact(text, &Scope { memory: Some(&memory), ..Scope::default() }).learned;
        for digest in learned {
            memory.add(digest);
        }
    }
    memory
}

#[cfg(test)]
fn clean(text: &str, memory: &Memory) -> String {
    redact(text, &Scope { memory: Some(memory), ..Scope::default() }).redaction.text.into_string()
}

/// What becomes of `text` after `tail`, and how many findings began there.
#[cfg(test)]
fn after(tail: &str, text: &str) -> (String, usize) {
    let redaction = redact(text, &Scope { tail, ..Scope::default() }).redaction;
    let joined = redaction.findings.iter().filter(|finding| finding.joined).count();
    (redaction.text.into_string(), joined)
}

#[cfg(test)]
fn github(random: &str) -> String {
    format!("{}{random}", concat!("gh", "p_"))
}

const RANDOM: &str = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8";

#[test]
fn value_when_found_before_then_replaced_without_its_key() {
    let memory = memory_of(["DB_PASSWORD=hunter2-xyz\n", "api_key = \"q8W3e7R1t5Y9u2I6\""]);
    assert_eq!(memory.len(), 2);
    let text = "try hunter2-xyz, (hunter2-xyz) or q8W3e7R1t5Y9u2I6.";
    assert_eq!(clean(text, &memory), "try PASSWORD_REDACTED, (PASSWORD_REDACTED) or API_KEY_REDACTED.");
    assert_eq!(clean(text, &Memory::new(&KEY)), text);
    let findings = redact(text, &Scope { memory: Some(&memory), ..Scope::default() }).redaction.findings;
    let original = Redactor::new().redact("DB_PASSWORD=hunter2-xyz\n").unwrap().findings;
    assert_eq!(findings.len(), 3);
    assert_eq!((&findings[0].rule, findings[0].class), (&original[0].rule, original[0].class));
    assert_eq!((findings[0].start, findings[0].end), (4, 15));
}

#[test]
fn value_when_known_under_another_key_then_not_known() {
    let mut other = Memory::new(&[8; 32]);
    let memory = memory_of(["password=hunter2-xyz\n"]);
    let learned =
        redact("password=hunter2-xyz\n", &Scope { memory: Some(&Memory::new(&KEY)), ..Scope::default() })
            .learned;
    for digest in learned {
        other.add(digest);
    }
    assert_eq!(clean("so hunter2-xyz", &memory), "so PASSWORD_REDACTED");
    assert_eq!(clean("so hunter2-xyz", &other), "so hunter2-xyz");
}

#[test]
fn value_when_a_word_a_number_known_or_with_a_format_then_not_remembered() {
    let token = github(RANDOM);
    for text in
        ["password: \"correct horse\"", "password=12345678901", "password=short1", &token, "no secret"]
    {
        assert!(memory_of([text]).is_empty(), "{text}");
    }
    assert_eq!(memory_of(["password=hunter2-xyz\n", "password=hunter2-xyz\n", "x hunter2-xyz"]).len(), 1);
}

#[test]
fn digest_when_shown_then_tells_no_part_of_the_value() {
    let scope = Scope { memory: Some(&Memory::new(&KEY)), ..Scope::default() };
    let learned = redact("password=hunter2-xyz\n", &scope).learned;
    let shown = format!("{learned:?} {:?}", scope.memory);
    assert!(!shown.contains("hunter2") && shown.contains("length: 11"), "{shown}");
    let raw = [learned[0].ends.to_vec(), learned[0].mac.to_vec()].concat();
    assert!(!raw.windows(4).any(|window| b"hunter2-xyz".windows(4).any(|part| part == window)));
    let other = Scope { memory: Some(&Memory::new(&[8; 32])), ..Scope::default() };
    assert_ne!(redact("password=hunter2-xyz\n", &other).learned[0].ends, learned[0].ends);
}

#[test]
fn memory_when_full_then_forgets_the_oldest() {
    let mut memory = Memory::new(&KEY);
    let value = |n: usize| format!("{n:06}-value-{n}");
    for n in 0..=MEMORY_MAX {
        memory.add_value(&value(n), "password");
    }
    assert_eq!(memory.len(), MEMORY_MAX);
    let known = |n| clean(&format!("x {}", value(n)), &memory) != format!("x {}", value(n));
    assert_eq!([known(0), known(1), known(MEMORY_MAX)], [false, true, true]);
}

#[test]
fn web_token_when_part_of_a_file_name_then_replaced() {
    let token = format!("eyJ{0}.eyJ{0}.{0}", "a1B2".repeat(5));
    let clean = Redactor::new().redact(&format!("backup_{token}.txt")).unwrap().text.into_string();
    assert_eq!(clean, "backup_JWT_REDACTED.txt");
}

#[test]
fn token_when_known_by_value_then_replaced_wherever_it_stands() {
    let token = "3f9a".repeat(16);
    let mut memory = Memory::new(&KEY);
    memory.add_value(&token, BRIDGE_TOKEN_RULE);
    assert_eq!(clean(&format!("mine: {token}!"), &memory), "mine: BRIDGE_TOKEN_REDACTED!");
    assert_eq!(clean(&format!("token {token}"), &memory), "token BRIDGE_TOKEN_REDACTED");
    assert_eq!(clean(&format!("sha {}", "4f9a".repeat(16)), &memory), format!("sha {}", "4f9a".repeat(16)));
}

#[test]
fn values_that_begin_alike_when_many_then_the_first_are_known_and_no_more_are_learned() {
    let value = |n: usize| format!("begins-alike-{n}");
    let texts: Vec<String> = (0..20).map(|n| format!("password={}\n", value(n))).collect();
    let memory = memory_of(texts.iter().map(String::as_str));
    assert_eq!(memory.len(), 8);
    assert_eq!(clean(&format!("x {}", value(0)), &memory), "x PASSWORD_REDACTED");
    let at_once = redact(&texts.concat(), &Scope { memory: Some(&Memory::new(&KEY)), ..Scope::default() });
    assert_eq!(at_once.learned.len(), 8);
    let again = redact(&texts.concat(), &Scope { memory: Some(&memory), ..Scope::default() });
    assert_eq!(again.learned, []);
}

#[test]
fn value_when_it_begins_as_rulers_do_then_not_remembered_and_no_text_refused() {
    for byte in ["=", "-", "#", "_", " "] {
        let lengths = 12..20;
        let values = || lengths.clone().map(|n| format!("{}q7{}", byte.repeat(n), byte.repeat(10)));
        let texts: Vec<String> = values().map(|value| format!("password=\"{value}\"")).collect();
        assert!(memory_of(texts.iter().map(String::as_str)).is_empty(), "{byte:?}");
        let mut memory = Memory::new(&KEY);
        values().for_each(|value| memory.add_value(&value, "password"));
        memory.add_value("hunter2-xyz", "password");
        let ruler = byte.repeat(80);
        let text = format!("{ruler}\n{ruler}\nx\n{ruler} hunter2-xyz");
        let hidden = format!("{ruler}\n{ruler}\nx\n{ruler} PASSWORD_REDACTED");
        assert_eq!((memory.len(), clean(&text, &memory)), (9, hidden), "{byte:?}");
    }
}

#[test]
fn text_when_made_to_hit_a_value_all_the_time_then_taken_and_the_others_still_known() {
    let mut memory = Memory::new(&KEY);
    memory.add_value(&format!("{}bb{}", "a1".repeat(100), "a1".repeat(100)), "password");
    memory.add_value("hunter2-xyz", "password");
    for pairs in [200, 1_000, 20_000] {
        let text = format!("{} ", "a1".repeat(pairs));
        let expected = format!("{text}PASSWORD_REDACTED");
        assert_eq!(clean(&format!("{text}hunter2-xyz"), &memory), expected);
    }
}

#[test]
fn value_when_the_policy_refuses_its_rule_then_replaced_where_it_is_only_remembered() {
    let memory = memory_of(["password=hunter2-xyz\n"]);
    let classes = [(Class::Password, Action::Block)].into();
    let redactor = Redactor::with_policy(Policy { classes, ..Policy::default() });
    let scope = Scope { memory: Some(&memory), ..Scope::default() };
    let outcome = redactor.redact_in("is it hunter2-xyz?", &scope).unwrap();
    let text = outcome.redaction.text.into_string();
    assert!(!text.contains("hunter2") && text.contains("_REDACTED?"), "{text}");
    assert!(matches!(redactor.redact_in("password=hunter2-xyz\n", &scope), Err(Refusal::Blocked(_))));
}

#[test]
fn values_known_in_clear_when_many_were_found_then_known_beside_them() {
    let memory = memory_of(["password=hunter2-xyz\n"]);
    let mut values = memory.new_alike();
    values.add_value(&"3f9a".repeat(16), BRIDGE_TOKEN_RULE);
    let scope = Scope { memory: Some(&memory), values: Some(&values), ..Scope::default() };
    let text = redact(&format!("hunter2-xyz {}", "3f9a".repeat(16)), &scope).redaction.text.into_string();
    assert_eq!(text, "PASSWORD_REDACTED BRIDGE_TOKEN_REDACTED");
}

#[test]
fn token_when_cut_in_two_then_its_second_half_is_replaced() {
    let token = github(RANDOM);
    // Of the last three characters, none tells a token from a word.
    for cut in 1..token.len() - 3 {
        let (first, second) = token.split_at(cut);
        for (end, start) in [("", ""), ("\n", "  "), ("\"", "\""), ("...", "..."), ("…", "… ")] {
            let (text, joined) =
                after(&format!("the token: {first}{end}"), &format!("{start}{second} is it"));
            assert_eq!(
                text,
                format!("{start}GITHUB_TOKEN_REDACTED is it"),
                "cut at {cut}, {end:?} {start:?}"
            );
            assert_eq!(joined, 1);
        }
    }
}

#[test]
fn long_token_when_cut_behind_what_is_certain_then_its_rest_is_replaced() {
    let token = format!("{}{}", concat!("sk-", "proj-"), RANDOM.repeat(4));
    let (first, second) = token.split_at(70);
    let (text, joined) = after(first, second);
    assert_eq!((text.ends_with("_REDACTED"), joined), (true, 1), "{text}");
}

#[test]
fn private_key_when_cut_in_two_then_its_second_half_is_replaced() {
    let line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
    let key = format!("-----BEGIN {0} KEY-----\n{line}\n{line}\n{line}\n-----END {0} KEY-----\n", "PRIVATE");
    let cut = key.find('\n').unwrap() + line.len() + 2;
    let (text, joined) = after(&key[..cut], &format!("{}and so on", &key[cut..]));
    assert!(!text.contains(&line[..8]) && text.ends_with("and so on") && joined == 1, "{text}");
}

#[test]
fn text_when_it_follows_a_whole_token_or_none_then_stays() {
    let token = github(RANDOM);
    for (tail, text) in [
        (token.as_str(), "Thanks, that works."),
        (&token, "internationalisation is next"),
        ("the prefix is ghp_", "understood"),
        ("see the implementation,", "then the specification"),
        ("", RANDOM),
        ("some words", RANDOM),
    ] {
        assert_eq!(after(tail, text), (text.to_owned(), 0), "{tail}");
    }
}

#[test]
fn placeholder_when_fingerprints_are_on_then_tells_same_from_other() {
    let memory = Memory::new(&KEY);
    let scope = Scope { memory: Some(&memory), fingerprints: true, ..Scope::default() };
    let clean = |text: &str| redact(text, &scope).redaction.text.into_string();
    let (one, two) = (github(RANDOM), github(&RANDOM.replace('a', "z")));
    let text = clean(&format!("{one} {two} {one}"));
    let marks: Vec<&str> = text.split(' ').collect();
    assert_eq!(marks[0], marks[2]);
    assert_ne!(marks[0], marks[1]);
    let mark = marks[0].strip_prefix("GITHUB_TOKEN_REDACTED#").unwrap();
    assert!(mark.len() == 8 && mark.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7')), "{mark}");
    let other = Memory::new(&[8; 32]);
    let elsewhere = redact(&one, &Scope { memory: Some(&other), ..scope }).redaction.text.into_string();
    assert_ne!(elsewhere, marks[0]);
}

#[test]
fn placeholder_of_a_password_or_a_value_that_can_be_guessed_then_has_no_fingerprint() {
    let memory = Memory::new(&KEY);
    let scope = Scope { memory: Some(&memory), fingerprints: true, ..Scope::default() };
    for text in [
        "password=a1B2c3D4e5F6g7H8i9J0k1L2m3\n",
        "api_key=abc123de45\n",
        "token = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa12'",
    ] {
        let clean = redact(text, &scope).redaction.text.into_string();
        assert!(clean.contains("_REDACTED") && !clean.contains('#'), "{clean}");
    }
    assert!(redact("api_key=a1B2c3D4e5F6g7H8i9J0\n", &scope).redaction.text.as_str().contains("_REDACTED#"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_carrier_when_redacted_with_fingerprints_then_redacting_again_changes_nothing(
        body in "[0-9][a-z][A-Z][0-9A-Za-z]{33}",
        glue in prop::collection::vec(prop::sample::select(vec![
            "token", "password", "secret", "=", ": ", "\"", "\\\"", "'", "://u:", "@", "#", " ", "\n", "&", "is ", "{", "}", ",", "curl -u a:", "Bearer ",
        ]), 0..8),
        carrier in prop::sample::select(vec![
            "ghp_{}", "api_key = \"{}\"", "\nTOKEN={}", "{\"secret\": \"{}\"}", "Authorization: Bearer {}", "https://u:{}@host/x",
            "?access_token={}&x=1", "curl -u me:{} https://h", "<password>{}</password>", "\\\"secret\\\": \\\"{}\\\"",
            "the token is {}", "--token {}", "https://hooks.example/{}#token={}", "token {}",
        ]),
    ) {
        let memory = Memory::new(&KEY);
        let scope = Scope { memory: Some(&memory), fingerprints: true, ..Scope::default() };
        let text = format!("{}{}{}", glue.concat(), carrier.replace("{}", &body), glue.concat());
        let first = redact(&text, &scope).redaction.text.into_string();
        let second = redact(&first, &scope).redaction;
        prop_assert_eq!(second.text.as_str(), &first);
        prop_assert_eq!(&Redactor::new().redact(&first).unwrap().text.into_string(), &first);
    }

    #[test]
    fn any_text_when_a_value_is_known_then_gone_and_sound(before in "\\PC{0,30}", after in "\\PC{0,30}") {
        let memory = memory_of(["password=hunter2-xyz\n"]);
        let text = format!("{before}hunter2-xyz{after}");
        let first = clean(&text, &memory);
        prop_assert!(!first.contains("hunter2-xyz"));
        prop_assert_eq!(clean(&first, &memory), first);
    }
}
