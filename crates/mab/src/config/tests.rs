//! Precedence, refusals, and the table.

use std::{os::unix::fs::PermissionsExt, path::Path};

use mab_core::{Code, Denied, agent::Permission, limit::Limit, loop_guard::LoopGuard};
use mab_service::Settings;
use mab_store::sqlite::Durability;
use tracing::level_filters::LevelFilter;

use super::*;
use crate::environment::Environment;

fn load(environment: &[(&str, &str)], flags: &Flags) -> Result<Config, Denied> {
    let home = [("HOME", "/nowhere/home")];
    let variables = Environment::from(home.into_iter().chain(environment.iter().copied()));
    Config::load(flags, &variables)
}

fn with_file(text: &str, environment: &[(&str, &str)]) -> Result<Config, Denied> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, text).unwrap();
    load(environment, &Flags { config: Some(path), ..Flags::default() })
}

fn source_of(config: &Config, key: &str) -> String {
    config.effective().into_iter().find(|row| row.key == key).unwrap().source
}

#[test]
fn nothing_set_gives_the_defaults_that_the_table_promises() {
    let config = load(&[], &Flags::default()).unwrap();
    assert_eq!(config.settings, Settings::default());
    assert_eq!(config.data_dir, Path::new("/nowhere/home/.local/share/mab"));
    assert_eq!(config.database, Path::new("/nowhere/home/.local/share/mab/bridge.db"));
    assert_eq!(config.file, Path::new("/nowhere/home/.config/mab/config.toml"));
    assert_eq!((config.agent.as_deref(), config.log), (None, LevelFilter::WARN));
    for row in config.effective() {
        assert_eq!(row.source, "default", "{}", row.key);
        let key = keys().find(|key| key.name == row.key).unwrap();
        assert!(!key.in_file() || key.default == row.value, "{}: {} is documented", row.key, key.default);
    }
}

#[test]
fn environment_wins_over_file_and_flag_wins_over_environment() {
    let file = "[limits]\nsend_per_minute = 20\nsend_per_hour = 30\n[store]\ndurability = \"normal\"\n";
    let config = with_file(file, &[("MAB_LIMITS_SEND_PER_MINUTE", "40")]).unwrap();
    assert_eq!(config.settings.limits.send_per_minute, 40);
    assert_eq!(config.settings.limits.send_per_hour, 30);
    assert_eq!(config.durability, Durability::Normal);
    assert_eq!(source_of(&config, "limits.send_per_minute"), "env MAB_LIMITS_SEND_PER_MINUTE");
    assert_eq!(source_of(&config, "limits.send_per_hour"), config.file.display().to_string());
    assert_eq!(source_of(&config, "config"), "flag --config");

    let flags = Flags { data_dir: Some("/flag".into()), db: Some("/flag.db".to_owned()), config: None };
    let config = load(&[("MAB_DATA_DIR", "/env"), ("MAB_DATABASE_URL", "/env.db")], &flags).unwrap();
    assert_eq!((config.data_dir, config.database), ("/flag".into(), "/flag.db".into()));
}

#[test]
fn loop_guard_is_set_and_switched_off() {
    let file = "[loop_guard]\nmessages = 7\nwindow_seconds = 60\n";
    let config = with_file(file, &[("MAB_LOOP_GUARD_MESSAGES", "0")]).unwrap();
    assert_eq!(config.settings.loop_guard, LoopGuard { messages: 0, window_seconds: 60 });
    let config = load(&[("MAB_LOOP_GUARD_WINDOW_SECONDS", "1")], &Flags::default()).unwrap();
    assert_eq!(config.settings.loop_guard, LoopGuard { messages: 100, window_seconds: 1 });
    let slip = load(&[("MAB_LOOP_GUARD_MESSAGE", "5")], &Flags::default()).unwrap_err();
    assert_eq!(slip.hint.as_deref(), Some("did you mean MAB_LOOP_GUARD_MESSAGES? else take it out"));
}

#[test]
fn folders_follow_xdg_and_tilde() {
    let config = load(&[("XDG_DATA_HOME", "/d"), ("XDG_CONFIG_HOME", "/c")], &Flags::default()).unwrap();
    assert_eq!((config.data_dir, config.file), ("/d/mab".into(), "/c/mab/config.toml".into()));
    let config = load(&[("MAB_DATA_DIR", "~/mine")], &Flags::default()).unwrap();
    assert_eq!(config.database, Path::new("/nowhere/home/mine/bridge.db"));
    assert!(Config::load(&Flags::default(), &Environment::default()).is_err());
}

