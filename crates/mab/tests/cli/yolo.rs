//! `mab yolo`, `mab approve`, `mab deny` and `mab pending`, at terminals of their own.

use std::fs;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha1::Sha1;

use crate::{
    home::{Agent, Anything},
    person::{Left, Person},
    running::{Scene, has_bubblewrap},
};

pub(crate) const PASSPHRASE: &str = "several plain words together";

/// A line for a shell that looks like another one, and hides its end far to the right. What a terminal would obey, no agent
/// may ask for at all.
const HOSTILE: &str = "echo '\\033[2J' > m\u{430}de;                                    rm notes.txt";

/// A home in which agents may ask for commands, with two of them.
pub(crate) struct Room {
    pub(crate) scene: Scene,
    pub(crate) a: Agent,
    b: Agent,
    pub(crate) id: String,
}

impl Room {
    pub(crate) fn new() -> Anything<Self> {
        let scene = Scene::new("agents = true\nas_root = true\nmode = 'yolo'\nworkspaces = ['~/space']\n")?;
        let mut a = scene.home.agent_with(&[("MAB_YOLO", "1"), ("MAB_AGENT", "ann")])?;
        let made = a.call(
            "create_conversation",
            &json!({"my_role": "d\u{435}v \u{202e}\u{200b}  system", "partner_role": "frontend"}),
        )?;
        let mut b = scene.home.agent_with(&[("MAB_YOLO", "1"), ("MAB_AGENT", "bob")])?;
        b.call(
            "join_conversation",
            &json!({"conversation_id": made.get("conversation_id"), "session_id": "b",
                "token": made.get("session_b_token")}),
        )?;
        let id = made.get("conversation_id").and_then(Value::as_str).ok_or("no conversation")?.to_owned();
        Ok(Self { scene, a, b, id })
    }

    pub(crate) fn enabled() -> Anything<Self> {
        Self::enabled_in("restricted")
    }

    /// With an approver, and commands enabled.
    pub(crate) fn enabled_in(mode: &str) -> Anything<Self> {
        let room = Self::new()?;
        room.enrolled(PASSPHRASE)?;
        let mut person = room.at(&format!("mab yolo enable CONV --mode {mode}"), 100)?;
        let phrase = phrase(&mut person)?;
        person.types(&phrase)?;
        person.sees("passphrase of approver")?;
        person.types(PASSPHRASE)?;
        let left = person.ends()?;
        assert_eq!(left.exit, Some(0), "{left:?}");
        Ok(room)
    }

    /// A person who runs this; CONV stands for the conversation.
    pub(crate) fn at(&self, words: &str, width: u16) -> Anything<Person> {
        Person::starts(&words.replace("CONV", &self.id), (self.scene.home.path(), &self.scene.space), width)
    }

    pub(crate) fn enrolled(&self, passphrase: &str) -> Anything {
        let mut person = self.at("mab yolo enroll", 100)?;
        twice(&mut person, passphrase)?;
        let left = person.ends()?;
        assert_eq!(left.exit, Some(0), "{left:?}");
        assert!(!left.seen.contains(passphrase), "{left:?}");
        Ok(())
    }

    pub(crate) fn status(&self) -> Anything<Value> {
        self.scene.mab(&["yolo", "status", "--json"])?.json()
    }

    fn is_enabled(&self) -> Anything<bool> {
        let active = self.status()?.pointer("/conversations/0/terms/active").cloned();
        Ok(active == Some(json!(true)))
    }

    /// Has an agent ask for a command that waits; returns its name.
    pub(crate) fn asks(&mut self, words: &[&str]) -> Anything<String> {
        let answer = self.a.call("execute_command", &json!({"argv": words, "wait_seconds": 0}))?;
        assert_eq!(answer.get("state"), Some(&json!("pending")), "{answer}");
        Ok(answer.get("run_id").and_then(Value::as_str).ok_or("no run")?.to_owned())
    }

    fn state(&self, run: &str) -> Anything<Value> {
        let status = self.status()?;
        let runs = status.pointer("/conversations/0/runs").and_then(Value::as_array).cloned();
        let found = runs.unwrap_or_default().into_iter().find(|it| it.get("run_id") == Some(&json!(run)));
        Ok(found.and_then(|it| it.get("state").cloned()).unwrap_or_default())
    }

