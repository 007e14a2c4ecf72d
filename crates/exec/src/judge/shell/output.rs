//! What a command writes to its standard output, as far as it can be known without running it.

use super::{
    code,
    command::Call,
    network,
    paths::{self, Place},
    system,
    value::{Taint, UNKNOWN, Value},
    walk::{Walk, last_part},
};

/// Programs that unpack or decode, and the option that makes them; none: always.
const DECODERS: [(&str, char, &str); 30] = [
    ("base64", 'd', "decode"),
    ("base32", 'd', "decode"),
    ("basenc", 'd', "decode"),
    ("gbase64", 'd', "decode"),
    ("base58", 'd', "decode"),
    ("xxd", 'r', "revert"),
    ("openssl", 'd', ""),
    ("uudecode", '\0', ""),
    ("gzip", 'd', "decompress"),
    ("gunzip", '\0', ""),
    ("zcat", '\0', ""),
    ("bzip2", 'd', "decompress"),
    ("bunzip2", '\0', ""),
    ("bzcat", '\0', ""),
    ("xz", 'd', "decompress"),
    ("unxz", '\0', ""),
    ("xzcat", '\0', ""),
    ("zstd", 'd', "decompress"),
    ("zstdcat", '\0', ""),
    ("unzstd", '\0', ""),
    ("lz4", 'd', "decompress"),
    ("lz4cat", '\0', ""),
    ("brotli", 'd', "decompress"),
    ("gpg", 'd', "decrypt"),
    ("tr", '\0', ""),
    ("rev", '\0', ""),
    ("tac", '\0', ""),
    ("iconv", '\0', ""),
    ("age", 'd', "decrypt"),
    ("ccrypt", 'd', "decrypt"),
];

/// Programs that pass on what they read, or a part of it.
const PASSES: [&str; 8] = ["cat", "tee", "head", "tail", "sort", "uniq", "bat", "gcat"];

/// What `call` writes when it reads `input`; and what it writes to files is remembered.
pub(super) fn of(walk: &mut Walk, call: &Call<'_>, input: &Value) -> Value {
    match call.name {
        "echo" => return echoed(call),
        "printf" => return printed(call.arguments),
        "pwd" => return Value::known(call.folder.clone().unwrap_or_else(|| ".".to_owned())),
        "mktemp" => return Value::known("/tmp/tmp.x"),
        "dirname" | "realpath" | "readlink" => {
            let of = call.operands().last().map(|path| path.text.clone()).unwrap_or_default();
            return if paths::place(&of, None) == Place::Ordinary {
                Value::known(".")
            } else {
                Value::known(of)
            };
        }
        "which" | "type" | "command" => {
            return call.operands().first().map(|name| (*name).clone()).unwrap_or_default();
        }
        "env" | "printenv" if call.operands().is_empty() => return Value::tainted(Taint::Secret),
        "yes" => return Value::tainted(Taint::Endless),
        "find" | "ls" => return listed(call),
        "pgrep" | "pidof" if system::is_wide(call) => return Value::known("1"),
        "ps" if call.operands().iter().any(|one| one.text.contains('x'))
            || call.has('e', "")
            || call.has('A', "") =>
        {
            return Value::known("1");
        }
        "seq" if is_endless(call) => return Value::tainted(Taint::Endless),
        "mv" | "cp" | "install" | "ln" => renamed(walk, call),
        _ => {}
    }
    if network::is_fetcher(call.name) {
        return fetched(walk, call);
    }
    if decodes(call) {
        return Value::tainted(Taint::Decoded);
    }
    if PASSES.contains(&call.name) {
        return passed(walk, call, input);
    }
    if matches!(call.name, "sed" | "awk" | "gawk" | "cut" | "perl" | "python3" | "python" | "ruby")
        && input.is_known()
        && !input.text.is_empty()
    {
        // A text that stands in the command, rewritten: it stood there to be read as something else.
        return Value::tainted(Taint::Decoded);
    }
    if writes_made_up(call) {
        return Value::tainted(Taint::Decoded);
    }
    let from_git = call.name == "git" && call.arguments.iter().any(|one| one.text.starts_with("--remote"));
    let session = call.name == "openssl" && call.arguments.iter().any(|one| one.text == "s_client");
    if from_git || session {
        return Value::tainted(Taint::Download);
    }
    let read =
        call.operands().into_iter().map(|file| walk.content(file).taint.max(file.taint)).max().flatten();
    Value { text: UNKNOWN.into(), taint: input.taint.max(read), encoded: false }
}

/// Whether a program in another language, or one that unpacks, writes what stands nowhere to be read.
fn writes_made_up(call: &Call<'_>) -> bool {
    match call.name {
        "unzip" => call.leads_with('p'),
        "tar" | "bsdtar" => {
            call.has('O', "to-stdout") || call.arguments.first().is_some_and(|first| first.text.contains('O'))
        }
        "7z" => call.arguments.iter().any(|one| one.text == "-so"),
        "jq" => call.arguments.iter().any(|one| one.text.contains("@base64d")),
        "awk" | "gawk" | "mawk" => {
            call.arguments.iter().any(|one| one.text.contains("%c") || numbers(&one.text))
        }
        _ => code::has_text(call),
    }
}

/// `seq` to a number that nobody reaches.
fn is_endless(call: &Call<'_>) -> bool {
    call.operands().iter().any(|number| number.text.starts_with("inf") || number.text.len() > 6)
}

