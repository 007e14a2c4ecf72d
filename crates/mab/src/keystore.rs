//! The keystore: credentials that outlive the process that was given them, one file per profile.
//!
//! ```text
//! agents/<profile>.json   0600   {"format":1,"credentials":[{"conversation_id":…,"session_id":…,"token":…}]}
//! agents/.lock            0600   held while a file is rewritten
//! ```
//!
//! A profile is one agent across restarts: `MAB_AGENT`, or the client's session. Without one, credentials last as long
//! as the process: two anonymous clients must never pick up each other's.

use std::{
    fs::OpenOptions,
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use mab_core::{Code, ConversationId, Denied, Failure, Fault, SessionId, token::Token};
use mab_service::{Credentials, Wallet};
use serde::{Deserialize, Serialize};

use crate::{
    config::Config,
    environment::Environment,
    folder::{self, DataFolder},
    system::OsRandom,
};

/// Credentials of one profile, in memory and, when the profile has a name, in its file.
#[derive(Debug)]
pub struct Keystore {
    file: Option<ProfileFile>,
    kept: Mutex<Vec<Credentials>>,
}

impl Keystore {
    /// Opens the keystore of a profile; without one it lasts as long as the process.
    ///
    /// # Errors
    /// `misconfigured` when the profile's name is too long or its file is not a keystore; `read_only` when others
    /// may read the file.
    pub fn open(folder: &DataFolder, profile: Option<&str>) -> Result<Self, Failure> {
        let Some(profile) = profile else { return Ok(Self { file: None, kept: Mutex::default() }) };
        let file = ProfileFile::new(folder, profile)?;
        let kept = file.read()?;
        Ok(Self { file: Some(file), kept: Mutex::new(kept) })
    }

    /// Carries a change that was made in memory to the file, and takes from there what other processes wrote.
    fn write(
        &self,
        kept: &mut Vec<Credentials>,
        change: impl FnOnce(&mut Vec<Credentials>),
        doing: &'static str,
    ) -> Result<(), Fault> {
        let Some(file) = &self.file else { return Ok(()) };
        // Its words only: the log shows sources as they are debugged.
        *kept = file.merge(kept, change).map_err(|failure| Fault::from_source(doing, failure.to_string()))?;
        Ok(())
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Credentials>> {
        // The list is whole after every statement that changes it.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wallet for Keystore {
    fn all(&self) -> Vec<Credentials> {
        self.kept().clone()
    }

    fn remember(&self, credentials: Credentials) -> Result<(), Fault> {
        let mut kept = self.kept();
        put(&mut kept, credentials.clone());
        self.write(&mut kept, |merged| put(merged, credentials), "keeping credentials for the next process")
    }

    fn forget(&self, conversation: ConversationId, session: &SessionId) -> Result<(), Fault> {
        let others = |it: &Credentials| (it.conversation, &it.session) != (conversation, session);
        let mut kept = self.kept();
        kept.retain(others);
        self.write(&mut kept, |merged| merged.retain(others), "forgetting credentials for the next process")
    }
}

/// The profile of everything that one Claude Code session starts: its servers and its hooks.
pub fn claude_profile(session_id: &str) -> String {
    format!("claude-{session_id}")
}

/// The profile of one thread of Codex, which has the id of its session unless it is a helper's; `None` when the id is not one that Codex draws.
pub(crate) fn codex_profile(thread_id: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let fits = (1..=CODEX_SESSION_MAX_BYTES).contains(&thread_id.len()) && thread_id.bytes().all(plain);
    fits.then(|| format!("codex-{thread_id}"))
}

/// The profile of the agent in whose shell a command runs: of `MAB_AGENT` or Claude Code's session, else of Codex's. Not for
/// `mab mcp`: any client that was started from such a shell has the variable too, and would get the agent's credentials.
pub(crate) fn profile_of_shell(config: &Config, environment: &Environment) -> Option<String> {
    config.agent.clone().or_else(|| codex_profile(environment.get(CODEX_THREAD)?))
}

/// Refuses a profile's name that fits no file name.
pub(crate) fn check_profile(profile: &str) -> Result<(), Denied> {
    if profile.len() <= PROFILE_MAX_BYTES {
        return Ok(());
    }
    let message = format!("the profile's name is longer than {PROFILE_MAX_BYTES} bytes");
    Err(Denied::new(Code::Misconfigured, message).hint("set a shorter MAB_AGENT"))
}

/// Where a profile is kept.
pub(crate) fn profile_path(agents: &Path, profile: &str) -> PathBuf {
    agents.join(format!("{}.json", file_name(profile)))
}

#[derive(Debug)]
struct ProfileFile {
    agents: PathBuf,
    path: PathBuf,
}

impl ProfileFile {
    fn new(folder: &DataFolder, profile: &str) -> Result<Self, Failure> {
        check_profile(profile)?;
        let agents = folder.agents();
        Ok(Self { path: profile_path(&agents, profile), agents })
    }

    fn read(&self) -> Result<Vec<Credentials>, Failure> {
        let Some(content) = folder::read_private(&self.path, FILE_MAX_BYTES)? else { return Ok(Vec::new()) };
        let parse = || {
            let stored: Stored = serde_json::from_slice(&content).ok()?;
            let known = stored.format == FORMAT;
            known
                .then(|| stored.credentials.iter().map(StoredCredentials::parse).collect::<Option<_>>())
                .flatten()
        };
        parse().ok_or_else(|| corrupted(&self.path))
    }

    /// Adds what we know to what other processes wrote, and changes that; writes it back and returns it.
    fn merge(
        &self,
        ours: &[Credentials],
        change: impl FnOnce(&mut Vec<Credentials>),
    ) -> Result<Vec<Credentials>, Failure> {
        folder::ensure_private_folder(&self.agents)?;
        let lock_path = self.agents.join(".lock");
        folder::ensure_private_file(&lock_path)?;
        let lock = OpenOptions::new().write(true).open(&lock_path);
        let lock = lock.and_then(|file| file.lock().map(|()| file));
        // Held until the end of the scope: the system releases it when the file is closed.
        let _lock = lock.map_err(|error| folder::refused(&error, &lock_path, "locking"))?;
        let mut merged = self.read()?;
        for credentials in ours {
            if !merged.iter().any(|other| same_place(other, credentials)) {
                merged.push(credentials.clone());
            }
        }
        change(&mut merged);
        let stored =
            Stored { format: FORMAT, credentials: merged.iter().map(StoredCredentials::of).collect() };
        let content =
            serde_json::to_vec(&stored).map_err(|error| Fault::from_source("writing a keystore", error))?;
        folder::replace(&self.path, &content, &OsRandom)?;
        Ok(merged)
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    format: u32,
    credentials: Vec<StoredCredentials>,
}

#[derive(Serialize, Deserialize)]
struct StoredCredentials {
    conversation_id: String,
    session_id: String,
    token: String,
}

impl StoredCredentials {
    fn of(credentials: &Credentials) -> Self {
        Self {
            conversation_id: credentials.conversation.to_string(),
            session_id: credentials.session.to_string(),
            token: credentials.token.reveal().to_owned(),
        }
    }

    fn parse(&self) -> Option<Credentials> {
        Some(Credentials {
            conversation: FromStr::from_str(&self.conversation_id).ok()?,
            session: FromStr::from_str(&self.session_id).ok()?,
            token: Token::presented(self.token.as_str()),
        })
    }
}

/// Puts credentials last, in place of earlier ones of the same agent; forgets the oldest beyond the limit.
fn put(kept: &mut Vec<Credentials>, credentials: Credentials) {
    kept.retain(|old| !same_place(old, &credentials));
    kept.push(credentials);
    let surplus = kept.len().saturating_sub(MAX_CREDENTIALS);
    kept.drain(..surplus);
}

fn same_place(one: &Credentials, other: &Credentials) -> bool {
    one.conversation == other.conversation && one.session == other.session
}

/// A file name that no other profile has: everything but letters, digits, `-` and `_` is written as `%` and two
/// hexadecimal digits.
fn file_name(profile: &str) -> String {
    let mut name = String::new();
    for byte in profile.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
            name.push(char::from(byte));
        } else {
            name.push('%');
            name.push_str(&hex::encode([byte]));
        }
    }
    name
}

fn corrupted(path: &Path) -> Failure {
    Denied::new(Code::Misconfigured, format!("{} is not a keystore this version can read", path.display()))
        .hint(format!(
            "restore it, or `mv {0} {0}.old` and join again with the tokens of `mab tokens CONVERSATION`",
            folder::quoted(path)
        ))
        .into()
}

/// The layout of the file.
const FORMAT: u32 = 1;
/// Leaves room for `.json` and the draft's tag in a file name of 255 bytes, even with every byte written as three.
const PROFILE_MAX_BYTES: usize = 64;
/// A session of Codex 0.169.0 is a UUID of 36 bytes (measured 2026-11-22); leaves room for what comes before it.
const CODEX_SESSION_MAX_BYTES: usize = 58;
/// Codex 0.169.0 sets it for the commands that its agents run (measured 2026-11-22).
const CODEX_THREAD: &str = "CODEX_THREAD_ID";
/// Conversations one profile remembers.
const MAX_CREDENTIALS: usize = 256;
/// More than a full file takes.
const FILE_MAX_BYTES: u64 = 256 * 1024;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn credentials(conversation: u8, session: &str, token: &str) -> Credentials {
        Credentials {
            conversation: format!("conv_{conversation:016x}").parse().unwrap(),
            session: session.parse().unwrap(),
            token: Token::presented(token),
        }
    }

    fn shown(keystore: &Keystore) -> Vec<(String, String, String)> {
        let show = |it: Credentials| {
            (it.conversation.to_string(), it.session.to_string(), it.token.reveal().to_owned())
        };
        keystore.all().into_iter().map(show).collect()
    }

    fn folder() -> (tempfile::TempDir, DataFolder) {
        let place = tempfile::tempdir().unwrap();
        let folder = DataFolder::open_or_create(&place.path().join("data")).unwrap();
        (place, folder)
    }

    #[test]
    fn credentials_when_remembered_are_there_for_the_next_process() {
        let (_place, folder) = folder();
        let first = Keystore::open(&folder, Some("alice")).unwrap();
        first.remember(credentials(1, "a", "old")).unwrap();
        first.remember(credentials(2, "b", "other")).unwrap();
        first.remember(credentials(1, "a", "new")).unwrap();
        let second = Keystore::open(&folder, Some("alice")).unwrap();
        assert_eq!(shown(&second), shown(&first));
        assert_eq!(shown(&second).iter().map(|it| it.2.as_str()).collect::<Vec<_>>(), ["other", "new"]);
    }

    #[test]
    fn credentials_without_a_profile_or_of_another_one_are_not_shared() {
        let (_place, folder) = folder();
        for profile in [None, Some("alice")] {
            Keystore::open(&folder, profile).unwrap().remember(credentials(1, "a", "x")).unwrap();
        }
        for other in [None, Some("bob"), Some("Alice"), Some("alice/"), Some("../alice")] {
            assert_eq!(shown(&Keystore::open(&folder, other).unwrap()), [], "{other:?}");
        }
    }

    #[test]
    fn two_processes_of_one_profile_when_both_write_lose_nothing() {
        let (_place, folder) = folder();
        let open = || Keystore::open(&folder, Some("alice")).unwrap();
        let (one, other) = (open(), open());
        std::thread::scope(|scope| {
            scope.spawn(|| (0..10).for_each(|n| one.remember(credentials(n, "a", "one")).unwrap()));
            scope.spawn(|| (10..20).for_each(|n| other.remember(credentials(n, "b", "other")).unwrap()));
        });
        assert_eq!(shown(&open()).len(), 20);
    }

    #[test]
    fn newer_token_of_another_process_is_kept() {
        let (_place, folder) = folder();
        let open = || Keystore::open(&folder, Some("alice")).unwrap();
        let one = open();
        one.remember(credentials(1, "a", "old")).unwrap();
        open().remember(credentials(1, "a", "rotated")).unwrap();
        one.remember(credentials(2, "a", "x")).unwrap();
        assert_eq!(shown(&one).iter().map(|it| it.2.as_str()).collect::<Vec<_>>(), ["rotated", "x"]);
    }

    #[test]
    fn credentials_when_forgotten_are_gone_here_and_for_the_next_process() {
        let (_place, folder) = folder();
        let open = || Keystore::open(&folder, Some("alice")).unwrap();
        let (one, unnamed) = (open(), Keystore::open(&folder, None).unwrap());
        for keystore in [&one, &unnamed] {
            for (conversation, session) in [(1, "a"), (1, "b"), (2, "a")] {
                keystore.remember(credentials(conversation, session, "x")).unwrap();
            }
            keystore.forget(credentials(1, "a", "").conversation, &"a".parse().unwrap()).unwrap();
            let left: Vec<_> = shown(keystore).into_iter().map(|it| (it.0, it.1)).collect();
            let expected = [("conv_0000000000000001", "b"), ("conv_0000000000000002", "a")];
            assert_eq!(left, expected.map(|(conversation, session)| (conversation.into(), session.into())));
        }
        assert_eq!(shown(&open()), shown(&one));
    }

    #[test]
    fn files_are_private_and_nothing_is_left_behind() {
        let (_place, folder) = folder();
        Keystore::open(&folder, Some("a b")).unwrap().remember(credentials(1, "a", "x")).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder.agents()), 0o700);
        let entries: std::collections::BTreeSet<_> = std::fs::read_dir(folder.agents())
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                assert_eq!(mode(&entry.path()), 0o600);
                entry.file_name().into_string().unwrap()
            })
            .collect();
        assert_eq!(entries, [".lock", "a%20b.json"].map(str::to_owned).into());
    }

    #[test]
    fn file_when_corrupted_is_refused_and_left_alone() {
        let (_place, folder) = folder();
        let keystore = Keystore::open(&folder, Some("alice")).unwrap();
        keystore.remember(credentials(1, "a", "x")).unwrap();
        let path = folder.agents().join("alice.json");
        for broken in ["", "{", r#"{"format":2,"credentials":[]}"#, r#"{"format":1,"credentials":[{}]}"#] {
            std::fs::write(&path, broken).unwrap();
            let Err(Failure::Denied(denied)) = Keystore::open(&folder, Some("alice")) else {
                panic!("{broken}")
            };
            assert!(denied.hint.is_some_and(|hint| hint.contains("join again")));
            let fault = keystore.remember(credentials(2, "a", "y")).unwrap_err();
            let logged = format!("{:?}", std::error::Error::source(&fault));
            assert!(
                logged.contains("alice.json is not a keystore") && !logged.contains("Denied"),
                "{logged}"
            );
            assert_eq!(std::fs::read_to_string(&path).unwrap(), broken);
        }
        assert_eq!(shown(&keystore).len(), 2, "still remembered within the process");
    }

    #[test]
    fn file_when_others_may_read_it_is_refused() {
        let (_place, folder) = folder();
        Keystore::open(&folder, Some("alice")).unwrap().remember(credentials(1, "a", "x")).unwrap();
        let path = folder.agents().join("alice.json");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Keystore::open(&folder, Some("alice")).is_err());
    }

    #[test]
    fn profile_when_too_long_is_refused_and_longest_fits_a_file_name() {
        let (_place, folder) = folder();
        assert!(Keystore::open(&folder, Some(&"x".repeat(65))).is_err());
        let longest = Keystore::open(&folder, Some(&" ".repeat(64))).unwrap();
        longest.remember(credentials(1, "a", "x")).unwrap();
    }

    #[test]
    fn oldest_when_too_many_are_forgotten() {
        let mut kept = Vec::new();
        for number in 0..=255 {
            put(&mut kept, credentials(number, "a", "x"));
        }
        put(&mut kept, credentials(0, "b", "y"));
        assert_eq!(kept.len(), MAX_CREDENTIALS);
        assert_eq!(
            kept.first().map(|it| it.conversation.to_string()).as_deref(),
            Some("conv_0000000000000001")
        );
    }
}
