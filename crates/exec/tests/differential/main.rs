//! The strict grammar against bash and dash: what a shell executes of a text that is accepted is among what was predicted,
//! word for word, and no file appears.
//!
//! Texts are made from a seed, of pieces that shells are known to read in surprising ways. Every program is a stub that
//! writes down its words. The shells run in bubblewrap, with nothing writable but one folder; without it the test says that
//! it was skipped.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
};

use mab_exec::judge;

/// Texts that are made.
const TEXTS: usize = 30_000;
/// Where they come from; another seed makes others.
const SEED: u64 = 0x6d61_622e_6578_6563;

/// Words of one command.
type Words = Vec<String>;

/// A text and the commands that it was predicted to come to.
struct Case {
    text: String,
    predicted: Vec<Words>,
}

#[test]
fn texts_when_accepted_execute_no_more_than_predicted_in_bash_and_dash() {
    let cases: Vec<Case> = texts().into_iter().filter_map(predict).collect();
    println!("{TEXTS} texts, {} accepted", cases.len());
    assert!(cases.len() > 1500, "too few texts are accepted to prove anything: {}", cases.len());
    let told: Vec<_> = std::thread::scope(|scope| {
        let shells = ["bash", "dash"].map(|shell| {
            scope.spawn({
                let cases = &cases;
                move || run(shell, cases)
            })
        });
        shells.into_iter().map(|shell| shell.join().unwrap()).collect()
    });
    for (shell, told) in ["bash", "dash"].into_iter().zip(told) {
        let Some(executed) = told else { return };
        let count: usize = executed.values().map(Vec::len).sum();
        println!("{shell}: {count} commands executed");
        assert!(count > 1000, "{shell} executed too few commands to prove anything: {count}");
        let misses = misses(&cases, &executed);
        assert!(misses.is_empty(), "{shell}, {} misses:\n{}", misses.len(), misses.join("\n"));
    }
}

/// What the test above is worth: a prediction that is wrong on purpose is found out.
#[test]
fn predictions_when_wrong_are_found_out() {
    let wrong = [
        ("ls *", vec!["ls", "*"]),
        ("find . -dele\\te", vec!["find", ".", "-dele\\te"]),
        ("ls ~", vec!["ls", "~"]),
        ("ls {a,b}", vec!["ls", "{a,b}"]),
    ];
    let cases: Vec<Case> = wrong
        .into_iter()
        .map(|(text, words)| Case {
            text: text.to_owned(),
            predicted: vec![words.into_iter().map(str::to_owned).collect()],
        })
        .collect();
    let Some(executed) = run("bash", &cases) else { return };
    assert_eq!(misses(&cases, &executed).len(), cases.len());
}

#[cfg(test)]
fn predict(text: String) -> Option<Case> {
    let steps = judge::read(&text).ok()?;
    let words = |argv: &mab_exec::Argv| std::iter::once(&argv.name).chain(&argv.arguments).cloned().collect();
    let predicted = steps.iter().flat_map(|step| &step.pipeline).map(words).collect();
    Some(Case { text, predicted })
}

#[cfg(test)]
fn misses(cases: &[Case], executed: &BTreeMap<usize, Vec<Words>>) -> Vec<String> {
    let mut misses = Vec::new();
    for (number, commands) in executed {
        let mut left = cases[*number].predicted.clone();
        for words in commands {
            match left.iter().position(|expected| expected == words) {
                Some(place) => drop(left.swap_remove(place)),
                None => misses.push(format!("{:?} executed {words:?}", cases[*number].text)),
            }
        }
    }
    misses
}

