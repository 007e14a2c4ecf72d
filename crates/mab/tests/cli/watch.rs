//! `mab watch`: on a terminal, in a pipe, and when there is nothing to watch.

use std::{
    ffi::OsStr,
    fs::{File, OpenOptions},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::ffi::OsStrExt as _,
    process::{Child, ExitStatus, Stdio},
};

use rustix::{
    io::{FdFlags, fcntl_setfd},
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcgetattr, tcsetwinsize},
};
use serde_json::{Value, json};

use crate::home::{Agent, Anything, Home};

const HOSTILE: &str = "last words\u{1b}[2J\u{1b}]0;t\u{7}\u{202e}\u{200b}\r\nforged";

struct Scene {
    home: Home,
    agent: Agent,
    conversation: String,
}

fn scene() -> Anything<Scene> {
    let home = Home::new()?;
    let mut agent = home.agent()?;
    let opening = json!({"my_role": "backend", "partner_role": "frontend", "topic": "api"});
    let opened = agent.call("create_conversation", &opening)?;
    let conversation = opened.get("conversation_id").and_then(Value::as_str).ok_or("no id")?.to_owned();
    agent.call("send_to_partner", &json!({"message": HOSTILE}))?;
    Ok(Scene { home, agent, conversation })
}

/// The program on a terminal of its own.
struct OnTerminal {
    terminal: File,
    process: Child,
    seen: String,
}

impl OnTerminal {
    fn start(home: &Home, words: &[&str]) -> Anything<Self> {
        Self::start_with(home, words, &[])
    }

    fn start_with(home: &Home, words: &[&str], environment: &[(&str, &str)]) -> Anything<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        // The program must not hold the other end of its own terminal.
        fcntl_setfd(&master, FdFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname(&master, Vec::new())?;
        let slave = OpenOptions::new().read(true).write(true).open(OsStr::from_bytes(name.as_bytes()))?;
        tcsetwinsize(&slave, Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 })?;
        let mut command = home.command(words);
        command
            .env("TERM", "xterm-256color")
            .envs(environment.iter().copied())
            .stdin(Stdio::from(slave.try_clone()?))
            .stdout(Stdio::from(slave.try_clone()?))
            .stderr(Stdio::from(slave));
        let process = command.spawn()?;
        Ok(Self { terminal: File::from(master), process, seen: String::new() })
    }

    /// Reads until this was written: a text without blanks, which are not written where there were some before.
    fn until(&mut self, text: &str) -> Anything {
        let mut bytes = [0; 4096];
        while !self.seen.contains(text) {
            let read = self.terminal.read(&mut bytes).map_err(|error| format!("{error}: {:?}", self.seen))?;
            self.seen.push_str(&String::from_utf8_lossy(bytes.get(..read).unwrap_or_default()));
        }
        Ok(())
    }

    fn press(&mut self, keys: &str) -> Anything {
        Ok(self.terminal.write_all(keys.as_bytes())?)
    }

    /// Waits for its end: how it ended, and all it wrote.
    fn end(mut self) -> Anything<(ExitStatus, String, File)> {
        let mut rest = Vec::new();
        // Reading ends with an error when the last one that writes is gone (EIO).
        let _ = self.terminal.read_to_end(&mut rest);
        self.seen.push_str(&String::from_utf8_lossy(&rest));
        Ok((self.process.wait()?, self.seen, self.terminal))
    }
}

/// Whether the terminal shows what it showed before, with a cursor, and takes lines again.
fn is_given_back(seen: &str, terminal: &File) -> Anything<bool> {
    use rustix::termios::LocalModes;
    let modes = tcgetattr(terminal)?.local_modes;
    let after = seen.rsplit_once("\u{1b}[?1049l").map(|(_, after)| after.to_owned());
    let wraps =
        |seen: &str| seen.rfind("\u{1b}[?7l") < seen.rfind("\u{1b}[?7h") && seen.contains("\u{1b}[?7l");
    Ok(wraps(seen)
        && modes.contains(LocalModes::ICANON | LocalModes::ECHO)
        && after.is_some_and(|after| after.contains("\u{1b}[?25h") && !after.contains("\u{1b}[?25l")))
}

#[test]
fn live_view_shows_what_comes_harmlessly_and_gives_the_terminal_back() -> Anything {
    let mut scene = scene()?;
    let mut watch = OnTerminal::start(&scene.home, &["watch", &scene.conversation])?;
    watch.until("words\\u{1b}[2J")?;
    scene.agent.call("send_to_partner", &json!({"message": "one-more"}))?;
    watch.until("one-more")?;
    watch.press("q")?;
    let (status, seen, terminal) = watch.end()?;
    assert!(status.success(), "{seen:?}");
    assert!(is_given_back(&seen, &terminal)?, "{seen:?}");
    for acting in ["\u{1b}]", "\u{202e}", "\u{200b}", "\u{7}"] {
        assert!(!seen.contains(acting), "{acting:?} in {seen:?}");
    }
    scene.agent.leave()
}

