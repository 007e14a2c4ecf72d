//! The bridge, opened beside the protocol: a client gets its first answer while the store still opens, and when it
//! cannot be opened, every call says why.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use mab_core::{Code, Denied, Failure, Fault};
use mab_service::{Bridge, Waiter, Workbench};
use serde_json::{Map, Value};
use tokio::sync::{Notify, OnceCell};

use super::callers::Callers;
use crate::{config::Config, keystore, permissions, runtime, workbench::AgentBench};

/// The way to the bridge for one client.
#[derive(Debug)]
pub(super) struct Door {
    config: Result<Config, Denied>,
    /// What runs commands for agents; none where they may not ask for any.
    workbench: Option<Arc<AgentBench>>,
    opened: OnceCell<Opened>,
    /// Told once the bridge is open.
    ready: Notify,
    logged: Mutex<Option<Denied>>,
    /// Whether every name that the client gave itself was Claude Code's; `None` before the first.
    is_claude_code: Mutex<Option<bool>>,
}

/// The bridge and who calls.
struct Opened {
    bridge: Bridge,
    callers: Callers,
}

impl Door {
    pub(super) fn new(config: Result<Config, Denied>, workbench: Option<Arc<AgentBench>>) -> Self {
        Self {
            config,
            workbench,
            opened: OnceCell::new(),
            ready: Notify::new(),
            logged: Mutex::default(),
            is_claude_code: Mutex::default(),
        }
    }

    /// Whether agents may ask for commands here: the operator's settings say so, and who started this server does.
    pub(super) fn runs_commands(&self) -> bool {
        self.workbench.is_some()
    }

    /// Takes note of what the client calls itself. Who speaks for several clients is none of them.
    pub(super) fn hear(&self, client: &str) {
        let mut so_far = self.is_claude_code.lock().unwrap_or_else(PoisonError::into_inner);
        *so_far = Some(client == CLAUDE_CODE && *so_far != Some(false));
    }

    /// Opens the bridge unless it is open. After a refusal the next call tries again: what was wrong may be mended.
    pub(super) async fn open(&self) -> Result<(), Denied> {
        self.opened().await.map(drop)
    }

    /// Keeps the audit trail signed, once the bridge is open; never ends.
    pub(super) async fn keep_anchored(&self) {
        self.ready.notified().await;
        if let Some(opened) = self.opened.get() {
            opened.bridge.keep_anchored().await;
        }
    }

    /// Signs what was recorded since, before the process ends.
    pub(super) async fn anchor_now(&self) {
        if let Some(opened) = self.opened.get() {
            opened.bridge.anchor_now().await;
        }
    }

    /// Takes one call of the client's program to the bridge.
    pub(super) async fn call(
        &self,
        waiter: &dyn Waiter,
        operation: &str,
        arguments: Map<String, Value>,
    ) -> Result<Value, Denied> {
        self.call_from(None, waiter, operation, arguments).await
    }

    /// Takes one call of an agent to the bridge, from this thread of the client.
    pub(super) async fn call_from(
        &self,
        thread: Option<&str>,
        waiter: &dyn Waiter,
        operation: &str,
        arguments: Map<String, Value>,
    ) -> Result<Value, Denied> {
        let opened = self.opened().await?;
        let is_claude_code = *self.is_claude_code.lock().unwrap_or_else(PoisonError::into_inner);
        let caller = opened.callers.of(thread, is_claude_code == Some(true));
        let caller = caller.map_err(|failure| self.refusal(failure))?;
        let answer = opened.bridge.call_waiting(&caller, waiter, operation, arguments).await;
        answer.map_err(|denied| match &self.config {
            Ok(config) => permissions::explain(config, denied),
            Err(_) => denied,
        })
    }

    /// Where it is kept what the agent of this thread was told; `None` when no session is to be woken.
    pub(super) fn told_of_thread(&self, thread: &str) -> Option<PathBuf> {
        let config = self.config.as_ref().ok().filter(|config| config.clients.codex_queue)?;
        let of_thread = keystore::codex_profile(thread)?;
        let profile = config.named_agent().map_or(of_thread, str::to_owned);
        keystore::check_profile(&profile).ok()?;
        Some(keystore::profile_path(&config.data_dir.join("agents"), &profile).with_extension("told"))
    }

    /// Codex's program, where it is to be run.
    pub(super) fn codex(&self) -> Option<PathBuf> {
        self.config.as_ref().ok().and_then(|config| config.clients.codex.clone())
    }

    /// Ends every command that runs, with all it started, and waits until that is recorded.
    pub(super) async fn end_runs(&self) {
        if let Some(Opened { bridge, .. }) = self.opened.get() {
            bridge.end_runs().await;
        }
    }

    /// Writes what the bridge keeps in memory only.
    pub(super) async fn close(&self) {
        if let Some(Opened { bridge, .. }) = self.opened.get() {
            bridge.close().await;
        }
    }

    /// Says that the client has got the answers with these tickets.
    pub(super) fn received(&self, tickets: &[u64]) {
        if let Some(Opened { callers, .. }) = self.opened.get() {
            // Whose it is not, does not know the ticket.
            callers.all().iter().for_each(|connection| connection.received(tickets));
        }
    }

    /// Says that the client will not see the answer with this ticket.
    pub(super) fn lost(&self, ticket: u64) {
        if let Some(Opened { callers, .. }) = self.opened.get() {
            callers.all().iter().for_each(|connection| connection.lost(ticket));
        }
    }

    async fn opened(&self) -> Result<&Opened, Denied> {
        let open = || async {
            let (config, workbench) = (self.config.clone()?, self.workbench.clone());
            tokio::task::spawn_blocking(move || open(&config, workbench))
                .await
                .unwrap_or_else(|panicked| Err(Fault::from_source("opening the bridge", panicked).into()))
        };
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let opened = self.opened.get_or_try_init(open).await.map_err(|failure| self.refusal(failure))?;
        self.ready.notify_one();
        Ok(opened)
    }

    /// What callers are told. It is logged once, not with every call.
    fn refusal(&self, failure: Failure) -> Denied {
        let (denied, source) = match failure {
            Failure::Denied(denied) => (denied, None),
            Failure::Fault(fault) => {
                let denied = Denied::new(Code::Internal, "the bridge could not be opened").hint(
                    "tell your user: the server's stderr says why, and `mab doctor` examines the data folder",
                );
                (denied, Some(fault))
            }
        };
        // Whatever is kept here is only compared.
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.as_ref() != Some(&denied) {
            let error = source.as_ref().map(|fault| fault as &dyn std::error::Error);
            tracing::error!(
                code = denied.code.name(),
                hint = denied.hint,
                error,
                "cannot open the bridge: {}",
                denied.message
            );
            *logged = Some(denied.clone());
        }
        denied
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("callers", &self.callers).finish_non_exhaustive()
    }
}

fn open(config: &Config, workbench: Option<Arc<AgentBench>>) -> Result<Opened, Failure> {
    let workbench = workbench.map(|workbench| workbench as Arc<dyn Workbench>);
    let bridge = runtime::open(config, workbench)?;
    let callers = Callers::new(config)?;
    Ok(Opened { bridge, callers })
}

/// What Claude Code calls itself (Claude Code 2.1.330, measured 2026-11-20).
const CLAUDE_CODE: &str = "claude-code";
