//! Forms: the ways to call a program that are understood, compiled from their text.

use std::collections::{BTreeMap, HashMap};

use super::file::{Dashes, FormText};
use crate::{Decision, GitAccess, Mode, judge::Kind};

/// One way to call a program.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    /// The words behind the program's name that it begins with.
    pub(crate) words: Vec<String>,
    /// Its options.
    pub(crate) options: Options,
    /// One of these must be given; any, when there are none.
    pub(crate) needs: Vec<String>,
    /// Its other words.
    pub(crate) operands: Shape,
    /// When one of these is given, the first operand is left out.
    pub(crate) first_is: Vec<String>,
    /// What stands behind `--`; none when the operands go on.
    pub(crate) after: Option<Shape>,
    /// What words are that begin with `-`.
    pub(crate) dashes: Dashes,
    /// Whether `-ab` is `-a -b`.
    pub(crate) bundle: bool,
    /// Whether `-n5` is `-n 5`.
    pub(crate) attached: bool,
    /// Arguments that are put right behind its words.
    pub(crate) arguments: Vec<String>,
    /// Arguments that are put at the end.
    pub(crate) last: Vec<String>,
    /// What is decided in mode `safe`.
    pub(crate) safe: Decision,
    /// What is decided in mode `restricted`.
    pub(crate) restricted: Decision,
    /// Whether it may write to the workspace.
    pub(crate) writes: bool,
    /// What it may do to the repository's own state.
    pub(crate) git: GitAccess,
    /// Refusals with a reason of their own, by option.
    pub(crate) refuse: BTreeMap<String, String>,
}

/// Options by their names, dashes included.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    names: HashMap<String, Takes>,
    /// Whether `-20` is one.
    pub(crate) digits: bool,
    /// As they were written, for a refusal.
    pub(crate) text: String,
}

/// Whether an option takes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// None.
    Nothing,
    /// One: attached, or the next word.
    Value(Kind),
    /// One, only when it is attached.
    Attached(Kind),
}

/// How many words of each kind, in order. At most one kind may repeat.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    items: Vec<(Kind, Count)>,
    /// As it was written, for a refusal.
    pub(crate) text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Count {
    One,
    Optional,
    Any,
    Some,
}

/// Most commands of one form: each has its own copy of it.
const COMMANDS_MAX: usize = 64;
/// Most options of one form, lists included.
const OPTIONS_MAX: usize = 1000;
const TEXT_MAX_BYTES: usize = 32 * 1024;

/// Lists of options by name.
pub(crate) type Lists = BTreeMap<String, String>;

impl Form {
    /// What `text` says, once for each of its commands, with the program's name before it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn compile(text: &FormText, lists: &Lists) -> Result<Vec<(String, Self)>, String> {
        let safe = text.safe.unwrap_or(Decision::Deny);
        let names = |names: &str| names.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>();
        let form = Self {
            words: Vec::new(),
            options: Options::compile(&text.options, lists)?,
            needs: names(&text.needs),
            operands: Shape::compile(&text.operands)?,
            first_is: names(&text.first_is),
            after: text.after.as_deref().map(Shape::compile).transpose()?,
            dashes: text.dashes,
            bundle: text.bundle,
            attached: text.attached,
            arguments: text.arguments.clone(),
            last: text.last.clone(),
            safe,
            restricted: text.restricted.unwrap_or(safe),
            writes: text.writes,
            git: text.git.unwrap_or(GitAccess::ReadOnly),
            refuse: text.refuse.clone(),
        };
        if let Some(name) =
            form.needs.iter().chain(&form.first_is).find(|name| form.options.takes(name).is_none())
        {
            return Err(format!("{name} is needed, but is none of the options"));
        }
        if text.commands.len() > COMMANDS_MAX {
            return Err(format!("it has more than {COMMANDS_MAX} commands; make it several"));
        }
        if text.commands.is_empty() {
            return Err("it has no command".to_owned());
        }
        text.commands.iter().map(|command| form.clone().called(command)).collect()
    }

    fn called(self, command: &str) -> Result<(String, Self), String> {
        let mut words = command.split_whitespace().map(ToOwned::to_owned);
        let name = words
            .next()
            .filter(|name| !name.contains('/'))
            .ok_or("a command begins with a program's name")?;
        Ok((name, Self { words: words.collect(), ..self }))
    }

    /// What is decided of it in `mode`.
    pub(crate) const fn decision(&self, mode: Mode) -> Decision {
        match mode {
            Mode::Safe => self.safe,
            Mode::Restricted => self.restricted,
            Mode::Yolo => Decision::Ask,
        }
    }
}

