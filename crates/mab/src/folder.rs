//! The data folder: private to its owner, or refused.
//!
//! ```text
//! <data folder>/    0700
//!   bridge.db       0600   SQLite, with -wal and -shm beside it
//!   master.key      0600   64 hexadecimal digits and a line break
//!   audit.key       0600   signs checkpoints, see `audit_key`
//!   audit.anchor    0600   the checkpoints, see `vault`
//!   agents/         0700   remembered credentials, see `keystore`
//! ```
//!
//! Whoever can write the folder can replace the key or the database, so one that others may write is not used. Whose it is
//! is the operator; nobody else is, not even root, who acts as that user instead (`sudo -u`).

use std::{
    fs::{DirBuilder, File, Metadata, OpenOptions, Permissions},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use mab_core::{Code, Denied, Failure, Fault, Random, secret::MasterKey, source::draw};
use mab_service::Caller;
use rustix::{fs::OFlags, io::Errno};

/// A data folder that passed the checks.
#[derive(Debug, Clone)]
pub struct DataFolder {
    path: PathBuf,
}

impl DataFolder {
    /// Opens a folder; creates it, and what leads to it, when it does not exist.
    ///
    /// # Errors
    /// `read_only` when it cannot be created, or when it or what matters in it belongs to somebody else or can be
    /// written by others; `misconfigured` when the path is not a folder; `storage_full`.
    pub fn open_or_create(path: &Path) -> Result<Self, Failure> {
        let created = DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER).create(path);
        created.map_err(|error| refused(&error, path, "creating"))?;
        Ok(Self::open(path)?.ok_or(Fault::new("creating the data folder"))?)
    }

    /// Opens a folder; `None` when nothing is there, and nothing is created.
    ///
    /// # Errors
    /// As [`open_or_create`](Self::open_or_create).
    pub fn open(path: &Path) -> Result<Option<Self>, Failure> {
        let folder = Self { path: path.to_owned() };
        if check(path, OTHERS_WRITE)?.is_none() {
            return Ok(None);
        }
        if !path.is_dir() {
            return Err(refused(&ErrorKind::NotADirectory.into(), path, "opening"));
        }
        check(&folder.database(), OTHERS_WRITE)?;
        check(&folder.agents(), OTHERS_WRITE)?;
        check(&folder.key_file(), OTHERS_ANYTHING)?;
        Ok(Some(folder))
    }

    /// Its operator: this process runs as the user whose folder it is, and nobody else can write it. Besides [`onlooker`],
    /// who changes nothing, the only place that makes one.
    pub fn operator(&self) -> Caller {
        Caller::Operator
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of remembered credentials; it need not exist.
    pub fn agents(&self) -> PathBuf {
        self.path.join("agents")
    }

    /// Reads the master key, or creates it. Of several processes that create it at once, one wins and all use its key.
    ///
    /// # Errors
    /// `wrong_store` when the key is missing or unreadable although there is a database; `read_only`, `storage_full`.
    pub fn master_key(&self, random: &dyn Random) -> Result<MasterKey, Failure> {
        if let Some(key) = self.read_key()? {
            return Ok(key);
        }
        let has_database = std::fs::metadata(self.database()).is_ok_and(|database| database.len() > 0);
        if has_database {
            // Another process may have created both since the first look.
            return self.read_key()?.ok_or_else(|| self.key_lost("there is a database but no master.key"));
        }
        let key = MasterKey::draw(random)?;
        publish(&self.key_file(), key.to_file_text().as_bytes(), random)?;
        self.read_key()?.ok_or_else(|| self.key_lost("master.key vanished while it was created"))
    }

    /// Reads the master key of a database that exists.
    ///
    /// # Errors
    /// `wrong_store` when the key is missing or unreadable; `read_only`.
    pub fn existing_master_key(&self) -> Result<MasterKey, Failure> {
        self.read_key()?.ok_or_else(|| self.key_lost("there is a database but no master.key"))
    }

    fn database(&self) -> PathBuf {
        self.path.join("bridge.db")
    }

    fn key_file(&self) -> PathBuf {
        self.path.join("master.key")
    }

    fn read_key(&self) -> Result<Option<MasterKey>, Failure> {
        let Some(content) = read_private(&self.key_file(), KEY_FILE_MAX_BYTES)? else { return Ok(None) };
        let key = std::str::from_utf8(&content).ok().and_then(|text| MasterKey::from_file_text(text).ok());
        key.map(Some).ok_or_else(|| self.key_lost("master.key does not hold a key"))
    }

    fn key_lost(&self, what: &str) -> Failure {
        let hint = format!(
            "restore {} from a backup; without it the conversations cannot be opened, and a new data folder is needed",
            self.key_file().display()
        );
        Denied::new(Code::WrongStore, what).hint(hint).into()
    }
}

/// Writes a file beside its place and links it there: a link never replaces what is there.
pub(crate) fn publish(path: &Path, content: &[u8], random: &dyn Random) -> Result<(), Failure> {
    let draft = write_draft(path, content, random)?;
    let linked = std::fs::hard_link(&draft, path);
    let removed = std::fs::remove_file(&draft);
    match linked {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(refused(&error, path, "creating")),
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    removed.and_then(|()| sync_folder(folder)).map_err(|error| refused(&error, path, "creating"))
}

/// Creates a file that only its owner can read or write, whatever the umask, unless it exists already.
///
/// # Errors
/// `read_only`, `storage_full` or `misconfigured`, naming the path.
pub(crate) fn ensure_private_file(path: &Path) -> Result<(), Failure> {
    match create_private(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => check(path, OTHERS_WRITE).map(drop),
        Err(error) => Err(refused(&error, path, "creating")),
    }
}

/// Creates a folder that only its owner can enter, unless it exists already.
pub(crate) fn ensure_private_folder(path: &Path) -> Result<(), Failure> {
    match DirBuilder::new().mode(PRIVATE_FOLDER).create(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => check(path, OTHERS_WRITE).map(drop),
        Err(error) => Err(refused(&error, path, "creating")),
    }
}

/// Replaces a file's content so that a reader, or a crash at any instruction, sees the old or the new one whole.
pub(crate) fn replace(path: &Path, content: &[u8], random: &dyn Random) -> Result<(), Failure> {
    let draft = write_draft(path, content, random)?;
    let renamed = std::fs::rename(&draft, path);
    if renamed.is_err() {
        // The draft holds a secret; that it could not be removed either changes nothing about the refusal.
        let _ = std::fs::remove_file(&draft);
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    renamed.and_then(|()| sync_folder(folder)).map_err(|error| refused(&error, path, "writing"))
}

/// Reads a file that only its owner may read; `None` when there is none.
pub(crate) fn read_private(path: &Path, most_bytes: u64) -> Result<Option<Vec<u8>>, Failure> {
    // A link would lead to a file that is not ours to mend, a pipe would be waited for.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => return Err(no_file(path)),
        Err(error) => return Err(refused(&error, path, "reading")),
    };
    // The file that was opened is the one that is judged.
    let metadata = file.metadata().map_err(|error| refused(&error, path, "reading"))?;
    if !metadata.is_file() {
        return Err(no_file(path));
    }
    judge(path, &metadata, OTHERS_ANYTHING)?;
    let mut content = Vec::new();
    file.take(most_bytes).read_to_end(&mut content).map_err(|error| refused(&error, path, "reading"))?;
    Ok(Some(content))
}

/// Checks the files of a database, and whether others can replace them: its folder must not be theirs to write,
/// unless it is one where everybody may remove only what is their own (such as /tmp).
pub(crate) fn check_database(path: &Path) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let metadata = std::fs::metadata(folder).map_err(|error| refused(&error, folder, "examining"))?;
    if metadata.mode() & OTHERS_WRITE != 0 && metadata.mode() & STICKY == 0 {
        let message = format!("other users may write {}", folder.display());
        return Err(Denied::new(Code::ReadOnly, message)
            .hint(format!("chmod go-w {}", quoted(folder)))
            .into());
    }
    for suffix in ["", "-wal", "-shm", "-next", "-turn"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let file = Path::new(&name);
        let Ok(named) = std::fs::symlink_metadata(file) else { continue };
        if !named.is_file() {
            return Err(no_file(file));
        }
        judge(file, &named, OTHERS_WRITE)?;
    }
    Ok(())
}

fn no_file(path: &Path) -> Failure {
    Denied::new(Code::ReadOnly, format!("{} is not a regular file", path.display()))
        .hint("look what it is and who put it there; move it away")
        .into()
}

/// Writes a durable file beside `path`, under a name of its own.
fn write_draft(path: &Path, content: &[u8], random: &dyn Random) -> Result<PathBuf, Failure> {
    let tag = hex::encode(draw::<8>(random)?);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = path.with_file_name(format!(".{name}.{tag}"));
    let written =
        create_private(&draft).and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&draft);
        refused(&error, &draft, "writing")
    })?;
    Ok(draft)
}

