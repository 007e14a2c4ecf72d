//! `mab run`: the operator has one command run as an agent's would be: judged, saved, sandboxed.

use std::{
    io::IsTerminal as _,
    os::fd::{AsFd as _, BorrowedFd},
    sync::{Arc, Mutex, PoisonError},
};

use clap::Args;
use mab_core::{Clock as _, Code, Denied, execution::TIMEOUT_MAX_S};
use mab_exec::{
    Approved, Argv, Ask, Decision, Finished, GitAccess, Mode, Network, Observer, Outcome, Plan, Prepared,
    Progress, VALID_S, View, Wanted, Workspace,
};
use serde_json::json;

use crate::{
    cli::{
        Exit, Output, Trouble, Visible, arguments,
        bar::Bar,
        finished,
        judge::{Said, name},
        mode_choice::{self, Judged},
        operator::Operator,
        output::CAREFUL,
        place::Place,
        request::{self, LAST},
        run_preview::{self, PreviewChoice, Staged},
        stopping::Stop,
        terminal::Terminal,
    },
    config::Config,
    execution, runtime,
    system::{OsRandom, SystemClock},
};

/// Arguments of `mab run`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab run -- ls -la src\n  \
    mab run --mode restricted -- cargo test\n  \
    mab run --mode yolo --timeout 600 --command 'make all 2>&1 | tee build.log'\n  \
    mab run --mode yolo --preview --command 'make format'\n  \
    mab run --dry-run --mode restricted -- git add src/main.rs\n\n\
    The command is judged, the workspace is saved if it may write there, and it runs in\n\
    a sandbox. What has to be agreed to is shown whole on the terminal, and runs when\n\
    the last six digits of its request are typed; without a terminal it is refused.\n\
    You may name any folder; agents are held to execution.workspaces.\n\n\
    With --preview it writes to a copy-on-write view: what would change is shown, and\n\
    `apply` or `discard` typed. --apply or --discard say which beforehand; with neither\n\
    and without a terminal it is discarded. Its exit code is no matter, but what was ended\n\
    before it was done is never applied.\n\n\
    What it printed comes when it has ended, secrets taken out and control characters\n\
    escaped: its stdout on stdout, its stderr on stderr. Exits as the command did; with\n\
    124 when its time was over, 137 when it was ended for memory, processes or output,\n\
    130 after Ctrl-C, which ends all it had started. --json tells these apart from exit\n\
    codes of the command.")]
pub(crate) struct RunCommand {
    /// The mode; default: the narrowest that allows it or asks, up to `execution.mode`.
    #[arg(long, value_parser = arguments::named(&Mode::ALL, Mode::as_str))]
    mode: Option<String>,
    #[command(flatten)]
    place: Place,
    /// Seconds it may take, at most `execution.timeout_s`, which is the default.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=i64::from(TIMEOUT_MAX_S)))]
    timeout: Option<u32>,
    /// Let it reach the network, which `execution.network` must allow; always asks.
    #[arg(long)]
    network: bool,
    /// Show the request and run nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    preview: PreviewChoice,
    #[command(flatten)]
    said: Said,
}

