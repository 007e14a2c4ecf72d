//! What may be run, and how: the section `execution`.
//!
//! The environment can only make it stricter, and what has no stricter value is set in the file only: an agent's client
//! starts the server with an environment of its own, which a project's files may choose.

use std::{
    ops::RangeInclusive,
    path::{Component, Path, PathBuf},
};

use mab_core::{Denied, execution::TIMEOUT_MAX_S};
use mab_exec::{Engine, Limits, Mode};
use toml::Value;

use super::{
    keys,
    load::{Config, Source, absolute},
    redaction::{Fault, refusal},
};
use crate::environment::Environment;

/// What may be run, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own, under its own name")]
pub struct Execution {
    /// Whether agents may ask for commands, where their server was started for it ([`Config::yolo`]).
    pub agents: bool,
    /// Whether they may although the server runs as root.
    pub as_root: bool,
    /// Folders in which agents may have commands run, absolute.
    pub workspaces: Vec<PathBuf>,
    /// The widest mode that anything may have.
    pub mode: Mode,
    /// The operator's policy file, absolute.
    pub policy: Option<PathBuf>,
    /// What isolates commands.
    pub isolation: Isolation,
    /// The image of containers.
    pub image: Option<String>,
    /// Whether commands that a person agreed to may reach the host's network.
    pub network: bool,
    /// Folders that commands may read besides the system's own, absolute.
    pub readable: Vec<PathBuf>,
    /// Names of variables that commands are given.
    pub environment: Vec<String>,
    /// Folders in which programs are looked for first, absolute.
    pub path: Vec<PathBuf>,
    /// How much one command gets.
    pub limits: Limits,
    /// Snapshots of one workspace that are kept.
    pub snapshots_keep: u32,
    /// How long a snapshot is kept, in days.
    pub snapshots_days: u32,
    /// The largest file that is saved, in MiB.
    pub snapshot_file_mib: u32,
    /// What all files of a workspace that is saved may take, in MiB.
    pub snapshot_total_mib: u32,
    /// Whether commands of mode yolo run on a copy-on-write view first.
    pub preview: bool,
    /// In whose name commands commit.
    pub git_identity: Option<Identity>,
}

/// A name and an address, as git writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The name.
    pub name: String,
    /// The address of mail.
    pub mail: String,
}

/// What isolates commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// The strongest of Landlock and bubblewrap that is there.
    #[default]
    Auto,
    /// Bubblewrap, also where less would do.
    Bubblewrap,
    /// A container of this engine.
    Container(Engine),
}

/// One of these settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Agents,
    AsRoot,
    Workspaces,
    Mode,
    Policy,
    Sandbox,
    Image,
    Network,
    Readable,
    Environment,
    Path,
    Preview,
    GitIdentity,
    Number(Number),
}

/// One of the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    Time,
    Memory,
    Processes,
    Cpu,
    File,
    Scratch,
    SnapshotsKeep,
    SnapshotsDays,
    SnapshotFile,
    SnapshotTotal,
}

impl Default for Execution {
    fn default() -> Self {
        Self {
            agents: false,
            as_root: false,
            workspaces: Vec::new(),
            mode: Mode::Safe,
            policy: None,
            isolation: Isolation::Auto,
            image: None,
            network: false,
            readable: Vec::new(),
            environment: Vec::new(),
            path: Vec::new(),
            limits: Limits::default(),
            snapshots_keep: 20,
            snapshots_days: 14,
            snapshot_file_mib: 100,
            snapshot_total_mib: 4096,
            preview: false,
            git_identity: None,
        }
    }
}

impl Isolation {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Auto, "auto"),
        (Self::Bubblewrap, "bubblewrap"),
        (Self::Container(Engine::Docker), "docker"),
        (Self::Container(Engine::Podman), "podman"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(it, _)| *it == self).map_or("", |(_, name)| name)
    }
}

