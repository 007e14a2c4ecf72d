//! `mab judge --jsonl`: one command per line in, one verdict per line out, in the same order.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fmt,
    io::{BufRead, BufReader, BufWriter, Read, Write},
    path::Path,
};

use mab_exec::{Judge, Layer, Mode, Resolved, Verdict, Wanted, Workspace};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::{Map, Value, error::Category, json, value::RawValue};

use crate::{
    cli::{Trouble, judge, mode_choice},
    harmless,
};

/// Longest line that is read: the longest command, with every byte of it escaped, and room for the rest.
const LINE_MAX_BYTES: usize = 1 << 20;

/// What some editors put before the first line.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// What a line that does not say otherwise is judged with.
pub(super) struct Asked<'a> {
    pub(super) judge: &'a Judge,
    /// The mode that was named, and the widest that may be chosen without one.
    pub(super) modes: (Option<Mode>, Mode),
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
    let mut is_first = true;
    loop {
        if input.buffer().is_empty() {
            written.flush().map_err(Trouble::writing)?;
        }
        let answer = match read_line(input, &mut line)? {
            Line::End => break,
            Line::TooLong => answer(None, &bad(&format!("the line is longer than {LINE_MAX_BYTES} bytes"))),
            Line::Text if line.trim_ascii().is_empty() => continue,
            Line::Text => {
                let marked = if is_first { line.strip_prefix(BYTE_ORDER_MARK) } else { None };
                asked.answer(marked.unwrap_or(&line))
            }
        };
        is_first = false;
        writeln!(written, "{answer}").map_err(Trouble::writing)?;
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
    fn answer(&self, line: &[u8]) -> String {
        let (id, fields) = match serde_json::from_slice::<Fields<'_>>(line) {
            Ok(Fields(fields)) => (fields.get("id").copied(), fields),
            Err(error) => return answer(None, &bad(&unreadable(&error))),
        };
        let verdict = values(&fields).and_then(|fields| self.verdict(&fields));
        answer(id, &verdict.unwrap_or_else(|refused| refused))
    }

    fn verdict(&self, fields: &Map<String, Value>) -> Result<Verdict, Verdict> {
        let (given, widest) = self.modes;
        let given = match fields.get("mode") {
            None | Some(Value::Null) => given,
            Some(name) => {
                let mode = name.as_str().and_then(|name| name.parse().ok());
                Some(mode.ok_or_else(|| bad("there is no such mode; use safe, restricted or yolo"))?)
            }
        };
        let wanted = wanted(fields).map_err(bad)?;
        let below = match fields.get("cwd") {
            None | Some(Value::Null) => None,
            Some(folder) => Some(self.enter(folder.as_str().ok_or_else(|| bad("cwd is not a string"))?)?),
        };
        let workspace = below.as_ref().or(self.workspace);
        Ok(mode_choice::choose(self.judge, (given, widest), &wanted, workspace).verdict)
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
        let refused = self.judge.may_enter(workspace, folder);
        refused.map_err(|reason| deny(&format!("no command starts there: {reason}")))?;
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

/// The fields of a line, as they are written, each once.
struct Fields<'a>(BTreeMap<String, &'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Once;
        impl<'de> Visitor<'de> for Once {
            type Value = BTreeMap<String, &'de RawValue>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    if fields.insert(name, value).is_some() {
                        return Err(A::Error::custom(TWICE));
                    }
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Once).map(Fields)
    }
}

/// Why a line could not be read.
fn unreadable(error: &serde_json::Error) -> String {
    if error.to_string().starts_with(TWICE) {
        return TWICE.to_owned();
    }
    match error.classify() {
        Category::Data => "the line is not a JSON object".to_owned(),
        Category::Io | Category::Syntax | Category::Eof => {
            format!("the line is not JSON (column {})", error.column())
        }
    }
}

/// What is read of a line; what else it has is passed over.
fn values(fields: &BTreeMap<String, &RawValue>) -> Result<Map<String, Value>, Verdict> {
    let known = fields.iter().filter(|(name, _)| KNOWN.contains(&name.as_str()));
    let value = |(name, raw): (&String, &&RawValue)| Ok((name.clone(), serde_json::from_str(raw.get())?));
    known.map(value).collect::<serde_json::Result<_>>().map_err(|_| bad("a value of the line cannot be read"))
}

