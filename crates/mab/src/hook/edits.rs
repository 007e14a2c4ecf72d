//! Which files a tool is about to change, by the words it was given.

use std::path::PathBuf;

use serde_json::Value;

use super::input::Input;

/// Tools that change the file they are given: Claude Code's, Codex's names for them, and Gemini CLI's.
const EDITORS: [&str; 7] =
    ["Edit", "Write", "MultiEdit", "NotebookEdit", "apply_patch", "write_file", "replace"];
/// Arguments that name a file.
const NAMES: [&str; 2] = ["file_path", "notebook_path"];
/// Lines of a patch that name a file, as Codex writes patches.
const HEADINGS: [&str; 4] = ["*** Add File: ", "*** Update File: ", "*** Delete File: ", "*** Move to: "];
/// Most files of one use of a tool.
const FILES_MAX: usize = 1_000;

/// The files, as the tool was given their names.
pub(super) fn files(input: &Input) -> Vec<PathBuf> {
    let Some(given) = input.given.as_ref().filter(|_| EDITORS.contains(&input.tool())) else {
        return Vec::new();
    };
    let named = NAMES.iter().filter_map(|name| given.get(name)?.as_str());
    // A patch is the input itself or one of its texts, whatever that is called.
    let texts = given.as_str().into_iter().chain(given.as_object().into_iter().flat_map(|object| {
        object.values().flat_map(|value| match value {
            Value::String(text) => vec![text.as_str()],
            Value::Array(words) => words.iter().filter_map(Value::as_str).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
        })
    }));
    let patches = texts.filter(|_| input.tool() == "apply_patch");
    let in_headings = patches.flat_map(str::lines).filter_map(|line| {
        let line = line.trim_start();
        HEADINGS.iter().find_map(|heading| line.strip_prefix(heading)).map(str::trim_end)
    });
    named.chain(in_headings).filter(|name| !name.is_empty()).take(FILES_MAX).map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn named(tool: &str, given: &Value) -> Vec<String> {
        let input: Input = serde_json::from_value(json!({"tool_name": tool, "tool_input": given})).unwrap();
        files(&input).into_iter().map(|path| path.display().to_string()).collect()
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
    fn files_of_other_tools_and_of_nonsense_are_none() {
        for (tool, given) in [
            ("Read", json!({"file_path": "a"})),
            ("Edit", json!({"file_path": 7})),
            ("Edit", json!({"file_path": ""})),
            ("Edit", json!(["file_path"])),
            ("Write", json!({"content": "*** Add File: a"})),
            ("apply_patch", json!({"command": "ls"})),
            ("", json!(null)),
        ] {
            assert_eq!(named(tool, &given), [""; 0], "{tool} {given}");
        }
        let many = "*** Add File: x\n".repeat(5_000);
        assert_eq!(named("apply_patch", &json!({"command": many})).len(), FILES_MAX);
    }
}
