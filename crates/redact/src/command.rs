//! Passwords in arguments of commands, where only the command says what an option means.
//!
//! Options with a telling name (`--password …`) are assignments and need no entry here, and `curl -u` is with the URLs. To
//! add a command, add a row to [`COMMANDS`], and its name to the literals of the rule in `src/rules/url.rs`.

use std::ops::Range;

use crate::assignment;
use crate::plausible;
use crate::text::{Text, is_blank, is_quote};

/// Finds the password in the arguments of the command whose name stands at `hit`.
pub(crate) fn find_password(text: Text<'_>, hit: Range<usize>, found: &mut Vec<Range<usize>>) {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let name = text.slice(hit.clone());
    let Some((_, options)) =
        COMMANDS.iter().find(|(command, _)| name.eq_ignore_ascii_case(command.as_bytes()))
    else {
        return;
    };
    if is_name(text.at(hit.end)) || is_name(text.before(hit.start)) && !text.follows_escape(hit.start) {
        return;
    }
    let end = text.skip(hit.end, MAX_COMMAND, |byte| !matches!(byte, b'\n' | b'|' | b';'));
    let mut position = hit.end;
    while position < end {
        position = text.skip(position, end - position, |byte| !is_blank(byte));
        position = text.skip(position, end - position, is_blank);
        position = text.skip(position, 1, is_quote);
        let option = options
            .iter()
            .find(|(option, _)| text.slice(position..position + option.len()) == option.as_bytes());
        if let Some((option, form)) = option
            && let Some(password) = password_at(text, position + option.len(), *form)
        {
            found.push(password);
            return;
        }
    }
}

/// The password behind an option that ends at `at`.
fn password_at(text: Text<'_>, at: usize, form: Form) -> Option<Range<usize>> {
    let next = text.skip(at, MAX_BLANKS, is_blank);
    let start = match form {
        Form::Attached if next > at => return None,
        Form::Next if next == at => return None,
        Form::Attached => at,
        Form::Next | Form::Either | Form::Behind(_) => next,
    };
    let mut value = assignment::value(text, start, MAX_COMMAND).range;
    if let Form::Behind(mark) = form {
        value.start = (text.skip(value.start, value.len(), |byte| byte != mark) + 1).min(value.end);
    }
    let bytes = text.slice(value.clone());
    let is_option =
        bytes.starts_with(b"-") || (next == at && LONG_OPTIONS.iter().any(|rest| bytes.starts_with(rest)));
    (!is_option && plausible::is_password_in_url(bytes)).then_some(value)
}

/// How an option and its password are joined.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// `-psecret`.
    Attached,
    /// `-p secret`.
    Next,
    /// Either way.
    Either,
    /// `-U user%secret`: behind this byte of the argument.
    Behind(u8),
}

/// Commands, and their options that take a password.
const COMMANDS: &[(&str, &[(&str, Form)])] = &[
    ("mysql", &[("-p", Form::Attached)]),
    ("mysqldump", &[("-p", Form::Attached)]),
    ("mysqladmin", &[("-p", Form::Attached)]),
    ("mariadb", &[("-p", Form::Attached)]),
    ("mongo", &[("-p", Form::Next)]),
    ("mongosh", &[("-p", Form::Next)]),
    ("mongodump", &[("-p", Form::Next)]),
    ("mongorestore", &[("-p", Form::Next)]),
    ("cqlsh", &[("-p", Form::Next)]),
    ("redis-cli", &[("-a", Form::Next)]),
    ("sqlcmd", &[("-P", Form::Either)]),
    ("sshpass", &[("-p", Form::Either)]),
    ("docker login", &[("-p", Form::Next)]),
    ("podman login", &[("-p", Form::Next)]),
    ("helm registry login", &[("-p", Form::Next)]),
    ("oc login", &[("-p", Form::Next)]),
    ("az login", &[("-p", Form::Next)]),
    ("ldapsearch", &[("-w", Form::Next)]),
    ("ldapadd", &[("-w", Form::Next)]),
    ("ldapmodify", &[("-w", Form::Next)]),
    ("smbclient", &[("-U", Form::Behind(b'%'))]),
    ("rpcclient", &[("-U", Form::Behind(b'%'))]),
    ("xfreerdp", &[("/p:", Form::Attached)]),
    ("zip", &[("-P", Form::Next)]),
    ("unzip", &[("-P", Form::Next)]),
    ("7za", &[("-p", Form::Attached)]),
    (
        "openssl",
        &[("-passin pass:", Form::Attached), ("-passout pass:", Form::Attached), ("pass:", Form::Attached)],
    ),
    ("keytool", &[("-storepass", Form::Next), ("-keypass", Form::Next)]),
    ("httpie", &[("-a", Form::Behind(b':'))]),
    ("http", &[("-a", Form::Behind(b':'))]),
    ("evil-winrm", &[("-p", Form::Next)]),
    ("ipmitool", &[("-P", Form::Next)]),
    ("snmpget", &[("-A", Form::Next), ("-X", Form::Next)]),
    ("snmpwalk", &[("-A", Form::Next), ("-X", Form::Next)]),
];
/// What follows `-p` in long options with one dash, which are no passwords.
const LONG_OPTIONS: &[&[u8]] =
    &[b"ort", b"assword", b"rotocol", b"rint", b"rompt", b"ager", b"lugin", b"ath", b"roduct"];
/// Longest part of a command that is read.
const MAX_COMMAND: usize = 512;
/// Most blanks between an option and its password.
const MAX_BLANKS: usize = 8;
