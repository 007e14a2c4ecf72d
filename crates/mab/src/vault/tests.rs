use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
};

use mab_core::{
    anchor::{Leaf, Signers, next_checkpoint},
    note::VerifierKey,
};

use super::*;
use crate::system::OsRandom;

/// A data folder with what belongs to checkpoints, and the checkpoints that a store would have recorded.
struct Place {
    folder: tempfile::TempDir,
    files: AuditFiles,
    recorded: Option<Pending>,
    length: u64,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = AuditFiles {
            anchor: folder.path().join("audit.anchor"),
            copy: None,
            command: Vec::new(),
            patience: Duration::ZERO,
            key: KeyFile::new(folder.path(), "mab.audit/0123456789abcdef".into()),
            random: Arc::new(OsRandom),
            complained: Arc::default(),
        };
        Self { folder, files, recorded: None, length: 0 }
    }

    /// Records the next checkpoint as the store does, up to its commit.
    fn commit(&mut self, rotate: bool) {
        let mut open = self.files.lock().unwrap();
        let key = open.settle(self.recorded.as_ref()).unwrap();
        let next = rotate.then(|| SigningKey::draw(key.verifier().name(), &OsRandom).unwrap());
        if let Some(next) = &next {
            open.stage(next).unwrap();
        }
        self.length += 1;
        let leaf = Leaf { conversation: None, n: self.length, head: [7; 32] };
        let previous = self.recorded.as_ref().map(|recorded| recorded.text.as_str());
        let now = Timestamp::from_millis(1_795_332_600_000);
        let text = next_checkpoint(previous, &[leaf], now, &Signers { key, next }).unwrap();
        self.recorded = Some(Pending { offset: self.recorded.as_ref().map_or(0, Pending::end), text });
    }

    fn settle(&self) -> Result<VerifierKey, Failure> {
        let key = self.files.lock().unwrap().settle(self.recorded.as_ref())?;
        Ok(key.verifier())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn anchor(&self) -> String {
        fs::read_to_string(self.path("audit.anchor")).unwrap()
    }

    fn verified(&self) -> usize {
        let key = self.files.key().unwrap().verifier();
        mab_core::anchor::Anchor::parse_and_verify(&self.anchor(), &[key]).unwrap().checkpoints().len()
    }

    fn code(&self) -> Code {
        match self.settle() {
            Err(Failure::Denied(denied)) => denied.code,
            other => panic!("{other:?} is not a refusal"),
        }
    }
}

#[test]
fn crash_between_commit_and_any_byte_of_the_append_is_mended_by_the_next() {
    let mut place = Place::new();
    place.commit(false);
    place.settle().unwrap();
    let before = place.anchor().len();
    place.commit(false);
    let whole = before + place.recorded.as_ref().unwrap().text.len();
    let text = [place.anchor(), place.recorded.as_ref().unwrap().text.clone()].concat();
    for length in before..=whole {
        fs::write(place.path("audit.anchor"), &text.as_bytes()[..length]).unwrap();
        let kept = place.files.read(place.recorded.as_ref()).unwrap();
        assert_eq!((kept.anchor.len(), kept.fits), (whole, Ok(())), "{length}");
        place.settle().unwrap();
        assert_eq!(place.anchor(), text, "{length}");
    }
    assert_eq!(place.verified(), 2);
}

#[test]
fn text_that_the_store_recorded_and_nobody_signed_is_never_appended() {
    let mut place = Place::new();
    place.commit(false);
    place.settle().unwrap();
    let whole = place.anchor();
    let first = place.recorded.clone();
    place.commit(false);
    let signed = place.recorded.clone().unwrap();
    let (leaf, time) = (("bridge 2 ", "bridge 3 "), ("time 2026", "time 2027"));
    for text in
        ["garbage".to_owned(), signed.text.replace(leaf.0, leaf.1), signed.text.replace(time.0, time.1)]
    {
        assert_ne!(text, signed.text);
        place.recorded = Some(Pending { text, ..signed.clone() });
        assert_eq!(place.code(), Code::Conflict);
        assert_eq!(place.anchor(), whole);
    }
    place.recorded = first;
    place.settle().unwrap();
    place.recorded = Some(signed);
    place.settle().unwrap();
    assert_eq!(place.verified(), 2);
}

#[test]
fn anchor_when_cut_lengthened_changed_or_gone_is_a_conflict_and_left_as_it_is() {
    let mut place = Place::new();
    for _ in 0..2 {
        place.commit(false);
        place.settle().unwrap();
    }
    let whole = place.anchor();
    let first = usize::try_from(place.recorded.as_ref().unwrap().offset).unwrap();
    let changed = whole.replace("time 2026", "time 2027");
    for bad in [&whole[..first - 1], "", &format!("{whole}+"), &changed] {
        fs::write(place.path("audit.anchor"), bad).unwrap();
        assert_eq!(place.code(), Code::Conflict);
        assert!(place.files.read(place.recorded.as_ref()).unwrap().fits.is_err());
        assert_eq!(place.anchor(), bad);
    }
    fs::remove_file(place.path("audit.anchor")).unwrap();
    assert_eq!(place.code(), Code::Conflict);
    place.recorded = None;
    fs::write(place.path("audit.anchor"), whole).unwrap();
    assert_eq!(place.code(), Code::Conflict, "a database that knows of no checkpoint");
}

