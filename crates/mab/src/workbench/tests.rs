//! What the settings let agents do, and that they are read anew for every command.

use std::{fs, os::unix::fs::symlink, path::PathBuf};

use mab_core::execution::{Assurance, Mode};

use super::*;

/// A data folder, a configuration file and a project.
struct Scene {
    folder: tempfile::TempDir,
    bench: AgentBench,
}

const WIDE: &str = "agents = true\nmode = 'yolo'\nnetwork = true\n";

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().canonicalize().unwrap().join(name);
        fs::create_dir_all(at("code/app")).unwrap();
        let flags = Flags { data_dir: Some(at("data")), config: Some(at("config.toml")), db: None };
        let environment = Environment::from([("HOME", "/nowhere"), ("MAB_YOLO", "1")]);
        let scene = Self { bench: AgentBench::new(flags, &environment), folder };
        scene.write(WIDE, &["code"]);
        scene
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    fn write(&self, settings: &str, workspaces: &[&str]) {
        let paths: Vec<_> = workspaces.iter().map(|name| format!("'{}'", self.at(name).display())).collect();
        let text = format!("[execution]\n{settings}workspaces = [{}]\n", paths.join(", "));
        fs::write(self.at("config.toml"), text).unwrap();
    }

    fn terms(&self, workspace: &str) -> Terms {
        let found = Workspace::open(&self.at(workspace)).unwrap();
        Terms {
            version: 1,
            conversation: "conv_0011223344556677".to_owned(),
            mode: Mode::Safe,
            workspace: found.path().display().to_string(),
            workspace_device: found.device().to_string(),
            workspace_inode: found.inode().to_string(),
            settings: self.bench.config().map_err(|failure| failure.to_string()).unwrap().bound().unwrap(),
            timeout_s: None,
            network: false,
            elicitation: false,
            quorum: 0,
            approvers: Vec::new(),
            assurance: Assurance::Passphrase,
            enabled_at_ms: 0,
            expires_at_ms: i64::MAX,
            nonce: "00".repeat(16),
        }
    }

    fn refusal(&self, terms: &Terms) -> Denied {
        match self.bench.bench(terms) {
            Err(Failure::Denied(denied)) => denied,
            Err(Failure::Fault(fault)) => panic!("{fault}"),
            Ok(_) => panic!("it was not refused"),
        }
    }

    fn disabled(&self, terms: &Terms, message: &str, line: &str) {
        let denied = self.refusal(terms);
        assert_eq!((denied.code, denied.message.as_str()), (Code::ExecutionDisabled, message));
        let hint = denied.hint.unwrap();
        let file = self.at("config.toml");
        assert!(
            hint.starts_with(&format!("tell your user: {line} under [execution] in {}", file.display())),
            "{hint}"
        );
    }
}

#[test]
fn bench_when_the_settings_allow_the_terms_is_theirs() {
    let scene = Scene::new();
    for (workspace, timeout_s, time_s) in [
        ("code", None, 120),
        ("code/app", Some(7), 7),
        ("code/app", Some(120), 120),
        ("code/app", Some(9_999), 120),
        ("code", Some(0), 1),
    ] {
        // Of one nonce: what is kept is kept for all of the terms.
        let terms = Terms { timeout_s, mode: Mode::Yolo, network: true, ..scene.terms(workspace) };
        let bench = scene.bench.bench(&terms).map_err(|failure| failure.to_string()).unwrap();
        assert_eq!(bench.workspace.path(), scene.at(workspace));
        assert_eq!(bench.limits, Limits { time_s, ..Limits::default() });
    }
}

#[test]
fn bench_when_the_settings_allow_less_is_refused_with_what_to_write() {
    let scene = Scene::new();
    let terms = scene.terms("code/app");
    scene.bench.bench(&terms).map_err(|failure| failure.to_string()).unwrap();
    scene.write("mode = 'yolo'\n", &["code"]);
    scene.disabled(&terms, "the settings let no agent ask for commands", "agents = true");
    scene.write("agents = true\n", &["code"]);
    let yolo = Terms { mode: Mode::Yolo, ..terms.clone() };
    scene.disabled(
        &yolo,
        "mode yolo was enabled here, and the settings allow safe at most",
        "mode = \"yolo\"",
    );
    let network = Terms { network: true, ..terms.clone() };
    let message = "commands with the network were enabled here, and the settings allow none";
    scene.disabled(&network, message, "network = true");
    scene.bench.bench(&terms).map_err(|failure| failure.to_string()).unwrap();
    fs::write(scene.at("config.toml"), "[execution]\nagents = 7\n").unwrap();
    assert_eq!(scene.refusal(&terms).code, Code::Misconfigured);
}

#[test]
fn bench_when_the_workspace_is_not_below_one_of_the_settings_is_refused() {
    let scene = Scene::new();
    fs::create_dir_all(scene.at("code-2")).unwrap();
    fs::create_dir_all(scene.at("other")).unwrap();
    symlink(scene.at("other"), scene.at("code/link")).unwrap();
    let outside = |name: &str| {
        let path = scene.terms(name).workspace;
        let message = format!("the settings let no agent have commands run in {path}");
        scene.disabled(&scene.terms(name), &message, &format!("workspaces = [\"{path}\"]"));
    };
    outside("code-2");
    outside("other");
    outside("");
    scene.write(WIDE, &[]);
    outside("code");
    scene.write(WIDE, &["none", "code/link"]);
    outside("code");
    // A link in the settings is what it leads to now.
    scene.bench.bench(&scene.terms("other")).map_err(|failure| failure.to_string()).unwrap();
}

