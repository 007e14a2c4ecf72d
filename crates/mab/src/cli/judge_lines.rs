//! `mab judge --jsonl`: one command per line in, one verdict per line out, in the same order.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, BufWriter, Read, Write},
    path::Path,
};

use mab_exec::{Judge, Layer, Mode, Resolved, Verdict, Wanted, Workspace};
use serde_json::{Map, Value, json};

use crate::{
    cli::{Trouble, judge},
    harmless,
};

/// Longest line that is read: the longest command, with every byte of it escaped, and room for the rest.
const LINE_MAX_BYTES: usize = 1 << 20;

/// What a line that does not say otherwise is judged with.
pub(super) struct Asked<'a> {
    pub(super) judge: &'a Judge,
    pub(super) mode: Mode,
    pub(super) workspace: Option<&'a Workspace>,
}

/// One line of the input.
enum Line {
    Text,
    TooLong,
    End,
}

/// Judges line by line; what was read is answered before more is waited for, so that a program can talk to it.
pub(super) fn run(
    asked: &Asked<'_>,
    input: &mut BufReader<impl Read>,
    destination: &mut impl Write,
) -> Result<(), Trouble> {
    let mut written = BufWriter::new(destination);
    let mut line = Vec::new();
    loop {
        if input.buffer().is_empty() {
            written.flush().map_err(Trouble::writing)?;
        }
        let answer = match read_line(input, &mut line)? {
            Line::End => break,
            Line::TooLong => {
                answer(&Value::Null, &bad(&format!("the line is longer than {LINE_MAX_BYTES} bytes")))
            }
            Line::Text if line.trim_ascii().is_empty() => continue,
            Line::Text => asked.answer(&line),
        };
        writeln!(written, "{}", harmless::one_line(&answer)).map_err(Trouble::writing)?;
    }
    written.flush().map_err(Trouble::writing)
}

/// Reads one line. Of one that is too long no more is kept, and its rest is passed over.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> Result<Line, Trouble> {
    line.clear();
    let most = u64::try_from(LINE_MAX_BYTES).unwrap_or(u64::MAX) + 1;
    let unreadable = |error| Trouble::reading("stdin", &error);
    input.by_ref().take(most).read_until(b'\n', line).map_err(unreadable)?;
    if line.is_empty() {
        return Ok(Line::End);
    }
    if line.len() <= LINE_MAX_BYTES {
        return Ok(Line::Text);
    }
    if line.last() != Some(&b'\n') {
        input.skip_until(b'\n').map_err(unreadable)?;
    }
    Ok(Line::TooLong)
}

impl Asked<'_> {
    fn answer(&self, line: &[u8]) -> Value {
        let fields = match serde_json::from_slice(line) {
            Ok(Value::Object(fields)) => fields,
            Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                return answer(&Value::Null, &bad("the line is not a JSON object"));
            }
            Err(error) => {
                return answer(
                    &Value::Null,
                    &bad(&format!("the line is not JSON (column {})", error.column())),
                );
            }
        };
        let verdict = self.verdict(&fields).unwrap_or_else(|refused| refused);
        answer(fields.get("id").unwrap_or(&Value::Null), &verdict)
    }

    fn verdict(&self, fields: &Map<String, Value>) -> Result<Verdict, Verdict> {
        let mode = match fields.get("mode") {
            None | Some(Value::Null) => self.mode,
            Some(name) => {
                let mode = name.as_str().and_then(|name| name.parse().ok());
                mode.ok_or_else(|| bad("there is no such mode; use safe, restricted or yolo"))?
            }
        };
        let wanted = wanted(fields).map_err(bad)?;
        let below = match fields.get("cwd") {
            None | Some(Value::Null) => None,
            Some(folder) => Some(self.enter(folder.as_str().ok_or_else(|| bad("cwd is not a string"))?)?),
        };
        let workspace = below.as_ref().or(self.workspace);
        Ok(judge::judge_checked(self.judge, mode, &wanted, workspace))
    }

    /// The folder of the workspace that a line names: the smaller workspace, in which it is judged.
    fn enter(&self, folder: &str) -> Result<Workspace, Verdict> {
        let deny = |reason: &str| Verdict::deny(Layer::Policy, reason);
        let workspace = self.workspace.ok_or_else(|| deny("cwd needs a workspace, and there is none"))?;
        match workspace.resolve(OsStr::new(folder)) {
            Resolved::Inside => {}
            Resolved::Absent => return Err(deny("cwd names a folder that is not there")),
            Resolved::Outside => {
                return Err(deny("cwd leads out of the workspace; commands run in it, or in a folder of it"));
            }
        }
        Workspace::open(&workspace.path().join(Path::new(folder)))
            .map_err(|denied| deny(&format!("cwd cannot be entered: {denied}")))
    }
}

/// The command of a line.
fn wanted(fields: &Map<String, Value>) -> Result<Wanted, &'static str> {
    match (fields.get("command"), fields.get("argv")) {
        (Some(_), Some(_)) => Err("the line has both command and argv; give one"),
        (Some(Value::String(text)), None) => Ok(Wanted::Text(text.clone())),
        (Some(_), None) => Err("command is not a string"),
        (None, Some(argv)) => {
            let words = argv.as_array().and_then(|list| match list.first() {
                Some(Value::Array(_)) => list.iter().map(words).collect(),
                Some(_) | None => Some(vec![words(argv)?]),
            });
            words.map(Wanted::Argv).ok_or("argv is neither a list of words nor a list of such lists")
        }
        (None, None) => Err("the line has neither command nor argv"),
    }
}