#[test]
fn change_of_the_key_when_killed_before_its_commit_is_dropped_and_after_it_completed() {
    let mut place = Place::new();
    place.commit(false);
    let old = place.settle().unwrap();
    let before = place.recorded.clone();
    place.commit(true);
    let committed = std::mem::replace(&mut place.recorded, before);
    let staged = fs::read(place.path("audit.key.next")).unwrap();
    assert_eq!(place.settle().unwrap(), old);
    assert!(!place.path("audit.key.next").exists());

    fs::write(place.path("audit.key.next"), &staged).unwrap();
    fs::set_permissions(place.path("audit.key.next"), fs::Permissions::from_mode(0o600)).unwrap();
    place.recorded = committed;
    let new = place.files.read(place.recorded.as_ref()).unwrap().key.unwrap();
    assert_ne!(new, old);
    assert_eq!(place.settle().unwrap(), new);
    assert_eq!(fs::read(place.path("audit.key")).unwrap(), staged);
    assert!(!place.path("audit.key.next").exists());
    place.commit(false);
    assert_eq!(place.settle().unwrap(), new);
    assert_eq!(place.verified(), 3);
}

#[test]
fn key_when_lost_after_the_first_checkpoint_is_never_drawn_anew() {
    let mut place = Place::new();
    place.files.prepare().unwrap();
    assert_eq!(fs::metadata(place.path("audit.key")).unwrap().mode() & 0o777, 0o600);
    let key = fs::read(place.path("audit.key")).unwrap();
    place.files.prepare().unwrap();
    assert_eq!(fs::read(place.path("audit.key")).unwrap(), key);
    place.commit(false);
    place.settle().unwrap();
    fs::remove_file(place.path("audit.key")).unwrap();
    place.files.prepare().unwrap();
    assert_eq!(place.code(), Code::Misconfigured);
    assert!(!place.path("audit.key").exists());
}

#[test]
fn key_and_anchor_when_others_could_change_them_are_refused() {
    let mut place = Place::new();
    place.commit(false);
    place.settle().unwrap();
    let chmod = |name: &str, mode| {
        fs::set_permissions(place.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    chmod("audit.key", 0o640);
    assert_eq!(place.code(), Code::ReadOnly);
    chmod("audit.key", 0o600);
    chmod("audit.anchor", 0o620);
    assert_eq!(place.code(), Code::ReadOnly);
    chmod("audit.anchor", 0o600);
    place.settle().unwrap();
    fs::write(place.path("audit.key"), "PRIVATE").unwrap();
    assert_eq!(place.code(), Code::Misconfigured);
}

#[test]
fn copy_follows_the_anchor_also_after_it_was_away_and_never_over_what_differs() {
    let mut place = Place::new();
    place.files.copy = Some(place.path("copy"));
    place.commit(false);
    place.settle().unwrap();
    let first = fs::read_to_string(place.path("copy")).unwrap();
    assert_eq!(first, place.anchor());
    place.commit(false);
    place.settle().unwrap();
    fs::write(place.path("copy"), &first).unwrap();
    place.commit(false);
    place.settle().unwrap();
    assert_eq!(fs::read_to_string(place.path("copy")).unwrap(), place.anchor());
    let other = first.replace("time 2026", "time 2027");
    fs::write(place.path("copy"), &other).unwrap();
    assert_eq!(place.files.read(place.recorded.as_ref()).unwrap().copy_fits, Err(Mismatch::Other));
    place.settle().unwrap();
    assert_eq!(fs::read_to_string(place.path("copy")).unwrap(), other);
    fs::write(place.path("copy"), format!("{}+", place.anchor())).unwrap();
    assert_eq!(place.files.read(place.recorded.as_ref()).unwrap().copy_fits, Err(Mismatch::Longer));
}

#[test]
fn lock_when_another_holds_it_is_busy() {
    let place = Place::new();
    let held = place.files.lock().unwrap();
    assert!(matches!(place.files.lock(), Err(Failure::Denied(denied)) if denied.code == Code::Busy));
    drop(held);
    assert!(place.files.lock().is_ok());
}

#[test]
fn command_gets_the_note_on_stdin_and_its_failure_changes_nothing() {
    let mut place = Place::new();
    let told = place.path("told").display().to_string();
    place.files.command = ["tee", &told].map(str::to_owned).into();
    place.files.announce("a note\n");
    assert_eq!(fs::read_to_string(&told).unwrap(), "a note\n");
    for bad in ["false", "true", "/nonexistent/program"] {
        place.files.command = vec![bad.to_owned()];
        place.files.announce("a note\n");
    }
}

#[test]
fn anchor_set_aside_by_a_beginning_that_was_killed_is_put_back() {
    let mut place = Place::new();
    for _ in 0..2 {
        place.commit(false);
        place.settle().unwrap();
    }
    let whole = place.anchor();
    place.files.lock().unwrap().set_aside(Timestamp::from_millis(1_795_332_600_000)).unwrap();
    assert!(!place.path("audit.anchor").exists());
    place.settle().unwrap();
    assert_eq!(place.anchor(), whole);
    // One that is not what the store recorded stays where it is.
    place.files.lock().unwrap().set_aside(Timestamp::from_millis(1_795_332_600_001)).unwrap();
    let aside = place.path("audit.anchor.1795332600001");
    fs::write(&aside, &whole[..whole.len() - 1]).unwrap();
    assert_eq!(place.code(), Code::Conflict);
    assert!(aside.exists() && !place.path("audit.anchor").exists());
}
