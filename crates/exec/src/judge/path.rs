//! Which paths a command may name: below the workspace, and none that holds a secret or the bridge's own state.

use std::ffi::OsStr;

use crate::{Resolved, Workspace, policy::Paths};

/// Where the words of a command are looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// Names that are hidden or protected.
    pub(crate) paths: &'a Paths,
    /// The workspace; without one, paths are judged by their text alone.
    pub(crate) workspace: Option<&'a Workspace>,
}

/// Longest path that the kernel takes (`PATH_MAX`, Linux).
const PATH_MAX_BYTES: usize = 4096;
/// Deepest path that is looked at.
const DEPTH_MAX: usize = 32;

impl Scope<'_> {
    /// Whether a command may read `path`.
    pub(crate) fn may_read(&self, path: &str) -> Result<(), String> {
        if path == "-" {
            return Ok(());
        }
        self.is_shown(self.below(path)?)?;
        self.leads_shown(path)
    }

    /// Whether a command may write `path`, when a person agrees.
    pub(crate) fn may_write(&self, path: &str) -> Result<(), String> {
        self.may_read(path)?;
        let protected = self.below(path)?.split('/').find(|name| self.paths.is_protected(name));
        match protected {
            Some(name) => return Err(decides(name)),
            None if path == "-" => return Err("`-` is no file to write".to_owned()),
            None => {}
        }
        self.leads(path, |name| self.paths.is_protected(name)).map_err(|wrong| match wrong {
            Wrong::Outside => format!("`{path}` leads outside the workspace"),
            Wrong::Name(name) => decides(&name),
        })
    }

    /// Whether a word that may be a path leads, where it is one, to what may be read.
    pub(crate) fn may_lead(&self, path: &str) -> Result<(), String> {
        if path.is_empty() || path == "-" { Ok(()) } else { self.leads_shown(path) }
    }

    /// Whether `path` names nothing hidden; where it leads is not asked.
    pub(crate) fn is_shown(&self, path: &str) -> Result<(), String> {
        match path.split('/').find(|name| self.paths.is_hidden(name)) {
            Some(name) => {
                Err(format!("`{name}` is hidden from commands: the policy hides it, as it may hold secrets"))
            }
            None => Ok(()),
        }
    }

    fn leads_shown(&self, path: &str) -> Result<(), String> {
        self.leads(path, |name| self.paths.is_hidden(name)).map_err(|wrong| match wrong {
            Wrong::Outside => format!("`{path}` leads outside the workspace"),
            Wrong::Name(name) => {
                format!("`{path}` leads to `{name}`, which is hidden from commands by the policy")
            }
        })
    }

    /// Whether `path` leads, through links, to nothing outside and to nothing with a name that `is_wrong`.
    fn leads(&self, path: &str, is_wrong: impl Fn(&str) -> bool) -> Result<(), Wrong> {
        let Some(workspace) = self.workspace else { return Ok(()) };
        let (found, real) = workspace.real(OsStr::new(path));
        if found == Resolved::Outside {
            return Err(Wrong::Outside);
        }
        let mut names = real.iter().map(OsStr::to_string_lossy);
        names.find(|name| is_wrong(name)).map_or(Ok(()), |name| Err(Wrong::Name(name.into_owned())))
    }

    /// `path` as it is written below the workspace.
    fn below<'p>(&self, path: &'p str) -> Result<&'p str, String> {
        let outside = || Err(format!("`{path}` is outside the workspace; give a path from the workspace"));
        if path.is_empty() {
            return Err("an empty word is no path".to_owned());
        }
        if path.len() > PATH_MAX_BYTES || path.bytes().filter(|&byte| byte == b'/').count() > DEPTH_MAX {
            return Err("a path is too long or too deep".to_owned());
        }
        if path.starts_with('~') || path.contains("..") && path.split('/').any(|name| name == "..") {
            return outside();
        }
        if !path.starts_with('/') {
            return Ok(path);
        }
        let root = self.workspace.and_then(|workspace| workspace.path().to_str());
        match root.and_then(|root| path.strip_prefix(root)) {
            Some("") => Ok("."),
            Some(rest) if rest.starts_with('/') => Ok(rest.trim_start_matches('/')),
            Some(_) | None => outside(),
        }
    }
}

/// Why a path may not be used.
enum Wrong {
    Outside,
    Name(String),
}

fn decides(name: &str) -> String {
    format!("`{name}` may not be changed: it decides what other programs run")
}
