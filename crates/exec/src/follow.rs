//! Follows a run to its end: reads what it prints, and ends it when its time, its output or somebody's patience is over.
//!
//! Everything that can happen is a descriptor that one `poll` waits for: the outputs, the end, two timers and the wish to
//! cancel. A run that ended is over even when something still holds its pipes: first everything is killed, then what the
//! pipes hold is read without waiting.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, ioctl_fionbio, read},
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_gettime,
        timerfd_settime,
    },
};

use crate::{Ending, Killed, Limits, Observer, Outcome, Progress, Running, output::Gathering};

/// Follows `running`, which was started when `since` was, to its end. Nothing of it is left afterwards.
pub(crate) fn follow(
    running: &mut dyn Running,
    limits: &Limits,
    (observer, since): (&dyn Observer, &Stopwatch),
    gathering: &mut Gathering<'_>,
) -> Outcome {
    let mut following = match Following::new(running, limits, since) {
        Ok(following) => following,
        Err(error) => return lost(running, &error),
    };
    let ended = following.wait(running, observer, gathering);
    if let Err(error) = running.kill() {
        tracing::error!(%error, "a process that was run may be left");
    }
    let drained = following.drain(gathering);
    match ended.and_then(|outcome| drained.map(|()| outcome)) {
        Ok(outcome) => outcome,
        Err(error) => lost(running, &error),
    }
}

fn lost(running: &mut dyn Running, error: &io::Error) -> Outcome {
    tracing::error!(%error, "a run could not be followed");
    if let Err(error) = running.kill() {
        tracing::error!(%error, "a process that was run may be left");
    }
    Outcome::Killed { reason: Killed::Lost }
}

struct Following<'a> {
    /// Stdout and stderr, until they are closed.
    outputs: [Option<OwnedFd>; 2],
    deadline: OwnedFd,
    tick: OwnedFd,
    limits: &'a Limits,
    since: &'a Stopwatch,
    buffer: Vec<u8>,
    /// What was told last.
    told: [u64; 2],
    /// Ticks since something new was told.
    quiet: u32,
}

/// What `poll` woke for.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "one for each descriptor, in any combination")]
struct Woken {
    outputs: [bool; 2],
    over: bool,
    deadline: bool,
    tick: bool,
    cancelled: bool,
}

impl<'a> Following<'a> {
    fn new(running: &mut dyn Running, limits: &'a Limits, since: &'a Stopwatch) -> io::Result<Self> {
        let outputs = running.take_outputs()?;
        for output in &outputs {
            ioctl_fionbio(output, true)?;
        }
        Ok(Self {
            outputs: outputs.map(Some),
            deadline: timer(seconds(limits.time_s.into()), NEVER)?,
            tick: timer(TICK, TICK)?,
            limits,
            since,
            buffer: vec![0; READ_BYTES],
            told: [0; 2],
            quiet: 0,
        })
    }

    /// Waits until it ended or is to be ended.
    fn wait(
        &mut self,
        running: &mut dyn Running,
        observer: &dyn Observer,
        gathering: &mut Gathering<'_>,
    ) -> io::Result<Outcome> {
        let killed = |reason| Ok(Outcome::Killed { reason });
        loop {
            let woken = self.poll(running.over(), observer.cancelled())?;
            for (stream, readable) in woken.outputs.into_iter().enumerate() {
                if readable {
                    self.read(stream, gathering)?;
                }
            }
            if self.is_too_much(gathering) {
                return killed(Killed::Output);
            }
            if woken.over {
                return Ok(match running.try_end()? {
                    Some(Ending::Exited(code)) => Outcome::Exited { code },
                    Some(Ending::Limit(reason)) => Outcome::Killed { reason },
                    Some(Ending::Unavailable(why)) => Outcome::SandboxUnavailable { reason: why.to_string() },
                    None => return Err(io::Error::other("it ended and does not say how")),
                });
            }
            if woken.cancelled {
                return killed(Killed::Cancelled);
            }
            if woken.deadline {
                return killed(Killed::Timeout);
            }
            if woken.tick {
                self.tell(observer, gathering)?;
            }
        }
    }

