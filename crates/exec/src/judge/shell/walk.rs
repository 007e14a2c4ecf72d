//! Goes through shell text in the order of the text and remembers what later commands depend on: variables, functions, the
//! folder, and what was written to which file.

use std::{
    collections::{BTreeSet, HashMap},
    rc::Rc,
};

use super::{
    Refusal, files,
    parse::script,
    paths::{self, Place},
    refuse,
    syntax::{Piece, Pipeline, Redirect, Script, Stage, What, Word},
    value::{Taint, Value},
};

/// How deep functions, substitutions and shells within shells are followed.
const DEPTH_MAX: usize = 40;
/// Values of a `for` that its body is looked at with, after the first.
const VALUES_MAX: usize = 4;

/// What is known so far.
pub(super) struct Walk {
    pub(super) variables: HashMap<String, Value>,
    pub(super) functions: HashMap<String, Rc<Script>>,
    /// What was written to which file, by the last part of its name.
    pub(super) files: HashMap<String, Value>,
    /// The folder, once a command has changed it.
    pub(super) folder: Option<String>,
    /// The standard input of the group that is being walked.
    pub(super) input: Value,
    /// What `>( … )` of the current command reads its output.
    pub(super) sinks: Vec<Rc<Script>>,
    /// The functions that are being walked.
    pub(super) calls: Vec<String>,
    /// Whether the current command runs beside another one.
    pub(super) beside: bool,
    pub(super) seen: Seen,
    /// Every word of a command, and every file that is read, as far as they are known.
    pub(super) words: BTreeSet<String>,
    pub(super) depth: usize,
    /// Steps that are left.
    pub(super) budget: usize,
}

/// What a pipeline is made of, and what the text holds, that means something together.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// A program that talks to another machine.
    pub(super) peer: bool,
    /// A shell that reads its commands from its input.
    pub(super) shell: bool,
    /// A named pipe, anywhere before.
    pub(super) pipe: bool,
}

impl Walk {
    pub(super) fn new(budget: usize) -> Self {
        Self {
            variables: HashMap::new(),
            functions: HashMap::new(),
            files: HashMap::new(),
            folder: None,
            input: Value::unknown(),
            sinks: Vec::new(),
            calls: Vec::new(),
            beside: false,
            seen: Seen::default(),
            words: BTreeSet::new(),
            depth: 0,
            budget,
        }
    }

    /// Counts `steps`, and refuses once there were too many.
    pub(super) fn spend(&mut self, steps: usize) -> Result<(), Refusal> {
        match self.budget.checked_sub(steps + 1) {
            Some(left) => {
                self.budget = left;
                Ok(())
            }
            None => refuse("too-complex", "the text comes to more than can be judged; put it into a script"),
        }
    }

    /// Looks at `text` as a shell would run it with `arguments`.
    pub(super) fn text(
        &mut self,
        text: &Value,
        arguments: &[Value],
        input: &Value,
    ) -> Result<Value, Refusal> {
        if text.foreign() {
            return refuse_foreign(text.taint);
        }
        self.spend(text.text.len())?;
        let script = script(&text.text, self.depth / 2)?;
        let folder = self.folder.clone();
        let name = arguments
            .first()
            .map(|name| ("0".to_owned(), self.variables.insert("0".to_owned(), name.clone())));
        let output = self.with_arguments(arguments, |walk| walk.script(&script, input))?;
        self.put_back(name.into_iter().collect());
        self.folder = folder;
        Ok(output)
    }

    /// Runs `inner` with `$1` and so on set to `arguments`, of which the first is `$0`.
    pub(super) fn with_arguments<T>(
        &mut self,
        arguments: &[Value],
        inner: impl FnOnce(&mut Self) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut before = Vec::new();
        let mut all = Value::default();
        for (number, argument) in arguments.iter().enumerate().skip(1) {
            if number > 1 {
                all.append(&Value::known(" "));
            }
            all.append(argument);
            if number < 10 {
                let name = number.to_string();
                before.push((name.clone(), self.variables.insert(name, argument.clone())));
            }
        }
        if arguments.len() > 1 {
            for name in ["@", "*"] {
                before.push((name.to_owned(), self.variables.insert(name.to_owned(), all.clone())));
            }
        }
        let result = inner(self);
        self.put_back(before);
        result
    }

