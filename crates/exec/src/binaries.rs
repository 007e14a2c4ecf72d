//! Which program a name means, and what was in it.

use std::{
    collections::HashMap,
    fs::{File, Metadata},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use rustix::{
    fs::{Mode as Bits, OFlags, open},
    process::geteuid,
};

use crate::{Binary, Digest, Mode, Plan, Workspace};

/// Where programs are looked for, and the digests of those that were found.
#[derive(Debug)]
pub(crate) struct Binaries {
    folders: Vec<PathBuf>,
    known: Mutex<HashMap<Stamp, Digest>>,
}

/// A file in one state: writing to it changes its `ctime`, which nobody but the kernel sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Binaries {
    /// Looks in `first`, then in the system's folders.
    pub(crate) fn new(first: &[PathBuf]) -> Self {
        let folders = first.iter().cloned().chain(SYSTEM_FOLDERS.map(PathBuf::from)).collect();
        Self { folders, known: Mutex::default() }
    }

    /// The folders, as the value of `PATH`.
    pub(crate) fn path(&self) -> String {
        let folders: Vec<_> = self.folders.iter().map(|folder| folder.to_string_lossy()).collect();
        folders.join(":")
    }

    /// Looks up every program of `plan`, and fills in where it is.
    ///
    /// # Errors
    /// Why not, in a sentence: it is missing, or it is not one that only the operator can change.
    pub(crate) fn resolve(
        &self,
        plan: &mut Plan,
        mode: Mode,
        workspace: &Workspace,
    ) -> Result<Vec<Binary>, String> {
        let mut found = Vec::new();
        let mut left = PROGRAMS_MAX_BYTES;
        match plan {
            Plan::Shell(_) => {
                let shell = SHELLS.into_iter().find(|shell| Path::new(shell).exists());
                let shell = shell.ok_or("there is no shell: neither /bin/bash nor /bin/sh")?;
                found.push(self.checked((shell, Path::new(shell)), None, (&found, &mut left))?);
            }
            Plan::Steps(steps) => {
                for argv in steps.iter_mut().flat_map(|step| &mut step.pipeline) {
                    let path = self.locate(&argv.name, mode, workspace)?;
                    let inside = (mode != Mode::Yolo).then_some(workspace);
                    let binary = self.checked((&argv.name, &path), inside, (&found, &mut left))?;
                    argv.program.clone_from(&binary.path);
                    found.push(binary);
                }
            }
        }
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// A program of the system that this program calls itself.
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub(crate) fn of_the_system(&self, name: &str) -> Result<PathBuf, String> {
        let mut candidates = self.folders.iter().map(|folder| folder.join(name));
        let path = candidates.find(|path| std::fs::metadata(path).is_ok_and(|found| is_program(&found)));
        let path = path.ok_or_else(|| format!("{name} is not installed"))?;
        let real = path.canonicalize().map_err(|error| format!("{name} is not there: {error}"))?;
        if real.ancestors().all(is_ours) {
            return Ok(real);
        }
        Err(format!("others than root can change {}", real.display()))
    }

    /// Whether programs are still what they were.
    ///
    /// # Errors
    /// Why not, in a sentence.
    pub(crate) fn recheck(&self, binaries: &[Binary]) -> Result<(), String> {
        match first_changed(binaries, |path, left| self.digest(path, left)) {
            Some(other) => {
                let path = &other.path;
                Err(format!("the program {path} is not what it was when the command was judged; ask again"))
            }
            None => Ok(()),
        }
    }

    /// The first file of this name; one with a slash only in mode `yolo`, from the workspace.
    fn locate(&self, name: &str, mode: Mode, workspace: &Workspace) -> Result<PathBuf, String> {
        if name.contains('/') {
            return match mode {
                Mode::Yolo => Ok(workspace.path().join(name)),
                Mode::Safe | Mode::Restricted => {
                    Err(format!("{name} is a path; in mode {mode} programs are called by their names"))
                }
            };
        }
        let mut candidates = self.folders.iter().map(|folder| folder.join(name));
        candidates.find(|path| std::fs::metadata(path).is_ok_and(|found| is_program(&found))).ok_or_else(|| {
            format!(
                "the program {name} is in none of {}; the operator can install it, or name its folder in execution.path",
                self.path()
            )
        })
    }

    /// The program at `path` by its real path, if nobody but root and the user of this process can change it. Of those
    /// that were `found` before, nothing is read.
    fn checked(
        &self,
        (name, path): (&str, &Path),
        outside: Option<&Workspace>,
        (found, left): (&[Binary], &mut u64),
    ) -> Result<Binary, String> {
        let real =
            path.canonicalize().map_err(|error| format!("the program {name} is not there: {error}"))?;
        let Some(shown) = real.to_str() else { return Err(format!("the path of {name} is not UTF-8")) };
        if outside.is_some_and(|workspace| real.starts_with(workspace.path())) {
            return Err(format!("{name} is the workspace's own {shown}; only mode yolo runs its programs"));
        }
        if !std::fs::metadata(&real).is_ok_and(|found| is_program(&found)) {
            return Err(format!("{shown} is no program"));
        }
        if let Some(open) = real.ancestors().find(|part| !is_ours(part)) {
            let open = open.display();
            return Err(format!(
                "{name} is {shown}, and others than root can change {open}; take that right away"
            ));
        }
        if let Some(same) = found.iter().find(|binary| binary.path == shown) {
            return Ok(same.clone());
        }
        let sha256 = self.digest(&real, left).map_err(|error| format!("{shown} cannot be read: {error}"))?;
        Ok(Binary { path: shown.to_owned(), sha256 })
    }

    fn digest(&self, path: &Path, left: &mut u64) -> io::Result<Digest> {
        let (file, size) = opened(path, left)?;
        let stamp = Stamp::of(&file.metadata()?);
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(digest) = known().get(&stamp) {
            return Ok(*digest);
        }
        let digest = Digest::of_reader((&file).take(size + 1))?;
        // What was written to meanwhile has no digest to keep.
        if Stamp::of(&file.metadata()?) == stamp {
            let mut known = known();
            if known.len() >= KNOWN_MAX {
                known.clear();
            }
            known.insert(stamp, digest);
        }
        Ok(digest)
    }
}

/// The first of these programs that is not what it was; nothing that was read before counts.
pub fn changed_program(binaries: &[Binary]) -> Option<&Binary> {
    first_changed(binaries, |path, left| {
        let (file, size) = opened(path, left)?;
        Digest::of_reader(file.take(size + 1))
    })
}

fn first_changed(
    binaries: &[Binary],
    digest: impl Fn(&Path, &mut u64) -> io::Result<Digest>,
) -> Option<&Binary> {
    let mut left = PROGRAMS_MAX_BYTES;
    let mut is_same =
        |binary: &Binary| digest(Path::new(&binary.path), &mut left).is_ok_and(|now| now == binary.sha256);
    binaries.iter().find(|binary| !is_same(binary))
}

/// A file to read and its size, which `left` is lessened by. It waits for nobody: whoever can write in a workspace may put
/// there what never ends, or lets no one open it.
fn opened(path: &Path, left: &mut u64) -> io::Result<(File, u64)> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(open(path, flags, Bits::empty())?);
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let size = found.len();
    *left = left.checked_sub(size).ok_or_else(|| {
        io::Error::other("it is too large: the programs of one command may have 1 GiB together")
    })?;
    Ok((file, size))
}

