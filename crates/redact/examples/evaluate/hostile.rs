//! Inputs made to be slow: what a careless engine would look at again and again.
//!
//! To add one, add a trigger to [`REPEATED`], or a generator to [`GENERATED`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::subject::Subject;
use crate::table::Table;
use crate::timing::least_processor_ms;

/// Prints time and growth of the slowest, or of all of `triggers` if there are any.
pub(crate) fn report(subject: &Subject, triggers: &[String]) {
    let given: Vec<&str> =
        triggers.iter().map(String::as_str).filter(|trigger| !trigger.is_empty()).collect();
    let is_given = !given.is_empty();
    let repeated = if is_given { given } else { REPEATED.to_vec() };
    let generated = if is_given { &[] } else { GENERATED };
    let repeated = repeated.iter().map(|trigger| {
        let make = move |size: usize| trigger.repeat(size / trigger.len());
        measure(subject, format!("{trigger:?} repeated"), make)
    });
    let generated = generated.iter().map(|(name, make)| measure(subject, (*name).to_owned(), make));
    let mut lines: Vec<Line> = repeated.chain(generated).collect();
    lines.sort_by(|a, b| b.small_ms.total_cmp(&a.small_ms));
    // Growth from next to nothing says nothing.
    let growing = |line: &&Line| line.large_ms >= LEAST_MS;
    let growth = lines.iter().filter(growing).map(|line| line.growth).fold(0.0, f64::max);
    let mut table = Table::new(&["input", "50 KB", "200 KB", "growth"]);
    for line in lines
        .iter()
        .take(SHOWN)
        .chain(lines.iter().skip(SHOWN).filter(growing).filter(|line| line.growth > GROWN))
    {
        table.row(&[
            line.name.chars().take(60).collect(),
            format!("{:.2} ms", line.small_ms),
            format!("{:.2} ms", line.large_ms),
            format!("{:.1}", line.growth),
        ]);
    }
    table.print(&format!(
        "Hostile inputs (of {} the {SHOWN} slowest and those with growth above {GROWN}; processor time, least of {ROUNDS})",
        lines.len()
    ));
    let worst = lines.first().map_or(0.0, |line| line.small_ms);
    println!("\nWorst 50 KB input: {worst:.2} ms; worst growth for four times the size: {growth:.1}.");
}

const SHOWN: usize = 12;
const GROWN: f64 = 5.0;
const LEAST_MS: f64 = 1.0;
const ROUNDS: u32 = 5;

struct Line {
    name: String,
    small_ms: f64,
    large_ms: f64,
    growth: f64,
}

fn measure(subject: &Subject, name: String, make: impl Fn(usize) -> String) -> Line {
    let time = |size: usize| {
        let text = make(size);
        least_processor_ms(ROUNDS, || subject.findings(&text).len())
    };
    let (small_ms, large_ms) = (time(50_000), time(200_000));
    Line { name, small_ms, large_ms, growth: large_ms / small_ms }
}

const REPEATED: &[&str] = &[
    concat!("-----BEGIN RSA PRIV", "ATE KEY-----"),
    concat!("-----BEGIN RSA PRIV", "ATE KEY-----\nA:b\n"),
    "eyJ",
    "eyJ.",
    "-eyJaaaaaaaaaa",
    "\\",
    "\\\"",
    "\\u0041",
    "\\x41",
    "\\\\u005c",
    "&#65;",
    "&amp;",
    "&",
    "%41",
    "%25",
    "%",
    "\u{200b}",
    "a\u{ad}",
    "\u{1b}[31m",
    "\u{1b}[",
    "а",
    "Ａ",
    "\n> ",
    "\\\n",
    "\" + \"",
    "' + 'a",
    "a\n",
    "password",
    "password=",
    "password: ",
    "password=\"",
    "the password is ",
    "пароль: ",
    "密码是",
    "token='",
    "token=\\\"",
    "=\\\\\\\"token",
    "api_key=${",
    "api_key=[",
    "://",
    "://a:b",
    "postgres://a:b@",
    "curl -u",
    "curl -u \"${",
    "authorization:",
    "authorization: bearer ${",
    "{\"password\":\"",
    "{\"token\":[\"",
    "[\"authorization\",[",
    "secret(",
    "<password>",
    "|password|",
    "--password ",
    "key;key=",
    "-sk-aaaaaaaaaaaaaaaaaaaaaaaa",
    "_ghp_aaaaaaaaaaaaaaaaaaaaaaaa",
    "token 0123456789abcdef0123456789abcdef ",
    "SG.",
    "H4sIAAAAAAAA",
    "$2b$10$",
    "PASSWORD_REDACTED ",
];

