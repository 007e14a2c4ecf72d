//! One command with its arguments: finds out what is really executed, and asks every family of rules about it.

use std::rc::Rc;

use super::{
    Refusal, builtins, code, containers, files, network, output,
    paths::{self, Place},
    refuse, system,
    value::{Taint, Value},
    walk::{Walk, last_part, refuse_foreign},
    wrappers,
};

/// Shells: they execute text.
const SHELLS: [&str; 14] = [
    "sh",
    "bash",
    "dash",
    "zsh",
    "ksh",
    "mksh",
    "ash",
    "fish",
    "csh",
    "tcsh",
    "rbash",
    "pwsh",
    "busybox-sh",
    "hush",
];

/// How deep commands may be wrapped in each other.
const DEPTH_MAX: usize = 40;

/// A command that is about to be executed.
pub(super) struct Call<'c> {
    /// The last part of its name.
    pub(super) name: &'c str,
    pub(super) arguments: &'c [Value],
    /// The folder it runs in, once known.
    pub(super) folder: Option<String>,
}

impl Call<'_> {
    /// What is not an option: everything after `--`, and before it what does not begin with `-`.
    pub(super) fn operands(&self) -> Vec<&Value> {
        let mut options = true;
        let mut operands = Vec::new();
        for argument in self.arguments {
            if options && argument.text == "--" {
                options = false;
            } else if !options || !argument.text.starts_with('-') || argument.text == "-" {
                operands.push(argument);
            }
        }
        operands
    }

    /// Whether there is the short option `short`, alone or bundled, or a long one that begins with `long`.
    pub(super) fn has(&self, short: char, long: &str) -> bool {
        self.options().any(|option| match option.strip_prefix("--") {
            Some(name) => {
                let name = name.split('=').next().unwrap_or_default();
                !name.is_empty() && !long.is_empty() && (long.starts_with(name) || name == long)
            }
            None => option.chars().skip(1).any(|c| c == short),
        })
    }

    /// Whether one of the options before the first other word holds the letter `short`.
    pub(super) fn leads_with(&self, short: char) -> bool {
        let leading = self
            .arguments
            .iter()
            .map(|argument| argument.text.as_str())
            .take_while(|text| text.starts_with('-'));
        leading.filter(|text| !text.starts_with("--")).any(|text| text.contains(short))
    }

    /// Its options, up to `--`.
    pub(super) fn options(&self) -> impl Iterator<Item = &str> {
        let before =
            self.arguments.iter().map(|argument| argument.text.as_str()).take_while(|text| *text != "--");
        before.filter(|text| text.len() > 1 && text.starts_with('-'))
    }

    /// The value of the option `short` or `long`, apart or attached.
    pub(super) fn option(&self, short: &str, long: &str) -> Option<Value> {
        let mut found = self.arguments.iter();
        while let Some(argument) = found.next() {
            let text = argument.text.as_str();
            if text == long || text == short {
                return found.next().cloned();
            }
            let attached = text.strip_prefix(long).and_then(|rest| rest.strip_prefix('='));
            let attached = attached.or_else(|| text.strip_prefix(short).filter(|_| !text.starts_with("--")));
            if let Some(value) = attached {
                return Some(argument.with(value));
            }
        }
        None
    }

    pub(super) fn place(&self, value: &Value) -> Place {
        paths::place(&value.text, self.folder.as_deref())
    }
}

impl Walk {
    /// Looks at one command; what it writes to its standard output.
    pub(super) fn command(&mut self, words: &[Value], input: &Value) -> Result<Value, Refusal> {
        let Some((program, arguments)) = words.split_first() else { return Ok(input.clone()) };
        self.spend(words.len())?;
        for word in words {
            self.mention(word);
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return refuse(
                "too-complex",
                "commands are wrapped too deep to be judged; write the command itself",
            );
        }
        let output = self.judged(program, arguments, input)?;
        self.depth -= 1;
        Ok(output)
    }

    fn judged(&mut self, program: &Value, arguments: &[Value], input: &Value) -> Result<Value, Refusal> {
        let shown = program.shown();
        // `$folder/node` with a folder that was cut out of a path is ordinary.
        if program.taint == Some(Taint::Download) || (program.foreign() && shown.is_empty()) {
            return refuse_foreign(program.taint);
        }
        check_word(program, &shown)?;
        let call = Call { name: last_part(&shown), arguments, folder: self.folder.clone() };
        builtins::check_paths(&call)?;
        if !program.is_known() {
            check_unknown(&call)?;
        }
        if call.name.is_empty() {
            return self.unknown_program(&call, input);
        }
        if let Some(body) = self.functions.get(&shown).map(Rc::clone) {
            let mut words = vec![program.clone()];
            words.extend_from_slice(arguments);
            return self.call(&shown, &body, &words, input);
        }
        let content = if program.taint.is_none() { self.content(program) } else { Value::unknown() };
        if shown.contains('/') && content.foreign() {
            return refuse_foreign(content.taint);
        }
        if shown.contains('/') && content.is_known() && is_shell_text(&content.text) {
            let mut words = vec![program.clone()];
            words.extend_from_slice(arguments);
            self.text(&content, &words, input)?;
        }
        if let Some(output) = self.builtin(&call, input)? {
            return Ok(output);
        }
        if let Some(inner) = wrappers::unwrap(&call, input)? {
            return self.unwrapped(inner, input);
        }
        if SHELLS.contains(&call.name) {
            return self.shell(&call, input);
        }
        if let Some(found) = wrappers::find(&call)? {
            for inner in &found {
                self.command(inner, &Value::default())?;
            }
        }
        // A program of the workspace may be called like one of the system.
        if !is_own(&shown, self.folder.as_deref()) {
            system::check(&call)?;
        }
        files::check(&call)?;
        containers::check(&call)?;
        network::check(&call, input)?;
        self.note(&call);
        self.check_recipe(&call)?;
        self.executed(&call, input)?;
        self.code(&call, input)?;
        Ok(output::of(self, &call, input))
    }