    /// What the other agent is told by the bridge itself.
    fn told(&mut self) -> Anything<String> {
        let answer = self.b.call("check_messages", &json!({}))?;
        let messages = answer.get("messages").and_then(Value::as_array).cloned().unwrap_or_default();
        let texts = messages.iter().filter(|it| it.get("from") == Some(&json!("system")));
        Ok(texts.filter_map(|it| it.get("message")?.as_str()).collect::<Vec<_>>().join("\n"))
    }
}

fn twice(person: &mut Person, passphrase: &str) -> Anything {
    person.sees("new passphrase:")?;
    person.types(passphrase)?;
    person.sees("the same again:")?;
    person.types(passphrase)
}

/// The phrase that is asked for.
pub(crate) fn phrase(person: &mut Person) -> Anything<String> {
    person.sees("\n> ")?;
    let all = person.so_far();
    let phrase = all.rsplit("type: ").next().and_then(|rest| rest.lines().next()).ok_or("no phrase")?;
    Ok(phrase.trim().to_owned())
}

/// The last digits that a request on the screen asks for.
pub(crate) fn digits(person: &mut Person) -> Anything<String> {
    person.sees("digits agree to exactly this")?;
    let all = person.so_far();
    let line = all.lines().rev().find(|line| line.starts_with("request ")).ok_or("no request")?;
    let last = line.trim().trim_end_matches(']');
    Ok(last.get(last.len() - 6..).ok_or("no digits")?.to_owned())
}

/// The code of a step from now (RFC 6238).
fn code(secret: &str, from_now: i64) -> Anything<String> {
    #[expect(clippy::disallowed_methods, reason = "the program has a real clock")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let step = (now / 30).checked_add_signed(from_now).ok_or("no step")?;
    let (mut key, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for character in secret.bytes() {
        let value = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|it| *it == character);
        bits = bits << 5 | u32::try_from(value.ok_or("no base 32")?)?;
        held += 5;
        if held >= 8 {
            held -= 8;
            key.push(u8::try_from(bits >> held & 0xff)?);
        }
    }
    let mac = Hmac::<Sha1>::new_from_slice(&key)?.chain_update(step.to_be_bytes()).finalize().into_bytes();
    let at = usize::from(mac.last().ok_or("no digest")? & 15);
    let four = mac.get(at..at + 4).and_then(|bytes| bytes.first_chunk()).ok_or("no digits")?;
    Ok(format!("{:06}", (u32::from_be_bytes(*four) & 0x7fff_ffff) % 1_000_000))
}

#[test]
fn passphrase_when_typed_is_never_shown_and_opens_what_it_sealed() -> Anything {
    let room = Room::new()?;
    let mut person = room.at("mab yolo enroll", 100)?;
    person.sees("new passphrase:")?;
    assert!(!person.is_shown()?);
    for (first, second, why) in [
        ("short", None, "at least 10 characters"),
        (PASSPHRASE, Some("something else again"), "two different ones"),
    ] {
        person.types(first)?;
        if let Some(second) = second {
            person.sees("the same again:")?;
            person.types(second)?;
        }
        person.sees(why)?;
        person.sees("new passphrase:")?;
    }
    person.types(PASSPHRASE)?;
    person.sees("the same again:")?;
    person.types(PASSPHRASE)?;
    let left = person.ends()?;
    assert_eq!(left.exit, Some(0), "{left:?}");
    assert!(!left.seen.contains(PASSPHRASE) && !left.seen.contains("short\n"), "{left:?}");
    assert_eq!(room.status()?.pointer("/approver/sound"), Some(&json!(true)));
    // A second one is not made by mistake.
    let left = room.at("mab yolo enroll", 100)?.ends()?;
    assert_eq!(left.exit, Some(7), "{left:?}");
    Ok(())
}

