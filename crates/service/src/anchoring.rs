//! Signed checkpoints over all audit chains, kept outside the store.
//!
//! ```text
//! lock the files → settle them to what the store recorded → one transaction: which chains have grown, their leaves,
//!   the signed note, its bytes recorded → append them
//! ```
//!
//! What a crash leaves undone, the next checkpoint of any process finds recorded in the store and does first.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use mab_core::{
    Code, Denied, Failure, Fault, Timestamp,
    anchor::{Leaf, Mismatch, Pending, Problem, Signers, next_checkpoint, note_of},
    audit::Detail,
    limit::Kind,
    note::{SigningKey, VerifierKey},
    policy::Permit,
};
use mab_store::NewCheckpoint;
use tokio::{
    sync::{Mutex, Notify},
    time::Instant,
};

use crate::Bridge;

/// The files outside the store: the anchor, its copy, and the key that signs.
pub trait Vault: Send + Sync {
    /// Keeps every other process from the files until what it returns is dropped.
    ///
    /// # Errors
    /// `busy` when another process does not let go of them; else as the files are.
    fn lock(&self) -> Result<Box<dyn OpenVault>, Failure>;

    /// Reads the files and compares them with what the store recorded; changes nothing.
    ///
    /// # Errors
    /// As the files are; that they do not fit is no error here.
    fn read(&self, newest: Option<&Pending>) -> Result<Kept, Failure>;

    /// Shows a new note to whoever the operator wants to keep it; what becomes of it changes nothing.
    fn announce(&self, note: &str);
}

/// What the files hold.
#[derive(Debug)]
pub struct Kept {
    /// The anchor, with what a crash kept from it.
    pub anchor: String,
    /// The key that is valid; `None` when there is none.
    pub key: Option<VerifierKey>,
    /// Whether the anchor is what the store recorded.
    pub fits: Result<(), Mismatch>,
    /// Whether the copy, if one is kept, is the anchor or the beginning of it.
    pub copy_fits: Result<(), Mismatch>,
}

/// The files, while no other process works on them.
pub trait OpenVault: Send {
    /// Brings the files to what the store recorded: appends what a crash kept from them, if it is signed, and completes or
    /// drops a change of the key. Returns the key that is valid.
    ///
    /// # Errors
    /// `conflict` when no crash explains how the files differ from what the store recorded; `misconfigured` when the key is
    /// gone; else as the files are.
    fn settle(&mut self, newest: Option<&Pending>) -> Result<SigningKey, Failure>;

    /// Appends the checkpoint that was just signed and recorded.
    ///
    /// # Errors
    /// As [`settle`](Self::settle).
    fn append(&mut self, written: &Pending) -> Result<(), Failure>;

    /// Keeps the key that a checkpoint yet to be written names as the next.
    ///
    /// # Errors
    /// As the files are.
    fn stage(&mut self, key: &SigningKey) -> Result<(), Failure>;

    /// Puts the anchor out of the way, for another one to begin.
    ///
    /// # Errors
    /// As the files are.
    fn set_aside(&mut self, moment: Timestamp) -> Result<(), Failure>;
}

/// What kind of checkpoint is asked for.
pub(crate) enum Wish {
    /// One over what has grown.
    Routine,
    /// The same, and the key is another one from then on.
    Rotate(Permit),
    /// The first one of a new anchor, over all chains.
    Anew(Permit),
}

/// What the bridge knows of its checkpoints between calls.
pub(crate) struct Anchoring {
    vault: Arc<dyn Vault>,
    /// Whether a call since the newest checkpoint may have changed something.
    touched: AtomicBool,
    /// Calls since then that recorded an entry.
    entries: AtomicU32,
    first: Notify,
    many: Notify,
    /// Held while a checkpoint is under way: who ends the process waits for it.
    under_way: Mutex<()>,
    complained: AtomicBool,
}