#[test]
fn live_view_when_it_is_told_to_end_gives_the_terminal_back() -> Anything {
    let scene = scene()?;
    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT] {
        let mut watch = OnTerminal::start(&scene.home, &["watch", &scene.conversation])?;
        watch.until("words\\u{1b}")?;
        let pid = Pid::from_raw(watch.process.id().try_into()?).ok_or("no process")?;
        kill_process(pid, signal)?;
        let (status, seen, terminal) = watch.end()?;
        assert!(status.success(), "{signal:?}: {seen:?}");
        assert!(is_given_back(&seen, &terminal)?, "{signal:?}: {seen:?}");
    }
    scene.agent.leave()
}

#[test]
fn live_view_when_its_terminal_is_closed_ends_without_a_panic() -> Anything {
    let scene = scene()?;
    let mut watch = OnTerminal::start(&scene.home, &["watch", &scene.conversation])?;
    watch.until("words\\u{1b}")?;
    drop(watch.terminal);
    assert_eq!(watch.process.wait()?.code(), Some(0));
    scene.agent.leave()
}

#[test]
fn live_view_pauses_only_after_a_yes() -> Anything {
    let scene = scene()?;
    let state = || -> Anything<Value> {
        let shown = scene.home.mab(&["show", &scene.conversation, "--json"])?.json()?;
        Ok(shown.get("state").cloned().unwrap_or_default())
    };
    let mut watch = OnTerminal::start(&scene.home, &["watch"])?;
    watch.until(&scene.conversation)?;
    watch.press("\r")?;
    watch.until("words\\u{1b}")?;
    watch.press("pn")?;
    watch.until("nothing")?;
    assert_eq!(state()?, "active");
    watch.press("p")?;
    watch.until("any")?;
    // It counts once the question was there long enough to be read; without a question it does nothing.
    while state()? != "paused" {
        watch.press("y")?;
    }
    watch.until("PAUSED")?;
    watch.press("\u{3}")?;
    let (status, seen, _) = watch.end()?;
    assert!(status.success(), "{seen:?}");
    scene.agent.leave()
}

#[test]
fn live_view_when_a_yes_was_typed_ahead_or_pasted_does_nothing() -> Anything {
    let scene = scene()?;
    let mut watch = OnTerminal::start(&scene.home, &["watch", &scene.conversation])?;
    watch.until("words\\u{1b}")?;
    assert!(watch.seen.contains("\u{1b}[?2004h"), "{:?}", watch.seen);
    watch.press("\u{1b}[200~pyq\u{1b}[201~")?;
    watch.press("pyn")?;
    watch.until("nothing")?;
    watch.press("q")?;
    let (status, seen, _) = watch.end()?;
    assert!(status.success() && seen.contains("\u{1b}[?2004l"), "{seen:?}");
    let shown = scene.home.mab(&["show", &scene.conversation, "--json"])?.json()?;
    assert_eq!(shown.get("state"), Some(&json!("active")));
    scene.agent.leave()
}

#[test]
fn live_view_when_no_colour_is_wanted_sets_none() -> Anything {
    let scene = scene()?;
    for (environment, coloured) in [([].as_slice(), true), (&[("NO_COLOR", "1")], false)] {
        let mut watch = OnTerminal::start_with(&scene.home, &["watch", &scene.conversation], environment)?;
        watch.until("words\\u{1b}")?;
        watch.press("q")?;
        let (_, seen, _) = watch.end()?;
        assert_eq!(seen.contains("\u{1b}[38;5;"), coloured, "{seen:?}");
    }
    scene.agent.leave()
}

#[test]
fn piped_it_prints_how_things_stand_and_then_every_event_until_nobody_reads() -> Anything {
    let mut scene = scene()?;
    let mut command = scene.home.command(&["watch", &scene.conversation]);
    let mut process = command.stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(process.stdout.take().ok_or("no stdout")?).lines();
    let mut next = || -> Anything<String> { Ok(lines.next().ok_or("no line")??) };
    assert!(next()?.starts_with("conversation\tactive\t-\taccept\t0\t"));
    assert!(next()?.starts_with("member\ta\tbackend\towner\talive\t"));
    assert_eq!(next()?, "member\tb\tfrontend\tmember\tnever came\t-\t-");
    let line = next()?;
    let text = "\ta\tb\tinfo\tlast words\\u{1b}[2J\\u{1b}]0;t\\u{7}\\u{202e}\\u{200b}\\r\\nforged\t-\t-\t0";
    assert!(line.starts_with("message\t1\t") && line.ends_with(text), "{line}");
    scene.agent.call("send_to_partner", &json!({"message": "one more"}))?;
    let line = next()?;
    assert!(line.starts_with("message\t2\t") && line.ends_with("\ta\tb\tinfo\tone more\t-\t-\t0"), "{line}");
    scene.agent.call("reserve_files", &json!({"action": "acquire", "paths": ["src/**"]}))?;
    assert!(next()?.starts_with("reserved\ta\texclusive\t1\t"));
    scene.agent.call("reserve_files", &json!({"action": "release"}))?;
    assert!(next()?.starts_with("free\ta\texclusive\t1\t"));
    assert_eq!(scene.home.mab(&["pause", &scene.conversation])?.exit, Some(0));
    assert!(next()?.starts_with("conversation\tpaused\toperator\taccept\t0\t"));
    drop(lines);
    assert!(process.wait()?.success());
    scene.agent.leave()
}

