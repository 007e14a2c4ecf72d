//! Opening what the store keeps of leases.

use mab_core::{
    Code, ConversationId, Denied, Failure, Timestamp,
    entity::ConversationState,
    lease::{Lease, PathPattern, StoredLease, ends_at},
    seal::Place,
};

use crate::{
    Bridge,
    ops::list::opener,
    reading::{Opener, message_row},
};

/// Active conversations that are looked at when none is named.
const CONVERSATIONS_MAX: u32 = 10_000;

/// Where a lease's pattern is sealed. As a message's row, it names the tag and whose it is.
pub(crate) fn lease_place(conversation: ConversationId, row: &[u8; 9]) -> Place<'_> {
    Place { table: "lease", column: "path", conversation, row }
}

impl Opener {
    /// Opens a lease as it stands at `now`; `None` when it was damaged.
    pub(crate) fn lease(&self, stored: StoredLease, now: Timestamp) -> Option<Lease> {
        let row = message_row(stored.tag, stored.holder_ordinal);
        let opened = self.key.open(&lease_place(self.conversation, &row), &stored.path).ok();
        let Some(Ok(pattern)) =
            opened.and_then(|mut texts| texts.pop()).map(|text| PathPattern::parse(&text))
        else {
            tracing::error!(conversation = %self.conversation, fence = stored.fence, "a stored lease cannot be opened");
            return None;
        };
        let StoredLease { holder, exclusive, fence, expires_at, .. } = stored;
        Some(Lease { holder, pattern, exclusive, fence, expires_at: ends_at(expires_at, now) })
    }
}

/// The leases of a conversation that are not over, for the operator.
pub(crate) async fn current(bridge: &Bridge, state: &ConversationState) -> Result<Vec<Lease>, Failure> {
    let Some(opener) = opener(bridge, state) else { return Ok(Vec::new()) };
    let (stored, now) = (bridge.store.leases(state.pk).await?, bridge.clock.now());
    let lasting = stored.rows.into_iter().filter(|stored| stored.expires_at > now);
    Ok(lasting.filter_map(|stored| opener.lease(stored, now)).collect())
}

/// The conversations to look at: this one, or all that are active.
pub(crate) async fn places(
    bridge: &Bridge,
    conversation: Option<ConversationId>,
) -> Result<Vec<ConversationState>, Failure> {
    if let Some(id) = conversation {
        let state = bridge.store.conversation(id).await?;
        let missing = || {
            Denied::new(Code::NotFound, "no such conversation").hint("`mab list --all` shows what there is")
        };
        return Ok(vec![state.ok_or_else(missing)?]);
    }
    let active = bridge.store.conversations(Some(bridge.clock.now()), CONVERSATIONS_MAX + 1).await?;
    if active.len() > CONVERSATIONS_MAX as usize {
        let message = format!("more than {CONVERSATIONS_MAX} conversations are active");
        return Err(Denied::new(Code::InvalidArguments, message).hint("name the one that is meant").into());
    }
    Ok(active)
}
