//! The strict grammar: what a text comes to when every shell would read it the same way, and a refusal otherwise.
//!
//! ```text
//! list     = pipeline *( ( "&&" / "||" / ";" ) pipeline )
//! pipeline = command *( "|" command )
//! command  = word *( 1*SP word )          ; the first word is neither quoted nor holds "="
//! word     = 1*( plain / single / double )
//! plain    = ALPHA / DIGIT / one of _ @ % + : , . / = - / "~" and "^", not where a shell would expand them
//! single   = "'" *( any visible character or SP, but "'" ) "'"
//! double   = DQUOTE *( printable ASCII but DQUOTE $ ` \ ! ) DQUOTE
//! ```
//!
//! Nothing else is understood: no expansion, no redirection, no comment, no newline. What it accepts is executed as words,
//! so that a shell that reads it otherwise does not matter; a test holds it to bash and dash all the same.
//!
//! To understand more, prove with that test that both shells do the same with it, in any place.

use super::{Refused, characters};
use crate::{Argv, Layer, Link, Step};

/// Commands in one text. Past it the text is refused, not judged in part.
pub(crate) const COMMANDS_MAX: usize = 32;
/// Words in one text.
pub(crate) const WORDS_MAX: usize = 512;

/// The pipelines that `text` comes to.
///
/// # Errors
/// [`Layer::Parse`]: what was not understood, where, and what would do instead.
pub(crate) fn read(text: &str) -> Result<Vec<Step>, Refused> {
    let mut reader =
        Reader { text, at: 0, commands: 0, words: 0, steps: Vec::new(), pipeline: Vec::new(), argv: None };
    reader.list()?;
    Ok(reader.steps)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    commands: usize,
    words: usize,
    steps: Vec<Step>,
    pipeline: Vec<Argv>,
    argv: Option<Argv>,
}

impl<'a> Reader<'a> {
    fn list(&mut self) -> Result<(), Refused> {
        let mut link = Link::Always;
        loop {
            while self.peek() == Some(b' ') {
                self.at += 1;
            }
            match self.peek() {
                None => {
                    self.end_pipeline(link)?;
                    return Ok(());
                }
                Some(b'&' | b'|' | b';') => link = self.operator(link)?,
                Some(_) => self.word()?,
            }
        }
    }

    /// Reads one operator; the answer links the pipeline that comes next, or the one under way when it was a pipe.
    fn operator(&mut self, link: Link) -> Result<Link, Refused> {
        let rest = self.rest();
        let next = match rest {
            _ if rest.starts_with("&&") => Link::AfterSuccess,
            _ if rest.starts_with("||") => Link::AfterFailure,
            _ if rest.starts_with("|&") => {
                return Err(self.refuse("`|&`", "use `|`: what it prints on stderr is kept anyway"));
            }
            _ if rest.starts_with('|') => {
                self.end_command()?;
                self.at += 1;
                return Ok(link);
            }
            _ if rest.starts_with(";;") || rest.starts_with(";&") => {
                return Err(self.refuse("an operator of `case`", "use `;`"));
            }
            _ if rest.starts_with(';') => Link::Always,
            _ if rest.starts_with("&>") => return Err(self.refuse("a redirection", NO_REDIRECTION)),
            _ => return Err(self.refuse("a background command (`&`)", "run it in the foreground")),
        };
        self.end_pipeline(link)?;
        self.at += if rest.starts_with(';') { 1 } else { 2 };
        Ok(next)
    }

    fn end_pipeline(&mut self, link: Link) -> Result<(), Refused> {
        self.end_command()?;
        self.steps.push(Step { link, pipeline: std::mem::take(&mut self.pipeline) });
        Ok(())
    }

    fn end_command(&mut self) -> Result<(), Refused> {
        let Some(argv) = self.argv.take() else {
            return Err(self.refuse("an operator without a command beside it", "give both its commands"));
        };
        self.commands += 1;
        if self.commands > COMMANDS_MAX {
            let reason =
                format!("it has more than {COMMANDS_MAX} commands; ask for some of them, then for the rest");
            return Err(Refused { layer: Layer::Parse, reason });
        }
        self.pipeline.push(argv);
        Ok(())
    }

