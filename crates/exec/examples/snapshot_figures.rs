//! Prints how long snapshots of a workspace take, each beside a floor that is measured in the same run: to walk the folder
//! and look at every file, and to read every file.
//!
//! ```text
//! cargo run --release -p mab-exec --example snapshot_figures -- <workspace> <empty folder for the state>
//! ```
//! Without a workspace it makes one of 50,000 files, 198 MB, below the second folder. Each figure is the median of five, but
//! for the first snapshot, of which there is one.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use mab_core::{Fault, Random, Timestamp};
use mab_exec::{
    Workspace,
    snapshot::{How, Settings, SnapshotId, Snapshots},
};

struct Counted(AtomicU64);

impl Random for Counted {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Fault> {
        let number = self.0.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        for (byte, with) in buffer.iter_mut().zip(number) {
            *byte = with;
        }
        Ok(())
    }
}

#[expect(clippy::print_stdout, reason = "a program for people")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(folder), Some(state)) = (words.next(), words.next()) else {
        return Err("give a workspace (`-` makes one) and an empty folder".into());
    };
    let folder = if folder == Path::new("-") { make(&state.join("workspace"))? } else { folder };
    let space = Workspace::open(&folder.canonicalize()?)?;
    let settings = Settings { files_max: 2_000_000, total_max_bytes: 1 << 40, ..Settings::default() };
    let open =
        || Snapshots::open(&state.join("state"), settings.clone(), Arc::new(Counted(AtomicU64::new(1))));
    let snapshots = open()?;
    let at = Timestamp::from_millis;
    let tell = |what: &str, time: Duration| println!("{what:<44}{:>9.1} ms", time.as_secs_f64() * 1e3);

    tell("floor: look at every file", median(|| look(&folder))?);
    tell("floor: read every file", median(|| read(&folder))?);
    let (time, first) = timed(|| Ok(snapshots.take(&space, "first", at(1))?))?;
    println!("{} files, {} bytes, {} not saved", first.files, first.bytes, first.not_saved_total);
    tell("first snapshot", time);
    std::thread::sleep(Duration::from_millis(50)); // past the tick in which a file is read twice
    snapshots.take(&space, "", at(1))?;
    tell(
        "next, nothing changed",
        median(|| snapshots.take(&space, "", at(2)).map(drop).map_err(Into::into))?,
    );
    let mut round = 0;
    let next = || {
        round += 1;
        for number in 0..15 {
            fs::write(folder.join(format!("changed-{number}")), format!("{round} {number}"))?;
        }
        let (time, _) = timed(|| Ok(snapshots.take(&space, "", at(3))?))?;
        Ok(time)
    };
    tell("next, 15 files changed", median_of(next)?);
    tell("diff with the first", median(|| snapshots.diff(&space, &first.id).map(drop).map_err(Into::into))?);
    let (time, _) = timed(|| restore(&snapshots, &space, &first.id))?;
    tell("restore, 15 files added", time);
    remove_a_third(&folder)?;
    let (time, plan) = timed(|| restore(&snapshots, &space, &first.id))?;
    tell(&format!("restore, {plan} paths removed"), time);
    Ok(())
}

fn restore(snapshots: &Snapshots, space: &Workspace, id: &SnapshotId) -> Result<usize, Box<dyn Error>> {
    let how = How::default();
    Ok(snapshots.restore(space, id, how, Timestamp::from_millis(4))?.plan.changes.len())
}

fn remove_a_third(folder: &Path) -> Result<(), Box<dyn Error>> {
    let folders = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    for entry in
        folders.iter().filter(|entry| entry.path().is_dir() && entry.file_name() != ".git").step_by(3)
    {
        fs::remove_dir_all(entry.path())?;
    }
    Ok(())
}

fn make(folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let mut state = 1_u64;
    for number in 0..50_000_u64 {
        let below = folder.join(format!("d{}/s{}", number / 2_500, number / 100 % 25));
        fs::create_dir_all(&below)?;
        let mut bytes = Vec::new();
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        while (bytes.len() as u64) < 200 + (state >> 33) % 7_520 {
            bytes.extend_from_slice(format!("{number} {} ", bytes.len()).as_bytes());
        }
        fs::write(below.join(format!("f{number}.txt")), bytes)?;
    }
    Ok(folder.to_owned())
}

fn look(folder: &Path) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.metadata()?.is_dir() {
            look(&entry.path())?;
        }
    }
    Ok(())
}

fn read(folder: &Path) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            read(&entry.path())?;
        } else if kind.is_file() {
            drop(fs::read(entry.path())?);
        }
    }
    Ok(())
}

fn median(mut run: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<Duration, Box<dyn Error>> {
    median_of(|| Ok(timed(&mut run)?.0))
}

fn median_of(mut run: impl FnMut() -> Result<Duration, Box<dyn Error>>) -> Result<Duration, Box<dyn Error>> {
    let mut times = (0..5).map(|_| run()).collect::<Result<Vec<_>, _>>()?;
    times.sort_unstable();
    Ok(times.get(2).copied().unwrap_or_default())
}

#[expect(clippy::disallowed_methods, reason = "it measures")]
fn timed<T>(run: impl FnOnce() -> Result<T, Box<dyn Error>>) -> Result<(Duration, T), Box<dyn Error>> {
    let from = Instant::now();
    let done = run()?;
    Ok((from.elapsed(), done))
}
