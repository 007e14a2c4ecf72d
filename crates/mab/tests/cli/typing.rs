//! A passphrase while it is typed: who could read it, and what is left of it on the terminal.

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    home::{Anything, Home},
    person::Person,
};

/// A person whose program tells its number first.
#[cfg(test)]
fn starts(words: &str, home: &Home) -> Anything<(Person, Pid)> {
    let shell = format!("sh -c 'echo pid $$.; exec {words}'");
    let mut person = Person::starts(&shell, (home.path(), home.path()), 100)?;
    person.sees("pid ")?;
    person.sees(".")?;
    let seen = person.so_far();
    let pid = seen.split("pid ").nth(1).and_then(|rest| rest.split('.').next()).ok_or("no number")?;
    Ok((person, Pid::from_raw(pid.parse()?).ok_or("no number")?))
}

#[test]
fn terminal_when_a_signal_ends_a_question_shows_what_is_typed_again_and_keeps_none_of_it() -> Anything {
    let home = Home::with_store()?;
    for signal in
        [Signal::QUIT, Signal::ALARM, Signal::USR1, Signal::USR2, Signal::IO, Signal::TSTP, Signal::TERM]
    {
        let (mut person, pid) = starts("mab yolo enroll", &home)?;
        person.sees("new passphrase:")?;
        assert!(!person.is_shown()?);
        person.presses("half of the words")?;
        kill_process(pid, signal)?;
        let (left, echo) = person.ends_with_echo()?;
        assert!(echo, "{signal:?} {left:?}");
        assert_eq!(left.exit, Some(130), "{signal:?} {left:?}");
        assert!(!left.seen.contains("half"), "{signal:?} {left:?}");
    }
    Ok(())
}
