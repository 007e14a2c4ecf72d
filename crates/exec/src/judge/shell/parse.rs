//! Reads lists, pipelines and compound commands, tolerantly: what bash accepts, this accepts; what neither can read is
//! refused. Words are read in [the module `words`](mod@super::words).
//!
//! Source of the grammar: POSIX.1-2024, Shell Command Language §2.10, and the bash 5.2 manual for what it adds. Time is
//! linear in the text for a bounded depth.

use std::{cell::OnceCell, rc::Rc};

use super::{
    Refusal, refuse,
    syntax::{Piece, Pipeline, Redirect, Script, Stage, What, Word},
};

/// How deep commands, substitutions and quotes may be nested: more is refused. People write at most four or five.
const DEPTH_MAX: usize = 24;

/// Words that begin the rest of a compound command or end it.
const CLOSING: [&str; 8] = ["then", "elif", "else", "fi", "do", "done", "esac", "}"];

/// Operators of redirections, the longer ones first.
const OPERATORS: [&str; 10] = ["<<<", "<<-", "<<", "<&", "<>", "<", ">>", ">|", ">&", ">"];

/// A here-document whose body is still to be read.
pub(super) struct Pending {
    pub(super) delimiter: String,
    pub(super) tabs_stripped: bool,
    pub(super) expanded: bool,
    pub(super) body: Rc<OnceCell<Word>>,
}

/// A place in the text.
pub(super) struct Parser<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
    pub(super) depth: usize,
    pub(super) pending: Vec<Pending>,
}

/// The commands of `text`, which itself stands `depth` deep in another one.
pub(super) fn script(text: &str, depth: usize) -> Result<Script, Refusal> {
    let mut parser = Parser::new(text, depth)?;
    let script = parser.list(&[])?;
    match parser.peek() {
        None => Ok(script),
        Some(found) => unreadable(&format!("`{found}` closes nothing")),
    }
}

pub(super) fn unreadable<T>(what: &str) -> Result<T, Refusal> {
    refuse(
        "unreadable",
        format!("the shell text cannot be read: {what}; write it so that a shell accepts it"),
    )
}

impl<'t> Parser<'t> {
    pub(super) fn new(text: &'t str, depth: usize) -> Result<Self, Refusal> {
        if depth > DEPTH_MAX {
            return too_deep();
        }
        Ok(Self { text, at: 0, depth, pending: Vec::new() })
    }

    /// Runs `inner` one level deeper.
    pub(super) fn deeper<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        if self.depth >= DEPTH_MAX {
            return too_deep();
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    pub(super) fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn second(&self) -> Option<char> {
        self.rest().chars().nth(1)
    }

    pub(super) fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    pub(super) fn eat(&mut self, wanted: &str) -> bool {
        let here = self.rest().starts_with(wanted);
        if here {
            self.at += wanted.len();
        }
        here
    }

    pub(super) fn expect(&mut self, wanted: &str) -> Result<(), Refusal> {
        if self.eat(wanted) { Ok(()) } else { unreadable(&format!("`{wanted}` is missing")) }
    }

    /// Skips blanks, continued lines and a comment.
    fn blanks(&mut self) {
        loop {
            match self.peek() {
                Some(' ' | '\t' | '\r') => self.at += 1,
                Some('\\') if self.second() == Some('\n') => self.at += 2,
                Some('#') => {
                    let line = self.rest().split('\n').next().unwrap_or_default().len();
                    self.at += line;
                }
                _ => return,
            }
        }
    }

    /// Skips blanks and ends of lines, reading the here-documents that begin there.
    fn lines(&mut self) -> Result<(), Refusal> {
        loop {
            self.blanks();
            if self.peek() != Some('\n') {
                return Ok(());
            }
            self.at += 1;
            self.here_documents()?;
        }
    }

    /// The word at this place, if it has no quotes and no expansions: what may be a reserved word.
    fn bare(&self) -> &'t str {
        let rest = self.rest();
        let ends = |c: char| c.is_whitespace() || ";&|<>()'\"\\$`\0".contains(c);
        rest.split(ends).next().unwrap_or_default()
    }

