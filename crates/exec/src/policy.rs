//! The policy: which programs are understood, called how, and what is decided of them. Data, in TOML.
//!
//! Three files, the first of which is part of the program: *builtin*, the *operator's*, a *project's*. The operator's may
//! describe more commands, which come before the builtin ones, and decide otherwise by rules. A project's comes from whoever
//! wrote the project, so it may only tighten: hide and protect more names, refuse programs, and add rules that ask or deny.
//! Anything else in it makes it invalid as a whole. What no form takes in a mode is denied there, whatever a rule says.
//!
//! An invalid file is refused, with its line: a policy that is read in part is not the one that somebody wrote.

mod aliases;
mod file;
mod form;
mod paths;
mod read;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
};

use mab_core::{Code, Denied};
use toml::Spanned;

use self::{
    file::{File, FormText, RuleText},
    form::Lists,
    read::Source,
};
use crate::{
    Decision, Digest, Mode,
    judge::{Scope, fit, read_strictly},
};

pub(crate) use file::Dashes;
pub(crate) use form::{Form, Options, Shape, Takes};
pub(crate) use paths::Paths;

/// A policy in force.
#[derive(Debug, Clone)]
pub struct Policy {
    lists: Lists,
    programs: HashMap<String, Program>,
    refused: BTreeMap<String, String>,
    rules: Vec<Rule>,
    /// Files that a program obeys, by its name.
    obeys: BTreeMap<String, Vec<String>>,
    /// Programs that run code of the workspace.
    runs_code: BTreeSet<String>,
    paths: Paths,
    digest: Digest,
    /// The same without a project's file.
    operators: Digest,
    /// The operator's file and the project's.
    files: [Option<PathBuf>; 2],
}

/// What a policy puts into every command of a program.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fence<'a> {
    /// Arguments before all others.
    pub arguments: &'a [String],
    /// Names and values in its environment.
    pub environment: &'a [(String, String)],
}

/// A program and the ways to call it, the operator's first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Program {
    /// Options that may stand before the words of a form.
    pub(crate) leading: Options,
    /// Arguments that are put before all others.
    pub(crate) arguments: Vec<String>,
    /// What is put into its environment.
    pub(crate) environment: Vec<(String, String)>,
    /// The ways to call it.
    pub(crate) forms: Vec<Form>,
}

/// What is decided of commands that begin with certain words.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    words: Vec<String>,
    modes: Vec<Mode>,
    /// Whether a project wrote it.
    tightens: bool,
    /// What is decided.
    pub(crate) decision: Decision,
    /// Why.
    pub(crate) reason: String,
}

/// Who wrote a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Author {
    Us,
    Operator,
    Project,
}

/// The builtin files, in order.
const BUILTIN: [&str; 3] = [
    include_str!("policy/builtin/reading.toml"),
    include_str!("policy/builtin/git.toml"),
    include_str!("policy/builtin/development.toml"),
];

impl Policy {
    /// The builtin policy.
    pub fn builtin() -> Self {
        // Not to be read is a fault of ours that a test holds off; what then remains takes no command at all.
        Self::empty().with_builtin().unwrap_or_else(|_| Self::empty())
    }