impl RunCommand {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let Some(wanted) = self.said.wanted() else {
            return Err(Trouble::input("there is no command", "mab run -- WORDS, or mab run --command TEXT"));
        };
        let config = operator.config()?;
        runtime::start_log(config.log);
        let given = self.mode(&config)?;
        let workspace = Arc::new(self.place.open()?);
        let judge = execution::judge(&config, None, Some(&workspace))?;
        let modes = (given, config.execution.mode);
        let judged = mode_choice::choose(&judge, modes, &wanted, Some(&workspace));
        let ask = self.ask(&config, judged.mode, wanted)?;
        ask.check()?;
        if judged.verdict.decision == Decision::Deny {
            return Err(denied(&judged, &config).into());
        }
        let terminal = Terminal::open();
        if terminal.is_none() && !self.dry_run {
            needs_nobody(judged.verdict.decision, &ask)?;
        }
        let executor = execution::executor(&config, operator.environment, judge, !self.dry_run)?;
        if ask.preview {
            run_preview::is_possible(&config)?;
        }
        let nonce = mab_core::source::draw(&OsRandom)?;
        let prepared = executor
            .prepare(&ask, &workspace, SystemClock.now(), nonce)
            .map_err(|outcome| unprepared(&outcome, judged.verdict.plan.as_ref(), (&config, operator)))?;
        if self.dry_run {
            show(&prepared, operator.output)?;
            return Ok(Exit::OK);
        }
        let staged = prepared.request().preview.then(|| Staged::begin(&config, &workspace)).transpose()?;
        let git = prepared.request().profile.git;
        let stopped = Stop::listen()?;
        let approved = match prepared.allowed() {
            Ok(approved) => approved,
            Err(prepared) => {
                let agreed = agree(prepared, terminal.ok_or_else(nobody)?, stopped.as_fd())?;
                let Some(approved) = agreed else {
                    Output::talk("\nnothing was run");
                    return Ok(Exit::CANCELLED);
                };
                approved
            }
        };
        let watching = Watching::start(stopped, operator.output.is_json());
        let view = staged.as_ref().map_or(View::Direct, Staged::view);
        let ended = executor.run_on(approved, SystemClock.now(), (&watching, &view));
        let stopped = watching.end();
        match staged {
            None => finished::print(&ended, || undo(&ended, git, (&config, &workspace)), operator.output),
            Some(staged) => staged.settle(&ended, (self.preview.answer(), stopped.as_fd()), operator.output),
        }
    }

    /// The mode that was named.
    fn mode(&self, config: &Config) -> Result<Option<Mode>, Denied> {
        let widest = config.execution.mode;
        let mode: Option<Mode> = self.mode.as_deref().map(str::parse).transpose()?;
        if let Some(mode) = mode.filter(|mode| *mode > widest) {
            let message =
                format!("mode {mode} is wider than execution.mode, which is {widest}; nothing was run");
            let hint = format!("write mode = \"{mode}\" under [execution] in {}", config.file.display());
            return Err(Denied::new(Code::CommandDenied, message).hint(hint));
        }
        Ok(mode)
    }

    fn ask(&self, config: &Config, mode: Mode, wanted: Wanted) -> Result<Ask, Denied> {
        let preview = self.preview.is_wanted(config.execution.preview && mode == Mode::Yolo)?;
        let mut limits = config.execution.limits;
        if let Some(time_s) = self.timeout {
            if time_s > limits.time_s {
                let most = limits.time_s;
                let message =
                    format!("{time_s} s is more than execution.timeout_s, which is {most}; nothing was run");
                return Err(Denied::new(Code::InvalidArguments, message)
                    .hint(format!("give 1 to {most}, or raise it")));
            }
            limits.time_s = time_s;
        }
        let network = if self.network { Network::Host } else { Network::Off };
        let (conversation, agent) = (None, None);
        Ok(Ask { mode, wanted, conversation, agent, limits, network, preview, valid_s: VALID_S })
    }
}

/// The refusal of the judge, with the mode that would do.
fn denied(judged: &Judged, config: &Config) -> Denied {
    let (layer, reason) = (judged.verdict.layer, judged.verdict.reason.clone());
    let denied = finished::refusal(&Outcome::Denied { layer, reason });
    let Some((mode, note)) = judged.wider().zip(judged.note()) else { return denied };
    let how = if mode > config.execution.mode {
        format!("write mode = \"{mode}\" under [execution] in {}", config.file.display())
    } else {
        format!("give --mode {mode}")
    };
    denied.hint(format!("{note}: {how}"))
}