    fn put_back(&mut self, before: Vec<(String, Option<Value>)>) {
        for (name, value) in before {
            match value {
                Some(value) => self.variables.insert(name, value),
                None => self.variables.remove(&name),
            };
        }
    }

    /// What `script` writes to its standard output.
    pub(super) fn script(&mut self, script: &Script, input: &Value) -> Result<Value, Refusal> {
        if self.depth >= DEPTH_MAX {
            return refuse(
                "too-complex",
                "commands are nested too deep to be judged; put them into a script",
            );
        }
        self.depth += 1;
        let mut output = Value::default();
        for pipeline in script {
            let more = self.pipeline(pipeline, input)?;
            if !output.text.is_empty() && !more.text.is_empty() && !output.text.ends_with('\n') {
                output.append(&Value::known("\n"));
            }
            output.append(&more);
        }
        self.depth -= 1;
        Ok(output)
    }

    fn pipeline(&mut self, pipeline: &Pipeline, input: &Value) -> Result<Value, Refusal> {
        let (beside, seen) = (self.beside, self.seen);
        self.seen = Seen { pipe: seen.pipe, ..Seen::default() };
        self.beside |= pipeline.background || pipeline.stages.len() > 1;
        if self.beside && pipeline.stages.iter().any(runs_itself) {
            return refuse(
                "fork-bomb",
                "`$0` beside itself starts the same shell again and again; name a script",
            );
        }
        let mut flow = input.clone();
        for stage in &pipeline.stages {
            flow = self.stage(stage, &flow)?;
        }
        let talks = self.seen.peer && self.seen.shell;
        let kept = self.seen.pipe && (self.seen.peer || seen.peer) && (self.seen.shell || seen.shell);
        if (talks && pipeline.stages.len() > 1) || kept {
            return refuse(
                "reverse-shell",
                "a shell's input or output is another machine; run the commands here",
            );
        }
        self.seen.peer |= seen.peer;
        self.seen.shell |= seen.shell;
        self.beside = beside;
        Ok(flow)
    }

    fn stage(&mut self, stage: &Stage, input: &Value) -> Result<Value, Refusal> {
        let words = match &stage.what {
            What::Simple(words) => return self.simple(words, &stage.redirects, input),
            What::Function { name, body } => {
                self.functions.insert(name.clone(), Rc::clone(body));
                return self.call(name, body, &[], input).map(|_| Value::default());
            }
            What::Group { .. } => [].as_slice(),
            What::Each { words, .. } => words,
        };
        let words = self.fields(words)?;
        let (input, target) = self.redirects(&stage.redirects, input)?;
        let (folder, outer) = (self.folder.clone(), std::mem::replace(&mut self.input, input.clone()));
        let output = match &stage.what {
            What::Group { body, subshell, endless } => {
                check_storm(*endless, body)?;
                let output = self.script(body, &input)?;
                if *subshell {
                    self.folder = folder;
                }
                output
            }
            What::Each { name, body, endless, .. } => {
                check_storm(*endless, body)?;
                let mut output = Value::default();
                for value in self.chosen(&words) {
                    self.variables.insert(name.clone(), value);
                    output = self.script(body, &input)?;
                }
                output
            }
            What::Simple(_) | What::Function { .. } => Value::default(),
        };
        self.input = outer;
        Ok(self.written(target, output))
    }

    /// The values of a loop that its body is looked at with: the first, and those that mean something.
    fn chosen(&self, words: &[Value]) -> Vec<Value> {
        if words.is_empty() {
            return vec![Value::unknown()];
        }
        let means = |value: &&Value| {
            let name = value.text.rsplit('/').next().unwrap_or_default();
            value.foreign()
                || paths::place(&value.text, self.folder.as_deref()) != Place::Ordinary
                || super::system::is_named(name)
                || files::destroys(name)
        };
        let first = words.first().into_iter();
        first.chain(words.iter().skip(1).filter(means).take(VALUES_MAX)).cloned().collect()
    }

