//! Reads words: quotes, expansions and here-documents.

use std::rc::Rc;

use super::{
    Refusal,
    parse::{Parser, unreadable},
    syntax::{Change, Piece, Word},
};

/// What ends the text that is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// A blank or an operator.
    Word,
    /// `"`
    Quote,
    /// `}`, outside quotes.
    Brace,
    /// `}`, inside double quotes.
    QuotedBrace,
    /// Nothing but the end; quotes are ordinary.
    End,
}

impl Until {
    const fn quoted(self) -> bool {
        matches!(self, Self::Quote | Self::End | Self::QuotedBrace)
    }
}

/// Pieces as they come, with ordinary characters joined.
struct Pieces {
    word: Word,
    quoted: bool,
    begun: bool,
}

impl Pieces {
    fn text(&mut self, more: &str, quoted: bool, encoded: bool) {
        self.begun = true;
        if let Some(Piece::Text { text, quoted: same, encoded: numbers }) = self.word.pieces.last_mut()
            && *same == quoted
        {
            text.push_str(more);
            *numbers |= encoded;
            return;
        }
        // A quoted tilde is a name of a file, not a home.
        let first = self.word.pieces.is_empty() && quoted && more.starts_with('~');
        let text = if first { format!("./{more}") } else { more.to_owned() };
        self.word.pieces.push(Piece::Text { text, quoted, encoded });
    }

    fn push(&mut self, piece: Piece) {
        self.begun = true;
        self.word.pieces.push(piece);
    }
}