/// The refusal of what the judge did not deny; of a program that the caller has elsewhere, with where.
fn unprepared(
    outcome: &Outcome,
    plan: Option<&Plan>,
    (config, operator): (&Config, &Operator<'_>),
) -> Denied {
    let denied = finished::refusal(outcome);
    let name = |argv: &Argv| execution::elsewhere(&argv.name, config, operator.environment);
    let found = plan.and_then(|plan| plan.commands().find_map(name));
    let Some((path, folder)) = found.as_ref().and_then(|path| Some((path, path.parent()?))) else {
        return denied;
    };
    let (path, folder) = (path.display(), folder.display());
    let file = config.file.display();
    denied.hint(format!(
        "it is at {path}: add path = [\"{folder}\"] under [execution] in {file}, and what it reads to readable"
    ))
}

/// Refuses what a person has to agree to, when there is none: before anything is saved for it.
fn needs_nobody(decision: Decision, ask: &Ask) -> Result<(), Denied> {
    if decision == Decision::Allow && ask.network == Network::Off { Ok(()) } else { Err(nobody()) }
}

fn nobody() -> Denied {
    Denied::new(Code::ApprovalRequired, "a person has to agree, and there is no terminal; nothing was run")
        .hint("run it in a terminal; `--dry-run` shows the request without one")
}

/// Asks the person at the terminal; none when `stop` became readable before there was an answer.
fn agree(prepared: Prepared, terminal: Terminal, stop: BorrowedFd<'_>) -> Result<Option<Approved>, Trouble> {
    let mut page = terminal.page();
    page.line(&format!("{}", Visible::line(&prepared.verdict().reason)));
    request::render(prepared.request(), &prepared.hash(), &mut page);
    let question = format!("type the last {LAST} digits to run exactly this; anything else runs nothing:");
    for left in (0..TRIES).rev() {
        let Some(typed) = terminal.ask_unless(&page, &question, stop)? else { return Ok(None) };
        if typed.is_empty() || left == 0 || prepared.is_named_by(&typed) {
            drop(terminal);
            let approved = Approved::by_person(prepared, &typed).map_err(|denied| {
                let message = format!("{}; nothing was run", denied.message);
                Denied { message, ..denied }
            })?;
            return Ok(Some(approved));
        }
        page = terminal.page();
        page.line(&format!(
            "{CAREFUL}these are not its last {LAST} digits{CAREFUL:#}; {left} more, then it is void"
        ));
    }
    Ok(None)
}

/// How to undo what a command wrote; none when it wrote nothing.
fn undo(ended: &Finished, git: GitAccess, (config, workspace): (&Config, &Workspace)) -> Option<String> {
    let snapshot = ended.snapshot.as_deref()?;
    let (id, place) = (Visible::line(snapshot), Place::option(workspace.path()));
    if git == GitAccess::Commit && workspace.path().join(".git").symlink_metadata().is_ok() {
        return Some(format!(
            "`mab snapshot restore {id}{place} --with-git` undoes what it wrote, commits too"
        ));
    }
    let snapshots = execution::existing_snapshots(config).ok()??;
    let written = snapshots.diff(workspace, &snapshot.parse().ok()?);
    let is_nothing = written.is_ok_and(|written| written.changes.is_empty());
    (!is_nothing).then(|| format!("`mab snapshot restore {id}{place}` undoes what it wrote"))
}

/// What would be run, for `--dry-run`.
fn show(prepared: &Prepared, output: Output) -> Result<(), Trouble> {
    let verdict = prepared.verdict();
    if output.is_json() {
        return output.json(&json!({
            "verdict": name(verdict.decision),
            "reason": verdict.reason,
            "request": prepared.request(),
            "request_hash": prepared.hash(),
        }));
    }
    let mut page = output.page();
    page.field("verdict", &Visible::line(name(verdict.decision)));
    page.field("reason", &Visible::line(&verdict.reason));
    request::render(prepared.request(), &prepared.hash(), &mut page);
    page.aside("nothing was run, and nothing saved");
    Output::data(page.as_str())
}

/// The operator, while it runs: sees how far it is, and may stop it with Ctrl-C.
struct Watching {
    stopped: Stop,
    last: Arc<Mutex<Option<Progress>>>,
    _bar: Bar,
}

impl Watching {
    fn start(stopped: Stop, quiet: bool) -> Self {
        let last: Arc<Mutex<Option<Progress>>> = Arc::default();
        let shown = Arc::clone(&last);
        let bar = Bar::showing(quiet || !std::io::stderr().is_terminal(), move || {
            shown.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map_or_else(String::new, line)
        });
        Self { stopped, last, _bar: bar }
    }

    /// Wipes the line; returns what is readable once the operator has had enough.
    fn end(self) -> Stop {
        self.stopped
    }
}

impl Observer for Watching {
    fn cancelled(&self) -> Option<BorrowedFd<'_>> {
        Some(self.stopped.as_fd())
    }

    fn progress(&self, progress: &Progress) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress.clone());
    }
}

/// How often the digits may be typed.
const TRIES: u32 = 3;

/// How far it is, in one line.
fn line(progress: &Progress) -> String {
    let width = terminal_size::terminal_size_of(std::io::stderr()).map_or(80, |(width, _)| width.0);
    let bytes = progress.stdout_bytes + progress.stderr_bytes;
    let text = format!(
        "{} s, {} KiB  {}",
        progress.elapsed_ms / 1_000,
        bytes.div_ceil(1_024),
        Visible::line(&progress.last_line)
    );
    text.chars().take(usize::from(width).saturating_sub(1)).collect()
}
