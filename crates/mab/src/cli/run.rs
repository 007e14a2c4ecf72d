//! From the words of the command line to the exit code.

use std::{ffi::OsString, io::IsTerminal as _, process::ExitCode};

use clap::{
    Parser as _,
    error::{ContextKind, ContextValue, ErrorKind},
};
use mab_core::{Code, Denied};

use crate::{
    cli::{
        Arguments, Exit, Output, Trouble,
        arguments::{Command, DoctorCheck},
        cleanup, doctor, doctor_wake,
        operator::Operator,
    },
    config::Config,
    demo,
    environment::Environment,
    hardening, mcp,
    workbench::AgentBench,
};

/// Runs one command.
pub fn run(words: impl IntoIterator<Item = OsString>, environment: &Environment) -> ExitCode {
    let words: Vec<OsString> = words.into_iter().collect();
    let arguments = match Arguments::try_parse_from(&words) {
        Ok(arguments) => arguments,
        Err(error) => {
            return refuse(&with_tip(error, &words), words.iter().any(|word| word == "--json")).into();
        }
    };
    let output = Output::of_process(arguments.global.json);
    let operator = Operator { global: &arguments.global, environment, output };
    let exit = command(&arguments.command, &operator).unwrap_or_else(|trouble| {
        output.trouble(&trouble);
        trouble.exit()
    });
    exit.into()
}

fn command(command: &Command, operator: &Operator<'_>) -> Result<Exit, Trouble> {
    match command {
        Command::Mcp => serve(operator),
        Command::List(list) => list.run(operator),
        Command::Show(show) => show.run(operator),
        Command::Watch(watch) => watch.run(operator),
        Command::Lease(lease) => lease.run(operator),
        Command::Tokens(tokens) => tokens.run(operator),
        Command::Remove(remove) => remove.run(operator),
        Command::Transfer(transfer) => transfer.run(operator),
        Command::Pause(pause) => pause.run(operator),
        Command::Resume(resume) => resume.run(operator),
        Command::Limits(limits) => limits.run(operator),
        Command::Inbound(inbound) => inbound.run(operator),
        Command::Held(held) => held.run(operator),
        Command::Release(release) => release.run(operator),
        Command::Audit(audit) => audit.run(operator),
        Command::Keys(keys) => keys.run(operator),
        Command::Cleanup => cleanup::run(operator),
        Command::Redact(redact) => redact.run(operator),
        Command::Judge(judge) => judge.run(operator),
        Command::Run(run) => run.run(operator),
        Command::Yolo(yolo) => yolo.run(operator),
        Command::Pending(pending) => pending.run(operator),
        Command::Approve(approve) => approve.run(operator),
        Command::Deny(deny) => deny.run(operator),
        Command::Snapshot(snapshot) => snapshot.run(operator),
        Command::Setup(setup) => setup.run(operator),
        Command::Doctor { check: None } => doctor::run(operator),
        Command::Doctor { check: Some(DoctorCheck::Wake) } => doctor_wake::run(operator),
        Command::Hook(hook) => hook.run(operator),
        Command::Demo => demo::run(operator.output),
        Command::Completions(completions) => completions.run(),
        Command::Man(man) => man.run(),
    }
}

/// Serves MCP. Settings that are refused are said here, and to the client with every call.
fn serve(operator: &Operator<'_>) -> Result<Exit, Trouble> {
    if std::io::stdin().is_terminal() {
        Output::talk("an MCP client is meant to start `mab mcp` and to talk to it; the README says how");
    }
    if operator.environment.get("MAB_YOLO").is_some() {
        // Before anything is read that may have to be kept from others.
        hardening::protect();
    }
    match operator.config().and_then(|config| Ok((workbench(&config, operator)?, config))) {
        Ok((workbench, config)) => mcp::serve(&config, workbench)?,
        Err(denied) => {
            operator.output.trouble(&Trouble::Denied(denied.clone()));
            mcp::serve_refusal(denied)?;
        }
    }
    Ok(Exit::OK)
}

/// What runs commands for this server's agents; none unless both who starts it and the settings want that.
fn workbench(config: &Config, operator: &Operator<'_>) -> Result<Option<AgentBench>, Denied> {
    if !config.runs_for_agents() {
        return Ok(None);
    }
    hardening::check(config, operator.environment)?;
    Ok(Some(AgentBench::new(operator.flags(), operator.environment)))
}

/// Says how the words of a command are given, where they were taken for arguments of this program.
fn with_tip(mut error: clap::Error, words: &[OsString]) -> clap::Error {
    let takes_words = words.iter().skip(1).any(|word| word == "judge" || word == "run");
    if error.kind() == ErrorKind::UnknownArgument && takes_words {
        let tip = "put -- before the command: mab judge -- ls -la".to_owned();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// Help and version go to stdout; what cannot be parsed is a refusal like any other.
fn refuse(error: &clap::Error, json: bool) -> Exit {
    let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if asked || !json {
        // A closed pipe is all that can go wrong, and then nobody is left to tell.
        let _ = error.print();
        return if asked { Exit::OK } else { Exit::USAGE };
    }
    let text = error.to_string();
    let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    let denied =
        Denied::new(Code::InvalidArguments, message).hint("`mab help` shows how each command is used");
    Output::of_process(true).trouble(&Trouble::Denied(denied));
    Exit::USAGE
}
