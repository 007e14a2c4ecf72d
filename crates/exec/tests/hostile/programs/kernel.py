"""Makes each system call and socket that would widen what this program may do.

The arguments are such that a call that is let through changes nothing: it fails later, and its error tells that it was
reached.
"""
import ctypes
import errno
import os
import platform
import socket
import sys

NUMBERS = {
    # name: (x86_64, aarch64, arguments)
    "unshare(user)": (272, 97, (0x10000000,)),
    "unshare(mount)": (272, 97, (0x00020000,)),
    "mount": (165, 40, (b"none", b"/nowhere", b"tmpfs", 0, None)),
    "umount2": (166, 39, (b"/nowhere", 2)),
    "pivot_root": (155, 41, (b"/nowhere", b"/nowhere")),
    "setns": (308, 268, (0, 0)),
    "open_tree": (428, 428, (-100, b"/", 1)),
    "move_mount": (429, 429, (-1, b"", -1, b"", 0)),
    "fsopen": (430, 430, (b"tmpfs", 0)),
    "bpf": (321, 280, (0, None, 0)),
    "userfaultfd": (323, 282, (1,)),
    "perf_event_open": (298, 241, (None, 0, -1, -1, 0)),
    "keyctl": (250, 219, (0, -3, 0)),
    "add_key": (248, 217, (b"user", b"x", b"y", 1, 0)),
    "request_key": (249, 218, (b"user", b"x", None, 0)),
    "kexec_load": (246, 104, (0, 1 << 20, None, 0)),
    "init_module": (175, 105, (None, 0, b"")),
    "finit_module": (313, 273, (-1, b"", 0)),
    "process_vm_readv": (310, 270, (1, None, 0, None, 0, 0)),
    "process_vm_writev": (311, 271, (1, None, 0, None, 0, 0)),
    "pidfd_getfd": (438, 438, (-1, 0, 0)),
    "name_to_handle_at": (303, 264, (-100, b"/", None, None, 0)),
    "open_by_handle_at": (304, 265, (-1, None, 0)),
    "reboot": (169, 142, (0, 0, 0, None)),
    "swapon": (167, 224, (b"/nowhere", 0)),
    "acct": (163, 89, (b"/nowhere",)),
    "sethostname": (170, 161, (b"x", -1)),
}
REFUSED = {errno.EPERM, errno.ENOSYS, errno.EACCES}
machine = {"x86_64": 0, "aarch64": 1}.get(platform.machine())
libc = ctypes.CDLL(None, use_errno=True)
found = 0


def told(name, closed, why):
    global found
    found += not closed
    print("CLOSED" if closed else "OPEN", name, why)


if machine is not None:
    for name, (*numbers, arguments) in NUMBERS.items():
        # What widens a process is tried in a child, so that each try begins with the same rights.
        child = os.fork()
        if child == 0:
            ctypes.set_errno(0)
            result = libc.syscall(numbers[machine], *arguments)
            os._exit(0 if result >= 0 else min(ctypes.get_errno(), 255))
        status = os.waitpid(child, 0)[1]
        code = os.waitstatus_to_exitcode(status)
        told(name, code < 0 or code in REFUSED, "killed" if code < 0 else os.strerror(code))
for name, family, kind in (
    ("AF_NETLINK", 16, socket.SOCK_RAW), ("AF_PACKET", 17, socket.SOCK_RAW), ("AF_ALG", 38, socket.SOCK_SEQPACKET),
    ("AF_VSOCK", 40, socket.SOCK_STREAM), ("AF_BLUETOOTH", 31, socket.SOCK_RAW), ("raw", socket.AF_INET, socket.SOCK_RAW),
):
    try:
        socket.socket(family, kind).close()
        told(name, False, "opened")
    except OSError as error:
        told(name, True, error.strerror)
for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/sys/kernel/uevent_helper", "/dev/mem", "/dev/kmsg"):
    try:
        os.close(os.open(path, os.O_WRONLY))
        told(path, False, "opened for writing")
    except OSError as error:
        told(path, True, error.strerror)
with open("/proc/self/status") as status:
    for line in status:
        if line.startswith(("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")):
            told(line.split(":")[0], int(line.split()[1], 16) == 0, line.split()[1])
        elif line.startswith("NoNewPrivs"):
            told("NoNewPrivs", line.split()[1] == "1", line.split()[1])
sys.exit(bool(found))
