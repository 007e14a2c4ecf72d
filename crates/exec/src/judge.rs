//! The judge: what a command would do, as far as that can be told from its words, and whether it may.
//!
//! In the modes `safe` and `restricted` a text is read by a strict grammar ([`lexer`]), every command of it must be one that
//! the policy describes ([`words`]), and what comes out is executed without a shell. What is not understood is denied. In
//! mode `yolo` the text goes to a shell, in a sandbox, after a person's yes; a look at it ([`shell`]) is only a seat belt.
//!
//! It asks where paths lead, and starts nothing. It reads no file but the configuration of the workspace's repository and,
//! when it is asked which files a command obeys ([`obeyed`]), these.

pub(crate) mod characters;
mod kind;
mod lexer;
mod obeyed;
mod path;
mod repository;
mod scripts;
pub mod shell;
mod words;

use crate::{
    Argv, Decision, GitAccess, Layer, Link, Mode, Plan, Policy, Step, Verdict, Wanted, Workspace,
    policy::{Form, Program},
};

pub(crate) use kind::Kind;
pub(crate) use lexer::read as read_strictly;
pub(crate) use path::Scope;
pub(crate) use words::fit;

/// Longest reason.
const REASON_MAX_CHARS: usize = 600;

/// Judges commands by one policy.
#[derive(Debug, Clone)]
pub struct Judge {
    policy: Policy,
}

/// Why a command may not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) layer: Layer,
    pub(crate) reason: String,
}

/// What holds for one command.
struct Ruling {
    decision: Decision,
    reason: Option<String>,
    writes: bool,
    git: GitAccess,
    argv: Argv,
}

/// The pipelines that `text` comes to by the strict grammar, before any policy; no program is looked up.
///
/// # Errors
/// What was not understood, where, and what would do instead.
pub fn read(text: &str) -> Result<Vec<Step>, String> {
    read_strictly(text).map_err(|refused| refused.reason)
}

impl Judge {
    /// A judge by `policy`.
    pub const fn new(policy: Policy) -> Self {
        Self { policy }
    }

    /// Its policy.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Judges one command. Without a workspace, paths are judged by their text alone. Every program of the plan is still to
    /// be looked up.
    pub fn judge(&self, mode: Mode, wanted: &Wanted, workspace: Option<&Workspace>) -> Verdict {
        if let Err(denied) = wanted.check() {
            let hint = denied.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            return Verdict::deny(Layer::Parse, format!("{}{hint}", denied.message));
        }
        let scope = Scope { paths: self.policy.paths(), workspace };
        let verdict = match mode {
            Mode::Safe | Mode::Restricted => self.strictly(mode, wanted, &scope),
            Mode::Yolo => self.loosely(wanted),
        };
        verdict.unwrap_or_else(|refused| Verdict::deny(refused.layer, shortened(refused.reason)))
    }

    /// Whether commands may be judged, and run, in `folder` of `workspace`: none of the names on the way there, links
    /// followed, is hidden or protected.
    ///
    /// # Errors
    /// Why not.
    pub fn may_enter(&self, workspace: &Workspace, folder: &str) -> Result<(), String> {
        Scope { paths: self.policy.paths(), workspace: Some(workspace) }.may_write(folder)
    }

    fn strictly(&self, mode: Mode, wanted: &Wanted, scope: &Scope<'_>) -> Result<Verdict, Refused> {
        let mut steps = match wanted {
            Wanted::Text(text) => read_strictly(text)?,
            Wanted::Argv(commands) => {
                let steps = steps_of(commands)?;
                unseen(commands)?;
                steps
            }
        };
        let mut verdict = Verdict {
            decision: Decision::Allow,
            layer: Layer::Policy,
            reason: "it only reads".to_owned(),
            plan: None,
            writes: false,
            git: GitAccess::ReadOnly,
        };
        for argv in steps.iter_mut().flat_map(|step| &mut step.pipeline) {
            let ruling = self.command(mode, argv, scope)?;
            if ruling.decision > verdict.decision {
                verdict.decision = ruling.decision;
                let why =
                    ruling.reason.unwrap_or_else(|| "it writes, or runs code of the workspace".to_owned());
                verdict.reason = format!("`{}` waits for a person's yes: {why}", argv.name);
            } else if verdict.decision == Decision::Allow && (ruling.writes || ruling.reason.is_some()) {
                let why = ruling.reason.map(|why| format!(": {why}")).unwrap_or_default();
                let writes = if ruling.writes { "; it may write to the workspace" } else { "" };
                verdict.reason = format!("the policy allows `{}`{why}{writes}", argv.name);
            }
            verdict.writes |= ruling.writes;
            verdict.git = verdict.git.max(ruling.git);
            *argv = ruling.argv;
        }
        verdict.plan = Some(Plan::Steps(steps));
        Ok(verdict)
    }

