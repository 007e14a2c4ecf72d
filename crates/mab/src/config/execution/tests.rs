//! What is accepted, what is refused, and that the environment only makes it stricter.

use mab_core::Code;

use super::*;
use crate::config::Flags;

fn load(file: &str, variables: &[(&str, &str)]) -> Result<Config, Denied> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, format!("[execution]\n{file}")).unwrap();
    let environment = Environment::from([("HOME", "/home/x")].into_iter().chain(variables.iter().copied()));
    Config::load(&Flags { config: Some(path), ..Flags::default() }, &environment)
}

fn execution(file: &str, variables: &[(&str, &str)]) -> Execution {
    load(file, variables).unwrap().execution
}

#[test]
fn settings_of_execution_when_written_are_taken_whole() {
    let file = "agents = true\nas_root = true\nworkspaces = ['/srv/app', '~/code']\nmode = 'yolo'\npolicy = '~/policy.toml'\nsandbox = 'podman'\n\
        image = 'debian:12'\nnetwork = true\nreadable = ['/opt/tools']\nenvironment = ['RUSTUP_HOME']\n\
        path = ['/opt/tools/bin']\ntimeout_s = 1800\nmemory_mib = 16\nprocesses = 9\ncpu_s = 7\nfile_mib = 2\n\
        scratch_mib = 3\nsnapshots_keep = 4\nsnapshots_days = 5\nsnapshot_file_mib = 6\nsnapshot_total_mib = 7\npreview = true\n\
         git_identity = 'A B <a@b.c>'\n";
    let expected = Execution {
        agents: true,
        as_root: true,
        workspaces: vec!["/srv/app".into(), "/home/x/code".into()],
        mode: Mode::Yolo,
        policy: Some("/home/x/policy.toml".into()),
        isolation: Isolation::Container(Engine::Podman),
        image: Some("debian:12".to_owned()),
        network: true,
        readable: vec!["/opt/tools".into()],
        environment: vec!["RUSTUP_HOME".to_owned()],
        path: vec!["/opt/tools/bin".into()],
        limits: Limits {
            time_s: 1800,
            cpu_s: 7,
            memory_bytes: 16 << 20,
            processes: 9,
            file_bytes: 2 << 20,
            scratch_bytes: 3 << 20,
            ..Limits::default()
        },
        snapshots_keep: 4,
        snapshots_days: 5,
        snapshot_file_mib: 6,
        snapshot_total_mib: 7,
        preview: true,
        git_identity: Some(Identity { name: "A B".to_owned(), mail: "a@b.c".to_owned() }),
    };
    assert_eq!(execution(file, &[]), expected);
}

#[test]
fn environment_of_a_client_only_makes_it_stricter() {
    let wide = "mode = 'restricted'\nnetwork = true\ntimeout_s = 60\nmemory_mib = 100\n";
    for (name, value, is_taken) in [
        ("MODE", "safe", true),
        ("MODE", "yolo", false),
        ("NETWORK", "false", true),
        ("PREVIEW", "true", true),
        ("TIMEOUT_S", "59", true),
        ("TIMEOUT_S", "61", false),
        ("MEMORY_MIB", "16", true),
        ("MEMORY_MIB", "101", false),
    ] {
        let variables = [(format!("MAB_EXECUTION_{name}"), value)];
        let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let changed = execution(wide, &variables) != execution(wide, &[]);
        assert_eq!(changed, is_taken, "{name}={value}");
    }
    let strict = "mode = 'safe'\nnetwork = false\npreview = true\n";
    for (name, value) in [("MODE", "yolo"), ("NETWORK", "true"), ("PREVIEW", "false")] {
        let variable = format!("MAB_EXECUTION_{name}");
        assert_eq!(execution(strict, &[(&variable, value)]), execution(strict, &[]), "{name}");
    }
}

#[test]
fn setting_when_it_has_no_stricter_value_is_the_files_alone() {
    for name in [
        "AGENTS",
        "AS_ROOT",
        "WORKSPACES",
        "POLICY",
        "SANDBOX",
        "IMAGE",
        "READABLE",
        "ENVIRONMENT",
        "PATH",
        "GIT_IDENTITY",
        "SNAPSHOTS_KEEP",
    ] {
        let variable = format!("MAB_EXECUTION_{name}");
        let denied = load("", &[(&variable, "1")]).unwrap_err();
        assert!(denied.message.contains("cannot be set here (env MAB_EXECUTION_"), "{denied}");
        assert_eq!(
            denied.hint.as_deref(),
            Some("set it in the configuration file, which agents do not write")
        );
    }
    let slip = load("", &[("MAB_EXECUTION_MODUS", "safe")]).unwrap_err();
    assert_eq!(slip.hint.as_deref(), Some("did you mean MAB_EXECUTION_MODE? else take it out"));
}

