use std::{
    io::Write as _,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    sync::Mutex,
};

use mab_redact::{Memory, Redactor};
use rustix::{event::EventfdFlags, event::eventfd, pipe::pipe};

use super::*;
use crate::{Unavailable, output::Knowledge};

/// A run without a process: the test writes into its pipes and says when it ended.
struct Puppet {
    outputs: Option<[OwnedFd; 2]>,
    over: OwnedFd,
    ending: Option<Ending>,
    kills: u32,
    /// What lets go of the pipes when it is killed.
    held: Option<[OwnedFd; 2]>,
}

impl Running for Puppet {
    fn take_outputs(&mut self) -> io::Result<[OwnedFd; 2]> {
        self.outputs.take().ok_or_else(|| io::Error::other("taken"))
    }

    fn over(&self) -> BorrowedFd<'_> {
        self.over.as_fd()
    }

    fn try_end(&mut self) -> io::Result<Option<Ending>> {
        Ok(self.ending.take())
    }

    fn kill(&mut self) -> io::Result<()> {
        self.kills += 1;
        self.held = None;
        Ok(())
    }

    fn enforced(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A run that ended already if there is an ending; its pipes' writing ends beside it.
fn puppet(ending: Option<Ending>) -> (Puppet, [OwnedFd; 2]) {
    let ((stdout, one), (stderr, other)) = (pipe().unwrap(), pipe().unwrap());
    let over = eventfd(u32::from(ending.is_some()), EventfdFlags::CLOEXEC).unwrap();
    (Puppet { outputs: Some([stdout, stderr]), over, ending, kills: 0, held: None }, [one, other])
}

fn write(to: &OwnedFd, text: &[u8]) {
    std::fs::File::from(to.try_clone().unwrap()).write_all(text).unwrap();
}

#[derive(Default)]
struct Watcher {
    wish: Option<OwnedFd>,
    told: Mutex<Vec<Progress>>,
    /// Written to when something is told, so that the run ends then.
    end: Option<OwnedFd>,
}

impl Observer for Watcher {
    fn cancelled(&self) -> Option<BorrowedFd<'_>> {
        self.wish.as_ref().map(|wish| wish.as_fd())
    }

    fn progress(&self, progress: &Progress) {
        self.told.lock().unwrap().push(progress.clone());
        if let Some(end) = &self.end {
            rustix::io::write(end, &1_u64.to_ne_bytes()).unwrap();
        }
    }
}

fn followed(running: &mut Puppet, limits: &Limits, observer: &Watcher) -> (Outcome, String, String) {
    let redactor = Redactor::new();
    let knowledge = Knowledge { redactor: &redactor, memory: Memory::new(&[1; 32]), values: None };
    let mut gathering = Gathering::new(knowledge);
    let since = Stopwatch::start().unwrap();
    let outcome = follow(running, limits, (observer, &since), &mut gathering);
    let ([stdout, stderr], _) = gathering.finish();
    (outcome, stdout.head, stderr.head)
}

fn killed(reason: Killed) -> Outcome {
    Outcome::Killed { reason }
}

#[test]
fn run_when_it_ends_by_itself_is_told_with_all_it_printed() {
    let (mut running, [stdout, stderr]) = puppet(Some(Ending::Exited(3)));
    write(&stdout, b"one\n");
    write(&stderr, b"two\n");
    drop((stdout, stderr));
    let followed = followed(&mut running, &Limits::default(), &Watcher::default());
    assert_eq!(followed, (Outcome::Exited { code: 3 }, "one\n".to_owned(), "two\n".to_owned()));
    assert_eq!(running.kills, 1);
}

#[test]
fn run_when_something_still_holds_its_pipes_is_over_all_the_same() {
    let (mut running, [stdout, stderr]) = puppet(Some(Ending::Exited(0)));
    write(&stdout, b"said before\n");
    let (outcome, said, _) = followed(&mut running, &Limits::default(), &Watcher::default());
    assert_eq!((outcome, said.as_str()), (Outcome::Exited { code: 0 }, "said before\n"));
    drop((stdout, stderr));
}

#[test]
fn run_when_a_limit_ended_it_says_which() {
    let (mut running, _ends) = puppet(Some(Ending::Limit(Killed::Memory)));
    let (outcome, ..) = followed(&mut running, &Limits::default(), &Watcher::default());
    assert_eq!(outcome, killed(Killed::Memory));
}

