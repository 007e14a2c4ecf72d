//! What is refused, what passes, and that a refusal survives being wrapped.

use serde::Deserialize;

use super::{look, look_counted, rules};

/// Rows of the labelled catalogue: what a person may approve in mode `yolo`, and what not.
const CATALOGUE: &str = include_str!("../../../tests/shell/catalogue.jsonl");

#[derive(Deserialize)]
struct Row {
    id: String,
    command: String,
    must: String,
}

fn catalogue() -> Vec<Row> {
    CATALOGUE.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn catalogue_of_shell_text_is_judged_as_labelled() {
    let mut wrong = Vec::new();
    for row in catalogue() {
        let found = look(&row.command);
        if found.is_ok() != (row.must == "allow") {
            wrong.push(format!("{} {:?}: {found:?}", row.id, row.command));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rule_when_its_examples_are_judged_refuses_one_and_passes_the_other() {
    for rule in rules() {
        assert_eq!(look(rule.refused).map_err(|refusal| refusal.rule), Err(rule.name), "{}", rule.refused);
        assert_eq!(look(rule.passes), Ok(()), "{}", rule.passes);
    }
    let steps = look_counted("ls").1;
    assert!(steps > 0);
}
