//! Doorbells: how a process that stored something tells the processes that wait, on one machine.
//!
//! ```text
//! <database>-bells/          0700
//!   <agent's row>/           0700
//!     <16 hex digits>        0600   a Unix datagram socket, bound by one listener
//! ```
//!
//! Ringing sends one byte to each socket of an agent, after the commit, without waiting. It carries nothing and proves
//! nothing: who is rung looks in the store, and looks from time to time anyway, so that a bell lost with its process
//! costs a second and no message. Watching the log file instead would tell of the commit before (measured: inotify on
//! `-wal` sees a message only when the next one is written).

use std::{
    fs::{self, DirBuilder, DirEntry, File, Permissions},
    io::{self, ErrorKind},
    os::{
        fd::AsRawFd,
        unix::{
            ffi::OsStrExt,
            fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt},
            net::UnixDatagram,
        },
    },
    path::{Path, PathBuf},
    time::Duration,
};

use async_trait::async_trait;

use crate::Doorbell;

/// The doorbells of one database.
#[derive(Debug)]
pub(super) struct Bells {
    folder: PathBuf,
    /// Who owns the database; a folder of anybody else is not used.
    owner: Option<u32>,
    /// What rings; never bound, never waits.
    hand: Option<UnixDatagram>,
}

impl Bells {
    /// The doorbells beside the database at `path`, which exists. Creates nothing yet.
    pub(super) fn beside(path: &Path) -> Self {
        let mut folder = path.as_os_str().to_owned();
        folder.push("-bells");
        let owner = fs::metadata(path).ok().map(|database| database.uid());
        Self { folder: PathBuf::from(folder), owner, hand: hand().ok() }
    }

    /// Rings every listener of an agent. Whatever goes wrong, they look by themselves a little later.
    pub(super) fn ring(&self, agent_pk: i64) {
        let Some(hand) = &self.hand else { return };
        let folder = self.folder.join(agent_pk.to_string());
        for socket in self.sockets(&folder).take(LISTENERS_MAX) {
            let rung = Address::of(&socket).and_then(|address| hand.send_to(&[1], address.path()));
            if rung.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused) {
                // Its process died. Names are drawn anew each time, so this one cannot be in use again.
                let _ = fs::remove_file(&socket);
                let _ = fs::remove_dir(&folder);
            }
        }
    }

    /// Whether anybody awake listens for an agent right now.
    pub(super) fn anybody_listens(&self, agent_pk: i64) -> bool {
        self.sockets(&self.folder.join(agent_pk.to_string())).take(LISTENERS_MAX).any(|bell| is_awake(&bell))
    }

    /// How many listen awake for an agent right now.
    pub(super) fn listeners(&self, agent_pk: i64) -> u64 {
        let bells = self.sockets(&self.folder.join(agent_pk.to_string()));
        bells.take(COUNTED_MAX).filter(|bell| is_awake(bell)).count() as u64
    }

    /// Hangs a bell for an agent. Call it within a tokio runtime. The first bit of its name says who is not awake.
    pub(super) fn hang(&self, agent_pk: i64, name: u64, awake: bool) -> Bell {
        let name = if awake { name & !ASLEEP } else { name | ASLEEP };
        let folder = self.folder.join(agent_pk.to_string());
        match self.make(&self.folder).and_then(|()| self.hang_in(&folder, name)) {
            Ok((socket, place)) => Bell { socket: Some(socket), place: Some(place) },
            Err(error) => {
                tracing::warn!(%error, folder = %self.folder.display(), "no doorbell: looking ten times a second instead");
                Bell { socket: None, place: None }
            }
        }
    }

    fn hang_in(&self, folder: &Path, name: u64) -> io::Result<(tokio::net::UnixDatagram, PathBuf)> {
        let place = folder.join(format!("{name:0NAME_DIGITS$x}"));
        let attempt = || {
            self.make(folder)?;
            UnixDatagram::bind(Address::of(&place)?.path())
        };
        let mut socket = attempt();
        for _ in 0..HANG_AGAIN {
            // The last listener before us may just have taken the folder away.
            if socket.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
                socket = attempt();
            }
        }
        let socket = socket?;
        // Whatever the umask: its folder is private, and so is it.
        fs::set_permissions(&place, Permissions::from_mode(PRIVATE_SOCKET))?;
        socket.set_nonblocking(true)?;
        Ok((tokio::net::UnixDatagram::from_std(socket)?, place))
    }

    /// Makes one of our folders, unless it is there.
    fn make(&self, folder: &Path) -> io::Result<()> {
        match DirBuilder::new().mode(PRIVATE).create(folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
        self.check(folder)
    }

    /// Makes sure that nobody else has a hand in a folder. The last listener may take an agent's away at any time.
    fn check(&self, folder: &Path) -> io::Result<()> {
        let found = fs::symlink_metadata(folder)?;
        if found.is_dir() && found.mode() & OTHERS == 0 && Some(found.uid()) == self.owner {
            return Ok(());
        }
        Err(io::Error::new(ErrorKind::PermissionDenied, "it is not a private folder of the database's owner"))
    }

    /// The bells in an agent's folder. What else may lie there is nothing to ring, and nothing to remove.
    fn sockets(&self, folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
        let ours = self.check(&self.folder).and_then(|()| self.check(folder));
        let entries = ours.and_then(|()| fs::read_dir(folder)).ok();
        let bells = entries.into_iter().flatten().flatten().filter(is_bell);
        bells.map(|entry| entry.path())
    }
}

