//! What the engine is told, and what the shell inside is.

use std::{ffi::OsString, path::Path};

use crate::{Argv, Engine, Link, Network, Plan, Profile, Unavailable, bubblewrap::Mount};

/// Everything about one container.
pub(super) struct Order<'a> {
    pub(super) engine: Engine,
    pub(super) name: &'a str,
    pub(super) owner: &'a str,
    /// The image, by its digest.
    pub(super) image: &'a str,
    pub(super) user: (u32, u32),
    pub(super) plan: &'a Plan,
    pub(super) profile: &'a Profile,
    pub(super) mounts: &'a [Mount],
}

impl Order<'_> {
    /// The words that create it.
    ///
    /// # Errors
    /// [`Unavailable`] when a path cannot be said without being taken for more.
    pub(super) fn words(&self) -> Result<Vec<OsString>, Unavailable> {
        let limits = self.profile.limits;
        let mut words: Vec<OsString> =
            ["create", "--pull", "never", "--log-driver", "none"].map(Into::into).into();
        words.extend(FIXED.map(OsString::from));
        let mut set = |option: &str, value: String| words.push(format!("--{option}={value}").into());
        set("name", self.name.to_owned());
        set("label", format!("{OWNER_LABEL}={}", self.owner));
        set("user", format!("{}:{}", self.user.0, self.user.1));
        set(
            "network",
            match self.profile.network {
                Network::Off => "none".to_owned(),
                Network::Host => "host".to_owned(),
            },
        );
        set("memory", limits.memory_bytes.to_string());
        set("memory-swap", limits.memory_bytes.to_string());
        set("pids-limit", limits.processes.to_string());
        set("ulimit", "core=0".to_owned());
        set("ulimit", "nofile=1024:1024".to_owned());
        set("ulimit", format!("cpu={}", limits.cpu_s));
        set("ulimit", format!("fsize={}", limits.file_bytes));
        set("tmpfs", format!("/tmp:rw,exec,nosuid,nodev,mode=1777,size={}", limits.scratch_bytes));
        if self.engine == Engine::Podman {
            // Its own default is more than it may set everywhere.
            set("ulimit", "nproc=4096:4096".to_owned());
            if self.user.0 != 0 {
                set("userns", "keep-id".to_owned());
            }
        }
        for (name, value) in &self.profile.environment {
            match name.as_str() {
                // The image knows where its own programs are.
                "PATH" => {}
                _ if is_public(name) => set("env", format!("{name}={value}")),
                // Its value is in the environment of the engine's program: words can be seen by everybody.
                _ => set("env", name.clone()),
            }
        }
        for mount in self.mounts {
            words.push("--mount".into());
            words.push(mount_words(mount)?.into());
        }
        words.push("--workdir".into());
        words.push(plain(&self.profile.workspace)?.into());
        words.extend(["--entrypoint", "/bin/sh", self.image, "-c"].map(OsString::from));
        match self.plan {
            Plan::Steps(_) => words.push(script(self.plan).into()),
            Plan::Shell(text) => words.extend([SHELL, "sh", text].map(OsString::from)),
        }
        Ok(words)
    }

    /// Variables whose values are passed on unseen.
    pub(super) fn hidden_environment(&self) -> impl Iterator<Item = (&String, &String)> {
        self.profile.environment.iter().filter(|(name, _)| !is_public(name) && *name != "PATH")
    }
}

fn is_public(name: &str) -> bool {
    matches!(name, "HOME" | "LANG" | "TERM" | "TZ")
}

/// One mount, in the engine's own comma-separated words.
fn mount_words(mount: &Mount) -> Result<String, Unavailable> {
    let bind = |source: &Path, target: &Path, end: &str| {
        Ok(format!("type=bind,source={},target={}{end}", plain(source)?, plain(target)?))
    };
    match mount {
        Mount::ReadOnly(source, target) => bind(source, target, ",readonly"),
        Mount::Writable(source, target) => bind(source, target, ""),
        Mount::NoFile(target) => bind(Path::new("/dev/null"), target, ",readonly"),
        Mount::EmptyFolder(target) => {
            Ok(format!("type=tmpfs,target={},tmpfs-size=4096,tmpfs-mode=0500", plain(target)?))
        }
    }
}