    /// Pipelines up to the end, to a closing parenthesis, to `;;`, or to one of the words `ends`.
    pub(super) fn list(&mut self, ends: &[&str]) -> Result<Script, Refusal> {
        let mut script = Script::new();
        loop {
            self.lines()?;
            let bare = self.bare();
            let closes = ends.contains(&bare) || (ends.contains(&"}") && bare.starts_with('}'));
            if closes || matches!(self.peek(), None | Some(')')) || self.rest().starts_with(";;") {
                return Ok(script);
            }
            if self.rest().starts_with(";&") || CLOSING.contains(&bare) {
                return if self.rest().starts_with(";&") {
                    Ok(script)
                } else {
                    unreadable(&format!("`{bare}` has no beginning"))
                };
            }
            let begin = self.at;
            if !self.eat(";") {
                let mut pipeline = self.pipeline()?;
                self.blanks();
                if !self.eat("&&") && !self.eat("||") && self.peek() == Some('&') {
                    self.at += 1;
                    pipeline.background = true;
                }
                script.push(pipeline);
            }
            if self.at == begin {
                return unreadable("a command is missing");
            }
        }
    }

    fn pipeline(&mut self) -> Result<Pipeline, Refusal> {
        let mut stages = Vec::new();
        let mut background = false;
        loop {
            background |= self.prefixes();
            stages.push(self.deeper(Self::stage)?);
            self.blanks();
            if self.rest().starts_with("||") || !(self.eat("|&") || self.eat("|")) {
                return Ok(Pipeline { stages, background });
            }
            self.lines()?;
        }
    }

    /// Skips `!`, `time` and `coproc`; tells whether there was the last.
    fn prefixes(&mut self) -> bool {
        let mut background = false;
        loop {
            self.blanks();
            let bare = self.bare();
            match bare {
                "!" | "time" | "-p" if bare != "-p" || self.text.get(..self.at).is_some_and(after_time) => {}
                "coproc" => background = true,
                _ => return background,
            }
            self.at += bare.len();
        }
    }

    fn stage(&mut self) -> Result<Stage, Refusal> {
        let what = self.what()?;
        let simple = matches!(what, What::Simple(_));
        let mut stage = Stage { what, redirects: Vec::new() };
        if simple {
            self.simple(&mut stage)?;
        } else {
            while let Some(redirect) = self.redirect()? {
                stage.redirects.push(redirect);
            }
        }
        Ok(stage)
    }

    /// A compound command or a definition; for a simple command nothing is read yet.
    fn what(&mut self) -> Result<What, Refusal> {
        if self.peek() == Some('(') {
            if let Some(number) = self.arithmetic("((", "))")? {
                return Ok(What::Group {
                    body: vec![words_only(vec![number])],
                    subshell: false,
                    endless: false,
                });
            }
            return self.subshell();
        }
        let bare = self.bare();
        match bare {
            "{" => self.braces(),
            "if" => self.compound(bare, &["then", "elif", "else", "fi"], "fi"),
            "while" | "until" => self.compound(bare, &["do", "done"], "done"),
            "for" | "select" => self.each(bare),
            "case" => self.case(),
            "[[" => self.condition(),
            "function" => {
                self.at += bare.len();
                self.blanks();
                let name = self.bare().to_owned();
                self.at += name.len();
                self.blanks();
                if self.eat("(") {
                    self.blanks();
                    self.expect(")")?;
                }
                self.function(name)
            }
            _ => {
                let after = self.rest().get(bare.len()..).unwrap_or_default().trim_start_matches([' ', '\t']);
                let parameters = after.strip_prefix('(').map(|rest| rest.trim_start_matches([' ', '\t']));
                match parameters.and_then(|rest| rest.strip_prefix(')')) {
                    Some(body) if !bare.is_empty() && !bare.contains('=') => {
                        self.at = self.text.len() - body.len();
                        self.function(bare.to_owned())
                    }
                    _ => Ok(What::Simple(Vec::new())),
                }
            }
        }
    }

