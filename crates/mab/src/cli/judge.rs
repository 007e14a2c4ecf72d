//! `mab judge`: what the judge says about a command, without running anything.

use std::{
    io::{self, BufReader, IsTerminal as _, Read as _},
    path::{Path, PathBuf},
};

use clap::Args;
use mab_exec::{COMMAND_MAX_BYTES, Decision, Judge as Reader, Layer, Mode, Policy, Verdict, Wanted};
use serde_json::{Value, json};

use crate::{
    cli::{
        Exit, Output, Trouble, Visible, arguments, judge_lines,
        mode_choice::{self, Judged},
        operator::Operator,
        output::{BAD, CAREFUL, GOOD},
        place::Place,
        plan, request,
        table::Page,
    },
    execution,
};

/// Arguments of `mab judge`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab judge -- grep -rn 'fn main' src\n  \
    mab judge --mode restricted --command 'git log --oneline | head -5'\n  \
    mab judge --jsonl < commands.jsonl\n  \
    mab judge --check-policy policy.toml     and its examples\n\n\
    Nothing is run. Without words, --command or --jsonl, the command is read from stdin.\n\
    Exits with 0 for allow, 13 for ask (a person would have to agree), 14 for deny.\n\n\
    --jsonl reads lines {\"id\"?, \"command\" or \"argv\", \"mode\"?, \"cwd\"?} and answers each with\n\
    a line {\"id\", \"verdict\": \"allow\" | \"ask\" | \"deny\", \"layer\", \"reason\"}, in order, and then\n\
    exits with 0. argv is a list of words, or of lists of words for a pipeline; cwd a\n\
    folder of the workspace. Other keys are ignored, and empty lines passed over. A line\n\
    that cannot be read, or has a key twice, is answered with deny, and with its id when\n\
    that can be read. A number as id comes back as it was written.\n\n\
    A workspace's own .mab/policy.toml counts, and can only tighten. Without a terminal\n\
    each line is a field's name and value, tab-separated; the words of what would be\n\
    executed are lines of: word, number of the pipeline, of the command in it, of the\n\
    word, and the word as a literal in double quotes.")]
pub(crate) struct Judge {
    /// The mode; default: the narrowest that allows it or asks, up to `execution.mode`.
    #[arg(long, value_parser = arguments::named(&Mode::ALL, Mode::as_str))]
    mode: Option<String>,
    #[command(flatten)]
    place: Place,
    /// Judge lines of JSON from stdin.
    #[arg(long, conflicts_with_all = ["command", "words"])]
    jsonl: bool,
    /// Use this policy file in the place of the configured one.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Only check a policy file, with its examples.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["mode", "workspace", "jsonl", "policy", "command", "words"])]
    check_policy: Option<PathBuf>,
    /// Check it as a workspace's own, which can only tighten; so is one called .mab/policy.toml.
    #[arg(long, requires = "check_policy", conflicts_with_all = ["command", "words", "jsonl"])]
    project: bool,
    #[command(flatten)]
    said: Said,
}

/// A command on the command line.
#[derive(Debug, Args)]
pub(crate) struct Said {
    /// The command as one text.
    #[arg(long, value_name = "TEXT", conflicts_with = "words")]
    pub(crate) command: Option<String>,
    /// The command as words.
    #[arg(last = true, value_name = "WORDS")]
    pub(crate) words: Vec<String>,
}

impl Said {
    /// What was said; none when nothing was.
    pub(crate) fn wanted(&self) -> Option<Wanted> {
        match &self.command {
            Some(text) => Some(Wanted::Text(text.clone())),
            None if self.words.is_empty() => None,
            None => Some(Wanted::Argv(vec![self.words.clone()])),
        }
    }
}

