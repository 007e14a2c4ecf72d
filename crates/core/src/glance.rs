//! A glance at an inbox: how much is unread and whose it is, with nothing taken out.

use std::collections::BTreeMap;

use crate::{SessionId, moderation::PausedBy};

/// What a glance at an inbox tells without taking anything out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glance {
    /// Messages that are not acknowledged.
    pub unread: u64,
    /// How much ever came for the agent, as in [`Outlook::arrivals`](crate::entity::Outlook::arrivals).
    pub arrivals: u64,
    /// Whose the newest unread messages are, by handle: a bounded number of messages is looked at.
    pub from: BTreeMap<SessionId, GlanceFrom>,
    /// Who paused the conversation.
    pub paused_by: Option<PausedBy>,
}

/// One sender's part of a [`Glance`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GlanceFrom {
    /// Messages that are not acknowledged.
    pub unread: u64,
    /// Those of them that were never handed out.
    pub new: u64,
}