fn create_private(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE_FILE).open(path)?;
    file.set_permissions(Permissions::from_mode(PRIVATE_FILE))?;
    Ok(file)
}

pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Checks one path, through a symbolic link only when it is our own; `None` when nothing is there.
fn check(path: &Path, forbidden: u32) -> Result<Option<()>, Failure> {
    let named = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(refused(&error, path, "examining")),
    };
    owned(path, &named)?;
    if !named.file_type().is_symlink() {
        return judge(path, &named, forbidden).map(Some);
    }
    let target = std::fs::metadata(path).map_err(|error| refused(&error, path, "following"))?;
    judge(path, &target, forbidden).map(Some)
}

pub(crate) fn judge(path: &Path, metadata: &Metadata, forbidden: u32) -> Result<(), Failure> {
    owned(path, metadata)?;
    if metadata.mode() & forbidden == 0 {
        return Ok(());
    }
    let (what, change) = if metadata.mode() & forbidden & OTHERS_WRITE == 0 {
        ("read", "go-rwx")
    } else if forbidden == OTHERS_WRITE {
        ("write", "go-w")
    } else {
        ("write", "go-rwx")
    };
    let message = format!("other users may {what} {}", path.display());
    Err(Denied::new(Code::ReadOnly, message).hint(format!("chmod {change} {}", quoted(path))).into())
}