impl Stamp {
    fn of(found: &Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
            size: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }
}

fn is_program(found: &Metadata) -> bool {
    found.is_file() && found.mode() & 0o111 != 0
}

/// Whether a file or folder is root's or ours and nobody else may write to it; a folder like `/tmp` will do, in which
/// nobody can replace what is another's.
fn is_ours(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| {
        let is_kept = found.is_dir() && found.mode() & STICKY != 0;
        (found.uid() == 0 || found.uid() == geteuid().as_raw()) && (found.mode() & 0o022 == 0 || is_kept)
    })
}

/// Where programs are looked for after the operator's folders.
pub const SYSTEM_FOLDERS: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];
/// What runs the text of mode `yolo`: the first that is there.
const SHELLS: [&str; 2] = ["/bin/bash", "/bin/sh"];
/// Only who owns a file of such a folder can rename or delete it.
const STICKY: u32 = 0o1000;
/// How much the programs of one request may have together: a person waits while they are read.
const PROGRAMS_MAX_BYTES: u64 = 1 << 30;
/// Digests that are kept.
const KNOWN_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use std::{
        fs::{Permissions, create_dir, set_permissions, write},
        os::unix::fs::{PermissionsExt as _, symlink},
    };

    use rustix::fs::{CWD, FileType, mknodat};

    use super::*;
    use crate::{Argv, Link, Step};

    struct Place {
        _folder: tempfile::TempDir,
        root: PathBuf,
        workspace: Workspace,
        binaries: Binaries,
    }

    fn place() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        create_dir(root.join("space")).unwrap();
        create_dir(root.join("tools")).unwrap();
        let workspace = Workspace::open(&root.join("space")).unwrap();
        let binaries = Binaries::new(&[root.join("tools")]);
        Place { _folder: folder, root, workspace, binaries }
    }

    fn program(path: &Path, text: &str) {
        write(path, text).unwrap();
        set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }

    fn plan(name: &str) -> Plan {
        let argv =
            Argv { name: name.to_owned(), program: String::new(), arguments: vec![], environment: vec![] };
        Plan::Steps(vec![Step { link: Link::Always, pipeline: vec![argv.clone(), argv] }])
    }

    impl Place {
        fn resolve(&self, name: &str, mode: Mode) -> Result<Vec<Binary>, String> {
            self.binaries.resolve(&mut plan(name), mode, &self.workspace)
        }
    }

    #[test]
    fn program_when_found_is_named_by_its_real_path_once() {
        let place = place();
        program(&place.root.join("tools/real"), "text");
        symlink("real", place.root.join("tools/tool")).unwrap();
        let mut plan = plan("tool");
        let found = place.binaries.resolve(&mut plan, Mode::Safe, &place.workspace).unwrap();
        let path = place.root.join("tools/real").to_str().unwrap().to_owned();
        assert_eq!(found, [Binary { path: path.clone(), sha256: Digest::of(&[b"text"]) }]);
        assert!(plan.commands().all(|argv| argv.program == path && argv.name == "tool"));
    }

    #[test]
    fn program_when_missing_is_refused_with_what_to_do() {
        let place = place();
        write(place.root.join("tools/plain"), "not executable").unwrap();
        for name in ["no-such-program", "plain"] {
            let why = place.resolve(name, Mode::Restricted).unwrap_err();
            let folders = format!("{}/tools:/usr/local/bin:/usr/bin:/bin", place.root.display());
            let expected = format!(
                "the program {name} is in none of {folders}; the operator can install it, or name its folder in execution.path"
            );
            assert_eq!(why, expected);
        }
    }

    #[test]
    fn program_of_the_workspace_runs_in_mode_yolo_only() {
        let place = place();
        program(&place.root.join("space/own"), "text");
        symlink("../space/own", place.root.join("tools/alias")).unwrap();
        for mode in [Mode::Safe, Mode::Restricted] {
            assert!(place.resolve("./own", mode).unwrap_err().contains("called by their names"));
            assert!(place.resolve("alias", mode).unwrap_err().contains("the workspace's own"));
        }
        let path = place.root.join("space/own").to_str().unwrap().to_owned();
        for name in ["./own", "alias", path.as_str()] {
            assert_eq!(place.resolve(name, Mode::Yolo).unwrap()[0].path, path);
        }
        assert!(place.resolve("./none", Mode::Yolo).unwrap_err().contains("is not there"));
        assert!(place.resolve("./../space", Mode::Yolo).unwrap_err().contains("is no program"));
    }

    #[test]
    fn program_when_others_can_change_it_is_refused() {
        let place = place();
        let tool = place.root.join("tools/tool");
        program(&tool, "text");
        for (path, mode, kept) in [(&tool, 0o777, 0o755), (&place.root.join("tools"), 0o775, 0o755)] {
            set_permissions(path, Permissions::from_mode(mode)).unwrap();
            let why = place.resolve("tool", Mode::Safe).unwrap_err();
            let part = format!("others than root can change {}", path.display());
            assert!(why.contains(&part), "{why}");
            set_permissions(path, Permissions::from_mode(kept)).unwrap();
        }
        assert!(place.resolve("tool", Mode::Safe).is_ok());
    }

    #[test]
    fn program_when_changed_is_not_what_it_was() {
        let place = place();
        let tool = place.root.join("tools/tool");
        program(&tool, "text");
        let found = place.resolve("tool", Mode::Safe).unwrap();
        place.binaries.recheck(&found).unwrap();
        program(&tool, "TEXT");
        assert!(place.binaries.recheck(&found).unwrap_err().contains("is not what it was"));
        std::fs::remove_file(&tool).unwrap();
        assert!(place.binaries.recheck(&found).is_err());
    }

    #[test]
    fn program_that_is_endless_or_no_file_is_refused_and_not_read() {
        let place = place();
        let own = place.root.join("space/own");
        program(&own, "text");
        let found = place.resolve("./own", Mode::Yolo).unwrap();
        assert_eq!(changed_program(&found), None);
        File::options().write(true).open(&own).unwrap().set_len(1 << 42).unwrap();
        assert!(place.resolve("./own", Mode::Yolo).unwrap_err().contains("is too large"));
        assert!(place.binaries.recheck(&found).unwrap_err().contains("is not what it was"));
        assert_eq!(changed_program(&found), found.first());
        std::fs::remove_file(&own).unwrap();
        mknodat(CWD, &own, FileType::Fifo, Bits::from_raw_mode(0o755), 0).unwrap();
        assert!(place.binaries.recheck(&found).unwrap_err().contains("is not what it was"));
        assert_eq!(changed_program(&found), found.first());
    }

    #[test]
    fn programs_that_are_too_large_together_are_refused_and_the_same_one_counts_once() {
        let place = place();
        let step = |names: [&str; 2]| {
            let argv = |name: &str| Argv {
                name: name.to_owned(),
                program: String::new(),
                arguments: vec![],
                environment: vec![],
            };
            Plan::Steps(vec![Step { link: Link::Always, pipeline: names.map(argv).to_vec() }])
        };
        for (name, size) in [("small", 1), ("whole", PROGRAMS_MAX_BYTES)] {
            let path = place.root.join("space").join(name);
            program(&path, "x");
            File::options().write(true).open(&path).unwrap().set_len(size).unwrap();
        }
        let resolve = |names| {
            place.binaries.resolve(&mut step(names), Mode::Yolo, &place.workspace).map(|all| all.len())
        };
        assert_eq!(resolve(["./small", "./small"]), Ok(1));
        assert!(resolve(["./small", "./whole"]).unwrap_err().contains("is too large"));
    }

    #[test]
    fn shell_text_names_the_shell() {
        let place = place();
        let found = place
            .binaries
            .resolve(&mut Plan::Shell("true".to_owned()), Mode::Yolo, &place.workspace)
            .unwrap();
        let shell = Path::new("/bin/bash").canonicalize().or_else(|_| Path::new("/bin/sh").canonicalize());
        assert_eq!(found[0].path, shell.unwrap().to_str().unwrap());
    }
}