#[test]
fn enrolling_when_nothing_is_there_yet_makes_what_it_needs() -> Anything {
    let home = tempfile::tempdir()?;
    let place = tempfile::tempdir()?;
    let refused = Person::starts("mab yolo enroll --replace", (home.path(), place.path()), 100)?.ends()?;
    assert_eq!(refused.exit, Some(3), "{refused:?}");
    let mut person = Person::starts("mab yolo enroll", (home.path(), place.path()), 100)?;
    twice(&mut person, PASSPHRASE)?;
    let left = person.ends()?;
    assert_eq!(left.exit, Some(0), "{left:?}");
    let mut person =
        Person::starts("mab yolo enroll --replace --forgotten", (home.path(), place.path()), 100)?;
    person.sees("no codes are asked for any more")?;
    person.presses("\u{3}")?;
    assert_eq!(person.ends()?.exit, Some(130));
    Ok(())
}

#[test]
fn what_was_typed_before_the_question_is_no_answer_to_it() -> Anything {
    let room = Room::new()?;
    let early = "typed before anybody asked";
    let mut person = room.at("mab yolo enroll", 100)?;
    person.types(&format!("{early}\n{early}"))?;
    twice(&mut person, PASSPHRASE)?;
    assert_eq!(person.ends()?.exit, Some(0));
    let mut person = room.at("mab yolo unlock CONV a", 100)?;
    person.sees("passphrase of approver")?;
    person.types(early)?;
    person.sees("this is not the passphrase; 2 more")?;
    person.sees("passphrase of approver")?;
    person.types(PASSPHRASE)?;
    assert_eq!(person.ends()?.exit, Some(0));
    Ok(())
}

#[test]
fn person_when_there_is_none_is_not_asked() -> Anything {
    let room = Room::enabled()?;
    let program = room.scene.home.path().join("claude");
    fs::copy("/bin/sh", &program)?;
    let id = &room.id;
    for words in [
        vec!["yolo", "enroll", "--json"],
        vec!["yolo", "enable", id, "--json"],
        vec!["yolo", "unlock", id, "a", "--json"],
        vec!["yolo", "passphrase", "--json"],
        vec!["approve", "--json"],
        vec!["approve", "run_0123456789abcdef", "--json"],
    ] {
        let run = room.scene.mab(&words)?;
        assert_eq!(run.exit, Some(4), "{words:?}: {run:?}");
        assert_eq!(run.refusal()?.get("code"), Some(&json!("forbidden")), "{words:?}");
        let words = words.join(" ");
        for (shell, why) in [
            (format!("mab {words} < /dev/null"), "comes from somewhere else"),
            (format!("echo {PASSPHRASE} | mab {words}"), "comes from somewhere else"),
            (format!("./../claude -c 'mab {words}; exit $?'"), "claude started this"),
        ] {
            let left = room.at(&shell, 100)?.ends()?;
            assert_eq!(left.exit, Some(4), "{shell}: {left:?}");
            assert!(left.seen.contains(why), "{shell}: {left:?}");
        }
    }
    Ok(())
}

#[test]
fn enabling_when_the_phrase_or_the_passphrase_is_wrong_enables_nothing() -> Anything {
    let mut room = Room::new()?;
    let left = room.at("mab yolo enable CONV", 100)?.ends()?;
    assert_eq!(left.exit, Some(4), "{left:?}");
    assert!(left.seen.contains("no approver is enrolled"), "{left:?}");
    room.enrolled(PASSPHRASE)?;
    let mut person = room.at("mab yolo enable CONV", 100)?;
    for _ in 0..3 {
        person.sees("to enable exactly this")?;
        person.types("enable safe 000000x")?;
    }
    let left = person.ends()?;
    assert_eq!(left.exit, Some(4), "{left:?}");
    let mut person = room.at("mab yolo enable CONV", 100)?;
    let phrase = phrase(&mut person)?;
    assert!(phrase.starts_with("enable safe "), "{phrase}");
    person.types(&phrase)?;
    for _ in 0..3 {
        person.sees("passphrase of approver")?;
        person.types("the wrong words")?;
    }
    let left = person.ends()?;
    assert_eq!(left.exit, Some(4), "{left:?}");
    assert!(!room.is_enabled()?);
    assert_eq!(room.told()?, "");
    Ok(())
}

