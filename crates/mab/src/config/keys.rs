//! The table of settings. To add one, add a row here and its field in [`Config`] or `mab_service::Settings`.

use std::ops::RangeInclusive;

use mab_core::{Denied, agent::Permission, limit::Limit};
use mab_service::Settings;
use toml::Value;

use super::{
    audit, clients, execution,
    load::{Config, Source, refuse},
    redaction::{self, Part},
};
use crate::environment::Environment;

mod of_clients;
mod of_execution;
mod of_permissions;
mod of_redaction;
mod refusals;
mod values;

use of_clients::OF_CLIENTS;
use of_execution::OF_EXECUTION;
use of_permissions::OF_PERMISSIONS;
use of_redaction::OF_REDACTION;
use refusals::{not_in_files, only_in_files, unknown};
use values::{durability, durability_name, shown};
pub(super) use values::{number, switch};

/// One setting.
pub struct Key {
    /// Its name: `section.key` in the file, `MAB_SECTION_KEY` in the environment.
    pub name: &'static str,
    /// The unit or kind of its value.
    pub unit: &'static str,
    /// What it means, one sentence.
    pub help: &'static str,
    /// What it is when nobody sets it.
    pub default: &'static str,
    field: Field,
}

/// Where a value lives and what it may be.
enum Field {
    /// Set by a flag or the environment only.
    Place(fn(&Config) -> String),
    Count(fn(&mut Settings) -> &mut u32, RangeInclusive<u32>),
    Amount(fn(&mut Settings) -> &mut u64, RangeInclusive<u64>),
    Switch(fn(&mut Settings) -> &mut bool),
    BusyTimeout(RangeInclusive<u64>),
    Durability,
    AnchorFile,
    AnchorCommand,
    /// Something on the side of the agents' clients.
    Client(clients::Part),
    /// A part of the policy of redaction.
    Redaction(Part),
    /// What may be run, and how.
    Execution(execution::Part),
    /// A limit where it differs for a permission.
    OfPermission(Permission, Limit),
}

/// Every setting, in the order of the documentation.
pub fn keys() -> impl Iterator<Item = &'static Key> {
    KEYS.iter().chain(OF_CLIENTS).chain(OF_REDACTION).chain(OF_EXECUTION)
}

/// Every setting, with those of single permissions.
pub(super) fn all_keys() -> impl Iterator<Item = &'static Key> {
    keys().chain(OF_PERMISSIONS.iter().flatten())
}

impl Key {
    /// The environment variable that sets it.
    pub fn variable(&self) -> String {
        format!("MAB_{}", self.name.to_ascii_uppercase().replace('.', "_"))
    }

    /// Whether the file may set it; otherwise only a flag or the environment may.
    pub fn in_file(&self) -> bool {
        !matches!(self.field, Field::Place(_))
    }

    /// Whether the environment may set it; otherwise only the file may.
    pub fn in_environment(&self) -> bool {
        !matches!(&self.field, Field::Redaction(part) if part.is_in_file_only())
            && !matches!(&self.field, Field::Execution(part) if part.is_in_file_only())
    }

    /// The values it accepts, for people; empty when its unit says it all.
    pub fn range(&self) -> String {
        match &self.field {
            Field::Place(_) | Field::AnchorFile | Field::AnchorCommand => String::new(),
            Field::Count(_, range) => format!("{} to {}", range.start(), range.end()),
            Field::Amount(_, range) | Field::BusyTimeout(range) => {
                format!("{} to {}", range.start(), range.end())
            }
            Field::Durability => "full, normal".to_owned(),
            Field::Switch(_) => "true, false".to_owned(),
            Field::Client(part) => clients::range(*part),
            Field::Redaction(part) => part.range(),
            Field::Execution(part) => part.range(),
            Field::OfPermission(_, limit) => format!("{} to {}", limit.range().start(), limit.range().end()),
        }
    }

    pub(super) fn show(&self, config: &Config) -> String {
        let mut settings = config.settings.clone();
        match &self.field {
            Field::Place(show) => show(config),
            Field::Count(at, _) => at(&mut settings).to_string(),
            Field::Amount(at, _) => at(&mut settings).to_string(),
            Field::Switch(at) => at(&mut settings).to_string(),
            Field::BusyTimeout(_) => config.busy_timeout_ms.to_string(),
            Field::Durability => durability_name(config.durability).to_owned(),
            Field::AnchorFile => audit::show_file(&config.audit),
            Field::AnchorCommand => audit::show_command(&config.audit),
            Field::Client(part) => clients::show(*part, config),
            Field::Redaction(part) => redaction::show(*part, config),
            Field::Execution(part) => execution::show(*part, &config.execution),
            Field::OfPermission(permission, limit) => settings.limits.of(*permission, *limit).to_string(),
        }
    }

