//! Ready-made prompts: what two agents do together, step by step, one text for each of them.
//!
//! A prompt is what the user of a client says to their own agent, so nothing a peer wrote may ever stand in one: its only
//! words of others are its arguments. To add one, add its file beside the others and its row in [`PROMPTS`].

use mab_core::text::{BoundedText, Bounds};
use rmcp::model::{
    ErrorData, GetPromptRequestParams, GetPromptResult, JsonObject, Prompt, PromptArgument, PromptMessage,
    Role,
};
use serde_json::Value;

/// A prompt: two agents, each with its role, and the file that tells both what to do.
#[derive(Debug, Clone, Copy)]
pub struct Recipe {
    /// Public name.
    pub name: &'static str,
    first: &'static str,
    second: &'static str,
    file: &'static str,
}

/// Which of the two agents a text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Creates the conversation.
    First,
    /// Joins it.
    Second,
}

/// Every prompt, in the order of the documentation.
pub static PROMPTS: [Recipe; 4] = [
    Recipe {
        name: "api-first",
        first: "backend_developer",
        second: "frontend_developer",
        file: include_str!("prompts/api-first.md"),
    },
    Recipe {
        name: "security-review",
        first: "feature_developer",
        second: "security_auditor",
        file: include_str!("prompts/security-review.md"),
    },
    Recipe {
        name: "specialised-pair",
        first: "python_expert",
        second: "typescript_expert",
        file: include_str!("prompts/specialised-pair.md"),
    },
    Recipe {
        name: "parallel-debugging",
        first: "bug_investigator",
        second: "workaround_developer",
        file: include_str!("prompts/parallel-debugging.md"),
    },
];

/// What every prompt has in common, around the steps of its own.
const FRAME: &str = include_str!("prompts/frame.md");

/// Claude Code 2.1.330 parts what is typed after a prompt's name at every blank and drops the words that are too many for
/// its arguments, but shows the model the whole line, as `<command-args>` (measured 2026-11-22).
const FIRST_WORD: &str = "\n\n(Your client may have passed on only the first word. If what your user typed, such as \
                          `<command-args>` above, goes on after it, then all of that is the task.)";

/// The task, in the user's words.
const TASK: Bounds = Bounds { name: "task", min_chars: 1, max_chars: 4_000, multi_line: true };

impl Side {
    /// Both, the first first.
    pub const ALL: [Self; 2] = [Self::First, Self::Second];

    /// Its name, as the argument `side`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Second => "second",
        }
    }
}

impl Recipe {
    /// Short human title.
    pub fn title(&self) -> &'static str {
        self.opening().0
    }

    /// What it is for, one sentence.
    pub fn purpose(&self) -> &'static str {
        self.opening().1
    }

    /// Its role on one side.
    pub const fn role(&self, side: Side) -> &'static str {
        match side {
            Side::First => self.first,
            Side::Second => self.second,
        }
    }

    /// What the agent on one side is told.
    pub fn text(&self, side: Side, task: &str) -> String {
        let text = section(FRAME, side.as_str())
            .replace("{purpose}", self.purpose())
            .replace("{steps}", section(self.file, side.as_str()))
            .replace("{rules}", section(FRAME, "rules"))
            .replace("{first}", self.first)
            .replace("{second}", self.second);
        let note = if task.contains(char::is_whitespace) { "" } else { FIRST_WORD };
        // Last: what the user says is no text of ours.
        text.replace("{note}", note).replace("{task}", task)
    }

    fn opening(&self) -> (&'static str, &'static str) {
        let opening = self.file.split("\n## ").next().unwrap_or_default();
        let (title, purpose) = opening.split_once('\n').unwrap_or_default();
        (title.trim_start_matches("# "), purpose.trim())
    }

    fn listed(&self) -> Prompt {
        let side = PromptArgument::new("side")
            .with_description("first (creates the conversation) or second (joins it)")
            .with_required(true);
        let task = PromptArgument::new("task")
            .with_description("What the two are to do, in your words")
            .with_required(true);
        Prompt::new(self.name, Some(self.purpose()), Some(vec![side, task])).with_title(self.title())
    }
}

/// The prompts as clients list them.
pub(super) fn prompts() -> Vec<Prompt> {
    PROMPTS.iter().map(Recipe::listed).collect()
}

/// The text of a prompt.
///
/// # Errors
/// Invalid parameters (specification 2026-07-28, prompts, error handling): an unknown name; an argument that is unknown,
/// missing or out of bounds. What the client sent is never echoed.
pub(super) fn get(request: GetPromptRequestParams) -> Result<GetPromptResult, ErrorData> {
    let Some(recipe) = PROMPTS.iter().find(|recipe| recipe.name == request.name) else {
        return Err(invalid("unknown prompt; prompts/list names them"));
    };
    let mut arguments = request.arguments.unwrap_or_default();
    let side = text_of(&mut arguments, "side")?;
    let Some(side) = Side::ALL.into_iter().find(|known| known.as_str() == side.trim()) else {
        return Err(invalid("side must be first (creates the conversation) or second (joins it)"));
    };
    let task = text_of(&mut arguments, "task")?;
    let task = BoundedText::parse(task, &TASK).map_err(|denied| invalid(&denied.message))?;
    if !arguments.is_empty() {
        return Err(invalid("unknown argument; this prompt takes side and task"));
    }
    let message = PromptMessage::new_text(Role::User, recipe.text(side, task.as_str().trim()));
    Ok(GetPromptResult::new(vec![message]).with_description(recipe.purpose()))
}

