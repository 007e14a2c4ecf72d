//! How much a workspace allows.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Code, Denied};

/// How much commands may do in a workspace. The operator sets it; no argument of an agent does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Mode {
    /// Listed programs that only read, inside the workspace; they run at once.
    Safe,
    /// What is safe, and listed tools of development; what writes or runs the workspace's code waits for a person's yes.
    Restricted,
    /// Any text for a shell, always in a sandbox, always after a person's yes.
    Yolo,
}

impl Mode {
    /// Every mode, from the narrowest.
    pub const ALL: [Self; 3] = [Self::Safe, Self::Restricted, Self::Yolo];

    /// Its name, as users write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Restricted => "restricted",
            Self::Yolo => "yolo",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = Denied;

    fn from_str(text: &str) -> Result<Self, Denied> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text).ok_or_else(|| {
            Denied::new(Code::InvalidArguments, "no such mode").hint("use safe, restricted or yolo")
        })
    }
}