impl Parser<'_> {
    /// The word at this place; none at a blank, an operator or the end.
    pub(super) fn word(&mut self) -> Result<Option<Word>, Refusal> {
        self.deeper(|parser| parser.pieces(Until::Word))
    }

    fn pieces(&mut self, until: Until) -> Result<Option<Word>, Refusal> {
        let mut pieces = Pieces { word: Word::default(), quoted: until.quoted(), begun: false };
        while let Some(next) = self.peek() {
            if self.ends(next, until) {
                break;
            }
            match next {
                '\\' => self.escape(&mut pieces),
                '\'' if !pieces.quoted => self.single(&mut pieces)?,
                '"' if !pieces.quoted || until == Until::QuotedBrace => {
                    self.at += 1;
                    pieces.text("", true, false);
                    let inner = self.deeper(|parser| parser.pieces(Until::Quote))?.unwrap_or_default();
                    self.expect("\"")?;
                    inner.pieces.into_iter().for_each(|piece| pieces.word.pieces.push(piece));
                }
                '$' => self.dollar(&mut pieces)?,
                '`' => self.backtick(&mut pieces)?,
                '<' | '>' if until == Until::Word => self.process(next == '>', &mut pieces)?,
                '(' if until == Until::Word => self.parenthesis(&mut pieces)?,
                '\0' => {
                    self.at += 1;
                    pieces.push(variable("\0", pieces.quoted, Change::None));
                }
                _ => {
                    let quoted = pieces.quoted;
                    self.at += next.len_utf8();
                    pieces.text(next.encode_utf8(&mut [0; 4]), quoted, false);
                }
            }
        }
        Ok(pieces.begun.then_some(pieces.word))
    }

    fn ends(&self, next: char, until: Until) -> bool {
        match until {
            Until::Word => match next {
                ' ' | '\t' | '\r' | '\n' | ';' | '|' | '&' | ')' => true,
                '<' | '>' => self.second() != Some('('),
                // `a=(…)`, and the patterns `!(…)` and their like.
                '(' => !self
                    .text
                    .get(..self.at)
                    .is_some_and(|before| before.ends_with(['=', '!', '@', '?', '*', '+'])),
                _ => false,
            },
            Until::Quote => next == '"',
            Until::Brace | Until::QuotedBrace => next == '}',
            Until::End => false,
        }
    }

    fn escape(&mut self, pieces: &mut Pieces) {
        self.at += 1;
        match self.bump() {
            None => pieces.text("\\", pieces.quoted, false),
            Some('\n') => {}
            Some(next) => {
                let mut buffer = [0; 4];
                if pieces.quoted && !"$`\"\\".contains(next) {
                    pieces.text("\\", true, false);
                }
                pieces.text(next.encode_utf8(&mut buffer), true, false);
            }
        }
    }

    fn single(&mut self, pieces: &mut Pieces) -> Result<(), Refusal> {
        self.at += 1;
        let Some((inner, _)) = self.rest().split_once('\'') else {
            return unreadable("a single quote is not closed");
        };
        self.at += inner.len() + 1;
        pieces.text(inner, true, false);
        Ok(())
    }

    fn dollar(&mut self, pieces: &mut Pieces) -> Result<(), Refusal> {
        let quoted = pieces.quoted;
        if let Some(number) = self.arithmetic("$((", "))")? {
            pieces.push(Piece::Number(number));
            return Ok(());
        }
        if let Some(number) = self.arithmetic("$[", "]")? {
            pieces.push(Piece::Number(number));
            return Ok(());
        }
        self.at += 1;
        match self.peek() {
            Some('(') => {
                self.at += 1;
                let script = Rc::new(self.deeper(|parser| parser.list(&[]))?);
                self.expect(")")?;
                pieces.push(Piece::Run { script, quoted });
            }
            Some('{') => {
                self.at += 1;
                let piece = self.deeper(|parser| parser.parameter(quoted))?;
                pieces.push(piece);
            }
            Some('\'') if !quoted => {
                let (text, encoded) = self.ansi()?;
                pieces.text(&text, true, encoded);
            }
            Some('"') if !quoted => {}
            Some(next) if next.is_ascii_alphabetic() || next == '_' => {
                let name = self.name();
                pieces.push(variable(&name, quoted, Change::None));
            }
            Some(next) if next.is_ascii_digit() || "@*#?-$!".contains(next) => {
                self.at += 1;
                pieces.push(variable(next.encode_utf8(&mut [0; 4]), quoted, Change::None));
            }
            _ => pieces.text("$", quoted, false),
        }
        Ok(())
    }

    fn name(&mut self) -> String {
        let ends = |c: char| !c.is_ascii_alphanumeric() && c != '_';
        let name = self.rest().split(ends).next().unwrap_or_default();
        self.at += name.len();
        name.to_owned()
    }

    /// What follows `${`, with its `}`.
    fn parameter(&mut self, quoted: bool) -> Result<Piece, Refusal> {
        let until = if quoted { Until::QuotedBrace } else { Until::Brace };
        let mut change = Change::None;
        if self.peek() == Some('#') && self.second() != Some('}') {
            self.at += 1;
            change = Change::Length;
        } else if self.eat("!") {
            change = Change::Indirect;
        }
        let mut name = self.name();
        if name.is_empty() {
            name.extend(self.bump());
        }
        if self.peek() == Some('[') {
            let inner = self.rest().split_once(']').map_or("", |(inner, _)| inner).len();
            let index = self.rest().get(1..inner).unwrap_or_default().to_owned();
            self.at += inner + 1;
            // The substitutions in an index run too.
            let index = Parser::new(&index, self.depth + 1)?.pieces(Until::End)?.unwrap_or_default();
            change = Change::Other(index);
        }
        let operator =
            [":-", ":=", ":+", ":?", "-", "=", "+", "?", ":", "@P"].into_iter().find(|one| self.eat(one));
        let word = self.pieces(until)?.unwrap_or_default();
        self.expect("}")?;
        change = match (operator, change) {
            (Some(":-" | "-" | ":=" | "="), Change::None) => Change::Default(word),
            (Some(":+" | "+"), Change::None) => Change::Instead(word),
            (Some(":?" | "?"), Change::None) => Change::Required,
            (Some(":"), Change::None) => Change::Part(word),
            (Some("@P"), _) => Change::Prompt,
            (None, Change::None) if word.pieces.is_empty() => Change::None,
            (_, Change::None) => Change::Other(word),
            (_, Change::Other(mut index)) => {
                index.pieces.extend(word.pieces);
                Change::Other(index)
            }
            (_, changed) => changed,
        };
        Ok(variable(&name, quoted, change))
    }

    /// `$'…'`, and whether a character of it was given by its number.
    fn ansi(&mut self) -> Result<(String, bool), Refusal> {
        self.at += 1;
        let mut text = String::new();
        let mut encoded = false;
        loop {
            match self.bump() {
                None => return unreadable("a quote is not closed"),
                Some('\'') => return Ok((text, encoded)),
                Some('\\') => match self.bump() {
                    None => return unreadable("a quote is not closed"),
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('x') => encoded |= self.number(16, 2, &mut text),
                    Some('u') => encoded |= self.number(16, 4, &mut text),
                    Some('U') => encoded |= self.number(16, 8, &mut text),
                    Some('0'..='7') => {
                        self.at -= 1;
                        encoded |= self.number(8, 3, &mut text);
                    }
                    Some(control) if "abefrvcE".contains(control) => text.push(' '),
                    Some(other) => text.push(other),
                },
                Some(other) => text.push(other),
            }
        }
    }

    /// Reads one character by its number; tells whether it is one that could have been typed.
    fn number(&mut self, radix: u32, digits_max: usize, text: &mut String) -> bool {
        let digits = self.rest().chars().take(digits_max).take_while(|digit| digit.is_digit(radix)).count();
        let number = self.rest().get(..digits).and_then(|digits| u32::from_str_radix(digits, radix).ok());
        self.at += digits;
        let character = number.and_then(char::from_u32).unwrap_or('\u{fffd}');
        text.push(character);
        character.is_ascii_graphic()
    }

    fn backtick(&mut self, pieces: &mut Pieces) -> Result<(), Refusal> {
        self.at += 1;
        let mut inner = String::new();
        loop {
            match self.bump() {
                None => return unreadable("a backquote is not closed"),
                Some('`') => break,
                Some('\\') if self.peek().is_some_and(|next| "`\\$".contains(next)) => {
                    inner.extend(self.bump());
                }
                Some(next) => inner.push(next),
            }
        }
        let script = Rc::new(super::parse::script(&inner, self.depth + 1)?);
        pieces.push(Piece::Run { script, quoted: pieces.quoted });
        Ok(())
    }

    /// `<( … )` and `>( … )`.
    fn process(&mut self, output: bool, pieces: &mut Pieces) -> Result<(), Refusal> {
        self.at += 2;
        let script = Rc::new(self.deeper(|parser| parser.list(&[]))?);
        self.expect(")")?;
        pieces.push(Piece::Process { script, output });
        Ok(())
    }

    /// The values of an array after `=`, or a pattern with alternatives.
    fn parenthesis(&mut self, pieces: &mut Pieces) -> Result<(), Refusal> {
        let array = self.text.get(..self.at).is_some_and(|before| before.ends_with('='));
        self.at += 1;
        let mut words = Vec::new();
        loop {
            match self.peek() {
                None => return unreadable("a parenthesis is not closed"),
                Some(')') => break,
                Some(' ' | '\t' | '\r' | '\n' | '|' | '&' | ';' | '<' | '>' | '(')
                    if self.word_begins_not() =>
                {
                    self.at += 1;
                }
                Some(_) => words.extend(self.word()?),
            }
        }
        self.at += 1;
        if array {
            pieces.push(Piece::Array(words));
        } else {
            pieces.text("*", false, false);
            words.into_iter().flat_map(|word| word.pieces).filter(runs).for_each(|piece| pieces.push(piece));
        }
        Ok(())
    }

    /// Whether the operator at this place does not begin `<( … )`.
    fn word_begins_not(&self) -> bool {
        !matches!(self.peek(), Some('<' | '>')) || self.second() != Some('(')
    }

    /// What is expanded between `open` and `close`, if the text here is arithmetic.
    pub(super) fn arithmetic(&mut self, open: &str, close: &str) -> Result<Option<Word>, Refusal> {
        let Some(inner) = self.rest().strip_prefix(open) else { return Ok(None) };
        let (down, up) = if close == "]" { (']', '[') } else { (')', '(') };
        let mut nested = 0_usize;
        let Some((length, _)) = inner.char_indices().find(|&(_, next)| {
            if next == up {
                nested += 1;
            } else if next == down {
                if nested == 0 {
                    return true;
                }
                nested -= 1;
            }
            false
        }) else {
            return Ok(None);
        };
        let (inside, after) = inner.split_at_checked(length).unwrap_or((inner, ""));
        if !after.starts_with(close) {
            return Ok(None);
        }
        let word = Parser::new(inside, self.depth + 1)?.pieces(Until::End)?.unwrap_or_default();
        self.at += open.len() + length + close.len();
        Ok(Some(word))
    }

    /// The word after `<<`, without its quotes, and whether it had any.
    pub(super) fn delimiter(&mut self) -> Result<(String, bool), Refusal> {
        let Some(word) = self.word()? else { return unreadable("a here-document has no end") };
        let mut delimiter = String::new();
        let mut any = false;
        for piece in word.pieces {
            if let Piece::Text { text, quoted, .. } = piece {
                delimiter.push_str(text.strip_prefix("./~").unwrap_or(&text));
                any |= quoted;
            }
        }
        Ok((delimiter, any))
    }

    /// Reads the bodies of the here-documents that were announced on the line before.
    pub(super) fn here_documents(&mut self) -> Result<(), Refusal> {
        for pending in std::mem::take(&mut self.pending) {
            let mut body = String::new();
            while let Some(line) = self.rest().split_inclusive('\n').next() {
                self.at += line.len();
                let stripped = if pending.tabs_stripped { line.trim_start_matches('\t') } else { line };
                if stripped.trim_end_matches(['\n', '\r']) == pending.delimiter {
                    break;
                }
                body.push_str(stripped);
            }
            let word = if pending.expanded {
                Parser::new(&body, self.depth + 1)?.pieces(Until::End)?.unwrap_or_default()
            } else {
                Word { pieces: vec![Piece::Text { text: body, quoted: true, encoded: false }] }
            };
            // Each is announced once, so that it has no body yet.
            let _ = pending.body.set(word);
        }
        Ok(())
    }
}

fn variable(name: &str, quoted: bool, change: Change) -> Piece {
    Piece::Variable { name: name.to_owned(), quoted, change }
}

const fn runs(piece: &Piece) -> bool {
    matches!(piece, Piece::Run { .. } | Piece::Process { .. })
}
