//! What an operator decides: which rules run, and what becomes of what they find.

use std::collections::BTreeMap;

use crate::rule::{Layer, Name, Rule};
use crate::{Class, Decodings};

/// Which rules run, and what becomes of what they find.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Which rules run.
    pub profile: Profile,
    /// What becomes of what a whole class finds; default: [`Action::Redact`].
    pub classes: BTreeMap<Class, Action>,
    /// What becomes of what single rules find, by their ids; wins over their class.
    pub rules: BTreeMap<Name, Action>,
    /// How many encodings inside of each other are undone.
    pub decodings: Decodings,
}

/// Which rules run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// Only formats that cannot be mistaken: tokens with a prefix, keys next to the name of their service, private keys.
    Precise,
    /// These, and values whose key, header, URL or sentence names a secret.
    #[default]
    Balanced,
    /// These, and identifiers that are half a credential, and values that merely look generated.
    Strict,
}

/// What becomes of a secret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// It is replaced by the placeholder.
    #[default]
    Redact,
    /// The whole text is refused.
    Block,
    /// It stays and is reported.
    Warn,
    /// Nobody looks for it.
    Off,
}

impl Policy {
    /// What becomes of what `rule` finds.
    pub(crate) fn action(&self, rule: &Rule) -> Action {
        let by_class = || self.classes.get(&rule.class).copied();
        self.rules.get(&rule.id).copied().or_else(by_class).unwrap_or_else(|| self.by_profile(rule))
    }

    /// Whether the profile lets the rule run.
    fn by_profile(&self, rule: &Rule) -> Action {
        let needs = match (rule.layer, rule.class) {
            (_, Class::Identifier) | (Layer::Entropy, _) => Profile::Strict,
            (Layer::Generic, _) => Profile::Balanced,
            (Layer::Format, _) => Profile::Precise,
        };
        if needs <= self.profile { Action::Redact } else { Action::Off }
    }
}
