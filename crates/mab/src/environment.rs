//! The process's environment, read once by `main.rs` and passed on, so that nothing else depends on it.

use std::{collections::BTreeMap, path::PathBuf};

/// Environment variables by name.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Takes the variables of this process. A variable that is not UTF-8 is left out. Called by `main.rs` only.
    ///
    /// Those that load code (`LD_…`) are taken from what the system keeps as well: code that is loaded before `main` can
    /// take them out of what a process sees.
    pub fn from_process() -> Self {
        let variables = std::env::vars_os();
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let kept = std::fs::read("/proc/self/environ").unwrap_or_default();
        Self(loading(&kept).chain(variables.filter_map(text)).collect())
    }

    /// The value of one variable; an empty one counts as unset.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Names that are set and start with `prefix`, in order.
    pub fn names_with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(name, value)| name.starts_with(prefix) && !value.is_empty())
            .map(|(name, _)| name.as_str())
    }

    /// An absolute folder from a variable of the XDG base directory specification, which says to ignore relative ones.
    pub(crate) fn absolute_folder(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from).filter(|path| path.is_absolute())
    }
}

/// Variables that load code, out of the lines of `/proc/self/environ`.
fn loading(kept: &[u8]) -> impl Iterator<Item = (String, String)> {
    let lines = kept.split(|byte| *byte == 0).filter_map(|line| std::str::from_utf8(line).ok());
    let variables = lines.filter_map(|line| line.split_once('='));
    variables
        .filter(|(name, _)| name.starts_with("LD_"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
}

impl<'a, I: IntoIterator<Item = (&'a str, &'a str)>> From<I> for Environment {
    fn from(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_when_empty_counts_as_unset() {
        let environment = Environment::from([("MAB_AGENT", ""), ("MAB_LOG", "debug")]);
        assert_eq!(environment.get("MAB_AGENT"), None);
        assert_eq!(environment.names_with_prefix("MAB_").collect::<Vec<_>>(), ["MAB_LOG"]);
    }

    #[test]
    fn folder_when_relative_is_ignored() {
        let environment = Environment::from([("XDG_DATA_HOME", "data"), ("HOME", "/home/x")]);
        assert_eq!(environment.absolute_folder("XDG_DATA_HOME"), None);
        assert_eq!(environment.absolute_folder("HOME"), Some(PathBuf::from("/home/x")));
    }

    #[test]
    fn variable_that_loads_code_is_seen_though_that_code_hides_it() {
        let found: Vec<_> = loading(b"HOME=/home/x\0LD_PRELOAD=/x=y.so\0LD\0\xff=1\0").collect();
        assert_eq!(found, [("LD_PRELOAD".to_owned(), "/x=y.so".to_owned())]);
    }
}