#[test]
fn enabling_when_the_settings_do_not_allow_it_says_what_to_write_before_the_passphrase() -> Anything {
    let room = Room::new()?;
    room.enrolled(PASSPHRASE)?;
    for (words, what) in [
        ("--workspace /usr", "write \"/usr\" in addition into the list workspaces"),
        ("--workspace ../.local/share/mab", "holds what belongs to the bridge"),
        ("--workspace ../.config/mab", "holds what belongs to the bridge"),
        ("--workspace nope", "/space/nope"),
        ("--network", "write network = true"),
        ("--timeout 1800", "write timeout_s = 1800"),
        ("--elicitation", "are for mode restricted"),
        ("--wish b", "asked for nothing"),
    ] {
        let left = room.at(&format!("mab yolo enable CONV {words}"), 200)?.ends()?;
        assert!(left.exit.is_some_and(|exit| exit != 0), "{words}: {left:?}");
        assert!(left.seen.contains(what) && !left.seen.contains("passphrase of"), "{words}: {left:?}");
    }
    assert!(!room.is_enabled()?);
    Ok(())
}

#[test]
fn interrupt_at_any_question_changes_nothing_and_gives_the_terminal_back() -> Anything {
    let mut room = Room::enabled()?;
    let run = has_bubblewrap().then(|| room.asks(&["mkdir", "made"])).transpose()?;
    let stops = |mut person: Person, at: &[(&str, Option<&str>)]| {
        for (question, answer) in at {
            person.sees(question)?;
            match answer {
                Some(answer) => person.types(answer)?,
                None => person.presses("\u{3}")?,
            }
        }
        let (left, echo) = person.ends_with_echo()?;
        assert_eq!(left.exit, Some(130), "{left:?}");
        assert!(echo, "{left:?}");
        Ok::<_, Box<dyn std::error::Error>>(())
    };
    stops(room.at("mab yolo enable CONV --mode safe", 100)?, &[("to enable exactly", None)])?;
    stops(room.at("mab yolo unlock CONV a", 100)?, &[("passphrase of", None)])?;
    stops(
        room.at("mab yolo passphrase", 100)?,
        &[("passphrase of", Some(PASSPHRASE)), ("new passphrase", None)],
    )?;
    let again =
        [("passphrase of", Some(PASSPHRASE)), ("new passphrase", Some(PASSPHRASE)), ("same again", None)];
    stops(room.at("mab yolo passphrase", 100)?, &again)?;
    let shown = [
        ("passphrase of", Some(PASSPHRASE)),
        ("new passphrase", Some(PASSPHRASE)),
        ("same again", Some(PASSPHRASE)),
        ("its first code", None),
    ];
    stops(room.at("mab yolo enroll --replace --totp", 100)?, &shown)?;
    stops(room.at("mab yolo enroll --replace --forgotten", 100)?, &[("to do this, type", None)])?;
    if let Some(run) = run {
        stops(room.at(&format!("mab approve {run}"), 100)?, &[("digits agree", None)])?;
        let mut person = room.at(&format!("mab approve {run}"), 100)?;
        let typed = digits(&mut person)?;
        person.types(&typed)?;
        stops(person, &[("passphrase of", None)])?;
        assert_eq!(room.state(&run)?, "pending");
    }
    assert_eq!(room.status()?.pointer("/conversations/0/terms/mode"), Some(&json!("restricted")));
    Ok(())
}

#[test]
fn codes_when_enrolled_are_asked_for_and_none_is_taken_twice() -> Anything {
    let mut room = Room::new()?;
    let mut person = room.at("mab yolo enroll --totp", 80)?;
    twice(&mut person, PASSPHRASE)?;
    person.sees("or type into one:")?;
    person.sees("its first code:")?;
    let all = person.so_far();
    let is_secret = |line: &&str| line.len() == 32 && line.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let secret = all.lines().map(str::trim).find(is_secret).ok_or("no secret")?.to_owned();
    let used = code(&secret, 0)?;
    person.types(&used)?;
    let left = person.ends()?;
    assert_eq!(left.exit, Some(0), "{left:?}");
    let mut person = room.at("mab yolo enable CONV", 100)?;
    let phrase = phrase(&mut person)?;
    person.types(&phrase)?;
    person.sees("passphrase of")?;
    person.types(PASSPHRASE)?;
    person.sees("one-time code:")?;
    assert!(!person.is_shown()?);
    person.types(&used)?;
    person.sees("used already")?;
    person.sees("one-time code:")?;
    person.types("12345")?;
    person.sees("this is not the code; 1 more")?;
    person.sees("one-time code:")?;
    person.types(&code(&secret, 1)?)?;
    let left = person.ends()?;
    assert_eq!(left.exit, Some(0), "{left:?}");
    assert_eq!(room.status()?.pointer("/conversations/0/terms/assurance"), Some(&json!("passphrase+totp")));
    assert!(room.told()?.contains("assurance: passphrase+totp"));
    Ok(())
}

