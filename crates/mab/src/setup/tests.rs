//! Round trips: what set-up puts into any text comes out again, and nothing else ever changes.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    backup::Backups,
    client::Client,
    entry::{Launch, is_ours},
    file::{Before, Change, apply},
    jsonc, toml_text,
};
use crate::{environment::Environment, system::OsRandom};

/// Blanks and comments, as they stand between values.
fn trivia() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "",
        " ",
        "\n",
        "\n\n  ",
        "\t",
        " // a \"b\" {\n",
        " /* c, */ ",
        " /*/ , */ ",
        "\r\n    ",
        "\n// }\n  ",
    ])
    .prop_map(str::to_owned)
}

fn scalar() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "1",
        "-2.5e3",
        "true",
        "null",
        "\"\"",
        "\"a // b, /* \\\" {\"",
        "\"ü\\u0041\"",
        "[]",
        "{}",
    ])
    .prop_map(str::to_owned)
}

/// Any JSON with comments, its root an object.
fn any_jsonc() -> impl Strategy<Value = String> {
    let value = scalar().prop_recursive(4, 24, 4, |inner| {
        let list =
            (prop::collection::vec((trivia(), inner.clone(), trivia()), 1..4), any::<bool>(), trivia());
        let list = list.prop_map(|(items, comma, end)| {
            let items: Vec<String> =
                items.into_iter().map(|(a, value, b)| format!("{a}{value}{b}")).collect();
            format!("[{}{}{end}]", items.join(","), if comma { "," } else { "" })
        });
        prop_oneof![list, object(inner)]
    });
    (trivia(), object(value), trivia()).prop_map(|(before, object, after)| format!("{before}{object}{after}"))
}

fn object(value: impl Strategy<Value = String> + Clone + 'static) -> impl Strategy<Value = String> {
    (prop::collection::vec((trivia(), trivia(), value, trivia()), 0..4), any::<bool>(), trivia()).prop_map(
        |(items, comma, end)| {
            let named = items.iter().enumerate();
            let items: Vec<String> =
                named.map(|(index, (a, b, value, c))| format!("{a}\"k{index}\":{b}{value}{c}")).collect();
            format!("{{{}{}{end}}}", items.join(","), if comma && !items.is_empty() { "," } else { "" })
        },
    )
}

fn letters(text: &str) -> String {
    text.chars().filter(|character| !character.is_whitespace()).collect()
}

proptest! {
    #[test]
    fn json_entry_when_taken_out_again_leaves_what_was_there(text in any_jsonc()) {
        let before = jsonc::read(&text).unwrap();
        for path in [&["mcpServers", "mab"][..], &["k0", "mab"], &["mab"]] {
            let into_object = path.len() == 1 || before.get(path[0]).is_none_or(Value::is_object);
            if !into_object {
                prop_assert!(jsonc::set(&text, path, &json!(1)).is_err());
                continue;
            }
            let entry = json!({"args": ["mcp"], "command": "mab"});
            let with = jsonc::set(&text, path, &entry).unwrap();
            let pointer = format!("/{}", path.join("/"));
            prop_assert_eq!(jsonc::read(&with).unwrap().pointer(&pointer).cloned(), Some(entry.clone()));
            let without = jsonc::remove(&with, path).unwrap();
            let was_empty = before.get(path[0]).is_some_and(|value| value == &json!({}));
            if was_empty && path.len() > 1 {
                continue; // an object that is empty then goes, unless a comment is in it
            }
            prop_assert_eq!(jsonc::read(&without).unwrap(), before.clone());
            if before != json!({}) {
                prop_assert_eq!(&without, &text, "{}", with);
            }
            prop_assert_eq!(letters(&without), letters(&text));
        }
    }

    #[test]
    fn json_list_when_elements_come_and_go_keeps_the_others(text in any_jsonc(), extra in any_jsonc()) {
        let text = format!("{{\"hooks\": {{\"Stop\": [{extra}]}}, \"rest\": {text}}}");
        let path = ["hooks", "Stop"];
        let with = jsonc::push(&text, &path, &json!({"ours": 1})).unwrap();
        prop_assert_eq!(jsonc::read(&with).unwrap().pointer("/hooks/Stop/1").cloned(), Some(json!({"ours": 1})));
        prop_assert_eq!(jsonc::remove(&with, &["hooks", "Stop", "1"]).unwrap(), text);
    }

    #[test]
    fn json_value_when_set_anew_changes_nothing_else(text in any_jsonc()) {
        let once = jsonc::set(&text, &["mab"], &json!({"a": 1})).unwrap();
        let twice = jsonc::set(&once, &["mab"], &json!({"b": [1, 2]})).unwrap();
        let back = jsonc::set(&twice, &["mab"], &json!({"a": 1})).unwrap();
        prop_assert_eq!(jsonc::read(&back).unwrap(), jsonc::read(&once).unwrap());
        prop_assert_eq!(letters(&back), letters(&once));
    }

    #[test]
    fn toml_entries_when_taken_out_again_leave_the_same_bytes(
        lines in prop::collection::vec(prop::sample::select(vec![
            "# comment", "", "a1 = 1 # x", "[tools] # t", "  b2 = \"\"\"x\n[no.header]\n\"\"\"", "[[hooks.Stop]]",
            "[[hooks.Stop.hooks]]", "command = 'make'", "[mcp_servers.other]", "list = [\n 1,\n]",
        ]), 0..10),
        end in prop::sample::select(vec!["", "\n", "\n\n\n"]),
        windows in any::<bool>(),
    ) {
        let text = format!("{}{end}", lines.join("\n"));
        let text = if windows { text.replace('\n', "\r\n") } else { text };
        let before = toml_text::read(&text);
        let is_list = |value: &Value| value.pointer("/hooks/Stop").is_none_or(Value::is_array);
        prop_assume!(before.is_ok_and(|value| is_list(&value)) && !text.trim().is_empty());
        let table = json!({"command": "m\"ab", "args": ["mcp"], "env": {"A.B": "c"}, "n": 1});
        let group = json!({"matcher": "x", "hooks": [{"type": "command"}, {"type": "b"}]});
        let with = toml_text::append_table(&text, ["mcp_servers", "mab"], table.as_object().unwrap());
        let with = toml_text::append_group(&with, "Stop", group.as_object().unwrap());
        let value = toml_text::read(&with).unwrap();
        prop_assert_eq!(value.pointer("/mcp_servers/mab"), Some(&table));
        let groups = value.pointer("/hooks/Stop").and_then(Value::as_array).unwrap();
        prop_assert_eq!(groups.last(), Some(&group));
        let without = toml_text::remove_table(&with, ["mcp_servers", "mab"]).unwrap();
        let without = toml_text::remove_group(&without, "Stop", groups.len() - 1).unwrap();
        prop_assert_eq!(without, text);
    }
}

