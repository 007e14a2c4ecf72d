use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::PathBuf,
};

use super::*;
use crate::{Judge, Verdict, Wanted};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().canonicalize().unwrap().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }
}

fn judged(policy: &Policy, mode: Mode, command: &str) -> Verdict {
    Judge::new(policy.clone()).judge(mode, &Wanted::Text(command.to_owned()), None)
}

fn refused(text: impl AsRef<[u8]>) -> String {
    let folder = Folder::new();
    let denied = Policy::load(Some(&folder.file("policy.toml", text)), None).unwrap_err();
    assert_eq!(denied.code, Code::Misconfigured);
    assert!(denied.hint.is_some());
    denied.message
}

fn project_refused(text: &str) -> String {
    let folder = Folder::new();
    let denied = Policy::load(None, Some(&folder.file("policy.toml", text))).unwrap_err();
    assert_eq!(denied.code, Code::Misconfigured);
    denied.message
}

#[test]
fn project_when_it_says_what_programs_obey_is_refused() {
    let text = "[obeys]\nmake = { files = \"x\" }\nx = { runs_code = true }".to_owned();
    let source = Source { name: "x".to_owned(), text };
    let refused = Policy::builtin().add(&source, Author::Project).unwrap_err();
    assert!(refused.message.contains("may not say what programs obey"), "{refused:?}");
    let mut policy = Policy::builtin();
    policy.add(&source, Author::Operator).unwrap();
    assert!(policy.runs_code("x") && policy.runs_code("make"));
    assert!(policy.obeyed_by("make").ends_with(&["Makefile".to_owned(), "x".to_owned()]));
}

#[test]
fn settings_of_tools_that_runs_protect_are_all_obeyed_by_a_program() {
    let policy = Policy::builtin();
    let obeyed: Vec<&String> = policy.obeys.values().flatten().collect();
    for name in crate::protected::IF_THERE {
        let is_held = obeyed.iter().any(|file| Path::new(file).starts_with(name));
        assert!(is_held, "{name} is in no [obeys]");
    }
}

#[test]
fn builtin_files_are_valid_and_their_examples_hold() {
    let policy = Policy::empty().with_builtin().unwrap();
    assert!(policy.programs.len() > 80);
    assert_eq!(policy.digest(), Policy::builtin().digest());
}

#[test]
fn examples_of_the_page_are_valid() {
    let page = include_str!("../../../../docs/command-policy.md");
    let blocks: Vec<_> =
        page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks.len(), 5);
    let folder = Folder::new();
    let policy =
        Policy::load(Some(&folder.file("policy.toml", blocks[1..].concat() + blocks[0])), None).unwrap();
    for (command, expected) in [
        ("terraform -no-color plan", Decision::Ask),
        ("cargo test", Decision::Allow),
        ("cargo run", Decision::Deny),
        ("cat a.secret", Decision::Deny),
        ("tree", Decision::Deny),
    ] {
        assert_eq!(judged(&policy, Mode::Restricted, command).decision, expected, "{command}");
    }
}

#[test]
fn files_when_absent_leave_the_builtin_policy() {
    let none = Path::new("/nonexistent/policy.toml");
    let policy = Policy::load(Some(none), Some(none)).unwrap();
    assert_eq!(policy.digest(), Policy::builtin().digest());
}

#[test]
fn operator_when_describing_a_command_makes_it_understood() {
    let folder = Folder::new();
    let text = r#"
        [[form]]
        commands = ["terraform plan"]
        options = "-no-color -var-file=path"
        safe = "deny"
        restricted = "ask"
        examples_match = ["terraform plan -no-color"]
        examples_no_match = ["terraform apply", "terraform plan -var-file ../x"]

        [[form]]
        commands = ["git push"]
        options = "--force-with-lease"
        operands = "remote branch"
        restricted = "ask"
        git = "commit"
    "#;
    let policy = Policy::load(Some(&folder.file("policy.toml", text)), None).unwrap();
    for (command, expected) in [
        ("terraform plan -no-color", Decision::Ask),
        ("terraform apply", Decision::Deny),
        ("git push --force-with-lease origin x", Decision::Ask),
        ("git push origin x", Decision::Ask),
        ("git push --force origin x", Decision::Deny),
    ] {
        assert_eq!(judged(&policy, Mode::Restricted, command).decision, expected, "{command}");
    }
    assert_eq!(judged(&policy, Mode::Safe, "terraform plan").decision, Decision::Deny);
    assert_ne!(policy.digest(), Policy::builtin().digest());
}