impl Options {
    /// What `text` says.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn compile(text: &str, lists: &Lists) -> Result<Self, String> {
        let mut options = Self::default();
        options.add(text, lists, 0)?;
        Ok(options)
    }

    fn add(&mut self, text: &str, lists: &Lists, depth: u8) -> Result<(), String> {
        for token in text.split_whitespace() {
            if let Some(name) = token.strip_prefix('@') {
                let list = lists
                    .get(name)
                    .filter(|_| depth < 4)
                    .ok_or_else(|| format!("no list of options is called {name}"))?;
                self.add(list, lists, depth + 1)?;
                continue;
            }
            if self.names.len() >= OPTIONS_MAX || self.text.len() > TEXT_MAX_BYTES {
                return Err(format!("it has more than {OPTIONS_MAX} options"));
            }
            if !self.text.is_empty() {
                self.text.push(' ');
            }
            self.text.push_str(token);
            if token == "-#" {
                self.digits = true;
                continue;
            }
            let (name, takes) = match token.split_once('=') {
                None => (token, Takes::Nothing),
                Some((name, kind)) => {
                    let attached = kind.strip_suffix('?');
                    let kind = kind_named(attached.unwrap_or(kind))?;
                    (name, if attached.is_some() { Takes::Attached(kind) } else { Takes::Value(kind) })
                }
            };
            if !name.starts_with('-') || name.len() < 2 || name == "--" {
                return Err(format!("{name} is no option"));
            }
            self.names.insert(name.to_owned(), takes);
        }
        Ok(())
    }

    /// The option `name` and what it takes.
    pub(crate) fn named(&self, name: &str) -> Option<(&str, Takes)> {
        self.names.get_key_value(name).map(|(name, takes)| (name.as_str(), *takes))
    }

    /// Whether there is an option `name` and what it takes.
    pub(crate) fn takes(&self, name: &str) -> Option<Takes> {
        self.names.get(name).copied()
    }
}

impl Shape {
    fn compile(text: &str) -> Result<Self, String> {
        let mut items = Vec::new();
        for token in text.split_whitespace() {
            let name = token.trim_end_matches(['?', '*', '+']);
            let count = match token.get(name.len()..) {
                Some("") => Count::One,
                Some("?") => Count::Optional,
                Some("*") => Count::Any,
                Some("+") => Count::Some,
                Some(_) | None => return Err(format!("{token} is no kind of operand")),
            };
            items.push((kind_named(name)?, count));
        }
        if items.iter().filter(|(_, count)| matches!(count, Count::Any | Count::Some)).count() > 1 {
            return Err("only one kind of operand may repeat".to_owned());
        }
        Ok(Self { items, text: text.to_owned() })
    }

    /// Whether it takes no word at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The kinds of `number` words, without the first kind when `from` is 1; none when they are too many or too few.
    pub(crate) fn kinds(&self, number: usize, from: usize) -> Option<Vec<Kind>> {
        let items = self.items.get(from.min(self.items.len())..)?;
        let needed = items.iter().filter(|(_, count)| matches!(count, Count::One | Count::Some)).count();
        let mut spare = number.checked_sub(needed)?;
        let mut kinds = Vec::with_capacity(number);
        for &(kind, count) in items {
            let (least, most) = match count {
                Count::One => (1, 0),
                Count::Optional => (0, spare.min(1)),
                Count::Any => (0, spare),
                Count::Some => (1, spare),
            };
            kinds.extend(std::iter::repeat_n(kind, least + most));
            spare -= most;
        }
        (spare == 0).then_some(kinds)
    }
}

fn kind_named(name: &str) -> Result<Kind, String> {
    Kind::named(name).ok_or_else(|| format!("no kind of word is called {name}"))
}