    /// What is put into every command of this program; nothing for one that is not known.
    pub fn fence_of(&self, name: &str) -> Fence<'_> {
        let program = self.programs.get(name);
        program.map_or_else(Fence::default, |it| Fence {
            arguments: &it.arguments,
            environment: &it.environment,
        })
    }

    /// The builtin policy with the operator's file and a project's; a file that is not there is none.
    ///
    /// # Errors
    /// [`Code::Misconfigured`] with file and line when one cannot be read, is not valid, has an example that does not
    /// hold, or is a project's and does more than tighten.
    pub fn load(operator: Option<&Path>, project: Option<&Path>) -> Result<Self, Denied> {
        let mut policy = Self::builtin();
        for (path, author) in [(operator, Author::Operator), (project, Author::Project)] {
            let Some(path) = path else { continue };
            let by_project = author == Author::Project;
            if let Some(source) = read::source(path, by_project)? {
                policy.add(&source, author)?;
            }
        }
        policy.files = [operator, project].map(|path| path.map(Path::to_owned));
        Ok(policy)
    }

    /// The digest that the same files have now, also of one that was not there.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn digest_now(&self) -> Result<Digest, Denied> {
        let [operator, project] = &self.files;
        Self::load(operator.as_deref(), project.as_deref()).map(|policy| policy.digest)
    }

    /// The digest of every file in force, in order.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The digest without a project's file: of all that can allow anything.
    pub const fn operators_digest(&self) -> Digest {
        self.operators
    }

    pub(crate) fn program(&self, name: &str) -> Option<&Program> {
        self.programs.get(name)
    }

    /// Why a program is refused whatever follows it.
    pub(crate) fn refusal(&self, name: &str) -> Option<&str> {
        self.refused.get(name).map(String::as_str)
    }

    /// The files of a workspace that the program `name` looks for by itself and obeys.
    pub(crate) fn obeyed_by(&self, name: &str) -> &[String] {
        self.obeys.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether the program `name` runs code of the workspace.
    pub(crate) fn runs_code(&self, name: &str) -> bool {
        self.runs_code.contains(name)
    }

    pub(crate) const fn paths(&self) -> &Paths {
        &self.paths
    }

    /// What rules decide of a command of which `decision` holds without them: of each author's rules the strictest, and a
    /// project's never less strict than what held before.
    pub(crate) fn decide(&self, mode: Mode, words: &[&str], decision: Decision) -> (Decision, Option<&Rule>) {
        let strictest = |tightens: bool| {
            let fitting =
                self.rules.iter().filter(|rule| rule.tightens == tightens && rule.fits(mode, words));
            fitting.max_by_key(|rule| rule.decision)
        };
        let (decision, by) = strictest(false).map_or((decision, None), |rule| (rule.decision, Some(rule)));
        match strictest(true) {
            Some(rule) if rule.decision > decision => (rule.decision, Some(rule)),
            Some(_) | None => (decision, by),
        }
    }

    fn empty() -> Self {
        let none = Digest::of(&[b"mab.exec.policy.v1\0"]);
        Self {
            lists: Lists::new(),
            programs: HashMap::new(),
            refused: BTreeMap::new(),
            rules: Vec::new(),
            obeys: BTreeMap::new(),
            runs_code: BTreeSet::new(),
            paths: Paths::of_secrets(),
            digest: none,
            operators: none,
            files: [None, None],
        }
    }

    fn with_builtin(mut self) -> Result<Self, Denied> {
        for text in BUILTIN {
            self.add(&Source { name: "the builtin policy".to_owned(), text: text.to_owned() }, Author::Us)?;
        }
        Ok(self)
    }

    fn add(&mut self, source: &Source, author: Author) -> Result<(), Denied> {
        let file: File = toml::from_str(&source.text)
            .map_err(|error| source.refuse(error.span().map_or(0, |span| span.start), error.message()))?;
        if author == Author::Project {
            only_tightens(&file, source)?;
        }
        self.paths.add(&file.paths).map_err(|problem| source.refuse(0, &problem))?;
        self.refused.extend(file.refused.clone());
        for name in file.refused.keys() {
            self.programs.remove(name);
        }
        self.lists.extend(file.options.iter().map(|(name, text)| (name.clone(), text.get_ref().clone())));
        for (name, text) in &file.obeys {
            let files = text.files.split_whitespace().map(ToOwned::to_owned);
            self.obeys.entry(name.clone()).or_default().extend(files);
            if text.runs_code {
                self.runs_code.insert(name.clone());
            }
        }
        self.add_programs(&file, source)?;
        self.add_forms(&file.form, source, author)?;
        for rule in &file.rule {
            self.add_rule(rule, source, author)?;
        }
        let length = source.text.len().to_string();
        let parts = [self.digest.as_bytes().as_slice(), length.as_bytes(), b"\0", source.text.as_bytes()];
        self.digest = Digest::of(&parts);
        if author != Author::Project {
            self.operators = self.digest;
        }
        Ok(())
    }

    fn add_programs(&mut self, file: &File, source: &Source) -> Result<(), Denied> {
        for (name, text) in &file.program {
            let at = text.span().start;
            if self.programs.contains_key(name) {
                return Err(source.refuse(at, "this program is described already; add forms to it"));
            }
            let leading = Options::compile(&text.get_ref().leading, &self.lists)
                .map_err(|problem| source.refuse(at, &problem))?;
            let program = Program {
                leading,
                arguments: text.get_ref().arguments.clone(),
                environment: text.get_ref().environment.clone().into_iter().collect(),
                forms: Vec::new(),
            };
            self.programs.insert(name.clone(), program);
        }
        Ok(())
    }

    fn add_forms(
        &mut self,
        forms: &[Spanned<FormText>],
        source: &Source,
        author: Author,
    ) -> Result<(), Denied> {
        let mut added: HashMap<String, usize> = HashMap::new();
        for text in forms {
            let refuse = |problem: String| source.refuse(text.span().start, &problem);
            let compiled = Form::compile(text.get_ref(), &self.lists).map_err(refuse)?;
            // Ours are held by a test, not every time that the program starts.
            if author != Author::Us || cfg!(test) {
                self.hold_examples(&compiled, text.get_ref(), source)?;
            }
            for (name, form) in compiled {
                self.refused.remove(&name);
                let forms = &mut self.programs.entry(name.clone()).or_default().forms;
                let before = added.entry(name).or_default();
                let place = if author == Author::Us { forms.len() } else { *before };
                *before += 1;
                forms.insert(place, form);
            }
        }
        Ok(())
    }

    fn hold_examples(
        &self,
        forms: &[(String, Form)],
        text: &FormText,
        source: &Source,
    ) -> Result<(), Denied> {
        let scope = Scope { paths: &self.paths, workspace: None };
        let takes = |words: &[String]| {
            let Some((name, words)) = words.split_first() else { return false };
            let leading = self.program(name).map_or(0, |program| program.leading_in(words));
            let words = words.get(leading..).unwrap_or_default();
            let fits = |form: &Form| {
                words.strip_prefix(form.words.as_slice()).is_some_and(|rest| fit(form, rest, &scope).is_ok())
            };
            forms.iter().any(|(known, form)| known == name && fits(form))
        };
        hold(&text.examples_match, &text.examples_no_match, source, takes)
    }

    fn add_rule(&mut self, text: &Spanned<RuleText>, source: &Source, author: Author) -> Result<(), Denied> {
        let (at, text) = (text.span().start, text.get_ref());
        if text.command.iter().skip(1).any(|word| word.starts_with('-')) && !self.is_form(&text.command) {
            let problem =
                "a rule names subcommands; an option may stand anywhere, so the rule would be passed by";
            return Err(source.refuse(at, problem));
        }
        if text.command.is_empty() || text.reason.trim().is_empty() {
            return Err(source.refuse(at, "a rule needs a command and a reason"));
        }
        let rule = Rule {
            words: text.command.clone(),
            modes: text.modes.clone().unwrap_or_else(|| vec![Mode::Safe, Mode::Restricted]),
            tightens: author == Author::Project,
            decision: text.decision,
            reason: text.reason.clone(),
        };
        let fits = |words: &[String]| rule.begins(&self.without_leading(words));
        hold(&text.examples_match, &text.examples_no_match, source, fits)?;
        self.rules.push(rule);
        Ok(())
    }

    /// Whether a form begins with `words`.
    fn is_form(&self, words: &[String]) -> bool {
        let forms = words.split_first().and_then(|(name, rest)| Some((self.program(name)?, rest)));
        forms.is_some_and(|(program, rest)| program.forms.iter().any(|form| form.words.starts_with(rest)))
    }

    /// `words` without the options that stand before the first word of a form.
    pub(crate) fn without_leading<'w>(&self, words: &'w [String]) -> Vec<&'w str> {
        let Some((name, rest)) = words.split_first() else { return Vec::new() };
        let leading = self.program(name).map_or(0, |program| program.leading_in(rest));
        std::iter::once(name).chain(rest.iter().skip(leading)).map(String::as_str).collect()
    }
}