#[test]
fn rules_of_the_operator_when_several_fit_decide_by_the_strictest() {
    let folder = Folder::new();
    let text = r#"
        [[rule]]
        command = ["cargo"]
        decision = "allow"
        reason = "we trust our build"
        examples_match = ["cargo test"]
        examples_no_match = ["git status", "cargo-evil"]

        [[rule]]
        command = ["cargo", "run"]
        decision = "deny"
        reason = "it starts the server"

        [[rule]]
        command = ["git", "log"]
        decision = "ask"
        modes = ["restricted"]
        reason = "history is private"
    "#;
    let policy = Policy::load(Some(&folder.file("policy.toml", text)), None).unwrap();
    for (command, expected) in [
        ("cargo test", Decision::Allow),
        ("cargo run", Decision::Deny),
        ("cargo test --config x=y", Decision::Deny),
        ("git log", Decision::Ask),
        ("git --no-pager log", Decision::Ask),
        ("git status", Decision::Allow),
    ] {
        assert_eq!(judged(&policy, Mode::Restricted, command).decision, expected, "{command}");
    }
    assert_eq!(judged(&policy, Mode::Safe, "cargo build").decision, Decision::Deny, "no form takes it there");
    assert!(judged(&policy, Mode::Restricted, "cargo run").reason.contains("it starts the server"));
}

#[test]
fn rule_in_mode_yolo_denies_what_is_understood() {
    let folder = Folder::new();
    let text = r#"
        [[rule]]
        command = ["terraform", "destroy"]
        decision = "deny"
        modes = ["yolo"]
        reason = "never"
    "#;
    let policy = Policy::load(Some(&folder.file("policy.toml", text)), None).unwrap();
    let decision = |command| judged(&policy, Mode::Yolo, command).decision;
    assert_eq!(decision("ls && terraform destroy -auto"), Decision::Deny);
    assert_eq!(decision("terraform plan"), Decision::Ask);
}

#[test]
fn project_when_it_tightens_is_obeyed_whatever_the_operator_allows() {
    let folder = Folder::new();
    let operator = "[[rule]]\ncommand = [\"cargo\"]\ndecision = \"allow\"\nreason = \"trusted\"\n";
    let project = r#"
        refused = { tree = "it is slow here" }
        [paths]
        hidden = ["*.secret"]
        protected = ["generated"]
        [[rule]]
        command = ["cargo", "test"]
        decision = "ask"
        reason = "tests touch a device"
    "#;
    let operator = folder.file("operator.toml", operator);
    let policy = Policy::load(Some(&operator), Some(&folder.file("project.toml", project))).unwrap();
    for (command, expected) in [
        ("cargo build", Decision::Allow),
        ("cargo test", Decision::Ask),
        ("cat a.secret", Decision::Deny),
        ("cp a generated/x", Decision::Deny),
        ("tree", Decision::Deny),
        ("ls", Decision::Allow),
    ] {
        assert_eq!(judged(&policy, Mode::Restricted, command).decision, expected, "{command}");
    }
}

