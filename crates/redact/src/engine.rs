//! One pass over a text for the literals of all rules, then each rule's own look at what was seen.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

use regex_automata::meta::Regex;

use crate::assignment::{self, KeyRule};
use crate::format;
use crate::merge::{merge, touches};
use crate::policy::{Action, Policy};
use crate::rule::{Class, Finder, Layer, Match, Place, Rule};
use crate::scan::Scanner;
use crate::text::Text;
use crate::{Finding, ViewKind, rules};

/// The literals of all rules, and the patterns compiled so far.
pub(crate) struct Engine {
    scanner: Scanner,
    /// For each literal, what asks for it; a literal that several rules ask for is there as often.
    targets: Vec<Target>,
    rules: Vec<Active>,
    keys: Vec<KeyRule>,
    /// Rules that look everywhere and have something to look for.
    everywhere: Vec<usize>,
}

/// A rule of the engine with its lazily compiled pattern.
pub(crate) struct Active {
    pub(crate) rule: Cow<'static, Rule>,
    action: Action,
    regex: OnceLock<Option<Regex>>,
}

/// What to do where a literal was seen.
#[derive(Debug, Clone, Copy)]
enum Target {
    /// The rule is tried at the literal.
    Here(usize),
    /// The rule is tried in a window around or behind it.
    Window(usize),
    /// The literal is part of a key.
    Key,
}

