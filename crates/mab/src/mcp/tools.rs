//! The operation table as MCP tools.

use std::sync::{Arc, OnceLock};

use mab_service::table::{self, Audience, Operation};
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::Value;

/// Every tool, in the order of the table.
pub fn tools() -> &'static [Tool] {
    static TOOLS: OnceLock<Vec<Tool>> = OnceLock::new();
    TOOLS.get_or_init(|| table::operations().iter().filter(|it| is_tool(it)).map(tool).collect())
}

/// The tools that are there: those that run commands only where the operator wants that.
pub(super) fn listed(runs_commands: bool) -> Vec<Tool> {
    tools().iter().filter(|tool| is_there(&tool.name, runs_commands)).cloned().collect()
}

/// Looks a tool's operation up, among those that are there.
pub(super) fn operation(name: &str, runs_commands: bool) -> Option<&'static Operation> {
    table::operation(name).filter(|operation| is_tool(operation) && is_there(operation.name, runs_commands))
}

fn is_there(name: &str, runs_commands: bool) -> bool {
    runs_commands || !OF_COMMANDS.contains(&name)
}

fn is_tool(operation: &Operation) -> bool {
    operation.audience == Audience::Agent
}

fn tool(operation: &Operation) -> Tool {
    // A hint that is left out means the worst, and two of them nothing of what only reads (specification 2026-07-28,
    // schema, ToolAnnotations): only what differs from that is worth its bytes.
    let hints = operation.hints;
    let mut annotations = ToolAnnotations::new();
    if !hints.open_world {
        annotations = annotations.open_world(false);
    }
    if hints.read_only {
        annotations = annotations.read_only(true);
    } else {
        if !hints.destructive {
            annotations = annotations.destructive(false);
        }
        if hints.idempotent {
            annotations = annotations.idempotent(true);
        }
    }
    Tool::new(operation.name, operation.description, object((operation.input_schema)()))
        .with_title(operation.title)
        .with_raw_output_schema(Arc::new(object(operation.output_schema_on_the_wire())))
        .with_annotations(annotations)
}

fn object(schema: Value) -> JsonObject {
    match schema {
        Value::Object(schema) => schema,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            JsonObject::new()
        }
    }
}

/// Tools that are there only where the operator lets agents ask for commands: elsewhere they are names like any other.
const OF_COMMANDS: [&str; 2] = ["enable_yolo_mode", "execute_command"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_when_they_run_nothing_say_that_they_stay_within_the_bridge() {
        let open = tools().iter().filter(|tool| {
            tool.annotations.as_ref().is_none_or(|annotations| annotations.open_world_hint != Some(false))
        });
        let open: Vec<_> =
            open.map(|tool| (&*tool.name, tool.annotations.clone().unwrap_or_default())).collect();
        // What a hint that is left out means, is the worst.
        assert_eq!(open, [("execute_command", ToolAnnotations::new())]);
    }

    #[test]
    fn tools_fit_a_client_that_shows_them_all_to_its_model() {
        for (runs_commands, bytes, most) in [(false, 11_000, 12), (true, 12_000, 14)] {
            let tools = listed(runs_commands);
            let json = serde_json::to_string(&tools).unwrap();
            assert!(json.len() <= bytes, "{} bytes of tools", json.len());
            assert!(tools.len() <= most);
        }
        for tool in tools() {
            let description = tool.description.as_deref().unwrap_or_default();
            assert!((1..=300).contains(&description.chars().count()), "{}", tool.name);
        }
    }

    #[test]
    fn operations_of_the_operator_are_no_tools() {
        for operation in table::operations() {
            let listed = tools().iter().any(|tool| tool.name == operation.name);
            assert_eq!(listed, operation.audience == Audience::Agent, "{}", operation.name);
            assert_eq!(super::operation(operation.name, true).is_some(), listed, "{}", operation.name);
        }
    }

    #[test]
    fn tools_that_run_commands_are_names_like_any_other_where_none_are_run() {
        for name in OF_COMMANDS {
            assert!(operation(name, false).is_none());
            assert!(listed(false).iter().all(|tool| tool.name != name));
        }
        assert_eq!(tools().len() - listed(false).len(), tools().len().saturating_sub(12));
    }
}
