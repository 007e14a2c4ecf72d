//! What other users of the machine get: a refusal.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::{
        fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
        net::UnixDatagram,
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::{process::Uid, thread::set_thread_res_uid};
use serde_json::{Value, json};

use crate::home::{Agent, Anything, Home, Run};

/// The user that nothing belongs to.
const NOBODY: u32 = 65_534;

/// What an agent wrote and nobody else may see.
const WRITTEN: &str = "the harvest is on the ninth";

/// A home whose agent waits for messages, its conversation and its tokens. The way to the data folder is open to everybody.
struct Busy {
    home: Home,
    agent: Agent,
    conversation: String,
    secrets: Vec<String>,
}

fn busy(command: Option<Command>) -> Anything<Busy> {
    let home = Home::new()?;
    let mut agent = match command {
        None => home.agent_with(&[("MAB_AGENT", "alice")])?,
        Some(mut command) => {
            command.env("HOME", home.path());
            Agent::start(command)?
        }
    };
    let roles = json!({"my_role": "gardener", "partner_role": "frontend"});
    let opened = agent.call("create_conversation", &roles)?;
    agent.call("send_to_partner", &json!({"message": WRITTEN}))?;
    let text = |key: &str| opened.get(key).and_then(Value::as_str).map(str::to_owned).ok_or("no text");
    let mut secrets = vec![text("session_a_token")?, text("session_b_token")?];
    secrets.extend([WRITTEN.to_owned(), "gardener".to_owned()]);
    agent.begin_waiting()?;
    for folder in ["", ".local", ".local/share"] {
        chmod(&home.path().join(folder), 0o755)?;
    }
    Ok(Busy { conversation: text("conversation_id")?, home, agent, secrets })
}

fn chmod(path: &Path, mode: u32) -> Anything {
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
}