    fn poll(&self, over: BorrowedFd<'_>, cancelled: Option<BorrowedFd<'_>>) -> io::Result<Woken> {
        let mut woken = Woken::default();
        let [stdout, stderr] = self.outputs.each_ref().map(Option::as_ref);
        let [one, other] = &mut woken.outputs;
        let mut watched = vec![
            (over, &mut woken.over),
            (self.deadline.as_fd(), &mut woken.deadline),
            (self.tick.as_fd(), &mut woken.tick),
        ];
        watched.extend(stdout.map(|output| (output.as_fd(), one)));
        watched.extend(stderr.map(|output| (output.as_fd(), other)));
        watched.extend(cancelled.map(|wish| (wish, &mut woken.cancelled)));
        let mut polled: Vec<_> =
            watched.iter().map(|(watched, _)| PollFd::new(watched, PollFlags::IN)).collect();
        match poll(&mut polled, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let found: Vec<bool> = polled.iter().map(|polled| !polled.revents().is_empty()).collect();
        for ((_, slot), found) in watched.into_iter().zip(found) {
            *slot = found;
        }
        Ok(woken)
    }

    /// Reads once from an output; says whether there may be more.
    fn read(&mut self, stream: usize, gathering: &mut Gathering<'_>) -> io::Result<bool> {
        let Some(slot) = self.outputs.get_mut(stream) else { return Ok(false) };
        let Some(output) = slot else { return Ok(false) };
        match read(output, &mut self.buffer) {
            Ok(0) => *slot = None,
            Ok(length) => {
                gathering.push(stream, self.buffer.get(..length).unwrap_or_default());
                return Ok(true);
            }
            Err(Errno::INTR) => return Ok(true),
            Err(Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(false)
    }

    /// Reads what the pipes hold: nobody is left to write more, and if somebody is, no more than the limit.
    fn drain(&mut self, gathering: &mut Gathering<'_>) -> io::Result<()> {
        for stream in 0..self.outputs.len() {
            while !self.is_too_much(gathering) && self.read(stream, gathering)? {}
        }
        Ok(())
    }

    fn is_too_much(&self, gathering: &Gathering<'_>) -> bool {
        gathering.totals().iter().sum::<u64>() > self.limits.output_bytes
    }

    /// Tells how far it is, when there is something new, or once a second.
    fn tell(&mut self, observer: &dyn Observer, gathering: &Gathering<'_>) -> io::Result<()> {
        match read(&self.tick, &mut [0_u8; 8]) {
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let totals = gathering.totals();
        self.quiet = if self.told == totals { self.quiet.saturating_add(1) } else { 0 };
        if !self.quiet.is_multiple_of(TICKS_OF_A_SECOND) {
            return Ok(());
        }
        self.told = totals;
        let [stdout_bytes, stderr_bytes] = totals;
        observer.progress(&Progress {
            elapsed_ms: self.since.elapsed_ms(),
            stdout_bytes,
            stderr_bytes,
            last_line: gathering.last_line(self.quiet >= TICKS_OF_A_SECOND),
        });
        Ok(())
    }
}

/// Wall-clock time since it was made, without a clock: what is gone of a timer.
pub(crate) struct Stopwatch(OwnedFd);

impl Stopwatch {
    /// Starts it.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn start() -> io::Result<Self> {
        Ok(Self(timer(seconds(LONGEST_S), NEVER)?))
    }

    /// Milliseconds since it was started, at most a day.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        let Ok(left) = timerfd_gettime(&self.0) else { return 0 };
        let left_ms = left.it_value.tv_sec * 1_000 + left.it_value.tv_nsec / 1_000_000;
        u64::try_from(LONGEST_S * 1_000 - left_ms).unwrap_or(0)
    }
}

fn timer(it_value: Timespec, it_interval: Timespec) -> io::Result<OwnedFd> {
    let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
    let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval, it_value })?;
    Ok(timer)
}

const fn seconds(tv_sec: i64) -> Timespec {
    Timespec { tv_sec, tv_nsec: 0 }
}

const NEVER: Timespec = seconds(0);
/// Time between two looks at how far it is.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 250_000_000 };
const TICKS_OF_A_SECOND: u32 = 4;
/// Longer than any run.
const LONGEST_S: i64 = 24 * 60 * 60;
/// Bytes that are read at once: what a pipe holds.
const READ_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests;
