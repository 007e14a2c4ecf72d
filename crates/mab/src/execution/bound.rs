//! The settings that terms are bound to: all that decides what a command may do where nobody is asked.
//!
//! Whoever starts a server chooses which file it reads. What a person enables is therefore not only a mode and a folder, but
//! these settings as they were on that terminal. The widest mode, the network, the workspaces and the time stand in the terms
//! themselves; they and the limits may be narrower for one server than for another.

use std::{os::unix::ffi::OsStrExt as _, path::PathBuf};

use mab_core::Denied;
use mab_exec::{Digest, Policy, Tier};
use serde_json::json;

use super::{policy, wish};
use crate::config::Config;

impl Config {
    /// The digest, in hexadecimal, of the settings that terms are bound to.
    ///
    /// # Errors
    /// `misconfigured` when the operator's policy cannot be read.
    pub fn bound(&self) -> Result<String, Denied> {
        Ok(bound(self, &policy(self, None, None)?))
    }
}

/// The same with a policy that was loaded, so that what is judged by is what was looked at. A project's part does not count:
/// it only tightens.
pub(crate) fn bound(config: &Config, policy: &Policy) -> String {
    let at = &config.execution;
    let paths = |paths: &[PathBuf]| -> Vec<String> {
        paths.iter().map(|path| hex::encode(path.as_os_str().as_bytes())).collect()
    };
    let settings = json!({
        "policy": policy.operators_digest().to_string(),
        "sandbox": wish(config).map_or("auto", Tier::name),
        "image": at.image,
        "readable": paths(&at.readable),
        "environment": at.environment,
        "path": paths(&at.path),
        "git_identity": at.git_identity.as_ref().map(|who| [&who.name, &who.mail]),
    });
    Digest::of(&[DOMAIN, settings.to_string().as_bytes()]).to_string()
}

/// Sets this digest apart from every other.
const DOMAIN: &[u8] = b"mab.settings.v1\0";
