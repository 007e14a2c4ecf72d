//! A policy file as it is written. Unknown fields are refused; `docs/command-policy.md` says what they mean, and a test loads
//! its examples.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::{Decision, GitAccess, Mode};

/// A whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// Names of files and folders with a meaning of their own.
    #[serde(default)]
    pub(crate) paths: PathNames,
    /// Lists of options that forms name by `@name`.
    #[serde(default)]
    pub(crate) options: BTreeMap<String, Spanned<String>>,
    /// What holds for every form of a program, by its name.
    #[serde(default)]
    pub(crate) program: BTreeMap<String, Spanned<ProgramText>>,
    /// Programs that are refused whatever follows, with why.
    #[serde(default)]
    pub(crate) refused: BTreeMap<String, String>,
    /// What programs obey of the workspace, by the program's name.
    #[serde(default)]
    pub(crate) obeys: BTreeMap<String, ObeysText>,
    /// Commands that are understood, in order.
    #[serde(default)]
    pub(crate) form: Vec<Spanned<FormText>>,
    /// What is decided of commands that are understood, by how they begin.
    #[serde(default)]
    pub(crate) rule: Vec<Spanned<RuleText>>,
}

/// Names of files and folders, compared in any case, wherever they stand in a path. A `*` may begin or end a name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PathNames {
    /// Never read nor written.
    #[serde(default)]
    pub(crate) hidden: Vec<String>,
    /// Read although a hidden name fits.
    #[serde(default)]
    pub(crate) shown: Vec<String>,
    /// Never written.
    #[serde(default)]
    pub(crate) protected: Vec<String>,
}

/// What holds for every form of a program.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProgramText {
    /// Options that may stand before the words of a form.
    #[serde(default)]
    pub(crate) leading: String,
    /// Arguments that are put before all others.
    #[serde(default)]
    pub(crate) arguments: Vec<String>,
    /// What is put into its environment.
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
}

/// What a program obeys of the workspace.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ObeysText {
    /// Files that it looks for by itself.
    #[serde(default)]
    pub(crate) files: String,
    /// Whether it runs what files say.
    #[serde(default)]
    pub(crate) runs_code: bool,
}

/// One way to call a program, or some programs that are called alike.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FormText {
    /// The words it begins with: `ls`, `git log`.
    pub(crate) commands: Vec<String>,
    /// Its options: `-a`, `-n=number`, `-U=number?` (a value only when attached), `--all`, `--width=number`,
    /// `--color=word?`, `-#` for `-20`, `@name` for a list of the file.
    #[serde(default)]
    pub(crate) options: String,
    /// One of these must be given.
    #[serde(default)]
    pub(crate) needs: String,
    /// Its other words: kinds with `?`, `*` or `+` behind them.
    #[serde(default)]
    pub(crate) operands: String,
    /// When one of these options is given, the first operand is left out.
    #[serde(default)]
    pub(crate) first_is: String,
    /// What may stand behind `--`; else the operands go on there.
    pub(crate) after: Option<String>,
    /// What words are that begin with `-`.
    #[serde(default)]
    pub(crate) dashes: Dashes,
    /// Whether `-ab` is `-a -b`; false for programs that compare whole words.
    #[serde(default = "yes")]
    pub(crate) bundle: bool,
    /// Whether `-n5` is `-n 5`; false for programs that take the next word.
    #[serde(default = "yes")]
    pub(crate) attached: bool,
    /// Arguments that are put right behind the words it begins with.
    #[serde(default)]
    pub(crate) arguments: Vec<String>,
    /// Arguments that are put at the end.
    #[serde(default)]
    pub(crate) last: Vec<String>,
    /// What is decided in mode `safe`; without it, it is denied there.
    pub(crate) safe: Option<Decision>,
    /// What is decided in mode `restricted`; without it, as in `safe`.
    pub(crate) restricted: Option<Decision>,
    /// Whether it may write to the workspace.
    #[serde(default)]
    pub(crate) writes: bool,
    /// What it may do to the repository's own state; without it, read it.
    pub(crate) git: Option<GitAccess>,
    /// Refusals with a reason of their own, by option.
    #[serde(default)]
    pub(crate) refuse: BTreeMap<String, String>,
    /// Commands that it must take.
    #[serde(default)]
    pub(crate) examples_match: Vec<Spanned<String>>,
    /// Commands that it must not take.
    #[serde(default)]
    pub(crate) examples_no_match: Vec<Spanned<String>>,
}

/// What holds when a file says nothing else.
const fn yes() -> bool {
    true
}

/// What words are that begin with `-`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Dashes {
    /// Options, anywhere before `--`; refused behind it.
    #[default]
    Anywhere,
    /// The same, and operands behind `--`: the program is known to take them so.
    Behind,
    /// Options up to the first operand.
    First,
    /// Operands.
    Never,
}

/// What is decided of commands that begin with certain words. Of several rules that fit, the strictest holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleText {
    /// The words they begin with, without the options that stand before the first word of a form.
    pub(crate) command: Vec<String>,
    /// What is decided.
    pub(crate) decision: Decision,
    /// In which modes; without it, in `safe` and `restricted`.
    pub(crate) modes: Option<Vec<Mode>>,
    /// Why, for who asked.
    pub(crate) reason: String,
    /// Commands that it must fit.
    #[serde(default)]
    pub(crate) examples_match: Vec<Spanned<String>>,
    /// Commands that it must not fit.
    #[serde(default)]
    pub(crate) examples_no_match: Vec<Spanned<String>>,
}