#[test]
fn database_takes_a_path_or_sqlite_url_and_nothing_else() {
    for url in ["/x/y.db", "sqlite:/x/y.db", "sqlite:///x/y.db"] {
        let config = load(&[("MAB_DATABASE_URL", url)], &Flags::default()).unwrap();
        assert_eq!(config.database, Path::new("/x/y.db"));
    }
    for url in ["postgres://user:hunter2@host/db", "postgresql://x", "mysql://hunter2", "sqlite:"] {
        let denied = load(&[("MAB_DATABASE_URL", url)], &Flags::default()).unwrap_err();
        assert_eq!(denied.code, Code::Misconfigured);
        assert!(!format!("{denied:?}").contains("hunter2"), "{denied:?}");
    }
}

#[test]
fn profile_is_the_agent_or_else_the_claude_code_session() {
    let session = ("CLAUDE_CODE_SESSION_ID", "0b-1");
    let agent = |environment: &[(&str, &str)]| load(environment, &Flags::default()).unwrap().agent;
    assert_eq!(agent(&[session]).as_deref(), Some("claude-0b-1"));
    assert_eq!(agent(&[session, ("MAB_AGENT", "alice")]).as_deref(), Some("alice"));
}

#[test]
fn unknown_key_names_the_closest_one() {
    let denied = with_file("[limits]\nsend_per_minut = 3\n", &[]).unwrap_err();
    assert!(denied.message.starts_with("unknown key limits.send_per_minut ("), "{denied}");
    assert_eq!(denied.hint.as_deref(), Some("did you mean limits.send_per_minute? else take it out"));
    let denied = load(&[("MAB_STORE_DURABILTY", "full")], &Flags::default()).unwrap_err();
    assert_eq!(denied.hint.as_deref(), Some("did you mean MAB_STORE_DURABILITY? else take it out"));
    assert!(load(&[("MAB_SOMETHING_ELSE", "1")], &Flags::default()).is_ok());
}

#[test]
fn bad_values_are_refused_with_key_and_range() {
    for (file, key) in [
        ("[limits]\nsend_per_minute = -1\n", "limits.send_per_minute"),
        ("[limits]\nsend_per_minute = 1.5\n", "limits.send_per_minute"),
        ("[limits]\nsend_per_minute = { a = 1 }\n", "limits.send_per_minute"),
        ("[limits]\nunread_per_inbox = 0\n", "limits.unread_per_inbox"),
        ("[conversation]\nexpires_in_minutes = 0\n", "conversation.expires_in_minutes"),
        ("[loop_guard]\nmessages = -1\n", "loop_guard.messages"),
        ("[loop_guard]\nwindow_seconds = 0\n", "loop_guard.window_seconds"),
        ("[store]\ndurability = \"some\"\n", "store.durability"),
        ("[store]\nbusy_timeout_ms = true\n", "store.busy_timeout_ms"),
        ("[limits]\nsend_per_minute = \"5\"\n", "limits.send_per_minute"),
        ("data_dir = \"/x\"\n", "data_dir"),
    ] {
        let denied = with_file(file, &[]).unwrap_err();
        assert!(denied.message.starts_with(key) && denied.hint.is_some(), "{file}: {denied:?}");
        assert_eq!(denied.code, Code::Misconfigured);
    }
    assert!(load(&[("MAB_LIMITS_SEND_PER_DAY", "many")], &Flags::default()).is_err());
    assert!(load(&[("MAB_LOG", "loud")], &Flags::default()).is_err());
    assert!(with_file("[conversation]\nexpires_in_minutes = 50000\n", &[]).is_err());
}

#[test]
fn hints_say_what_to_write_and_name_a_flag_only_where_there_is_one() {
    let number = "use a number without quotes, 0 to 4294967295 (calls)";
    for (file, hint) in [
        ("[store]\ndurability = \"some\"\n", "use full or normal"),
        ("[limits]\nsend_per_minute = \"5\"\n", number),
        ("data_dir = \"/x\"\n", "set MAB_DATA_DIR in the environment, or use --data-dir"),
        ("database_url = \"/x\"\n", "set MAB_DATABASE_URL in the environment, or use --db"),
        ("agent = \"x\"\n", "set MAB_AGENT in the environment"),
        ("log = \"warn\"\n", "set MAB_LOG in the environment"),
    ] {
        assert_eq!(with_file(file, &[]).unwrap_err().hint.as_deref(), Some(hint), "{file}");
    }
    let denied = load(&[("MAB_LIMITS_SEND_PER_MINUTE", "many")], &Flags::default()).unwrap_err();
    assert_eq!(denied.hint.as_deref(), Some("use a number, 0 to 4294967295 (calls)"));
}

#[test]
fn file_when_broken_names_the_line_and_when_named_must_exist() {
    let denied = with_file("[limits]\nsend_per_minute = \n", &[]).unwrap_err();
    assert!(denied.message.starts_with("line 2 is not TOML"), "{denied}");
    let flags = Flags { config: Some("/nowhere/config.toml".into()), ..Flags::default() };
    assert!(load(&[], &flags).is_err());
}

