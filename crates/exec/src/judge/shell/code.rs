//! Programs in other languages, given as text: looked at for what nobody should approve by mistake, and no more.
//!
//! A language can hide anything from a reader of its text: what runs is bounded by the sandbox, not by this.

use super::{
    Refusal,
    command::Call,
    files, network,
    paths::{self, Place},
    refuse,
    value::Value,
    walk::{Walk, refuse_foreign},
};

/// Interpreters, and the letters of their options whose next word is a program.
const INTERPRETERS: [(&str, &str); 26] = [
    ("python", "c"),
    ("python2", "c"),
    ("python3", "c"),
    ("pypy", "c"),
    ("pypy3", "c"),
    ("ipython", "c"),
    ("perl", "eE"),
    ("ruby", "e"),
    ("node", "ep"),
    ("nodejs", "ep"),
    ("deno", ""),
    ("bun", "e"),
    ("php", "r"),
    ("lua", "e"),
    ("luajit", "e"),
    ("tclsh", ""),
    ("Rscript", "e"),
    ("osascript", "e"),
    ("julia", "eE"),
    ("groovy", "e"),
    ("elixir", "e"),
    ("guile", "c"),
    ("raku", "e"),
    ("expect", "c"),
    ("irb", ""),
    ("swift", "e"),
];
/// Ends of git's settings whose value is executed.
const EXECUTED_KEYS: [&str; 10] = [
    "command",
    "pager",
    "editor",
    "fsmonitor",
    "external",
    "helper",
    "textconv",
    "cmd",
    "program",
    "askpass",
];
/// Ways to write a file that stand before its name.
const WRITES: [&str; 5] = ["> \"", ">\"", "writeFile", "file_put_contents", "File.write"];
const AWKS: [&str; 4] = ["awk", "gawk", "mawk", "nawk"];

/// Words with which a program hands text to a shell.
const RUNS: [&str; 14] = [
    "system",
    "popen",
    "subprocess",
    "exec",
    "spawn",
    "shell",
    "qx",
    "`",
    "getline",
    "Popen",
    "check_call",
    "check_output",
    "passthru",
    "proc_open",
];
const FORKS: [&str; 6] =
    ["fork", "os.fork", "Process.fork", "pcntl_fork", "child_process", "multiprocessing"];
const LOOPS: [&str; 10] = [
    "while",
    "for",
    "loop",
    "forever",
    "until",
    "iter(int",
    "itertools",
    "setInterval",
    "fork;fork",
    "fork&&fork",
];
const DELETES: [&str; 10] = [
    "os.remove",
    "rmtree",
    "rmSync",
    "rm_rf",
    "rm_r",
    "rmdir",
    "unlink",
    "removeSync",
    "remove_tree",
    "rimraf",
];
const SOCKETS: [&str; 10] = [
    "socket",
    "Socket",
    "fsockopen",
    "TCPSocket",
    "net.connect",
    "net.Socket",
    "/inet/tcp",
    "createConnection",
    "IO::Socket",
    "stream_socket_client",
];
const SHELLS: [&str; 12] = [
    "/bin/sh",
    "/bin/bash",
    "pty",
    "dup2",
    "exec",
    "spawn",
    "subprocess",
    "system",
    "popen",
    "`sh",
    "`bash",
    "`/bin/sh",
];
const FETCHES: [&str; 11] = [
    "urlopen",
    "requests.get",
    "urllib",
    "http.get",
    "https.get",
    "fetch(",
    "LWP",
    "Net::HTTP",
    "open-uri",
    "file_get_contents(\"http",
    "file_get_contents('http",
];
const DECODES: [&str; 12] = [
    "b64decode",
    "base64",
    "fromhex",
    "unhexlify",
    "decode_base64",
    "unpack(",
    "zlib",
    "codecs.decode",
    "atob(",
    "marshal.loads",
    "rot13",
    "pack(",
];
const EVALUATES: [&str; 7] = ["exec(", "eval(", "eval ", "system(", "compile(", "new Function", "exec "];

/// Whether `call` is an interpreter that reads its program from its input.
pub(super) fn reads_program(call: &Call<'_>) -> bool {
    interpreter(call.name).is_some_and(|letters| {
        let coded = texts(call, letters).next().is_some();
        let mut operands = call.operands();
        if operands.first().is_some_and(|first| first.text == "run") {
            operands.remove(0);
        }
        let named = operands.first().is_some_and(|first| !matches!(first.text.as_str(), "-" | "/dev/stdin"));
        let other = call.leads_with('m')
            || call
                .arguments
                .iter()
                .any(|one| matches!(one.text.as_str(), "--version" | "-V" | "--help" | "-v" | "-h"));
        !coded && !named && !other
    })
}

/// Whether `call` is an interpreter with a program among its arguments.
pub(super) fn has_text(call: &Call<'_>) -> bool {
    interpreter(call.name).is_some_and(|letters| texts(call, letters).next().is_some())
}

