//! One agent of the demonstration: a `mab mcp` process and the rmcp client that speaks to it.

use std::{path::Path, process::Stdio, time::Duration};

use rmcp::{
    RoleClient,
    model::{CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig, Implementation},
    service::{RunningService, serve_client},
};
use serde_json::{Map, Value};
use tokio::process::{Child, Command};

use crate::demo::unexpected::Unexpected;

/// How long any answer may take before the demonstration gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// An agent, connected.
pub(super) struct Agent {
    name: &'static str,
    client: RunningService<RoleClient, ClientConfig>,
    process: Child,
}

/// What a tool answered.
pub(super) struct Answer {
    /// `structuredContent`.
    pub(super) content: Value,
    /// The whole result as the client got it, for searching.
    pub(super) whole: String,
    /// Whether it is a refusal.
    pub(super) refused: bool,
}

impl Agent {
    /// Starts a server on `home` and connects to it.
    pub(super) async fn connect(name: &'static str, home: &Path) -> Result<Self, Unexpected> {
        let wrong = |what: &str| Unexpected(format!("{name} cannot connect: {what}"));
        let mut process = start(home).map_err(|error| wrong(&error.to_string()))?;
        let (Some(stdout), Some(stdin)) = (process.stdout.take(), process.stdin.take()) else {
            return Err(wrong("its server has no stdin and stdout"));
        };
        let client = ClientConfig::new(
            ClientCapabilities::default(),
            Implementation::new("mab-demo", env!("CARGO_PKG_VERSION")),
        );
        let client = tokio::time::timeout(PATIENCE, serve_client(client, (stdout, stdin)))
            .await
            .map_err(|_| wrong("no answer"))?
            .map_err(|error| wrong(&error.to_string()))?;
        Ok(Self { name, client, process })
    }

    /// Its name in the play.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// The server as it introduced itself: name, version, protocol.
    pub(super) fn server(&self) -> Option<(String, String, String)> {
        let info = self.client.peer_info()?;
        let server = info.server_info.as_ref()?;
        Some((server.name.clone(), server.version.clone(), info.protocol_version.to_string()))
    }

    /// The names of the tools it is offered.
    pub(super) async fn tools(&self) -> Result<Vec<String>, Unexpected> {
        let tools = self.client.list_all_tools().await.map_err(|error| Unexpected(error.to_string()))?;
        Ok(tools.into_iter().map(|tool| tool.name.into_owned()).collect())
    }

    /// Calls a tool.
    pub(super) async fn call(&self, tool: &'static str, arguments: Value) -> Result<Answer, Unexpected> {
        let wrong = |what: String| Unexpected(format!("{}: {tool}: {what}", self.name));
        let arguments: Map<String, Value> =
            serde_json::from_value(arguments).map_err(|error| wrong(error.to_string()))?;
        let request = CallToolRequestParams::new(tool).with_arguments(arguments);
        let result = tokio::time::timeout(PATIENCE, self.client.call_tool(request))
            .await
            .map_err(|_| wrong("no answer".to_owned()))?
            .map_err(|error| wrong(error.to_string()))?;
        Answer::new(&result).map_err(wrong)
    }

    /// Ends the connection; the server ends with it.
    pub(super) async fn leave(mut self) -> Result<(), Unexpected> {
        let wrong = |what: String| Unexpected(format!("{} cannot leave: {what}", self.name));
        let _ = self.client.close_with_timeout(PATIENCE).await;
        let status = tokio::time::timeout(PATIENCE, self.process.wait())
            .await
            .map_err(|_| wrong("its server does not end".to_owned()))?
            .map_err(|error| wrong(error.to_string()))?;
        if status.success() { Ok(()) } else { Err(wrong(format!("its server ended with {status}"))) }
    }
}

impl Answer {
    fn new(result: &CallToolResult) -> Result<Self, String> {
        let whole = serde_json::to_string(result).map_err(|error| error.to_string())?;
        let refused = result.is_error == Some(true);
        let text = result.content.first().and_then(|block| block.as_text()).map(|block| block.text.as_str());
        let mirror = text.and_then(|text| serde_json::from_str::<Value>(text).ok());
        let content = match &result.structured_content {
            Some(content) if mirror.as_ref() != Some(content) => {
                return Err("the text does not mirror the structured content".to_owned());
            }
            Some(content) => content.clone(),
            None => mirror.ok_or("the answer is not JSON")?,
        };
        Ok(Self { content, whole, refused })
    }

    /// A text of the answer, by JSON pointer (RFC 6901).
    pub(super) fn text(&self, pointer: &str) -> Result<&str, Unexpected> {
        self.content
            .pointer(pointer)
            .and_then(Value::as_str)
            .ok_or_else(|| Unexpected(format!("the answer has no text at {pointer}: {}", self.content)))
    }

    /// A number of the answer, by JSON pointer.
    pub(super) fn number(&self, pointer: &str) -> Result<u64, Unexpected> {
        self.content
            .pointer(pointer)
            .and_then(Value::as_u64)
            .ok_or_else(|| Unexpected(format!("the answer has no number at {pointer}: {}", self.content)))
    }

    /// A list of the answer, by JSON pointer.
    pub(super) fn list(&self, pointer: &str) -> Result<&[Value], Unexpected> {
        self.content
            .pointer(pointer)
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .ok_or_else(|| Unexpected(format!("the answer has no list at {pointer}: {}", self.content)))
    }
}

/// Starts `mab mcp` with nothing of this process's settings: only what is in `home`.
fn start(home: &Path) -> std::io::Result<Child> {
    #[expect(
        clippy::disallowed_methods,
        reason = "set-up: the demonstration starts the servers of its two agents"
    )]
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("mcp")
        .arg("--data-dir")
        .arg(home.join("data"))
        .env_clear()
        .env("HOME", home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}
