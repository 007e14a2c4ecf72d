//! What an operator decides is what happens.

use std::collections::BTreeMap;

use mab_redact::{
    Action, Allowed, Class, DeniedSecrets, Name, Policy, Profile, Redaction, Redactor, Refusal,
};

/// Keys that open nothing, put together at run time.
#[cfg(test)]
fn aws() -> String {
    concat!("AK", "IA", "Q3EGRTL7XN5KV2WD").to_owned()
}

#[cfg(test)]
fn github() -> String {
    format!("ghp_{}", "a1B2".repeat(9))
}

#[cfg(test)]
fn rules<const N: usize>(rules: [(&'static str, Action); N]) -> Policy {
    let rules: BTreeMap<Name, Action> = rules.map(|(id, action)| (Name::Borrowed(id), action)).into();
    let policy = Policy { rules, ..Policy::default() };
    assert_eq!(policy.check(), Ok(()));
    policy
}

#[cfg(test)]
fn redact(policy: Policy, text: &str) -> Redaction {
    Redactor::with_policy(policy).redact(text).unwrap()
}

/// Rule, action and text of each finding.
#[cfg(test)]
fn told<'a>(redaction: &'a Redaction, text: &'a str) -> Vec<(&'a str, Action, &'a str)> {
    let told = |found: &'a mab_redact::Finding| (&*found.rule, found.action, &text[found.start..found.end]);
    redaction.findings.iter().map(told).collect()
}

#[test]
fn rule_when_off_then_not_looked_for() {
    let redaction = redact(rules([("aws-access-key-id", Action::Off)]), &aws());
    assert_eq!((redaction.text.as_str(), redaction.findings.len()), (aws().as_str(), 0));
}

#[test]
fn rule_when_it_blocks_then_the_text_is_refused_with_all_findings() {
    let redactor = Redactor::with_policy(rules([("github-token", Action::Block)]));
    let text = format!("{} and {}", aws(), github());
    let Err(Refusal::Blocked(findings)) = redactor.redact(&text) else { panic!("it was let through") };
    let told: Vec<_> = findings.iter().map(|found| (&*found.rule, found.action)).collect();
    assert_eq!(told, [("aws-access-key-id", Action::Redact), ("github-token", Action::Block)]);
    let refusal = Refusal::Blocked(findings).to_string();
    assert_eq!(refusal, "the policy refuses what the rule github-token finds");
    assert!(redactor.redact(&aws()).is_ok());
}

#[test]
fn rule_when_it_blocks_then_no_stronger_rule_hides_it() {
    let key = aws();
    let text = format!("-----BEGIN {0} KEY-----\n{key}{key}{key}\n-----END {0} KEY-----", "PRIVATE");
    let redactor = Redactor::with_policy(rules([("aws-access-key-id", Action::Block)]));
    assert!(matches!(redactor.redact(&format!("{text}\n{key}")), Err(Refusal::Blocked(_))));
}

#[test]
fn rule_when_it_warns_then_the_text_stays_and_it_is_told() {
    let text = format!("é {} {}", aws(), github());
    let redaction = redact(rules([("aws-access-key-id", Action::Warn)]), &text);
    assert_eq!(redaction.text.as_str(), format!("é {} GITHUB_TOKEN_REDACTED", aws()));
    let expected = [("aws-access-key-id", Action::Warn, aws()), ("github-token", Action::Redact, github())];
    assert_eq!(
        told(&redaction, &text),
        expected.each_ref().map(|(id, action, text)| (*id, *action, text.as_str()))
    );
}

#[test]
fn rule_when_it_warns_then_it_hides_no_other() {
    let text = format!("password = \"{}\" token", github());
    let policy = rules([("password", Action::Warn)]);
    let redaction = redact(policy, &text);
    assert_eq!(redaction.text.as_str(), "password = \"GITHUB_TOKEN_REDACTED\" token");
    assert_eq!(told(&redaction, &text), [("github-token", Action::Redact, github().as_str())]);
}

#[test]
fn class_when_it_has_an_action_then_its_rules_have_it_but_for_named_ones() {
    let mut policy = rules([("github-token", Action::Redact)]);
    policy.classes.insert(Class::Token, Action::Off);
    policy.classes.insert(Class::ApiKey, Action::Warn);
    let text = format!("{} {} xoxb-{}", aws(), github(), "1234567890-abcdefgh");
    let redaction = redact(policy, &text);
    assert_eq!(redaction.text.as_str(), text.replace(&github(), "GITHUB_TOKEN_REDACTED"));
    assert_eq!(redaction.findings.len(), 2);
}

#[test]
fn class_when_set_then_no_rule_runs_that_the_profile_leaves_out() {
    let mut policy = Policy { profile: Profile::Precise, ..Policy::default() };
    policy.classes.insert(Class::Password, Action::Redact);
    assert_eq!(redact(policy, "password = hunter22!").findings, []);
    assert_eq!(redact(Policy::default(), "password = hunter22!").findings.len(), 1);
}

#[test]
fn policy_when_it_names_what_is_not_there_then_refused() {
    let policy = Policy { rules: [(Name::Borrowed("githb-token"), Action::Off)].into(), ..Policy::default() };
    assert_eq!(policy.check().unwrap_err().to_string(), "there is no rule githb-token");
}

#[test]
fn comment_when_it_asks_to_be_let_through_then_ignored() {
    for comment in [
        "gitleaks:allow",
        "betterleaks:allow",
        "pragma: allowlist secret",
        "pragma: allowlist nextline secret",
        "nosec",
        "noqa",
        "trufflehog:ignore",
        "secretlint-disable",
        "kingfisher:ignore",
        "mab:allow",
    ] {
        for text in [format!("{0} # {comment}", aws()), format!("// {comment}\n{0} // {comment}\n", aws())] {
            let clean = redact(Policy::default(), &text).text.into_string();
            assert_eq!(clean, text.replace(&aws(), "AWS_KEY_REDACTED"));
        }
    }
}

#[cfg(test)]
fn allowing(value: &str, rule: Option<&str>) -> Policy {
    let allowed = Allowed::new(&Allowed::hash_of(value), rule.map(str::to_owned)).unwrap();
    let policy = Policy { allow: vec![allowed], ..Policy::default() };
    assert_eq!(policy.check(), Ok(()));
    policy
}

#[test]
fn value_when_allowed_then_left_and_no_other() {
    let text = format!("{0} key={0} {0}x {1}", aws(), github());
    let clean = redact(allowing(&aws(), None), &text).text.into_string();
    assert_eq!(clean, format!("{0} key={0} AWS_KEY_REDACTED GITHUB_TOKEN_REDACTED", aws()));
    let password = format!("hunter22!{}", github());
    let redaction = redact(allowing(&password, Some("password")), &format!("password = \"{password}\""));
    assert_eq!(redaction.findings, [], "what is inside of it is left as well");
}

#[test]
fn value_when_allowed_for_one_rule_then_others_still_take_it_out() {
    let text = format!("{} and password = {0}", aws());
    assert_eq!(
        redact(allowing(&aws(), Some("password")), &text).text.as_str(),
        "AWS_KEY_REDACTED and password = AWS_KEY_REDACTED"
    );
    assert_eq!(redact(allowing(&aws(), Some("aws-access-key-id")), "x").findings, []);
}

#[test]
fn value_when_denied_then_only_its_own_rule_allows_it() {
    let (denied, _) = DeniedSecrets::from_env_files(["TOKEN=blue-horse-77-x"]);
    let left = |rule: Option<&str>| {
        let policy = Policy { denied: vec![denied.clone()], ..allowing("blue-horse-77-x", rule) };
        redact(policy, "blue-horse-77-x").findings.is_empty()
    };
    assert_eq!((left(None), left(Some("denied-secret"))), (false, true));
}

#[test]
fn hash_when_it_is_none_then_refused_and_its_rule_has_to_exist() {
    for bad in ["", "abc", &"g".repeat(64), &Allowed::hash_of("x")[..62]] {
        assert!(Allowed::new(bad, None).unwrap_err().hint().contains("--hash"));
    }
    let allowed = Allowed::new(&Allowed::hash_of("x"), Some("no-such".to_owned())).unwrap();
    assert_eq!(format!("{allowed:?}"), "Allowed(2d711642…, no-such)");
    let policy = Policy { allow: vec![allowed], ..Policy::default() };
    assert_eq!(policy.check().unwrap_err().to_string(), "there is no rule no-such");
}
