//! The way of one text: find, merge, propagate, render, and again until nothing is found.

use std::cell::Cell;
use std::fmt;
use std::sync::OnceLock;

use crate::engine::Engine;
use crate::fingerprint::Placeholders;
use crate::merge::{OffsetMap, merge, render};
use crate::policy::{Action, Policy, retain_allowed};
use crate::propagate::propagate;
use crate::rule::Match;
use crate::scope::{self, Scope, Scoped};
use crate::text::Text;
use crate::{Redacted, Redaction, Refusal, RuleInfo, escape, json, shape, view, warning};

/// Finds and replaces secrets; cheap to share in an `Arc`.
///
/// *Memory*: an empty shell until the first text; then one automaton of the literals, and the patterns of the rules whose
/// literal was seen at least once.
pub struct Redactor {
    policy: Policy,
    /// Whether some rule only warns.
    warns: bool,
    engine: OnceLock<Option<Engine>>,
    /// The rules that only warn, apart from the others so that they never get in their way.
    warner: OnceLock<Option<Engine>>,
}

impl Redactor {
    /// Makes an engine with the rules of this crate; nothing is compiled before the first [`Redactor::redact`].
    pub fn new() -> Self {
        Self::with_policy(Policy::default())
    }

    /// Makes an engine with the rules that `policy` lets run; [`Policy::check`] says whether it means something.
    pub fn with_policy(policy: Policy) -> Self {
        let warns = policy.warning_rules().next().is_some();
        Self { policy, warns, engine: OnceLock::new(), warner: OnceLock::new() }
    }

    /// Replaces the value of every secret in `text` by its placeholder.
    ///
    /// The result is valid UTF-8, JSON stays JSON, and redacting it again changes nothing. Time is linear in the length
    /// of the text.
    ///
    /// # Errors
    /// A [`Refusal`]; then the text must not be stored or passed on at all.
    pub fn redact(&self, text: &str) -> Result<Redaction, Refusal> {
        self.redact_in(text, &Scope::default()).map(|scoped| scoped.redaction)
    }

    /// As [`Self::redact`], for a text of a conversation: what was found in it before is known again, a token cut in two by
    /// two texts is seen, and placeholders can have fingerprints.
    ///
    /// # Errors
    /// As [`Self::redact`].
    pub fn redact_in(&self, text: &str, scope: &Scope<'_>) -> Result<Scoped, Refusal> {
        let engine = self.engine().ok_or(Refusal::Broken)?;
        let spent = Cell::new(0);
        let budget = BASE_BUDGET + BUDGET_PER_BYTE * text.len() as u64;
        let input = Text::new(text, &spent);
        let names = Placeholders::new(engine, input, scope);
        let mut known = scope.find(engine, input, budget).map_err(|_| Refusal::TooCostly)?;
        let joined = known.joined.clone();
        let mut matches: Vec<Match> = Vec::new();
        let mut redaction = Redaction { text: Redacted::new(text.to_owned()), findings: Vec::new(), work: 0 };
        for pass in 0..=MAX_PASSES {
            let clean = redaction.text.as_str();
            let mut found = view::find(engine, clean, &spent, budget + VIEW_BUDGET, self.policy.decodings)
                .map_err(|_| Refusal::TooCostly)?;
            let name = |found: &Match| engine.rule(found.rule).map(|rule| &rule.id);
            let seen = Text::new(clean, &spent);
            retain_allowed(&self.policy.allow, seen, &mut found, name);
            found.retain(|found| found.quotes.is_some() || !json::is_bare_value(seen, &found.range));
            found.append(&mut known.matches);
            if found.is_empty() {
                break;
            }
            let before = matches.len();
            let map = OffsetMap::new(&names, &matches);
            matches.extend(found.into_iter().map(|found| map.to_input(found)));
            matches = propagate(input, merge(matches));
            for found in &mut matches {
                found.range = escape::whole(input, found.range.clone());
            }
            matches = merge(matches);
            let rendered = render(&names, text, &matches);
            if matches.len() == before && redaction == rendered {
                break;
            }
            if pass == MAX_PASSES {
                return Err(Refusal::TooCostly);
            }
            redaction = rendered;
        }
        if self.warns {
            let warner = self.warner().ok_or(Refusal::Broken)?;
            let clean = redaction.text.as_str();
            let mut seen =
                view::find(warner, clean, &spent, 2 * (budget + VIEW_BUDGET), self.policy.decodings)
                    .map_err(|_| Refusal::TooCostly)?;
            let name = |found: &Match| warner.rule(found.rule).map(|rule| &rule.id);
            retain_allowed(&self.policy.allow, Text::new(clean, &spent), &mut seen, name);
            warning::add(&mut redaction, seen, (warner, &names), &matches);
        }
        if redaction.findings.iter().any(|finding| finding.action == Action::Block) {
            return Err(Refusal::Blocked(redaction.findings));
        }
        redaction.work = spent.get();
        scope::mark_joined(&mut redaction.findings, joined);
        let learned = scope.memory.map(|memory| memory.learn(engine, input, &matches)).unwrap_or_default();
        Ok(Scoped { redaction, learned })
    }

