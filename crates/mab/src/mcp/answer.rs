//! What the bridge says, as the result of a tool.
//!
//! Claude Code 2.1.330 and Codex 0.169.0 show the model only the structured content (measured 2026-11-20), other
//! clients only the text: both carry all of it.

use mab_core::Denied;
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Map, Value};

use crate::harmless;

/// The result of a tool.
pub(super) fn answer(outcome: Result<Value, Denied>) -> CallToolResult {
    let (value, mut result) = match outcome {
        Ok(value) => (value, CallToolResult::success(Vec::new())),
        Err(denied) => (refusal(&denied), CallToolResult::error(Vec::new())),
    };
    // JSON within JSON: what the client reads from its text is still free of what acts or hides.
    result.content.push(ContentBlock::text(harmless::one_line(&value)));
    result.structured_content = Some(value);
    result
}

/// `{"code", "message", "hint", "retry_after_s"?}`; the hint names what to do next.
fn refusal(denied: &Denied) -> Value {
    let mut fields = Map::new();
    fields.insert("code".to_owned(), denied.code.name().into());
    fields.insert("message".to_owned(), denied.message.as_str().into());
    fields.insert("hint".to_owned(), denied.next_step().into());
    if let Some(seconds) = denied.retry_after_s {
        fields.insert("retry_after_s".to_owned(), seconds.into());
    }
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use mab_core::Code;
    use serde_json::json;

    use super::*;

    #[test]
    fn answer_says_the_same_as_structure_and_as_text() {
        let refused = Denied::new(Code::RateLimited, "too fast").hint("wait").retry_after(7);
        let expected = json!({
            "code": "rate_limited", "message": "too fast", "hint": "wait; then call again", "retry_after_s": 7,
        });
        for (outcome, value, is_error) in
            [(Ok(json!({"a": [1, "é"]})), json!({"a": [1, "é"]}), false), (Err(refused), expected, true)]
        {
            let result = answer(outcome);
            let text = result.content.first().and_then(|block| block.as_text()).map(|text| text.text.clone());
            assert_eq!(text, Some(value.to_string()));
            assert_eq!((result.structured_content, result.is_error), (Some(value), Some(is_error)));
        }
    }
    #[test]
    fn refusal_of_every_code_names_a_tool_or_the_user() {
        for code in Code::ALL {
            let refused = refusal(&Denied::new(code, "x"));
            let hint = refused["hint"].as_str().unwrap();
            let named = crate::mcp::tools().iter().any(|tool| hint.contains(&*tool.name));
            assert!(
                named || hint.contains("call again") || hint.contains("your user"),
                "{}: {hint}",
                code.name()
            );
        }
    }
}
