//! The table of hostile programs names each program there is, and says what must be so afterwards.

use std::{collections::BTreeSet, fs, path::Path};

use serde::Deserialize;

#[derive(Deserialize)]
struct Table {
    program: Vec<Program>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Program {
    file: String,
    rows: Vec<String>,
    tries: String,
    arguments: Vec<String>,
    expect: String,
    limit: Option<String>,
    #[serde(default)]
    absent: Vec<String>,
}

#[test]
fn table_of_hostile_programs_when_read_names_every_file_and_a_known_expectation() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile");
    let table: Table = toml::from_str(&fs::read_to_string(folder.join("programs.toml")).unwrap()).unwrap();
    let there: BTreeSet<String> = fs::read_dir(folder.join("programs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("__"))
        .collect();
    let named: BTreeSet<String> = table.program.iter().map(|program| program.file.clone()).collect();
    assert_eq!(named, there);
    for program in &table.program {
        let known = match program.expect.as_str() {
            "closed" | "gone" => program.limit.is_none() && program.absent.is_empty(),
            "killed" => matches!(program.limit.as_deref(), Some("output" | "time")),
            "unchanged" => {
                !program.absent.is_empty() || program.arguments.iter().any(|one| one.starts_with('{'))
            }
            _ => false,
        };
        assert!(known, "{}", program.file);
        assert!(
            !program.tries.is_empty() && program.rows.iter().all(|row| row.starts_with('X')),
            "{}",
            program.file
        );
        for argument in program.arguments.iter().filter(|argument| argument.starts_with('{')) {
            let places = ["{outside}", "{home}", "{state}", "{socket}", "{port}", "{pid}"];
            assert!(places.contains(&argument.as_str()), "{}: {argument}", program.file);
        }
    }
}