#[test]
fn run_when_the_sandbox_failed_after_all_says_why() {
    let why = Unavailable { reason: "no namespaces".to_owned(), hint: "ask the operator".to_owned() };
    let (mut running, _ends) = puppet(Some(Ending::Unavailable(why)));
    let (outcome, ..) = followed(&mut running, &Limits::default(), &Watcher::default());
    let reason = "no namespaces; ask the operator".to_owned();
    assert_eq!(outcome, Outcome::SandboxUnavailable { reason });
}

#[test]
fn run_when_its_time_is_over_is_killed() {
    let (mut running, [stdout, stderr]) = puppet(None);
    write(&stdout, b"begun\n");
    running.held = Some([stdout, stderr]);
    let limits = Limits { time_s: 1, ..Limits::default() };
    let (outcome, said, _) = followed(&mut running, &limits, &Watcher::default());
    assert_eq!((outcome, said.as_str()), (killed(Killed::Timeout), "begun\n"));
    assert_eq!(running.kills, 1);
}

#[test]
fn run_when_it_is_cancelled_is_killed() {
    for is_closed in [false, true] {
        let (mut running, _ends) = puppet(None);
        let (wish, canceller) = pipe().unwrap();
        if is_closed {
            drop(canceller);
        } else {
            write(&canceller, b"x");
        }
        let observer = Watcher { wish: Some(wish), ..Watcher::default() };
        let (outcome, ..) = followed(&mut running, &Limits::default(), &observer);
        assert_eq!((outcome, running.kills), (killed(Killed::Cancelled), 1));
    }
}

#[test]
fn run_when_it_prints_too_much_on_both_together_is_killed() {
    let (mut running, [stdout, stderr]) = puppet(None);
    write(&stdout, &[b'x'; 600]);
    write(&stderr, &[b'y'; 600]);
    let limits = Limits { output_bytes: 1000, ..Limits::default() };
    let (outcome, ..) = followed(&mut running, &limits, &Watcher::default());
    assert_eq!((outcome, running.kills), (killed(Killed::Output), 1));
}

#[test]
fn run_when_it_closes_its_outputs_is_waited_for() {
    let (mut running, ends) = puppet(None);
    drop(ends);
    running.ending = Some(Ending::Exited(0));
    let end = running.over.try_clone().unwrap();
    let observer = Watcher { end: Some(end), ..Watcher::default() };
    let (outcome, ..) = followed(&mut running, &Limits::default(), &observer);
    assert_eq!(outcome, Outcome::Exited { code: 0 });
    assert_eq!(observer.told.lock().unwrap().len(), 1);
}

#[test]
fn progress_tells_bytes_time_and_the_last_line() {
    let (mut running, [stdout, stderr]) = puppet(None);
    running.ending = Some(Ending::Exited(0));
    write(&stdout, b"out\n");
    write(&stderr, b"err\nlater\nhalf");
    let end = running.over.try_clone().unwrap();
    let observer = Watcher { end: Some(end), ..Watcher::default() };
    followed(&mut running, &Limits::default(), &observer);
    let told = observer.told.into_inner().unwrap();
    assert_eq!(told.len(), 1);
    assert!((240..60_000).contains(&told[0].elapsed_ms), "{}", told[0].elapsed_ms);
    let expected = Progress {
        elapsed_ms: told[0].elapsed_ms,
        stdout_bytes: 4,
        stderr_bytes: 14,
        last_line: "err".into(),
    };
    assert_eq!(told[0], expected);
}

#[test]
fn run_that_cannot_be_followed_is_killed_and_says_so() {
    let (mut running, _ends) = puppet(None);
    running.outputs = None;
    let (outcome, ..) = followed(&mut running, &Limits::default(), &Watcher::default());
    assert_eq!((outcome, running.kills), (killed(Killed::Lost), 1));
    let (mut running, _ends) = puppet(Some(Ending::Exited(0)));
    running.ending = None;
    let (outcome, ..) = followed(&mut running, &Limits::default(), &Watcher::default());
    assert_eq!(outcome, killed(Killed::Lost));
    assert!(running.kills >= 1);
}
