//! The events of the clients, and the shape in which each takes what a hook says.
//!
//! Sources: Claude Code 2.1.330 and Codex 0.169.0 as measured 2026-11-20 and 2026-11-22 (the same JSON for both); Gemini CLI
//! 0.61 by its `docs/hooks/reference.md`.

use serde_json::{Value, json};

/// An event under the name that the client calls it by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    /// The name.
    pub(crate) name: &'static str,
    /// When in an agent's work it comes.
    pub(crate) moment: Moment,
    family: Family,
}

/// When in an agent's work an event comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// A session begins, or goes on after a pause.
    Begins,
    /// The user has said something.
    Asked,
    /// A tool is about to be used.
    Uses,
    /// A tool was used.
    Used,
    /// The agent is about to end its turn.
    Ends,
}

/// Whose names and shapes these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    ClaudeAndCodex,
    Gemini,
}

/// All of them.
pub(crate) static EVENTS: [Event; 9] = [
    Event { name: "SessionStart", moment: Moment::Begins, family: Family::ClaudeAndCodex },
    Event { name: "UserPromptSubmit", moment: Moment::Asked, family: Family::ClaudeAndCodex },
    Event { name: "PreToolUse", moment: Moment::Uses, family: Family::ClaudeAndCodex },
    Event { name: "PostToolUse", moment: Moment::Used, family: Family::ClaudeAndCodex },
    Event { name: "Stop", moment: Moment::Ends, family: Family::ClaudeAndCodex },
    Event { name: "BeforeAgent", moment: Moment::Asked, family: Family::Gemini },
    Event { name: "BeforeTool", moment: Moment::Uses, family: Family::Gemini },
    Event { name: "AfterTool", moment: Moment::Used, family: Family::Gemini },
    Event { name: "AfterAgent", moment: Moment::Ends, family: Family::Gemini },
];

impl Event {
    /// Whether only Gemini CLI has it.
    pub(crate) fn is_of_gemini(&self) -> bool {
        self.family == Family::Gemini
    }

    /// Adds a sentence to what the model reads.
    pub(crate) fn tells(&self, sentence: &str) -> Value {
        match (self.family, self.moment) {
            // Nothing but a message to the user can be added before a tool is used.
            (Family::Gemini, Moment::Uses) => json!({"systemMessage": sentence}),
            (
                Family::ClaudeAndCodex | Family::Gemini,
                Moment::Begins | Moment::Asked | Moment::Uses | Moment::Used | Moment::Ends,
            ) => json!({"hookSpecificOutput": {"hookEventName": self.name, "additionalContext": sentence}}),
        }
    }

    /// Keeps the agent from what it is about to do (end its turn, use a tool), and says why.
    pub(crate) fn stops(&self, reason: &str) -> Value {
        match (self.family, self.moment) {
            (Family::ClaudeAndCodex, Moment::Uses) => json!({"hookSpecificOutput": {
                "hookEventName": self.name, "permissionDecision": "deny", "permissionDecisionReason": reason,
            }}),
            (Family::ClaudeAndCodex, Moment::Begins | Moment::Asked | Moment::Used | Moment::Ends) => {
                json!({"decision": "block", "reason": reason})
            }
            (Family::Gemini, _) => json!({"decision": "deny", "reason": reason}),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str) -> Event {
        *EVENTS.iter().find(|event| event.name == name).unwrap()
    }

    #[test]
    fn what_is_said_has_the_shape_that_each_client_takes() {
        for name in
            ["SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "BeforeAgent", "AfterTool"]
        {
            let expected = json!({"hookSpecificOutput": {"hookEventName": name, "additionalContext": "x"}});
            assert_eq!(event(name).tells("x"), expected);
        }
        assert_eq!(event("BeforeTool").tells("x"), json!({"systemMessage": "x"}));
        assert_eq!(event("Stop").stops("x"), json!({"decision": "block", "reason": "x"}));
        for name in ["AfterAgent", "BeforeTool"] {
            assert_eq!(event(name).stops("x"), json!({"decision": "deny", "reason": "x"}));
        }
        let denied = json!({"hookSpecificOutput": {
            "hookEventName": "PreToolUse", "permissionDecision": "deny", "permissionDecisionReason": "x",
        }});
        assert_eq!(event("PreToolUse").stops("x"), denied);
    }
}
