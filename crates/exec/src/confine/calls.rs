//! System calls that no command needs (seccomp(2)).
//!
//! A list of what is forbidden, not of what is allowed: build tools use most of the kernel, and a list that is too short
//! breaks them one by one. What is forbidden fails with `EPERM`; `clone3` and `openat2`, whose flags a filter cannot read,
//! are said not to exist, and who knows them then uses `clone` and `openat`.

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

/// The filter: one, and quick to get through, because each process pays for it: the kernel works it out for every call
/// there is when it is installed.
///
/// # Errors
/// [`Unavailable`] on a processor that is not known here.
pub(super) fn filter(children: Children, network: Network) -> Result<BpfProgram, Unavailable> {
    let mut denied = FORBIDDEN.to_vec();
    let mut by_argument = Rules::from([
        (libc::SYS_ioctl, terminal_input()?),
        (libc::SYS_personality, vec![other_personality()?]),
    ]);
    match children {
        Children::Allowed => {
            by_argument.insert(libc::SYS_clone, new_namespaces()?);
            by_argument.insert(libc::SYS_socket, vec![other_families(network)?]);
            by_argument.extend(set_user_id()?);
        }
        Children::Forbidden => {
            denied.extend(CHANGING);
            by_argument.insert(libc::SYS_clone, vec![not_a_thread()?]);
            for call in [libc::SYS_prlimit64, libc::SYS_sched_setaffinity] {
                by_argument.insert(call, vec![rule(vec![condition(0, SeccompCmpOp::Ne, 0)?])?]);
            }
        }
    }
    let number = |call: &i64| u32::try_from(*call).map_err(failed);
    let mut answers = BTreeMap::new();
    for call in &denied {
        answers.insert(number(call)?, Answer::No);
    }
    for call in by_argument.keys() {
        answers.insert(number(call)?, Answer::ByArgument);
    }
    let answers: Vec<_> = answers.into_iter().collect();
    let no = sock_filter { code: ANSWER, jt: 0, jf: 0, k: ERRNO | libc::EPERM.unsigned_abs() };
    let parts = [first()?, search(&answers, 0)?, vec![no], program(by_argument)?];
    Ok(parts.concat())
}

/// What is said about a call; there is nothing to say about most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// Whatever its arguments are: the instruction behind the search.
    No,
    /// What the library's program says, which begins one instruction later.
    ByArgument,
}

/// Looks the loaded number up among `answers`, which are sorted: by halves, and then one by one. Every other call is let
/// through. `behind` instructions lie between this and the answers.
fn search(answers: &[(u32, Answer)], behind: usize) -> Result<BpfProgram, Unavailable> {
    let jump = |distance: usize| u8::try_from(distance).map_err(failed);
    if let (Some((lower, upper)), true) =
        (answers.split_at_checked(answers.len() / 2), answers.len() > ONE_BY_ONE_MAX)
    {
        let above = search(upper, behind)?;
        let below = search(lower, above.len() + behind)?;
        let from = upper.first().map_or(u32::MAX, |(call, _)| *call);
        let halve = sock_filter { code: IF_AT_LEAST, jt: jump(below.len())?, jf: 0, k: from };
        return Ok([vec![halve], below, above].concat());
    }
    let mut program = Vec::with_capacity(answers.len() + 1);
    for (index, (call, answer)) in answers.iter().enumerate() {
        let past = match answer {
            Answer::No => 0,
            Answer::ByArgument => 1,
        };
        let distance = answers.len() - index + behind + past;
        program.push(sock_filter { code: IF_EQUAL, jt: jump(distance)?, jf: 0, k: *call });
    }
    program.push(sock_filter { code: ANSWER, jt: 0, jf: 0, k: ALLOW });
    Ok(program)
}

