//! A home, a project and clients that are shell scripts.

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) type Anything<T = ()> = Result<T, Box<dyn Error>>;

/// A home with a project in it.
pub(crate) struct Home(TempDir);

/// What one run of the program left.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) exit: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    pub(crate) fn new() -> Anything<Self> {
        let home = Self(TempDir::new()?);
        fs::create_dir_all(home.project().join(".git"))?;
        fs::create_dir_all(home.project().join("src"))?;
        fs::create_dir(home.path().join("bin"))?;
        fs::create_dir_all(home.path().join(".local/state"))?;
        Ok(home)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.path().join("project")
    }

    /// Runs the program somewhere inside the project.
    pub(crate) fn mab(&self, words: &[&str]) -> Anything<Run> {
        self.mab_with(words, &[])
    }

    pub(crate) fn mab_with(&self, words: &[&str], variables: &[(&str, &str)]) -> Anything<Run> {
        self.run(Path::new(env!("CARGO_BIN_EXE_mab")), words, variables)
    }

    pub(crate) fn run(&self, program: &Path, words: &[&str], variables: &[(&str, &str)]) -> Anything<Run> {
        #[expect(clippy::disallowed_methods, reason = "the tests run the program")]
        let mut command = Command::new(program);
        command.args(words).env_clear().env("HOME", self.path()).stdin(Stdio::null());
        // Clients of this machine are no part of a test.
        command.env("PATH", self.path().join("bin"));
        let output =
            command.envs(variables.iter().copied()).current_dir(self.project().join("src")).output()?;
        Ok(Run {
            exit: output.status.code(),
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        })
    }

    /// Puts a client on the `PATH` that says this version, and this when it is asked for its servers.
    pub(crate) fn client(&self, name: &str, version: &str, list: &str) -> Anything {
        let script =
            format!("#!/bin/sh\ncase $1 in --version) echo '{version}';; *) printf '{list}';; esac\n");
        let path = self.path().join("bin").join(name);
        fs::write(&path, script)?;
        Ok(fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Anything<PathBuf> {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().ok_or("no folder")?)?;
        fs::write(&path, content)?;
        Ok(path)
    }

    /// Every file with its mode and content, and every link; folders too.
    pub(crate) fn everything(&self) -> Anything<BTreeMap<PathBuf, String>> {
        let mut all = BTreeMap::new();
        look(self.path(), &mut all)?;
        Ok(all)
    }

    /// The backups that are left anywhere.
    pub(crate) fn backups(&self) -> Anything<Vec<PathBuf>> {
        let is_backup = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "before");
        Ok(self.everything()?.into_keys().filter(is_backup).collect())
    }
}

#[cfg(test)]
fn look(folder: &Path, all: &mut BTreeMap<PathBuf, String>) -> Anything {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let metadata = fs::symlink_metadata(&path)?;
        let mode = metadata.permissions().mode();
        let content = if metadata.is_dir() {
            look(&path, all)?;
            "folder".to_owned()
        } else if metadata.is_symlink() {
            fs::read_link(&path)?.display().to_string()
        } else if metadata.is_file() {
            String::from_utf8_lossy(&fs::read(&path)?).into_owned()
        } else {
            "special".to_owned()
        };
        all.insert(path, format!("{mode:o} {content}"));
    }
    Ok(())
}

impl Run {
    pub(crate) fn json(&self) -> Anything<Value> {
        Ok(serde_json::from_str(&self.stdout).map_err(|error| format!("{error}: {self:?}"))?)
    }

    /// The run, if it ended well.
    pub(crate) fn ok(self) -> Anything<Self> {
        if self.exit == Some(0) { Ok(self) } else { Err(format!("{self:?}").into()) }
    }
}