    /// Sets it from a value of the file, or a text of the environment.
    pub(super) fn apply(&self, config: &mut Config, value: &Value, source: Source) -> Result<(), Denied> {
        let wrong = || {
            refuse(format_args!("{} cannot be {}", self.name, shown(value)), &source)
                .hint(self.usage(value, &source))
        };
        let number = |value| number(value, &source);
        if source.is_text() && self.in_file() && !self.in_environment() {
            return Err(only_in_files(self, &source));
        }
        match &self.field {
            Field::Place(_) => return Err(not_in_files(self, &source)),
            Field::Client(part) => {
                clients::set(*part, &mut config.clients, value, switch(value, &source)).ok_or_else(wrong)?;
            }
            Field::Redaction(part) => {
                let is_set = redaction::set(*part, config, value, &source)
                    .map_err(|fault| redaction::refusal(self.name, &fault, &source))?;
                // What the environment would relax stays as it was.
                if !is_set {
                    return Ok(());
                }
            }
            Field::Execution(part) => {
                let is_set = execution::set(*part, &mut config.execution, value, &source)
                    .map_err(|fault| redaction::refusal(self.name, &fault, &source))?;
                if !is_set {
                    return Ok(());
                }
            }
            Field::Count(at, range) => {
                let count = number(value).and_then(|number| u32::try_from(number).ok());
                *at(&mut config.settings) = count.filter(|count| range.contains(count)).ok_or_else(wrong)?;
            }
            Field::Amount(at, range) => {
                *at(&mut config.settings) =
                    number(value).filter(|count| range.contains(count)).ok_or_else(wrong)?;
            }
            Field::Switch(at) => {
                let is_on = switch(value, &source).ok_or_else(wrong)?;
                // The environment can only switch off what tells more of secrets.
                if is_on && source.is_text() {
                    return Ok(());
                }
                *at(&mut config.settings) = is_on;
            }
            Field::BusyTimeout(range) => {
                config.busy_timeout_ms =
                    number(value).filter(|count| range.contains(count)).ok_or_else(wrong)?;
            }
            Field::OfPermission(permission, limit) => {
                let own = config.settings.limits.permissions.entry(*permission).or_default();
                number(value).and_then(|number| own.set(*limit, number).ok()).ok_or_else(wrong)?;
            }
            Field::Durability => config.durability = value.as_str().and_then(durability).ok_or_else(wrong)?,
            Field::AnchorFile => config.audit.copy = Some(audit::file(value).ok_or_else(wrong)?),
            Field::AnchorCommand => {
                config.audit.command = audit::command(value, source.is_text()).ok_or_else(wrong)?;
            }
        }
        config.sources.insert(self.name, source);
        Ok(())
    }

    /// What to write instead.
    fn usage(&self, value: &Value, source: &Source) -> String {
        let quotes = if value.is_str() && !source.is_text() { " without quotes" } else { "" };
        match self.field {
            Field::Durability => "use full or normal".to_owned(),
            Field::Switch(_) => "use true or false".to_owned(),
            Field::Client(_) => format!("use one of: {}", self.range()),
            Field::AnchorFile => "use an absolute path".to_owned(),
            Field::Redaction(_) | Field::Execution(_) => String::new(),
            Field::AnchorCommand => r#"use an array of words, such as ["logger", "-t", "mab"]"#.to_owned(),
            Field::Place(_)
            | Field::Count(..)
            | Field::Amount(..)
            | Field::BusyTimeout(_)
            | Field::OfPermission(..) => {
                format!("use a number{quotes}, {} ({})", self.range(), self.unit)
            }
        }
    }

    /// The flag that sets it, when there is one.
    fn flag(&self) -> Option<&'static str> {
        match self.name {
            "data_dir" => Some("--data-dir"),
            "database_url" => Some("--db"),
            "config" => Some("--config"),
            _ => None,
        }
    }
}

/// The row of a key found in the file.
pub(super) fn find_in_file(name: &str, source: &Source) -> Result<&'static Key, Denied> {
    if let Some(key) = all_keys().find(|key| key.name == name) {
        return Ok(key);
    }
    let names = all_keys().filter(|key| key.in_file()).map(|key| key.name.to_owned());
    Err(unknown("key", name, names, source))
}

