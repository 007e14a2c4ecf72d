//! Names of files and folders with a meaning of their own, compared without regard to case.

use super::file::PathNames;

/// Names that are hidden, shown all the same, or protected.
#[derive(Debug, Clone, Default)]
pub(crate) struct Paths {
    hidden: Names,
    shown: Names,
    protected: Names,
}

#[derive(Debug, Clone, Default)]
struct Names {
    whole: std::collections::HashSet<String>,
    beginnings: Vec<String>,
    endings: Vec<String>,
}

impl Paths {
    /// Adds what a file says. A project's file may show nothing.
    pub(super) fn add(&mut self, names: &PathNames) {
        self.hidden.add(&names.hidden);
        self.shown.add(&names.shown);
        self.protected.add(&names.protected);
    }

    /// Whether files and folders of this name are never read nor written.
    pub(crate) fn is_hidden(&self, name: &str) -> bool {
        let name = folded(name);
        self.hidden.fit(&name) && !self.shown.fit(&name)
    }

    /// Whether files and folders of this name are never written.
    pub(crate) fn is_protected(&self, name: &str) -> bool {
        let name = folded(name);
        self.protected.fit(&name) || self.hidden.fit(&name)
    }
}

impl Names {
    fn add(&mut self, names: &[String]) {
        for name in names {
            let name = folded(name).into_owned();
            match (name.strip_suffix('*'), name.strip_prefix('*')) {
                (Some(beginning), _) => self.beginnings.push(beginning.to_owned()),
                (None, Some(ending)) => self.endings.push(ending.to_owned()),
                (None, None) => drop(self.whole.insert(name)),
            }
        }
    }

    fn fit(&self, name: &str) -> bool {
        self.beginnings.iter().any(|beginning| name.starts_with(beginning.as_str()))
            || self.endings.iter().any(|ending| name.ends_with(ending.as_str()))
            || self.whole.contains(name)
    }
}

/// `name` in lower case, full-width forms as their ASCII, without trailing dots and spaces: what file systems that fold
/// names take for the same. Invisible characters were refused before.
fn folded(name: &str) -> std::borrow::Cow<'_, str> {
    let name = name.trim_end_matches(['.', ' ']);
    if name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return name.into();
    }
    let narrow = |found: char| match found {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(found) - 0xfee0).unwrap_or(found),
        '\u{17f}' => 's',
        _ => found,
    };
    name.chars().map(narrow).flat_map(char::to_lowercase).collect::<String>().into()
}