    fn word(&mut self) -> Result<(), Refused> {
        self.words += 1;
        if self.words > WORDS_MAX {
            let reason =
                format!("it has more than {WORDS_MAX} words; ask for some of them, then for the rest");
            return Err(Refused { layer: Layer::Parse, reason });
        }
        let first = self.argv.is_none();
        let mut word = String::new();
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'&' | b'|' | b';' => break,
                b'\'' | b'"' if first => {
                    return Err(self.refuse("a program in quotes", "write its name without them"));
                }
                b'\'' => word.push_str(self.single()?),
                b'"' => word.push_str(self.double()?),
                _ => word.push_str(self.plain(first)?),
            }
        }
        if first {
            reserved(&word).map_or(Ok(()), Err)?;
        }
        match &mut self.argv {
            Some(argv) => argv.arguments.push(word),
            None => {
                self.argv = Some(Argv {
                    name: word,
                    program: String::new(),
                    arguments: Vec::new(),
                    environment: Vec::new(),
                });
            }
        }
        Ok(())
    }

    fn plain(&mut self, first: bool) -> Result<&'a str, Refused> {
        let start = self.at;
        let run = self.rest().bytes().position(|byte| !is_plain(byte)).unwrap_or(self.text.len() - start);
        self.at += run;
        if first && self.text.get(start..self.at).is_some_and(|run| run.contains('=')) {
            let hint = "leave it out: commands get a fixed environment";
            return Err(self.refuse_at(start, "an assignment before a command", hint));
        }
        match self.peek() {
            None | Some(b' ' | b'&' | b'|' | b';' | b'\'' | b'"') => {}
            Some(b'~' | b'^') if self.is_literal() => self.at += 1,
            Some(_) => return Err(self.strange()),
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    /// Whether `~` or `^` is in a place where no shell expands it: inside a word, and `~` not where a path could start in
    /// an assignment (bash does that even in arguments: `a=~`).
    fn is_literal(&self) -> bool {
        let before = self.text.as_bytes().get(..self.at).and_then(<[u8]>::last);
        before.is_some_and(|&byte| {
            is_plain(byte) && !matches!(byte, b'=' | b':') || matches!(byte, b'~' | b'^')
        })
    }

    fn single(&mut self) -> Result<&'a str, Refused> {
        let start = self.at + 1;
        let inside = self.text.get(start..).unwrap_or_default();
        let Some(length) = inside.find('\'') else {
            return Err(self.refuse("a quote that does not end", "end it with '"));
        };
        let inside = inside.get(..length).unwrap_or_default();
        if let Some((at, found)) = characters::first_unseen(inside) {
            return Err(self.unseen(start + at, found));
        }
        self.at = start + length + 1;
        Ok(inside)
    }

    fn double(&mut self) -> Result<&'a str, Refused> {
        let start = self.at + 1;
        let inside = self.text.get(start..).unwrap_or_default();
        let stops =
            |byte: u8| matches!(byte, b'"' | b'$' | b'`' | b'\\' | b'!') || !matches!(byte, 0x20..=0x7e);
        let Some(length) = inside.bytes().position(stops) else {
            return Err(self.refuse("a quote that does not end", "end it with \""));
        };
        self.at = start + length;
        if self.peek() != Some(b'"') {
            return Err(self.strange());
        }
        self.at += 1;
        Ok(inside.get(..length).unwrap_or_default())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The refusal of what is at hand, which no rule of the grammar takes.
    fn strange(&self) -> Refused {
        let rest = self.rest();
        let starts = |with: &str| rest.starts_with(with);
        let known = STRANGE.iter().find(|(start, ..)| starts(start));
        match (known, rest.chars().next()) {
            (Some((_, what, hint)), _) => self.refuse(what, hint),
            (None, Some(found)) if characters::is_unseen(found) => self.unseen(self.at, found),
            (None, Some(found)) if !found.is_ascii() => self.refuse(
                &format!("the character {found} (U+{:04X}) outside single quotes", u32::from(found)),
                "put the word into single quotes",
            ),
            (None, _) => self.refuse("a character of no word", "put the word into single quotes"),
        }
    }

    fn unseen(&self, at: usize, found: char) -> Refused {
        let hint = match found {
            '\n' | '\r' => "write one line; join commands with `&&` or `;`",
            '\t' => "use a space",
            _ => "take it out",
        };
        self.refuse_at(at, &characters::name(found), hint)
    }

    fn refuse(&self, what: &str, hint: &str) -> Refused {
        self.refuse_at(self.at, what, hint)
    }

    fn refuse_at(&self, at: usize, what: &str, hint: &str) -> Refused {
        let place = self.text.get(..at).unwrap_or(self.text).chars().count() + 1;
        Refused { layer: Layer::Parse, reason: format!("it has {what} at character {place}; {hint}") }
    }
}

/// The refusal of a first word that the shell takes for itself in a way that no program could.
pub(crate) fn reserved(word: &str) -> Option<Refused> {
    let (layer, reason) = if RESERVED.contains(&word) {
        (Layer::Parse, format!("`{word}` is a word of the shell's own grammar; give plain commands"))
    } else if EVALUATORS.contains(&word) {
        (
            Layer::Parse,
            format!("`{word}` makes the shell run or read something else; give that command itself"),
        )
    } else if word == "cd" || word == "pushd" || word == "popd" || word == "chdir" {
        let hint = "every command starts in the workspace: give paths from there";
        (Layer::Policy, format!("`{word}` would change what later paths mean; {hint}"))
    } else if BUILTINS.contains(&word) {
        (Layer::Policy, format!("`{word}` changes the shell itself, and there is none; leave it out"))
    } else {
        return None;
    };
    Some(Refused { layer, reason })
}