/// What the filter begins with, because no rule by number and one answer can say it: if the call is not by this
/// processor's own convention, or has bit 30 of its number set, which is the x32 ABI, end the process; if it is `clone3` or
/// `openat2`, say that there is none. The number stays loaded (`linux/bpf_common.h`, `linux/seccomp.h`, `linux/audit.h`).
fn first() -> Result<BpfProgram, Unavailable> {
    let convention = match std::env::consts::ARCH {
        "x86_64" => 0xc000_003e,
        "aarch64" => 0xc000_00b7,
        "riscv64" => 0xc000_00f3,
        other => return Err(failed(other)),
    };
    let step = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    Ok(vec![
        step(LOAD, 0, 0, OFFSET_OF_CONVENTION),
        step(IF_EQUAL, 0, 2, convention),
        step(LOAD, 0, 0, OFFSET_OF_NUMBER),
        step(IF_AT_LEAST, 0, 1, 0x4000_0000),
        step(ANSWER, 0, 0, END_PROCESS),
        step(IF_EQUAL, 1, 0, CLONE3),
        step(IF_EQUAL, 0, 1, OPENAT2),
        step(ANSWER, 0, 0, ERRNO | libc::ENOSYS.unsigned_abs()),
    ])
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn program(rules: Rules) -> Result<BpfProgram, Unavailable> {
    let errno = SeccompAction::Errno(libc::EPERM.unsigned_abs());
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

/// Whatever gives a file the right to run as its owner or group: for others on the host it would be this user's rights.
/// `openat2`, whose mode a filter cannot read, is said not to exist.
fn set_user_id() -> Result<Rules, Unavailable> {
    let bits = [libc::S_ISUID, libc::S_ISGID].map(u64::from);
    let has = |argument, bits| condition(argument, SeccompCmpOp::MaskedEq(bits), bits);
    let mut rules = Rules::new();
    for &(call, mode) in MODES {
        let each = bits.iter().map(|&bit| rule(vec![has(mode, bit)?]));
        rules.insert(call, each.collect::<Result<_, _>>()?);
    }
    for &(call, flags, mode) in OPENS {
        let making = [libc::O_CREAT, O_TMPFILE].map(|flag| u64::from(flag.unsigned_abs()));
        let pairs = making.iter().flat_map(|&flag| bits.iter().map(move |&bit| (flag, bit)));
        let each = pairs.map(|(flag, bit)| rule(vec![has(flags, flag)?, has(mode, bit)?]));
        rules.insert(call, each.collect::<Result<_, _>>()?);
    }
    Ok(rules)
}

/// Calls with a mode, and which argument it is.
const MODES: &[(i64, u8)] = &[
    (libc::SYS_fchmod, 1),
    (libc::SYS_fchmodat, 2),
    (libc::SYS_fchmodat2, 2),
    (libc::SYS_mknodat, 2),
    (libc::SYS_mkdirat, 2),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_chmod, 1),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_mknod, 1),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_mkdir, 1),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_creat, 1),
];

/// Calls whose mode counts only when they make a file: which arguments the flags and the mode are.
const OPENS: &[(i64, u8, u8)] = &[
    (libc::SYS_openat, 2, 3),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, 1, 2),
];

/// The bit of it that is no other flag's.
const O_TMPFILE: i32 = libc::O_TMPFILE & !libc::O_DIRECTORY;

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

const LOAD: u16 = 0x20;
const IF_EQUAL: u16 = 0x15;
const IF_AT_LEAST: u16 = 0x35;
const ANSWER: u16 = 0x06;
const ERRNO: u32 = 0x0005_0000;
const ALLOW: u32 = 0x7fff_0000;
const END_PROCESS: u32 = 0x8000_0000;
const OFFSET_OF_NUMBER: u32 = 0;
const OFFSET_OF_CONVENTION: u32 = 4;

/// Fewer are compared one by one: a search by halves to the end would be longer, and no quicker.
const ONE_BY_ONE_MAX: usize = 4;

// The same on every processor.
const CLONE3: u32 = 435;
const OPENAT2: u32 = 437;

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