#[test]
fn request_when_its_digits_and_the_passphrase_are_typed_runs_once_and_all_see_it() -> Anything {
    if !has_bubblewrap() {
        return Ok(());
    }
    let mut room = Room::enabled()?;
    let run = room.asks(&["mkdir", "made"])?;
    let listed = room.scene.mab(&["pending", "--json"])?.json()?;
    assert_eq!(listed.pointer("/0/run_id"), Some(&json!(run)), "{listed}");
    room.told()?;
    let mut person = room.at(&format!("mab approve {run}"), 100)?;
    let typed = digits(&mut person)?;
    person.types("000000")?;
    person.sees("these are not its last 6 digits; 2 more")?;
    person.sees("agree to exactly this")?;
    person.types(&typed)?;
    person.sees("passphrase of")?;
    person.types(PASSPHRASE)?;
    let left = person.ends()?;
    assert_eq!(left.exit, Some(0), "{left:?}");
    assert!(left.seen.contains("asked by") && left.seen.contains("why asked"), "{left:?}");
    assert_eq!(room.state(&run)?, "approved");
    assert!(room.told()?.contains(&format!("said yes to {run}")));
    let again = room.at(&format!("mab approve {run}"), 100)?.ends()?;
    assert_eq!(again.exit, Some(7), "{again:?}");
    let answer = room.a.call("execute_command", &json!({"argv": ["mkdir", "made"]}))?;
    assert_eq!(answer.get("state"), Some(&json!("finished")), "{answer}");
    assert_eq!(answer.get("assurance"), Some(&json!("passphrase")), "{answer}");
    assert!(room.scene.space.join("made").is_dir());
    Ok(())
}

#[test]
fn request_when_denied_meanwhile_or_approved_twice_is_answered_once() -> Anything {
    if !has_bubblewrap() {
        return Ok(());
    }
    let mut room = Room::enabled()?;
    let run = room.asks(&["mkdir", "made"])?;
    let mut first = room.at(&format!("mab approve {run}"), 100)?;
    let typed = digits(&mut first)?;
    first.types(&typed)?;
    first.sees("passphrase of")?;
    let denied = room.scene.mab(&["deny", &run, "--reason", "use a branch", "--json"])?;
    assert_eq!((denied.exit, denied.json()?.get("state").cloned()), (Some(0), Some(json!("denied"))));
    first.types(PASSPHRASE)?;
    let left = first.ends()?;
    assert!(left.exit.is_some_and(|exit| exit != 0) && !left.seen.contains("approved"), "{left:?}");
    assert!(room.told()?.contains("Reason:\n| use a branch"));
    assert!(!room.scene.space.join("made").exists());
    let run = room.asks(&["mkdir", "made"])?;
    let (mut one, mut other) =
        (room.at(&format!("mab approve {run}"), 100)?, room.at(&format!("mab approve {run}"), 100)?);
    for person in [&mut one, &mut other] {
        let typed = digits(person)?;
        person.types(&typed)?;
        person.sees("passphrase of")?;
    }
    one.types(PASSPHRASE)?;
    other.types(PASSPHRASE)?;
    let mut exits = [one.ends()?.exit, other.ends()?.exit];
    exits.sort_unstable();
    assert!(exits[0] == Some(0) && exits[1] != Some(0), "{exits:?}");
    Ok(())
}