impl Part {
    /// Whether there is no stricter value that the environment could ask for.
    pub(super) fn is_in_file_only(self) -> bool {
        match self {
            Self::Agents
            | Self::AsRoot
            | Self::Workspaces
            | Self::Policy
            | Self::Sandbox
            | Self::Image
            | Self::Readable
            | Self::Environment
            | Self::Path
            | Self::GitIdentity
            | Self::Number(
                Number::SnapshotsKeep | Number::SnapshotsDays | Number::SnapshotFile | Number::SnapshotTotal,
            ) => true,
            Self::Mode | Self::Network | Self::Preview | Self::Number(_) => false,
        }
    }

    /// The values it accepts, for people.
    pub(super) fn range(self) -> String {
        match self {
            Self::Mode => Mode::ALL.map(Mode::as_str).join(", "),
            Self::Sandbox => Isolation::ALL.map(|(_, name)| name).join(", "),
            Self::Agents | Self::AsRoot | Self::Network | Self::Preview => "true, false".to_owned(),
            Self::Number(number) => format!("{} to {}", number.range().start(), number.range().end()),
            Self::Workspaces
            | Self::Policy
            | Self::Image
            | Self::Readable
            | Self::Environment
            | Self::Path
            | Self::GitIdentity => String::new(),
        }
    }
}

impl Number {
    fn range(self) -> RangeInclusive<u64> {
        match self {
            Self::Time => 1..=TIMEOUT_MAX_S.into(),
            Self::Memory => 16..=1 << 20,
            Self::Processes | Self::Scratch => 1..=65_536,
            Self::Cpu => 1..=86_400,
            Self::File | Self::SnapshotFile | Self::SnapshotTotal => 1..=1 << 20,
            Self::SnapshotsKeep => 1..=10_000,
            Self::SnapshotsDays => 1..=3_650,
        }
    }

    /// What it is now.
    fn of(self, at: &Execution) -> u64 {
        match self {
            Self::Time => at.limits.time_s.into(),
            Self::Memory => at.limits.memory_bytes / MIB,
            Self::Processes => at.limits.processes.into(),
            Self::Cpu => at.limits.cpu_s.into(),
            Self::File => at.limits.file_bytes / MIB,
            Self::Scratch => at.limits.scratch_bytes / MIB,
            Self::SnapshotsKeep => at.snapshots_keep.into(),
            Self::SnapshotsDays => at.snapshots_days.into(),
            Self::SnapshotFile => at.snapshot_file_mib.into(),
            Self::SnapshotTotal => at.snapshot_total_mib.into(),
        }
    }

    fn set(self, at: &mut Execution, to: u64) {
        // No range goes beyond 32 bits.
        let small = u32::try_from(to).unwrap_or(u32::MAX);
        match self {
            Self::Time => at.limits.time_s = small,
            Self::Memory => at.limits.memory_bytes = to * MIB,
            Self::Processes => at.limits.processes = small,
            Self::Cpu => at.limits.cpu_s = small,
            Self::File => at.limits.file_bytes = to * MIB,
            Self::Scratch => at.limits.scratch_bytes = to * MIB,
            Self::SnapshotsKeep => at.snapshots_keep = small,
            Self::SnapshotsDays => at.snapshots_days = small,
            Self::SnapshotFile => at.snapshot_file_mib = small,
            Self::SnapshotTotal => at.snapshot_total_mib = small,
        }
    }
}

