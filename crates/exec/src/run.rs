//! One command, from what was asked to how it ended.
//!
//! ```text
//! Ask ──prepare──► Prepared ──allowed / by_person──► Approved ──run──► Finished
//!        │ judge, sandbox, programs, snapshot            │ everything again, snapshot, sandbox
//!        └─► Outcome: denied, sandbox_unavailable        └─► Outcome
//! ```
//! Each step fails closed: what cannot be had is refused, never done with less. What is checked when a command is prepared
//! is checked again when it is run, because a person's yes takes time.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use mab_core::{Denied, Timestamp, visible::visible};
use mab_redact::{Memory, Redactor, Scope};

use crate::{
    Approved, Ask, Binary, Captured, Decision, Digest, Finished, GitAccess, Isolates, Judges, Layer, Mode,
    Network, Obeys, Observer, Outcome, Prepared, Profile, Request, Sandbox, Saves, Stage, Surface, Tier,
    Unavailable, Verdict, View, Wanted, Workspace,
    binaries::Binaries,
    follow::{Stopwatch, follow},
    output::{Gathering, Knowledge},
    prepared::Inner,
};

/// What the operator decided about every run.
#[derive(Clone, Default)]
pub struct ExecutorSettings {
    /// Folders in which programs are looked for before the system's, absolute.
    pub path: Vec<PathBuf>,
    /// Variables that commands get besides the fixed ones.
    pub environment: BTreeMap<String, String>,
    /// Folders and files that commands may read besides the system's own, absolute.
    pub readable: Vec<PathBuf>,
    /// Files and folders that no command sees, absolute: the bridge's own.
    pub hidden: Vec<PathBuf>,
    /// Folders that no workspace may contain, absolute: the bridge's own, and the user's home, which holds what every
    /// program of this user obeys.
    pub apart: Vec<PathBuf>,
    /// Whether a command may reach the network, if a person agrees.
    pub may_use_network: bool,
    /// The sandbox that is wished; none for the strongest that is there.
    pub sandbox: Option<Tier>,
    /// Finds secrets in what commands print.
    pub redactor: Arc<Redactor>,
}

impl std::fmt::Debug for ExecutorSettings {
    /// Without the environment, which may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExecutorSettings")
            .field("path", &self.path)
            .field("sandbox", &self.sandbox)
            .finish_non_exhaustive()
    }
}

/// Prepares and runs commands.
pub struct Executor {
    settings: ExecutorSettings,
    tiers: Box<dyn Isolates>,
    judge: Box<dyn Judges>,
    snapshots: Option<Box<dyn Saves>>,
    binaries: Binaries,
}

impl Executor {
    /// Puts the parts together. Without `snapshots` nothing is saved before a command that may write.
    pub fn new(
        settings: ExecutorSettings,
        tiers: impl Isolates + 'static,
        judge: impl Judges + 'static,
        snapshots: Option<Box<dyn Saves>>,
    ) -> Self {
        let binaries = Binaries::new(&settings.path);
        Self { settings, tiers: Box::new(tiers), judge: Box::new(judge), snapshots, binaries }
    }

    /// Judges a command, finds all that running it needs, and saves the workspace if it may write there and nobody has to
    /// agree. Nothing is run.
    ///
    /// *nonce*: 128 bits that were never used before.
    ///
    /// # Errors
    /// Why it cannot be run: [`Outcome::Denied`] or [`Outcome::SandboxUnavailable`].
    pub fn prepare(
        &self,
        ask: &Ask,
        workspace: &Arc<Workspace>,
        now: Timestamp,
        nonce: [u8; 16],
    ) -> Result<Prepared, Outcome> {
        self.make(ask, workspace, (now, nonce), true)
    }