    /// Looks at the body of the function `name`.
    pub(super) fn call(
        &mut self,
        name: &str,
        body: &Rc<Script>,
        arguments: &[Value],
        input: &Value,
    ) -> Result<Value, Refusal> {
        if self.calls.iter().any(|call| call == name) {
            return if self.beside {
                refuse("fork-bomb", "a function starts itself beside itself, which never ends; bound it")
            } else {
                Ok(Value::unknown())
            };
        }
        self.calls.push(name.to_owned());
        let beside = std::mem::replace(&mut self.beside, false);
        let result = self.with_arguments(arguments, |walk| walk.script(body, input));
        self.beside = beside;
        self.calls.pop();
        result
    }

    fn simple(&mut self, words: &[Word], redirects: &[Redirect], input: &Value) -> Result<Value, Refusal> {
        self.spend(8)?;
        let group = std::mem::replace(&mut self.input, input.clone());
        let mut assigned = Vec::new();
        let mut rest = words;
        while let Some((first, more)) = rest.split_first()
            && let Some((name, word, adds)) = assignment(first)
        {
            let mut value = self.value(&word)?;
            if adds {
                let mut before = self.variables.get(&name).cloned().unwrap_or_else(Value::unknown);
                if matches!(word.pieces.first(), Some(Piece::Array(_))) {
                    before.append(&Value::known(" "));
                }
                before.append(&value);
                value = before;
            }
            assigned.push((name, value));
            rest = more;
        }
        let outer = std::mem::take(&mut self.sinks);
        let fields = self.fields(rest)?;
        let (input, target) = self.redirects(redirects, input)?;
        self.check_assigned(&assigned)?;
        let mut before = Vec::new();
        for (name, value) in assigned {
            before.push((name.clone(), self.variables.insert(name, value)));
        }
        let output = if fields.is_empty() {
            // Without a command, the assignments stay; `$(< file)` is what the file holds.
            before.clear();
            if rest.is_empty() && !redirects.is_empty() && target.is_none() {
                input
            } else {
                Value::default()
            }
        } else {
            self.command(&fields, &input)?
        };
        self.put_back(before);
        for sink in std::mem::replace(&mut self.sinks, outer) {
            self.script(&sink, &output)?;
        }
        self.input = group;
        Ok(self.written(target, output))
    }

    /// Where the input comes from, and the file that the output goes to.
    fn redirects(
        &mut self,
        redirects: &[Redirect],
        input: &Value,
    ) -> Result<(Value, Option<String>), Refusal> {
        let (mut input, mut file) = (input.clone(), None);
        for redirect in redirects {
            match redirect {
                Redirect::Read(word) => {
                    let name = self.value(word)?;
                    self.mention(&name);
                    files::check_network(&name.text)?;
                    input = self.content(&name);
                }
                Redirect::Write { target, output } => {
                    let name = self.value(target)?;
                    files::check_write(&name, self.folder.as_deref())?;
                    if *output {
                        file = Some(name.text);
                    }
                }
                Redirect::HereText(word) => input = self.value(word)?,
                Redirect::HereDocument(body) => {
                    input = match body.get() {
                        Some(word) => self.value(word)?,
                        None => Value::default(),
                    };
                }
                Redirect::Duplicate(word) => drop(self.value(word)?),
            }
        }
        Ok((input, file))
    }

    pub(super) fn mention(&mut self, word: &Value) {
        if word.is_known() && !self.words.contains(&word.text) {
            self.words.insert(word.text.clone());
        }
    }

    /// What the file `name` holds, as far as this text has written it.
    pub(super) fn content(&self, name: &Value) -> Value {
        if name.taint.is_some() {
            return Value { text: name.text.clone(), ..Value::tainted(name.taint.unwrap_or(Taint::Secret)) };
        }
        let last = last_part(&name.text);
        if let Some(value) = self.files.get(&name.text).or_else(|| self.files.get(last)) {
            return value.clone();
        }
        if paths::is_secret(&name.text) {
            return Value::tainted(Taint::Secret);
        }
        if matches!(name.text.as_str(), "/dev/zero" | "/dev/urandom" | "/dev/random") {
            return Value::tainted(Taint::Endless);
        }
        Value::unknown()
    }

