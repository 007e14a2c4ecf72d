//! System calls that no command needs (seccomp(2)).
//!
//! A list of what is forbidden, not of what is allowed: build tools use most of the kernel, and a list that is too short
//! breaks them one by one. What is forbidden fails with `EPERM`; `clone3`, whose flags a filter cannot read, is said not
//! to exist, and every C library then uses `clone`.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    sock_filter,
};
use serde::{Deserialize, Serialize};

use crate::{Network, Unavailable};

/// Whether a command may start processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Children {
    /// As many as its limits allow.
    Allowed,
    /// None, only threads; and no socket, no change to any file's mode, owner, times or attributes, nor to other processes'
    /// limits. It is for commands that read, where no namespace stands around them.
    Forbidden,
}

/// The filters, in the order in which they are installed.
///
/// # Errors
/// [`Unavailable`] on a processor that is not known here.
pub(super) fn filters(children: Children, network: Network) -> Result<Vec<BpfProgram>, Unavailable> {
    let mut denied: Rules = FORBIDDEN.iter().map(|call| (*call, vec![])).collect();
    match children {
        Children::Allowed => {
            denied.insert(libc::SYS_clone, new_namespaces()?);
            denied.insert(libc::SYS_socket, vec![other_families(network)?]);
        }
        Children::Forbidden => {
            denied.extend(CHANGING.iter().map(|call| (*call, vec![])));
            denied.insert(libc::SYS_clone, vec![not_a_thread()?]);
            for call in [libc::SYS_prlimit64, libc::SYS_sched_setaffinity] {
                denied.insert(call, vec![rule(vec![condition(0, SeccompCmpOp::Ne, 0)?])?]);
            }
        }
    }
    denied.insert(libc::SYS_ioctl, terminal_input()?);
    denied.insert(libc::SYS_personality, vec![other_personality()?]);
    let absent = BTreeMap::from([(libc::SYS_clone3, vec![])]);
    let mut first = program(denied, libc::EPERM)?;
    first.splice(0..0, NO_X32);
    Ok(vec![first, program(absent, libc::ENOSYS)?])
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn program(rules: Rules, errno: i32) -> Result<BpfProgram, Unavailable> {
    let errno = SeccompAction::Errno(errno.unsigned_abs());
    let target = std::env::consts::ARCH.try_into().map_err(failed)?;
    SeccompFilter::new(rules, SeccompAction::Allow, errno, target)
        .and_then(BpfProgram::try_from)
        .map_err(failed)
}

fn condition(argument: u8, op: SeccompCmpOp, value: u64) -> Result<SeccompCondition, Unavailable> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, op, value).map_err(failed)
}

fn rule(conditions: Vec<SeccompCondition>) -> Result<SeccompRule, Unavailable> {
    SeccompRule::new(conditions).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> Unavailable {
    Unavailable {
        reason: format!("the filter of system calls cannot be made: {error}"),
        hint: "this runs on Linux for x86-64, AArch64 and RISC-V".to_owned(),
    }
}

/// `clone` into a new namespace, whatever else it asks for.
fn new_namespaces() -> Result<Vec<SeccompRule>, Unavailable> {
    let rules = NAMESPACES.iter().map(|&flag| {
        let bits = u64::from(flag.unsigned_abs());
        rule(vec![condition(0, SeccompCmpOp::MaskedEq(bits), bits)?])
    });
    rules.collect()
}

/// `clone` of anything but a thread.
fn not_a_thread() -> Result<SeccompRule, Unavailable> {
    let thread = u64::from(libc::CLONE_THREAD.unsigned_abs());
    rule(vec![condition(0, SeccompCmpOp::MaskedEq(thread), 0)?])
}

/// Sockets of families that are not needed: each is code of the kernel that a command could attack.
fn other_families(network: Network) -> Result<SeccompRule, Unavailable> {
    let needed: &[i32] = match network {
        Network::Off => &[libc::AF_UNIX],
        Network::Host => &[libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK],
    };
    let others = needed.iter().map(|family| condition(0, SeccompCmpOp::Ne, family.unsigned_abs().into()));
    rule(others.collect::<Result<_, _>>()?)
}

/// What types into a terminal, or takes over the console.
fn terminal_input() -> Result<Vec<SeccompRule>, Unavailable> {
    let requests = [libc::TIOCSTI, TIOCLINUX, libc::TIOCCONS];
    // The kernel reads 32 bits of the request, so no more are compared.
    let rules = requests.iter().map(|&request| rule(vec![condition(1, SeccompCmpOp::Eq, request)?]));
    rules.collect()
}

/// Any personality but the usual one; `0xffffffff` asks which it is.
fn other_personality() -> Result<SeccompRule, Unavailable> {
    rule(vec![condition(0, SeccompCmpOp::Ne, 0)?, condition(0, SeccompCmpOp::Ne, 0xffff_ffff)?])
}

const TIOCLINUX: u64 = 0x541c; // ioctl_console(2)

const NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// Ends what calls by the numbers of the x32 ABI, which no rule by number would meet: they have bit 30 set. Load the
/// number; if it is 2³⁰ or more, end the process (`linux/bpf_common.h`, `linux/seccomp.h`).
const NO_X32: [sock_filter; 3] = [
    sock_filter { code: 0x20, jt: 0, jf: 0, k: 0 },
    sock_filter { code: 0x35, jt: 0, jf: 1, k: 0x4000_0000 },
    sock_filter { code: 0x06, jt: 0, jf: 0, k: 0x8000_0000 },
];

/// What no command may call: other processes' memory, the kernel's own programs and keys, mounts and namespaces, modules,
/// clocks, swap, raw hardware.
const FORBIDDEN: &[i64] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_bpf,
    libc::SYS_userfaultfd,
    libc::SYS_perf_event_open,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_mount_setattr,
    OPEN_TREE_ATTR,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_kexec_file_load,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
];

// Linux 6.15; the same on every processor.
const OPEN_TREE_ATTR: i64 = 467;

/// What only changes something, or starts something, or reaches other processes of the same user: not for commands that
/// read. Landlock says nothing about most of it.
const CHANGING: &[i64] = &[
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchmodat2,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    SETXATTRAT,
    REMOVEXATTRAT,
    FILE_SETATTR,
    libc::SYS_truncate,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_shmget,
    libc::SYS_mq_open,
    libc::SYS_inotify_init1,
    libc::SYS_fanotify_init,
    libc::SYS_setpriority,
    libc::SYS_ioprio_set,
    libc::SYS_sched_setscheduler,
    libc::SYS_sched_setparam,
    libc::SYS_sched_setattr,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
];

// Linux 6.13 and 6.17; the same on every processor.
const SETXATTRAT: i64 = 463;
const REMOVEXATTRAT: i64 = 466;
const FILE_SETATTR: i64 = 469;
