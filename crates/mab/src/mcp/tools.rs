//! The operation table as MCP tools.

use std::sync::{Arc, OnceLock};

use mab_service::table::{self, Audience, Operation};
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::Value;

/// The tools, in the order of the table.
pub fn tools() -> &'static [Tool] {
    static TOOLS: OnceLock<Vec<Tool>> = OnceLock::new();
    TOOLS.get_or_init(|| table::operations().iter().filter(|it| is_tool(it)).map(tool).collect())
}

/// Looks a tool's operation up.
pub(super) fn operation(name: &str) -> Option<&'static Operation> {
    table::operation(name).filter(|operation| is_tool(operation))
}

fn is_tool(operation: &Operation) -> bool {
    operation.audience == Audience::Agent
}

fn tool(operation: &Operation) -> Tool {
    // Clients assume the worst of a hint that is left out (specification 2026-07-28, schema, ToolAnnotations).
    let annotations = ToolAnnotations::new()
        .read_only(operation.hints.read_only)
        .destructive(operation.hints.destructive)
        .idempotent(operation.hints.idempotent)
        .open_world(false);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_fit_a_client_that_shows_them_all_to_its_model() {
        let json = serde_json::to_string(tools()).unwrap();
        // 12,000 with the two that run commands.
        assert!(json.len() <= 11_000, "{} bytes of tools", json.len());
        assert!(tools().len() <= 12);
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
            assert_eq!(super::operation(operation.name).is_some(), listed, "{}", operation.name);
        }
    }
}
