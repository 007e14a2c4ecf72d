//! Expands words as far as that can be known: quotes, braces, variables, `$( … )`.
//!
//! An unset variable is unknown, not empty, and an unquoted value is split, as a shell would.

use std::rc::Rc;

use super::{
    Refusal, refuse,
    syntax::{Change, Piece, Script, Word},
    value::{UNKNOWN, Value},
    walk::Walk,
};

/// Words that one pair of braces may come to: more is refused.
const BRACES_MAX: usize = 1024;

/// Fields of a word, as they grow.
#[derive(Default)]
struct Fields {
    done: Vec<Value>,
    current: Option<Value>,
}

impl Fields {
    fn append(&mut self, value: &Value) {
        self.current.get_or_insert_default().append(value);
    }

    fn end(&mut self) {
        self.done.extend(self.current.take());
    }

    /// Appends a value that is split at `separators`.
    fn split(&mut self, value: &Value, separators: &str) {
        let separates = |c: char| separators.contains(c);
        for (index, part) in value.text.split(separates).enumerate() {
            if index > 0 {
                self.end();
            }
            if !part.is_empty() {
                self.append(&value.with(part));
            }
        }
        if value.text.is_empty() && value.taint.is_some() {
            self.append(value);
        }
    }
}

impl Walk {
    /// The fields that `words` come to.
    pub(super) fn fields(&mut self, words: &[Word]) -> Result<Vec<Value>, Refusal> {
        let mut all = Vec::new();
        for word in words {
            for word in self.braces(word)? {
                let mut fields = Fields::default();
                for piece in &word.pieces {
                    self.piece(piece, true, &mut fields)?;
                }
                fields.end();
                all.append(&mut fields.done);
            }
        }
        for field in &all {
            self.spend(field.text.len())?;
        }
        Ok(all)
    }

    /// What `word` comes to where it is not split: an assignment, a target of a redirection.
    pub(super) fn value(&mut self, word: &Word) -> Result<Value, Refusal> {
        let mut fields = Fields::default();
        for piece in &word.pieces {
            self.piece(piece, false, &mut fields)?;
        }
        let value = fields.current.unwrap_or_default();
        self.spend(value.text.len())?;
        Ok(value)
    }

    fn piece(&mut self, piece: &Piece, split: bool, fields: &mut Fields) -> Result<(), Refusal> {
        match piece {
            Piece::Text { text, encoded, .. } => {
                fields.append(&Value { text: text.clone(), taint: None, encoded: *encoded });
            }
            Piece::Variable { name, quoted, change } => {
                let value = self.variable(name, change)?;
                let list = name == "@" || (matches!(change, Change::Other(_)) && value.text.contains(' '));
                self.put(&value, split && (!quoted || list), *quoted && !list, fields);
            }
            Piece::Run { script, quoted } => {
                let value = self.output_of(script)?;
                self.put(&value, split && !quoted, *quoted, fields);
            }
            Piece::Process { script, output } => {
                let name = format!("/dev/fd/{}", 63 + self.files.len());
                if *output {
                    self.sinks.push(Rc::clone(script));
                } else {
                    let value = self.output_of(script)?;
                    fields.append(&Value { text: name.clone(), ..value });
                    self.files.insert(name, value);
                    return Ok(());
                }
                fields.append(&Value::known("/dev/fd/"));
            }
            Piece::Number(word) => {
                self.value(word)?;
                fields.append(&Value::unknown());
            }
            Piece::Array(words) => {
                let mut all = Value::default();
                for value in self.fields(words)? {
                    if !all.text.is_empty() {
                        all.append(&Value::known(" "));
                    }
                    all.append(&value);
                }
                fields.append(&all);
            }
        }
        Ok(())
    }

    fn put(&self, value: &Value, split: bool, keep_empty: bool, fields: &mut Fields) {
        if split {
            let separators = self.variables.get("IFS").map_or(" \t\n", |value| value.text.as_str());
            fields.split(value, separators);
        } else if keep_empty || !value.text.is_empty() || value.taint.is_some() {
            fields.append(value);
        }
    }

    fn output_of(&mut self, script: &Rc<Script>) -> Result<Value, Refusal> {
        let (folder, input) = (self.folder.clone(), self.input.clone());
        let value = self.script(script, &input)?;
        (self.folder, self.input) = (folder, input);
        Ok(value.with(value.text.trim_end_matches('\n')))
    }

    fn variable(&mut self, name: &str, change: &Change) -> Result<Value, Refusal> {
        let found = self.look_up(name);
        let set = found.is_some();
        let value = found.unwrap_or_else(Value::unknown);
        Ok(match change {
            Change::Default(word) if !set || value.text.is_empty() => self.value(word)?,
            Change::Instead(word) => self.value(word)?,
            Change::Required if !set => Value::known("./\0x"),
            Change::None | Change::Default(_) | Change::Required => value,
            Change::Part(word) => {
                let part = self.value(word)?;
                part_of(name, &value, &part)
            }
            Change::Prompt => {
                return refuse(
                    "hidden-command",
                    format!("`${{{name}@P}}` executes what is in the variable; write the command itself"),
                );
            }
            Change::Indirect if value.is_known() => self.look_up(&value.text).unwrap_or_else(Value::unknown),
            Change::Length | Change::Indirect => Value::unknown(),
            Change::Other(word) => {
                self.value(word)?;
                let mut changed = value;
                // Shortened or rewritten, it is most like itself; a list stays a list.
                if !changed.text.contains(' ') {
                    changed.append(&Value::unknown());
                }
                changed
            }
        })
    }

