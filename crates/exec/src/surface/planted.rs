//! What a run left that others would obey, in words for people and for programs.

use std::fmt;

use serde::Serialize;

/// One thing that a run left, or that changed while it ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Planted {
    /// Where, below the workspace, with every control character escaped.
    pub path: String,
    /// What it is.
    pub what: What,
    /// How it came.
    pub change: Change,
    /// Of a configuration: the settings that are new and may name a program, file or folder.
    pub settings: Vec<String>,
    /// What was done about it.
    #[serde(flatten)]
    pub done: Done,
}

/// What others would obey. The worst first, because a list that is too long is cut at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A file that runs as its owner, or with its group.
    Setuid,
    /// What git obeys in a repository: a configuration, where it lies, what a rebase goes on with.
    GitSettings,
    /// What git runs in a repository.
    GitHook,
    /// A repository, or a file that sends git to one.
    Repository,
    /// An index that lists a path as a repository of its own.
    Gitlink,
    /// Settings of an editor, agent, shell or package manager.
    Settings,
    /// Not everything could be looked at.
    NotSeen,
    /// There is more than is listed.
    More,
}

/// How it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It was not there before.
    Made,
    /// It was there, and is another.
    Changed,
    /// It is gone.
    Removed,
}

/// What was done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "done", rename_all = "snake_case")]
pub enum Done {
    /// Nothing.
    Told,
    /// Nothing: no command can write there, so that it may be somebody else's edit.
    ToldOfOthers,
    /// It was renamed.
    SetAside {
        /// What it is called now, in the same folder.
        to: String,
    },
    /// The bits were taken away.
    Cleared,
    /// It was to be disarmed, and could not be.
    Failed {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Planted {
    /// One sentence.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match self.what {
            What::NotSeen => {
                return f.write_str(
                    "not everything in the workspace could be looked at; what a command left there is not known",
                );
            }
            What::More => return write!(f, "{path} more paths like these are not listed"),
            What::Setuid
            | What::GitSettings
            | What::GitHook
            | What::Repository
            | What::Gitlink
            | What::Settings => {}
        }
        let change = match self.change {
            Change::Made => "made",
            Change::Changed => "changed",
            Change::Removed => "removed",
        };
        if self.done == Done::ToldOfOthers {
            write!(
                f,
                "{path} was {change} during the run, though the command is kept from it: look at it, unless it was you"
            )?;
        } else {
            write!(f, "{path} was {change} by the command: {}", self.obeyed_by())?;
        }
        match &self.done {
            Done::Told | Done::ToldOfOthers => Ok(()),
            Done::SetAside { to } => write!(f, "; it is called {to} now, rename it back to undo that"),
            Done::Cleared => f.write_str("; those bits were taken away"),
            Done::Failed { reason } => write!(f, "; it could not be disarmed: {reason}"),
        }
    }
}

impl Planted {
    fn obeyed_by(&self) -> String {
        match self.what {
            What::Setuid => "who runs it would run it as its owner or group".to_owned(),
            What::GitSettings if self.settings.is_empty() => "git would obey it".to_owned(),
            What::GitSettings => format!("git would obey {}", self.settings.join(", ")),
            What::GitHook => "git would run it".to_owned(),
            What::Repository => "git would obey the settings of a repository there".to_owned(),
            What::Gitlink => "git would look into it as a repository of its own".to_owned(),
            What::Settings => "editors, agents or shells may obey it".to_owned(),
            What::NotSeen | What::More => String::new(),
        }
    }
}
