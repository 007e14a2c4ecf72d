//! What may be run, and how.

use super::{
    super::execution::{Number, Part},
    Field, Key, RATE,
};

/// One row.
macro_rules! key {
    ($part:expr, $name:literal, $unit:literal, $default:literal, $help:literal) => {
        Key {
            name: concat!("execution.", $name),
            unit: $unit,
            help: $help,
            default: $default,
            field: Field::Execution($part),
        }
    };
}

/// All of them.
pub(super) static OF_EXECUTION: &[Key] = &[
    Key {
        name: "yolo",
        unit: "1, or anything else",
        help: "Whether this server was started so that its agents may ask for commands; execution.agents has to allow it too.",
        default: "none: they may not",
        field: Field::Place(|config| config.yolo.to_string()),
    },
    key!(
        Part::Agents,
        "agents",
        "a switch",
        "false",
        "Whether agents may ask for commands, where their server was started with MAB_YOLO=1; each conversation needs a person's `mab yolo enable` besides."
    ),
    key!(
        Part::AsRoot,
        "as_root",
        "a switch",
        "false",
        "Whether agents may ask for commands although their server runs as root."
    ),
    key!(
        Part::Workspaces,
        "workspaces",
        "array of paths",
        "none",
        "The folders in which agents may have commands run; without one, none are."
    ),
    key!(
        Part::Mode,
        "mode",
        "a word",
        "safe",
        "The widest mode that anything may have here. The environment can only make it narrower."
    ),
    key!(
        Part::Policy,
        "policy",
        "path",
        "none",
        "A policy file that tightens or extends what the judge knows; `mab judge --check-policy` tries it."
    ),
    key!(
        Part::Sandbox,
        "sandbox",
        "a word",
        "auto",
        "What isolates commands: auto is the strongest of landlock and bubblewrap that the mode needs; a container only when it is named here."
    ),
    key!(
        Part::Image,
        "image",
        "name of an image",
        "none",
        "The image of containers; it is never pulled, so have it there before."
    ),
    key!(
        Part::Network,
        "network",
        "a switch",
        "false",
        "Whether commands that a person agreed to may reach the host's network. The environment can only switch it off."
    ),
    key!(
        Part::Readable,
        "readable",
        "array of paths",
        "none",
        "Folders of the host that commands may read besides the system's own, such as tool chains."
    ),
    key!(
        Part::Environment,
        "environment",
        "array of names",
        "none",
        "Variables that commands are given from the environment of this program, besides PATH, HOME, LANG, TZ and TERM, which are made."
    ),
    key!(
        Part::GitIdentity,
        "git_identity",
        "Name <mail>",
        "none",
        "In whose name commands commit: commands do not see the home folder, nor what git keeps there."
    ),
    key!(
        Part::Path,
        "path",
        "array of paths",
        "none",
        "Folders in which programs are looked for before the system's own."
    ),
    key!(
        Part::Number(Number::Time),
        "timeout_s",
        "seconds",
        "120",
        "Longest time of one command. The environment can only lower it."
    ),
    key!(
        Part::Number(Number::Memory),
        "memory_mib",
        "MiB",
        "4096",
        "Memory of one command with all its processes where a control group holds it, else of each. The environment can only lower it."
    ),
    key!(
        Part::Number(Number::Processes),
        "processes",
        "processes and threads",
        "512",
        "Processes and threads of one command at once. The environment can only lower it."
    ),
    key!(
        Part::Number(Number::Cpu),
        "cpu_s",
        "seconds",
        "120",
        "Processor time of each process. The environment can only lower it."
    ),
    key!(
        Part::Number(Number::File),
        "file_mib",
        "MiB",
        "1024",
        "Size of a file it writes. The environment can only lower it."
    ),
    key!(
        Part::Number(Number::Scratch),
        "scratch_mib",
        "MiB",
        "512",
        "Size of its private /tmp. The environment can only lower it."
    ),
    key!(
        Part::Number(Number::SnapshotsKeep),
        "snapshots_keep",
        "snapshots",
        "20",
        "Snapshots of one workspace that are kept; older ones go first."
    ),
    key!(Part::Number(Number::SnapshotsDays), "snapshots_days", "days", "14", "How long a snapshot is kept."),
    key!(
        Part::Number(Number::SnapshotFile),
        "snapshot_file_mib",
        "MiB",
        "100",
        "The largest file that is saved; a repository's own files are up to 1 GiB, or as much as this."
    ),
    key!(
        Part::Number(Number::SnapshotTotal),
        "snapshot_total_mib",
        "MiB",
        "4096",
        "What all files of a workspace may take on the disk; in a larger one no command that writes is run."
    ),
    key!(
        Part::Preview,
        "preview",
        "a switch",
        "false",
        "Whether commands of the mode yolo only run on a copy-on-write view until somebody has seen what they changed. The environment can only switch it on."
    ),
    Key {
        name: "limits.execute_per_minute",
        unit: "calls",
        help: "Commands asked for per agent of a conversation in any minute; 0 is no limit.",
        default: "60",
        field: Field::Count(|settings| &mut settings.limits.execute_per_minute, RATE),
    },
    Key {
        name: "limits.execute_per_hour",
        unit: "calls",
        help: "Commands asked for per agent of a conversation in any hour; 0 is no limit.",
        default: "600",
        field: Field::Count(|settings| &mut settings.limits.execute_per_hour, RATE),
    },
];