/// Refuses a variable in the name space of the table that is not in the table: it is a slip of the pen.
pub(super) fn refuse_unknown_variables(environment: &Environment) -> Result<(), Denied> {
    for section in [
        "MAB_LIMITS_",
        "MAB_LOOP_GUARD_",
        "MAB_CONVERSATION_",
        "MAB_WAIT_",
        "MAB_STORE_",
        "MAB_AUDIT_",
        "MAB_HOOKS_",
        "MAB_WAKE_",
        "MAB_REDACTION_",
        "MAB_EXECUTION_",
    ] {
        for name in environment.names_with_prefix(section) {
            if all_keys().all(|key| key.variable() != name) {
                let names = all_keys().filter(|key| key.in_file()).map(Key::variable);
                return Err(unknown("variable", name, names, &Source::Environment(name.to_owned())));
            }
        }
    }
    Ok(())
}

/// Calls in one window, messages of one talk; zero turns the limit off.
const RATE: RangeInclusive<u32> = 0..=u32::MAX;
/// Ten years, and as many seconds.
const MINUTES: RangeInclusive<u32> = 1..=5_256_000;
const SECONDS: RangeInclusive<u32> = 1..=315_360_000;
const AMOUNT: RangeInclusive<u64> = 1..=i64::MAX as u64;