#[test]
fn desk_when_opened_once_answers_each_request_as_it_comes() -> Anything {
    if !has_bubblewrap() {
        return Ok(());
    }
    let mut room = Room::enabled()?;
    let first = room.asks(&["mkdir", "one"])?;
    let mut person = room.at("mab approve", 100)?;
    person.sees("passphrase of")?;
    person.types(PASSPHRASE)?;
    let typed = digits(&mut person)?;
    person.types(&typed)?;
    person.sees(&first)?;
    let second = room.asks(&["mkdir", "two"])?;
    digits(&mut person)?;
    person.types("n use a branch")?;
    person.sees("waiting for requests")?;
    assert!(room.told()?.contains("| use a branch"));
    person.presses("\u{3}")?;
    let left = person.ends()?;
    assert_eq!(left.exit, Some(0), "{left:?}");
    assert_eq!(left.seen.matches("passphrase of approver").count(), 1, "{left:?}");
    assert_eq!((room.state(&first)?, room.state(&second)?), (json!("approved"), Value::Null));
    Ok(())
}

#[test]
fn desk_when_another_key_takes_the_place_of_its_own_ends_and_says_so() -> Anything {
    let room = Room::enabled()?;
    let mut desk = room.at("mab approve", 100)?;
    desk.sees("passphrase of")?;
    desk.types(PASSPHRASE)?;
    desk.sees("waiting for requests")?;
    let mut person = room.at("mab yolo passphrase", 100)?;
    person.sees("passphrase of")?;
    person.types(PASSPHRASE)?;
    twice(&mut person, "other plain words together")?;
    assert_eq!(person.ends()?.exit, Some(0));
    let left = desk.ends()?;
    assert_eq!(left.exit, Some(4), "{left:?}");
    assert!(left.seen.contains("start `mab approve` anew"), "{left:?}");
    Ok(())
}

#[test]
fn status_when_the_settings_stop_what_is_on_says_why() -> Anything {
    let room = Room::enabled()?;
    fs::rename(&room.scene.space, room.scene.space.with_extension("gone"))?;
    let left =
        Person::starts("mab yolo status", (room.scene.home.path(), room.scene.home.path()), 80)?.ends()?;
    assert!(left.seen.contains("but nothing runs: its folder cannot be used any more"), "{left:?}");
    Ok(())
}

#[test]
fn disabling_needs_nobody_and_voids_what_waits() -> Anything {
    if !has_bubblewrap() {
        return Ok(());
    }
    let mut room = Room::enabled()?;
    let run = room.asks(&["mkdir", "made"])?;
    assert_eq!(room.scene.mab(&["yolo", "disable", "--all"])?.exit, Some(0));
    assert!(!room.is_enabled()?);
    assert_eq!(room.state(&run)?, Value::Null);
    assert!(room.told()?.contains("ended commands"));
    let left = room.at(&format!("mab approve {run}"), 100)?.ends()?;
    assert_eq!(left.exit, Some(3), "{left:?}");
    let nothing = room.scene.mab(&["yolo", "disable", "--all"])?;
    assert_eq!((nothing.exit, nothing.stderr.trim()), (Some(0), "nothing was enabled"));
    Ok(())
}

#[test]
fn three_denials_lock_the_agent_until_a_person_unlocks_it() -> Anything {
    if !has_bubblewrap() {
        return Ok(());
    }
    let mut room = Room::enabled()?;
    for name in ["one", "two", "three"] {
        let run = room.asks(&["mkdir", name])?;
        assert_eq!(room.scene.mab(&["deny", &run])?.exit, Some(0));
    }
    assert!(room.asks(&["mkdir", "four"]).is_err());
    assert_eq!(room.status()?.pointer("/conversations/0/locked"), Some(&json!(["a"])));
    let mut person = room.at("mab yolo unlock CONV a", 100)?;
    person.sees("passphrase of")?;
    person.types(PASSPHRASE)?;
    let left = person.ends()?;
    assert_eq!(left.exit, Some(0), "{left:?}");
    room.asks(&["mkdir", "four"])?;
    Ok(())
}

