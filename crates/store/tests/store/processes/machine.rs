//! What the system refuses: permissions and space. Both need a child with fewer rights than the tests may have.

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use mab_store::sqlite::SqliteStore;
use tempfile::TempDir;

use super::child::{Running, Task};
use crate::{kit::MockClock, sqlite::options};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// What a child without privileges hears when it opens a store.
fn open_unprivileged(path: &Path) -> Vec<String> {
    let probe = TempDir::new().unwrap();
    set_mode(probe.path(), 0o500);
    // Root writes where nobody may, unless its capabilities are taken away.
    let privileged = File::create(probe.path().join("probe")).is_ok();
    let wrapper: &[&str] =
        if privileged { &["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"] } else { &[] };
    Running::start_under(wrapper, &Task::Open, path).unwrap().finish()
}

#[test]
fn store_that_may_not_be_written_is_read_only() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("bridge.db");
    SqliteStore::open(options(&path), MockClock::starting()).map(|_| ()).unwrap();
    assert_eq!(open_unprivileged(&path), ["opened"]);

    set_mode(&path, 0o400);
    assert_eq!(open_unprivileged(&path), ["the database file cannot be written (read_only)"]);
    set_mode(&path, 0o000);
    assert_eq!(open_unprivileged(&path), ["the database cannot be opened (read_only)"]);

    set_mode(&path, 0o600);
    let empty = TempDir::new().unwrap();
    set_mode(empty.path(), 0o500);
    let answer = open_unprivileged(&empty.path().join("bridge.db"));
    assert_eq!(answer, ["the database file cannot be written (read_only)"]);
    set_mode(empty.path(), 0o700);
}

#[test]
fn store_in_a_folder_that_may_not_be_written_is_read_only() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("bridge.db");
    SqliteStore::open(options(&path), MockClock::starting()).map(|_| ()).unwrap();
    for suffix in ["-wal", "-shm", "-next", "-turn"] {
        let _ = fs::remove_file(folder.path().join(format!("bridge.db{suffix}")));
    }
    set_mode(folder.path(), 0o500);
    let answer = open_unprivileged(&path);
    set_mode(folder.path(), 0o700);
    assert_eq!(answer.len(), 1);
    assert!(answer[0].ends_with("(read_only)"), "{answer:?}");
}

#[test]
fn disk_when_full_refuses_changes_nothing_and_goes_on_once_there_is_room() {
    const MOUNT: &str = r#"mount -t tmpfs -o size=2m tmpfs "$0" && exec "$@""#;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("bridge.db");
    let mount = folder.path().to_str().unwrap();
    let wrapper = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", MOUNT, mount];
    // A small disk of one's own needs user namespaces, which some machines and containers do not give.
    if !Running::start_under(&wrapper, &Task::Open, &path).is_ok_and(Running::succeeds) {
        println!("skipped: no file system can be mounted here");
        return;
    }
    let filled = Running::start_under(&wrapper, &Task::Fill, &path).unwrap().finish();
    assert_eq!(filled, ["full", "on"]);
}