#[test]
fn variables_are_unique() {
    let variables: std::collections::BTreeSet<_> = keys().map(Key::variable).collect();
    assert_eq!(variables.len(), keys().count());
    assert!(variables.contains("MAB_DATABASE_URL"));
}

/// A file in a folder of its own, with this mode.
fn file_with_mode(mode: u32) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my config.toml");
    std::fs::write(&path, "[limits]\nsend_per_minute = 20\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    (folder, path)
}

fn load_file(path: &Path) -> Result<Config, Denied> {
    load(&[], &Flags { config: Some(path.to_owned()), ..Flags::default() })
}

#[test]
fn file_when_others_may_write_it_is_refused_with_the_chmod() {
    for (mode, refused) in [(0o600, false), (0o644, false), (0o664, true), (0o646, true), (0o666, true)] {
        let (_folder, path) = file_with_mode(mode);
        let loaded = load_file(&path);
        assert_eq!(loaded.is_err(), refused, "{mode:o}");
        if let Err(denied) = loaded {
            let hint = format!("chmod go-w '{}'", path.display());
            assert_eq!((denied.code, denied.hint), (Code::Misconfigured, Some(hint)));
        }
    }
    assert!(load_file(Path::new("/dev/null")).is_ok(), "it is nobody's and holds nothing");
}

#[test]
fn file_when_a_pipe_a_device_a_folder_or_endless_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let long = folder.path().join("long");
    std::fs::write(&long, "#".repeat((1 << 20) + 1)).unwrap();
    let device = Path::new("/dev/zero");
    for path in [pipe.as_path(), long.as_path(), folder.path(), device] {
        let denied = load_file(path).unwrap_err();
        assert_eq!(denied.code, Code::Misconfigured, "{denied}");
        assert!(denied.hint.is_some(), "{denied}");
    }
    std::fs::write(&long, "#".repeat(1 << 20)).unwrap();
    assert!(load_file(&long).is_ok());
}

#[test]
fn file_of_another_user_is_refused() {
    let (_folder, path) = file_with_mode(0o600);
    if std::os::unix::fs::chown(&path, Some(4_242), None).is_err() {
        // Only root may give files away; then there is nothing to test here.
        return;
    }
    let denied = load_file(&path).unwrap_err();
    assert_eq!(denied.code, Code::Misconfigured);
    assert!(denied.message.contains("belongs to user 4242"), "{}", denied.message);
}

#[test]
fn limits_of_a_permission_differ_only_where_they_are_set() {
    let file = "[limits]\nsend_per_minute = 20\n[limits.observer]\nread_per_minute = 60\n";
    let config = with_file(file, &[("MAB_LIMITS_MODERATOR_SEND_PER_MINUTE", "0")]).unwrap();
    let of = |permission, limit| config.settings.limits.of(permission, limit);
    assert_eq!(of(Permission::Observer, Limit::ReadPerMinute), 60);
    assert_eq!(of(Permission::Owner, Limit::ReadPerMinute), 600);
    assert_eq!(of(Permission::Observer, Limit::SendPerMinute), 20);
    assert_eq!(of(Permission::Moderator, Limit::SendPerMinute), 0);
    let set: Vec<_> = config
        .effective()
        .into_iter()
        .skip(keys().count())
        .map(|row| (row.key, row.value, row.source))
        .collect();
    let file = config.file.display().to_string();
    let expected = [
        ("limits.moderator.send_per_minute", "0", "env MAB_LIMITS_MODERATOR_SEND_PER_MINUTE"),
        ("limits.observer.read_per_minute", "60", file.as_str()),
    ];
    assert_eq!(set, expected.map(|(key, value, source)| (key, value.to_owned(), source.to_owned())));
}

#[test]
fn limits_of_a_permission_when_wrong_are_refused() {
    for (file, message) in [
        ("[limits.observer]\nread_per_minute = -1\n", "limits.observer.read_per_minute cannot be -1"),
        ("[limits.observer]\nunread_per_inbox = 1\n", "unknown key limits.observer.unread_per_inbox"),
        ("[limits.watcher]\nread_per_minute = 1\n", "unknown key limits.watcher"),
        ("[limits.owner.x]\nread_per_minute = 1\n", "unknown key limits.owner.x"),
    ] {
        let denied = with_file(file, &[]).unwrap_err();
        assert!(denied.message.starts_with(message), "{denied}");
    }
    assert!(load(&[("MAB_LIMITS_WATCHER_READ_PER_MINUTE", "1")], &Flags::default()).is_err());
}
