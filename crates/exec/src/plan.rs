//! What will be executed: made by the judge, executed as it is.

use serde::{Deserialize, Serialize};

/// What a judged command comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// Pipelines that we start ourselves, one after the other, as their links say. There is at least one, with at least
    /// one command each.
    Steps(Vec<Step>),
    /// Text for `/bin/bash -c`, or `/bin/sh -c` where there is no bash. Mode `yolo` only; neither reads login files.
    Shell(String),
}

/// One pipeline and when it is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When it is run.
    pub link: Link,
    /// Its commands; the output of each is the input of the next. The first reads `/dev/null`.
    pub pipeline: Vec<Argv>,
}

/// When a pipeline is run, by how the one before it that was run ended (POSIX.1-2024, Shell Command Language §2.9.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// Always: the first, or after `;`.
    Always,
    /// When it ended with 0: after `&&`.
    AfterSuccess,
    /// When it did not: after `||`.
    AfterFailure,
}

/// One command: its program and its arguments, as the process gets them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argv {
    /// Its name, as it was written and as the program's own `argv[0]`.
    pub name: String,
    /// The program, by its absolute path on the host: what is executed. Empty until it is looked up.
    pub program: String,
    /// Its arguments, with those that the policy puts in.
    pub arguments: Vec<String>,
    /// What the policy adds to the environment of this command, as name and value.
    pub environment: Vec<(String, String)>,
}

impl Plan {
    /// Its commands, in order; none for a shell.
    pub fn commands(&self) -> impl Iterator<Item = &Argv> {
        let steps = match self {
            Self::Steps(steps) => steps.as_slice(),
            Self::Shell(_) => &[],
        };
        steps.iter().flat_map(|step| &step.pipeline)
    }

    /// Starts the program at `path` by another path, which leads to the same file.
    pub(crate) fn start_by(&mut self, path: &std::path::Path, other: &str) {
        if let Self::Steps(steps) = self {
            let of_it = |argv: &&mut Argv| std::path::Path::new(&argv.program) == path;
            let all = steps.iter_mut().flat_map(|step| &mut step.pipeline);
            all.filter(of_it).for_each(|argv| other.clone_into(&mut argv.program));
        }
    }

    /// Leaves every program to be looked up where it will run.
    pub(crate) fn programs_by_name(&mut self) {
        if let Self::Steps(steps) = self {
            for argv in steps.iter_mut().flat_map(|step| &mut step.pipeline) {
                argv.program.clone_from(&argv.name);
            }
        }
    }
}
