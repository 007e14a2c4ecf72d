//! Commands that run the command they are given: what is left when they are taken away.

use super::{
    Refusal,
    command::Call,
    files,
    paths::Place,
    refuse,
    value::{Taint, UNKNOWN, Value},
    walk::is_name,
};

/// What a wrapper runs.
pub(super) enum Inner {
    /// A command and its arguments.
    Words(Vec<Value>),
    /// Text, which it gives to a shell.
    Text(Value),
}

/// A wrapper: the options that take a value as the next word, and how many operands stand before the command.
struct Wrapper {
    names: &'static [&'static str],
    valued: &'static [&'static str],
    operands: usize,
}

const WRAPPERS: [Wrapper; 15] = [
    Wrapper {
        names: &[
            "nohup",
            "setsid",
            "command",
            "builtin",
            "busybox",
            "toybox",
            "unbuffer",
            "fakeroot",
            "chronic",
            "catchsegv",
            "dbus-run-session",
            "torsocks",
            "proxychains",
            "proxychains4",
            "rlwrap",
            "linux32",
            "linux64",
            "i386",
            "x86_64",
            "noglob",
            "nocorrect",
            "eatmydata",
            "dumb-init",
            "tini",
            "firejail",
        ],
        valued: &[],
        operands: 0,
    },
    Wrapper { names: &["env"], valued: &["-u", "--unset", "-C", "--chdir"], operands: 0 },
    Wrapper { names: &["exec"], valued: &["-a"], operands: 0 },
    Wrapper {
        names: &["timeout", "gtimeout"],
        valued: &["-s", "-k", "--signal", "--kill-after"],
        operands: 1,
    },
    Wrapper { names: &["nice", "gnice"], valued: &["-n", "--adjustment"], operands: 0 },
    Wrapper { names: &["ionice"], valued: &["-c", "-n", "--class", "--classdata"], operands: 0 },
    Wrapper { names: &["stdbuf"], valued: &["-i", "-o", "-e"], operands: 0 },
    Wrapper { names: &["time", "gtime"], valued: &["-f", "-o", "--format", "--output"], operands: 0 },
    Wrapper { names: &["chrt", "taskset", "setarch", "faketime"], valued: &[], operands: 1 },
    Wrapper {
        names: &["strace", "ltrace", "valgrind", "rr"],
        valued: &["-e", "-o", "-s", "-a", "-p", "-E", "-u", "-P"],
        operands: 0,
    },
    Wrapper { names: &["flock", "sem"], valued: &["-w", "-E", "--timeout"], operands: 1 },
    Wrapper {
        names: &["xvfb-run"],
        valued: &["-s", "-n", "-e", "-f", "-p", "-w", "--server-args"],
        operands: 0,
    },
    Wrapper { names: &["caffeinate"], valued: &["-t", "-w"], operands: 0 },
    Wrapper { names: &["numactl", "prlimit", "cgexec"], valued: &["-g", "-m", "-N"], operands: 0 },
    Wrapper {
        names: &["start-stop-daemon"],
        valued: &["-p", "--pidfile", "-u", "--user", "-d"],
        operands: 0,
    },
];

/// Wrappers that give what follows, joined, to a shell here or elsewhere, and their options with a value.
const TEXTS: [(&str, &[&str], usize); 5] = [
    ("watch", &["-n", "--interval"], 0),
    (
        "ssh",
        &["-p", "-i", "-l", "-o", "-F", "-J", "-b", "-c", "-E", "-m", "-S", "-W", "-L", "-R", "-D", "-w"],
        1,
    ),
    ("parallel", &["-j", "--jobs", "-P", "-n", "-N", "-d", "--delay", "--joblog"], 0),
    ("hyperfine", &["-w", "-r", "--warmup", "--runs", "-p", "--prepare"], 0),
    ("entr", &[], 0),
];

/// Options of `xargs` with a value in the next word.
const XARGS_VALUED: [&str; 15] = [
    "-a",
    "-E",
    "-I",
    "-L",
    "-n",
    "-P",
    "-s",
    "-d",
    "-J",
    "-R",
    "--max-args",
    "--max-procs",
    "--delimiter",
    "--arg-file",
    "--max-lines",
];

