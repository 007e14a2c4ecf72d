//! Leaving: the agent's place ends, and its connection forgets it. Reached through `moderate`.

use mab_core::Failure;

use crate::{door::Call, running::ending};

/// Ends the agent's own place.
pub(crate) async fn leave(call: &Call<'_>) -> Result<(), Failure> {
    let (connection, member) = (call.connection()?, call.member()?);
    call.bridge.store.leave(call.keeping_order()).await?;
    connection.forget(member.conversation, &member.session);
    call.bridge.remembering.left(member.conversation_pk, member.ordinal);
    call.bridge.forget(member.conversation, &member.session);
    ending::after_a_change_of_members(call.bridge, member.conversation).await;
    Ok(())
}
