//! A passphrase while it is typed: who could read it, and what is left of it on the terminal.

use std::{
    fs,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, lchown},
    path::{Path, PathBuf},
};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use serde_json::Value;

use crate::{
    home::{Anything, Home},
    person::Person,
    yolo::PASSPHRASE,
};

/// Users that nobody is.
const SOMEBODY: u32 = 64_917;
const UNLUCKY: u32 = 64_918;

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

/// Gives everything below a folder, itself included, to a user.
#[cfg(test)]
fn give(path: &Path, user: u32) -> Anything {
    if fs::symlink_metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), user)?;
        }
    }
    Ok(lchown(path, Some(user), Some(user))?)
}

/// A home of that user, with the program in it, and the words that start it as that user; none where only root could.
#[cfg(test)]
fn home_of(user: u32) -> Anything<Option<(Home, String)>> {
    if !geteuid().is_root() {
        println!("SKIPPED: only root can act as another user");
        return Ok(None);
    }
    let home = Home::with_store()?;
    let program = home.path().join("mab");
    fs::copy(env!("CARGO_BIN_EXE_mab"), &program)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    give(home.path(), user)?;
    let words = format!("setpriv --reuid {user} --regid {user} --clear-groups {}", program.display());
    Ok(Some((home, words)))
}

#[test]
fn passphrase_is_typed_into_a_memory_that_nobody_could_open_before() -> Anything {
    let Some((home, mab)) = home_of(SOMEBODY)? else { return Ok(()) };
    // Found on the PATH, as people have it found.
    let found = mab.replace(&home.path().join("mab").display().to_string(), "mab");
    let shell = format!("env PATH={}:/usr/bin:/bin {found} yolo enroll", home.path().display());
    let (mut person, pid) = starts(&shell, &home)?;
    person.sees("new passphrase:")?;
    let process = PathBuf::from(format!("/proc/{}", pid.as_raw_nonzero()));
    // What belongs to root there is hidden from the user.
    assert_eq!(fs::metadata(process.join("mem"))?.uid(), 0);
    // Not the memory that the program began with, which could be opened until it hid it.
    let program = fs::read_link(process.join("exe"))?;
    assert!(program.as_os_str().as_encoded_bytes().starts_with(b"/memfd:mab"), "{program:?}");
    // What it would have a sandbox see is the file that it was copied from.
    let words = fs::read(process.join("cmdline"))?;
    let file = home.path().join("mab");
    assert_eq!(words.split(|byte| *byte == 0).next(), Some(file.as_os_str().as_encoded_bytes()));
    person.types(PASSPHRASE)?;
    person.sees("the same again:")?;
    person.types(PASSPHRASE)?;
    let left = person.ends()?;
    assert!(left.exit == Some(0) && left.seen.contains("approver"), "{left:?}");
    fs::remove_dir_all(format!("/var/tmp/mab-{SOMEBODY}"))?;
    Ok(())
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

#[test]
fn passphrase_is_not_asked_for_with_a_library_of_somebodys_choice_inside() -> Anything {
    let home = Home::with_store()?;
    for name in ["LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH"] {
        for words in ["yolo enroll", "yolo passphrase", "approve"] {
            let shell = format!("{name}=/nowhere mab {words}");
            let left = Person::starts(&shell, (home.path(), home.path()), 200)?.ends()?;
            assert!(left.seen.contains(&format!("{name} put other code into this program")), "{left:?}");
            assert!(left.seen.contains(&format!("env -u {name} mab")), "{left:?}");
            assert!(!left.seen.contains("passphrase:"), "{left:?}");
        }
    }
    Ok(())
}

#[test]
fn folder_of_marks_when_another_user_made_it_is_told_before_anything_is_typed() -> Anything {
    let Some((home, mab)) = home_of(UNLUCKY)? else { return Ok(()) };
    let folder = PathBuf::from(format!("/var/tmp/mab-{UNLUCKY}"));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    let config = home.path().join(".config/mab");
    fs::create_dir_all(&config)?;
    fs::write(config.join("config.toml"), "[execution]\nagents = true\n")?;
    give(home.path(), UNLUCKY)?;
    let file = home.path().join("told");
    let doctor = format!("{mab} doctor --json > {}", file.display());
    let told = Person::starts(&doctor, (home.path(), home.path()), 200)?.ends();
    let refused = Person::starts(&format!("{mab} yolo enroll"), (home.path(), home.path()), 200)?.ends();
    fs::remove_dir_all(&folder)?;
    let (told, refused) = (told?, refused?);
    let answer: Value = serde_json::from_slice(&fs::read(&file)?)?;
    let checks = answer.get("checks").and_then(Value::as_array).ok_or("no checks")?;
    let at = folder.display().to_string();
    let failed = checks.iter().filter(|it| it.get("state").and_then(Value::as_str) == Some("fail"));
    let failed: Vec<String> = failed.map(Value::to_string).collect();
    assert!(failed.iter().any(|it| it.contains(&at) && it.contains("or root")), "{failed:?} {told:?}");
    assert!(refused.seen.contains(&at) && refused.exit == Some(8), "{refused:?}");
    assert!(!refused.seen.contains("new passphrase"), "{refused:?}");
    Ok(())
}
