//! What shell text is made of, as far as the seat belt needs it.
//!
//! Reserved words are gone: a condition, a loop's body and every branch are items of one [`Script`], since each of them may
//! be executed. That reads more than a shell would run, never less.

use std::{cell::OnceCell, rc::Rc};

/// Pipelines, in the order of the text.
pub(super) type Script = Vec<Pipeline>;

/// Commands of which each one's output is the next one's input.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) stages: Vec<Stage>,
    /// Whether it ends with `&`, or is a coprocess.
    pub(super) background: bool,
}

/// One command of a pipeline, with where its input and output go.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) what: What,
    pub(super) redirects: Vec<Redirect>,
}

#[derive(Debug)]
pub(super) enum What {
    /// Assignments, a command and its arguments.
    Simple(Vec<Word>),
    /// `( … )`, `{ … }`, `if`, `case`, `while` and `until`, with conditions and all branches.
    Group { body: Script, subshell: bool, endless: bool },
    /// `for` and `select`: the variable, what it goes through, and the body.
    Each { name: String, words: Vec<Word>, body: Script, endless: bool },
    /// A definition; nothing is executed yet.
    Function { name: String, body: Rc<Script> },
}

/// Where an input comes from or an output goes.
#[derive(Debug)]
pub(super) enum Redirect {
    /// `< word`
    Read(Word),
    /// `> word`, `>> word`, `&> word`, `<> word`; whether it takes the standard output.
    Write { target: Word, output: bool },
    /// `<<< word`
    HereText(Word),
    /// `<< word`: the body, which is read at the end of the line.
    HereDocument(Rc<OnceCell<Word>>),
    /// `>&2`, `2>&-` and the like: of no interest but for what they expand.
    Duplicate(Word),
}

/// A word before its expansion.
#[derive(Debug, Default, Clone)]
pub(super) struct Word {
    pub(super) pieces: Vec<Piece>,
}

#[derive(Debug, Clone)]
pub(super) enum Piece {
    /// Characters. `encoded`: they were written as numbers, in `$'…'`.
    Text { text: String, quoted: bool, encoded: bool },
    /// `$name` and `${name…}`.
    Variable { name: String, quoted: bool, change: Change },
    /// `$( … )` and `` ` … ` ``.
    Run { script: Rc<Script>, quoted: bool },
    /// `<( … )`, or `>( … )` when `output`.
    Process { script: Rc<Script>, output: bool },
    /// `$(( … ))`: a number, with what is expanded on the way to it.
    Number(Word),
    /// `( … )` after `name=`.
    Array(Vec<Word>),
}

/// What `${name…}` does to the value.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// `:-`, `-`, `:=`, `=`: this when there is none.
    Default(Word),
    /// `:+`, `+`: this when there is one.
    Instead(Word),
    /// `:?`, `?`: ends the shell when there is none.
    Required,
    /// `:offset:length`
    Part(Word),
    /// `@P`: expands the value once more.
    Prompt,
    /// `!name`: the variable that the value names.
    Indirect,
    /// `#name`: its length.
    Length,
    /// Any other: the value is shortened or rewritten.
    Other(Word),
}