/// The letters of the options of an interpreter; versions in the name do not matter.
fn interpreter(name: &str) -> Option<&'static str> {
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let known =
        |wanted: &str| INTERPRETERS.iter().find(|(known, _)| *known == wanted).map(|(_, letters)| *letters);
    known(name).or_else(|| known(bare))
}

/// The programs among the arguments.
fn texts<'c>(call: &'c Call<'_>, letters: &'c str) -> impl Iterator<Item = Value> + 'c {
    let mut before: Option<&str> = None;
    call.arguments.iter().filter_map(move |argument| {
        let text = argument.text.as_str();
        let follows = before.is_some_and(|option| {
            matches!(option, "--eval" | "--print" | "eval")
                || (option.starts_with('-')
                    && !option.starts_with("--")
                    && option.ends_with(|c| letters.contains(c)))
        });
        before = Some(text);
        if follows {
            return Some(argument.clone());
        }
        let attached = text.strip_prefix("--eval=").or_else(|| {
            let (option, rest) = text.split_at_checked(2)?;
            (option.starts_with('-')
                && option.ends_with(|c| letters.contains(c))
                && rest.contains(['(', ' ', '\'', '"']))
            .then_some(rest)
        })?;
        Some(argument.with(attached))
    })
}

impl Walk {
    /// Refuses programs in other languages that do what a command may not.
    pub(super) fn code(&mut self, call: &Call<'_>, input: &Value) -> Result<(), Refusal> {
        if let Some(text) = network::remote(call) {
            self.text(&text, &[], input)?;
        } else if call.name == "ssh" && input.is_known() {
            self.text(input, &[], &Value::default())?;
        }
        if AWKS.contains(&call.name) {
            for argument in call.arguments {
                check_input(&argument.text, input)?;
                self.program(argument)?;
            }
            return Ok(());
        }
        if let Some(option) = call.arguments.iter().find_map(|one| {
            one.text
                .split_once("exec=")
                .filter(|(before, _)| before.contains("action"))
                .map(|(_, text)| one.with(text))
        }) {
            self.text(&option, &[], &Value::default())?;
        }
        if call.name == "git" {
            return self.git_aliases(call);
        }
        let Some(letters) = interpreter(call.name) else { return Ok(()) };
        let texts: Vec<Value> = texts(call, letters).collect();
        for text in &texts {
            check_input(&text.text, input)?;
            self.program(text)?;
        }
        if reads_program(call) {
            return self.program(input);
        }
        if texts.is_empty()
            && !call.leads_with('m')
            && let Some(file) = call.operands().first()
        {
            let content = self.content(file);
            self.program(&content)?;
        }
        Ok(())
    }

    /// Values of git's configuration that begin with `!` are commands.
    fn git_aliases(&mut self, call: &Call<'_>) -> Result<(), Refusal> {
        for argument in call.arguments {
            let value = argument.text.split_once('=').map_or(argument.text.as_str(), |(_, value)| value);
            let key = argument.text.split('=').next().unwrap_or_default().to_ascii_lowercase();
            let executed = key.contains('.') && EXECUTED_KEYS.iter().any(|end| key.ends_with(end));
            if let Some(text) = value.strip_prefix('!').or(executed.then_some(value)) {
                self.text(&argument.with(text), &[], &Value::default())?;
            }
        }
        Ok(())
    }

    /// One program.
    fn program(&mut self, text: &Value) -> Result<(), Refusal> {
        if text.foreign() {
            return refuse_foreign(text.taint);
        }
        let code = text.text.as_str();
        self.spend(code.len())?;
        check_code(code)?;
        let deletes = holds(code, &DELETES);
        let (literals, lists) = literals(code);
        for literal in &literals {
            let found = paths::place(literal, None);
            if found == Place::Engine {
                return refuse(
                    "container-escape",
                    "a container engine's socket gives the whole machine; leave it",
                );
            }
            if let Some(file) = literal.strip_prefix('>') {
                files::check_write(&Value::known(file.trim_start_matches('>').trim()), None)?;
            }
            if found == Place::Bridge {
                return refuse("bridge", "this is the bridge's own data; a command may not touch it");
            }
            if holds(code, &EVALUATES) && literal.contains('(') && self.depth < 20 {
                self.depth += 1;
                self.program(&Value::known(literal.as_str()))?;
                self.depth -= 1;
            }
            let wide =
                matches!(found, Place::Root | Place::Home | Place::System) && literal.starts_with(['/', '~']);
            if deletes && wide {
                return refuse(
                    "wide-destruction",
                    format!("this program deletes `{literal}`; stay inside the workspace"),
                );
            }
            let opened =
                |mode: &str| lists.iter().any(|list| list.strip_prefix(literal.as_str()) == Some(mode));
            let writes =
                [" w", " wb", " a", " ab", " r+", " w+", " rb+", " r+b"].iter().any(|mode| opened(mode))
                    || WRITES.iter().any(|word| code.contains(word));
            if writes && literal.starts_with(['/', '~']) {
                files::check_write(&Value::known(literal.as_str()), None)?;
            }
        }
        if holds(code, &RUNS) {
            for command in literals.iter().chain(&lists) {
                // What is no shell text is no command either.
                let (depth, folder) = (self.depth, self.folder.clone());
                match self.text(&Value::known(command.as_str()), &[], &Value::default()) {
                    Err(refusal) if refusal.rule != "unreadable" => return Err(refusal),
                    Ok(_) | Err(_) => {}
                }
                (self.depth, self.folder) = (depth, folder);
            }
        }
        Ok(())
    }
}

