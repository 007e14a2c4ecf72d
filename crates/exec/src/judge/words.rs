//! Whether the words of a command are what a form takes: options, their values, operands.

use super::path::Scope;
use crate::policy::{Dashes, Form, Shape, Takes};

/// Whether `words`, which stand behind those that `form` begins with, are what it takes.
///
/// # Errors
/// The first thing that it does not take, and what it takes instead.
pub(crate) fn fit(form: &Form, words: &[String], scope: &Scope<'_>) -> Result<(), String> {
    let mut fitting =
        Fitting { form, scope, words, at: 0, given: Vec::new(), operands: Vec::new(), after: Vec::new() };
    fitting.sort()?;
    fitting.check()
}

struct Fitting<'a> {
    form: &'a Form,
    scope: &'a Scope<'a>,
    words: &'a [String],
    at: usize,
    given: Vec<&'a str>,
    operands: Vec<&'a str>,
    after: Vec<&'a str>,
}

impl<'a> Fitting<'a> {
    /// Tells options from operands, and checks the values of options.
    fn sort(&mut self) -> Result<(), String> {
        if self.form.dashes == Dashes::Never {
            self.operands = self.words.iter().map(String::as_str).collect();
            return Ok(());
        }
        while let Some(word) = self.next() {
            match word {
                "--" => {
                    let rest = self.words.get(self.at..).unwrap_or_default().iter().map(String::as_str);
                    if self.form.after.is_some() {
                        self.after = rest.collect();
                    } else {
                        self.operands.extend(rest);
                    }
                    return Ok(());
                }
                _ if word.starts_with("--") => self.long(word)?,
                _ if word.starts_with('-') && word.len() > 1 => self.short(word)?,
                _ => {
                    self.operands.push(word);
                    if self.form.dashes == Dashes::First {
                        self.operands
                            .extend(self.words.get(self.at..).unwrap_or_default().iter().map(String::as_str));
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Option<&'a str> {
        let word = self.words.get(self.at)?;
        self.at += 1;
        Some(word)
    }

    /// `--name`, `--name=value`, `-name`, `-name=value`.
    fn long(&mut self, word: &'a str) -> Result<(), String> {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        let Some(takes) = self.form.options.takes(name) else { return Err(self.unknown(name, word)) };
        self.given.push(name);
        match (takes, value) {
            (Takes::Nothing | Takes::Attached(_), None) => Ok(()),
            (Takes::Nothing, Some(_)) => Err(format!("option {name} takes no value")),
            (Takes::Attached(kind) | Takes::Value(kind), Some(value)) => {
                kind.check(value, self.scope).map_err(|problem| format!("value of {name}: {problem}"))
            }
            (Takes::Value(_), None) => self.next_value(name, takes),
        }
    }

    /// `-n`, `-20`, `-abc`, `-n20`, or a long name behind one dash.
    fn short(&mut self, word: &'a str) -> Result<(), String> {
        let name = word.split_once('=').map_or(word, |(name, _)| name);
        if name.chars().count() > 2 && self.form.options.takes(name).is_some() {
            return self.long(word);
        }
        let letters = word.get(1..).unwrap_or_default();
        if self.form.options.digits && letters.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(());
        }
        if !self.form.bundle && letters.chars().count() > 1 && !self.is_attached(letters) {
            return Err(self.unknown(word, word));
        }
        for (place, letter) in letters.char_indices() {
            let end = 1 + place + letter.len_utf8();
            let rest = word.get(end..).unwrap_or_default();
            let (name, takes) =
                self.letter(letter).ok_or_else(|| self.unknown(&format!("-{letter}"), word))?;
            self.given.push(name);
            match takes {
                Takes::Nothing => {}
                Takes::Attached(_) if rest.is_empty() => return Ok(()),
                Takes::Value(_) if rest.is_empty() => return self.next_value(name, takes),
                Takes::Attached(_) | Takes::Value(_) if !self.form.attached => {
                    return Err(format!("the value of {name} stands in the next word, not in `{word}`"));
                }
                Takes::Attached(kind) | Takes::Value(kind) => {
                    return kind
                        .check(rest, self.scope)
                        .map_err(|problem| format!("value of {name}: {problem}"));
                }
            }
        }
        Ok(())
    }

    /// Whether the first of `letters` is an option that takes the others as its value.
    fn is_attached(&self, letters: &str) -> bool {
        let takes = letters.chars().next().and_then(|letter| self.letter(letter));
        self.form.attached && takes.is_some_and(|(_, takes)| takes != Takes::Nothing)
    }

    /// The option of one letter and what it takes.
    fn letter(&self, letter: char) -> Option<(&'a str, Takes)> {
        let mut name = [b'-', 0];
        *name.last_mut()? = u8::try_from(letter).ok().filter(u8::is_ascii)?;
        self.form.options.named(std::str::from_utf8(&name).ok()?)
    }

    /// Checks the next word as the value of `name`.
    fn next_value(&mut self, name: &str, takes: Takes) -> Result<(), String> {
        let (Takes::Value(kind) | Takes::Attached(kind)) = takes else { return Ok(()) };
        let value = self.next().ok_or_else(|| format!("option {name} lacks its value"))?;
        if value.starts_with('-') && value.len() > 1 && !kind.takes_dash(value) {
            return Err(format!("the value of {name} begins with `-`; attach it, or leave it out"));
        }
        kind.check(value, self.scope).map_err(|problem| format!("value of {name}: {problem}"))
    }

    fn check(&self) -> Result<(), String> {
        let needs = &self.form.needs;
        if !needs.is_empty() && !needs.iter().any(|name| self.given.contains(&name.as_str())) {
            return Err(format!("{NEEDS} {}", needs.join(" or ")));
        }
        let first = usize::from(self.form.first_is.iter().any(|name| self.given.contains(&name.as_str())));
        self.shaped(&self.operands, &self.form.operands, first)?;
        match &self.form.after {
            Some(shape) => self.shaped(&self.after, shape, 0),
            None => Ok(()),
        }
    }

    fn shaped(&self, words: &[&str], shape: &Shape, first: usize) -> Result<(), String> {
        let Some(kinds) = shape.kinds(words.len(), first) else {
            let stray = words.first().filter(|_| shape.is_empty());
            return Err(match stray {
                Some(word) => format!("`{word}` is a word too many"),
                None => format!("it takes {} here, not {} words", shape.text, words.len()),
            });
        };
        words.iter().zip(kinds).try_for_each(|(word, kind)| {
            // Behind `--` most programs take it for an operand, but not all: find acts on it, pytest loads a plugin.
            if word.starts_with('-')
                && word.len() > 1
                && self.form.dashes != Dashes::Behind
                && !kind.takes_dash(word)
            {
                return Err(format!("`{word}` looks like an option; write `./{word}`"));
            }
            kind.check(word, self.scope)
        })
    }

    fn unknown(&self, name: &str, word: &str) -> String {
        let own = self.form.refuse.get(name).or_else(|| self.form.refuse.get(word));
        if let Some(reason) = own {
            return format!("option {name}: {reason}");
        }
        let within =
            if word == name || word.starts_with("--") { String::new() } else { format!(" (in `{word}`)") };
        let allowed = match self.form.options.text.as_str() {
            "" => "it takes no options".to_owned(),
            text if text.len() > SHOWN_MAX_BYTES => {
                let end = text.get(..SHOWN_MAX_BYTES).and_then(|text| text.rfind(' ')).unwrap_or_default();
                format!("it takes {} …", text.get(..end).unwrap_or_default())
            }
            text => format!("it takes {text}"),
        };
        format!("option {name}{within} is not among those that are allowed; {allowed}")
    }
}

/// How much of the list of options a refusal shows.
const SHOWN_MAX_BYTES: usize = 300;

/// How the refusal of words without an option that is needed begins.
pub(super) const NEEDS: &str = "it needs";