impl Program {
    /// How many of `words` are options that stand before the first word of a form.
    pub(crate) fn leading_in(&self, words: &[String]) -> usize {
        words.iter().take_while(|word| self.leading.takes(word) == Some(Takes::Nothing)).count()
    }
}

impl Rule {
    fn fits(&self, mode: Mode, words: &[&str]) -> bool {
        self.modes.contains(&mode) && self.begins(words)
    }

    /// Whether `words` begin with those of the rule; of a rule that does not allow, by whichever name the subcommand goes.
    fn begins(&self, words: &[&str]) -> bool {
        let own: Vec<&str> = self.words.iter().map(String::as_str).collect();
        let tightens = self.decision != Decision::Allow;
        words.starts_with(&own)
            || tightens && aliases::canonical(words).starts_with(&aliases::canonical(&own))
    }
}

/// Refuses the example that does not hold.
fn hold(
    to_match: &[Spanned<String>],
    not_to_match: &[Spanned<String>],
    source: &Source,
    takes: impl Fn(&[String]) -> bool,
) -> Result<(), Denied> {
    let all = to_match.iter().map(|example| (example, true));
    for (example, expected) in all.chain(not_to_match.iter().map(|example| (example, false))) {
        let words = read_strictly(example.get_ref()).map(|steps| match steps.as_slice() {
            [step] => match step.pipeline.as_slice() {
                [one] => std::iter::once(&one.name).chain(&one.arguments).cloned().collect(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        });
        let says = match (words, expected) {
            (Ok(words), _) if takes(&words) == expected => continue,
            (Err(_), false) => continue,
            (_, true) => "does not match, but should",
            (_, false) => "matches, but should not",
        };
        return Err(
            source.refuse(example.span().start, &format!("the example `{}` {says}", example.get_ref()))
        );
    }
    Ok(())
}

/// Refuses what would loosen.
fn only_tightens(file: &File, source: &Source) -> Result<(), Denied> {
    let refuse = |at: usize, what: &str| {
        Err(source.refuse(at, &format!("a project's policy can only tighten; it may not {what}")))
    };
    if let Some(form) = file.form.first() {
        return refuse(form.span().start, "describe commands");
    }
    if let Some(program) = file.program.values().next() {
        return refuse(program.span().start, "describe programs");
    }
    if let Some(list) = file.options.values().next() {
        return refuse(list.span().start, "list options");
    }
    if !file.obeys.is_empty() {
        return refuse(0, "say what programs obey");
    }
    if !file.paths.shown.is_empty() {
        return refuse(0, "show hidden names");
    }
    match file.rule.iter().find(|rule| rule.get_ref().decision == Decision::Allow) {
        Some(rule) => refuse(rule.span().start, "allow anything"),
        None => Ok(()),
    }
}

/// The code of every refusal of a file.
const INVALID: Code = Code::Misconfigured;

#[cfg(test)]
mod tests;