static KEYS: &[Key] = &[
    Key {
        name: "data_dir",
        unit: "path",
        help: "The folder of the database, the master key and the remembered credentials.",
        default: "$XDG_DATA_HOME/mab, else ~/.local/share/mab",
        field: Field::Place(|config| config.data_dir.display().to_string()),
    },
    Key {
        name: "database_url",
        unit: "path or sqlite:path",
        help: "Where conversations are kept.",
        default: "bridge.db in the data folder",
        field: Field::Place(|config| config.database.display().to_string()),
    },
    Key {
        name: "config",
        unit: "path",
        help: "The configuration file; it need not exist unless it is named.",
        default: "$XDG_CONFIG_HOME/mab/config.toml, else ~/.config/mab/config.toml",
        field: Field::Place(|config| config.file.display().to_string()),
    },
    Key {
        name: "agent",
        unit: "name",
        help: "The profile under which credentials are kept for the next process.",
        default: "the Claude Code session when there is one, else kept by no one",
        field: Field::Place(|config| config.agent.clone().unwrap_or_default()),
    },
    Key {
        name: "log",
        unit: "off, error, warn, info, debug or trace",
        help: "The least serious level that is logged to stderr.",
        default: "warn",
        field: Field::Place(|config| config.log.to_string()),
    },
    Key {
        name: "limits.send_per_minute",
        unit: "calls",
        help: "Messages and other changes per agent of a conversation in any minute; 0 is no limit.",
        default: "10",
        field: Field::Count(|settings| &mut settings.limits.send_per_minute, RATE),
    },
    Key {
        name: "limits.send_per_hour",
        unit: "calls",
        help: "Messages and other changes per agent of a conversation in any hour; 0 is no limit.",
        default: "100",
        field: Field::Count(|settings| &mut settings.limits.send_per_hour, RATE),
    },
    Key {
        name: "limits.send_per_day",
        unit: "calls",
        help: "Messages and other changes per agent of a conversation in any day; 0 is no limit.",
        default: "500",
        field: Field::Count(|settings| &mut settings.limits.send_per_day, RATE),
    },
    Key {
        name: "limits.read_per_minute",
        unit: "calls",
        help: "Reads per agent of a conversation in any minute; 0 is no limit.",
        default: "600",
        field: Field::Count(|settings| &mut settings.limits.read_per_minute, RATE),
    },
    Key {
        name: "limits.create_per_minute",
        unit: "conversations",
        help: "New conversations per data folder in any minute; 0 is no limit.",
        default: "60",
        field: Field::Count(|settings| &mut settings.limits.create_per_minute, RATE),
    },
    Key {
        name: "limits.create_per_hour",
        unit: "conversations",
        help: "New conversations per data folder in any hour; 0 is no limit.",
        default: "200",
        field: Field::Count(|settings| &mut settings.limits.create_per_hour, RATE),
    },
    Key {
        name: "limits.create_per_day",
        unit: "conversations",
        help: "New conversations per data folder in any day; 0 is no limit.",
        default: "1000",
        field: Field::Count(|settings| &mut settings.limits.create_per_day, RATE),
    },
    Key {
        name: "limits.guesses_per_minute",
        unit: "calls",
        help: "Wrong credentials per user of the machine in any minute, all processes together, before that user's further ones are refused unheard; 0 is no limit.",
        default: "60",
        field: Field::Count(|settings| &mut settings.limits.guesses_per_minute, RATE),
    },
    Key {
        name: "limits.refused_calls_per_minute",
        unit: "calls",
        help: "Calls per agent of a conversation that are refused in any minute, refusals by a limit apart; beyond it they are refused as rate_limited and nothing is written; 0 is no limit.",
        default: "600",
        field: Field::Count(|settings| &mut settings.limits.refused_calls_per_minute, RATE),
    },
    Key {
        name: "limits.refusals_per_minute",
        unit: "audit entries",
        help: "Refusals per agent or conversation in any minute that are recorded one by one; the rest is counted.",
        default: "30",
        field: Field::Count(|settings| &mut settings.limits.refusals_per_minute, RATE),
    },
    Key {
        name: "limits.unread_per_inbox",
        unit: "messages",
        help: "Most unread messages of one inbox.",
        default: "1000000",
        field: Field::Amount(|settings| &mut settings.limits.unread_per_inbox, AMOUNT),
    },
    Key {
        name: "limits.messages_per_conversation",
        unit: "messages",
        help: "Most messages ever sent in one conversation.",
        default: "1000000",
        field: Field::Amount(
            |settings| &mut settings.limits.messages_per_conversation,
            Limit::MessagesPerConversation.range(),
        ),
    },
    Key {
        name: "limits.bytes_per_conversation",
        unit: "bytes",
        help: "Most bytes of sealed messages and commands in one conversation.",
        default: "4294967296",
        field: Field::Amount(|settings| &mut settings.limits.bytes_per_conversation, AMOUNT),
    },
    Key {
        name: "limits.waits_per_agent",
        unit: "calls",
        help: "Most checks for messages of one agent that wait at once, in all processes.",
        default: "8",
        field: Field::Amount(|settings| &mut settings.limits.waits_per_agent, Limit::WaitsPerAgent.range()),
    },
    Key {
        name: "limits.waits_per_conversation",
        unit: "calls",
        help: "Most checks for messages in one conversation that wait at once, in all processes.",
        default: "64",
        field: Field::Amount(
            |settings| &mut settings.limits.waits_per_conversation,
            Limit::WaitsPerConversation.range(),
        ),
    },
    Key {
        name: "limits.held_per_conversation",
        unit: "messages",
        help: "Most messages of one conversation that wait to be released.",
        default: "1000",
        field: Field::Amount(
            |settings| &mut settings.limits.held_per_conversation,
            Limit::HeldPerConversation.range(),
        ),
    },
    Key {
        name: "loop_guard.messages",
        unit: "messages",
        help: "Messages in a row, without a human or a change of status, after which a conversation waits for `mab resume`; 0 is never.",
        default: "100",
        field: Field::Count(|settings| &mut settings.loop_guard.messages, RATE),
    },
    Key {
        name: "loop_guard.window_seconds",
        unit: "seconds",
        help: "How recent these messages must be.",
        default: "3600",
        field: Field::Count(|settings| &mut settings.loop_guard.window_seconds, SECONDS),
    },
    Key {
        name: "conversation.expires_in_minutes",
        unit: "minutes",
        help: "Life of a new conversation when its creator does not say.",
        default: "180",
        field: Field::Count(|settings| &mut settings.expires_in_minutes, MINUTES),
    },
    Key {
        name: "conversation.max_expires_in_minutes",
        unit: "minutes",
        help: "Longest life a creator may ask for.",
        default: "43200",
        field: Field::Count(|settings| &mut settings.max_expires_in_minutes, MINUTES),
    },
    Key {
        name: "wait.max_seconds",
        unit: "seconds",
        help: "Longest wait for messages in one call; 0 leaves it to what is known of each client's own time limit.",
        default: "0",
        field: Field::Count(|settings| &mut settings.wait_max_s, 0..=3_600),
    },
    Key {
        name: "store.durability",
        unit: "a word",
        help: "When a commit counts as done: full survives power loss, normal only the death of processes.",
        default: "full",
        field: Field::Durability,
    },
    Key {
        name: "store.busy_timeout_ms",
        unit: "milliseconds",
        help: "How long a call waits for another process's write before it is refused as busy.",
        default: "5000",
        field: Field::BusyTimeout(0..=600_000),
    },
    Key {
        name: "audit.checkpoint_seconds",
        unit: "seconds",
        help: "Longest time from a change to the signed checkpoint that covers it.",
        default: "30",
        field: Field::Count(|settings| &mut settings.checkpoint_s, SECONDS),
    },
    Key {
        name: "audit.checkpoint_entries",
        unit: "calls",
        help: "Calls to one process with an audit entry after which it signs a checkpoint at once, at most one a second.",
        default: "256",
        field: Field::Count(|settings| &mut settings.checkpoint_entries, 1..=u32::MAX),
    },
    Key {
        name: "audit.anchor_file",
        unit: "absolute path",
        help: "A second file that every checkpoint is appended to, best on another disk.",
        default: "none",
        field: Field::AnchorFile,
    },
    Key {
        name: "audit.anchor_command",
        unit: "array of words",
        help: "A program and its arguments; it gets each signed checkpoint on stdin, to keep it elsewhere.",
        default: "none",
        field: Field::AnchorCommand,
    },
];