/// Sets a part; false if the environment asks for something less strict than there is already.
pub(super) fn set(part: Part, at: &mut Execution, value: &Value, source: &Source) -> Result<bool, Fault> {
    let from_environment = source.is_text();
    match part {
        Part::Mode => {
            let mode = value.as_str().unwrap_or_default().parse().map_err(|_: Denied| one_of(part))?;
            if from_environment && mode >= at.mode {
                return Ok(false);
            }
            at.mode = mode;
        }
        Part::Network | Part::Preview => {
            let is_on = keys::switch(value, source).ok_or_else(|| one_of(part))?;
            let (field, strict) =
                if part == Part::Network { (&mut at.network, false) } else { (&mut at.preview, true) };
            if from_environment && is_on != strict {
                return Ok(false);
            }
            *field = is_on;
        }
        Part::Agents => at.agents = keys::switch(value, source).ok_or_else(|| one_of(part))?,
        Part::AsRoot => at.as_root = keys::switch(value, source).ok_or_else(|| one_of(part))?,
        Part::Sandbox => {
            let named = Isolation::ALL.into_iter().find(|(_, name)| value.as_str() == Some(*name));
            at.isolation = named.ok_or_else(|| one_of(part))?.0;
        }
        Part::Image => at.image = Some(image(value)?),
        Part::Policy => at.policy = Some(path(value)?),
        Part::Workspaces => at.workspaces = paths(value)?,
        Part::Readable => at.readable = paths(value)?,
        Part::Path => at.path = paths(value)?,
        Part::Environment => at.environment = names(value)?,
        Part::GitIdentity => at.git_identity = Some(identity(value)?),
        Part::Number(number) => {
            let asked = keys::number(value, source).filter(|asked| number.range().contains(asked));
            let range = part.range();
            let wrong = || (format!("it is no number from {range}"), format!("use a number, {range}"));
            let asked = asked.ok_or_else(wrong)?;
            if from_environment && asked >= number.of(at) {
                return Ok(false);
            }
            number.set(at, asked);
        }
    }
    Ok(true)
}

/// What is in effect, in one line.
pub(super) fn show(part: Part, at: &Execution) -> String {
    let some = |text: String| if text.is_empty() { NONE.to_owned() } else { text };
    let paths = |paths: &[PathBuf]| {
        some(paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "))
    };
    match part {
        Part::Agents => at.agents.to_string(),
        Part::AsRoot => at.as_root.to_string(),
        Part::Workspaces => paths(&at.workspaces),
        Part::Mode => at.mode.to_string(),
        Part::Policy => paths(at.policy.as_slice()),
        Part::Sandbox => at.isolation.name().to_owned(),
        Part::Image => some(at.image.clone().unwrap_or_default()),
        Part::Network => at.network.to_string(),
        Part::Readable => paths(&at.readable),
        Part::Environment => some(at.environment.join(", ")),
        Part::Path => paths(&at.path),
        Part::Preview => at.preview.to_string(),
        Part::GitIdentity => {
            let shown = |who: &Identity| format!("{} <{}>", who.name, who.mail);
            some(at.git_identity.as_ref().map(shown).unwrap_or_default())
        }
        Part::Number(number) => number.of(at).to_string(),
    }
}

/// Makes paths absolute, and looks at what only makes sense together.
///
/// # Errors
/// `misconfigured`: a container without an image.
pub(super) fn resolve(config: &mut Config, environment: &Environment) -> Result<(), Denied> {
    let at = &mut config.execution;
    for path in
        [&mut at.workspaces, &mut at.readable, &mut at.path].into_iter().flatten().chain(&mut at.policy)
    {
        *path = absolute(path, environment);
    }
    if matches!(at.isolation, Isolation::Container(_)) && at.image.is_none() {
        let source = config.sources.get("execution.sandbox").unwrap_or(&Source::Default);
        let hint = "name one that is there already, such as execution.image = \"debian:12\"";
        let fault =
            ("a container needs an image, and execution.image names none".to_owned(), hint.to_owned());
        return Err(refusal("execution.sandbox", &fault, source));
    }
    Ok(())
}

fn one_of(part: Part) -> Fault {
    ("it is none of the words".to_owned(), format!("use one of: {}", part.range()))
}

fn paths(value: &Value) -> Result<Vec<PathBuf>, Fault> {
    let array = value.as_array().ok_or_else(|| fault("it is no array", PATHS))?;
    array.iter().map(path).collect()
}

/// An absolute path of something below the root: where this program was started decides nothing.
fn path(value: &Value) -> Result<PathBuf, Fault> {
    let path = value.as_str().map(Path::new).filter(|path| path.is_absolute() || path.starts_with("~"));
    let path = path.ok_or_else(|| fault("it is no absolute path", PATHS))?;
    if path.components().any(|part| part == Component::ParentDir) || path.parent().is_none() {
        return Err(fault("it is the root of the file system, or has `..` in it", PATHS));
    }
    if path.to_string_lossy().chars().any(char::is_control) {
        return Err(fault("it has control characters", PATHS));
    }
    Ok(path.components().collect())
}

/// A name as engines write it; what starts with `-` would be an option.
fn image(value: &Value) -> Result<String, Fault> {
    let is_name = |name: &&str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte);
        name.len() <= NAME_MAX_BYTES
            && name.starts_with(|first: char| first.is_ascii_alphanumeric())
            && name.bytes().all(is_plain)
    };
    let name = value.as_str().filter(is_name);
    name.map(str::to_owned)
        .ok_or_else(|| fault("it is no name of an image", "write one such as \"debian:12\""))
}

