//! What is accepted, what is refused, and that the environment only makes it stricter.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use mab_core::Code;
use mab_redact::{Class, Redactor};

use super::*;
use crate::config::Flags;

const TODAY: &str = "2026-11-22";

/// A rule that is as it should be.
const RULE: &str =
    "[[redaction.rule]]\nid = 'acme'\npattern = 'acme_[0-9]{6}'\nyes = ['acme_{digit 6}']\nno = ['acme_1']\n";

fn load(file: &str, variables: &[(&str, &str)]) -> Result<Config, Denied> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, file).unwrap();
    let home = folder.path().to_string_lossy().into_owned();
    let environment =
        Environment::from([("HOME", home.as_str())].into_iter().chain(variables.iter().copied()));
    Config::load(&Flags { config: Some(path), ..Flags::default() }, &environment)
}

fn clean(config: &Config, text: &str) -> String {
    let redactor = Redactor::with_policy(config.settings.redaction.clone());
    redactor.redact(text).unwrap().text.into_string()
}

/// A file with these permissions, and a setting that names it.
fn naming(folder: &Path, key: &str, text: &str, mode: u32) -> String {
    let path = folder.join("file");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    let path = path.display();
    let value = if key == "deny_hashes_file" { format!("'{path}'") } else { format!("['{path}']") };
    format!("[redaction]\n{key} = {value}\n")
}

#[test]
fn section_when_right_then_it_is_the_policy() {
    let hash = Allowed::hash_of("x");
    let file = format!(
        "[redaction]\nprofile = 'strict'\ndecode_depth = 0\n\
         allow = [{{ sha256 = '{hash}' }}, {{ sha256 = '{hash}', rule = 'acme', expires = 2999-12-31 }}]\n\
         [redaction.rules]\ngithub-token = 'block'\n[redaction.classes]\npassword = 'warn'\n{RULE}"
    );
    let config = load(&file, &[]).unwrap();
    let policy = &config.settings.redaction;
    assert_eq!((policy.profile, policy.decodings.get()), (Profile::Strict, 0));
    assert_eq!(policy.rules, [(Name::Borrowed("github-token"), Action::Block)].into());
    assert_eq!(policy.classes, [(Class::Password, Action::Warn)].into());
    assert_eq!((policy.allow.len(), policy.custom.len(), config.redaction_report.rules), (2, 1, 1));
    assert_eq!(clean(&config, "acme_123456"), "CUSTOM_SECRET_REDACTED");
    let shown: Vec<_> =
        config.effective().into_iter().filter(|row| row.key.starts_with("redaction.")).collect();
    let values: Vec<&str> = shown.iter().map(|row| row.value.as_str()).collect();
    assert_eq!(
        values,
        [
            "false",
            "strict",
            "0",
            "password = warn",
            "github-token = block",
            "acme",
            "none",
            "2 values",
            "none",
            "none"
        ]
    );
}

#[test]
fn environment_when_it_would_relax_then_the_file_stays() {
    let file = "[redaction]\nprofile = 'balanced'\ndecode_depth = 3\n";
    let of = |file: &str, profile, depth| {
        let variables = [("MAB_REDACTION_PROFILE", profile), ("MAB_REDACTION_DECODE_DEPTH", depth)];
        let config = load(file, &variables).unwrap();
        let sources = ["redaction.profile", "redaction.decode_depth"]
            .map(|key| matches!(config.sources.get(key), Some(Source::Environment(_))));
        (config.settings.redaction.profile, config.settings.redaction.decodings.get(), sources)
    };
    assert_eq!(of(file, "precise", "1"), (Profile::Balanced, 3, [false; 2]));
    assert_eq!(of(file, "strict", "5"), (Profile::Strict, 5, [true; 2]));
    assert_eq!(of("", "precise", "0"), (Profile::Balanced, 2, [false; 2]));
    assert_eq!(
        load("[redaction]\nprofile = 'precise'\n", &[]).unwrap().settings.redaction.profile,
        Profile::Precise
    );
    for name in ["RULES", "CLASSES", "RULE", "RULES_FILES", "ALLOW", "DENY_FILES", "DENY_HASHES_FILE"] {
        let denied = load("", &[(&format!("MAB_REDACTION_{name}"), "x")]).unwrap_err();
        assert!(denied.message.contains(" cannot be set here (env MAB_REDACTION_"), "{denied}");
    }
    assert!(load("", &[("MAB_REDACTION_PROFIL", "strict")]).is_err());
}

