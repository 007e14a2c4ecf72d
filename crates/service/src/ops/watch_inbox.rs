//! `watch_inbox`: waits until something new is in an inbox, for a program that keeps its agent's inbox as a resource.

use std::sync::Arc;

use mab_core::{Failure, audit::Detail, entity::Outlook, limit::Kind, policy::Action};
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
    /// How much came, as an earlier answer said; 0 for nothing
    #[serde(default)]
    after: u64,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    /// Whether more came and something waits to be read
    newer: bool,
    /// How much ever came
    arrivals: u64,
}

impl Op for WatchInbox {
    const ACTION: Action = Action::Check;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let (bridge, member) = (call.bridge, call.member()?);
        let known = arguments.after;
        let wait = Wait::begin(&call, Interest::After(known), Arc::default(), call.waiter.longest())?;
        bridge.store.charge(bridge.stamp(call.permit.clone(), Kind::Read, Detail::default())).await?;
        // Charged once, for however long it waits. An agent that has lost its place meanwhile learns nothing: its next
        // call is refused.
        let stamp = bridge.stamp(call.permit.clone(), Kind::Read, Detail::default());
        let look = async || -> Result<u64, Failure> {
            let outlook = bridge.store.outlook(member.agent_pk, 0, false).await?;
            let still_there =
                |outlook: &Outlook| stamp.still_holds(&outlook.member, bridge.clock.now()).is_ok();
            let outlook = outlook.filter(|outlook| outlook.waiting && still_there(outlook));
            Ok(outlook.map_or(0, |outlook| outlook.arrivals))
        };
        let mut arrivals = look().await?;
        if let Some(mut wait) = wait.filter(|_| arrivals <= known) {
            match wait.next(&call).await? {
                Event::Mail => arrivals = look().await?,
                Event::Held | Event::News(_) | Event::TimedOut | Event::Abandoned => {}
            }
        }
        Ok(Answer { newer: arrivals > known, arrivals: arrivals.max(known) })
    }
}