impl Anchoring {
    pub(crate) fn new(vault: Arc<dyn Vault>) -> Self {
        Self {
            vault,
            touched: AtomicBool::new(false),
            entries: AtomicU32::new(0),
            first: Notify::new(),
            many: Notify::new(),
            under_way: Mutex::new(()),
            complained: AtomicBool::new(false),
        }
    }

    /// Takes note of a call, which may have changed something.
    pub(crate) fn touch(&self) {
        if !self.touched.swap(true, Ordering::AcqRel) {
            self.first.notify_one();
        }
    }

    /// Counts a call that recorded an entry: only those, which windows limit, may hasten a checkpoint.
    pub(crate) fn count(&self, most: u32) {
        if self.entries.fetch_add(1, Ordering::AcqRel) + 1 == most {
            self.many.notify_one();
        }
    }
}

impl Bridge {
    /// Keeps signed checkpoints in these files.
    #[must_use]
    pub fn with_vault(mut self, vault: Arc<dyn Vault>) -> Self {
        self.anchoring = Some(Anchoring::new(vault));
        self
    }

    /// Writes a checkpoint whenever one is due; never ends.
    pub async fn keep_anchored(&self) {
        let Some(anchoring) = &self.anchoring else { return std::future::pending().await };
        let mut earliest = Instant::now();
        loop {
            anchoring.first.notified().await;
            let rest = Duration::from_secs(self.settings.checkpoint_s.into());
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                () = anchoring.many.notified() => tokio::time::sleep_until(earliest).await,
            }
            self.anchor_now().await;
            earliest = Instant::now() + AT_MOST_EVERY;
        }
    }

    /// Writes a checkpoint if a call to this process may have changed something since the newest. What keeps it from being
    /// written is logged, once until it is mended.
    pub async fn anchor_now(&self) {
        let Some(anchoring) = &self.anchoring else { return };
        let _turn = anchoring.under_way.lock().await;
        anchoring.entries.store(0, Ordering::Release);
        if !anchoring.touched.swap(false, Ordering::AcqRel) {
            return;
        }
        match self.checkpoint_if_grown().await {
            Ok(()) => anchoring.complained.store(false, Ordering::Release),
            Err(failure) => {
                if !anchoring.complained.swap(true, Ordering::AcqRel) {
                    complain(&failure);
                }
                // What is still to be signed is tried again.
                anchoring.touch();
            }
        }
    }

    async fn checkpoint_if_grown(&self) -> Result<(), Failure> {
        if self.store.has_grown().await? {
            self.checkpoint(Wish::Routine).await?;
        }
        Ok(())
    }

    /// What the files hold, and what the store recorded of them.
    pub(crate) async fn kept(&self) -> Result<Kept, Failure> {
        let vault = Arc::clone(&self.anchoring.as_ref().ok_or_else(no_vault)?.vault);
        let mut newest = self.store.newest_checkpoint().await?;
        loop {
            let (reading, recorded) = (Arc::clone(&vault), newest.clone());
            let kept = blocking(move || reading.read(recorded.as_ref())).await?;
            let now = self.store.newest_checkpoint().await?;
            // Another process may have written one between the two looks.
            if kept.fits.is_ok() || now == newest {
                return Ok(kept);
            }
            newest = now;
        }
    }

    /// Writes a checkpoint; `None` when there is nothing new to be signed.
    pub(crate) async fn checkpoint(&self, wish: Wish) -> Result<Option<Pending>, Failure> {
        let vault = Arc::clone(&self.anchoring.as_ref().ok_or_else(no_vault)?.vault);
        let locking = Arc::clone(&vault);
        let mut open = blocking(move || locking.lock()).await?;
        let before = self.store.newest_checkpoint().await?;
        let newest = before.clone().filter(|_| !matches!(wish, Wish::Anew(_)));
        let (permit, anew, rotate) = match wish {
            Wish::Routine => (None, false, false),
            Wish::Rotate(permit) => (Some(permit), false, true),
            Wish::Anew(permit) => (Some(permit), true, false),
        };
        let (recorded, random, now) = (newest.clone(), Arc::clone(&self.random), self.clock.now());
        let (mut open, signers) = blocking(move || {
            if anew {
                open.set_aside(now)?;
            }
            let key = open.settle(recorded.as_ref())?;
            let mut next = None;
            if rotate {
                let drawn = SigningKey::draw(key.verifier().name(), random.as_ref())?;
                open.stage(&drawn)?;
                next = Some(drawn);
            }
            Ok((open, Signers { key, next }))
        })
        .await?;
        let detail = detail(&signers, before.as_ref());
        let stamp = permit.map(|permit| self.stamp(permit, Kind::Operator, detail));
        let previous = newest.clone();
        let write = Box::new(move |leaves: &[Leaf], now| {
            let previous = previous.as_ref().map(|previous| previous.text.as_str());
            next_checkpoint(previous, leaves, now, &signers).map_err(|problem| unsound(problem).into())
        });
        let Some(written) =
            self.store.checkpoint(NewCheckpoint { after: newest, anew, stamp, write }).await?
        else {
            return Ok(None);
        };
        let pending = written.clone();
        blocking(move || {
            open.append(&pending)?;
            drop(open);
            if let Some(note) = note_of(&pending.text) {
                vault.announce(note);
            }
            Ok(())
        })
        .await?;
        Ok(Some(written))
    }
}

