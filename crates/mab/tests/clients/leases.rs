//! An edit to a file that another agent has reserved, in Claude Code with its hooks.

use serde_json::json;

use crate::{
    claude::Claude,
    model::{Dialect, Model, call, call_own_with, say},
    partner::Partner,
    place::{Place, clients},
};

#[test]
fn claude_when_it_writes_a_reserved_file_is_told_or_kept_from_it_as_configured() {
    let Some(clients) = clients(&["claude"]) else { return };
    let place = Place::new();
    let partner = Partner::new(&place);
    let claude = Claude::new(&clients, &place, "claude").with_hooks();
    let session = "7b0f4f5e-5d5c-4b57-9a6f-3d1f1c7f0a14";
    let joins = Model::start(Dialect::Messages, [call("join_conversation", partner.invite()), say("joined")]);
    claude.ask(&joins, "Join.", &["--session-id", session]).succeeds();
    partner.call("reserve_files", &json!({"action": "acquire", "paths": ["src"]}));

    for (setting, file, is_written) in [("warn", "src/warned.rs", true), ("block", "src/blocked.rs", false)] {
        let path = claude.project().join(file);
        let arguments = json!({"file_path": path, "content": "fn main() {}\n"});
        let model = Model::start(Dialect::Messages, [call_own_with("Write", |_| arguments), say("done")]);
        claude.configure_bridge(&format!("[hooks]\nleases = \"{setting}\"\n"));
        claude.ask(&model, "Write.", &["--resume", session, "--allowedTools=mcp__mab,Write"]).succeeds();
        assert_eq!(path.exists(), is_written, "{setting}");
        let last = model.last();
        let told = format!("{file} is reserved by a");
        let result = last.result("Write").unwrap().to_string();
        let said = (last.roles_saying(&told).len(), result.contains(&told));
        assert_eq!(said, if is_written { (1, false) } else { (0, true) }, "{setting}: {result}");
    }
}
