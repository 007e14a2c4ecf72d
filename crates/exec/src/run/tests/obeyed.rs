//! Files of the workspace that a command runs or obeys, changed between the question and the start.

use std::{
    fs::{create_dir_all, remove_file, rename, write},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use super::*;
use crate::{Judge, Obeyed, ObeyedKind, Policy};

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

fn obeyed(path: &str, text: &str) -> Obeyed {
    let sha256 = Some(Digest::of(&[text.as_bytes()]));
    Obeyed { path: path.to_owned(), leads_to: None, kind: ObeyedKind::File, sha256 }
}

/// Puts a link in the place of what is there.
fn link(target: impl AsRef<Path>, at: &Path) {
    symlink(target, at.with_extension("new")).unwrap();
    rename(at.with_extension("new"), at).unwrap();
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
        (Mode::Yolo, text("cat sub/./deep.sh | sh"), "sub/deep.sh"),
        (Mode::Yolo, text(&format!("sh .{}far.sh", "/".repeat(40))), "far.sh"),
        (Mode::Yolo, text("make -sfbuild.mk"), "build.mk"),
        (Mode::Yolo, text("cd sub; cd deep; sh x.sh"), "sub/deep/x.sh"),
        (Mode::Yolo, text("make -C sub -C deep"), "sub/deep/Makefile"),
        (Mode::Yolo, text("env -C sub -C deep sh x.sh"), "sub/deep/x.sh"),
        (Mode::Yolo, text("PATH=none:sub:$PATH tool"), "sub/tool"),
        (Mode::Yolo, text("perl -e 'do q[./g.pl]'"), "g.pl"),
        (Mode::Yolo, text("python3 -c \"open('a b.py')\""), "a b.py"),
        (Mode::Yolo, text("sh ~+/x.sh"), "x.sh"),
        (Mode::Yolo, text("sh [x].sh"), "x.sh"),
        (Mode::Yolo, text("cat '[id].ts'"), "[id].ts"),
    ] {
        let project = project(mode, wanted.clone());
        project.put("tests/unit/test_a.py", "");
        project.put(".git/HEAD", "");
        project.put("x", "x");
        project.put("sub/deep/y", "");
        project.put(file, "one");
        let outcome = project.ends(|root| write(root.join(file), "two").unwrap());
        let reason = format!("the file \"{file}\" is not what it was when the command was judged; ask again");
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
    let reason = |name: &str, text: &str| {
        refused(Layer::Policy, &format!("the file \"{name}\" {text} the command was judged; ask again"))
    };
    let outcome = project.ends(|root| write(root.join("GNUmakefile"), "all:").unwrap());
    assert_eq!(outcome, reason("GNUmakefile", "is there, and was not when"));
    let outcome = project.ends(|root| remove_file(root.join("GNUmakefile")).unwrap());
    assert_eq!(outcome, reason("GNUmakefile", "is not there, and was when"));
    project.put("real/one", "one");
    project.put("real/two", "two");
    symlink("real/one", project.root().join("Makefile")).unwrap();
    let other = |root: &Path| {
        symlink(root.join("real/two"), root.join("new")).unwrap();
        rename(root.join("new"), root.join("Makefile")).unwrap();
    };
    assert_eq!(project.ends(other), reason("Makefile", "is not what it was when"));
    assert_eq!(
        project.ends(|root| write(root.join("real/two"), "2").unwrap()),
        reason("Makefile", "is not what it was when")
    );
    project.scene.ask.wanted = words(&["python3", "late.py"]);
    let outcome = project.ends(|root| write(root.join("late.py"), "x").unwrap());
    assert_eq!((outcome, project.scene.started()), (reason("late.py", "is there, and was not when"), 0));
}

#[test]
fn file_that_a_command_obeys_when_changed_while_the_workspace_is_saved_runs_nothing() {
    let project = project(Mode::Restricted, words(&["make"]));
    project.put("Makefile", "one");
    let path = project.root().join("Makefile");
    *project.scene.during_saving.lock().unwrap() = Some(Box::new(move || write(&path, "two").unwrap()));
    let reason = "the file \"Makefile\" is not what it was when the command was judged; ask again";
    assert_eq!((project.ends(|_| {}), project.scene.started()), (refused(Layer::Policy, reason), 0));
    assert_eq!(project.scene.saved.load(Ordering::Relaxed), 1);
}

#[test]
fn files_that_a_command_obeys_are_named_with_their_digests_and_absent_ones_are_not() {
    let mut project = project(Mode::Restricted, words(&["make", "test"]));
    project.put("Makefile", "all:");
    project.put("test", "x");
    project.put("other", "x");
    let expected = Obeys {
        code_of: vec!["make".to_owned()],
        files: vec![obeyed("Makefile", "all:"), obeyed("test", "x")],
        more: 0,
    };
    assert_eq!(project.prepare().request().obeys, expected);
    // What runs at once needs no yes that could be void.
    project.scene.ask.wanted = words(&["cat", "Makefile"]);
    assert_eq!(project.prepare().request().obeys, Obeys::default());
    // In a repository some are there only while another command runs, to be protected. Elsewhere an empty one counts: it
    // may be looked for before another one.
    project.scene.ask.wanted = words(&["git", "add", "."]);
    project.put(".git/info/attributes", "");
    assert_eq!(project.prepare().request().obeys, Obeys::default());
    project.put(".gitattributes", "");
    assert_eq!(project.prepare().request().obeys.files, [obeyed(".gitattributes", "")]);
    project.put(".gitattributes", "* filter=x");
    assert_eq!(project.prepare().request().obeys.files, [obeyed(".gitattributes", "* filter=x")]);
    // What is hidden from commands is not looked at, and what is outside of the folder neither.
    (project.scene.ask.mode, project.scene.ask.wanted) =
        (Mode::Yolo, text("cat .env /etc/passwd ../x out in"));
    project.put(".env", "A=b");
    symlink("/etc/passwd", project.root().join("out")).unwrap();
    symlink(project.root().join("other"), project.root().join("in")).unwrap();
    let expected = Obeyed { leads_to: Some("other".to_owned()), ..obeyed("in", "x") };
    assert_eq!(project.prepare().request().obeys.files, [expected]);
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
    assert_eq!(project.prepare().request().obeys.files, [Obeyed { sha256: None, ..obeyed("f1", "") }]);
    let many = (0..9_000).map(|number| format!("n{number}")).collect::<Vec<_>>().join(" ");
    (project.scene.ask.mode, project.scene.ask.wanted) = (Mode::Yolo, text(&format!("echo {many}")));
    assert!(project.prepare().request().obeys.more >= 4_900);
}

#[test]
fn names_when_they_lead_to_one_another_s_files_run_nothing() {
    for (wanted, links, named) in [
        (words(&["make"]), [("GNUmakefile", "v1/a.py"), ("Makefile", "v2/a.py")], "GNUmakefile"),
        (words(&["python3", "z.py", "v1/a.py", "v2/a.py"]), [("z.py", "v1/a.py"), ("y", "v2/a.py")], "z.py"),
        (words(&["python3", "cur/a.py", "v1/a.py", "v2/a.py"]), [("cur", "v1"), ("y", "v2")], "cur/a.py"),
        (words(&["pytest", "cur", "v1", "v2"]), [("cur", "v1"), ("y", "v2")], "cur"),
    ] {
        let project = project(Mode::Restricted, wanted.clone());
        project.put("v1/a.py", "one");
        project.put("v2/a.py", "two");
        for (name, target) in links {
            link(target, &project.root().join(name));
        }
        let [(one, first), (other, second)] = links;
        let outcome = project.ends(|root| {
            link(second, &root.join(one));
            link(first, &root.join(other));
        });
        let reason =
            format!("the file \"{named}\" is not what it was when the command was judged; ask again");
        assert_eq!((outcome, project.scene.started()), (refused(Layer::Policy, &reason), 0), "{wanted:?}");
    }
}

#[test]
fn file_when_it_is_named_by_a_way_around_is_found() {
    let mut project = project(Mode::Yolo, text(""));
    project.put("d/a.sh", "one");
    let beside = project.tools.path().canonicalize().unwrap().join("beside");
    link(project.root(), &beside);
    link("/proc/self/cwd/d/a.sh", &project.root().join("magic"));
    let above = format!("../{}/d/a.sh", project.root().file_name().unwrap().to_str().unwrap());
    let beside = beside.join("d/a.sh").to_str().unwrap().to_owned();
    for name in ["magic", "/proc/self/cwd/d/a.sh", &above, &beside] {
        project.scene.ask.wanted = text(&format!("cat {name}"));
        let expected = Obeyed { leads_to: Some("d/a.sh".to_owned()), ..obeyed(name, "one") };
        assert_eq!(project.prepare().request().obeys.files, [expected], "{name}");
    }
    // A process of its own is not the command's, and what is outside stays so.
    project.scene.ask.wanted =
        text("cat /proc/self/fd/0 /dev/stdin ../none /usr/bin/env /proc/self/root/etc/passwd");
    assert_eq!(project.prepare().request().obeys, Obeys::default());
}

#[test]
fn file_that_cannot_be_read_or_followed_is_refused_and_never_absent() {
    use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

    let mut project = project(Mode::Restricted, words(&["make"]));
    project.put("Makefile", "all:");
    let path = project.root().join("Makefile");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    // Of this thread alone, which then is nobody who may read everything.
    let mut sets = capabilities(None).unwrap();
    sets.effective.remove(CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH);
    set_capabilities(None, sets).unwrap();
    let refusal = |project: &Project| {
        project.executor().prepare(&project.scene.ask, &project.scene.workspace, NOW, [9; 16]).err()
    };
    let reason = "the file \"Makefile\" cannot be read (Permission denied (os error 13)), so that nobody could say what a yes is to; make it readable to this user, or take it out of the command or the folder";
    assert_eq!(refusal(&project), Some(refused(Layer::Policy, reason)));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let shut = |root: &Path| {
        std::fs::set_permissions(root.join("Makefile"), std::fs::Permissions::from_mode(0o000)).unwrap();
    };
    assert_eq!((project.ends(shut), project.scene.started()), (refused(Layer::Policy, reason), 0));
    remove_file(path).unwrap();
    // A folder is not read, and a pipe is nothing that could be compared.
    project.put("shut/x", "x");
    std::fs::set_permissions(project.root().join("shut"), std::fs::Permissions::from_mode(0o300)).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        project.root().join("pipe"),
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .unwrap();
    project.scene.ask.wanted = words(&["git", "add", "shut", "pipe"]);
    let pipe = Obeyed { kind: ObeyedKind::Special, sha256: None, ..obeyed("pipe", "") };
    assert_eq!(project.prepare().request().obeys.files, [pipe]);
    // Each link costs the kernel hundreds of steps.
    let steps = "d/../".repeat(700);
    project.put("d/x", "x");
    link(format!("{steps}d/x"), &project.root().join("deep"));
    (project.scene.ask.mode, project.scene.ask.wanted) = (Mode::Yolo, words(&["cat", "deep"]));
    let why = format!("{:?}", refusal(&project).unwrap());
    assert!(why.contains("the way there leads through more links than are followed"), "{why}");
}
