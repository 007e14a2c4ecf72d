//! `mab yolo`: what agents may have run, and the key that agrees to it.

mod disable;
mod enable;
mod enroll;
mod meaning;
mod qr;
mod status;
mod unlock;

use clap::{Args, Subcommand};

pub(crate) use meaning::Place;

use crate::cli::{Exit, Trouble, operator::Operator};

/// Arguments of `mab yolo`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab yolo enroll --totp\n  \
    mab yolo enable conv_0123456789abcdef --mode restricted --workspace ~/project\n  \
    mab yolo status\n  \
    mab yolo disable --all\n\n\
    Agents run nothing unless all of this is so: execution.agents = true in the\n\
    configuration file, MAB_YOLO=1 in the environment of their server, and a person has\n\
    enabled commands in their conversation here, at a terminal, with a passphrase. What\n\
    writes or runs code waits for `mab approve` even then.\n\n\
    The passphrase is read from the terminal only: never from the environment, arguments\n\
    or stdin. Refused where no person can be: without a terminal, and below a program of\n\
    an agent. That last look is no wall; the passphrase is.")]
pub(crate) struct Yolo {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make the key that agrees, sealed under a passphrase.
    Enroll(enroll::Enroll),
    /// Change the passphrase; ends all that is enabled.
    Passphrase,
    /// Show the approver, what is enabled, and who is locked out.
    Status(status::Status),
    /// Let the agents of one conversation ask for commands, for a while.
    Enable(Box<enable::Enable>),
    /// End that at once, with every command that waits or runs.
    Disable(disable::Disable),
    /// Let an agent ask again whose commands were denied three times.
    Unlock(unlock::Unlock),
}

impl Yolo {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        match &self.what {
            What::Enroll(enroll) => enroll.run(operator),
            What::Passphrase => enroll::Enroll::passphrase().run(operator),
            What::Status(status) => status.run(operator),
            What::Enable(enable) => enable.run(operator),
            What::Disable(disable) => disable.run(operator),
            What::Unlock(unlock) => unlock.run(operator),
        }
    }
}
