//! Which files a tool is about to change, by the words it was given.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use super::input::Input;

/// Tools that change the file they are given: Claude Code's, Codex's names for them, and Gemini CLI's.
const EDITORS: [&str; 7] =
    ["Edit", "Write", "MultiEdit", "NotebookEdit", "apply_patch", "write_file", "replace"];
/// Lines of a patch that name a file, as Codex writes patches.
const HEADINGS: [&str; 4] = ["*** Add File: ", "*** Update File: ", "*** Delete File: ", "*** Move to: "];
/// Those after which lines of the file stand.
const CHANGES: [&str; 2] = ["*** Update File: ", "*** Move to: "];
/// Most files of one use of a tool.
const FILES_MAX: usize = 1_000;

/// Arguments that name a file. What is written into it may be anything.
#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    file_path: Option<PathBuf>,
    #[serde(default)]
    notebook_path: Option<PathBuf>,
}

/// The files, as the tool was given their names.
///
/// # Errors
/// Why they cannot be told, in one sentence.
pub(super) fn files(input: &Input) -> Result<Vec<PathBuf>, String> {
    if !EDITORS.contains(&input.tool()) {
        return Ok(Vec::new());
    }
    if input.tool() == "apply_patch" {
        return in_patch(&input.given()?);
    }
    let Named { file_path, notebook_path } = input.given()?;
    let named = file_path.into_iter().chain(notebook_path);
    let files: Vec<PathBuf> = named.filter(|name| !name.as_os_str().is_empty()).collect();
    if files.is_empty() { Err("the tool is given no file to change".to_owned()) } else { Ok(files) }
}

/// The files of a patch, which is the input itself or one of its texts, whatever that is called.
fn in_patch(given: &Value) -> Result<Vec<PathBuf>, String> {
    let texts = given.as_str().into_iter().chain(given.as_object().into_iter().flat_map(|object| {
        object.values().flat_map(|value| match value {
            Value::String(text) => vec![text.as_str()],
            Value::Array(words) => words.iter().filter_map(Value::as_str).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
        })
    }));
    let files: Vec<PathBuf> = texts.flat_map(in_text).take(FILES_MAX + 1).collect();
    if files.len() > FILES_MAX {
        return Err(format!("the patch changes more than {FILES_MAX} files"));
    }
    Ok(files)
}

/// The files that the lines of a patch name. Codex bears blanks before such a line, but not where a file's own lines stand,
/// which begin with one.
fn in_text(text: &str) -> impl Iterator<Item = PathBuf> {
    let mut updates = false;
    text.lines().filter_map(move |line| {
        if updates && line.starts_with([' ', '+', '-']) {
            return None;
        }
        let line = line.trim();
        let (heading, name) =
            HEADINGS.iter().find_map(|heading| Some((heading, line.strip_prefix(heading)?)))?;
        updates = CHANGES.contains(heading);
        (!name.is_empty()).then(|| PathBuf::from(name))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn named(tool: &str, given: &Value) -> Vec<String> {
        let files = files(&event(&json!({"tool_name": tool, "tool_input": given}).to_string())).unwrap();
        files.into_iter().map(|path| path.display().to_string()).collect()
    }

    fn event(text: &str) -> Input {
        Input::parse(text.into()).unwrap()
    }

    #[test]
    fn files_of_every_editor_are_found() {
        for tool in ["Edit", "Write", "MultiEdit", "write_file", "replace"] {
            assert_eq!(named(tool, &json!({"file_path": "/p/a.rs", "content": "x"})), ["/p/a.rs"]);
        }
        assert_eq!(named("NotebookEdit", &json!({"notebook_path": "n.ipynb"})), ["n.ipynb"]);
        let patch = "*** Begin Patch\n*** Add File: a b.rs\n+*** x\n*** Update File: c.rs\n*** Move to: d.rs\r\n@@\n\
                     *** Delete File: e\n*** End Patch";
        for given in [
            json!({"command": patch}),
            json!({"input": patch}),
            json!(patch),
            json!({"command": ["apply_patch", patch]}),
        ] {
            assert_eq!(named("apply_patch", &given), ["a b.rs", "c.rs", "d.rs", "e"]);
        }
    }

    #[test]
    fn files_of_a_patch_are_not_the_lines_of_a_file() {
        let patch = "*** Begin Patch\n*** Update File: a.md\n \
                     *** Update File: not\n@@\n *** Delete File: not\n\
                     -*** Add File: not\n+*** Move to: not\n*** Add File: b\n+ *** Add File: not\n  \
                     *** Delete File: c\n *** Update File: d\n@@\n+x\n*** End Patch";
        assert_eq!(named("apply_patch", &json!({"command": patch})), ["a.md", "b", "c", "d"]);
    }

    #[test]
    fn files_are_found_whatever_is_written_into_them() {
        let deep = "[".repeat(5_000) + &"]".repeat(5_000);
        for text in [r#""\ud83d""#, r#"{"\udfff": "\ud83d"}"#, &deep] {
            let whole = format!(
                r#"{{"tool_name":"Edit","tool_input":{{"new_string":{text},"file_path":"a"}},"x":{text}}}"#
            );
            assert_eq!(files(&event(&whole)), Ok(vec!["a".into()]));
        }
    }

    #[test]
    fn files_that_cannot_be_told_are_an_error() {
        for given in [
            r#"{"file_path":7}"#,
            r#"{"file_path":""}"#,
            r#"{"file_path":"\ud83d"}"#,
            r#"{"file_path":"a","file_path":"b"}"#,
            r#"{"content":"*** Add File: a"}"#,
            "null",
        ] {
            let event = event(&format!(r#"{{"tool_name":"Write","tool_input":{given}}}"#));
            assert!(files(&event).is_err(), "{given}");
        }
        assert!(files(&event(r#"{"tool_name":"Write"}"#)).is_err());
        let many = "*** Add File: x\n".repeat(FILES_MAX + 1);
        assert!(files(&event(&json!({"tool_name": "apply_patch", "tool_input": many}).to_string())).is_err());
    }

    #[test]
    fn files_of_other_tools_and_of_nonsense_are_none() {
        for (tool, given) in [
            ("Read", json!({"file_path": "a"})),
            ("apply_patch", json!({"command": "ls"})),
            ("", json!(null)),
        ] {
            assert_eq!(named(tool, &given), [""; 0], "{tool} {given}");
        }
        let all = "*** Add File: x\n".repeat(FILES_MAX);
        assert_eq!(named("apply_patch", &json!({"command": all})).len(), FILES_MAX);
    }
}