    /// As [`Self::prepare`], for who only wants to know: nothing is saved, and what comes of it never runs.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub fn consider(
        &self,
        ask: &Ask,
        workspace: &Arc<Workspace>,
        now: Timestamp,
        nonce: [u8; 16],
    ) -> Result<(Verdict, Request), Outcome> {
        let inner = self.make(ask, workspace, (now, nonce), false)?.into_inner();
        Ok((inner.verdict, inner.request))
    }

    fn make(
        &self,
        ask: &Ask,
        workspace: &Arc<Workspace>,
        (now, nonce): (Timestamp, [u8; 16]),
        saving: bool,
    ) -> Result<Prepared, Outcome> {
        ask.check().map_err(|why| denied(Layer::Parse, &why))?;
        workspace.still_there().map_err(|why| denied(Layer::Sandbox, &why))?;
        if let Some(within) = self.settings.apart.iter().find(|path| path.starts_with(workspace.path())) {
            let why = format!(
                "the workspace contains {}, which no command may come near; name a folder of one project",
                within.display()
            );
            return Err(self.refuse(Layer::Sandbox, &why));
        }
        let mut verdict = self.verdict(ask, workspace)?;
        let Some(mut plan) = verdict.plan.clone() else {
            return Err(self.refuse(Layer::Parse, "the command could not be understood"));
        };
        let sandbox = self.sandbox(ask.mode)?;
        let preview = self.preview(ask, &mut verdict, &*sandbox)?;
        let binaries = match sandbox.brings() {
            Some(image) => {
                plan.programs_by_name();
                vec![image]
            }
            None => self
                .binaries
                .resolve(&mut plan, ask.mode, workspace)
                .map_err(|why| self.refuse(Layer::Policy, &why))?,
        };
        verdict.plan = Some(plan.clone());
        let profile = self.profile(ask, &verdict, (workspace, &binaries));
        // What a person must agree to is saved after the yes: who may only ask must not fill the disk, nor flush what was
        // saved before.
        let snapshot = match verdict.decision {
            Decision::Allow if saving => self.save(&verdict, (workspace, None), now)?,
            Decision::Allow | Decision::Ask | Decision::Deny => None,
        };
        let request = Request {
            version: 1,
            conversation: ask.conversation.clone(),
            agent: ask.agent.clone(),
            mode: ask.mode,
            command: ask.wanted.clone(),
            plan,
            binaries,
            obeys: self.obeyed(&verdict, (ask.mode, &ask.wanted), workspace)?,
            workspace_device: workspace.device().to_string(),
            workspace_inode: workspace.inode().to_string(),
            profile: self.without_values(&profile, nonce),
            preview,
            tier: sandbox.tier(),
            policy_digest: self.judge.policy_digest(),
            snapshot,
            created_at: now,
            expires_at: now.plus_seconds(ask.valid_s),
            nonce: hex::encode(nonce),
        };
        let hash = request.hash().map_err(|fault| {
            tracing::error!(%fault, "a request has no hash");
            self.refuse(Layer::Parse, "the request could not be written down")
        })?;
        let workspace = Arc::clone(workspace);
        Ok(Prepared::new(Inner { verdict, request, hash, profile, sandbox, workspace }))
    }

    /// Runs what may run, in the workspace itself. It waits until the command ended and nothing of it is left.
    pub fn run(&self, approved: Approved, now: Timestamp, observer: &dyn Observer) -> Finished {
        self.run_on(approved, now, (observer, &View::Direct))
    }

    /// As [`Self::run`], on another view of the workspace: one for a request that is a preview, and for no other.
    pub fn run_on(
        &self,
        approved: Approved,
        now: Timestamp,
        (observer, view): (&dyn Observer, &View),
    ) -> Finished {
        let inner = approved.into_inner();
        let mut finished = Finished {
            outcome: Outcome::Killed { reason: crate::Killed::Lost },
            request_hash: inner.hash,
            tier: None,
            enforced: Vec::new(),
            duration_ms: 0,
            snapshot: inner.request.snapshot.clone(),
            planted: Vec::new(),
            stdout: Captured::default(),
            stderr: Captured::default(),
        };
        if let Err(outcome) = self.check_again(&inner, view, now) {
            return Finished { outcome, ..finished };
        }
        // What a restore brings back is the workspace just before the command.
        if inner.verdict.decision == Decision::Ask {
            match self.save(&inner.verdict, (&inner.workspace, observer.run_id()), now) {
                Ok(snapshot) => finished.snapshot = snapshot,
                Err(outcome) => return Finished { outcome, ..finished },
            }
            // Saving takes as long as the workspace is large: what was true before it need not be any longer.
            if let Err(outcome) = self.check_again(&inner, view, now) {
                return Finished { outcome, ..finished };
            }
        }
        self.start(&inner, (observer, view), finished)
    }

    fn start(&self, inner: &Inner, (observer, view): (&dyn Observer, &View), finished: Finished) -> Finished {
        let Request { plan, binaries, .. } = &inner.request;
        let stage = Stage { plan, binaries, profile: &inner.profile, view };
        let since = match Stopwatch::start() {
            Ok(since) => since,
            Err(error) => {
                let reason =
                    format!("there is no timer: {error}; ask the operator to look at the system's limits");
                return Finished { outcome: Outcome::SandboxUnavailable { reason }, ..finished };
            }
        };
        let writes = inner.profile.writable && *view == View::Direct;
        let before = writes.then(|| Surface::look(&inner.workspace));
        let mut running = match inner.sandbox.start(&stage) {
            Ok(running) => running,
            Err(why) => {
                let outcome = Outcome::SandboxUnavailable { reason: why.to_string() };
                return Finished { outcome, ..finished };
            }
        };
        let mut gathering = Gathering::new(self.knowledge(inner, observer));
        let limits = &inner.profile.limits;
        let outcome = follow(running.as_mut(), limits, (observer, &since), &mut gathering);
        let (enforced, duration_ms) = (running.enforced(), since.elapsed_ms());
        drop(running);
        let planted = before.map(|before| before.settle(&inner.workspace)).unwrap_or_default();
        let ([stdout, stderr], learned) = gathering.finish();
        if observer.memory().is_some() && !learned.is_empty() {
            observer.learned(learned);
        }
        let has_run = !matches!(outcome, Outcome::SandboxUnavailable { .. });
        let tier = has_run.then(|| inner.sandbox.tier());
        Finished { outcome, tier, enforced, duration_ms, planted, stdout, stderr, ..finished }
    }

    fn verdict(&self, ask: &Ask, workspace: &Workspace) -> Result<Verdict, Outcome> {
        let mut verdict = self.judge.judge(ask.mode, &ask.wanted, Some(workspace));
        if verdict.decision == Decision::Deny {
            return Err(self.refuse(verdict.layer, &verdict.reason));
        }
        if ask.network == Network::Host {
            if !self.settings.may_use_network {
                let why =
                    "commands may not reach the network here; the operator decides with execution.network";
                return Err(self.refuse(Layer::Policy, why));
            }
            verdict.decision = Decision::Ask;
        }
        Ok(verdict)
    }

    fn sandbox(&self, mode: Mode) -> Result<Arc<dyn Sandbox>, Outcome> {
        let unavailable = |reason| Outcome::SandboxUnavailable { reason };
        let sandbox =
            self.tiers.strongest(mode, self.settings.sandbox).map_err(|why| unavailable(why.to_string()))?;
        let needed = Tier::needed(mode);
        if sandbox.tier() < needed {
            return Err(unavailable(format!("mode {mode} needs {needed}, and {} is less", sandbox.tier())));
        }
        Ok(sandbox)
    }

    /// Whether it runs on a view. What cannot write needs none. A repository's own state is never applied, so that it is
    /// only to read.
    fn preview(&self, ask: &Ask, verdict: &mut Verdict, sandbox: &dyn Sandbox) -> Result<bool, Outcome> {
        if !(ask.preview && verdict.writes) {
            return Ok(false);
        }
        if !sandbox.previews() {
            let reason = format!("there is no copy-on-write view in {}", sandbox.tier());
            let hint = "run it without a preview, or in the sandbox `bubblewrap`".to_owned();
            return Err(Outcome::SandboxUnavailable { reason: Unavailable { reason, hint }.to_string() });
        }
        if verdict.git == GitAccess::Commit && ask.mode != Mode::Yolo {
            let why = "it writes to the repository's own state, which no preview applies; run it without one";
            return Err(self.refuse(Layer::Sandbox, why));
        }
        verdict.git = GitAccess::ReadOnly;
        Ok(true)
    }

    fn profile(
        &self,
        ask: &Ask,
        verdict: &Verdict,
        (workspace, binaries): (&Workspace, &[Binary]),
    ) -> Profile {
        let own = binaries.iter().map(|binary| PathBuf::from(&binary.path));
        let is_elsewhere =
            |path: &PathBuf| path.is_absolute() && !SYSTEM.iter().any(|root| path.starts_with(root));
        let is_outside = |path: &PathBuf| !path.starts_with(workspace.path());
        let settings = &self.settings;
        let mut readable = settings.readable.clone();
        readable.extend(settings.path.iter().cloned().chain(own).filter(is_elsewhere).filter(is_outside));
        readable.sort();
        readable.dedup();
        Profile {
            workspace: workspace.path().to_owned(),
            writable: verdict.writes,
            git: verdict.git,
            network: ask.network,
            readable,
            hidden: settings.hidden.clone(),
            environment: self.environment(),
            limits: ask.limits,
        }
    }

    /// The profile as the request shows it: of what the operator passes in only digests, which say the same to nobody
    /// else. A request is shown and kept, and what is passed in may be secret.
    fn without_values(&self, profile: &Profile, nonce: [u8; 16]) -> Profile {
        let mut shown = profile.clone();
        for (name, value) in &mut shown.environment {
            if self.settings.environment.contains_key(name) && !FIXED.contains(&name.as_str()) {
                let parts = [VALUE_DOMAIN, &nonce, name.as_bytes(), b"\0", value.as_bytes()];
                *value = format!("sha256:{}", Digest::of(&parts));
            }
        }
        shown
    }

    /// The operator's variables, but for those that are fixed.
    fn environment(&self) -> BTreeMap<String, String> {
        let set = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let mut environment: BTreeMap<String, String> = [("LANG", "C.UTF-8"), ("TZ", "UTC")].map(set).into();
        environment.extend(self.settings.environment.clone());
        let path = self.binaries.path();
        let [path_name, home, terminal] = FIXED;
        environment.extend([(path_name, path.as_str()), (home, "/tmp/home"), (terminal, "dumb")].map(set));
        environment
    }

    fn save(
        &self,
        verdict: &Verdict,
        (workspace, run): (&Workspace, Option<String>),
        now: Timestamp,
    ) -> Result<Option<String>, Outcome> {
        let Some(snapshots) = self.snapshots.as_ref().filter(|_| verdict.writes) else { return Ok(None) };
        let label = run.map_or_else(|| "before a command".to_owned(), |id| format!("before {id}"));
        let saved = snapshots.save(workspace, &label, now);
        saved.map(Some).map_err(|why| {
            let mut outcome = denied(Layer::Sandbox, &why);
            if let Outcome::Denied { reason, .. } = &mut outcome {
                reason.insert_str(0, "the workspace could not be saved, so nothing was run: ");
            }
            outcome
        })
    }

    /// What was true when the command was judged still is.
    fn check_again(&self, inner: &Inner, view: &View, now: Timestamp) -> Result<(), Outcome> {
        let request = &inner.request;
        if request.preview == (*view == View::Direct) {
            return Err(self.refuse(Layer::Sandbox, "the request was about another view of the workspace"));
        }
        if now >= request.expires_at || now < request.created_at {
            return Err(self.refuse(Layer::Expired, "the time to run this request is over; ask again"));
        }
        inner.workspace.still_there().map_err(|why| denied(Layer::Sandbox, &why))?;
        let policy = self.judge.policy_digest_now().map_err(|why| denied(Layer::Policy, &why))?;
        if policy != request.policy_digest {
            let why = "the policy is not the one that judged the command; ask again";
            return Err(self.refuse(Layer::Policy, why));
        }
        if inner.sandbox.brings().is_some_and(|image| request.binaries != [image]) {
            let why = "the image is not the one that was there when the command was judged; ask again";
            return Err(self.refuse(Layer::Policy, why));
        }
        if inner.sandbox.brings().is_none() {
            let checked = self.binaries.recheck(&request.binaries);
            checked.map_err(|why| self.refuse(Layer::Policy, &why))?;
        }
        let now = self.obeyed(&inner.verdict, (request.mode, &request.command), &inner.workspace)?;
        match request.obeys.change(&now) {
            Some(what) => {
                Err(self.refuse(Layer::Policy, &format!("{what} the command was judged; ask again")))
            }
            None => Ok(()),
        }
    }

    /// What it is known to run or obey of the workspace. What runs at once runs now, so that nobody looks.
    fn obeyed(
        &self,
        verdict: &Verdict,
        (mode, wanted): (Mode, &Wanted),
        workspace: &Workspace,
    ) -> Result<Obeys, Outcome> {
        match verdict.decision {
            Decision::Ask => {
                self.judge.obeyed(mode, wanted, workspace).map_err(|why| self.refuse(Layer::Policy, &why))
            }
            Decision::Allow | Decision::Deny => Ok(Obeys::default()),
        }
    }

    /// What is known of secrets: the conversation's, and what the operator passes in.
    fn knowledge<'a>(&'a self, inner: &Inner, observer: &'a dyn Observer) -> Knowledge<'a> {
        let key = Digest::of(&[MEMORY_DOMAIN, inner.hash.digest().as_bytes()]);
        let mut memory = observer.memory().cloned().unwrap_or_else(|| Memory::new(key.as_bytes()));
        for (name, value) in &self.settings.environment {
            let text = format!("{name}={value}\n");
            let scope = Scope { memory: Some(&memory), ..Scope::default() };
            let learned = self.settings.redactor.redact_in(&text, &scope).map(|scoped| scoped.learned);
            learned.unwrap_or_default().into_iter().for_each(|digest| memory.add(digest));
        }
        Knowledge { redactor: &self.settings.redactor, memory, values: observer.values() }
    }

    /// Which file that the command obeys is otherwise in `now` than in `before`, for who asked; none when none is.
    pub fn changed(&self, before: &Request, now: &Request) -> Option<String> {
        before.obeys.change(&now.obeys).map(|what| self.clean(&format!("{what} the command was judged")))
    }

    /// A refusal whose reason may quote the command.
    fn refuse(&self, layer: Layer, reason: &str) -> Outcome {
        Outcome::Denied { layer, reason: self.clean(reason) }
    }

    fn clean(&self, reason: &str) -> String {
        let clean = self.settings.redactor.redact(reason).map(|clean| visible(clean.text.as_str(), &[]));
        clean.unwrap_or_else(|_| "it was refused; why is not shown, because it may hold a secret".to_owned())
    }
}

fn denied(layer: Layer, why: &Denied) -> Outcome {
    let reason = match &why.hint {
        Some(hint) => format!("{}; {hint}", why.message),
        None => why.message.clone(),
    };
    Outcome::Denied { layer, reason: visible(&reason, &[]) }
}

/// What every sandbox shows anyway.
const SYSTEM: [&str; 4] = ["/usr", "/bin", "/sbin", "/lib"];
/// Variables that nobody sets but this program.
const FIXED: [&str; 3] = ["PATH", "HOME", "TERM"];
/// Sets digests of variables apart from every other use of SHA-256 here.
const VALUE_DOMAIN: &[u8] = b"mab.exec.environment.v1\0";
/// Sets the key of a run's own memory apart from every other use of its hash.
const MEMORY_DOMAIN: &[u8] = b"mab.exec.memory.v1\0";

#[cfg(test)]
mod tests;
