//! `mab keys`: the keys that sign checkpoints of the audit trail.

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::json;

use crate::cli::{
    Exit, Output, Trouble, Visible,
    operator::Operator,
    table::{Column, Page, Table},
};

/// Arguments of `mab keys`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab keys           note the last one down where nobody on this machine can change it\n  \
    mab keys rotate    when audit.key may be known to somebody else\n\n\
    These are public: `mab audit verify --bundle FOLDER --key KEY` trusts one. Without\n\
    a terminal each key is one line of tab-separated cells: replaced or valid, key.")]
pub(crate) struct Keys {
    #[command(subcommand)]
    command: Option<KeysCommand>,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Replace the key that signs checkpoints; the old one signs the name of the new one.
    #[command(after_help = "Only audit.key is replaced. master.key, from which tokens and the keys of\n\
        conversations come, stays as it is.")]
    Rotate,
}

#[derive(Deserialize)]
struct Known {
    keys: Vec<Key>,
    problem: Option<String>,
}

#[derive(Deserialize)]
struct Key {
    verifier_key: String,
}

impl Keys {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        match &self.command {
            Some(KeysCommand::Rotate) => {
                let answer = operator.call("keys_rotate", json!({}))?;
                operator.output.answer(answer, |rotated: &Key, page| {
                    page.field("valid key", &Visible::line(&rotated.verifier_key));
                    page.aside("note it down; the checkpoint that names it is signed by both keys");
                })?;
            }
            None => {
                let answer = operator.call("keys", json!({}))?;
                operator.output.answer(answer, render)?;
            }
        }
        Ok(Exit::OK)
    }
}

fn render(known: &Known, page: &mut Page) {
    let last = known.keys.len().saturating_sub(1);
    let row = |(index, key): (usize, &Key)| {
        let state = if index == last { "valid" } else { "replaced" };
        vec![Visible::line(state), Visible::line(&key.verifier_key)]
    };
    let rows: Vec<_> = known.keys.iter().enumerate().map(row).collect();
    if rows.is_empty() {
        Output::talk("no key yet; the first `mab mcp` draws one");
    } else {
        page.table(&Table { kind: None, columns: &[Column::Whole("state"), Column::Whole("key")], rows });
    }
    if let Some(problem) = &known.problem {
        Output::talk(&format!("{problem}; run `mab audit verify`"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_one_row_each_and_the_last_is_valid() -> Result<(), serde_json::Error> {
        let known = json!({"keys": [{"verifier_key": "a+1+x"}, {"verifier_key": "a+2+y"}]});
        let mut page = Page::new(None);
        render(&serde_json::from_value(known)?, &mut page);
        assert_eq!(page.as_str(), "replaced\ta+1+x\nvalid\ta+2+y\n");
        Ok(())
    }
}