/// Whether this is named like a bell and is a socket, not a link to one.
fn is_bell(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    let digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    name.len() == NAME_DIGITS
        && name.as_bytes().iter().all(digit)
        && entry.file_type().is_ok_and(|found| found.is_socket())
}

/// Whether an agent that waits hung this bell, and lives.
fn is_awake(bell: &Path) -> bool {
    let name = bell.file_name().and_then(|name| u64::from_str_radix(name.to_str()?, 16).ok());
    let connect = || UnixDatagram::unbound()?.connect(Address::of(bell)?.path());
    name.is_some_and(|name| name & ASLEEP == 0) && connect().is_ok()
}

/// One listener's bell; taken down when it is dropped.
#[derive(Debug)]
pub(super) struct Bell {
    socket: Option<tokio::net::UnixDatagram>,
    place: Option<PathBuf>,
}

#[async_trait]
impl Doorbell for Bell {
    async fn rung(&mut self) {
        let Some(socket) = &self.socket else { return tokio::time::sleep(LOOK_OFTEN).await };
        let mut byte = [0; 1];
        let rung = tokio::time::timeout(LOOK_ANYWAY, socket.recv(&mut byte)).await;
        if let Ok(Err(error)) = rung {
            tracing::warn!(%error, "the doorbell broke");
            self.socket = None;
        }
        // Several rings are one reason to look.
        while self.socket.as_ref().is_some_and(|socket| socket.try_recv(&mut byte).is_ok()) {}
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            // What cannot be removed now is removed by whoever rings it.
            let _ = fs::remove_file(&place);
            let _ = place.parent().map(fs::remove_dir);
        }
    }
}

fn hand() -> io::Result<UnixDatagram> {
    let hand = UnixDatagram::unbound()?;
    hand.set_nonblocking(true)?;
    Ok(hand)
}

/// The address of a socket: a path of at most 107 bytes (`sun_path`, unix(7)), by way of its folder when it is longer.
struct Address {
    path: PathBuf,
    _folder: Option<File>,
}

