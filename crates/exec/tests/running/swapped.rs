//! A program of the workspace that somebody else exchanges, between every two steps from the yes to its start.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use mab_core::{Denied, Timestamp};
use mab_exec::{
    Approved, Argv, Ask, Decision, Digest, Executor, ExecutorSettings, Finished, GitAccess, Isolates, Judges,
    Layer, Limits, Link, Mode, Network, Observer, Outcome, Plan, Progress, Running, Sandbox, Saves, Stage,
    Step, Tier, Unavailable, Verdict, Wanted, Workspace,
};

use crate::bench::{is_here, tiers};

/// Where the other one strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Never,
    AfterTheYes,
    WhileSaving,
    AfterTheCheck,
    WhileRunning,
}

/// The other one: once, at its moment, another program takes the name.
struct Other {
    at: Moment,
    program: PathBuf,
    done: Mutex<bool>,
}

impl Other {
    fn comes(&self, moment: Moment) {
        let mut done = self.done.lock().unwrap();
        if moment == self.at && !*done {
            put(&self.program.with_extension("new"), b"#!/bin/sh\necho SWAPPED\n");
            fs::rename(self.program.with_extension("new"), &self.program).unwrap();
            *done = true;
        }
    }
}

fn put(path: &Path, text: &[u8]) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

struct Asks(Plan);

impl Judges for Asks {
    fn judge(&self, _: Mode, _: &Wanted, _: Option<&Workspace>) -> Verdict {
        Verdict {
            decision: Decision::Ask,
            layer: Layer::Policy,
            reason: String::new(),
            plan: Some(self.0.clone()),
            writes: true,
            git: GitAccess::ReadOnly,
        }
    }

    fn policy_digest(&self) -> Digest {
        Digest::of(&[])
    }
}

/// Saves nothing; somebody else comes meanwhile.
struct Saving(Arc<Other>);

impl Saves for Saving {
    fn save(&self, _: &Workspace, _: &str, _: Timestamp) -> Result<String, Denied> {
        self.0.comes(Moment::WhileSaving);
        Ok("saved".to_owned())
    }
}

/// The sandbox, before which somebody else comes.
struct Before(Arc<dyn Sandbox>, Arc<Other>);

impl Sandbox for Before {
    fn tier(&self) -> Tier {
        self.0.tier()
    }

    fn start(&self, stage: &Stage<'_>) -> Result<Box<dyn Running>, Unavailable> {
        self.1.comes(Moment::AfterTheCheck);
        self.0.start(stage)
    }
}

struct Tiers(Arc<Other>);

impl Isolates for Tiers {
    fn strongest(&self, mode: Mode, wish: Option<Tier>) -> Result<Arc<dyn Sandbox>, Unavailable> {
        let sandbox = tiers(Tier::Bubblewrap).strongest(mode, wish)?;
        Ok(Arc::new(Before(sandbox, Arc::clone(&self.0))))
    }
}

/// Comes when the first command has printed something, and lets it end.
struct Watching<'a>(&'a Other, &'a Path);

impl Observer for Watching<'_> {
    fn progress(&self, progress: &Progress) {
        if progress.stdout_bytes > 0 {
            self.0.comes(Moment::WhileRunning);
            fs::write(self.1.join("go"), "").unwrap();
        }
    }
}

fn argv(words: &[&str]) -> Argv {
    Argv {
        name: words[0].to_owned(),
        program: String::new(),
        arguments: words[1..].iter().map(|&word| word.to_owned()).collect(),
        environment: vec![],
    }
}

/// Runs `./build ORIGINAL` with `program` as `build`. While the plan's first command waits, somebody else may come.
fn run(program: &[u8], at: Moment) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    put(&root.join("build"), program);
    let other = Arc::new(Other { at, program: root.join("build"), done: Mutex::default() });
    let waits = at == Moment::WhileRunning;
    let mut steps = vec![Step { link: Link::Always, pipeline: vec![argv(&["./build", "ORIGINAL"])] }];
    if waits {
        let text = "echo here; until [ -e go ]; do :; done";
        steps.insert(0, Step { link: Link::Always, pipeline: vec![argv(&["sh", "-c", text])] });
    }
    let settings = ExecutorSettings { sandbox: Some(Tier::Bubblewrap), ..Default::default() };
    let saving = Box::new(Saving(Arc::clone(&other)));
    let executor = Executor::new(settings, Tiers(Arc::clone(&other)), Asks(Plan::Steps(steps)), Some(saving));
    let workspace = Arc::new(Workspace::open(&root).unwrap());
    let ask = Ask {
        mode: Mode::Yolo,
        wanted: Wanted::Argv(vec![vec!["./build".to_owned()]]),
        conversation: None,
        agent: None,
        limits: Limits::default(),
        network: Network::Off,
        preview: false,
        valid_s: 300,
    };
    let now = Timestamp::from_millis(1_795_332_600_000);
    let prepared = executor.prepare(&ask, &workspace, now, [3; 16]).unwrap();
    let hash = prepared.hash().to_string();
    let approved = Approved::by_person(prepared, &hash[58..]).unwrap();
    other.comes(Moment::AfterTheYes);
    let finished = executor.run(approved, now, &Watching(&other, &root));
    assert_eq!(*other.done.lock().unwrap(), at != Moment::Never, "{finished:?}");
    finished
}

const SCRIPT: &[u8] = b"#!/bin/sh\necho $1 by $0\n";

#[test]
fn program_of_the_workspace_when_exchanged_at_any_moment_never_runs_as_another() {
    if !is_here(Tier::Bubblewrap) {
        return;
    }
    let binary = fs::read("/bin/echo").unwrap();
    for program in [SCRIPT, &binary] {
        for at in [Moment::AfterTheYes, Moment::WhileSaving, Moment::AfterTheCheck] {
            let finished = run(program, at);
            assert_eq!((finished.stdout.head.as_str(), finished.tier), ("", None), "{at:?}");
            let (Outcome::Denied { reason, .. } | Outcome::SandboxUnavailable { reason }) = finished.outcome
            else {
                panic!("{at:?}: {:?}", finished.outcome)
            };
            assert!(
                reason.contains("build is not what it was when the command was judged; ask again"),
                "{reason}"
            );
        }
    }
    // By then it runs: what is started is the copy, or nothing.
    let finished = run(SCRIPT, Moment::WhileRunning);
    assert_eq!((finished.stdout.head.as_str(), finished.outcome), ("here\n", Outcome::Exited { code: 126 }));
    let finished = run(&binary, Moment::WhileRunning);
    assert!(!finished.stdout.head.contains("SWAPPED"), "{}", finished.stdout.head);
}

#[test]
fn program_of_the_workspace_when_left_alone_runs_by_its_own_name() {
    if !is_here(Tier::Bubblewrap) {
        return;
    }
    let finished = run(SCRIPT, Moment::Never);
    let said = finished.stdout.head;
    assert!(said.starts_with("ORIGINAL by /") && said.ends_with("/build\n"), "{said} {:?}", finished.stderr);
    let finished = run(&fs::read("/bin/echo").unwrap(), Moment::Never);
    assert_eq!(finished.stdout.head, "ORIGINAL\n", "{:?}", finished.stderr);
}