    /// Remembers that `output` went to `target`; what is left for the next command.
    fn written(&mut self, target: Option<String>, output: Value) -> Value {
        let Some(target) = target else { return output };
        if matches!(target.as_str(), "/dev/stdout" | "/dev/stderr" | "/dev/tty") {
            return output;
        }
        self.remember(&target, &output);
        Value::default()
    }

    pub(super) fn remember(&mut self, file: &str, content: &Value) {
        let name = last_part(file);
        if !name.is_empty() && name != "null" {
            let held = self.files.entry(name.to_owned()).or_default();
            if !held.text.is_empty() {
                held.append(&Value::known("\n"));
            }
            held.append(content);
        }
    }
}

/// Refuses to execute what nobody has read.
pub(super) fn refuse_foreign<T>(taint: Option<Taint>) -> Result<T, Refusal> {
    if taint == Some(Taint::Decoded) {
        return refuse(
            "encoded-run",
            "what is executed is packed or encoded, so nobody has read it; decode it into a file and read it first",
        );
    }
    refuse(
        "download-run",
        "what is executed comes straight from the network; download it into a file and read it first",
    )
}

/// The last part of a path.
pub(super) fn last_part(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// The name, the value, and whether it is appended, if `word` is an assignment.
pub(super) fn assignment(word: &Word) -> Option<(String, Word, bool)> {
    let Some((Piece::Text { text, quoted: false, encoded }, rest)) = word.pieces.split_first() else {
        return None;
    };
    let (name, value) = text.split_once('=')?;
    let adds = name.ends_with('+');
    let name = name.strip_suffix('+').unwrap_or(name);
    let name = name.split('[').next().unwrap_or_default();
    if !is_name(name) {
        return None;
    }
    let mut pieces = Vec::new();
    if !value.is_empty() {
        pieces.push(Piece::Text { text: value.to_owned(), quoted: false, encoded: *encoded });
    }
    pieces.extend_from_slice(rest);
    Some((name.to_owned(), Word { pieces }, adds))
}

pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether the command of a stage is `$0`, by itself or given to a shell.
fn runs_itself(stage: &Stage) -> bool {
    let What::Simple(words) = &stage.what else { return false };
    let itself =
        |word: &Word| matches!(word.pieces.last(), Some(Piece::Variable { name, .. }) if name == "0");
    let shell = |word: &Word| matches!(word.pieces.as_slice(), [Piece::Text { text, .. }] if matches!(last_part(text), "sh" | "bash" | "dash" | "zsh" | "exec"));
    match words.as_slice() {
        [first, second, ..] => itself(first) || (shell(first) && itself(second)),
        [first] => itself(first),
        [] => false,
    }
}

/// Refuses a loop without end that starts something beside itself each time and never waits.
fn check_storm(endless: bool, body: &Script) -> Result<(), Refusal> {
    if endless && starts_beside(body) && !waits(body) {
        return refuse(
            "fork-bomb",
            "a loop without end starts processes and waits for none; bound it, or `wait`",
        );
    }
    Ok(())
}

/// Whether something in `body` is started and not waited for.
fn starts_beside(body: &Script) -> bool {
    body.iter().any(|pipeline| {
        let inside = |stage: &Stage| match &stage.what {
            What::Group { body, .. } | What::Each { body, .. } => starts_beside(body),
            What::Simple(_) | What::Function { .. } => false,
        };
        pipeline.background || pipeline.stages.iter().any(inside)
    })
}

fn waits(body: &Script) -> bool {
    body.iter().filter(|pipeline| !pipeline.background).flat_map(|pipeline| &pipeline.stages).any(|stage| match &stage.what {
        What::Simple(words) => words.iter().any(|word| {
            matches!(word.pieces.first(), Some(Piece::Text { text, .. }) if matches!(text.as_str(), "wait" | "sleep" | "read" | "break" | "exit"))
        }),
        What::Group { body, .. } | What::Each { body, .. } => waits(body),
        What::Function { .. } => false,
    })
}
