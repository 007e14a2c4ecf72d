//! Rules of the operator: checked when they are read, and as good as the others.

use mab_redact::{Action, Class, CustomRule, LoadedRules, Name, Policy, Redactor, WrittenRule};

#[cfg(test)]
fn written(text: &str) -> WrittenRule {
    toml::from_str(text).unwrap()
}

/// A rule that is as it should be.
#[cfg(test)]
fn acme() -> WrittenRule {
    written(
        "id = 'acme-key'\nabout = 'Acme key'\nclass = 'api-key'\npattern = 'acme_[0-9a-z]{12}'\n\
         yes = ['key: <acme_{loweralnum 20}>, ok']\nno = ['acme_{loweralnum 5}']\n",
    )
}

#[cfg(test)]
fn policy(custom: Vec<CustomRule>) -> Policy {
    let policy = Policy { custom, ..Policy::default() };
    assert_eq!(policy.check(), Ok(()));
    policy
}

#[test]
fn rule_when_right_then_it_finds_and_is_listed() {
    let rule = CustomRule::new(&acme()).unwrap();
    let redactor = Redactor::with_policy(policy(vec![rule]));
    let redaction = redactor.redact("see acme_0123456789abcdef.").unwrap();
    assert_eq!(redaction.text.as_str(), "see CUSTOM_SECRET_REDACTED.");
    assert_eq!(redactor.redact(redaction.text.as_str()).unwrap().findings, []);
    let finding = &redaction.findings[0];
    assert_eq!((&*finding.rule, finding.class, finding.action), ("acme-key", Class::ApiKey, Action::Redact));
    let info = redactor.rules().find(|info| info.id == "acme-key").unwrap();
    assert_eq!(info.shape, "the pattern acme_[0-9a-z]{12}");
}

#[test]
fn rule_when_its_words_stand_inside_or_near_then_it_finds() {
    let inner = written(
        "id = 'a'\npattern = '[0-9a-z]{4,8}\\.acme\\.example'\ninner = ['.acme.example']\nplaceholder = 'API_KEY_REDACTED'\n\
         yes = ['<k3y7.acme.example>']\nno = ['acme.example']\n",
    );
    let near = written(
        "id = 'b'\npattern = '[0-9a-f]{24}'\nnear = ['acme']\naction = 'warn'\nyes = ['acme id <{hex 24}>']\nno = ['{hex 24}']\n",
    );
    let rules = [inner, near].map(|rule| CustomRule::new(&rule).unwrap()).to_vec();
    let hex = "0a1b2c3d4e5f6a7b8c9d0e1f";
    let text = format!("k3y7.acme.example and {hex}");
    let redaction = Redactor::with_policy(policy(rules.clone())).redact(&text).unwrap();
    assert_eq!(redaction.text.as_str(), format!("API_KEY_REDACTED and {hex}"));
    let text = format!("acme {hex}");
    let actions = |policy| {
        let redaction = Redactor::with_policy(policy).redact(&text).unwrap();
        redaction.findings.iter().map(|found| found.action).collect::<Vec<_>>()
    };
    assert_eq!(actions(policy(rules.clone())), [Action::Warn]);
    let named = [(Name::Borrowed("b"), Action::Redact)].into();
    assert_eq!(actions(Policy { rules: named, ..policy(rules) }), [Action::Redact]);
}

#[test]
fn rule_when_wrong_then_refused_by_name_with_what_to_do() {
    let id = |id: &str| WrittenRule { id: id.to_owned(), ..acme() };
    let pattern = |pattern: &str| WrittenRule { pattern: pattern.to_owned(), ..acme() };
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let inner = |words: &[&str], text: &str| WrittenRule { inner: texts(words), ..pattern(text) };
    for (rule, fault) in [
        (id(""), "\"\" is no id of a rule"),
        (id("Acme"), "\"Acme\" is no id of a rule"),
        (id(&"x".repeat(65)), &format!("{:?} is no id of a rule", "x".repeat(64))),
        (id("github-token"), "rule github-token: this id is taken"),
        (id("denied-secret"), "rule denied-secret: this id is taken"),
        (pattern("acme_("), "rule acme-key: the pattern does not parse: unclosed group"),
        (pattern(""), "rule acme-key: the pattern has 0 bytes"),
        (pattern("(?:acme)?"), "rule acme-key: the pattern may match nothing at all"),
        (pattern("acme_(?:[a-z]{1000}){1000}"), "rule acme-key: the pattern is too large"),
        (pattern("[0-9a-z]{12}"), "rule acme-key: a match may begin with anything"),
        (inner(&["acme"], "[a-z]+acme"), "rule acme-key: a match may be of any length"),
        (
            inner(&["Acme"], "acme_[0-9a-z]{12}"),
            "rule acme-key: a word of inner, near or near_also cannot be looked for",
        ),
        (
            inner(&["ac"], "acme_[0-9a-z]{12}"),
            "rule acme-key: a word of inner, near or near_also cannot be looked for",
        ),
        (WrittenRule { reach: Some(5000), ..acme() }, "rule acme-key: a match may have 5000 bytes"),
        (
            WrittenRule { near: texts(&["acme"]), ..inner(&["acme"], "x{9}") },
            "rule acme-key: it has inner and near",
        ),
        (WrittenRule { class: Some("key".to_owned()), ..acme() }, "rule acme-key: there is no class key"),
        (WrittenRule { action: Some("hide".to_owned()), ..acme() }, "rule acme-key: there is no action hide"),
        (
            WrittenRule { placeholder: Some("X_REDACTED".to_owned()), ..acme() },
            "rule acme-key: the placeholder X_REDACTED belongs to no rule",
        ),
        (WrittenRule { no: Vec::new(), ..acme() }, "rule acme-key: it has no vectors"),
        (
            WrittenRule { yes: texts(&["acme_{digit 20}", "x"]), ..acme() },
            "rule acme-key: text 2 of yes is not found, or not exactly",
        ),
        (
            WrittenRule { yes: texts(&["<ac>me_{digit 20}"]), ..acme() },
            "rule acme-key: text 1 of yes is not found, or not exactly",
        ),
        (
            WrittenRule { no: texts(&["acme_{digit 20}"]), ..acme() },
            "rule acme-key: something is found in text 1 of no",
        ),
    ] {
        let refused = CustomRule::new(&rule).unwrap_err();
        assert_eq!(refused.to_string(), fault);
        assert!(!refused.hint().is_empty());
    }
    assert!(toml::from_str::<WrittenRule>("id = 'x'\nkeyword = []\n").is_err());
    let twice = CustomRule::new(&acme()).unwrap();
    let policy = Policy { custom: vec![twice.clone(), twice], ..Policy::default() };
    assert_eq!(policy.check().unwrap_err().to_string(), "rule acme-key: this id is there twice");
}

