//! `reserve_files`: who edits which files, so that two agents do not edit the same.

use mab_core::{
    Code, Denied, Failure, Timestamp,
    audit::Detail,
    entity::Member,
    lease::{
        CHARS_PER_AGENT, Conflict, LEASES_PER_AGENT, Lease, LeaseChange, NewLease, PathPattern,
        TTL_DEFAULT_S, TTL_MAX_S, TTL_MIN_S, Wanted, conflicts,
    },
    limit::Kind,
    policy::Action,
    source::draw,
};
use mab_store::LeaseOutcome;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Bridge,
    door::{Call, Op},
    leasing::lease_place,
    reading::{Opener, PEER, message_row},
    screening::Screen,
};

/// Most patterns in one call.
const PATHS_MAX: usize = 20;
/// How often a decision is taken anew because others changed their leases in between.
const ATTEMPTS: usize = 16;

/// The operation.
pub(crate) struct ReserveFiles;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    action: Doing,
    /// Release without: all of yours
    #[serde(default)]
    #[schemars(length(min = 1, max = 20))]
    paths: Option<Vec<String>>,
    /// Default 900
    #[serde(default)]
    #[schemars(range(min = 10, max = 86_400))]
    ttl_seconds: Option<u32>,
    /// Default true; false: shared
    #[serde(default)]
    exclusive: Option<bool>,
}

/// What is done.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Doing {
    /// Reserve, or prolong.
    Acquire,
    /// Give free.
    Release,
    /// See all.
    List,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    /// Acquired or renewed; released; or all there are
    leases: Vec<Held>,
}

/// A lease.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Held {
    /// The holder's words, no more
    path: String,
    session_id: String,
    exclusive: bool,
    /// Grows with every lease
    fence: u64,
    expires_at: String,
    yours: bool,
    trust: &'static str,
}

impl Op for ReserveFiles {
    const ACTION: Action = Action::Reserve;
    const RECORDS_REFUSED_SECRETS: bool = true;
    type Arguments = Arguments;
    type Answer = Answer;

    fn action(arguments: &Arguments) -> Action {
        match arguments.action {
            Doing::Acquire => Action::Reserve,
            Doing::Release => Action::Release,
            Doing::List => Action::ListLeases,
        }
    }

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let paths = match arguments.paths {
            Some(paths) => Some(patterns(&paths)?),
            None => None,
        };
        match (arguments.action, paths) {
            (Doing::Acquire, Some(wanted)) => {
                let ttl_s = ttl(arguments.ttl_seconds)?;
                let exclusive = arguments.exclusive.unwrap_or(true);
                let detail = Detail::default()
                    .number("patterns", wanted.len() as u64)
                    .name("mode", if exclusive { "exclusive" } else { "shared" })
                    .number("ttl_s", u64::from(ttl_s));
                let stamp = (Kind::Change, detail);
                let texts: Vec<String> = wanted.iter().map(ToString::to_string).collect();
                let screen = Screen::of(&call, &texts.iter().map(String::as_str).collect::<Vec<_>>()).await?;
                settle(call, stamp, |seen| seen.acquire(&wanted, exclusive, ttl_s, &screen)).await
            }
            (Doing::Release, paths) => {
                // Charged as a read: giving free must not wait for a window that reserving has filled.
                let stamp = (Kind::Read, Detail::default());
                settle(call, stamp, |seen| seen.release(paths.as_deref())).await
            }
            (Doing::List, None) => list(call).await,
            (Doing::Acquire, None) => {
                let denied = Denied::new(Code::InvalidArguments, "acquire needs paths");
                Err(denied.hint("say which files, for example [\"src/api/**\"]").into())
            }
            (Doing::List, Some(_)) => {
                let denied = Denied::new(Code::InvalidArguments, "list takes no paths");
                Err(denied.hint("leave paths out: all leases are listed").into())
            }
        }
    }
}

/// Reads patterns, each once.
fn patterns(paths: &[String]) -> Result<Vec<PathPattern>, Failure> {
    if paths.is_empty() || paths.len() > PATHS_MAX {
        let message = format!("paths has {} entries; 1 to {PATHS_MAX} are allowed", paths.len());
        return Err(Denied::new(Code::InvalidArguments, message)
            .hint("reserve a folder or use wildcards; to release everything leave paths out")
            .into());
    }
    let mut read: Vec<PathPattern> = Vec::new();
    for path in paths {
        let pattern = PathPattern::parse(path)?;
        if !read.contains(&pattern) {
            read.push(pattern);
        }
    }
    Ok(read)
}