    fn unwrapped(&mut self, inner: wrappers::Inner, input: &Value) -> Result<Value, Refusal> {
        match inner {
            wrappers::Inner::Words(words) => self.command(&words, input),
            wrappers::Inner::Text(text) => self.text(&text, &[], input),
        }
    }

    /// What a shell is given to execute.
    fn shell(&mut self, call: &Call<'_>, input: &Value) -> Result<Value, Refusal> {
        let mut arguments = call.arguments;
        let mut text_follows = false;
        let mut from_input = false;
        while let Some((first, rest)) = arguments.split_first() {
            let option = first.text.as_str();
            if option == "-" || option == "--" || !option.starts_with(['-', '+']) {
                if option.starts_with('-') {
                    arguments = rest;
                }
                break;
            }
            let valued = matches!(option, "-o" | "+o" | "-O" | "+O" | "--rcfile" | "--init-file");
            text_follows |= !option.starts_with("--") && option.contains('c');
            from_input |= !option.starts_with("--") && option.contains('s');
            arguments = if valued { rest.get(1..).unwrap_or_default() } else { rest };
        }
        let Some((first, rest)) = arguments.split_first().filter(|_| !from_input) else {
            return self.shell_reads(call, input);
        };
        if text_follows {
            return self.text(first, rest, input);
        }
        if matches!(first.text.as_str(), "/dev/stdin" | "/proc/self/fd/0" | "/dev/fd/0") {
            return self.shell_reads(call, input);
        }
        let content = self.content(first);
        if content.foreign() {
            return refuse_foreign(content.taint);
        }
        if content.is_known() {
            return self.text(&content, arguments, input);
        }
        Ok(Value::unknown())
    }

    /// A shell that reads its commands from its input.
    fn shell_reads(&mut self, call: &Call<'_>, input: &Value) -> Result<Value, Refusal> {
        self.seen.shell = true;
        if call.arguments.iter().any(|argument| argument.text == "--version" || argument.text == "--help") {
            return Ok(Value::unknown());
        }
        self.text(input, &[], &Value::default())?;
        Ok(Value::unknown())
    }

    /// A program of which nothing is known: `$x -rf /` is refused for what it would do if it were the worst.
    fn unknown_program(&mut self, call: &Call<'_>, input: &Value) -> Result<Value, Refusal> {
        if input.foreign() && call.arguments.is_empty() {
            return refuse_foreign(input.taint);
        }
        if let Some(text) = call.option("-c", "--command") {
            self.text(&text, &[], input)?;
        }
        Ok(Value::unknown())
    }
}

/// Refuses names that are hidden from who reads them.
fn check_word(program: &Value, shown: &str) -> Result<(), Refusal> {
    if program.encoded {
        return refuse("hidden-command", "the name of a command is written in numbers; write the name");
    }
    if shown.starts_with('/') && shown.contains(['*', '?', '[']) {
        return refuse("hidden-command", "the name of a command is a pattern; write the name");
    }
    Ok(())
}

/// Refuses what a command that is not known could destroy.
fn check_unknown(call: &Call<'_>) -> Result<(), Refusal> {
    let sweeping = call.has('r', "recursive") || call.has('R', "") || call.has('f', "force");
    let guarded = call.operands().into_iter().any(|operand| match call.place(operand) {
        Place::Root | Place::Home | Place::Device | Place::Bridge => true,
        Place::System | Place::Above | Place::Workspace => sweeping,
        Place::Null | Place::Network | Place::Startup | Place::History | Place::Engine | Place::Ordinary => {
            false
        }
    });
    if guarded {
        return refuse(
            "hidden-command",
            "which command this runs cannot be known beforehand, and it is given the system, a home or a device; \
             write the command's name",
        );
    }
    Ok(())
}

/// Whether a script is one for a shell, by its first line.
fn is_shell_text(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    !first.starts_with("#!") || first.trim_end().ends_with("sh") || first.contains("sh ")
}

/// Whether a program is one of the workspace, by its path.
fn is_own(shown: &str, folder: Option<&str>) -> bool {
    let outside = |path: &str| path.starts_with(['/', '~']) || path.split('/').any(|part| part == "..");
    shown.contains('/') && !outside(shown) && !folder.is_some_and(outside)
}

impl Walk {
    /// Refuses recipes of `make` that nobody has read.
    fn check_recipe(&self, call: &Call<'_>) -> Result<(), Refusal> {
        if !matches!(call.name, "make" | "gmake" | "just" | "task") {
            return Ok(());
        }
        let given = call.option("-f", "--file");
        let usual = ["Makefile", "makefile", "GNUmakefile", "justfile", "Taskfile.yml"].map(Value::known);
        match given.iter().chain(&usual).map(|file| self.content(file)).find(Value::foreign) {
            Some(content) => refuse_foreign(content.taint),
            None => Ok(()),
        }
    }

    /// Remembers what means something together with other commands.
    fn note(&mut self, call: &Call<'_>) {
        self.seen.peer |= network::is_peer(call.name);
        self.seen.shell |= code::reads_program(call);
        self.seen.pipe |= call.name == "mkfifo"
            || (call.name == "mknod" && call.operands().iter().any(|one| one.text == "p"));
    }
}
