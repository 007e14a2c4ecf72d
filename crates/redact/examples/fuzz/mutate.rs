//! Makes texts: splices, repeats, encodes, and puts in words that mean something to the redactor.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mab_redact::Redactor;

/// Most bytes of a text.
const TEXT_BYTES: usize = 2000;

/// Numbers that are the same in every run (xorshift64; Marsaglia 2003).
pub(crate) struct Random(u64);

impl Random {
    /// A row of numbers of its own for each seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`, which is not zero.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % end.max(1)
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }
}

/// Where texts come from.
pub(crate) struct Mutator {
    random: Random,
    texts: Vec<String>,
    words: Vec<String>,
}

impl Mutator {
    /// Starts from `texts`, if there are any, and from words.
    pub(crate) fn new(random: Random, texts: Vec<String>, redactor: &Redactor) -> Self {
        let mut words: Vec<String> = WORDS.iter().map(ToString::to_string).collect();
        words.extend(SECRETS.iter().flat_map(|[head, tail]| {
            let secret = format!("{head}{tail}");
            [STANDARD.encode(&secret), hex(&secret), secret]
        }));
        words.extend(redactor.rules().map(|rule| rule.placeholder.to_string()));
        Self { random, texts, words }
    }

    /// A text that was not there before, most likely.
    pub(crate) fn next_text(&mut self) -> String {
        let mut text = match self.random.below(3) {
            0 => self.random.pick(&self.texts).cloned().unwrap_or_default(),
            _ => (0..self.random.below(12)).map(|_| self.word()).collect(),
        };
        text.truncate(text.floor_char_boundary(TEXT_BYTES));
        for _ in 0..self.random.below(6) {
            self.mutate(&mut text);
        }
        text.truncate(text.floor_char_boundary(2 * TEXT_BYTES));
        text
    }

    fn word(&mut self) -> String {
        self.random.pick(&self.words).cloned().unwrap_or_default()
    }

    fn mutate(&mut self, text: &mut String) {
        let range = self.range(text);
        let part = text.get(range.clone()).unwrap_or_default().to_owned();
        let changed = match self.random.below(11) {
            0 => String::new(),
            1 => part.repeat(1 + self.random.below(8)),
            2 => STANDARD.encode(&part),
            3 => hex(&part),
            4 => part.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat(),
            5 => part.replace('\\', "\\\\").replace('"', "\\\""),
            6 => {
                let separator = self.word();
                part.chars().map(String::from).collect::<Vec<_>>().join(&separator)
            }
            7 => {
                let other = self.random.pick(&self.texts).cloned().unwrap_or_default();
                let range = self.range(&other);
                other.get(range).unwrap_or_default().to_owned()
            }
            _ => format!("{}{part}", self.word()),
        };
        if text.len() + changed.len() <= 4 * TEXT_BYTES {
            text.replace_range(range, &changed);
        }
    }

    /// A place in a text, short ones more often.
    fn range(&mut self, text: &str) -> Range<usize> {
        let start = text.floor_char_boundary(self.random.below(text.len() + 1));
        let length = if self.random.below(2) == 0 { 8 } else { text.len() + 1 };
        let end = text.floor_char_boundary((start + self.random.below(length)).min(text.len()));
        start..end.max(start)
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// Secrets in two halves, so that no scanner takes this file for a leak.
const SECRETS: &[[&str; 2]] = &[
    ["ghp", "_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"],
    ["AKI", "AQ3EGRT5MZX7WPLKD"],
    ["xox", "b-123456789012-1234567890123-a1B2c3D4e5F6g7H8i9J0k1L2"],
    ["eyJhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"],
    ["sk-pr", "oj-a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0"],
    ["-----BEGIN RSA PRIV", "ATE KEY-----\nMIIEowIBAAKCAQEA0Z3VS5JJcds3xfn\nygWyF8PbnGy0AHB7MaXyzabcd=\n"],
    ["-----END RSA PRIV", "ATE KEY-----"],
    ["$2b$", "10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"],
    ["glp", "at-a1B2c3D4e5F6g7H8i9J0"],
    ["https://hooks.slack.com/services/T0", "0000000/B00000000/a1B2c3D4e5F6g7H8i9J0k1L2"],
];

const WORDS: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "token",
    "api_key",
    "apiKey",
    "secret",
    "client_secret",
    "access_key",
    "private_key",
    "Authorization",
    "Bearer ",
    "bearer ",
    "Basic ",
    "Cookie: ",
    "x-api-key: ",
    "Set-Cookie: ",
    "=",
    ": ",
    " = ",
    ":",
    ":=",
    "=>",
    "->",
    "\"",
    "'",
    "`",
    "\"\"\"",
    "\\\"",
    "\\\\\\\"",
    "\\",
    "\\\\",
    "\\n",
    "\\u0022",
    "\\u003d",
    "\\x3d",
    "\\x",
    "\\u",
    "\\u{",
    "\\N",
    "\n",
    "\r\n",
    "\t",
    " ",
    "  ",
    ",",
    ";",
    "&",
    "&amp;",
    "&quot;",
    "&#61;",
    "&#x3d;",
    "&#",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "<",
    ">",
    "</",
    "/>",
    "|",
    "#",
    "@",
    "?",
    "!",
    "$",
    "%",
    "%3D",
    "%22",
    "%",
    "%%",
    "+",
    "-",
    "--",
    "_",
    ".",
    "..",
    "/",
    "\\/",
    "://",
    "https://",
    "postgres://",
    "user:",
    "u:p@",
    "@host",
    "curl -u ",
    "--password ",
    "--token=",
    "-p",
    "export ",
    "set ",
    "is ",
    "the password is ",
    "Passwort: ",
    "пароль: ",
    "Пароль — ",
    "密码是",
    "パスワードは",
    "şifre ",
    "hunter2",
    "Tr0ub4dor&3",
    "a1B2c3D4",
    "12345678",
    "null",
    "true",
    "None",
    "${X}",
    "$X",
    "{{x}}",
    "%s",
    "<token>",
    "xxxxxxxx",
    "********",
    "changeme",
    "example",
    "REDACTED",
    "_REDACTED",
    "PASSWORD_REDACTED",
    "#k7q2m9xa",
    "é",
    "Я",
    "密",
    "🔑",
    "\u{200b}",
    "\u{ad}",
    "\u{feff}",
    "\u{202e}",
    "\u{1b}[31m",
    "\u{1b}[0m",
    "\u{1b}",
    "\u{0}",
    "\u{7f}",
    "ａ",
    "а",
    "\u{301}",
    "\u{e0041}",
    "> ",
    "+ ",
    "- ",
    "* ",
    "\" + \"",
    "\" \"",
    "\\\n",
    "\n> ",
    "\n    ",
    "-----BEGIN ",
    "-----END ",
    "PRIVATE KEY-----",
    "-----",
    "Proc-Type: 4,ENCRYPTED\n",
    "eyJ",
    "H4sI",
    "AKIA",
    "ghp_",
    "sk-",
    "xoxb-",
    "SG.",
    "AIza",
    "ya29.",
    "<password>",
    "</password>",
    "<add key=\"",
    "value=\"",
    "name",
    "key",
    "value",
    "kind: Secret",
    "password reset",
    "{\"password\":\"",
    "\"}",
    "[\"token\",\"",
    "sha256-",
    "md5:",
    "Server=",
    "Password=",
    "User Id=",
    "AccountKey=",
];