/// Patterns are stored and shown to others, so a new one may hold no secret. What the agent holds already is not asked: it
/// must be able to prolong it whatever was learned since.
fn check_clean(new: &[&Lease], screen: &Screen<'_>) -> Result<(), Denied> {
    for lease in new {
        if !screen.is_clean(&lease.pattern.to_string())? {
            return Err(Denied::new(Code::InvalidArguments, "a pattern holds what looks like a secret")
                .hint("put a wildcard in its place, or reserve the folder above it"));
        }
    }
    Ok(())
}

fn ttl(wanted: Option<u32>) -> Result<u32, Denied> {
    let ttl_s = wanted.unwrap_or(TTL_DEFAULT_S);
    if (TTL_MIN_S..=TTL_MAX_S).contains(&ttl_s) {
        return Ok(ttl_s);
    }
    let message = format!("ttl_seconds must be {TTL_MIN_S} to {TTL_MAX_S}");
    Err(Denied::new(Code::InvalidArguments, message).hint("acquire the same paths again to hold them longer"))
}

async fn list(call: Call<'_>) -> Result<Answer, Failure> {
    let (bridge, opener, member) = (call.bridge, call.opener()?, call.member()?.clone());
    bridge.store.charge(bridge.stamp(call.permit, Kind::Read, Detail::default())).await?;
    let seen = Seen::look(bridge, &opener, &member).await?;
    let held = seen.leases.iter().filter(|lease| !lease.is_over(seen.now));
    Ok(Answer { leases: held.map(|lease| seen.shown(lease)).collect() })
}

/// Decides on the leases as they are and carries it out, again when they were changed in between.
async fn settle(
    call: Call<'_>,
    (kind, detail): (Kind, Detail),
    decide: impl Fn(&Seen<'_>) -> Result<Decision, Failure> + Send + Sync,
) -> Result<Answer, Failure> {
    let (bridge, opener, member) = (call.bridge, call.opener()?, call.member()?.clone());
    let mut stamp = bridge.stamp(call.permit, kind, detail);
    for _ in 0..ATTEMPTS {
        let seen = Seen::look(bridge, &opener, &member).await?;
        let Decision { change, mut leases } = match decide(&seen) {
            Ok(decision) => decision,
            Err(Failure::Denied(denied)) => return Err(bridge.store.deny(stamp, denied).await),
            Err(fault) => return Err(fault),
        };
        match bridge.store.change_leases(stamp, change).await? {
            LeaseOutcome::Changed { fences } => {
                let new = leases.iter_mut().filter(|lease| lease.fence == UNNUMBERED);
                new.zip(fences).for_each(|(lease, fence)| lease.fence = fence);
                return Ok(Answer { leases: leases.iter().map(|lease| seen.shown(lease)).collect() });
            }
            LeaseOutcome::Stale(again) => stamp = *again,
        }
    }
    Err(Denied::new(Code::Busy, "others keep changing their leases; nothing was changed")
        .retry_after(1)
        .hint("call again")
        .into())
}

/// The number of a lease that is to be acquired: the store counts from 1.
const UNNUMBERED: u64 = 0;

/// A change, and the leases it is about, as they are told.
struct Decision {
    change: LeaseChange,
    leases: Vec<Lease>,
}

/// The leases of the conversation at one moment, as one agent may judge them: of the others those that are not over.
struct Seen<'a> {
    bridge: &'a Bridge,
    opener: &'a Opener,
    member: &'a Member,
    now: Timestamp,
    version: u64,
    leases: Vec<Lease>,
}

impl<'a> Seen<'a> {
    async fn look(bridge: &'a Bridge, opener: &'a Opener, member: &'a Member) -> Result<Self, Failure> {
        let stored = bridge.store.leases(member.conversation_pk).await?;
        let now = bridge.clock.now();
        let counts =
            |row: &mab_core::lease::StoredLease| row.expires_at > now || row.holder == member.session;
        let leases =
            stored.rows.into_iter().filter(counts).filter_map(|row| opener.lease(row, now)).collect();
        Ok(Self { bridge, opener, member, now, version: stored.version, leases })
    }

    /// What the agent holds.
    fn own(&self) -> impl Iterator<Item = &Lease> {
        self.leases.iter().filter(|lease| lease.holder == self.member.session && !lease.is_over(self.now))
    }

    fn shown(&self, lease: &Lease) -> Held {
        Held {
            path: lease.pattern.to_string(),
            session_id: lease.holder.to_string(),
            exclusive: lease.exclusive,
            fence: lease.fence,
            expires_at: lease.expires_at.to_string(),
            yours: lease.holder == self.member.session,
            trust: PEER,
        }
    }

