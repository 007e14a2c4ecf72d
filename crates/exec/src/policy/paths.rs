//! Names of files and folders with a meaning of their own, compared without regard to case.

use super::file::PathNames;
use crate::secret_names::{HARMLESS, NAMES, without_backup};

/// Names that are hidden, shown all the same, or protected.
#[derive(Debug, Clone, Default)]
pub(crate) struct Paths {
    hidden: Names,
    shown: Names,
    protected: Names,
}

/// Names and parts of names, by their first byte or, for endings, their last: a command may name ten thousand folders.
#[derive(Debug, Clone, Default)]
struct Names {
    by_first: Places,
    by_last: Places,
}

/// For each byte, what may fit.
#[derive(Debug, Clone, Default)]
struct Places(Vec<Vec<Name>>);

#[derive(Debug, Clone)]
enum Name {
    Whole(String),
    Beginning(String),
    Ending(String),
}

impl Paths {
    /// What the sandboxes hide too.
    pub(super) fn of_secrets() -> Self {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let mut paths = Self::default();
        paths.hidden.add(&owned(NAMES));
        paths.shown.add(&owned(HARMLESS));
        paths
    }

    /// Adds what a file says. A project's file may show nothing.
    ///
    /// # Errors
    /// A name that would fit nothing, or everything.
    pub(super) fn add(&mut self, names: &PathNames) -> Result<(), String> {
        for name in names.hidden.iter().chain(&names.shown).chain(&names.protected) {
            let bare = name.strip_suffix('*').or_else(|| name.strip_prefix('*')).unwrap_or(name);
            if folded(bare).is_empty() || bare.contains(['/', '*']) {
                return Err(format!(
                    "`{name}` fits no file: give a name without `/`, with one `*` at its beginning or end"
                ));
            }
        }
        self.hidden.add(&names.hidden);
        self.shown.add(&names.shown);
        self.protected.add(&names.protected);
        Ok(())
    }

    /// Whether files and folders of this name are never read nor written.
    pub(crate) fn is_hidden(&self, name: &str) -> bool {
        let name = without_backup(name);
        if self.hidden.surely_not(name) {
            return false;
        }
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
            let (place, byte, name) = match (name.strip_suffix('*'), name.strip_prefix('*')) {
                (Some(beginning), _) => {
                    (&mut self.by_first, beginning.bytes().next(), Name::Beginning(beginning.to_owned()))
                }
                (None, Some(ending)) => {
                    (&mut self.by_last, ending.bytes().last(), Name::Ending(ending.to_owned()))
                }
                (None, None) => (&mut self.by_first, name.bytes().next(), Name::Whole(name)),
            };
            if let Some(byte) = byte {
                place.add(byte, name);
            }
        }
    }

    fn fit(&self, name: &str) -> bool {
        let fits = |known: &Name| known.fits(name);
        self.by_first.at(name.bytes().next()).iter().any(fits)
            || self.by_last.at(name.bytes().last()).iter().any(fits)
    }

    /// Whether no name of these fits, by the bytes at its ends alone; else nobody knows.
    fn surely_not(&self, name: &str) -> bool {
        let (Some(first), Some(last)) = (name.bytes().next(), name.bytes().last()) else { return true };
        let is_folded = first.is_ascii() && last.is_ascii() && !matches!(last, b'.' | b' ');
        is_folded
            && self.by_first.at(Some(first.to_ascii_lowercase())).is_empty()
            && self.by_last.at(Some(last.to_ascii_lowercase())).is_empty()
    }
}

impl Places {
    fn add(&mut self, byte: u8, name: Name) {
        self.0.resize(256, Vec::new());
        if let Some(place) = self.0.get_mut(usize::from(byte)) {
            place.push(name);
        }
    }

    fn at(&self, byte: Option<u8>) -> &[Name] {
        byte.and_then(|byte| self.0.get(usize::from(byte))).map_or(&[], Vec::as_slice)
    }
}

impl Name {
    fn fits(&self, name: &str) -> bool {
        match self {
            Self::Whole(known) => name == known,
            Self::Beginning(known) => name.starts_with(known.as_str()),
            Self::Ending(known) => name.ends_with(known.as_str()),
        }
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
