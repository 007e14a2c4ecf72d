//! The bridge: what every operation works with.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use mab_core::{
    Clock, Code, ConversationId, Denied, Fault, Random, SessionId,
    approver::Enroller,
    audit::Detail,
    entity::Member,
    execution::RequestTokens,
    limit::{ByPermission, Kind},
    policy::{Permit, Stamp},
    seal::Wrapper,
    secret::MasterKey,
    token::Tokens,
};
use mab_redact::{Name, Redacted, Redactor, Refusal};
use mab_store::Store;
use serde_json::{Map, Value};

use crate::{
    Caller, Impatient, Ledger, Settings, Waiter, Workbench, anchor_reading::ReadAnchor, anchoring::Anchoring,
    door, floods::Floods, remembering::Remembering, running::following::Runs,
};

/// Agents remembered between calls; their rows are re-checked in every transaction.
const KNOWN_MEMBERS: usize = 1_024;

/// What a bridge is built from.
pub struct Parts {
    /// Where conversations are kept.
    pub store: Arc<dyn Store>,
    /// The data folder's key.
    pub master: MasterKey,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws randomness.
    pub random: Arc<dyn Random>,
    /// What the operator allows.
    pub settings: Settings,
    /// What runs commands for agents; none where none are run.
    pub workbench: Option<Arc<dyn Workbench>>,
    /// Where what is used up is noted; without one nothing that was agreed to starts.
    pub spent: Option<Arc<dyn Ledger>>,
}

/// How often each rule found something.
pub(crate) type Findings = BTreeMap<Name, u64>;

/// The bridge: one per process.
pub struct Bridge {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) tokens: Tokens,
    pub(crate) wrapper: Wrapper,
    pub(crate) enroller: Enroller,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) settings: Settings,
    pub(crate) redactor: Arc<Redactor>,
    pub(crate) anchoring: Option<Anchoring>,
    pub(crate) read_anchor: Option<ReadAnchor>,
    pub(crate) floods: Floods,
    pub(crate) remembering: Remembering,
    pub(crate) workbench: Option<Arc<dyn Workbench>>,
    pub(crate) spent: Option<Arc<dyn Ledger>>,
    pub(crate) request_tokens: RequestTokens,
    pub(crate) runs: Arc<Runs>,
    /// As in the settings; every stamp has a share of it.
    pub(crate) of_permissions: ByPermission,
    known: Mutex<HashMap<(ConversationId, SessionId), Member>>,
}

impl Bridge {
    /// Builds a bridge.
    ///
    /// # Errors
    /// A [`Fault`] when keys cannot be derived.
    pub fn new(parts: Parts) -> Result<Self, Fault> {
        Ok(Self {
            store: parts.store,
            tokens: Tokens::new(&parts.master)?,
            wrapper: Wrapper::new(&parts.master)?,
            enroller: Enroller::new(&parts.master)?,
            request_tokens: RequestTokens::new(&parts.master)?,
            runs: Arc::default(),
            clock: parts.clock,
            random: parts.random,
            of_permissions: Arc::new(parts.settings.limits.permissions.clone()),
            redactor: Arc::new(Redactor::with_policy(parts.settings.redaction.clone())),
            settings: parts.settings,
            anchoring: None,
            read_anchor: None,
            floods: Floods::default(),
            remembering: Remembering::default(),
            workbench: parts.workbench,
            spent: parts.spent,
            known: Mutex::default(),
        })
    }

    /// Takes one call through the pipeline. `arguments` and the answer are JSON objects as in the table's schemas.
    ///
    /// # Errors
    /// [`Denied`]; a fault of ours was logged and comes as `internal`.
    pub async fn call(
        &self,
        caller: &Caller,
        operation: &str,
        arguments: Map<String, Value>,
    ) -> Result<Value, Denied> {
        door::call(self, caller, &Impatient, (operation, arguments)).await
    }

    /// As [`Self::call`], for a caller that can wait for its answer.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn call_waiting(
        &self,
        caller: &Caller,
        waiter: &dyn Waiter,
        operation: &str,
        arguments: Map<String, Value>,
    ) -> Result<Value, Denied> {
        door::call(self, caller, waiter, (operation, arguments)).await
    }

    /// The agent as it was when last seen; good for a first judgement only.
    pub(crate) fn known(&self, conversation: ConversationId, session: &SessionId) -> Option<Member> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(conversation, session.clone())).cloned()
    }

    /// Remembers an agent.
    pub(crate) fn know(&self, member: &Member) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MEMBERS {
            known.clear();
        }
        known.insert((member.conversation, member.session.clone()), member.clone());
    }

    /// Forgets an agent whose row turned out to be different.
    pub(crate) fn forget(&self, conversation: ConversationId, session: &SessionId) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(member) = known.remove(&(conversation, session.clone())) {
            self.remembering.left(member.conversation_pk, member.ordinal);
        }
    }

    /// Stamps a permitted change.
    pub(crate) fn stamp(&self, permit: Permit, kind: Kind, detail: Detail) -> Stamp {
        permit.stamp(self.settings.limits.charge(kind), self.refusals(), detail)
    }

    /// Redacts a text by itself, whatever is known of the conversation; texts that are stored go through a
    /// [`Screen`](crate::screening::Screen).
    ///
    /// # Errors
    /// `secret_refused` when the text may not be stored at all.
    pub(crate) fn redact_alone(&self, text: &str) -> Result<Redacted, Denied> {
        self.redactor.redact(text).map(|redaction| redaction.text).map_err(|refusal| refused(&refusal))
    }
}

/// A text that may not be stored, in words that hold nothing of it.
pub(crate) fn refused(refusal: &Refusal) -> Denied {
    let hint = match refusal {
        Refusal::TooCostly => "send it in parts, or as a path",
        Refusal::Blocked(_) => "take the secret out: nothing of this text was stored",
        Refusal::Broken => "tell your user: `mab doctor` names the rule",
    };
    Denied::new(Code::SecretRefused, refusal.to_string()).hint(hint)
}
