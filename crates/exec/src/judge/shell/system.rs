//! Programs that change the machine rather than the workspace: refused by their name, but for what only shows something.

use super::{Refusal, command::Call, refuse};

/// Programs of one family: their names, the rule, and what they do.
struct Family {
    names: &'static [&'static str],
    rule: &'static str,
    does: &'static str,
}

const FAMILIES: [Family; 10] = [
    Family {
        names: &[
            "sudo",
            "sudoedit",
            "sudo-rs",
            "su",
            "doas",
            "dzdo",
            "pkexec",
            "runuser",
            "setpriv",
            "capsh",
            "chroot",
            "nsenter",
            "unshare",
            "newgrp",
            "sg",
            "gosu",
            "su-exec",
            "run0",
            "setcap",
            "pivot_root",
            "switch_root",
            "newuidmap",
            "newgidmap",
            "machinectl",
            "systemd-nspawn",
            "chpst",
            "setuidgid",
            "lxc-attach",
            "calife",
            "ksu",
            "gksu",
            "kdesu",
            "gksudo",
            "login",
            "bwrap",
            "lxc-start",
        ],
        rule: "privilege",
        does: "runs a command with other rights or in another root",
    },
    Family {
        names: &[
            "systemctl",
            "service",
            "rc-service",
            "rc-update",
            "invoke-rc.d",
            "update-rc.d",
            "chkconfig",
            "initctl",
            "launchctl",
            "svc",
            "s6-svc",
            "loginctl",
            "busctl",
            "svcadm",
            "insserv",
        ],
        rule: "services",
        does: "starts, stops or changes a service of the machine",
    },
    Family {
        names: &[
            "shutdown",
            "reboot",
            "halt",
            "poweroff",
            "init",
            "telinit",
            "kexec",
            "pm-suspend",
            "pm-hibernate",
            "systemd-halt",
            "rtcwake",
        ],
        rule: "power",
        does: "stops or restarts the machine",
    },
    Family {
        names: &[
            "insmod",
            "modprobe",
            "rmmod",
            "kmod",
            "depmod",
            "sysctl",
            "bpftool",
            "bpftrace",
            "setkeycodes",
            "dkms",
            "dmesg",
            "grub-install",
            "update-grub",
            "grub-mkconfig",
            "update-initramfs",
            "efibootmgr",
            "hwclock",
            "timedatectl",
            "hostnamectl",
            "kldload",
            "kextload",
        ],
        rule: "kernel",
        does: "changes the kernel or how the machine starts",
    },
    Family {
        names: &[
            "mount",
            "umount",
            "swapoff",
            "fusermount",
            "fusermount3",
            "mount.nfs",
            "mount.cifs",
            "sshfs",
            "quotaoff",
            "exportfs",
            "zfs",
            "lvm",
            "vgchange",
            "lvchange",
            "umount.nfs",
        ],
        rule: "mount",
        does: "changes what is mounted on the machine",
    },
    Family {
        names: &[
            "iptables",
            "ip6tables",
            "iptables-restore",
            "nft",
            "ufw",
            "firewall-cmd",
            "ebtables",
            "arptables",
            "ipset",
            "pfctl",
            "tc",
            "nmcli",
            "rfkill",
            "ifdown",
            "ifup",
            "iptables-legacy",
            "iptables-nft",
        ],
        rule: "firewall",
        does: "changes the machine's firewall or network",
    },
    Family {
        names: &[
            "setenforce",
            "setsebool",
            "semanage",
            "aa-disable",
            "aa-teardown",
            "aa-complain",
            "aa-remove-unknown",
            "apparmor_parser",
            "auditctl",
            "csrutil",
            "spctl",
            "semodule",
            "aa-exec",
            "update-crypto-policies",
        ],
        rule: "security-off",
        does: "weakens the machine's protection",
    },
    Family {
        names: &[
            "passwd",
            "chpasswd",
            "useradd",
            "userdel",
            "usermod",
            "groupadd",
            "groupdel",
            "groupmod",
            "adduser",
            "deluser",
            "addgroup",
            "delgroup",
            "gpasswd",
            "vipw",
            "vigr",
            "visudo",
            "chsh",
            "chfn",
            "chage",
            "newusers",
            "dscl",
            "pwconv",
            "pwunconv",
            "grpconv",
            "sysadminctl",
        ],
        rule: "accounts",
        does: "changes accounts of the machine",
    },
    Family {
        names: &[
            "crontab",
            "at",
            "systemd-run",
            "anacron",
            "fcron",
            "fcrontab",
            "atrm",
            "schtasks",
            "ssh-copy-id",
        ],
        rule: "schedule",
        does: "makes something run later, outside this command",
    },
    Family {
        names: &["killall5", "skill", "snice", "logrotate", "systemd-tmpfiles"],
        rule: "kill-all",
        does: "ends or wipes what is not this command's",
    },
];

