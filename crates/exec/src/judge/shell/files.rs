//! Commands that destroy or write files, and the files that they may not.

use super::{
    Refusal,
    command::Call,
    paths::{Place, place},
    refuse,
    value::Value,
};

const DELETERS: [&str; 11] =
    ["rm", "grm", "unlink", "rmdir", "srm", "shred", "wipe", "trash", "trash-put", "rimraf", "del"];
const CHANGERS: [&str; 6] = ["chmod", "chown", "chgrp", "chattr", "setfacl", "chcon"];

/// Programs that make or change what is on a device, as long as they are given one.
const FORMATTERS: [&str; 38] = [
    "mke2fs",
    "mkswap",
    "mkdosfs",
    "mkntfs",
    "mkreiserfs",
    "newfs",
    "wipefs",
    "blkdiscard",
    "fdisk",
    "sfdisk",
    "cfdisk",
    "gdisk",
    "sgdisk",
    "parted",
    "partprobe",
    "hdparm",
    "sdparm",
    "badblocks",
    "tune2fs",
    "resize2fs",
    "e2fsck",
    "fsck",
    "debugfs",
    "xfs_repair",
    "btrfs",
    "blockdev",
    "nvme",
    "sg_format",
    "pvcreate",
    "pvremove",
    "vgremove",
    "lvremove",
    "mdadm",
    "cryptsetup",
    "zpool",
    "losetup",
    "swapon",
    "diskutil",
];

/// Whether a program of this name destroys what it is given.
pub(super) fn destroys(name: &str) -> bool {
    DELETERS.contains(&name)
        || CHANGERS.contains(&name)
        || name == "mv"
        || name == "dd"
        || name.starts_with("mkfs")
}

/// Refuses what destroys the system, a home or a device.
pub(super) fn check(call: &Call<'_>) -> Result<(), Refusal> {
    let operands = call.operands();
    match call.name {
        name if DELETERS.contains(&name) => deleted(call, &operands),
        name if CHANGERS.contains(&name) => changed(call, &operands),
        name if FORMATTERS.contains(&name) || name.starts_with("mkfs") => formatted(call, &operands),
        "mv" | "gmv" => moved(call, &operands),
        "cp" | "gcp" | "install" | "ln" | "rsync" | "scp" => copied(call, &operands),
        "dd" | "dcfldd" => written(
            call,
            call.arguments.iter().filter_map(|one| Some(one.with(one.text.strip_prefix("of=")?))),
        ),
        "tee" | "truncate" | "sponge" | "touch" | "mknod" | "mkfifo" | "fallocate" | "ed" | "ex" => {
            written(call, operands.into_iter().cloned())
        }
        "cat" | "sort" | "curl" | "wget" | "openssl" | "gpg" => {
            let bundled = call.arguments.windows(2).filter_map(|pair| match pair {
                [option, file] if option.text.starts_with('-') && option.text.ends_with(['o', 'O']) => {
                    Some(file.clone())
                }
                _ => None,
            });
            written(call, bundled)?;
            let to = ["-o", "-O", "--output", "--output-document", "-out"].into_iter();
            written(call, to.filter_map(|name| exact(call, name)))
        }
        "sed" | "gsed" if call.has('i', "in-place") => written(call, operands.into_iter().skip(1).cloned()),
        "perl" if call.has('i', "") => written(call, operands.into_iter().skip(1).cloned()),
        "tar" | "gtar" | "bsdtar" | "unzip" | "7z" => unpacked(call),
        "git" => git(call),
        _ => Ok(()),
    }
}

/// The word after the option `name`.
fn exact(call: &Call<'_>, name: &str) -> Option<Value> {
    let at = call.arguments.iter().position(|argument| argument.text == name)?;
    call.arguments.get(at + 1).cloned()
}

/// Refuses `-delete` below `starts`; `narrow`: not everything is found.
pub(super) fn check_deleted(call: &Call<'_>, starts: &[Value], narrow: bool) -> Result<(), Refusal> {
    for start in starts {
        destroyed(call.place(start), !narrow, &start.shown())?;
    }
    Ok(())
}

