//! As much of HTTP/1.1 (RFC 9112) as the clients need: requests with a length, connections kept.

use std::io::{self, BufRead, Read as _, Write};

use serde_json::Value;

/// Larger than any request of a client with a short conversation.
const LONGEST_BODY_BYTES: u64 = 32 << 20;

pub(super) struct Request {
    pub(super) path: String,
    body: Vec<u8>,
}

pub(super) struct Answer {
    status: &'static str,
    kind: &'static str,
    body: String,
}

/// Reads a request; nothing when the client has hung up.
pub(super) fn read(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).ok_or(io::ErrorKind::InvalidData)?.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        // Would be read as an empty body, and every assertion after it be about nothing.
        assert!(!name.eq_ignore_ascii_case("transfer-encoding"), "a body without a length");
    }
    assert!(length <= LONGEST_BODY_BYTES, "{length} bytes");
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    Ok(Some(Request { path, body }))
}

impl Request {
    pub(super) fn json(&self) -> io::Result<Value> {
        serde_json::from_slice(&self.body).map_err(io::Error::other)
    }
}

impl Answer {
    pub(super) fn json(value: &Value) -> Self {
        Self { status: "200 OK", kind: "application/json", body: value.to_string() }
    }

    /// Server-sent events; each is named by its `type`.
    pub(super) fn events(events: &[Value]) -> Self {
        let event = |event: &Value| {
            format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default())
        };
        Self { status: "200 OK", kind: "text/event-stream", body: events.iter().map(event).collect() }
    }

    pub(super) fn not_found() -> Self {
        Self { status: "404 Not Found", kind: "application/json", body: "{}".to_owned() }
    }

    pub(super) fn write(&self, mut stream: impl Write) -> io::Result<()> {
        let Self { status, kind, body } = self;
        let length = body.len();
        // In one piece: a client may hang up as soon as it has what it needs.
        let whole =
            format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}");
        stream.write_all(whole.as_bytes())
    }
}