/// Everything below a folder, itself included.
fn everything(folder: &Path) -> Anything<Vec<PathBuf>> {
    let mut found = vec![folder.to_owned()];
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if fs::symlink_metadata(&path)?.is_dir() {
            found.extend(everything(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Only root can act as somebody else.
fn is_root() -> Anything<bool> {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        writeln!(io::stderr(), "skipped: only root can act as another user")?;
    }
    Ok(is_root)
}

impl Busy {
    /// The program, started as another user on this data folder.
    fn as_nobody(&self, words: &[&str]) -> Anything<Command> {
        let program = self.home.path().join("mab");
        if !program.exists() {
            // Where it was built need not be open to that user.
            fs::copy(env!("CARGO_BIN_EXE_mab"), &program)?;
            chmod(&program, 0o755)?;
        }
        #[expect(clippy::disallowed_methods, reason = "the tests run the program")]
        let mut command = Command::new(program);
        command.args(words).arg("--data-dir").arg(self.home.data()).env_clear().env("HOME", "/nonexistent");
        command.current_dir("/").uid(NOBODY).gid(NOBODY).stdin(Stdio::null());
        Ok(command)
    }

    fn assert_nothing_told(&self, what: &str, text: &str) {
        for secret in &self.secrets {
            assert!(!text.contains(secret), "{what}: {text}");
        }
        assert!(!text.contains(&self.conversation) || what.contains(&self.conversation), "{what}: {text}");
    }
}

#[test]
fn commands_of_another_user_are_refused_and_tell_nothing() -> Anything {
    if !is_root()? {
        return Ok(());
    }
    let busy = busy(None)?;
    let conversation = busy.conversation.as_str();
    let before = (busy.home.mab(&["show", conversation])?.stdout, everything(&busy.home.data())?);
    for mode in [0o700, 0o755] {
        chmod(&busy.home.data(), mode)?;
        for words in [
            ["list", "--all"].as_slice(),
            &["show", conversation, "--messages", "9"],
            &["audit"],
            &["audit", "verify"],
            &["lease", "list"],
            &["lease", "check", "src"],
            &["tokens", conversation],
            &["tokens", conversation, "--rotate-all"],
            &["tokens", conversation, "--revoke-all"],
            &["remove", conversation, "a"],
            &["transfer", conversation, "b"],
            &["pause", conversation],
            &["resume", conversation],
            &["cleanup"],
        ] {
            let run = Run::new(busy.as_nobody(words)?.output()?)?;
            // What could not be verified has an exit of its own.
            let exit = if words.ends_with(&["verify"]) { 12 } else { 8 };
            assert_eq!((run.exit, run.stdout.as_str()), (Some(exit), ""), "{words:?} {}", run.stderr);
            assert!(run.stderr.contains("read_only"), "{words:?}: {}", run.stderr);
            busy.assert_nothing_told(&words.join(" "), &run.stderr);
        }
        let run = Run::new(busy.as_nobody(&["doctor"])?.output()?)?;
        assert_eq!(run.exit, Some(10), "{}", run.stdout);
        busy.assert_nothing_told("doctor", &format!("{}{}", run.stdout, run.stderr));
    }
    let after = (busy.home.mab(&["show", conversation])?.stdout, everything(&busy.home.data())?);
    assert_eq!(after, before);
    busy.agent.leave()
}

#[test]
fn server_of_another_user_serves_nothing() -> Anything {
    if !is_root()? {
        return Ok(());
    }
    let busy = busy(None)?;
    for mode in [0o700, 0o755] {
        chmod(&busy.home.data(), mode)?;
        let before = everything(&busy.home.data())?;
        let mut command = busy.as_nobody(&["mcp"])?;
        // As the agent whose credentials are kept there, if it could.
        command.env("MAB_AGENT", "alice");
        let mut nobody = Agent::start(command)?;
        for (tool, arguments) in [
            ("list_conversations", json!({})),
            ("create_conversation", json!({"my_role": "thief", "partner_role": "frontend"})),
            (
                "check_messages",
                json!({"conversation_id": busy.conversation, "session_id": "b", "token": busy.secrets[1]}),
            ),
        ] {
            let Err(refused) = nobody.call(tool, &arguments) else {
                return Err(format!("{tool} was done for another user").into());
            };
            let refused = refused.to_string();
            assert!(refused.contains(r#""code":"read_only""#), "{tool}: {refused}");
            busy.assert_nothing_told(tool, &refused);
        }
        nobody.leave()?;
        assert_eq!(everything(&busy.home.data())?, before);
    }
    busy.agent.leave()
}

#[test]
fn files_and_doorbells_are_closed_to_another_user() -> Anything {
    if !is_root()? {
        return Ok(());
    }
    let busy = busy(None)?;
    chmod(&busy.home.data(), 0o755)?;
    let (mut files, mut bells) = (Vec::new(), Vec::new());
    for path in everything(&busy.home.data())? {
        let kind = fs::symlink_metadata(&path)?.file_type();
        if kind.is_socket() {
            bells.push(path);
        } else if kind.is_file() {
            files.push(path);
        }
    }
    assert!(files.len() >= 5 && bells.len() == 1, "{files:?} {bells:?}");
    // As deep as it gets: the folders on the way are open as well.
    let ways = bells
        .iter()
        .flat_map(|bell| bell.ancestors().skip(1).take(2))
        .chain(files.iter().filter_map(|file| file.parent()));
    for way in ways {
        chmod(way, 0o755)?;
    }
    let opened: Vec<String> = std::thread::spawn(move || {
        // Of this thread alone; the kernel keeps credentials per thread.
        let nobody = Uid::from_raw(NOBODY);
        if let Err(error) = set_thread_res_uid(nobody, nobody, nobody) {
            return vec![error.to_string()];
        }
        let bell = |path: &PathBuf| UnixDatagram::unbound().and_then(|hand| hand.connect(path)).is_ok();
        let file = |path: &PathBuf| {
            fs::File::open(path).is_ok() || fs::OpenOptions::new().write(true).open(path).is_ok()
        };
        let reached = files.iter().filter(|path| file(path)).chain(bells.iter().filter(|path| bell(path)));
        reached.map(|path| path.display().to_string()).collect()
    })
    .join()
    .map_err(|_| "the thread that acts as another user failed")?;
    assert_eq!(opened, [""; 0]);
    busy.agent.leave()
}

#[test]
fn everything_is_private_whatever_the_umask() -> Anything {
    #[expect(clippy::disallowed_methods, reason = "the tests run the program")]
    let mut command = Command::new("sh");
    command.args(["-c", r#"umask 000; exec "$0" mcp"#, env!("CARGO_BIN_EXE_mab")]);
    command.env_clear().env("MAB_AGENT", "alice").env("PATH", "/usr/bin:/bin");
    let busy = busy(Some(command))?;
    let mut kinds = [0; 3];
    for path in everything(&busy.home.data())? {
        let found = fs::symlink_metadata(&path)?;
        let (kind, mode) = match found.file_type() {
            folder if folder.is_dir() => (0, 0o700),
            socket if socket.is_socket() => (1, 0o600),
            _ => (2, 0o600),
        };
        kinds[kind] += 1;
        assert_eq!(format!("{:o}", found.mode() & 0o777), format!("{mode:o}"), "{}", path.display());
    }
    assert!(kinds.iter().all(|count| *count > 0), "{kinds:?}");
    busy.agent.leave()
}