/// Refuses to write to `file`.
pub(super) fn check_write(file: &Value, folder: Option<&str>) -> Result<(), Refusal> {
    let shown = file.shown();
    match place(&file.text, folder) {
        Place::System => {
            refuse("system-write", format!("`{shown}` belongs to the system; write inside the workspace"))
        }
        Place::Device => {
            refuse("block-device", format!("`{shown}` is a device; write to a file of the workspace"))
        }
        Place::Network => network(),
        Place::Startup => refuse(
            "startup-file",
            format!("`{shown}` is executed at a later login or lets somebody in; leave it to its owner"),
        ),
        Place::History => refuse("history", format!("`{shown}` is the record of what was done; leave it")),
        Place::Bridge => refuse("bridge", "this is the bridge's own data; a command may not touch it"),
        Place::Engine => {
            refuse("container-escape", "a container engine's socket gives the whole machine; leave it")
        }
        Place::Root | Place::Home | Place::Workspace | Place::Above | Place::Null | Place::Ordinary => Ok(()),
    }
}

/// Refuses bash's `/dev/tcp`.
pub(super) fn check_network(name: &str) -> Result<(), Refusal> {
    if place(name, None) == Place::Network { network() } else { Ok(()) }
}

fn network() -> Result<(), Refusal> {
    refuse(
        "reverse-shell",
        "`/dev/tcp` connects the shell to another machine; a command runs without a network",
    )
}

fn destroyed(place: Place, whole: bool, shown: &str) -> Result<(), Refusal> {
    match place {
        Place::Root => refuse(
            "wide-destruction",
            "this comes to the root of the machine, at least when a variable is unset; name the folder in the workspace",
        ),
        Place::Home => {
            refuse("wide-destruction", "this comes to a whole home; name the folder in the workspace")
        }
        Place::Above => {
            refuse("wide-destruction", format!("`{shown}` is above the workspace; name a folder inside it"))
        }
        Place::Workspace if whole => {
            refuse("wide-destruction", "this comes to the whole workspace; name what is to go")
        }
        Place::System => {
            refuse("wide-destruction", format!("`{shown}` belongs to the system; stay inside the workspace"))
        }
        Place::Device => {
            refuse("block-device", format!("`{shown}` is a device; use a file of the workspace"))
        }
        Place::Startup => {
            refuse("startup-file", format!("`{shown}` belongs to a login; leave it to its owner"))
        }
        Place::History => refuse("history", format!("`{shown}` is the record of what was done; leave it")),
        Place::Bridge => refuse("bridge", "this is the bridge's own data; a command may not touch it"),
        Place::Engine => refuse("container-escape", "this is a container engine's socket; leave it"),
        Place::Workspace | Place::Null | Place::Network | Place::Ordinary => Ok(()),
    }
}

fn deleted(call: &Call<'_>, operands: &[&Value]) -> Result<(), Refusal> {
    let root = |option: &str| option.len() > 4 && "--no-preserve-root".starts_with(option);
    if call.arguments.iter().any(|argument| root(&argument.text)) {
        return refuse(
            "wide-destruction",
            "`--no-preserve-root` is there to delete the whole machine; leave it out",
        );
    }
    let recursive = call.has('r', "recursive") || call.has('R', "") || call.name == "rimraf";
    operands.iter().try_for_each(|operand| destroyed(call.place(operand), recursive, &operand.shown()))
}

fn changed(call: &Call<'_>, operands: &[&Value]) -> Result<(), Refusal> {
    let by_reference =
        call.has('\0', "reference") || call.arguments.iter().any(|one| one.text.starts_with("--ref"));
    let mode = operands.first().map(|mode| mode.text.as_str()).unwrap_or_default();
    if call.name == "chmod" && sets_user(mode) {
        return refuse(
            "privilege",
            "this makes a program run with its owner's rights (setuid); leave the bit out",
        );
    }
    let files = operands.iter().skip(usize::from(!by_reference));
    // A mode such as `-w` looks like an option, and then the first operand is a file.
    let first = operands.first().filter(|first| first.text.starts_with(['/', '~']));
    files.chain(first).try_for_each(|file| destroyed(call.place(file), false, &file.shown()))
}