const fn is_plain(byte: u8) -> bool {
    matches!(byte,
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9'
        | b'_' | b'@' | b'%' | b'+' | b':' | b',' | b'.' | b'/' | b'=' | b'-')
}

const NO_REDIRECTION: &str = "leave it out: what it prints on stdout and on stderr is both kept";
const QUOTE: &str = "quote it: '$' between single quotes is text";
const YOLO: &str = "give the value itself, or ask in mode yolo";

/// What begins a construct that is not understood, its name, and what would do instead. Longer beginnings come first.
const STRANGE: [(&str, &str, &str); 32] = [
    ("$((", "arithmetic (`$((…))`)", YOLO),
    ("$(", "a command substitution (`$(…)`)", "run that command first, then give what it printed"),
    ("$[", "arithmetic (`$[…]`)", YOLO),
    ("${", "a parameter expansion (`${…}`)", YOLO),
    ("$'", "an ANSI-C quote (`$'…'`)", "use plain single quotes"),
    ("$\"", "a translated quote (`$\"…\"`)", "use plain double quotes"),
    ("$", "a variable (`$`)", QUOTE),
    ("`", "a command substitution (backticks)", "run that command first, then give what it printed"),
    ("\\\n", "a line continuation", "write one line"),
    ("\\", "a backslash outside single quotes", "put the word into single quotes"),
    ("<<<", "a here-string (`<<<`)", "put the text into a file and name it"),
    ("<<", "a here-document (`<<`)", "put the text into a file and name it"),
    ("<(", "a process substitution (`<(…)`)", "run that command first"),
    (">(", "a process substitution (`>(…)`)", "use a pipe"),
    (">&", "a redirection", NO_REDIRECTION),
    ("<", "a redirection", "name the file as an argument"),
    (">", "a redirection", NO_REDIRECTION),
    ("(", "a subshell or a function (`(`)", "give plain commands, or quote it: '('"),
    (")", "a closing parenthesis", "quote it: ')'"),
    ("{", "a brace expansion or group (`{`)", "write every word out, or quote it: '{a,b}'"),
    ("}", "a closing brace", "quote it: '}'"),
    ("*", "a glob (`*`)", "quote it: 'a*', or name the files; `find . -name 'a*'` lists them"),
    ("?", "a glob (`?`)", "quote it: 'a?', or name the files"),
    ("[", "a glob (`[…]`)", "quote it: '[a]'; for a test, use the program `test`"),
    ("]", "a closing bracket", "quote it: ']'"),
    ("#", "a comment (`#`)", "leave it out, or quote it: '#'"),
    ("!", "a negation or history expansion (`!`)", "leave it out, or put it into single quotes"),
    ("~", "a tilde that a shell would expand (`~`)", "give a path from the workspace"),
    ("^", "a caret that begins a word", "quote it: '^a'"),
    ("\n", "a line break", "write one line; join commands with `&&` or `;`"),
    ("\r", "a carriage return", "write one line; join commands with `&&` or `;`"),
    ("\t", "a tab", "use a space"),
];

/// POSIX.1-2024, Shell Command Language §2.4, and those of bash.
const RESERVED: [&str; 20] = [
    "if", "then", "else", "elif", "fi", "do", "done", "case", "esac", "while", "until", "for", "in",
    "select", "function", "time", "coproc", "let", "repeat", "foreach",
];

/// Builtins that run or read something else: no program of these names would do the same.
const EVALUATORS: [&str; 13] = [
    "eval",
    "exec",
    "source",
    ".",
    "alias",
    "unalias",
    "trap",
    "command",
    "builtin",
    "noglob",
    "nocorrect",
    "call",
    "autoload",
];

/// Builtins that change the shell itself.
const BUILTINS: [&str; 42] = [
    "export",
    "typeset",
    "declare",
    "local",
    "readonly",
    "unset",
    "set",
    "shopt",
    "setopt",
    "unsetopt",
    "umask",
    "ulimit",
    "hash",
    "enable",
    "disown",
    "bg",
    "fg",
    "jobs",
    "wait",
    "kill",
    "suspend",
    "times",
    "read",
    "mapfile",
    "readarray",
    "getopts",
    "shift",
    "return",
    "break",
    "continue",
    "exit",
    "logout",
    "history",
    "fc",
    "bind",
    "complete",
    "compgen",
    "compopt",
    "dirs",
    "caller",
    "type",
    ":",
];