fn decodes(call: &Call<'_>) -> bool {
    DECODERS.iter().any(|(name, short, long)| {
        *name == call.name
            && (*short == '\0'
                || call.has(*short, long)
                || (call.name == "base64" && call.has('D', ""))
                || (call.name == "openssl" && call.arguments.iter().any(|one| one.text == "-d")))
    })
}

fn echoed(call: &Call<'_>) -> Value {
    let options = call.arguments.iter().take_while(|one| {
        one.text.len() > 1 && one.text.starts_with('-') && one.text.chars().skip(1).all(|c| "neE".contains(c))
    });
    let count = options.clone().count();
    let escapes = options.into_iter().any(|one| one.text.contains('e'));
    let text = super::wrappers::joined(call.arguments.get(count..).unwrap_or_default());
    if text.encoded || (escapes && numbers(&text.text)) {
        return Value::tainted(Taint::Decoded);
    }
    if escapes { text.with(text.text.replace("\\n", "\n").replace("\\t", "\t")) } else { text }
}

/// What `printf` makes of its format and arguments.
pub(super) fn printed(arguments: &[Value]) -> Value {
    let arguments = match arguments.split_first() {
        Some((first, rest)) if first.text == "--" => rest,
        _ => arguments,
    };
    let Some((format, rest)) = arguments.split_first() else { return Value::default() };
    let all = super::wrappers::joined(arguments);
    if all.encoded || numbers(&all.text) || format.text.contains("%c") {
        return Value::tainted(Taint::Decoded);
    }
    let mut rest = rest.iter();
    let mut text = Value { text: String::new(), ..all };
    let parts = format
        .text
        .replace("\\n", "\n")
        .replace("\\t", "\t")
        .replace("\\0", "\n")
        .replace("%b", "%s")
        .replace("%q", "%s");
    loop {
        let before = rest.len();
        for (index, part) in parts.split("%s").enumerate() {
            if index > 0
                && let Some(argument) = rest.next()
            {
                text.append(argument);
            }
            text.append(&Value::known(part));
        }
        // The format is used again while there are arguments, as long as it takes any.
        if rest.len() == 0 || rest.len() == before || text.text == UNKNOWN.to_string() {
            return text;
        }
    }
}

/// Whether characters are written as numbers.
fn numbers(text: &str) -> bool {
    let mut parts = text.split('\\').skip(1);
    parts.any(|after| {
        after.starts_with(['x', 'u', 'U']) || after.chars().take(2).filter(char::is_ascii_digit).count() == 2
    })
}

/// The folders that `find` begins in, when it is theirs that would be lost.
fn listed(call: &Call<'_>) -> Value {
    let mut starts = call.operands();
    if call.name == "find" {
        let before = call.arguments.iter().take_while(|one| !one.text.starts_with(['-', '(', '!'])).count();
        starts.truncate(before);
    }
    let here = Value::known(call.folder.clone().unwrap_or_default());
    if starts.is_empty() {
        starts.push(&here);
    }
    let wide = |start: &&&Value| !matches!(call.place(start), Place::Ordinary | Place::Workspace);
    let wide: Vec<_> = starts.iter().filter(wide).map(|start| (*start).clone()).collect();
    if wide.is_empty() { Value::unknown() } else { super::wrappers::joined(&wide) }
}

fn renamed(walk: &mut Walk, call: &Call<'_>) {
    if let [source, target] = call.operands().as_slice() {
        let content = walk.content(source);
        if content.taint.is_some() || content.is_known() {
            walk.remember(&target.text, &content);
        }
    }
}

fn fetched(walk: &mut Walk, call: &Call<'_>) -> Value {
    let download = Value::tainted(Taint::Download);
    let target = match call.name {
        "wget" | "wget2" => call.option("-O", "--output-document"),
        "scp" => {
            call.operands().last().map(|last| (*last).clone()).filter(|last| last_part(&last.text) != ".")
        }
        _ => call.option("-o", "--output").or_else(|| call.option("--out", "--out")),
    };
    let by_name = match call.name {
        "curl" | "curlie" => call.has('O', "remote-name"),
        "wget" | "wget2" | "aria2c" | "axel" | "lwp-download" | "scp" | "fetch" => target.is_none(),
        _ => false,
    };
    match target {
        Some(target) if !matches!(target.text.as_str(), "-" | "/dev/stdout") => {
            walk.remember(&target.text, &download);
        }
        Some(_) | None => {}
    }
    // Bundled: `-fsSLo file`, `-qO- url`.
    for pair in call.arguments.windows(2) {
        if let [option, file] = pair
            && option.text.starts_with('-')
            && !option.text.starts_with("--")
            && option.text.ends_with(['o', 'O'])
            && call.name != "scp"
        {
            walk.remember(&file.text, &download);
        }
    }
    if by_name {
        for operand in call.operands() {
            let name = operand.text.split(['?', '#']).next().unwrap_or_default();
            let name = last_part(name).rsplit(':').next().unwrap_or_default();
            walk.remember(name, &download);
        }
    }
    download
}

fn passed(walk: &mut Walk, call: &Call<'_>, input: &Value) -> Value {
    if call.name == "tee" {
        for file in call.operands() {
            walk.remember(&file.text, input);
        }
        return input.clone();
    }
    let mut all = Value::default();
    let mut any = false;
    for file in call.operands() {
        if matches!(call.name, "head" | "tail") && file.text.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        any = true;
        all.append(&if file.text == "-" { input.clone() } else { walk.content(file) });
    }
    let read = if any { all } else { input.clone() };
    if call.name == "head" && read.taint == Some(Taint::Endless) { Value::unknown() } else { read }
}
