//! Options and words of ordinary programs that hold a command: `tar -I`, `rsync -e`, `vim -c ':!…'`.

use super::{Refusal, command::Call, value::Value, walk::Walk};

/// Programs, and their options whose value is a command.
const OPTIONS: [(&[&str], &[&str]); 8] = [
    (&["tar", "gtar", "bsdtar"], &["-I", "--use-compress-program", "--to-command"]),
    (&["rsync"], &["-e", "--rsh"]),
    (&["scp", "sftp"], &["-S"]),
    (&["zip"], &["-TT", "--unzip-command"]),
    (&["man"], &["-P", "--pager"]),
    (&["npm", "npx", "pnpm"], &["-c", "--call"]),
    (
        &["git"],
        &[
            "-x",
            "--exec",
            "--extcmd",
            "--tree-filter",
            "--index-filter",
            "--env-filter",
            "--msg-filter",
            "--open-files-in-pager",
            "--upload-pack",
            "--receive-pack",
        ],
    ),
    (&["sort"], &["--compress-program"]),
];

/// Programs with a language of their own in which these words give the rest to a shell.
const ESCAPES: [&str; 9] = [":!", "+!", "+:!", "\\! ", "shell ", "!", ".shell ", ".system ", "system "];
const ESCAPING: [&str; 15] = [
    "vim", "vi", "nvim", "ex", "view", "ed", "less", "more", "gdb", "lldb", "sqlite3", "psql", "mysql",
    "mariadb", "ftp",
];

impl Walk {
    /// Looks at what `call` is told to execute by its options.
    pub(super) fn executed(&mut self, call: &Call<'_>, input: &Value) -> Result<(), Refusal> {
        for (names, options) in OPTIONS {
            if names.contains(&call.name) {
                for option in options {
                    if let Some(text) = call.option(option, option) {
                        self.told(&text.with(text.text.trim_start_matches('|')))?;
                    }
                }
            }
        }
        if ESCAPING.contains(&call.name) {
            let typed: Vec<Value> = input.text.lines().map(Value::known).collect();
            for text in call.arguments.iter().chain(&typed) {
                if let Some(rest) = ESCAPES.iter().find_map(|escape| text.text.strip_prefix(escape)) {
                    self.told(&text.with(rest))?;
                }
            }
        }
        if matches!(call.name, "sed" | "gsed") {
            for script in call.arguments {
                let script = script
                    .text
                    .trim_start_matches("--expression=")
                    .trim_start_matches(|c: char| "0123456789,$ ".contains(c));
                if let Some(text) = script.strip_prefix("e ") {
                    self.told(&Value::known(text))?;
                } else if let Some(file) = script.strip_prefix("w ") {
                    super::files::check_write(&Value::known(file), call.folder.as_deref())?;
                }
            }
        }
        let variables = matches!(call.name, "make" | "gmake");
        for argument in call.arguments.iter().filter(|_| variables) {
            if let Some((_, value)) = argument.text.split_once('=') {
                self.told(&argument.with(value))?;
            }
        }
        let words: Vec<&str> = call.arguments.iter().take(2).map(|word| word.text.as_str()).collect();
        if call.name == "git" && matches!(words.as_slice(), ["bisect", "run"] | ["submodule", "foreach"]) {
            let rest = call.arguments.get(2..).unwrap_or_default();
            self.told(&super::wrappers::joined(rest))?;
        }
        Ok(())
    }

    /// Looks at text that a program gives to a shell. What no shell could read, none executes.
    fn told(&mut self, text: &Value) -> Result<(), Refusal> {
        let (depth, folder) = (self.depth, self.folder.clone());
        match self.text(text, &[], &Value::default()) {
            Err(refusal) if refusal.rule != "unreadable" => return Err(refusal),
            Ok(_) | Err(_) => {}
        }
        (self.depth, self.folder) = (depth, folder);
        Ok(())
    }
}