/// One line. A number as id is written as it was: reading it could change it.
fn answer(id: Option<&RawValue>, verdict: &Verdict) -> String {
    let id = id.map_or("null", RawValue::get);
    let is_number = id.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let id = if is_number {
        id.to_owned()
    } else {
        harmless::one_line(&serde_json::from_str(id).unwrap_or_default())
    };
    let said = |text: &str| harmless::one_line(&json!(text));
    format!(
        r#"{{"id":{id},"verdict":{},"layer":{},"reason":{}}}"#,
        said(judge::name(verdict.decision)),
        said(verdict.layer.as_str()),
        said(&verdict.reason)
    )
}

/// What a line may say.
const KNOWN: [&str; 4] = ["command", "argv", "mode", "cwd"];

const TWICE: &str = "the line has a key twice; give it once";

#[cfg(test)]
mod tests {
    use mab_exec::Policy;

    use super::*;

    fn judged(input: &[u8]) -> Vec<Value> {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().canonicalize().unwrap().join("space");
        std::fs::create_dir_all(root.join("src")).unwrap();
        std::os::unix::fs::symlink("/etc", root.join("out")).unwrap();
        std::fs::create_dir_all(root.join(".git/hooks")).unwrap();
        std::os::unix::fs::symlink(".git/hooks", root.join("hidden")).unwrap();
        let workspace = Workspace::open(&root).unwrap();
        let judge = Judge::new(Policy::builtin());
        let asked = Asked { judge: &judge, modes: (None, Mode::Safe), workspace: Some(&workspace) };
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
    fn number_as_id_comes_back_as_it_was_written_and_a_doubled_key_is_denied() {
        let judge = Judge::new(Policy::builtin());
        let asked = Asked { judge: &judge, modes: (None, Mode::Safe), workspace: None };
        for id in ["1.0", "12345678901234567890123456789", "1e400", "-0", "\"a\\u202e\"", "null", "[1, 2]"] {
            let answer = asked.answer(format!("{{\"id\": {id}, \"command\": \"ls\"}}").as_bytes());
            let expected = format!("{{\"id\":{},\"verdict\":\"allow\",", id.replace(", ", ","));
            assert!(answer.starts_with(&expected), "{id}: {answer}");
        }
        for line in [
            r#"{"id":1,"command":"ls","command":"rm x"}"#,
            r#"{"id":1,"id":2,"command":"ls"}"#,
            r#"{"command":"ls","comm\u0061nd":"ls"}"#,
        ] {
            let answer = asked.answer(line.as_bytes());
            let expected = format!(r#"{{"id":null,"verdict":"deny","layer":"parse","reason":"{TWICE}"}}"#);
            assert_eq!(answer, expected, "{line}");
        }
    }

    #[test]
    fn line_without_a_mode_is_judged_in_the_narrowest_that_does() {
        let judge = Judge::new(Policy::builtin());
        let asked = Asked { judge: &judge, modes: (None, Mode::Yolo), workspace: None };
        for (line, verdict) in [
            (r#"{"command":"ls"}"#, "allow"),
            (r#"{"command":"ls","mode":"yolo"}"#, "ask"),
            (r#"{"command":"make > log"}"#, "ask"),
            (r#"{"command":"make > log","mode":"safe"}"#, "deny"),
        ] {
            let answer: Value = serde_json::from_str(&asked.answer(line.as_bytes())).unwrap();
            assert_eq!(answer.get("verdict"), Some(&json!(verdict)), "{line}");
        }
    }

    #[test]
    fn first_line_when_a_byte_order_mark_stands_before_it_is_judged() {
        let line = "\u{feff}{\"id\":1,\"command\":\"ls\"}\n";
        let answers = judged(line.repeat(2).as_bytes());
        assert_eq!(short(&answers), [(json!(1), "allow", "policy"), (json!(null), "deny", "parse")]);
    }

    #[test]
    fn line_when_it_cannot_be_read_is_denied_and_the_next_ones_are_judged() {
        let long = format!("{{\"id\":\"long\",\"command\":\"{}\"}}", "x".repeat(LINE_MAX_BYTES));
        for (bad, id) in [
            ("nonsense", json!(null)),
            ("[1]", json!(null)),
            ("{\"id\":1,\"command\":\"ls\",\"command\":\"wc\"}", json!(null)),
            ("{\"id\":1,\"id\":2,\"command\":\"ls\"}", json!(null)),
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
        for cwd in
            ["..", "../..", "/", "/etc", "out", "src/../..", "none", "\u{0}", ".git", "hidden", ".git/hooks"]
        {
            let line = json!({"id": 1, "command": "ls", "cwd": cwd}).to_string();
            assert_eq!(short(&judged(line.as_bytes())), [(json!(1), "deny", "policy")], "{cwd}");
        }
    }
}