#[test]
fn project_when_it_would_loosen_is_refused_as_a_whole() {
    for (text, says) in [
        (
            "[[form]]\ncommands = [\"rm\"]\nsafe = \"allow\"\n",
            "line 1: a project's policy can only tighten; it may not describe commands",
        ),
        ("\n[program.x]\nleading = \"\"\n", "it may not describe programs"),
        ("[options]\nx = \"-a\"\n", "it may not list options"),
        ("[paths]\nshown = [\".env\"]\n", "it may not show hidden names"),
        (
            "[[rule]]\ncommand = [\"ls\"]\ndecision = \"ask\"\nreason = \"x\"\n[[rule]]\ncommand = [\"rm\"]\ndecision = \"allow\"\nreason = \"x\"\n",
            "line 5: a project's policy can only tighten; it may not allow anything",
        ),
    ] {
        let message = project_refused(text);
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn file_when_an_example_does_not_hold_is_refused_with_its_line() {
    let form = |examples: &str| {
        format!("[[form]]\ncommands = [\"x\"]\noptions = \"-a\"\nsafe = \"allow\"\n{examples}\n")
    };
    let rule = |examples: &str| {
        format!("[[rule]]\ncommand = [\"ls\", \"src\"]\ndecision = \"ask\"\nreason = \"y\"\n{examples}\n")
    };
    for (text, says) in [
        (
            form("examples_match = [\"x -a\",\n\"x -b\"]"),
            "line 6: the example `x -b` does not match, but should",
        ),
        (form("examples_no_match = [\"x -a\"]"), "line 5: the example `x -a` matches, but should not"),
        (form("examples_match = [\"x -a $(id)\"]"), "does not match, but should"),
        (form("examples_match = [\"x -a | x -a\"]"), "does not match, but should"),
        (rule("examples_match = [\"ls -a\"]"), "line 5: the example `ls -a` does not match, but should"),
        (
            rule("examples_no_match = [\"ls src tests\"]"),
            "line 5: the example `ls src tests` matches, but should not",
        ),
    ] {
        let message = refused(&text);
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn file_when_it_is_not_valid_is_refused_with_its_line() {
    let form = |rest: &str| format!("[[form]]\ncommands = [\"x\"]\n{rest}\n");
    for (text, says) in [
        ("x = 1\n".to_owned(), "line 1: unknown field `x`"),
        ("\n[[form]]\ncommands = 1\n".to_owned(), "line 3"),
        (form("decision = \"allow\""), "unknown field `decision`"),
        (form("safe = \"maybe\""), "line 3: unknown variant `maybe`"),
        (form("options = \"-a=nothing\""), "no kind of word is called nothing"),
        (form("options = \"@nothing\""), "no list of options is called nothing"),
        (form("options = \"a\""), "a is no option"),
        (form("operands = \"path* text*\""), "only one kind of operand may repeat"),
        (form("operands = \"path*?\""), "is no kind of operand"),
        (form("needs = \"-z\""), "-z is needed, but is none of the options"),
        ("[[form]]\ncommands = []\n".to_owned(), "it has no command"),
        ("[[form]]\ncommands = [\"/bin/x\"]\n".to_owned(), "a command begins with a program's name"),
        ("[program.git]\nleading = \"\"\n".to_owned(), "line 1: this program is described already"),
        (
            "[[rule]]\ncommand = []\ndecision = \"deny\"\nreason = \"x\"\n".to_owned(),
            "a rule needs a command",
        ),
        ("[[rule]]\ncommand = [\"x\"]\ndecision = \"deny\"\nreason = \" \"\n".to_owned(), "and a reason"),
        (
            "[[rule]]\ncommand = [\"ls\", \"-l\"]\ndecision = \"deny\"\nreason = \"x\"\n".to_owned(),
            "an option may stand anywhere",
        ),
        ("[paths]\nhidden = [\"a/b\"]\n".to_owned(), "`a/b` fits no file"),
        ("[paths]\nhidden = [\"a*b\"]\n".to_owned(), "`a*b` fits no file"),
        ("[paths]\nhidden = [\"*\"]\n".to_owned(), "`*` fits no file"),
        ("[paths]\nprotected = [\"\"]\n".to_owned(), "`` fits no file"),
        (format!("[[form]]\ncommands = [{}]\n", "\"x\",".repeat(65)), "more than 64 commands"),
        (
            format!(
                "[options]\na = \"{}\"\n[[form]]\ncommands = [\"x\"]\noptions = \"@a\"\n",
                "--aa ".repeat(8000)
            ),
            "more than 1000 options",
        ),
        (
            "[options]\na = \"@a\"\n[[form]]\ncommands = [\"x\"]\noptions = \"@a\"\n".to_owned(),
            "no list of options is called a",
        ),
        ("a = [[[[".to_owned(), "line 1"),
    ] {
        let message = refused(&text);
        assert!(message.contains(says), "{text:?}: {message}");
    }
}

#[test]
fn file_when_hostile_is_refused_at_once() {
    let folder = Folder::new();
    let path = folder.file("huge.toml", "#".repeat(300 * 1024));
    let says = |path: &Path| Policy::load(None, Some(path)).unwrap_err().message;
    assert!(says(&path).ends_with("it is larger than 256 KiB"));
    assert!(says(&folder.file("bytes.toml", b"a = \"\xff\"")).ends_with("it cannot be read as UTF-8 text"));
    let deep = format!("a = {}", "[".repeat(100_000));
    assert!(says(&folder.file("deep.toml", deep)).contains("line 1"));
    let message = says(&folder.file("escape.toml", "\"\\u001b[2J\\u202e\" = 1\n"));
    assert!(!message.contains(['\u{1b}', '\u{202e}']) && message.contains("\\u{1b}"), "{message}");
    let root = folder.0.path().canonicalize().unwrap();
    symlink(folder.file("real.toml", ""), root.join("link.toml")).unwrap();
    assert!(says(&root.join("link.toml")).ends_with("it is behind a symbolic link"));
    symlink(&root, root.join("folder")).unwrap();
    assert!(says(&root.join("folder/real.toml")).ends_with("it is behind a symbolic link"));
    assert!(says(&root).ends_with("it is no regular file"));
    let pipe = root.join("pipe.toml");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();
    assert!(says(&pipe).ends_with("it is no regular file"));
    assert!(says(Path::new("/dev/zero")).ends_with("it is no regular file"));
}

#[test]
fn operators_file_when_others_may_write_it_is_refused() {
    let folder = Folder::new();
    let path = folder.file("policy.toml", "");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o620)).unwrap();
    let denied = Policy::load(Some(&path), None).unwrap_err();
    assert!(denied.message.ends_with("others may write it"));
    assert_eq!(denied.hint.as_deref(), Some("take that away: chmod go-w"));
}

#[test]
fn digest_when_any_byte_of_any_file_changes_is_another() {
    let folder = Folder::new();
    let one = folder.file("one.toml", "# a\n");
    let other = folder.file("other.toml", "# b\n");
    let digest =
        |operator: Option<&Path>, project: Option<&Path>| Policy::load(operator, project).unwrap().digest();
    let digests = [
        digest(None, None),
        digest(Some(&one), None),
        digest(Some(&other), None),
        digest(Some(&one), Some(&other)),
        digest(Some(&other), Some(&one)),
    ];
    for (place, digest) in digests.iter().enumerate() {
        assert!(!digests[..place].contains(digest), "{place}");
    }
    let operators = |operator: Option<&Path>, project: Option<&Path>| {
        Policy::load(operator, project).unwrap().operators_digest()
    };
    assert_eq!(operators(None, Some(&other)), digests[0]);
    assert_eq!(operators(Some(&one), Some(&other)), digests[1]);
}

#[test]
fn rule_when_a_command_goes_by_another_name_holds_for_it() {
    let folder = Folder::new();
    let rule = |command: &str, decision: &str| {
        format!("[[rule]]\ncommand = [{command}]\ndecision = \"{decision}\"\nreason = \"ours\"\n")
    };
    let text = rule("\"cargo\", \"run\"", "deny")
        + &rule("\"npm\", \"install\"", "deny")
        + &rule("\"pip\"", "deny")
        + &rule("\"cargo\", \"fmt\"", "allow");
    let policy = Policy::load(Some(&folder.file("policy.toml", text)), None).unwrap();
    for command in
        ["cargo run", "cargo r", "npm i x", "npm add x", "pnpm add x", "pip3 list", "python3 -m pip list"]
    {
        assert_eq!(judged(&policy, Mode::Restricted, command).decision, Decision::Deny, "{command}");
    }
    let allowed = judged(&policy, Mode::Restricted, "cargo fmt");
    assert_eq!(allowed.decision, Decision::Allow);
    assert_eq!(allowed.reason, "the policy allows `cargo`: ours; it may write to the workspace");
}
