//! What a person at a terminal need not find out by trying: what could not run any more, what became of what waited.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::{Value, json};

use crate::{
    home::Anything,
    person::Person,
    running::has_bubblewrap,
    yolo::{PASSPHRASE, Room, digits, phrase},
};

/// The configuration that a room begins with.
const SETTINGS: &str =
    "[execution]\nagents = true\nas_root = true\nmode = 'yolo'\nworkspaces = ['~/space']\n";

#[cfg(test)]
impl Room {
    fn configure(&self, text: &str) -> Anything {
        Ok(fs::write(self.scene.home.path().join(".config/mab/config.toml"), text)?)
    }

    fn program(&self, text: &str) -> Anything {
        let path = self.scene.space.join("own");
        fs::write(&path, text)?;
        Ok(fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?)
    }

    /// What `mab approve` says of a request that it asks nothing about.
    fn told_of(&self, run: &str) -> Anything<String> {
        let home = self.scene.home.path();
        let left = Person::starts(&format!("mab approve {run}"), (home, home), 200)?.ends()?;
        assert!(!left.seen.contains("digits agree") && !left.seen.contains("passphrase of"), "{left:?}");
        assert!(left.exit.is_some_and(|exit| exit != 0), "{left:?}");
        Ok(left.seen)
    }
}

#[test]
fn request_when_it_could_not_run_any_more_is_not_asked_about_and_says_why() -> Anything {
    if !has_bubblewrap() {
        return Ok(());
    }
    let mut room = Room::enabled_in("yolo")?;
    room.program("#!/bin/sh\necho one\n")?;
    let run = room.asks(&["./own"])?;
    room.program("#!/bin/sh\necho two\n")?;
    let seen = room.told_of(&run)?;
    assert!(seen.contains("\"own\" is not what it was"), "{seen}");
    room.program("#!/bin/sh\necho one\n")?;
    let script = room.scene.space.join("build.sh");
    fs::write(&script, "echo one\n")?;
    let other = room.asks(&["sh", "build.sh"])?;
    fs::write(&script, "echo two\n")?;
    let seen = room.told_of(&other)?;
    assert!(seen.contains("the file \"build.sh\" is not what it was"), "{seen}");
    for (settings, why) in [
        (SETTINGS.replace("agents = true", "agents = false"), "execution.agents is off"),
        (SETTINGS.replace("'yolo'", "'restricted'"), "execution.mode is restricted"),
        (SETTINGS.replace("~/space", "~/elsewhere"), "in none of execution.workspaces"),
        (format!("{SETTINGS}readable = ['/opt']\n"), "not those that commands were enabled under"),
    ] {
        room.configure(&settings)?;
        let seen = room.told_of(&run)?;
        assert!(seen.contains(why), "{why}: {seen}");
    }
    room.configure(SETTINGS)?;
    let own = room.scene.space.join(".mab");
    fs::create_dir(&own)?;
    fs::write(own.join("policy.toml"), "# nothing yet\n")?;
    let seen = room.told_of(&run)?;
    assert!(seen.contains("the policy is another one"), "{seen}");
    fs::remove_dir_all(own)?;
    let gone = room.scene.space.with_extension("gone");
    fs::rename(&room.scene.space, &gone)?;
    let seen = room.told_of(&run)?;
    assert!(seen.contains("its folder cannot be used any more"), "{seen}");
    fs::create_dir(&room.scene.space)?;
    let seen = room.told_of(&run)?;
    assert!(seen.contains("another folder stands in its place"), "{seen}");
    fs::remove_dir(&room.scene.space)?;
    fs::rename(&gone, &room.scene.space)?;
    // As it was: it is asked about.
    let mut person = room.at(&format!("mab approve {run}"), 100)?;
    digits(&mut person)?;
    person.presses("\u{3}")?;
    assert_eq!(person.ends()?.exit, Some(130));
    Ok(())
}

#[test]
fn request_when_a_file_that_it_obeys_changed_is_not_asked_about_and_names_it() -> Anything {
    if !has_bubblewrap() {
        return Ok(());
    }
    let mut room = Room::enabled_in("yolo")?;
    let file = room.scene.space.join("build.sh");
    fs::write(&file, "echo one\n")?;
    let run = room.asks(&["sh", "build.sh"])?;
    fs::write(&file, "echo two\n")?;
    let seen = room.told_of(&run)?;
    assert!(seen.contains("the file \"build.sh\" is not what it was when the command was judged"), "{seen}");
    fs::write(&file, "echo one\n")?;
    let mut person = room.at(&format!("mab approve {run}"), 100)?;
    let seen = digits(&mut person).map(|_| person.so_far())?;
    assert!(seen.contains("obeys        \"build.sh\" sha256 "), "{seen}");
    person.presses("\u{3}")?;
    assert_eq!(person.ends()?.exit, Some(130));
    Ok(())
}

