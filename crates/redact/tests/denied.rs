//! The operator's real secrets are taken out wherever they stand, and kept nowhere.

use mab_redact::{Action, DeniedSecrets, Name, Policy, Profile, Redactor};

/// An environment file whose secrets have no format and no key in the texts below.
#[cfg(test)]
const ENV: &str = "# the project\nexport DB_PASSWORD='blue-horse-77-x'\nMODE=production\nURL=postgres://me:lamp9shade@db/x\n";

#[cfg(test)]
fn with(denied: DeniedSecrets) -> Redactor {
    Redactor::with_policy(Policy { denied: vec![denied], ..Policy::default() })
}

#[test]
fn value_of_an_env_file_when_seen_anywhere_then_taken_out() {
    let (denied, taken) = DeniedSecrets::from_env_files([ENV]);
    assert_eq!((taken.secrets, taken.left_out.len(), denied.count()), (3, 1, 3));
    let redactor = with(denied);
    for (text, clean) in [
        ("I used blue-horse-77-x, ok?", "I used DENIED_SECRET_REDACTED, ok?"),
        ("é{\"a\":[\"blue-horse-77-x\"]}", "é{\"a\":[\"DENIED_SECRET_REDACTED\"]}"),
        ("lamp9shade in production", "DENIED_SECRET_REDACTED in production"),
        ("Blue-horse-77-x lamp9shad", "Blue-horse-77-x lamp9shad"),
    ] {
        let redaction = redactor.redact(text).unwrap();
        assert_eq!(redaction.text.as_str(), clean);
        assert!(redaction.findings.iter().all(|finding| finding.rule == "denied-secret"));
        assert_eq!(redactor.redact(clean).unwrap().findings, []);
    }
}

#[test]
fn value_when_inside_a_longer_run_then_taken_out() {
    let redactor = with(DeniedSecrets::from_env_files([ENV]).0);
    for text in ["xxblue-horse-77-xyy", "https://h/blue-horse-77-x/y", "a=blue-horse-77-x;b"] {
        let clean = redactor.redact(text).unwrap().text.into_string();
        assert!(clean.contains("DENIED_SECRET_REDACTED") && !clean.contains("horse"), "{clean}");
    }
}

#[test]
fn secrets_when_written_as_hashes_then_the_file_has_none_and_finds_all() {
    let secrets = ["blue-horse-77-x", "blue-horse-77", "tiny", "correct horse battery staple"];
    let (file, taken) = DeniedSecrets::write_hashes(secrets, &[7; 32]);
    assert_eq!((taken.secrets, taken.left_out.len()), (3, 1));
    assert!(!file.contains("horse") && file.lines().count() == 4, "{file}");
    let redactor = with(DeniedSecrets::from_hashes(&format!("# mine\n\n{file}")).unwrap());
    let clean = |text: &str| redactor.redact(text).unwrap().text.into_string();
    assert_eq!(
        clean("a blue-horse-77-x, blue-horse-77 b"),
        "a DENIED_SECRET_REDACTED, DENIED_SECRET_REDACTED b"
    );
    assert_eq!(clean("correct horse battery staple"), "DENIED_SECRET_REDACTED");
    let (other, _) = DeniedSecrets::write_hashes(secrets, &[8; 32]);
    assert_ne!(file.lines().nth(1), other.lines().nth(1));
}

#[test]
fn file_of_hashes_when_damaged_then_refused_without_its_text() {
    let (file, _) = DeniedSecrets::write_hashes(["blue-horse-77-x"], &[7; 32]);
    let fault = |text: &str| DeniedSecrets::from_hashes(text).unwrap_err().to_string();
    for none in ["", "secret\n", "mab-deny 2 00\n", "mab-deny 1 00\n"] {
        assert_eq!(fault(none), "it does not begin with a salt");
    }
    for line in [
        "hunter2-hunter2",
        "7 aaaa 00",
        "15 aaaa 00000000000000000000000000000000",
        "15 aaaaaaaa 0000",
        "4097 00000000 00000000000000000000000000000000",
    ] {
        assert_eq!(fault(&format!("{file}{line}\n")), "line 3 is no hash");
    }
}

