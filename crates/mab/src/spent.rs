//! What was used up, noted outside of the data folder: a store that is brought back from a copy knows nothing of it.
//!
//! ```text
//! /var/tmp/mab-<uid>/    0700, ours
//!   spent/               0700, ours
//!     <64 hexadecimal digits>   0600, empty: this digest was used up
//! ```
//!
//! A digest is that of a request that was started, or that ended without, or of terms that were ended. Whoever makes the file is the first;
//! the system lets one only be that. The place is the same for every process of a user, whatever its environment says:
//! clients start servers with environments of their own, and what `mab yolo disable` notes must be seen by all of them.
//! It is not one of `$XDG_RUNTIME_DIR` and `/dev/shm`, which may be emptied when the user logs out: terms outlast that.
//! Commands in a sandbox do not see it. Who can write to it can, as this user, also take marks away.

use std::{
    io,
    path::{Path, PathBuf},
};

use mab_core::{Clock, Code, Denied, Failure};
use mab_service::Ledger;
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{AtFlags, CWD, Dir, Mode, OFlags, fstat, mkdirat, openat, statat, unlinkat},
    io::Errno,
    process::geteuid,
};

use crate::system::SystemClock;

/// What was used up.
#[derive(Debug, Clone)]
pub(crate) struct Spent {
    /// The folder that it is noted in; it need not exist.
    place: PathBuf,
}

impl Spent {
    /// That of this user, without what is too old to matter.
    ///
    /// # Errors
    /// `read_only` when its folder cannot be had, or may be somebody else's work.
    pub(crate) fn open(clock: &dyn Clock) -> Result<Self, Denied> {
        let folder = PLACES.into_iter().map(Path::new).find(|folder| folder.is_dir());
        Self::below(folder.unwrap_or(Path::new("/tmp")), clock)
    }

    fn below(folder: &Path, clock: &dyn Clock) -> Result<Self, Denied> {
        let spent = Self { place: folder.join(format!("mab-{}", geteuid().as_raw())) };
        // What could not be swept is small, and the next one tries again.
        let _ = sweep(&spent.folder()?, clock);
        Ok(spent)
    }

    /// Notes that this was used up; says whether it was not before.
    ///
    /// # Errors
    /// `read_only` when it cannot be noted: then it must not be used.
    pub(crate) fn spend(&self, digest: &[u8; 32]) -> Result<bool, Denied> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(self.folder()?, name(digest), flags, PRIVATE_FILE) {
            Ok(_) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(error) => Err(self.refused(error)),
        }
    }

    /// Whether this was used up.
    ///
    /// # Errors
    /// `read_only` when nobody can tell.
    pub(crate) fn is_spent(&self, digest: &[u8; 32]) -> Result<bool, Denied> {
        match statat(self.folder()?, name(digest), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(self.refused(error)),
        }
    }

    /// The folder, made if it is not there. It is held open, so that what was looked at is what is used.
    fn folder(&self) -> Result<OwnedFd, Denied> {
        let outer = self.own(CWD, &self.place)?;
        self.own(outer, Path::new("spent"))
    }

    /// A folder that is ours alone, made if it is not there.
    fn own(&self, at: impl AsFd, name: &Path) -> Result<OwnedFd, Denied> {
        match mkdirat(at.as_fd(), name, PRIVATE_FOLDER) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(self.refused(error)),
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = openat(at, name, flags, Mode::empty()).map_err(|error| self.refused(error))?;
        let found = fstat(&folder).map_err(|error| self.refused(error))?;
        if found.st_uid != geteuid().as_raw() || found.st_mode & OTHERS != 0 {
            return Err(unavailable(&self.place, "it is not this user's alone"));
        }
        Ok(folder)
    }

    fn refused(&self, error: Errno) -> Denied {
        unavailable(&self.place, &io::Error::from(error).to_string())
    }
}

/// That of this user, looked for anew each time: a folder that was put in its place is noticed.
pub(crate) struct Noted;

impl Ledger for Noted {
    fn spend(&self, digest: &[u8; 32]) -> Result<bool, Failure> {
        Ok(Spent::open(&SystemClock)?.spend(digest)?)
    }

    fn is_spent(&self, digest: &[u8; 32]) -> Result<bool, Failure> {
        Ok(Spent::open(&SystemClock)?.is_spent(digest)?)
    }
}

/// Takes away what is older than any conversation can be.
fn sweep(folder: &OwnedFd, clock: &dyn Clock) -> Result<(), Errno> {
    let oldest_s = clock.now().minus_seconds(KEPT_S).millis() / 1_000;
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let found = statat(folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW);
        let is_old = found.is_ok_and(|found| found.st_mtime < oldest_s);
        if is_old && entry.file_name().to_bytes().len() == NAME_CHARS {
            unlinkat(folder, entry.file_name(), AtFlags::empty())?;
        }
    }
    Ok(())
}

fn name(digest: &[u8; 32]) -> String {
    hex::encode(digest)
}