#[test]
fn desk_when_a_request_could_not_run_any_more_says_why_and_goes_on() -> Anything {
    if !has_bubblewrap() {
        return Ok(());
    }
    let mut room = Room::enabled_in("yolo")?;
    room.program("#!/bin/sh\necho one\n")?;
    let stale = room.asks(&["./own"])?;
    room.program("#!/bin/sh\necho two\n")?;
    let good = room.asks(&["mkdir", "made"])?;
    let mut desk = room.at("mab approve", 100)?;
    desk.sees("passphrase of")?;
    desk.types(PASSPHRASE)?;
    digits(&mut desk)?;
    let seen = desk.so_far();
    assert!(seen.contains("is not what it was") && seen.contains(&stale) && seen.contains(&good), "{seen}");
    assert_eq!(seen.matches("digits agree").count(), 1, "{seen}");
    desk.presses("\u{3}")?;
    desk.ends()?;
    Ok(())
}

#[test]
fn list_when_commands_are_enabled_or_wished_for_says_so() -> Anything {
    let mut room = Room::enabled()?;
    let other = room.a.call("create_conversation", &json!({"my_role": "one", "partner_role": "two"}))?;
    let other = other.get("conversation_id").and_then(Value::as_str).ok_or("no conversation")?.to_owned();
    let listed = room.scene.mab(&["list", "--json"])?.json()?;
    let all = listed.get("conversations").and_then(Value::as_array).ok_or("no list")?;
    let of = |id: &str| all.iter().find(|it| it.get("conversation_id") == Some(&json!(id)));
    let on = of(&room.id).and_then(|it| it.get("execution")).ok_or("nothing about commands")?;
    assert_eq!(on.pointer("/enabled/mode"), Some(&json!("restricted")), "{listed}");
    assert_eq!((on.get("requests"), on.get("wishes")), (Some(&json!(0)), Some(&json!(0))), "{listed}");
    assert_eq!(of(&other).ok_or("not listed")?.get("execution"), None, "{listed}");
    let text = room.scene.mab(&["list"])?.stdout;
    let row = text.lines().find(|line| line.contains(&room.id)).ok_or("no row")?;
    assert!(row.ends_with("\trestricted"), "{text}");
    Ok(())
}

#[test]
fn pending_when_it_follows_tells_what_became_of_what_it_showed() -> Anything {
    if !has_bubblewrap() {
        return Ok(());
    }
    let mut room = Room::enabled()?;
    let mut follows = room.at("mab pending --follow", 100)?;
    let denied = room.asks(&["mkdir", "one"])?;
    follows.sees(&denied)?;
    assert_eq!(room.scene.mab(&["deny", &denied])?.exit, Some(0));
    follows.sees(&format!("{denied} of a: refused"))?;
    let agreed = room.asks(&["mkdir", "two"])?;
    follows.sees(&agreed)?;
    let mut person = room.at(&format!("mab approve {agreed}"), 100)?;
    let typed = digits(&mut person)?;
    person.types(&typed)?;
    person.sees("passphrase of")?;
    person.types(PASSPHRASE)?;
    assert_eq!(person.ends()?.exit, Some(0));
    follows.sees(&format!("{agreed} of a: agreed to"))?;
    room.a.call("execute_command", &json!({"argv": ["mkdir", "two"]}))?;
    follows.sees(&format!("{agreed} of a: has run"))?;
    follows.presses("\u{3}")?;
    let left = follows.ends()?;
    assert_eq!(left.exit, Some(0), "{left:?}");
    assert_eq!(left.seen.matches(": refused").count(), 1, "{left:?}");
    let mut follows = room.at("mab pending --follow --json", 200)?;
    let ended = room.asks(&["mkdir", "three"])?;
    follows.sees(&ended)?;
    assert_eq!(room.scene.mab(&["yolo", "disable", &room.id])?.exit, Some(0));
    follows.sees("\"kind\":\"became\"")?;
    let all = follows.so_far();
    let line = all.lines().find(|line| line.contains("became")).ok_or("no line")?;
    let told: Value = serde_json::from_str(line)?;
    assert_eq!(
        (told.get("run_id"), told.get("state"), told.get("conversation_id")),
        (Some(&json!(ended)), Some(&json!("withdrawn")), Some(&json!(room.id))),
        "{told}"
    );
    Ok(())
}