#[test]
fn section_when_wrong_then_refused_with_what_to_do() {
    let wrong_rule = RULE.replace("acme_1'", "acme_123456'");
    for (file, message) in [
        ("profile = 'lax'", "redaction.profile cannot be used: there is no profile lax"),
        ("profile = 1", "redaction.profile cannot be used: there is no profile "),
        ("decode_depth = 6", "redaction.decode_depth cannot be used: it is no number from 0 to 5"),
        ("rules = 1", "redaction.rules cannot be used: it is no table"),
        ("rules = { github-token = 'hide' }", "redaction.rules cannot be used: there is no action hide"),
        ("rules = { githb-token = 'off' }", "redaction.rules cannot be used: there is no rule githb-token"),
        ("classes = { tokens = 'off' }", "redaction.classes cannot be used: there is no class tokens"),
        ("allow = ['x']", "redaction.allow cannot be used: invalid type"),
        ("allow = [{ value = 'x' }]", "redaction.allow cannot be used: unknown field `value`"),
        ("allow = [{ sha256 = 'x' }]", "redaction.allow cannot be used: an allowed value is not given by 64"),
        ("allow = [{ sha256 = 'x', expires = 'soon' }]", "redaction.allow cannot be used: expires is no day"),
        (
            "allow = [{ sha256 = 'x', expires = 2027-01-01T00:00:00Z }]",
            "redaction.allow cannot be used: expires is no",
        ),
        ("rules_files = ['x.toml']", "redaction.rules_files cannot be used: it is no absolute path"),
        ("deny_files = '/x'", "redaction.deny_files cannot be used: it is no array"),
        ("deny_hashes_file = 1", "redaction.deny_hashes_file cannot be used: it is no absolute path"),
        ("fail_mode = 'open'", "unknown key redaction.fail_mode"),
        (&wrong_rule, "redaction.rule cannot be used: rule acme: something is found in text 1 of no"),
        ("[[redaction.rule]]\nkeyword = 'x'", "redaction.rule cannot be used: unknown field `keyword`"),
    ] {
        let denied = load(&format!("[redaction]\n{file}\n"), &[]).unwrap_err();
        assert_eq!(denied.code, Code::Misconfigured);
        assert!(denied.message.starts_with(message), "{denied}");
        assert!(denied.hint.is_some_and(|hint| !hint.is_empty()), "{file}");
    }
}

#[test]
fn value_when_its_day_has_passed_then_it_is_a_secret_again() {
    let value = |expires: &str| Allow {
        sha256: String::new(),
        rule: None,
        expires: Some(Day::Text(expires.to_owned())),
    };
    let lasting = |expires: &str| lasts(&value(expires), TODAY).unwrap();
    assert_eq!((lasting("2026-11-21"), lasting("2026-11-22"), lasting("2027-01-01")), (false, true, true));
    let hash = Allowed::hash_of("x");
    let file = format!("[redaction]\nallow = [{{ sha256 = '{hash}', expires = '2001-01-01' }}]\n");
    let config = load(&file, &[]).unwrap();
    assert_eq!((config.settings.redaction.allow.len(), config.redaction_report.expired), (0, 1));
}

#[test]
fn env_file_when_named_then_its_values_are_taken_out_and_kept_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let text = "DB_PASSWORD=blue-horse-77-x\nMODE=test\n";
    let config = load(&naming(folder.path(), "deny_files", text, 0o600), &[]).unwrap();
    assert_eq!((config.redaction_report.denied, config.redaction_report.left_out), (1, 1));
    let told: Vec<_> = config.redaction_report.warnings.iter().map(|warning| &warning.message).collect();
    assert!(matches!(told[..], [told] if told.ends_with("file: not looked for: line 2 MODE")), "{told:?}");
    assert_eq!(clean(&config, "a blue-horse-77-x b"), "a DENIED_SECRET_REDACTED b");
    assert!(!format!("{config:?}").contains("horse"));
    let open = load(&naming(folder.path(), "deny_files", text, 0o640), &[]).unwrap();
    assert!(open.redaction_report.warnings[0].hint.starts_with("chmod go= "));
}