#[test]
fn json_entry_looks_like_its_neighbours() {
    let entry = json!({"command": "mab"});
    for (text, with) in [
        (
            "{\n  \"a\": 1 // x\n}\n",
            "{\n  \"a\": 1, // x\n  \"s\": {\n    \"mab\": {\n      \"command\": \"mab\"\n    }\n  }\n}\n",
        ),
        (
            "{\n\t\"s\": {\n\t\t\"o\": {},\n\t},\n}",
            "{\n\t\"s\": {\n\t\t\"o\": {},\n\t\t\"mab\": {\n\t\t\t\"command\": \"mab\"\n\t\t},\n\t},\n}",
        ),
        ("{\"s\":{\"o\":{}}}", "{\"s\":{\"o\":{}, \"mab\": {\"command\":\"mab\"}}}"),
        ("{}", "{\n  \"s\": {\n    \"mab\": {\n      \"command\": \"mab\"\n    }\n  }\n}"),
        ("", "{\n  \"s\": {\n    \"mab\": {\n      \"command\": \"mab\"\n    }\n  }\n}\n"),
        (
            "{\r\n    \"a\": 1\r\n}\r\n",
            "{\r\n    \"a\": 1,\r\n    \"s\": {\r\n        \"mab\": {\r\n            \"command\": \"mab\"\r\n        }\r\n    }\r\n}\r\n",
        ),
    ] {
        assert_eq!(jsonc::set(text, &["s", "mab"], &entry).unwrap(), with);
    }
}

#[test]
fn syntax_when_wrong_is_told_with_line_and_column() {
    let json = jsonc::read("{\n  \"a\": 1\n  \"b\": 2\n}").unwrap_err();
    assert!(json.message.starts_with("line 2, column 9 is not JSON: "), "{json:?}");
    let toml = toml_text::read("a = 1\nb = = 2\n").unwrap_err();
    assert!(toml.message.starts_with("line 2, column 5 is not TOML: "), "{toml:?}");
    for no_json in ["{'a': 1}", "{a: 1}", "{\"a\": 0x1}", "{} {}", "{\"a\": NaN}", "["] {
        assert!(jsonc::read(no_json).is_err(), "{no_json}");
    }
}

#[test]
fn entry_of_every_client_is_written_as_a_table_or_object_that_is_ours() {
    let launch = Launch { command: "mab".to_owned(), variables: BTreeMap::new() };
    for client in Client::ALL {
        let entry = super::entry::server(client, &launch, None);
        assert!(is_ours(&entry) && entry.is_object(), "{client:?}");
    }
}

#[test]
fn file_when_changed_meanwhile_is_refused_and_the_others_are_put_back() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    std::fs::create_dir_all(path(".local/state")).unwrap();
    std::fs::write(path("one"), "old").unwrap();
    std::fs::write(path("two"), "old").unwrap();
    let kept = Backups::of(&Environment::from([("HOME", place.path().to_str().unwrap())])).unwrap();
    let change = |name: &str| {
        Change::replace(Before::read(&path(name), None).unwrap(), "new".to_owned(), &kept).unwrap()
    };
    let changes = [change("one"), change("deep/er/made"), change("two")];
    std::fs::write(path("two"), "somebody's").unwrap();
    let Err(mab_core::Failure::Denied(denied)) = apply(&changes, &kept, &OsRandom) else {
        panic!("it was not refused")
    };
    assert_eq!(
        (denied.code, denied.message.ends_with("two was changed meanwhile")),
        (mab_core::Code::Conflict, true)
    );
    let mut left: Vec<_> =
        std::fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, [".local", "one", "two"], "no draft, backup or folder is left");
    assert_eq!(std::fs::read_dir(path(".local/state")).unwrap().count(), 0);
    assert_eq!(std::fs::read_to_string(path("one")).unwrap(), "old");
    assert_eq!(std::fs::read_to_string(path("two")).unwrap(), "somebody's");
}

#[test]
fn file_when_somebody_makes_it_meanwhile_is_not_replaced() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("made");
    let kept = Backups::of(&Environment::from([("HOME", place.path().to_str().unwrap())])).unwrap();
    let changes = [Change::replace(Before::read(&path, None).unwrap(), "ours".to_owned(), &kept).unwrap()];
    std::fs::write(&path, "theirs").unwrap();
    assert!(apply(&changes, &kept, &OsRandom).is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "theirs");
}