/// A name, and a text of about so many bytes.
type Generator = (&'static str, fn(usize) -> String);

const GENERATED: &[Generator] = &[
    ("one run of base64 letters", |size| letters(size, BASE64)),
    ("one run of hex digits", |size| letters(size, b"0123456789abcdef")),
    ("lines of 76 base64 letters", |size| wrapped(&letters(size, BASE64), 76, "\n")),
    ("words of 20 base64 letters", |size| wrapped(&letters(size, BASE64), 20, " ")),
    ("words of 33 hex digits", |size| wrapped(&letters(size, b"0123456789abcdef"), 33, " ")),
    ("base64 of base64 of … seven deep", |size| {
        (0..7).fold(letters(size / 8, BASE64), |text, _| STANDARD.encode(text))
    }),
    ("base64 of keys", |size| STANDARD.encode("password=a1B2c3D4 ".repeat(size / 24))),
    ("gzip bombs in base64", |size| bombs(size)),
    ("distinct passwords, then the same again", |size| {
        let list = many(size / 48, |at| format!("password=\"{}\"\n", token(at)));
        list + &many(size / 48, |at| format!("{} ", token(at)))
    }),
    ("distinct short passwords and near misses", |size| {
        many(size / 40, |at| format!("pwd=a1B{at}!\n")) + &many(size / 20, |at| format!("a1B{at}? "))
    }),
    ("distinct vendor tokens", |size| many(size / 45, |at| format!("ghp_{:0<36}\n", token(at)))),
    ("all key words in turn", |size| KEYS.repeat(size / KEYS.len())),
    ("one line of JSON strings", |size| {
        let pairs: Vec<String> = (0..size / 30).map(|at| format!("\"token{at}\":\"{}\"", at * 7)).collect();
        format!("{{{}}}", pairs.join(","))
    }),
    ("JSON nested deep", |size| "{\"secret\":".repeat(size / 20) + "1" + &"}".repeat(size / 20)),
    ("escapes nested deep", |size| {
        (0..12)
            .fold("{\"password\":\"x1Y2\"}".to_owned(), |text, _| {
                let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
                if escaped.len() * 2 > size { text } else { escaped }
            })
            .repeat(size / 4096 + 1)
    }),
    ("random bytes of the ASCII table", |size| letters(size, &(b' '..=b'~').collect::<Vec<_>>())),
];

const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const KEYS: &str = "password token secret api_key authorization bearer key= pwd: AKIA xoxb- glpat- SG. npm_ pypi- \
                    eyJ sk- hf_ whsec_ rk_live_ ya29. AIza shpat_ dop_v1_ hvs. PMAK- xapp- ://u:p@ -u a:b ";

/// `size` letters of an alphabet, the same in every run.
fn letters(size: usize, alphabet: &[u8]) -> String {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap_or(0) % alphabet.len()
    };
    (0..size).filter_map(|_| alphabet.get(next()).copied().map(char::from)).collect()
}

fn many(count: usize, make: impl Fn(usize) -> String) -> String {
    (0..count).map(make).collect::<Vec<_>>().concat()
}

/// A token of its own for each number.
fn token(at: usize) -> String {
    format!("q{:07x}Z{:07X}x", at * 40_503 % 0xfff_ffff, at * 9_176 % 0xfff_ffff)
}

fn wrapped(text: &str, size: usize, separator: &str) -> String {
    crate::natural::pieces(text, size).collect::<Vec<_>>().join(separator)
}

/// Streams that each become a thousand times as long.
fn bombs(size: usize) -> String {
    let zeros = vec![b'a'; 1 << 20];
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    bytes.extend(miniz_oxide::deflate::compress_to_vec(&zeros, 9));
    let one = STANDARD.encode(bytes) + "\n";
    one.repeat(size / one.len() + 1)
}