fn names(value: &Value) -> Result<Vec<String>, Fault> {
    const HINT: &str = "use an array of names, such as [\"RUSTUP_HOME\"]";
    let array = value.as_array().ok_or_else(|| fault("it is no array", HINT))?;
    let name = |value: &Value| {
        let name = value.as_str().filter(|name| is_variable(name));
        let name = name.ok_or_else(|| fault("it holds something that is no name of a variable", HINT))?;
        if decides_what_runs(name) {
            let why = format!("{name} would decide what a command runs or reaches, or is made for each");
            return Err((why, "leave it out".to_owned()));
        }
        Ok(name.to_owned())
    };
    array.iter().map(name).collect()
}

/// `Name <mail>`; git itself takes these characters out or ends a line with them.
fn identity(value: &Value) -> Result<Identity, Fault> {
    let is_part = |part: &str| {
        let is_bad = |character: char| character.is_control() || "<>".contains(character);
        !part.is_empty() && part.trim() == part && part.len() <= NAME_MAX_BYTES && !part.contains(is_bad)
    };
    let parts = value.as_str().and_then(|text| text.strip_suffix('>')?.split_once(" <"));
    let parts = parts.filter(|(name, mail)| is_part(name) && is_part(mail) && !mail.contains(' '));
    parts.map(|(name, mail)| Identity { name: name.to_owned(), mail: mail.to_owned() }).ok_or_else(|| {
        fault("it is no name with an address", "write it as git does: \"Ada Lovelace <ada@example.org>\"")
    })
}

fn is_variable(name: &str) -> bool {
    let is_plain = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
    !name.is_empty()
        && name.len() <= NAME_MAX_BYTES
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(is_plain)
}

/// Variables that the loader, shells or git obey, those of this program, and those that are made.
fn decides_what_runs(name: &str) -> bool {
    const PREFIXES: [&str; 6] = ["LD_", "BASH_", "GIT_", "MAB_", "DYLD_", "GCONV_"];
    const NAMES: [&str; 8] = ["PATH", "HOME", "ENV", "IFS", "SHELLOPTS", "BASHOPTS", "TERM", "PWD"];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || NAMES.contains(&name)
}

fn fault(what: &str, hint: &str) -> Fault {
    (what.to_owned(), hint.to_owned())
}

const MIB: u64 = 1 << 20;

/// Longest name of an image or a variable.
const NAME_MAX_BYTES: usize = 255;

/// What to write for paths.
const PATHS: &str = "use absolute paths, or ~/…";

/// What is shown when it is not set.
const NONE: &str = "none";

#[cfg(test)]
mod tests;