fn words(list: &Value) -> Option<Vec<String>> {
    list.as_array()?.iter().map(|word| word.as_str().map(str::to_owned)).collect()
}

fn bad(reason: &str) -> Verdict {
    Verdict::deny(Layer::Parse, reason)
}

fn answer(id: &Value, verdict: &Verdict) -> Value {
    json!({"id": id, "verdict": judge::name(verdict.decision), "layer": verdict.layer.as_str(), "reason": verdict.reason})
}

#[cfg(test)]
mod tests {
    use mab_exec::Policy;

    use super::*;

    fn judged(input: &[u8]) -> Vec<Value> {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().canonicalize().unwrap().join("space");
        std::fs::create_dir_all(root.join("src")).unwrap();
        std::os::unix::fs::symlink("/etc", root.join("out")).unwrap();
        let workspace = Workspace::open(&root).unwrap();
        let judge = Judge::new(Policy::builtin());
        let asked = Asked { judge: &judge, mode: Mode::Safe, workspace: Some(&workspace) };
        let mut written = Vec::new();
        run(&asked, &mut BufReader::new(input), &mut written).ok().unwrap();
        let written = String::from_utf8(written).unwrap();
        written.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Id, verdict and layer of each answer.
    fn short(answers: &[Value]) -> Vec<(Value, &str, &str)> {
        let text = |answer: &'_ Value, key: &str| answer.get(key).and_then(Value::as_str).map(str::to_owned);
        answers
            .iter()
            .map(|answer| {
                assert!(text(answer, "reason").is_some_and(|reason| !reason.is_empty()), "{answer}");
                let word = |key| answer.get(key).and_then(Value::as_str).unwrap_or_default();
                (answer.get("id").cloned().unwrap_or_default(), word("verdict"), word("layer"))
            })
            .collect()
    }

    #[test]
    fn lines_when_judged_are_answered_in_order_with_their_ids() {
        let input = br#"{"id":"a","command":"ls src","mode":"safe","must":"allow"}

{"id":2,"command":"frobnicate"}
{"command":"ls","mode":null}
{"id":"d","argv":["ls","src"],"cwd":"src"}
{"id":"e","argv":[["ls"]],"mode":"restricted"}"#;
        let answers = judged(input);
        assert_eq!(
            short(&answers),
            [
                (json!("a"), "allow", "policy"),
                (json!(2), "deny", "policy"),
                (json!(null), "allow", "policy"),
                (json!("d"), "allow", "policy"),
                (json!("e"), "allow", "policy"),
            ]
        );
    }

    #[test]
    fn line_when_it_cannot_be_read_is_denied_and_the_next_ones_are_judged() {
        let long = format!("{{\"id\":\"long\",\"command\":\"{}\"}}", "x".repeat(LINE_MAX_BYTES));
        for (bad, id) in [
            ("nonsense", json!(null)),
            ("[1]", json!(null)),
            ("{\"id\":1}", json!(1)),
            ("{\"id\":1,\"command\":7}", json!(1)),
            ("{\"id\":1,\"command\":\"ls\",\"argv\":[\"ls\"]}", json!(1)),
            ("{\"id\":1,\"argv\":\"ls\"}", json!(1)),
            ("{\"id\":1,\"argv\":[\"ls\",1]}", json!(1)),
            ("{\"id\":1,\"argv\":[[\"ls\"],\"wc\"]}", json!(1)),
            ("{\"id\":1,\"argv\":[]}", json!(1)),
            ("{\"id\":1,\"command\":\"\"}", json!(1)),
            ("{\"id\":1,\"command\":\"ls\\u0000\"}", json!(1)),
            ("{\"id\":1,\"command\":\"ls\",\"mode\":\"wild\"}", json!(1)),
            ("{\"id\":1,\"command\":\"ls\",\"cwd\":7}", json!(1)),
            ("{\"id\":1,\"command\":\"\u{fffe}", json!(null)),
            (&long, json!(null)),
        ] {
            let answers = judged(format!("{bad}\n{{\"id\":\"next\",\"command\":\"ls\"}}\n").as_bytes());
            assert_eq!(
                short(&answers),
                [(id, "deny", "parse"), (json!("next"), "allow", "policy")],
                "{}",
                bad.get(..60).unwrap_or(bad)
            );
        }
        assert_eq!(short(&judged(b"{\"command\":\"\xff\"}\n")), [(json!(null), "deny", "parse")]);
        let at_the_end = judged(long.as_bytes());
        assert_eq!(short(&at_the_end), [(json!(null), "deny", "parse")]);
    }

    #[test]
    fn cwd_when_it_leads_out_of_the_workspace_is_denied_by_the_policy() {
        for cwd in ["..", "../..", "/", "/etc", "out", "src/../..", "none", "\u{0}"] {
            let line = json!({"id": 1, "command": "ls", "cwd": cwd}).to_string();
            assert_eq!(short(&judged(line.as_bytes())), [(json!(1), "deny", "policy")], "{cwd}");
        }
    }
}