/// A path that is one value in such a list: the list is read as a line of CSV.
fn plain(path: &Path) -> Result<&str, Unavailable> {
    let is_plain =
        |text: &&str| !text.contains([',', '"', '\'', '\\']) && !text.chars().any(char::is_control);
    path.to_str().filter(is_plain).ok_or_else(|| Unavailable {
        reason: "a path has a comma, a quotation mark, a backslash, a control character or bytes that are no text, \
                 which no container engine can be told safely"
            .to_owned(),
        hint: "rename the folder, or use the sandbox `bubblewrap`".to_owned(),
    })
}

/// A plan as text for a POSIX shell. Every word of a command is quoted, and each becomes the program at once, so that no
/// builtin, alias or function takes its place.
fn script(plan: &Plan) -> String {
    let Plan::Steps(steps) = plan else { return String::new() };
    let mut script = String::from("mkdir -p \"$HOME\" 2>/dev/null\n");
    for (index, step) in steps.iter().enumerate() {
        script.push_str(match step.link {
            _ if index == 0 => "",
            Link::Always => "; ",
            Link::AfterSuccess => " && ",
            Link::AfterFailure => " || ",
        });
        let commands: Vec<String> = step.pipeline.iter().map(command).collect();
        script.push_str(&commands.join(" | "));
    }
    script
}

fn command(argv: &Argv) -> String {
    let mut command = String::from("(");
    for (name, value) in &argv.environment {
        command.extend(["export ", name, "=", &quoted(value), "; "]);
    }
    command.push_str("exec ");
    let words: Vec<String> =
        std::iter::once(&argv.program).chain(&argv.arguments).map(|word| quoted(word)).collect();
    command.push_str(&words.join(" "));
    command.push(')');
    command
}

/// A word that a POSIX shell takes as it is (Shell Command Language §2.2.2).
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// The label that says whose a container is.
pub(super) const OWNER_LABEL: &str = "mab.owner";

/// What every container is told.
const FIXED: [&str; 8] = [
    "--read-only",
    "--no-healthcheck",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--ipc=none",
    "--hostname=sandbox",
    "--restart=no",
    "--stop-timeout=0",
];

/// Runs the text that follows it in the shell of mode `yolo`. Neither shell is the first process of the container, which
/// the kernel protects from its own signals.
const SHELL: &str = "mkdir -p \"$HOME\" 2>/dev/null
if [ -x /bin/bash ]; then /bin/bash --noprofile --norc -c \"$1\"; else /bin/sh -c \"$1\"; fi
exit $?";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Step;

    fn argv(words: &[&str]) -> Argv {
        Argv {
            name: words[0].to_owned(),
            program: words[0].to_owned(),
            arguments: words[1..].iter().map(|&word| word.to_owned()).collect(),
            environment: vec![],
        }
    }

    #[test]
    fn script_quotes_every_word_and_keeps_the_links() {
        let with = Argv { environment: vec![("A".to_owned(), "x y".to_owned())], ..argv(&["git", "log"]) };
        let plan = Plan::Steps(vec![
            Step {
                link: Link::Always,
                pipeline: vec![argv(&["echo", "$(id)", "it's", "a\nb"]), argv(&["wc"])],
            },
            Step { link: Link::AfterSuccess, pipeline: vec![with] },
            Step { link: Link::AfterFailure, pipeline: vec![argv(&["true"])] },
            Step { link: Link::Always, pipeline: vec![argv(&["false"])] },
        ]);
        assert_eq!(
            script(&plan),
            "mkdir -p \"$HOME\" 2>/dev/null\n(exec 'echo' '$(id)' 'it'\\''s' 'a\nb') | (exec 'wc') && \
             (export A='x y'; exec 'git' 'log') || (exec 'true'); (exec 'false')"
        );
    }

    #[test]
    fn path_when_it_could_be_taken_for_more_is_refused() {
        for bad in ["/a,readonly=false", "/a\nb", "/a\"b", "/a\\b", "/a'b", "/a\u{1b}"] {
            let mount = Mount::Writable("/good".into(), bad.into());
            assert!(mount_words(&mount).unwrap_err().hint.contains("bubblewrap"), "{bad}");
        }
        let mount = Mount::ReadOnly("/a b:c=d".into(), "/é".into());
        assert_eq!(mount_words(&mount).unwrap(), "type=bind,source=/a b:c=d,target=/é,readonly");
    }
}