impl Address {
    fn of(socket: &Path) -> io::Result<Self> {
        if socket.as_os_str().len() <= ADDRESS_MAX_BYTES {
            return Ok(Self { path: socket.to_path_buf(), _folder: None });
        }
        let (Some(folder), Some(name)) = (socket.parent(), socket.file_name()) else {
            return Err(ErrorKind::InvalidInput.into());
        };
        let folder = File::open(folder)?;
        let path = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name);
        Ok(Self { path, _folder: Some(folder) })
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

/// Marks the name of a bell whose listener is a program that keeps an inbox, not an agent that waits.
const ASLEEP: u64 = 1 << 63;
const PRIVATE: u32 = 0o700;
const PRIVATE_SOCKET: u32 = 0o600;
/// Mode bits that let others do anything.
const OTHERS: u32 = 0o077;
/// How many hex digits a bell's name has.
const NAME_DIGITS: usize = 16;
const ADDRESS_MAX_BYTES: usize = 107;
/// How long a listener waits before it looks without being rung: longer costs whoever was not rung, shorter costs idle
/// agents (one look is an indexed query).
const LOOK_ANYWAY: Duration = Duration::from_secs(1);
/// How often a listener without a bell looks.
const LOOK_OFTEN: Duration = Duration::from_millis(100);
/// Listeners of one agent that are rung: its client, its hooks, and a few too many.
const LISTENERS_MAX: usize = 64;
/// Bells of one agent that are looked at to count listeners; the dead are cleared away by whoever rings.
const COUNTED_MAX: usize = 4_096;
/// How often hanging a bell is tried again when its folder goes away meanwhile.
const HANG_AGAIN: usize = 8;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn database(folder: &Path) -> PathBuf {
        let path = folder.join("bridge.db");
        File::create(&path).unwrap();
        path
    }

    async fn is_rung(bell: &mut Bell) -> bool {
        let socket = bell.socket.as_ref().unwrap();
        let mut byte = [0; 1];
        // What was sent before is there at once; readiness is learnt from the runtime.
        let _ = tokio::time::timeout(Duration::from_millis(200), socket.readable()).await;
        socket.try_recv(&mut byte).is_ok()
    }

    #[tokio::test]
    async fn every_listener_of_the_agent_is_rung_and_nobody_else() {
        let place = tempfile::tempdir().unwrap();
        let bells = Bells::beside(&database(place.path()));
        let (mut one, mut two, mut other) =
            (bells.hang(7, 1, true), bells.hang(7, 2, true), bells.hang(8, 1, true));
        Bells::beside(&place.path().join("bridge.db")).ring(7);
        assert_eq!(
            [is_rung(&mut one).await, is_rung(&mut two).await, is_rung(&mut other).await],
            [true, true, false]
        );
    }

