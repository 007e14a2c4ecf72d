//! What keeps a flood of refused calls away from the store and from the log.
//!
//! Who was told `rate_limited` hears the same from memory until one more fits its window, for at most a second at a time: the
//! operator may have raised the limit meanwhile. What is refused like that is counted, and the counts are written a
//! second later, or when the bridge closes; only a process that is killed takes its last second's with it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use mab_core::{
    Code, Denied, Timestamp,
    entity::{Member, Refusal},
    policy::Action,
};
use mab_store::Store;

use crate::Bridge;

/// How long memory answers before the store is asked again, and counts wait to be written, in seconds.
const MEMORY_S: u64 = 1;
/// Answers that are remembered; past it all are forgotten, and the store is asked.
const TOLD_MAX: usize = 1_024;
/// Refusals that are logged in any one minute, each in a line; the others in one line together.
const LINES_PER_MINUTE: u32 = 60;

/// Who is refused what: an agent's row, 0 for who is none, and what it asked for.
type Asked = (i64, Action);

/// Refusals counted by the conversation's row; `None` is what concerns no conversation.
type Counts = Arc<Mutex<HashMap<Option<i64>, u64>>>;

/// What is known of floods that are under way.
#[derive(Default)]
pub(crate) struct Floods {
    told: Mutex<HashMap<Asked, Told>>,
    /// Conversations whose refusals of strangers are only counted, and until when.
    only_counted: Mutex<HashMap<Option<i64>, Timestamp>>,
    unwritten: Counts,
    lines: Mutex<Lines>,
}

/// What somebody was told, and when.
struct Told {
    denied: Denied,
    retry_at: Timestamp,
    at: Timestamp,
}

/// Lines of the log.
#[derive(Default)]
struct Lines {
    minute_began: Timestamp,
    written: u32,
    left_out: u64,
}

impl Floods {
    /// What this caller was told a moment ago and would be told again.
    pub(crate) fn answer(&self, asked: Asked, now: Timestamp) -> Option<Denied> {
        let told = lock(&self.told);
        let Told { denied, retry_at, at } = told.get(&asked)?;
        let holds = *at <= now && now < at.plus_seconds(MEMORY_S) && now < *retry_at;
        let wait_s = retry_at.seconds_since_rounded_up(now);
        let again = || Denied::new(denied.code, denied.message.clone()).retry_after(wait_s);
        holds.then(|| again().hint(format!("wait {wait_s} s, then call again")))
    }

    /// Remembers what a caller was told, if that will hold for a while.
    pub(crate) fn remember(&self, asked: Asked, denied: &Denied, now: Timestamp) {
        let mut told = lock(&self.told);
        match denied.retry_at.filter(|_| denied.code == Code::RateLimited) {
            None => drop(told.remove(&asked)),
            Some(retry_at) => {
                if told.len() >= TOLD_MAX {
                    told.clear();
                }
                told.insert(asked, Told { denied: denied.clone(), retry_at, at: now });
            }
        }
    }

    /// Counts a refusal that was answered from memory, and sees to it that the count is written.
    pub(crate) fn count(&self, store: &Arc<dyn Store>, conversation_pk: Option<i64>) {
        let mut unwritten = lock(&self.unwritten);
        let count = unwritten.entry(conversation_pk).or_default();
        *count += 1;
        if *count == 1 {
            let (store, counts) = (Arc::clone(store), Arc::clone(&self.unwritten));
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(Duration::from_secs(MEMORY_S)).await;
                    if write(store.as_ref(), &counts, conversation_pk).await {
                        break;
                    }
                }
            });
        }
    }

    /// Whether a refusal is to be logged by a line of its own, and how many were left out since the last minute began.
    pub(crate) fn log(&self, now: Timestamp) -> (bool, Option<u64>) {
        let mut lines = lock(&self.lines);
        let mut left_out = None;
        if now < lines.minute_began || now >= lines.minute_began.plus_seconds(60) {
            left_out = Some(lines.left_out).filter(|count| *count > 0);
            *lines = Lines { minute_began: now, ..Lines::default() };
        }
        let logs = lines.written < LINES_PER_MINUTE;
        if logs {
            lines.written += 1;
        } else {
            lines.left_out += 1;
        }
        (logs, left_out)
    }
}

