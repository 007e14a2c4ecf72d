//! What one request shows to a model, whichever API it came by.

use serde_json::Value;

/// Everything that one request shows to a model.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    words: Vec<Words>,
    calls: Vec<(Value, String)>,
    results: Vec<(String, Value)>,
    tools: Vec<Listed>,
    rest: String,
}

/// A piece of the prompt that is no tool's result.
#[derive(Debug)]
struct Words {
    /// Whose words they pass for: `system`, `developer`, `user`, `assistant`, `namespace` (a tool list's description).
    role: String,
    text: String,
}

/// A tool in the model's list.
#[derive(Debug)]
pub(crate) struct Listed {
    /// The tool's own name, without what the client puts before it.
    pub(crate) name: String,
    pub(crate) of_bridge: bool,
    /// Whether the model has to look it up before it can read the description.
    pub(crate) deferred: bool,
    pub(crate) description: String,
}

/// The texts in a value that is a text, or a list of blocks with texts in some.
pub(crate) fn texts(content: &Value) -> Vec<&str> {
    match content {
        Value::String(text) => vec![text],
        Value::Array(blocks) => blocks.iter().filter_map(|block| block["text"].as_str()).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}

impl Shown {
    pub(crate) fn say(&mut self, role: &str, text: &str) {
        self.words.push(Words { role: role.to_owned(), text: text.to_owned() });
    }

    pub(crate) fn call(&mut self, id: &Value, name: Option<&str>, prefix: &str) {
        let name = name.unwrap_or_default();
        self.calls.push((id.clone(), name.strip_prefix(prefix).unwrap_or(name).to_owned()));
    }

    /// A tool's result: the JSON in the text, after whatever a client puts before it, or else the text.
    pub(crate) fn outcome(&mut self, id: &Value, text: &str) {
        let name = self.calls.iter().rfind(|(known, _)| known == id).map_or("", |(_, name)| name);
        let json = text.find('{').and_then(|at| {
            // The first value only: Claude Code adds to refusals what it knows of the schema.
            serde_json::Deserializer::from_str(text.get(at..)?).into_iter().next()?.ok()
        });
        self.results.push((name.to_owned(), json.unwrap_or_else(|| text.into())));
    }

    pub(crate) fn list(&mut self, tool: Listed) {
        self.tools.push(tool);
    }

    /// What the newest call of a tool returned.
    pub(crate) fn result(&self, tool: &str) -> Option<&Value> {
        self.results.iter().rfind(|(name, _)| name == tool).map(|(_, result)| result)
    }

    /// Every result of the tool, oldest first.
    pub(crate) fn results(&self, tool: &str) -> Vec<&Value> {
        self.results.iter().filter(|(name, _)| name == tool).map(|(_, result)| result).collect()
    }

    /// The tools in the model's list.
    pub(crate) fn tools(&self) -> &[Listed] {
        &self.tools
    }

    /// In whose names something is said outside tools' results; `tools` where a tool's description says it.
    pub(crate) fn roles_saying(&self, text: &str) -> Vec<&str> {
        let words = self.words.iter().map(|words| (&*words.role, &words.text));
        let tools = self.tools.iter().map(|tool| ("tools", &tool.description));
        words.chain(tools).filter(|(_, said)| said.contains(text)).map(|(role, _)| role).collect()
    }

    /// The whole request as it came, but for tools' results and what the model itself gave to tools.
    pub(crate) fn rest(&self) -> &str {
        &self.rest
    }

    pub(crate) fn leave(&mut self, rest: &Value) {
        self.rest = rest.to_string();
    }

    /// How often something is said outside tools' results and tools' descriptions.
    pub(crate) fn times(&self, text: &str) -> usize {
        self.words.iter().map(|words| words.text.matches(text).count()).sum()
    }

    /// One line for a failure message.
    pub(crate) fn summary(&self) -> String {
        let last = self.results.last().map_or_else(String::new, |(name, value)| format!("{name} → {value}"));
        let words = self.words.last().map_or("", |words| &words.text);
        format!(
            "{} results, the last {last}; last words {:?}",
            self.results.len(),
            words.get(..200).unwrap_or(words)
        )
    }
}
