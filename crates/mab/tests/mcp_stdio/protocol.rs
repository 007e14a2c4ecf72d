//! Revisions, tools, and lines that are no messages.

use serde_json::{Value, json};

use crate::client::{Client, data};

#[cfg(test)]
pub(crate) fn modern(params: Value) -> Value {
    let mut params = params;
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    });
    params
}

#[test]
fn initialize_agrees_on_every_revision_that_has_it() {
    for (asked, agreed) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ] {
        let (_place, path) = data();
        let mut client = Client::start(&path);
        let result = client.initialize(asked);
        assert_eq!(result["protocolVersion"], agreed, "{asked}");
        let server =
            json!({"name": "mab", "title": "MCP Multiagent Bridge", "version": env!("CARGO_PKG_VERSION")});
        let offers = json!({"tools": {}, "prompts": {}, "resources": {"subscribe": true}});
        assert_eq!((&result["serverInfo"], &result["capabilities"]), (&server, &offers));
        assert!(result["instructions"].as_str().is_some_and(|text| text.len() <= 2_048));
        let tools = client.request("tools/list", Value::Null)["result"].clone();
        assert!(tools["tools"].as_array().is_some_and(|tools| !tools.is_empty()));
        assert_eq!(tools["ttlMs"], Value::Null, "{asked}: earlier revisions know no caching");
    }
}

#[test]
fn page_that_no_list_told_of_is_refused() {
    let (_place, path) = data();
    let mut client = Client::opened(&path, &[]);
    for (list, lists) in
        [("tools/list", "tools"), ("prompts/list", "prompts"), ("resources/list", "resources")]
    {
        for first in [json!({}), json!({"cursor": ""})] {
            assert!(client.request(list, first)["result"][lists].is_array(), "{list}");
        }
        for cursor in ["2", "\u{1b}x"] {
            let refused = client.request(list, json!({"cursor": cursor}))["error"].clone();
            let says = "unknown cursor; the list has one page: ask for it without a cursor";
            assert_eq!((&refused["code"], &refused["message"]), (&json!(-32_602), &json!(says)), "{list}");
        }
    }
}

#[test]
fn discover_opens_a_connection_without_initialize() {
    let (_place, path) = data();
    let mut client = Client::start(&path);
    let found = client.request("server/discover", modern(json!({})))["result"].clone();
    assert!(found["supportedVersions"].as_array().is_some_and(|all| all.contains(&json!("2026-07-28"))));
    assert_eq!((&found["cacheScope"], found["ttlMs"].as_u64()), (&json!("public"), Some(86_400_000)));
    let tools = client.request("tools/list", modern(json!({})))["result"].clone();
    assert_eq!((&tools["cacheScope"], &tools["resultType"]), (&json!("public"), &json!("complete")));
    let call = json!({"name": "list_conversations", "arguments": {}});
    let result = client.request("tools/call", modern(call))["result"].clone();
    assert_eq!(result["isError"], false, "{result}");
    let bare = client.request("tools/list", json!({}));
    assert_eq!(bare["error"]["code"], -32_602, "{bare}");
}

#[test]
fn both_eras_in_one_process_are_answered() {
    let (_place, path) = data();
    let mut client = Client::start(&path);
    client.request("server/discover", modern(json!({})));
    assert_eq!(client.initialize("2025-11-25")["protocolVersion"], "2025-11-25");
    client.ping();
}

#[test]
fn tools_are_what_the_snapshot_says() {
    let (_place, path) = data();
    let mut client = Client::opened(&path, &[]);
    let first = client.request("tools/list", Value::Null)["result"].clone();
    let second = client.request("tools/list", Value::Null)["result"].clone();
    assert_eq!(first, second);
    for tool in first["tools"].as_array().unwrap() {
        let hint = |name: &str, missing| tool["annotations"][name].as_bool().unwrap_or(missing);
        let operation = mab_service::table::operation(tool["name"].as_str().unwrap()).unwrap();
        let reads = hint("readOnlyHint", false);
        assert_eq!(reads, operation.hints.read_only, "{tool}");
        assert_eq!(!reads && hint("destructiveHint", true), operation.hints.destructive, "{tool}");
        assert_eq!(reads || hint("idempotentHint", false), operation.hints.idempotent, "{tool}");
        assert!(!hint("openWorldHint", true), "{tool}");
        assert_eq!(tool["inputSchema"]["additionalProperties"], false);
        assert_eq!(
            (&tool["inputSchema"]["type"], &tool["outputSchema"]["type"]),
            (&json!("object"), &json!("object"))
        );
    }
    assert!(first["tools"].to_string().len() <= 11_000, "{} bytes", first["tools"].to_string().len());
    insta::assert_json_snapshot!("tools", first["tools"]);
}