#[test]
fn file_when_it_cannot_be_used_then_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (key, text, mode, message) in [
        ("deny_files", "A=1", 0o622, "redaction.deny_files: other users may write "),
        ("deny_files", "", 0o600, "redaction.deny_files: "),
        ("deny_files", "password: blue-horse-77-x\n", 0o600, "redaction.deny_files: "),
        ("deny_files", "{\"password\": \"blue-horse-77-x\"}", 0o600, "redaction.deny_files: "),
        ("deny_hashes_file", "blue-horse", 0o600, "redaction.deny_hashes_file: "),
        ("rules_files", "x = 1", 0o600, "redaction.rules_files: "),
    ] {
        let denied = load(&naming(folder.path(), key, text, mode), &[]).unwrap_err();
        assert!(denied.message.starts_with(message) && !denied.message.contains("horse"), "{denied}");
    }
    for key in ["deny_files", "rules_files"] {
        let denied = load(&format!("[redaction]\n{key} = ['/does/not/exist']\n"), &[]).unwrap_err();
        assert!(denied.message.contains("/does/not/exist cannot be read: "), "{denied}");
    }
}

#[test]
fn rules_of_a_file_when_loaded_then_they_run_and_what_is_left_out_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[[rules]]\nid = 'a'\nregex = 'zebra_[0-9]{4}'\n[[rules]]\nid = 'b'\npath = 'x'\n";
    let config = load(&naming(folder.path(), "rules_files", text, 0o600), &[]).unwrap();
    assert_eq!(config.redaction_report.loaded, 1);
    let left_out = ("b".to_owned(), "left out: it looks at paths only".to_owned());
    assert_eq!(config.redaction_report.notes, [left_out]);
    assert_eq!(clean(&config, "zebra_1234"), "CUSTOM_SECRET_REDACTED");
}

#[test]
fn file_when_others_could_put_another_in_its_place_then_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = naming(folder.path(), "deny_files", "DB_PASSWORD=blue-horse-77-x", 0o600);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(
        load(&file, &[]).unwrap_err().message.starts_with("redaction.deny_files: other users may write ")
    );
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    assert!(load(&file, &[]).is_ok());
    if std::os::unix::fs::chown(folder.path().join("file"), Some(4_242), None).is_ok() {
        assert!(load(&file, &[]).unwrap_err().message.contains(" belongs to user 4242, "));
    }
}

#[test]
fn path_when_there_is_no_home_then_refused() {
    let variables = [("HOME", ""), ("MAB_DATA_DIR", "/data")];
    let denied = load("[redaction]\ndeny_files = ['~/.env']\n", &variables).unwrap_err();
    assert!(denied.message.contains("~/.env has no meaning: HOME is not set"), "{denied}");
}

#[test]
fn fingerprints_when_the_environment_says_so_then_only_off() {
    let is_on = |file: &str, value| {
        load(file, &[("MAB_REDACTION_FINGERPRINTS", value)]).unwrap().settings.fingerprints
    };
    let (on, off) = ("[redaction]\nfingerprints = true\n", "[redaction]\nfingerprints = false\n");
    assert_eq!([is_on(on, "true"), is_on(on, "false"), is_on(off, "true")], [true, false, false]);
}

#[test]
fn allowed_value_when_its_rule_is_none_then_its_own_key_is_named() {
    let file = format!("[redaction]\nallow = [{{ sha256 = '{}', rule = 'nix' }}]\n", Allowed::hash_of("x"));
    let denied = load(&file, &[]).unwrap_err();
    assert!(denied.message.starts_with("redaction.allow cannot be used: there is no rule nix"), "{denied}");
}
