//! A command that was judged, and the proof that it may run.

use std::sync::Arc;

use mab_core::{Code, Denied, execution::Agreed};

use crate::{Decision, Profile, Request, RequestHash, Sandbox, Verdict, Workspace};

/// A command that was judged and may run, at once or after a person's yes. Nothing of it was run.
pub struct Prepared(Box<Inner>);

pub(crate) struct Inner {
    pub(crate) verdict: Verdict,
    pub(crate) request: Request,
    pub(crate) hash: RequestHash,
    /// As in the request, with the values that are not shown there.
    pub(crate) profile: Profile,
    pub(crate) sandbox: Arc<dyn Sandbox>,
    pub(crate) workspace: Arc<Workspace>,
}

/// A prepared command that may run, once: running it takes it.
///
/// *Proof type*: made only by [`Prepared::allowed`] where nobody needs to be asked, by [`Approved::by_person`], and by
/// [`Approved::by_agreement`].
pub struct Approved(Box<Inner>);

impl Prepared {
    pub(crate) fn new(inner: Inner) -> Self {
        Self(Box::new(inner))
    }

    pub(crate) fn into_inner(self) -> Inner {
        *self.0
    }

    /// What the judge said.
    pub fn verdict(&self) -> &Verdict {
        &self.0.verdict
    }

    /// Everything that a yes is about.
    pub fn request(&self) -> &Request {
        &self.0.request
    }

    /// What a yes is signed over.
    pub fn hash(&self) -> RequestHash {
        self.0.hash
    }

    /// Whether somebody typed the end of its hash: six digits or more.
    pub fn is_named_by(&self, typed: &str) -> bool {
        let typed = typed.trim();
        typed.len() >= TYPED_MIN && self.hash().to_string().ends_with(typed)
    }

    /// Refuses while another command writes in the workspace, for whose end it waits a moment; for who is about to use up
    /// a yes. It holds nothing: another one may still be first.
    ///
    /// # Errors
    /// [`Code::Busy`].
    pub fn look(&self) -> Result<(), Denied> {
        self.0.sandbox.look(&self.0.profile).map_err(|why| {
            Denied::new(Code::Busy, format!("{}; nothing was run", why.reason))
                .hint(why.hint)
                .retry_after(RETRY_AFTER_S)
        })
    }

    /// The proof, when nobody needs to be asked.
    ///
    /// # Errors
    /// Itself, when a person has to agree.
    pub fn allowed(self) -> Result<Approved, Self> {
        match self.0.verdict.decision {
            Decision::Allow => Ok(Approved(self.0)),
            Decision::Ask | Decision::Deny => Err(self),
        }
    }
}

impl Approved {
    /// The proof, from a person who saw the request and typed the end of its hash: six digits or more.
    ///
    /// # Errors
    /// [`Code::ApprovalRequired`] when something else was typed.
    pub fn by_person(prepared: Prepared, typed_hash: &str) -> Result<Self, Denied> {
        if prepared.is_named_by(typed_hash) && prepared.0.verdict.decision != Decision::Deny {
            return Ok(Self(prepared.0));
        }
        Err(Denied::new(Code::ApprovalRequired, "what was typed is not the end of this request's hash")
            .hint("read the request again, and type the last six digits of its hash"))
    }

    /// The proof, from an agreement that was judged and consumed.
    ///
    /// # Errors
    /// [`Code::ApprovalVoid`] when it is about another request.
    pub fn by_agreement(prepared: Prepared, agreed: &Agreed) -> Result<Self, Denied> {
        if agreed.hash() == prepared.hash().digest().as_bytes()
            && prepared.0.verdict.decision != Decision::Deny
        {
            return Ok(Self(prepared.0));
        }
        Err(Denied::new(Code::ApprovalVoid, "what was agreed to is another request")
            .hint("call execute_command with the command again, without approval_token"))
    }

    pub(crate) fn into_inner(self) -> Inner {
        *self.0
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Prepared").field(&self.0.hash).finish()
    }
}

impl std::fmt::Debug for Approved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Approved").field(&self.0.hash).finish()
    }
}

/// When to try again where another command writes, in seconds.
const RETRY_AFTER_S: u64 = 5;
/// Fewest digits that tell one request from another: a slip of the finger is none of them.
const TYPED_MIN: usize = 6;