    fn acquire(
        &self,
        wanted: &[PathPattern],
        exclusive: bool,
        ttl_s: u32,
        screen: &Screen<'_>,
    ) -> Result<Decision, Failure> {
        let holder = &self.member.session;
        let expires_at = self.now.plus_seconds(u64::from(ttl_s)).min(self.member.expires_at);
        let leases = wanted.iter().map(|pattern| {
            let known = self.own().find(|lease| lease.pattern == *pattern);
            let fence = known.map_or(UNNUMBERED, |lease| lease.fence);
            Lease { holder: holder.clone(), pattern: pattern.clone(), exclusive, fence, expires_at }
        });
        let leases: Vec<Lease> = leases.collect();
        let (new, known): (Vec<&Lease>, Vec<&Lease>) =
            leases.iter().partition(|lease| lease.fence == UNNUMBERED);
        // First, because it bounds what the comparison costs.
        self.check_quota(&new)?;
        check_clean(&new, screen)?;
        let in_the_way = conflicts(Wanted { holder, patterns: wanted, exclusive }, &self.leases, self.now);
        if let Some(denied) = self.conflict(&in_the_way) {
            return Err(denied.into());
        }
        let change = LeaseChange {
            seen_version: self.version,
            acquire: new.iter().map(|lease| self.sealed(&lease.pattern)).collect::<Result<_, _>>()?,
            renew: known.iter().map(|lease| lease.fence).collect(),
            release: Vec::new(),
            exclusive,
            expires_at,
        };
        Ok(Decision { change, leases })
    }

    fn conflict(&self, in_the_way: &[Conflict<'_>]) -> Option<Denied> {
        let first = in_the_way.first()?;
        let free_at = in_the_way.iter().map(|conflict| conflict.lease.expires_at).min()?;
        // Its pattern is a peer's text and stays out of the bridge's own words.
        let Lease { holder, exclusive, expires_at, .. } = first.lease;
        let kind = if *exclusive { "exclusive" } else { "shared" };
        let more = match in_the_way.len() - 1 {
            0 => String::new(),
            more => format!(", and {more} more in the way"),
        };
        let message = format!(
            "{} overlaps what {holder} holds until {expires_at} ({kind}){more}; nothing was reserved",
            first.wanted
        );
        let wait_s = free_at.seconds_since_rounded_up(self.now);
        Some(Denied::new(Code::Conflict, message).retry_after(wait_s).hint(format!(
            "ask {holder} with send_to_partner to release it, or work elsewhere and acquire again with reserve_files in {wait_s} s"
        )))
    }

    fn check_quota(&self, new: &[&Lease]) -> Result<(), Denied> {
        let held = || self.own().chain(new.iter().copied());
        let (count, chars) =
            (held().count(), held().map(|lease| lease.pattern.expanded_chars()).sum::<usize>());
        if count <= LEASES_PER_AGENT && chars <= CHARS_PER_AGENT {
            return Ok(());
        }
        let message = format!(
            "an agent holds at most {LEASES_PER_AGENT} leases with {CHARS_PER_AGENT} characters in all, braces expanded; \
             this would make {count} with {chars}"
        );
        Err(Denied::new(Code::QuotaExceeded, message)
            .hint("release what you are done with (reserve_files, action release), or reserve a folder"))
    }

    fn sealed(&self, pattern: &PathPattern) -> Result<NewLease, Failure> {
        let tag = draw(self.bridge.random.as_ref())?;
        let row = message_row(tag, self.member.ordinal);
        let place = lease_place(self.member.conversation, &row);
        let text = self.bridge.redact_alone(&pattern.to_string())?;
        Ok(NewLease { tag, path: self.opener.key.seal(self.bridge.random.as_ref(), &place, &[&text])? })
    }

    fn release(&self, wanted: Option<&[PathPattern]>) -> Result<Decision, Failure> {
        let leases: Vec<Lease> = match wanted {
            None => self.own().cloned().collect(),
            Some(wanted) => {
                let find =
                    |pattern: &PathPattern| self.own().find(|lease| lease.pattern == *pattern).cloned();
                let found = wanted.iter().map(|pattern| find(pattern).ok_or_else(|| self.not_held(pattern)));
                found.collect::<Result<_, _>>()?
            }
        };
        let release = leases.iter().map(|lease| lease.fence).collect();
        Ok(Decision {
            change: LeaseChange { seen_version: self.version, release, ..LeaseChange::default() },
            leases,
        })
    }

    fn not_held(&self, pattern: &PathPattern) -> Denied {
        let ended = |lease: &&Lease| lease.holder == self.member.session && lease.pattern == *pattern;
        let message = match self.leases.iter().rev().find(ended) {
            Some(lease) => format!("your lease of {pattern} expired at {}", lease.expires_at),
            // Not repeated: it was never judged, and may hold what its conversation remembers as a secret.
            None => "you hold no lease of one of these paths".to_owned(),
        };
        Denied::new(Code::UnknownLease, format!("{message}; nothing was released"))
            .hint("reserve_files with action list shows what is held; release exactly what you acquired, or leave paths out")
    }
}