/// What the operator changed: the key, or else the tree, of which the one before had so many leaves.
fn detail(signers: &Signers, before: Option<&Pending>) -> Detail {
    if let Some(next) = &signers.next {
        let detail = Detail::default().name("key", "signing");
        return detail.key_id("old", &signers.key.verifier()).key_id("new", &next.verifier());
    }
    let note = before.and_then(|before| note_of(&before.text));
    let size = note.and_then(|note| note.lines().nth(1)).and_then(|size| size.parse().ok());
    Detail::default().name("begun", "anew").number("set_aside", size.unwrap_or_default())
}

/// Runs what waits for files on a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|source| Fault::from_source("working on the audit files", source))?
}

fn complain(failure: &Failure) {
    match failure {
        Failure::Denied(denied) => tracing::error!(
            code = denied.code.name(),
            hint = denied.hint,
            "no checkpoint of the audit trail is written: {}",
            denied.message
        ),
        Failure::Fault(fault) => {
            let source = std::error::Error::source(fault);
            tracing::error!(%fault, ?source, "no checkpoint of the audit trail is written");
        }
    }
}

fn no_vault() -> Denied {
    Denied::new(Code::Misconfigured, "this bridge keeps no checkpoints")
        .hint("run `mab`, which keeps them in the data folder")
}

/// Why the newest checkpoint that the store recorded cannot be continued.
fn unsound(problem: Problem) -> Denied {
    match problem {
        Problem::UnknownKey => Denied::new(
            Code::Misconfigured,
            "audit.key is not the key that the newest checkpoint says is valid",
        )
        .hint("restore audit.key from a backup, or begin anew: `mab audit checkpoint --begin-anew`"),
        Problem::Malformed
        | Problem::BadSignature
        | Problem::NotExtending
        | Problem::WrongRoot
        | Problem::TimeBack => Denied::new(
            Code::Conflict,
            format!("the newest checkpoint in the store does not hold: {problem}"),
        )
        .hint("somebody changed the database: run `mab audit verify`"),
    }
}

/// The refusal when an anchor is not what the store recorded.
pub fn mismatch(file: &str, mismatch: Mismatch) -> Denied {
    Denied::new(Code::Conflict, format!("{file} does not fit the store: {mismatch}")).hint(
        "run `mab audit verify`: it says what is missing. After restoring a backup: `mab audit checkpoint --begin-anew`",
    )
}

/// The least time between two checkpoints that a process writes by itself: each one is a signature, a durable commit and
/// bytes that stay, and whoever calls often enough decides when it is due.
const AT_MOST_EVERY: Duration = Duration::from_secs(1);
