//! `watch_inbox`: waits until something new is in an inbox, for a program that keeps its agent's inbox as a resource.

use std::sync::Arc;

use mab_core::{Failure, audit::Detail, limit::Kind, policy::Action};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    door::{Call, Op},
    waiting::{Event, Interest, Wait},
};

/// The operation.
pub(crate) struct WatchInbox;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// Newest message known; 0 for none
    #[serde(default)]
    after_seq: u64,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    /// Whether a newer one waits to be read
    newer: bool,
    /// The newest one, or what was known
    newest_seq: u64,
}

impl Op for WatchInbox {
    const ACTION: Action = Action::Check;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let (bridge, member) = (call.bridge, call.member()?);
        let known = arguments.after_seq;
        let wait = Wait::begin(&call, Interest::NewerThan(known), Arc::default(), call.waiter.longest())?;
        bridge.store.charge(bridge.stamp(call.permit.clone(), Kind::Read, Detail::default())).await?;
        let newest = async || -> Result<u64, Failure> {
            let outlook = bridge.store.outlook(member.agent_pk, 0, false).await?;
            Ok(outlook.and_then(|outlook| outlook.newest_seq).unwrap_or(0))
        };
        let mut newest_seq = newest().await?;
        if let Some(mut wait) = wait.filter(|_| newest_seq <= known) {
            match wait.next(&call).await? {
                Event::Mail => {
                    // The agent may have lost its place meanwhile: this refuses it.
                    bridge
                        .store
                        .charge(bridge.stamp(call.permit.clone(), Kind::Read, Detail::default()))
                        .await?;
                    newest_seq = newest().await?;
                }
                Event::News(_) | Event::TimedOut | Event::Abandoned => {}
            }
        }
        Ok(Answer { newer: newest_seq > known, newest_seq: newest_seq.max(known) })
    }
}