    fn command(&self, mode: Mode, argv: &Argv, scope: &Scope<'_>) -> Result<Ruling, Refused> {
        let deny = |reason: String| Refused { layer: Layer::Policy, reason };
        let program = self.known(mode, &argv.name)?;
        let (leading, words) = argv.arguments.split_at(program.leading_in(&argv.arguments));
        let form = taking(program, &argv.name, words, mode, scope).map_err(deny)?;
        if argv.name == "git"
            && let Some(why) = scope.workspace.and_then(repository::is_elsewhere)
        {
            return Err(deny(format!("`git`: {why}")));
        }
        let whole: Vec<&str> =
            std::iter::once(argv.name.as_str()).chain(words.iter().map(String::as_str)).collect();
        let (decision, rule) = self.policy.decide(mode, &whole, form.decision(mode));
        let mut reason = rule.map(|rule| rule.reason.clone());
        let mut decision = decision;
        if decision == Decision::Allow
            && argv.name == "git"
            && let Some(why) = scope.workspace.and_then(repository::may_run)
        {
            (decision, reason) = (Decision::Ask, Some(why));
        }
        if decision == Decision::Deny {
            let reason = reason.unwrap_or_else(|| "the policy denies it".to_owned());
            return Err(deny(format!("`{}`: {reason}", argv.name)));
        }
        let own = words.get(form.words.len()..).unwrap_or_default();
        let last = if own.iter().any(|word| word == "--") { &[][..] } else { form.last.as_slice() };
        let parts = [&program.arguments, leading, &form.words, &form.arguments, own, last];
        let argv = Argv {
            name: argv.name.clone(),
            program: String::new(),
            arguments: parts.concat(),
            environment: program.environment.clone(),
        };
        Ok(Ruling { decision, reason, writes: form.writes, git: form.git, argv })
    }

    /// The program called `name`.
    fn known(&self, mode: Mode, name: &str) -> Result<&Program, Refused> {
        if let Some(refused) = lexer::reserved(name) {
            return Err(refused);
        }
        let reason = match (self.policy.program(name), self.policy.refusal(name)) {
            (Some(program), _) => return Ok(program),
            (None, Some(reason)) => format!("`{name}` is refused: {reason}"),
            (None, None) if name.contains(' ') => {
                format!(
                    "`{name}` is several words in one; give each word by itself, or the whole as text (--command)"
                )
            }
            (None, None) if name.contains('/') => {
                format!("`{name}` is a path; give the name of a program that the policy knows")
            }
            (None, None) => {
                format!(
                    "`{name}` is not among the programs of mode {mode}; ask the operator to describe it in the policy, or ask in mode yolo"
                )
            }
        };
        Err(Refused { layer: Layer::Policy, reason })
    }

    /// Mode `yolo`: a seat belt, the policy's rules as far as the text is understood, and then a person.
    fn loosely(&self, wanted: &Wanted) -> Result<Verdict, Refused> {
        let (text, steps, plan) = match wanted {
            Wanted::Text(text) => (text.clone(), read_strictly(text).ok(), Plan::Shell(text.clone())),
            Wanted::Argv(commands) => {
                let steps = steps_of(commands)?;
                (quoted(commands), Some(steps.clone()), Plan::Steps(steps))
            }
        };
        shell::look(&text).map_err(|refusal| Refused { layer: Layer::Policy, reason: refusal.reason })?;
        for argv in steps.iter().flatten().flat_map(|step| &step.pipeline) {
            let words: Vec<String> = std::iter::once(&argv.name).chain(&argv.arguments).cloned().collect();
            let whole = self.policy.without_leading(&words);
            if let (Decision::Deny, Some(rule)) = self.policy.decide(Mode::Yolo, &whole, Decision::Ask) {
                return Err(Refused {
                    layer: Layer::Policy,
                    reason: format!("`{}`: {}", argv.name, rule.reason),
                });
            }
        }
        Ok(Verdict {
            decision: Decision::Ask,
            layer: Layer::Policy,
            reason: "in mode yolo every command waits for a person's yes".to_owned(),
            plan: Some(plan),
            writes: true,
            git: GitAccess::Commit,
        })
    }
}

