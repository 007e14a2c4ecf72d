//! Files of the workspace that a command runs or obeys, changed between the question and the start.

use std::{
    fs::{create_dir_all, remove_file, rename, write},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use super::*;
use crate::{Judge, Obeyed, Policy};

/// A workspace with programs that do nothing, and the real judge.
struct Project {
    scene: Scene,
    tools: tempfile::TempDir,
}

fn project(mode: Mode, wanted: Wanted) -> Project {
    let tools = tempfile::tempdir().unwrap();
    for name in ["make", "cargo", "python3", "git", "pytest", "npm", "cat"] {
        let tool = tools.path().join(name);
        write(&tool, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut scene = scene();
    scene.settings.path = vec![tools.path().canonicalize().unwrap()];
    (scene.ask.mode, scene.ask.wanted) = (mode, wanted);
    Project { scene, tools }
}

fn words(words: &[&str]) -> Wanted {
    Wanted::Argv(vec![words.iter().map(|&word| word.to_owned()).collect()])
}

fn text(text: &str) -> Wanted {
    Wanted::Text(text.to_owned())
}

impl Project {
    fn root(&self) -> &Path {
        self.scene.workspace.path()
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        create_dir_all(path.parent().unwrap()).unwrap();
        write(path, text).unwrap();
    }

    fn executor(&self) -> Executor {
        let keeper = Counts {
            saved: Arc::clone(&self.scene.saved),
            fails_at: u64::MAX,
            during: Arc::clone(&self.scene.during_saving),
            labels: Arc::default(),
        };
        let judge = Judge::new(Policy::builtin());
        let sandbox = OneTier(self.scene.stub.clone());
        Executor::new(self.scene.settings.clone(), sandbox, judge, Some(Box::new(keeper)))
    }

    fn prepare(&self) -> Prepared {
        assert!(self.tools.path().is_dir());
        self.executor().prepare(&self.scene.ask, &self.scene.workspace, NOW, [9; 16]).unwrap()
    }

    /// How it ends when `meanwhile` happens after the yes.
    fn ends(&self, meanwhile: impl FnOnce(&Path)) -> Outcome {
        let prepared = self.prepare();
        let hash = prepared.hash().to_string();
        let approved = Approved::by_person(prepared, &hash[58..]).unwrap();
        meanwhile(self.root());
        self.executor().run(approved, NOW, &()).outcome
    }
}

#[test]
fn file_that_a_command_obeys_when_changed_after_the_yes_runs_nothing() {
    for (mode, wanted, file) in [
        (Mode::Restricted, words(&["make", "test"]), "Makefile"),
        (Mode::Restricted, words(&["cargo", "test"]), "build.rs"),
        (Mode::Restricted, words(&["npm", "test"]), "package.json"),
        (Mode::Restricted, words(&["python3", "tools/x.py"]), "tools/x.py"),
        (Mode::Restricted, words(&["pytest", "tests/unit/test_a.py::TestA"]), "tests/conftest.py"),
        (Mode::Restricted, words(&["git", "add", "x"]), ".git/config"),
        (Mode::Restricted, words(&["git", "add", "x"]), "x"),
        (Mode::Yolo, words(&["sh", "build.sh"]), "build.sh"),
        (Mode::Yolo, words(&["sh", "-c", "cd sub && ./my' build.sh'"]), "sub/my build.sh"),
        (Mode::Yolo, text("for f in a.sh b.sh; do sh $f; done"), "b.sh"),
        (Mode::Yolo, text("cd sub; time make -j2 | cat"), "sub/Makefile"),
        (Mode::Yolo, text("name=build; sh \"./$name.sh\" < /dev/null"), "build.sh"),
        (Mode::Yolo, text("cat sub/../in.sh | sh"), "in.sh"),
    ] {
        let project = project(mode, wanted.clone());
        project.put("tests/unit/test_a.py", "");
        project.put(".git/HEAD", "");
        project.put("x", "x");
        project.put("sub/y", "");
        project.put(file, "one");
        let outcome = project.ends(|root| write(root.join(file), "two").unwrap());
        let reason = format!("the file {file} is not what it was when the command was judged; ask again");
        assert_eq!(outcome, refused(Layer::Policy, &reason), "{wanted:?}");
        assert_eq!(project.scene.started(), 0);
        project.put(file, "one");
        let outcome = project.ends(|_| {});
        assert_eq!((outcome, project.scene.started()), (Outcome::Exited { code: 0 }, 1), "{wanted:?}");
    }
}

#[test]
fn file_that_a_command_obeys_when_planted_removed_or_led_elsewhere_runs_nothing() {
    let mut project = project(Mode::Restricted, words(&["make"]));
    let reason =
        |text: &str| refused(Layer::Policy, &format!("the file {text} the command was judged; ask again"));
    let outcome = project.ends(|root| write(root.join("GNUmakefile"), "all:").unwrap());
    assert_eq!(outcome, reason("GNUmakefile is there, and was not when"));
    let outcome = project.ends(|root| remove_file(root.join("GNUmakefile")).unwrap());
    assert_eq!(outcome, reason("GNUmakefile is not there, and was when"));
    project.put("real/one", "one");
    project.put("real/two", "two");
    symlink("real/one", project.root().join("Makefile")).unwrap();
    let other = |root: &Path| {
        symlink(root.join("real/two"), root.join("new")).unwrap();
        rename(root.join("new"), root.join("Makefile")).unwrap();
    };
    assert_eq!(project.ends(other), reason("real/one is not there, and was when"));
    assert_eq!(
        project.ends(|root| write(root.join("real/two"), "2").unwrap()),
        reason("real/two is not what it was when")
    );
    project.scene.ask.wanted = words(&["python3", "late.py"]);
    let outcome = project.ends(|root| write(root.join("late.py"), "x").unwrap());
    assert_eq!((outcome, project.scene.started()), (reason("late.py is there, and was not when"), 0));
}

#[test]
fn file_that_a_command_obeys_when_changed_while_the_workspace_is_saved_runs_nothing() {
    let project = project(Mode::Restricted, words(&["make"]));
    project.put("Makefile", "one");
    let path = project.root().join("Makefile");
    *project.scene.during_saving.lock().unwrap() = Some(Box::new(move || write(&path, "two").unwrap()));
    let reason = "the file Makefile is not what it was when the command was judged; ask again";
    assert_eq!((project.ends(|_| {}), project.scene.started()), (refused(Layer::Policy, reason), 0));
    assert_eq!(project.scene.saved.load(Ordering::Relaxed), 1);
}

#[test]
fn files_that_a_command_obeys_are_named_with_their_digests_and_absent_ones_are_not() {
    let mut project = project(Mode::Restricted, words(&["make", "test"]));
    project.put("Makefile", "all:");
    project.put("test", "x");
    project.put("other", "x");
    let obeyed = |path: &str, text: &str| Obeyed {
        path: path.to_owned(),
        sha256: Some(Digest::of(&[text.as_bytes()])),
    };
    let expected = Obeys {
        code_of: vec!["make".to_owned()],
        files: vec![obeyed("Makefile", "all:"), obeyed("test", "x")],
        more: 0,
    };
    assert_eq!(project.prepare().request().obeys, expected);
    // What runs at once needs no yes that could be void.
    project.scene.ask.wanted = words(&["cat", "Makefile"]);
    assert_eq!(project.prepare().request().obeys, Obeys::default());
    // An empty file says nothing; one is there while another command runs, to be protected.
    project.scene.ask.wanted = words(&["git", "add", "."]);
    project.put(".gitattributes", "");
    assert_eq!(project.prepare().request().obeys, Obeys::default());
    project.put(".gitattributes", "* filter=x");
    assert_eq!(project.prepare().request().obeys.files, [obeyed(".gitattributes", "* filter=x")]);
    // What is hidden from commands is not looked at, and what is outside of the folder neither.
    (project.scene.ask.mode, project.scene.ask.wanted) =
        (Mode::Yolo, text("cat .env /etc/passwd ../x out in"));
    project.put(".env", "A=b");
    symlink("/etc/passwd", project.root().join("out")).unwrap();
    symlink(project.root().join("other"), project.root().join("in")).unwrap();
    assert_eq!(project.prepare().request().obeys.files, [obeyed("other", "x")]);
}

#[test]
fn files_that_a_command_names_beyond_the_bounds_are_counted_or_have_no_digest() {
    let names: Vec<String> = (0..70).map(|number| format!("f{number}")).collect();
    let all: Vec<&str> = ["git", "add"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let mut project = project(Mode::Restricted, words(&all));
    for name in &names {
        project.put(name, "x");
    }
    let obeys = project.prepare().request().obeys.clone();
    assert_eq!((obeys.files.len(), obeys.more), (64, 6));
    let large = std::fs::File::create(project.root().join("f1")).unwrap();
    large.set_len((8 << 20) + 1).unwrap();
    project.scene.ask.wanted = words(&["git", "add", "f1"]);
    assert_eq!(project.prepare().request().obeys.files, [Obeyed { path: "f1".to_owned(), sha256: None }]);
    let many = (0..9_000).map(|number| format!("n{number}")).collect::<Vec<_>>().join(" ");
    (project.scene.ask.mode, project.scene.ask.wanted) = (Mode::Yolo, text(&format!("echo {many}")));
    assert!(project.prepare().request().obeys.more >= 4_900);
}