/// Words with which these programs only show something, as the first argument.
const SHOWS: [(&str, &[&str]); 17] = [
    (
        "systemctl",
        &[
            "status",
            "is-active",
            "is-enabled",
            "is-failed",
            "list-units",
            "list-unit-files",
            "show",
            "cat",
            "list-timers",
        ],
    ),
    ("service", &["--status-all"]),
    ("loginctl", &["list-sessions", "show-session", "list-users"]),
    ("launchctl", &["list", "print"]),
    ("crontab", &["-l"]),
    ("at", &["-l"]),
    ("iptables", &["-L", "-S", "-nL", "-vL", "-nvL", "--list", "--list-rules"]),
    ("ip6tables", &["-L", "-S", "-nL", "-vL", "-nvL", "--list", "--list-rules"]),
    ("nft", &["list"]),
    ("ufw", &["status"]),
    ("firewall-cmd", &["--state", "--list-all"]),
    ("mount", &["-l"]),
    ("passwd", &["-S", "--status"]),
    ("zfs", &["list", "get"]),
    ("tc", &["-s", "show"]),
    ("nmcli", &["-v"]),
    ("bpftool", &["version"]),
];

/// Whether a program of this name belongs to a family.
pub(super) fn is_named(name: &str) -> bool {
    FAMILIES.iter().any(|family| family.names.contains(&name))
}

/// Refuses a program that changes the machine.
pub(super) fn check(call: &Call<'_>) -> Result<(), Refusal> {
    match call.name {
        "kill" => return kill(call),
        "pkill" | "killall" => return kill_by_name(call),
        "fuser" if call.has('k', "kill") => return kill_users(call),
        "ip" | "ifconfig" | "route" => return network(call),
        "journalctl"
            if call.options().any(|option| option.starts_with("--vacuum") || option == "--rotate") =>
        {
            return refuse("history", "this deletes the machine's log; leave it");
        }
        _ => {}
    }
    let Some(family) = FAMILIES.iter().find(|family| family.names.contains(&call.name)) else {
        return Ok(());
    };
    if only_shows(call) {
        return Ok(());
    }
    refuse(family.rule, format!("`{}` {}; a command may only change the workspace", call.name, family.does))
}

fn only_shows(call: &Call<'_>) -> bool {
    let first = call.arguments.first().map_or("", |first| first.text.as_str());
    let only = call.arguments.len() == 1;
    if only && matches!(first, "--help" | "--version") && call.name != "sudo" {
        return true;
    }
    match call.name {
        "mount" | "dmesg" | "swapoff" if call.arguments.is_empty() => return call.name != "swapoff",
        "dmesg" => {
            return !(call.has('c', "read-clear")
                || call.has('C', "clear")
                || call.has('n', "console-level")
                || call.has('D', ""));
        }
        "sysctl" => {
            let changes = call.has('w', "write")
                || call.has('p', "load")
                || call.arguments.iter().any(|one| one.text.contains('='));
            return !changes && !call.has('f', "system");
        }
        "hwclock" | "timedatectl" | "hostnamectl" => {
            return call.operands().is_empty() && !call.has('w', "systohc") && !call.has('s', "hctosys");
        }
        "service" if call.arguments.get(1).is_some_and(|second| second.text == "status") => return true,
        _ => {}
    }
    let operands = call.operands();
    let operand = operands.first().map_or("", |operand| operand.text.as_str());
    SHOWS
        .iter()
        .any(|(name, words)| *name == call.name && (words.contains(&first) || words.contains(&operand)))
}

/// Refuses signals to every process, and to the first one.
fn kill(call: &Call<'_>) -> Result<(), Refusal> {
    let mut targets = call.arguments.iter().map(|one| one.text.trim()).collect::<Vec<_>>();
    match targets.first().copied() {
        Some("-s" | "-n" | "--signal") => drop(targets.drain(..targets.len().min(2))),
        Some("--") | None => {}
        Some(first) if first.starts_with('-') => drop(targets.remove(0)),
        Some(_) => {}
    }
    if targets.iter().any(|target| matches!(*target, "-1" | "1" | "-0")) {
        return refuse("kill-all", "this ends every process, or the first one; name the process");
    }
    Ok(())
}

/// Whether the patterns of `pkill` and its like mean everything, or what is not this command's.
pub(super) fn is_wide(call: &Call<'_>) -> bool {
    let everything = |pattern: &str| pattern.is_empty() || pattern.chars().all(|c| ".*^$+?[]()|".contains(c));
    let vital = ["mab", "bridge", "init", "systemd", "sshd", "bash", "sh"];
    let is_vital = |pattern: &str| vital.contains(&pattern.split_whitespace().next().unwrap_or_default());
    let operands = call.operands().into_iter().filter(|operand| operand.is_known());
    operands.into_iter().any(|operand| everything(&operand.text) || is_vital(&operand.text))
}

fn kill_by_name(call: &Call<'_>) -> Result<(), Refusal> {
    let others =
        call.has('u', "user") || call.has('U', "uid") || call.has('v', "inverse") || call.has('G', "group");
    if is_wide(call) || (others && call.operands().len() < 2) {
        return refuse("kill-all", "this ends processes that are not this command's; name the process");
    }
    Ok(())
}

fn kill_users(call: &Call<'_>) -> Result<(), Refusal> {
    use super::paths::Place;
    let wide = |place: Place| matches!(place, Place::Root | Place::Home | Place::System | Place::Above);
    if call.operands().into_iter().any(|operand| wide(call.place(operand))) {
        return refuse("kill-all", "this ends everything that uses a folder of the system; name the process");
    }
    Ok(())
}

fn network(call: &Call<'_>) -> Result<(), Refusal> {
    let changes =
        ["set", "add", "del", "delete", "flush", "replace", "change", "up", "down", "exec", "append"];
    if call.arguments.iter().any(|one| changes.contains(&one.text.as_str())) {
        return refuse("firewall", format!("`{}` changes the machine's network here; leave it", call.name));
    }
    Ok(())
}
