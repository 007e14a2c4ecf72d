//! What an operator decides: which rules run, what becomes of what they find, and rules and values of their own.
//!
//! It may not read files, know the time or draw randomness: who makes a policy hands in texts, leaves out what has
//! expired, and brings the salt. To add a decision, add a field here with its check in [`Policy::check`].

mod allow;
mod custom;
mod deny;
mod dotenv;
mod fault;
mod gitleaks;
mod names;
mod required;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

pub use allow::Allowed;
pub(crate) use allow::retain as retain_allowed;
pub use custom::{CustomRule, WrittenRule};
pub use deny::{DeniedSecrets, LeftOut, Taken};
pub use fault::PolicyFault;
pub use gitleaks::LoadedRules;

use crate::everywhere::Everywhere;
use crate::rule::{Finder, Layer, Name, Rule};
use crate::{Class, Decodings, rules};

/// Which rules run, and what becomes of what they find.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Which rules run.
    pub profile: Profile,
    /// What becomes of what the rules of a class find that the profile lets run; default: [`Action::Redact`], and
    /// [`Action::Off`] for identifiers unless the profile is strict.
    pub classes: BTreeMap<Class, Action>,
    /// What becomes of what single rules find, by their ids; wins over class and profile.
    pub rules: BTreeMap<Name, Action>,
    /// Rules of the operator, which come before all others.
    pub custom: Vec<CustomRule>,
    /// Values that are no secrets; who makes the policy leaves out what has expired.
    pub allow: Vec<Allowed>,
    /// Secrets of the operator, which are always taken out (rule `denied-secret`, of which no class decides).
    pub denied: Vec<DeniedSecrets>,
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

impl Profile {
    /// Every profile, the most careful last.
    pub const ALL: [Self; 3] = [Self::Precise, Self::Balanced, Self::Strict];

    /// Its public name, such as `balanced`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Precise => "precise",
            Self::Balanced => "balanced",
            Self::Strict => "strict",
        }
    }
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 4] = [Self::Redact, Self::Block, Self::Warn, Self::Off];

    /// Its public name, such as `redact`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Redact => "redact",
            Self::Block => "block",
            Self::Warn => "warn",
            Self::Off => "off",
        }
    }
}

impl Policy {
    /// Says whether everything that the policy names is there.
    ///
    /// # Errors
    /// A [`PolicyFault`]: no rule has this id, or two rules have the same.
    pub fn check(&self) -> Result<(), PolicyFault> {
        let mut ids = BTreeSet::new();
        if let Some(twice) = self.custom.iter().find(|custom| !ids.insert(custom.id())) {
            return Err(PolicyFault::new(
                format!("rule {}: this id is there twice", twice.id()),
                "give each rule an id of its own",
            ));
        }
        let named = self.rules.keys().chain(self.allow.iter().filter_map(Allowed::rule));
        match named.into_iter().find(|id| self.all_rules().all(|rule| rule.id != **id)) {
            Some(id) => Err(PolicyFault::new(
                format!("there is no rule {id}"),
                "take it out, or correct the id; `mab redact --list-rules` shows every rule".to_owned(),
            )),
            None => Ok(()),
        }
    }

    /// Every rule in order of precedence: the operator's own first.
    pub(crate) fn all_rules(&self) -> impl Iterator<Item = Cow<'static, Rule>> {
        let denied = Rule::new(
            DENIED,
            rules::DENIED_SECRET,
            "Secret of the operator, from an environment file or a file of hashes",
            &[],
            Finder::Everywhere(Everywhere::Denied(self.denied.clone())),
        );
        std::iter::once(Cow::Owned(denied))
            .chain(self.custom.iter().map(|custom| Cow::Owned(custom.rule().clone())))
            .chain(rules::all().map(Cow::Borrowed))
    }

    /// The rules that change a text or refuse it. Those that refuse come first: where two rules see the same secret, the
    /// first one decides.
    pub(crate) fn acting_rules(&self) -> impl Iterator<Item = Cow<'static, Rule>> {
        self.rules_with(Action::Block).chain(self.rules_with(Action::Redact))
    }

    /// The rules that only warn.
    pub(crate) fn warning_rules(&self) -> impl Iterator<Item = Cow<'static, Rule>> {
        self.rules_with(Action::Warn)
    }

    fn rules_with(&self, action: Action) -> impl Iterator<Item = Cow<'static, Rule>> {
        self.all_rules().filter(move |rule| self.action(rule) == action)
    }

    /// What becomes of what `rule` finds.
    pub(crate) fn action(&self, rule: &Rule) -> Action {
        if let Some(action) = self.rules.get(&rule.id) {
            return *action;
        }
        let needs = match rule.layer {
            Layer::Format => Profile::Precise,
            Layer::Generic => Profile::Balanced,
            Layer::Entropy => Profile::Strict,
        };
        if needs > self.profile {
            return Action::Off;
        }
        if rule.id == DENIED {
            return Action::Redact;
        }
        let own = self.custom.iter().find(|custom| custom.action().is_some() && custom.id() == rule.id);
        if let Some(action) = own.and_then(CustomRule::action) {
            return action;
        }
        let is_half = rule.class == Class::Identifier && self.profile < Profile::Strict;
        let usual = if is_half { Action::Off } else { Action::Redact };
        self.classes.get(&rule.class).copied().unwrap_or(usual)
    }
}

/// Id of the rule for the operator's secrets.
const DENIED: &str = "denied-secret";
