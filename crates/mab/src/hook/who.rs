//! Whose hook it is.

use super::{event::Event, input::Input};
use crate::{config::Config, environment::Environment, keystore};

/// Where it happened.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    /// The event as the client calls it; none for a wait, which Claude Code alone begins.
    pub(super) event: Option<&'a Event>,
    pub(super) input: &'a Input,
    pub(super) config: &'a Config,
    pub(super) environment: &'a Environment,
}

/// The profile of the agent that this happened to; `None` when there is none it could be.
///
/// `MAB_AGENT` says it, else the client's session does. A hook of Codex or Gemini CLI whose user started it inside of Claude
/// Code sees the session of both: its own is the one that the event names, and only Claude Code's event is for Claude Code's
/// agent. A helper inside a session is an agent of its own only in Codex, which gives it a server of its own; there its id is
/// that of its thread. Measured 2026-11-22 with Claude Code 2.1.330 and Codex 0.169.0.
pub(super) fn profile(scene: Scene<'_>) -> Option<String> {
    match scene.input.agent_id() {
        None => session(scene),
        Some(_) if scene.environment.get("MAB_AGENT").is_some() => None,
        Some(helper) => keystore::codex_profile(helper),
    }
}

/// The profile of the agent in whose session it happened, be it a helper's doing.
pub(super) fn session(Scene { event, input, config, environment }: Scene<'_>) -> Option<String> {
    if environment.get("MAB_AGENT").is_some() {
        return config.agent.clone();
    }
    if event.is_some_and(Event::is_of_gemini) {
        return None;
    }
    let is_other = |session: &&str| config.agent.as_deref() != Some(&keystore::claude_profile(session));
    match input.session_id.as_deref().filter(|session| input.is_of_codex() || is_other(session)) {
        Some(session) => keystore::codex_profile(session),
        None => config.agent.clone().filter(|_| !input.is_of_codex()),
    }
}