    fn subshell(&mut self) -> Result<What, Refusal> {
        self.expect("(")?;
        let body = self.list(&[])?;
        self.expect(")")?;
        Ok(What::Group { body, subshell: true, endless: false })
    }

    fn braces(&mut self) -> Result<What, Refusal> {
        self.expect("{")?;
        let body = self.list(&["}"])?;
        self.expect("}")?;
        Ok(What::Group { body, subshell: false, endless: false })
    }

    /// The body of a function. `{` may touch its first command: no shell defines that, but who writes it means it.
    fn function(&mut self, name: String) -> Result<What, Refusal> {
        self.lines()?;
        let what = if self.peek() == Some('{') { self.braces()? } else { self.deeper(Self::what)? };
        let body = match what {
            What::Group { body, .. } => body,
            What::Each { .. } | What::Function { .. } => {
                vec![Pipeline { stages: vec![Stage { what, redirects: Vec::new() }], background: false }]
            }
            What::Simple(_) => return unreadable("a function has no body"),
        };
        Ok(What::Function { name, body: Rc::new(body) })
    }

    /// `if` and `while`: every list between their words.
    fn compound(&mut self, word: &str, words: &[&str], last: &str) -> Result<What, Refusal> {
        self.at += word.len();
        let begin = self.at;
        let mut body = self.list(words)?;
        let condition = self.text.get(begin..self.at).unwrap_or_default();
        let endless = word != "if" && always(condition, word == "while");
        loop {
            let found = self.bare();
            self.at += found.len();
            if found == last {
                return Ok(What::Group { body, subshell: false, endless });
            }
            if found.is_empty() {
                return unreadable(&format!("`{word}` has no `{last}`"));
            }
            body.append(&mut self.list(words)?);
        }
    }

    fn each(&mut self, word: &str) -> Result<What, Refusal> {
        self.at += word.len();
        self.blanks();
        let begin = self.at;
        let mut words = Vec::new();
        let mut name = String::new();
        if let Some(number) = self.arithmetic("((", "))")? {
            words.push(number);
        } else {
            self.bare().clone_into(&mut name);
            self.at += name.len();
            self.lines()?;
            if self.bare() == "in" {
                self.at += 2;
                self.blanks();
                while let Some(word) = self.word()? {
                    words.push(word);
                    self.blanks();
                }
            }
        }
        let header = self.text.get(begin..self.at).unwrap_or_default();
        let middle = header.strip_prefix("((").and_then(|inner| inner.split(';').nth(1)).map(str::trim);
        let endless = matches!(middle, Some("" | "1"));
        self.blanks();
        self.eat(";");
        self.lines()?;
        if self.peek() == Some('{') {
            let What::Group { body, .. } = self.braces()? else { return unreadable("a loop has no body") };
            return Ok(What::Each { name, words, body, endless });
        }
        self.expect("do")?;
        let body = self.list(&["done"])?;
        self.expect("done")?;
        Ok(What::Each { name, words, body, endless })
    }

    fn case(&mut self) -> Result<What, Refusal> {
        self.at += "case".len();
        self.blanks();
        let subject = self.word()?.unwrap_or_default();
        let mut body = vec![words_only(vec![subject])];
        self.lines()?;
        self.expect("in")?;
        loop {
            self.lines()?;
            if self.bare() == "esac" {
                self.at += "esac".len();
                return Ok(What::Group { body, subshell: false, endless: false });
            }
            self.eat("(");
            let mut patterns = Vec::new();
            loop {
                self.blanks();
                if self.eat(")") {
                    break;
                }
                match self.word()? {
                    Some(pattern) => patterns.push(pattern),
                    None if self.eat("|") => {}
                    None => return unreadable("a pattern of `case` has no `)`"),
                }
            }
            body.push(words_only(patterns));
            body.append(&mut self.list(&["esac"])?);
            for end in [";;&", ";;", ";&"] {
                if self.eat(end) {
                    break;
                }
            }
        }
    }