fn text_of(arguments: &mut JsonObject, name: &str) -> Result<String, ErrorData> {
    match arguments.remove(name) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(invalid(&format!("{name} must be a string"))),
        None => Err(invalid(&format!("{name} is missing; this prompt takes side and task"))),
    }
}

fn invalid(message: &str) -> ErrorData {
    ErrorData::invalid_params(message.to_owned(), None)
}

/// The text under a heading of the second level, up to the next one.
fn section(file: &'static str, heading: &str) -> &'static str {
    let sections = file.split("\n## ").filter_map(|section| section.split_once('\n'));
    let mut found = sections.filter(|(name, _)| *name == heading || *name == format!("## {heading}"));
    found.next().map_or("", |(_, text)| text.trim())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mcp::tools::tools;

    fn asked(name: &str, arguments: &Value) -> Result<String, String> {
        let arguments = arguments.as_object().unwrap().clone();
        let request = GetPromptRequestParams::new(name).with_arguments(arguments);
        let result = get(request).map_err(|refused| refused.message.into_owned())?;
        Ok(result.messages.iter().filter_map(|it| it.content.as_text()).map(|it| it.text.clone()).collect())
    }

    #[test]
    fn prompts_are_whole_on_both_sides_and_short() {
        for recipe in &PROMPTS {
            assert!(!recipe.title().is_empty() && recipe.purpose().len() <= 200, "{}", recipe.name);
            for side in Side::ALL {
                let text = recipe.text(side, "Build it well");
                assert!(!text.contains(['{', '}']), "{} {}: {text}", recipe.name, side.as_str());
                assert!(text.contains("\n\nBuild it well\n\n") && text.contains("\n2. "), "{text}");
                assert!(text.len() <= 4_000, "{} {}: {} bytes", recipe.name, side.as_str(), text.len());
            }
        }
    }

    #[test]
    fn prompts_name_no_tool_that_is_not_there() {
        for recipe in &PROMPTS {
            for side in Side::ALL {
                let text = recipe.text(side, "x y");
                let code = text.split('`').skip(1).step_by(2);
                let roles = [recipe.first, recipe.second];
                for word in code.filter(|word| !roles.contains(word)) {
                    assert!(tools().iter().any(|tool| tool.name == word), "{}: {word}", recipe.name);
                }
            }
        }
    }

    #[test]
    fn task_when_it_looks_like_a_placeholder_stays_as_it_is() {
        let text = asked("api-first", &json!({"side": "first", "task": "{rules} {task} {note}"})).unwrap();
        assert!(text.contains("\n\n{rules} {task} {note}\n\n"), "{text}");
    }

    #[test]
    fn task_when_it_is_one_word_says_where_the_rest_is() {
        let one = asked("api-first", &json!({"side": "second", "task": "Build"})).unwrap();
        let more = asked("api-first", &json!({"side": "second", "task": "Build it"})).unwrap();
        assert!(one.contains("<command-args>") && !more.contains("<command-args>"));
    }

    #[test]
    fn arguments_when_wrong_are_refused_by_name_and_never_echoed() {
        let long = "x".repeat(4_001);
        for (name, arguments, says) in [
            ("no-such", json!({"side": "first", "task": "t"}), "unknown prompt; prompts/list names them"),
            ("API-FIRST", json!({"side": "first", "task": "t"}), "unknown prompt; prompts/list names them"),
            ("api-first", json!({}), "side is missing; this prompt takes side and task"),
            ("api-first", json!({"side": "first"}), "task is missing; this prompt takes side and task"),
            (
                "api-first",
                json!({"side": "third", "task": "t"}),
                "side must be first (creates the conversation) or second (joins it)",
            ),
            ("api-first", json!({"side": 1, "task": "t"}), "side must be a string"),
            ("api-first", json!({"side": "first", "task": ["t"]}), "task must be a string"),
            ("api-first", json!({"side": "first", "task": " \n"}), "task must not be empty or blank"),
            (
                "api-first",
                json!({"side": "first", "task": long}),
                "task is 4001 characters; at most 4000 are allowed",
            ),
            (
                "api-first",
                json!({"side": "first", "task": "a\u{0}b"}),
                "task may not contain the control character U+0000 (character 2)",
            ),
            (
                "api-first",
                json!({"side": "first", "task": "t", "hostile": "x"}),
                "unknown argument; this prompt takes side and task",
            ),
        ] {
            assert_eq!(asked(name, &arguments), Err(says.to_owned()), "{name} {arguments}");
        }
    }
}