/// The form of `program` that takes `words`: of those that begin with most of them, the first that fits.
fn taking<'p>(
    program: &'p Program,
    name: &str,
    words: &[String],
    mode: Mode,
    scope: &Scope<'_>,
) -> Result<&'p Form, String> {
    if let [word] = words
        && matches!(word.as_str(), "--help" | "--version")
        && let Some(form) = program.forms.iter().find(|form| form.decision(mode) == Decision::Allow)
        && form.safe == Decision::Allow
        && form.words.is_empty()
    {
        return Ok(form);
    }
    let beginning = |form: &&Form| words.starts_with(&form.words);
    let Some(most) = program.forms.iter().filter(beginning).map(|form| form.words.len()).max() else {
        return Err(no_form(program, name, words));
    };
    let mut refusal = None;
    for form in program.forms.iter().filter(beginning).filter(|form| form.words.len() == most) {
        let called =
            std::iter::once(name).chain(form.words.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
        if form.decision(mode) == Decision::Deny {
            let elsewhere = match form.decision(Mode::Restricted) {
                Decision::Allow => "; mode restricted allows it",
                Decision::Ask => "; in mode restricted it waits for a person's yes",
                Decision::Deny => "",
            };
            refusal.get_or_insert_with(|| format!("`{called}` is not allowed in mode {mode}{elsewhere}"));
            continue;
        }
        match fit(form, words.get(most..).unwrap_or_default(), scope) {
            Ok(()) => return Ok(form),
            // That another form needs an option says less than what is wrong with one that fits otherwise.
            Err(problem) if refusal.is_some() && problem.starts_with(words::NEEDS) => {}
            Err(problem) => refusal = Some(format!("`{called}`: {problem}")),
        }
    }
    Err(refusal.unwrap_or_else(|| format!("`{name}` cannot be called so")))
}

fn no_form(program: &Program, name: &str, words: &[String]) -> String {
    let mut known: Vec<&str> =
        program.forms.iter().filter_map(|form| form.words.first()).map(String::as_str).collect();
    known.sort_unstable();
    known.dedup();
    known.retain(|word| !word.starts_with('-'));
    let more = if known.len() > SHOWN_MAX { " …" } else { "" };
    known.truncate(SHOWN_MAX);
    let takes =
        if known.is_empty() { String::new() } else { format!("; it takes {}{more}", known.join(" ")) };
    let given = words.first().map_or_else(|| "nothing".to_owned(), |word| format!("`{word}`"));
    format!("`{name}` with {given} behind it is not allowed{takes}")
}

/// How many subcommands a refusal shows.
const SHOWN_MAX: usize = 16;

/// One pipeline of commands that came as words.
fn steps_of(commands: &[Vec<String>]) -> Result<Vec<Step>, Refused> {
    let words: usize = commands.iter().map(Vec::len).sum();
    if commands.len() > lexer::COMMANDS_MAX || words > lexer::WORDS_MAX {
        let (commands, words) = (lexer::COMMANDS_MAX, lexer::WORDS_MAX);
        let reason =
            format!("it has more than {commands} commands or {words} words; ask for some of them first");
        return Err(Refused { layer: Layer::Parse, reason });
    }
    let argv = |words: &Vec<String>| {
        let (name, arguments) = words.split_first()?;
        Some(Argv {
            name: name.clone(),
            program: String::new(),
            arguments: arguments.to_vec(),
            environment: Vec::new(),
        })
    };
    Ok(vec![Step { link: Link::Always, pipeline: commands.iter().filter_map(argv).collect() }])
}

/// `reason`, which may quote a word of any length, cut.
fn shortened(mut reason: String) -> String {
    if let Some((end, _)) = reason.char_indices().nth(REASON_MAX_CHARS) {
        reason.truncate(end);
        reason.push('…');
    }
    reason
}

/// Refuses words with characters that a person does not see.
fn unseen(commands: &[Vec<String>]) -> Result<(), Refused> {
    match commands.iter().flatten().find_map(|word| characters::first_unseen(word)) {
        Some((_, found)) => {
            let reason = format!("a word of it holds {}; take it out", characters::name(found));
            Err(Refused { layer: Layer::Parse, reason })
        }
        None => Ok(()),
    }
}

/// The text that a shell reads as `commands`.
fn quoted(commands: &[Vec<String>]) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_@%+:,./=-".contains(&byte);
    let quote = |word: &String| {
        if !word.is_empty() && word.bytes().all(is_plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    let command = |words: &Vec<String>| words.iter().map(quote).collect::<Vec<_>>().join(" ");
    commands.iter().map(command).collect::<Vec<_>>().join(" | ")
}