    /// `[[ … ]]`, in which `(`, `<`, `&&` and the like are ordinary.
    fn condition(&mut self) -> Result<What, Refusal> {
        self.expect("[[")?;
        let mut words = Vec::new();
        loop {
            self.lines()?;
            if self.eat("]]") {
                return Ok(What::Group { body: vec![words_only(words)], subshell: false, endless: false });
            }
            match self.peek() {
                None => return unreadable("`[[` has no `]]`"),
                Some('(' | ')' | '<' | '>' | '&' | '|' | ';') => self.at += 1,
                Some(_) => words.extend(self.word()?),
            }
        }
    }

    fn simple(&mut self, stage: &mut Stage) -> Result<(), Refusal> {
        let What::Simple(words) = &mut stage.what else { return Ok(()) };
        loop {
            self.blanks();
            if let Some(redirect) = self.redirect()? {
                stage.redirects.push(redirect);
            } else if let Some(word) = self.word()? {
                words.push(word);
            } else if self.peek() == Some('(') {
                return unreadable("`(` stands where no command begins");
            } else {
                return Ok(());
            }
        }
    }

    fn redirect(&mut self) -> Result<Option<Redirect>, Refusal> {
        self.blanks();
        let begin = self.at;
        let both = self.rest().starts_with("&>");
        let digits = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        let descriptor = self.rest().get(..digits).unwrap_or_default();
        self.at += digits + usize::from(both);
        if self.rest().starts_with("<(") || self.rest().starts_with(">(") {
            self.at = begin;
            return Ok(None);
        }
        let Some(operator) = OPERATORS.into_iter().find(|operator| self.eat(operator)) else {
            self.at = begin;
            return Ok(None);
        };
        self.blanks();
        if operator == "<<" || operator == "<<-" {
            let (delimiter, quoted) = self.delimiter()?;
            let body = Rc::new(OnceCell::new());
            let pending = Pending {
                delimiter,
                tabs_stripped: operator == "<<-",
                expanded: !quoted,
                body: Rc::clone(&body),
            };
            self.pending.push(pending);
            return Ok(Some(Redirect::HereDocument(body)));
        }
        let Some(target) = self.word()? else {
            return unreadable("a redirection has no target");
        };
        Ok(Some(match operator {
            "<" => Redirect::Read(target),
            "<<<" => Redirect::HereText(target),
            "<&" => Redirect::Duplicate(target),
            ">&" if is_descriptor(&target) => Redirect::Duplicate(target),
            _ => Redirect::Write { target, output: both || matches!(descriptor, "" | "1") },
        }))
    }
}

fn too_deep<T>() -> Result<T, Refusal> {
    refuse(
        "too-complex",
        format!("the text nests more than {DEPTH_MAX} levels, which nobody can judge; put it into a script"),
    )
}

/// Whether `before` ends with the word `time`.
fn after_time(before: &str) -> bool {
    before.trim_end().ends_with("time")
}

/// Whether a loop's condition is one that always holds.
fn always(condition: &str, wanted: bool) -> bool {
    let condition = condition.trim_matches([' ', '\t', '\n', ';']);
    let condition = condition.trim_start_matches("[[").trim_start_matches(['[', '(', ' ']);
    let condition = condition.trim_end_matches([']', ')', ' ']).trim_start_matches("test ");
    let holds = ["true", ":", "1", "/bin/true", "/usr/bin/true", "yes"];
    let fails = ["false", "0", "/bin/false", "/usr/bin/false", "! true", "! :"];
    if wanted { holds.contains(&condition) } else { fails.contains(&condition) }
}

/// Words that are expanded, but are no command.
fn words_only(words: Vec<Word>) -> Pipeline {
    let text = Piece::Text { text: ":".to_owned(), quoted: false, encoded: false };
    let mut all = vec![Word { pieces: vec![text] }];
    all.extend(words);
    Pipeline { stages: vec![Stage { what: What::Simple(all), redirects: Vec::new() }], background: false }
}

fn is_descriptor(word: &Word) -> bool {
    match word.pieces.as_slice() {
        [Piece::Text { text, .. }] => text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'),
        _ => false,
    }
}
