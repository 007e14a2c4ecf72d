//! The checks of `mab doctor` that look at the data folder and the files in it.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use mab_service::Wallet as _;

use crate::{
    cli::{Trouble, doctor::Check},
    config::Config,
    folder::{DataFolder, quoted},
    keystore::{self, Keystore},
    permissions::problems,
};

/// Most files of the data folder that are looked at.
const FILES_MAX: usize = 1_000;

/// Whether we may do what we must with the data folder, and others nothing.
pub(super) fn folder(config: &Config) -> Vec<Check> {
    let (name, path) = ("data folder", &config.data_dir);
    if fs::symlink_metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        let message = format!("{} does not exist yet", path.display());
        let hint = "an agent's first `mab mcp` creates it; check --data-dir and MAB_DATA_DIR";
        return vec![Check::warn(name, message, hint)];
    }
    let unusable: Vec<Check> =
        problems(config).into_iter().map(|it| Check::fail(name, it.message, it.command)).collect();
    if !unusable.is_empty() {
        return unusable;
    }
    if let Err(failure) = DataFolder::open(path) {
        return vec![Check::trouble(name, &failure.into())];
    }
    let loose = loose_entries(path);
    match loose.first() {
        None => vec![Check::good(name, format!("{}, for its owner only", path.display()))],
        Some(first) => {
            let message = format!("{} of its entries are open to others, such as {first}", loose.len());
            vec![Check::warn(name, message, format!("chmod -R go= {}", quoted(path)))]
        }
    }
}

/// Whether the credentials of the current profile can be read and kept.
pub(super) fn profile(config: &Config) -> Vec<Check> {
    let name = "profile";
    let Some(profile) = &config.agent else {
        let message = "none: credentials last as long as the process that was given them".to_owned();
        return vec![Check::good(name, message)];
    };
    if let Err(denied) = keystore::check_profile(profile) {
        return vec![Check::trouble(name, &denied.into())];
    }
    // What is wrong with the folder has its own check.
    let Ok(Some(folder)) = DataFolder::open(&config.data_dir) else { return Vec::new() };
    vec![match Keystore::open(&folder, Some(profile)) {
        Ok(kept) => match kept.all().len() {
            0 => Check::good(name, format!("{profile}, which remembers no conversation yet")),
            count => Check::good(name, format!("{profile}, which remembers {count} of its conversations")),
        },
        Err(failure) => Check::trouble(name, &Trouble::from(failure)),
    }]
}

fn loose_entries(path: &Path) -> Vec<String> {
    let loose =
        |entry: &Path| fs::symlink_metadata(entry).is_ok_and(|entry| entry.permissions().mode() & 0o077 != 0);
    let inside = fs::read_dir(path).into_iter().flatten().flatten().take(FILES_MAX).map(|entry| entry.path());
    std::iter::once(path.to_owned())
        .chain(inside)
        .filter(|entry| loose(entry))
        .map(|entry| entry.display().to_string())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::doctor::State, config::Flags, environment::Environment};

    fn config(place: &Path, agent: &str) -> Config {
        let home = place.display().to_string();
        let environment = Environment::from([("HOME", home.as_str()), ("MAB_AGENT", agent)]);
        Config::load(&Flags { data_dir: Some(place.join("data")), ..Flags::default() }, &environment).unwrap()
    }

    fn states(checks: &[Check]) -> Vec<State> {
        checks.iter().map(|check| check.state).collect()
    }

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn folder_when_others_can_read_it_warns_with_the_chmod() {
        let place = tempfile::tempdir().unwrap();
        let config = config(place.path(), "");
        DataFolder::open_or_create(&config.data_dir).unwrap();
        assert_eq!(states(&folder(&config)), [State::Good]);
        let file = config.data_dir.join("x");
        fs::write(&file, "").unwrap();
        chmod(&file, 0o640);
        let checks = folder(&config);
        assert_eq!(states(&checks), [State::Warn]);
        let hint = format!("chmod -R go= {}", config.data_dir.display());
        assert_eq!(checks.first().and_then(|check| check.hint.clone()), Some(hint));
    }

    #[test]
    fn folder_when_missing_warns_and_is_not_created() {
        let place = tempfile::tempdir().unwrap();
        let config = config(place.path(), "");
        let checks = folder(&config);
        assert_eq!(states(&checks), [State::Warn]);
        assert!(checks.iter().all(|check| check.message.ends_with("does not exist yet")));
        assert!(!config.data_dir.exists());
    }

    #[test]
    fn profile_when_corrupted_or_too_long_fails() {
        let place = tempfile::tempdir().unwrap();
        let alice = config(place.path(), "alice");
        let agents = DataFolder::open_or_create(&alice.data_dir).unwrap().agents();
        assert_eq!(states(&profile(&alice)), [State::Good]);
        fs::create_dir(&agents).unwrap();
        chmod(&agents, 0o700);
        fs::write(agents.join("alice.json"), "{").unwrap();
        chmod(&agents.join("alice.json"), 0o600);
        assert_eq!(states(&profile(&alice)), [State::Fail]);
        assert_eq!(states(&profile(&config(place.path(), &"x".repeat(65)))), [State::Fail]);
        chmod(&agents, 0o500);
        let checks = folder(&alice);
        assert_eq!(states(&checks), [State::Fail]);
        let hint = format!("chmod u+rwx {}", agents.display());
        assert_eq!(checks.first().and_then(|check| check.hint.clone()), Some(hint));
        chmod(&agents, 0o700);
    }
}