#[test]
#[cfg(target_os = "linux")]
fn piped_when_nobody_reads_it_ends_when_it_is_told_to() -> Anything {
    let scene = scene()?;
    let (unread, mut full) = std::io::pipe()?;
    // No pipe holds less than that by default, and the first line has no room left.
    full.write_all(&vec![b'.'; 64 * 1024])?;
    let mut process = scene.home.command(&["watch", &scene.conversation]).stdout(full).spawn()?;
    let pid = process.id();
    let catches = || -> Anything<bool> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).ok_or("no SigCgt")?;
        Ok(u64::from_str_radix(caught.trim(), 16)? & (1 << (Signal::TERM.as_raw() - 1)) != 0)
    };
    while !catches()? {
        std::thread::yield_now();
    }
    kill_process(Pid::from_raw(pid.try_into()?).ok_or("no process")?, Signal::TERM)?;
    assert!(process.wait()?.success());
    drop(unread);
    scene.agent.leave()
}

#[test]
fn as_json_every_line_is_one_event() -> Anything {
    let mut scene = scene()?;
    scene.agent.call("reserve_files", &json!({"action": "acquire", "paths": ["src/**"]}))?;
    let mut command = scene.home.command(&["watch", &scene.conversation, "--json", "--limit", "1"]);
    let mut process = command.stdout(Stdio::piped()).spawn()?;
    let lines = BufReader::new(process.stdout.take().ok_or("no stdout")?).lines();
    let mut events = Vec::new();
    for line in lines.take(5) {
        let line = line?;
        assert!(line.is_ascii(), "{line}");
        events.push(serde_json::from_str::<Value>(&line)?);
    }
    let kinds: Vec<_> = events.iter().filter_map(|event| event.get("event")).collect();
    assert_eq!(kinds, ["conversation", "member", "member", "reserved", "message"]);
    let message = events.last().ok_or("no events")?;
    assert_eq!((message.get("message"), message.get("to")), (Some(&json!(HOSTILE)), Some(&json!(["b"]))));
    assert!(events.iter().all(|event| event.get("trust") == Some(&json!("peer"))));
    assert!(process.wait()?.success());
    scene.agent.leave()
}

#[test]
fn conversation_that_has_ended_is_printed_and_followed_no_further() -> Anything {
    let scene = scene()?;
    scene.agent.leave()?;
    let database = rusqlite::Connection::open(scene.home.data().join("bridge.db"))?;
    database.execute("UPDATE conversation SET expires_at = 1 WHERE pk <> 0", [])?;
    let run = scene.home.mab(&["watch", &scene.conversation])?;
    assert_eq!(run.exit, Some(0), "{}", run.stderr);
    assert!(
        run.stdout.starts_with("conversation\texpired\t") && run.stdout.contains("\nmessage\t1\t"),
        "{}",
        run.stdout
    );
    Ok(())
}

#[test]
fn nothing_to_watch_is_refused_and_nothing_is_made() -> Anything {
    let home = Home::new()?;
    let unknown = "conv_0123456789abcdef";
    let run = home.mab(&["watch", unknown, "--json"])?;
    assert_eq!((run.exit, run.stdout.as_str()), (Some(3), ""));
    assert_eq!(run.refusal()?.get("code"), Some(&json!("not_found")));
    assert!(!home.data().exists());
    let home = Home::with_store()?;
    for (words, exit, code) in [
        (["watch", unknown, "--json"].as_slice(), 3, "not_found"),
        (&["watch", "--json"], 2, "invalid_arguments"),
        (&["watch", unknown, "--limit", "501", "--json"], 2, "invalid_arguments"),
    ] {
        let run = home.mab(words)?;
        assert_eq!((run.exit, run.stdout.as_str()), (Some(exit), ""), "{words:?}");
        let refusal = run.refusal()?;
        assert_eq!(refusal.get("code"), Some(&json!(code)), "{words:?}");
        assert!(refusal.get("hint").is_some(), "{words:?}");
    }
    // On a terminal it is refused before the view is shown.
    let (status, seen, _) = OnTerminal::start(&home, &["watch", unknown])?.end()?;
    assert_eq!(status.code(), Some(3));
    assert!(seen.contains("such conversation") && !seen.contains("\u{1b}[?1049h"), "{seen:?}");
    Ok(())
}