    /// Lists the rules in order of precedence, also those that are off.
    pub fn rules(&self) -> impl Iterator<Item = RuleInfo> {
        self.policy.all_rules().map(|rule| RuleInfo {
            id: rule.id.clone(),
            class: rule.class,
            placeholder: rule.placeholder.clone(),
            action: self.policy.action(&rule),
            description: rule.about.clone(),
            source: rule.source.clone(),
            shape: shape::of(&rule),
        })
    }

    /// The compiled rules; `None` if they cannot be compiled, which a test excludes.
    fn engine(&self) -> Option<&Engine> {
        self.engine.get_or_init(|| Engine::new(self.policy.acting_rules(), &self.policy)).as_ref()
    }

    /// The compiled rules that only warn.
    fn warner(&self) -> Option<&Engine> {
        self.warner.get_or_init(|| Engine::new(self.policy.warning_rules(), &self.policy)).as_ref()
    }
}

impl Default for Redactor {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Redactor")
            .field("compiled", &self.engine.get().is_some())
            .finish_non_exhaustive()
    }
}

/// Most passes over one text. The first finds the secrets; the second only runs if there were any, and almost always
/// finds nothing: a placeholder would have to form a new token with the text around it. A text that still changes after
/// them is refused, because nobody knows what is left in it.
const MAX_PASSES: usize = 8;
/// Bytes that may be looked at for a text of any length.
const BASE_BUDGET: u64 = 64 * 1024;
/// Bytes that may be looked at for each byte of a text.
const BUDGET_PER_BYTE: u64 = 512;
/// Bytes that may be looked at besides in views, in all passes: a short text can be unpacked to a long one.
const VIEW_BUDGET: u64 = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Finder;
    use crate::{format, rules};

    #[test]
    fn rules_when_built_then_sound() {
        assert!(Redactor::new().engine().is_some());
        let mut ids = std::collections::HashSet::new();
        for rule in rules::all() {
            assert!(ids.insert(&rule.id), "{} is there twice", rule.id);
            assert!(rules::is_placeholder(&rule.placeholder), "{}", rule.id);
            let is_everywhere = matches!(rule.finder, Finder::Everywhere(_));
            assert!(rule.literals.is_empty() == is_everywhere && !rule.about.is_empty());
            assert!(rule.literals.iter().all(|literal| literal.len() >= 3), "{}", rule.id);
            if let Finder::Format(format) = &rule.finder {
                assert!(format::compile(&format.pattern).is_some(), "{}", rule.id);
            }
            if let Finder::Keys(endings) = rule.finder {
                let seen = |ending: &&str| {
                    rules::all().flat_map(|rule| rule.literals.iter()).any(|word| ending.contains(word))
                };
                assert!(endings.iter().all(seen), "{}: a word has none of the literals", rule.id);
            }
        }
    }

    #[test]
    fn text_when_the_engine_could_not_be_built_then_refused() {
        let redactor = Redactor::new();
        assert!(redactor.engine.set(None).is_ok());
        assert_eq!(redactor.redact("anything at all"), Err(Refusal::Broken));
    }

    #[test]
    fn redactor_when_shared_then_send_and_sync() {
        fn assert_shared<T: Send + Sync>() {}
        assert_shared::<Redactor>();
        assert_eq!(format!("{:?}", Redactor::new()), "Redactor { compiled: false, .. }");
    }

    /// Bytes that were looked at for `text`; the automaton is linear by itself.
    fn work_for(text: &str) -> u64 {
        Redactor::new().redact(text).unwrap().work
    }

    #[test]
    fn work_when_input_repeats_a_trigger_then_linear() {
        let key = concat!("-----BEGIN RSA PRIV", "ATE KEY-----");
        let blocks = [key.to_owned(), format!("{key}abc"), format!("{key}A:b\n"), format!("{key}\"")];
        let triggers = TRIGGERS.iter().copied().chain(blocks.iter().map(String::as_str));
        for trigger in triggers {
            let (small, large) = (work_for(&trigger.repeat(500)), work_for(&trigger.repeat(2000)));
            assert!(large <= 5 * small + 4096, "{trigger:?}: {small} -> {large}");
            let bytes = 2000 * trigger.len() as u64;
            assert!(large <= MOST_WORK_PER_BYTE * bytes, "{trigger:?}: {large} for {bytes} bytes");
        }
    }

    /// What a careless engine would look at again and again.
    const TRIGGERS: &[&str] = &[
        "PRIVATE KEY",
        "eyJ",
        "eyJ.",
        "-eyJaaaaaaaaaa",
        "-eyJaaaaaaaaaa.eyJaaaaaaaaaa",
        "eyJaaaaaaaaaa.",
        "\\",
        "\\\"",
        "password",
        "password=",
        "password: ",
        "password=\"",
        "password='\"",
        "token=\\\"",
        "token=\\\\\\\"",
        "token='",
        "api_key=${",
        "api_key=[",
        "://",
        "://a:b",
        "://a@",
        ":\\/\\/a:",
        "curl ",
        "curl -u",
        "curl -u a:b",
        "curl -u \"${",
        "authorization:",
        "authorization: x ",
        "bearer ",
        "bearer a1",
        "authorization: bearer ${",
        "{\"password\":\"",
        "{\"token\":[\"",
        "secret(",
        "secret (",
        "<password>",
        "|password|",
        "--password ",
        "password,",
        "(\"token\",\"",
        "key;key=",
        "&key&",
        "-sk-aaaaaaaaaaaaaaaaaaaaaaaa",
        "_ghp_aaaaaaaaaaaaaaaaaaaaaaaa",
        "token is ",
        "\n\n",
        "token \n",
        "é",
        "password=é",
        "token:a=",
        "AKIA",
        "xoxb-",
        "SG.",
        "whsec_",
        "password=hunter22;",
        "=password",
        "token=a,",
        "token=a;b",
        "password=\",",
        "token=\\\",\\n",
        "token=',password=\",",
        "[\"authorization: \",",
        "\"authorization\":[\"bearer\",",
        "token a0 ",
        "token 0123456789abcdef0123456789abcdef",
        "API key: a1B2",
        "x key ",
        "pw ",
        "pw is ",
        "pwd: ",
        "pwd \"",
        "pwd `",
        "pwd “",
        "pwd is \",",
        "pwd is \\\\\",",
        "password is a word ",
        "is the password ",
        "a as password ",
        "\"a as password",
        "change pwd to a ",
        "enter a when pwd ",
        "login a/",
        "login a / ",
        "login with ",
        "login ",
        "admin:",
        "пароль ",
        "пароль — ",
        "şifre ",
        "mot de passe ",
        "密码",
        "密码是",
        "是密码",
        "パスワードは",
        "a b c passphrase is ",
    ];
    /// A refused value may cost its head, and its key has at least five bytes.
    const MOST_WORK_PER_BYTE: u64 = 400;
}