#[test]
fn tools_that_run_commands_are_unknown_unless_the_settings_and_who_started_the_server_want_them() {
    let (place, path) = data();
    let settings = |text: &str| {
        let file = place.path().join(format!("{}.toml", text.len()));
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let (allows, denies) = (
        settings("[execution]\nas_root = true\nagents = true\n"),
        settings("[execution]\nas_root = true\nagents = false\n"),
    );
    let yolo = ("MAB_YOLO", "1");
    for environment in [
        &[][..],
        &[yolo],
        &[("MAB_CONFIG", &allows)],
        &[yolo, ("MAB_CONFIG", &denies)],
        &[("MAB_YOLO", "0"), ("MAB_CONFIG", &allows)],
    ] {
        let mut client = Client::opened(&path, environment);
        let unknown = client.request("tools/call", json!({"name": "no_such_tool"}))["error"].clone();
        let listed = client.request("tools/list", Value::Null)["result"]["tools"].clone();
        for name in ["enable_yolo_mode", "execute_command"] {
            assert!(listed.as_array().unwrap().iter().all(|tool| tool["name"] != name));
            let call = json!({"name": name, "arguments": {"command": "ls"}});
            assert_eq!(client.request("tools/call", call)["error"], unknown);
        }
    }
    let mut client = Client::opened(&path, &[yolo, ("MAB_CONFIG", &allows)]);
    let listed = client.request("tools/list", Value::Null)["result"]["tools"].clone();
    assert!(listed.to_string().len() <= 12_000, "{} bytes", listed.to_string().len());
    let names: Vec<_> = listed.as_array().unwrap().iter().map(|tool| tool["name"].clone()).collect();
    assert_eq!(names.len(), 14);
    client.did("create_conversation", json!({"my_role": "backend", "partner_role": "frontend"}));
    for (name, arguments, code) in [
        ("enable_yolo_mode", json!({"mode": "safe", "sandbox": false}), "invalid_arguments"),
        ("execute_command", json!({"command": "ls"}), "execution_disabled"),
    ] {
        assert!(names.contains(&json!(name)));
        assert_eq!(client.refused(name, arguments)["code"], code);
    }
}

#[test]
fn unknown_tools_and_methods_and_malformed_parameters_are_protocol_errors() {
    let (_place, path) = data();
    let mut client = Client::opened(&path, &[]);
    for (method, params, code) in [
        ("tools/call", json!({"name": "no_such_tool"}), -32_602),
        ("tools/call", json!({"name": "audit"}), -32_602),
        ("tools/call", json!({"name": "check_messages", "arguments": [1]}), -32_602),
        ("tools/call", json!({}), -32_602),
        ("no/such/method", json!({}), -32_601),
        ("logging/setLevel", json!({"level": "debug"}), -32_601),
    ] {
        let answer = client.request(method, params);
        assert_eq!(answer["error"]["code"], code, "{answer}");
    }
}

#[test]
fn notification_before_the_first_request_is_ignored() {
    let (_place, path) = data();
    let mut client = Client::start(&path);
    for method in ["notifications/cancelled", "notifications/initialized", "notifications/own"] {
        client.send(&json!({"jsonrpc": "2.0", "method": method, "params": {"requestId": 1}}));
        client.ping();
    }
    client.send(&json!({"jsonrpc": "2.0", "id": 1, "result": {}}));
    assert_eq!(client.initialize("2025-06-18")["serverInfo"]["name"], "mab");
}

#[test]
fn lines_that_are_no_messages_are_answered_and_the_server_lives_on() {
    let (_place, path) = data();
    let mut client = Client::opened(&path, &[]);
    let line = |text: &str| text.as_bytes().to_vec();
    for (bytes, code, id) in [
        (line("garbage\n"), -32_700, Value::Null),
        (line("{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/call\",\"params\":{\n"), -32_700, json!(5)),
        (
            line("{\"jsonrpc\":\"2.0\",\"id\":6,\"method\":\"ping\",\"params\":{\"x\":\"\\ud800\"}}\n"),
            -32_700,
            json!(6),
        ),
        (b"{\"jsonrpc\":\"2.0\",\"id\":\"s\",\"method\":\"\xff\"}\n".to_vec(), -32_700, json!("s")),
        (line("[{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\"}]\n"), -32_600, Value::Null),
        (line("{\"id\":8,\"method\":\"ping\"}\n"), -32_600, json!(8)),
    ] {
        client.send_bytes(&bytes);
        let answer = client.answer();
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(code), &id), "{answer}");
        // Absent, not null: revisions from 2025-11-25 on know no null id.
        assert_eq!(answer.as_object().unwrap().contains_key("id"), !id.is_null());
        client.ping();
    }
    client.send_bytes(b"\n\r\n  \n\xEF\xBB\xBF\n");
    client.ping();
}

#[test]
fn line_beyond_the_limit_is_answered_under_its_id() {
    let (_place, path) = data();
    let mut client = Client::opened(&path, &[]);
    let text = "x".repeat(5 * 1024 * 1024);
    client.send_bytes(
        format!(
            "{{\"method\":\"tools/call\",\"params\":{{\"text\":\"{text}\"}},\"jsonrpc\":\"2.0\",\"id\":77}}\n"
        )
        .as_bytes(),
    );
    let answer = client.answer();
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(77), &json!(-32_600)), "{answer}");
    client.ping();
}

#[test]
fn message_of_the_greatest_length_passes_in_one_line() {
    let (_place, path) = data();
    let mut client = Client::opened(&path, &[]);
    client.did("create_conversation", json!({"my_role": "backend", "partner_role": "frontend"}));
    let sent = client.did("send_to_partner", json!({"message": "\u{1f980}".repeat(50_000)}));
    assert_eq!(sent["seq"], 1, "{sent}");
}
