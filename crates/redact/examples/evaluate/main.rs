//! Measures the redactor against the figures it is meant to reach; every figure of `docs/redaction.md` comes from here.
//!
//! ```text
//! evaluate corpus <jsonl> [--by-rule] [--misses] [--rule <name>]   recall on labelled items
//! evaluate carriers <jsonl> [--misses]                             the same tokens in other surroundings
//! evaluate transforms <jsonl> [--misses]                           the same tokens escaped, encoded, wrapped
//! evaluate prose <tsv> <passwords> <harmless> [--misses, --by-kind]  passwords in sentences
//! evaluate natural <folder or file…> [--show]                      findings where there should be none
//! evaluate hostile [<text to repeat>…]                             inputs made to be slow
//! evaluate speed <folder or file…>                                 time per message, start, memory
//! evaluate all <jsonl> <folder or file…>                           everything
//! ```
//! `-` stands for stdin: `xz -dc items.jsonl.xz | cargo run --release -p mab-redact --example evaluate -- corpus -`.
//! Tables are Markdown. To add a measurement, add a module and a line to [`run`].

#![expect(clippy::print_stdout, reason = "a measuring tool reports on stdout")]

mod carriers;
mod corpus;
mod encodings;
mod form;
mod hostile;
mod natural;
mod prose;
mod score;
mod speed;
mod subject;
mod table;
mod timing;
mod transforms;

use std::error::Error;
use std::path::{Path, PathBuf};

use subject::Subject;

fn main() -> Result<(), Box<dyn Error>> {
    let (flags, words): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let mut words = words.into_iter();
    let command = words.next().unwrap_or_default();
    run(&command, &Options { flags, words: words.collect() })
}

/// What stands behind the command.
pub(crate) struct Options {
    flags: Vec<String>,
    words: Vec<String>,
}

impl Options {
    /// Says whether `--name` was given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.flags.iter().any(|flag| flag == name)
    }

    /// Hands back the text behind `--name=`.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.flags.iter().find_map(|flag| flag.strip_prefix(name)?.strip_prefix('='))
    }

    /// The `index`th word, or a complaint that it is missing.
    fn word(&self, index: usize) -> Result<&str, Box<dyn Error>> {
        let missing = || format!("argument {} is missing; see the top of this example's main.rs", index + 1);
        Ok(self.words.get(index).ok_or_else(missing)?)
    }

    /// Words from `index` on, as paths.
    fn paths(&self, index: usize) -> Vec<PathBuf> {
        self.words.iter().skip(index).map(PathBuf::from).collect()
    }
}

fn run(command: &str, options: &Options) -> Result<(), Box<dyn Error>> {
    let subject = Subject::new();
    match command {
        "corpus" => corpus::report(&subject, &corpus::load(options.word(0)?)?, options),
        "carriers" => carriers::report(&subject, &corpus::load(options.word(0)?)?, options),
        "transforms" => transforms::report(&subject, &corpus::load(options.word(0)?)?, options),
        "prose" => {
            let path = |index| options.word(index).map(Path::new);
            prose::report(&subject, [path(0)?, path(1)?, path(2)?], options)?;
        }
        "natural" => natural::report(&subject, &natural::read(&options.paths(0))?, options),
        "hostile" => hostile::report(&subject, &options.words),
        "speed" => speed::report(&subject, &natural::read(&options.paths(0))?)?,
        speed::COLD => speed::report_cold(),
        "all" => all(&subject, options)?,
        other => return Err(format!("no command {other:?}; see the top of this example's main.rs").into()),
    }
    subject.report();
    Ok(())
}

fn all(subject: &Subject, options: &Options) -> Result<(), Box<dyn Error>> {
    let items = corpus::load(options.word(0)?)?;
    let texts = natural::read(&options.paths(1))?;
    corpus::report(subject, &items, options);
    carriers::report(subject, &items, options);
    transforms::report(subject, &items, options);
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let lists = ["prose.tsv", "passwords.txt", "prose-harmless.txt"].map(|name| data.join(name));
    if lists.iter().all(|list| list.exists()) {
        prose::report(subject, lists.each_ref().map(PathBuf::as_path), options)?;
    }
    natural::report(subject, &texts, options);
    hostile::report(subject, &[]);
    speed::report(subject, &texts)
}