/// What `shell` executes of every case, by the number of the case; none without bubblewrap.
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "runs the shells that the grammar is compared with")]
fn run(shell: &str, cases: &[Case]) -> Option<BTreeMap<usize, Vec<Words>>> {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["stubs", "cwd"] {
        fs::create_dir(at(name)).unwrap();
    }
    for name in STUBS {
        let path = at("stubs").join(name);
        fs::write(
            &path,
            "#!/bin/sh\nexec 2>&-\nprintf '%s\\0' \"@$CASE\" \"$#\" \"${0##*/}\" \"$@\" >>/mnt/log\n",
        )
        .unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    for name in FILES {
        fs::write(at("cwd").join(name), "").unwrap();
    }
    let texts: Vec<u8> = cases.iter().flat_map(|case| case.text.bytes().chain([0])).collect();
    fs::write(at("cases"), texts).unwrap();
    fs::write(at("log"), "").unwrap();
    fs::write(at("driver"), DRIVER).unwrap();
    let sandbox =
        ["--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"];
    let start = |rest: &[&str]| {
        let mut bwrap = Command::new("bwrap");
        bwrap
            .args(sandbox)
            .args(["--tmpfs", "/tmp", "--bind"])
            .arg(folder.path())
            .args(["/mnt", "--chdir", "/mnt/cwd"]);
        bwrap.arg("--clearenv").args(rest).stdin(Stdio::null()).stdout(Stdio::null()).status()
    };
    let probe = format!("type {shell}");
    if !start(&["/bin/bash", "-c", &probe]).is_ok_and(|status| status.success()) {
        println!("SKIPPED: bubblewrap or {shell} does not run here");
        return None;
    }
    assert!(start(&["/bin/bash", "--noprofile", "--norc", "/mnt/driver", shell]).unwrap().success());
    let mut left: Vec<_> = fs::read_dir(at("cwd"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    let mut expected: Vec<_> = FILES.map(str::to_owned).into();
    expected.sort();
    assert_eq!(left, expected, "a file appeared or vanished");
    Some(parse(&fs::read(at("log")).unwrap(), Path::new(shell)))
}

/// Reads what the stubs wrote: for each command its case, its number of arguments, its name and its arguments.
#[cfg(test)]
fn parse(log: &[u8], shell: &Path) -> BTreeMap<usize, Vec<Words>> {
    let mut fields = log.split(|&byte| byte == 0).map(|field| String::from_utf8(field.to_vec()).unwrap());
    let mut executed: BTreeMap<usize, Vec<Words>> = BTreeMap::new();
    while let Some(case) = fields.next().filter(|field| !field.is_empty()) {
        let number = case.strip_prefix('@').unwrap_or_else(|| panic!("{}: {case:?}", shell.display()));
        let arguments: usize = fields.next().unwrap().parse().unwrap();
        let words = (0..=arguments).map(|_| fields.next().unwrap()).collect();
        executed.entry(number.parse().unwrap()).or_default().push(words);
    }
    executed
}

#[cfg(test)]
fn texts() -> Vec<String> {
    let mut state = SEED;
    let mut random = |below: usize| {
        // splitmix64 (Steele, Lea, Flood 2014)
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % below as u64).unwrap()
    };
    let mut text = || {
        let mut text = STUBS[random(STUBS.len())].to_owned();
        for _ in 0..random(9) {
            text.push_str(["", " ", " ", " ", "  "][random(5)]);
            let (pieces, from) = match random(10) {
                0..=3 => (PLAIN.as_slice(), PLAIN.len()),
                4 => (STUBS.as_slice(), STUBS.len()),
                _ => (STRANGE.as_slice(), STRANGE.len()),
            };
            text.push_str(pieces[random(from)]);
        }
        text
    };
    (0..TEXTS).map(|_| text()).collect()
}

/// Runs every case with the shell that it is told; a case that hangs is ended.
const DRIVER: &str = r#"
shell=$(type -P "$1") || exit 9
export PATH=/mnt/stubs LOG=/mnt/log
number=0
while IFS= read -r -d '' text <&3; do
    CASE=$number HOME=/mnt/cwd "$shell" -c "$text" </dev/null >/dev/null 2>&1 3<&-
    number=$((number + 1))
done 3</mnt/cases
exit 0
"#;

const STUBS: [&str; 12] =
    ["ls", "cat", "find", "grep", "head", "wc", "rm", "git", "touch", "sort", "xargs", "commands"];

/// What lies in the folder: names that a glob would turn into options.
const FILES: [&str; 6] = ["-delete", "a", "a b", "src", "x=y", "{a,b}"];

const PLAIN: [&str; 40] = [
    "-la", "src", "a", "a.txt", "-dele", "te", "-n", "-", "--", ".", "..", "/", "a/b", "x", "0", "1", "2",
    "-rf", "--x=y", "'a b'", "\"a b\"", "''", "\"\"", "'$x'", "'*'", "'\\'", "\"'\"", "'\"'", "HEAD~1",
    "HEAD^", "a-b", "a_b", "@", "%", "+", ",", ":", "&&", ";", "|",
];

const STRANGE: [&str; 96] = [
    "'", "\"", "\\", "\\\\", "\\'", "\\\"", "$", "$x", "${x}", "$IFS", "${IFS}", "$'a'", "$'\\x2d'",
    "$\"a\"", "$(ls)", "$((1))", "$[1]", "`ls`", "`", "(", ")", "(ls)", "{", "}", "{a,b}", "{1..3}",
    "{ ls;}", "*", "?", "[a]", "[!a]", "a*", "~", "~root", "~+", "~-", "a=~", "a:~", "--x=~", "=", "==",
    "A=1", "A=1 ls", "&", "||", "|&", "&>", ";;", ";&", "<", ">", ">>", ">|", "<>", "2>&1", "<<a", "<<<a",
    "<(ls)", ">(ls)", "#", "#a", "a#b", "!", "!!", "!ls", "^", "^a^b", "a^b", "\n", "\\\n", "\t", "\r",
    "\x0b", "\x0c", "\u{7f}", "\u{a0}", "\u{2003}", "\u{200b}", "\u{202e}", "é", "'é'", "time", "if", "then",
    "fi", "do", "in", "!=", "command", "exec", "eval", "coproc", "function", "@(a)", "%1", "-a",
];
