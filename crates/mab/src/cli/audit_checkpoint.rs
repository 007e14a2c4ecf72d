//! `mab audit checkpoint`: signs the state of the audit trail.

use clap::Args;
use serde::Deserialize;
use serde_json::json;

use crate::cli::{Exit, Output, Trouble, operator::Operator};

/// Arguments of `mab audit checkpoint`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab audit checkpoint >>/mnt/other/notes   keep the newest note elsewhere\n  \
    mab audit checkpoint --begin-anew         after a backup was restored\n\n\
    Checkpoints are written by themselves; this writes one at once. The note is a\n\
    C2SP tlog-checkpoint: who keeps it can prove later that nothing before it was\n\
    changed or cut off. --begin-anew moves audit.anchor aside and is recorded: until\n\
    then the file and a restored database contradict each other, and mab says so.")]
pub(crate) struct Checkpoint {
    /// Move audit.anchor aside and begin another one over everything there is.
    #[arg(long)]
    begin_anew: bool,
}

#[derive(Deserialize)]
struct Signed {
    written: bool,
    note: Option<String>,
}

impl Checkpoint {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let answer = operator.call("audit_checkpoint", json!({"begin_anew": self.begin_anew}))?;
        operator.output.answer(answer, |signed: &Signed, page| {
            if !signed.written {
                Output::talk("nothing was recorded since the newest checkpoint");
            }
            for line in signed.note.iter().flat_map(|note| note.lines()) {
                page.line(line);
            }
        })?;
        Ok(Exit::OK)
    }
}