impl Judge {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        if let Some(file) = &self.check_policy {
            return check(file, self.project, operator.output);
        }
        let config = operator.config()?;
        let workspace = self.place.open_if_any()?;
        let judge = execution::judge(&config, self.policy.as_deref(), workspace.as_ref())?;
        let given = self.mode.as_deref().map(str::parse).transpose()?;
        let modes = (given, config.execution.mode);
        if self.jsonl {
            let asked = judge_lines::Asked { judge: &judge, modes, workspace: workspace.as_ref() };
            judge_lines::run(&asked, &mut BufReader::new(io::stdin().lock()), &mut io::stdout().lock())?;
            return Ok(Exit::OK);
        }
        let wanted = self.said.wanted().map_or_else(from_stdin, Ok)?;
        let judged = mode_choice::choose(&judge, modes, &wanted, workspace.as_ref());
        let space = workspace.as_ref().map(|workspace| workspace.path().display().to_string());
        if operator.output.is_json() {
            operator.output.json(&to_json(&judged, space.as_deref()))?;
        } else {
            let mut page = operator.output.page();
            render(&judged, space.as_deref(), &mut page);
            Output::data(page.as_str())?;
            if let Some(note) = judged.note() {
                Output::talk(&note);
            }
        }
        Ok(match judged.verdict.decision {
            Decision::Allow => Exit::OK,
            Decision::Ask => Exit::JUDGED_ASK,
            Decision::Deny => Exit::JUDGED_DENY,
        })
    }
}

/// Judges what no mode could run as well: it is denied.
pub(super) fn judge_checked(
    judge: &Reader,
    mode: Mode,
    wanted: &Wanted,
    workspace: Option<&mab_exec::Workspace>,
) -> Verdict {
    match wanted.check() {
        Ok(()) => judge.judge(mode, wanted, workspace),
        Err(denied) => {
            let hint = denied.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            Verdict::deny(Layer::Parse, denied.message + &hint)
        }
    }
}

fn check(file: &Path, project: bool, output: Output) -> Result<Exit, Trouble> {
    execution::is_there(file)?;
    let real = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let is_projects = project || real.ends_with(execution::PROJECT_POLICY);
    let policy = if is_projects { Policy::load(None, Some(file)) } else { Policy::load(Some(file), None) }?;
    let digest = policy.digest().to_string();
    if output.is_json() {
        output
            .json(&json!({"file": file.display().to_string(), "project": is_projects, "digest": digest}))?;
    } else {
        let mut page = output.page();
        page.field("policy", &Visible::line(&file.display().to_string()));
        page.field("of", &Visible::line(if is_projects { "a workspace" } else { "the operator" }));
        page.field("digest", &Visible::line(&digest));
        page.aside("it can be read, and its examples come out as they say");
        Output::data(page.as_str())?;
    }
    Ok(Exit::OK)
}

/// The command on stdin, without the line break at its end.
fn from_stdin() -> Result<Wanted, Trouble> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        Output::talk("type the command, then Ctrl-D");
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(COMMAND_MAX_BYTES).unwrap_or(u64::MAX) + 2;
    stdin.lock().take(most).read_to_end(&mut bytes).map_err(|error| Trouble::reading("stdin", &error))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Trouble::input(format!("stdin is not UTF-8 at byte {at}"), "give the command as UTF-8")
    })?;
    Ok(Wanted::Text(text.strip_suffix('\n').unwrap_or(&text).to_owned()))
}

/// How a verdict is called.
pub(super) fn name(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow => "allow",
        Decision::Ask => "ask",
        Decision::Deny => "deny",
    }
}

fn to_json(judged: &Judged, workspace: Option<&str>) -> Value {
    let verdict = &judged.verdict;
    json!({
        "verdict": name(verdict.decision),
        "layer": verdict.layer.as_str(),
        "reason": verdict.reason,
        "mode": judged.mode.as_str(),
        "note": judged.note(),
        "workspace": workspace,
        "plan": verdict.plan,
        "writes": verdict.writes,
        "git": verdict.git,
    })
}

fn render(judged: &Judged, workspace: Option<&str>, page: &mut Page) {
    let verdict = &judged.verdict;
    let style = match verdict.decision {
        Decision::Allow => GOOD,
        Decision::Ask => CAREFUL,
        Decision::Deny => BAD,
    };
    let decision = name(verdict.decision);
    if page.for_person() {
        page.line(&format!("{style}{decision:<12}{style:#} {}", Visible::line(&verdict.reason)));
    } else {
        page.field("verdict", &Visible::line(decision));
        page.field("reason", &Visible::line(&verdict.reason));
    }
    page.field("layer", &Visible::line(verdict.layer.as_str()));
    page.field("mode", &Visible::line(judged.mode.as_str()));
    if let Some(workspace) = workspace {
        page.field("workspace", &Visible::line(workspace));
    }
    let Some(plan) = &verdict.plan else { return };
    page.field("may write", &Visible::line(request::writes(verdict.writes, verdict.git)));
    plan::render(plan, page);
}
