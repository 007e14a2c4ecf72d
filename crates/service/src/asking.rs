//! What a form of an agent's own client asks about a command: the least sure way to a yes.

use mab_core::{RunId, visible::visible};
use mab_exec::{Digest, GitAccess, Link, Network, Obeys, Plan, Profile, Request};

/// What whoever sits before a client is asked: whether one exact command may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The command's name.
    pub run: RunId,
    /// The hash of its request, in hexadecimal.
    pub hash: String,
    /// All of it, in lines of which each character shows itself.
    pub text: String,
}

impl Question {
    /// The question about this request; `None` when it is too long to be read in a form, where something might be cut.
    pub fn of(run: RunId, request: &Request) -> Option<Self> {
        let Profile { workspace, writable, git, network, limits, .. } = &request.profile;
        let mut lines = vec![format!("An agent asks to run a command ({run}).")];
        lines.extend(of_plan(&request.plan));
        let writes = match (writable, git) {
            (false, _) => "nothing",
            (true, GitAccess::ReadOnly) => "the folder, but for its .git",
            (true, GitAccess::Commit) => "the folder, and commits",
        };
        let network = match network {
            Network::Off => "none",
            Network::Host => "the host's own: what it can read, it can send",
        };
        let whole = request.hash().ok()?.to_string();
        let digits = whole.get(whole.len().saturating_sub(DIGITS)..).unwrap_or_default();
        lines.extend(shown("folder: ", &workspace.to_string_lossy()));
        lines.push(format!("may write: {writes}"));
        lines.push(format!("network: {network}"));
        lines.extend(request.binaries.iter().flat_map(|it| pinned("program ", &it.path, Some(&it.sha256))));
        lines.extend(of_files(&request.obeys));
        lines.push(format!("longest time: {} s", limits.time_s));
        lines.push(format!("request: …{digits}"));
        let text = lines.join("\n");
        (text.len() <= TEXT_MAX_BYTES).then_some(Self { run, hash: whole, text })
    }
}

/// What it runs or obeys of the folder, with what was in it.
fn of_files(obeys: &Obeys) -> Vec<String> {
    let mut lines: Vec<String> =
        obeys.code_of.iter().flat_map(|name| shown("may run code of the folder: ", name)).collect();
    for file in &obeys.files {
        lines.extend(pinned("obeys ", &file.name(), file.sha256.as_ref()));
    }
    if obeys.more > 0 {
        lines.push(format!("names not looked at: {}", obeys.more));
    }
    lines
}

/// A file, then all of its digest: who chooses two files makes a part of their digests agree.
fn pinned(what: &str, path: &str, digest: Option<&Digest>) -> Vec<String> {
    let mut lines = shown(what, path);
    lines.push(match digest {
        Some(digest) => format!("  sha256 {digest}"),
        None => "  not compared".to_owned(),
    });
    lines
}

/// One word per line.
fn of_plan(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    match plan {
        Plan::Shell(text) => lines.extend(shown("text for a shell: ", text)),
        Plan::Steps(steps) => {
            for step in steps {
                match step.link {
                    Link::Always => {}
                    Link::AfterSuccess => lines.push("then, if that succeeded:".to_owned()),
                    Link::AfterFailure => lines.push("then, if that failed:".to_owned()),
                }
                for (number, command) in step.pipeline.iter().enumerate() {
                    let what = if number == 0 { "run" } else { "its output to" };
                    lines.extend(shown(&format!("{what} "), &command.name));
                    lines.extend(shown("  which is ", &command.program));
                    lines.extend(command.arguments.iter().flat_map(|word| shown("  ", word)));
                    let set = |(name, value): &(String, String)| {
                        shown(&format!("  with {} = ", literal(name)), value)
                    };
                    lines.extend(command.environment.iter().flat_map(set));
                }
            }
        }
    }
    lines
}

/// A text after what it is, and what it is in ASCII when it is not: letters of several scripts look alike, and a client may
/// draw nothing for some.
fn shown(what: &str, text: &str) -> Vec<String> {
    let plain = literal(text);
    let escaped = |one: char| if one.is_ascii() { one.to_string() } else { one.escape_unicode().to_string() };
    let ascii = (!text.is_ascii())
        .then(|| format!("  not ASCII: {}", plain.chars().map(escaped).collect::<String>()));
    std::iter::once(format!("{what}{plain}")).chain(ascii).collect()
}

/// `text` in double quotes, so that no two texts look alike: of blanks in a row all but the first as their escape, for a
/// row of them could push what follows out of sight.
fn literal(text: &str) -> String {
    let (mut plain, mut before) = (String::from('"'), ' ');
    for character in text.chars() {
        match character {
            '\\' | '"' => plain.extend(['\\', character]),
            ' ' if before != ' ' => plain.push(' '),
            blank if blank.is_whitespace() && !blank.is_control() => plain.extend(blank.escape_unicode()),
            _ => plain.push(character),
        }
        before = character;
    }
    plain.push('"');
    visible(&plain, &[])
}

