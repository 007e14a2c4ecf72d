//! One line to one message, or to the answer it gets instead.

use rmcp::model::{
    ClientJsonRpcMessage, ClientRequest, ErrorCode, ErrorData, JsonRpcMessage, JsonRpcRequest, RequestId,
};

use super::scan::{Scan, Scanner};

/// Why a line is no message for the protocol.
#[derive(Debug)]
pub(super) enum Unfit {
    /// Somebody waits for an answer; this is it.
    ///
    /// The id is left out when it cannot be told: revisions from 2025-11-25 on allow that and forbid `null`
    /// (specification, basic § error responses); clients of earlier ones drop either without harm.
    Answer(ErrorData, Option<RequestId>),
    /// Nothing to do and nobody to answer.
    Ignore,
}

/// Parses one line.
pub(super) fn parse(line: &[u8]) -> Result<ClientJsonRpcMessage, Unfit> {
    // RFC 8259 section 8.1 allows to ignore a byte order mark.
    let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line).trim_ascii();
    match line.first() {
        None => return Err(Unfit::Ignore),
        Some(b'[') => {
            let error = invalid("JSON-RPC batches are not supported; send one message per line");
            return Err(Unfit::Answer(error, None));
        }
        Some(_) => {}
    }
    let Ok(text) = std::str::from_utf8(line) else {
        return Err(broken(unreadable("the line is not UTF-8"), Scanner::scan(line)));
    };
    match serde_json::from_str(text) {
        Ok(JsonRpcMessage::Request(request)) => known(request),
        Ok(message @ JsonRpcMessage::Notification(_)) => {
            // The protocol library takes a request whose id is neither a string nor an integer for a notification.
            let scan = Scanner::scan(line);
            if scan.has_id() {
                return Err(broken(invalid("the id of a request must be one string or integer"), scan));
            }
            Ok(message)
        }
        Ok(message) => Ok(message),
        Err(error) => {
            let error = if error.is_data() {
                invalid("the line is not a JSON-RPC 2.0 request or notification")
            } else {
                unreadable(format!("the line is not valid JSON at column {}", error.column()))
            };
            Err(broken(error, Scanner::scan(line)))
        }
    }
}

/// What is said to a line beyond the limit.
pub(super) fn too_long(scan: Scan, most_bytes: usize) -> Unfit {
    broken(invalid(format!("the line is longer than {most_bytes} bytes")), scan)
}

/// The protocol library takes a known request with malformed parameters for an unknown method.
fn known(request: JsonRpcRequest<ClientRequest>) -> Result<ClientJsonRpcMessage, Unfit> {
    if let ClientRequest::CustomRequest(custom) = &request.request {
        let expected = match custom.method.as_str() {
            "tools/call" | "prompts/get" => {
                Some("params must have a name (string) and may have arguments (object)")
            }
            "tools/list" | "prompts/list" => Some("params may have a cursor (string)"),
            "initialize" => Some("params must have protocolVersion, capabilities and clientInfo"),
            _ => None,
        };
        if let Some(expected) = expected {
            return Err(Unfit::Answer(ErrorData::invalid_params(expected, None), Some(request.id)));
        }
    }
    Ok(JsonRpcMessage::Request(request))
}

/// Notifications and answers are never answered, broken or not: two peers would go on for ever.
fn broken(error: ErrorData, scan: Scan) -> Unfit {
    let nobody_waits = !scan.has_id() && scan.has_method || scan.is_answer && !scan.has_method;
    if nobody_waits {
        tracing::debug!(code = error.code.0, reason = %error.message, "ignored a line");
        return Unfit::Ignore;
    }
    Unfit::Answer(error, scan.id)
}

fn unreadable(message: impl Into<std::borrow::Cow<'static, str>>) -> ErrorData {
    ErrorData::new(ErrorCode::PARSE_ERROR, message, None)
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> ErrorData {
    ErrorData::new(ErrorCode::INVALID_REQUEST, message, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(line: &[u8]) -> (i32, Option<RequestId>) {
        match parse(line) {
            Ok(_) => (0, None),
            Err(Unfit::Answer(error, id)) => (error.code.0, id),
            Err(Unfit::Ignore) => (1, None),
        }
    }

    const SEVEN: Option<RequestId> = Some(RequestId::Number(7));

    #[test]
    fn good_lines_are_messages() {
        for line in [
            r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#,
            r#" {"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"x"}}"#,
            "\u{feff}{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\r",
            r#"{"jsonrpc":"2.0","id":7,"method":"unheard/of","params":{}}"#,
            r#"{"jsonrpc":"2.0","id":7,"result":{}}"#,
            r#"{"jsonrpc":"2.0","error":{"code":1,"message":"x"}}"#,
        ] {
            assert_eq!(outcome(line.as_bytes()), (0, None), "{line}");
        }
    }

    #[test]
    fn bad_lines_are_refused_under_their_id_when_it_can_be_told() {
        let deep = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"x","params":{{"a":{}"#, "[".repeat(100_000));
        for (line, expected) in [
            (r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"#, (-32_700, SEVEN)),
            (r#"{"jsonrpc":"2.0","id":7,"method":"x","params":{"a":"\ud800"}}"#, (-32_700, SEVEN)),
            (deep.as_str(), (-32_700, SEVEN)),
            ("garbage", (-32_700, None)),
            ("{}", (-32_600, None)),
            ("7", (-32_600, None)),
            (r#"[{"jsonrpc":"2.0","id":7,"method":"ping"}]"#, (-32_600, None)),
            (r#"{"jsonrpc":"1.0","id":7,"method":"ping"}"#, (-32_600, SEVEN)),
            (r#"{"id":7,"method":"ping"}"#, (-32_600, SEVEN)),
            (r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":7}}"#, (-32_602, SEVEN)),
            (r#"{"jsonrpc":"2.0","id":7,"method":"tools/call"}"#, (-32_602, SEVEN)),
            (
                r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"x","arguments":[]}}"#,
                (-32_602, SEVEN),
            ),
            (r#"{"jsonrpc":"2.0","id":7,"method":"initialize","params":{}}"#, (-32_602, SEVEN)),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, (-32_600, None)),
            (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, (-32_600, None)),
            (r#"{"jsonrpc":"2.0","id":{},"method":"tools/call","params":{"name":"x"}}"#, (-32_600, None)),
            (r#"{"jsonrpc":"2.0","id":9223372036854775808,"method":"ping"}"#, (-32_600, None)),
        ] {
            assert_eq!(outcome(line.as_bytes()), expected, "{}", line.chars().take(100).collect::<String>());
        }
        assert_eq!(outcome(b"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"x\xff\"}"), (-32_700, SEVEN));
    }

    #[test]
    fn empty_lines_broken_notifications_and_broken_answers_are_ignored() {
        for line in [
            "",
            " \r",
            r#"{"jsonrpc":"2.0","method":"notifications/x","params":{"#,
            r#"{"jsonrpc":"1.0","method":"notifications/x"}"#,
            r#"{"jsonrpc":"2.0","id":7,"result":{"#,
        ] {
            assert_eq!(outcome(line.as_bytes()), (1, None), "{line}");
        }
    }

    #[test]
    fn refusal_never_repeats_what_was_sent() {
        let line = br#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"token":"hunter2"}"#;
        assert!(!format!("{:?}", parse(line)).contains("hunter2"));
    }
}