#[test]
fn disabling_without_a_conversation_names_what_is_enabled_and_ends_nothing() -> Anything {
    let room = Room::enabled()?;
    let run = room.scene.mab(&["yolo", "disable", "--json"])?;
    assert_eq!(run.exit, Some(2), "{run:?}");
    let refusal = run.refusal()?;
    let hint = refusal.get("hint").and_then(Value::as_str).unwrap_or_default();
    assert!(hint.contains("--all") && hint.contains(&room.id), "{refusal}");
    assert_eq!(room.status()?.pointer("/conversations/0/terms/active"), Some(&json!(true)));
    assert_eq!(room.scene.mab(&["yolo", "disable", "--all"])?.exit, Some(0));
    let run = room.scene.mab(&["yolo", "disable"])?;
    assert_eq!((run.exit, run.stderr.contains("nothing is enabled")), (Some(2), true), "{run:?}");
    Ok(())
}

#[test]
fn undo_when_the_workspace_was_named_names_it_too() -> Anything {
    let room = Room::new()?;
    let (home, space) = (&room.scene.home, room.scene.space.display().to_string());
    let taken = home.mab(&["snapshot", "take", "--workspace", &space, "--json"])?.json()?;
    let id = taken.get("id").and_then(Value::as_str).ok_or("no snapshot")?;
    fs::write(room.scene.space.join("notes.txt"), "changed\n")?;
    let run = home.mab(&["snapshot", "restore", id, "--workspace", &space, "--yes"])?;
    let undo = run.stderr.split('`').nth(1).ok_or("no undo")?;
    assert!(undo.ends_with(&format!(" --workspace {space}")), "{run:?}");
    let words: Vec<&str> = undo.split(' ').skip(1).chain(["--yes"]).collect();
    assert_eq!(home.mab(&words)?.exit, Some(0));
    assert_eq!(fs::read_to_string(room.scene.space.join("notes.txt"))?, "changed\n");
    // Where one is already, the name is not needed.
    let run = room.scene.mab(&["snapshot", "restore", id, "--yes"])?;
    assert!(run.stderr.contains("undoes it") && !run.stderr.contains("--workspace"), "{run:?}");
    if !has_bubblewrap() {
        return Ok(());
    }
    let shell = format!("mab run --mode yolo --workspace {space} -- mkdir made");
    let mut person = Person::starts(&shell, (home.path(), home.path()), 200)?;
    person.sees("anything else runs nothing:")?;
    let all = person.so_far();
    let last = all.lines().rev().find(|line| line.starts_with("request ")).ok_or("no request")?;
    let last = last.trim().trim_end_matches(']');
    person.types(last.get(last.len() - 6..).ok_or("no digits")?)?;
    let left = person.ends()?;
    let line = left.seen.lines().find(|line| line.contains("undoes what it wrote")).ok_or("no undo")?;
    assert!(line.contains(&format!(" --workspace {space}`")), "{left:?}");
    Ok(())
}

#[test]
fn page_of_enabling_when_higher_than_the_terminal_is_read_before_its_phrase_is_asked_for() -> Anything {
    let room = Room::new()?;
    room.enrolled(PASSPHRASE)?;
    let mut person = room.at("stty rows 16; mab yolo enable CONV --mode restricted", 80)?;
    person.sees("Enter goes on, q leaves it")?;
    let first = person.so_far();
    assert!(first.contains("conversation") && !first.contains("type: enable"), "{first}");
    assert!(first.lines().count() <= 16, "{first}");
    // A phrase is no answer before all was shown.
    person.types("enable restricted 123456")?;
    person.sees("read on first")?;
    person.sees("Enter goes on, q leaves it")?;
    person.types("")?;
    let phrase = phrase(&mut person)?;
    let all = person.so_far();
    let last = all.rsplit("leaves it").next().unwrap_or_default();
    assert!(last.contains("folder  ") && last.contains("until  "), "{last}");
    assert!(last.lines().count() <= 17, "{last}");
    person.types(&phrase)?;
    person.sees("passphrase of approver")?;
    person.presses("\u{3}")?;
    assert_eq!(person.ends()?.exit, Some(130));
    let mut person = room.at("stty rows 16; mab yolo enable CONV", 80)?;
    person.sees("Enter goes on, q leaves it")?;
    person.types("q")?;
    let left = person.ends()?;
    assert!(left.exit == Some(130) && left.seen.contains("nothing was enabled"), "{left:?}");
    Ok(())
}
