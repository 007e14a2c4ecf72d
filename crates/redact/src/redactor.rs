//! The engine: one pass over the text for the literals of all rules, then each rule's own look at what was seen.

use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::bytes::{Regex, RegexBuilder};

use crate::merge::{OffsetMap, merge, render};
use crate::propagate::propagate;
use crate::rule::{Finder, Match, PATTERN_WINDOW, Rule};
use crate::text::Text;
use crate::{Finding, Redacted, Redaction, RuleInfo, assignment, rules, token};

/// Finds and replaces secrets; cheap to share in an `Arc`.
///
/// *Memory*: an empty shell until the first text; then one automaton of the literals, and the patterns of the rules whose
/// literal was seen at least once.
pub struct Redactor {
    engine: OnceLock<Engine>,
}

impl Redactor {
    /// Makes an engine with the rules of this crate; nothing is compiled before the first [`Redactor::redact`].
    pub fn new() -> Self {
        Self { engine: OnceLock::new() }
    }

    /// Replaces the value of every secret in `text` by its placeholder.
    ///
    /// The result is valid UTF-8, JSON stays JSON, and redacting it again changes nothing. Time is linear in the length
    /// of the text.
    pub fn redact(&self, text: &str) -> Redaction {
        let engine = self.engine.get_or_init(Engine::new);
        if engine.literals.is_none() {
            return withheld(text);
        }
        let mut matches = Vec::new();
        let mut redaction = Redaction { text: Redacted::new(text.to_owned()), findings: Vec::new() };
        for _ in 0..MAX_PASSES {
            let found = engine.find(redaction.text.as_str());
            if found.is_empty() {
                break;
            }
            let before = matches.len();
            let map = OffsetMap::new(&matches);
            matches.extend(found.into_iter().map(|found| map.to_input(found)));
            matches = merge(propagate(text, merge(matches)));
            if matches.len() == before && before > 0 && redaction == render(text, &matches) {
                break;
            }
            redaction = render(text, &matches);
        }
        redaction
    }

