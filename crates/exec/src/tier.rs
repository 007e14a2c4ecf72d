//! How strong a sandbox is.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::Mode;

/// What isolates a command. Each holds what those before it hold, and more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// T1: Landlock, seccomp, no capabilities, resource limits, one process per command.
    Landlock,
    /// T2: namespaces and a minimal root by bubblewrap, with T1 inside.
    Bubblewrap,
    /// T3: a container of an engine that the operator named.
    Container(Engine),
}

/// A container engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Engine {
    /// Docker Engine.
    Docker,
    /// Podman.
    Podman,
}

impl Tier {
    /// Its one word, as configurations and requests write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Landlock => "landlock",
            Self::Bubblewrap => "bubblewrap",
            Self::Container(Engine::Docker) => "docker",
            Self::Container(Engine::Podman) => "podman",
        }
    }

    /// The weakest tier in which commands of a mode may run.
    pub const fn needed(mode: Mode) -> Self {
        match mode {
            Mode::Safe => Self::Landlock,
            Mode::Restricted | Mode::Yolo => Self::Bubblewrap,
        }
    }
}

impl Serialize for Tier {
    /// As its [`Tier::name`].
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Tier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let all = [
            Self::Landlock,
            Self::Bubblewrap,
            Self::Container(Engine::Docker),
            Self::Container(Engine::Podman),
        ];
        all.into_iter()
            .find(|tier| tier.name() == name)
            .ok_or_else(|| D::Error::custom("there is no such sandbox"))
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Landlock => "T1 landlock",
            Self::Bubblewrap => "T2 bubblewrap",
            Self::Container(Engine::Docker) => "T3 docker",
            Self::Container(Engine::Podman) => "T3 podman",
        })
    }
}