/// As many of the last digits of the hash are shown as are typed at a terminal.
const DIGITS: usize = 6;
/// More than this nobody reads in a form, and a client may cut it.
const TEXT_MAX_BYTES: usize = 4_000;

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "abababababababababababababababababababababababababababababababab";

    /// A request whose plan is this.
    fn request(plan: &serde_json::Value) -> Request {
        serde_json::from_value(serde_json::json!({
            "agent": "a", "binaries": [{"path": "/usr/bin/mkdir", "sha256": DIGEST}],
            "command": {"argv": [["mkdir", "made"]]}, "conversation": "conv_0123456789abcdef",
            "created_at": "2026-11-23T03:03:23.160Z", "expires_at": "2026-11-23T03:38:23.160Z",
            "mode": "restricted", "nonce": "00", "plan": plan,
            "obeys": {"code_of": ["make"], "files": [{"path": "a \u{430}.mk", "sha256": DIGEST},
                {"path": "big", "sha256": null}], "more": 2},
            "policy_digest": DIGEST, "preview": false,
            "profile": {"environment": {}, "git": "commit", "hidden": [], "limits": {"cpu_s": 120,
                "file_bytes": 1, "memory_bytes": 1, "output_bytes": 1, "processes": 1, "scratch_bytes": 1,
                "time_s": 120}, "network": "host", "readable": [], "workspace": "/home/ada/pro  ject",
                "writable": true},
            "snapshot": null, "tier": "bubblewrap", "version": 1, "workspace_device": "1",
            "workspace_inode": "2",
        }))
        .unwrap()
    }

    fn question(request: &Request) -> Option<Question> {
        Question::of(RunId::from_bytes([7; 8]), request)
    }

    #[test]
    fn question_when_it_fits_is_all_of_the_request_one_word_per_line() {
        let argv = |name: &str, words: &[&str], set: &[(&str, &str)]| {
            serde_json::json!({"name": name, "program": format!("/usr/bin/{name}"), "arguments": words,
                "environment": set})
        };
        let request = request(&serde_json::json!({"steps": [
            {"link": "always", "pipeline": [argv("mkdir", &["ma de", "-p\nrm"], &[("A", "b\u{202e}")]), argv("wc", &[], &[])]},
            {"link": "after_success", "pipeline": [argv("git", &["commit"], &[])]},
            {"link": "after_failure", "pipeline": [argv("true", &[""], &[])]},
        ]}));
        let asked = question(&request).unwrap();
        let hash = request.hash().unwrap().to_string();
        assert_eq!(asked.hash, hash);
        let expected = format!(
            "An agent asks to run a command (run_0707070707070707).\n\
             run \"mkdir\"\n  which is \"/usr/bin/mkdir\"\n  \"ma de\"\n  \"-p\\nrm\"\n  \
             with \"A\" = \"b\\u{{202e}}\"\n  not ASCII: \"b\\u{{202e}}\"\n\
             its output to \"wc\"\n  which is \"/usr/bin/wc\"\n\
             then, if that succeeded:\nrun \"git\"\n  which is \"/usr/bin/git\"\n  \"commit\"\n\
             then, if that failed:\nrun \"true\"\n  which is \"/usr/bin/true\"\n  \"\"\n\
             folder: \"/home/ada/pro \\u{{20}}ject\"\nmay write: the folder, and commits\n\
             network: the host's own: what it can read, it can send\n\
             program \"/usr/bin/mkdir\"\n  sha256 {DIGEST}\n\
             may run code of the folder: \"make\"\n\
             obeys \"a \u{430}.mk\"\n  not ASCII: \"a \\u{{430}}.mk\"\n  sha256 {DIGEST}\n\
             obeys \"big\"\n  not compared\nnames not looked at: 2\n\
             longest time: 120 s\nrequest: …{}",
            &hash[hash.len() - 6..]
        );
        assert_eq!(asked.text, expected);
    }

    #[test]
    fn question_when_a_form_could_cut_it_is_not_asked_at_all() {
        let of = |letters: usize| question(&request(&serde_json::json!({"shell": "x".repeat(letters)})));
        let rest = of(0).unwrap().text.len();
        assert_eq!(of(TEXT_MAX_BYTES - rest).unwrap().text.len(), 4_000);
        assert_eq!(of(TEXT_MAX_BYTES - rest + 1), None);
    }

    #[test]
    fn words_when_they_differ_are_shown_differently() {
        for (text, shown) in [
            ("a b", r#""a b""#),
            (" a  b", r#""\u{20}a \u{20}b""#),
            ("a\\n\"", r#""a\\n\"""#),
            ("a\n\u{1b}[2J", r#""a\n\u{1b}[2J""#),
            ("\u{202e}x\u{a0}\u{200b}", r#""\u{202e}x\u{a0}\u{200b}""#),
        ] {
            assert_eq!(literal(text), shown);
        }
    }

    #[test]
    fn word_when_it_is_not_ascii_is_also_shown_in_ascii() {
        let lines = shown("  ", "src\u{441}\u{378}");
        assert_eq!(lines, ["  \"src\u{441}\\u{378}\"", "  not ASCII: \"src\\u{441}\\u{378}\""]);
        assert_eq!(shown("run ", "ls"), ["run \"ls\""]);
    }
}