/// Refuses shapes of programs that mean harm whatever else they hold.
fn check_code(code: &str) -> Result<(), Refusal> {
    if holds(code, &FORKS)
        && (holds(code, &LOOPS) || code.contains("__filename") || code.matches("fork").count() > 2)
        && !code.contains("wait")
    {
        return refuse("fork-bomb", "this program starts itself again and again; bound it");
    }
    if code.contains("pty.spawn") || (holds(code, &SOCKETS) && holds(code, &SHELLS)) {
        return refuse(
            "reverse-shell",
            "this program gives a shell to another machine; run the commands here",
        );
    }
    if holds(code, &EVALUATES) && holds(code, &FETCHES) {
        return refuse(
            "download-run",
            "this program executes what it fetches; fetch it into a file and read it first",
        );
    }
    if holds(code, &EVALUATES) && holds(code, &DECODES) {
        return refuse(
            "encoded-run",
            "this program executes what it decodes; decode it into a file and read it first",
        );
    }
    let flat: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    if ["kill(-1,", "kill(1,", "kill9,-1", "kill(9,-1", "kill(\"KILL\",-1"]
        .iter()
        .any(|shape| flat.contains(shape))
    {
        return refuse("kill-all", "this program ends every process, or the first one");
    }
    if ["rmtree(Path.home())", "rmtree(pathlib.Path.home())"].iter().any(|shape| flat.contains(shape)) {
        return refuse(
            "wide-destruction",
            "this program deletes a whole home; name the folder in the workspace",
        );
    }
    if ["setuid(0", "setgid(0", "setreuid(0", "setresuid(0"].iter().any(|shape| flat.contains(shape)) {
        return refuse("privilege", "this program takes other rights");
    }
    Ok(())
}

fn holds(code: &str, words: &[&str]) -> bool {
    words.iter().any(|word| code.contains(word))
}

/// Refuses a program that executes what it reads, when that comes from elsewhere.
fn check_input(code: &str, input: &Value) -> Result<(), Refusal> {
    if input.foreign() && (holds(code, &EVALUATES) || code.contains("system")) {
        return refuse_foreign(input.taint);
    }
    Ok(())
}

/// The strings of a program, in quotes of any kind; and those that only commas part, joined: `"rm", "-r", "x"` is a
/// command.
fn literals(code: &str) -> (Vec<String>, Vec<String>) {
    let (mut found, mut lists) = (Vec::<String>::new(), Vec::<String>::new());
    let mut rest = code;
    let mut listed = false;
    while let Some(at) = rest.find(['\'', '"', '`', '{', '(']) {
        let (before, from) = rest.split_at_checked(at).unwrap_or_default();
        let mut characters = from.chars();
        let quote = characters.next().unwrap_or('"');
        let inner = characters.as_str();
        // `q{…}` and `qx{…}`: another brace is a block.
        let ordinary = match quote {
            '{' => !before.ends_with(['q', 'x', 'w']),
            '(' => !["%x", "qw", "qx", " q"].iter().any(|end| before.ends_with(end)),
            _ => false,
        };
        if ordinary {
            rest = inner;
            listed &= quote == '(';
            continue;
        }
        let Some((text, after)) = literal(inner, closing(quote)) else { break };
        rest = after;
        if listed && before.trim().trim_end_matches('[').trim() == "," {
            if let Some(list) = lists.last_mut() {
                list.push(' ');
                list.push_str(&text);
            }
        } else {
            lists.push(text.clone());
        }
        listed = true;
        found.push(text);
    }
    lists.retain(|list| !found.contains(list));
    (found, lists)
}

const fn closing(quote: char) -> char {
    match quote {
        '{' => '}',
        '(' => ')',
        same => same,
    }
}

/// The string up to `close`, without its escapes, and what follows it.
fn literal(inner: &str, close: char) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut escaped = false;
    for (length, next) in inner.char_indices() {
        if escaped {
            escaped = false;
            text.push(if next == 'n' { '\n' } else { next });
        } else if next == '\\' {
            escaped = true;
        } else if next == close {
            return Some((text, inner.get(length + close.len_utf8()..)?));
        } else {
            text.push(next);
        }
    }
    None
}
