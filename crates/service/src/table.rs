//! The table of operations: the one list from which MCP tools, CLI commands and docs are rendered.

use serde_json::Value;

/// Who an operation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Agents: an MCP tool.
    Agent,
    /// The operator: a CLI command.
    Operator,
}

/// Hints for clients (MCP tool annotations); they promise nothing to the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hints {
    /// Changes nothing.
    pub read_only: bool,
    /// May destroy something.
    pub destructive: bool,
    /// Calling it again with the same arguments changes nothing more.
    pub idempotent: bool,
}

/// One row: an operation as everybody sees it.
pub struct Operation {
    /// Public name.
    pub name: &'static str,
    /// Short human title.
    pub title: &'static str,
    /// What it does and when to call it, for a model; at most 300 characters.
    pub description: &'static str,
    /// Who it is for.
    pub audience: Audience,
    /// Hints for clients.
    pub hints: Hints,
    /// JSON Schema (2020-12) of its arguments, credentials included.
    pub input_schema: fn() -> Value,
    /// JSON Schema (2020-12) of its answer.
    pub output_schema: fn() -> Value,
}

/// Every operation, in the order of the documentation.
pub fn operations() -> &'static [Operation] {
    &[]
}

/// Looks an operation up by name.
pub fn operation(name: &str) -> Option<&'static Operation> {
    operations().iter().find(|operation| operation.name == name)
}
