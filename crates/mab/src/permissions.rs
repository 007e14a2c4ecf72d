//! What the bridge needs to do with its folder and files, and the command that allows it.

use std::{
    fs::Metadata,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use mab_core::{Code, Denied, Failure};

use crate::{config::Config, folder, keystore};

/// One thing that keeps the bridge from working.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// What is wrong, naming the path.
    pub(crate) message: String,
    /// The command that mends it.
    pub(crate) command: String,
}

/// Compares owner and mode of everything that exists with what is needed, from the folder down.
pub(crate) fn problems(config: &Config) -> Vec<Problem> {
    let own = rustix::process::geteuid().as_raw();
    needs(config).into_iter().filter_map(|need| need.problem(own)).collect()
}

/// Puts the command that mends it in place of a hint that only says where to look.
pub(crate) fn explain(config: &Config, denied: Denied) -> Denied {
    if denied.code != Code::ReadOnly || denied.hint.as_deref().is_some_and(|hint| hint.starts_with("chmod")) {
        return denied;
    }
    match problems(config).into_iter().next() {
        Some(Problem { message, command }) => denied.hint(format!("{message}; run `{command}`")),
        None => denied,
    }
}

/// The same for anything that kept the bridge from opening.
pub(crate) fn explained(config: &Config, failure: Failure) -> Failure {
    match failure {
        Failure::Denied(denied) => Failure::Denied(explain(config, denied)),
        Failure::Fault(fault) => Failure::Fault(fault),
    }
}

/// What the owner has to be allowed on one path.
struct Need {
    path: PathBuf,
    /// Mode bits of the owner.
    bits: u32,
    folder: bool,
    is_data_folder: bool,
}

/// The key and a profile are never written in place, so reading them is enough.
fn needs(config: &Config) -> Vec<Need> {
    let agents = config.data_dir.join("agents");
    let folder = |path: &Path| Need {
        path: path.to_owned(),
        bits: 0o700,
        folder: true,
        is_data_folder: path == config.data_dir,
    };
    let file = |path: PathBuf, bits| Need { path, bits, folder: false, is_data_folder: false };
    let mut needs = vec![folder(&config.data_dir), file(config.data_dir.join("master.key"), 0o400)];
    for suffix in ["", "-wal", "-shm", "-turn", "-next"] {
        let mut path = config.database.clone().into_os_string();
        path.push(suffix);
        needs.push(file(path.into(), 0o600));
    }
    needs.push(folder(&agents));
    needs.push(file(agents.join(".lock"), 0o600));
    if let Some(profile) = &config.agent {
        needs.push(file(keystore::profile_path(&agents, profile), 0o400));
    }
    needs
}

impl Need {
    fn problem(&self, own: u32) -> Option<Problem> {
        let metadata = std::fs::metadata(&self.path).ok()?;
        let (path, quoted) = (self.path.display(), folder::quoted(&self.path));
        if metadata.is_dir() != self.folder {
            let (is, not) = if self.folder { ("file", "folder") } else { ("folder", "file") };
            let message = format!("{path} is a {is} where mab keeps a {not}");
            return Some(Problem { message, command: format!("mv {quoted} {quoted}.old") });
        }
        self.owner(&metadata, own).or_else(|| {
            let lacking = self.bits & !metadata.mode();
            let letters: String = [(0o400, 'r'), (0o200, 'w'), (0o100, 'x')]
                .into_iter()
                .filter_map(|(bit, letter)| (self.bits & bit != 0).then_some(letter))
                .collect();
            (lacking != 0).then(|| Problem {
                message: format!("{path} has mode {:03o}, which keeps mab out", metadata.mode() & 0o777),
                command: format!("chmod u+{letters} {quoted}"),
            })
        })
    }

    fn owner(&self, metadata: &Metadata, own: u32) -> Option<Problem> {
        (metadata.uid() != own).then(|| Problem {
            message: format!(
                "{} belongs to user {}, and mab runs as user {own}",
                self.path.display(),
                metadata.uid()
            ),
            // What root would take over as a whole is somebody's; a single file in its own folder went astray.
            command: if own == 0 && self.is_data_folder {
                format!("sudo -u '#{}' mab …", metadata.uid())
            } else {
                format!("sudo chown {own} {}", folder::quoted(&self.path))
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;
    use crate::{config::Flags, environment::Environment};

    fn filled() -> (tempfile::TempDir, Config) {
        let place = tempfile::tempdir().unwrap();
        let data_dir = place.path().join("my data");
        fs::create_dir_all(data_dir.join("agents")).unwrap();
        for name in ["bridge.db", "bridge.db-wal", "master.key", "agents/alice.json"] {
            fs::write(data_dir.join(name), "").unwrap();
        }
        let home = place.path().display().to_string();
        let environment = Environment::from([("HOME", home.as_str()), ("MAB_AGENT", "alice")]);
        let flags = Flags { data_dir: Some(data_dir), ..Flags::default() };
        (place, Config::load(&flags, &environment).unwrap())
    }

    #[test]
    fn everything_in_order_is_no_problem() {
        let (_place, config) = filled();
        assert_eq!(problems(&config), []);
    }

    #[test]
    fn whatever_keeps_the_owner_out_is_named_with_the_chmod() {
        for (name, mode, change) in [
            ("bridge.db", 0o400, "u+rw"),
            ("bridge.db-wal", 0o200, "u+rw"),
            ("master.key", 0o200, "u+r"),
            ("agents", 0o500, "u+rwx"),
            ("agents/alice.json", 0o200, "u+r"),
        ] {
            let (_place, config) = filled();
            let path = config.data_dir.join(name);
            // Only root sees what is inside a folder it may not enter.
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let found = problems(&config);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
            let command = format!("chmod {change} '{}'", path.display());
            assert_eq!(found.iter().map(|it| it.command.as_str()).collect::<Vec<_>>(), [command], "{name}");
        }
    }

    #[test]
    fn whatever_belongs_to_somebody_else_is_named_with_the_chown() {
        let (_place, config) = filled();
        if std::os::unix::fs::chown(&config.database, Some(4_242), None).is_err() {
            // Only root may give files away; then there is nothing to test here.
            return;
        }
        let found = problems(&config);
        let own = rustix::process::geteuid().as_raw();
        let command = format!("sudo chown {own} '{}'", config.database.display());
        assert_eq!(found.iter().map(|it| it.command.as_str()).collect::<Vec<_>>(), [command]);
        // Root does not take a folder over that is another user's bridge.
        std::os::unix::fs::chown(&config.data_dir, Some(4_242), None).unwrap();
        let command = problems(&config).into_iter().next().map(|problem| problem.command);
        assert_eq!(command.as_deref(), Some("sudo -u '#4242' mab …"));
    }

    #[test]
    fn refusal_to_write_carries_the_command_and_others_stay() {
        let (_place, config) = filled();
        fs::set_permissions(&config.database, fs::Permissions::from_mode(0o400)).unwrap();
        let refused = Denied::new(Code::ReadOnly, "no").hint("run `mab doctor`");
        let hint = explain(&config, refused).hint.unwrap_or_default();
        assert!(hint.contains("chmod u+rw '") && hint.contains("bridge.db'"), "{hint}");
        let busy = Denied::new(Code::Busy, "no").hint("wait");
        assert_eq!(explain(&config, busy.clone()), busy);
    }
}