/// What `call` runs, if it is a wrapper.
///
/// # Errors
/// When what it does itself is refused: processes without end.
pub(super) fn unwrap(call: &Call<'_>, input: &Value) -> Result<Option<Inner>, Refusal> {
    if call.name == "xargs" {
        return xargs(call, input).map(Some);
    }
    if call.name == "command" && (call.leads_with('v') || call.leads_with('V')) {
        return Ok(None);
    }
    if matches!(call.name, "script" | "nix-shell" | "expect") {
        let text = call.option("-c", "--command").or_else(|| call.option("--run", "--run"));
        return Ok(text.map(Inner::Text));
    }
    if call.name == "tmux" || call.name == "screen" {
        let text = call.arguments.iter().rev().find(|argument| argument.text.contains(' '));
        return Ok(text.cloned().map(Inner::Text));
    }
    if call.name == "env"
        && let Some(text) = own(call, &["-S", "-u", "-C"]).option("-S", "--split-string")
    {
        return Ok(Some(Inner::Text(text)));
    }
    if let Some((_, valued, operands)) = TEXTS.iter().find(|(name, ..)| *name == call.name) {
        let rest = after_options(call.arguments, valued, *operands);
        if call.name == "parallel" && rest.is_empty() {
            return Ok(Some(Inner::Text(input.clone())));
        }
        if call.name == "ssh" || rest.is_empty() {
            // Its tunnels are judged with the network; what it runs elsewhere too.
            return Ok(None);
        }
        return Ok(Some(Inner::Text(filled_in(rest))));
    }
    if call.name.starts_with("ld-linux") || call.name.starts_with("ld-musl") || call.name == "ld.so" {
        return Ok(Some(Inner::Words(
            after_options(call.arguments, &["--library-path", "--argv0"], 0).to_vec(),
        )));
    }
    if matches!(call.name, "uv" | "poetry" | "pipenv" | "bundle" | "mise" | "rye" | "hatch" | "pdm")
        && let Some((first, rest)) = call.arguments.split_first()
        && matches!(first.text.as_str(), "run" | "exec")
    {
        return Ok(Some(Inner::Words(after_options(rest, &["--with", "--python", "-p"], 0).to_vec())));
    }
    let Some(wrapper) = WRAPPERS.iter().find(|wrapper| wrapper.names.contains(&call.name)) else {
        return Ok(None);
    };
    let mut rest = after_options(call.arguments, wrapper.valued, wrapper.operands);
    while call.name == "env"
        && let Some((first, more)) = rest.split_first()
        && first.text.split_once('=').is_some_and(|(name, _)| is_name(name))
    {
        rest = more;
    }
    if call.name == "flock"
        && let [option, text, ..] = rest
        && option.text == "-c"
    {
        return Ok(Some(Inner::Text(text.clone())));
    }
    if rest.is_empty() { Ok(None) } else { Ok(Some(Inner::Words(rest.to_vec()))) }
}

/// `call` with its own options alone, of which those in `valued` take the next word.
fn own<'c>(call: &Call<'c>, valued: &[&str]) -> Call<'c> {
    let count = call.arguments.len() - after_options(call.arguments, valued, 0).len();
    let arguments = call.arguments.get(..count).unwrap_or_default();
    Call { name: call.name, arguments, folder: call.folder.clone() }
}

/// The words after the options and the first `operands` others.
pub(super) fn after_options<'a>(mut words: &'a [Value], valued: &[&str], operands: usize) -> &'a [Value] {
    while let Some((first, rest)) = words.split_first()
        && first.text.starts_with('-')
    {
        words = if valued.contains(&first.text.as_str()) { rest.get(1..).unwrap_or_default() } else { rest };
        if first.text == "--" {
            break;
        }
    }
    words.get(operands..).unwrap_or_default()
}

/// The words before `:::`, with those after it in place of `{}` or at the end.
fn filled_in(words: &[Value]) -> Value {
    let at = words.iter().position(|word| word.text.starts_with(":::")).unwrap_or(words.len());
    let (command, given) = words.split_at_checked(at).unwrap_or((words, &[]));
    let given = joined(given.get(1..).unwrap_or_default());
    let mut text = joined(command);
    if text.text.contains("{}") {
        text.text = text.text.replace("{}", &given.text);
    } else {
        text.append(&Value::known(" "));
        text.append(&given);
    }
    text
}

/// `words` with blanks between them.
pub(super) fn joined(words: &[Value]) -> Value {
    let mut all = Value::default();
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            all.append(&Value::known(" "));
        }
        all.append(word);
    }
    all
}