    #[tokio::test]
    async fn presence_ends_with_the_listener_and_nothing_is_left() {
        let place = tempfile::tempdir().unwrap();
        let bells = Bells::beside(&database(place.path()));
        assert!(!bells.anybody_listens(7));
        let bell = bells.hang(7, 1, true);
        assert!(bells.anybody_listens(7));
        drop(bell);
        assert!(!bells.anybody_listens(7));
        assert_eq!(fs::read_dir(place.path().join("bridge.db-bells")).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn listener_that_is_not_awake_is_rung_and_is_not_present() {
        let place = tempfile::tempdir().unwrap();
        let bells = Bells::beside(&database(place.path()));
        let mut bell = bells.hang(7, 1, false);
        bells.ring(7);
        assert!(is_rung(&mut bell).await && !bells.anybody_listens(7));
    }

    #[tokio::test]
    async fn bell_of_a_dead_process_is_nobody_and_is_cleared_away_when_rung() {
        let place = tempfile::tempdir().unwrap();
        let bells = Bells::beside(&database(place.path()));
        let mut bell = bells.hang(7, 1, true);
        let left = bell.place.take().unwrap();
        drop(bell);
        assert!(left.exists() && !bells.anybody_listens(7));
        bells.ring(7);
        assert!(!left.exists());
    }

    #[tokio::test]
    async fn listeners_are_counted_without_the_dead_and_those_asleep() {
        let place = tempfile::tempdir().unwrap();
        let bells = Bells::beside(&database(place.path()));
        let mut awake: Vec<Bell> = (1..=70).map(|name| bells.hang(7, name, true)).collect();
        let _asleep = bells.hang(7, 99, false);
        let mut dead = bells.hang(7, 100, true);
        dead.place = None;
        drop(dead);
        assert_eq!((bells.listeners(7), bells.listeners(8)), (70, 0));
        awake.truncate(3);
        assert_eq!(bells.listeners(7), 3);
    }

    #[tokio::test]
    async fn ring_when_nobody_takes_it_never_waits() {
        let place = tempfile::tempdir().unwrap();
        let bells = Bells::beside(&database(place.path()));
        let mut bell = bells.hang(7, 1, true);
        for _ in 0..10_000 {
            bells.ring(7);
        }
        assert!(is_rung(&mut bell).await);
    }

    #[tokio::test]
    async fn folder_whose_path_is_too_long_for_a_socket_works_all_the_same() {
        let place = tempfile::tempdir().unwrap();
        let deep = place.path().join("x".repeat(200));
        fs::create_dir(&deep).unwrap();
        let bells = Bells::beside(&database(&deep));
        let mut bell = bells.hang(7, 1, true);
        bells.ring(7);
        assert!(is_rung(&mut bell).await && bells.anybody_listens(7));
    }

    #[tokio::test]
    async fn ring_when_something_else_lies_there_leaves_it() {
        let place = tempfile::tempdir().unwrap();
        let bells = Bells::beside(&database(place.path()));
        let mut bell = bells.hang(7, 1, true);
        let folder = place.path().join("bridge.db-bells/7");
        let name = |n: u64| folder.join(format!("{n:016x}"));
        let dead = place.path().join("dead");
        for socket in [&dead, &folder.join("0123"), &folder.join("ABCDEF0123456789")] {
            drop(UnixDatagram::bind(socket).unwrap());
        }
        symlink(&dead, name(2)).unwrap();
        File::create(name(3)).unwrap();
        fs::create_dir(name(4)).unwrap();
        for n in 0..LISTENERS_MAX {
            File::create(folder.join(format!("other {n}"))).unwrap();
        }
        let before = fs::read_dir(&folder).unwrap().count();
        bells.ring(7);
        assert!(is_rung(&mut bell).await, "nothing hides a bell");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), before);
        assert!(dead.exists());
    }

    #[tokio::test]
    async fn agents_folder_that_others_may_enter_or_that_is_a_link_is_not_used() {
        let place = tempfile::tempdir().unwrap();
        let bells = Bells::beside(&database(place.path()));
        // Something listens for agent 8, and something died there.
        let bell = bells.hang(8, 1, true);
        let folder = |agent: &str| place.path().join("bridge.db-bells").join(agent);
        let dead = folder("8").join("00000000000000ff");
        drop(UnixDatagram::bind(&dead).unwrap());
        symlink(folder("8"), folder("7")).unwrap();
        bells.ring(7);
        assert!(dead.exists() && !bells.anybody_listens(7) && bells.hang(7, 2, true).socket.is_none());
        fs::set_permissions(folder("8"), fs::Permissions::from_mode(0o755)).unwrap();
        bells.ring(8);
        assert!(dead.exists() && !bells.anybody_listens(8) && bells.hang(8, 2, true).socket.is_none());
        drop(bell);
    }

    #[tokio::test]
    async fn folder_that_others_may_enter_or_that_is_a_link_is_not_used() {
        for spoil in [
            (|folder: &Path| {
                fs::create_dir(folder).unwrap();
                fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
            }) as fn(&Path),
            |folder| symlink("/tmp", folder).unwrap(),
            |folder| drop(File::create(folder).unwrap()),
        ] {
            let place = tempfile::tempdir().unwrap();
            let path = database(place.path());
            spoil(&place.path().join("bridge.db-bells"));
            let bells = Bells::beside(&path);
            let mut bell = bells.hang(7, 1, true);
            assert!(bell.socket.is_none() && !bells.anybody_listens(7));
            bells.ring(7);
            bell.rung().await;
        }
    }
}
