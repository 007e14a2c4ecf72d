//! Files and folders, TCP and what else Landlock holds (landlock(7)).

use std::{
    collections::HashSet,
    ffi::OsStr,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::{Path, PathBuf},
};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, Scope,
};
use rustix::{
    fs::{CWD, Dir, FileType, Mode, OFlags, fstat, openat},
    io::Errno,
};
use serde::{Deserialize, Serialize};

use crate::{Network, Unavailable};

/// What may be done with which files.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Files {
    /// What may be read and executed, with all below it.
    pub(crate) readable: Vec<PathBuf>,
    /// What may be read, executed and changed, with all below it.
    pub(crate) writable: Vec<PathBuf>,
    /// What may not be read, although it lies below what may.
    pub(crate) hidden: Vec<PathBuf>,
    /// How much Landlock must hold.
    pub(crate) strength: Strength,
}

/// How much Landlock must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Strength {
    /// All that is asked of it, for it stands alone: ABI 6, which is Linux 6.12.
    Alone,
    /// What the kernel has, for namespaces stand around it: ABI 1 at least, which is Linux 5.13.
    Second,
}

/// The best version of Landlock that this kernel has and this program knows, up to the one it asks for; none without
/// Landlock.
pub(crate) fn best_abi() -> Option<u8> {
    let known = [(6, ABI::V6), (5, ABI::V5), (4, ABI::V4), (3, ABI::V3), (2, ABI::V2), (1, ABI::V1)];
    let has = |abi| asked(CompatLevel::HardRequirement, abi, Network::Off).and_then(Ruleset::create).is_ok();
    known.into_iter().find(|(_, abi)| has(*abi)).map(|(number, _)| number)
}

/// A set of rules, ready to restrict a thread.
///
/// # Errors
/// [`Unavailable`] when the kernel holds too little, or a file cannot be named to it.
pub(super) fn ruleset(files: &Files, network: Network) -> Result<RulesetCreated, Unavailable> {
    let level = match files.strength {
        Strength::Alone => CompatLevel::HardRequirement,
        Strength::Second => {
            if best_abi().is_none() {
                return Err(unavailable("the kernel has no Landlock".to_owned()));
            }
            CompatLevel::BestEffort
        }
    };
    let failed = |error: RulesetError| unavailable(format!("Landlock cannot hold what is asked: {error}"));
    let mut rules = asked(level, NEWEST, network).and_then(Ruleset::create).map_err(failed)?;
    // What a rule grants is cut to what the object can have, so it is never an error that it has less.
    rules = rules.set_compatibility(CompatLevel::BestEffort);
    let hidden: HashSet<&Path> = files.hidden.iter().map(PathBuf::as_path).collect();
    for (paths, access) in
        [(&files.readable, AccessFs::from_read(NEWEST)), (&files.writable, AccessFs::from_all(NEWEST))]
    {
        for path in paths.iter().filter(|path| !hidden.contains(path.as_path())) {
            if let Some(found) = open(CWD, path.as_os_str().as_bytes(), path)? {
                rules = grant(rules, (path, &found), access, &hidden)?;
            }
        }
    }
    Ok(rules)
}

/// The version that is asked for. Newer ones add nothing that is needed here.
const NEWEST: ABI = ABI::V6;

fn asked(level: CompatLevel, abi: ABI, network: Network) -> Result<Ruleset, RulesetError> {
    let rules = Ruleset::default().set_compatibility(level).handle_access(AccessFs::from_all(abi))?;
    let tcp = AccessNet::from_all(abi);
    let rules = match network {
        Network::Off if !tcp.is_empty() => rules.handle_access(tcp)?,
        Network::Off | Network::Host => rules,
    };
    let scopes = Scope::from_all(abi);
    if scopes.is_empty() { Ok(rules) } else { rules.scope(scopes) }
}

/// Grants `access` below `path`, but for what is hidden: there each sibling gets a rule of its own, because no rule can
/// take back what another grants.
///
/// What lies below is reached from the folder's own descriptor, name by name: something else may change it meanwhile, and a
/// folder that became a symbolic link would lead anywhere.
fn grant(
    rules: RulesetCreated,
    (path, (object, is_folder)): (&Path, &(OwnedFd, bool)),
    access: BitFlags<AccessFs>,
    hidden: &HashSet<&Path>,
) -> Result<RulesetCreated, Unavailable> {
    if !is_folder {
        return add(rules, object, access & AccessFs::from_file(NEWEST), path);
    }
    if !hidden.iter().any(|hidden| hidden.starts_with(path)) {
        return add(rules, object, access, path);
    }
    // Names may be listed; that is granted for all below too.
    let mut rules = add(rules, object, access & AccessFs::ReadDir, path)?;
    let failed = |error: Errno| unavailable(format!("{} cannot be listed: {error}", path.display()));
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let listed = openat(object, ".", flags, Mode::empty()).and_then(Dir::new).map_err(failed)?;
    for entry in listed {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_bytes();
        let below = path.join(OsStr::from_bytes(name));
        if name == b"." || name == b".." || hidden.contains(below.as_path()) {
            continue;
        }
        if let Some(found) = open(object.as_fd(), name, &below)? {
            rules = grant(rules, (&below, &found), access, hidden)?;
        }
    }
    Ok(rules)
}

fn add(
    rules: RulesetCreated,
    object: &OwnedFd,
    access: BitFlags<AccessFs>,
    path: &Path,
) -> Result<RulesetCreated, Unavailable> {
    if access.is_empty() {
        return Ok(rules);
    }
    rules
        .add_rule(PathBeneath::new(object.as_fd(), access))
        .map_err(|error| unavailable(format!("no rule for {}: {error}", path.display())))
}

/// The object at `name`, and whether it is a folder; none when there is none, or a symbolic link: what it leads to is
/// granted under its own name, or not at all.
fn open(folder: BorrowedFd<'_>, name: &[u8], path: &Path) -> Result<Option<(OwnedFd, bool)>, Unavailable> {
    let failed = |error: Errno| unavailable(format!("{} cannot be opened: {error}", path.display()));
    let object = match openat(folder, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
    {
        Ok(object) => object,
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let kind = FileType::from_raw_mode(fstat(&object).map_err(failed)?.st_mode);
    Ok((kind != FileType::Symlink).then_some((object, kind == FileType::Directory)))
}

fn unavailable(reason: String) -> Unavailable {
    let hint =
        "the administrator can start a Linux of 6.12 or newer with `landlock` among its security modules";
    Unavailable { reason, hint: hint.to_owned() }
}
