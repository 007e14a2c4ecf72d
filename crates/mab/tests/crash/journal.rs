//! What a client has read, as it kept it: whole answers, one per line, in a file that outlives it.

use std::{fs, path::PathBuf};

use serde_json::Value;

pub(crate) struct Journal {
    pub(crate) path: PathBuf,
    read_bytes: usize,
    answers: Vec<Value>,
}

impl Journal {
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path, read_bytes: 0, answers: Vec::new() }
    }

    /// Every answer that was kept whole, in order.
    pub(crate) fn answers(&mut self) -> &[Value] {
        let text = fs::read(&self.path).unwrap_or_default();
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let new = String::from_utf8_lossy(&text[self.read_bytes..whole]);
        // A line that a kill has cut is no JSON: nobody has kept it.
        self.answers.extend(new.lines().filter_map(|line| serde_json::from_str(line).ok()));
        self.read_bytes = whole;
        &self.answers
    }

    /// What the answer to this request said, when it was kept.
    pub(crate) fn said(&mut self, id: u64) -> Option<Value> {
        let answer = self.answers().iter().rev().find(|answer| answer["id"] == id)?;
        Some(content(answer))
    }
}

/// What an answer says, which is no refusal.
pub(crate) fn content(answer: &Value) -> Value {
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    answer["result"]["structuredContent"].clone()
}