    fn look_up(&self, name: &str) -> Option<Value> {
        if let Some(value) = self.variables.get(name) {
            return Some(value.clone());
        }
        let known = match name {
            "HOME" => "~",
            "PWD" => self.folder.as_deref().unwrap_or("."),
            "IFS" => " ",
            "@" | "*" => "",
            "0" | "BASH" | "SHELL" => "/bin/bash",
            "TMPDIR" => "/tmp",
            "XDG_DATA_HOME" => "~/.local/share",
            "XDG_STATE_HOME" => "~/.local/state",
            "XDG_CONFIG_HOME" => "~/.config",
            _ => return None,
        };
        Some(Value::known(known))
    }
}

/// `${name:offset:length}`
fn part_of(name: &str, value: &Value, part: &Value) -> Value {
    let mut numbers = part.text.split(':').map(|number| number.trim().parse::<usize>().ok());
    let (offset, length) = (numbers.next().flatten(), numbers.next().flatten());
    // These begin with a slash whatever they are: a way to write one without writing it.
    if offset == Some(0) && length == Some(1) && ["HOME", "PWD", "PATH", "SHELL", "OLDPWD"].contains(&name) {
        return Value::known("/");
    }
    match offset {
        Some(offset) if value.is_known() && name != "@" && name != "*" => {
            value.with(value.text.chars().skip(offset).take(length.unwrap_or(usize::MAX)).collect::<String>())
        }
        _ if name == "@" || name == "*" => value.clone(),
        _ => Value { text: UNKNOWN.into(), ..value.clone() },
    }
}

/// One character that may be special, or a piece that is none.
#[derive(Clone)]
enum Unit {
    Character(char),
    Piece(Piece),
}

impl Walk {
    /// The words that `word` comes to when its `{a,b}` are written out.
    fn braces(&mut self, word: &Word) -> Result<Vec<Word>, Refusal> {
        let plain =
            |piece: &Piece| matches!(piece, Piece::Text { text, quoted: false, .. } if text.contains('{'));
        if !word.pieces.iter().any(plain) {
            return Ok(vec![word.clone()]);
        }
        let mut units = Vec::new();
        for piece in &word.pieces {
            match piece {
                Piece::Text { text, quoted: false, .. } => units.extend(text.chars().map(Unit::Character)),
                Piece::Text { .. }
                | Piece::Variable { .. }
                | Piece::Run { .. }
                | Piece::Process { .. }
                | Piece::Number(_)
                | Piece::Array(_) => units.push(Unit::Piece(piece.clone())),
            }
        }
        let mut done = Vec::new();
        let mut waiting = vec![(units, 0)];
        while let Some((units, from)) = waiting.pop() {
            self.spend(units.len())?;
            match alternatives(&units, from) {
                None => done.push(Word { pieces: joined(units) }),
                Some((open, parts, close)) => {
                    for part in parts.into_iter().rev() {
                        let head = units.iter().take(open).cloned();
                        let tail = units.iter().skip(close + 1).cloned();
                        waiting.push((head.chain(part).chain(tail).collect(), open));
                    }
                }
            }
            if done.len() + waiting.len() > BRACES_MAX {
                return refuse(
                    "too-complex",
                    format!(
                        "braces come to more than {BRACES_MAX} words, which nobody can judge; use a loop"
                    ),
                );
            }
        }
        Ok(done)
    }
}

/// The first pair of braces with a comma from `from` on: where it opens, its parts, and where it closes.
fn alternatives(units: &[Unit], from: usize) -> Option<(usize, Vec<Vec<Unit>>, usize)> {
    let mut open = from;
    // Pairs without a comma are ordinary; only a bounded number of them is looked at.
    for _ in 0..64 {
        let at = |unit: &Unit| matches!(unit, Unit::Character('{'));
        open += units.iter().skip(open).position(at)?;
        let mut parts = vec![Vec::new()];
        let mut nested = 0_usize;
        for (index, unit) in units.iter().enumerate().skip(open + 1) {
            match unit {
                Unit::Character('}') if nested == 0 => {
                    if parts.len() > 1 {
                        return Some((open, parts, index));
                    }
                    break;
                }
                Unit::Character(',') if nested == 0 => {
                    parts.push(Vec::new());
                    continue;
                }
                Unit::Character('{') => nested += 1,
                Unit::Character('}') => nested -= 1,
                Unit::Character(_) | Unit::Piece(_) => {}
            }
            if let Some(part) = parts.last_mut() {
                part.push(unit.clone());
            }
        }
        open += 1;
    }
    None
}

fn joined(units: Vec<Unit>) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for unit in units {
        match unit {
            Unit::Piece(piece) => pieces.push(piece),
            Unit::Character(next) => match pieces.last_mut() {
                Some(Piece::Text { text, quoted: false, .. }) => text.push(next),
                _ => pieces.push(Piece::Text { text: next.into(), quoted: false, encoded: false }),
            },
        }
    }
    pieces
}
