//! `mab redact --jsonl`: one JSON object per line in, one out, in the same order.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read, Write},
};

use mab_core::Code;
use mab_redact::{Redactor, Refusal};
use serde_json::{Map, Value, json};

use crate::{
    cli::{Output, Trouble, Visible, redact::findings},
    harmless,
};

/// Longest line that is read.
const LINE_MAX_BYTES: u64 = 64 << 20;

/// Redacts line by line; what was read is answered before more is waited for, so that a program can talk to it. Says
/// whether there was a secret.
pub(super) fn run(
    redactor: &Redactor,
    input: &mut BufReader<impl Read>,
    destination: &mut impl Write,
    with_text: bool,
) -> Result<bool, Trouble> {
    let mut has_found = false;
    let mut written = std::io::BufWriter::new(destination);
    let mut left_out = BTreeSet::new();
    let mut line = Vec::new();
    for number in 1_u64.. {
        if input.buffer().is_empty() {
            written.flush().map_err(Trouble::writing)?;
        }
        if !read_line(input, &mut line, number)? {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let object = serde_json::from_slice(&line).map_err(|error| bad(number, &reason(&error)))?;
        let (answer, others) = answer(redactor, object, with_text).map_err(|reason| bad(number, &reason))?;
        has_found |=
            answer.get("findings").and_then(Value::as_array).is_some_and(|findings| !findings.is_empty());
        for key in others {
            if left_out.insert(key.clone()) {
                Output::talk(&format!(
                    "line {number}: the key {} is left out of the output",
                    Visible::line(&key)
                ));
            }
        }
        writeln!(written, "{}", harmless::one_line(&answer)).map_err(Trouble::writing)?;
    }
    written.flush().map_err(Trouble::writing)?;
    Ok(has_found)
}

/// Reads one line; false at the end of the input.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>, number: u64) -> Result<bool, Trouble> {
    line.clear();
    input
        .by_ref()
        .take(LINE_MAX_BYTES + 1)
        .read_until(b'\n', line)
        .map_err(|error| Trouble::reading("the input", &error))?;
    if line.len() as u64 > LINE_MAX_BYTES {
        return Err(bad(number, &format!("is longer than {LINE_MAX_BYTES} bytes")));
    }
    Ok(!line.is_empty())
}

/// The answer to one line, and the keys that are not in it.
fn answer(redactor: &Redactor, object: Value, with_text: bool) -> Result<(Value, Vec<String>), String> {
    let Value::Object(mut fields) = object else { return Err("is not a JSON object".to_owned()) };
    let Some(Value::String(text)) = fields.remove("text") else {
        return Err("has no string under \"text\"".to_owned());
    };
    let mut answer = Map::new();
    answer.extend(fields.remove("id").map(|id| ("id".to_owned(), id)));
    let found = match redactor.redact(&text) {
        Ok(redaction) => {
            if with_text {
                answer.insert("text".to_owned(), redaction.text.into_string().into());
            }
            redaction.findings
        }
        // Without the text there is nothing to refuse.
        Err(Refusal::Blocked(found)) if !with_text => found,
        Err(refusal) => {
            let error = json!({"code": Code::SecretRefused.name(), "message": refusal.to_string()});
            answer.insert("error".to_owned(), error);
            return Ok((Value::Object(answer), fields.into_iter().map(|(key, _)| key).collect()));
        }
    };
    answer.insert("findings".to_owned(), findings(&found));
    Ok((Value::Object(answer), fields.into_iter().map(|(key, _)| key).collect()))
}

fn bad(number: u64, reason: &str) -> Trouble {
    Trouble::input(format!("line {number} {reason}"), "each line must be an object such as {\"text\": \"…\"}")
}

/// What is wrong, without the words of serde that could quote the line.
fn reason(error: &serde_json::Error) -> String {
    format!("is not JSON (column {})", error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redact(input: &str) -> Result<String, Option<Value>> {
        let mut written = Vec::new();
        run(&Redactor::new(), &mut BufReader::new(input.as_bytes()), &mut written, true)
            .map_err(|trouble| trouble.to_json())?;
        Ok(String::from_utf8_lossy(&written).into_owned())
    }

    #[test]
    fn lines_when_read_are_answered_in_order_with_their_ids() {
        let answered = redact("{\"text\":\"plain\",\"id\":7}\n{\"text\":\"é\\u001b\",\"label\":\"x\"}");
        assert_eq!(
            answered,
            Ok("{\"findings\":[],\"id\":7,\"text\":\"plain\"}\n{\"findings\":[],\"text\":\"é\\u001b\"}\n"
                .into())
        );
    }

    #[test]
    fn line_when_bad_is_named_and_never_quoted() {
        for (input, message) in [
            ("{\"text\":\"a\"}\nhunter2\n", "line 2 is not JSON (column 1)"),
            ("\n \r\n7\n", "line 3 is not a JSON object"),
            ("[1]\n", "line 1 is not a JSON object"),
            ("{\"text\":7}\n", "line 1 has no string under \"text\""),
            ("{}\n", "line 1 has no string under \"text\""),
        ] {
            let hint = "each line must be an object such as {\"text\": \"…\"}";
            let expected = json!({"code": "invalid_arguments", "message": message, "hint": hint});
            assert_eq!(redact(input), Err(Some(expected)), "{input}");
        }
    }

    #[test]
    fn line_when_refused_is_answered_with_why_and_the_next_ones_too() {
        let mut policy = mab_redact::Policy::default();
        policy.classes.extend(mab_redact::Class::ALL.map(|class| (class, mab_redact::Action::Block)));
        let secret = concat!("AK", "IA", "Q3EGRTL7XN5KV2WD");
        let input = format!("{{\"text\":\"{secret}\",\"id\":7}}\n{{\"text\":\"plain\"}}\n");
        let mut written = Vec::new();
        let redactor = Redactor::with_policy(policy);
        run(&redactor, &mut BufReader::new(input.as_bytes()), &mut written, true).ok().unwrap();
        let written = String::from_utf8(written).unwrap();
        let message = "the policy refuses what the rule aws-access-key-id finds";
        let error = json!({"id": 7, "error": {"code": "secret_refused", "message": message}});
        let lines: Vec<Value> = written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines, [error, json!({"text": "plain", "findings": []})]);
    }
}
