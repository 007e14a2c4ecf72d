//! The judge against a catalogue of labelled commands, where it lies beside the repository.

use std::{fs, path::Path};

use mab_exec::{Decision, Judge, Mode, Policy, Wanted};
use serde::Deserialize;

/// One labelled command. What a row needs besides its text (`cwd`, `setup`) is for the suite of the sandbox.
#[derive(Deserialize)]
struct Row {
    id: String,
    command: String,
    mode: Mode,
    must: Decision,
    by: String,
    #[serde(default)]
    approval: bool,
    cwd: Option<String>,
    setup: Option<String>,
}

#[cfg(test)]
fn rows() -> Option<Vec<Row>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/exec-catalogue.jsonl");
    let Ok(text) = fs::read_to_string(path) else {
        println!("SKIPPED: no catalogue of commands lies beside the repository");
        return None;
    };
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn rows_of_safe_and_restricted_when_judged_get_their_verdict() {
    let Some(rows) = rows() else { return };
    let judge = Judge::new(Policy::builtin());
    let mut wrong = Vec::new();
    let judged = rows.iter().filter(|row| {
        row.mode != Mode::Yolo && row.by != "sandbox" && row.cwd.is_none() && row.setup.is_none()
    });
    for row in judged {
        let verdict = judge.judge(row.mode, &Wanted::Text(row.command.clone()), None);
        let expected = match (row.must, row.approval) {
            (Decision::Allow, true) => Decision::Ask,
            (must, _) => must,
        };
        if verdict.decision != expected {
            wrong.push(format!("{} {:?}: {:?}, {}", row.id, row.command, verdict.decision, verdict.reason));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