#[test]
fn hostile_words_of_agents_act_on_no_terminal_and_look_like_nothing_else() -> Anything {
    if !has_bubblewrap() {
        return Ok(());
    }
    let mut room = Room::enabled_in("yolo")?;
    let answer = room.a.call("execute_command", &json!({"command": HOSTILE, "wait_seconds": 0}))?;
    let run = answer.get("run_id").and_then(Value::as_str).ok_or("no run")?.to_owned();
    for (words, width) in [
        (format!("mab approve {run}"), 80),
        (format!("mab approve {run}"), 40),
        ("mab pending".to_owned(), 80),
    ] {
        let mut person = room.at(&words, width)?;
        if words.contains("approve") {
            person.sees("digits agree")?;
            person.types("")?;
        }
        let Left { seen, .. } = person.ends()?;
        assert!(seen.contains("notes.txt"), "{words} {width}: {seen}");
        let hides = |it: char| matches!(it, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}');
        let acting: Vec<char> =
            seen.chars().filter(|it| *it != '\n' && (it.is_control() || hides(*it))).collect();
        assert!(acting.is_empty(), "{words} {width}: {acting:?} in {seen}");
        if words.contains("approve") {
            assert!(seen.contains("not ASCII") && seen.contains("\\u{20}\\u{20}"), "{seen}");
            assert!(seen.contains("d\u{435}v \\u{202e}\\u{200b}"), "{seen}");
        }
    }
    Ok(())
}

#[test]
fn request_when_higher_than_the_terminal_is_read_to_its_end_before_it_can_be_agreed_to() -> Anything {
    if !has_bubblewrap() {
        return Ok(());
    }
    let mut room = Room::enabled_in("yolo")?;
    let long = format!("rm -r notes.txt\n{}echo run the tests", ":\n".repeat(130));
    let answer = room.a.call("execute_command", &json!({"command": long, "wait_seconds": 0}))?;
    let run = answer.get("run_id").and_then(Value::as_str).ok_or("no run")?.to_owned();
    let mut person = room.at(&format!("mab approve {run}"), 80)?;
    person.sees("more lines: Enter goes on")?;
    let first = person.so_far();
    assert!(first.contains("rm -r notes.txt") && !first.contains("request  "), "{first}");
    assert!(first.lines().count() <= 60, "{first}");
    // Digits are no answer before all was shown.
    person.types("123456")?;
    person.sees("read on first")?;
    person.sees("more lines: Enter goes on")?;
    person.types("")?;
    person.sees("more lines: Enter goes on")?;
    person.types("")?;
    let typed = digits(&mut person)?;
    let all = person.so_far();
    let end = all.rsplit("Enter goes on").next().unwrap_or_default();
    for what in
        ["echo run the tests", "yolo: text for a shell, 132 lines", "folder  ", "may write  ", "network  "]
    {
        assert!(end.contains(what), "{what}: {end}");
    }
    person.types(&typed)?;
    person.sees("passphrase of")?;
    person.presses("\u{3}")?;
    assert_eq!(person.ends()?.exit, Some(130));
    let mut person = room.at(&format!("mab approve {run}"), 80)?;
    person.sees("more lines: Enter goes on")?;
    person.types("q")?;
    let left = person.ends()?;
    assert!(left.seen.contains("nothing was approved") && room.state(&run)? == json!("pending"), "{left:?}");
    Ok(())
}

#[test]
fn command_when_its_agents_client_leaves_is_ended_and_recorded_before_the_server_is_gone() -> Anything {
    if !has_bubblewrap() {
        return Ok(());
    }
    let Room { scene, a, mut b, .. } = Room::enabled()?;
    let runs = || -> Anything<String> { Ok(scene.mab(&["yolo", "status", "--json"])?.json()?.to_string()) };
    let command = json!({"argv": ["sleep", "60"]});
    fs::write(scene.space.join("Makefile"), "all:\n")?;
    a.leaves_during("execute_command", &command, || {
        for _ in 0..100 {
            if runs()?.contains("\"running\"") {
                return Ok(());
            }
        }
        Err(format!("it never ran: {}", runs()?).into())
    })?;
    assert!(!runs()?.contains("\"running\""), "{}", runs()?);
    let told = b.call("check_messages", &json!({}))?.to_string();
    assert!(told.contains("its server was stopped"), "{told}");
    Ok(())
}
