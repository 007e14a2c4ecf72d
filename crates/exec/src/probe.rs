//! Finds out, by running something in each, which sandboxes this machine has.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crate::{
    Argv, Container, ContainerSettings, Ending, GitAccess, Limits, Link, Mode, Network, Plan, Profile,
    Sandbox, Stage, Step, Tier, Unavailable, View, bubblewrap::Bubblewrap, keeper::wait,
    landlock_tier::Landlock, stubs::sweep,
};

/// What a probe needs to know.
#[derive(Debug, Clone)]
pub struct ProbeSettings {
    /// The file of this program, which also runs inside sandboxes.
    pub helper: PathBuf,
    /// A private folder of the program's own, outside every workspace: notes of what has to be taken away again. It is made
    /// when it is missing.
    pub records: PathBuf,
}

/// The sandboxes of this machine.
#[derive(Clone)]
pub struct Tiers {
    all: Vec<Probed>,
}

#[derive(Clone)]
struct Probed {
    tier: Tier,
    sandbox: Result<(Arc<dyn Sandbox>, Vec<String>), Unavailable>,
}

/// What a probe found out about one tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierReport {
    /// Which.
    pub tier: Tier,
    /// What it enforces, each in a few words; or why it is not there.
    pub available: Result<Vec<String>, Unavailable>,
}

impl Tiers {
    /// Takes away what killed servers left in workspaces, where there are notes of it; tries nothing out.
    pub fn take_away_left(records: &Path) {
        if records.is_dir() {
            sweep(records);
        }
    }

    /// Takes away what killed servers left, and runs `true` in each tier once; some milliseconds each.
    pub fn probe(settings: &ProbeSettings) -> Self {
        sweep(&settings.records);
        let landlock: Arc<dyn Sandbox> = Arc::new(Landlock);
        let bubblewrap = Bubblewrap::find(&settings.helper, &settings.records)
            .map(|found| Arc::new(found) as Arc<dyn Sandbox>);
        let all = [(Tier::Landlock, Ok(landlock)), (Tier::Bubblewrap, bubblewrap)];
        let all = all.map(|(tier, sandbox)| Probed {
            tier,
            sandbox: sandbox.and_then(|sandbox| {
                let enforced = try_out(&*sandbox, &settings.records)?;
                Ok((sandbox, enforced))
            }),
        });
        Self { all: all.into() }
    }

    /// With containers as the operator wants them. An engine is asked, not tried out: that would take most of a second.
    #[must_use]
    pub fn with_containers(mut self, wanted: &ContainerSettings, records: &Path) -> Self {
        let sandbox = Container::probe(wanted, records).map(|found| {
            let enforced = found.enforced();
            (Arc::new(found) as Arc<dyn Sandbox>, enforced)
        });
        self.all.push(Probed { tier: Tier::Container(wanted.engine), sandbox });
        self
    }

    /// The sandbox that commands of a mode run in: the one that is wished for, else the stronger of T1 and T2. A container
    /// is only used when it is wished for.
    ///
    /// # Errors
    /// [`Unavailable`] when there is none that is strong enough for the mode.
    pub fn strongest(&self, mode: Mode, wish: Option<Tier>) -> Result<Arc<dyn Sandbox>, Unavailable> {
        let needed = Tier::needed(mode);
        if let Some(wish) = wish.filter(|wish| *wish < needed) {
            return Err(Unavailable {
                reason: format!("mode {mode} needs {needed}, and {wish} is less"),
                hint: "choose a stronger sandbox, or none, in the configuration".to_owned(),
            });
        }
        let fits = |probed: &&Probed| match wish {
            Some(wish) => probed.tier == wish,
            None => probed.tier >= needed && probed.tier <= Tier::Bubblewrap,
        };
        let mut why = None;
        for probed in self.all.iter().rev().filter(fits) {
            match &probed.sandbox {
                Ok((sandbox, _)) => return Ok(Arc::clone(sandbox)),
                Err(unavailable) => why = Some(unavailable.clone()),
            }
        }
        Err(why.unwrap_or_else(|| Unavailable {
            reason: "that sandbox is not set up".to_owned(),
            hint: "`mab doctor` shows which there are".to_owned(),
        }))
    }

    /// What each tier enforces, or why it is not there; from the weakest.
    pub fn report(&self) -> Vec<TierReport> {
        let report = |probed: &Probed| TierReport {
            tier: probed.tier,
            available: probed.sandbox.as_ref().map(|(_, enforced)| enforced.clone()).map_err(Clone::clone),
        };
        self.all.iter().map(report).collect()
    }
}

impl std::fmt::Debug for Tiers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tiers").field(&self.report()).finish()
    }
}

/// Runs `true`, in the folder of notes because it is small, and says what was enforced.
fn try_out(sandbox: &dyn Sandbox, records: &Path) -> Result<Vec<String>, Unavailable> {
    let program = ["/usr/bin/true", "/bin/true"].into_iter().find(|path| Path::new(path).exists());
    let argv = Argv {
        name: "true".to_owned(),
        program: program.unwrap_or("/bin/true").to_owned(),
        arguments: Vec::new(),
        environment: Vec::new(),
    };
    let plan = Plan::Steps(vec![Step { link: Link::Always, pipeline: vec![argv] }]);
    let profile = Profile {
        workspace: records.to_owned(),
        writable: false,
        git: GitAccess::ReadOnly,
        network: Network::Off,
        readable: Vec::new(),
        hidden: Vec::new(),
        environment: std::collections::BTreeMap::new(),
        limits: Limits { time_s: 10, ..Limits::default() },
    };
    let mut running =
        sandbox.start(&Stage { plan: &plan, binaries: &[], profile: &profile, view: &View::Direct })?;
    let failed = |what: String| Unavailable {
        reason: format!("nothing could be run in it: {what}"),
        hint: "look at the system's log".to_owned(),
    };
    if !wait(running.over(), TRY_MAX).map_err(|error| failed(error.to_string()))? {
        return Err(failed("`true` did not end".to_owned()));
    }
    match running.try_end() {
        Ok(Some(Ending::Exited(0))) => Ok(running.enforced()),
        Ok(Some(Ending::Unavailable(unavailable))) => Err(unavailable),
        Ok(Some(Ending::Exited(code))) => Err(failed(format!("`true` ended with {code}"))),
        Ok(Some(Ending::Limit(_))) => Err(failed("`true` met a limit".to_owned())),
        Ok(None) => Err(failed("`true` did not end".to_owned())),
        Err(error) => Err(failed(error.to_string())),
    }
}

const TRY_MAX: Duration = Duration::from_secs(10);
