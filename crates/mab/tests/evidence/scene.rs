//! A data folder of two agents on two days, and what verifying a copy of it says.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::home::{Agent, Anything, Home};

/// Messages of each day.
pub(crate) const A_DAY: u64 = 4;

/// A folder as it was at the end of one day, and as it is.
pub(crate) struct Scene {
    pub(crate) home: Home,
    pub(crate) conversation: String,
    /// The data folder of the day before.
    yesterday: TempDir,
    /// The head that the newest answer told.
    pub(crate) head: String,
}

/// A copy that anything may be done to.
pub(crate) struct Copy(TempDir);

/// What verifying said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) exit: Option<i32>,
    /// Kind, and the first bad entry; warnings apart.
    pub(crate) found: Vec<(String, Option<u64>)>,
    pub(crate) warnings: Vec<String>,
    pub(crate) answer: Value,
}

impl Scene {
    pub(crate) fn new() -> Anything<Self> {
        let home = Home::new()?;
        let (mut a, mut b) =
            (home.agent_with(&[("MAB_AGENT", "a")])?, home.agent_with(&[("MAB_AGENT", "b")])?);
        let opened = a.call(
            "create_conversation",
            &json!({"my_role": "backend", "partner_role": "frontend", "topic": "evidence"}),
        )?;
        let text = |name: &str| opened.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (conversation, token) = (text("conversation_id"), text("session_b_token"));
        let credentials = json!({"conversation_id": conversation, "session_id": "b", "token": token});
        b.call("join_conversation", &credentials)?;
        talk(&mut a)?;
        a.leave()?;
        b.leave()?;
        let yesterday = copied(&home.data())?;
        let mut a = home.agent_with(&[("MAB_AGENT", "a")])?;
        let head = talk(&mut a)?;
        a.leave()?;
        Ok(Self { home, conversation, yesterday, head })
    }

    /// The folder as it is.
    pub(crate) fn copy(&self) -> Anything<Copy> {
        copied(&self.home.data()).map(Copy)
    }

    /// The folder of the day before.
    pub(crate) fn yesterday(&self) -> &Path {
        self.yesterday.path()
    }

    /// Verifies a copy.
    pub(crate) fn verify(&self, copy: &Copy, words: &[&str]) -> Anything<Verdict> {
        self.verify_at(copy.path(), words)
    }

    pub(crate) fn verify_at(&self, folder: &Path, words: &[&str]) -> Anything<Verdict> {
        let folder = folder.display().to_string();
        let all = [&["audit", "verify", "--json", "--data-dir", &folder][..], words].concat();
        let run = self.home.mab(&all)?;
        let answer = run.json().unwrap_or(Value::String(run.stderr));
        let findings = answer.get("findings").and_then(Value::as_array).cloned().unwrap_or_default();
        let kind =
            |finding: &Value| finding.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
        let (warnings, found): (Vec<_>, Vec<_>) =
            findings.iter().partition(|finding| finding.get("warning") == Some(&json!(true)));
        let found = found.into_iter().map(|it| (kind(it), it.get("n").and_then(Value::as_u64))).collect();
        Ok(Verdict { exit: run.exit, found, warnings: warnings.into_iter().map(kind).collect(), answer })
    }

    /// Asserts that a copy is found to be tampered with in exactly this way.
    pub(crate) fn assert_found(&self, copy: &Copy, words: &[&str], kind: &str, n: Option<u64>) -> Anything {
        let verdict = self.verify(copy, words)?;
        assert_eq!(verdict.exit, Some(9), "{kind}: {verdict:?}");
        assert_eq!(verdict.found.first(), Some(&(kind.to_owned(), n)), "{verdict:?}");
        Ok(())
    }
}

/// Sends a day's messages; returns the newest head.
fn talk(agent: &mut Agent) -> Anything<String> {
    let mut head = String::new();
    for n in 0..A_DAY {
        let sent = agent.call("send_to_partner", &json!({"message": format!("message {n}")}))?;
        sent.get("audit").and_then(Value::as_str).unwrap_or_default().clone_into(&mut head);
    }
    Ok(head)
}

impl Copy {
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Runs SQL on the database, and leaves it closed.
    pub(crate) fn sql(&self, sql: &str) -> Anything {
        let connection = Connection::open(self.file("bridge.db"))?;
        connection.execute_batch(sql)?;
        connection.close().map_err(|(_, error)| error)?;
        Ok(())
    }

    /// Changes the first of these bytes in a file.
    pub(crate) fn bytes(&self, name: &str, from: &[u8], to: &[u8]) -> Anything {
        let mut bytes = fs::read(self.file(name))?;
        let at = bytes.windows(from.len()).position(|window| window == from).ok_or("no such bytes")?;
        bytes.splice(at..at + from.len(), to.iter().copied());
        fs::write(self.file(name), bytes)?;
        Ok(())
    }

    /// Takes a file from elsewhere.
    pub(crate) fn take(&self, from: &Path, name: &str) -> Anything {
        fs::copy(from.join(name), self.file(name))?;
        Ok(())
    }
}

/// The files of a data folder, in a folder of their own.
fn copied(from: &Path) -> Anything<TempDir> {
    let to = TempDir::new()?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.path().join(entry.file_name()))?;
        }
    }
    // The program ends without emptying the log.
    let connection = Connection::open(to.path().join("bridge.db"))?;
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(to)
}