fn unavailable(place: &Path, why: &str) -> Denied {
    let message = format!("{} cannot be used to note which commands were started: {why}", place.display());
    Denied::new(Code::ReadOnly, message).hint(format!(
        "look what is at {} and who put it there (`ls -ld`): it has to be a folder of this user's alone (0700), and only who \
         owns it, or root, can take another one away",
        place.display()
    ))
}

/// Where every process of a user looks, whatever its environment says: the first that is there.
const PLACES: [&str; 2] = ["/var/tmp", "/tmp"];
/// How long a mark is kept: longer than the longest life of a conversation, which is 30 days.
const KEPT_S: u64 = 31 * 24 * 60 * 60;
/// Characters of a digest.
const NAME_CHARS: usize = 64;
const PRIVATE_FOLDER: Mode = Mode::RWXU;
const PRIVATE_FILE: Mode = Mode::RUSR.union(Mode::WUSR);
const OTHERS: u32 = 0o077;

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File, Permissions},
        os::unix::fs::{PermissionsExt as _, symlink},
        time::{Duration, SystemTime},
    };

    use super::*;

    const DIGEST: [u8; 32] = [0xab; 32];

    fn below(folder: &Path) -> Result<Spent, Denied> {
        Spent::below(folder, &SystemClock)
    }

    fn mark(folder: &Path) -> PathBuf {
        folder.join(format!("mab-{}/spent", geteuid().as_raw())).join(name(&DIGEST))
    }

    #[test]
    fn digest_is_spent_once_whoever_looks() -> Result<(), Denied> {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (below(folder.path())?, below(folder.path())?);
        assert!(!one.is_spent(&DIGEST)?);
        assert!(one.spend(&DIGEST)?);
        assert!(!other.spend(&DIGEST)? && !one.spend(&DIGEST)?);
        assert!(other.is_spent(&DIGEST)? && below(folder.path())?.is_spent(&DIGEST)?);
        assert!(!other.is_spent(&[0xac; 32])?);
        let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&mark(folder.path())), 0o600);
        assert_eq!(mode(mark(folder.path()).parent().unwrap()), 0o700);
        Ok(())
    }

    #[test]
    fn digest_when_many_spend_it_at_once_is_one_ones() {
        let folder = tempfile::tempdir().unwrap();
        let spend = || below(folder.path()).unwrap().spend(&DIGEST).unwrap();
        let firsts: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..64).map(|_| scope.spawn(spend)).collect();
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum()
        });
        assert_eq!(firsts, 1);
    }

    #[test]
    fn folder_when_it_is_removed_while_it_is_used_is_made_again() -> Result<(), Denied> {
        let folder = tempfile::tempdir().unwrap();
        let spent = below(folder.path())?;
        assert!(spent.spend(&DIGEST)?);
        fs::remove_dir_all(mark(folder.path()).parent().unwrap()).unwrap();
        assert!(!spent.is_spent(&DIGEST)? && spent.spend(&DIGEST)?);
        Ok(())
    }

    #[test]
    fn folder_when_it_may_be_somebody_elses_is_refused() {
        let own = format!("mab-{}", geteuid().as_raw());
        let elsewhere = tempfile::tempdir().unwrap();
        let spoil: [&dyn Fn(&Path); 4] = [
            &|at| symlink(elsewhere.path(), at).unwrap(),
            &|at| drop(File::create(at).unwrap()),
            &|at| {
                fs::create_dir(at).unwrap();
                fs::set_permissions(at, Permissions::from_mode(0o750)).unwrap();
            },
            &|at| {
                fs::create_dir_all(at.join("spent")).unwrap();
                fs::set_permissions(at, Permissions::from_mode(0o700)).unwrap();
                fs::set_permissions(at.join("spent"), Permissions::from_mode(0o777)).unwrap();
            },
        ];
        for (case, spoil) in spoil.into_iter().enumerate() {
            let folder = tempfile::tempdir().unwrap();
            spoil(&folder.path().join(&own));
            let denied = below(folder.path()).unwrap_err();
            assert_eq!(denied.code, Code::ReadOnly, "{case}");
            let place = folder.path().join(&own);
            assert!(denied.message.starts_with(&place.display().to_string()), "{denied}");
            assert!(denied.hint.is_some_and(|hint| hint.contains("0700")));
        }
        assert!(
            fs::read_dir(elsewhere.path()).unwrap().next().is_none(),
            "nothing was made through the link"
        );
    }

    #[test]
    fn mark_is_kept_longer_than_any_conversation_and_no_longer() -> Result<(), Denied> {
        let folder = tempfile::tempdir().unwrap();
        let age = |days: u64| {
            below(folder.path())?.spend(&DIGEST)?;
            let at: SystemTime = fs::metadata(mark(folder.path())).unwrap().modified().unwrap();
            let file = File::options().write(true).open(mark(folder.path())).unwrap();
            file.set_modified(at - Duration::from_hours(24 * days)).unwrap();
            below(folder.path())?.is_spent(&DIGEST)
        };
        assert!(age(30)?);
        assert!(!age(2)?, "two days more");
        Ok(())
    }
}