#[test]
fn set_when_shown_then_opaque() {
    let (denied, _) = DeniedSecrets::from_env_files([ENV]);
    let policy = Policy { denied: vec![denied], ..Policy::default() };
    assert!(format!("{policy:?}").contains("denied: [DeniedSecrets(…)]"));
    assert_eq!(policy, policy.clone());
}

#[test]
fn number_when_denied_then_json_stays_json() {
    let (file, taken) = DeniedSecrets::write_hashes(["123456789012", "1234567890ab"], &[1; 32]);
    assert_eq!((taken.secrets, taken.left_out.len()), (1, 1));
    let redactor = with(DeniedSecrets::from_hashes(&file).unwrap());
    assert_eq!(redactor.redact("{\"a\":123456789012}").unwrap().findings, []);
}

#[test]
fn class_when_off_then_denied_secrets_are_still_taken_out() {
    let (denied, _) = DeniedSecrets::from_env_files([ENV]);
    let mut policy = Policy { denied: vec![denied], profile: Profile::Precise, ..Policy::default() };
    policy.classes.extend(mab_redact::Class::ALL.map(|class| (class, Action::Off)));
    let count = |policy: &Policy| {
        Redactor::with_policy(policy.clone()).redact("blue-horse-77-x").unwrap().findings.len()
    };
    assert_eq!(count(&policy), 1);
    policy.rules.insert(Name::Borrowed("denied-secret"), Action::Off);
    assert_eq!((policy.check(), count(&policy)), (Ok(()), 0));
}

#[test]
fn text_when_it_repeats_both_ends_of_a_long_secret_then_refused_or_linear() {
    let secret = format!("{}!7x{}", "ab1".repeat(1000), "ab1".repeat(300));
    let (denied, _) = DeniedSecrets::from_env_files([format!("TOKEN={secret}").as_str()]);
    let redactor = with(denied);
    assert_eq!(redactor.redact(&"ab1".repeat(30_000)), Err(mab_redact::Refusal::TooCostly));
    assert_eq!(redactor.redact(&secret).unwrap().text.as_str(), "DENIED_SECRET_REDACTED");
}

#[test]
fn links_when_they_begin_as_many_denied_ones_then_not_costly() {
    let denied: Vec<String> =
        (0..200).map(|n| format!("https://me:q{n}Zr7Kp{n}@h/{}", "x/".repeat(n))).collect();
    let (file, taken) = DeniedSecrets::write_hashes(denied.iter().map(String::as_str), &[3; 32]);
    assert_eq!((taken.secrets, taken.left_out.len()), (400, 0));
    let redactor = with(DeniedSecrets::from_hashes(&file).unwrap());
    let links = (0..1_000).map(|n| format!("https://docs.example/page/{n}")).collect::<Vec<_>>().join("\n");
    assert_eq!(redactor.redact(&links).unwrap().findings, []);
    assert!(!redactor.redact(&denied[150]).unwrap().text.as_str().contains("Zr7"));
}

#[test]
fn value_when_left_out_then_its_line_and_key_are_told_and_never_a_value() {
    let text = format!(
        "MODE=test\nEMPTY=\n\nDB_PASSWORD=blue-horse-77-x\npassword: hunter2\n{}==\nBIG_KEY='{}\n'\nPORT=80\n",
        "JBSWY3DPEHPK3PXPQ4",
        "a1B2".repeat(2000)
    );
    let (_, taken) = DeniedSecrets::from_env_files([text.as_str()]);
    let told: Vec<_> = taken.left_out.iter().map(|left| (left.line, left.key.as_deref())).collect();
    let expected = [(1, Some("MODE")), (5, None), (6, None), (7, Some("BIG_KEY")), (9, Some("PORT"))];
    assert_eq!((taken.secrets, told), (1, expected.to_vec()));
}