/// More bytes had to be looked at than the text is worth.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl Engine {
    /// Compiles the literals of the rules, in order of precedence; `None` if they cannot be.
    pub(crate) fn new(rules: impl Iterator<Item = Cow<'static, Rule>>, policy: &Policy) -> Option<Self> {
        let rules: Vec<Active> =
            rules.map(|rule| Active { action: policy.action(&rule), rule, regex: OnceLock::new() }).collect();
        let mut targets = Vec::new();
        let mut keys = Vec::new();
        for (index, Active { rule, .. }) in rules.iter().enumerate() {
            if let Finder::Keys(endings) = rule.finder {
                let is_password = rule.class == Class::Password;
                keys.push(KeyRule { index, is_password, is_weak: rule.is_weak(), endings });
            }
            let target = match &rule.finder {
                Finder::Keys(_) => Target::Key,
                Finder::Function(_) | Finder::Everywhere(_) => Target::Here(index),
                Finder::Format(format) => match format.place {
                    Place::Prefix => Target::Here(index),
                    Place::Inner | Place::Around(_) | Place::Near(_) => Target::Window(index),
                },
            };
            targets.extend(rule.literals.iter().map(|_| target));
        }
        let looks_everywhere = |(_, active): &(usize, &Active)| matches!(&active.rule.finder, Finder::Everywhere(everywhere) if !everywhere.is_idle());
        let everywhere = rules.iter().enumerate().filter(looks_everywhere).map(|(index, _)| index).collect();
        let scanner = Scanner::new(rules.iter().flat_map(|active| active.rule.literals.iter()))?;
        Some(Self { scanner, targets, rules, keys, everywhere })
    }

    /// The rule with this place.
    pub(crate) fn rule(&self, index: usize) -> Option<&Rule> {
        self.rules.get(index).map(|active| active.rule.as_ref())
    }

    /// What stands in place of what a rule finds.
    pub(crate) fn placeholder(&self, index: usize) -> &str {
        self.rule(index).map_or(rules::CUSTOM, |rule| rule.placeholder.as_ref())
    }

    /// What is told of a match.
    pub(crate) fn finding(&self, found: &Match) -> Option<Finding> {
        let Active { rule, action, .. } = self.rules.get(found.rule)?;
        Some(Finding {
            rule: rule.id.clone(),
            class: rule.class,
            placeholder: rule.placeholder.clone(),
            action: *action,
            start: found.range.start,
            end: found.range.end,
            view: found.view,
            joined: false,
        })
    }

    /// The place of the rule with this id.
    pub(crate) fn index_of(&self, id: &str) -> Option<usize> {
        self.rules.iter().position(|active| active.rule.id == id)
    }

    /// Every match of every rule, in no order and with overlaps.
    ///
    /// # Errors
    /// [`Exhausted`] when `budget` bytes were looked at.
    pub(crate) fn find(&self, text: Text<'_>, budget: u64) -> Result<Vec<Match>, Exhausted> {
        let mut found = Found {
            matches: Vec::new(),
            covered: vec![0; self.rules.len()],
            settled: 0,
            windows: Vec::new(),
        };
        let mut key_floor = 0;
        self.scanner.scan(text.bytes(), |literal, hit| {
            if text.spent() > budget {
                return Err(Exhausted);
            }
            match self.targets.get(literal) {
                Some(&Target::Here(index)) => self.try_here(index, text, hit, &mut found),
                Some(&Target::Window(index)) => {
                    if let Some(Finder::Format(format)) = self.rule(index).map(|rule| &rule.finder)
                        && format.may_stand_at(text, &hit)
                    {
                        found.windows.push((index, format.window(&hit, text.len())));
                    }
                }
                Some(Target::Key) if hit.start >= key_floor => {
                    let outcome = assignment::find(text, hit.start, key_floor, &self.keys);
                    key_floor = outcome.resume;
                    found.settled = found.settled.max(outcome.settled);
                    if let Some(secret) = outcome.secret {
                        key_floor = key_floor.max(secret.range.end);
                        found.matches.push(secret);
                    }
                }
                Some(Target::Key) | None => {}
            }
            Ok(())
        })?;
        let mut matches = self.try_windows(text, budget, found)?;
        self.try_everywhere(text, budget, &mut matches);
        if text.spent() > budget { Err(Exhausted) } else { Ok(matches) }
    }

    /// Adds what a rule finds at `hit`, unless it found something there already.
    fn try_here(&self, index: usize, text: Text<'_>, hit: Range<usize>, found: &mut Found) {
        let Some((active, covered)) = self.rules.get(index).zip(found.covered.get_mut(index)) else { return };
        let is_settled = active.rule.layer == Layer::Generic && hit.start < found.settled;
        if hit.start < *covered || is_settled {
            return;
        }
        let mut ranges = Vec::new();
        match &active.rule.finder {
            Finder::Keys(_) | Finder::Everywhere(_) => {}
            Finder::Function(find) => find(text, hit, &mut ranges),
            Finder::Format(format) => {
                let window = format.window(&hit, text.len());
                ranges.extend(match active.regex() {
                    Some(regex) => format.at(regex, text, window),
                    // What cannot be judged is taken for a secret.
                    None => Some(hit),
                });
            }
        }
        for range in ranges {
            *covered = range.end.max(*covered);
            found.matches.push(Match { range, rule: index, quotes: None, view: ViewKind::Plain });
        }
    }

    /// Adds what the rules without a literal find; what merely looks generated only where no other rule found anything.
    fn try_everywhere(&self, text: Text<'_>, budget: u64, matches: &mut Vec<Match>) {
        for &index in &self.everywhere {
            let Some(rule) = self.rule(index) else { continue };
            let Finder::Everywhere(everywhere) = &rule.finder else { continue };
            let mut ranges = Vec::new();
            everywhere.find(text, budget, &mut ranges);
            if rule.layer == Layer::Entropy {
                let taken = merge(matches.clone());
                ranges.retain(|range| !touches(&taken, range));
            }
            matches.extend(ranges.into_iter().map(|range| Match {
                range,
                rule: index,
                quotes: None,
                view: ViewKind::Plain,
            }));
        }
    }

    /// Joins the windows of each rule that overlap, and looks into them.
    fn try_windows(&self, text: Text<'_>, budget: u64, mut found: Found) -> Result<Vec<Match>, Exhausted> {
        found.windows.sort_unstable_by_key(|(index, window)| (*index, window.start));
        let mut windows = found.windows.into_iter().peekable();
        while let Some((index, mut window)) = windows.next() {
            while let Some((_, next)) =
                windows.next_if(|(other, next)| *other == index && next.start <= window.end)
            {
                window.end = window.end.max(next.end);
            }
            if text.spent() > budget {
                return Err(Exhausted);
            }
            let Some(active) = self.rules.get(index) else { continue };
            let Finder::Format(format) = &active.rule.finder else { continue };
            let mut ranges = Vec::new();
            if let Some(regex) = active.regex() {
                format.within(regex, text, window, &mut ranges);
            }
            found.matches.extend(ranges.into_iter().map(|range| Match {
                range,
                rule: index,
                quotes: None,
                view: ViewKind::Plain,
            }));
        }
        Ok(found.matches)
    }
}

/// What a pass has found so far.
struct Found {
    matches: Vec<Match>,
    /// For each rule, the end of its last match.
    covered: Vec<usize>,
    /// End of the last value of an assignment; no rule of the generic layer has to look at its key or at the value.
    settled: usize,
    /// Where rules are still to be looked for.
    windows: Vec<(usize, Range<usize>)>,
}

impl Active {
    /// The pattern; a test compiles every one.
    fn regex(&self) -> Option<&Regex> {
        let pattern = || match &self.rule.finder {
            Finder::Format(format) => format::compile(&format.pattern),
            Finder::Keys(_) | Finder::Function(_) | Finder::Everywhere(_) => None,
        };
        self.regex.get_or_init(pattern).as_ref()
    }
}