/// Whether a mode of `chmod` sets the bit that lends the owner's rights.
fn sets_user(mode: &str) -> bool {
    let octal = mode.len() >= 4 && mode.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
    let leading = mode.trim_start_matches('0').as_bytes();
    if octal {
        return leading.len() == 4 && leading.first().is_some_and(|digit| digit & 4 != 0);
    }
    mode.split(',').any(|part| {
        let (who, what) = part.split_once(['+', '=']).unwrap_or(("g", ""));
        what.contains('s') && (who.is_empty() || who.contains(['u', 'a']))
    })
}

fn moved(call: &Call<'_>, operands: &[&Value]) -> Result<(), Refusal> {
    let Some((target, sources)) = operands.split_last() else { return Ok(()) };
    for source in sources {
        destroyed(call.place(source), false, &source.shown())?;
    }
    if call.place(target) == Place::Null {
        return refuse(
            "wide-destruction",
            "what is moved to `/dev/null` is gone; name what is to be deleted",
        );
    }
    copied(call, operands)
}

fn copied(call: &Call<'_>, operands: &[&Value]) -> Result<(), Refusal> {
    if call.name == "install" && call.option("-m", "--mode").is_some_and(|mode| sets_user(&mode.text)) {
        return refuse(
            "privilege",
            "this makes a program run with its owner's rights (setuid); leave the bit out",
        );
    }
    let folder =
        call.option("-t", "--target-directory").filter(|_| call.name != "rsync" && call.name != "ln");
    let target =
        folder.or_else(|| operands.last().filter(|_| operands.len() > 1).map(|last| (*last).clone()));
    let Some(target) = target else { return Ok(()) };
    if call.name == "rsync" && call.arguments.iter().any(|one| one.text.starts_with("--del")) {
        destroyed(call.place(&target), true, &target.shown())?;
    }
    if call.place(&target) == Place::Root {
        return refuse("system-write", "this writes to the root of the machine; write inside the workspace");
    }
    check_write(&target, call.folder.as_deref())
}

fn written(call: &Call<'_>, mut files: impl Iterator<Item = Value>) -> Result<(), Refusal> {
    files.try_for_each(|file| check_write(&file, call.folder.as_deref()))
}

fn formatted(call: &Call<'_>, operands: &[&Value]) -> Result<(), Refusal> {
    let device = |value: &&&Value| {
        call.place(value) == Place::Device || (!value.is_known() && value.shown().is_empty())
    };
    let shows = matches!(call.name, "fdisk" | "sfdisk" | "parted" | "losetup") && call.has('l', "list");
    match operands.iter().find(device) {
        Some(found) if !shows => refuse(
            "block-device",
            format!(
                "`{}` would change the device `{}`; use an image file of the workspace",
                call.name,
                found.shown()
            ),
        ),
        Some(_) | None => named(call, operands),
    }
}

/// Refuses what takes whole file systems away that are called by names of their own, not by their devices.
fn named(call: &Call<'_>, operands: &[&Value]) -> Result<(), Refusal> {
    let first = operands.first().map(|word| word.text.as_str());
    let takes_away = match call.name {
        "lvremove" | "vgremove" => first.is_some(),
        "zpool" => first == Some("destroy"),
        _ => false,
    };
    if takes_away {
        return refuse("block-device", format!("`{}` would take whole file systems away", call.name));
    }
    Ok(())
}

fn unpacked(call: &Call<'_>) -> Result<(), Refusal> {
    let letters = call.arguments.first().map(|first| first.text.trim_start_matches('-')).unwrap_or_default();
    let extracts = call.name != "tar" || letters.contains('x') || call.has('x', "extract");
    let target =
        call.option("-C", "--directory").or_else(|| call.option("-d", "-d").filter(|_| call.name == "unzip"));
    match target.filter(|_| extracts) {
        Some(target) if call.place(&target) == Place::Root => {
            refuse("system-write", "this unpacks over the whole machine; unpack into the workspace")
        }
        Some(target) => check_write(&target, call.folder.as_deref()),
        None => Ok(()),
    }
}

/// Ordinary git is fine; what makes it run a command from its arguments is looked at elsewhere.
fn git(call: &Call<'_>) -> Result<(), Refusal> {
    if call.arguments.iter().any(|argument| argument.text.starts_with("ext::")) {
        return refuse("hidden-command", "`ext::` makes git run a command; run it yourself");
    }
    Ok(())
}
