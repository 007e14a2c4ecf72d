//! Canonical JSON (RFC 8785): one byte sequence for one value, so that a digest of it means the value.

use mab_core::Fault;
use serde::Serialize;
use serde_json::Value;

/// The canonical form of `value`.
///
/// # Errors
/// A [`Fault`] when it holds a number that is no integer of at most 53 bits: such have no place in what is signed here,
/// and then the form of RFC 8785 §3.2.2.3 is that of the integer.
pub(crate) fn canonical(value: &impl Serialize) -> Result<String, Fault> {
    let value =
        serde_json::to_value(value).map_err(|error| Fault::from_source("write canonical JSON", error))?;
    let mut out = String::new();
    write(&value, &mut out)?;
    Ok(out)
}

fn write(value: &Value, out: &mut String) -> Result<(), Fault> {
    match value {
        Value::Null | Value::Bool(_) => out.push_str(&value.to_string()),
        Value::Number(number) => {
            let exact = number.as_i64().is_some_and(|number| number.unsigned_abs() <= INTEGER_MAX);
            if !exact {
                return Err(Fault::new("write canonical JSON: a number that is no small integer"));
            }
            out.push_str(&number.to_string());
        }
        Value::String(text) => string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                comma(index, out);
                write(item, out)?;
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
            out.push('{');
            for (index, (name, item)) in members.into_iter().enumerate() {
                comma(index, out);
                string(name, out);
                out.push(':');
                write(item, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

fn comma(index: usize, out: &mut String) {
    if index > 0 {
        out.push(',');
    }
}

/// As `serde_json` writes strings, which is as RFC 8785 §3.2.2.2 wants them: the short escapes, `\u00xx` in lower case for
/// the other control characters, everything else as it is.
fn string(text: &str, out: &mut String) {
    out.push_str(&Value::String(text.to_owned()).to_string());
}

/// 2^53 − 1: the largest integer that every JSON reader keeps (RFC 7493 §2.2).
const INTEGER_MAX: u64 = (1 << 53) - 1;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_when_sorted_follow_utf_16_as_in_rfc_8785_section_3_2_3() {
        let value =
            json!({"\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6, "\u{f6}": 7});
        let expected =
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}";
        assert_eq!(canonical(&value).unwrap(), expected);
    }

    #[test]
    fn strings_are_escaped_as_in_rfc_8785_section_3_2_2_2() {
        let value =
            json!({"string": "\u{20ac}$\u{f}\nA'\u{42}\u{22}\u{5c}\\\"/", "literals": [null, true, false]});
        let expected =
            "{\"literals\":[null,true,false],\"string\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
        assert_eq!(canonical(&value).unwrap(), expected);
    }

    #[test]
    fn numbers_that_readers_would_round_are_refused() {
        assert_eq!(canonical(&json!([9_007_199_254_740_991_i64])).unwrap(), "[9007199254740991]");
        for number in [json!(9_007_199_254_740_992_i64), json!(1.5), json!(u64::MAX)] {
            assert!(canonical(&number).is_err(), "{number}");
        }
    }
}