fn owned(path: &Path, metadata: &Metadata) -> Result<(), Failure> {
    let own = rustix::process::geteuid().as_raw();
    if metadata.uid() == own {
        return Ok(());
    }
    let message =
        format!("{} belongs to user {}, and mab runs as user {own}", path.display(), metadata.uid());
    let hint = if own == 0 {
        // What root would take over may be somebody's.
        let user = metadata.uid();
        format!(
            "run mab as that user (sudo -u '#{user}' mab …), or, when it is yours, chown 0 {}",
            quoted(path)
        )
    } else {
        format!(
            "sudo chown {own} {}, or run mab as that user, or choose another folder with MAB_DATA_DIR",
            quoted(path)
        )
    };
    Err(Denied::new(Code::ReadOnly, message).hint(hint).into())
}

/// A path as a word of a shell (POSIX, 2.2.2 Single-Quotes).
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |character: char| character.is_alphanumeric() || "/._-+@%,:=".contains(character);
    if !text.is_empty() && text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Whoever looks at a database that is opened for reading only: what the system lets one read, and nothing is changed.
pub(crate) fn onlooker() -> Caller {
    Caller::Operator
}

/// What an error of the file system means to the operator.
pub(crate) fn refused(error: &io::Error, path: &Path, action: &str) -> Failure {
    let message = format!("{action} {} failed: {error}", path.display());
    let kind = error.kind();
    let (code, hint) = if matches!(kind, ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) {
        (Code::ReadOnly, "mend its permissions, or choose another folder with MAB_DATA_DIR")
    } else if matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
        (Code::StorageFull, "free space, then try again")
    } else {
        (Code::Misconfigured, "choose another folder with MAB_DATA_DIR or --data-dir")
    };
    Denied::new(code, message).hint(hint).into()
}

