//! Finds the request id in a line that cannot be parsed, in constant memory and one pass.
//!
//! An answer without an id leaves its caller waiting for ever, so a broken or over-long request is still answered
//! under its own id whenever that can be told.

use rmcp::model::RequestId;

/// What the outermost object of a line says about itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    /// Its `id`, when there is exactly one and it is a string or an integer.
    pub(super) id: Option<RequestId>,
    /// It has a `method`: a request or a notification.
    pub(super) has_method: bool,
    /// It has a `result` or an `error`: an answer.
    pub(super) is_answer: bool,
    ids: u32,
}

/// Reads a line piece by piece.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    seen: Scan,
    depth: usize,
    text: Text,
    part: Part,
    token: Vec<u8>,
}

/// Inside a string or not.
#[derive(Debug, Default, Clone, Copy)]
enum Text {
    #[default]
    Outside,
    Inside,
    Escaped,
}

/// Which part of a field of the outermost object is being read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Part {
    #[default]
    Key,
    Id,
    OtherValue,
}

impl Scan {
    /// Whether it has an `id` of any kind: somebody waits for an answer.
    pub(super) fn has_id(&self) -> bool {
        self.ids > 0
    }
}

impl Scanner {
    /// Scans a whole line.
    pub(super) fn scan(line: &[u8]) -> Scan {
        let mut scanner = Self::default();
        scanner.feed(line);
        scanner.finish()
    }

    /// Takes the next piece of the line.
    pub(super) fn feed(&mut self, piece: &[u8]) {
        for byte in piece {
            self.step(*byte);
        }
    }

    /// Says what was found.
    pub(super) fn finish(mut self) -> Scan {
        self.end_value();
        if self.seen.ids != 1 {
            self.seen.id = None;
        }
        self.seen
    }

    fn step(&mut self, byte: u8) {
        match (self.text, byte) {
            (Text::Outside, b'{' | b'[') => self.depth += 1,
            (Text::Outside, b'}' | b']') => {
                self.end_value();
                self.depth = self.depth.saturating_sub(1);
            }
            (Text::Outside, b':') if self.depth == 1 && self.part == Part::Key => self.end_key(),
            (Text::Outside, b',') => self.end_value(),
            (Text::Outside, b' ' | b'\t' | b'\r') => {}
            (before, _) => {
                self.collect(byte);
                self.text = match (before, byte) {
                    (Text::Inside, b'\\') => Text::Escaped,
                    (Text::Outside, b'"') | (Text::Escaped, _) => Text::Inside,
                    (Text::Inside, b'"') => Text::Outside,
                    (unchanged @ (Text::Inside | Text::Outside), _) => unchanged,
                };
            }
        }
    }

    /// Keeps a key, or the value of an `id`; a token beyond the limit is neither.
    fn collect(&mut self, byte: u8) {
        if self.depth == 1 && self.part != Part::OtherValue && self.token.len() <= TOKEN_MAX_BYTES {
            self.token.push(byte);
        }
    }

    fn end_key(&mut self) {
        self.part = Part::OtherValue;
        match self.token.as_slice() {
            b"\"id\"" => {
                self.part = Part::Id;
                self.seen.ids += 1;
            }
            b"\"method\"" => self.seen.has_method = true,
            b"\"result\"" | b"\"error\"" => self.seen.is_answer = true,
            _ => {}
        }
        self.token.clear();
    }

    fn end_value(&mut self) {
        if self.depth != 1 {
            return;
        }
        if self.part == Part::Id && self.token.len() <= TOKEN_MAX_BYTES {
            self.seen.id = serde_json::from_slice(&self.token).ok();
        }
        self.token.clear();
        self.part = Part::Key;
    }
}

/// Clients use small integers or UUIDs.
const TOKEN_MAX_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn id(line: &str) -> Option<RequestId> {
        Scanner::scan(line.as_bytes()).id
    }

    #[test]
    fn id_is_found_wherever_it_stands_in_the_outermost_object() {
        let number = Some(RequestId::Number(7));
        assert_eq!(id(r#"{"jsonrpc":"2.0","id":7,"method":"x","params":{"#), number);
        assert_eq!(id(r#"{"params":{"id":1,"text":"\"id\":2,\ud800"},"method":"x", "id" : 7 }"#), number);
        assert_eq!(id(r#"{"id":7,"method":"x","params":tru}"#), number);
        assert_eq!(id(r#"{"method":"x","id":"a\"b"}"#), Some(RequestId::String("a\"b".into())));
    }

    #[test]
    fn id_when_there_is_none_or_no_telling_is_none() {
        for line in [
            "",
            "garbage \"id\":7",
            r#"{"params":{"id":7}}"#,
            r#"{"id":null}"#,
            r#"{"id":1.5}"#,
            r#"{"id":{"id":1}}"#,
            r#"{"id":1,"id":2}"#,
            r#"{"text":"\"id\":7}"#,
        ] {
            assert_eq!(id(line), None, "{line}");
        }
        assert_eq!(id(&format!("{{\"id\":\"{}\"}}", "x".repeat(300))), None);
    }

    #[test]
    fn kind_of_message_is_told() {
        let scan = Scanner::scan(br#"{"method":"x"}"#);
        assert!(scan.has_method && !scan.is_answer);
        let scan = Scanner::scan(br#"{"id":1,"result":{"method":1}}"#);
        assert!(!scan.has_method && scan.is_answer);
    }

    #[test]
    fn pieces_are_read_like_the_whole() {
        let line = br#"{"a":"x\\","method":"m","id":"q\u0041"}"#;
        for cut in 0..line.len() {
            let (left, right) = line.split_at(cut);
            let mut scanner = Scanner::default();
            scanner.feed(left);
            scanner.feed(right);
            assert_eq!(scanner.finish(), Scanner::scan(line));
        }
    }
}