#[test]
fn bench_when_the_workspace_is_another_folder_is_void() {
    let scene = Scene::new();
    let terms = scene.terms("code/app");
    scene.bench.bench(&terms).map_err(|failure| failure.to_string()).unwrap();
    for (change, why) in [
        (Terms { workspace_inode: "1".to_owned(), ..terms.clone() }, "is another folder now"),
        (Terms { workspace_device: "1".to_owned(), ..terms.clone() }, "is another folder now"),
    ] {
        let denied = scene.refusal(&change);
        assert_eq!(denied.code, Code::ApprovalVoid);
        assert!(denied.message.ends_with(why), "{denied}");
        assert!(denied.hint.unwrap().contains("mab yolo enable"));
    }
    fs::rename(scene.at("code/app"), scene.at("code/old")).unwrap();
    let gone = scene.refusal(&terms);
    assert_eq!(gone.code, Code::ApprovalVoid);
    assert!(gone.message.ends_with("cannot be used any more: there is no such workspace"), "{gone}");
    symlink(scene.at("code/old"), scene.at("code/app")).unwrap();
    assert_eq!(scene.refusal(&terms).code, Code::ApprovalVoid);
    fs::remove_file(scene.at("code/app")).unwrap();
    fs::create_dir(scene.at("code/app")).unwrap();
    assert_eq!(scene.refusal(&terms).code, Code::ApprovalVoid);
}

/// A rule that lets run what else would be asked for.
const LETS_RUN: &str =
    "[[rule]]\ncommand = [\"make\"]\ndecision = \"allow\"\nmodes = [\"restricted\"]\nreason = \"a test\"\n";

#[test]
fn bench_when_the_settings_are_not_those_of_the_terms_is_refused_until_they_are_again() {
    let scene = Scene::new();
    let terms = scene.terms("code/app");
    fs::write(scene.at("wide.toml"), LETS_RUN).unwrap();
    let policy = format!("policy = '{}'\n", scene.at("wide.toml").display());
    let other = [
        policy.as_str(),
        "readable = ['/srv/other']\n",
        "path = ['/srv/programs']\n",
        "environment = ['PYTHONPATH']\n",
        "sandbox = 'bubblewrap'\n",
        "sandbox = 'podman'\nimage = 'localhost/other'\n",
        "git_identity = 'Eve <eve@example.org>'\n",
    ];
    for settings in other {
        scene.write(&format!("{WIDE}{settings}"), &["code"]);
        let denied = scene.refusal(&terms);
        assert_eq!(denied.code, Code::ExecutionDisabled, "{settings}");
        assert!(denied.message.ends_with("not those that commands were enabled under"), "{denied}");
        let hint = denied.hint.unwrap();
        assert!(hint.contains("config.toml changed") && hint.contains("`mab yolo enable`"), "{hint}");
    }
    // What the environment of a server may make narrower, and what is looked at by itself.
    for settings in ["timeout_s = 5\nmemory_mib = 512\n", "snapshots_keep = 3\n", ""] {
        scene.write(&format!("{WIDE}{settings}"), &["code", "none"]);
        scene.bench.bench(&terms).map_err(|failure| failure.to_string()).unwrap();
    }
    // The policy's text counts, not its name.
    scene.write(&format!("{WIDE}{policy}"), &["code"]);
    let wide = scene.terms("code/app");
    scene.bench.bench(&wide).map_err(|failure| failure.to_string()).unwrap();
    fs::write(scene.at("wide.toml"), format!("{LETS_RUN}# more\n")).unwrap();
    assert_eq!(scene.refusal(&wide).code, Code::ExecutionDisabled);
}

/// A rule that tightens.
const RULE: &str = "[[rule]]\ncommand = [\"wc\"]\ndecision = \"ask\"\nreason = \"a test\"\n\
    examples_match = [\"wc x\"]\nexamples_no_match = [\"ls\"]\n";

#[test]
fn bench_is_kept_as_long_as_settings_and_policy_are_as_they_were() {
    let scene = Scene::new();
    let terms = scene.terms("code/app");
    let executor = || scene.bench.bench(&terms).map_err(|failure| failure.to_string()).unwrap().executor;
    let first = executor();
    assert!(Arc::ptr_eq(&first, &executor()));
    fs::create_dir_all(scene.at("code/app/.mab")).unwrap();
    fs::write(scene.at("code/app/.mab/policy.toml"), RULE).unwrap();
    let tightened = executor();
    assert!(!Arc::ptr_eq(&first, &tightened), "the policy is another");
    scene.write("agents = true\ntimeout_s = 5\n", &["code"]);
    assert!(!Arc::ptr_eq(&tightened, &executor()), "the settings are others");
    let other = Terms { nonce: "11".repeat(16), ..terms.clone() };
    let other = scene.bench.bench(&other).map_err(|failure| failure.to_string()).unwrap();
    assert!(!Arc::ptr_eq(&other.executor, &executor()));
}