impl Bridge {
    /// Records a refusal of somebody who is no member, or may not do it.
    pub(crate) async fn note(&self, refusal: Refusal) -> Result<(), mab_core::Failure> {
        let (now, place) = (self.clock.now(), refusal.conversation_pk);
        let until = lock(&self.floods.only_counted).get(&place).copied();
        // Of members the store keeps count itself.
        let stranger = refusal.agent_pk.is_none();
        let counted = |until: Timestamp| now < until && until <= now.plus_seconds(MEMORY_S);
        if stranger && until.is_some_and(counted) {
            self.floods.count(&self.store, place);
            return Ok(());
        }
        let recorded = self.store.refuse(refusal).await?;
        if stranger && !recorded {
            let mut only_counted = lock(&self.floods.only_counted);
            if only_counted.len() >= TOLD_MAX {
                only_counted.clear();
            }
            only_counted.insert(place, now.plus_seconds(MEMORY_S));
        }
        Ok(())
    }

    /// Refuses a call from memory, if it was refused a moment ago and would be again.
    pub(crate) fn refused_before(&self, member: Option<&Member>, action: Action) -> Option<Denied> {
        let subject = member.map_or(0, |member| member.agent_pk);
        self.floods.answer((subject, action), self.clock.now())
    }

    /// Counts what was refused from memory.
    pub(crate) fn count_refused(&self, member: Option<&Member>) {
        self.floods.count(&self.store, member.map(|member| member.conversation_pk));
    }

    /// Writes what is still in memory only. To be called last.
    pub async fn close(&self) {
        let places: Vec<Option<i64>> = lock(&self.floods.unwritten).keys().copied().collect();
        for place in places {
            write(self.store.as_ref(), &self.floods.unwritten, place).await;
        }
        let left_out = std::mem::take(&mut lock(&self.floods.lines).left_out);
        if left_out > 0 {
            tracing::info!(left_out, "refusals were not logged one by one");
        }
    }
}

/// Writes one count and says whether nothing is left of it; what cannot be written is kept.
async fn write(store: &dyn Store, counts: &Counts, place: Option<i64>) -> bool {
    let Some(count) = lock(counts).remove(&place) else { return true };
    let written = store.count_refusals(place, count).await;
    if let Err(failure) = &written {
        tracing::debug!(%failure, "refusals could not be counted in the store yet");
        *lock(counts).entry(place).or_default() += count;
    }
    written.is_ok()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is kept behind these locks is valid after every single statement.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Asked = (1, Action::Send);

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn told(retry_at_ms: i64) -> Floods {
        let floods = Floods::default();
        let denied = Denied::new(Code::RateLimited, "enough").retry_after(60).retry_at(at(retry_at_ms));
        floods.remember(ASKED, &denied, at(10_000));
        floods
    }

    #[test]
    fn answer_holds_for_a_second_and_its_wait_is_exact() {
        let floods = told(70_000);
        let wait = |now| floods.answer(ASKED, at(now)).map(|denied| denied.retry_after_s.unwrap());
        assert_eq!([wait(9_999), wait(10_000), wait(10_001)], [None, Some(60), Some(60)]);
        assert_eq!([wait(10_999), wait(11_000)], [Some(60), None]);
        assert!(floods.answer((2, Action::Send), at(10_000)).is_none());
        assert!(floods.answer((1, Action::Check), at(10_000)).is_none());
    }

    #[test]
    fn answer_never_holds_longer_than_the_window() {
        let floods = told(10_300);
        assert!(floods.answer(ASKED, at(10_299)).is_some() && floods.answer(ASKED, at(10_300)).is_none());
    }

    #[test]
    fn refusal_of_another_sort_is_not_remembered() {
        let floods = told(70_000);
        floods.remember(ASKED, &Denied::new(Code::Paused, "wait"), at(10_000));
        assert!(floods.answer(ASKED, at(10_000)).is_none());
    }

    #[test]
    fn lines_are_sixty_a_minute_and_then_one_that_counts() {
        let floods = Floods::default();
        let logged: Vec<_> = (0..1_000).map(|n| floods.log(at(100_000 + n))).collect();
        assert_eq!(logged.iter().filter(|(logs, _)| *logs).count(), 60);
        assert!(logged.iter().all(|(_, left_out)| left_out.is_none()));
        assert_eq!(floods.log(at(160_000)), (true, Some(940)));
        assert_eq!(floods.log(at(160_001)), (true, None));
    }
}
