//! Whose hook it is.

use super::input::Input;
use crate::{config::Config, environment::Environment, keystore};

/// The profile of the agent that this happened to; `None` when there is none it could be.
///
/// `MAB_AGENT` says it, else the client's session does. A hook of Codex whose user started Codex inside of Claude Code sees
/// the session of both: its own is the one that the event names. A helper inside a session is an agent of its own only in
/// Codex, which gives it a server of its own; there its id is that of its thread. Measured 2026-11-22 with Claude Code
/// 2.1.330 and Codex 0.169.0.
pub(super) fn profile(input: &Input, config: &Config, environment: &Environment) -> Option<String> {
    match input.agent_id() {
        None => session(input, config, environment),
        Some(_) if environment.get("MAB_AGENT").is_some() => None,
        Some(helper) => keystore::codex_profile(helper),
    }
}

/// The profile of the agent in whose session it happened, be it a helper's doing.
pub(super) fn session(input: &Input, config: &Config, environment: &Environment) -> Option<String> {
    let is_other = |session: &&str| config.agent.as_deref() != Some(&keystore::claude_profile(session));
    let session = input.session_id.as_deref().filter(|_| environment.get("MAB_AGENT").is_none());
    match session.filter(is_other) {
        Some(session) => keystore::codex_profile(session),
        None => config.agent.clone(),
    }
}