const PRIVATE_FOLDER: u32 = 0o700;
pub(crate) const PRIVATE_FILE: u32 = 0o600;
/// Mode bits that let others write.
pub(crate) const OTHERS_WRITE: u32 = 0o022;
/// In such a folder everybody may remove or rename only what is their own.
const STICKY: u32 = 0o1000;
/// Mode bits that let others do anything.
const OTHERS_ANYTHING: u32 = 0o077;
const KEY_FILE_MAX_BYTES: u64 = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::OsRandom;

    fn code(result: Result<impl std::fmt::Debug, Failure>) -> (Code, String) {
        match result {
            Err(Failure::Denied(denied)) => (denied.code, denied.hint.unwrap_or_default()),
            other => panic!("{other:?} is not a refusal"),
        }
    }

    fn chmod(path: &Path, mode: u32) {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().mode() & 0o777
    }

    fn folder() -> (tempfile::TempDir, DataFolder) {
        let place = tempfile::tempdir().unwrap();
        let folder = DataFolder::open_or_create(&place.path().join("deep/data")).unwrap();
        (place, folder)
    }

    #[test]
    fn folder_and_key_when_created_are_private() {
        let (_place, folder) = folder();
        folder.master_key(&OsRandom).unwrap();
        assert_eq!((mode(folder.path()), mode(&folder.key_file())), (0o700, 0o600));
        let entries = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(entries, 1, "no draft is left");
    }

    #[test]
    fn key_when_read_again_is_the_same() {
        let (_place, folder) = folder();
        let first = folder.master_key(&OsRandom).unwrap().fingerprint().unwrap();
        assert_eq!(folder.master_key(&OsRandom).unwrap().fingerprint().unwrap(), first);
    }

    #[test]
    fn key_when_many_create_it_at_once_is_one_key() {
        let (_place, folder) = folder();
        let fingerprints: std::collections::BTreeSet<_> = std::thread::scope(|scope| {
            let create = || folder.master_key(&OsRandom).unwrap().fingerprint().unwrap();
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(create)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(fingerprints.len(), 1);
    }

    #[test]
    fn key_when_broken_or_lost_is_refused_and_left_alone() {
        let (_place, folder) = folder();
        ensure_private_file(&folder.key_file()).unwrap();
        assert_eq!(code(folder.master_key(&OsRandom)).0, Code::WrongStore);
        std::fs::remove_file(folder.key_file()).unwrap();
        std::fs::write(folder.database(), "SQLite format 3").unwrap();
        assert_eq!(code(folder.master_key(&OsRandom)).0, Code::WrongStore);
        assert!(!folder.key_file().exists());
    }

    #[test]
    fn anything_others_may_write_is_refused_with_the_chmod() {
        for (name, wrong) in [("", 0o770), ("bridge.db", 0o602), ("agents", 0o720), ("master.key", 0o660)] {
            let (_place, folder) = folder();
            let path = if name.is_empty() { folder.path().to_owned() } else { folder.path().join(name) };
            match name {
                "" => {}
                "agents" => std::fs::create_dir(&path).unwrap(),
                _ => std::fs::write(&path, "").unwrap(),
            }
            chmod(&path, wrong);
            let (code, hint) = code(DataFolder::open_or_create(folder.path()));
            assert_eq!(code, Code::ReadOnly, "{name}");
            assert!(hint.starts_with("chmod go-") && hint.ends_with(&path.display().to_string()), "{hint}");
        }
    }

    #[test]
    fn key_when_others_may_read_it_is_refused() {
        let (_place, folder) = folder();
        folder.master_key(&OsRandom).unwrap();
        chmod(&folder.key_file(), 0o640);
        assert_eq!(code(DataFolder::open_or_create(folder.path())).0, Code::ReadOnly);
        assert_eq!(code(folder.master_key(&OsRandom)).0, Code::ReadOnly);
    }

    #[test]
    fn secret_behind_a_link_or_a_pipe_is_not_read() {
        let place = tempfile::tempdir().unwrap();
        let [real, link, pipe] = ["real", "link", "pipe"].map(|name| place.path().join(name));
        std::fs::write(&real, "x").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
        assert_eq!(code(read_private(&link, 10)).0, Code::ReadOnly);
        assert_eq!(code(read_private(&pipe, 10)).0, Code::ReadOnly);
        assert_eq!(read_private(&place.path().join("nothing"), 10).unwrap(), None);
    }

    #[test]
    fn database_whose_files_others_may_change_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let database = place.path().join("bridge.db");
        assert!(check_database(&database).is_ok());
        let turn = place.path().join("bridge.db-turn");
        std::os::unix::fs::symlink("/etc/hostname", &turn).unwrap();
        assert_eq!(code(check_database(&database)).0, Code::ReadOnly);
        std::fs::remove_file(&turn).unwrap();
        std::fs::write(&turn, "").unwrap();
        std::fs::set_permissions(&turn, Permissions::from_mode(0o666)).unwrap();
        assert_eq!(code(check_database(&database)).0, Code::ReadOnly);
        std::fs::set_permissions(&turn, Permissions::from_mode(0o600)).unwrap();
        std::fs::set_permissions(place.path(), Permissions::from_mode(0o777)).unwrap();
        assert_eq!(code(check_database(&database)).0, Code::ReadOnly);
        std::fs::set_permissions(place.path(), Permissions::from_mode(0o1777)).unwrap();
        assert!(check_database(&database).is_ok());
    }

    #[test]
    fn own_symbolic_link_is_followed() {
        let (place, folder) = folder();
        let link = place.path().join("link");
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        assert!(DataFolder::open_or_create(&link).is_ok());
        chmod(folder.path(), 0o777);
        assert_eq!(code(DataFolder::open_or_create(&link)).0, Code::ReadOnly);
    }

    #[test]
    fn anything_of_another_user_is_refused() {
        let (place, folder) = folder();
        let link = place.path().join("link");
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        if std::os::unix::fs::lchown(&link, Some(4_242), None).is_err() {
            // Only root may give files away; then there is nothing to test here.
            return;
        }
        assert_eq!(code(DataFolder::open_or_create(&link)).0, Code::ReadOnly);
        std::os::unix::fs::chown(folder.path(), Some(4_242), None).unwrap();
        assert_eq!(code(DataFolder::open_or_create(folder.path())).0, Code::ReadOnly);
    }

    #[test]
    fn path_when_not_a_folder_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(code(DataFolder::open_or_create(&file)).0, Code::Misconfigured);
        assert_eq!(code(DataFolder::open_or_create(&file.join("below"))).0, Code::Misconfigured);
    }

    #[test]
    fn folder_when_opened_is_never_created() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("typo");
        assert!(DataFolder::open(&path).unwrap().is_none());
        assert!(!path.exists());
    }

    #[test]
    fn paths_are_quoted_when_a_shell_would_split_them() {
        for (path, word) in [("/a/b-1.db", "/a/b-1.db"), ("/a b", "'/a b'"), ("/it's", r"'/it'\''s'")] {
            assert_eq!(quoted(Path::new(path)), word);
        }
    }

    #[test]
    fn error_kinds_become_codes_the_operator_can_act_on() {
        for (kind, expected) in [
            (ErrorKind::ReadOnlyFilesystem, Code::ReadOnly),
            (ErrorKind::PermissionDenied, Code::ReadOnly),
            (ErrorKind::StorageFull, Code::StorageFull),
            (ErrorKind::NotADirectory, Code::Misconfigured),
        ] {
            let failure = refused(&io::Error::from(kind), Path::new("/x"), "create");
            assert_eq!(code(Err::<(), _>(failure)).0, expected);
        }
    }

    #[test]
    fn replace_leaves_a_private_file_and_nothing_else() {
        let (_place, folder) = folder();
        let path = folder.path().join("x.json");
        replace(&path, b"1", &OsRandom).unwrap();
        replace(&path, b"2", &OsRandom).unwrap();
        assert_eq!(read_private(&path, 10).unwrap(), Some(b"2".to_vec()));
        assert_eq!(mode(&path), 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
