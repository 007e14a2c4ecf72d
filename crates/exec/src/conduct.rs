//! Runs the pipelines of a plan, as their links say: pipes and processes, no shell.

use std::{
    io::{self, ErrorKind, PipeReader, Write as _, pipe},
    os::{
        fd::OwnedFd,
        unix::process::{CommandExt as _, ExitStatusExt as _},
    },
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
};

use serde::{Deserialize, Serialize};

use crate::{Argv, Link, Plan, Step};

/// Where and with what commands run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Setting {
    /// Their folder.
    pub(crate) folder: PathBuf,
    /// Their environment, but for what each adds.
    pub(crate) environment: std::collections::BTreeMap<String, String>,
}

/// Runs `steps` one after the other and returns the code of the last that was run: its exit code, 128 + the signal, 127
/// when the program is not there, 126 when it cannot be run (POSIX.1-2024, Shell Command Language §2.8.2).
///
/// `start` starts one process. What it and the system say about a program that cannot be run goes to `stderr`, as a
/// shell would say it.
pub(crate) fn conduct(
    steps: &[Step],
    setting: &Setting,
    outputs: &Outputs,
    start: &mut dyn FnMut(&mut Command) -> io::Result<Child>,
) -> i32 {
    let mut code = 0;
    for step in steps {
        let due = match step.link {
            Link::Always => true,
            Link::AfterSuccess => code == 0,
            Link::AfterFailure => code != 0,
        };
        if due {
            code = pipeline(&step.pipeline, setting, outputs, start);
        }
    }
    code
}

/// Where the output of commands goes.
#[derive(Debug)]
pub(crate) struct Outputs {
    /// Standard output of the last of each pipeline.
    pub(crate) stdout: OwnedFd,
    /// Standard error of all.
    pub(crate) stderr: OwnedFd,
}

/// The process that a plan of one single process is to become; none when there are several.
pub(crate) fn single(plan: &Plan, setting: &Setting) -> Option<Command> {
    match plan {
        Plan::Shell(text) => Some(shell(text, setting)),
        Plan::Steps(steps) => match steps.as_slice() {
            [Step { link: Link::Always, pipeline }] => match pipeline.as_slice() {
                [argv] => Some(command(argv, setting)),
                _ => None,
            },
            _ => None,
        },
    }
}

/// What a program that could not be started counts as, and what is said about it.
pub(crate) fn not_started(name: &str, error: &io::Error) -> (i32, String) {
    if error.kind() == ErrorKind::NotFound {
        return (127, format!("{name}: not found\n"));
    }
    (126, format!("{name}: cannot be run: {error}\n"))
}

fn pipeline(
    commands: &[Argv],
    setting: &Setting,
    outputs: &Outputs,
    start: &mut dyn FnMut(&mut Command) -> io::Result<Child>,
) -> i32 {
    let mut children = Vec::with_capacity(commands.len());
    let mut input: Option<PipeReader> = None;
    for (index, argv) in commands.iter().enumerate() {
        let begun = begin(argv, setting, outputs, (input.take(), index + 1 == commands.len()));
        children.push(begun.and_then(|(mut command, reader)| {
            input = reader;
            start(&mut command)
        }));
    }
    drop(input);
    let mut code = 0;
    for (child, argv) in children.into_iter().zip(commands) {
        code = match child.and_then(|mut child| child.wait()) {
            Ok(status) => code_of(status),
            Err(error) => {
                let (code, message) = not_started(&argv.name, &error);
                say(outputs, &message);
                code
            }
        };
    }
    code
}

/// The command of `argv` between its neighbours, and what the next one reads.
fn begin(
    argv: &Argv,
    setting: &Setting,
    outputs: &Outputs,
    (input, is_last): (Option<PipeReader>, bool),
) -> io::Result<(Command, Option<PipeReader>)> {
    let mut command = command(argv, setting);
    command.stdin(input.map_or_else(Stdio::null, Stdio::from));
    command.stderr(outputs.stderr.try_clone()?);
    if is_last {
        command.stdout(outputs.stdout.try_clone()?);
        return Ok((command, None));
    }
    let (reader, writer) = pipe()?;
    command.stdout(writer);
    Ok((command, Some(reader)))
}

/// The exit code that a shell would show.
pub(crate) fn code_of(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// Says something as a command would. Nobody may be reading; then nobody is told.
fn say(outputs: &Outputs, message: &str) {
    if let Ok(stderr) = outputs.stderr.try_clone() {
        drop(std::fs::File::from(stderr).write_all(message.as_bytes()));
    }
}

#[expect(clippy::disallowed_methods, reason = "this crate starts what was judged")]
fn command(argv: &Argv, setting: &Setting) -> Command {
    let mut command = Command::new(&argv.program);
    command.arg0(&argv.name).args(&argv.arguments);
    with(command, setting, &argv.environment)
}

#[expect(clippy::disallowed_methods, reason = "this crate starts what a person said yes to")]
fn shell(text: &str, setting: &Setting) -> Command {
    // Neither reads a login file; bash is told to read none at all, and to keep out of functions of the environment.
    let bash = std::path::Path::new("/bin/bash");
    let mut command = if bash.exists() {
        let mut command = Command::new(bash);
        command.args(["--noprofile", "--norc"]);
        command
    } else {
        Command::new("/bin/sh")
    };
    command.arg("-c").arg(text);
    with(command, setting, &[])
}

fn with(mut command: Command, setting: &Setting, more: &[(String, String)]) -> Command {
    command.env_clear().envs(&setting.environment).current_dir(&setting.folder).stdin(Stdio::null());
    command.envs(more.iter().map(|(name, value)| (name, value)));
    command
}