#[test]
fn number_when_out_of_its_range_is_refused_with_the_range() {
    for (name, least, most) in [
        ("timeout_s", 1, 1_800),
        ("memory_mib", 16, 1 << 20),
        ("processes", 1, 65_536),
        ("cpu_s", 1, 86_400),
        ("file_mib", 1, 1 << 20),
        ("scratch_mib", 1, 65_536),
        ("snapshots_keep", 1, 10_000),
        ("snapshots_days", 1, 3_650),
        ("snapshot_file_mib", 1, 1 << 20),
        ("snapshot_total_mib", 1, 1 << 20),
    ] {
        for bad in [(least - 1).to_string(), (most + 1).to_string(), "-1".into(), "'9'".into(), "1.5".into()]
        {
            let denied = load(&format!("{name} = {bad}\n"), &[]).unwrap_err();
            assert_eq!(denied.code, Code::Misconfigured, "{name} = {bad}");
            let expected =
                format!("execution.{name} cannot be used: it is no number from {least} to {most} (");
            assert!(denied.message.starts_with(&expected), "{denied}");
            assert_eq!(denied.hint, Some(format!("use a number, {least} to {most}")));
        }
        for good in [least, most] {
            assert!(load(&format!("{name} = {good}\n"), &[]).is_ok(), "{name} = {good}");
        }
    }
}

const GIT: &str = "write it as git does: \"Ada Lovelace <ada@example.org>\"";

#[test]
fn value_when_wrong_is_refused_with_what_to_write() {
    for (line, hint) in [
        ("mode = 'wild'", "use one of: safe, restricted, yolo"),
        ("mode = 1", "use one of: safe, restricted, yolo"),
        ("sandbox = 'none'", "use one of: auto, bubblewrap, docker, podman"),
        ("network = 'yes'", "use one of: true, false"),
        ("preview = 1", "use one of: true, false"),
        ("agents = 'true'", "use one of: true, false"),
        ("as_root = 1", "use one of: true, false"),
        ("workspaces = '/srv/app'", PATHS),
        ("workspaces = ['app']", PATHS),
        ("workspaces = ['/']", PATHS),
        ("workspaces = ['/srv/../etc']", PATHS),
        ("readable = [1]", PATHS),
        ("path = ['bin']", PATHS),
        ("policy = ''", PATHS),
        ("policy = \"/x\\u001b\"", PATHS),
        ("image = '--privileged'", "write one such as \"debian:12\""),
        ("image = 'a b'", "write one such as \"debian:12\""),
        ("environment = 'PATH'", "use an array of names, such as [\"RUSTUP_HOME\"]"),
        ("environment = ['A=1']", "use an array of names, such as [\"RUSTUP_HOME\"]"),
        ("environment = ['LD_PRELOAD']", "leave it out"),
        ("environment = ['PATH']", "leave it out"),
        ("git_identity = 'Ada'", GIT),
        ("git_identity = ' <a@b.c>'", GIT),
        ("git_identity = 'Ada <>'", GIT),
        ("git_identity = 'Ada <a b>'", GIT),
        ("git_identity = 'Ada <a> <b>'", GIT),
        ("git_identity = \"A\\nda <a@b.c>\"", GIT),
        ("git_identity = true", GIT),
        ("sandbox = 'docker'", "name one that is there already, such as execution.image = \"debian:12\""),
    ] {
        let denied = load(&format!("{line}\n"), &[]).unwrap_err();
        assert_eq!((denied.code, denied.hint.as_deref()), (Code::Misconfigured, Some(hint)), "{line}");
    }
}

#[test]
fn agents_ask_for_commands_only_where_the_file_and_who_starts_the_server_say_so() {
    let agents = |file, variables: &[(&str, &str)]| load(file, variables).unwrap().runs_for_agents();
    assert!(agents("agents = true\n", &[("MAB_YOLO", "1")]));
    for other in ["", "0", "true", "01", "1 ", "yes"] {
        assert!(!agents("agents = true\n", &[("MAB_YOLO", other)]), "{other:?}");
    }
    assert!(!agents("agents = true\n", &[]));
    assert!(!agents("agents = false\n", &[("MAB_YOLO", "1")]));
    assert!(!agents("", &[("MAB_YOLO", "1")]));
    let written = load("[yolo]\nyolo = true\n", &[]).unwrap_err();
    assert_eq!(written.code, Code::Misconfigured);
}
