"""Types into a terminal with TIOCSTI, pastes with TIOCLINUX, and takes a controlling terminal."""
import fcntl
import glob
import os
import sys

TIOCSTI, TIOCLINUX, TIOCSCTTY = 0x5412, 0x541C, 0x540E
found = []
descriptors = [0, 1, 2]
for path in ["/dev/tty", "/dev/console", "/dev/tty0", "/dev/tty1", *glob.glob("/dev/pts/[0-9]*")]:
    try:
        descriptors.append(os.open(path, os.O_RDWR | os.O_NOCTTY))
        if path == "/dev/tty":
            found.append("there is a controlling terminal")
    except OSError:
        pass
for descriptor in descriptors:
    for name, request, value in (("TIOCSTI", TIOCSTI, b"\n"), ("TIOCLINUX", TIOCLINUX, b"\x03"), ("TIOCSCTTY", TIOCSCTTY, 1)):
        # The kernel looks at the low 32 bits only: a filter must, too.
        for high in (0, 1 << 32):
            try:
                fcntl.ioctl(descriptor, (request | high) & 0xFFFFFFFF if not high else request, value)
                found.append(f"{name} on descriptor {descriptor}")
            except (OSError, OverflowError, ValueError):
                pass
try:
    import ctypes
    import platform

    number = {"x86_64": 16, "aarch64": 29}[platform.machine()]
    byte = ctypes.create_string_buffer(b"\n")
    for descriptor in descriptors:
        if ctypes.CDLL(None).syscall(number, descriptor, ctypes.c_ulong(TIOCSTI | 1 << 32), byte) == 0:
            found.append(f"TIOCSTI with high bits on descriptor {descriptor}")
except (KeyError, OSError, ImportError):
    pass
if os.getsid(0) != os.getpid() and os.getsid(0) == os.getsid(os.getppid()) == 0:
    found.append("the session is one outside the sandbox")
for why in found:
    print("OPEN", why)
if not found:
    print("CLOSED no terminal, no typing")
sys.exit(bool(found))