/// A file in the format of gitleaks, written for this test.
#[cfg(test)]
const FILE: &str = r#"
title = "mine"
[extend]
useDefault = true
disabledRules = ["off"]
[[rules]]
id = "Acme_Token"
description = "Acme token"
regex = '''(?i)[\w.-]{0,50}?(?:acme)(?:[ \t\w.-]{0,20})(?:=|:)\s{0,3}(["']?)([a-z0-9]{16})(?:["'\s;]|$)'''
secretGroup = 2
entropy = 2
keywords = ["acme"]
[[rules.allowlists]]
stopwords = ["example"]
regexes = ['''^0{8}''']
[[rules.allowlists]]
condition = "AND"
paths = ["x"]
regexes = [".*"]
[[rules]]
id = "bare"
regex = '''\b[0-9]{4}-[0-9]{4}-[0-9]{4}\b'''
keywords = ["zebra"]
[rules.allowlist]
regexTarget = "line"
regexes = ["harmless"]
[[rules]]
id = "off"
regex = "zebra"
[[rules]]
id = "by-path"
path = "id_rsa"
[[rules]]
id = "no-literal"
regex = "[0-9a-f]{32}"
[[rules]]
id = "broken"
regex = "(zebra"
[[rules]]
id = "group"
regex = "zebra_(x)"
secretGroup = 3
[[rules]]
id = "acme-token"
regex = "zebra[0-9]{4}"
[[rules]]
id = "shape"
regex = 7
"#;

#[test]
fn file_of_gitleaks_when_read_then_its_rules_run_and_the_others_are_named() {
    let loaded = LoadedRules::read(FILE).unwrap();
    let ids: Vec<&str> = loaded.rules.iter().map(CustomRule::id).collect();
    assert_eq!(ids, ["loaded-acme-token", "loaded-bare"]);
    let notes: Vec<_> = loaded.notes.iter().map(|(id, note)| (id.as_str(), note.as_str())).collect();
    let taken = "left out: another rule has this id";
    let expected = [
        ("by-path", "left out: it looks at paths only"),
        ("no-literal", "left out: it has no string to look for, and no keywords"),
        ("broken", "left out: the pattern does not parse: unclosed group"),
        ("group", "left out: the pattern has no group 3"),
        ("acme-token", taken),
    ];
    assert_eq!(notes[..5], expected);
    assert!(notes[5].0 == "shape" && notes[5].1.starts_with("left out: invalid type: integer"), "{notes:?}");
    let redactor = Redactor::with_policy(policy(loaded.rules));
    let clean = |text: &str| redactor.redact(text).unwrap().text.into_string();
    for (text, expected) in [
        ("x my_acme_id: 'q1w2e3r4t5y6u7i8' y", "x my_acme_id: 'CUSTOM_SECRET_REDACTED' y"),
        ("ACME=Q1W2E3R4T5Y6U7I8", "ACME=CUSTOM_SECRET_REDACTED"),
        ("acme=aaaaaaaabbbbbbbb", "acme=aaaaaaaabbbbbbbb"),
        ("acme=q1w2example4y6u7", "acme=q1w2example4y6u7"),
        ("acme=00000000t5y6u7i8", "acme=00000000t5y6u7i8"),
        ("the zebra has 1234-5678-9012", "the zebra has CUSTOM_SECRET_REDACTED"),
        ("the harmless zebra has 1234-5678-9012", "the harmless zebra has 1234-5678-9012"),
        ("the horse has 1234-5678-9012", "the horse has 1234-5678-9012"),
    ] {
        assert_eq!(clean(text), expected);
    }
}

#[test]
fn file_of_gitleaks_when_it_is_none_then_refused() {
    for (text, fault) in [
        ("rules = 1", "it has no [[rules]]"),
        ("", "it has no [[rules]]"),
        ("a = 1\n[[rules]\n", "line 2 is not TOML: "),
    ] {
        let refused = LoadedRules::read(text).unwrap_err().to_string();
        assert!(refused.starts_with(fault), "{refused}");
    }
}