fn xargs(call: &Call<'_>, input: &Value) -> Result<Inner, Refusal> {
    let command = after_options(call.arguments, &XARGS_VALUED, 0);
    let call = &own(call, &XARGS_VALUED);
    let parallel = call.option("-P", "--max-procs").is_some_and(|most| most.text != "1");
    if input.taint == Some(Taint::Endless) && parallel {
        return refuse("fork-bomb", "an input without end starts processes side by side; give it an end");
    }
    if command.is_empty() {
        return Ok(Inner::Words(vec![Value::known("echo")]));
    }
    let whole = call.has('0', "null") || call.option("-d", "--delimiter").is_some();
    let separates = |c: char| if whole { c == '\n' } else { c.is_whitespace() };
    let words = input.text.split(separates).filter(|word| !word.is_empty());
    let given: Vec<Value> = words.map(|word| input.with(word)).collect();
    let marker = call.option("-I", "--replace").or_else(|| call.has('i', "").then(|| Value::known("{}")));
    let Some(marker) = marker.filter(|marker| !marker.text.is_empty()) else {
        return Ok(Inner::Words(command.iter().cloned().chain(given).collect()));
    };
    let all = joined(&given);
    let put = |word: &Value| {
        let mut filled = Value::default();
        for (index, part) in word.text.split(marker.text.as_str()).enumerate() {
            if index > 0 {
                filled.append(&all);
            }
            filled.append(&word.with(part));
        }
        filled
    };
    Ok(Inner::Words(command.iter().map(put).collect()))
}

/// What `find` and `fd` run for what they find.
///
/// # Errors
/// When what they do themselves is refused: deleting the system, or a file of it written.
pub(super) fn find(call: &Call<'_>) -> Result<Option<Vec<Vec<Value>>>, Refusal> {
    if matches!(call.name, "fd" | "fdfind") {
        let at = call
            .arguments
            .iter()
            .position(|one| matches!(one.text.as_str(), "-x" | "-X" | "--exec" | "--exec-batch"));
        let command = at.and_then(|at| call.arguments.get(at + 1..));
        return Ok(command.map(|command| vec![command.to_vec()]));
    }
    if !matches!(call.name, "find" | "gfind" | "bfs") {
        return Ok(None);
    }
    let options = ["-H", "-L", "-P"];
    let begins = |word: &&Value| {
        (!word.text.starts_with('-') && !matches!(word.text.as_str(), "(" | "!" | ")"))
            || options.contains(&word.text.as_str())
    };
    let mut starts: Vec<Value> = call
        .arguments
        .iter()
        .take_while(begins)
        .filter(|word| !word.text.starts_with('-'))
        .cloned()
        .collect();
    let tests = call.arguments.get(starts.len()..).unwrap_or_default();
    if starts.is_empty() {
        starts.push(Value::known("."));
    }
    let mut commands = Vec::new();
    let mut words = tests.iter();
    let narrow = tests.iter().any(|word| is_test(&word.text));
    while let Some(word) = words.next() {
        match word.text.as_str() {
            "-delete" => files::check_deleted(call, &starts, narrow)?,
            "-fprint" | "-fprintf" | "-fprint0" | "-fls" => {
                if let Some(file) = words.next() {
                    files::check_write(file, call.folder.as_deref())?;
                }
            }
            "-exec" | "-execdir" | "-ok" | "-okdir" => {
                let command: Vec<Value> = words
                    .by_ref()
                    .take_while(|word| !matches!(word.text.as_str(), ";" | "+"))
                    .cloned()
                    .collect();
                commands.extend(starts.iter().take(8).map(|start| filled(call, &command, start, narrow)));
            }
            _ => {}
        }
    }
    Ok(Some(commands))
}

/// The command of `-exec` with what is found below `start` in place of `{}`.
fn filled(call: &Call<'_>, command: &[Value], start: &Value, narrow: bool) -> Vec<Value> {
    let inside = match call.place(start) {
        Place::Ordinary | Place::Null | Place::Engine => true,
        Place::Workspace => narrow,
        Place::Root
        | Place::Home
        | Place::Above
        | Place::System
        | Place::Device
        | Place::Network
        | Place::Startup
        | Place::History
        | Place::Bridge => false,
    };
    let found = if inside { format!("{}/{UNKNOWN}x", start.text) } else { start.text.clone() };
    command.iter().map(|word| word.with(word.text.replace("{}", &found))).collect()
}

/// Whether a word of `find` leaves out something.
fn is_test(word: &str) -> bool {
    const TESTS: [&str; 22] = [
        "-name",
        "-iname",
        "-path",
        "-ipath",
        "-wholename",
        "-regex",
        "-iregex",
        "-type",
        "-mtime",
        "-mmin",
        "-ctime",
        "-atime",
        "-size",
        "-empty",
        "-newer",
        "-user",
        "-group",
        "-perm",
        "-mindepth",
        "-amin",
        "-cmin",
        "-xtype",
    ];
    TESTS.contains(&word)
}