    /// Lists the rules in order of precedence.
    pub fn rules(&self) -> impl Iterator<Item = RuleInfo> {
        rules::all().map(|rule| RuleInfo {
            id: rule.id,
            placeholder: rule.placeholder,
            description: rule.description,
        })
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

/// What becomes of a text when nothing can be looked for in it: none of it is let through.
fn withheld(text: &str) -> Redaction {
    let finding = Finding { rule: "engine", placeholder: WITHHELD, start: 0, end: text.len() };
    Redaction { text: Redacted::new(WITHHELD.to_owned()), findings: vec![finding] }
}

/// In place of a whole text.
const WITHHELD: &str = "SECRET_REDACTED";

/// The literals of all rules in one automaton, and the patterns compiled so far.
struct Engine {
    /// `None` only if the literals could not be compiled, which a test excludes; then every text is withheld.
    literals: Option<AhoCorasick>,
    /// For each literal of the automaton, the rules that asked for it.
    targets: Vec<Target>,
}

/// What to do where a literal was seen.
struct Target {
    /// Rules with a pattern or a function.
    slots: Vec<Slot>,
    /// Whether the literal is part of a key.
    in_key: bool,
}

/// A rule with its lazily compiled pattern.
struct Slot {
    /// Place of the rule in the pack.
    index: usize,
    rule: &'static Rule,
    pattern: OnceLock<Option<Regex>>,
}

impl Engine {
    fn new() -> Self {
        let mut words: Vec<&'static str> = Vec::new();
        let mut targets: Vec<Target> = Vec::new();
        for (index, rule) in rules::all().enumerate() {
            for &literal in rule.literals {
                let place = words.iter().position(|word| *word == literal).unwrap_or_else(|| {
                    words.push(literal);
                    targets.push(Target { slots: Vec::new(), in_key: false });
                    words.len() - 1
                });
                let Some(target) = targets.get_mut(place) else { continue };
                match rule.finder {
                    Finder::Keys(_) => target.in_key = true,
                    Finder::Pattern(_) | Finder::Function(_) => {
                        target.slots.push(Slot { index, rule, pattern: OnceLock::new() });
                    }
                }
            }
        }
        let literals = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(words)
            .ok();
        Self { literals, targets }
    }

    /// Every match of every rule, in no order and with overlaps.
    fn find(&self, text: &str) -> Vec<Match> {
        let view = Text::new(text);
        let mut found = Vec::new();
        let mut key_floor = 0;
        let mut covered = vec![0; rules::all().count()];
        let Some(literals) = &self.literals else { return found };
        for hit in literals.find_overlapping_iter(text) {
            let Some(target) = self.targets.get(hit.pattern().as_usize()) else { continue };
            for slot in &target.slots {
                if let Some(covered) = covered.get_mut(slot.index).filter(|covered| hit.start() >= **covered)
                {
                    let first_new = found.len();
                    slot.find(view, hit.range(), &mut found);
                    *covered =
                        found.iter().skip(first_new).map(|new| new.range.end).fold(*covered, usize::max);
                }
            }
            if target.in_key && hit.start() >= key_floor {
                let outcome = assignment::find(view, hit.start(), key_floor);
                key_floor = outcome.resume;
                if let Some(secret) = outcome.secret {
                    key_floor = key_floor.max(secret.range.end);
                    found.push(secret);
                }
            }
        }
        found
    }
}

impl Slot {
    /// Adds what this rule finds at `hit`.
    fn find(&self, text: Text<'_>, hit: Range<usize>, found: &mut Vec<Match>) {
        match self.rule.finder {
            Finder::Keys(_) => {}
            Finder::Function(find) => {
                let mut ranges = Vec::new();
                find(text, hit, &mut ranges);
                found.extend(ranges.into_iter().map(|range| Match { range, rule: self.rule, quotes: None }));
            }
            Finder::Pattern(pattern) => {
                if !token::may_begin(text, hit.start) {
                    return;
                }
                let window = text.slice(hit.start..hit.start.saturating_add(PATTERN_WINDOW));
                let end = match self.pattern.get_or_init(|| compile(pattern)) {
                    Some(regex) => regex.find(window).map(|matched| matched.end()),
                    // What cannot be judged is taken for a secret, up to the end of its token.
                    None => Some(hit.len()),
                };
                if let Some(end) = end {
                    let range = hit.start..token::extend(text, hit.start + end);
                    found.push(Match { range, rule: self.rule, quotes: None });
                }
            }
        }
    }
}

/// Most passes over one text. The first finds the secrets; the second only runs if there were any, and almost always
/// finds nothing: a placeholder would have to form a new token with the text around it.
const MAX_PASSES: usize = 8;

/// Compiles a pattern that has to match at the start; a test compiles every pattern.
fn compile(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(&format!(r"\A(?:{pattern})")).unicode(false).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::work;

    #[test]
    fn rules_when_built_then_sound() {
        let engine = Engine::new();
        assert!(engine.literals.is_some());
        let mut ids = std::collections::HashSet::new();
        for rule in rules::all() {
            assert!(ids.insert(rule.id), "{} is there twice", rule.id);
            assert!(rules::PLACEHOLDERS.contains(&rule.placeholder), "{}", rule.id);
            assert!(!rule.literals.is_empty() && !rule.description.is_empty());
            assert!(rule.literals.iter().all(|literal| literal.len() >= 3 && literal.is_ascii()));
            if let Finder::Pattern(pattern) = rule.finder {
                assert!(compile(pattern).is_some(), "{}", rule.id);
            }
            if let Finder::Keys(endings) = rule.finder {
                let seen = |ending: &&str| {
                    rules::all().flat_map(|rule| rule.literals).any(|word| ending.contains(word))
                };
                assert!(endings.iter().all(seen), "{}: a word has none of the literals", rule.id);
            }
        }
    }

    #[test]
    fn text_when_the_engine_could_not_be_built_then_withheld() {
        let redactor = Redactor::new();
        assert!(redactor.engine.set(Engine { literals: None, targets: Vec::new() }).is_ok());
        let redaction = redactor.redact("anything at all");
        assert_eq!(redaction.text.as_str(), WITHHELD);
        assert_eq!(
            redaction.findings.iter().map(|found| (found.start, found.end)).collect::<Vec<_>>(),
            [(0, 15)]
        );
    }

    #[test]
    fn redactor_when_shared_then_send_and_sync() {
        fn assert_shared<T: Send + Sync>() {}
        assert_shared::<Redactor>();
        assert_eq!(format!("{:?}", Redactor::new()), "Redactor { compiled: false, .. }");
    }

    /// Bytes that the hand-written parts look at for `text`; the automaton and the patterns are linear by themselves.
    fn work_for(text: &str) -> usize {
        work::take();
        Redactor::new().redact(text);
        work::take()
    }

    #[test]
    fn work_when_input_repeats_a_trigger_then_linear() {
        let key = concat!("-----BEGIN RSA PRIV", "ATE KEY-----");
        let blocks = [key.to_owned(), format!("{key}abc"), format!("{key}A:b\n"), format!("{key}\"")];
        let triggers = TRIGGERS.iter().copied().chain(blocks.iter().map(String::as_str));
        for trigger in triggers {
            let (small, large) = (work_for(&trigger.repeat(500)), work_for(&trigger.repeat(2000)));
            assert!(large <= 5 * small + 4096, "{trigger:?}: {small} -> {large}");
            let bytes = 2000 * trigger.len();
            assert!(large <= MOST_WORK_PER_BYTE * bytes, "{trigger:?}: {large} for {bytes} bytes");
        }
    }

    /// What a careless engine would look at again and again.
    const TRIGGERS: &[&str] = &[
        "PRIVATE KEY",
        "eyJ",
        "eyJ.",
        "-eyJaaaaaaaaaa",
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
    ];
    /// A refused value may cost its head, and its key has at least five bytes.
    const MOST_WORK_PER_BYTE: usize = 300;
}
